"""RMSprop: steps divided by a running root mean square of the gradient."""

from fastfit import ops
from fastfit.optimizers.optimizer import Optimizer


class RMSprop(Optimizer):
    """RMSprop.

    Parameters
    ----------
    learning_rate : float, schedule or callable, default=0.001
    rho : float, default=0.9
        How much of the old mean square stays.
    momentum : float, default=0.0
    epsilon : float, default=1e-7
        Joins the mean square under the root.
    centered : bool, default=False
        Subtract the squared mean gradient: a variance instead of a mean square.
    *common, **kwargs
        Those of `Optimizer`.
    """

    _slot_settings = (*Optimizer._slot_settings, "momentum", "centered")

    def __init__(
        self,
        learning_rate=0.001,
        rho=0.9,
        momentum=0.0,
        epsilon=1e-7,
        centered=False,
        weight_decay=None,
        *common,
        **kwargs,
    ):
        super().__init__(learning_rate, weight_decay, *common, **kwargs)
        self.rho = rho
        self.momentum = momentum
        self.epsilon = 1e-7 if epsilon is None else epsilon
        self.centered = centered
        self._velocities, self._momentums, self._average_gradients = [], [], []

    def _build_slots(self, variables):
        self._velocities = self.add_optimizer_variables(variables, "velocity")
        if self.momentum > 0:
            self._momentums = self.add_optimizer_variables(variables, "momentum")
        if self.centered:
            self._average_gradients = self.add_optimizer_variables(variables, "average_gradient")

    def update_step(self, gradient, variable, learning_rate):
        gradient = ops.cast(gradient, variable.dtype)
        rate = ops.cast(learning_rate, variable.dtype)
        i = self._get_variable_index(variable)
        v = self._velocities[i]
        self.assign(v, self.rho * v + (1 - self.rho) * ops.square(gradient))
        denominator = v + self.epsilon
        if self.centered:
            average = self._average_gradients[i]
            self.assign(average, self.rho * average + (1 - self.rho) * gradient)
            denominator = denominator - ops.square(average)
        step = rate * gradient / ops.sqrt(denominator)
        if self.momentum > 0:
            m = self._momentums[i]
            self.assign(m, self.momentum * m + step)
            step = m
        self.assign_sub(variable, step)

    def native(self, variable=None):
        name = (
            "rmsprop"
            + {(0, 0): "", (0, 1): "_mom", (1, 0): "_cen", (1, 1): "_cenmom"}[bool(self.centered), self.momentum > 0]
        )
        return name, [self._native_weight_decay(variable), float(self.rho), float(self.momentum), float(self.epsilon)]

    def native_slots(self, variable_index):
        slots = (self._velocities, self._average_gradients, self._momentums)
        return [s[variable_index] for s in slots if s]

    def get_config(self):
        return {
            **super().get_config(),
            "rho": self.rho,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "centered": self.centered,
        }
