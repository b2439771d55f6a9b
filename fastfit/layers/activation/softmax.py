"""Softmax as a layer, which may leave elements out."""

from fastfit import activations, ops
from fastfit.layers.layer import Layer
from fastfit.layers.shapes import integers


class Softmax(Layer):
    """Softmax over one axis, or several at once.

    Parameters
    ----------
    axis : int or list of int, default=-1

    Notes
    -----
    A ``mask`` that broadcasts to the inputs gives what is masked a probability of 0; where all is masked, all are 0.
    """

    def __init__(self, axis=-1, **kwargs):
        super().__init__(**kwargs)
        self.axis = axis if isinstance(axis, int) else list(integers(axis, "axis"))
        self.supports_masking = True
        self.built = True

    def call(self, inputs, mask=None):
        if mask is not None:
            _check_mask(inputs.shape, mask.shape)
            mask = mask if mask.dtype == "bool" else ops.greater(mask, 0.5)
            inputs = ops.where(mask, inputs, ops.cast(-3e4 if inputs.dtype == "float16" else -1e9, inputs.dtype))
        if isinstance(self.axis, list) and len(self.axis) > 1:
            outputs = ops.exp(inputs - ops.logsumexp(inputs, axis=tuple(self.axis), keepdims=True))
        else:
            outputs = activations.softmax(inputs, axis=self.axis if isinstance(self.axis, int) else self.axis[0])
        return outputs if mask is None else ops.where(mask, outputs, ops.cast(0.0, outputs.dtype))

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        return {**super().get_config(), "axis": self.axis}


def _check_mask(shape, mask):
    sizes = zip(reversed(tuple(mask)), reversed(tuple(shape)), strict=False)
    if len(mask) > len(shape) or any(m not in (1, n) for m, n in sizes if isinstance(m, int) and isinstance(n, int)):
        raise ValueError(
            "The `mask` of Softmax must broadcast to the inputs, with no more axes. "
            f"Received: inputs.shape={tuple(shape)}, mask.shape={tuple(mask)}"
        )
