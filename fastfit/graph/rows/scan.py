"""Ops whose elements depend on those before them."""

import numpy as np

from fastfit.graph.op import apply, define
from fastfit.graph.rows.helpers import same_shape

A = apply


def _cumsum_grad(node, dy):
    axis = node.attrs["axis"]
    return [A("flip", A("cumsum", A("flip", dy, axis=axis), axis=axis), axis=axis)]


define("cumsum", same_shape, lambda x, axis: np.cumsum(x, axis=axis, dtype=x.dtype), _cumsum_grad, promote="same")


def _cumprod_grad(node, dy):
    x, y, axis = node.inputs[0], node.outputs[0], node.attrs["axis"]
    # Fails at a zero of x, as y / x does; a product of non-zero numbers is what this op is for.
    tail = A("flip", A("cumsum", A("flip", dy * y, axis=axis), axis=axis), axis=axis)
    return [tail / x]


define("cumprod", same_shape, lambda x, axis: np.cumprod(x, axis=axis, dtype=x.dtype), _cumprod_grad, promote="same")


def _cummax(ufunc):
    return lambda x, axis: ufunc.accumulate(x, axis=axis)


def _cummax_grad(node, dy):
    """Each element's gradient goes to the place it comes from; of equal ones the last."""
    x, y, axis = node.inputs[0], node.outputs[0], node.attrs["axis"]
    places = A("cumsum", A("full_like", x, value=1, dtype=x.dtype), axis=axis) - 1
    origin = A("cummax", A("where", A("equal", x, y), places, A("full_like", x, value=0, dtype=x.dtype)), axis=axis)
    return [A("put_along_axis", dy, A("cast", origin, dtype="int32"), x, axis=axis)]


define("cummax", same_shape, _cummax(np.maximum), _cummax_grad, promote="same")
define("cummin", same_shape, _cummax(np.minimum), _cummax_grad, promote="same")
