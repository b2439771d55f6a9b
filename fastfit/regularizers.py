"""Penalties on weights or activations, added to the loss."""

import math

from fastfit import ops
from fastfit._watch import Watched
from fastfit.utils.registry import Registry
from fastfit.utils.suggestions import unknown_attribute


def _factor(value, name):
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or value < 0:
        raise ValueError(f"Argument `{name}` must be a finite number >= 0. Received: {name}={value}")
    return float(value)


class Regularizer(Watched):
    """Base of regularizers: callables ``x -> scalar``."""

    def __init__(self):  # in Python, so that `inspect` knows the signature of what has no other
        super().__init__()

    def __call__(self, x):
        return 0.0

    def get_config(self):
        raise NotImplementedError(f"{self} does not implement get_config()")

    @classmethod
    def from_config(cls, config):
        return cls(**config)


class L1(Regularizer):
    """``l1 * sum(|x|)``.

    Parameters
    ----------
    l1 : float, default=0.01
    """

    def __init__(self, l1=0.01):
        self.l1 = _factor(0.01 if l1 is None else l1, "l1")

    def __call__(self, x):
        return ops.sum(ops.abs(x)) * self.l1

    def get_config(self):
        return {"l1": self.l1}


class L2(Regularizer):
    """``l2 * sum(x^2)``, without a half.

    Parameters
    ----------
    l2 : float, default=0.01
    """

    def __init__(self, l2=0.01):
        self.l2 = _factor(0.01 if l2 is None else l2, "l2")

    def __call__(self, x):
        return ops.sum(ops.square(x)) * self.l2

    def get_config(self):
        return {"l2": self.l2}


class L1L2(Regularizer):
    """``l1 * sum(|x|) + l2 * sum(x^2)``.

    Parameters
    ----------
    l1 : float, default=0.0
    l2 : float, default=0.0
    """

    def __init__(self, l1=0.0, l2=0.0):
        self.l1 = _factor(0.0 if l1 is None else l1, "l1")
        self.l2 = _factor(0.0 if l2 is None else l2, "l2")

    def __call__(self, x):
        terms = []
        if self.l1:
            terms.append(ops.sum(ops.abs(x)) * self.l1)
        if self.l2:
            terms.append(ops.sum(ops.square(x)) * self.l2)
        return sum(terms[1:], terms[0]) if terms else ops.cast(0.0, str(ops.convert_to_tensor(x).dtype))

    def get_config(self):
        return {"l1": self.l1, "l2": self.l2}


class OrthogonalRegularizer(Regularizer):
    """Penalty on the cosines between the rows (or columns) of a matrix.

    Parameters
    ----------
    factor : float, default=0.01
    mode : {"rows", "columns"}
    """

    def __init__(self, factor=0.01, mode="rows"):
        self.factor = _factor(factor, "factor")
        if mode not in ("rows", "columns"):
            raise ValueError(f"Invalid value for argument `mode`. Expected 'rows' or 'columns'. Received: mode={mode}")
        self.mode = mode

    def __call__(self, x):
        if len(x.shape) != 2:
            raise ValueError(
                f"Inputs to OrthogonalRegularizer must have rank 2. Received: inputs.shape={tuple(x.shape)}"
            )
        axis = 1 if self.mode == "rows" else 0
        size = x.shape[1 - axis]
        x = x / ops.sqrt(ops.maximum(ops.sum(ops.square(x), axis=axis, keepdims=True), 1e-12))
        product = ops.matmul(x, ops.transpose(x)) if self.mode == "rows" else ops.matmul(ops.transpose(x), x)
        off_diagonal = product * (1.0 - ops.eye(size))
        pairs = size * (size - 1.0) / 2.0
        return self.factor * 0.5 * ops.sum(ops.abs(off_diagonal)) / pairs

    def get_config(self):
        return {"factor": self.factor, "mode": self.mode}


l1, l2, l1_l2, orthogonal_regularizer = L1, L2, L1L2, OrthogonalRegularizer

_REGISTRY = Registry("regularizer", "regularizers", [L1, L2, L1L2, OrthogonalRegularizer], {"l1_l2": L1L2})

__all__ = [
    *("L1", "L1L2", "L2", "OrthogonalRegularizer", "Regularizer", "deserialize", "get", "l1", "l1_l2", "l2"),
    *("orthogonal_regularizer", "serialize"),
]


def get(identifier):
    """Return the regularizer that a name, config, class, callable or instance stands for."""
    return _REGISTRY.get(identifier)


def serialize(regularizer):
    """Return the config of a regularizer."""
    return _REGISTRY.serialize(regularizer)


def deserialize(config, custom_objects=None):
    """Return the regularizer of a config."""
    return _REGISTRY.deserialize(config, custom_objects)


__getattr__ = unknown_attribute(__name__, globals())
