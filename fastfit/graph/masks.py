"""Masks: which rows or time steps of a value count."""

import numpy as np

from fastfit.graph.array import Array
from fastfit.graph.tensor import KerasTensor


class ArrayWithMask(Array):
    """An array that carries a mask, as tensors do; what is computed from it carries none."""

    _keras_mask = None

    def __array_finalize__(self, obj):
        self._keras_mask = None

    def __array_wrap__(self, array, context=None, return_scalar=False):
        return np.asarray(array).view(Array)


def get_mask(x):
    """Return the mask that a tensor or an array carries, or None."""
    return getattr(x, "_keras_mask", None)


def with_mask(x, mask):
    """Return the value with a mask that `get_mask` finds: a tensor itself, an array as a view.

    Parameters
    ----------
    x : KerasTensor or ndarray
    mask : tensor or array of bool, or None
        False where the value does not count.
    """
    if mask is None or not isinstance(x, (KerasTensor, np.ndarray)):
        return x
    if isinstance(x, np.ndarray):
        x = x.view(ArrayWithMask)
    x._keras_mask = mask
    return x


def without_mask(x):
    """Return an array that carries a mask as a plain one; everything else as it is."""
    return x.view(Array) if isinstance(x, ArrayWithMask) else x
