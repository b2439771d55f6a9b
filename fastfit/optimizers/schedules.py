"""Learning rates that depend on the step. A step may also be an array of steps."""

import math

import numpy as np

from fastfit._watch import Watched
from fastfit.utils.registry import Registry


class LearningRateSchedule(Watched):
    """Base of schedules: callables ``step -> learning rate``."""

    # Whether __call__ works on an array of steps; a user's own schedule is asked step by step.
    takes_arrays = False

    def __init__(self):  # in Python, so that `inspect` knows the signature of what has no other
        super().__init__()

    def __call__(self, step):
        raise NotImplementedError(f"Learning rate schedule '{type(self).__name__}' must override `__call__(step)`.")

    def get_config(self):
        raise NotImplementedError(f"Learning rate schedule '{type(self).__name__}' must override `get_config()`.")

    @classmethod
    def from_config(cls, config):
        return cls(**config)


class _BuiltIn(LearningRateSchedule):
    takes_arrays = True

    def get_config(self):
        return {k: v for k, v in vars(self).items() if not k.startswith("_")}


def _positive(decay_steps, name="decay_steps"):
    if not decay_steps > 0:
        raise ValueError(f"Argument `{name}` must be > 0. Received: {name}={decay_steps}")
    return decay_steps


def _as_float(step):
    return step * 1.0


class ExponentialDecay(_BuiltIn):
    """``initial * decay_rate ** (step / decay_steps)``.

    Parameters
    ----------
    initial_learning_rate : float
    decay_steps : int
    decay_rate : float
    staircase : bool, default=False
        Whole numbers of ``decay_steps`` only.
    name : str
    """

    def __init__(self, initial_learning_rate, decay_steps, decay_rate, staircase=False, name="ExponentialDecay"):
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = _positive(decay_steps)
        self.decay_rate = decay_rate
        self.staircase = staircase
        self.name = name

    def __call__(self, step):
        p = _as_float(step) / self.decay_steps
        if self.staircase:
            p = np.floor(p)
        return self.initial_learning_rate * np.power(float(self.decay_rate), p)


class InverseTimeDecay(_BuiltIn):
    """``initial / (1 + decay_rate * step / decay_steps)``.

    Parameters
    ----------
    initial_learning_rate : float
    decay_steps : int
    decay_rate : float
    staircase : bool, default=False
    name : str
    """

    def __init__(self, initial_learning_rate, decay_steps, decay_rate, staircase=False, name="InverseTimeDecay"):
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = _positive(decay_steps)
        self.decay_rate = decay_rate
        self.staircase = staircase
        self.name = name

    def __call__(self, step):
        p = _as_float(step) / self.decay_steps
        if self.staircase:
            p = np.floor(p)
        return self.initial_learning_rate / (1.0 + self.decay_rate * p)


class PolynomialDecay(_BuiltIn):
    """From initial to end along ``(1 - step / decay_steps) ** power``.

    Parameters
    ----------
    initial_learning_rate : float
    decay_steps : int
    end_learning_rate : float, default=0.0001
    power : float, default=1.0
    cycle : bool, default=False
        Start again with longer and longer decays instead of staying at the end.
    name : str
    """

    def __init__(
        self,
        initial_learning_rate,
        decay_steps,
        end_learning_rate=0.0001,
        power=1.0,
        cycle=False,
        name="PolynomialDecay",
    ):
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = _positive(decay_steps)
        self.end_learning_rate = end_learning_rate
        self.power = power
        self.cycle = cycle
        self.name = name

    def __call__(self, step):
        step = _as_float(step)
        if self.cycle:
            p = step / (self.decay_steps * np.maximum(np.ceil(step / self.decay_steps), 1.0))
        else:
            p = np.minimum(step / self.decay_steps, 1.0)
        span = self.initial_learning_rate - self.end_learning_rate
        return span * np.power(1.0 - p, self.power) + self.end_learning_rate


class PiecewiseConstantDecay(_BuiltIn):
    """``values[i]`` up to and including ``boundaries[i]``, the last value beyond.

    Parameters
    ----------
    boundaries : list of int
        Strictly increasing steps.
    values : list of float
        One more than there are boundaries.
    name : str
    """

    def __init__(self, boundaries, values, name="PiecewiseConstant"):
        if len(boundaries) != len(values) - 1:
            raise ValueError(
                "The length of boundaries should be 1 less than the length of values. Received: "
                f"boundaries={boundaries} of length {len(boundaries)}, and values={values} of length {len(values)}."
            )
        self.boundaries = boundaries
        self.values = values
        self.name = name

    def __call__(self, step):
        rate = self.values[-1] + 0.0 * _as_float(step)
        for boundary, value in zip(reversed(self.boundaries), reversed(self.values[:-1]), strict=True):
            rate = np.where(step <= boundary, value, rate)
        return rate if np.ndim(step) or not isinstance(rate, np.ndarray) else float(rate)


class CosineDecay(_BuiltIn):
    """Half a cosine wave down to ``alpha`` times the rate, after a linear warm-up if asked for.

    Parameters
    ----------
    initial_learning_rate : float
    decay_steps : int
    alpha : float, default=0.0
    name : str
    warmup_target : float, optional
        Rate at the end of the warm-up.
    warmup_steps : int, default=0
    """

    def __init__(
        self,
        initial_learning_rate,
        decay_steps,
        alpha=0.0,
        name="CosineDecay",
        warmup_target=None,
        warmup_steps=0,
    ):
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = _positive(decay_steps)
        self.alpha = alpha
        self.name = name
        self.warmup_steps = warmup_steps
        self.warmup_target = warmup_target

    def __call__(self, step):
        step = _as_float(step)
        if self.warmup_target is None:
            return self._decay(np.minimum(step, self.decay_steps), self.initial_learning_rate)
        span = self.warmup_target - self.initial_learning_rate
        warming = span * (step / max(self.warmup_steps, 1)) + self.initial_learning_rate
        after = np.minimum(step, self.decay_steps + self.warmup_steps) - self.warmup_steps
        rate = np.where(step < self.warmup_steps, warming, self._decay(after, self.warmup_target))
        return rate if np.ndim(step) or not isinstance(rate, np.ndarray) else float(rate)

    def _decay(self, step, start):
        wave = 0.5 * (1.0 + np.cos(math.pi * (step / self.decay_steps)))
        return start * ((1 - self.alpha) * wave + self.alpha)


class CosineDecayRestarts(_BuiltIn):
    """Cosine decays one after the other, each ``t_mul`` times as long and ``m_mul`` times as high as the last.

    Parameters
    ----------
    initial_learning_rate : float
    first_decay_steps : int
    t_mul : float, default=2.0
    m_mul : float, default=1.0
    alpha : float, default=0.0
    name : str
    """

    def __init__(self, initial_learning_rate, first_decay_steps, t_mul=2.0, m_mul=1.0, alpha=0.0, name="SGDRDecay"):
        self.initial_learning_rate = initial_learning_rate
        self.first_decay_steps = _positive(first_decay_steps, "first_decay_steps")
        self._t_mul = t_mul
        self._m_mul = m_mul
        self.alpha = alpha
        self.name = name

    def __call__(self, step):
        p = _as_float(step) / self.first_decay_steps
        if self._t_mul == 1.0:
            period = np.floor(p)
            p = p - period
        else:
            period = np.floor(np.log(1.0 - p * (1.0 - self._t_mul)) / math.log(self._t_mul))
            grown = np.power(float(self._t_mul), period)
            p = (p - (1.0 - grown) / (1.0 - self._t_mul)) / grown
        wave = 0.5 * np.power(float(self._m_mul), period) * (1.0 + np.cos(math.pi * p))
        return self.initial_learning_rate * ((1 - self.alpha) * wave + self.alpha)

    def get_config(self):
        return {**super().get_config(), "t_mul": self._t_mul, "m_mul": self._m_mul}


_REGISTRY = Registry(
    "learning rate schedule",
    "optimizers.schedules",
    [
        *(ExponentialDecay, InverseTimeDecay, PolynomialDecay, PiecewiseConstantDecay),
        *(CosineDecay, CosineDecayRestarts),
    ],
)


def serialize(learning_rate_schedule):
    """Return the config of a schedule."""
    return _REGISTRY.serialize(learning_rate_schedule)


def deserialize(config, custom_objects=None):
    """Return the schedule of a config."""
    return _REGISTRY.deserialize(config, custom_objects)
