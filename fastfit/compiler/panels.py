"""Element-wise instructions on matrices as they lie in panels."""

from math import prod

import numpy as np

from fastfit.compiler.lower import is_f32, is_plain
from fastfit.graph.tensor import KerasTensor


def in_panels(low, node):
    """Compute a matrix element by element as it lies, if one operand is in panels and the others are so or numbers."""
    y = node.outputs[0]
    found = [low.packed(x) for x in node.inputs]
    if not any(found) or not is_f32(*node.inputs, y) or id(y) in low.sink_of or not is_plain(node):
        return False
    operands = list(zip(node.inputs, found, strict=True))
    for x, where in operands:
        shape = tuple(x.shape) if isinstance(x, KerasTensor) else np.shape(x)
        if shape != tuple(y.shape) if where else None in shape or prod(shape) != 1:
            return False
    places = [where or low.place(x) for x, where in operands]
    out = low.places[id(y)] = low.b.slot(y.shape, packed=True)
    panel = low.b.engine.panel
    modes = [0 if where else 3 for where in found] if len(found) > 1 else []
    low.b.emit(node.operation.name, [*places, out], (y.shape[0] * -(-y.shape[1] // panel) * panel, *modes), rows=(0, 1))
    if y.shape[1] % panel:
        padding = padding_of(low, node, found)
        if padding != 0.0:
            low.dirty[out] = padding
        elif any(where in low.scaled or where is None and isinstance(x, KerasTensor) for x, where in operands):
            low.scaled.add(out)
    return True


def padding_of(low, node, found):
    """What pads the result: 0.0, a number that is about this, or nan for what may be anything.

    Only zeros made of zeros are exact; a product with a zero is if the other factor is finite for certain, as scalars
    that are computed are taken to be.
    """
    name, values, exact = node.operation.name, [], True
    for i, (x, where) in enumerate(zip(node.inputs, found, strict=True)):
        if where is not None:
            values.append(low.dirty.get(where, 0.0))
            exact = exact and where not in low.dirty
        elif isinstance(x, KerasTensor):
            values.append(1.0 if name == "multiply" or (name == "divide" and i == 1) else np.nan)
        else:
            values.append(np.ravel(x)[0])
    with np.errstate(all="ignore"):
        padding = float(node.operation.meaning(*np.float32(values), **node.attrs))
    if padding == 0.0 and not exact and not (name == "multiply" and 0.0 in values):
        return float(np.finfo(np.float32).tiny)  # a kernel's 0 may be another number in its last bit
    return padding


def clean_panels(low, x):
    """Where a matrix lies in panels that are padded with zeros, or None."""
    where = low.packed(x)
    return None if where is None or where in low.dirty or where in low.scaled else where
