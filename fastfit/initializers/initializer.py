"""Initializer: the base class."""

from fastfit import config
from fastfit._watch import Watched


class Initializer(Watched):
    """Base of initializers: callables ``(shape, dtype) -> array``."""

    def __init__(self):  # in Python, so that `inspect` knows the signature of what has no other
        super().__init__()

    def __call__(self, shape, dtype=None):
        raise NotImplementedError("Initializer subclasses must implement the `__call__()` method.")

    def get_config(self):
        return {}

    @classmethod
    def from_config(cls, config):
        return cls(**config)

    def clone(self):
        """Return an initializer of the same configuration."""
        return type(self).from_config(self.get_config())


def standard_dtype(dtype):
    """Return the dtype to make: floatx if none is given."""
    return config.floatx() if dtype is None else dtype
