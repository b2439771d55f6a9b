"""Element-wise instructions on matrices as they lie in panels."""

from math import prod

import numpy as np

from fastfit.compiler.lower import is_f32
from fastfit.graph.tensor import KerasTensor

# What is 0 for 0.
ODD = ("negative", "abs", "square", "sqrt", "sign", "relu", "tanh", "expm1", "erf", "log1p")


def in_panels(low, node):
    """Compute a matrix element by element as it lies, if one operand is in panels and the others are so or numbers."""
    y = node.outputs[0]
    found = [low.packed(x) for x in node.inputs]
    if not any(found) or not is_f32(*node.inputs, y) or id(y) in low.sink_of:
        return False
    for x, where in zip(node.inputs, found, strict=True):
        shape = tuple(x.shape) if isinstance(x, KerasTensor) else np.shape(x)
        if shape != tuple(y.shape) if where else None in shape or prod(shape) != 1:
            return False
    places = [where or low.place(x) for x, where in zip(node.inputs, found, strict=True)]
    out = low.places[id(y)] = low.b.slot(y.shape, packed=True)
    panel = low.b.engine.panel
    modes = [0 if where else 3 for where in found] if len(found) > 1 else []
    low.b.emit(node.operation.name, [*places, out], (y.shape[0] * -(-y.shape[1] // panel) * panel, *modes), rows=(0, 1))
    if y.shape[1] % panel and not pads_with_zeros(low, node, found):
        low.dirty.add(out)
    return True


def pads_with_zeros(low, node, found):
    """Whether zeros that pad the operands' panels give zeros."""
    name, clean = node.operation.name, [where is not None and where not in low.dirty for where in found]
    if len(found) == 1:
        return clean[0] and name in ODD
    if name == "multiply":
        return any(clean)
    if name == "divide":
        return clean[0] and found[1] is None
    values = [0.0 if ok else x for ok, x in zip(clean, node.inputs, strict=True)]
    known = all(ok or not isinstance(x, KerasTensor) for ok, x in zip(clean, node.inputs, strict=True))
    return known and any(clean) and not np.any(node.operation.meaning(*values))


def clean_panels(low, x):
    """Where a matrix lies in panels that are padded with zeros, or None."""
    where = low.packed(x)
    return None if where is None or where in low.dirty else where
