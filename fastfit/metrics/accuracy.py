"""The accuracy family."""

from fastfit import config, ops
from fastfit.graph.masks import get_mask
from fastfit.graph.op import apply
from fastfit.losses.loss import squeeze_or_expand_to_same_rank, to_float
from fastfit.metrics.reduction import MeanMetricWrapper


def accuracy(y_true, y_pred):
    """Return 1 where targets equal predictions."""
    y_true, y_pred = squeeze_or_expand_to_same_rank(ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred))
    return ops.cast(ops.equal(y_true, y_pred), config.floatx())


def binary_accuracy(y_true, y_pred, threshold=0.5):
    """Return 1 where (prediction > threshold) equals the target."""
    y_true, y_pred = squeeze_or_expand_to_same_rank(ops.convert_to_tensor(y_true), to_float(y_pred))
    hits = ops.equal(y_true, ops.cast(ops.greater(y_pred, threshold), str(y_true.dtype)))
    return ops.cast(hits, config.floatx())


def categorical_accuracy(y_true, y_pred):
    """Return 1 where the largest prediction is at the place of the largest target."""
    y_true, y_pred = ops.convert_to_tensor(y_true), to_float(y_pred)
    if len(y_true.shape) != len(y_pred.shape):
        raise ValueError(
            "categorical_accuracy: y_true must be one-hot, of the shape of y_pred. Received: "
            f"y_true.shape={tuple(y_true.shape)}, y_pred.shape={tuple(y_pred.shape)}"
        )
    return apply("hit_dense", y_true, y_pred)


def sparse_categorical_accuracy(y_true, y_pred):
    """Return 1 where the largest prediction is at the target class id."""
    y_true, y_pred = ops.convert_to_tensor(y_true), to_float(y_pred)
    if len(y_true.shape) == len(y_pred.shape) and y_true.shape[-1] != 1:
        raise ValueError(
            "sparse_categorical_accuracy: y_true must hold class ids. Received: "
            f"y_true.shape={tuple(y_true.shape)}, y_pred.shape={tuple(y_pred.shape)}"
        )
    return apply("hit_sparse", y_true, y_pred)


def _in_top_k(y_true, y_pred, k):
    shape = y_pred.shape
    if len(shape) <= 2:
        return apply("in_top_k", ops.reshape(y_true, (-1,)), y_pred, k=k)
    hits = apply("in_top_k", ops.reshape(y_true, (-1,)), ops.reshape(y_pred, (-1, shape[-1])), k=k)
    return apply("reshape_like", hits, y_true)


def top_k_categorical_accuracy(y_true, y_pred, k=5):
    """Return 1 where the true class of a one-hot target is among the k largest predictions."""
    y_pred = to_float(y_pred)
    return ops.cast(_in_top_k(ops.argmax(y_true, axis=-1), y_pred, k), config.floatx())


def sparse_top_k_categorical_accuracy(y_true, y_pred, k=5, from_sorted_ids=False):
    """Return 1 where the target class id is among the k largest predictions.

    Parameters
    ----------
    from_sorted_ids : bool, default=False
        Predictions are class ids, the likeliest first.
    """
    y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
    if len(y_true.shape) == len(y_pred.shape):
        y_true = ops.squeeze(y_true, -1)
    if from_sorted_ids:
        hits = ops.any(ops.equal(ops.expand_dims(y_true, -1), y_pred[..., :k]), axis=-1)
    else:
        hits = _in_top_k(y_true, to_float(y_pred), k)
    return ops.cast(hits, config.floatx())


class _Accuracy(MeanMetricWrapper):
    _direction = "up"


class Accuracy(_Accuracy, function=accuracy):
    """How often predictions equal targets."""


class BinaryAccuracy(_Accuracy):
    """How often predictions above ``threshold`` match labels 1, and others labels 0."""

    def __init__(self, name="binary_accuracy", dtype=None, threshold=0.5):
        if threshold is not None and not 0 <= threshold <= 1:
            raise ValueError(
                "Invalid value for argument `threshold`. Expected a value in interval [0, 1]. "
                f"Received: threshold={threshold}"
            )
        super().__init__(binary_accuracy, name, dtype, threshold=threshold)
        self.threshold, self._parameters = threshold, frozenset({"threshold"})

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Add a batch."""
        y_true, p = squeeze_or_expand_to_same_rank(ops.convert_to_tensor(y_true), to_float(y_pred))
        by_row = sample_weight is None or len(ops.convert_to_tensor(sample_weight).shape) < len(p.shape)
        if not by_row or len(p.shape) < 2 or get_mask(y_pred) is not None:
            super().update_state(y_true, y_pred, sample_weight)
            return
        # The mean over the last axis is taken in any case, and has an op of its own.
        super(MeanMetricWrapper, self).update_state(
            apply("hit_binary", y_true, p, threshold=self.threshold), sample_weight
        )


class CategoricalAccuracy(_Accuracy, function=categorical_accuracy):
    """How often the largest prediction is at the place of the one in a one-hot target."""


class SparseCategoricalAccuracy(_Accuracy, function=sparse_categorical_accuracy):
    """How often the largest prediction is at the target class id."""


class TopKCategoricalAccuracy(_Accuracy, function=top_k_categorical_accuracy, order="k name dtype"):
    """How often the true class of a one-hot target is among the ``k`` largest predictions."""


class SparseTopKCategoricalAccuracy(
    _Accuracy, function=sparse_top_k_categorical_accuracy, order="k name dtype from_sorted_ids"
):
    """How often the target class id is among the ``k`` largest predictions.

    Parameters
    ----------
    k : int, default=5
    from_sorted_ids : bool, default=False
        Predictions are class ids, the likeliest first.
    """
