"""Shapes of tensors and structures of them."""

import numpy as np

from fastfit import config
from fastfit.graph.tensor import KerasTensor
from fastfit.utils import nest
from fastfit.utils.dtypes import standardize_dtype


def is_shape(value):
    """Whether ``value`` is one shape, not a structure of shapes."""
    return isinstance(value, (tuple, list)) and all(d is None or isinstance(d, (int, np.integer)) for d in value)


def is_integer(value):
    """Whether ``value`` is a whole number and no bool: of Python, NumPy, or an array without axes."""
    return hasattr(value, "__index__") and not isinstance(value, (bool, np.bool_)) and getattr(value, "ndim", 0) == 0


def integers(value, argument):
    """Return an argument that must be a tuple of ints as one, or raise ValueError."""
    is_sequence = hasattr(value, "__iter__") and not isinstance(value, (str, bytes, dict, set))
    if not is_sequence or getattr(value, "ndim", 1) != 1 or not all(is_integer(d) for d in value):
        example = f"({int(value)},)" if is_integer(value) else "(2, 3)"
        raise ValueError(
            f"Argument `{argument}` must be a tuple of integers, such as {example}. Received: {argument}={value!r}"
        )
    return tuple(int(d) for d in value)


def standardize_shape(shape, argument):
    """Return a shape as a tuple of ints and None, or raise ValueError.

    Parameters
    ----------
    shape : tuple
    argument : str
        What the caller calls it.
    """
    text = f"Received: {argument}={shape!r}"
    if is_integer(shape):
        example = f"(None, {int(shape)})" if argument.startswith("batch") else f"({int(shape)},)"
        raise ValueError(f"Argument `{argument}` must be a tuple, such as {example}. {text}")
    if isinstance(shape, (str, bytes, dict, set)) or not hasattr(shape, "__iter__") or getattr(shape, "ndim", 1) != 1:
        raise ValueError(f"Argument `{argument}` must be a tuple of integers and None, such as (4,). {text}")
    shape = tuple(shape)
    if not all(d is None or (is_integer(d) and d >= 0) for d in shape):
        raise ValueError(f"Cannot convert '{shape}' to a shape: every size must be None or an integer >= 0. {text}")
    return tuple(None if d is None else int(d) for d in shape)


def map_shapes(function, structure):
    """Apply ``function`` to each shape of a structure of shapes."""
    if is_shape(structure):
        return function(tuple(structure))
    if isinstance(structure, dict):
        return {k: map_shapes(function, v) for k, v in structure.items()}
    return type(structure)(map_shapes(function, v) for v in structure)


def dtype_name(dtype):
    """Return the name of a dtype given as a name, NumPy dtype, policy or config; None is that of the default policy."""
    if dtype is None:
        return config.dtype_policy().name
    if isinstance(dtype, dict):
        dtype = dtype.get("config", {}).get("name", config.floatx())
    name = standardize_dtype(getattr(dtype, "compute_dtype", dtype))
    if name == "bfloat16":
        raise ValueError(f"Values of 16 bits are float16 here: there is no bfloat16. Received: dtype={dtype}")
    return name


def policy_name(dtype):
    """Return the name of the dtype policy of a layer, given as for `dtype_name`."""
    if isinstance(dtype, dict):
        dtype = dtype.get("config", {}).get("name")
    return config.DTypePolicy(dtype if dtype is None or isinstance(dtype, str) else dtype_name(dtype)).name


def has_tensor(structure):
    """Whether something in the structure has a shape."""
    return any(hasattr(leaf, "shape") for leaf in nest.flatten(structure))


def shapes_of(structure):
    """Return the shapes of the tensors in a structure."""
    return nest.map_structure(lambda t: tuple(t.shape) if hasattr(t, "shape") else None, structure)


def as_spec(value):
    """Return a tensor of the shape and dtype of ``value``."""
    if isinstance(value, KerasTensor):
        return value
    value = np.asarray(value)
    return KerasTensor(value.shape, value.dtype.name)
