"""Sums and means of values."""

import numpy as np

from fastfit import ops
from fastfit.graph.masks import get_mask, without_mask
from fastfit.graph.op import apply
from fastfit.losses.loss import apply_mask, squeeze_or_expand_to_same_rank, to_float
from fastfit.metrics.metric import STATE, Metric
from fastfit.utils.registry import deserialize_keras_object, serialize_keras_object
from fastfit.utils.returned import must_return
from fastfit.utils.signatures import constructor_of, parameters_now


def _per_sample(values, sample_weight, reduce):
    """Return (values, weights) of one axis at most, weights not yet multiplied in; weights may be None."""
    mask = get_mask(values)
    values = to_float(without_mask(values))
    if mask is not None:
        sample_weight = apply_mask(sample_weight, mask, str(values.dtype), "sum")
    if sample_weight is None:
        if len(values.shape) > 1:
            values = reduce(values, axis=tuple(range(1, len(values.shape))))
        return values, None
    sample_weight = to_float(sample_weight, str(values.dtype))
    values, sample_weight = squeeze_or_expand_to_same_rank(values, sample_weight)
    rank = len(sample_weight.shape)
    if len(values.shape) > rank:
        values = reduce(values, axis=tuple(range(rank, len(values.shape))))
    if len(values.shape) <= 1 and tuple(values.shape) == tuple(sample_weight.shape):
        return values, sample_weight
    # Broadcast first: what is counted is one weight per value.
    sample_weight = apply("broadcast_like", sample_weight, values)
    values = values * sample_weight
    if len(values.shape) > 1:
        axes = tuple(range(1, len(values.shape)))
        values, sample_weight = reduce(values, axis=axes), reduce(sample_weight, axis=axes)
    return values, (sample_weight, "applied")


class Sum(Metric):
    """Weighted sum of values."""

    def __init__(self, name="sum", dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.total = self.add_variable((), dtype=STATE, name="total")

    def update_state(self, values, sample_weight=None):
        """Add values, each times its weight."""
        values, weights = _per_sample(values, sample_weight, ops.sum)
        if weights is None or isinstance(weights, tuple):
            self._add(self.total, apply("sum64", values))
        else:
            self._add(self.total, apply("sum64", values, weights))

    def result(self):
        """Return the sum."""
        return self._value(self.total)


class Mean(Metric):
    """Weighted mean of values: sum of values times weights, divided by the sum of weights."""

    def __init__(self, name="mean", dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.total = self.add_variable((), dtype=STATE, name="total")
        self.count = self.add_variable((), dtype=STATE, name="count")

    def update_state(self, values, sample_weight=None):
        """Add values of a batch.

        Parameters
        ----------
        values : array or tensor
            Axes after the first are averaged.
        sample_weight : array or tensor, optional
        """
        values, weights = _per_sample(values, sample_weight, ops.mean)
        if weights is None:
            self._add(self.total, apply("sum64", values))
            self._add(self.count, apply("batch_size", values) if values.shape else 1.0)
        elif isinstance(weights, tuple):
            self._add(self.total, apply("sum64", values))
            self._add(self.count, apply("sum64", weights[0]))
        else:
            self._add(self.total, apply("sum64", values, weights))
            self._add(self.count, apply("sum64", weights))

    def result(self):
        """Return the mean; 0 if nothing was counted."""
        return self._value(ops.divide_no_nan(self.total, self.count))

    def number(self):
        """Return `float(result())`, outside of traces, in a microsecond."""
        count = self.count._storage.number()
        value = self.total._storage.number() / count if count else 0.0
        return float(np.float32(value)) if self._dtype == "float32" else float(self.result())


class MeanMetricWrapper(Mean):
    """Weighted mean of a function of targets and predictions.

    Parameters
    ----------
    fn : callable
        ``fn(y_true, y_pred, **kwargs)`` returns values per sample.
    name : str, optional
    dtype : str, optional
    **kwargs
        Passed to ``fn``.

    Notes
    -----
    A subclass can name its function in the class statement, ``class Mine(MeanMetricWrapper, function=mine)``; then its
    constructor takes the function's parameters.
    """

    def __init_subclass__(cls, function=None, order="name dtype", name=None, **kwargs):
        super().__init_subclass__(**kwargs)
        if function is not None:
            defaults = {"name": name or function.__name__, "dtype": None}
            cls.__init__ = constructor_of(cls, MeanMetricWrapper, function, order, defaults)

    def __init__(self, fn, name=None, dtype=None, **kwargs):
        super().__init__(name=name or getattr(fn, "__name__", None), dtype=dtype)
        self._fn = fn
        self._fn_kwargs = kwargs

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Add a batch."""
        mask = get_mask(y_pred)
        values = self._fn(y_true, without_mask(y_pred), **parameters_now(self, self._fn_kwargs))
        must_return(values, f"The function of metric '{self.name}'", "values")
        if mask is not None:
            sample_weight = apply_mask(sample_weight, mask, self._dtype, "sum")
        super().update_state(values, sample_weight)

    def get_config(self):
        config = super().get_config()
        if type(self) is MeanMetricWrapper:
            config["fn"] = serialize_keras_object(self._fn)
        return {**config, **parameters_now(self, self._fn_kwargs)}

    @classmethod
    def from_config(cls, config):
        if cls is MeanMetricWrapper:
            config = {**config, "fn": deserialize_keras_object(config["fn"])}
        return cls(**config)
