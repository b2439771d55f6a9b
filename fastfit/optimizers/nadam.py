"""Nadam: Adam that looks ahead along its momentum."""

import numpy as np

from fastfit import ops
from fastfit.graph.variable import Variable
from fastfit.optimizers.optimizer import Optimizer
from fastfit.utils.naming import name_scope


class Nadam(Optimizer):
    """Nadam: Adam with Nesterov's momentum, whose share grows from step to step.

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
        self._momentums, self._velocities, self._u_product = [], [], None

    def _build_slots(self, variables):
        self._momentums, self._velocities = self.add_optimizer_variables(variables, ["momentum", "velocity"])
        dtype = variables[0].dtype if variables else "float32"
        # Product of the momentum's shares in all steps so far.
        with name_scope(self.name, absolute=True):
            self._u_product = Variable(np.ones((), dtype), dtype=dtype, trainable=False, name="u_product")

    def _share(self, step, dtype):
        """How much the momentum counts in a step."""
        return ops.cast(self.beta_1, dtype) * (1.0 - 0.5 * ops.power(ops.cast(0.96, dtype), ops.cast(step, dtype)))

    def update_steps(self, grads, variables, learning_rate):
        share = self._share(self.iterations + 1, self._u_product.dtype)
        self.assign(self._u_product, self._u_product * share)
        super().update_steps(grads, variables, learning_rate)

    def update_step(self, gradient, variable, learning_rate):
        dtype = variable.dtype
        gradient, rate = ops.cast(gradient, dtype), ops.cast(learning_rate, dtype)
        now, after = self._share(self.iterations + 1, dtype), self._share(self.iterations + 2, dtype)
        product = ops.cast(self._u_product, dtype)
        beta_2 = ops.cast(self.beta_2, dtype)
        i = self._get_variable_index(variable)
        m, v = self._momentums[i], self._velocities[i]
        self.assign_add(m, (gradient - m) * (1 - ops.cast(self.beta_1, dtype)))
        self.assign_add(v, (ops.square(gradient) - v) * (1 - beta_2))
        ahead = after * m / (1 - product * after) + (1 - now) * gradient / (1 - product)
        root = ops.sqrt(v / (1 - ops.power(beta_2, ops.cast(self.iterations + 1, dtype))))
        self.assign_sub(variable, ahead * rate / (root + self.epsilon))

    def native(self, variable=None):
        h = [self._native_weight_decay(variable), float(self.beta_1), float(self.beta_2), float(self.epsilon)]
        return "nadam", h

    def native_slots(self, variable_index):
        return [self._momentums[variable_index], self._velocities[variable_index]]

    def native_state(self):
        return self._u_product

    def get_config(self):
        return {**super().get_config(), "beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}
