"""The functions of ``keras.ops.nn``, but for images."""

import math

import numpy as np

from fastfit import config
from fastfit.graph.op import apply, cast, common_dtype
from fastfit.ops.families import unary
from fastfit.ops.reduction import moments  # noqa: F401  Keras has it here too
from fastfit.ops.sequences import depth_to_space, fold, psnr, space_to_depth, unfold  # noqa: F401
from fastfit.ops.shaping import split, transpose
from fastfit.utils.warn import warn_user

relu = unary("relu", "Return max(x, 0).")
sigmoid = unary("sigmoid", "Return 1 / (1 + exp(-x)).")
softplus = unary("softplus", "Return log(1 + exp(x)).")
tanh = unary("tanh", "Return the hyperbolic tangent.")

_SELU_SCALE, _SELU_ALPHA = 1.0507009873554805, 1.6732632423543772


def _float(x):
    """Return ``x`` as a float tensor or array."""
    if not hasattr(x, "dtype"):
        return apply("identity", cast(x, common_dtype([np.asarray(x)], True))) if np.ndim(x) else np.float32(x)
    return cast(x, common_dtype([x], True))


def relu6(x):
    """Return min(max(x, 0), 6)."""
    return apply("minimum", apply("relu", x), 6.0)


def softsign(x):
    """Return x / (1 + |x|)."""
    x = _float(x)
    return x / (apply("abs", x) + 1.0)


def silu(x):
    """Return x * sigmoid(x)."""
    x = _float(x)
    return x * apply("sigmoid", x)


swish = silu


def log_sigmoid(x):
    """Return log(sigmoid(x))."""
    return apply("negative", apply("softplus", apply("negative", x)))


def leaky_relu(x, negative_slope=0.2):
    """Return x where positive, else negative_slope * x."""
    x = _float(x)
    return apply("where", x > 0, x, x * negative_slope)


def hard_sigmoid(x):
    """Return relu6(x + 3) / 6."""
    return apply("clip", _float(x) * (1.0 / 6.0) + 0.5, 0.0, 1.0)


def hard_silu(x):
    """Return x * hard_sigmoid(x)."""
    x = _float(x)
    return x * hard_sigmoid(x)


hard_swish = hard_silu


def hard_tanh(x):
    """Return x limited to [-1, 1]."""
    return apply("clip", _float(x), -1.0, 1.0)


def _exp_tail(x):
    # exp of the negative part alone: that of a large x would overflow, and its gradient be 0 * inf.
    return apply("expm1", apply("minimum", x, 0.0))


def elu(x, alpha=1.0):
    """Return x where positive, else alpha * (exp(x) - 1)."""
    x = _float(x)
    return apply("where", x > 0, x, _exp_tail(x) * alpha)


def selu(x):
    """Return the scaled elu."""
    return elu(x, _SELU_ALPHA) * _SELU_SCALE


def celu(x, alpha=1.0):
    """Return max(x, 0) + alpha * expm1(min(x, 0) / alpha)."""
    x = _float(x)
    return apply("maximum", x, 0.0) + apply("expm1", apply("minimum", x, 0.0) / alpha) * alpha


def gelu(x, approximate=True):
    """Return x * Phi(x), Phi the normal distribution function, or its tanh approximation."""
    x = _float(x)
    if approximate:
        inner = (x + x * x * x * 0.044715) * math.sqrt(2.0 / math.pi)
        return x * 0.5 * (apply("tanh", inner) + 1.0)
    return x * 0.5 * (apply("erf", x * math.sqrt(0.5)) + 1.0)


def glu(x, axis=-1):
    """Return a * sigmoid(b) of the halves a, b along an axis."""
    x = _float(x)
    if x.shape[axis] is None or x.shape[axis] % 2:
        raise ValueError(f"glu: axis {axis} must have an even size. Received: x.shape={tuple(x.shape)}")
    a, b = split(x, 2, axis)
    return a * apply("sigmoid", b)


def tanh_shrink(x):
    """Return x - tanh(x)."""
    x = _float(x)
    return x - apply("tanh", x)


def hard_shrink(x, threshold=0.5):
    """Return x where |x| > threshold, else 0."""
    x = _float(x)
    return apply("where", apply("abs", x) > threshold, x, 0.0)


def soft_shrink(x, threshold=0.5):
    """Return sign(x) * max(|x| - threshold, 0)."""
    x = _float(x)
    return apply("where", x > threshold, x - threshold, apply("where", x < -threshold, x + threshold, 0.0))


def threshold(x, threshold, default_value):
    """Return x where x > threshold, else default_value."""
    return apply("where", apply("greater", x, threshold), x, default_value)


def squareplus(x, b=4):
    """Return (x + sqrt(x^2 + b)) / 2."""
    x = _float(x)
    return (x + apply("sqrt", apply("square", x) + float(b))) * 0.5


def sparse_plus(x):
    """Return 0 up to -1, x from 1, and (x + 1)^2 / 4 between."""
    x = _float(x)
    middle = apply("square", x + 1.0) * 0.25
    return apply("where", x <= -1.0, 0.0, apply("where", x < 1.0, middle, x))


def sparse_sigmoid(x):
    """Return 0 up to -1, 1 from 1, and (x + 1) / 2 between."""
    x = _float(x)
    return apply("where", x <= -1.0, 0.0, apply("where", x >= 1.0, 1.0, (x + 1.0) * 0.5))


def sparsemax(x, axis=-1):
    """Return the projection onto the simplex."""
    return apply("sparsemax", x, axis=int(axis))


def _flat_axes(function, x, axis):
    """Apply a function of the last axis over several axes."""
    x = _float(x)
    rank = len(x.shape)
    axes = [a % rank for a in axis]
    order = [a for a in range(rank) if a not in axes] + axes
    moved = transpose(x, order)
    rows = apply("reshape", moved, newshape=(*(-1 if d is None else d for d in moved.shape[: rank - len(axes)]),
                                            math.prod(moved.shape[rank - len(axes) :])))  # fmt: skip
    y = apply("reshape_like", function(rows), moved)
    return transpose(y, [int(i) for i in np.argsort(order)])


def softmax(x, axis=-1):
    """Return exp(x) / sum(exp(x)) along an axis, several axes, or over everything (axis=None)."""
    if axis is None:
        x = _float(x)
        return apply("reshape_like", apply("softmax", apply("reshape", x, newshape=(-1,)), axis=-1), x)
    if isinstance(axis, (tuple, list)):
        return _flat_axes(softmax, x, axis)
    shape = x.shape if hasattr(x, "shape") else np.shape(x)
    if shape and shape[int(axis)] == 1:
        warn_user(
            f"A softmax over an axis of size 1 is always 1. Did you mean to use a sigmoid instead? Received: "
            f"axis={axis} of a tensor of shape {tuple(shape)}"
        )
    return apply("softmax", x, axis=int(axis))


def log_softmax(x, axis=-1):
    """Return log(softmax(x))."""
    if axis is None:
        x = _float(x)
        return apply("reshape_like", apply("log_softmax", apply("reshape", x, newshape=(-1,)), axis=-1), x)
    if isinstance(axis, (tuple, list)):
        return _flat_axes(log_softmax, x, axis)
    return apply("log_softmax", x, axis=int(axis))


def one_hot(x, num_classes, axis=-1, dtype=None, sparse=False):
    """Return one-hot rows of class ids."""
    if sparse:
        raise ValueError("one_hot(sparse=True) is not supported: tensors are dense")
    dtype = config.floatx() if dtype is None else np.dtype(dtype).name
    return apply("one_hot", x, num_classes=int(num_classes), axis=int(axis), dtype=dtype)


def multi_hot(inputs, num_classes=None, axis=-1, dtype=None, sparse=False, **kwargs):
    """Return rows with ones at each of several class ids."""
    num_classes = kwargs.pop("num_tokens", num_classes)
    if num_classes is None:
        raise ValueError("Argument `num_classes` must be specified.")
    rank = len(inputs.shape)
    hot = one_hot(inputs, num_classes, axis=axis, dtype=dtype, sparse=sparse)
    return apply("max", hot, axis=1 if rank > 1 else 0, keepdims=False)


def categorical_crossentropy(target, output, from_logits=False, axis=-1):
    """Return -sum(target * log(p)) of one-hot targets."""
    return apply("categorical_crossentropy", target, output, from_logits=bool(from_logits), axis=int(axis))


def sparse_categorical_crossentropy(target, output, from_logits=False, axis=-1):
    """Return -log(p[target]) of class ids."""
    return apply("sparse_categorical_crossentropy", target, output, from_logits=bool(from_logits), axis=int(axis))


def binary_crossentropy(target, output, from_logits=False):
    """Return the crossentropy of each element."""
    return apply("binary_crossentropy", target, output, from_logits=bool(from_logits))


def normalize(x, axis=-1, order=2, epsilon=None):
    """Return x divided by its norm along an axis."""
    epsilon = config.epsilon() if epsilon is None else epsilon
    x = _float(x)
    if order == 2:
        total = apply("sum", apply("square", x), axis=axis, keepdims=True)
        return x * apply("rsqrt", apply("maximum", total, epsilon**2))
    size = apply("power", apply("sum", apply("power", apply("abs", x), order), axis=axis, keepdims=True), 1.0 / order)
    return x / apply("maximum", size, epsilon)


def batch_normalization(x, mean, variance, axis, offset=None, scale=None, epsilon=1e-3):
    """Return (x - mean) / sqrt(variance + epsilon) * scale + offset, statistics along ``axis``."""
    shape = [1] * len(x.shape)
    shape[axis] = -1

    def along(v):
        return (
            apply("reshape", v, newshape=tuple(shape))
            if len(x.shape) > 1 and axis % len(x.shape) + 1 < len(x.shape)
            else v
        )

    factor = apply("rsqrt", along(variance) + epsilon)
    factor = factor if scale is None else factor * along(scale)
    y = (x - along(mean)) * factor
    return y if offset is None else y + along(offset)


def _along_axes(v, x, axis):
    """A factor with the sizes of some axes of ``x``, shaped to meet them."""
    rank = len(x.shape)
    axes = sorted(a % rank for a in ([axis] if isinstance(axis, int) else axis))
    if axes == list(range(rank - len(axes), rank)):
        return v
    shape = [1] * rank
    for a, size in zip(axes, v.shape, strict=True):
        shape[a] = size
    return apply("reshape", v, newshape=tuple(shape))


def layer_normalization(x, gamma=None, beta=None, axis=-1, epsilon=None, **kwargs):
    """Return x normalised over ``axis`` for each row, times gamma plus beta.

    ``rms_scaling=True`` (of Keras before 3.10) divides by the standard deviation alone: no mean is taken away.
    """
    rms_scaling = kwargs.pop("rms_scaling", False)
    if kwargs:
        raise TypeError(f"layer_normalization has no argument {sorted(kwargs)[0]!r}.")
    epsilon = config.epsilon() if epsilon is None else epsilon
    x = _float(x)
    axis = tuple(axis) if isinstance(axis, (list, tuple)) else axis
    centred = x - apply("mean", x, axis=axis, keepdims=True)
    factor = apply("rsqrt", apply("mean", apply("square", centred), axis=axis, keepdims=True) + epsilon)
    y = (x if rms_scaling else centred) * factor
    y = y if gamma is None else y * _along_axes(gamma, x, axis)
    return y if beta is None or rms_scaling else y + _along_axes(beta, x, axis)


def rms_normalization(x, scale=None, axis=-1, epsilon=None):
    """Return x divided by its root mean square along an axis, times scale."""
    epsilon = config.epsilon() if epsilon is None else epsilon
    x = _float(x)
    axis = tuple(axis) if isinstance(axis, (list, tuple)) else axis
    y = x * apply("rsqrt", apply("mean", apply("square", x), axis=axis, keepdims=True) + epsilon)
    return y if scale is None else y * _along_axes(scale, x, axis)


def dot_product_attention(
    query, key, value, bias=None, mask=None, scale=None, is_causal=False, flash_attention=None,
    attn_logits_soft_cap=None,
):  # fmt: skip
    """Return softmax(query key^T * scale + bias) value, for tensors (batch, length, heads, size)."""
    scale = 1.0 / math.sqrt(query.shape[-1]) if scale is None else scale
    logits = apply("einsum", query, key, subscripts="btnh,bsnh->bnts") * scale
    if attn_logits_soft_cap is not None:
        logits = apply("tanh", logits / attn_logits_soft_cap) * attn_logits_soft_cap
    if bias is not None:
        logits = logits + bias
    if is_causal:
        t, s = query.shape[1], key.shape[1]
        causal = np.tril(np.ones((t, s), bool))
        mask = causal if mask is None else apply("logical_and", mask, causal)
    if mask is not None:
        logits = apply("where", mask, logits, -1e9)
    return apply("einsum", apply("softmax", logits, axis=-1), value, subscripts="bnts,bsnh->btnh")


__all__ = (
    "batch_normalization binary_crossentropy categorical_crossentropy celu dot_product_attention elu gelu glu "
    "hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh layer_normalization leaky_relu log_sigmoid log_softmax "
    "moments multi_hot normalize one_hot relu relu6 rms_normalization selu sigmoid silu soft_shrink softmax "
    "softplus softsign sparse_categorical_crossentropy sparse_plus sparse_sigmoid sparsemax squareplus swish tanh "
    "tanh_shrink threshold "
).split()
