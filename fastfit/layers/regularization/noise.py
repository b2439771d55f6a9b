"""Random layers: what they add, multiply or set is drawn anew for each step, and in training only."""

import math
from numbers import Real

from fastfit import ops
from fastfit.graph.randomness import SeedGenerator
from fastfit.layers.input_spec import InputSpec
from fastfit.layers.layer import Layer
from fastfit.layers.legacy import rename_keywords
from fastfit.layers.regularization.dropout import Dropout
from fastfit.layers.shapes import standardize_shape
from fastfit.ops import random


def _in_unit(name, value):
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 <= value <= 1:
        raise ValueError(
            f"Invalid value received for argument `{name}`. Expected a float value between 0 and 1. "
            f"Received: {name}={value!r}"
        )
    return value if isinstance(value, (int, float)) else float(value)


class _Random(Layer):
    """Base: a seed, the mask passed on, nothing to build."""

    def __init__(self, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.seed = seed
        self.seed_generator = SeedGenerator(seed)
        self.supports_masking = True
        self.built = True

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)


class GaussianNoise(_Random):
    """Add normal noise of mean 0, in training only.

    Parameters
    ----------
    stddev : float
        In [0, 1].
    seed : int, optional
    """

    def __init__(self, stddev=None, seed=None, **kwargs):
        stddev = rename_keywords("GaussianNoise", kwargs, {"sigma": "stddev"}).get("stddev", stddev)
        super().__init__(seed, **kwargs)
        self.stddev = _in_unit("stddev", stddev)

    def call(self, inputs, training=False):
        if not training or self.stddev == 0:
            return inputs
        return inputs + random.normal(
            ops.shape(inputs), stddev=self.stddev, dtype=self.compute_dtype, seed=self.seed_generator
        )

    def get_config(self):
        return {**super().get_config(), "stddev": self.stddev, "seed": self.seed}


class GaussianDropout(_Random):
    """Multiply by normal noise of mean 1 and variance ``rate / (1 - rate)``, in training only.

    Parameters
    ----------
    rate : float
        In [0, 1).
    seed : int, optional
    """

    def __init__(self, rate=None, seed=None, **kwargs):
        rate = rename_keywords("GaussianDropout", kwargs, {"p": "rate"}).get("rate", rate)
        super().__init__(seed, **kwargs)
        self.rate = _in_unit("rate", rate)

    def call(self, inputs, training=False):
        if not training or self.rate == 0:
            return inputs
        if self.rate == 1:
            raise ValueError("GaussianDropout: a rate of 1 means noise of infinite variance. Received: rate=1")
        stddev = math.sqrt(self.rate / (1.0 - self.rate))
        return inputs * random.normal(
            ops.shape(inputs), mean=1.0, stddev=stddev, dtype=self.compute_dtype, seed=self.seed_generator
        )

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}


# Of `selu`; Klambauer, Unterthiner, Mayr and Hochreiter 2017, "Self-Normalizing Neural Networks".
_ALPHA, _SCALE = 1.6732632423543772, 1.0507009873554805


class AlphaDropout(_Random):
    """Set values to the limit of ``selu`` with probability ``rate``, and keep mean and variance, in training only.

    Parameters
    ----------
    rate : float
        In [0, 1].
    noise_shape : tuple, optional
        Shape of the mask; a 1 shares it along that axis.
    seed : int, optional
    """

    def __init__(self, rate=None, noise_shape=None, seed=None, **kwargs):
        rate = rename_keywords("AlphaDropout", kwargs, {"p": "rate"}).get("rate", rate)
        super().__init__(seed, **kwargs)
        self.rate = _in_unit("rate", rate)
        self.noise_shape = None if noise_shape is None else standardize_shape(noise_shape, "noise_shape")

    def call(self, inputs, training=False):
        if not training or self.rate == 0:
            return inputs
        shape = ops.shape(inputs)
        if self.noise_shape is not None:
            shape = tuple(n if d is None else d for n, d in zip(shape, self.noise_shape, strict=True))
        low = -_ALPHA * _SCALE
        if self.rate == 1:
            raise ValueError("AlphaDropout: a rate of 1 leaves nothing that has a variance. Received: rate=1")
        factor = ((1 - self.rate) * (1 + self.rate * low**2)) ** -0.5
        kept = ops.greater_equal(random.uniform(shape, dtype=self.compute_dtype, seed=self.seed_generator), self.rate)
        kept = ops.cast(kept, inputs.dtype)
        return (inputs * kept + low * (1.0 - kept)) * factor - factor * low * self.rate

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "seed": self.seed, "noise_shape": self.noise_shape}


class SpatialDropout1D(Dropout):
    """Dropout of whole channels: what is drawn for a row and channel holds for all of its steps.

    Parameters
    ----------
    rate : float
        In [0, 1].
    seed : int, optional
    """

    def __init__(self, rate=None, seed=None, name=None, dtype=None, **kwargs):
        super().__init__(rate, seed=seed, name=name, dtype=dtype, **kwargs)
        self.noise_shape = (None, 1, None)
        self.input_spec = InputSpec(ndim=3)

    def get_config(self):
        config = super().get_config()
        return {k: config[k] for k in ("rate", "seed", "name", "dtype")}
