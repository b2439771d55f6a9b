"""Optimizers, under Keras's names."""

from fastfit.optimizers import legacy as legacy
from fastfit.optimizers import schedules as schedules
from fastfit.optimizers.adadelta import Adadelta as Adadelta
from fastfit.optimizers.adafactor import Adafactor as Adafactor
from fastfit.optimizers.adagrad import Adagrad as Adagrad
from fastfit.optimizers.adam import Adam as Adam
from fastfit.optimizers.adam import AdamW as AdamW
from fastfit.optimizers.adamax import Adamax as Adamax
from fastfit.optimizers.ftrl import Ftrl as Ftrl
from fastfit.optimizers.lamb import Lamb as Lamb
from fastfit.optimizers.lion import Lion as Lion
from fastfit.optimizers.loss_scale_optimizer import LossScaleOptimizer as LossScaleOptimizer
from fastfit.optimizers.multi_optimizer import MultiOptimizer as MultiOptimizer
from fastfit.optimizers.multi_optimizer import OptimizerMap as OptimizerMap
from fastfit.optimizers.muon import Muon as Muon
from fastfit.optimizers.nadam import Nadam as Nadam
from fastfit.optimizers.optimizer import Optimizer as Optimizer
from fastfit.optimizers.rmsprop import RMSprop as RMSprop
from fastfit.optimizers.schedule_free_adamw import ScheduleFreeAdamW as ScheduleFreeAdamW
from fastfit.optimizers.serialization import REGISTRY
from fastfit.optimizers.sgd import SGD as SGD
from fastfit.utils.suggestions import unknown_attribute

REGISTRY.add(
    *(SGD, RMSprop, Adam, AdamW, Adamax, Nadam, Adagrad, Adadelta, Ftrl, Lion, Lamb, Adafactor, Muon),
    *(ScheduleFreeAdamW, LossScaleOptimizer, MultiOptimizer, OptimizerMap),
)


def get(identifier):
    """Return the optimizer that a name (in any case), config dict or instance stands for.

    Raises
    ------
    ValueError : the name is unknown, or the identifier is a class.
    """
    if isinstance(identifier, Optimizer) or identifier is None:
        return identifier
    found = None
    if isinstance(identifier, dict):
        found = deserialize(identifier)
    elif isinstance(identifier, str):
        found = deserialize({"class_name": identifier, "config": {}})
    if isinstance(found, Optimizer):
        return found
    raise ValueError(REGISTRY._message(identifier))


def serialize(optimizer):
    """Return the config of an optimizer."""
    return REGISTRY.serialize(optimizer)


def deserialize(config, custom_objects=None):
    """Return the optimizer of a config."""
    return REGISTRY.deserialize(config, custom_objects)


__getattr__ = unknown_attribute(__name__, globals())
