"""Ops of neural networks: softmax, hits of metrics, errors averaged over a row."""

import numpy as np

from fastfit.graph import shapes
from fastfit.graph.op import apply, define
from fastfit.graph.rows.helpers import divide_by_size, same_shape, symbolic, unbroadcast

A = apply


def _axis(axis):
    return tuple(axis) if isinstance(axis, list) else axis


def softmax(x, axis=-1):
    """Return exp(x) / sum(exp(x)), shifted by the maximum."""
    axis = _axis(axis)
    e = np.exp(x - np.max(x, axis=axis, keepdims=True, initial=-np.inf))
    return e / np.sum(e, axis=axis, keepdims=True)


def log_softmax(x, axis=-1):
    """Return x - log(sum(exp(x))), shifted by the maximum."""
    axis = _axis(axis)
    shifted = x - np.max(x, axis=axis, keepdims=True, initial=-np.inf)
    return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))


define(
    "softmax",
    same_shape,
    softmax,
    lambda node, dy: [A("softmax_grad", node.outputs[0], dy, axis=node.attrs.get("axis", -1))],
    promote="float",
)


def _softmax_grad_grad(node, g):
    y, dy = node.inputs
    axis = node.attrs.get("axis", -1)
    inner = A("sum", dy * y, axis=axis, keepdims=True)
    crossed = A("sum", g * y, axis=axis, keepdims=True)
    return [g * (dy - inner) - dy * crossed, A("softmax_grad", y, g, axis=axis)]


define(
    "softmax_grad",
    lambda y, dy, axis=-1: (y.shape, y.dtype),
    lambda y, dy, axis=-1: y * (dy - np.sum(dy * y, axis=_axis(axis), keepdims=True)),
    _softmax_grad_grad,
    promote="same",
)


def _log_softmax_grad(node, dy):
    axis = node.attrs.get("axis", -1)
    return [dy - A("exp", node.outputs[0]) * A("sum", dy, axis=axis, keepdims=True)]


define("log_softmax", same_shape, log_softmax, _log_softmax_grad, promote="float")

# Errors averaged over the last axis -----------------------------------------------------------------------------------


def _row_shape(p, t):
    if len(p.shape) != len(t.shape) or not p.shape:
        raise ValueError(f"shapes must be equal. Received {p.shape} and {t.shape}")
    return shapes.broadcast(p.shape, t.shape)[:-1], p.dtype


def _error_grad(name, other):
    def grad(node, g):
        p, t = node.inputs
        if tuple(p.shape) != tuple(t.shape):
            return _broadcast_error_grad(p, t, g, name.startswith("squared"))
        dp = A(name, p, t, g)
        return [dp if symbolic(p) else None, A("negative", dp) if symbolic(t) else None]

    return grad


def _broadcast_error_grad(p, t, g, squared):
    d = p - t
    slope = divide_by_size(d * 2.0 if squared else A("sign", d), d, (len(d.shape) - 1,))
    dp = A("expand_dims", g, axis=-1) * slope
    dt = unbroadcast(A("negative", dp), t) if symbolic(t) else None
    return [unbroadcast(dp, p) if symbolic(p) else None, dt]


def _error_grad_shape(p, t, g):
    return p.shape, p.dtype


def _squared_error_grad(p, t, g):
    return np.expand_dims(g * np.asarray(2.0 / np.shape(p)[-1], g.dtype), -1) * (p - t)


def _absolute_error_grad(p, t, g):
    return np.expand_dims(g * np.asarray(1.0 / np.shape(p)[-1], g.dtype), -1) * np.sign(p - t)


def _squared_error_grad_grad(node, g):
    p, t, dy = node.inputs
    width = p.shape[-1]
    scaled = g * A("expand_dims", dy, axis=-1) * (2.0 / width)
    ddy = A("sum", g * (p - t), axis=-1) * (2.0 / width) if symbolic(dy) else None
    return [scaled if symbolic(p) else None, A("negative", scaled) if symbolic(t) else None, ddy]


define(
    "squared_error_mean",
    _row_shape,
    lambda p, t: np.mean(np.square(p - t), axis=-1),
    _error_grad("squared_error_mean_grad", "t"),
    promote="float",
    by_row=True,
)
define(
    "squared_error_mean_grad",
    _error_grad_shape,
    _squared_error_grad,
    _squared_error_grad_grad,
    promote="float",
)
define(
    "absolute_error_mean",
    _row_shape,
    lambda p, t: np.mean(np.abs(p - t), axis=-1),
    _error_grad("absolute_error_mean_grad", "t"),
    promote="float",
    by_row=True,
)
define("absolute_error_mean_grad", _error_grad_shape, _absolute_error_grad, promote="float")

# Hits of metrics, one value per row -----------------------------------------------------------------------------------


def _hits(condition, p):
    return np.asarray(condition).astype(np.asarray(p).dtype)


def _hit_sparse_shape(target, p):
    own = target.shape[:-1] if len(target.shape) == len(p.shape) and target.shape[-1] in (1, None) else target.shape
    rows = p.shape[:-1]
    if len(own) != len(rows) or any(None not in (a, b) and a != b for a, b in zip(own, rows, strict=True)):
        raise ValueError(
            "hits of class ids: expected an id for each row of predictions. "
            f"Received: target.shape={tuple(target.shape)}, predictions.shape={tuple(p.shape)}"
        )
    return rows, p.dtype


define(
    "hit_sparse",
    _hit_sparse_shape,
    lambda t, p: _hits(np.argmax(p, -1) == np.reshape(t, np.shape(p)[:-1]), p),
    constant=True,
)
define(
    "hit_dense",
    lambda t, p: (p.shape[:-1], p.dtype),
    lambda t, p: _hits(np.argmax(p, -1) == np.argmax(t, -1), p),
    constant=True,
)
define(
    "hit_binary",
    lambda t, p, threshold=0.5: (p.shape[:-1], p.dtype),
    lambda t, p, threshold=0.5: np.mean(_hits(_hits(p > threshold, p) == t, p), axis=-1),
    constant=True,
)


def _sparsemax(x, axis=-1):
    z = np.moveaxis(np.asarray(x), axis, -1)
    ordered = -np.sort(-z, axis=-1)
    sums = np.cumsum(ordered, axis=-1, dtype=np.float64)  # a sum of many less one of nearly as much is left
    k = np.arange(1, z.shape[-1] + 1)
    support = np.sum(1 + k * ordered > sums, axis=-1, keepdims=True)
    tau = (np.take_along_axis(sums, support - 1, -1) - 1) / support
    return np.moveaxis(np.maximum(z - tau, 0), -1, axis).astype(z.dtype)


def _sparsemax_grad(node, dy):
    y, axis = node.outputs[0], node.attrs.get("axis", -1)
    support = A("cast", A("greater", y, 0.0), dtype=y.dtype)
    mean = A("sum", dy * support, axis=axis, keepdims=True) / A("sum", support, axis=axis, keepdims=True)
    return [support * (dy - mean)]


define("sparsemax", same_shape, _sparsemax, _sparsemax_grad, promote="float")
