"""Adamax: momentum, and steps divided by a decaying maximum of the gradient."""

from fastfit import ops
from fastfit.optimizers.optimizer import Optimizer


class Adamax(Optimizer):
    """Adamax: Adam with the largest gradient in place of the mean square.

    Parameters
    ----------
    learning_rate : float, schedule or callable, default=0.001
    beta_1, beta_2 : float, default=0.9, 0.999
        How much of the old mean and of the old maximum stays.
    epsilon : float, default=1e-7
        Joins the maximum.
    *common, **kwargs
        Those of `Optimizer`.
    """

    def __init__(
        self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, weight_decay=None, *common, **kwargs
    ):
        super().__init__(learning_rate, weight_decay, *common, **kwargs)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = 1e-7 if epsilon is None else epsilon
        self._m, self._u = [], []

    def _build_slots(self, variables):
        self._m, self._u = self.add_optimizer_variables(variables, ["momentum", "norm"])

    def update_step(self, gradient, variable, learning_rate):
        dtype = variable.dtype
        gradient, rate = ops.cast(gradient, dtype), ops.cast(learning_rate, dtype)
        left = 1 - ops.power(ops.cast(self.beta_1, dtype), ops.cast(self.iterations + 1, dtype))
        i = self._get_variable_index(variable)
        m, u = self._m[i], self._u[i]
        self.assign_add(m, (gradient - m) * (1 - self.beta_1))
        self.assign(u, ops.maximum(self.beta_2 * u, ops.abs(gradient)))
        self.assign_sub(variable, rate * m / (left * (u + self.epsilon)))

    def native(self, variable=None):
        h = [self._native_weight_decay(variable), float(self.beta_1), float(self.beta_2), float(self.epsilon)]
        return "adamax", h

    def native_slots(self, variable_index):
        return [self._m[variable_index], self._u[variable_index]]

    def get_config(self):
        return {**super().get_config(), "beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}
