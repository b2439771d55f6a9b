"""Lowering of shapes, constants, scalars of the batch, dropout, and sums for the books."""

from math import prod

import numpy as np

from fastfit.compiler.broadcasting import aligned, broadcast, copy_rows, spread
from fastfit.compiler.lower import is_f32, is_op, leading, part_of_batch, rows_and_width, rule
from fastfit.graph.tensor import KerasTensor


@rule("reshape", "expand_dims", "squeeze", "reshape_like", "stop_gradient", "identity", "with_gradient")
def reshape(low, node):
    x, y = node.inputs[0], node.outputs[0]
    if not isinstance(x, KerasTensor) or leading(x.shape) is None or leading(y.shape) is None:
        return False
    if sum(n is None for n in x.shape) != sum(n is None for n in y.shape) or not (
        low.kind(x) is not None or x.dtype == "float64"
    ):
        return False
    low.alias(y, x)
    return None


@rule("constant")
def constant(low, node):
    y = node.outputs[0]
    value = node.attrs["value"]
    if id(y) in low.sink_of:
        return False
    low.places[id(y)] = low.b.constant(value.astype("float32") if y.dtype == "bool" else value)
    return None


@rule("full", "full_like")
def full(low, node):
    y = node.outputs[0]
    kind = low.kind(y)
    if (
        kind is None
        or leading(y.shape) is None
        or np.ndim(node.attrs["value"])
        or isinstance(node.attrs["value"], KerasTensor)
    ):
        return False
    if node.operation.name == "full_like":
        same_rows = isinstance(node.inputs[0], KerasTensor)
    else:
        same_rows = y.shape[:1] != (None,) or (len(node.inputs) == 1 and is_batch_size(node.inputs[0]))
    if not same_rows:
        return False
    value = np.asarray(node.attrs["value"], y.dtype).astype("float32" if kind == "f" else "int32")
    if y.shape[:1] != (None,) and id(y) not in low.sink_of:
        low.places[id(y)] = low.b.constant(np.full(y.shape, value))
    elif kind == "f" and y.shape[:1] == (None,):
        low.b.emit("fill", [low.out(y)], (prod(y.shape[1:]), 0), (float(value),), rows=(y.shape.times, 0))
    else:
        copy_rows(low, low.b.constant(value), low.out(y), *rows_and_width(y.shape), 3, kind)
    return None


def is_batch_size(x):
    """Whether a scalar is the size of the batch."""
    return is_op(x, "axis_size") and x.node.attrs["axis"] == 0 and x.node.inputs[0].shape[:1] == (None,)


@rule("concatenate", "stack")
def concatenate(low, node):
    y = node.outputs[0]
    rank = len(y.shape)
    axis = node.attrs.get("axis", 0) % rank if rank else 0
    kind = low.common_kind(*node.inputs)
    batched = y.shape[:1] == (None,)
    if (
        kind is None
        or low.kind(y) != kind
        or leading(y.shape) is None
        or None in y.shape[1:]
        or (batched and axis == 0)
    ):
        return False
    shapes = [tuple(np.shape(x) if not isinstance(x, KerasTensor) else x.shape) for x in node.inputs]
    if any(s[:axis] != y.shape[:axis] or None in s[1:] for s in shapes):
        return False
    rows = leading(y.shape[:axis]) if axis else (0, 1)
    out, at, total = low.out(y), 0, prod(y.shape[axis:])
    for x, shape in zip(node.inputs, shapes, strict=True):
        n = prod(shape[axis:])
        if n:
            low.b.emit("copy_cols", [low.place_as(x, kind), out], (n, total, 0, at, n), rows=rows)
        at += n
    return None


@rule("dropout")
def dropout(low, node):
    x, y = node.inputs[0], node.outputs[0]
    if node.attrs.get("noise_shape") is not None or not is_f32(x, y) or leading(y.shape) is None:
        return False
    rows, a = rows_and_width(y.shape)
    low.b.emit(
        "dropout",
        [low.place(x), low.out(y)],
        (a, *random_key(node)),
        (node.attrs["rate"],),
        rows=rows,
        cost=12.0 * a * rows[0],
    )
    return None


def random_key(node):
    """The dimensions that say what a random instruction's numbers depend on; see ``dropout`` in the op table."""
    seed, stream = node.attrs.get("seed") or 0, node.attrs.get("stream")
    return (stream or 0) & 0xFFFFFFFF, seed & 0xFFFFFFFF, seed >> 32 & 0xFFFFFFFF, int(stream is None)


# Op: the attributes of its first number and its scale, as one number each, with their defaults.
RANDOM = {
    "random_normal": lambda mean=0.0, stddev=1.0: (mean, stddev),
    "random_uniform": lambda low=0.0, high=1.0: (low, high - low),
}


@rule(*RANDOM, *(f"{name}_like" for name in RANDOM))
def random(low, node):
    y = node.outputs[0]
    name = node.operation.name.removesuffix("_like")
    given = {k: v for k, v in node.attrs.items() if k not in ("shape", "dtype", "seed", "stream")}
    dims = () if name != node.operation.name else node.inputs
    if y.dtype != "float32" or leading(y.shape) is None or not all(map(is_batch_size, dims)):
        return False
    if any(d.node.inputs[0].shape.times != y.shape.times for d in dims):
        return False
    if any(np.ndim(v) or isinstance(v, KerasTensor) for v in given.values()):
        return False
    rows, a = rows_and_width(y.shape)
    cost = (30.0 if name == "random_normal" else 12.0) * a
    low.b.emit(name, [low.out(y)], (a, *random_key(node)), RANDOM[name](**given), rows=rows, cost=cost)
    return None


@rule("broadcast_to", "broadcast_like")
def broadcast_to(low, node):
    x, y = node.inputs[0], node.outputs[0]
    kind = low.kind(y)
    if kind is None or not aligned(y.shape, x) or (isinstance(x, KerasTensor) and low.kind(x) != kind):
        return False
    of_batch = isinstance(x, KerasTensor) and part_of_batch(x) is not None
    of_batch = of_batch and x.node.inputs[1].node.inputs[0].shape.times == y.shape.times
    batched = y.shape[:1] == (None,)
    if node.operation.name == "broadcast_to" and batched and np.shape(x)[:1] != (None,) and not is_batch_of(node):
        return False
    if batched and kind == "f" and (of_batch or (not isinstance(x, KerasTensor) and np.size(x) == 1)):
        value = part_of_batch(x) if of_batch else float(np.reshape(x, ()))
        d = (prod(y.shape[1:]), int(of_batch))
        low.b.emit("fill", [low.out(y)], d, (value,), rows=(y.shape.times, 0))
        return None
    shape = x.shape if isinstance(x, KerasTensor) else np.shape(x)
    found = broadcast(y.shape, shape)
    place = low.place_as(x, kind) if found else None
    if found is None:
        place, shape = spread(low, x, y.shape, kind)
        found = broadcast(y.shape, shape)
    rows, a, (mode,) = found
    copy_rows(low, place, low.out(y), rows, a, mode, kind)
    return None


def is_batch_of(node):
    """Whether the unknown size of broadcast_to is that of the batch."""
    x = node.inputs[0]
    return (isinstance(x, KerasTensor) and x.shape[:1] == (None,)) or any(is_batch_size(d) for d in node.inputs[1:])


@rule("batch_size")
def batch_size(low, node):
    y = node.outputs[0]
    x = node.inputs[0]
    if x.shape[0] is not None or leading(x.shape[:1]) is None:
        return False
    low.lazy[id(y)] = lambda: count_rows(low, low.out(y), x.shape.times)
    return None


@rule("axis_size")
def axis_size(low, node):
    y = node.outputs[0]
    times = node.inputs[0].shape.times
    if not is_batch_size(y) or y.dtype not in ("int32", "float32") or not times:
        return False

    def emit():
        if y.dtype == "float32":
            count_rows(low, low.out(y), times)
            return
        count = low.b.slot(())
        count_rows(low, count, times)
        low.b.emit("to_int", [count, low.out(y)], (1,), rows=(0, 1))

    low.lazy[id(y)] = emit
    return None


def count_rows(low, out, times):
    """The number of rows of the batch, times a number, as a float."""
    ones = low.b.slot((None,))
    low.b.emit("fill", [ones], (1, 0), (1.0,))
    low.b.emit("sum_all", [ones, out], (1, 0), (float(times),), rows=(1, 0), cut="whole", cost=1)


@rule("sum64")
def sum64(low, node):
    x = node.inputs[0]
    w = node.inputs[1] if len(node.inputs) > 1 else None
    y = node.outputs[0]
    if not isinstance(x, KerasTensor) or not is_f32(x, w) or leading(x.shape) is None:
        return False
    one = isinstance(w, KerasTensor) and None not in (*x.shape, *w.shape) and prod(x.shape) == prod(w.shape) == 1
    if (
        not one
        and w is not None
        and (
            not isinstance(w, KerasTensor)
            or prod(n or 1 for n in w.shape) != 1
            or w.shape[:1] != (None,)
            or w.shape.times != x.shape.times
        )
    ):
        return False
    rows, a = rows_and_width(x.shape)
    low.b.emit(
        "sum_all64",
        [low.place(x), None if w is None else low.place(w), low.out(y)],
        (a,),
        rows=rows,
        cut="whole",
        cost=a,
    )
    return None


@rule("sum_rows64")
def sum_rows64(low, node):
    x, w, y = node.inputs[0], (*node.inputs, None)[1], node.outputs[0]
    if not isinstance(x, KerasTensor) or not is_f32(x, w) or leading(x.shape[:1]) is None or None in y.shape:
        return False
    a = prod(y.shape)
    places = [low.place(x), None if w is None else low.place(w), low.out(y)]
    low.b.emit("sum_rows64", places, (a,), rows=leading(x.shape[:1]), cut="whole", cost=2.0 * a)
    return None


@rule("sum_above64")
def sum_above64(low, node):
    x, w, limits = node.inputs
    y, a = node.outputs[0], node.outputs[0].shape[1]
    if (
        not isinstance(x, KerasTensor)
        or not is_f32(x, w)
        or leading(x.shape[:1]) is None
        or isinstance(limits, KerasTensor)
    ):
        return False
    rows = leading(x.shape[:1])
    ascending = len(limits) > 4 and bool(np.all(np.diff(limits) > 0))
    low.b.emit(
        "sum_above64",
        [low.place(x), low.place(w), low.place(limits), low.out(y)],
        (a, len(limits), int(node.attrs["below"]), int(ascending)),
        rows=rows,
        cut="whole",
        cost=10.0 * a * rows[0],
    )
    return None


@rule("sum_into64")
def sum_into64(low, node):
    w, index = node.inputs
    if not is_f32(w) or not isinstance(index, KerasTensor) or low.kind(index) != "i" or leading(index.shape) is None:
        return False
    y, rows = node.outputs[0], leading(index.shape)
    places = [low.place(w), low.place(index), low.out(y)]
    low.b.emit("sum_into64", places, (prod(y.shape),), rows=rows, cut="whole", cost=2.0 * rows[0])
    return None
