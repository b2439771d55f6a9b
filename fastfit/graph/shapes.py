"""Shape rules that rows share. None is a dimension known only at run time."""

import numpy as np

from fastfit.graph.tensor import KerasTensor


def broadcast(*shapes):
    """Return the shape that ``shapes`` broadcast to.

    A batch that meets fixed rows, more than one, stays a batch: it must have so many rows when the program runs.
    """
    rank = max((len(s) for s in shapes), default=0)
    result = []
    for axis in range(-rank, 0):
        dims = [s[axis] for s in shapes if len(s) >= -axis]
        known = {d for d in dims if d not in (None, 1)}
        if len(known) > 1:
            raise ValueError(f"Cannot broadcast shapes together: {', '.join(map(str, shapes))}")
        batch = None in dims and (axis == -rank or not known)
        result.append(None if batch else known.pop() if known else 1)
    return tuple(result)


def rows_each(size):
    """k if a size is that of k rows for each row of the batch, for certain; else None.

    Parameters
    ----------
    size : KerasTensor
        An int scalar, made of what ``ops.shape`` returned.
    """
    k, rest = _linear(size) or (None, 1)
    return k if rest == 0 and k is not None and k == int(k) and k > 0 else None


def _linear(size):
    """(k, c) of a size that is k times the rows of the batch, and c; None for any other."""
    if not isinstance(size, KerasTensor):
        return (0, size) if np.ndim(size) == 0 and float(size) == int(size) else None
    name, inputs = getattr(size.node.operation, "name", None), size.node.inputs
    if name in ("axis_size", "batch_size"):
        x = inputs[0]
        of_batch = size.node.attrs.get("axis", 0) in (0, -len(x.shape)) and x.shape[0] is None and x.shape.times
        return (x.shape.times, 0) if of_batch else None
    if name not in ("cast", "identity", "add", "subtract", "negative", "multiply", "floor_divide"):
        return None
    known = [_linear(x) for x in inputs]
    if None in known:
        return None
    (k, c), (m, d) = known[0], known[-1]
    if name in ("cast", "identity"):
        return k, c
    if name == "negative":
        return -k, -c
    if name == "add":
        return k + m, c + d
    if name == "subtract":
        return k - m, c - d
    if name == "multiply":
        return (k * d, c * d) if m == 0 else (c * m, c * d) if k == 0 else None
    return (k // d, c // d) if m == 0 and d and k % d == 0 and c % d == 0 else None


def axis_in(axis, rank):
    """Return a non-negative axis; ValueError if there is no such axis."""
    if not -rank <= axis < rank:
        raise ValueError(f"axis {axis} is out of bounds for a tensor of rank {rank}")
    return int(axis) % rank


def axes_in(axis, rank):
    """Return the sorted non-negative axes that ``axis`` (None, int or sequence) names."""
    if axis is None:
        return tuple(range(rank))
    if isinstance(axis, (int, np.integer)):
        return (axis_in(axis, rank),)
    axes = tuple(sorted(axis_in(a, rank) for a in axis))
    if len(set(axes)) < len(axes):
        raise ValueError(f"axis {axis} names an axis twice")
    return axes


def reduced(shape, axis, keepdims):
    """Return the shape after a reduction over ``axis``."""
    axes = axes_in(axis, len(shape))
    if keepdims:
        return tuple(1 if i in axes else d for i, d in enumerate(shape))
    return tuple(d for i, d in enumerate(shape) if i not in axes)


def probe(meaning):
    """Return a shape rule that runs the meaning on stand-in arrays with two sizes for the unknown dimensions.

    For ops that are too rare to deserve a rule of their own. All unknown dimensions are taken to be equal.
    """

    def rule(*specs, **attrs):
        results = []
        for size in (6, 7):
            arrays = [None if s is None else _stand_in(s, size) for s in specs]
            with np.errstate(all="ignore"):
                result = meaning(*arrays, **attrs)
            several = isinstance(result, (tuple, list))
            results.append([np.asarray(r) for r in (result if several else [result])])
        shapes = []
        for a, b in zip(*results, strict=True):
            if a.ndim != b.ndim:
                raise ValueError(f"The rank of the result depends on the batch size: {a.shape} or {b.shape}")
            shape = tuple(m if m == n else None for m, n in zip(a.shape, b.shape, strict=True))
            shapes.append((shape, a.dtype.name))
        return shapes if several else shapes[0]

    return rule


def _stand_in(spec, size):
    shape = tuple(size if d is None else d for d in spec.shape)
    if len(shape) >= 2 and shape[-1] == shape[-2]:  # matrices had better be invertible
        return np.broadcast_to(np.eye(shape[-1]).astype(spec.dtype), shape)
    return np.broadcast_to(np.ones((), spec.dtype), shape)
