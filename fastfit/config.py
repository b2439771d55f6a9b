"""Numbers that everything shares: the default float dtype and the fuzz factor."""

_epsilon = 1e-7
_floatx = "float32"
_FLOAT_NAMES = ("float16", "float32", "float64")


def epsilon():
    """Return the fuzz factor that keeps logarithms and divisions finite (1e-7 unless set)."""
    return _epsilon


def set_epsilon(value):
    """Set the fuzz factor.

    Parameters
    ----------
    value : float
    """
    global _epsilon
    _epsilon = float(value)


def floatx():
    """Return the name of the default float dtype ("float32" unless set)."""
    return _floatx


def set_floatx(value):
    """Set the default float dtype.

    Parameters
    ----------
    value : {"float16", "float32", "float64"}
    """
    global _floatx
    if value not in _FLOAT_NAMES:
        raise ValueError(f"Unknown `floatx` value: {value!r}. Expected one of {_FLOAT_NAMES}")
    _floatx = str(value)
