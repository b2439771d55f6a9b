"""Layers that rearrange the values of a sample: Reshape, Permute, RepeatVector."""

import math

from fastfit import ops
from fastfit.layers.input_spec import InputSpec
from fastfit.layers.layer import Layer
from fastfit.layers.shapes import integers, is_integer


class Reshape(Layer):
    """Give every sample another shape.

    Parameters
    ----------
    target_shape : tuple
        Without the batch axis; one size may be -1.
    """

    def __init__(self, target_shape, **kwargs):
        super().__init__(**kwargs)
        target_shape = integers(target_shape, "target_shape")
        if target_shape.count(-1) > 1:
            raise ValueError(
                "The `target_shape` argument must not contain more than one `-1` value. "
                f"Received: target_shape={target_shape}"
            )
        self.target_shape = target_shape
        self.built = True

    def compute_output_shape(self, input_shape):
        if None in input_shape[1:]:
            return (input_shape[0], *(None if d == -1 else d for d in self.target_shape))
        size = math.prod(input_shape[1:])
        known = math.prod(d for d in self.target_shape if d != -1)
        fits = size % known == 0 if known and -1 in self.target_shape else size == known
        if not fits:
            raise ValueError(
                f"The total size of the tensor must be unchanged. Received: input_shape={tuple(input_shape)}, "
                f"target_shape={self.target_shape}"
            )
        return (input_shape[0], *(size // known if d == -1 else d for d in self.target_shape))

    def call(self, inputs):
        return ops.reshape(inputs, (-1, *self.compute_output_shape(tuple(inputs.shape))[1:]))

    def get_config(self):
        return {**super().get_config(), "target_shape": self.target_shape}


class Permute(Layer):
    """Reorder the axes of every sample.

    Parameters
    ----------
    dims : tuple
        The new order, counting from 1.
    """

    def __init__(self, dims, **kwargs):
        super().__init__(**kwargs)
        self.dims = integers(dims, "dims")
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ValueError(
                f"Invalid permutation argument `dims` for Permute Layer. The set of indices in `dims` must be "
                f"consecutive and start from 1. Received: dims={dims}"
            )
        self.input_spec = InputSpec(ndim=len(self.dims) + 1)
        self.built = True

    def call(self, inputs):
        return ops.transpose(inputs, (0, *self.dims))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *(input_shape[d] for d in self.dims))

    def get_config(self):
        return {**super().get_config(), "dims": self.dims}


class RepeatVector(Layer):
    """Repeat every sample's vector n times: (d) becomes (n, d).

    Parameters
    ----------
    n : int
    """

    def __init__(self, n, **kwargs):
        super().__init__(**kwargs)
        if not is_integer(n):
            raise TypeError(f"Expected an integer value for `n`. Received: n={n!r} (type: {type(n)})")
        if n < 1:
            raise ValueError(f"Argument `n` should be a positive integer. Received: n={n}")
        self.n = int(n)
        self.input_spec = InputSpec(ndim=2)
        self.built = True

    def call(self, inputs):
        return ops.repeat(ops.expand_dims(inputs, axis=1), self.n, axis=1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.n, input_shape[1])

    def get_config(self):
        return {**super().get_config(), "n": self.n}
