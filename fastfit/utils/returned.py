"""What functions of the user's give back."""


def must_return(value, function, what):
    """Return the value that a function gave, which must not be None: its `return` was forgotten then.

    Parameters
    ----------
    value : object
    function : str
        Whose it is, for the message, such as "`call()` of Dense 'dense'".
    what : str
        What it should have returned.

    Raises
    ------
    ValueError : the value is None.
    """
    if value is None:
        raise ValueError(f"{function} returned None, but must return {what}: is a `return` missing? Received: None")
    return value
