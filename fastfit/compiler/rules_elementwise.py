"""Lowering of ops on each element, of conditions and choices, and of casts."""

from math import prod

import numpy as np

from fastfit._core import CODES
from fastfit.compiler.broadcasting import aligned, broadcast, spread
from fastfit.compiler.builder import OPS
from fastfit.compiler.lower import is_op, leading, part_of_batch, rows_and_width, rule, shape_of
from fastfit.graph.op import apply
from fastfit.graph.tensor import KerasTensor

INT_BINARY, INT_COMPARE = CODES["int_binary"], CODES["int_compare"]
MIRRORED = {"greater": "less", "greater_equal": "less_equal"}
LOGICAL = ("logical_and", "logical_or", "logical_xor")
# What keeps conditions conditions: as 0 and 1 the arithmetic is the same.
OF_CONDITIONS = (*LOGICAL, *INT_COMPARE, *MIRRORED, "maximum", "minimum", "multiply")
# Ops on int32 as formulas of those that have instructions.
INT_UNARY = {
    "negative": lambda x: apply("subtract", 0, x),
    "square": lambda x: apply("multiply", x, x),
    "abs": lambda x: apply("maximum", x, apply("subtract", 0, x)),
    "relu": lambda x: apply("maximum", x, 0),
    "logical_not": lambda x: apply("equal", x, 0),
    "trunc": lambda x: apply("identity", x),
    "bitwise_not": lambda x: apply("subtract", -1, x),
}


@rule(*(name for name, op in OPS.items() if op["kind"] == "u"), "bitwise_not", attrs="decimals")
def unary(low, node):
    x, y = node.inputs[0], node.outputs[0]
    if len(node.inputs) != 1 or leading(y.shape) is None:
        return False
    name = node.operation.name
    if node.attrs.get("decimals"):
        return rounded(low, node, x, node.attrs["decimals"])
    if low.kind(x) == "i" and name in INT_UNARY:
        low.expand(node, INT_UNARY[name](x))
        return None
    if low.kind(x) != "f" or low.kind(y) != "f" or name not in OPS:
        return False
    rows, a = rows_and_width(y.shape)
    low.b.emit(name, [low.place(x), low.out(y)], (a,), rows=rows)
    return None


def rounded(low, node, x, decimals):
    """Rounding to decimals, scaled as NumPy does."""
    if low.kind(x) != "f":
        return False
    there, back = ("multiply", "divide") if decimals > 0 else ("divide", "multiply")
    scale = 10.0 ** abs(decimals)
    low.expand(node, apply(back, apply("round", apply(there, x, scale)), scale))
    return None


@rule(*(name for name, op in OPS.items() if op["kind"] == "b"), *(name for name in INT_BINARY if name not in OPS))
def binary(low, node):
    x, z = node.inputs
    y, name = node.outputs[0], node.operation.name
    if y.dtype == "float64":
        return state64(low, node)
    kind = low.common_kind(x, z)
    if kind is None or not aligned(y.shape, x, z) or low.kind(y) is None:
        return False
    if name == "power" and (short := short_power(x, z)) is not None:
        low.expand(node, short)
        return None
    if kind == "f":
        if name not in OPS or (y.dtype == "bool" and name not in OF_CONDITIONS):
            return False
        emit_binary(low, name, (), x, z, y, kind)
        return None
    if name in LOGICAL:
        low.expand(node, apply(name, *(apply("not_equal", v, 0) for v in (x, z))))
    elif name in INT_BINARY:
        emit_binary(low, "int_binary", (INT_BINARY[name],), x, z, y, kind)
    elif name in INT_COMPARE:
        emit_binary(low, "int_compare", (INT_COMPARE[name],), x, z, y, kind)
    elif name in MIRRORED:
        emit_binary(low, "int_compare", (INT_COMPARE[MIRRORED[name]],), z, x, y, kind)
    else:
        return False
    return None


def emit_binary(low, op, code, x, z, y, kind):
    """An instruction on pairs, whatever the shapes."""
    places, shapes = [], [shape_of(x), shape_of(z)]
    if broadcast(y.shape, *shapes) is None:
        spreads = [spread(low, v, y.shape, kind) for v in (x, z)]
        places, shapes = [p for p, _ in spreads], [s for _, s in spreads]
    else:
        places = [low.place_as(v, kind) for v in (x, z)]
    rows, a, modes = broadcast(y.shape, *shapes)
    low.b.emit(op, [*places, low.out(y)], (a, *modes, *code), rows=rows)


def short_power(x, z):
    """A power with a small whole exponent as products; None for any other."""
    if isinstance(z, KerasTensor) or np.ndim(z) != 0:
        return None
    z = float(z)
    if z == 1.0:
        return apply("identity", x)
    if z == 2.0:
        return apply("square", x)
    if z == 3.0:
        return apply("multiply", x, apply("square", x))
    return apply("reciprocal", x) if z == -1.0 else None


def state64(low, node):
    """Sums and products of what losses and metrics keep in float64: no rows, no broadcasting."""
    op, y = {"add": "add64", "multiply": "mul64"}.get(node.operation.name), node.outputs[0]
    if op is None or None in y.shape or any(tuple(shape_of(v)) != y.shape for v in node.inputs):
        return False
    x, z = (low.place(v, "float64") for v in node.inputs)
    low.b.emit(op, [x, z, low.out(y)], (prod(y.shape),), rows=(0, 1), cut="whole")
    return None


@rule("divide")
def divide(low, node):
    y = node.outputs[0]
    if y.dtype != "float32" or part_of_batch(y) is None:
        return binary(low, node)
    # most often only spread over the rows, which needs no scalar
    low.lazy[id(y)] = lambda: binary(low, node)
    return None


@rule("where")
def where(low, node):
    condition, x, z = node.inputs
    y = node.outputs[0]
    kind = low.kind(y)
    if kind is None or not aligned(y.shape, condition, x, z):
        return False
    if any(isinstance(v, KerasTensor) and low.kind(v) != kind for v in (x, z)):
        return False
    if isinstance(condition, KerasTensor) and low.kind(condition) == "i":
        low.expand(node, apply("where", apply("not_equal", condition, 0), x, z))
        return None
    if isinstance(condition, KerasTensor) and low.kind(condition) != "f":
        return False
    if not isinstance(condition, KerasTensor):
        condition = np.asarray(condition) != 0
    c, _ = spread(low, condition, y.shape, "f", whole=True)
    if broadcast(y.shape, shape_of(x), shape_of(z)) is None:
        (p, ps), (q, qs) = (spread(low, v, y.shape, kind) for v in (x, z))
    else:
        (p, ps), (q, qs) = ((low.place_as(v, kind), shape_of(v)) for v in (x, z))
    rows, a, modes = broadcast(y.shape, ps, qs)
    low.b.emit("select", [c, p, q, low.out(y)], (a, *modes), rows=rows)
    return None


@rule("cast", attrs="dtype")
def cast(low, node):
    x, y = node.inputs[0], node.outputs[0]
    if not isinstance(x, KerasTensor):
        return False
    if is_op(x, "batch_size") and y.dtype == "float64" and id(x) in low.lazy:
        low.b.emit("rows64", [low.out(y)], (), (1.0,), rows=(x.node.inputs[0].shape.times, 0), cut="whole")
        return None
    if x.dtype == "float32" and y.dtype == "float64" and None not in x.shape:
        low.b.emit("cast64", [low.place(x), low.out(y)], (prod(x.shape),), rows=(0, 1), cut="whole")
        return None
    if leading(x.shape) is None:
        return False
    if x.dtype == y.dtype:
        low.alias(y, x)
        return None
    if id(x) in low.source_of and low.reads_as(x, y.dtype):
        low.places[id(y)] = low.gather(x, "float32")
        if id(y) in low.sink_of:
            low.copy_to_sink(y, low.places[id(y)])
        return None
    kinds = (low.kind(x), low.kind(y))
    if None in kinds:
        return False
    rows, a = rows_and_width(y.shape)
    if y.dtype == "bool":
        low.expand(node, apply("not_equal", x, 0 if kinds[0] == "i" else 0.0))
    elif kinds == ("f", "f"):
        low.alias(y, x)
    else:
        low.b.emit("to_int" if kinds[0] == "f" else "to_float", [low.place(x), low.out(y)], (a,), rows=rows)
    return None
