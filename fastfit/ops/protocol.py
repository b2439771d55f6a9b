"""NumPy functions of symbolic tensors: which function of fastfit.ops stands for each."""

import numpy as np

from fastfit.graph.op import cast
from fastfit.graph.protocols import FUNCTIONS
from fastfit.ops import algebra, core, elementwise, reduction, shaping


def _reduction(function):
    # NumPy's third argument is dtype or out, not keepdims.
    def stand_in(a, axis=None, dtype=None, out=None, keepdims=False):
        if out is not None:
            raise TypeError("out= cannot be traced. Use fastfit.ops instead.")
        y = function(a, axis=axis, keepdims=bool(keepdims))
        return y if dtype is None else cast(y, np.dtype(dtype).name)

    return stand_in


def _extreme(function):
    def stand_in(a, axis=None, out=None, keepdims=False):
        if out is not None:
            raise TypeError("out= cannot be traced. Use fastfit.ops instead.")
        return function(a, axis=axis, keepdims=bool(keepdims))

    return stand_in


for _name in ("sum", "mean", "prod", "std", "var", "nansum", "nanmean", "nanstd", "nanvar"):
    FUNCTIONS[getattr(np, _name)] = _reduction(getattr(reduction, _name))
for _name in ("max", "min", "amax", "amin", "all", "any", "argmax", "argmin", "ptp", "nanmax", "nanmin", "median"):
    FUNCTIONS[getattr(np, _name)] = _extreme(getattr(reduction, _name))
for _module, _names in (
    (reduction, "average count_nonzero cumsum cumprod sort argsort searchsorted digitize quantile percentile isin"),
    (elementwise, "where nan_to_num isclose allclose select isposinf isneginf isreal i0 sinc"),
    (
        shaping,
        "reshape ravel expand_dims squeeze transpose swapaxes moveaxis flip fliplr flipud rot90 roll broadcast_to "
        "tile repeat concatenate stack hstack vstack dstack append split array_split take take_along_axis ndim diff "
        "meshgrid",
    ),
    (algebra, "dot inner vdot outer tensordot kron cross trace diagonal diag diagflat tril triu vander"),
):
    for _name in _names.split():
        FUNCTIONS[getattr(np, _name)] = getattr(_module, _name)


def _clip(a, a_min=None, a_max=None, out=None, *, min=None, max=None):
    if out is not None:
        raise TypeError("out= cannot be traced. Use fastfit.ops instead.")
    return elementwise.clip(a, min if a_min is None else a_min, max if a_max is None else a_max)


def _shape(a):
    return core.shape(a)


def _size(a, axis=None):
    return a.size if axis is None else core.shape(a)[axis]


def _round(a, decimals=0, out=None):
    return elementwise.round(a, decimals)


def _pad(array, pad_width, mode="constant", **kwargs):
    return shaping.pad(array, pad_width, mode, kwargs.get("constant_values"))


def _einsum(subscripts, *operands, optimize=False):
    return algebra.einsum(subscripts, *operands)


def _like(value):
    def stand_in(a, dtype=None, subok=True, shape=None):
        if shape is not None:
            raise TypeError("*_like with shape= cannot be traced. Use fastfit.ops instead.")
        return shaping.full_like(a, value, dtype)

    return stand_in


FUNCTIONS.update(
    {
        np.clip: _clip,
        np.shape: _shape,
        np.size: _size,
        np.round: _round,
        np.around: _round,
        np.pad: _pad,
        np.einsum: _einsum,
        np.zeros_like: _like(0),
        np.ones_like: _like(1),
        np.full_like: lambda a, fill_value, dtype=None: shaping.full_like(a, fill_value, dtype),
        np.copy: lambda a: elementwise.copy(a),
        np.real: lambda val: val,
        np.linalg.norm: algebra.norm,
        np.linalg.inv: algebra.inv,
        np.linalg.det: algebra.det,
        np.linalg.solve: algebra.solve,
    }
)
