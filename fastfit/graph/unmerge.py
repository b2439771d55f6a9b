"""Rewriting of graphs in which a reshape merges the batch with other axes, as ``K.flatten`` does.

A program knows one unknown size, the batch's; an axis of k times as many elements it could not tell from that. So the
merged axis is computed as two, (batch, k), which hold the same elements in the same order.
"""

from fastfit.graph.op import Op, apply
from fastfit.graph.shapes import axes_in
from fastfit.graph.tensor import KerasTensor, topological

# Each element by itself; operands broadcast.
_ELEMENTWISE = frozenset(
    "abs add arctan arctan2 bitwise_and bitwise_not bitwise_or bitwise_xor broadcast_like cast ceil clip cos cosh "
    "binary_crossentropy divide divide_no_nan equal erf erfc exp exp2 expm1 floor floor_divide fmax fmin full_like "
    "greater greater_equal hypot identity isfinite isinf isnan less less_equal log log10 log1p log2 logaddexp "
    "logical_and logical_not logical_or logical_xor maximum minimum mod multiply nan_to_num negative not_equal power "
    "reciprocal relu round rsqrt sigmoid sign sin sinh softplus sqrt square stop_gradient subtract tan tanh trunc "
    "where".split()
)
_REDUCTIONS = frozenset("all any count_nonzero logsumexp max mean min prod std sum var".split())
# Of all elements, in whatever shape.
_WHOLE = frozenset(("sum64",))


def unmerge(tensors):
    """Return the same values in a graph that keeps the batch apart from other axes.

    Parameters
    ----------
    tensors : list of KerasTensor

    Returns
    -------
    list of KerasTensor

    Raises
    ------
    NotImplementedError : an op needs the merged axis as one.
    """
    order = topological([t for t in tensors if isinstance(t, KerasTensor)])
    if not any(_merges(node) for node in order):
        return tensors
    memo, split = {}, {}  # old to new tensors; and for those with a merged axis, into how many it is split

    def new(x):
        return memo.get(x, x) if isinstance(x, KerasTensor) else x

    for node in order:
        if not isinstance(node.operation, Op) or not any(new(x) is not x for x in node.inputs) and not _merges(node):
            continue
        inputs = [new(x) for x in node.inputs]
        result, factor = _rebuilt(node, inputs, [split.get(x) if isinstance(x, KerasTensor) else None
                                                 for x in node.inputs])  # fmt: skip
        results = result if isinstance(result, (list, tuple)) else (result,)
        memo.update(zip(node.outputs, results, strict=True))
        if factor is not None:
            split[node.outputs[0]] = factor
    for t in tensors:
        if t in split:
            raise NotImplementedError(_message("an output of the program", t))
    return [new(t) for t in tensors]


def _merges(node):
    """Whether the node is a reshape whose unknown size is not the batch's."""
    if getattr(node.operation, "name", None) != "reshape" or not isinstance(node.inputs[0], KerasTensor):
        return False
    before, after = node.inputs[0].shape, node.outputs[0].shape
    return before.count(None) == after.count(None) == 1 and _per_unknown(before) != _per_unknown(after)


def _per_unknown(shape):
    size = 1
    for d in shape:
        size *= 1 if d is None else d
    return size


def _rebuilt(node, inputs, factors):
    """Return (the node's outputs on new inputs, the factor of the merged axis of the first or None)."""
    name, y = node.operation.name, node.outputs[0]
    factor = next((f for f in factors if f is not None), None)
    if name in ("reshape", "reshape_like", "expand_dims", "squeeze") and (factor is not None or _merges(node)):
        return _reshaped(node, inputs[0], y)
    if factor is None:
        return apply(name, *inputs, **node.attrs), None
    rank = len(y.shape)
    if name in _ELEMENTWISE and all(
        f == factor or (f is None and _spreads(x, rank)) for x, f in zip(inputs, factors, strict=True)
    ):
        return apply(name, *inputs, **node.attrs), factor
    if name in _WHOLE and len(inputs) == 1:
        return apply(name, *inputs, **node.attrs), None
    if name == "batch_size":
        return apply("batch_size", inputs[0]) * float(factor), None
    if name in _REDUCTIONS:
        axes = axes_in(node.attrs.get("axis"), len(node.inputs[0].shape))
        keep = bool(node.attrs.get("keepdims", False))
        if not (keep and 0 in axes):
            axes = tuple(sorted({a + 1 for a in axes} | ({0} if 0 in axes else set())))
            attrs = {**node.attrs, "axis": None if len(axes) == len(inputs[0].shape) else axes}
            return apply(name, inputs[0], **attrs), None if 0 in axes else factor
    raise NotImplementedError(_message(f"the op {name!r}", node.inputs[0]))


def _spreads(x, rank):
    """Whether an operand without the merged axis broadcasts over it."""
    shape = getattr(x, "shape", ())
    return len(shape) < rank or shape[0] == 1


def _reshaped(node, x, y):
    """Return the new form of a reshape; ``x`` may be split already."""
    if None not in y.shape or y.shape[0] is not None or x.shape.count(None) != 1 or x.shape[0] is not None:
        raise NotImplementedError(_message("a reshape", node.inputs[0]))
    rest = y.shape[1:]
    whole, size = _per_unknown(x.shape), _per_unknown(y.shape)
    if whole == size:  # the batch is an axis of its own again
        return apply("reshape", x, newshape=(-1, *rest)), None
    if whole % size:
        raise NotImplementedError(_message("a reshape", node.inputs[0]))
    return apply("reshape", x, newshape=(-1, whole // size, *rest)), whole // size


def _message(what, x):
    return (
        f"A reshape merges the batch with other axes, and {what} needs the merged axis of {x!r}. Only ops on single "
        "elements and reductions can work on it. Keep the batch as the first axis: reshape to (-1, ...) with all "
        "other sizes of a sample, and reduce with the axes that are meant."
    )
