"""ScheduleFreeAdamW: Adam whose weights are averaged instead of its learning rate being lowered."""

from fastfit import ops
from fastfit.optimizers.optimizer import Optimizer


class ScheduleFreeAdamW(Optimizer):
    """Schedule-free AdamW: gradients are taken between the point that moves and the average of all its places.

    Parameters
    ----------
    learning_rate : float, schedule or callable, default=0.0025
    beta_1 : float, default=0.9
        Where gradients are taken: 1 at the average, 0 at the point that moves.
    beta_2 : float, default=0.999
        How much of the old mean square stays.
    epsilon : float, default=1e-8
        Joins the root of the corrected mean square.
    warmup_steps : int, default=0
        Steps in which the learning rate rises linearly.
    *common, **kwargs
        Those of `Optimizer`.
    """

    def __init__(
        self,
        learning_rate=0.0025,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        warmup_steps=0,
        weight_decay=None,
        *common,
        **kwargs,
    ):
        super().__init__(learning_rate, weight_decay, *common, **kwargs)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = 1e-8 if epsilon is None else epsilon
        self.warmup_steps = warmup_steps
        self._momentums, self._velocities = [], []

    def _build_slots(self, variables):
        self._momentums, self._velocities = self.add_optimizer_variables(variables, ["momentum", "velocity"])
        for m, v in zip(self._momentums, variables, strict=True):
            m.assign(v.numpy())

    def update_step(self, gradient, variable, learning_rate):
        dtype = variable.dtype
        gradient, rate = ops.cast(gradient, dtype), ops.cast(learning_rate, dtype)
        t = ops.cast(self.iterations + 1, dtype)
        beta_1, beta_2 = ops.cast(self.beta_1, dtype), ops.cast(self.beta_2, dtype)
        if self.warmup_steps > 0:
            rate = rate * ops.minimum(t / self.warmup_steps, 1.0)
        i = self._get_variable_index(variable)
        z, v = self._momentums[i], self._velocities[i]
        # beta_1 times the average so far, which the weights and z give away
        average = variable - (1 - beta_1) * z
        self.assign_add(v, (ops.square(gradient) - v) * (1 - beta_2))
        root = ops.sqrt(v / (1 - ops.power(beta_2, t)))
        self.assign_sub(z, rate * gradient / (root + self.epsilon))
        share = 1.0 / t
        self.assign(variable, (1 - beta_1 + beta_1 * share) * z + (1 - share) * average)

    def native(self, variable=None):
        h = [self._native_weight_decay(variable), float(self.beta_1), float(self.beta_2), float(self.epsilon)]
        return "schedule_free", [*h, float(self.warmup_steps)]

    def native_slots(self, variable_index):
        return [self._momentums[variable_index], self._velocities[variable_index]]

    def get_config(self):
        names = ("beta_1", "beta_2", "epsilon", "warmup_steps")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
