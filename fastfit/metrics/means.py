"""Means of loss functions, and of correlations."""

from fastfit import config, losses, ops
from fastfit.graph.op import apply
from fastfit.losses.loss import squeeze_or_expand_to_same_rank, to_float
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


def sparse_categorical_crossentropy(y_true, y_pred, from_logits=False, ignore_class=None, axis=-1):
    """Return -log p[y] of class ids; 0 for what is the id of no class, as for ``ignore_class``."""
    # Not the array itself, whose ids the loss wants in range: a metric beside a loss that ignores some sees those too.
    y_true = apply("identity", ops.convert_to_tensor(y_true))
    return losses.sparse_categorical_crossentropy(y_true, y_pred, from_logits, ignore_class, axis)


class _Error(MeanMetricWrapper):
    _direction = "down"


class _Score(MeanMetricWrapper):
    _direction = "up"


class MeanSquaredError(_Error, function=losses.mean_squared_error):
    """Mean of (p - y)^2."""


class MeanAbsoluteError(_Error, function=losses.mean_absolute_error):
    """Mean of |p - y|."""


class MeanAbsolutePercentageError(_Error, function=losses.mean_absolute_percentage_error):
    """100 times the mean of |y - p| / |y|."""


class MeanSquaredLogarithmicError(_Error, function=losses.mean_squared_logarithmic_error):
    """Mean of (log(p + 1) - log(y + 1))^2."""


class LogCoshError(_Error, function=losses.log_cosh, name="logcosh"):
    """Mean of log(cosh(p - y))."""


class Hinge(_Error, function=losses.hinge):
    """Mean of max(1 - y p, 0)."""


class SquaredHinge(_Error, function=losses.squared_hinge):
    """Mean of max(1 - y p, 0)^2."""


class CategoricalHinge(_Error, function=losses.categorical_hinge):
    """Mean categorical hinge."""


class KLDivergence(_Error, function=losses.kl_divergence):
    """Mean of sum(y log(y / p))."""


class Poisson(_Error, function=losses.poisson):
    """Mean of p - y log p."""


class BinaryCrossentropy(_Error, function=losses.binary_crossentropy, order="name dtype from_logits label_smoothing"):
    """Mean binary crossentropy; see the loss of that name for the parameters."""


class CategoricalCrossentropy(
    _Error, function=losses.categorical_crossentropy, order="name dtype from_logits label_smoothing axis"
):
    """Mean crossentropy of one-hot targets; see the loss of that name for the parameters."""


class SparseCategoricalCrossentropy(
    _Error, function=sparse_categorical_crossentropy, order="name dtype from_logits ignore_class axis"
):
    """Mean crossentropy of class ids; targets of ``ignore_class`` are not counted."""


class CosineSimilarity(_Score, function=cosine_similarity, order="name dtype axis"):
    """Mean cosine between targets and predictions along ``axis``."""


class PearsonCorrelation(_Score, function=pearson_correlation, order="name dtype axis"):
    """Mean correlation of targets and predictions along ``axis``."""


class ConcordanceCorrelation(_Score, function=concordance_correlation, order="name dtype axis"):
    """Mean concordance correlation of targets and predictions along ``axis``."""


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
