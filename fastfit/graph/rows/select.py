"""Ops that choose elements."""

import numpy as np

from fastfit.graph import shapes
from fastfit.graph.op import apply, define
from fastfit.graph.rows.helpers import same_shape, symbolic, unbroadcast
from fastfit.graph.shapes import axis_in
from fastfit.graph.tensor import Shape

A = apply

# where ----------------------------------------------------------------------------------------------------------------


def _where_grad(node, dy):
    condition, x, z = node.inputs
    return [
        None,
        unbroadcast(A("where", condition, dy, 0.0), x),
        unbroadcast(A("where", condition, 0.0, dy), z),
    ]


def _where(condition, x, z):
    return np.where(np.asarray(condition, bool), x, z)


define(
    "where",
    lambda c, x, z: (shapes.broadcast(c.shape, x.shape, z.shape), x.dtype),
    _where,
    _where_grad,
    promote="same",
    operands=slice(1, 3),
    elementwise=True,
)

# getitem --------------------------------------------------------------------------------------------------------------


def _plain(key):
    return key if isinstance(key, tuple) else (key,)


def _refuse_symbolic(key):
    if any(symbolic(k) for k in _plain(key)):
        raise TypeError("Indexing with a symbolic tensor: use fastfit.ops.take, take_along_axis or where instead")


def _getitem_shape(x, key):
    _refuse_symbolic(key)
    simple = all(k is None or k is Ellipsis or isinstance(k, (int, np.integer, slice)) for k in _plain(key))
    if not simple:
        return shapes.probe(_getitem)(x, key=key)
    keys = list(_plain(key))
    used = sum(k is not None and k is not Ellipsis for k in keys)
    if used > len(x.shape):
        raise IndexError(f"too many indices for a tensor of shape {x.shape}: {key}")
    fill = [slice(None)] * (len(x.shape) - used)
    if any(k is Ellipsis for k in keys):
        at = next(i for i, k in enumerate(keys) if k is Ellipsis)
        keys[at : at + 1] = fill
    else:
        keys += fill
    result, dims = [], iter(x.shape)
    for k in keys:
        if k is None:
            result.append(1)
            continue
        d = next(dims)
        if isinstance(k, slice):
            result.append(_slice_size(k, d))
        elif d is not None and not -d <= k < d:
            raise IndexError(f"index {k} is out of bounds for an axis of size {d} (shape {x.shape})")
    return tuple(result), x.dtype


def _slice_size(s, d):
    if d is not None:
        return len(range(*s.indices(d)))
    return None  # also for x[:3]: the batch may have fewer rows


def _getitem(x, key):
    return np.asarray(x)[key]


def _getitem_grad(node, dy):
    return [A("getitem_grad", dy, node.inputs[0], key=node.attrs["key"])]


def _getitem_back(dy, x, key):
    dx = np.zeros(np.shape(x), np.asarray(dy).dtype)
    if all(k is None or k is Ellipsis or isinstance(k, (int, np.integer, slice)) for k in _plain(key)):
        dx[key] = dy
    else:
        np.add.at(dx, key, dy)
    return dx


define("getitem", _getitem_shape, _getitem, _getitem_grad)
define(
    "getitem_grad",
    lambda dy, x, key: (x.shape, dy.dtype),
    _getitem_back,
    lambda node, g: [A("getitem", g, key=node.attrs["key"]), None],
)

# take and its kin -----------------------------------------------------------------------------------------------------


def _take_shape(x, indices, axis=None):
    if axis is None:
        return indices.shape, x.dtype
    axis = axis_in(axis, len(x.shape))
    return (*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]), x.dtype


def _take(x, indices, axis=None):
    return np.take(x, np.asarray(indices).astype(np.int64), axis=axis)


def _take_grad(node, dy):
    x, indices = node.inputs
    axis = node.attrs.get("axis")
    if axis is None:
        flat = A("reshape", x, newshape=(-1,))
        size = len(indices.shape)
        dy = dy if size == 1 else A("reshape", dy, newshape=(-1,))
        indices = indices if size == 1 else A("reshape", indices, newshape=(-1,))
        return [A("reshape_like", A("scatter_add", dy, indices, flat, axis=0), x), None]
    return [A("scatter_add", dy, indices, x, axis=axis), None]


define("take", _take_shape, _take, _take_grad)


def _scatter_add(dy, indices, like, axis):
    """Sum slices of dy into the places of ``like`` that a take along ``axis`` read them from."""
    shape = np.shape(like)
    axis = axis_in(axis, len(shape))
    indices = np.asarray(indices).astype(np.int64)
    dx = np.zeros(shape, np.asarray(dy).dtype)
    moved = np.moveaxis(dx, axis, 0)
    places = tuple(range(axis, axis + indices.ndim))
    dy = np.moveaxis(dy, places, tuple(range(indices.ndim)))
    np.add.at(moved, indices, dy)
    return dx


define(
    "scatter_add",
    lambda dy, indices, like, axis: (like.shape, dy.dtype),
    _scatter_add,
    lambda node, g: [A("take", g, node.inputs[1], axis=node.attrs["axis"]), None, None],
)


def _along(function):
    def meaning(x, indices, *rest, axis):
        return function(x, np.asarray(indices).astype(np.int64), *rest, axis)

    return meaning


def _put_along(dy, indices, like, axis):
    dx = np.zeros(np.shape(like), np.asarray(dy).dtype)
    axis = axis_in(axis, dx.ndim)
    where = list(np.ogrid[tuple(slice(0, n) for n in indices.shape)])
    where[axis] = indices
    np.add.at(dx, tuple(where), dy)
    return dx


def _along_shape(x, indices, axis):
    if len(x.shape) != len(indices.shape):
        raise ValueError(
            "take_along_axis: x and indices must have as many axes. "
            f"Received: x.shape={tuple(x.shape)}, indices.shape={tuple(indices.shape)}"
        )
    axis = axis_in(axis, len(x.shape))
    rest = shapes.broadcast(*[tuple(1 if i == axis else d for i, d in enumerate(s.shape)) for s in (x, indices)])
    return tuple(indices.shape[i] if i == axis else d for i, d in enumerate(rest)), x.dtype


define(
    "take_along_axis",
    _along_shape,
    _along(np.take_along_axis),
    lambda node, dy: [A("put_along_axis", dy, node.inputs[1], node.inputs[0], axis=node.attrs["axis"]), None],
)
define(
    "put_along_axis",
    lambda dy, indices, like, axis: (like.shape, dy.dtype),
    _along(_put_along),
    lambda node, g: [A("take_along_axis", g, node.inputs[1], axis=node.attrs["axis"]), None, None],
)

# one-hot, order, sets -------------------------------------------------------------------------------------------------


def _one_hot_shape(x, num_classes, axis=-1, dtype="float32"):
    axis = axis_in(axis, len(x.shape) + 1)
    return (*x.shape[:axis], num_classes, *x.shape[axis:]), dtype


def one_hot(x, num_classes, axis=-1, dtype="float32"):
    """Return rows of the identity; ids out of range give zeros, as in Keras."""
    x = np.asarray(x)
    classes = np.arange(num_classes, dtype=np.int64)
    hot = x.astype(np.int64)[..., None] == classes
    return np.moveaxis(hot, -1, axis).astype(dtype)


define("one_hot", _one_hot_shape, one_hot, constant=True)


def _sort_grad(node, dy):
    x, axis = node.inputs[0], node.attrs.get("axis", -1)
    return [A("put_along_axis", dy, A("argsort", x, axis=axis), x, axis=axis)]


define("sort", same_shape, lambda x, axis=-1: np.sort(x, axis=axis, kind="stable"), _sort_grad)
define(
    "argsort",
    lambda x, axis=-1: (x.shape, "int32"),
    lambda x, axis=-1: np.argsort(x, axis=axis, kind="stable").astype("int32"),
    constant=True,
)


def _top_k(x, k, sorted=True):
    order = np.argsort(-np.asarray(x), axis=-1, kind="stable")[..., :k]
    return np.take_along_axis(np.asarray(x), order, -1), order.astype("int32")


def _top_k_shape(x, k, sorted=True):
    if not x.shape or (x.shape[-1] is not None and k > x.shape[-1]):
        raise ValueError(f"top_k: expected at least k elements along the last axis. Received: {tuple(x.shape)}, k={k}")
    return [((*x.shape[:-1], k), x.dtype), ((*x.shape[:-1], k), "int32")]


define(
    "top_k",
    _top_k_shape,
    _top_k,
    lambda node, dy, _: [None if dy is None else A("put_along_axis", dy, node.outputs[1], node.inputs[0], axis=-1)],
)


def _in_top_k(targets, predictions, k):
    # an id of no class, such as one that the loss ignores, is among no classes; as in Keras, those below 0 count back
    targets, n = np.asarray(targets).astype(np.int64), np.shape(predictions)[-1]
    known = (targets >= -n) & (targets < n)
    chosen = np.take_along_axis(np.asarray(predictions), np.where(known, targets, 0)[..., None], -1)
    chosen = np.where(known[..., None], chosen, np.nan)
    higher = np.sum(predictions > chosen, axis=-1)  # ties at the boundary count
    return (higher < k) & np.isfinite(chosen[..., 0])


def _in_top_k_shape(targets, predictions, k):
    fits = len(targets.shape) == len(predictions.shape) - 1
    if not fits or any(None not in (a, b) and a != b for a, b in zip(targets.shape, predictions.shape, strict=False)):
        raise ValueError(
            "in_top_k: expected a class id for each row of predictions. "
            f"Received: targets.shape={tuple(targets.shape)}, predictions.shape={tuple(predictions.shape)}"
        )
    return targets.shape, "bool"


define("in_top_k", _in_top_k_shape, _in_top_k, constant=True)
define(
    "searchsorted",
    lambda s, v, side="left": (v.shape, "int32"),
    lambda s, v, side="left": np.asarray(np.searchsorted(s, v, side=side)).astype("int32"),
    constant=True,
)
define(
    "digitize",
    lambda x, bins: (x.shape, "int32"),
    lambda x, bins: np.asarray(np.digitize(x, bins)).astype("int32"),
    constant=True,
)


def _bincount(x, weights=None, *, minlength):
    x = np.asarray(x).astype(np.int64)
    rows = [np.bincount(r, None if weights is None else w, minlength)[:minlength]
            for r, w in zip(x.reshape(-1, x.shape[-1]), _rows(weights, x), strict=True)]  # fmt: skip
    return np.stack(rows).reshape(*x.shape[:-1], minlength).astype("int32" if weights is None else weights.dtype)


def _rows(weights, x):
    count = int(np.prod(x.shape[:-1]))
    return [None] * count if weights is None else np.asarray(weights).reshape(-1, x.shape[-1])


# Of fixed length, along the last axis; see ops.bincount for the one whose length depends on the data.
define(
    "bincount",
    lambda x, weights=None, *, minlength: (
        (*x.shape[:-1], minlength),
        "int32" if weights is None else weights.dtype,
    ),
    _bincount,
    constant=True,
)


def _segment(ufunc, start):
    def meaning(data, ids, num_segments):
        data = np.asarray(data)
        result = np.full((num_segments, *data.shape[1:]), start(data.dtype), data.dtype)
        ids = np.asarray(ids).astype(np.int64)
        valid = (ids >= 0) & (ids < num_segments)
        ufunc.at(result, ids[valid], data[valid])
        return result

    return meaning


def _lowest(dtype):
    return -np.inf if dtype.kind == "f" else np.iinfo(dtype).min


def _highest(dtype):
    return np.inf if dtype.kind == "f" else np.iinfo(dtype).max


def _segment_shape(data, ids, num_segments):
    if (
        len(ids.shape) != 1
        or not data.shape
        or (None not in (ids.shape[0], data.shape[0]) and ids.shape != data.shape[:1])
    ):
        raise ValueError(
            "segment_*: expected a segment id for each row of the data. "
            f"Received: data.shape={tuple(data.shape)}, segment_ids.shape={tuple(ids.shape)}"
        )
    return (num_segments, *data.shape[1:]), data.dtype


def _segment_sum_grad(node, dy):
    """Each row gets its segment's gradient; rows of no segment were left out."""
    ids, data = node.inputs[1], node.inputs[0]
    rows, of_ids = (x._shape if symbolic(x) else Shape(np.shape(x)) for x in (data, ids))
    if rows.times != of_ids.times or (rows[0] is not None and of_ids[0] is None):
        raise NotImplementedError(
            "segment_sum: no gradient where data and segment_ids have other numbers of rows for each row of the batch. "
            f"Received: data.shape={tuple(rows)}, segment_ids.shape={tuple(of_ids)}"
        )
    inside = A("logical_and", A("greater_equal", ids, 0), A("less", ids, node.attrs["num_segments"]))
    rows = A("take", dy, A("where", inside, ids, 0), axis=0)
    more = len(data.shape) - 1
    inside = A("expand_dims", inside, axis=tuple(range(1, more + 1))) if more else inside
    return [A("where", inside, rows, 0.0), None]


define(
    "segment_sum",
    _segment_shape,
    _segment(np.add, lambda d: 0),
    _segment_sum_grad,
)
define("segment_max", _segment_shape, _segment(np.maximum, _lowest))
define("segment_min", _segment_shape, _segment(np.minimum, _highest))
define("segment_prod", _segment_shape, _segment(np.multiply, lambda d: 1))


def _scatter(indices, values, shape):
    result = np.zeros(shape, np.asarray(values).dtype)
    np.add.at(result, tuple(np.moveaxis(np.asarray(indices), -1, 0)), values)
    return result


define("scatter", lambda i, v, shape: (tuple(shape), v.dtype), _scatter)


def _scatter_update(x, indices, updates, reduction=None):
    result = np.array(x)
    where = tuple(np.moveaxis(np.asarray(indices), -1, 0))
    ufunc = {"add": np.add, "max": np.maximum, "min": np.minimum, "mul": np.multiply}.get(reduction)
    if ufunc is None:
        result[where] = updates
    else:
        ufunc.at(result, where, updates)
    return result


define("scatter_update", lambda x, i, u, reduction=None: (x.shape, x.dtype), _scatter_update)
