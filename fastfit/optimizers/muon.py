"""Muon: momentum made orthogonal, for matrices; AdamW for everything else."""

import math
import re

from fastfit import ops
from fastfit.optimizers.adam import adam_step
from fastfit.optimizers.optimizer import Optimizer


class Muon(Optimizer):
    """Muon.

    Parameters
    ----------
    learning_rate : float, schedule or callable, default=0.001
    adam_beta_1, adam_beta_2 : float, default=0.9, 0.999
    adam_weight_decay : float, default=0.004
        Weight decay of variables that AdamW changes.
    epsilon : float, default=1e-7
    weight_decay : float, default=0.004
        Weight decay of the matrices.
    clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency, loss_scale_factor, \
gradient_accumulation_steps, name
        Those of `Optimizer`.
    exclude_layers : list of str, optional
        Regular expressions; matrices with such a path are left to AdamW.
    exclude_embeddings : bool, default=True
        Leave matrices with "embedding" in their path to AdamW.
    muon_a, muon_b, muon_c : float
        Coefficients of the Newton-Schulz iteration.
    adam_lr_ratio : float, default=1
        AdamW's learning rate is this times the learning rate.
    momentum : float, default=0.95
    ns_steps : int, default=5
        Newton-Schulz iterations.
    nesterov : bool, default=True
    rms_rate : float or None, default=0.2
        Root mean square of a step of learning rate 1; None leaves the orthogonal matrix as it is.
    **kwargs
        Those of `Optimizer`.
    """

    def __init__(
        self,
        learning_rate=0.001,
        adam_beta_1=0.9,
        adam_beta_2=0.999,
        adam_weight_decay=0.004,
        epsilon=1e-7,
        weight_decay=0.004,
        clipnorm=None,
        clipvalue=None,
        global_clipnorm=None,
        use_ema=False,
        ema_momentum=0.99,
        ema_overwrite_frequency=None,
        loss_scale_factor=None,
        gradient_accumulation_steps=None,
        name=None,
        exclude_layers=None,
        exclude_embeddings=True,
        muon_a=3.4445,
        muon_b=-4.7750,
        muon_c=2.0315,
        adam_lr_ratio=1,
        momentum=0.95,
        ns_steps=5,
        nesterov=True,
        rms_rate=0.2,
        **kwargs,
    ):
        super().__init__(
            learning_rate,
            weight_decay,
            clipnorm,
            clipvalue,
            global_clipnorm,
            use_ema,
            ema_momentum,
            ema_overwrite_frequency,
            loss_scale_factor,
            gradient_accumulation_steps,
            name,
            **kwargs,
        )
        self.adam_beta_1 = adam_beta_1
        self.adam_beta_2 = adam_beta_2
        self.adam_weight_decay = adam_weight_decay
        self.epsilon = 1e-7 if epsilon is None else epsilon
        self.exclude_layers = exclude_layers or []
        self.exclude_embeddings = exclude_embeddings
        self.muon_a = muon_a
        self.muon_b = muon_b
        self.muon_c = muon_c
        self.adam_lr_ratio = adam_lr_ratio
        self.momentum = momentum
        self.ns_steps = ns_steps
        self.nesterov = nesterov
        self.rms_rate = rms_rate
        self.momentums, self.adam_velocities = [], []

    def uses_adamw(self, variable):
        """Whether a variable is left to AdamW: no matrix, an embedding, or excluded."""
        if len(variable.shape) != 2:
            return True
        if self.exclude_embeddings and "embedding" in variable.path.lower():
            return True
        return any(re.search(pattern, variable.path) for pattern in self.exclude_layers)

    def _build_slots(self, variables):
        for v in variables:
            self.momentums.append(self.add_variable_from_reference(v, "momentum"))
            adam = self.uses_adamw(v)
            self.adam_velocities.append(self.add_variable_from_reference(v, "velocity") if adam else None)

    def weight_decay_of(self, variable):
        decay = self.adam_weight_decay if self.uses_adamw(variable) else self.weight_decay
        return float(decay) if decay and not self.is_excluded_from_weight_decay(variable) else 0.0

    def update_step(self, gradient, variable, learning_rate):
        dtype, i = variable.dtype, self._get_variable_index(variable)
        gradient, rate = ops.cast(gradient, dtype), ops.cast(learning_rate, dtype)
        m, v = self.momentums[i], self.adam_velocities[i]
        if v is not None:
            betas = self.adam_beta_1, self.adam_beta_2
            adam_step(self, gradient, variable, rate * self.adam_lr_ratio, betas, self.epsilon, m, v)
            return
        self.assign_add(m, gradient + m * (self.momentum - 1))
        step = rate * self._orthogonal(gradient + self.momentum * m if self.nesterov else m.value)
        if self.rms_rate is not None:
            step = step * math.sqrt(max(variable.shape)) * self.rms_rate
        self.assign_sub(variable, step)

    def _orthogonal(self, x):
        """Return a matrix near the closest orthogonal one, by an odd polynomial of it, applied again and again."""
        tall = x.shape[0] > x.shape[1]
        if tall:
            x = ops.transpose(x)
        x = x / (ops.sqrt(ops.sum(ops.square(x))) + 1e-7)
        for _ in range(self.ns_steps):
            square = ops.matmul(x, ops.transpose(x))
            x = self.muon_a * x + ops.matmul(self.muon_b * square + self.muon_c * ops.matmul(square, square), x)
        return ops.transpose(x) if tall else x

    def native(self, variable=None):
        if variable is None or not self.uses_adamw(variable) or self.adam_lr_ratio != 1:
            return None
        h = [self.weight_decay_of(variable), float(self.adam_beta_1), float(self.adam_beta_2), float(self.epsilon)]
        return "adam", h

    def native_slots(self, variable_index):
        return [self.momentums[variable_index], self.adam_velocities[variable_index]]

    def get_config(self):
        names = (
            *("adam_beta_1", "adam_beta_2", "adam_weight_decay", "epsilon", "exclude_layers", "exclude_embeddings"),
            *("muon_a", "muon_b", "muon_c", "adam_lr_ratio", "momentum", "ns_steps", "nesterov", "rms_rate"),
        )
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
