"""Shapes of tensors and structures of them."""

import numpy as np

from fastfit.graph.tensor import KerasTensor
from fastfit.utils import nest


def is_shape(value):
    """Whether ``value`` is one shape, not a structure of shapes."""
    return isinstance(value, (tuple, list)) and all(d is None or isinstance(d, (int, np.integer)) for d in value)


def map_shapes(function, structure):
    """Apply ``function`` to each shape of a structure of shapes."""
    if is_shape(structure):
        return function(tuple(structure))
    if isinstance(structure, dict):
        return {k: map_shapes(function, v) for k, v in structure.items()}
    return type(structure)(map_shapes(function, v) for v in structure)


def dtype_name(dtype):
    """Return the name of a dtype given as a name, NumPy dtype, policy or config; None is float32."""
    if dtype is None:
        return "float32"
    if isinstance(dtype, dict):
        dtype = dtype.get("config", {}).get("name", "float32")
    if isinstance(dtype, str):
        return dtype
    return getattr(dtype, "name", None) or np.dtype(dtype).name


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
