"""Makers of the functions that only apply an op."""

import numpy as np

from fastfit.graph.op import apply
from fastfit.graph.tensor import KerasTensor


def _named(function, name, doc):
    function.__name__ = function.__qualname__ = name
    function.__module__ = __name__.rpartition(".")[0]  # where pickles look for it
    function.__doc__ = doc
    return function


def unary(name, doc, op=None):
    """Return the function of one array that applies op ``op`` (``name`` by default)."""
    op = op or name

    def function(x):
        return apply(op, x)

    return _named(function, name, doc)


def binary(name, doc, op=None):
    """Return the function of two arrays that applies op ``op``."""
    op = op or name

    def function(x1, x2):
        return apply(op, x1, x2)

    return _named(function, name, doc)


def bitwise(name, doc):
    """Return the function of two arrays that Keras calls x and y."""

    def function(x, y):
        return apply(name, x, y)

    return _named(function, name, doc)


def reduction(name, doc, op=None):
    """Return the function ``f(x, axis=None, keepdims=False)`` that applies op ``op``."""
    op = op or name

    def function(x, axis=None, keepdims=False):
        return apply(op, x, axis=plain_axis(axis), keepdims=bool(keepdims))

    return _named(function, name, doc)


def plain_axis(axis):
    """Return an axis argument as None, an int or a tuple of ints."""
    if axis is None or isinstance(axis, int):
        return axis
    if isinstance(axis, (list, tuple)):
        return tuple(int(a) for a in axis)
    return int(axis)


def split_shape(shape):
    """Return (static shape, tensors): symbolic sizes become None and are listed.

    Parameters
    ----------
    shape : int or sequence
        Entries are ints or int scalars that ``fastfit.ops.shape`` returned.
    """
    if isinstance(shape, (int, np.integer)):
        shape = (shape,)
    if isinstance(shape, KerasTensor):
        raise TypeError("A shape must be a tuple of sizes, not a tensor. fastfit.ops.shape(x) returns such a tuple.")
    static, dims = [], []
    for d in shape:
        if d is None:
            raise ValueError(f"A size is unknown in shape {tuple(shape)}. Take sizes from fastfit.ops.shape(x).")
        if isinstance(d, KerasTensor):
            static.append(None)
            dims.append(d)
        else:
            static.append(int(d))
    return tuple(static), dims
