"""fastfit: Keras's `Model`, `compile` and `fit` on the CPU, by a native core.

``import fastfit as keras`` is the migration: modules and names are Keras's. They are
loaded when first asked for, so that importing the package costs next to nothing.
"""

import importlib

__version__ = "0.1.0"

_MODULES = (
    "activations", "backend", "callbacks", "config", "constraints", "datasets", "initializers", "layers", "losses",
    "metrics", "models", "ops", "optimizers", "random", "regularizers", "saving", "utils",
)  # fmt: skip
_NAMES = {
    "Input": "layers",
    "Layer": "layers",
    "Model": "models",
    "Sequential": "models",
    "Optimizer": "optimizers",
    "Loss": "losses",
    "Metric": "metrics",
    "Initializer": "initializers",
    "Regularizer": "regularizers",
    "DTypePolicy": "config",
    "gradients": "training.custom_step",
    "KerasTensor": "graph.tensor",
    "Variable": "graph.variable",
}


def __getattr__(name):
    if name in _MODULES:
        return importlib.import_module(f"fastfit.{name}")
    if name in _NAMES:
        return getattr(importlib.import_module(f"fastfit.{_NAMES[name]}"), name)
    if name.startswith("_"):
        raise AttributeError(f"module 'fastfit' has no attribute {name!r}")
    suggestions = importlib.import_module("fastfit.utils.suggestions")
    return suggestions.unknown_attribute("fastfit", dict.fromkeys([*_MODULES, *_NAMES]))(name)


def __dir__():
    return sorted([*globals(), *_MODULES, *_NAMES])
