"""Losses of numbers, margins and directions."""

import math

from fastfit import config, ops
from fastfit.graph.op import apply
from fastfit.losses.loss import squeeze_or_expand_to_same_rank, to_float


def _pair(y_true, y_pred, name, same_shape=True):
    """Return targets and predictions as floats of one rank; ValueError if their shapes differ."""
    y_pred = to_float(y_pred)
    y_true = to_float(y_true, str(y_pred.dtype))
    y_true, y_pred = squeeze_or_expand_to_same_rank(y_true, y_pred)
    if same_shape:
        t, p = tuple(y_true.shape), tuple(y_pred.shape)
        if len(t) != len(p) or any(None not in (a, b) and a != b for a, b in zip(t, p, strict=True)):
            # Broadcasting (n,) against (n, m) trains a model on nonsense without a word.
            raise ValueError(
                f"{name}: y_true and y_pred must have the same shape. Received: y_true.shape={t}, y_pred.shape={p}"
            )
    return y_true, y_pred


def mean_squared_error(y_true, y_pred):
    """Return mean((p - y)^2) over the last axis."""
    y_true, y_pred = _pair(y_true, y_pred, "mean_squared_error")
    return apply("squared_error_mean", y_pred, y_true)


def mean_absolute_error(y_true, y_pred):
    """Return mean(|p - y|) over the last axis."""
    y_true, y_pred = _pair(y_true, y_pred, "mean_absolute_error")
    return apply("absolute_error_mean", y_pred, y_true)


def mean_absolute_percentage_error(y_true, y_pred):
    """Return 100 * mean(|y - p| / max(|y|, epsilon)) over the last axis."""
    y_true, y_pred = _pair(y_true, y_pred, "mean_absolute_percentage_error")
    ratio = (y_true - y_pred) / ops.maximum(ops.abs(y_true), config.epsilon())
    return ops.mean(ops.abs(ratio), axis=-1) * 100.0


def mean_squared_logarithmic_error(y_true, y_pred):
    """Return the mean square of log(p + 1) - log(y + 1), both at least epsilon."""
    y_true, y_pred = _pair(y_true, y_pred, "mean_squared_logarithmic_error")
    first = ops.log(ops.maximum(y_pred, config.epsilon()) + 1.0)
    second = ops.log(ops.maximum(y_true, config.epsilon()) + 1.0)
    return ops.mean(ops.square(first - second), axis=-1)


def huber(y_true, y_pred, delta=1.0):
    """Return the mean of d^2 / 2 up to ``delta`` and delta |d| - delta^2 / 2 beyond."""
    y_true, y_pred = _pair(y_true, y_pred, "huber")
    error = y_pred - y_true
    size = ops.abs(error)
    return ops.mean(ops.where(size <= delta, ops.square(error) * 0.5, size * delta - 0.5 * delta**2), axis=-1)


def log_cosh(y_true, y_pred):
    """Return the mean of log(cosh(p - y))."""
    y_true, y_pred = _pair(y_true, y_pred, "log_cosh")
    error = y_pred - y_true
    return ops.mean(error + ops.softplus(error * -2.0) - math.log(2.0), axis=-1)


def poisson(y_true, y_pred):
    """Return mean(p - y log(p + epsilon))."""
    y_true, y_pred = _pair(y_true, y_pred, "poisson")
    return ops.mean(y_pred - y_true * ops.log(y_pred + config.epsilon()), axis=-1)


def kl_divergence(y_true, y_pred):
    """Return sum(y log(y / p)), both limited to [epsilon, 1]."""
    y_pred = to_float(y_pred)
    y_true = ops.clip(to_float(y_true, str(y_pred.dtype)), config.epsilon(), 1.0)
    y_pred = ops.clip(y_pred, config.epsilon(), 1.0)
    return ops.sum(y_true * ops.log(y_true / y_pred), axis=-1)


def cosine_similarity(y_true, y_pred, axis=-1):
    """Return minus the cosine between targets and predictions: -1 for the same direction."""
    y_true, y_pred = _pair(y_true, y_pred, "cosine_similarity", same_shape=False)
    return ops.negative(ops.sum(ops.normalize(y_true, axis=axis) * ops.normalize(y_pred, axis=axis), axis=axis))


def _signed(y_true):
    """Return -1/1 for a batch of labels that are all 0 or 1; other batches as they are."""
    binary = ops.all(ops.logical_or(ops.equal(y_true, 0), ops.equal(y_true, 1)))
    return ops.where(binary, y_true * 2.0 - 1.0, y_true)


def _margins(y_true, y_pred):
    y_pred = to_float(y_pred)
    y_true = _signed(to_float(y_true, str(y_pred.dtype)))
    return ops.maximum(1.0 - y_true * y_pred, 0.0)


def hinge(y_true, y_pred):
    """Return mean(max(1 - y p, 0)) for labels -1/1 or 0/1."""
    return ops.mean(_margins(y_true, y_pred), axis=-1)


def squared_hinge(y_true, y_pred):
    """Return mean(max(1 - y p, 0)^2)."""
    return ops.mean(ops.square(_margins(y_true, y_pred)), axis=-1)


def categorical_hinge(y_true, y_pred):
    """Return max(1 + max((1 - y) p) - sum(y p), 0)."""
    y_pred = to_float(y_pred)
    y_true = to_float(y_true, str(y_pred.dtype))
    positive = ops.sum(y_true * y_pred, axis=-1)
    negative = ops.max((1.0 - y_true) * y_pred, axis=-1)
    return ops.maximum(negative - positive + 1.0, 0.0)


def dice(y_true, y_pred, axis=None):
    """Return 1 - 2 sum(y p) / (sum(y) + sum(p) + epsilon)."""
    y_pred = to_float(y_pred)
    y_true = to_float(y_true, str(y_pred.dtype))
    both = ops.sum(y_true * y_pred, axis=axis)
    return 1.0 - both * 2.0 / (ops.sum(y_true, axis=axis) + ops.sum(y_pred, axis=axis) + config.epsilon())


def tversky(y_true, y_pred, alpha=0.5, beta=0.5, axis=None):
    """Return 1 - I / (I + alpha FP + beta FN + epsilon), with I = sum(y p)."""
    y_pred = to_float(y_pred)
    y_true = to_float(y_true, str(y_pred.dtype))
    both = ops.sum(y_true * y_pred, axis=axis)
    false_positive = ops.sum((1.0 - y_true) * y_pred, axis=axis)
    false_negative = ops.sum(y_true * (1.0 - y_pred), axis=axis)
    return 1.0 - both / (both + false_positive * alpha + false_negative * beta + config.epsilon())
