"""SGD: gradient descent, with momentum if asked for."""

from fastfit import ops
from fastfit.optimizers.optimizer import Optimizer


class SGD(Optimizer):
    """Gradient descent.

    Parameters
    ----------
    learning_rate : float, schedule or callable, default=0.01
    momentum : float, default=0.0
        In [0, 1]: ``m = momentum * m - learning_rate * g; w += m``.
    nesterov : bool, default=False
        Look ahead: ``w += momentum * m - learning_rate * g``.
    *common, **kwargs
        Those of `Optimizer`.
    """

    _slot_settings = (*Optimizer._slot_settings, "momentum")

    def __init__(self, learning_rate=0.01, momentum=0.0, nesterov=False, weight_decay=None, *common, **kwargs):
        super().__init__(learning_rate, weight_decay, *common, **kwargs)
        if isinstance(momentum, bool) or not isinstance(momentum, (int, float)) or not 0 <= momentum <= 1:
            raise ValueError(f"`momentum` must be a float between [0, 1]. Received: momentum={momentum}")
        self.momentum = float(momentum)
        self.nesterov = bool(nesterov)
        self.momentums = []

    def _build_slots(self, variables):
        if self.momentum:
            self.momentums = self.add_optimizer_variables(variables, "momentum")

    def update_step(self, gradient, variable, learning_rate):
        step = ops.cast(gradient, variable.dtype) * ops.cast(learning_rate, variable.dtype)
        if not self.momentum:
            self.assign_sub(variable, step)
            return
        m = self.momentums[self._get_variable_index(variable)]
        self.assign(m, m * self.momentum - step)
        self.assign_add(variable, m * self.momentum - step if self.nesterov else m)

    def native(self, variable=None):
        name = ("nesterov" if self.nesterov else "momentum") if self.momentum else "sgd"
        return name, [self._native_weight_decay(variable), self.momentum]

    def native_slots(self, variable_index):
        return [self.momentums[variable_index]] if self.momentum else []

    def get_config(self):
        return {**super().get_config(), "momentum": self.momentum, "nesterov": self.nesterov}
