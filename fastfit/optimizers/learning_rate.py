"""The learning rate of an optimizer: a variable, a schedule or a function."""

import numpy as np

from fastfit.graph.variable import Variable
from fastfit.optimizers.helpers import as_rate, check_rates
from fastfit.optimizers.schedules import LearningRateSchedule
from fastfit.utils.dtypes import float_dtype

# Steps whose rates are computed before they run, from a schedule that takes arrays, and from one that does not.
AHEAD, AHEAD_BY_STEP = 4096, 64


def rate_variable(value):
    """Return a variable of a learning rate, in floatx."""
    value = np.asarray(as_rate(value), float_dtype())
    return Variable(value, dtype=value.dtype, trainable=False, name="learning_rate")


def _given(function, *step):
    """The number that a function or schedule gives."""
    rate = function(*step)
    if rate is None:
        raise ValueError(f"A learning rate must be a number. Received: None from {function}, which may lack a `return`")
    return float(rate)


class HasLearningRate:
    """The learning rate, and the old ``decay`` per step."""

    @property
    def learning_rate(self):
        """The learning rate; settable unless a schedule gives it."""
        if isinstance(self._learning_rate, LearningRateSchedule):
            return self._decayed(self._learning_rate(self._iterations.value))
        if isinstance(self._learning_rate, Variable):
            return self._learning_rate if not self.decay else self._decayed(self._learning_rate.value)
        return self._decayed(self._learning_rate())

    @learning_rate.setter
    def learning_rate(self, value):
        if isinstance(value, LearningRateSchedule) or callable(value):
            if isinstance(self._learning_rate, Variable):
                self._variables = [v for v in self._variables if v is not self._learning_rate]
            self._learning_rate = value
            return
        if isinstance(self._learning_rate, LearningRateSchedule):
            raise TypeError(
                "This optimizer was created with a `LearningRateSchedule` object as its `learning_rate` constructor "
                "argument, hence its learning rate is not settable. If you need the learning rate to be settable, you "
                "should instantiate the optimizer with a float `learning_rate` argument."
            )
        if isinstance(self._learning_rate, Variable):
            self._learning_rate.assign(as_rate(value))
        else:
            self._learning_rate = rate_variable(value)

    lr = learning_rate

    def _decayed(self, rate):
        return rate / (1.0 + self.decay * self._iterations) if self.decay else rate

    @property
    def has_constant_learning_rate(self):
        """Whether the rate stays the same from step to step unless somebody sets it."""
        rate = self._learning_rate
        return isinstance(rate, Variable) and rate.dtype == "float32" and not self.decay

    @property
    def rates_ahead(self):
        """How many steps ahead the rate may be asked for: functions are called once for each step, when it comes."""
        if isinstance(self._learning_rate, LearningRateSchedule):
            return AHEAD if self._learning_rate.takes_arrays else AHEAD_BY_STEP
        rate = self._learning_rate
        return AHEAD if isinstance(rate, Variable) and rate.dtype == "float32" else 1

    def watched_rate(self):
        """What a run has to look at between steps, so that a rate that is set is that of the next step.

        Returns
        -------
        memory, is_rate : Storage or None, bool
            The float32 that the rate is made from, and whether the rate is that number.
        kept : list of (dict, str, object)
            Attributes of this, and of a schedule, with what they are now.
        """
        rate = self._learning_rate
        kept = [(vars(self), name, vars(self)[name]) for name in ("_learning_rate", "decay")]
        if isinstance(rate, Variable):
            return rate._storage, not self.decay, kept
        return None, False, kept + [(vars(rate), *item) for item in getattr(rate, "__dict__", {}).items()]

    def learning_rates(self, first, count):
        """Return the learning rates of ``count`` calls as float32, counting calls from ``first``.

        Parameters
        ----------
        first : int
            Value of the raw step count before the first of them.
        count : int
            0 stands for all steps to come, if the rate is constant.
        """
        count = count or 1
        if isinstance(self._learning_rate, LearningRateSchedule):
            steps = np.arange(first, first + count)
            if self._learning_rate.takes_arrays:
                rates = np.asarray(self._learning_rate(steps), "float64")
            else:
                rates = np.array([_given(self._learning_rate, s) for s in steps])
        elif isinstance(self._learning_rate, Variable):
            rates = np.full(count, float(self._learning_rate.numpy()))
        else:
            rates = np.array([_given(self._learning_rate) for _ in range(count)])
        check_rates(rates, self._learning_rate, first)
        if self.decay:
            rates = rates / (1.0 + self.decay * np.arange(first, first + count))
        return np.broadcast_to(rates, (count,)).astype("float32")
