"""Rewriting of graphs before differentiation: crossentropies move onto the logits of a softmax or sigmoid.

And ``cast(shape(x)[0], float)`` becomes the op that has a kernel.
"""

import numpy as np

from fastfit.graph.op import OPS, Op, apply, cast, is_float
from fastfit.graph.shapes import axis_in
from fastfit.graph.tensor import KerasTensor, Node, topological


def fuse(tensors):
    """Rebuild a graph with crossentropies of logits, or of a softmax or sigmoid, computed from the logits at once.

    The fused op yields the loss values and the probabilities, and every other use of the probabilities reads them from
    it. Gradients are then p - y, stable and never clipped away, as in Keras on TensorFlow.

    Parameters
    ----------
    tensors : list of KerasTensor

    Returns
    -------
    tensors : list of KerasTensor
        The same values in the new graph; inputs and variables stay the tensors that they were.
    memo : dict
        Old tensor to new tensor, for all tensors of the old graph.
    """
    order = topological([t for t in tensors if isinstance(t, KerasTensor)])
    fusions = {id(node): (node, op) for node in order if (op := _fusion(node)) is not None}
    first_use = {}
    for node in order:
        if id(node) in fusions:
            first_use.setdefault(id(node.inputs[1].node), node)
    memo = {}

    def new(x):
        return memo.get(x, x) if isinstance(x, KerasTensor) else x

    for node in _late(order, first_use):
        direct = _of_logits(node)
        if direct is not None:
            memo[node.outputs[0]] = apply(direct, *(new(x) for x in node.inputs))[0]
        elif id(node) in fusions:
            source = node.inputs[1].node
            values, p = apply(fusions[id(node)][1], new(node.inputs[0]), new(source.inputs[0]))
            memo[node.outputs[0]] = values
            if first_use[id(source)] is node:
                memo[source.outputs[0]] = p
        elif (batch := _batch_as_float(node)) is not None:
            memo[node.outputs[0]] = cast(apply("batch_size", new(batch)), node.attrs["dtype"])
        elif any(new(x) is not x for x in node.inputs if isinstance(x, KerasTensor)):
            outputs = [KerasTensor(t.shape, t.dtype, t.name) for t in node.outputs]
            Node(node.operation, [new(x) for x in node.inputs], node.attrs, outputs, node.origin)
            memo.update(zip(node.outputs, outputs, strict=True))
    for node in order:
        for t in node.outputs:
            memo.setdefault(t, t)
    return [new(t) for t in tensors], memo


_FUSED = {
    "binary_crossentropy": "sigmoid_bce",
    "sparse_categorical_crossentropy": "softmax_ce",
    "categorical_crossentropy": "softmax_ce_dense",
}


def _of_logits(node):
    """Return the name of the fused op that is a crossentropy of logits as it stands, or None."""
    if not isinstance(node.operation, Op) or len(node.inputs) != 2 or not node.attrs.get("from_logits"):
        return None
    output = node.inputs[1]
    if not isinstance(output, KerasTensor) or len(output.shape) < 2:
        return None
    rank, name = len(output.shape), node.operation.name
    if not _fit(name, node.inputs[0], output):
        return None
    return _FUSED.get(name) if axis_in(node.attrs.get("axis", -1), rank) == rank - 1 else None


def _fusion(node):
    """Return the name of the fused op that can stand for ``node``, or None."""
    if not isinstance(node.operation, Op) or len(node.inputs) != 2 or node.attrs.get("from_logits"):
        return None
    target, output = node.inputs
    name = node.operation.name
    if not isinstance(output, KerasTensor) or not isinstance(output.node.operation, Op):
        return None
    source, rank = output.node, len(output.shape)
    if not _fit(name, target, output):
        return None
    if source.operation is OPS["sigmoid"] and name == "binary_crossentropy":
        return None if _reaches(target, source) else _FUSED[name]
    if source.operation is not OPS["softmax"] or name not in (
        "sparse_categorical_crossentropy",
        "categorical_crossentropy",
    ):
        return None
    axes = (source.attrs.get("axis", -1), node.attrs.get("axis", -1))
    if not all(isinstance(a, int) and axis_in(a, rank) == rank - 1 for a in axes):
        return None
    if _reaches(target, source):  # then the target must come first, and cannot read p from the fused node
        return None
    return _FUSED[name]


def _fit(name, target, output):
    """Whether targets that are rows like the outputs are as many: the fused ops do not broadcast."""
    return name == "sparse_categorical_crossentropy" or tuple(
        np.shape(target) if not isinstance(target, KerasTensor) else target.shape
    ) == tuple(output.shape)


def _batch_as_float(node):
    """Return x if ``node`` is the size of its batch cast to a float, for which there is a native op; else None."""
    if node.operation is not OPS["cast"] or not is_float(node.attrs["dtype"]):
        return None
    source = node.inputs[0].node if isinstance(node.inputs[0], KerasTensor) else None
    if source is None or source.operation is not OPS["axis_size"]:
        return None
    x = source.inputs[0]
    return x if axis_in(source.attrs["axis"], len(x.shape)) == 0 and x.shape[0] is None else None


def _reaches(tensor, node):
    return isinstance(tensor, KerasTensor) and any(n is node for n in topological([tensor]))


def _late(order, first_use):
    """Return ``order`` with each fused softmax or sigmoid gone: the fused node takes its place.

    Nodes that use the probabilities must come after the fused node, so the fused node and what its target needs come
    where the softmax was.
    """
    emitted, result = set(), []

    def emit(nodes):
        for node in nodes:
            if id(node) in emitted:
                continue
            emitted.add(id(node))
            if id(node) not in first_use:
                result.append(node)
                continue
            fused = first_use[id(node)]
            inputs = [x for x in (fused.inputs[0], node.inputs[0]) if isinstance(x, KerasTensor)]
            emit(topological(inputs))
            emitted.add(id(fused))
            result.append(fused)

    emit(order)
    return result
