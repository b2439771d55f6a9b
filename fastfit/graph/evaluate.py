"""Run a graph with the NumPy meanings of its ops. It is the reference for native programs."""

import numpy as np

from fastfit.graph import randomness
from fastfit.graph.op import Op
from fastfit.graph.tensor import KerasTensor, topological
from fastfit.utils import nest


def evaluate(tensors, feeds=None, seed=0, step=0):
    """Compute tensors.

    Parameters
    ----------
    tensors : list of KerasTensor (or constants)
    feeds : dict, optional
        Tensor to array; variable to array for variables that shall not have their present value.
    seed, step : int, default=0
        What random ops draw from.

    Returns
    -------
    list of ndarray
    """
    feeds = feeds or {}
    values = {id(t): v for t, v in feeds.items() if isinstance(t, KerasTensor)}
    symbolic = [t for t in tensors if isinstance(t, KerasTensor) and id(t) not in values]
    with randomness.drawing_from(seed, step):
        for node in topological(symbolic):
            if all(id(t) in values for t in node.outputs):
                continue
            if not _ready(node, values):  # only needed by a tensor that was fed
                continue
            for tensor, value in zip(node.outputs, _run(node, values, feeds), strict=True):
                values.setdefault(id(tensor), value)
    missing = [t for t in symbolic if id(t) not in values]
    if missing:
        fed = {id(t) for t in feeds}
        inputs = [n.outputs[0] for n in topological(missing) if n.operation == "input" and id(n.outputs[0]) not in fed]
        raise ValueError(f"evaluate: no value was fed for {inputs or missing}")
    return [np.asarray(values[id(t)]) if isinstance(t, KerasTensor) else np.asarray(t) for t in tensors]


def _ready(node, values):
    if node.operation == "input":
        return False
    return all(id(x) in values for x in node.inputs if isinstance(x, KerasTensor))


def _run(node, values, feeds):
    operation = node.operation
    if operation == "variable":
        variable = node.attrs["variable"]
        return [feeds[variable] if variable in feeds else variable.numpy()]

    def value_of(x):
        return values[id(x)] if isinstance(x, KerasTensor) else x

    if isinstance(operation, Op):
        result = operation.meaning(*[value_of(x) for x in node.inputs], **node.attrs)
        return list(result) if len(node.outputs) > 1 else [result]
    args = nest.map_structure(value_of, node.attrs["args"])
    kwargs = nest.map_structure(value_of, node.attrs["kwargs"])
    return nest.flatten(operation(*args, **kwargs))
