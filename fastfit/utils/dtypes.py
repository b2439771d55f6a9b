"""Names of dtypes."""

from fastfit import config
from fastfit.utils.dtype_names import INTEGERS

_NAMES = frozenset(("bool", "float16", "float32", "float64", "bfloat16", "string", *INTEGERS))
_PYTHON = {bool: "bool", int: "int32", str: "string", "int": "int32"}


def standardize_dtype(dtype):
    """Return the name of a dtype.

    Parameters
    ----------
    dtype : str, type, NumPy dtype or None
        None and Python's ``float`` mean floatx; ``int`` means "int32".
    """
    if dtype is None or dtype is float:
        return config.floatx()
    if isinstance(dtype, (str, type)) and dtype in _PYTHON:
        return _PYTHON[dtype]
    name = getattr(dtype, "name", None) or (dtype if isinstance(dtype, str) else getattr(dtype, "__name__", str(dtype)))
    if name not in _NAMES:
        raise ValueError(f"Invalid dtype: {dtype}. Expected one of {sorted(_NAMES)}")
    return name


def is_float_dtype(dtype):
    """Whether values of the dtype are floats."""
    return standardize_dtype(dtype) in ("float16", "float32", "float64", "bfloat16")


def is_int_dtype(dtype):
    """Whether values of the dtype are integers; booleans are not."""
    return standardize_dtype(dtype) in INTEGERS


def float_dtype(*dtypes):
    """Return the float dtype of what has none of its own: float64 if floatx or one of ``dtypes`` is, else float32."""
    return "float64" if "float64" in (config.floatx(), *dtypes) else "float32"
