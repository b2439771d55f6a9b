"""What training goes on with, and yet nobody can have meant: labels that are none, and a loss that is no number."""

from __future__ import annotations

import numpy as np

from fastfit import losses
from fastfit.utils.warn import warn_user

_BINARY = (
    *(losses.BinaryCrossentropy, losses.BinaryFocalCrossentropy),
    *(losses.binary_crossentropy, losses.binary_focal_crossentropy),
)


def warn_of_labels(model, y):
    """Warn of targets outside of [0, 1] beside a binary crossentropy, which then has no least value.

    y : list of ndarray or None
        Of each output; of a stream those of its first batch.
    """
    for o, target, name in zip(model._output_losses or (), y, model._known_output_names() or (), strict=False):
        binary = o.function in _BINARY or isinstance(o.function, _BINARY[:2])
        if binary and target is not None and target.size:
            low, high = target.min(), target.max()
            if low < 0 or high > 1:
                warn_user(
                    f"The targets of output '{name}' go into a binary crossentropy, but are not all in [0, 1]: it has "
                    f"no least value then. Received: values from {low} to {high}"
                )


def warn_of_loss(model, feed, epoch, run):
    """Warn of a loss that is NaN or infinite: of the step in which it first is, and of what it came in with.

    Looked for when it has happened, so that a run without it pays for one comparison per step.
    """
    loss = run.logs.get("loss")
    if _is_number(loss):
        return False
    step = run.fatal_step()
    since = f"step {step} of epoch {epoch + 1}" if step is not None else f"epoch {epoch + 1}"
    warn_user(f"The loss is {loss} from {since} on. {_source(model, feed, step)} Received: loss={loss}")
    return True


def warn_of_result(model, call, loss, groups):
    """Warn of a loss that a call other than `fit` gives and that is NaN or infinite, and of what it came in with.

    Parameters
    ----------
    model : Model
    call : str
        Name of the method.
    loss : float
    groups : (list, list, list) or None
        As of `origin`; None if they were batches of a stream.
    """
    if _is_number(loss):
        return False
    found = None if groups is None else origin(model, groups)
    if found is not None:
        source = f"It came in with {found[0]}: row {found[1]} is not finite."
    else:
        source = _cause(model, _GONE if groups is None else "The data are finite")
    warn_user(f"The loss of {call} is {loss}. {source} Received: loss={loss}")
    return True


_GONE = "The data were read batch by batch and are gone"


def _is_number(loss):
    return loss is None or np.ndim(loss) > 0 or bool(np.isfinite(loss))


def _source(model, feed, step):
    whole = hasattr(feed, "order")
    found = origin(model, feed.runner.groups) if whole else feed.origin
    if found is not None:
        what, row = found
        place = f", which is in step {_step_of(feed, row)} of the epoch," if whole else " of the batch"
        return f"It came in with {what}: row {row}{place} is not finite."
    came = "The data are finite" if whole else "The data of that step were finite"
    if not whole and step is None:
        came = _GONE
    return _cause(model, came)


def _cause(model, came):
    """What is left if the data are not to blame."""
    weights = [v.path for v in model.variables if v.dtype[:5] == "float" and not np.all(np.isfinite(v.numpy()))]
    if weights:
        return (
            f"{came}; weights are not, such as {weights[0]}: the steps may be too large (a smaller learning rate, or "
            "`clipnorm`), or the loss divides by zero or takes a logarithm of it."
        )
    return f"{came}, and so are the weights: the loss itself divides by zero, or takes a logarithm of it."


def origin(model, groups):
    """Which of the arrays is not finite, and its first such row; None if all are.

    groups : (list, list, list)
        Inputs, targets and sample weights, None where there are none.
    """
    names = model._known_output_names() or [None]
    for what, arrays in zip(("x", "y", "sample_weight"), groups, strict=True):
        for i, array in enumerate(arrays):
            row = None if array is None else _bad_row(array)
            if row is not None:
                several = len(arrays) > 1
                whose = f" of output '{names[i]}'" if what != "x" and several else f"[{i}]" if several else ""
                return f"`{what}`{whose}", row
    return None


def _bad_row(array):
    """The first row that is not finite, or None."""
    if array.dtype.kind != "f":
        return None
    for start in range(0, len(array), 65536):  # without a copy of all of it
        part = array[start : start + 65536]
        good = np.isfinite(part).reshape(len(part), -1).all(axis=1)
        if not good.all():
            return start + int(np.argmin(good))
    return None


def _step_of(feed, row):
    place = row if feed.order is None else int(np.flatnonzero(feed.order == row)[0])
    return place // feed.batch + 1
