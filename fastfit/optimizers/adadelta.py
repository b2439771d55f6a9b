"""Adadelta: steps as large as the last ones, divided by the root of a running mean square of the gradient."""

from fastfit import ops
from fastfit.optimizers.optimizer import Optimizer


class Adadelta(Optimizer):
    """Adadelta.

    Parameters
    ----------
    learning_rate : float, schedule or callable, default=0.001
        1.0 is the rule as published.
    rho : float, default=0.95
        How much of the old mean squares stays.
    epsilon : float, default=1e-7
        Joins the mean squares under the roots.
    *common, **kwargs
        Those of `Optimizer`.
    """

    def __init__(self, learning_rate=0.001, rho=0.95, epsilon=1e-7, weight_decay=None, *common, **kwargs):
        super().__init__(learning_rate, weight_decay, *common, **kwargs)
        self.rho = rho
        self.epsilon = 1e-7 if epsilon is None else epsilon
        self._accumulated_grads, self._accumulated_delta_vars = [], []

    def _build_slots(self, variables):
        names = ["accumulated_grad", "accumulated_delta_var"]
        self._accumulated_grads, self._accumulated_delta_vars = self.add_optimizer_variables(variables, names)

    def update_step(self, gradient, variable, learning_rate):
        gradient, rate = ops.cast(gradient, variable.dtype), ops.cast(learning_rate, variable.dtype)
        i = self._get_variable_index(variable)
        v, u = self._accumulated_grads[i], self._accumulated_delta_vars[i]
        self.assign(v, self.rho * v + (1 - self.rho) * ops.square(gradient))
        step = ops.sqrt(u + self.epsilon) * gradient / ops.sqrt(v + self.epsilon)
        self.assign(u, self.rho * u + (1 - self.rho) * ops.square(step))
        self.assign_sub(variable, rate * step)

    def native(self, variable=None):
        return "adadelta", [self._native_weight_decay(variable), float(self.rho), float(self.epsilon)]

    def native_slots(self, variable_index):
        return [self._accumulated_grads[variable_index], self._accumulated_delta_vars[variable_index]]

    def get_config(self):
        return {**super().get_config(), "rho": self.rho, "epsilon": self.epsilon}
