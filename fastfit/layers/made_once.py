"""Layers and variables are made once: code that makes new ones whenever it is called would forget what they learn."""

from fastfit.graph.variable import births


def made_once(owner, function):
    """Call a function that asks the code of a model or layer, and return its result.

    Code that makes variables at its first call and keeps them is called a second time, to see that it does.

    Parameters
    ----------
    owner : Layer
        Its ``_known_variables()`` are those that are not lost.
    function : callable
        Without arguments.

    Raises
    ------
    ValueError
        It makes variables at each call, which the owner does not know.
    """
    with births() as made:
        result = function()
    if not made or not _strangers(owner, made):
        return result
    with births() as made:
        result = function()
    strangers = _strangers(owner, made)
    if strangers:
        raise ValueError(
            f"Code of {owner._kind} '{owner.name}' makes new variables at each call, so what they learn would be lost. "
            "Make layers, variables, metrics and optimizers once, in `__init__()` or `build()`, and only use them in "
            "`call()`, in `train_step()` and in losses and metrics. Received: variables made by a call: "
            f"{[v.path for v in strangers]}"
        )
    return result


def _strangers(owner, made):
    known = {id(v) for v in owner._known_variables()}
    return [v for v in made if id(v) not in known and not v.__dict__.get("is_number_of_keras_2")]
