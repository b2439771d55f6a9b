"""Lowering of what keeps its elements, of constants, and of what is joined or repeated."""

from math import prod

import numpy as np

from fastfit.compiler.broadcasting import aligned, broadcast, copy_rows, spread
from fastfit.compiler.lower import leading, part_of_batch, rows_and_width, rule
from fastfit.compiler.rules_batch import is_batch_size
from fastfit.graph.shapes import rows_each
from fastfit.graph.tensor import KerasTensor


@rule(
    "reshape", "expand_dims", "squeeze", "reshape_like", "stop_gradient", "identity", "with_gradient",
    attrs="newshape axis gradient",
)  # fmt: skip
def reshape(low, node):
    x, y = node.inputs[0], node.outputs[0]
    if not isinstance(x, KerasTensor) or leading(x.shape) is None or leading(y.shape) is None:
        return False
    if node.operation.name == "reshape" and len(node.inputs) > 1 and rows_each(node.inputs[1]) != y.shape.times:
        return False  # NumPy looks whether the sizes fit
    if sum(n is None for n in x.shape) != sum(n is None for n in y.shape) or not (
        low.kind(x) is not None or x.dtype == "float64"
    ):
        return False
    low.alias(y, x)
    return None


@rule("constant", attrs="value")
def constant(low, node):
    y = node.outputs[0]
    value = node.attrs["value"]
    if id(y) in low.sink_of:
        return False
    low.places[id(y)] = low.b.constant(value.astype("float32") if y.dtype == "bool" else value)
    return None


@rule("full", "full_like", attrs="shape value dtype")
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


@rule("concatenate", "stack", attrs="axis")
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


@rule("broadcast_to", "broadcast_like", attrs="shape")
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
