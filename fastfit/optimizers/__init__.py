"""Optimizers, under Keras's names."""

from fastfit.optimizers import schedules as schedules
from fastfit.optimizers.adam import Adam as Adam
from fastfit.optimizers.adam import AdamW as AdamW
from fastfit.optimizers.optimizer import Optimizer as Optimizer
from fastfit.optimizers.rmsprop import RMSprop as RMSprop
from fastfit.optimizers.sgd import SGD as SGD
from fastfit.utils.registry import Registry

_REGISTRY = Registry("optimizer", "optimizers", [SGD, RMSprop, Adam, AdamW])
_REGISTRY.names.update({cls.__name__.lower(): cls for cls in (SGD, RMSprop, Adam, AdamW)})


def get(identifier):
    """Return the optimizer that a name (in any case), config dict or instance stands for.

    Raises
    ------
    ValueError : the name is unknown, or the identifier is a class.
    """
    if isinstance(identifier, Optimizer) or identifier is None:
        return identifier
    if isinstance(identifier, dict):
        return deserialize(identifier)
    if isinstance(identifier, str):
        return deserialize({"class_name": identifier, "config": {}})
    raise ValueError(f"Could not interpret optimizer identifier: {identifier}")


def serialize(optimizer):
    """Return the config of an optimizer."""
    return _REGISTRY.serialize(optimizer)


def deserialize(config, custom_objects=None):
    """Return the optimizer of a config."""
    name = config["class_name"]
    if name.lower() in _REGISTRY.names:
        config = {**config, "class_name": name.lower()}
    return _REGISTRY.deserialize(config, custom_objects)
