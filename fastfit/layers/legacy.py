"""Argument names of old Keras versions."""

import warnings


def rename_keywords(owner, kwargs, names, stacklevel=4):
    """Take old names out of ``kwargs`` and return their values under the new names, with a warning.

    Parameters
    ----------
    owner : str
        Class name, for the message.
    kwargs : dict
        Changed in place.
    names : dict
        Old name to new name.
    stacklevel : int, default=4
        Of the warning.
    """
    renamed = {}
    for old, new in names.items():
        if old in kwargs:
            warnings.warn(
                f"{owner}: the argument `{old}` is called `{new}` now.", DeprecationWarning, stacklevel=stacklevel
            )
            renamed[new] = kwargs.pop(old)
    return renamed
