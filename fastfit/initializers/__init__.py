"""Initial values of weights, by the names and arguments of ``keras.initializers``."""

import numpy as np

from fastfit.initializers.constant import STFT, Constant, Identity, Ones, Zeros
from fastfit.initializers.initializer import Initializer as Initializer
from fastfit.initializers.random import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    Orthogonal,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
    VarianceScaling,
)
from fastfit.initializers.random import (
    compute_fans as compute_fans,
)
from fastfit.utils.naming import to_snake_case
from fastfit.utils.registry import Registry
from fastfit.utils.suggestions import unknown_attribute

_CLASSES = (
    Zeros, Ones, Constant, Identity, STFT, RandomNormal, TruncatedNormal, RandomUniform, VarianceScaling, GlorotUniform,
    GlorotNormal, HeUniform, HeNormal, LecunUniform, LecunNormal, Orthogonal,
)  # fmt: skip
IdentityInitializer, OrthogonalInitializer, STFTInitializer = Identity, Orthogonal, STFT
constant, glorot_normal, glorot_uniform = Constant, GlorotNormal, GlorotUniform
he_normal, he_uniform, lecun_normal, lecun_uniform = HeNormal, HeUniform, LecunNormal, LecunUniform
identity, ones, zeros, orthogonal = Identity, Ones, Zeros, Orthogonal
random_normal, random_uniform, truncated_normal = RandomNormal, RandomUniform, TruncatedNormal
variance_scaling, stft = VarianceScaling, STFT

__all__ = [
    *sorted(cls.__name__ for cls in _CLASSES),
    *sorted(to_snake_case(cls.__name__) for cls in _CLASSES),
    *("IdentityInitializer", "Initializer", "OrthogonalInitializer", "STFTInitializer"),
    *("compute_fans", "deserialize", "get", "make_value", "serialize"),
]

_REGISTRY = Registry(
    "initializer",
    "initializers",
    _CLASSES,
    {
        "IdentityInitializer": Identity,
        "OrthogonalInitializer": Orthogonal,
        "STFTInitializer": STFT,
        "normal": RandomNormal,
        "uniform": RandomUniform,
        "zero": Zeros,
        "one": Ones,
    },
)


def get(identifier):
    """Return the initializer that a name, config, class, callable, array or instance stands for."""
    if isinstance(identifier, (np.ndarray, list, tuple)) or hasattr(identifier, "__array__"):
        value = np.asarray(identifier)

        def from_array(shape, dtype=None):
            if value.shape != tuple(shape):
                raise ValueError(f"Expected `shape` to be {value.shape}, the initial array's. Received: shape={shape}")
            return value if dtype is None else value.astype(dtype)

        return from_array
    return _REGISTRY.get(identifier)


def serialize(initializer):
    """Return the config of an initializer."""
    return _REGISTRY.serialize(initializer)


def deserialize(config, custom_objects=None):
    """Return the initializer of a config."""
    return _REGISTRY.deserialize(config, custom_objects)


def make_value(initializer, shape, dtype):
    """Return the initial array that an initializer, its name, a callable or an array stands for."""
    if not isinstance(initializer, (str, dict)) and not callable(initializer):
        value = np.asarray(initializer)
    else:
        initializer = get(initializer)
        value = np.asarray(initializer(shape, dtype=dtype))
    if value.shape != tuple(shape):
        raise ValueError(f"The initializer gave shape {value.shape}, but the weight has shape {tuple(shape)}.")
    return value.astype(dtype, copy=False) if _is_numpy_dtype(dtype) else value


def _is_numpy_dtype(dtype):
    try:
        np.dtype(dtype)
    except TypeError:
        return False
    return True


__getattr__ = unknown_attribute(__name__, globals())
