"""Adam and AdamW: momentum, and steps divided by the root of a running mean square."""

from fastfit import ops
from fastfit.optimizers.optimizer import Optimizer


def adam_step(optimizer, gradient, variable, rate, betas, epsilon, m, v, largest=None):
    """Change a variable and its slots: mean ``m``, mean square ``v``, and the largest ``v`` if that divides."""
    beta_1, beta_2 = betas
    dtype = variable.dtype
    t = ops.cast(optimizer.iterations + 1, dtype)
    correction = ops.sqrt(1 - ops.power(ops.cast(beta_2, dtype), t)) / (1 - ops.power(ops.cast(beta_1, dtype), t))
    optimizer.assign_add(m, (gradient - m) * (1 - beta_1))
    optimizer.assign_add(v, (ops.square(gradient) - v) * (1 - beta_2))
    if largest is not None:
        optimizer.assign(largest, ops.maximum(largest, v))
        v = largest
    optimizer.assign_sub(variable, m * (rate * correction) / (ops.sqrt(v) + epsilon))


class Adam(Optimizer):
    """Adam.

    Parameters
    ----------
    learning_rate : float, schedule or callable, default=0.001
    beta_1, beta_2 : float, default=0.9, 0.999
        How much of the old mean and mean square stays.
    epsilon : float, default=1e-7
        Joins the uncorrected root of the mean square ("epsilon hat").
    amsgrad : bool, default=False
        Divide by the largest mean square so far.
    *common, **kwargs
        Those of `Optimizer`.
    """

    _slot_settings = (*Optimizer._slot_settings, "amsgrad")

    def __init__(
        self,
        learning_rate=0.001,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-7,
        amsgrad=False,
        weight_decay=None,
        *common,
        **kwargs,
    ):
        super().__init__(learning_rate, weight_decay, *common, **kwargs)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = 1e-7 if epsilon is None else epsilon
        self.amsgrad = amsgrad
        self._momentums, self._velocities, self._velocity_hats = [], [], []

    def _build_slots(self, variables):
        self._momentums, self._velocities = self.add_optimizer_variables(variables, ["momentum", "velocity"])
        if self.amsgrad:
            self._velocity_hats = self.add_optimizer_variables(variables, "velocity_hat")

    def update_step(self, gradient, variable, learning_rate):
        gradient, rate = ops.cast(gradient, variable.dtype), ops.cast(learning_rate, variable.dtype)
        i = self._get_variable_index(variable)
        largest = self._velocity_hats[i] if self.amsgrad else None
        betas = self.beta_1, self.beta_2
        adam_step(self, gradient, variable, rate, betas, self.epsilon, self._momentums[i], self._velocities[i], largest)

    def native(self, variable=None):
        h = [self._native_weight_decay(variable), float(self.beta_1), float(self.beta_2), float(self.epsilon)]
        return ("amsgrad" if self.amsgrad else "adam"), h

    def native_slots(self, variable_index):
        slots = (self._momentums, self._velocities, self._velocity_hats)
        return [s[variable_index] for s in slots if s]

    def get_config(self):
        return {
            **super().get_config(),
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
            "amsgrad": self.amsgrad,
        }


class AdamW(Adam):
    """Adam with weight decay, 0.004 by default.

    Parameters
    ----------
    learning_rate : float, schedule or callable, default=0.001
    weight_decay : float, default=0.004
    beta_1, beta_2, epsilon, amsgrad, *common, **kwargs
        Those of `Adam`.
    """

    def __init__(
        self,
        learning_rate=0.001,
        weight_decay=0.004,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-7,
        amsgrad=False,
        *common,
        **kwargs,
    ):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay, *common, **kwargs)
        if self.weight_decay is None:
            raise ValueError("Argument `weight_decay` must be a float. Received: weight_decay=None")
