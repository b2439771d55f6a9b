"""The loss classes: each stands for a function and takes that function's parameters."""

from fastfit.losses import probability, regression
from fastfit.losses.loss import Loss, squeeze_or_expand_to_same_rank
from fastfit.utils import nest
from fastfit.utils.registry import deserialize_keras_object, serialize_keras_object
from fastfit.utils.signatures import constructor_of, parameters_now


class LossFunctionWrapper(Loss):
    """A loss from a function (y_true, y_pred, **kwargs) of one value per sample.

    A subclass can name its function in the class statement, ``class Mine(LossFunctionWrapper, function=mine)``; then
    its constructor takes the function's parameters.

    Parameters
    ----------
    fn : callable
    reduction, name, dtype
        See `Loss`.
    **kwargs
        Passed to ``fn`` at each call.
    """

    def __init_subclass__(cls, function=None, order=None, name=None, **kwargs):
        super().__init_subclass__(**kwargs)
        if function is None:
            return
        parameters = [*function.__code__.co_varnames[2 : function.__code__.co_argcount], "reduction name dtype"]
        defaults = {"reduction": "sum_over_batch_size", "name": name or function.__name__, "dtype": None}
        cls.__init__ = constructor_of(cls, LossFunctionWrapper, function, order or " ".join(parameters), defaults)

    def __init__(self, fn, reduction="sum_over_batch_size", name=None, dtype=None, **kwargs):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.fn = fn
        self._fn_kwargs = kwargs

    def call(self, y_true, y_pred):
        # targets of shape (n,) beside predictions of shape (n, 1) would broadcast to (n, n) in a function of the user's
        y_true_flat, y_pred_flat = nest.flatten(y_true), nest.flatten(y_pred)
        if len(y_true_flat) == len(y_pred_flat):
            pairs = [squeeze_or_expand_to_same_rank(t, p) for t, p in zip(y_true_flat, y_pred_flat, strict=True)]
            y_true = nest.pack_like(y_true, [t for t, _ in pairs])
            y_pred = nest.pack_like(y_pred, [p for _, p in pairs])
        return self.fn(y_true, y_pred, **parameters_now(self, self._fn_kwargs))

    def get_config(self):
        config = super().get_config()
        if type(self) is LossFunctionWrapper:
            config["fn"] = serialize_keras_object(self.fn)
        return {**config, **parameters_now(self, self._fn_kwargs)}

    @classmethod
    def from_config(cls, config):
        if cls is LossFunctionWrapper:
            config = {**config, "fn": deserialize_keras_object(config["fn"])}
        return cls(**config)


class MeanSquaredError(LossFunctionWrapper, function=regression.mean_squared_error):
    """Mean of (p - y)^2."""


class MeanAbsoluteError(LossFunctionWrapper, function=regression.mean_absolute_error):
    """Mean of |p - y|."""


class MeanAbsolutePercentageError(LossFunctionWrapper, function=regression.mean_absolute_percentage_error):
    """100 times the mean of |y - p| / |y|."""


class MeanSquaredLogarithmicError(LossFunctionWrapper, function=regression.mean_squared_logarithmic_error):
    """Mean of (log(p + 1) - log(y + 1))^2."""


class LogCosh(LossFunctionWrapper, function=regression.log_cosh):
    """Mean of log(cosh(p - y))."""


class Hinge(LossFunctionWrapper, function=regression.hinge):
    """Mean of max(1 - y p, 0) for labels -1/1 or 0/1."""


class SquaredHinge(LossFunctionWrapper, function=regression.squared_hinge):
    """Mean of max(1 - y p, 0)^2."""


class CategoricalHinge(LossFunctionWrapper, function=regression.categorical_hinge):
    """max(1 + max((1 - y) p) - sum(y p), 0)."""


class KLDivergence(LossFunctionWrapper, function=regression.kl_divergence):
    """Sum of y log(y / p)."""


class Poisson(LossFunctionWrapper, function=regression.poisson):
    """Mean of p - y log p."""


class Huber(LossFunctionWrapper, function=regression.huber, name="huber_loss"):
    """d^2 / 2 for errors up to ``delta``, linear beyond.

    Parameters
    ----------
    delta : float, default=1.0
    """


class CosineSimilarity(LossFunctionWrapper, function=regression.cosine_similarity):
    """Minus the cosine between y and p.

    Parameters
    ----------
    axis : int, default=-1
    """


class Dice(LossFunctionWrapper, function=regression.dice, order="reduction name axis dtype"):
    """1 minus the Dice coefficient.

    Parameters
    ----------
    axis : int or tuple, optional
        All axes by default: one value for the batch.
    """


class Tversky(LossFunctionWrapper, function=regression.tversky, order="alpha beta reduction name axis dtype"):
    """1 minus the Tversky index.

    Parameters
    ----------
    alpha : float, default=0.5
        Weight of false positives.
    beta : float, default=0.5
        Weight of false negatives.
    axis : int or tuple, optional
        All axes by default: one value for the batch.
    """


class BinaryCrossentropy(LossFunctionWrapper, function=probability.binary_crossentropy):
    """Mean of -(y log p + (1 - y) log(1 - p)).

    Parameters
    ----------
    from_logits : bool, default=False
        Predictions are logits, not probabilities.
    label_smoothing : float, default=0.0
        Targets are drawn towards 1/2 by this share.
    axis : int, default=-1
    """


class BinaryFocalCrossentropy(LossFunctionWrapper, function=probability.binary_focal_crossentropy):
    """Binary crossentropy times (1 - p_t)^gamma, with p_t the probability of the true label.

    Parameters
    ----------
    apply_class_balancing : bool, default=False
        Weight labels 1 by ``alpha`` and labels 0 by ``1 - alpha``.
    alpha : float, default=0.25
    gamma : float, default=2.0
    from_logits, label_smoothing, axis
        See `BinaryCrossentropy`.
    """


class CategoricalCrossentropy(LossFunctionWrapper, function=probability.categorical_crossentropy):
    """-sum(y log p) of one-hot targets.

    Parameters
    ----------
    from_logits : bool, default=False
        Predictions are logits, not probabilities.
    label_smoothing : float, default=0.0
        Targets are drawn towards the uniform distribution by this share.
    axis : int, default=-1
        Of the classes.
    """


class CategoricalFocalCrossentropy(LossFunctionWrapper, function=probability.categorical_focal_crossentropy):
    """Categorical crossentropy, each term times alpha (1 - p)^gamma.

    Parameters
    ----------
    alpha : float, default=0.25
    gamma : float, default=2.0
    from_logits, label_smoothing, axis
        See `CategoricalCrossentropy`.
    """


class SparseCategoricalCrossentropy(
    LossFunctionWrapper,
    function=probability.sparse_categorical_crossentropy,
    order="from_logits ignore_class reduction axis name dtype",
):
    """-log p[y] of class ids.

    Parameters
    ----------
    from_logits : bool, default=False
    ignore_class : int, optional
        Targets of this class count neither in the sum nor in the number of values.
    axis : int, default=-1
        Of the classes.
    """

    _casts_targets = False

    def get_config(self):
        config = super().get_config()
        if config["axis"] == -1:
            del config["axis"]  # Keras has no place for it
        return config


class CategoricalGeneralizedCrossEntropy(LossFunctionWrapper):
    """(1 - p[y]^q) / q of class ids, between crossentropy (q to 0) and the mean absolute error (q = 1).

    Parameters
    ----------
    q : float, default=0.5
        Between 0 and 1.
    """

    _casts_targets = False

    def __init__(
        self, q=0.5, reduction="sum_over_batch_size", name="categorical_generalized_cross_entropy", dtype=None
    ):
        if not 0 < q < 1:
            raise ValueError(f"q must be in the interval (0, 1). Received: q={q}")
        super().__init__(probability.categorical_generalized_cross_entropy, reduction, name, dtype, q=q)
        self.q = q


class Circle(
    LossFunctionWrapper, function=probability.circle, order="gamma margin remove_diagonal reduction name dtype"
):
    """Circle loss of embeddings (rows of norm 1) with class ids; only positive values count in the mean.

    Parameters
    ----------
    gamma : float, default=80.0
        Scale.
    margin : float, default=0.4
    remove_diagonal : bool, default=True
        Do not compare a row with itself.
    """

    _casts_targets = False
