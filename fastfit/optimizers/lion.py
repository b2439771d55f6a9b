"""Lion: steps of one size, in the direction of a momentum's sign."""

from fastfit import ops
from fastfit.optimizers.optimizer import Optimizer


class Lion(Optimizer):
    """Lion.

    Parameters
    ----------
    learning_rate : float, schedule or callable, default=0.001
        The size of every step.
    beta_1 : float, default=0.9
        Share of the momentum in a step's direction; in (0, 1].
    beta_2 : float, default=0.99
        How much of the old momentum stays.
    *common, **kwargs
        Those of `Optimizer`.
    """

    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.99, weight_decay=None, *common, **kwargs):
        super().__init__(learning_rate, weight_decay, *common, **kwargs)
        if not 0 < beta_1 <= 1:
            raise ValueError(
                "Argument `beta_1` must be in the range (0, 1]. Otherwise, the optimizer degenerates to SignSGD. "
                f"Received: beta_1={beta_1}."
            )
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self._momentums = []

    def _build_slots(self, variables):
        self._momentums = self.add_optimizer_variables(variables, "momentum")

    def update_step(self, gradient, variable, learning_rate):
        dtype = variable.dtype
        gradient, rate = ops.cast(gradient, dtype), ops.cast(learning_rate, dtype)
        beta_1, beta_2 = ops.cast(self.beta_1, dtype), ops.cast(self.beta_2, dtype)
        m = self._momentums[self._get_variable_index(variable)]
        self.assign_sub(variable, rate * ops.sign(m * beta_1 + gradient * (1.0 - beta_1)))
        self.assign(m, m * beta_2 + gradient * (1.0 - beta_2))

    def native(self, variable=None):
        return "lion", [self._native_weight_decay(variable), float(self.beta_1), float(self.beta_2)]

    def native_slots(self, variable_index):
        return [self._momentums[variable_index]]

    def get_config(self):
        return {**super().get_config(), "beta_1": self.beta_1, "beta_2": self.beta_2}
