"""Ops that move elements and compute none."""

import math

import numpy as np

from fastfit.graph import shapes
from fastfit.graph.op import apply, define
from fastfit.graph.rows.helpers import symbolic, unbroadcast
from fastfit.graph.shapes import axis_in, rows_each

A = apply


# Reshape --------------------------------------------------------------------------------------------------------------
# Unknown sizes in ``newshape`` are None, one more input each gives them (int scalars); without inputs one -1 may stand.


def _with_dims(newshape, dims):
    dims = iter(dims)
    return tuple(int(next(dims, -1)) if d is None else d for d in newshape)


def _reshape_shape(x, *dims, newshape):
    shape = tuple(None if d == -1 else d for d in newshape)
    gaps = [i for i, d in enumerate(newshape) if d == -1]
    if len(gaps) > 1:
        raise ValueError(f"reshape: only one dimension can be -1. Received: newshape={newshape}")
    known = math.prod(d for d in shape if d is not None)
    if None not in x.shape:
        size = math.prod(x.shape)
        free = [i for i, d in enumerate(shape) if d is None]
        if len(free) == 1:
            if known == 0 or size % known:
                raise ValueError(f"reshape: cannot reshape a tensor of shape {x.shape} into {newshape}")
            shape = tuple(size // known if d is None else d for d in shape)
        elif not free and size != known:
            raise ValueError(f"reshape: cannot reshape a tensor of shape {x.shape} into {newshape}")
        return shape, x.dtype
    # (None, 4, 5) to (-1, 20) keeps the unknown size; (None, 6) to (None dim, -1) yields 6.
    if gaps and len([d for d in shape if d is None]) == 2 and x.shape.count(None) == 1:
        rest = math.prod(d for d in x.shape if d is not None)
        each = rows_each(dims[0]) if dims and x.shape[0] is None else None
        total = rest * getattr(x.shape, "times", 1)
        if known and each and total % (known * each) == 0:
            shape = tuple(total // (known * each) if i == gaps[0] else d for i, d in enumerate(shape))
    return shape, x.dtype


def _reshape(x, *dims, newshape):
    return np.reshape(x, _with_dims(newshape, dims))


def reshape_to(value, x):
    """Return ``value`` in the shape of ``x``, known or not."""
    if x.shape.count(None) <= 1:
        return A("reshape", value, newshape=tuple(-1 if d is None else d for d in x.shape))
    return A("reshape_like", value, x)


def _back(node, dy):
    return [reshape_to(dy, node.inputs[0])] + [None] * (len(node.inputs) - 1)


define("reshape", _reshape_shape, _reshape, _back, sizes=slice(1, None))
define(
    "reshape_like",
    lambda x, like: (like.shape, x.dtype),
    lambda x, like: np.reshape(x, np.shape(like)),
    lambda node, dy: [reshape_to(dy, node.inputs[0]), None],
)


def _expand_shape(x, axis):
    axes = (axis,) if isinstance(axis, (int, np.integer)) else tuple(axis)
    rank = len(x.shape) + len(axes)
    places = {axis_in(a, rank) for a in axes}
    rest = iter(x.shape)
    return tuple(1 if i in places else next(rest) for i in range(rank)), x.dtype


define("expand_dims", _expand_shape, lambda x, axis: np.expand_dims(x, axis), _back)


def _squeeze_shape(x, axis=None):
    if axis is None:
        return tuple(d for d in x.shape if d != 1), x.dtype
    axes = shapes.axes_in(axis, len(x.shape))
    for a in axes:
        if x.shape[a] not in (1, None):
            raise ValueError(f"squeeze: axis {a} has size {x.shape[a]}, not 1 (shape {x.shape})")
    return tuple(d for i, d in enumerate(x.shape) if i not in axes), x.dtype


define("squeeze", _squeeze_shape, lambda x, axis=None: np.squeeze(x, axis=axis), _back)

# Order of axes and of elements ----------------------------------------------------------------------------------------


def _order(axes, rank):
    return tuple(reversed(range(rank))) if axes is None else tuple(axis_in(a, rank) for a in axes)


def _transpose_grad(node, dy):
    order = _order(node.attrs.get("axes"), len(node.inputs[0].shape))
    return [A("transpose", dy, axes=tuple(int(i) for i in np.argsort(order)))]


def _transpose_shape(x, axes=None):
    order = _order(axes, len(x.shape))
    if sorted(order) != list(range(len(x.shape))):
        raise ValueError(f"transpose: axes {axes} do not fit a tensor of shape {x.shape}")
    return tuple(x.shape[i] for i in order), x.dtype


define("transpose", _transpose_shape, lambda x, axes=None: np.transpose(x, axes), _transpose_grad)
define(
    "flip",
    lambda x, axis=None: (x.shape, x.dtype),
    lambda x, axis=None: np.flip(x, axis),
    lambda node, dy: [A("flip", dy, **node.attrs)],
)
define(
    "roll",
    lambda x, shift, axis=None: (x.shape, x.dtype),
    lambda x, shift, axis=None: np.roll(x, shift, axis),
    lambda node, dy: [A("roll", dy, shift=_negated(node.attrs["shift"]), axis=node.attrs.get("axis"))],
)


def _negated(shift):
    return tuple(-s for s in shift) if isinstance(shift, (tuple, list)) else -shift


# Fixed rows and batches -----------------------------------------------------------------------------------------------


def _as_batch(x, batch):
    if len(x) != len(batch):
        raise ValueError(f"{len(x)} rows of a constant or a variable meet the rows of the batch, one by one")
    return x


define(
    "as_batch",
    lambda x, batch: ((None, *x.shape[1:]), x.dtype),
    _as_batch,
    lambda node, dy: [A("fixed_rows", dy, rows=node.inputs[0].shape[0]) if symbolic(node.inputs[0]) else None, None],
)
define(
    "fixed_rows",
    lambda x, rows: ((rows, *x.shape[1:]), x.dtype),
    lambda x, rows: x,
    lambda node, dy: [A("as_batch", dy, node.inputs[0])],
)

# Broadcast ------------------------------------------------------------------------------------------------------------


def _check_broadcast(x, shape):
    given = tuple(x.shape)
    fits = len(given) <= len(shape) and all(
        a in (1, b) or None in (a, b) for a, b in zip(given[::-1], tuple(shape)[::-1], strict=False)
    )
    if not fits:
        raise ValueError(f"broadcast_to: {given} cannot be broadcast. Received: shape={tuple(shape)}")


def _check_rows(x, shape, times):
    """Refuse rows of the batch for a shape that has some for each of them, or the reverse."""
    both = len(x.shape) == len(shape) and x.shape[:1] == (None,) == shape[:1]
    if both and times and getattr(x.shape, "times", times) != times:
        raise ValueError(
            f"broadcast_to: {x.shape.times} rows for each row of the batch cannot be broadcast to {times} for each. "
            f"Received: {x!r}"
        )


def _broadcast_to_shape(x, *dims, shape):
    _check_broadcast(x, shape)
    if dims and tuple(shape)[:1] == (None,):
        _check_rows(x, tuple(shape), rows_each(dims[0]))
    return tuple(shape), x.dtype


def _broadcast_like_shape(x, like):
    _check_broadcast(x, like.shape)
    _check_rows(x, like.shape, getattr(like.shape, "times", None))
    return like.shape, x.dtype


define(
    "broadcast_to",
    _broadcast_to_shape,
    lambda x, *dims, shape: np.broadcast_to(x, _with_dims(shape, dims)),
    lambda node, dy: [unbroadcast(dy, node.inputs[0])] + [None] * (len(node.inputs) - 1),
    sizes=slice(1, None),
)
define(
    "broadcast_like",
    _broadcast_like_shape,
    lambda x, like: np.broadcast_to(x, np.shape(like)),
    lambda node, dy: [unbroadcast(dy, node.inputs[0]), None],
)
define(
    "full",
    lambda *dims, shape, value, dtype: (tuple(shape), dtype),
    lambda *dims, shape, value, dtype: np.full(_with_dims(shape, dims), value, dtype),
    constant=True,
    sizes=slice(0, None),
)
define(
    "arange",
    lambda size, dtype: ((None,), dtype),
    lambda size, dtype: np.arange(int(size)).astype(dtype),
    constant=True,
    sizes=slice(0, None),
)
define(
    "full_like",
    lambda x, value, dtype: (x.shape, dtype),
    lambda x, value, dtype: np.full(np.shape(x), value, dtype),
    constant=True,
)

# Joining and cutting --------------------------------------------------------------------------------------------------


def _concatenate_shape(*xs, axis=0):
    rank = len(xs[0].shape)
    axis = axis_in(axis, rank)
    shape = list(xs[0].shape)
    for x in xs[1:]:
        if len(x.shape) != rank:
            raise ValueError(f"concatenate: ranks differ. Received shapes {[s.shape for s in xs]}")
        for i, d in enumerate(x.shape):
            if i == axis:
                shape[i] = None if shape[i] is None or d is None else shape[i] + d
            elif shape[i] is None:
                shape[i] = d
            elif d is not None and d != shape[i]:
                raise ValueError(f"concatenate: shapes differ off axis {axis}. Received {[s.shape for s in xs]}")
    return tuple(shape), xs[0].dtype


def _concatenate_rows(*xs, axis=0):
    times = [x.shape.times if symbolic(x) and x.shape[:1] == (None,) else 0 for x in xs]
    if axis_in(axis, len(xs[0].shape)) == 0:
        return sum(times) if all(times) else 0
    found = {n for n in times if n}
    return found.pop() if len(found) == 1 else 0


def _concatenate_grad(node, dy):
    axis = axis_in(node.attrs.get("axis", 0), len(node.outputs[0].shape))
    sizes = [np.shape(x)[axis] if not symbolic(x) else x.shape[axis] for x in node.inputs]
    if None in sizes:
        return [A("slice_as", dy, *node.inputs, axis=axis, which=i) if symbolic(x) else None
                for i, x in enumerate(node.inputs)]  # fmt: skip
    result, start = [], 0
    for x, size in zip(node.inputs, sizes, strict=True):
        key = (slice(None),) * axis + (slice(start, start + size),)
        result.append(A("getitem", dy, key=key) if symbolic(x) else None)
        start += size
    return result


define(
    "concatenate",
    _concatenate_shape,
    lambda *xs, axis=0: np.concatenate(xs, axis=axis),
    _concatenate_grad,
    promote="same",
    by_row=True,
    rows=_concatenate_rows,
)


def _slice_as(dy, *xs, axis, which):
    start = sum(np.shape(x)[axis] for x in xs[:which])
    return dy[(slice(None),) * axis + (slice(start, start + np.shape(xs[which])[axis]),)]


# The part of dy that belongs to input ``which`` of a concatenation along an axis of unknown size.
define("slice_as", lambda dy, *xs, axis, which: (xs[which].shape, dy.dtype), _slice_as)


def _stack_shape(*xs, axis=0):
    shape = shapes.broadcast(*[x.shape for x in xs])
    axis = axis_in(axis, len(shape) + 1)
    return (*shape[:axis], len(xs), *shape[axis:]), xs[0].dtype


def _stack_grad(node, dy):
    axis = axis_in(node.attrs.get("axis", 0), len(node.outputs[0].shape))
    return [A("getitem", dy, key=(slice(None),) * axis + (i,)) for i in range(len(node.inputs))]


define("stack", _stack_shape, lambda *xs, axis=0: np.stack(xs, axis=axis), _stack_grad, promote="same", by_row=True)


def _tile_shape(x, repeats):
    rank = max(len(x.shape), len(repeats))
    shape = (1,) * (rank - len(x.shape)) + tuple(x.shape)
    repeats = (1,) * (rank - len(repeats)) + tuple(repeats)
    return tuple(None if d is None else d * r for d, r in zip(shape, repeats, strict=True)), x.dtype


def _tile_grad(node, dy):
    x, repeats = node.inputs[0], tuple(node.attrs["repeats"])
    rank = max(len(x.shape), len(repeats))
    shape = (1,) * (rank - len(x.shape)) + x.shape
    repeats = (1,) * (rank - len(repeats)) + repeats
    if shape.count(None) > 1:
        raise NotImplementedError("tile: gradient with several unknown dimensions")
    pairs, axes = [], []
    for r, d in zip(repeats, shape, strict=True):
        if r != 1:  # an axis of its own for the repeats
            axes.append(len(pairs))
            pairs.append(r)
        pairs.append(-1 if d is None else d)
    total = A("reshape", dy, newshape=tuple(pairs))
    return [reshape_to(A("sum", total, axis=tuple(axes)) if axes else total, x)]


def _tile_rows(x, repeats):
    """How many rows for each row of the batch."""
    return x.shape.times * (repeats[-len(x.shape)] if len(repeats) >= len(x.shape) else 1)


define("tile", _tile_shape, lambda x, repeats: np.tile(x, repeats), _tile_grad, rows=_tile_rows)


def _repeat_shape(x, repeats, axis):
    axis = axis_in(axis, len(x.shape))
    size = x.shape[axis]
    if isinstance(repeats, int):
        size = None if size is None else size * repeats
    else:
        size = int(np.sum(repeats)) if np.size(repeats) > 1 or size is None else size * int(np.sum(repeats))
    return (*x.shape[:axis], size, *x.shape[axis + 1 :]), x.dtype


def _repeat_grad(node, dy):
    x, repeats, axis = node.inputs[0], node.attrs["repeats"], node.attrs["axis"]
    axis = axis_in(axis, len(x.shape))
    if not isinstance(repeats, int):
        index = np.repeat(np.arange(len(repeats)), repeats)
        return [A("scatter_add", dy, index, x, axis=axis)]
    shape = tuple(-1 if d is None else d for d in x.shape)
    if shape.count(-1) > 1:
        raise NotImplementedError("repeat: gradient with several unknown dimensions")
    shape = (*shape[: axis + 1], repeats, *shape[axis + 1 :])
    return [A("sum", A("reshape", dy, newshape=shape), axis=axis + 1, keepdims=False)]


def _repeat_rows(x, repeats, axis):
    along = axis_in(axis, len(x.shape)) == 0
    return x.shape.times if not along else x.shape.times * repeats if isinstance(repeats, int) else 0


define(
    "repeat",
    _repeat_shape,
    lambda x, repeats, axis: np.repeat(x, repeats, axis=axis),
    _repeat_grad,
    rows=_repeat_rows,
)


def _pad_shape(x, pad_width, mode="constant", constant_values=0):
    dims = zip(x.shape, pad_width, strict=True)
    return tuple(None if d is None else d + before + after for d, (before, after) in dims), x.dtype


def _pad(x, pad_width, mode="constant", constant_values=0):
    extra = {"constant_values": constant_values} if mode == "constant" else {}
    return np.pad(x, pad_width, mode=mode, **extra)


def _pad_grad(node, dy):
    if node.attrs.get("mode", "constant") != "constant":
        return [A("pad_grad", dy, node.inputs[0], **node.attrs)]
    key = tuple(slice(before or None, -after or None) for before, after in node.attrs["pad_width"])
    return [A("getitem", dy, key=key)]


def _pad_back(dy, x, pad_width, mode="constant", constant_values=0):
    """Sum what padding has copied into the places that it was copied from."""
    places = np.pad(np.arange(1, np.size(x) + 1).reshape(np.shape(x)), pad_width, mode=mode)
    dx = np.zeros(np.size(x) + 1, np.asarray(dy).dtype)
    np.add.at(dx, places.ravel(), np.ravel(dy))
    return dx[1:].reshape(np.shape(x))


define(
    "pad",
    _pad_shape,
    _pad,
    _pad_grad,
    rows=lambda x, pad_width, **_: x.shape.times if tuple(pad_width[0]) == (0, 0) else 0,
)
define(
    "pad_grad",
    lambda dy, x, **_: (x.shape, dy.dtype),
    _pad_back,
    lambda node, g: [A("pad", g, **{**node.attrs, "constant_values": 0}), None],
)
