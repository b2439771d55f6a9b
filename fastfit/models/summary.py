"""The table that ``model.summary()`` prints."""

import math
import re
import shutil

import numpy as np

from fastfit.graph.tensor import KerasTensor
from fastfit.layers.layer import Layer
from fastfit.utils import nest
from fastfit.utils.table import render
from fastfit.utils.terminal import print_message


def count_params(weights):
    """Return the number of scalars in variables."""
    return sum(math.prod(v.shape) for v in weights)


def memory_size(weights):
    """Return the bytes of variables, each counted once."""
    unique = {id(v): v for v in weights}.values()
    return sum(math.prod(v.shape) * np.dtype(v.dtype).itemsize for v in unique)


def readable_size(size):
    """Return a number of bytes as text, such as ``1.50 KB``."""
    for unit in ("B", "KB", "MB", "GB", "TB"):
        if size < 1024:
            return f"{size:.2f} {unit}"
        size /= 1024
    return f"{size:.2f} PB"


def print_summary(
    model,
    line_length=None,
    positions=None,
    print_fn=None,
    expand_nested=False,
    show_trainable=False,
    layer_range=None,
):
    """Print the summary of a model. See ``Model.summary`` for the parameters."""
    graph = getattr(model, "_graph", None)
    layers = model.layers if graph is None else graph.operations
    branching = graph is not None and _is_branching(model, graph)
    if branching:
        width, positions = 108, positions or [0.3, 0.56, 0.74, 1.0]
        header = ["Layer (type)", "Output Shape", "Param #", "Connected to"]
        alignment = ["left", "left", "right", "left"]
    else:
        width, positions = 88, positions or [0.45, 0.80, 1.0]
        header, alignment = ["Layer (type)", "Output Shape", "Param #"], ["left", "left", "right"]
    if show_trainable:
        width += 12
        positions = [p * 0.90 for p in positions] + [1.0]
        header, alignment = [*header, "Trainable"], [*alignment, "center"]
    line_length = line_length or min(width, shutil.get_terminal_size().columns - 4)
    columns, used = [], 0
    for position in positions:
        columns.append(int(position * line_length) - used)
        used = int(position * line_length)
        if columns[-1] < 4:
            raise ValueError("Insufficient console width to print summary.")
    first, last = _range(layers, layer_range)
    rows = []
    for layer in layers[first:last]:
        _add_rows(rows, layer, 0, expand_nested, show_trainable, graph if branching else None)
    text = f'Model: "{model.name}"\n' + render(header, rows, columns, alignment, line_length) + _totals(model)
    if print_fn is None:
        print_message(text, line_break=False)
    else:
        print_fn(text)


def _is_branching(model, graph):
    for nodes in graph.nodes_by_depth.values():
        inputs = [t for t in nest.flatten(list(nodes[0].inputs)) if isinstance(t, KerasTensor)]
        if len(nodes) > 1 or len(inputs) > 1:
            return True
    return any(sum(id(n) in graph.node_ids for n in layer._inbound_nodes) > 1 for layer in model.layers)


def _add_rows(rows, layer, level, expand_nested, show_trainable, graph):
    prefix = "   " * level + "└ " if level else ""
    kind = getattr(layer, "class_name", None) or type(layer).__name__
    fields = [f"{prefix}{layer.name} ({kind})", _output_shape(layer)]
    if not hasattr(layer, "built"):
        fields.append("0")
    else:
        fields.append(f"{layer.count_params():,}" if layer.built else "0 (unbuilt)")
    if graph is not None:
        fields.append(_connections(layer, graph))
    if show_trainable:
        fields.append("-" if not getattr(layer, "weights", None) else "Y" if layer.trainable else "N")
    rows.append(fields)
    if expand_nested:
        for inner in getattr(layer, "layers", None) or []:
            _add_rows(rows, inner, level + 1, True, show_trainable, graph)


def _connections(layer, graph):
    found = []
    for node in layer._inbound_nodes:
        if id(node) not in graph.node_ids:
            continue
        for t in nest.flatten(list(node.inputs)):
            if isinstance(t, KerasTensor) and t.node is not None:
                source = graph.operation_of(t.node)
                position = next(k for k, n in enumerate(source._inbound_nodes) if n is t.node)
                found.append(f"{source.name}[{position}][{t.index}]")
    return ", ".join(found) or "-"


def _output_shape(layer):
    if layer._inbound_nodes:
        node = layer._inbound_nodes[-1]
        outputs = node.attrs["outputs"] if isinstance(node.operation, Layer) else node.outputs
        shapes = nest.map_structure(lambda t: _show(t.shape), outputs)
    elif layer._build_shapes is not None:
        try:
            shapes = _show(layer.compute_output_shape(layer._build_shapes))
        except Exception:  # a user's layer may not know: the summary must not fail for it
            return "?"
    else:
        return "?"
    flat = nest.flatten(shapes)
    return flat[0] if len(flat) == 1 else str(shapes).replace("'", "")


def _show(shape):
    if not all(d is None or isinstance(d, (int, np.integer)) for d in shape):
        return str(shape)
    return f"({', '.join(str(d) for d in shape)})"


def _totals(model):
    trainable, fixed = model.trainable_weights, model.non_trainable_weights
    optimizer = getattr(model, "optimizer", None)
    slots = optimizer.variables if optimizer is not None and getattr(optimizer, "built", False) else []

    def line(what, weights):
        return f" {what} params: {count_params(weights):,} ({readable_size(memory_size(weights))})\n"

    text = line("Total", [*trainable, *fixed, *slots]) + line("Trainable", trainable) + line("Non-trainable", fixed)
    return text + line("Optimizer", slots) if slots else text


def _range(layers, layer_range):
    if layer_range is None:
        return 0, len(layers)
    if len(layer_range) != 2 or not all(isinstance(name, str) for name in layer_range):
        raise ValueError(f"layer_range must be a list or tuple of two strings. Received: layer_range={layer_range}")
    first = [k for k, layer in enumerate(layers) if re.match(layer_range[0], layer.name)]
    last = [k for k, layer in enumerate(layers) if re.match(layer_range[1], layer.name)]
    if not first or not last:
        raise ValueError(f"Passed layer_names do not match the layer names in the model. Received: {layer_range}")
    if min(first) > max(last):
        return min(last), max(first) + 1
    return min(first), max(last) + 1
