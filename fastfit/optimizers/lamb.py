"""Lamb: Adam's steps, as long as the weights they change."""

from fastfit import ops
from fastfit.optimizers.optimizer import Optimizer


class Lamb(Optimizer):
    """Lamb: Adam with a step of each variable scaled to the variable's norm, for large batches.

    Parameters
    ----------
    learning_rate : float, schedule or callable, default=0.001
    beta_1, beta_2 : float, default=0.9, 0.999
        How much of the old mean and mean square stays.
    epsilon : float, default=1e-7
        Joins the root of the corrected mean square.
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
        self._momentums, self._velocities = [], []

    def _build_slots(self, variables):
        self._momentums, self._velocities = self.add_optimizer_variables(variables, ["momentum", "velocity"])

    def update_step(self, gradient, variable, learning_rate):
        dtype = variable.dtype
        gradient, rate = ops.cast(gradient, dtype), ops.cast(learning_rate, dtype)
        t = ops.cast(self.iterations + 1, dtype)
        left_1 = 1.0 - ops.power(ops.cast(self.beta_1, dtype), t)
        left_2 = 1.0 - ops.power(ops.cast(self.beta_2, dtype), t)
        i = self._get_variable_index(variable)
        m, v = self._momentums[i], self._velocities[i]
        self.assign_add(m, (gradient - m) * (1 - self.beta_1))
        self.assign_add(v, (ops.square(gradient) - v) * (1 - self.beta_2))
        step = m / left_1 / (ops.sqrt(v / left_2) + self.epsilon)
        length, of_step = ops.sqrt(ops.sum(ops.square(variable))), ops.sqrt(ops.sum(ops.square(step)))
        both = ops.logical_and(ops.greater(length, 0), ops.greater(of_step, 0))
        ratio = ops.where(both, length / ops.where(both, of_step, 1.0), 1.0)
        self.assign_sub(variable, ratio * rate * step)

    def get_config(self):
        return {**super().get_config(), "beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}
