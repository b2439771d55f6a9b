"""Ops that are lowered as formulas of other ops."""

import math

import numpy as np

from fastfit import config
from fastfit.compiler.lower import ANY, leading, rule, same_shape, shape_of
from fastfit.graph.op import apply as A
from fastfit.graph.shapes import axis_in
from fastfit.graph.tensor import KerasTensor


def _var(x, axis=None, keepdims=False):
    return A("mean", A("square", x - A("mean", x, axis=axis, keepdims=True)), axis=axis, keepdims=keepdims)


def _logsumexp(x, axis=None, keepdims=False):
    top = A("max", x, axis=axis, keepdims=True)
    top = A("where", A("isfinite", top), top, 0.0)
    y = A("log", A("sum", A("exp", x - top), axis=axis, keepdims=True)) + top
    if keepdims:
        return y
    return A("squeeze", y, axis=tuple(range(len(x.shape))) if axis is None else axis)


def _log_softmax(x, axis=-1):
    shifted = x - A("max", x, axis=axis, keepdims=True)
    return shifted - A("log", A("sum", A("exp", shifted), axis=axis, keepdims=True))


def _softmax(x, axis=-1):
    e = A("exp", x - A("max", x, axis=axis, keepdims=True))
    return e / A("sum", e, axis=axis, keepdims=True)


def _nan_to_num(x, nan=0.0, posinf=None, neginf=None):
    top = float(np.finfo("float32").max)
    above, below = A("equal", x, np.inf), A("equal", x, -np.inf)
    y = A("where", A("isnan", x), float(nan), x)
    y = A("where", above, top if posinf is None else float(posinf), y)
    return A("where", below, -top if neginf is None else float(neginf), y)


def _sinc(x):
    angle = A("where", A("equal", x, 0.0), 1.0e-20, x) * math.pi
    return A("sin", angle) / angle


def _isclose(x, z, rtol=1e-5, atol=1e-8, equal_nan=False):
    near = A("less_equal", A("abs", A("subtract", x, z)), A("abs", z) * rtol + atol)
    close = A("logical_or", A("logical_and", near, A("isfinite", z)), A("equal", x, z))
    return A("logical_or", close, A("logical_and", A("isnan", x), A("isnan", z))) if equal_nan else close


def _sparsemax(x, axis=-1):
    """Each row less the threshold that leaves a sum of 1; ranks count those at least as large."""
    n = x.shape[axis]
    ordered = A("negative", A("sort", A("negative", x), axis=axis))
    sums = A("cumsum", ordered, axis=axis_in(axis, len(x.shape)))
    ranks = np.arange(1, n + 1, dtype="float32").reshape([n if i == axis_in(axis, len(x.shape)) else 1
                                                          for i in range(len(x.shape))])  # fmt: skip
    inside = A("greater", ordered * ranks + 1.0, sums)
    total = A("sum", A("where", inside, ordered, 0.0), axis=axis, keepdims=True)
    count = A("sum", A("cast", inside, dtype="float32"), axis=axis, keepdims=True)
    return A("relu", x - (total - 1.0) / count)


FORMULAS = {
    "clip": lambda x, low, high: A("minimum", A("maximum", x, low), high),
    "var": _var,
    "std": lambda x, axis=None, keepdims=False: A("sqrt", _var(x, axis, keepdims)),
    "logsumexp": _logsumexp,
    "log_softmax": _log_softmax,
    "nan_to_num": _nan_to_num,
    "isclose": _isclose,
    "sparsemax": _sparsemax,
    "isposinf": lambda x: A("equal", x, np.inf),
    "isneginf": lambda x: A("equal", x, -np.inf),
    "isreal": lambda x: A("full_like", x, value=True, dtype="bool"),
    "signbit": lambda x: A("less", A("where", A("equal", x, 0.0), A("reciprocal", x), x), 0.0),
    "deg2rad": lambda x: x * (math.pi / 180.0),
    "rad2deg": lambda x: x * (180.0 / math.pi),
    "sinc": _sinc,
    "heaviside": lambda x, z: A(
        "where", A("isnan", x), x, A("where", A("equal", x, 0.0), z, A("cast", x > 0, dtype=x.dtype))
    ),
    "logaddexp2": lambda x, z: A("maximum", x, z) + A("log2", A("exp2", A("negative", A("abs", x - z))) + 1.0),
}


@rule(*FORMULAS, attrs=ANY)
def formula(low, node):
    x, y = node.inputs[0], node.outputs[0]
    if not isinstance(x, KerasTensor) or leading(y.shape) is None or leading(x.shape) is None or 0 in x.shape:
        return False
    if node.operation.name == "sparsemax" and x.shape[node.attrs.get("axis", -1)] is None:
        return False
    kinds = {low.kind(v) for v in node.inputs if isinstance(v, KerasTensor)}
    if kinds != {"f"} and not (kinds == {"i"} and node.operation.name == "clip"):
        return False
    low.expand(node, FORMULAS[node.operation.name](*node.inputs, **node.attrs))
    return None


def softmax_formula(low, node):
    """softmax over other axes than the last one."""
    y = node.outputs[0]
    if low.kind(node.inputs[0]) != "f" or leading(y.shape) is None:
        return False
    axis = node.attrs.get("axis", -1)
    axis = tuple(axis) if isinstance(axis, (list, tuple)) else axis
    if node.operation.name == "softmax":
        low.expand(node, _softmax(node.inputs[0], axis))
    else:
        p, dy = node.inputs
        low.expand(node, p * (dy - A("sum", dy * p, axis=axis, keepdims=True)))
    return None


# Crossentropies that the rewriting has not moved onto logits ----------------------------------------------------------


def _logs(output, from_logits, axis):
    if from_logits:
        return A("log_softmax", output, axis=axis)
    epsilon = config.epsilon()
    return A("log", A("clip", output / A("sum", output, axis=axis, keepdims=True), epsilon, 1.0 - epsilon))


def _binary(target, output, from_logits=False):
    if from_logits:
        rest = A("log1p", A("exp", A("negative", A("abs", output))))
        return A("maximum", output, 0.0) - output * target + rest
    epsilon = config.epsilon()
    p = A("clip", output, epsilon, 1.0 - epsilon)
    return A("negative", target * A("log", p) + (1.0 - target) * A("log", 1.0 - p))


def _categorical(target, output, from_logits=False, axis=-1):
    return A("negative", A("sum", target * _logs(output, from_logits, axis), axis=axis))


def _categorical_grad(target, output, dy, from_logits=False, axis=-1):
    dy = A("expand_dims", dy, axis=axis)
    if from_logits:
        return dy * (A("softmax", output, axis=axis) * A("sum", target, axis=axis, keepdims=True) - target)
    total = A("sum", output, axis=axis, keepdims=True)
    q, epsilon = output / total, config.epsilon()
    inside = A("logical_and", A("greater_equal", q, epsilon), A("less_equal", q, 1.0 - epsilon))
    dq = A("where", inside, A("negative", target) / A("where", inside, q, 1.0), 0.0)
    return dy * (dq - A("sum", dq * q, axis=axis, keepdims=True)) / total


def hot_rows(target, output, axis):
    """Class ids as rows of zeros and ones; ids out of range give zeros, and pick nothing."""
    if len(target.shape) == len(output.shape):
        target = A("squeeze", target, axis=axis)
    target = target if target.dtype == "int32" else A("cast", target, dtype="int32")
    classes = output.shape[axis]
    return A("one_hot", target, num_classes=classes, axis=axis_in(axis, len(output.shape)), dtype="float32")


def has_rows_of(target, output):
    """Whether class ids have the batch where their predictions have it."""
    if leading(target.shape) is None:
        return False
    batch = output.shape[:1] == (None,)
    return (target.shape[:1] == (None,)) == batch and (not batch or target.shape.times == output.shape.times)


def sparse_crossentropy(target, output, from_logits=False, axis=-1):
    hot = hot_rows(target, output, axis)
    # not a product: the logarithm of another class may be infinite
    return A("negative", A("sum", A("where", hot, _logs(output, from_logits, axis), 0.0), axis=axis))


def _sparse_grad(target, output, dy, from_logits=False, axis=-1):
    return _categorical_grad(hot_rows(target, output, axis), output, dy, from_logits, axis)


CROSSENTROPIES = {
    "binary_crossentropy": _binary,
    "categorical_crossentropy": _categorical,
    "categorical_ce_grad": _categorical_grad,
    "sparse_categorical_crossentropy": sparse_crossentropy,
    "sparse_ce_grad": _sparse_grad,
}


@rule(*CROSSENTROPIES, attrs=ANY)
def crossentropy(low, node):
    target, output = node.inputs[:2]
    name = node.operation.name
    if low.kind(node.outputs[0]) != "f" or any(leading(shape_of(x)) is None for x in node.inputs):
        return False
    if not isinstance(output, KerasTensor) or low.kind(output) != "f" or 0 in output.shape:
        return False
    if name.startswith("sparse"):
        if not isinstance(target, KerasTensor) or low.kind(target) is None or not has_rows_of(target, output):
            return False
        low.note_labels(target, output.shape[node.attrs.get("axis", -1)])
    elif isinstance(target, KerasTensor) and low.kind(target) != "f":
        return False
    elif not same_shape(target, output):
        return False  # NumPy looks whether the batch is as large as it must be
    low.expand(node, CROSSENTROPIES[name](*node.inputs, **node.attrs))
    return None
