"""The loss classes."""

from fastfit.losses import probability, regression
from fastfit.losses.loss import Loss


class LossFunctionWrapper(Loss):
    """A loss from a function (y_true, y_pred, **kwargs) of one value per sample.

    Parameters
    ----------
    fn : callable
    reduction, name, dtype
        See `Loss`.
    **kwargs
        Passed to ``fn`` at each call.
    """

    def __init__(self, fn, reduction="sum_over_batch_size", name=None, dtype=None, **kwargs):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.fn = fn
        self._fn_kwargs = kwargs

    def call(self, y_true, y_pred):
        return self.fn(y_true, y_pred, **self._fn_kwargs)

    def get_config(self):
        config = super().get_config()
        if type(self) is LossFunctionWrapper:
            config["fn"] = getattr(self.fn, "__name__", self.fn)
        return {**config, **self._fn_kwargs}


def _plain(class_name, fn, default_name, doc):
    """Return a loss class of a function without parameters."""

    def __init__(self, reduction="sum_over_batch_size", name=default_name, dtype=None):
        LossFunctionWrapper.__init__(self, fn, reduction, name, dtype)

    return type(class_name, (LossFunctionWrapper,), {"__init__": __init__, "__doc__": doc, "__module__": __name__})


MeanSquaredError = _plain(
    "MeanSquaredError", regression.mean_squared_error, "mean_squared_error", "Mean of (p - y)^2."
)
MeanAbsoluteError = _plain(
    "MeanAbsoluteError", regression.mean_absolute_error, "mean_absolute_error", "Mean of |p - y|."
)
MeanAbsolutePercentageError = _plain(
    "MeanAbsolutePercentageError",
    regression.mean_absolute_percentage_error,
    "mean_absolute_percentage_error",
    "100 times the mean of |y - p| / |y|.",
)
MeanSquaredLogarithmicError = _plain(
    "MeanSquaredLogarithmicError",
    regression.mean_squared_logarithmic_error,
    "mean_squared_logarithmic_error",
    "Mean of (log(p + 1) - log(y + 1))^2.",
)
LogCosh = _plain("LogCosh", regression.log_cosh, "log_cosh", "Mean of log(cosh(p - y)).")
Hinge = _plain("Hinge", regression.hinge, "hinge", "Mean of max(1 - y p, 0) for labels -1/1 or 0/1.")
SquaredHinge = _plain("SquaredHinge", regression.squared_hinge, "squared_hinge", "Mean of max(1 - y p, 0)^2.")
CategoricalHinge = _plain(
    "CategoricalHinge", regression.categorical_hinge, "categorical_hinge", "max(1 + max((1 - y) p) - sum(y p), 0)."
)
KLDivergence = _plain("KLDivergence", regression.kl_divergence, "kl_divergence", "Sum of y log(y / p).")
Poisson = _plain("Poisson", regression.poisson, "poisson", "Mean of p - y log p.")


class Huber(LossFunctionWrapper):
    """d^2 / 2 for errors up to ``delta``, linear beyond."""

    def __init__(self, delta=1.0, reduction="sum_over_batch_size", name="huber_loss", dtype=None):
        super().__init__(regression.huber, reduction, name, dtype, delta=delta)


class CosineSimilarity(LossFunctionWrapper):
    """Minus the cosine between y and p."""

    def __init__(self, axis=-1, reduction="sum_over_batch_size", name="cosine_similarity", dtype=None):
        super().__init__(regression.cosine_similarity, reduction, name, dtype, axis=axis)


class Dice(LossFunctionWrapper):
    """1 minus the Dice coefficient."""

    def __init__(self, reduction="sum_over_batch_size", name="dice", axis=None, dtype=None):
        super().__init__(regression.dice, reduction, name, dtype, axis=axis)


class Tversky(LossFunctionWrapper):
    """1 minus the Tversky index: Dice with weights for false positives (alpha) and false negatives (beta)."""

    def __init__(self, alpha=0.5, beta=0.5, reduction="sum_over_batch_size", name="tversky", axis=None, dtype=None):
        super().__init__(regression.tversky, reduction, name, dtype, alpha=alpha, beta=beta, axis=axis)


class BinaryCrossentropy(LossFunctionWrapper):
    """Mean of -(y log p + (1 - y) log(1 - p))."""

    def __init__(
        self,
        from_logits=False,
        label_smoothing=0.0,
        axis=-1,
        reduction="sum_over_batch_size",
        name="binary_crossentropy",
        dtype=None,
    ):
        super().__init__(
            probability.binary_crossentropy, reduction, name, dtype,
            from_logits=from_logits, label_smoothing=label_smoothing, axis=axis,
        )  # fmt: skip


class BinaryFocalCrossentropy(LossFunctionWrapper):
    """Binary crossentropy times (1 - p_t)^gamma."""

    def __init__(
        self,
        apply_class_balancing=False,
        alpha=0.25,
        gamma=2.0,
        from_logits=False,
        label_smoothing=0.0,
        axis=-1,
        reduction="sum_over_batch_size",
        name="binary_focal_crossentropy",
        dtype=None,
    ):
        super().__init__(
            probability.binary_focal_crossentropy, reduction, name, dtype,
            apply_class_balancing=apply_class_balancing, alpha=alpha, gamma=gamma,
            from_logits=from_logits, label_smoothing=label_smoothing, axis=axis,
        )  # fmt: skip


class CategoricalCrossentropy(LossFunctionWrapper):
    """-sum(y log p) of one-hot targets."""

    def __init__(
        self,
        from_logits=False,
        label_smoothing=0.0,
        axis=-1,
        reduction="sum_over_batch_size",
        name="categorical_crossentropy",
        dtype=None,
    ):
        super().__init__(
            probability.categorical_crossentropy, reduction, name, dtype,
            from_logits=from_logits, label_smoothing=label_smoothing, axis=axis,
        )  # fmt: skip


class CategoricalFocalCrossentropy(LossFunctionWrapper):
    """Categorical crossentropy, each term times alpha (1 - p)^gamma."""

    def __init__(
        self,
        alpha=0.25,
        gamma=2.0,
        from_logits=False,
        label_smoothing=0.0,
        axis=-1,
        reduction="sum_over_batch_size",
        name="categorical_focal_crossentropy",
        dtype=None,
    ):
        super().__init__(
            probability.categorical_focal_crossentropy, reduction, name, dtype,
            alpha=alpha, gamma=gamma, from_logits=from_logits, label_smoothing=label_smoothing, axis=axis,
        )  # fmt: skip


class SparseCategoricalCrossentropy(LossFunctionWrapper):
    """-log p[y] of class ids.

    Parameters
    ----------
    from_logits : bool, default=False
    ignore_class : int, optional
        Targets of this class count neither in the sum nor in the number of values.
    """

    _casts_targets = False

    def __init__(
        self,
        from_logits=False,
        ignore_class=None,
        reduction="sum_over_batch_size",
        axis=-1,
        name="sparse_categorical_crossentropy",
        dtype=None,
    ):
        super().__init__(
            probability.sparse_categorical_crossentropy, reduction, name, dtype,
            from_logits=from_logits, ignore_class=ignore_class, axis=axis,
        )  # fmt: skip

    def _values(self, y_true, y_pred):
        k = self._fn_kwargs
        if k["ignore_class"] is None:
            return super()._values(y_true, y_pred)
        return probability.ignoring(y_true, y_pred, k["from_logits"], k["ignore_class"], k["axis"])

    def get_config(self):
        config = super().get_config()
        config.pop("axis")  # Keras leaves it out too
        return config


class CategoricalGeneralizedCrossEntropy(LossFunctionWrapper):
    """(1 - p[y]^q) / q of class ids, between crossentropy (q to 0) and the mean absolute error (q = 1)."""

    _casts_targets = False

    def __init__(
        self, q=0.5, reduction="sum_over_batch_size", name="categorical_generalized_cross_entropy", dtype=None
    ):
        if not 0 < q < 1:
            raise ValueError(f"q must be in the interval (0, 1). Received: q={q}")
        super().__init__(probability.categorical_generalized_cross_entropy, reduction, name, dtype, q=q)
        self.q = q


class Circle(LossFunctionWrapper):
    """Circle loss of embeddings with class ids."""

    _casts_targets = False

    def __init__(
        self,
        gamma=80.0,
        margin=0.4,
        remove_diagonal=True,
        reduction="sum_over_batch_size",
        name="circle",
        dtype=None,
    ):
        super().__init__(
            probability.circle, reduction, name, dtype,
            gamma=gamma, margin=margin, remove_diagonal=remove_diagonal,
        )  # fmt: skip

    def _values(self, y_true, y_pred):
        k = self._fn_kwargs
        return probability.circle_and_mask(
            y_true, y_pred, None, None, k["remove_diagonal"], k["gamma"], k["margin"]
        )
