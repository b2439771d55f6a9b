"""Lowering of ops that move elements within a row of the batch, and of look-ups.

A move is a map from places of the result to places of the operand. It comes from the op's own NumPy meaning,
applied to an array of places, so no op has its arithmetic of shapes written twice.
"""

from math import prod

import numpy as np

from fastfit.compiler.broadcasting import emit_map
from fastfit.compiler.lower import ANY, leading, rows_and_width, rule, same_shape, shape_of
from fastfit.compiler.places import lookup_of
from fastfit.graph.op import apply
from fastfit.graph.shapes import axes_in, axis_in
from fastfit.graph.tensor import KerasTensor

# Rows of the stand-in batch that maps are found with; each must be moved alike.
STAND_IN = 3


def _plain(key):
    return key if isinstance(key, tuple) else (key,)


def _full_slice(k):
    return isinstance(k, slice) and k.start in (None, 0) and k.stop is None and k.step in (None, 1)


def _getitem_keeps_rows(node):
    keys, rank = _plain(node.attrs["key"]), len(shape_of(node.inputs[0]))
    if not keys or not all(k is None or k is Ellipsis or isinstance(k, (int, np.integer, slice)) for k in keys):
        arrays = [k for k in keys[1:] if isinstance(k, (list, np.ndarray))]
        # one array of places keeps its axis where it is
        return bool(keys) and _full_slice(keys[0]) and len(arrays) == 1 and len(keys) <= rank
    if keys[0] is Ellipsis:
        return sum(k is not None and k is not Ellipsis for k in keys) < rank
    return _full_slice(keys[0])


def _axes_but_first(node, rank):
    axis = node.attrs.get("axis")
    return axis is not None and 0 not in axes_in(axis, rank)


# For tensors with the batch in front: whether rows stay rows.
KEEPS_ROWS = {
    "transpose": lambda node, rank: (node.attrs.get("axes") or (-1,))[0] in (0, -rank),
    "flip": _axes_but_first,
    "roll": _axes_but_first,
    "repeat": _axes_but_first,
    "getitem": lambda node, rank: _getitem_keeps_rows(node),
    "tile": lambda node, rank: (
        len(node.attrs["repeats"]) <= rank and (len(node.attrs["repeats"]) < rank or node.attrs["repeats"][0] == 1)
    ),
    "pad": lambda node, rank: tuple(node.attrs["pad_width"][0]) == (0, 0),
    "tril": lambda node, rank: rank > 2,
    "triu": lambda node, rank: rank > 2,
    "diagonal": lambda node, rank: 0 not in axes_in((node.attrs.get("axis1", 0), node.attrs.get("axis2", 1)), rank),
}


def move_map(node, shape, batched, attrs):
    """Places of the operand in the order of the result's elements, of one row; -1 where the op fills in."""
    full = (STAND_IN, *shape[1:]) if batched else shape
    size = prod(full)
    places = np.arange(1, size + 1, dtype=np.int64).reshape(full)
    index = np.asarray(node.operation.meaning(places, **attrs)).astype(np.int64) - 1
    if not batched:
        return index
    width = size // STAND_IN
    if index.shape[:1] != (STAND_IN,):
        return None
    index = index.reshape(STAND_IN, -1)
    shifted = np.where(index < 0, -1, index - width * np.arange(STAND_IN)[:, None])
    alike = np.all(shifted == shifted[0]) and np.all(shifted < width)
    return shifted[0] if alike else None


@rule(*KEEPS_ROWS, attrs=ANY)
def move(low, node):
    x, y, name = node.inputs[0], node.outputs[0], node.operation.name
    kind = low.kind(x)
    if kind is None or leading(x.shape) is None or leading(y.shape) is None or len(node.inputs) > 1:
        return False
    batched = x.shape[:1] == (None,)
    if (y.shape[:1] == (None,)) != batched or (batched and not KEEPS_ROWS[name](node, len(x.shape))):
        return False
    attrs, fill = dict(node.attrs), 0.0
    if name == "pad" and attrs.get("mode", "constant") == "constant":
        fill = attrs.pop("constant_values", 0)
        if np.ndim(fill) or (kind == "i" and fill):
            return False
        fill = bool(fill) if x.dtype == "bool" else fill
    index = move_map(node, x.shape, batched, attrs)
    if index is None or index.size != prod(n for n in y.shape if n is not None):
        return False
    emit_move(low, x, y, index, kind, fill)
    return None


def emit_move(low, x, y, index, kind, fill=0.0):
    rows, width = rows_and_width(x.shape)
    if index.size == width and np.array_equal(np.ravel(index), np.arange(width)):
        low.alias(y, x)
    else:
        emit_map(low, low.place(x), low.out(y), index, width, kind, rows, float(fill))


@rule("getitem_grad", "diagonal_grad", "pad_grad", attrs=ANY)
def move_back(low, node):
    """The adjoint of a move: elements go back where they came from, and add up."""
    dy, x = node.inputs
    y = node.outputs[0]
    forward = node.operation.name.removesuffix("_grad")
    if low.kind(dy) != "f" or y.dtype != "float32" or leading(y.shape) is None or leading(shape_of(dy)) is None:
        return False
    stand_in = apply_like(forward, x, node.attrs)
    batched = y.shape[:1] == (None,)
    if batched != (dy.shape[:1] == (None,)) or (batched and not KEEPS_ROWS[forward](stand_in, len(y.shape))):
        return False
    index = move_map(stand_in, y.shape, batched, node.attrs)
    if index is None:
        return False
    emit_put(low, dy, y, index)
    return None


def apply_like(name, x, attrs):
    """The node of an op on `x` that nothing is made of."""
    return apply(name, x, **attrs).node


def emit_put(low, dy, y, index):
    rows, width = rows_and_width(y.shape)
    index = np.ravel(index)
    if index.size == len(np.unique(index)) and index.size:  # nothing adds up: a move the other way
        back = np.full(width, -1)
        back[index] = np.arange(index.size)
        emit_map(low, low.place(dy), low.out(y), back, index.size, "f", rows)
    else:
        emit_map(low, low.place(dy), low.out(y), index, width, "f", rows, op="put")


# Places that are data -------------------------------------------------------------------------------------------------


def as_indices(low, x):
    """An int32 tensor of places; None if they are of a dtype that no instruction reads."""
    if not isinstance(x, KerasTensor):
        return None
    if low.kind(x) == "i":
        return x
    return apply("cast", x, dtype="int32") if low.kind(x) == "f" else None


def as_places(low, x):
    """`as_indices` where a place beyond an int32 is out of bounds in any case: data of all integer dtypes are read."""
    if id(x) not in low.source_of or low.kind(x) or np.dtype(x.dtype).kind not in "iu":
        return as_indices(low, x)
    y = apply("cast", x, dtype="int32")
    low.kept.append(y)
    low.known.add(id(y.node))
    low.places[id(y)] = low.gather(x, "int32")
    return y


def constant_take(node, x, indices, axis):
    """The map of a take with known places along an axis within the row."""
    batched = x.shape[:1] == (None,)
    own = x.shape[1:] if batched else x.shape
    places = np.arange(prod(own)).reshape(own)
    return np.take(places, np.asarray(indices).astype(np.int64), axis=axis - int(batched))


@rule("take", attrs="axis")
def take(low, node):
    x, indices = node.inputs
    y, axis = node.outputs[0], node.attrs.get("axis")
    kind = low.kind(y)
    if kind is None or leading(y.shape) is None:
        return False
    shape = shape_of(x)
    if not isinstance(indices, KerasTensor):
        if not isinstance(x, KerasTensor) or low.kind(x) != kind or axis is None:
            return False
        axis, batched = axis_in(axis, len(shape)), shape[:1] == (None,)
        if leading(shape) is None or (batched and axis == 0):
            return False
        emit_move(low, x, y, constant_take(node, x, indices, axis), kind)
        return None
    index = as_places(low, indices)
    axis = 0 if axis is None and len(shape) == 1 else axis
    if index is None or axis is None or axis % len(shape) != 0 or None in shape or leading(index.shape) is None:
        return False
    if isinstance(x, KerasTensor) and low.kind(x) != kind:
        return False
    low.lookups.append(lookup_of(low, node))
    if index is not indices:
        low.expand(node, apply("take", x, index, axis=axis))
        return None
    rows = leading(index.shape)
    width = prod(shape[1:])
    low.b.emit("lookup", [low.place_as(x, kind), low.place(index), low.out(y)], (shape[0], width), rows=rows)
    return None


@rule("scatter_add", attrs="axis")
def scatter_add(low, node):
    dy, indices, like = node.inputs
    y = node.outputs[0]
    if not isinstance(dy, KerasTensor) or low.kind(dy) != "f" or y.dtype != "float32" or leading(y.shape) is None:
        return False
    axis = axis_in(node.attrs["axis"], len(y.shape))
    if not isinstance(indices, KerasTensor):
        batched = y.shape[:1] == (None,)
        if batched and axis == 0:
            return False
        emit_put(low, dy, y, constant_take(node, y, indices, axis))
        return None
    index = as_places(low, indices)
    if axis or None in y.shape or leading(indices.shape) is None or index is None:
        return False
    emit_lookup_grad(low, dy, low.lowered(index), y, 0)
    return None


@rule("segment_sum", attrs="num_segments")
def segment_sum(low, node):
    data, ids = node.inputs
    y = node.outputs[0]
    if low.kind(data) != "f" or y.dtype != "float32" or leading(ids.shape) is None or low.kind(ids) not in ("i", "f"):
        return False
    if leading(data.shape[:1]) != leading(ids.shape) or leading(y.shape) is None:
        return False
    emit_lookup_grad(low, data, ids, y, 1)
    return None


def emit_lookup_grad(low, dy, indices, y, drop):
    if low.kind(indices) == "f":
        indices = low.lowered(apply("cast", indices, dtype="int32"))
    low.b.emit(
        "lookup_grad",
        [low.place(dy), low.place(indices), low.out(y)],
        (y.shape[0], prod(y.shape[1:]), drop),
        rows=leading(indices.shape),
        cut="whole",
        cost=4.0 * prod(y.shape[1:]),
    )


@rule("take_along_axis", "put_along_axis", attrs="axis")
def along(low, node):
    x, indices = node.inputs[:2]
    y, forward = node.outputs[0], node.operation.name == "take_along_axis"
    wide = shape_of(x) if forward else y.shape  # of the side that is indexed
    axis = axis_in(node.attrs["axis"], len(wide))
    index = as_places(low, indices)
    kind = low.kind(y)
    if kind is None or (kind == "i" and not forward) or index is None or not isinstance(x, KerasTensor):
        return False
    if low.kind(x) != kind or leading(wide) is None or leading(index.shape) is None or (wide[0] is None and axis == 0):
        return False
    if None in (wide[axis], index.shape[axis]):
        return False
    others = [tuple(s[:axis]) + tuple(s[axis + 1 :]) for s in (wide, index.shape)]
    if others[0] != others[1]:
        return False
    low.lookups.append(lookup_of(low, node))
    if index is not indices or axis != len(wide) - 1:
        order = (*[i for i in range(len(wide)) if i != axis], axis)
        back = tuple(int(i) for i in np.argsort(order))
        x, index = (apply("transpose", v, axes=order) for v in (x, index))
        rest = () if forward else (apply("transpose", node.inputs[2], axes=order),)
        low.expand(node, apply("transpose", apply(node.operation.name, x, index, *rest, axis=-1), axes=back))
        return None
    rows = leading(wide[:-1]) if len(wide) > 1 else (0, 1)
    op = "take" if forward else "take_grad"
    low.b.emit(op, [low.place(x), low.place(index), low.out(y)], (wide[-1], index.shape[-1]), rows=rows)
    return None


@rule("one_hot", attrs="num_classes axis dtype")
def one_hot(low, node):
    x, y = node.inputs[0], node.outputs[0]
    n, axis, dtype = node.attrs["num_classes"], node.attrs.get("axis", -1), node.attrs.get("dtype", "float32")
    index = as_indices(low, x)
    if index is None or leading(index.shape) is None or axis % (len(x.shape) + 1) == 0 < len(x.shape):
        return False
    if index is not x or axis % len(y.shape) != len(y.shape) - 1 or dtype not in ("float32", "bool"):
        hot = apply("one_hot", index, num_classes=n, axis=-1, dtype="float32")
        order = list(range(len(x.shape)))
        order.insert(axis % len(y.shape), len(x.shape))
        low.expand(node, apply("cast", apply("transpose", hot, axes=tuple(order)), dtype=dtype))
        return None
    rows = leading(index.shape)
    low.b.emit("one_hot", [low.place(index), low.out(y)], (n,), rows=rows, cost=2.0 * n * rows[0])
    return None


@rule("argsort", attrs="axis")
def argsort(low, node):
    x, y = node.inputs[0], node.outputs[0]
    if not isinstance(x, KerasTensor) or low.kind(x) != "f" or leading(x.shape) is None:
        return False
    rank = len(x.shape)
    axis = axis_in(node.attrs.get("axis", -1), rank)
    if x.shape[axis] is None:
        return False
    if axis != rank - 1:
        order = (*[i for i in range(rank) if i != axis], axis)
        back = tuple(int(i) for i in np.argsort(order))
        places = apply("argsort", apply("transpose", x, axes=order), axis=-1)
        low.expand(node, apply("transpose", places, axes=back))
        return None
    rows, n = leading(x.shape[:-1]) if rank > 1 else (0, 1), x.shape[-1]
    low.b.emit("argsort", [low.place(x), low.out(y)], (n,), rows=rows, cost=8.0 * n * n.bit_length())
    return None


@rule("sort", "top_k", attrs="axis k sorted")
def sort(low, node):
    x = node.inputs[0]
    if not isinstance(x, KerasTensor) or low.kind(x) != "f" or leading(x.shape) is None:
        return False
    if node.operation.name == "sort":
        axis = axis_in(node.attrs.get("axis", -1), len(x.shape))
        if x.shape[axis] is None:
            return False
        low.expand(node, apply("take_along_axis", x, apply("argsort", x, axis=axis), axis=axis))
        return None
    if x.shape[-1] is None:
        return False
    places = apply("argsort", apply("negative", x), axis=-1)[..., : node.attrs["k"]]
    low.expand(node, apply("take_along_axis", x, places, axis=-1), places)
    return None


@rule("digitize", attrs="bins")
def digitize(low, node):
    x, bins = node.inputs[0], np.asarray(node.attrs["bins"])
    if not isinstance(x, KerasTensor) or low.kind(x) != "f" or leading(x.shape) is None:
        return False
    falling = bins.size > 1 and bins[0] > bins[-1]
    places = apply("searchsorted", bins[::-1] if falling else bins, x, side="right")
    low.expand(node, apply("subtract", bins.size, places) if falling else places)
    return None


@rule("searchsorted", attrs="side")
def search(low, node):
    """Places among known limits."""
    limits, x = node.inputs
    if isinstance(limits, KerasTensor) or not isinstance(x, KerasTensor):
        return False
    limits, or_equal = np.asarray(limits, np.float64), node.attrs.get("side", "left") == "right"
    if limits.ndim != 1 or low.kind(x) != "f" or leading(x.shape) is None or np.isnan(limits).any():
        return False
    # a float32 is above a limit just when it is above the nearest float32 that is not above the limit
    near = limits.astype(np.float32)
    wrong = near < limits if or_equal else near > limits
    near[wrong] = np.nextafter(near[wrong], np.float32(np.inf if or_equal else -np.inf))
    rows, a = rows_and_width(x.shape)
    low.b.emit(
        "search",
        [low.place(x), low.place(near), low.out(node.outputs[0])],
        (a, near.size, int(or_equal)),
        rows=rows,
        cost=8.0 * a * near.size.bit_length(),
    )
    return None


@rule("in_top_k", attrs="k")
def in_top_k(low, node):
    targets, predictions = node.inputs
    y = node.outputs[0]
    index = as_indices(low, targets)
    if index is None or not isinstance(predictions, KerasTensor) or low.kind(predictions) != "f":
        return False
    shape = predictions.shape
    if leading(shape) is None or len(shape) < 2 or not same_shape(index, shape[:-1]):
        return False
    if index is not targets:
        low.expand(node, apply("in_top_k", index, predictions, k=node.attrs["k"]))
        return None
    low.b.emit(
        "in_top_k",
        [low.place(predictions), low.place(index), low.out(y)],
        (predictions.shape[-1], node.attrs["k"]),
        rows=leading(predictions.shape[:-1]),
    )
    return None
