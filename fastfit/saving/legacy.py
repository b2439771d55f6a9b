"""Whole models and weights in HDF5 files of Keras 2's layout, which Keras 3 calls legacy.

A file of a model has its config and that of its training in attributes, and groups ``model_weights`` and
``optimizer_weights``. ``model_weights``, or the root of a file of weights, has a group per layer, in the order that its
attribute ``layer_names`` says; each names its data sets in ``weight_names``.
"""

import json
import warnings

import numpy as np

from fastfit import losses, metrics, optimizers
from fastfit.saving.archive import KERAS_VERSION, MAX_JSON_BYTES
from fastfit.saving.h5_store import checked_dataset, find_group, h5py, read_dataset
from fastfit.saving.legacy_config import (
    from_legacy,
    object_from_legacy,
    optimizer_from_legacy,
    to_legacy,
    training_to_legacy,
)
from fastfit.utils.custom_objects import CustomObjectScope, get_registered_object

EXTENSIONS = (".h5", ".hdf5")
# An attribute of a group must fit into 64 KiB, with room for others.
MAX_NAMES_BYTES = 32 << 10
MAX_NAMES = 1 << 20
_TOP, _MODEL, _OPTIMIZER, _LAYERS, _WEIGHTS = (
    "top_level_model_weights", "model_weights", "optimizer_weights", "layer_names", "weight_names",
)  # fmt: skip


# ---- writing ----


def write_model(h5, model, config, with_optimizer=True):
    """Write a model.

    Parameters
    ----------
    h5 : h5py.File
        Open and empty.
    model : Model
    config : dict
        Of the model, with that of its training if it is compiled.
    with_optimizer : bool, default=True
        Write how the model was compiled, and the optimizer's variables.
    """
    h5.attrs["keras_version"], h5.attrs["backend"] = KERAS_VERSION, "numpy"
    entry = to_legacy(config)
    if config.get("build_config"):
        entry["build_config"] = config["build_config"]
    h5.attrs["model_config"] = json.dumps(entry).encode()
    write_weights(h5.create_group(_MODEL), model)
    if with_optimizer and model.optimizer is not None:
        h5.attrs["training_config"] = json.dumps(training_to_legacy(config["compile_config"])).encode()
        if model.optimizer.variables:
            _write_variables(h5.create_group(_OPTIMIZER), model.optimizer.variables)


def write_weights(group, model):
    """Write the weights of a model, layer by layer."""
    names = [layer.name for layer in model.layers]
    if len(set(names)) < len(names) or _TOP in names:
        raise ValueError(f"In a file of this layout, layers must have names of their own. Received: {names}")
    _write_names(group, _LAYERS, names)
    group.attrs["backend"], group.attrs["keras_version"] = b"numpy", KERAS_VERSION.encode()
    for layer in model.layers:
        _write_variables(group.create_group(layer.name), _ordered(layer))
    _write_variables(group.create_group(_TOP), _own(model))


def _ordered(layer):
    return [*layer.trainable_weights, *layer.non_trainable_weights]


def _own(model):
    trainable, fixed = model._own_variables()
    return [*trainable, *fixed]


def _write_variables(group, variables):
    names = []
    for v in variables:
        name, number = "/".join(filter(None, v.path.split("/"))) or "variable", 0
        while name in group:  # also a part of another one's path
            number += 1
            name = f"{v.path}_{number}"
        group[name] = v.numpy()
        names.append(name)
    _write_names(group, _WEIGHTS, names)


def _write_names(group, attribute, names):
    texts = [name.encode() for name in names]
    width = max(map(len, texts), default=1)
    count = max(1, MAX_NAMES_BYTES // width)
    if len(texts) <= count:
        group.attrs[attribute] = np.array(texts, f"S{width}")
        return
    for i, start in enumerate(range(0, len(texts), count)):
        group.attrs[f"{attribute}{i}"] = np.array(texts[start : start + count], f"S{width}")


# ---- reading ----


def is_weights(h5):
    """Whether an open file holds weights in this layout, alone or with a model."""
    return _has_names(h5, _LAYERS) or _MODEL in h5


def read_configs(h5):
    """Return the config of the model in today's form, and the training configuration as it stands there, or None.

    Raises
    ------
    ValueError : there is no model, or the text is damaged.
    """
    config = _read_json(h5, "model_config")
    if config is None:
        raise ValueError(f"No model config found in the file. Received: attributes {list(h5.attrs)[:20]}")
    return from_legacy(config), _read_json(h5, "training_config")


def _read_json(h5, attribute):
    if attribute not in h5.attrs:
        return None
    text = _attribute(h5, attribute)
    if isinstance(text, np.ndarray) or not isinstance(text, (str, bytes)) or len(text) > MAX_JSON_BYTES:
        raise ValueError(f"Expected JSON text in attribute {attribute!r}. Received: {type(text).__name__}")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"Attribute {attribute!r} is no JSON text, or nested too deeply: {error}") from error
    if not isinstance(found, dict):
        raise ValueError(f"Expected a config in attribute {attribute!r}. Received: {str(found)[:200]}")
    return found


def _attribute(group, name):
    """Return an attribute, whose size and type have been looked at before."""
    found = group.attrs.get_id(name)
    kind = found.dtype.kind
    if kind not in "SOf" or len(found.shape) > 1 or (found.shape and found.shape[0] > MAX_NAMES):
        raise ValueError(
            f"Expected text in attribute {name!r} of {group.name!r}. Received: shape {found.shape}, dtype {found.dtype}"
        )
    if kind == "O" and h5py().check_string_dtype(found.dtype) is None:
        raise ValueError(f"Expected text in attribute {name!r} of {group.name!r}. Received: dtype {found.dtype}")
    return group.attrs[name]


def _has_names(group, attribute):
    return attribute in group.attrs or f"{attribute}0" in group.attrs


def _read_names(group, attribute):
    parts, number = [attribute], 0
    if attribute not in group.attrs:
        parts = []
        while f"{attribute}{number}" in group.attrs:
            parts.append(f"{attribute}{number}")
            number += 1
    names = []
    for part in parts:
        found = _attribute(group, part)
        if not isinstance(found, np.ndarray) or (found.dtype.kind == "f" and found.size):
            raise ValueError(f"Expected a list of names in attribute {part!r}. Received: {str(found)[:200]}")
        names += [x.decode() if isinstance(x, bytes) else x for x in found.tolist()]
    return names


def _group(parent, name):
    found = find_group(parent, name) if name else None
    if found is None:
        raise ValueError(f"The file names a group {name!r} in {parent.name!r}, but there is none.")
    return found


def _dataset(group, name):
    parent, _, last = name.rpartition("/")
    inside = _group(group, parent) if parent else group
    if not last or last not in inside:
        raise ValueError(f"The file names a weight {name!r} in {group.name!r}, but there is none.")
    return checked_dataset(inside, last)


def read_weights(h5, model, by_name=False, skip_mismatch=False):
    """Set the weights of a model; nothing changes if that fails.

    Parameters
    ----------
    h5 : h5py.File
        A file of weights or of a model.
    model : Model
        Built.
    by_name : bool, default=False
        Go by the names of layers, and leave alone what has another one; by default layers with weights are taken in
        order.
    skip_mismatch : bool, default=False
        Warn about layers that do not fit, instead of raising ValueError.
    """
    group = h5 if _has_names(h5, _LAYERS) or _MODEL not in h5 else _group(h5, _MODEL)
    if not _has_names(group, _LAYERS):
        raise ValueError(f"The file holds no weights of layers. Received: attributes {list(group.attrs)[:20]}")
    saved = [(name, _group(group, name)) for name in _read_names(group, _LAYERS)]
    saved = [(name, place, _read_names(place, _WEIGHTS)) for name, place in saved]
    pairs = _by_name(saved, model) if by_name else _in_order(saved, model)
    if _TOP in group:
        place = _group(group, _TOP)
        names, own = _read_names(place, _WEIGHTS), _own(model)
        if names or own:
            pairs.append((f"the top level of model '{model.name}'", own, place, names))
    found = [x for pair in pairs for x in _fitting(*pair, skip_mismatch and by_name, skip_mismatch)]
    for v, value in [(v, read_dataset(dataset)) for v, dataset in found]:
        v.assign(value)


def _in_order(saved, model):
    layers = [(layer, _ordered(layer)) for layer in model.layers]
    layers = [(layer, weights) for layer, weights in layers if weights]
    saved = [entry for entry in saved if entry[2]]
    if len(saved) != len(layers):
        raise ValueError(
            f"Layer count mismatch when loading weights from file. Model expected {len(layers)} layers, found "
            f"{len(saved)} saved layers. Received: {[name for name, _, _ in saved][:50]}"
        )
    return [
        (f"layer #{k} (named {layer.name} in the model, {name} in the file)", weights, place, names)
        for k, ((layer, weights), (name, place, names)) in enumerate(zip(layers, saved, strict=True))
    ]


def _by_name(saved, model):
    return [
        (f"layer #{k} (named {name})", _ordered(layer), place, names)
        for k, (name, place, names) in enumerate(saved)
        for layer in model.layers
        if layer.name == name
    ]


def _fitting(what, variables, place, names, skip_count, skip_shapes):
    """Return (variable, dataset) of what fits."""
    if len(names) != len(variables):
        message = (
            f"Weight count mismatch for {what}: it expects {len(variables)} weight(s). Received {len(names)} saved "
            "weight(s)"
        )
        if not skip_count:
            raise ValueError(message)
        warnings.warn(f"{message}; they are skipped.", stacklevel=6)
        return []
    found = []
    for v, name in zip(variables, names, strict=True):
        dataset = _dataset(place, name)
        if tuple(dataset.shape) == tuple(v.shape):
            found.append((v, dataset))
            continue
        message = (
            f"Shape mismatch in {what} for weight {v.path}: it has shape {tuple(v.shape)}. Received: saved weight "
            f"{name} of shape {dataset.shape}"
        )
        if not skip_shapes:
            raise ValueError(message)
        warnings.warn(f"{message}; it is skipped.", stacklevel=6)
    return found


# ---- training ----


def compile_arguments(config, custom_objects=None):
    """Return the arguments of `compile` that a training configuration stands for."""
    with CustomObjectScope(custom_objects):
        found = {
            "optimizer": optimizers.deserialize(optimizer_from_legacy(config.get("optimizer_config"))),
            "loss": _objects(losses.deserialize, config.get("loss")),
            "metrics": _objects(metrics.deserialize, config.get("metrics")),
            "weighted_metrics": _objects(metrics.deserialize, config.get("weighted_metrics")),
            "loss_weights": config.get("loss_weights"),
        }
    mode = config.get("sample_weight_mode")
    return found if mode is None else {**found, "sample_weight_mode": mode}


def _objects(deserialize, config):
    if isinstance(config, str):
        found = get_registered_object(config)  # names that are not the user's are left to `compile`
        return config if found is None else found() if isinstance(found, type) else found
    if isinstance(config, list):
        return [_objects(deserialize, x) for x in config]
    if not isinstance(config, dict):
        return config
    if "class_name" not in config:
        return {key: _objects(deserialize, value) for key, value in config.items()}
    return deserialize(object_from_legacy(config))


def read_optimizer(h5, optimizer, variables):
    """Set the variables of an optimizer that has just been built; a warning if they do not fit.

    Parameters
    ----------
    h5 : h5py.File
    optimizer : Optimizer
    variables : list of Variable
        What it trains.
    """
    group = find_group(h5, _OPTIMIZER)
    if group is None:
        return
    names = _read_names(group, _WEIGHTS)
    datasets = [_dataset(group, name) for name in names]
    own = optimizer.variables
    # Today's names end in no number of an output, such as Keras 2's "kernel:0".
    if [d.shape for d in datasets] == [v.shape for v in own] and not any(":" in name for name in names):
        pairs = list(zip(own, datasets, strict=True))
    else:
        pairs = _older_slots(optimizer, variables, list(zip(names, datasets, strict=True)))
    if pairs is None:
        warnings.warn(
            "The state of the optimizer does not fit, so the model starts with a fresh one. Expected variables of "
            f"shapes {[tuple(v.shape) for v in own][:20]}. Received: {[d.shape for d in datasets][:20]}",
            stacklevel=3,
        )
        return
    for v, value in [(v, read_dataset(dataset)) for v, dataset in pairs]:
        v.assign(value)


def _older_slots(optimizer, variables, saved):
    """Return (variable, dataset) of slots in the order of Keras 2: all of one kind, then all of the next.

    From TensorFlow 2.11 on they stand variable by variable, as today, but with the step count alone before them.
    """
    slots = [optimizer.slots_like(v) for v in variables]
    pairs = []
    if saved and saved[0][1].shape == () and saved[0][1].dtype.kind in "iu":
        pairs.append((optimizer._iterations, saved[0][1]))
        saved = saved[1:]
    saved = [(name, d) for name, d in saved if d.shape != () and not (d.shape == (1,) and "vhat" in name)]
    n, kinds = len(variables), max(map(len, slots), default=0)
    if not n or len(saved) < n * kinds:
        return None
    shapes = [tuple(v.shape) for v in variables]
    found = [d for _, d in saved]
    by_variable = [slot for own in slots for slot in own]
    interleaved = [tuple(d.shape) for d in found] == [tuple(s.shape) for s in by_variable]
    words = [name.split("/")[1] for name, _ in saved if name.count("/") > 1]
    if interleaved and (kinds < 2 or n < 2 or (len(words) == len(saved) and words[0] != words[1])):
        return pairs + list(zip(by_variable, found, strict=True))
    for k in range(kinds):
        part = found[k * n : (k + 1) * n]
        if [tuple(d.shape) for d in part] != shapes:
            return None
        pairs += [(own[k], d) for own, d in zip(slots, part, strict=True) if k < len(own)]
    return pairs
