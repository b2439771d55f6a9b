"""Reductions."""

import numpy as np

from fastfit.graph import shapes
from fastfit.graph.op import apply, define
from fastfit.graph.rows.helpers import divide_by_size, keep_axes, mask_like

A = apply


def _axis(axis):
    return tuple(axis) if isinstance(axis, list) else axis


def _shape(x, axis=None, keepdims=False, **_):
    return shapes.reduced(x.shape, axis, keepdims), x.dtype


def _reduction(name, function, grad=None, promote="same", dtype=None, **options):
    def meaning(x, axis=None, keepdims=False):
        return function(x, axis=_axis(axis), keepdims=keepdims)

    def shape(x, axis=None, keepdims=False):
        return shapes.reduced(x.shape, axis, keepdims), dtype or x.dtype

    def rule(node, dy):
        axis, keepdims = node.attrs.get("axis"), node.attrs.get("keepdims", False)
        return [grad(node.inputs[0], node.outputs[0], dy, axis, keepdims)]

    define(name, shape, meaning, rule if grad else None, promote=promote, **options)


def _whole(value, x):
    return A("broadcast_like", value, x)


def _sum_grad(x, y, dy, axis, keepdims):
    return _whole(keep_axes(dy, x, axis, keepdims), x)


def _mean_grad(x, y, dy, axis, keepdims):
    dy = divide_by_size(dy, x, shapes.axes_in(axis, len(x.shape)))
    return _whole(keep_axes(dy, x, axis, keepdims), x)


def _extreme_grad(x, y, dy, axis, keepdims):
    # Equal extremes share the gradient, as in JAX and TensorFlow.
    hits = mask_like(A("equal", x, keep_axes(y, x, axis, keepdims)), x)
    share = keep_axes(dy, x, axis, keepdims) / A("sum", hits, axis=axis, keepdims=True)
    return hits * share


def _prod_grad(x, y, dy, axis, keepdims):
    # The product of the others: y / x but for zeros. One zero alone gets the product of the rest, two leave nothing.
    zero = A("equal", x, 0)
    rest = A("where", zero, 1, x)
    product = A("prod", rest, axis=axis, keepdims=True)
    zeros = A("sum", mask_like(zero, x), axis=axis, keepdims=True)
    others = A(
        "where", zero, A("where", A("equal", zeros, 1), product, 0), A("where", A("equal", zeros, 0), product / rest, 0)
    )
    return keep_axes(dy, x, axis, keepdims) * others


def _sum_like_keras(x, axis=None, keepdims=False):
    x = np.asarray(x)
    dtype = "int32" if x.dtype == bool else x.dtype
    return np.sum(x, axis=axis, keepdims=keepdims, dtype=dtype)


define(
    "sum",
    lambda x, axis=None, keepdims=False: (
        shapes.reduced(x.shape, axis, keepdims),
        "int32" if x.dtype == "bool" else x.dtype,
    ),
    lambda x, axis=None, keepdims=False: _sum_like_keras(x, _axis(axis), keepdims),
    lambda node, dy: [_sum_grad(node.inputs[0], None, dy, node.attrs.get("axis"), node.attrs.get("keepdims", False))],
    promote="same",
)
_reduction("mean", np.mean, _mean_grad, promote="float")
_reduction("max", np.max, _extreme_grad)
_reduction("min", np.min, _extreme_grad)
_reduction("all", np.all, dtype="bool", promote=None, constant=True)
_reduction("any", np.any, dtype="bool", promote=None, constant=True)


def _prod(x, axis=None, keepdims=False):
    x = np.asarray(x)
    return np.prod(x, axis=axis, keepdims=keepdims, dtype="int32" if x.dtype == bool else x.dtype)


_reduction("prod", _prod, _prod_grad)


def _var(x, axis=None, keepdims=False):
    return np.var(x, axis=axis, keepdims=keepdims)


def _var_grad(x, y, dy, axis, keepdims):
    axes = shapes.axes_in(axis, len(x.shape))
    centred = x - A("mean", x, axis=axis, keepdims=True)
    return keep_axes(divide_by_size(dy * 2.0, x, axes), x, axis, keepdims) * centred


_reduction("var", _var, _var_grad, promote="float")


def _std_grad(x, y, dy, axis, keepdims):
    return _var_grad(x, None, A("divide_no_nan", dy * 0.5, y), axis, keepdims)


_reduction("std", np.std, _std_grad, promote="float")


def logsumexp(x, axis=None, keepdims=False):
    """Return log(sum(exp(x))) without overflow."""
    top = np.max(x, axis=axis, keepdims=True, initial=-np.inf)
    top = np.where(np.isfinite(top), top, np.zeros((), np.asarray(x).dtype))
    with np.errstate(divide="ignore"):
        y = np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True)) + top
    return y if keepdims else np.squeeze(y, axis=axis if axis is not None else tuple(range(np.ndim(x))))


def _logsumexp_grad(x, y, dy, axis, keepdims):
    return keep_axes(dy, x, axis, keepdims) * A("exp", x - keep_axes(y, x, axis, keepdims))


_reduction("logsumexp", logsumexp, _logsumexp_grad, promote="float")


def _index_reduction(name, function):
    def meaning(x, axis=None, keepdims=False):
        return np.asarray(function(x, axis=axis, keepdims=keepdims)).astype("int32")

    define(
        name,
        lambda x, axis=None, keepdims=False: (shapes.reduced(x.shape, axis, keepdims), "int32"),
        meaning,
        constant=True,
    )


_index_reduction("argmax", np.argmax)
_index_reduction("argmin", np.argmin)

# Sums in float64 ------------------------------------------------------------------------------------------------------


def _sum64(x, weights=None):
    x = np.asarray(x, np.float64)
    if weights is not None:
        weights = np.asarray(weights, np.float64)
        x = x * weights.reshape(weights.shape + (1,) * (x.ndim - weights.ndim))
    return np.sum(x)


def _sum64_grad(node, dy):
    x, weights = (*node.inputs, None)[:2]
    dx = A("cast", A("broadcast_like", dy, x), dtype=x.dtype) if not isinstance(x, np.ndarray) else None
    if weights is None:
        return [dx, None][: len(node.inputs)]
    rank, own = len(x.shape), len(weights.shape)
    w = A("reshape_like", weights, x) if rank == own else A("expand_dims", weights, axis=tuple(range(own, rank)))
    return [dx * A("cast", w, dtype=x.dtype), None]


def _sum_above(x, w, limits, below):
    limits = np.asarray(limits)
    ascending = len(limits) > 4 and np.all(np.diff(limits) > 0)
    if not ascending:
        above = np.asarray(x)[None] > limits[:, None, None]
        return np.sum(np.where(above != below, np.asarray(w, np.float64)[None], 0.0), axis=1)
    # the number of limits below each value; nan is above none
    bucket = np.where(np.isnan(x), 0, np.searchsorted(limits, x, side="left"))
    sums = np.zeros((len(limits) + 1, np.shape(x)[1]))
    np.add.at(sums, (bucket, np.broadcast_to(np.arange(sums.shape[1]), bucket.shape)), w)
    return np.cumsum(sums, axis=0)[:-1] if below else np.cumsum(sums[::-1], axis=0)[::-1][1:]


def _sum_into(w, index, size):
    w, index = np.ravel(w), np.ravel(index)
    valid = (index >= 0) & (index < size)
    return np.bincount(index[valid], np.asarray(w, np.float64)[valid], size)


# Of every column, by thresholds, and by class ids.
define(
    "sum_rows64",
    lambda x, w=None: (x.shape[1:], "float64"),
    lambda x, w=None: np.sum(np.asarray(x, np.float64) * (1.0 if w is None else np.asarray(w, np.float64)), axis=0),
    constant=True,
)
define(
    "sum_above64",
    lambda x, w, limits, below: ((limits.shape[0], x.shape[1]), "float64"),
    _sum_above,
    constant=True,
)
define("sum_into64", lambda w, i, size: ((size,), "float64"), _sum_into, constant=True)
# Everything summed in float64; weights, one per row or per leading axes, are optional.
define("sum64", lambda x, weights=None: ((), "float64"), _sum64, _sum64_grad)
define(
    "batch_size",
    lambda x: ((), "float32"),
    lambda x: np.float32(np.shape(x)[0]),
    constant=True,
)
define(
    "axis_size",
    lambda x, axis, dtype="int32": ((), dtype),
    lambda x, axis, dtype="int32": np.asarray(np.shape(x)[axis], dtype),
    constant=True,
)
define(
    "count_nonzero",
    lambda x, axis=None: (shapes.reduced(x.shape, axis, False), "int32"),
    lambda x, axis=None: np.asarray(np.count_nonzero(x, axis=_axis(axis))).astype("int32"),
    constant=True,
)
