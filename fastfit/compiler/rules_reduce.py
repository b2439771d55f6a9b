"""Lowering of reductions and running sums."""

from math import prod

import numpy as np

from fastfit._core import CODES
from fastfit.compiler import rules_dense
from fastfit.compiler.broadcasting import emit_map
from fastfit.compiler.lower import leading, rows_and_width, rule
from fastfit.compiler.rules_batch import count_rows
from fastfit.graph.op import apply
from fastfit.graph.shapes import axes_in, axis_in
from fastfit.graph.tensor import KerasTensor, Shape

# Instructions that reduce a row, and all rows, with the dimension that says which extreme.
FLOAT = {
    "sum": (("sum_last",), ("sum_rows", 0)),
    "mean": (("sum_last",), ("sum_rows", 1)),
    "max": (("max_last",), ("extreme_rows", 0)),
    "min": (("min_last",), ("extreme_rows", 1)),
    "prod": (("prod_last",), ("prod_rows",)),
    "any": (("max_last",), ("extreme_rows", 0)),
    "all": (("min_last",), ("extreme_rows", 1)),
}
CUMULATE = CODES["running"]
INT = {name: (("int_last", code), ("int_rows", code)) for name, code in CODES["reduction"].items()}


@rule("sum", "mean", "max", "min", "prod", "any", "all", "count_nonzero", attrs="axis keepdims")
def reduce(low, node):
    x, y = node.inputs[0], node.outputs[0]
    name, axis = node.operation.name, node.attrs.get("axis")
    keepdims = node.attrs.get("keepdims", False)
    if not isinstance(x, KerasTensor) or leading(x.shape) is None or 0 in x.shape or low.kind(x) is None:
        return False
    if name == "count_nonzero":
        low.expand(node, apply("sum", apply("cast", apply("not_equal", x, 0), dtype="int32"), axis=axis))
        return None
    if name in ("any", "all") and x.dtype != "bool":
        low.expand(node, apply(name, apply("not_equal", x, 0), axis=axis, keepdims=keepdims))
        return None
    if name in ("sum", "prod") and x.dtype == "bool":
        low.expand(node, apply(name, apply("cast", x, dtype="int32"), axis=axis, keepdims=keepdims))
        return None
    kind = low.kind(x)
    table = FLOAT if kind == "f" else INT
    if name not in table or low.kind(y) != kind:
        return False
    axes = axes_in(axis, len(x.shape))
    if not axes or not x.shape:
        low.alias(y, x)
    elif axes == tuple(range(len(x.shape))) and name in ("sum", "mean") and kind == "f" and x.shape[0] is None:
        n = prod(x.shape[1:])
        d, f = (n, int(name == "mean")), (1.0 / n if name == "mean" else 1.0,)
        low.b.emit("sum_all", [low.place(x), low.out(y)], d, f, rows=(x.shape.times, 0), cut="whole", cost=n)
    elif len(axes) == 2 and name in ("sum", "mean") and kind == "f" and len(x.shape) == 2:
        n = prod(x.shape)
        scale = 1.0 / n if name == "mean" else 1.0
        low.b.emit("sum_all", [low.place(x), low.out(y)], (n, 0), (scale,), rows=(0, 1), cut="whole", cost_fix=1.0 * n)
    else:
        emit_reduction(low, x, low.out(y), axes, *table[name], kind, name == "mean")
    return None


def emit_reduction(low, x, out, axes, last, over, kind, mean):
    """First what lies in a row of the batch, then the rows."""
    shape, place = x.shape, low.place(x)
    if axes == tuple(range(len(axes))) and len(axes) < len(shape):  # leading axes are rows, in place
        rows = leading(shape[: len(axes)])
        emit_rows(low, place, out, prod(shape[len(axes) :]), rows, over, mean)
        return
    batched, times = shape[0] is None, shape.times
    inner = tuple(a for a in axes if not (batched and a == 0))
    kept = [a for a in range(int(batched), len(shape)) if a not in inner]
    width, count = prod(shape[a] for a in inner), prod(shape[a] for a in kept)
    if inner:
        if inner[0] < len(shape) - len(inner):
            own = shape[1:] if batched else shape
            shift = int(batched)
            index = np.arange(prod(own)).reshape(own).transpose([a - shift for a in (*kept, *inner)])
            moved = low.b.slot(shape)
            emit_map(low, place, moved, index, prod(own), kind, (times, 0) if batched else (0, 1))
            place = moved
        target = low.b.slot(Shape((None, count), times)) if len(inner) < len(axes) else out
        rows = (count * times, 0) if batched else (0, count)
        low.b.emit(last[0], [place, target], (width, *last[1:]), (1.0 / width if mean else 1.0,), rows=rows)
        place = target
    if len(inner) < len(axes):
        emit_rows(low, place, out, count, (times, 0), over, mean)


def emit_rows(low, place, out, a, rows, over, mean):
    """Reduce rows: sums over many in blocks, made with the rows while these are in cache, and added in order."""
    if over[0] == "sum_rows" and rules_dense.in_parts(low, 1, a, *rows):
        total = low.b.slot((a,)) if mean else out
        rules_dense.emit_parts(low, "dense_db_sum", (None, place), (1, a), rows[0], total, 0)
        if mean:
            count = low.b.slot(())
            count_rows(low, count, rows[0])
            low.b.emit("divide", [total, count, out], (a, 0, 3), rows=(0, 1))
        return
    low.b.emit(over[0], [place, out], (a, *over[1:]), (1.0,), rows=rows, cut="whole", cost=a * max(rows[0], 1))


@rule("argmax", "argmin", attrs="axis keepdims")
def arg(low, node):
    x, y = node.inputs[0], node.outputs[0]
    axis = node.attrs.get("axis")
    if low.kind(x) != "f" or leading(x.shape) is None or 0 in x.shape or not x.shape:
        return False
    batched, rank = x.shape[0] is None, len(x.shape)
    if axis is None and (batched or isinstance(axis, (tuple, list))):
        return False
    axis = None if axis is None else axis_in(axis, rank)
    if batched and axis == 0:
        return False
    if axis is not None and axis != rank - 1:
        order = (*[i for i in range(rank) if i != axis], axis)
        moved = apply(node.operation.name, apply("transpose", x, axes=order), axis=-1)
        low.expand(node, apply("expand_dims", moved, axis=axis) if node.attrs.get("keepdims") else moved)
        return None
    rows, a = ((0, 1), prod(x.shape)) if axis is None else (leading(x.shape[:-1]), x.shape[-1])
    if rank == 1:
        rows = (0, 1)
    low.b.emit("arg_last", [low.place(x), low.out(y)], (a, int(node.operation.name == "argmin")), rows=rows)
    return None


@rule(*CUMULATE, attrs="axis")
def cumulate(low, node):
    x, y = node.inputs[0], node.outputs[0]
    if not isinstance(x, KerasTensor) or low.kind(x) != "f" or y.dtype != "float32" or leading(x.shape) is None:
        return False
    axis = axis_in(node.attrs["axis"], len(x.shape))
    if x.shape[axis] is None:
        return False
    rows = leading(x.shape[:axis]) if axis else (0, 1)
    low.b.emit(
        "cumulate",
        [low.place(x), low.out(y)],
        (
            x.shape[axis],
            prod(x.shape[axis + 1 :]),
            CUMULATE[node.operation.name],
        ),
        rows=rows,
        cost=4.0 * rows_and_width(x.shape)[1],
    )
    return None
