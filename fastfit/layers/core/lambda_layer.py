"""Lambda: any function as a layer."""

import inspect

from fastfit.layers.layer import Layer
from fastfit.utils.registry import deserialize_keras_object, lambda_of_layer_config, serialize_keras_object


class Lambda(Layer):
    """Wrap a function of the inputs.

    Parameters
    ----------
    function : callable
        Written in ``fastfit.ops`` or NumPy; gets ``training`` and ``mask`` if it names them.
    output_shape : tuple or callable, optional
        Found by tracing when not given.
    mask : callable or tensor, optional
        The output's mask, or a function of (inputs, previous mask).
    arguments : dict, optional
        Further keyword arguments of the function.
    """

    def __init__(self, function, output_shape=None, mask=None, arguments=None, **kwargs):
        super().__init__(**kwargs)
        if not callable(function):
            raise ValueError(f"Argument `function` must be callable. Received: function={function}")
        self.function = function
        self.arguments = arguments or {}
        self.mask = mask
        self._output_shape = output_shape
        self._takes = set(inspect.signature(function).parameters)
        self.supports_masking = mask is not None
        self.built = True

    def call(self, inputs, mask=None, training=None):
        offered = {"mask": mask, "training": training}
        return self.function(inputs, **self.arguments, **{k: v for k, v in offered.items() if k in self._takes})

    def compute_output_shape(self, input_shape):
        if self._output_shape is None:
            return super().compute_output_shape(input_shape)
        if callable(self._output_shape):
            return tuple(self._output_shape(input_shape))
        return (input_shape[0], *self._output_shape)

    def get_config(self):
        given = {
            "function": self.function,
            "output_shape": self._output_shape,
            "mask": self.mask,
            "arguments": self.arguments,
        }
        parts = {key: _part_config(value) for key, value in given.items() if value is not None}
        return {**super().get_config(), **parts}

    @classmethod
    def from_config(cls, config):
        parts = ("function", "output_shape", "mask", "arguments")
        config = {**config, **deserialize_keras_object({k: config[k] for k in parts if k in config})}
        if isinstance(config.get("output_shape"), list):
            config["output_shape"] = tuple(config["output_shape"])
        return cls(**config)

    def compute_mask(self, inputs, previous_mask):
        return self.mask(inputs, previous_mask) if callable(self.mask) else self.mask


def _part_config(value):
    is_lambda = getattr(value, "__name__", None) == "<lambda>"
    return lambda_of_layer_config(value) if is_lambda else serialize_keras_object(value)
