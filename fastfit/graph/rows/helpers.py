"""What gradient and shape rules share."""

import numpy as np

from fastfit.graph import shapes
from fastfit.graph.op import apply, cast, define
from fastfit.graph.tensor import KerasTensor


def symbolic(x):
    """Whether ``x`` is a tensor, and so may have a gradient."""
    return isinstance(x, KerasTensor)


def unbroadcast(dy, x):
    """Return ``dy`` summed over the axes along which ``x`` was broadcast; None for a constant."""
    if not symbolic(x):
        return None
    shape, target = tuple(np.shape(dy) if not symbolic(dy) else dy.shape), x.shape
    extra = len(shape) - len(target)
    if extra:
        dy = apply("sum", dy, axis=tuple(range(extra)), keepdims=False)
        shape = shape[extra:]
    axes = tuple(i for i, (a, b) in enumerate(zip(shape, target, strict=True)) if b == 1 and a != 1)
    return apply("sum", dy, axis=axes, keepdims=True) if axes else dy


def size_of(x, axes):
    """Return (known, unknown): the product of the known sizes of ``axes``, and tensors of the unknown ones."""
    known, unknown = 1, []
    for axis in axes:
        if x.shape[axis] is not None:
            known *= x.shape[axis]
        elif axis == 0:
            unknown.append(apply("batch_size", x))
        else:
            unknown.append(apply("axis_size", x, axis=axis, dtype="float32"))
    return known, unknown


def divide_by_size(value, x, axes):
    """Return ``value`` divided by the number of elements of ``x`` along ``axes``."""
    known, unknown = size_of(x, axes)
    value = value if known == 1 else apply("multiply", value, 1.0 / max(known, 1))
    for size in unknown:
        value = apply("divide", value, cast(size, str(value.dtype)))
    return value


def keep_axes(dy, x, axis, keepdims):
    """Give ``dy``, the gradient of a reduction of ``x``, the reduced axes back as axes of size 1."""
    if keepdims:
        return dy
    axes = shapes.axes_in(axis, len(x.shape))
    if not axes or len(axes) == len(x.shape):
        return dy  # a scalar broadcasts by itself
    return apply("expand_dims", dy, axis=axes)


def same_shape(x, **_):
    """Shape rule: as the input."""
    return x.shape, x.dtype


def unary(name, meaning, grad=None, promote="float", **options):
    """Define an op on each element. ``grad(x, y, dy)`` returns the gradient of x."""
    rule = None if grad is None else lambda node, dy: [grad(node.inputs[0], node.outputs[0], dy, **node.attrs)]
    return define(name, same_shape, meaning, rule, promote=promote, elementwise=True, **options)


def predicate(name, meaning):
    """Define an op from each element to a bool."""
    return define(name, lambda x, **_: (x.shape, "bool"), meaning, constant=True, elementwise=True)


def _pair_shape(x, z):
    return shapes.broadcast(x.shape, z.shape)


def _binary_shape(x, z, **_):
    return _pair_shape(x, z), x.dtype


def binary(name, meaning, grad=None, promote="same", **options):
    """Define an op on pairs of elements. ``grad(x, z, y, dy)`` returns both gradients before un-broadcasting."""

    def rule(node, dy):
        x, z = node.inputs
        dx, dz = grad(x, z, node.outputs[0], dy)
        return [None if dx is None else unbroadcast(dx, x), None if dz is None else unbroadcast(dz, z)]

    options["elementwise"] = True
    return define(name, _binary_shape, meaning, rule if grad else None, promote=promote, **options)


def comparison(name, meaning):
    """Define an op from pairs of elements to bools."""
    return define(
        name, lambda x, z, **_: (_pair_shape(x, z), "bool"), meaning, promote="same", constant=True, elementwise=True
    )


def mask_like(condition, x):
    """Return a bool tensor as numbers of the dtype of ``x``."""
    return apply("cast", condition, dtype=str(x.dtype))
