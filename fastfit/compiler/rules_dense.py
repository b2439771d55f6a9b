"""Lowering of dense layers and their gradients."""

import numpy as np

from fastfit._core import CODES
from fastfit.compiler import neighbours
from fastfit.compiler.builder import OPS, PART_ROWS
from fastfit.compiler.lower import is_f32, leading, rule
from fastfit.graph.tensor import KerasTensor

GRADIENT = CODES["gradient"]


@rule("dense")
def dense(low, node):
    x, w, b = node.inputs
    z = node.outputs[0]
    if not is_f32(x, w, b, z) or leading(z.shape) is None or len(z.shape) < 2:
        return False
    k, n = w.shape if isinstance(w, KerasTensor) else np.shape(w)
    act, out = 0, z
    follower = neighbours.activation_after(low.users, z, OPS, low.sink_of)
    if follower is not None:
        act, out = OPS[follower.operation.name]["id"], follower.outputs[0]
        low.skip.add(id(follower))
    bias = None if b is None else low.place(b)
    mul, fix = leading(z.shape[:-1])
    low.b.emit(
        "dense",
        [low.rows_of(x), low.place(w), bias, low.out(out)],
        (k, n, act),
        rows=(mul, fix),
        cost=2.0 * mul * k * n,
        cost_fix=2.0 * fix * k * n,
    )
    return None


@rule("dense_dx")
def dense_dx(low, node):
    dy, w = node.inputs[:2]
    dx = node.outputs[0]
    if not is_f32(dy, w, dx) or leading(dx.shape) is None or len(dx.shape) < 2:
        return False
    k, n = w.shape if isinstance(w, KerasTensor) else np.shape(w)
    mul, fix = leading(dx.shape[:-1])
    low.b.emit(
        "dense_dx",
        [low.place(dy), low.place(w), low.out(dx)],
        (k, n),
        rows=(mul, fix),
        cost=2.0 * mul * k * n,
        cost_fix=2.0 * fix * k * n,
    )
    return None


@rule("dense_dw")
def dense_dw(low, node):
    if id(node) in low.late_grads:  # an update takes it in
        return None
    x, dy = node.inputs[:2]
    g = node.outputs[0]
    rows = leading(dy.shape[:-1])
    if not is_f32(x, dy, g) or None in g.shape or rows is None or rows != leading(x.shape[:-1]):
        return False
    low.places[id(g)] = low.b.slot(g.shape)
    emit_dw(low, node, low.places[id(g)], GRADIENT["store"])
    return None


def emit_dw(low, node, gradient, mode, update=(), variant=0, phase=0):
    """A weight gradient: stored (0), added (1), or used up by an optimizer at once (2)."""
    x, dy = node.inputs[:2]
    k, n = node.outputs[0].shape
    mul, fix = leading(dy.shape[:-1])
    if in_parts(low, k, n, mul, fix) and mode != GRADIENT["add"]:
        operands = low.rows_of(x), low.place(dy)
        emit_parts(low, "dense_dw_sum", operands, (k, n), mul, gradient, mode, update, variant, phase)
        return
    low.b.emit(
        "dense_dw",
        [low.rows_of(x), low.place(dy), gradient, *update],
        (k, n, mode, variant),
        rows=(mul, fix),
        cut="weight",
        cost=2.0 * mul * k * n,
        cost_fix=25.0 * k * n * (mode == GRADIENT["update"]),
        phase=phase,
    )


# From so many rows on, gradients of so few bytes are summed block by block: all threads take part, and the rows are
# in cache.
PART_MIN_ROWS = 1024
PART_MAX_BYTES = 1 << 15


def in_parts(low, k, n, mul, fix):
    """Whether a weight gradient is made in blocks of rows."""
    panels = -(-n // low.b.engine.panel) * low.b.engine.panel
    return fix == 0 and mul * low.batch >= PART_MIN_ROWS and 4 * k * panels <= PART_MAX_BYTES


def emit_parts(low, total, operands, shape, mul, gradient, mode, update=(), variant=0, phase=0):
    """Blocks of a gradient with the rows, and the sum of them."""
    k, n = shape
    panel = low.b.engine.panel
    floats = -(-(k * -(-n // panel) * panel) // PART_ROWS)
    parts = low.b.slot((None, mul, floats))
    with low.b.marked(phase=0):  # no update yet: with the rows, while they are in cache
        low.b.emit(
            "dense_dw_part",
            [*operands, parts],
            (k, n, floats, PART_ROWS),
            rows=(mul, 0),
            cost=2.0 * mul * k * n,
            cost_fix=0.0,
        )
    low.b.emit(
        total,
        [parts, gradient, *update],
        (k, n, mode, variant, floats, PART_ROWS),
        rows=(mul, 0),
        cut="weight",
        cost=1.0 * mul * floats,
        cost_fix=25.0 * k * n * (mode == GRADIENT["update"]),
        phase=phase,
    )


@rule("dense_db")
def dense_db(low, node):
    if id(node) in low.late_grads:
        return None
    if not is_f32(node.inputs[0]):
        return False
    emit_db(low, node, low.out(node.outputs[0]), GRADIENT["store"])
    return None


def emit_db(low, node, gradient, mode, update=(), variant=0, phase=0):
    """A bias gradient, as `emit_dw`."""
    dy = node.inputs[0]
    n = dy.shape[-1]
    mul, fix = leading(dy.shape[:-1])
    if in_parts(low, 1, n, mul, fix) and mode != GRADIENT["add"]:
        emit_parts(low, "dense_db_sum", (None, low.place(dy)), (1, n), mul, gradient, mode, update, variant, phase)
        return
    low.b.emit(
        "dense_db",
        [low.place(dy), gradient, *update],
        (1, n, mode, variant),
        rows=(mul, fix),
        cut="weight",
        cost=2.0 * mul * n,
        cost_fix=25.0 * n * (mode == GRADIENT["update"]),
        phase=phase,
    )
