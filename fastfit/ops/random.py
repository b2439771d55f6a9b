"""The functions of ``keras.random``."""

import numpy as np

from fastfit import config
from fastfit.graph.op import apply, apply_symbolic
from fastfit.graph.randomness import SeedGenerator as SeedGenerator
from fastfit.graph.randomness import draw
from fastfit.graph.tensor import KerasTensor
from fastfit.ops.families import split_shape


def _sample(op, shape, dtype, seed, **attrs):
    if isinstance(shape, KerasTensor) or any(d is None for d in shape):
        raise ValueError(f"{op}: shape {shape} has an unknown size. Take sizes from fastfit.ops.shape(x).")
    static, dims = split_shape(shape)
    key = draw(seed, symbolic=bool(dims))
    dtype = config.floatx() if dtype is None else np.dtype(dtype).name
    # With a stream (that is, inside a trace) a node is needed even if no input is symbolic: numbers drawn now would
    # be the same at every step.
    make = apply if key["stream"] is None else apply_symbolic
    return make(op, *dims, shape=static, dtype=dtype, **key, **attrs)


def normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
    """Draw from the normal distribution."""
    return _sample("random_normal", shape, dtype, seed, mean=mean, stddev=stddev)


def uniform(shape, minval=0.0, maxval=1.0, dtype=None, seed=None):
    """Draw from the uniform distribution on [minval, maxval)."""
    if dtype is not None and np.dtype(dtype).kind != "f":
        raise ValueError(f"`keras.random.uniform` requires a floating point dtype. Received: dtype={dtype}")
    return _sample("random_uniform", shape, dtype, seed, low=minval, high=maxval)


def randint(shape, minval, maxval, dtype="int32", seed=None):
    """Draw integers from [minval, maxval)."""
    return _sample("random_randint", shape, dtype, seed, low=minval, high=maxval)


def truncated_normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
    """Draw from the normal distribution without what lies beyond two standard deviations."""
    return _sample("random_truncated_normal", shape, dtype, seed, mean=mean, stddev=stddev)


def gamma(shape, alpha, dtype=None, seed=None):
    """Draw from the gamma distribution."""
    return _sample("random_gamma", shape, dtype, seed, alpha=alpha)


def beta(shape, alpha, beta, dtype=None, seed=None):
    """Draw from the beta distribution."""
    return _sample("random_beta", shape, dtype, seed, alpha=alpha, beta=beta)


def binomial(shape, counts, probabilities, dtype=None, seed=None):
    """Draw from the binomial distribution."""
    return _sample("random_binomial", shape, dtype, seed, counts=counts, probabilities=probabilities)


def dropout(inputs, rate, noise_shape=None, seed=None):
    """Set elements to 0 with probability ``rate`` and scale the others by 1 / (1 - rate)."""
    if noise_shape is not None:
        noise_shape = tuple(None if d is None or isinstance(d, KerasTensor) else int(d) for d in noise_shape)
    key = draw(seed, symbolic=isinstance(inputs, KerasTensor))
    return apply("dropout", inputs, rate=float(rate), noise_shape=noise_shape, **key)


def shuffle(x, axis=0, seed=None):
    """Shuffle along an axis."""
    return apply("random_shuffle", x, axis=axis, **draw(seed, symbolic=isinstance(x, KerasTensor)))


def categorical(logits, num_samples, dtype="int32", seed=None):
    """Draw class ids with the probabilities softmax(logits)."""
    key = draw(seed, symbolic=isinstance(logits, KerasTensor))
    return apply("random_categorical", logits, num_samples=int(num_samples), dtype=dtype, **key)
