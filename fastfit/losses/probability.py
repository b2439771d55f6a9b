"""Losses of probabilities: the crossentropies."""

import warnings

from fastfit import config, ops
from fastfit.graph.masks import with_mask
from fastfit.losses.loss import squeeze_or_expand_to_same_rank, to_float


def _check_axis(axis):
    if isinstance(axis, bool):
        raise ValueError(f"`axis` must be of type `int`. Received: axis={axis} of type {type(axis)}")


def _classes(name, y_true, y_pred, label_smoothing, axis):
    _check_axis(axis)
    y_pred = to_float(y_pred)
    y_true = to_float(y_true, str(y_pred.dtype))
    if y_pred.shape[-1] == 1:
        warnings.warn(
            f"In loss {name}, expected y_pred.shape to be (batch_size, num_classes) with num_classes > 1. "
            f"Received: y_pred.shape={tuple(y_pred.shape)}. Consider using 'binary_crossentropy' if you only have 2 "
            "classes.",
            SyntaxWarning,
            stacklevel=3,
        )
    if label_smoothing:
        y_true = y_true * (1.0 - label_smoothing) + label_smoothing / y_true.shape[-1]
    return y_true, y_pred


def categorical_crossentropy(y_true, y_pred, from_logits=False, label_smoothing=0.0, axis=-1):
    """Return -sum(y log p) of one-hot targets."""
    y_true, y_pred = _classes("categorical_crossentropy", y_true, y_pred, label_smoothing, axis)
    return ops.categorical_crossentropy(y_true, y_pred, from_logits=from_logits, axis=axis)


def categorical_focal_crossentropy(
    y_true, y_pred, alpha=0.25, gamma=2.0, from_logits=False, label_smoothing=0.0, axis=-1
):
    """Return sum(alpha (1 - p)^gamma (-y log p))."""
    y_true, y_pred = _classes("categorical_focal_crossentropy", y_true, y_pred, label_smoothing, axis)
    if from_logits:
        y_pred = ops.softmax(y_pred, axis=axis)
    p = y_pred / ops.sum(y_pred, axis=axis, keepdims=True)
    p = ops.clip(p, config.epsilon(), 1.0 - config.epsilon())
    values = ops.power(1.0 - p, gamma) * alpha * (y_true * ops.log(p))
    return ops.negative(ops.sum(values, axis=axis))


def class_ids(y_true, y_pred, axis=-1):
    """Return targets (...) or (..., 1) without the class axis."""
    y_true = ops.convert_to_tensor(y_true)
    if len(y_true.shape) == len(y_pred.shape) and y_true.shape[axis] == 1:
        return ops.squeeze(y_true, axis=axis)
    return y_true


def sparse_categorical_crossentropy(y_true, y_pred, from_logits=False, ignore_class=None, axis=-1):
    """Return -log p[y] of class ids; 0 for ``ignore_class``, which a mask on the result then leaves out of means."""
    y_pred = to_float(y_pred)
    if ignore_class is None:
        y_true = ops.convert_to_tensor(y_true)
        return ops.sparse_categorical_crossentropy(y_true, y_pred, from_logits=from_logits, axis=axis)
    y_true = class_ids(y_true, y_pred, axis)
    valid = ops.not_equal(y_true, ignore_class)
    y_true = ops.where(valid, y_true, 0)
    # Zeros, as in Keras: whatever they give is replaced below, but NaN would spread through a gradient.
    y_pred = ops.where(ops.expand_dims(valid, axis), y_pred, 0.0 if from_logits else 1.0)
    values = ops.sparse_categorical_crossentropy(y_true, y_pred, from_logits=from_logits, axis=axis)
    return with_mask(ops.where(valid, values, 0.0), valid)


def _binary(y_true, y_pred, label_smoothing):
    y_pred = to_float(y_pred)
    y_true = to_float(y_true, str(y_pred.dtype))
    y_true, y_pred = squeeze_or_expand_to_same_rank(y_true, y_pred)
    if label_smoothing:
        y_true = y_true * (1.0 - label_smoothing) + 0.5 * label_smoothing
    return y_true, y_pred


def binary_crossentropy(y_true, y_pred, from_logits=False, label_smoothing=0.0, axis=-1):
    """Return the mean of -(y log p + (1 - y) log(1 - p))."""
    y_true, y_pred = _binary(y_true, y_pred, label_smoothing)
    return ops.mean(ops.binary_crossentropy(y_true, y_pred, from_logits=from_logits), axis=axis)


def binary_focal_crossentropy(
    y_true,
    y_pred,
    apply_class_balancing=False,
    alpha=0.25,
    gamma=2.0,
    from_logits=False,
    label_smoothing=0.0,
    axis=-1,
):
    """Return the mean of (1 - p_t)^gamma bce, with p_t the probability of the true label."""
    y_true, y_pred = _binary(y_true, y_pred, label_smoothing)
    if from_logits:
        y_pred = ops.sigmoid(y_pred)
    bce = ops.binary_crossentropy(y_true, y_pred, from_logits=False)
    p_true = y_true * y_pred + (1.0 - y_true) * (1.0 - y_pred)
    values = ops.power(1.0 - p_true, gamma) * bce
    if apply_class_balancing:
        values = (y_true * alpha + (1.0 - y_true) * (1.0 - alpha)) * values
    return ops.mean(values, axis=axis)


def categorical_generalized_cross_entropy(y_true, y_pred, q):
    """Return (1 - p[y]^q) / q of class ids."""
    y_pred = to_float(y_pred)
    hot = ops.one_hot(ops.cast(class_ids(y_true, y_pred), "int32"), y_pred.shape[-1], dtype=str(y_pred.dtype))
    p = ops.sum(y_pred * hot, axis=-1)
    # The slope of p^q at 0 is infinite, and would make all others NaN: there it is taken as 0.
    inside = ops.not_equal(p, 0.0)
    return (1.0 - ops.where(inside, ops.power(ops.where(inside, p, 1.0), q), 0.0)) / q


def circle(y_true, y_pred, ref_labels=None, ref_embeddings=None, remove_diagonal=True, gamma=80, margin=0.4):
    """Return the circle loss of embeddings (normalised rows) with class ids; a mask on it tells positive values."""
    y_pred = to_float(y_pred)
    labels = ops.cast(y_true, "int32")
    labels = ops.reshape(labels, (-1,)) if len(labels.shape) > 1 else labels
    references = y_pred if ref_embeddings is None else to_float(ref_embeddings)
    ref_labels = labels if ref_labels is None else ops.reshape(ops.cast(ref_labels, "int32"), (-1,))
    distances = ops.maximum(1.0 - ops.matmul(y_pred, ops.transpose(references)), 0.0)
    positive = ops.equal(ops.expand_dims(labels, 1), ops.expand_dims(ref_labels, 0))
    negative = ops.logical_not(positive)
    if remove_diagonal:
        rows = ops.cumsum(ops.ones_like(labels), axis=0)
        columns = ops.cumsum(ops.ones_like(ref_labels), axis=0)
        positive = ops.logical_and(positive, ops.expand_dims(rows, 1) != ops.expand_dims(columns, 0))
    # Weights have a gradient here, as in Keras.
    positive_weight = ops.where(positive, ops.maximum(distances + margin, 0.0), 0.0)
    negative_weight = ops.where(negative, ops.maximum(1.0 + margin - distances, 0.0), 0.0)
    positive_logit = positive_weight * (margin - distances) * (-1.0 * gamma)
    negative_logit = negative_weight * (1.0 - margin - distances) * float(gamma)
    lowest = float("-inf")
    p = ops.logsumexp(ops.where(positive, positive_logit, lowest), axis=1)
    n = ops.logsumexp(ops.where(negative, negative_logit, lowest), axis=1)
    values = ops.softplus(p + n)
    return with_mask(values, values > 0)
