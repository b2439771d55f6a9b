"""Adagrad: steps divided by the root of the sum of all squared gradients."""

from fastfit import ops
from fastfit.initializers import Constant
from fastfit.optimizers.optimizer import Optimizer


class Adagrad(Optimizer):
    """Adagrad.

    Parameters
    ----------
    learning_rate : float, schedule or callable, default=0.001
    initial_accumulator_value : float, default=0.1
        What the sums of squares start from; at least 0.
    epsilon : float, default=1e-7
        Joins the sum under the root.
    *common, **kwargs
        Those of `Optimizer`.
    """

    def __init__(
        self,
        learning_rate=0.001,
        initial_accumulator_value=0.1,
        epsilon=1e-7,
        weight_decay=None,
        *common,
        **kwargs,
    ):
        super().__init__(learning_rate, weight_decay, *common, **kwargs)
        self.initial_accumulator_value = initial_accumulator_value
        self.epsilon = 1e-7 if epsilon is None else epsilon
        self._accumulators = []

    def _build_slots(self, variables):
        start = Constant(self.initial_accumulator_value)
        self._accumulators = self.add_optimizer_variables(variables, "accumulator", start)

    def update_step(self, gradient, variable, learning_rate):
        gradient, rate = ops.cast(gradient, variable.dtype), ops.cast(learning_rate, variable.dtype)
        a = self._accumulators[self._get_variable_index(variable)]
        self.assign_add(a, ops.square(gradient))
        self.assign_sub(variable, rate * gradient / ops.sqrt(a + self.epsilon))

    def native(self, variable=None):
        return "adagrad", [self._native_weight_decay(variable), float(self.epsilon)]

    def native_slots(self, variable_index):
        return [self._accumulators[variable_index]]

    def get_config(self):
        return {
            **super().get_config(),
            "initial_accumulator_value": self.initial_accumulator_value,
            "epsilon": self.epsilon,
        }
