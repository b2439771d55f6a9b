"""Places that are data, such as ids: which lookups a program makes, and what is said of one that leads nowhere."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fastfit.compiler import neighbours
from fastfit.graph.tensor import KerasTensor, topological

# The ops whose second input holds places, with the input that they are places in.
LOOKUPS = {"take": 0, "take_along_axis": 0, "put_along_axis": 2, "scatter_add": 2}


class Lookup(NamedTuple):
    """A lookup of a program: `source` is the column of its places, None if they are computed."""

    op: str
    origin: str
    axis: int
    size: int
    source: int | None
    data: str


def lookup_of(low, node):
    """The `Lookup` that a node is, or None."""
    name, axis = getattr(node.operation, "name", None), node.attrs.get("axis")
    if name not in LOOKUPS:
        return None
    shape = tuple(np.shape(x) if not hasattr(x := node.inputs[LOOKUPS[name]], "shape") else x.shape)
    size = shape[axis] if axis is not None else None if None in shape else int(np.prod(shape))
    if size is None:
        return None
    places = neighbours.strip_casts(node.inputs[1], size)
    source = low.source_of.get(id(places))
    data = _data(places)
    axis = 0 if axis is None else axis % len(shape)
    return Lookup(name, node.origin or "", axis, size, source, data)


def _data(places):
    """What messages call the data that places are, or are computed from."""
    if not isinstance(places, KerasTensor):
        return ""
    return ", ".join(dict.fromkeys(n.attrs["data"] for n in topological([places]) if "data" in n.attrs))


def outside(places, size):
    """The first of some places that is not in [-size, size), and the row that it is in; None if there is none."""
    places = np.asarray(places)
    bad = ~((places >= -size) & (places < size))  # true for NaN
    if not bad.any():
        return None
    first = np.unravel_index(int(np.argmax(bad)), bad.shape) if bad.ndim else ()
    return places[first].item(), int(first[0]) if first else 0


def message(lookup, value, row):
    """What is wrong with a place; `value` is None if it is not known."""
    where = f" in '{lookup.origin}'" if lookup.origin else ""
    index = "an index" if value is None else f"index {value}"
    made = "" if lookup.source is not None else "what is computed from "
    data = f"row {row}" + (f" of {lookup.data}" if lookup.data else "")
    received = f"{made}{data}" if value is None else f"{value} in {made}{data}"
    return (
        f"Op '{lookup.op}'{where}: {index} is out of bounds for axis {lookup.axis} with size {lookup.size}. "
        f"Received: {received}"
    )


def explain(lookups, labels, columns, row):
    """The IndexError for a row in which a program has met a bad place; None if it is a class id that is bad."""
    for column, classes in labels.items():
        ids = np.asarray(columns[column][row])
        if not ((ids >= 0) & (ids < classes)).all():
            return None
    for lookup in lookups:
        if lookup.source is not None:
            found = outside(columns[lookup.source][row], lookup.size)
            if found is not None:
                return IndexError(message(lookup, found[0], row))
    computed = next((lookup for lookup in lookups if lookup.source is None), None)
    return None if computed is None else IndexError(message(computed, None, row))
