"""Dropout: random zeros while training."""

from numbers import Real

from fastfit.graph.randomness import SeedGenerator
from fastfit.layers.layer import Layer
from fastfit.layers.legacy import rename_keywords
from fastfit.layers.shapes import standardize_shape
from fastfit.ops import random


class Dropout(Layer):
    """Set values to 0 with probability ``rate`` and scale the others by 1 / (1 - rate), in training only.

    Parameters
    ----------
    rate : float
        In [0, 1].
    noise_shape : tuple, optional
        Shape of the mask; a 1 shares it along that axis.
    seed : int, optional
    """

    def __init__(self, rate=None, noise_shape=None, seed=None, **kwargs):
        rate = rename_keywords("Dropout", kwargs, {"p": "rate"}).get("rate", rate)
        super().__init__(**kwargs)
        if isinstance(rate, bool) or not isinstance(rate, Real) or not 0 <= rate <= 1:
            raise ValueError(
                f"Invalid value received for argument `rate`. Expected a float value between 0 and 1. Received: {rate=}"
            )
        self.rate = rate if isinstance(rate, (int, float)) else float(rate)
        self.noise_shape = None if noise_shape is None else standardize_shape(noise_shape, "noise_shape")
        self.seed = seed
        self.seed_generator = SeedGenerator(seed)
        self.supports_masking = True
        self.built = True

    def call(self, inputs, training=False):
        if not training or self.rate == 0:
            return inputs
        return random.dropout(inputs, self.rate, self.noise_shape, seed=self.seed_generator)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "seed": self.seed, "noise_shape": self.noise_shape}
