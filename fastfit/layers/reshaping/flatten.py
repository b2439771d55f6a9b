"""Flatten: one axis per sample."""

import math

from fastfit import ops
from fastfit.layers.input_spec import InputSpec
from fastfit.layers.layer import Layer


class Flatten(Layer):
    """Make every sample a vector; a scalar becomes one of size 1.

    Parameters
    ----------
    data_format : {"channels_last", "channels_first"}, optional
        "channels_first" moves axis 1 to the end before.
    """

    def __init__(self, data_format=None, **kwargs):
        super().__init__(**kwargs)
        if data_format not in (None, "channels_last", "channels_first"):
            raise ValueError(
                "The `data_format` argument must be one of 'channels_first', 'channels_last'. "
                f"Received: data_format={data_format}"
            )
        self.data_format = data_format or "channels_last"
        self.input_spec = InputSpec(min_ndim=1)

    def call(self, inputs):
        rank = len(inputs.shape)
        if self.data_format == "channels_first" and rank > 2:
            inputs = ops.transpose(inputs, (0, *range(2, rank), 1))
        return ops.reshape(inputs, (-1, self._size(inputs.shape)))

    @staticmethod
    def _size(shape):
        if None in shape[1:]:
            raise ValueError(f"Flatten needs every size but the batch's to be known. Received: input shape {shape}")
        return math.prod(shape[1:])

    def compute_output_shape(self, input_shape):
        return (input_shape[0], None if None in input_shape[1:] else math.prod(input_shape[1:]))

    def get_config(self):
        return {**super().get_config(), "data_format": self.data_format}
