"""Crossentropies, with gradients that stay finite.

From probabilities they clip as Keras on JAX does (a clipped probability has no gradient); ``graph/rewrite.py`` puts
the forms on logits in their place where a softmax or sigmoid comes right before.
"""

import numpy as np

from fastfit import config
from fastfit.graph.op import apply, define
from fastfit.graph.rows.elementwise import sigmoid
from fastfit.graph.rows.helpers import mask_like, symbolic
from fastfit.graph.rows.nn import log_softmax, softmax
from fastfit.graph.shapes import axis_in, broadcast

A = apply

# Sparse: target holds class ids ---------------------------------------------------------------------------------------


def _without(shape, axis):
    axis = axis_in(axis, len(shape))
    return shape[:axis] + shape[axis + 1 :]


def _ids(target, output, axis):
    """Return ids with one axis for the classes, from targets (...) or (..., 1)."""
    target = np.asarray(target)
    if target.ndim == np.ndim(output) and target.shape[axis] == 1:
        target = np.squeeze(target, axis)
    return np.expand_dims(target.astype(np.int64), axis)


def _pick(values, ids, axis):
    # Ids out of range pick nothing, as a one-hot row of zeros would.
    valid = (ids >= 0) & (ids < values.shape[axis])
    picked = np.take_along_axis(values, np.where(valid, ids, 0), axis)
    return np.squeeze(np.where(valid, picked, np.zeros((), values.dtype)), axis)


def _clipped(p):
    epsilon = config.epsilon()
    return np.clip(p, epsilon, 1 - epsilon)


def _normalised(p, axis):
    return p / np.sum(p, axis=axis, keepdims=True)


def _sparse_shape(target, output, from_logits=False, axis=-1):
    shape, t = _without(output.shape, axis), target.shape
    if len(t) == len(output.shape) and t[axis] in (1, None):
        t = _without(t, axis)
    if len(t) != len(shape) or any(None not in (a, b) and a != b for a, b in zip(t, shape, strict=True)):
        raise ValueError(
            "sparse_categorical_crossentropy: target and output must have the same shape up to the class axis. "
            f"Received: target.shape={target.shape}, output.shape={output.shape}"
        )
    return shape, output.dtype


def _sparse(target, output, from_logits=False, axis=-1):
    target, output = np.asarray(target), np.asarray(output)
    _sparse_shape(target, output, axis=axis)  # arrays come here unchecked, and would broadcast
    ids = _ids(target, output, axis)
    logs = log_softmax(output, axis) if from_logits else np.log(_clipped(_normalised(output, axis)))
    return -_pick(logs, ids, axis)


def _sparse_ce_grad(target, output, dy, from_logits=False, axis=-1):
    output = np.asarray(output)
    ids = _ids(target, output, axis)
    hot = np.zeros_like(output)
    valid = (ids >= 0) & (ids < output.shape[axis])
    np.put_along_axis(hot, np.where(valid, ids, 0), valid.astype(output.dtype), axis)
    dy = np.expand_dims(dy, axis)
    if from_logits:
        return (dy * (softmax(output, axis) * np.sum(hot, axis=axis, keepdims=True) - hot)).astype(output.dtype)
    return _from_probabilities(hot, output, dy, axis)


def _from_probabilities(weights, output, dy, axis):
    """Gradient of -sum(weights * log(clip(output / sum(output))))."""
    total = np.sum(output, axis=axis, keepdims=True)
    q = output / total
    epsilon = config.epsilon()
    inside = (q >= epsilon) & (q <= 1 - epsilon)
    dq = np.where(inside, -weights / np.where(inside, q, 1), np.zeros((), output.dtype))
    return (dy * (dq - np.sum(dq * q, axis=axis, keepdims=True)) / total).astype(output.dtype)


define(
    "sparse_categorical_crossentropy",
    _sparse_shape,
    _sparse,
    lambda node, dy: [None, A("sparse_ce_grad", *node.inputs, dy, **node.attrs)],
    promote="float",
    operands=slice(1, 2),
)
define(
    "sparse_ce_grad",
    lambda t, o, dy, **_: (o.shape, o.dtype),
    _sparse_ce_grad,
    promote="float",
    operands=slice(1, 3),
)

# Categorical: target holds rows of probabilities ----------------------------------------------------------------------


def _same(name, target, output):
    t, o = (v.shape if hasattr(v, "shape") else np.shape(v) for v in (target, output))
    if len(t) != len(o) or any(None not in (a, b) and a != b for a, b in zip(t, o, strict=True)):
        raise ValueError(
            f"{name}: target and output must have the same shape. Received: target.shape={t}, output.shape={o}"
        )


def _categorical_shape(target, output, from_logits=False, axis=-1):
    _same("categorical_crossentropy", target, output)
    return _without(broadcast(target.shape, output.shape), axis), output.dtype


def _categorical(target, output, from_logits=False, axis=-1):
    _same("categorical_crossentropy", target, output)
    logs = log_softmax(output, axis) if from_logits else np.log(_clipped(_normalised(output, axis)))
    return -np.sum(target * logs, axis=axis)


def _categorical_ce_grad(target, output, dy, from_logits=False, axis=-1):
    dy = np.expand_dims(dy, axis)
    if from_logits:
        return dy * (softmax(output, axis) * np.sum(target, axis=axis, keepdims=True) - target)
    return _from_probabilities(target, output, dy, axis)


def _categorical_grad(node, dy):
    target, output = node.inputs
    dt = None
    if symbolic(target):
        axis = node.attrs.get("axis", -1)
        if node.attrs.get("from_logits"):
            logs = A("log_softmax", output, axis=axis)
        else:
            e = config.epsilon()
            logs = A("log", A("clip", output / A("sum", output, axis=axis, keepdims=True), e, 1 - e))
        dt = A("negative", A("expand_dims", dy, axis=axis) * logs)
    do = A("categorical_ce_grad", target, output, dy, **node.attrs) if symbolic(output) else None
    return [dt, do]


define(
    "categorical_crossentropy", _categorical_shape, _categorical, _categorical_grad,
    promote="float", by_row=True,
)  # fmt: skip
define(
    "categorical_ce_grad", lambda t, o, dy, **_: (o.shape, o.dtype), _categorical_ce_grad,
    promote="float",
)  # fmt: skip

# Binary: element by element -------------------------------------------------------------------------------------------


def _binary_shape(target, output, from_logits=False):
    _same("binary_crossentropy", target, output)
    return broadcast(target.shape, output.shape), output.dtype


def _logits_bce(t, z):
    return np.maximum(z, 0) - z * t + np.log1p(np.exp(-np.abs(z)))


def _binary(target, output, from_logits=False):
    _same("binary_crossentropy", target, output)
    if from_logits:
        return _logits_bce(target, output)
    p = _clipped(output)
    return -(target * np.log(p) + (1 - target) * np.log(1 - p))


def _binary_grad(node, dy):
    target, output = node.inputs
    e = config.epsilon()
    p = None if node.attrs.get("from_logits") else A("clip", output, e, 1 - e)
    dt = do = None
    if symbolic(target):
        logit = output if p is None else A("log", p) - A("log", 1.0 - p)
        dt = A("negative", dy * logit)
    if symbolic(output):
        if p is None:
            do = dy * (A("sigmoid", output) - target)
        else:
            inside = A("logical_and", A("greater_equal", output, e), A("less_equal", output, 1 - e))
            do = dy * (p - target) / (p * (1.0 - p)) * mask_like(inside, output)
    return [dt, do]


define("binary_crossentropy", _binary_shape, _binary, _binary_grad, promote="float",
       by_row=True)  # fmt: skip

# Fused with the softmax or sigmoid before them: (loss values, p) ------------------------------------------------------


def _fused_grad(name):
    def grad(node, dy, dp):
        target, z = node.inputs
        p = node.outputs[1]
        dz = None if dy is None else A(name, p, target, dy)
        if dp is not None and symbolic(z):
            extra = A("sigmoid_grad", p, dp) if name.startswith("sigmoid") else A("softmax_grad", p, dp, axis=-1)
            dz = extra if dz is None else dz + extra
        dt = None
        if dy is not None and symbolic(target) and name == "softmax_ce_dense_grad":
            dt = A("negative", A("expand_dims", dy, axis=-1) * A("log_softmax", z, axis=-1))
        elif dy is not None and symbolic(target) and name == "sigmoid_bce_grad":
            dt = A("negative", dy * z)
        return [dt, dz]

    return grad


def _row_values(target, z):
    return [(z.shape[:-1], z.dtype), (z.shape, z.dtype)]


def _softmax_ce(target, z):
    return _sparse(target, z, from_logits=True), softmax(z)


def _softmax_ce_grad(p, target, g):
    hot = np.zeros_like(p)
    ids = _ids(target, p, -1)
    valid = (ids >= 0) & (ids < p.shape[-1])
    np.put_along_axis(hot, np.where(valid, ids, 0), valid.astype(p.dtype), -1)
    return g[..., None] * (p * np.sum(hot, -1, keepdims=True) - hot)


def _like_p(p, target, g):
    return p.shape, p.dtype


define("softmax_ce", _row_values, _softmax_ce, _fused_grad("softmax_ce_grad"), promote="float",
       operands=slice(1, 2))  # fmt: skip
define("softmax_ce_grad", _like_p, _softmax_ce_grad)
define("softmax_ce_dense", _row_values, lambda t, z: (_categorical(t, z, from_logits=True), softmax(z)),
       _fused_grad("softmax_ce_dense_grad"), promote="float")  # fmt: skip
define("softmax_ce_dense_grad", _like_p, lambda p, t, g: g[..., None] * (p * np.sum(t, -1, keepdims=True) - t),
       promote="float")  # fmt: skip
define("sigmoid_bce", lambda t, z: [(broadcast(t.shape, z.shape), z.dtype), (z.shape, z.dtype)],
       lambda t, z: (_logits_bce(t, z), sigmoid(z)), _fused_grad("sigmoid_bce_grad"),
       promote="float")  # fmt: skip
define("sigmoid_bce_grad", _like_p, lambda p, t, g: g * (p - t), promote="float")
