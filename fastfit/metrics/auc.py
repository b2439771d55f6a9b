"""Area under a curve over thresholds."""

import numpy as np

from fastfit import ops
from fastfit.metrics.confusion import _Confusion, auc_thresholds
from fastfit.utils.registry import deserialize_keras_object

_CURVES = {"roc": "ROC", "pr": "PR", "prgain": "PRGAIN"}
_SUMMATIONS = ("interpolation", "minoring", "majoring")


class AUC(_Confusion):
    """Area under the ROC or precision-recall curve, from counts at fixed thresholds.

    Parameters
    ----------
    num_thresholds : int, default=200
    curve : {"ROC", "PR", "PRGAIN"}
    summation_method : {"interpolation", "minoring", "majoring"}
        Interpolation under PR is Davis and Goadrich's.
    name, dtype : str, optional
    thresholds : list of float, optional
        Instead of evenly spaced ones.
    multi_label : bool, default=False
        One area for each column of the predictions, averaged.
    num_labels : int, optional
        Number of columns; else taken from the first batch.
    label_weights : list of float, optional
    from_logits : bool, default=False
        Predictions go through a sigmoid first.
    """

    _direction = "up"

    def __init__(
        self,
        num_thresholds=200,
        curve="ROC",
        summation_method="interpolation",
        name=None,
        dtype=None,
        thresholds=None,
        multi_label=False,
        num_labels=None,
        label_weights=None,
        from_logits=False,
    ):
        super().__init__(name=name, dtype=dtype)
        if str(curve).lower() not in _CURVES:
            raise ValueError(f'Invalid AUC curve value: "{curve}". Expected values are {sorted(_CURVES.values())}')
        if str(summation_method).lower() not in _SUMMATIONS:
            raise ValueError(
                f'Invalid AUC summation method value: "{summation_method}". Expected values are {list(_SUMMATIONS)}'
            )
        self.curve = _CURVES[str(curve).lower()]
        self.summation_method = str(summation_method).lower()
        self.init_thresholds = None if thresholds is None else list(thresholds)
        self.thresholds = auc_thresholds(num_thresholds, thresholds)
        self.num_thresholds = len(self.thresholds)
        self.multi_label = multi_label
        self.num_labels = num_labels
        self.label_weights = None if label_weights is None else np.asarray(label_weights, self._dtype)
        self.from_logits = from_logits
        if num_labels and not multi_label:
            raise ValueError("`num_labels` is needed only when `multi_label` is True.")
        self._built = False
        if not multi_label or num_labels:
            self._build(num_labels)

    def _build(self, labels):
        self._make_counts((self.num_thresholds, labels) if self.multi_label else (self.num_thresholds,))
        self._built = True

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Add a batch."""
        y_pred = ops.convert_to_tensor(y_pred)
        if not self._built:
            if len(y_pred.shape) != 2:
                raise ValueError(
                    f"`y_pred` must have rank 2 when `multi_label=True`. Found rank {len(y_pred.shape)}. "
                    f"Full shape received for `y_pred`: {tuple(y_pred.shape)}"
                )
            self._build(y_pred.shape[1])
        if self.from_logits:
            y_pred = ops.sigmoid(y_pred)
        label_weights = None if self.multi_label else self.label_weights
        # Predictions out of [0, 1] count as 0 or 1, between the outer thresholds.
        y_pred = ops.clip(y_pred, 0.0, 1.0)
        self._count(y_true, y_pred, sample_weight, multi_label=self.multi_label, label_weights=label_weights)

    def result(self):
        """Return the area."""
        tp, fp, tn, fn = (self.true_positives, self.false_positives, self.true_negatives, self.false_negatives)
        tp, fp, tn, fn = (ops.convert_to_tensor(v) for v in (tp, fp, tn, fn))
        if self.curve == "PR" and self.summation_method == "interpolation":
            return self._over_labels(_pr_increments(tp, fp, fn))
        recall = self._rate(tp, fn)
        if self.curve == "ROC":
            x, y = self._rate(fp, tn), recall
        elif self.curve == "PR":
            x, y = recall, self._rate(tp, fp)
        else:
            scale = ops.divide_no_nan(tp + fn, tn + fp)
            none = ops.equal(tp, 0.0)
            x = ops.maximum(ops.where(none, 0.0, 1.0 - scale * ops.divide_no_nan(fn, tp)), 0.0)
            y = ops.where(none, 1.0, 1.0 - scale * ops.divide_no_nan(fp, tp))
        if self.summation_method == "interpolation":
            heights = (y[:-1] + y[1:]) * 0.5
        elif self.summation_method == "minoring":
            heights = ops.minimum(y[:-1], y[1:])
        else:
            heights = ops.maximum(y[:-1], y[1:])
        return self._over_labels((x[:-1] - x[1:]) * heights)

    def _over_labels(self, terms):
        area = ops.sum(terms, axis=0)
        if self.multi_label:
            if self.label_weights is None:
                area = ops.mean(area)
            else:
                area = ops.divide_no_nan(ops.sum(area * self.label_weights), float(np.sum(self.label_weights)))
        return self._value(area)

    def get_config(self):
        config = {
            **super().get_config(),
            "num_thresholds": self.num_thresholds,
            "curve": self.curve,
            "summation_method": self.summation_method,
            "multi_label": self.multi_label,
            "num_labels": self.num_labels,
            "label_weights": None if self.label_weights is None else self.label_weights.tolist(),
            "from_logits": self.from_logits,
        }
        return config if self.init_thresholds is None else {**config, "thresholds": self.init_thresholds}

    @classmethod
    def from_config(cls, config):
        # Keras writes the weights as a tensor.
        return cls(**{**config, "label_weights": deserialize_keras_object(config.get("label_weights"))})


def _pr_increments(tp, fp, fn):
    """Return the areas between thresholds under the interpolated precision-recall curve."""
    positives = tp + fp
    dtp, dp = tp[:-1] - tp[1:], positives[:-1] - positives[1:]
    slope = ops.divide_no_nan(dtp, ops.maximum(dp, 0.0))
    intercept = tp[1:] - slope * positives[1:]
    both = ops.logical_and(positives[:-1] > 0, positives[1:] > 0)
    ratio = ops.where(both, ops.divide_no_nan(positives[:-1], ops.maximum(positives[1:], 0.0)), 1.0)
    return ops.divide_no_nan(slope * (dtp + intercept * ops.log(ratio)), ops.maximum(tp[1:] + fn[1:], 0.0))
