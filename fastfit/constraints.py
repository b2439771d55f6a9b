"""Constraints on weights, applied after every update."""

from fastfit import ops
from fastfit._watch import Watched
from fastfit.config import epsilon
from fastfit.utils.registry import Registry
from fastfit.utils.suggestions import unknown_attribute


def _norm(w, axis):
    return ops.sqrt(ops.sum(ops.square(w), axis=axis, keepdims=True))


class Constraint(Watched):
    """Base of constraints: callables ``w -> w``."""

    def __init__(self):  # in Python, so that `inspect` knows the signature of what has no other
        super().__init__()

    def __call__(self, w):
        raise NotImplementedError("Constraint subclasses must implement the `__call__()` method.")

    def get_config(self):
        return {}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


class MaxNorm(Constraint):
    """Norms along ``axis`` at most ``max_value``.

    Parameters
    ----------
    max_value : float, default=2
    axis : int or tuple, default=0
    """

    def __init__(self, max_value=2, axis=0):
        self.max_value = max_value
        self.axis = axis

    def __call__(self, w):
        norms = _norm(w, self.axis)
        return w * (ops.clip(norms, 0, self.max_value) / (epsilon() + norms))

    def get_config(self):
        return {"max_value": self.max_value, "axis": self.axis}


class NonNeg(Constraint):
    """No weight below 0."""

    def __call__(self, w):
        return ops.maximum(w, 0.0)


class UnitNorm(Constraint):
    """Norms along ``axis`` equal to 1.

    Parameters
    ----------
    axis : int or tuple, default=0
    """

    def __init__(self, axis=0):
        self.axis = axis

    def __call__(self, w):
        return w / (epsilon() + _norm(w, self.axis))

    def get_config(self):
        return {"axis": self.axis}


class MinMaxNorm(Constraint):
    """Norms along ``axis`` drawn into [min_value, max_value].

    Parameters
    ----------
    min_value : float, default=0.0
    max_value : float, default=1.0
    rate : float, default=1.0
        1 enforces the range, less moves towards it.
    axis : int or tuple, default=0
    """

    def __init__(self, min_value=0.0, max_value=1.0, rate=1.0, axis=0):
        self.min_value = min_value
        self.max_value = max_value
        self.rate = rate
        self.axis = axis

    def __call__(self, w):
        norms = _norm(w, self.axis)
        desired = self.rate * ops.clip(norms, self.min_value, self.max_value) + (1 - self.rate) * norms
        return w * (desired / (epsilon() + norms))

    def get_config(self):
        return {"min_value": self.min_value, "max_value": self.max_value, "rate": self.rate, "axis": self.axis}


max_norm, min_max_norm, non_neg, unit_norm = MaxNorm, MinMaxNorm, NonNeg, UnitNorm

# The names of Keras 1, which Keras 2 still had.
_OLD = {"maxnorm": MaxNorm, "nonneg": NonNeg, "unitnorm": UnitNorm}
_REGISTRY = Registry("constraint", "constraints", [MaxNorm, NonNeg, UnitNorm, MinMaxNorm], _OLD)

__all__ = [
    *("Constraint", "MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm", "deserialize", "get", "max_norm", "min_max_norm"),
    *("non_neg", "serialize", "unit_norm"),
]


def get(identifier):
    """Return the constraint that a name, config, class, callable or instance stands for."""
    return _REGISTRY.get(identifier)


def serialize(constraint):
    """Return the config of a constraint."""
    return _REGISTRY.serialize(constraint)


def deserialize(config, custom_objects=None):
    """Return the constraint of a config."""
    return _REGISTRY.deserialize(config, custom_objects)


__getattr__ = unknown_attribute(__name__, globals())
