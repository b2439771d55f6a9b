"""Functional models as configs, and back."""

import functools
import inspect

from fastfit import layers as layer_registry
from fastfit.graph.op import apply
from fastfit.graph.tensor import KerasTensor
from fastfit.layers.core.input import InputLayer
from fastfit.layers.layer import Layer
from fastfit.models import keras_ops
from fastfit.utils import nest
from fastfit.utils.registry import MODULE_ROOT, Registry, config_of, deserialize_keras_object, serialize_keras_object

# The models' own modules add their classes, since they build on this one.
MODELS = Registry("model", "models", places={"Functional": "src.models.functional", "Sequential": "", "Model": ""})


def is_plain(model):
    """Whether the class of the model can be made from inputs and outputs alone."""
    init = type(model).__init__
    return "inputs" in inspect.signature(init).parameters


def get_config(model):
    """Return the config of a functional model."""
    graph = model._graph
    index = {}  # of each node among those of its operation inside this model
    for operation in graph.operations:
        inside = [n for n in operation._inbound_nodes if id(n) in graph.node_ids]
        index.update((id(n), k) for k, n in enumerate(inside))

    def where(t):
        return [graph.operation_of(t.node).name, index[id(t.node)], t.index]

    def encode(x, mark_tuples=False):
        if isinstance(x, KerasTensor):
            config = {"shape": x.shape, "dtype": x.dtype, "keras_history": where(x)}
            return {"class_name": "__keras_tensor__", "config": config}
        if isinstance(x, dict):
            return {k: encode(v, mark_tuples) for k, v in x.items()}
        if isinstance(x, (list, tuple)):
            items = [encode(v, mark_tuples) for v in x]
            return {"class_name": "__tuple__", "config": items} if mark_tuples and isinstance(x, tuple) else items
        return serialize_keras_object(x)

    entries = []
    for operation in graph.operations:
        if not isinstance(operation, Layer):
            entries.append(_op_entry(operation, encode))
            continue
        nodes = []
        for node in operation._inbound_nodes:
            if id(node) not in graph.node_ids or isinstance(operation, InputLayer):
                continue
            nodes.append({"args": encode(list(node.attrs["args"])), "kwargs": encode(node.attrs["kwargs"])})
        entries.append({**_entry(operation), "name": operation.name, "inbound_nodes": nodes})
    return {
        "name": model.name,
        "trainable": model.trainable,
        "layers": entries,
        "input_layers": nest.map_structure(where, model._inputs_struct),
        "output_layers": nest.map_structure(where, model._outputs_struct),
    }


def _entry(operation):
    entry = config_of(operation, "layers")
    build = operation.get_build_config()
    return {**entry, "build_config": build} if build else entry


def _op_entry(call, encode):
    """Return the entry of an op, in Keras's form if it has one."""
    (node,) = call._inbound_nodes
    if isinstance(node.operation, str):
        raise ValueError(
            f"The graph reads a variable outside of its layers, which no config can hold. Received: '{call.name}'. "
            "Read it inside the `call()` of a layer."
        )
    found = keras_ops.to_keras(call.name, node)
    if found is None:
        entry = {"module": f"{MODULE_ROOT}.ops", "class_name": "Op", "config": {"name": node.operation.name}}
        call_of = {"args": encode(list(node.inputs), True), "kwargs": encode(node.attrs, True)}
        return {**entry, "registered_name": None, "name": call.name, "inbound_nodes": [call_of]}
    entry, args = found
    settings = encode(entry["config"])
    return {**entry, "config": settings, "name": call.name, "inbound_nodes": [{"args": encode(args), "kwargs": {}}]}


def make_layer(entry, custom_objects=None):
    """Return the layer or model of a config entry."""
    return layer_registry.deserialize(entry, custom_objects)


def rebuild(config, custom_objects=None):
    """Return (inputs, outputs) of a graph of new layers as a config describes it."""
    made, pending, outputs_of = {}, [], {}
    for entry in config["layers"]:
        name = entry.get("name") or entry["config"]["name"]
        if entry["class_name"] == "Op":
            made[name] = functools.partial(apply, entry["config"]["name"])
        elif keras_ops.is_keras_op(entry):
            made[name] = keras_ops.from_keras(entry)
        else:
            made[name] = make_layer(entry, custom_objects)
        if not isinstance(made[name], Layer):
            if not all(_histories(node) for node in entry["inbound_nodes"]):
                # Without a tensor it would be computed here and now, at whatever size the config asks for.
                raise ValueError(f"The config holds an op that reads no tensor. Received: {name}")
        if isinstance(made[name], InputLayer):
            outputs_of[name, 0] = [made[name].output]
        pending += [(name, k, node) for k, node in enumerate(entry["inbound_nodes"])]

    def decode(x):
        if _is_history(x):
            name, node, tensor = x["config"]["keras_history"]
            return outputs_of[name, node][tensor]
        kind = x.get("class_name") if isinstance(x, dict) else None
        if kind == "__tuple__":
            return tuple(decode(v) for v in x["config"])
        if kind is not None and "config" in x:
            return deserialize_keras_object(x)
        if isinstance(x, dict):
            return {k: decode(v) for k, v in x.items()}
        if isinstance(x, (list, tuple)):
            return type(x)(decode(v) for v in x)
        return x

    while pending:
        waiting = []
        for name, k, node in pending:
            # The nodes of a layer must be made in order, or their numbers would change.
            if (k and (name, k - 1) not in outputs_of) or not all(h in outputs_of for h in _histories(node)):
                waiting.append((name, k, node))
                continue
            args, kwargs = decode(node["args"]), decode(node["kwargs"])
            operation = made[name]
            result = operation(*args, **kwargs)
            outputs_of[name, k] = nest.flatten(result)
        if len(waiting) == len(pending):
            raise ValueError(f"The config holds nodes whose inputs are missing: {[w[0] for w in waiting]}")
        pending = waiting

    def tensor_at(place):
        if len(place) == 3 and isinstance(place[0], str) and not isinstance(place[1], str):
            return outputs_of[place[0], place[1]][place[2]]
        return type(place)(map(tensor_at, place))

    def tensors_at(places):
        return {k: tensors_at(v) for k, v in places.items()} if isinstance(places, dict) else tensor_at(places)

    return tensors_at(config["input_layers"]), tensors_at(config["output_layers"])


def _is_history(x):
    return isinstance(x, dict) and x.get("class_name") == "__keras_tensor__"


def _histories(x):
    if _is_history(x):
        return [tuple(x["config"]["keras_history"][:2])]
    if isinstance(x, dict):
        return [h for v in x.values() for h in _histories(v)]
    if isinstance(x, (list, tuple)):
        return [h for v in x for h in _histories(v)]
    return []
