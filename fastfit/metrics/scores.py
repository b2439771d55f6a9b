"""Scores from whole columns: F-beta and R2."""

import warnings

from fastfit import config, ops
from fastfit.graph.op import apply
from fastfit.graph.tensor import KerasTensor
from fastfit.losses.loss import squeeze_or_expand_to_same_rank, to_float
from fastfit.metrics.metric import STATE, Metric


def _check_rank_2(name, y_true, y_pred):
    if len(y_pred.shape) != 2 or len(y_true.shape) != 2:
        raise ValueError(
            f"{name} expects 2D inputs with shape (batch_size, output_dim). Received input shapes: "
            f"y_pred.shape={tuple(y_pred.shape)} and y_true.shape={tuple(y_true.shape)}."
        )


class FBetaScore(Metric):
    """(1 + beta^2) P R / (beta^2 P + R) for each class.

    Parameters
    ----------
    average : {None, "micro", "macro", "weighted"}
        None gives one score per class.
    beta : float, default=1.0
    threshold : float, optional
        Predictions above it are positive; by default the largest of a row is.
    """

    _direction = "up"

    def __init__(self, average=None, beta=1.0, threshold=None, name="fbeta_score", dtype=None):
        super().__init__(name=name, dtype=dtype)
        if average not in (None, "micro", "macro", "weighted"):
            raise ValueError(
                "Invalid `average` argument value. Expected one of: {None, 'micro', 'macro', 'weighted'}. "
                f"Received: average={average}"
            )
        for label, value in (("beta", beta), ("threshold", threshold)):
            if value is not None and not isinstance(value, float):
                raise ValueError(
                    f"Invalid `{label}` argument value. It should be a Python float. Received: {label}={value} of "
                    f"type '{type(value)}'"
                )
        if beta <= 0.0:
            raise ValueError(f"Invalid `beta` argument value. It should be > 0. Received: beta={beta}")
        if threshold is not None and not 0.0 < threshold <= 1.0:
            raise ValueError(
                f"Invalid `threshold` argument value. It should verify 0 < threshold <= 1. Received: {threshold}"
            )
        self.average = average
        self.beta = beta
        self.threshold = threshold
        self._built = False

    def _build(self, classes):
        shape = () if self.average == "micro" else (classes,)
        for name in ("true_positives", "false_positives", "false_negatives", "intermediate_weights"):
            setattr(self, name, self.add_variable(shape, dtype=STATE, name=name))
        self._built = True

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Add a batch."""
        y_pred = to_float(y_pred)
        y_true = to_float(y_true, str(y_pred.dtype))
        _check_rank_2("FBetaScore", y_true, y_pred)
        if not self._built:
            self._build(y_pred.shape[-1])
        if self.threshold is None:
            top = ops.max(y_pred, axis=-1, keepdims=True)
            positive = ops.logical_and(y_pred >= top, ops.abs(y_pred) > 1e-9)
        else:
            positive = y_pred > self.threshold
        p, t = ops.cast(positive, str(y_pred.dtype)), y_true
        w = None if sample_weight is None else to_float(sample_weight, str(y_pred.dtype))
        if w is not None and len(w.shape) == 1:
            w = ops.expand_dims(w, 1)
        total = "sum64" if self.average == "micro" else "sum_rows64"
        for variable, value in (
            (self.true_positives, p * t),
            (self.false_positives, p * (1.0 - t)),
            (self.false_negatives, (1.0 - p) * t),
            (self.intermediate_weights, t),
        ):
            self._add(variable, apply(total, value if w is None else value * w))

    def result(self):
        """Return the score or scores."""
        if not self._built:
            return self._value(ops.zeros(()))
        e = config.epsilon()
        tp = ops.convert_to_tensor(self.true_positives)
        precision, recall = tp / (tp + self.false_positives + e), tp / (tp + self.false_negatives + e)
        score = precision * recall / (precision * self.beta**2 + recall + e) * (1 + self.beta**2)
        if self.average == "weighted":
            weights = self.intermediate_weights / (ops.sum(self.intermediate_weights) + e)
            score = ops.sum(score * weights)
        elif self.average is not None:
            score = ops.mean(score)
        return self._value(score)

    def get_config(self):
        own = {"average": self.average, "beta": self.beta, "threshold": self.threshold}
        return {**super().get_config(), **own}


class F1Score(FBetaScore):
    """2 P R / (P + R) for each class."""

    def __init__(self, average=None, threshold=None, name="f1_score", dtype=None):
        super().__init__(average=average, beta=1.0, threshold=threshold, name=name, dtype=dtype)

    def get_config(self):
        config = super().get_config()
        del config["beta"]
        return config


class R2Score(Metric):
    """1 - squared error / variance, for each column.

    Parameters
    ----------
    class_aggregation : {"uniform_average", "variance_weighted_average", None}
    num_regressors : int, default=0
        Adjusts the score for that many regressors.
    """

    _direction = "up"

    def __init__(self, class_aggregation="uniform_average", num_regressors=0, name="r2_score", dtype=None):
        super().__init__(name=name, dtype=dtype)
        allowed = (None, "uniform_average", "variance_weighted_average")
        if class_aggregation not in allowed:
            raise ValueError(
                f"Invalid value for argument `class_aggregation`. Expected one of {allowed}. Received: "
                f"class_aggregation={class_aggregation}"
            )
        if num_regressors < 0:
            raise ValueError(
                "Invalid value for argument `num_regressors`. Expected a value >= 0. Received: "
                f"num_regressors={num_regressors}"
            )
        self.class_aggregation = class_aggregation
        self.num_regressors = num_regressors
        self.num_samples = self.add_variable((), dtype=STATE, name="num_samples")
        self._built = False

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Add a batch."""
        y_true, y_pred = squeeze_or_expand_to_same_rank(to_float(y_true), to_float(y_pred))
        _check_rank_2("R2Score", y_true, y_pred)
        if not self._built:
            for name in ("squared_sum", "sum", "residual", "count"):
                variable = self.add_variable((y_pred.shape[-1],), dtype=STATE, name=name)
                setattr(self, "total_mse" if name == "residual" else name, variable)
            self._built = True
        t, p = y_true, y_pred
        w = ops.ones_like(t) if sample_weight is None else to_float(sample_weight, str(t.dtype))
        w = ops.expand_dims(w, 1) if len(w.shape) == 1 else w
        w = apply("broadcast_like", w, t)
        self._add(self.sum, apply("sum_rows64", t, w))
        self._add(self.squared_sum, apply("sum_rows64", t * t, w))
        self._add(self.total_mse, apply("sum_rows64", ops.square(t - p), w))
        self._add(self.count, apply("sum_rows64", w))
        self._add(self.num_samples, apply("batch_size", t) * float(t.shape[-1]))

    def result(self):
        """Return the score or scores."""
        if not self._built:
            return self._value(ops.zeros(()))
        total = self.squared_sum - self.sum * (self.sum / self.count)
        scores = 1.0 - self.total_mse / total
        scores = ops.where(ops.isinf(scores), 0.0, scores)
        if self.class_aggregation == "uniform_average":
            scores = ops.mean(scores)
        elif self.class_aggregation == "variance_weighted_average":
            scores = ops.sum(total * scores) / ops.sum(total)
        if self.num_regressors:
            scores = self._adjusted(scores)
        return self._value(scores)

    def _adjusted(self, scores):
        n = self.num_samples.value
        room = n - float(self.num_regressors) - 1.0
        if not isinstance(n, KerasTensor) and room <= 0:
            warnings.warn(
                "More independent predictors than datapoints in adjusted R2 score, or as many. Falling back to "
                "standard R2 score.",
                stacklevel=3,
            )
        adjusted = 1.0 - (1.0 - scores) * (n - 1.0) / ops.where(ops.equal(room, 0.0), 1.0, room)
        return ops.where(ops.greater(room, 0.0), adjusted, scores)

    def get_config(self):
        own = {"class_aggregation": self.class_aggregation, "num_regressors": self.num_regressors}
        return {**super().get_config(), **own}
