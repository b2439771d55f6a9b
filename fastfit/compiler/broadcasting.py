"""How operands of different shapes meet in one instruction."""

from math import prod

import numpy as np

from fastfit._core import CODES
from fastfit.compiler.lower import leading, rows_and_width, shape_of
from fastfit.graph.tensor import KerasTensor

BROADCAST = CODES["broadcast"]


def broadcast(out, *shapes):
    """(rows, row length, modes): how operands of these shapes meet in `out`; None if not in any of the four modes."""
    times = getattr(out, "times", 1)
    out = tuple(out)
    padded = [(1,) * (len(out) - len(s)) + tuple(s) for s in shapes]
    batched = bool(out) and out[0] is None
    # the earliest cut that works has the longest rows: fewer turns of the outer loop
    for cut in range(int(batched), len(out) + 1):
        modes = [_mode(out, shape, cut) for shape in padded]
        if None not in modes:
            count = prod(n for n in out[:cut] if n is not None)
            return (count * times, 0) if batched else (0, count), prod(out[cut:]), tuple(modes)
    return None


def aligned(out, *operands):
    """Whether the batch, where an operand has it, is the first axis of `out`, and the only unknown one."""
    if None in out[1:] or leading(out) is None:
        return False
    for x in operands:
        shape = shape_of(x)
        if None not in shape:
            if tuple(out[:1]) == (None,) and len(shape) == len(out) and shape[0] != 1:
                return False  # fixed rows, for a batch of just so many
            continue
        if shape[0] is not None or shape.count(None) > 1 or len(shape) != len(out) or out[0] is not None:
            return False
        if shape.times != out.times:
            return False
    return True


def _mode(out, shape, cut):
    head, tail = shape[:cut], shape[cut:]
    ones = all(n == 1 for n in head)
    if shape == out:
        return BROADCAST["full"]
    if ones and all(n == 1 for n in tail):
        return BROADCAST["one"]
    if ones and tail == out[cut:]:
        return BROADCAST["row"]
    if head == out[:cut] and all(n == 1 for n in tail):
        return BROADCAST["column"]
    return None


def emit_map(low, x, out, index, width, kind, rows, fill=0.0, op="pick"):
    """Emit the picking (or putting) of elements by a map from places of y to places of x, in runs as long as can be."""
    index = np.ascontiguousarray(np.ravel(index), np.int32)
    breaks = np.flatnonzero(np.diff(index) != 1) + 1
    run = int(np.gcd.reduce(np.concatenate([[len(index)], breaks]))) if np.all(index >= 0) else 1
    table = low.b.constant(index[::run])
    low.b.emit(op, [x, table, out], (width, len(index) // run, run), (fill,), rows=rows, cost=4.0 * len(index))


def spread(low, x, shape, kind, whole=False):
    """(place, shape) of an operand repeated until it fits: as it is, per row of the batch or one row for all.

    whole : bool
        Every row of `shape` has its own elements.
    """
    own = tuple(shape_of(x))
    own = (1,) * (len(shape) - len(own)) + own
    place = low.place_as(x, kind)
    batched = bool(shape) and shape[0] is None
    if batched and own[0] not in (None, 1):  # how many rows the batch has, only the run knows
        raise AssertionError(f"fixed rows cannot be spread over those of the batch: {own} over {tuple(shape)}")
    if not isinstance(x, KerasTensor) and not batched:
        full = np.broadcast_to(np.asarray(x), shape)
        return low.place_as(full, kind), shape
    if batched and own[0] is None:
        if own != tuple(shape):
            index = np.broadcast_to(np.arange(prod(own[1:])).reshape(own[1:]), shape[1:])
            out = low.b.slot(shape)
            emit_map(low, place, out, index, prod(own[1:]), kind, (shape.times, 0))
            place = out
        return place, shape
    row = shape[1:] if batched else shape
    if own[len(shape) - len(row) :] != tuple(row) and prod(own) != 1:
        index = np.broadcast_to(np.arange(prod(own)).reshape(own[len(shape) - len(row) :]), row)
        out = low.b.slot(row)
        emit_map(low, place, out, index, prod(own), kind, (0, 1))
        place = out
    one = prod(own) == 1
    if not batched and not one:
        return place, shape
    if not whole:
        return place, () if one else tuple(row)
    out = low.b.slot(shape)
    rows, a = rows_and_width(shape)
    copy_rows(low, place, out, rows, a, 3 if one else 1, kind)
    return out, shape


def copy_rows(low, place, out, rows, a, mode, kind):
    """Fill rows of length `a` with one row (mode 1), one value per row (2) or one value (3)."""
    if kind == "f":
        # -0.0 and not 0.0: x + -0.0 is x, bit for bit
        low.b.emit("add", [place, low.b.constant(np.float32(-0.0)), out], (a, mode, 3), rows=rows)
    else:
        low.b.emit("int_binary", [place, low.b.constant(np.int32(0)), out], (a, mode, 3, 0), rows=rows)
