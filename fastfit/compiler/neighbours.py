"""What lowering looks up in the graph before it writes an instruction."""

from __future__ import annotations

import numpy as np

from fastfit.graph.tensor import KerasTensor

# Ops that keep the memory of their input.
VIEWS = ("reshape", "expand_dims", "squeeze")


def users(order, roots):
    """For each tensor's id the nodes that read it; a root is read by None as well."""
    out = {}
    for node in order:
        for x in node.inputs:
            if isinstance(x, KerasTensor):
                out.setdefault(id(x), []).append(node)
    for tensor in roots:
        out.setdefault(id(tensor), []).append(None)
    return out


def activation_after(readers, z, ops, sinks):
    """The unary node that alone reads `z`, if there is a native kernel for it; else None."""
    found = readers.get(id(z), [])
    if len(found) != 1 or found[0] is None or id(z) in sinks:
        return None
    node = found[0]
    name = getattr(node.operation, "name", None)
    if ops.get(name, {}).get("kind") != "u" or len(node.inputs) != 1 or node.outputs[0].dtype != "float32":
        return None
    if node.operation.given(node.attrs):  # such as the decimals of round, which no kernel knows
        return None
    return node


def strip_reshapes(x):
    """The tensor whose memory `x` is."""
    while x.node is not None and getattr(x.node.operation, "name", None) in VIEWS:
        x = x.node.inputs[0]
        if not isinstance(x, KerasTensor):
            break
    return x


# Dtypes that hold every class id, and what is none as what is none.
HOLDS_IDS = ("int32", "int64", "uint32", "uint64", "float64")
# Up to here float32 has every integer.
FLOAT_IDS = 1 << 24


def strip_casts(x, classes):
    """The tensor of class ids in [0, classes) that `x` is but for its shape and a dtype that all ids survive."""
    while isinstance(x, KerasTensor) and x.node is not None:
        name, below = getattr(x.node.operation, "name", None), x.node.inputs[0] if x.node.inputs else None
        if name not in (*VIEWS, "cast") or (name == "cast" and not _keeps_ids(below, x.dtype, classes)):
            break
        x = below
    return x


def _keeps_ids(x, dtype, classes):
    if not isinstance(x, KerasTensor):
        return False
    wide = dtype in HOLDS_IDS or (dtype == "float32" and classes <= FLOAT_IDS)
    return wide or np.can_cast(x.dtype, dtype)


def gradient_terms(tensor, readers, op):
    """Nodes of `op` whose sum is `tensor`, if it is nothing else and only the sum reads them; else None."""
    node = tensor.node
    if node is None:
        return None
    name = getattr(node.operation, "name", None)
    if name == op:
        return [node] if readers.get(id(tensor)) and len(readers[id(tensor)]) == 1 else None
    if name != "add" or len(readers.get(id(tensor), ())) != 1:
        return None
    out = []
    for x in node.inputs:
        terms = gradient_terms(x, readers, op) if isinstance(x, KerasTensor) and x.shape == tensor.shape else None
        if terms is None:
            return None
        out += terms
    return out


def sum_nodes(tensor, op):
    """The add nodes above the terms of `gradient_terms`."""
    if getattr(tensor.node.operation, "name", None) == op:
        return []
    return [tensor.node] + [n for x in tensor.node.inputs for n in sum_nodes(x, op)]
