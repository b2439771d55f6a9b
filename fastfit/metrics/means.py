"""Means of loss functions, and of correlations."""

from fastfit import config, losses, ops
from fastfit.losses.loss import apply_mask, squeeze_or_expand_to_same_rank, to_float
from fastfit.losses.probability import ignoring
from fastfit.metrics.reduction import Mean, MeanMetricWrapper


def _pair(y_true, y_pred):
    y_pred = to_float(y_pred)
    return squeeze_or_expand_to_same_rank(to_float(y_true, str(y_pred.dtype)), y_pred)


def cosine_similarity(y_true, y_pred, axis=-1):
    """Return the cosine between targets and predictions: 1 for the same direction."""
    return ops.negative(losses.cosine_similarity(y_true, y_pred, axis=axis))


def pearson_correlation(y_true, y_pred, axis=-1):
    """Return the correlation along an axis."""
    y_true, y_pred = _pair(y_true, y_pred)
    t = y_true - ops.mean(y_true, axis=axis, keepdims=True)
    p = y_pred - ops.mean(y_pred, axis=axis, keepdims=True)
    t = t / ops.std(t, axis=axis, keepdims=True)
    p = p / ops.std(p, axis=axis, keepdims=True)
    return ops.mean(t * p, axis=axis)


def concordance_correlation(y_true, y_pred, axis=-1):
    """Return the concordance correlation along an axis."""
    y_true, y_pred = _pair(y_true, y_pred)
    t_mean = ops.mean(y_true, axis=axis, keepdims=True)
    p_mean = ops.mean(y_pred, axis=axis, keepdims=True)
    covariance = (y_true - t_mean) * (y_pred - p_mean)
    spread = (
        ops.var(y_true, axis=axis, keepdims=True)
        + ops.var(y_pred, axis=axis, keepdims=True)
        + ops.square(t_mean - p_mean)
    )
    return ops.mean(covariance * 2.0 / (spread + config.epsilon()), axis=axis)


class _Error(MeanMetricWrapper):
    _direction = "down"


def _plain(class_name, fn, default_name, doc):
    """Return a metric class of a function without parameters."""

    def __init__(self, name=default_name, dtype=None):
        MeanMetricWrapper.__init__(self, fn, name, dtype)

    return type(class_name, (_Error,), {"__init__": __init__, "__doc__": doc, "__module__": __name__})


MeanSquaredError = _plain("MeanSquaredError", losses.mean_squared_error, "mean_squared_error", "Mean of (p - y)^2.")
MeanAbsoluteError = _plain(
    "MeanAbsoluteError", losses.mean_absolute_error, "mean_absolute_error", "Mean of |p - y|."
)
MeanAbsolutePercentageError = _plain(
    "MeanAbsolutePercentageError",
    losses.mean_absolute_percentage_error,
    "mean_absolute_percentage_error",
    "100 times the mean of |y - p| / |y|.",
)
MeanSquaredLogarithmicError = _plain(
    "MeanSquaredLogarithmicError",
    losses.mean_squared_logarithmic_error,
    "mean_squared_logarithmic_error",
    "Mean of (log(p + 1) - log(y + 1))^2.",
)
LogCoshError = _plain("LogCoshError", losses.log_cosh, "logcosh", "Mean of log(cosh(p - y)).")
Hinge = _plain("Hinge", losses.hinge, "hinge", "Mean of max(1 - y p, 0).")
SquaredHinge = _plain("SquaredHinge", losses.squared_hinge, "squared_hinge", "Mean of max(1 - y p, 0)^2.")
CategoricalHinge = _plain("CategoricalHinge", losses.categorical_hinge, "categorical_hinge", "Mean categorical hinge.")
KLDivergence = _plain("KLDivergence", losses.kl_divergence, "kl_divergence", "Mean of sum(y log(y / p)).")
Poisson = _plain("Poisson", losses.poisson, "poisson", "Mean of p - y log p.")


class BinaryCrossentropy(_Error):
    """Mean binary crossentropy."""

    def __init__(self, name="binary_crossentropy", dtype=None, from_logits=False, label_smoothing=0):
        super().__init__(
            losses.binary_crossentropy, name, dtype, from_logits=from_logits, label_smoothing=label_smoothing
        )


class CategoricalCrossentropy(_Error):
    """Mean crossentropy of one-hot targets."""

    def __init__(self, name="categorical_crossentropy", dtype=None, from_logits=False, label_smoothing=0, axis=-1):
        super().__init__(
            losses.categorical_crossentropy, name, dtype,
            from_logits=from_logits, label_smoothing=label_smoothing, axis=axis,
        )  # fmt: skip


class SparseCategoricalCrossentropy(_Error):
    """Mean crossentropy of class ids."""

    def __init__(
        self, name="sparse_categorical_crossentropy", dtype=None, from_logits=False, ignore_class=None, axis=-1
    ):
        super().__init__(
            losses.sparse_categorical_crossentropy, name, dtype,
            from_logits=from_logits, ignore_class=ignore_class, axis=axis,
        )  # fmt: skip

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Add a batch; ignored targets are not counted."""
        k = self._fn_kwargs
        if k["ignore_class"] is None:
            super().update_state(y_true, y_pred, sample_weight)
            return
        values, valid = ignoring(y_true, to_float(y_pred), k["from_logits"], k["ignore_class"], k["axis"])
        weights = apply_mask(sample_weight, valid, str(values.dtype), "sum")
        Mean.update_state(self, values, weights)


class CosineSimilarity(MeanMetricWrapper):
    """Mean cosine between targets and predictions."""

    _direction = "up"

    def __init__(self, name="cosine_similarity", dtype=None, axis=-1):
        super().__init__(cosine_similarity, name, dtype, axis=axis)


class PearsonCorrelation(MeanMetricWrapper):
    """Mean correlation of targets and predictions along an axis."""

    _direction = "up"

    def __init__(self, name="pearson_correlation", dtype=None, axis=-1):
        super().__init__(pearson_correlation, name, dtype, axis=axis)
        self.axis = axis


class ConcordanceCorrelation(MeanMetricWrapper):
    """Mean concordance correlation of targets and predictions along an axis."""

    _direction = "up"

    def __init__(self, name="concordance_correlation", dtype=None, axis=-1):
        super().__init__(concordance_correlation, name, dtype, axis=axis)
        self.axis = axis


class RootMeanSquaredError(Mean):
    """Root of the mean of (p - y)^2 over everything seen."""

    _direction = "down"

    def __init__(self, name="root_mean_squared_error", dtype=None):
        super().__init__(name, dtype)

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Add a batch."""
        super().update_state(losses.mean_squared_error(y_true, y_pred), sample_weight)

    def result(self):
        """Return the root."""
        return self._value(ops.sqrt(ops.divide_no_nan(self.total, self.count)))
