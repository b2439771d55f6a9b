"""Adafactor: mean squares of a matrix kept by rows and by columns only."""

from fastfit import ops
from fastfit.optimizers.optimizer import Optimizer


class Adafactor(Optimizer):
    """Adafactor.

    Parameters
    ----------
    learning_rate : float, schedule or callable, default=0.001
    beta_2_decay : float, default=-0.8
        The old mean squares keep a share of ``1 - step ** beta_2_decay``.
    epsilon_1 : float, default=1e-30
        Joins the squared gradients.
    epsilon_2 : float, default=0.001
        Least size of weights that a step is relative to.
    clip_threshold : float, default=1.0
        Steps with a larger root mean square are scaled down to it.
    relative_step : bool, default=True
        Learning rates that are numbers do not exceed ``1 / sqrt(step)``.
    *common, **kwargs
        Those of `Optimizer`.
    """

    def __init__(
        self,
        learning_rate=0.001,
        beta_2_decay=-0.8,
        epsilon_1=1e-30,
        epsilon_2=1e-3,
        clip_threshold=1.0,
        relative_step=True,
        weight_decay=None,
        *common,
        **kwargs,
    ):
        super().__init__(learning_rate, weight_decay, *common, **kwargs)
        self.beta_2_decay = beta_2_decay
        self.epsilon_1 = epsilon_1
        self.epsilon_2 = epsilon_2
        self.clip_threshold = clip_threshold
        self.relative_step = relative_step
        self._r, self._c, self._v = [], [], []

    def _build_slots(self, variables):
        for v in variables:
            if len(v.shape) < 2:  # nothing to factor: two numbers hold the places in saved files
                shapes, dtype = ((), ()), "int32"
            else:
                shapes, dtype = (v.shape[:-1], v.shape[:-2] + v.shape[-1:]), v.dtype
            self._r.append(self.add_variable(shapes[0], dtype=dtype, name=v.name))
            self._c.append(self.add_variable(shapes[1], dtype=dtype, name=v.name))
            self._v.append(self.add_variable_from_reference(v, "velocity"))

    def update_step(self, gradient, variable, learning_rate):
        dtype = variable.dtype
        gradient, rate = ops.cast(gradient, dtype), ops.cast(learning_rate, dtype)
        t = ops.cast(self.iterations + 1, dtype)
        # Keras relates steps to 1 / sqrt(t) in any case; relative_step does so once more.
        size = ops.maximum(_rms(variable), self.epsilon_2) * ops.minimum(rate, 1 / ops.sqrt(t))
        beta = 1 - ops.power(t, self.beta_2_decay)
        square = ops.square(gradient) + self.epsilon_1
        i = self._get_variable_index(variable)
        r, c, v = self._r[i], self._c[i], self._v[i]
        if len(variable.shape) >= 2:
            self.assign(r, beta * r + (1 - beta) * ops.mean(square, axis=-1))
            self.assign(c, beta * c + (1 - beta) * ops.mean(square, axis=-2))
            share = r / ops.mean(r, axis=-1, keepdims=True)
            self.assign(v, ops.expand_dims(share, -1) * ops.expand_dims(c, -2))
        else:
            self.assign(v, beta * v + (1 - beta) * square)
        step = gradient / ops.sqrt(v)
        step = step / ops.maximum(_rms(step) / self.clip_threshold, 1.0)
        self.assign_sub(variable, size * step)

    def get_config(self):
        names = ("beta_2_decay", "epsilon_1", "epsilon_2", "clip_threshold", "relative_step")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def _rms(x):
    return ops.sqrt(ops.mean(ops.square(x)))
