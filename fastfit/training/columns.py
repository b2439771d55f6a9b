"""What a program knows of the arrays that will be bound, and whether their dtypes can hold them."""

from __future__ import annotations

from dataclasses import dataclass

from fastfit.data.dtypes import FLOAT_LIMIT, fed_dtype
from fastfit.utils.dtypes import float_dtype


@dataclass(frozen=True)
class Column:
    """What a program knows of one array that will be bound: shape of a row, dtype of the data, and of its tensor."""

    shape: tuple
    dtype: str
    fed: str


def columns_of(model, x, y, w):
    """Columns of inputs, targets and weights; None where there is no array.

    Raises
    ------
    ValueError
        Data that the dtype of their Input cannot hold.
    """
    graph = model._graph_model()
    inputs = [None] * len(x) if graph is None else [(t.dtype, t.node.operation.name) for t in graph.inputs]
    outputs = model._known_output_names() or ()
    floats = model._target_floats(max(len(y), len(w)))

    def column(a, wanted, floats, what, limit=None):
        return Column(tuple(a.shape[1:]), a.dtype.name, fed_dtype(a, wanted, floats, what, limit))

    def group(arrays, what, limit=None):
        out = []
        for i, a in enumerate(arrays):
            name = f" of output '{outputs[i]}'" if i < len(outputs) else ""
            wanted = None if limit else floats[i]
            out.append(None if a is None else column(a, wanted, floats[i], f"{what}{name}", limit))
        return tuple(out)

    xs = tuple(
        column(a, None, float_dtype(model.dtype), f"`x[{i}]`" if len(x) > 1 else "`x`")
        if given is None
        else column(a, given[0], None, f"Input '{given[1]}'")
        for i, (a, given) in enumerate(zip(x, inputs, strict=True))
    )
    # a loss gets targets as float32, where that holds them
    return xs, group(y, "The target", FLOAT_LIMIT), group(w, "The sample weight")
