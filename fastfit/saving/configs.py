"""Models as configs and back: the form in which Keras 3's files hold them."""

import importlib

import numpy as np

from fastfit import layers, losses, metrics, optimizers
from fastfit.utils.custom_objects import CustomObjectScope, get_registered_name
from fastfit.utils.registry import MODULE_ROOT, config_of

# Keras finds every class by the name of its module, and this one's is not a public one.
_PLACES = {"Functional": f"{MODULE_ROOT}.src.models.functional", "Sequential": MODULE_ROOT, "Model": MODULE_ROOT}
# Arguments that Keras writes and that nothing here has: they may be there as long as they ask for nothing.
_ABSENT = ("quantization_config",)
# Modules of Keras, and what finds an object of each.
_KINDS = {
    "optimizers": optimizers.Optimizer,
    "losses": losses.Loss,
    "metrics": metrics.Metric,
    "layers": layers.Layer,
}


def model_config(model):
    """Return the config of a model, with that of its training if it is compiled."""
    return {**_plain(config_of(model, "models")), **_extras(model)}


def _extras(model):
    found = {}
    build = model.get_build_config()
    if build:
        found["build_config"] = _plain(build)
    if model.compiled:
        config = {**model.get_compile_config(), "optimizer": model.optimizer}
        found["compile_config"] = _plain(config)
    return found


def _plain(x):
    """Return what JSON can hold of a config: objects become configs, functions their names."""
    if isinstance(x, dict):
        plain = {key: _plain(value) for key, value in x.items()}
        if str(plain.get("module")).startswith(f"{MODULE_ROOT}.") and "class_name" in plain:
            plain["module"] = _PLACES.get(plain["class_name"], plain["module"])
        return plain
    if isinstance(x, (list, tuple)):
        return [_plain(value) for value in x]
    if isinstance(x, np.ndarray) or isinstance(x, np.generic):
        return x.tolist()
    if x is None or isinstance(x, (str, int, float, bool)):
        return x
    for module, kind in _KINDS.items():
        if isinstance(x, kind):
            return _plain(config_of(x, module))
    if isinstance(x, type):
        return x.__name__
    if callable(x) and hasattr(x, "__name__"):
        name = get_registered_name(x)
        return {"module": "builtins", "class_name": "function", "config": name, "registered_name": "function"}
    if hasattr(x, "get_config"):
        return _plain(config_of(x, "layers"))
    raise TypeError(f"Cannot save {x!r} of type {type(x)}: it has no `get_config()`.")


def model_from_config(config, custom_objects=None, safe_mode=True):
    """Return the model that `model_config`, or Keras 3, has described.

    Parameters
    ----------
    config : dict
    custom_objects : dict, optional
    safe_mode : bool, default=True
        Refuse lambdas, whose code would have to be run.
    """
    _refuse(config, safe_mode)
    with CustomObjectScope(custom_objects):
        # Models are above this module, and found when one is loaded.
        model = importlib.import_module("fastfit.models.functional_config").make_layer(_readable(config))
        if not hasattr(model, "get_compile_config"):
            raise ValueError(f"The file does not hold a model. Received: an object of class {type(model).__name__}")
        build = config.get("build_config")
        if build and not model.built:
            model.build_from_config(build)
        if config.get("compile_config"):
            model.compile_from_config(config["compile_config"])
    return model


def _refuse(config, safe_mode):
    pending = [config]
    while pending:
        x = pending.pop()
        if isinstance(x, dict):
            if safe_mode and x.get("class_name") == "__lambda__":
                raise ValueError(
                    "The file holds a lambda, and loading it would run whatever code it holds; so it is refused. If "
                    "you trust where the file comes from, pass `safe_mode=False`."
                )
            pending.extend(x.values())
        elif isinstance(x, list):
            pending.extend(x)


def _readable(x):
    """Return a config without the arguments that only Keras has, as long as they ask for nothing."""
    if isinstance(x, dict):
        return {key: _readable(value) for key, value in x.items() if not (key in _ABSENT and value is None)}
    return [_readable(value) for value in x] if isinstance(x, list) else x
