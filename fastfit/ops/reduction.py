"""Functions of ``keras.ops.numpy`` that reduce, count, sort or scan."""

import math

import numpy as np

from fastfit import config
from fastfit.graph.array import as_array
from fastfit.graph.op import apply, cast
from fastfit.graph.shapes import axes_in
from fastfit.graph.tensor import Operand
from fastfit.graph.variable import Variable
from fastfit.ops.elementwise import isnan, where
from fastfit.ops.families import plain_axis, reduction

all = reduction("all", "Whether all elements along an axis are true.")
any = reduction("any", "Whether any element along an axis is true.")
argmax = reduction("argmax", "Return the index of the first maximum.")
argmin = reduction("argmin", "Return the index of the first minimum.")
mean = reduction("mean", "Return the mean.")
sum = reduction("sum", "Return the sum.")
std = reduction("std", "Return the standard deviation (of the population).")
var = reduction("var", "Return the variance (of the population).")
logsumexp = reduction("logsumexp", "Return log(sum(exp(x))).")


def _extreme(name, op, pair, doc):
    def function(x, axis=None, keepdims=False, initial=None):
        y = apply(op, x, axis=plain_axis(axis), keepdims=bool(keepdims))
        return y if initial is None else apply(pair, y, initial)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    return function


max = _extreme("max", "max", "maximum", "Return the maximum.")
min = _extreme("min", "min", "minimum", "Return the minimum.")
amax = reduction("amax", "Return the maximum.", "max")
amin = reduction("amin", "Return the minimum.", "min")


def prod(x, axis=None, keepdims=False, dtype=None):
    """Return the product."""
    if dtype is not None:
        x = cast(x, np.dtype(dtype).name)
    return apply("prod", x, axis=plain_axis(axis), keepdims=bool(keepdims))


def ptp(x, axis=None, keepdims=False):
    """Return maximum minus minimum."""
    return max(x, axis, keepdims) - min(x, axis, keepdims)


def average(x, axis=None, weights=None):
    """Return the weighted mean."""
    if weights is None:
        return mean(x, axis=axis)
    if axis is not None and len(np.shape(weights)) == 1 and len(x.shape) > 1:
        others = tuple(i for i in range(len(x.shape)) if i != axis % len(x.shape))
        weights = apply("expand_dims", weights, axis=others)
    weighted = apply("multiply", x, weights)
    total = apply("multiply", apply("full_like", x, value=1.0, dtype="float32"), weights)
    return apply("divide", sum(weighted, axis=axis), sum(total, axis=axis))


def count_nonzero(x, axis=None):
    """Return the number of elements that are not 0."""
    return apply("count_nonzero", x, axis=plain_axis(axis))


def moments(x, axes, keepdims=False, synchronized=False):
    """Return mean and variance over ``axes``."""
    if synchronized:
        raise NotImplementedError("moments(synchronized=True): there is one process")
    return mean(x, axis=axes, keepdims=keepdims), var(x, axis=axes, keepdims=keepdims)


def median(x, axis=None, keepdims=False):
    """Return the median."""
    return quantile(x, 0.5, axis=axis, keepdims=keepdims)


def quantile(x, q, axis=None, method="linear", keepdims=False):
    """Return quantiles, from the sorted elements.

    Parameters
    ----------
    q : float or array of floats
        In [0, 1]; for several, the quantiles come along a first axis.
    axis : int or tuple of ints, optional
        Of known size, for tensors; all by default.
    method : {"linear", "lower", "higher", "midpoint", "nearest"}
    """
    return _quantiles(x, q, axis, method, keepdims, np.quantile, _places)


def nanquantile(x, q, axis=None, method="linear", keepdims=False):
    """Return quantiles of the elements that are numbers; see `quantile`."""
    return _quantiles(x, q, axis, method, keepdims, np.nanquantile, _places_among_numbers)


_METHODS = ("linear", "lower", "higher", "midpoint", "nearest")


def _quantiles(x, q, axis, method, keepdims, of_array, places):
    if method not in _METHODS:
        raise ValueError(f"Invalid `method`. Expected one of {_METHODS}. Received: method={method!r}")
    axis = plain_axis(axis)
    x = x if hasattr(x, "dtype") else np.asarray(x)
    if np.dtype(x.dtype).kind != "f":
        x = cast(x, config.floatx())
    if not isinstance(x, Operand):
        found = of_array(np.asarray(x), q, axis=axis, method=method, keepdims=keepdims)
        return as_array(np.asarray(found).astype(x.dtype))
    rank = len(x.shape)
    axes = axes_in(axis, rank)
    if None in [x.shape[a] for a in axes]:
        raise ValueError(f"A quantile needs axes of known size. Received: axis={axis} of shape {tuple(x.shape)}")
    kept = [a for a in range(rank) if a not in axes]
    moved = apply("transpose", x, axes=(*kept, *axes))
    flat = tuple(-1 if x.shape[a] is None else x.shape[a] for a in kept)
    moved = apply("reshape", moved, newshape=(*flat, math.prod(x.shape[a] for a in axes)))
    ordered = apply("sort", moved, axis=-1)
    results = [_one_quantile(ordered, float(v), method, places) for v in np.ravel(q)]
    if keepdims:
        results = [apply("expand_dims", y, axis=axes) if axes else y for y in results]
    return results[0] if np.ndim(q) == 0 else apply("stack", *results, axis=0)


def _one_quantile(ordered, q, method, places):
    low, high, share, odd = places(ordered, q)
    if method in ("lower", "higher"):
        return low if method == "lower" else high
    if method == "midpoint":
        return apply("multiply", apply("add", low, high), 0.5)
    if method == "nearest":
        up = apply("logical_or", apply("greater", share, 0.5), apply("logical_and", apply("equal", share, 0.5), odd))
        return apply("where", up, high, low)  # halves go to the even place, as in NumPy
    return apply("add", low, apply("multiply", apply("subtract", high, low), share))


def _places(ordered, q):
    """The elements on both sides of the place of a quantile, how far it is from the first, and if that one is odd."""
    place = q * (ordered.shape[-1] - 1)
    low, high = int(np.floor(place)), int(np.ceil(place))
    found = (apply("getitem", ordered, key=(Ellipsis, at)) for at in (low, high))
    return (*found, float(place - low), low % 2 == 1)


def _places_among_numbers(ordered, q):
    # nan are last in order
    count = apply("sum", cast(apply("logical_not", isnan(ordered)), str(ordered.dtype)), axis=-1, keepdims=True)
    place = apply("maximum", apply("multiply", apply("subtract", count, 1.0), q), 0.0)
    low, high = apply("floor", place), apply("ceil", place)
    share = apply("subtract", place, low)
    odd = apply("equal", apply("mod", low, 2.0), 1.0)
    found = (apply("take_along_axis", ordered, cast(at, "int32"), axis=-1) for at in (low, high))
    return tuple(apply("squeeze", v, axis=-1) for v in (*found, share, odd))


def percentile(x, q, axis=None, method="linear", keepdims=False):
    """Return percentiles."""
    return quantile(x, np.asarray(q) / 100, axis=axis, method=method, keepdims=keepdims)


def nanpercentile(x, q, axis=None, method="linear", keepdims=False):
    """Return percentiles of the elements that are numbers."""
    return nanquantile(x, np.asarray(q) / 100, axis=axis, method=method, keepdims=keepdims)


def nanmedian(x, axis=None, keepdims=False):
    """Return the median of the elements that are numbers."""
    return nanquantile(x, 0.5, axis=axis, keepdims=keepdims)


def cumsum(x, axis=None, dtype=None):
    """Return running sums."""
    x = x if dtype is None else cast(x, np.dtype(dtype).name)
    if axis is None:
        x, axis = apply("reshape", x, newshape=(-1,)), 0
    return apply("cumsum", x, axis=int(axis))


def cumprod(x, axis=None, dtype=None):
    """Return running products."""
    x = x if dtype is None else cast(x, np.dtype(dtype).name)
    if axis is None:
        x, axis = apply("reshape", x, newshape=(-1,)), 0
    return apply("cumprod", x, axis=int(axis))


def sort(x, axis=-1):
    """Return the elements in ascending order."""
    if axis is None:
        x, axis = apply("reshape", x, newshape=(-1,)), 0
    return apply("sort", x, axis=int(axis))


def argsort(x, axis=-1):
    """Return the indices that sort."""
    if axis is None:
        x, axis = apply("reshape", x, newshape=(-1,)), 0
    return apply("argsort", x, axis=int(axis))


def argpartition(x, kth, axis=-1):
    """Return indices of which the first ``kth`` are those of the smallest elements."""
    return argsort(x, axis)


def searchsorted(sorted_sequence, values, side="left"):
    """Return where ``values`` would be inserted."""
    return apply("searchsorted", sorted_sequence, values, side=side)


def digitize(x, bins):
    """Return the number of the bin of each element."""
    return apply("digitize", x, bins=np.asarray(bins))


def bincount(x, weights=None, minlength=0, sparse=False):
    """Count ids. On symbolic tensors ``minlength`` fixes the length."""
    x = x.value if isinstance(x, Variable) else x
    if hasattr(x, "node"):
        if not minlength:
            raise ValueError("bincount of a symbolic tensor needs `minlength`, which then is the length")
    else:
        x = np.asarray(x)
        minlength = int(np.max([minlength, *(np.ravel(x) + 1)]))
    return apply("bincount", x, *(() if weights is None else (weights,)), minlength=int(minlength))


def histogram(x, bins=10, range=None):
    """Return (counts, edges) of arrays."""
    counts, edges = np.histogram(np.asarray(x), bins, range)
    return as_array(counts.astype("float32")), as_array(edges.astype("float32"))


def unique(
    x,
    sorted=True,
    return_index=False,
    return_inverse=False,
    return_counts=False,
    axis=None,
    size=None,
    fill_value=None,
):
    """Return the distinct elements of an array; how many depends on the data, so tensors have no ``unique``."""
    found = np.unique(
        np.asarray(x), return_index=return_index, return_inverse=return_inverse, return_counts=return_counts, axis=axis
    )
    return tuple(map(as_array, found)) if isinstance(found, tuple) else as_array(found)


def isin(x1, x2, assume_unique=False, invert=False):
    """Whether each element of x1 is in x2."""
    x2 = apply("reshape", x2, newshape=(-1,))
    found = any(apply("equal", apply("expand_dims", x1, axis=-1), x2), axis=-1)
    return apply("logical_not", found) if invert else found


def _without_nan(fill):
    def decorate(function):
        def wrapped(x, axis=None, keepdims=False):
            return function(where(isnan(x), fill, x), axis=axis, keepdims=keepdims)

        wrapped.__name__ = wrapped.__qualname__ = f"nan{function.__name__}"
        wrapped.__doc__ = f"As `{function.__name__}`, with NaN left out."
        return wrapped

    return decorate


nansum = _without_nan(0.0)(sum)
nanprod = _without_nan(1.0)(prod)
nanmax = _without_nan(-np.inf)(max)
nanmin = _without_nan(np.inf)(min)
nanargmax = _without_nan(-np.inf)(argmax)
nanargmin = _without_nan(np.inf)(argmin)


def nancumsum(x, axis=None, dtype=None):
    """Return running sums with NaN as 0."""
    return cumsum(where(isnan(x), 0.0, x), axis, dtype)


def nancumprod(x, axis=None, dtype=None):
    """Return running products with NaN as 1."""
    return cumprod(where(isnan(x), 1.0, x), axis, dtype)


def nanmean(x, axis=None, keepdims=False):
    """Return the mean of the elements that are numbers."""
    count = sum(where(isnan(x), 0.0, 1.0), axis=axis, keepdims=keepdims)
    return apply("divide", nansum(x, axis=axis, keepdims=keepdims), count)


def nanvar(x, axis=None, keepdims=False):
    """Return the variance of the elements that are numbers."""
    return nanmean(apply("square", x - nanmean(x, axis=axis, keepdims=True)), axis=axis, keepdims=keepdims)


def nanstd(x, axis=None, keepdims=False):
    """Return the standard deviation of the elements that are numbers."""
    return apply("sqrt", nanvar(x, axis=axis, keepdims=keepdims))


__all__ = (
    "all amax amin any argmax argmin argpartition argsort average bincount count_nonzero cumprod cumsum digitize "
    "histogram isin logsumexp max mean median min moments nanargmax nanargmin nancumprod nancumsum nanmax nanmean "
    "nanmedian nanmin nanpercentile nanprod nanquantile nanstd nansum nanvar percentile prod ptp quantile "
    "searchsorted sort std sum unique var "
).split()
