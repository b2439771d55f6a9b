"""Lowering of element-wise ops, broadcasting, reductions, shapes and scalars."""

from math import prod

import numpy as np

from fastfit.compiler.builder import OPS
from fastfit.compiler.lower import is_f32, leading, rule
from fastfit.graph.tensor import KerasTensor


@rule(*(name for name, op in OPS.items() if op["kind"] == "u"))
def unary(low, node):
    x, y = node.inputs[0], node.outputs[0]
    if in_panels(low, node):
        return None
    if len(node.inputs) != 1 or not is_f32(x, y) or leading(y.shape) is None or not isinstance(x, KerasTensor):
        return False
    mul, fix = leading(y.shape)
    rows, a = ((1, 0), mul) if mul else ((0, 1), fix)
    low.b.emit(node.operation.name, [low.place(x), low.out(y)], (a,), rows=rows)
    return None


@rule(*(name for name, op in OPS.items() if op["kind"] == "b"))
def binary(low, node):
    x, z = node.inputs
    y = node.outputs[0]
    if y.dtype == "float64" and y.shape == ():
        return scalar64(low, node)
    if in_panels(low, node):
        return None
    if not is_f32(x, z, y) or leading(y.shape) is None:
        return False
    found = broadcast(
        y.shape,
        np.shape(x) if not isinstance(x, KerasTensor) else x.shape,
        np.shape(z) if not isinstance(z, KerasTensor) else z.shape,
    )
    if found is None:
        return False
    rows, a, modes = found
    low.b.emit(node.operation.name, [low.place(x), low.place(z), low.out(y)], (a, *modes), rows=rows)
    return None


# What is 0 for 0.
ODD = ("negative", "abs", "square", "sqrt", "sign", "relu", "tanh", "expm1", "erf", "log1p")


def in_panels(low, node):
    """Compute a matrix element by element as it lies, if one operand is in panels and the others are so or numbers."""
    y = node.outputs[0]
    found = [low.packed(x) for x in node.inputs]
    if not any(found) or not is_f32(*node.inputs, y) or id(y) in low.sink_of:
        return False
    for x, where in zip(node.inputs, found, strict=True):
        shape = tuple(x.shape) if isinstance(x, KerasTensor) else np.shape(x)
        if shape != tuple(y.shape) if where else None in shape or prod(shape) != 1:
            return False
    places = [where or low.place(x) for x, where in zip(node.inputs, found, strict=True)]
    out = low.places[id(y)] = low.b.slot(y.shape, packed=True)
    panel = low.b.engine.panel
    modes = [0 if where else 3 for where in found] if len(found) > 1 else []
    low.b.emit(node.operation.name, [*places, out], (y.shape[0] * -(-y.shape[1] // panel) * panel, *modes), rows=(0, 1))
    if y.shape[1] % panel and not pads_with_zeros(low, node, found):
        low.dirty.add(out)
    return True


def pads_with_zeros(low, node, found):
    """Whether zeros that pad the operands' panels give zeros."""
    name, clean = node.operation.name, [where is not None and where not in low.dirty for where in found]
    if len(found) == 1:
        return clean[0] and name in ODD
    if name == "multiply":
        return any(clean)
    if name == "divide":
        return clean[0] and found[1] is None
    values = [0.0 if ok else x for ok, x in zip(clean, node.inputs, strict=True)]
    known = all(ok or not isinstance(x, KerasTensor) for ok, x in zip(clean, node.inputs, strict=True))
    return known and any(clean) and not np.any(node.operation.meaning(*values))


def broadcast(out, *shapes):
    """(rows, row length, modes): how operands of these shapes meet in `out`; None if not in any of the four modes."""
    out = tuple(out)
    padded = [(1,) * (len(out) - len(s)) + tuple(s) for s in shapes]
    batched = bool(out) and out[0] is None
    # the earliest cut that works has the longest rows: fewer turns of the outer loop
    for cut in range(int(batched), len(out) + 1):
        modes = [_mode(out, shape, cut) for shape in padded]
        if None not in modes:
            count = prod(n for n in out[:cut] if n is not None)
            return (count, 0) if batched else (0, count), prod(out[cut:]), tuple(modes)
    return None


def _mode(out, shape, cut):
    head, tail = shape[:cut], shape[cut:]
    ones = all(n == 1 for n in head)
    if shape == out:
        return 0
    if ones and all(n == 1 for n in tail):
        return 3
    if ones and tail == out[cut:]:
        return 1
    if head == out[:cut] and all(n == 1 for n in tail):
        return 2
    return None


def scalar64(low, node):
    op = {"add": "add64", "multiply": "mul64"}.get(node.operation.name)
    if op is None:
        return False
    x, z = (low.place(i, "float64") for i in node.inputs)
    low.b.emit(op, [x, z, low.out(node.outputs[0])], rows=(0, 1), cut="whole")
    return None


@rule("reshape", "expand_dims", "squeeze", "stop_gradient")
def reshape(low, node):
    x, y = node.inputs[0], node.outputs[0]
    if not isinstance(x, KerasTensor) or leading(x.shape) is None or leading(y.shape) is None:
        return False
    if sum(n is None for n in x.shape) != sum(n is None for n in y.shape) or x.dtype not in (
        "float32",
        "int32",
        "float64",
    ):
        return False
    low.alias(y, x)
    return None


@rule("cast")
def cast(low, node):
    x, y = node.inputs[0], node.outputs[0]
    if not isinstance(x, KerasTensor):
        return False
    if x.dtype == y.dtype and leading(x.shape) is not None:
        low.alias(y, x)
        return None
    if id(x) in low.source_of and y.dtype == "float32":
        low.places[id(y)] = low.gather(x, "float32")
        return None
    if is_op(x, "batch_size") and y.dtype == "float64" and id(x) in low.lazy:
        low.b.emit("rows64", [low.out(y)], (), (1.0,), rows=(1, 0), cut="whole")
        return None
    if x.dtype == "float32" and y.dtype == "float64" and x.shape == ():
        low.b.emit("cast64", [low.place(x), low.out(y)], rows=(0, 1), cut="whole")
        return None
    return False


@rule("concatenate")
def concatenate(low, node):
    y = node.outputs[0]
    axis = node.attrs.get("axis", -1)
    if (
        not is_f32(*node.inputs, y)
        or leading(y.shape) is None
        or axis % len(y.shape) != len(y.shape) - 1
        or len(y.shape) < 2
    ):
        return False
    if not all(isinstance(x, KerasTensor) and x.shape[:-1] == y.shape[:-1] for x in node.inputs):
        return False
    rows = leading(y.shape[:-1])
    out, at = low.out(y), 0
    for x in node.inputs:
        n = x.shape[-1]
        low.b.emit("copy_cols", [low.place(x), out], (n, y.shape[-1], 0, at, n), rows=rows)
        at += n
    return None


@rule("dropout")
def dropout(low, node):
    x, y = node.inputs[0], node.outputs[0]
    if (
        node.attrs.get("noise_shape") is not None
        or node.attrs.get("seed") is not None
        or not is_f32(x, y)
        or leading(y.shape) is None
    ):
        return False
    mul, fix = leading(y.shape)
    rows, a = ((1, 0), mul) if mul else ((0, 1), fix)
    low.b.emit(
        "dropout",
        [low.place(x), low.out(y)],
        (a, int(node.attrs["stream"]) & 0xFFFFFFFF),
        (node.attrs["rate"],),
        rows=rows,
        cost=12.0 * mul,
    )
    return None


def axes_of(node, rank):
    axis = node.attrs.get("axis")
    if axis is None:
        return tuple(range(rank))
    return tuple(sorted(a % rank for a in (axis if isinstance(axis, (tuple, list)) else (axis,))))


@rule("sum", "mean", "max")
def reduce(low, node):
    x, y = node.inputs[0], node.outputs[0]
    if not isinstance(x, KerasTensor) or not is_f32(x, y) or leading(x.shape) is None or not x.shape:
        return False
    name, rank = node.operation.name, len(x.shape)
    axes = axes_of(node, rank)
    if axes == tuple(range(rank)) and name != "max" and x.shape[0] is not None and None not in x.shape:
        where, count = low.packed(x), prod(x.shape)
        if where is None or where in low.dirty:
            where, n = low.place(x), count
        else:
            n = x.shape[0] * -(-x.shape[1] // low.b.engine.panel) * low.b.engine.panel
        scale = 1.0 / count if name == "mean" and count else 1.0
        low.b.emit("sum_all", [where, low.out(y)], (n, 0), (scale,), rows=(0, 1), cut="whole", cost_fix=1.0 * n)
        return None
    if axes == tuple(range(rank)) and name != "max" and x.shape[0] is None:
        per_row = prod(x.shape[1:])
        low.b.emit(
            "sum_all",
            [low.place(x), low.out(y)],
            (per_row, int(name == "mean")),
            (1.0 / per_row if name == "mean" and per_row else 1.0,),
            rows=(1, 0),
            cut="whole",
            cost=per_row,
        )
        return None
    first = axes[0]
    if axes == tuple(range(first, rank)) and first >= 1:  # the last axes
        a = prod(x.shape[first:])
        rows = leading(x.shape[:first])
        if name == "max":
            low.b.emit("max_last", [low.place(x), low.out(y)], (a,), rows=rows)
        else:
            low.b.emit(
                "sum_last", [low.place(x), low.out(y)], (a,), (1.0 / a if name == "mean" and a else 1.0,), rows=rows
            )
        return None
    if axes == (0,) and name == "sum":
        a = prod(x.shape[1:])
        low.b.emit(
            "sum_rows",
            [low.place(x), low.out(y)],
            (a,),
            rows=(1, 0) if x.shape[0] is None else (0, x.shape[0]),
            cut="whole",
            cost=a,
        )
        return None
    return False


def is_op(x, name):
    """Whether a tensor comes from an op of this name."""
    return isinstance(x, KerasTensor) and getattr(x.node.operation, "name", None) == name


def part_of_batch(x):
    """c if `x` is the scalar c / batch size, else None."""
    if is_op(x, "divide") and is_op(x.node.inputs[1], "batch_size") and not isinstance(x.node.inputs[0], KerasTensor):
        return float(x.node.inputs[0])
    return None


@rule("divide")
def divide(low, node):
    y = node.outputs[0]
    if y.dtype != "float32" or part_of_batch(y) is None:
        return binary(low, node)
    # most often only spread over the rows, which needs no scalar
    low.lazy[id(y)] = lambda: binary(low, node)
    return None


@rule("broadcast_to", "broadcast_like")
def broadcast_to(low, node):
    x, y = node.inputs[0], node.outputs[0]
    if not is_f32(x, y) or leading(y.shape) is None:
        return False
    if y.shape and y.shape[0] is None and (not isinstance(x, KerasTensor) or part_of_batch(x) is not None):
        if not isinstance(x, KerasTensor) and np.size(x) != 1:
            return False
        of_batch = isinstance(x, KerasTensor)
        value = part_of_batch(x) if of_batch else float(np.reshape(x, ()))
        low.b.emit("fill", [low.out(y)], (prod(y.shape[1:]), int(of_batch)), (value,))
        return None
    shape = x.shape if isinstance(x, KerasTensor) else np.shape(x)
    found = broadcast(y.shape, shape)
    if found is None:
        return False
    rows, a, (mode,) = found
    # -0.0 and not 0.0: x + -0.0 is x, bit for bit
    low.b.emit("add", [low.place(x), low.b.constant(np.float32(-0.0)), low.out(y)], (a, mode, 3), rows=rows)
    return None


@rule("batch_size")
def batch_size(low, node):
    y = node.outputs[0]

    def emit():
        ones = low.b.slot((None,))
        low.b.emit("fill", [ones], (1, 0), (1.0,))
        low.b.emit("sum_all", [ones, low.out(y)], (1, 0), (1.0,), rows=(1, 0), cut="whole", cost=1)

    if node.inputs[0].shape[0] is not None:
        return False
    low.lazy[id(y)] = emit
    return None


@rule("sum64")
def sum64(low, node):
    x = node.inputs[0]
    w = node.inputs[1] if len(node.inputs) > 1 else None
    y = node.outputs[0]
    if not isinstance(x, KerasTensor) or not is_f32(x, w) or leading(x.shape) is None:
        return False
    if w is not None and (
        not isinstance(w, KerasTensor) or prod(n or 1 for n in w.shape) != 1 or w.shape[:1] != (None,)
    ):
        return False
    mul, fix = leading(x.shape)
    rows, a = ((1, 0), mul) if mul else ((0, 1), fix)
    low.b.emit(
        "sum_all64",
        [low.place(x), None if w is None else low.place(w), low.out(y)],
        (a,),
        rows=rows,
        cut="whole",
        cost=a,
    )
    return None
