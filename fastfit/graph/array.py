"""What an eager computation gives: arrays that answer ``numpy()``, as scripts written for TensorFlow expect."""

import operator

import numpy as np


class Array(np.ndarray):
    """A NumPy array with what tensors have besides.

    Like tensors, and unlike other arrays, ``a += b`` makes a new one, ``a[0]`` of a vector is one without axes, and
    one without axes can be the key of a dict.
    """

    __slots__ = ()

    def numpy(self):
        """Return the value as a plain array; a NumPy scalar where there are no axes."""
        return self.view(np.ndarray) if self.ndim else np.ndarray.__getitem__(self, ())

    def __getitem__(self, key):
        item = np.ndarray.__getitem__(self, key)
        return item.view(Array) if isinstance(item, np.ndarray) else as_array(item)

    def __iter__(self):
        return map(as_array, np.ndarray.__iter__(self))

    def __hash__(self):
        return hash(self.numpy())  # of an array with axes, a TypeError

    def __round__(self, ndigits=None):
        return round(self.numpy(), ndigits)


def _out_of_place(function):
    def method(self, other):
        return function(self, other)

    return method


for _name in "add sub mul truediv floordiv mod pow matmul and or xor lshift rshift".split():
    _plain = f"{_name}_" if _name in ("and", "or") else _name
    setattr(Array, f"__i{_name}__", _out_of_place(getattr(operator, _plain)))


def as_array(x):
    """Return arrays and NumPy's scalars as an `Array`, a view; and what else there is as it is."""
    if type(x) is np.ndarray:
        return x.view(Array)
    return np.asarray(x).view(Array) if isinstance(x, np.generic) else x


def plain(x):
    """Return the value of an `Array` as `Array.numpy` does; and what else there is as it is."""
    return x.numpy() if isinstance(x, Array) else x
