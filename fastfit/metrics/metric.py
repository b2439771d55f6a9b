"""Metric: state that update_state adds to and result reads."""

import numpy as np

from fastfit import config, initializers, ops
from fastfit._watch import Watched
from fastfit.graph.variable import Variable
from fastfit.utils.naming import auto_name

# Counts and sums that metrics keep: float32 would stop counting at 2^24.
STATE = "float64"


class Metric(Watched):
    """Base of metrics: subclasses define ``update_state`` and ``result``.

    Parameters
    ----------
    dtype : str, optional
        Of the values; floatx by default.
    name : str, optional
        Made from the class name by default.
    """

    # "up" or "down" where larger or smaller is better; callbacks in mode "auto" ask for it.
    _direction = None
    _parameters = frozenset()  # of its function, that are attributes
    _unwatched_attributes = frozenset({"_variables", "_metrics", "name", "_parameters"})

    def __init__(self, dtype=None, name=None):
        self.name = name or auto_name(type(self).__name__)
        dtype = getattr(dtype, "compute_dtype", dtype)
        self._follows = dtype is None  # the dtype of what it measures
        self._dtype = config.floatx() if dtype is None else np.dtype("int32" if dtype == "int" else dtype).name
        self._variables = []
        self._metrics = []

    def __setattr__(self, name, value):
        # Variables and metrics held as attributes are state too.
        if not name.startswith("_"):
            if isinstance(value, Variable):
                self._check_super_called()
                if not any(v is value for v in self._variables):
                    self._variables.append(value)
            elif isinstance(value, Metric):
                self._check_super_called()
                if not any(m is value for m in self._metrics):
                    self._metrics.append(value)
        super().__setattr__(name, value)

    def _check_super_called(self):
        if "_variables" not in self.__dict__:
            raise RuntimeError("You forgot to call `super().__init__()` in the `__init__()` method. Go add it!")

    @property
    def dtype(self):
        """Name of the dtype of the values."""
        return self._dtype

    def add_variable(self, shape=(), initializer=None, dtype=None, aggregation="sum", name=None):
        """Make a state variable.

        Parameters
        ----------
        shape : tuple
        initializer : str, initializer, array or callable, optional
            Zeros by default.
        dtype : str, optional
            The metric's dtype by default.
        name : str, optional
        aggregation
            Accepted for Keras's sake.
        """
        self._check_super_called()
        shape = tuple(int(d) for d in shape)
        dtype = np.dtype(dtype or self._dtype).name
        if initializer is None:
            value = np.zeros(shape, dtype)
        else:
            value = initializers.make_value(initializer, shape, dtype)
        variable = Variable(value, dtype=dtype, trainable=False, name=name)
        variable.path = f"{self.name}/{variable.name}"
        self._variables.append(variable)
        return variable

    def add_weight(self, shape=(), initializer=None, dtype=None, name=None):
        """Make a state variable; see `add_variable`."""
        return self.add_variable(shape=shape, initializer=initializer, dtype=dtype, name=name)

    @property
    def variables(self):
        """The state: own variables, then those of metrics held as attributes."""
        found = list(self._variables)
        for metric in self._metrics:
            found.extend(v for v in metric.variables if not any(v is f for f in found))
        return found

    def update_state(self, *args, **kwargs):
        """Add to the state."""
        raise NotImplementedError(f"Metric {type(self).__name__} does not have an `update_state()` method.")

    def result(self):
        """Return the value that the state stands for."""
        raise NotImplementedError(f"Metric {type(self).__name__} does not have a `result()` method.")

    def reset_state(self):
        """Set the state to zeros."""
        for v in self.variables:
            v.assign(np.zeros(v.shape, v.dtype))

    def reset_states(self):
        """Set the state to zeros (Keras 2's name)."""
        self.reset_state()

    def __call__(self, *args, **kwargs):
        """Update the state and return the result so far."""
        self._check_super_called()
        self.update_state(*args, **kwargs)
        return self.result()

    def _value(self, x):
        """Return a result in the metric's dtype."""
        return ops.cast(x, self._dtype)

    @staticmethod
    def _add(variable, amount):
        variable.assign(variable + ops.cast(amount, variable.dtype))

    def get_config(self):
        """Return what `from_config` needs to make this metric anew."""
        return {"name": self.name, "dtype": self._dtype}

    @classmethod
    def from_config(cls, config):
        return cls(**config)

    def __repr__(self):
        return f"<{type(self).__name__} name={self.name}>"
