"""Functions of ``keras.ops.numpy`` that make, reshape, join and multiply arrays."""

import math

import numpy as np

from fastfit import config
from fastfit.graph.array import as_array
from fastfit.graph.op import apply, cast, natural_dtype, promote_dtypes
from fastfit.graph.shapes import rows_each
from fastfit.graph.tensor import KerasTensor
from fastfit.ops.families import plain_axis, split_shape


def _dtype(dtype, default=None):
    if dtype is None:
        return default or config.floatx()
    names = {"float": config.floatx(), "int": "int32"}
    return names.get(dtype) or np.dtype(dtype).name


def _rank(x):
    return len(x.shape) if hasattr(x, "shape") else np.ndim(x)


# Making ---------------------------------------------------------------------------------------------------------------


def full(shape, fill_value, dtype=None):
    """Return an array filled with a value."""
    static, dims = split_shape(shape)
    if fill_value is None:
        raise TypeError(
            "A value to fill an array with is missing; sizes that are known only at run time are None in .shape: use "
            "fastfit.ops.shape(x)[0]. Received: fill_value=None"
        )
    if isinstance(fill_value, KerasTensor):
        value = fill_value if dtype is None else cast(fill_value, _dtype(dtype))
        return apply("broadcast_to", value, *dims, shape=static)
    return apply("full", *dims, shape=static, value=fill_value, dtype=_dtype(dtype))


def zeros(shape, dtype=None):
    """Return an array of zeros."""
    return full(shape, 0, _dtype(dtype))


def ones(shape, dtype=None):
    """Return an array of ones."""
    return full(shape, 1, _dtype(dtype))


empty = zeros


def full_like(x, fill_value, dtype=None):
    """Return an array of the shape of x filled with a value."""
    own = str(np.asarray(x).dtype) if not hasattr(x, "dtype") else str(x.dtype)
    if isinstance(fill_value, KerasTensor):
        return apply("broadcast_like", cast(fill_value, _dtype(dtype, own)), x)
    return apply("full_like", x, value=fill_value, dtype=_dtype(dtype, own))


def zeros_like(x, dtype=None):
    """Return zeros of the shape of x."""
    return full_like(x, 0, dtype)


def ones_like(x, dtype=None):
    """Return ones of the shape of x."""
    return full_like(x, 1, dtype)


empty_like = zeros_like


def array(x, dtype=None):
    """Return ``x`` as an array (a tensor stays one), of ``dtype`` if given."""
    if isinstance(x, (list, tuple)) and any(isinstance(v, KerasTensor) for v in x):
        x = stack(x)
    if isinstance(x, (bool, int, float, list, tuple)):
        x = apply("identity", np.asarray(x) if isinstance(x, bool) else x)
    return as_array(x if dtype is None else cast(x, _dtype(dtype)))


def arange(start, stop=None, step=None, dtype=None):
    """Return evenly spaced numbers."""
    _check_size(start)
    values = [v for v in (start, stop, step) if v is not None]
    symbolic = any(isinstance(v, KerasTensor) for v in values)
    if dtype is None:
        whole = ("int32" if isinstance(v, (int, np.integer)) else "float32" for v in values)
        dtype = promote_dtypes([natural_dtype(v) for v in values] if symbolic else list(whole))
    if symbolic:
        return _arange(start, stop, step, _dtype(dtype))
    return as_array(np.arange(start, stop, 1 if step is None else step, dtype=_dtype(dtype)))


def _check_size(n):
    if n is None:
        raise TypeError(
            "A size or an end is missing; sizes that are known only at run time are None in .shape: use "
            "fastfit.ops.shape(x)[0] instead of x.shape[0]. Received: None"
        )


def _arange(start, stop, step, dtype):
    """`arange` of a size that only the run knows."""
    first, limit = (0, start) if stop is None else (start, stop)
    from_zero = isinstance(first, int) and first == 0
    size = limit if from_zero else limit - first
    if step is not None:
        size = -(-size // step)
    values = apply("arange", cast(size, "int32"), dtype=dtype)
    values = values if step is None else values * step
    return cast(values if from_zero else values + first, dtype)


def linspace(start, stop, num=50, endpoint=True, retstep=False, dtype=None, axis=0):
    """Return ``num`` numbers from start to stop."""
    numbers = np.linspace(start, stop, num, endpoint=endpoint, retstep=retstep, dtype=_dtype(dtype), axis=axis)
    return tuple(map(as_array, numbers)) if retstep else as_array(numbers)


def logspace(start, stop, num=50, endpoint=True, base=10, dtype=None, axis=0):
    """Return ``num`` numbers from base^start to base^stop, evenly spaced on a log scale."""
    return as_array(np.logspace(start, stop, num, endpoint=endpoint, base=base, dtype=_dtype(dtype), axis=axis))


def geomspace(start, stop, num=50, endpoint=True, dtype=None, axis=0):
    """Return ``num`` numbers from start to stop in geometric progression."""
    return as_array(np.geomspace(start, stop, num, endpoint=endpoint, dtype=_dtype(dtype), axis=axis))


def eye(N, M=None, k=0, dtype=None):
    """Return a matrix with ones on a diagonal."""
    _check_size(N)
    if isinstance(N, KerasTensor) or isinstance(M, KerasTensor):
        return cast(apply("equal", *_corner(N, M, k)), _dtype(dtype))
    return as_array(np.eye(N, M, k, dtype=_dtype(dtype)))


def _corner(N, M, k):
    """The numbers of the rows as a column, plus k, and of the columns as a row."""
    rows, columns = arange(N), arange(N if M is None else M)
    return expand_dims(rows, 1) + k, expand_dims(columns, 0)


def identity(n, dtype=None):
    """Return the identity matrix."""
    return eye(n, dtype=dtype)


def tri(N, M=None, k=0, dtype=None):
    """Return a matrix with ones at and below a diagonal."""
    _check_size(N)
    if isinstance(N, KerasTensor) or isinstance(M, KerasTensor):
        return cast(apply("greater_equal", *_corner(N, M, k)), _dtype(dtype))
    return as_array(np.tri(N, M, k, dtype=_dtype(dtype)))


def meshgrid(*x, indexing="xy"):
    """Return coordinate arrays from coordinate vectors."""
    n = len(x)
    swap = indexing == "xy" and n > 1
    place = [(1, 0)[i] if swap and i < 2 else i for i in range(n)]
    columns = [expand_dims(v, tuple(a for a in range(n) if a != p)) for v, p in zip(x, place, strict=True)]
    whole = columns[0] * 0
    for c in columns[1:]:
        whole = whole + c * 0
    return [apply("broadcast_like", c, whole) for c in columns]


def shape_of(x):
    """Return the shape as a tuple; a size known only at run time is an int tensor."""
    shape = x.shape if hasattr(x, "shape") else np.shape(x)
    return tuple(apply("axis_size", x, axis=i, dtype="int32") if d is None else d for i, d in enumerate(shape))


# Shape ----------------------------------------------------------------------------------------------------------------


def reshape(x, newshape):
    """Return x in another shape; one size may be -1 (or None, which means the same)."""
    if isinstance(newshape, (list, tuple)):
        newshape = [-1 if d is None else d for d in newshape]
    static, dims = split_shape(newshape)
    if len(dims) == 1 and -1 not in static and _rows_fit(x, dims[0], static):  # the size needs no tensor
        return apply("reshape", x, newshape=tuple(-1 if d is None else d for d in static))
    return apply("reshape", x, *dims, newshape=static)


def _rows_fit(x, rows, static):
    """Whether a size is that of the axis left over when x is given the others of a shape."""
    if not isinstance(x, KerasTensor) or x.shape[:1] != (None,) or None in x.shape[1:]:
        return False
    rest = math.prod(d for d in static if d is not None)
    each = rows_each(rows)
    return bool(rest and each) and math.prod(x.shape[1:]) * x.shape.times == rest * each


def ravel(x):
    """Return the elements in one axis."""
    return apply("reshape", x, newshape=(-1,))


def expand_dims(x, axis):
    """Insert axes of size 1."""
    return apply("expand_dims", x, axis=plain_axis(axis))


def squeeze(x, axis=None):
    """Remove axes of size 1."""
    if axis is None and isinstance(x, KerasTensor):  # not the batch, which may have one row
        axis = tuple(i for i, d in enumerate(x.shape) if d == 1)
    return apply("squeeze", x, axis=plain_axis(axis))


def transpose(x, axes=None):
    """Permute the axes; reverse them by default."""
    return apply("transpose", x, axes=None if axes is None else tuple(int(a) for a in axes))


def swapaxes(x, axis1, axis2):
    """Swap two axes."""
    order = list(range(_rank(x)))
    order[axis1], order[axis2] = order[axis2], order[axis1]
    return transpose(x, order)


def moveaxis(x, source, destination):
    """Move axes to other places."""
    rank = _rank(x)
    source = [a % rank for a in ((source,) if isinstance(source, int) else source)]
    destination = [a % rank for a in ((destination,) if isinstance(destination, int) else destination)]
    order = [a for a in range(rank) if a not in source]
    for d, s in sorted(zip(destination, source, strict=True)):
        order.insert(d, s)
    return transpose(x, order)


def flip(x, axis=None):
    """Reverse the order along axes."""
    return apply("flip", x, axis=plain_axis(axis))


def fliplr(x):
    """Reverse axis 1."""
    return flip(x, 1)


def flipud(x):
    """Reverse axis 0."""
    return flip(x, 0)


def rot90(array, k=1, axes=(0, 1)):
    """Rotate by k quarter turns in the plane of two axes."""
    first, second = axes
    k %= 4
    if k == 0:
        return array
    if k == 2:
        return flip(flip(array, first), second)
    if k == 1:
        return swapaxes(flip(array, second), first, second)
    return flip(swapaxes(array, first, second), second)


def roll(x, shift, axis=None):
    """Shift elements along axes, round the end."""
    return apply("roll", x, shift=shift, axis=plain_axis(axis))


def broadcast_to(x, shape):
    """Return x repeated to a shape."""
    static, dims = split_shape(shape)
    return apply("broadcast_to", x, *dims, shape=static)


def tile(x, repeats):
    """Repeat the array along its axes."""
    each = list(repeats) if isinstance(repeats, (list, tuple)) else [repeats]
    if any(isinstance(r, KerasTensor) for r in each):
        return _tile_by_size(x, each)
    return apply("tile", x, repeats=(int(repeats),) if np.ndim(repeats) == 0 else tuple(int(r) for r in repeats))


def _tile_by_size(x, repeats):
    """`tile` by sizes that only the run knows: axes of one element."""
    shape = [1] * (len(repeats) - _rank(x)) + list(np.shape(x) if not hasattr(x, "shape") else x.shape)
    repeats = [1] * (len(shape) - len(repeats)) + repeats
    if any(isinstance(r, KerasTensor) and d != 1 for r, d in zip(repeats, shape, strict=True)):
        raise TypeError(
            "Only an axis of size 1 can be repeated as often as the run says. "
            f"Received: shape={tuple(shape)}, repeats={repeats}"
        )
    x = apply("tile", x, repeats=tuple(1 if isinstance(r, KerasTensor) else int(r) for r in repeats))
    sizes = [r if isinstance(r, KerasTensor) else n for r, n in zip(repeats, shape_of(x), strict=True)]
    return broadcast_to(x, sizes)


def repeat(x, repeats, axis=None):
    """Repeat each element along an axis."""
    if axis is None:
        x, axis = ravel(x), 0
    if isinstance(repeats, KerasTensor):
        rank = _rank(x)
        return _tile_by_size(x, [repeats if i == axis % rank else 1 for i in range(rank)])
    repeats = np.asarray(repeats)
    repeats = int(repeats.reshape(-1)[0]) if repeats.size == 1 else [int(r) for r in repeats]
    return apply("repeat", x, repeats=repeats, axis=int(axis))


def pad(x, pad_width, mode="constant", constant_values=None):
    """Pad the edges."""
    if constant_values is not None and mode != "constant":
        raise ValueError(f"Argument `constant_values` can only be given with mode='constant'. Received: mode={mode}")
    rank = _rank(x)
    width = np.broadcast_to(np.asarray(pad_width), (rank, 2))
    width = tuple((int(a), int(b)) for a, b in width)
    return apply("pad", x, pad_width=width, mode=mode, constant_values=constant_values or 0)


def concatenate(xs, axis=0):
    """Join along an axis."""
    return apply("concatenate", *xs, axis=int(axis))


def stack(x, axis=0):
    """Join along a new axis."""
    rank = _rank(x[0]) + 1
    return concatenate([expand_dims(v, axis % rank) for v in x], axis % rank)


def hstack(xs):
    """Join along axis 1 (axis 0 of vectors)."""
    xs = [x if _rank(x) else expand_dims(x, 0) for x in xs]
    return concatenate(xs, 0 if _rank(xs[0]) == 1 else 1)


def vstack(xs):
    """Join along axis 0, vectors as rows."""
    return concatenate([x if _rank(x) > 1 else reshape(x, (1, -1)) for x in xs], 0)


def dstack(xs):
    """Join along axis 2."""
    raised = []
    for x in xs:
        x = reshape(x, (1, -1)) if _rank(x) < 2 else x
        raised.append(expand_dims(x, -1) if _rank(x) == 2 else x)
    return concatenate(raised, 2)


def append(x1, x2, axis=None):
    """Join two arrays, flat by default."""
    return concatenate([ravel(x1), ravel(x2)], 0) if axis is None else concatenate([x1, x2], axis)


def split(x, indices_or_sections, axis=0):
    """Cut along an axis into equal parts or at indices."""
    rank = _rank(x)
    axis = axis % rank
    size = x.shape[axis]
    if isinstance(indices_or_sections, (int, np.integer)):
        n = int(indices_or_sections)
        if size is None:
            raise ValueError("split into equal parts along an axis of unknown size")
        if size % n:
            raise ValueError(f"split: axis {axis} of size {size} does not divide into {n} equal parts")
        points = [size // n * i for i in range(1, n)]
    else:
        points = [int(i) for i in indices_or_sections]
    bounds = [0, *points, size]
    lead = (slice(None),) * axis
    return [apply("getitem", x, key=(*lead, slice(a, b))) for a, b in zip(bounds[:-1], bounds[1:], strict=True)]


def _split_along(axis, name, least):
    def function(x, indices_or_sections):
        rank = _rank(x)
        if rank < least:
            raise ValueError(f"{name}: expected an array of at least {least} axes. Received: {rank}")
        return split(x, indices_or_sections, axis=min(axis, rank - 1))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"Split along axis {axis}" + (", or the only one." if least <= axis else ".")
    return function


hsplit = _split_along(1, "hsplit", 1)
vsplit = _split_along(0, "vsplit", 2)
dsplit = _split_along(2, "dsplit", 3)


def array_split(x, indices_or_sections, axis=0):
    """Cut along an axis into parts whose sizes differ by at most one."""
    n, size = int(indices_or_sections), x.shape[axis]
    sizes = [size // n + (i < size % n) for i in range(n)]
    return split(x, list(np.cumsum(sizes)[:-1]), axis)


def unstack(x, num=None, axis=0):
    """Return the slices along an axis."""
    axis = axis % _rank(x)
    size = x.shape[axis] if num is None else num
    if size is None:
        raise ValueError("unstack along an axis of unknown size needs `num`")
    return [apply("getitem", x, key=(slice(None),) * axis + (i,)) for i in range(size)]


def take(x, indices, axis=None):
    """Return elements (slices along an axis) at indices."""
    return apply("take", x, indices, axis=axis)


def take_along_axis(x, indices, axis=None):
    """Return elements at indices that vary along the other axes."""
    if axis is None:
        return apply("take_along_axis", ravel(x), ravel(indices), axis=0)
    return apply("take_along_axis", x, indices, axis=int(axis))


def get_item(x, key):
    """Return x[key]."""
    return apply("getitem", x, key=key)


def ndim(x):
    """Return the number of axes."""
    return _rank(x)


def size(x):
    """Return the number of elements; a tensor if a dimension is known only at run time."""
    return math.prod(shape_of(x))


def diff(a, n=1, axis=-1):
    """Return differences of neighbours, n times."""
    axis = axis % _rank(a)
    lead = (slice(None),) * axis
    for _ in range(n):
        a = apply("subtract", get_item(a, (*lead, slice(1, None))), get_item(a, (*lead, slice(None, -1))))
    return a


def unravel_index(indices, shape):
    """Return the coordinates of flat indices."""
    result = []
    for d in reversed(shape):
        result.append(apply("mod", indices, int(d)))
        indices = apply("floor_divide", indices, int(d))
    return tuple(reversed(result))


__all__ = (
    "append arange array array_split broadcast_to concatenate diff dsplit dstack empty empty_like expand_dims eye "
    "flip fliplr flipud full full_like geomspace get_item hsplit hstack identity linspace logspace meshgrid "
    "moveaxis ndim ones ones_like pad ravel repeat reshape roll rot90 size split squeeze stack swapaxes take "
    "take_along_axis tile transpose tri unravel_index unstack vsplit vstack zeros zeros_like "
).split()
