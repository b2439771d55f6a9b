"""Loss: the base class, and the arithmetic of weights, masks and reductions."""

import numpy as np

from fastfit import config, ops
from fastfit._watch import Watched
from fastfit.graph.masks import get_mask, without_mask
from fastfit.graph.op import apply, cast
from fastfit.graph.tensor import KerasTensor
from fastfit.utils import nest
from fastfit.utils.naming import auto_name

_REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none", None)


def standardize_reduction(reduction):
    """Return ``reduction``; ValueError if there is no such reduction."""
    if reduction not in _REDUCTIONS:
        raise ValueError(
            f"Invalid value for argument `reduction`. Expected one of {_REDUCTIONS}. Received: reduction={reduction}"
        )
    return reduction


def squeeze_or_expand_to_same_rank(x1, x2, expand_rank_1=True):
    """Return both with equal ranks, if they differ by one and the longer one ends in an axis of size 1."""
    r1, r2 = len(x1.shape), len(x2.shape)
    if r1 == r2 + 1 and x1.shape[-1] == 1:
        if r2 == 1 and expand_rank_1:
            return x1, ops.expand_dims(x2, -1)
        return ops.squeeze(x1, -1), x2
    if r2 == r1 + 1 and x2.shape[-1] == 1:
        if r1 == 1 and expand_rank_1:
            return ops.expand_dims(x1, -1), x2
        return x1, ops.squeeze(x2, -1)
    return x1, x2


def to_float(x, dtype=None):
    """Return x as a float tensor or array: of ``dtype``, or its own if that is a float, or floatx."""
    x = ops.convert_to_tensor(x)
    if dtype is None:
        dtype = str(x.dtype) if np.dtype(x.dtype).kind == "f" else config.floatx()
    return cast(x, dtype)


def _size(values):
    """Return the number of elements, as a number or a scalar tensor."""
    if not isinstance(values, KerasTensor) or None not in values.shape:
        return float(np.prod(values.shape))
    size, ones = 1.0, 1
    for axis, d in enumerate(values.shape):
        if d is not None:
            ones *= d
        elif axis == 0:
            size = apply("batch_size", values) * size
        else:
            size = ops.cast(apply("axis_size", values, axis=axis, dtype="int32"), config.floatx()) * size
    return size * float(ones)


def reduce_values(values, sample_weight=None, reduction="sum_over_batch_size"):
    """Return the values reduced. The mean divides by the number of values, not by the sum of weights."""
    if reduction in (None, "none") or tuple(values.shape) in ((), (0,)):
        return values
    if reduction == "sum":
        return ops.sum(values)
    if reduction == "mean_with_sample_weight" and sample_weight is not None:
        return ops.divide_no_nan(ops.sum(values), ops.sum(sample_weight))
    if 0 in values.shape:
        return ops.sum(values)
    return ops.mean(values)


def apply_mask(sample_weight, mask, dtype, reduction):
    """Return weights that leave masked-out values out: of the mean too, if the reduction is one."""
    if mask is None:
        return sample_weight
    weight = ops.cast(mask, dtype)
    if reduction in ("mean", "sum_over_batch_size"):
        # total / valid for valid ones: the mean over all then is the mean over the valid.
        weight = weight * ops.divide_no_nan(ops.cast(_size(mask), dtype), ops.sum(weight))
    if sample_weight is None:
        return weight
    weight, sample_weight = squeeze_or_expand_to_same_rank(weight, ops.cast(sample_weight, dtype))
    return sample_weight * weight


def reduce_weighted_values(values, sample_weight=None, mask=None, reduction="sum_over_batch_size", dtype=None):
    """Return the reduction of values times weights.

    Parameters
    ----------
    values : array or tensor
    sample_weight, mask : array or tensor, optional
        Of the shape of values, or one axis fewer or more of size 1, or broadcastable.
    reduction : str or None
    dtype : str, optional
    """
    standardize_reduction(reduction)
    values = to_float(without_mask(values), dtype)
    dtype = str(values.dtype)
    if sample_weight is not None:
        sample_weight = to_float(sample_weight, dtype)
    sample_weight = apply_mask(sample_weight, mask, dtype, reduction)
    if sample_weight is not None:
        values, sample_weight = squeeze_or_expand_to_same_rank(values, sample_weight)
        if len(sample_weight.shape) > len(values.shape) > 0:
            raise ValueError(
                f"`sample_weight` of shape {tuple(sample_weight.shape)} does not fit losses of shape "
                f"{tuple(values.shape)}: it has more axes."
            )
        values = values * sample_weight
    return reduce_values(values, sample_weight, reduction)


def _float_of(y_pred):
    """Return the dtype of losses that are given none: floatx, or float64 where predictions are."""
    wide = any(str(getattr(x, "dtype", "")) == "float64" for x in nest.flatten(y_pred) if isinstance(x, KerasTensor))
    return "float64" if wide else config.floatx()


class Loss(Watched):
    """Base of losses: subclasses define ``call(y_true, y_pred)``, which returns one value per sample.

    Parameters
    ----------
    name : str, optional
    reduction : {"sum_over_batch_size", "mean", "sum", "mean_with_sample_weight", "none", None}
    dtype : str, optional
        What targets and predictions are cast to; floatx by default.
    """

    # Class ids stay the integers that they are; other targets become floats.
    _casts_targets = True
    _unwatched_attributes = frozenset({"name", "_parameters"})
    _parameters = frozenset()  # of its function, that are attributes

    def __init__(self, name=None, reduction="sum_over_batch_size", dtype=None):
        self.name = name or auto_name(type(self).__name__)
        self.reduction = standardize_reduction(reduction)
        dtype = getattr(dtype, "compute_dtype", dtype)  # a dtype policy
        self._dtype = None if dtype is None else np.dtype(dtype).name

    @property
    def dtype(self):
        """Name of the dtype of the computations."""
        return self._dtype or config.floatx()

    def __call__(self, y_true, y_pred, sample_weight=None):
        """Return the weighted and reduced loss."""
        mask, dtype = get_mask(y_pred), self._dtype or _float_of(y_pred)

        def floats(x):
            return ops.convert_to_tensor(without_mask(x), dtype=dtype)

        y_pred = nest.map_structure(floats, y_pred)
        y_true = nest.map_structure(lambda y: floats(y) if self._makes_float(y) else ops.convert_to_tensor(y), y_true)
        values = self.call(y_true, y_pred)
        if values is None or isinstance(values, (str, dict)):
            raise ValueError(
                f"Loss '{self.name}' must return an array or tensor with one value per sample. Received: {values!r}"
            )
        own_mask = get_mask(values)
        if mask is not None and own_mask is not None:
            mask = ops.logical_and(mask, own_mask)
        elif own_mask is not None:
            mask = own_mask
        return reduce_weighted_values(values, sample_weight, mask, self.reduction, dtype)

    def _makes_float(self, y_true):
        """Whether the loss gets targets as floats. One of the user's own may compute with integers that those round."""
        large = isinstance(y_true, KerasTensor) and y_true.dtype in ("int64", "uint64")
        module = getattr(getattr(self, "fn", type(self)), "__module__", None) or ""
        return self._casts_targets and not (large and module.split(".")[0] != __name__.split(".")[0])

    def call(self, y_true, y_pred):
        """Return one loss value per sample (or per time step)."""
        raise NotImplementedError(f"Loss {type(self).__name__} does not have a `call()` method implemented.")

    def get_config(self):
        """Return what `from_config` needs to make this loss anew."""
        return {"name": self.name, "reduction": self.reduction}

    @classmethod
    def from_config(cls, config):
        return cls(**config)

    def __repr__(self):
        return f"<{type(self).__name__} name={self.name}, reduction={self.reduction}>"
