"""Names of dtypes."""

from fastfit import config

_INTEGERS = ("uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64")
_NAMES = frozenset(("bool", "float16", "float32", "float64", "bfloat16", "string", *_INTEGERS))
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
    return standardize_dtype(dtype) in _INTEGERS


class DTypePolicy:
    """The dtypes of a layer's weights and computations, which are one dtype here.

    Parameters
    ----------
    name : str, default=floatx

    Raises
    ------
    ValueError : the name is that of no dtype, or of a mixed policy.
    """

    def __init__(self, name=None):
        if isinstance(name, str) and name.startswith("mixed_"):
            raise ValueError(f"Weights and computations have one dtype here: expected its name. Received: name={name}")
        self.name = standardize_dtype(name)

    @property
    def compute_dtype(self):
        """The dtype of computations."""
        return self.name

    variable_dtype = compute_dtype
    quantization_mode = None

    def __repr__(self):
        return f'<DTypePolicy "{self.name}">'

    def __eq__(self, other):
        return isinstance(other, DTypePolicy) and other.name == self.name

    def __hash__(self):
        return hash(self.name)

    def get_config(self):
        return {"name": self.name}

    @classmethod
    def from_config(cls, config):
        return cls(**config)
