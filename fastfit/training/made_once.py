"""Layers and variables are made once: a step that makes new ones whenever it is traced would forget what they learn."""

from fastfit.graph.variable import births


def made_once(model, function):
    """Call a function that asks a model's code, and return its result.

    Code that makes variables at its first call and keeps them is called a second time, to see that it does.

    Parameters
    ----------
    model : Model
    function : callable
        Without arguments.

    Raises
    ------
    ValueError
        It makes variables at each call, which the model does not know.
    """
    with births() as made:
        result = function()
    if not _strangers(model, made):
        return result
    with births() as made:
        result = function()
    strangers = _strangers(model, made)
    if strangers:
        raise ValueError(
            f"Code of model '{model.name}' makes new variables at each call, so what they learn would be lost. Make "
            "layers, variables, metrics and optimizers once, in `__init__()` or `build()`, and only use them in "
            "`call()`, in `train_step()` and in losses and metrics. Received: variables made by a call: "
            f"{[v.path for v in strangers]}"
        )
    return result


def _strangers(model, made):
    if not made:
        return made
    known = [*model.variables, *(v for m in model.metrics for v in m.variables)]
    known += model.optimizer.variables if model.optimizer is not None else []
    known += [v for logs in model._step_logs.values() for v in logs.values()]
    known = {id(v) for v in known}
    return [v for v in made if id(v) not in known and not v.__dict__.get("is_number_of_keras_2")]
