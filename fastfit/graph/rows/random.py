"""Random ops. What they draw depends on seed, stream, step and element alone; see ``graph/randomness.py``."""

import math

import numpy as np

from fastfit.graph import randomness
from fastfit.graph.op import apply, define

A = apply


def _mask_shape(shape, noise_shape):
    if noise_shape is None:
        return shape
    return tuple(s if n is None else n for s, n in zip(shape, noise_shape, strict=True))


def _scales(shape, dtype, rate, noise_shape, seed, stream):
    shape = _mask_shape(shape, noise_shape)
    keep = randomness.uniform(math.prod(shape), seed, stream).reshape(shape) >= rate
    scale = 0.0 if rate >= 1 else 1.0 / (1.0 - rate)
    return keep.astype(dtype) * np.asarray(scale, dtype)


def _dropout(x, rate, noise_shape=None, seed=None, stream=None):
    x = np.asarray(x)
    return x * _scales(x.shape, x.dtype, rate, noise_shape, seed, stream)


def _dropout_shape(x, rate, noise_shape=None, seed=None, stream=None):
    if not 0 <= rate <= 1:
        raise ValueError(f"dropout: rate must be in [0, 1]. Received: rate={rate}")
    return x.shape, x.dtype


# The gradient is dropout with the same attributes: the same elements are dropped.
define(
    "dropout",
    _dropout_shape,
    _dropout,
    lambda node, dy: [A("dropout", dy, **node.attrs)],
    promote="float",
)


def _with_dims(shape, dims):
    dims = iter(dims)
    return tuple(int(next(dims)) if d is None else d for d in shape)


def _sampler(name, draw):
    """Define an op that fills ``shape``; a None in it is given by one more input (an int scalar)."""

    def meaning(*dims, shape, dtype="float32", seed=None, stream=None, **attrs):
        shape = _with_dims(shape, dims)
        return np.asarray(draw(math.prod(shape), seed, stream, **attrs)).reshape(shape).astype(dtype)

    define(
        name,
        lambda *dims, shape, dtype="float32", **_: (tuple(shape), dtype),
        meaning,
        constant=True,
        sizes=slice(0, None),
    )


def _like(name, draw):
    """Define an op that fills the shape of its input, which may have unknown sizes."""

    def meaning(x, dtype="float32", seed=None, stream=None, **attrs):
        shape = np.shape(x)
        return np.asarray(draw(math.prod(shape), seed, stream, **attrs)).reshape(shape).astype(dtype)

    define(name, lambda x, dtype="float32", **_: (x.shape, dtype), meaning, constant=True)


def _normal(count, seed, stream, mean=0.0, stddev=1.0):
    return mean + stddev * randomness.normal(count, seed, stream)


def _uniform(count, seed, stream, low=0.0, high=1.0):
    return low + (high - low) * randomness.uniform(count, seed, stream)


def _randint(count, seed, stream, low, high):
    return low + np.floor(randomness.words_for(count, seed, stream) * 2.0**-32 * (high - low))


def _truncated_normal(count, seed, stream, mean=0.0, stddev=1.0):
    # Redrawing makes the count of words depend on the values; taking the first valid draw of eight does not, and
    # fails once in 1e10 (then the value is clipped).
    draws = randomness.normal(8 * count, seed, stream).reshape(count, 8)
    first = np.argmax(np.abs(draws) <= 2, axis=1)
    return mean + stddev * np.clip(draws[np.arange(count), first], -2, 2)


def _generator(seed, stream):
    words = randomness.words_for(4, seed, stream)
    return np.random.Generator(np.random.Philox(key=[int(words[0]), int(words[1])], counter=[0, 0, 0, int(words[2])]))


def _gamma(count, seed, stream, alpha):
    return _generator(seed, stream).gamma(alpha, size=count)


def _beta(count, seed, stream, alpha, beta):
    return _generator(seed, stream).beta(alpha, beta, size=count)


def _binomial(count, seed, stream, counts, probabilities):
    return _generator(seed, stream).binomial(counts, probabilities, size=count)


for _name, _draw in (
    ("random_normal", _normal),
    ("random_uniform", _uniform),
    ("random_truncated_normal", _truncated_normal),
    ("random_randint", _randint),
    ("random_gamma", _gamma),
    ("random_beta", _beta),
    ("random_binomial", _binomial),
):
    _sampler(_name, _draw)
_like("random_normal_like", _normal)
_like("random_uniform_like", _uniform)


def _shuffle(x, axis=0, seed=None, stream=None):
    x = np.asarray(x)
    return np.take(x, np.argsort(randomness.words_for(x.shape[axis], seed, stream), kind="stable"), axis=axis)


define("random_shuffle", lambda x, axis=0, **_: (x.shape, x.dtype), _shuffle)


def _categorical(logits, num_samples, dtype="int32", seed=None, stream=None):
    logits = np.asarray(logits, np.float64)
    rows, classes = logits.shape
    u = randomness.uniform(rows * num_samples * classes, seed, stream).reshape(rows, num_samples, classes)
    gumbel = -np.log(-np.log(np.clip(u, 1e-12, 1 - 1e-12)))
    return np.argmax(logits[:, None, :] + gumbel, axis=-1).astype(dtype)


define(
    "random_categorical",
    lambda logits, num_samples, dtype="int32", **_: ((logits.shape[0], num_samples), dtype),
    _categorical,
    constant=True,
)
