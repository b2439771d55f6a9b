"""Rectifiers as layers, with their numbers as arguments."""

from numbers import Real

from fastfit import activations, constraints, initializers, ops, regularizers
from fastfit.layers.input_spec import InputSpec
from fastfit.layers.layer import Layer
from fastfit.layers.legacy import rename_keywords
from fastfit.layers.shapes import integers


class _Elementwise(Layer):
    """Base of the layers that keep shape and mask."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.built = True

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)


def _not_negative(layer, name, value):
    if isinstance(value, bool) or not isinstance(value, Real) or not value >= 0:
        raise ValueError(f"{name} of a {layer} layer must be a number that is not negative. Received: {name}={value!r}")
    return value


class ReLU(_Elementwise):
    """``max(x, 0)``; with numbers: ``max_value`` above it, ``negative_slope * (x - threshold)`` below ``threshold``.

    Parameters
    ----------
    max_value : float, optional
        At least 0; no bound by default.
    negative_slope : float, default=0
    threshold : float, default=0
        Values below it are as of the negative side.
    """

    def __init__(self, max_value=None, negative_slope=0.0, threshold=0.0, **kwargs):
        super().__init__(**kwargs)
        if max_value is not None:
            _not_negative("ReLU", "max_value", max_value)
        self.max_value = max_value
        self.negative_slope = _not_negative("ReLU", "negative_slope", negative_slope)
        self.threshold = _not_negative("ReLU", "threshold", threshold)

    def call(self, inputs):
        return activations.relu(
            inputs, negative_slope=self.negative_slope, max_value=self.max_value, threshold=self.threshold
        )

    def get_config(self):
        return {
            **super().get_config(),
            "max_value": self.max_value,
            "negative_slope": self.negative_slope,
            "threshold": self.threshold,
        }


class LeakyReLU(_Elementwise):
    """``x`` where it is positive, ``negative_slope * x`` elsewhere.

    Parameters
    ----------
    negative_slope : float, default=0.3
        At least 0. Keras 2 calls it ``alpha``.
    """

    def __init__(self, negative_slope=0.3, **kwargs):
        negative_slope = rename_keywords("LeakyReLU", kwargs, {"alpha": "negative_slope"}).get(
            "negative_slope", negative_slope
        )
        super().__init__(**kwargs)
        self.negative_slope = _not_negative("LeakyReLU", "negative_slope", negative_slope)

    def call(self, inputs):
        return activations.leaky_relu(inputs, negative_slope=self.negative_slope)

    def get_config(self):
        return {**super().get_config(), "negative_slope": self.negative_slope}


class ThresholdedReLU(_Elementwise):
    """``x`` where it is greater than ``theta``, 0 elsewhere: a layer of Keras 2.

    Parameters
    ----------
    theta : float, default=1
        At least 0.
    """

    def __init__(self, theta=1.0, **kwargs):
        super().__init__(**kwargs)
        self.theta = float(_not_negative("ThresholdedReLU", "theta", theta))

    def call(self, inputs):
        return inputs * ops.cast(ops.greater(inputs, self.theta), inputs.dtype)

    def get_config(self):
        return {**super().get_config(), "theta": self.theta}


class ELU(_Elementwise):
    """``x`` where it is positive, ``alpha * (exp(x) - 1)`` elsewhere.

    Parameters
    ----------
    alpha : float, default=1
    """

    def __init__(self, alpha=1.0, **kwargs):
        super().__init__(**kwargs)
        if isinstance(alpha, bool) or not isinstance(alpha, Real):
            raise ValueError(f"alpha of an ELU layer must be a number. Received: {alpha=}")
        self.alpha = alpha

    def call(self, inputs):
        return activations.elu(inputs, alpha=self.alpha)

    def get_config(self):
        # Keras 3 leaves it out, and reads it back if it is there
        return {**super().get_config(), "alpha": self.alpha}


class PReLU(Layer):
    """``x`` where it is positive, ``alpha * x`` elsewhere, where ``alpha`` is trained.

    Parameters
    ----------
    alpha_initializer : initializer, default="zeros"
    alpha_regularizer : regularizer, optional
    alpha_constraint : constraint, optional
    shared_axes : int or list of int, optional
        Axes, counted from 1 behind the batch, along which one ``alpha`` serves all.
    """

    def __init__(
        self, alpha_initializer="Zeros", alpha_regularizer=None, alpha_constraint=None, shared_axes=None, **kwargs
    ):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.alpha_initializer = initializers.get(alpha_initializer)
        self.alpha_regularizer = regularizers.get(alpha_regularizer)
        self.alpha_constraint = constraints.get(alpha_constraint)
        self.shared_axes = None if shared_axes is None else list(integers(shared_axes, "shared_axes"))
        self.alpha = None

    def build(self, input_shape):
        shape = list(input_shape[1:])
        for axis in self.shared_axes or ():
            if not 0 < axis <= len(shape):
                raise ValueError(
                    f"PReLU: axes in `shared_axes` must be in [1, {len(shape)}] for inputs of shape "
                    f"{tuple(input_shape)}. Received: shared_axes={self.shared_axes}"
                )
            shape[axis - 1] = 1
        if None in shape:
            raise ValueError(
                "PReLU needs sizes for all axes that do not share their alpha; name the others in `shared_axes`. "
                f"Received: input_shape={tuple(input_shape)}, shared_axes={self.shared_axes}"
            )
        self.alpha = self.add_weight(
            shape=tuple(shape),
            name="alpha",
            initializer=self.alpha_initializer,
            regularizer=self.alpha_regularizer,
            constraint=self.alpha_constraint,
        )
        axes = {i: n for i, n in enumerate(input_shape) if self.shared_axes and i and i not in self.shared_axes}
        self.input_spec = InputSpec(ndim=len(input_shape), axes=axes)

    def call(self, inputs):
        return ops.relu(inputs) - self.alpha * ops.relu(-inputs)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        return {
            **super().get_config(),
            "alpha_initializer": initializers.serialize(self.alpha_initializer),
            "alpha_regularizer": regularizers.serialize(self.alpha_regularizer),
            "alpha_constraint": constraints.serialize(self.alpha_constraint),
            "shared_axes": self.shared_axes,
        }
