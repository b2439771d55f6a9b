"""Lowering of the float64 sums that losses and metrics keep."""

from math import prod

import numpy as np

from fastfit.compiler.lower import is_f32, leading, rows_and_width, rule
from fastfit.graph.tensor import KerasTensor


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


@rule("sum_above64", attrs="below")
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


@rule("sum_into64", attrs="size")
def sum_into64(low, node):
    w, index = node.inputs
    if not is_f32(w) or not isinstance(index, KerasTensor) or low.kind(index) != "i" or leading(index.shape) is None:
        return False
    y, rows = node.outputs[0], leading(index.shape)
    places = [low.place(w), low.place(index), low.out(y)]
    low.b.emit("sum_into64", places, (prod(y.shape),), rows=rows, cut="whole", cost=2.0 * rows[0])
    return None
