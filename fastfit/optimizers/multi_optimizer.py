"""MultiOptimizer: different optimizers for different variables."""

import re
from collections.abc import MutableMapping

from fastfit._watch import Watched
from fastfit.optimizers.loss_scale_optimizer import LossScaleOptimizer
from fastfit.optimizers.optimizer import Optimizer
from fastfit.optimizers.serialization import REGISTRY


class OptimizerMap(Watched, MutableMapping):
    """Optimizers by the paths of variables.

    Parameters
    ----------
    default_optimizer : Optimizer
        For variables that no key matches.
    optimizer_map : dict, optional
        Path, or regular expression that must match a path from end to end, to optimizer.
    """

    copied_as_config = True  # as the optimizers in it

    def __init__(self, default_optimizer, optimizer_map=None):
        if not isinstance(default_optimizer, Optimizer):
            raise TypeError(f"default_optimizer must be an Optimizer instance. Received: {default_optimizer}")
        if optimizer_map is not None and not isinstance(optimizer_map, dict):
            raise TypeError(f"optimizer_map must be a dictionary. Received: {optimizer_map}")
        self._default_optimizer = default_optimizer
        self._optimizer_map = {} if optimizer_map is None else optimizer_map

    @property
    def default_optimizer(self):
        """The optimizer of variables that no key matches."""
        return self._default_optimizer

    def __getitem__(self, key):
        if key in self._optimizer_map:
            return self._optimizer_map[key]
        matching = [pattern for pattern in self._optimizer_map if re.fullmatch(pattern, key)]
        if len(matching) > 1:
            raise ValueError(f"Multiple optimizers assigned to variable {key}. Received: {matching} match it")
        return self._optimizer_map[matching[0]] if matching else self._default_optimizer

    def __setitem__(self, key, optimizer):
        if key in self._optimizer_map:
            raise ValueError(
                f"'{key}' already exists in the OptimizerMap with value {self._optimizer_map[key]}. Please make sure "
                "to not use duplicated keys."
            )
        if not isinstance(key, str):
            raise ValueError(f"key must be a string. Received: {key}")
        if not isinstance(optimizer, Optimizer):
            raise ValueError(f"optimizer must be an Optimizer instance. Received: {optimizer}")
        if isinstance(optimizer, (LossScaleOptimizer, MultiOptimizer)):
            raise ValueError(f"optimizer cannot be {type(optimizer).__name__}. Received: {optimizer}")
        self._optimizer_map[key] = optimizer

    def __delitem__(self, key):
        del self._optimizer_map[key]

    def __len__(self):
        return len(self._optimizer_map)

    def __iter__(self):
        return iter(self._optimizer_map)

    def __call__(self, variable):
        """Return the optimizer of a variable."""
        return self[variable.path]

    def get_config(self):
        """Return what `from_config` needs."""
        return {
            "default_optimizer": REGISTRY.serialize(self._default_optimizer),
            "optimizer_map": {key: REGISTRY.serialize(value) for key, value in self._optimizer_map.items()},
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """Make a map from what `get_config` returned."""
        inner = {key: REGISTRY.deserialize(value, custom_objects) for key, value in config["optimizer_map"].items()}
        return cls(REGISTRY.deserialize(config["default_optimizer"], custom_objects), inner)


class MultiOptimizer(Optimizer):
    """An optimizer that gives each variable to one of several.

    Parameters
    ----------
    optimizer_map : OptimizerMap or callable
        Variable to optimizer.
    loss_scale_factor : float, optional
        Takes the place of that of the inner optimizers.
    name : str, optional
    """

    def __init__(self, optimizer_map, loss_scale_factor=None, name=None):
        self.__dict__["_inner_optimizers"] = []
        super().__init__(0.0, loss_scale_factor=loss_scale_factor, name=name)
        if not callable(optimizer_map):
            raise ValueError(
                "`optimizer_map` must be an OptimizerMap, or a callable that takes a variable. "
                f"Received: optimizer_map={optimizer_map}"
            )
        self._optimizer_map = optimizer_map
        self._optimizer_of = {}
        if hasattr(optimizer_map, "values"):
            for inner in optimizer_map.values():
                self._take_in(inner)
        if getattr(optimizer_map, "default_optimizer", None) is not None:
            self._take_in(optimizer_map.default_optimizer)

    def _take_in(self, inner):
        if not any(inner is known for known in self._inner_optimizers):
            inner.loss_scale_factor = self.loss_scale_factor
            self._inner_optimizers.append(inner)

    @property
    def optimizers(self):
        """The inner optimizers."""
        return self._inner_optimizers

    @property
    def variables(self):
        return [*self._variables, *(v for inner in self._inner_optimizers for v in inner.variables)]

    @property
    def learning_rate(self):
        """Not to be had: the inner optimizers have their own."""
        raise AttributeError(
            "Learning rate cannot be accessed on a MultiOptimizer. Access the learning rate on the individual "
            "sub-optimizers instead."
        )

    @learning_rate.setter
    def learning_rate(self, value):
        raise AttributeError(
            "Learning rate cannot be set on a MultiOptimizer. Set the learning rate on the individual sub-optimizers "
            "instead."
        )

    lr = learning_rate

    @property
    def loss_scale_factor(self):
        """What the loss is multiplied by, for all inner optimizers."""
        return self.__dict__.get("_loss_scale_factor")

    @loss_scale_factor.setter
    def loss_scale_factor(self, value):
        self._loss_scale_factor = value
        for inner in self._inner_optimizers:
            inner.loss_scale_factor = value

    def _check_slots(self):
        for inner in self._inner_optimizers:
            if inner.built:
                inner._check_slots()

    def build(self, variables):
        if self.built:
            self._check_slots()
            return
        for v in variables:
            inner = self._optimizer_map(v)
            if not isinstance(inner, Optimizer):
                raise ValueError(f"Optimizer for variable {v} is not an Optimizer instance. Received: {inner}")
            if isinstance(inner, (LossScaleOptimizer, MultiOptimizer)):
                raise ValueError(f"{type(inner).__name__} cannot be used inside a MultiOptimizer. Received: {inner}")
            self._take_in(inner)
            self._optimizer_of[id(v)] = inner
        for inner in self._inner_optimizers:
            own = [v for v in variables if self._optimizer_of[id(v)] is inner]
            if own:
                inner.build(own)
        super().build(variables)

    def parts(self, pairs):
        """Return [(inner optimizer, its pairs)] of pairs (variable, anything)."""
        found = [(inner, [p for p in pairs if self._optimizer_of[id(p[0])] is inner]) for inner in self.optimizers]
        return [(inner, own) for inner, own in found if own]

    def _apply(self, grads, trainable_variables):
        variables = self.settle(grads, trainable_variables)
        if len(grads) != len(variables):
            raise ValueError(
                f"Gradients must match trainable variables one-to-one. Received {len(grads)} gradients and "
                f"{len(variables)} variables."
            )
        for inner, own in self.parts(list(zip(variables, grads, strict=True))):
            inner.apply([g for _, g in own], [v for v, _ in own])
        self._iterations.assign_add(1)

    def finalize_variable_values(self, var_list):
        if self.built:
            for inner, own in self.parts([(v, None) for v in var_list]):
                inner.finalize_variable_values([v for v, _ in own])

    def get_config(self):
        is_map = isinstance(self._optimizer_map, OptimizerMap)
        return {
            "optimizer_map": REGISTRY.serialize(self._optimizer_map) if is_map else self._optimizer_map,
            "loss_scale_factor": self.loss_scale_factor,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        if isinstance(config["optimizer_map"], dict):
            config["optimizer_map"] = REGISTRY.deserialize(config["optimizer_map"], custom_objects)
        return cls(**config)
