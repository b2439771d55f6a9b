"""Lowering of dropout and of random numbers."""

import numpy as np

from fastfit.compiler.lower import ANY, is_f32, leading, rows_and_width, rule
from fastfit.compiler.rules_batch import is_batch_size
from fastfit.graph.tensor import KerasTensor


@rule("dropout", attrs="rate seed stream")
def dropout(low, node):
    x, y = node.inputs[0], node.outputs[0]
    if not is_f32(x, y) or leading(y.shape) is None:
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


@rule(*RANDOM, *(f"{name}_like" for name in RANDOM), attrs=ANY)
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
