"""Configs as Keras 2's HDF5 files hold them, from today's and back: dicts of names and numbers in, dicts out."""

from fastfit.utils.custom_objects import get_registered_object
from fastfit.utils.registry import MODULE_ROOT

MODELS = ("Model", "Functional", "Sequential")
# Arguments of Keras 1 and 2 that have other names today, by class.
_DENSE = {
    "output_dim": "units",
    "init": "kernel_initializer",
    "bias": "use_bias",
    "W_regularizer": "kernel_regularizer",
    "b_regularizer": "bias_regularizer",
    "W_constraint": "kernel_constraint",
    "b_constraint": "bias_constraint",
}
_RENAMED = {
    "Dense": _DENSE,
    "Dropout": {"p": "rate"},
    "InputLayer": {"batch_input_shape": "batch_shape"},
    "Concatenate": {"concat_axis": "axis"},
}
# What older configs say about a layer that has no meaning here, or is said elsewhere.
_LAYER_WORDS = ("batch_input_shape", "input_dim", "input_dtype", "input_length")
_LAMBDA_WORDS = ("module", "function_type", "output_shape_type", "output_shape_module")
_OPTIMIZER_WORDS = ("is_legacy_optimizer", "jit_compile", "decay", "schedule_decay")


# ---- today's to theirs ----


def to_legacy(entry):
    """Return the config of a model, or a layer, as Keras 3 puts it into HDF5 files: without modules."""
    config = entry["config"]
    if isinstance(config, dict) and isinstance(config.get("layers"), list):
        config = {**config, "layers": [_layer_to_legacy(x) for x in config["layers"]]}
    kept = {key: entry[key] for key in ("name", "inbound_nodes") if key in entry}
    return {"class_name": entry["registered_name"] or entry["class_name"], "config": config, **kept}


def _layer_to_legacy(entry):
    # An op has no form of its own in these files, but Keras reads today's there, too.
    is_op = any(part in str(entry.get("module")) for part in (".ops", ".activations"))
    return entry if is_op else to_legacy(entry)


def training_to_legacy(config):
    """Return the training configuration of these files for what `get_compile_config` gives."""
    config = dict(config)
    optimizer = config.pop("optimizer")
    return {**_objects_to_legacy(config), "optimizer_config": _objects_to_legacy(optimizer)}


def _objects_to_legacy(x):
    if isinstance(x, (list, tuple)):
        return [_objects_to_legacy(v) for v in x]
    if not isinstance(x, dict):
        return x
    if "class_name" not in x or "registered_name" not in x:
        return {key: _objects_to_legacy(value) for key, value in x.items()}
    if x["class_name"] == "function":
        return x["config"]
    return {"class_name": x["registered_name"] or x["class_name"], "config": x["config"]}


# ---- theirs to today's ----


def from_legacy(entry):
    """Return the config of a model, or a layer, in today's form.

    Parameters
    ----------
    entry : dict
        Class name and config, of Keras 1 to 3.

    Raises
    ------
    ValueError : it is none.
    """
    _check(isinstance(entry, dict) and isinstance(entry.get("class_name"), str), "a class name and a config", entry)
    if "module" in entry:
        return entry
    name, config = entry["class_name"], entry.get("config", {})
    if isinstance(config, list):  # of a Sequential, before Keras 2.2.3
        config = {"layers": config}
    _check(isinstance(config, dict), "a dict as the config of a layer", config)
    config = _without_tuples(config)
    if isinstance(config.get("layers"), list):
        config = _graph(config) if "input_layers" in config else _stack(config)
        return _today(name, config, "" if name in MODELS else "layers", entry)
    if _is_op(name, config) and entry.get("inbound_nodes"):
        return {**entry, "module": f"{MODULE_ROOT}.src.ops.numpy", "config": config, "registered_name": None}
    config = {_RENAMED.get(name, {}).get(key, key): value for key, value in config.items()}
    config = {key: value for key, value in config.items() if key not in _LAYER_WORDS}
    if name == "InputLayer":
        config.pop("input_tensor", None)
    elif isinstance(config.get("axis"), list) and len(config["axis"]) == 1:
        config["axis"] = config["axis"][0]
    if name == "Lambda":
        config = _lambda(config)
    return _today(name, config, "layers", entry)


def _check(good, expected, received):
    if not good:
        raise ValueError(f"The config of the model is damaged: expected {expected}. Received: {str(received)[:200]}")


def _today(name, config, module, entry):
    kept = {key: entry[key] for key in ("name", "inbound_nodes", "build_config") if key in entry}
    where = ".".join(filter(None, (MODULE_ROOT, module)))
    return {"module": where, "class_name": name, "config": config, "registered_name": name, **kept}


def _is_op(name, config):
    """Whether this is an op between layers, which Keras 3 writes here by its class and its settings alone."""
    of_layers = config.keys() & {"trainable", "dtype", "batch_shape", "batch_input_shape"}
    return not of_layers and get_registered_object(name) is None


def _stack(config):
    layers = config["layers"]
    _check(all(isinstance(x, dict) and isinstance(x.get("config", {}), (dict, list)) for x in layers), "layers", layers)
    made = [from_legacy(x) for x in layers]
    first = layers[0].get("config") if layers else None
    if isinstance(first, dict) and layers[0].get("class_name") != "InputLayer" and "layers" not in first:
        shape = first.get("batch_input_shape")
        if shape is None and isinstance(first.get("input_dim"), int):
            shape = [None, first["input_dim"]]
        if shape is not None:
            settings = {"batch_shape": _without_tuples(shape), "name": f"{first.get('name')}_input"}
            made.insert(0, _today("InputLayer", {**settings, "dtype": first.get("dtype", "float32")}, "layers", {}))
    return {**config, "layers": made}


def _graph(config):
    names = set()
    for entry in config["layers"]:
        _check(isinstance(entry, dict) and isinstance(entry.get("config"), dict), "a layer", entry)
        names.add(entry.get("name", entry["config"].get("name")))
    layers = []
    for entry in config["layers"]:
        nodes = entry.get("inbound_nodes", [])
        _check(isinstance(nodes, list), "a list of nodes", nodes)
        made = from_legacy({**entry, "inbound_nodes": [_node(node, names) for node in nodes]})
        layers.append({"name": entry["config"].get("name"), **made})
    return {**config, "layers": layers}


def _node(node, names):
    if isinstance(node, dict) and "args" in node:
        return node
    _check(isinstance(node, list) and node, "the inputs of a layer", node)
    tensors = [_tensor(x) for x in node]
    more = node[0][3] if len(node[0]) > 3 else {}
    _check(isinstance(more, dict), "the arguments of a call", more)
    kwargs = {key: _tensor(value) if _is_place(value, names) else value for key, value in more.items()}
    return {"args": tensors if len(tensors) == 1 else [tensors], "kwargs": kwargs}


def _is_place(x, names):
    return isinstance(x, list) and len(x) in (3, 4) and isinstance(x[0], str) and x[0] in names


def _tensor(place):
    good = isinstance(place, list) and len(place) >= 3 and isinstance(place[0], str)
    _check(good, "the name of a layer and two numbers", place)
    return {"class_name": "__keras_tensor__", "config": {"keras_history": place[:3]}}


def _lambda(config):
    config = {key: value for key, value in config.items() if key not in _LAMBDA_WORDS}
    function = config.get("function")
    if isinstance(function, list):
        _check(len(function) == 3, "code, defaults and closure of a lambda", function)
        parts = dict(zip(("code", "defaults", "closure"), function, strict=True))
        config["function"] = {"class_name": "__lambda__", "config": parts}
    elif isinstance(function, str):
        config["function"] = {"module": "builtins", "class_name": "function", "config": function}
    return config


def _without_tuples(x):
    if isinstance(x, dict):
        if x.get("class_name") == "__tuple__" and isinstance(x.get("items"), list):
            return [_without_tuples(v) for v in x["items"]]
        return {key: _without_tuples(value) for key, value in x.items()}
    return [_without_tuples(v) for v in x] if isinstance(x, list) else x


def object_from_legacy(config):
    """Return the config of a loss or metric as today's classes take it."""
    inner = config.get("config")
    if not isinstance(inner, dict):
        return config
    inner = dict(inner)
    if isinstance(inner.get("fn"), str):
        if config["class_name"] in ("MeanMetricWrapper", "LossFunctionWrapper"):
            inner["fn"] = {"module": "builtins", "class_name": "function", "config": inner["fn"]}
        else:
            del inner["fn"]  # the class's own
    if inner.get("reduction") == "auto":
        inner["reduction"] = "sum_over_batch_size"
    return {**config, "config": inner}


def optimizer_from_legacy(config):
    """Return an optimizer's config without arguments that are gone; a decay per step becomes a schedule."""
    _check(isinstance(config, dict) and isinstance(config.get("config"), dict), "an optimizer's config", config)
    given = dict(config["config"])
    if "lr" in given:
        given.setdefault("learning_rate", given.pop("lr"))
    decay, rate = given.get("decay"), given.get("learning_rate")
    if _is_number(decay) and decay and _is_number(rate):
        schedule = {"initial_learning_rate": rate, "decay_steps": 1, "decay_rate": decay}
        given["learning_rate"] = {"class_name": "InverseTimeDecay", "config": schedule}
    if given.get("epsilon", 0) is None:
        del given["epsilon"]
    return {**config, "config": {key: value for key, value in given.items() if key not in _OPTIMIZER_WORDS}}


def _is_number(x):
    return isinstance(x, (int, float)) and not isinstance(x, bool)
