"""Small functions that optimizers are made of."""

import warnings

import numpy as np

from fastfit import ops
from fastfit.graph import trace
from fastfit.graph.variable import Variable


def take_legacy(learning_rate, kwargs):
    """Return (learning rate, decay per step) from the arguments, with old spellings."""
    if "lr" in kwargs:
        warnings.warn("The argument `lr` is called `learning_rate` now.", DeprecationWarning, stacklevel=4)
        learning_rate = kwargs.pop("lr")
    decay = kwargs.pop("decay", 0.0) or 0.0
    if decay:
        warnings.warn(
            "The argument `decay` is deprecated: use learning_rate=InverseTimeDecay(...). It divides the rate by "
            "1 + decay * step.",
            DeprecationWarning,
            stacklevel=4,
        )
    if isinstance(decay, bool) or decay < 0:
        raise ValueError(f"Argument `decay` must be >= 0. Received: decay={decay}")
    return learning_rate, float(decay)


def as_number(value, name):
    """Return a float; ValueError if the value is no number."""
    if isinstance(value, Variable):
        value = value.numpy()
    if isinstance(value, (bool, str)) or value is None or np.ndim(value) != 0:
        raise ValueError(
            f"Argument `{name}` should be a number, a LearningRateSchedule or a callable. Received: {name}={value}"
        )
    return float(value)


def as_rate(value):
    """Return a learning rate as a float; ValueError if it is no number, negative, or not finite."""
    rate = as_number(value, "learning_rate")
    check_rates(np.asarray(rate), value)
    return rate


def check_rates(rates, received, first=0):
    """Raise ValueError unless all learning rates, of the steps from ``first`` on, are finite and not negative."""
    good = (rates >= 0) & (rates < np.inf)
    if not np.all(good):
        step = "" if not rates.ndim else f", which gives {rates[np.argmin(good)]} for step {first + np.argmin(good)}"
        raise ValueError(f"A learning rate must be a finite number >= 0. Received: learning_rate={received}{step}")


def drop_missing(grads, variables):
    """Return gradients and variables without those that have no gradient; ValueError if none has one."""
    missing = [v.path for g, v in zip(grads, variables, strict=True) if g is None]
    if len(missing) == len(grads):
        raise ValueError("No gradients provided for any variable.")
    if missing:
        warnings.warn(
            f"Gradients do not exist for variables {missing} when minimizing the loss. If using `model.compile()`, "
            "did you forget to provide a `loss` argument?",
            stacklevel=3,
        )
    kept = [(g, v) for g, v in zip(grads, variables, strict=True) if g is not None]
    return [g for g, _ in kept], [v for _, v in kept]


def clip_by_norm(g, limit):
    """Return a gradient scaled to a norm of at most ``limit``."""
    return g * limit / ops.maximum(ops.sqrt(ops.sum(ops.square(g))), limit)


def only_if(condition, action):
    """Run an action whose effects on variables happen only if the condition holds, now or when the program runs."""
    current = trace.current()
    if current is None:
        if bool(condition):
            action()
        return
    before = dict(current.updates)
    action()
    for v, new in list(current.updates.items()):
        old = before.get(v)
        if old is None:
            old = current.variables[v] if v in current.variables else _initial(current, v)
        if old is not new:
            current.write(v, ops.where(condition, new, old))


def _initial(current, variable):
    # Written without having been read: its tensor is read beside the update.
    update = current.updates.pop(variable)
    tensor = current.read(variable)
    current.updates[variable] = update
    return tensor
