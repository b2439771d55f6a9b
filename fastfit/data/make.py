"""From the arguments of fit, evaluate and predict to columns of arrays or a stream of batches."""

import warnings
from numbers import Integral

from fastfit.data.arrays import ArrayData, check_batch_size, train_validation_split
from fastfit.data.class_weight import apply_class_weight
from fastfit.data.iterables import IterableData, is_iterable_data
from fastfit.data.spec import DataSpec
from fastfit.utils.py_dataset import unpack_x_y_sample_weight

__all__ = [
    "ArrayData",
    "DataSpec",
    "IterableData",
    "check_batch_size",
    "check_validation_freq",
    "make_data",
    "train_validation_split",
    "unpack_validation_data",
    "validates_after",
]


def make_data(
    x,
    y=None,
    sample_weight=None,
    spec=None,
    class_weight=None,
    batch_size=None,
    shuffle=False,
    may_be_empty=False,
):
    """Return `ArrayData` or, for generators, datasets and other iterables of batches, `IterableData`.

    Parameters
    ----------
    x, y, sample_weight : as in ``fit``
    spec : DataSpec, optional
    class_weight : dict, optional
    batch_size : int, optional
        Only looked at to warn that batches of a stream have their own size.
    shuffle : bool, default=False
        For datasets: draw the order of batches.
    may_be_empty : bool, default=False
        Take arrays of no rows.
    """
    if not is_iterable_data(x):
        data = ArrayData(x, y, sample_weight, spec, may_be_empty)
        if class_weight is not None:
            apply_class_weight(data, class_weight, sample_weight_given=sample_weight is not None)
        return data
    kind = type(x).__name__
    for name, value in (("y", y), ("sample_weight", sample_weight)):
        if value is not None:
            raise ValueError(
                f"When `x` gives batches (here a {kind}), `{name}` should not be passed: every batch holds its own. "
                f"Received: {name}={type(value).__name__}"
            )
    if batch_size is not None:
        warnings.warn(f"`batch_size` is ignored: a {kind} decides itself how large its batches are.", stacklevel=3)
    return IterableData(x, spec, shuffle=shuffle, class_weight=class_weight)


def unpack_validation_data(validation_data):
    """Return (x, y, sample_weight) of ``fit``'s ``validation_data``; x alone for a stream of batches."""
    if is_iterable_data(validation_data):
        return validation_data, None, None
    if isinstance(validation_data, (list, tuple)) and not 1 <= len(validation_data) <= 3:
        raise ValueError(
            "`validation_data` must be a tuple (x_val, y_val) or (x_val, y_val, val_sample_weight). "
            f"Received {len(validation_data)} items."
        )
    return unpack_x_y_sample_weight(validation_data)


def check_validation_freq(validation_freq):
    """Return ``validation_freq`` if it is an integer or a list of epochs; ValueError otherwise."""
    if isinstance(validation_freq, bool) or not isinstance(validation_freq, (Integral, list)):
        raise ValueError(
            "Expected `validation_freq` to be a list or int. "
            f"Received: validation_freq={validation_freq} of the type {type(validation_freq)}."
        )
    if isinstance(validation_freq, Integral) and validation_freq < 1:
        raise ValueError(f"`validation_freq` must be at least 1. Received: validation_freq={validation_freq}")
    epochs = validation_freq if isinstance(validation_freq, list) else []
    if not all(isinstance(e, Integral) and not isinstance(e, bool) and e >= 1 for e in epochs):
        raise ValueError(
            "`validation_freq` as a list must hold epochs, integers from 1. "
            f"Received: validation_freq={validation_freq}"
        )
    return validation_freq


def validates_after(epoch, validation_freq):
    """Whether validation is due after the epoch, which counts from 0."""
    if isinstance(validation_freq, Integral):
        return (epoch + 1) % validation_freq == 0
    return (epoch + 1) in validation_freq
