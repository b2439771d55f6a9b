"""Dense: every input to every output."""

from fastfit import activations, constraints, initializers, regularizers
from fastfit.graph.op import apply
from fastfit.layers.input_spec import InputSpec
from fastfit.layers.layer import Layer
from fastfit.layers.legacy import rename_keywords
from fastfit.layers.shapes import is_integer

# Keras 1 spellings, by what they became.
_OLD_NAMES = {
    "output_dim": "units",
    "init": "kernel_initializer",
    "W_regularizer": "kernel_regularizer",
    "b_regularizer": "bias_regularizer",
    "W_constraint": "kernel_constraint",
    "b_constraint": "bias_constraint",
    "bias": "use_bias",
}


# Arguments of Keras for large language models; its configs hold them.
_NOT_OFFERED = ("lora_rank", "lora_alpha", "quantization_config")


class Dense(Layer):
    """``activation(x @ kernel + bias)``, over the last axis.

    Parameters
    ----------
    units : int
        Size of the output's last axis.
    activation : str or callable, optional
        Linear by default.
    use_bias : bool, default=True
    kernel_initializer : initializer, default="glorot_uniform"
    bias_initializer : initializer, default="zeros"
    kernel_regularizer, bias_regularizer, activity_regularizer : regularizer, optional
    kernel_constraint, bias_constraint : constraint, optional

    Notes
    -----
    Input (..., d) gives (..., units). Weights: kernel (d, units), then bias (units).
    """

    def __init__(
        self,
        units=None,
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        old = rename_keywords("Dense", kwargs, _OLD_NAMES)
        units = old.get("units", units)
        if not is_integer(units) or units <= 0:
            raise ValueError(
                f"Received an invalid value for `units`, expected a positive integer. Received: units={units!r}"
            )
        for name in _NOT_OFFERED:
            value = kwargs.pop(name, None)
            if value is not None:
                raise ValueError(f"Dense does not offer `{name}`; it must be None. Received: {name}={value!r}")
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.units = int(units)
        self.activation = activations.get(activation)
        self.use_bias = old.get("use_bias", use_bias)
        self.kernel_initializer = initializers.get(old.get("kernel_initializer", kernel_initializer))
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(old.get("kernel_regularizer", kernel_regularizer))
        self.bias_regularizer = regularizers.get(old.get("bias_regularizer", bias_regularizer))
        self.kernel_constraint = constraints.get(old.get("kernel_constraint", kernel_constraint))
        self.bias_constraint = constraints.get(old.get("bias_constraint", bias_constraint))
        self.kernel = self.bias = None
        self.input_spec = InputSpec(min_ndim=2)
        self.supports_masking = True

    def build(self, input_shape):
        features = input_shape[-1]
        if features is None:
            raise ValueError(
                f'The last dimension of the inputs to layer "{self.name}" must be defined. '
                f"Received: input_shape={tuple(input_shape)}"
            )
        self.kernel = self.add_weight(
            name="kernel",
            shape=(features, self.units),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias",
                shape=(self.units,),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )
        self.input_spec = InputSpec(min_ndim=2, axes={-1: features})

    def call(self, inputs, training=None):
        x = apply("dense", inputs, self.kernel, self.bias)
        return x if self.activation is None else self.activation(x)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
            "bias_constraint": constraints.serialize(self.bias_constraint),
        }
