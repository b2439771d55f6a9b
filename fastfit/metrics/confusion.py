"""Counts of true and false positives and negatives at thresholds, and what follows from them."""

import numpy as np

from fastfit import config, ops
from fastfit.graph.op import apply
from fastfit.losses.loss import squeeze_or_expand_to_same_rank, to_float
from fastfit.metrics.metric import STATE, Metric

_NEVER = -1e10  # below any prediction that is in the top k
_COUNTS = ("true_positives", "false_positives", "true_negatives", "false_negatives")


def parse_thresholds(thresholds, default):
    """Return thresholds as a list; ValueError outside [0, 1]."""
    if thresholds is None:
        return [default]
    thresholds = list(thresholds) if isinstance(thresholds, (list, tuple, np.ndarray)) else [thresholds]
    invalid = [t for t in thresholds if t is None or t < 0 or t > 1]
    if invalid:
        raise ValueError(f"Threshold values must be in [0, 1]. Received: {invalid}")
    return thresholds


def even_thresholds(count):
    """Return ``count`` thresholds from 0 to 1, evenly spaced; 0.5 if it is one."""
    return [0.5] if count == 1 else [i / (count - 1) for i in range(count)]


def _weights(sample_weight, like):
    """Return weights in the shape of ``like``."""
    w = to_float(sample_weight, str(like.dtype))
    while len(w.shape) < len(like.shape):
        w = ops.expand_dims(w, -1)
    while len(w.shape) > len(like.shape):
        w = ops.squeeze(w, -1)
    return apply("broadcast_like", w, like)


def _top_k_only(y_pred, k):
    """Return predictions with all but the k largest of a row at -inf."""
    _, order = apply("top_k", y_pred, k=k)
    chosen = ops.max(ops.one_hot(order, y_pred.shape[-1], dtype=str(y_pred.dtype)), axis=-2)
    return ops.where(chosen > 0, y_pred, _NEVER)


def confusion_counts(y_true, y_pred, thresholds, sample_weight=None, top_k=None, class_id=None, multi_label=False,
                     label_weights=None):  # fmt: skip
    """Return weighted counts for ascending or any thresholds.

    Returns
    -------
    dict of str to array or tensor
        By name in (true|false)_(positives|negatives): shape (thresholds,), or (thresholds, labels) if ``multi_label``.
    """
    y_pred = to_float(y_pred)
    y_true = to_float(y_true, str(y_pred.dtype))
    y_pred, y_true = squeeze_or_expand_to_same_rank(y_pred, y_true)
    if top_k is not None:
        y_pred = _top_k_only(y_pred, top_k)
    if class_id is not None:
        if len(y_pred.shape) == 1:
            raise ValueError(
                "When class_id is provided, y_pred must be a 2D array with shape (num_samples, num_classes), found "
                f"shape: {tuple(y_pred.shape)}"
            )
        y_true, y_pred = y_true[..., class_id, None], y_pred[..., class_id, None]
    weights = ops.ones_like(y_pred) if sample_weight is None else _weights(sample_weight, y_pred)
    if label_weights is not None:
        weights = weights * np.asarray(label_weights, str(y_pred.dtype))
    labels = y_pred.shape[-1] if multi_label else 1
    columns = [ops.reshape(v, (-1, labels)) for v in (y_true, y_pred, weights)]
    y_true, y_pred, weights = columns
    positive = ops.where(ops.not_equal(y_true, 0.0), weights, 0.0)
    negative = weights - positive
    limits = np.asarray(thresholds, str(y_pred.dtype))
    parts = ((positive, False), (negative, False), (negative, True), (positive, True))
    counts = {
        name: apply("sum_above64", y_pred, part, limits, below=below)
        for name, (part, below) in zip(_COUNTS, parts, strict=True)
    }
    return counts if multi_label else {k: ops.squeeze(v, -1) for k, v in counts.items()}


class _Confusion(Metric):
    """Keeps some of the four counts for ``self.thresholds``."""

    _kept = _COUNTS

    def _make_counts(self, shape):
        for name in self._kept:
            setattr(self, name, self.add_variable(shape, dtype=STATE, name=name))

    def _count(self, y_true, y_pred, sample_weight, **options):
        counts = confusion_counts(y_true, y_pred, self.thresholds, sample_weight, **options)
        for name in self._kept:
            self._add(getattr(self, name), counts[name])

    def _rate(self, part, *rest):
        total = part
        for r in rest:
            total = total + r
        return ops.divide_no_nan(part, total)


class _CountMetric(_Confusion):
    _kept = ()

    def __init__(self, thresholds=None, name=None, dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.init_thresholds = thresholds
        self.thresholds = parse_thresholds(thresholds, 0.5)
        self._make_counts((len(self.thresholds),))
        self.accumulator = getattr(self, self._kept[0])

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Add a batch."""
        self._count(y_true, y_pred, sample_weight)

    def result(self):
        """Return the count; one per threshold if there are several."""
        return self._value(self.accumulator[0] if len(self.thresholds) == 1 else self.accumulator)

    def get_config(self):
        return {**super().get_config(), "thresholds": self.init_thresholds}


class TruePositives(_CountMetric):
    """Weighted number of labels 1 predicted above the threshold."""

    _kept = ("true_positives",)
    _direction = "up"


class FalsePositives(_CountMetric):
    """Weighted number of labels 0 predicted above the threshold."""

    _kept = ("false_positives",)
    _direction = "down"


class TrueNegatives(_CountMetric):
    """Weighted number of labels 0 predicted at or below the threshold."""

    _kept = ("true_negatives",)
    _direction = "up"


class FalseNegatives(_CountMetric):
    """Weighted number of labels 1 predicted at or below the threshold."""

    _kept = ("false_negatives",)
    _direction = "down"


class _PrecisionRecall(_Confusion):
    _direction = "up"

    def __init__(self, thresholds=None, top_k=None, class_id=None, name=None, dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.init_thresholds = thresholds
        self.top_k = top_k
        self.class_id = class_id
        self.thresholds = parse_thresholds(thresholds, 0.5 if top_k is None else _NEVER)
        self._make_counts((len(self.thresholds),))

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Add a batch."""
        self._count(y_true, y_pred, sample_weight, top_k=self.top_k, class_id=self.class_id)

    def result(self):
        """Return the ratio, 0 if empty; one per threshold if there are several."""
        ratio = self._rate(*(getattr(self, name) for name in self._kept))
        return self._value(ratio[0] if len(self.thresholds) == 1 else ratio)

    def get_config(self):
        own = {"thresholds": self.init_thresholds, "top_k": self.top_k, "class_id": self.class_id}
        return {**super().get_config(), **own}


class Precision(_PrecisionRecall):
    """How many of the predicted positives are positive."""

    _kept = ("true_positives", "false_positives")


class Recall(_PrecisionRecall):
    """How many of the positives are predicted positive."""

    _kept = ("true_positives", "false_negatives")


class _AtOther(_Confusion):
    """Maximum of one rate over the thresholds where another reaches a value."""

    _direction = "up"
    _value_name = None

    def __init__(self, value, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(name=name, dtype=dtype)
        if num_thresholds <= 0:
            raise ValueError(
                f"Argument `num_thresholds` must be an integer > 0. Received: num_thresholds={num_thresholds}"
            )
        if not 0 <= value <= 1:
            raise ValueError(
                f"Argument `{self._value_name}` must be in the range [0, 1]. Received: {self._value_name}={value}"
            )
        self.value = value
        setattr(self, self._value_name, value)
        self.num_thresholds = num_thresholds
        self.class_id = class_id
        self.thresholds = even_thresholds(num_thresholds)
        self._make_counts((len(self.thresholds),))

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Add a batch."""
        self._count(y_true, y_pred, sample_weight, class_id=self.class_id)

    def result(self):
        """Return the maximum, 0 if no threshold qualifies."""
        tp, fp, tn, fn = (getattr(self, name) for name in _COUNTS)
        rates = {
            "sensitivity": self._rate(tp, fn),
            "recall": self._rate(tp, fn),
            "specificity": self._rate(tn, fp),
            "precision": self._rate(tp, fp),
        }
        feasible = ops.greater_equal(rates[self._value_name], self.value)
        return self._value(ops.max(ops.where(feasible, rates[self._wanted], 0.0), initial=0.0))

    def get_config(self):
        own = {"num_thresholds": self.num_thresholds, "class_id": self.class_id, self._value_name: self.value}
        return {**super().get_config(), **own}


class SensitivityAtSpecificity(_AtOther):
    """Best sensitivity where the specificity is at least a value."""

    _wanted, _value_name = "sensitivity", "specificity"

    def __init__(self, specificity, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(specificity, num_thresholds, class_id, name, dtype)


class SpecificityAtSensitivity(_AtOther):
    """Best specificity where the sensitivity is at least a value."""

    _wanted, _value_name = "specificity", "sensitivity"

    def __init__(self, sensitivity, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(sensitivity, num_thresholds, class_id, name, dtype)


class PrecisionAtRecall(_AtOther):
    """Best precision where the recall is at least a value."""

    _wanted, _value_name = "precision", "recall"

    def __init__(self, recall, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(recall, num_thresholds, class_id, name, dtype)


class RecallAtPrecision(_AtOther):
    """Best recall where the precision is at least a value."""

    _wanted, _value_name = "recall", "precision"

    def __init__(self, precision, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(precision, num_thresholds, class_id, name, dtype)


def auc_thresholds(num_thresholds, thresholds):
    """Return the thresholds of an AUC: the given or evenly spaced ones between -epsilon and 1 + epsilon."""
    if thresholds is not None:
        inner = sorted(thresholds)
    else:
        if num_thresholds <= 1:
            raise ValueError(
                f"Argument `num_thresholds` must be an integer > 1. Received: num_thresholds={num_thresholds}"
            )
        inner = even_thresholds(num_thresholds)[1:-1] if num_thresholds > 2 else []
    return [0.0 - config.epsilon(), *inner, 1.0 + config.epsilon()]
