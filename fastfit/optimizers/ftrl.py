"""Ftrl: follow the regularized leader."""

from fastfit import ops
from fastfit.initializers import Constant
from fastfit.optimizers.optimizer import Optimizer


class Ftrl(Optimizer):
    """Follow the regularized leader, which gives sparse weights.

    Parameters
    ----------
    learning_rate : float, schedule or callable, default=0.001
    learning_rate_power : float, default=-0.5
        How steps shrink with the sum of squared gradients; at most 0, and 0 for steps that do not.
    initial_accumulator_value : float, default=0.1
        What the sums of squares start from; at least 0.
    l1_regularization_strength, l2_regularization_strength : float, default=0.0
        Of the weights; at least 0.
    l2_shrinkage_regularization_strength : float, default=0.0
        A penalty on the square of the weights in the gradient; at least 0.
    beta : float, default=0.0
        Added to the root of the sum of squares.
    *common, **kwargs
        Those of `Optimizer`.
    """

    def __init__(
        self,
        learning_rate=0.001,
        learning_rate_power=-0.5,
        initial_accumulator_value=0.1,
        l1_regularization_strength=0.0,
        l2_regularization_strength=0.0,
        l2_shrinkage_regularization_strength=0.0,
        beta=0.0,
        weight_decay=None,
        *common,
        **kwargs,
    ):
        super().__init__(learning_rate, weight_decay, *common, **kwargs)
        if learning_rate_power > 0.0:
            raise ValueError(
                "`learning_rate_power` needs to be negative or zero. "
                f"Received: learning_rate_power={learning_rate_power}."
            )
        not_negative = {
            "initial_accumulator_value": initial_accumulator_value,
            "l1_regularization_strength": l1_regularization_strength,
            "l2_regularization_strength": l2_regularization_strength,
            "l2_shrinkage_regularization_strength": l2_shrinkage_regularization_strength,
        }
        for name, value in not_negative.items():
            if value < 0.0:
                raise ValueError(f"`{name}` needs to be positive or zero. Received: {name}={value}.")
            setattr(self, name, value)
        self.learning_rate_power = learning_rate_power
        self.beta = beta
        self._accumulators, self._linears = [], []

    def _build_slots(self, variables):
        starts = [Constant(self.initial_accumulator_value), "zeros"]
        self._accumulators, self._linears = self.add_optimizer_variables(variables, ["accumulator", "linear"], starts)

    def update_step(self, gradient, variable, learning_rate):
        gradient, rate = ops.cast(gradient, variable.dtype), ops.cast(learning_rate, variable.dtype)
        i = self._get_variable_index(variable)
        n, z = self._accumulators[i], self._linears[i]
        l1, l2 = self.l1_regularization_strength, self.l2_regularization_strength + self.beta / (2.0 * rate)
        after = n + ops.square(gradient)
        shrunk = gradient + 2 * self.l2_shrinkage_regularization_strength * variable
        sigma = (ops.power(after, -self.learning_rate_power) - ops.power(n, -self.learning_rate_power)) / rate
        self.assign_add(z, shrunk - sigma * variable)
        divisor = ops.power(after, -self.learning_rate_power) / rate + 2 * l2
        self.assign(variable, (ops.clip(z, -l1, l1) - z) / divisor)
        self.assign(n, after)

    def native(self, variable=None):
        power = -float(self.learning_rate_power)
        h = [
            self._native_weight_decay(variable),
            power,
            float(self.l1_regularization_strength),
            float(self.l2_regularization_strength),
            float(self.l2_shrinkage_regularization_strength),
            float(self.beta),
        ]
        return ("ftrl" if power == 0.5 else "ftrl_power"), h

    def native_slots(self, variable_index):
        return [self._accumulators[variable_index], self._linears[variable_index]]

    def get_config(self):
        names = (
            "learning_rate_power",
            "initial_accumulator_value",
            "l1_regularization_strength",
            "l2_regularization_strength",
            "l2_shrinkage_regularization_strength",
            "beta",
        )
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
