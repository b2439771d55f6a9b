"""LossScaleOptimizer: passes everything on to the optimizer that it wraps."""

from fastfit.optimizers.optimizer import Optimizer
from fastfit.optimizers.serialization import REGISTRY

# Arguments of optimizers in general that must be given to the inner one, with their defaults.
_COMMON = {
    "weight_decay": None,
    "clipnorm": None,
    "global_clipnorm": None,
    "clipvalue": None,
    "use_ema": False,
    "ema_momentum": 0.99,
    "ema_overwrite_frequency": None,
    "loss_scale_factor": None,
    "gradient_accumulation_steps": None,
}


class LossScaleOptimizer(Optimizer):
    """An optimizer inside another, for code that asks for a dynamic loss scale.

    Gradients are float32 here and need no scale: the inner optimizer gets them as they are, and the scale stays 1. The
    arguments are kept for configurations.

    Parameters
    ----------
    inner_optimizer : Optimizer
        Its ``loss_scale_factor`` is set to None.
    initial_scale : float, default=32768.0
        Has no effect.
    dynamic_growth_steps : int, default=2000
        Has no effect.
    name : str, optional
    """

    def __init__(self, inner_optimizer, initial_scale=2.0**15, dynamic_growth_steps=2000, name=None, **kwargs):
        if not kwargs.pop("dynamic", True):
            raise ValueError(
                "LossScaleOptimizer no longer supports `dynamic=False`. Instead, simply set `loss_scale_factor` "
                "directly on the `inner_optimizer`. Received: dynamic=False"
            )
        for argument, default in _COMMON.items():
            value = kwargs.pop(argument, default)
            if value != default:
                raise ValueError(
                    f"LossScaleOptimizer does not support `{argument}`. Instead, set `{argument}` on the "
                    f"`inner_optimizer`. Received: {argument}={value}"
                )
        if kwargs:
            raise ValueError(f"LossScaleOptimizer does not support arguments: `{'`, `'.join(kwargs)}`.")
        if not isinstance(inner_optimizer, Optimizer):
            raise ValueError(f"`inner_optimizer` must be an Optimizer. Received: inner_optimizer={inner_optimizer}")
        self.__dict__["inner_optimizer"] = inner_optimizer
        super().__init__(0.0, name=name)
        inner_optimizer.loss_scale_factor = None
        self.initial_scale = initial_scale
        self.dynamic_growth_steps = dynamic_growth_steps

    @property
    def acting(self):
        return self.inner_optimizer.acting

    @property
    def variables(self):
        return [*self._variables, *self.inner_optimizer.variables]

    @property
    def iterations(self):
        return self.inner_optimizer.iterations

    @property
    def learning_rate(self):
        """The inner optimizer's learning rate."""
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, value):
        self.inner_optimizer.learning_rate = value

    lr = learning_rate

    def _check_slots(self):
        self.inner_optimizer._check_slots()

    def build(self, variables):
        if self.built:
            self._check_slots()
            return
        self.step_counter = self.add_variable((), dtype="int32", name="step_counter")
        self.dynamic_scale = self.add_variable((), "ones", name="dynamic_scale")
        super().build(variables)
        self.inner_optimizer.build(variables)

    def _apply(self, grads, trainable_variables):
        if trainable_variables is not None:
            self.build(trainable_variables)
        self.inner_optimizer.apply(grads, trainable_variables)

    def finalize_variable_values(self, var_list):
        self.inner_optimizer.finalize_variable_values(var_list)

    def get_config(self):
        return {
            "name": self.name,
            "inner_optimizer": REGISTRY.serialize(self.inner_optimizer),
            "initial_scale": self.initial_scale,
            "dynamic_growth_steps": self.dynamic_growth_steps,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        return cls(REGISTRY.deserialize(config.pop("inner_optimizer"), custom_objects), **config)
