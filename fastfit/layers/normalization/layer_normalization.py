"""Normalizations of each row by itself."""

import warnings

from fastfit import ops
from fastfit.layers.input_spec import InputSpec
from fastfit.layers.layer import Layer
from fastfit.layers.normalization.scaled import Scaled, axis_argument, checked_axes, sizes_along


class LayerNormalization(Scaled):
    """Normalize over axes of each row: ``gamma * (x - mean) / sqrt(variance + epsilon) + beta`` (Ba et al. 2016).

    Parameters
    ----------
    axis : int or list of int, default=-1
    epsilon : float, default=1e-3
    center, scale : bool, default=True
    beta_initializer, gamma_initializer : initializer, default="zeros", "ones"
    beta_regularizer, gamma_regularizer : regularizer, optional
    beta_constraint, gamma_constraint : constraint, optional

    Notes
    -----
    Weights: gamma, beta, each of the sizes of the axes.
    """

    def __init__(
        self,
        axis=-1,
        epsilon=1e-3,
        center=True,
        scale=True,
        beta_initializer="zeros",
        gamma_initializer="ones",
        beta_regularizer=None,
        gamma_regularizer=None,
        beta_constraint=None,
        gamma_constraint=None,
        **kwargs,
    ):
        self.rms_scaling = bool(kwargs.pop("rms_scaling", False))
        if self.rms_scaling:
            warnings.warn(
                "`rms_scaling=True` is deprecated: it divides by the standard deviation, not by the root of the mean "
                "square. `RMSNormalization` does that.",
                stacklevel=2,
            )
        super().__init__(
            epsilon,
            center,
            scale,
            beta_initializer,
            gamma_initializer,
            beta_regularizer,
            gamma_regularizer,
            beta_constraint,
            gamma_constraint,
            **kwargs,
        )
        self.axis = axis_argument(axis)
        self.supports_masking = True

    def build(self, input_shape):
        axes = sorted(checked_axes(self.axis, input_shape))
        shape = sizes_along(self, axes, input_shape)
        self.axis = axes
        scaled = self.rms_scaling
        self._add_gamma_and_beta(shape, self.scale or scaled, self.center and not scaled)

    def call(self, inputs):
        return ops.layer_normalization(
            inputs, self.gamma, self.beta, self.axis, self.epsilon, rms_scaling=self.rms_scaling
        )

    def get_config(self):
        return {**super().get_config(), "rms_scaling": self.rms_scaling}


class RMSNormalization(Layer):
    """Divide by the root of the mean square over axes of each row, times a trained ``scale``.

    Parameters
    ----------
    axis : int or list of int, default=-1
    epsilon : float, default=1e-6
        Added to the mean square.
    """

    def __init__(self, axis=-1, epsilon=1e-6, **kwargs):
        super().__init__(**kwargs)
        self.axis, self.epsilon, self.scale = axis_argument(axis), epsilon, None

    def build(self, input_shape):
        axes = sorted(checked_axes(self.axis, input_shape))
        shape = sizes_along(self, axes, input_shape)
        self.axis = axes
        self.scale = self.add_weight(name="scale", shape=shape, initializer="ones")

    def call(self, x):
        return ops.rms_normalization(x, scale=self.scale, axis=self.axis, epsilon=self.epsilon)

    def compute_output_shape(self, input_shape):
        checked_axes(self.axis, input_shape)
        return tuple(input_shape)

    def get_config(self):
        return {**super().get_config(), "axis": self.axis, "epsilon": self.epsilon}


class UnitNormalization(Layer):
    """Divide by the root of the sum of squares over axes of each row.

    Parameters
    ----------
    axis : int or list of int, default=-1
    """

    def __init__(self, axis=-1, **kwargs):
        super().__init__(**kwargs)
        self.axis = axis_argument(axis)
        self.supports_masking = True
        self.built = True

    def call(self, inputs):
        axis = self.axis if isinstance(self.axis, int) else tuple(self.axis)
        return ops.normalize(inputs, axis=axis, order=2, epsilon=1e-12)

    def compute_output_shape(self, input_shape):
        checked_axes(self.axis, input_shape)
        return tuple(input_shape)

    def get_config(self):
        return {**super().get_config(), "axis": self.axis}


class GroupNormalization(Scaled):
    """Normalize over groups of channels and all other axes of each row (Wu and He 2018).

    Parameters
    ----------
    groups : int, default=32
        Number of groups, which divides that of channels; -1 for one per channel.
    axis : int, default=-1
        Of the channels.
    epsilon : float, default=1e-3
    center, scale : bool, default=True
    beta_initializer, gamma_initializer : initializer, default="zeros", "ones"
    beta_regularizer, gamma_regularizer : regularizer, optional
    beta_constraint, gamma_constraint : constraint, optional

    Notes
    -----
    Weights: gamma, beta, each of the number of channels.
    """

    def __init__(
        self,
        groups=32,
        axis=-1,
        epsilon=1e-3,
        center=True,
        scale=True,
        beta_initializer="zeros",
        gamma_initializer="ones",
        beta_regularizer=None,
        gamma_regularizer=None,
        beta_constraint=None,
        gamma_constraint=None,
        **kwargs,
    ):
        super().__init__(
            epsilon,
            center,
            scale,
            beta_initializer,
            gamma_initializer,
            beta_regularizer,
            gamma_regularizer,
            beta_constraint,
            gamma_constraint,
            **kwargs,
        )
        self.groups, self.axis = groups, axis
        self.supports_masking = True

    def build(self, input_shape):
        (channels,) = sizes_along(self, checked_axes(self.axis, input_shape), input_shape)
        if self.groups == -1:
            self.groups = channels
        if self.groups < 1 or channels % self.groups:
            raise ValueError(
                f"Number of groups ({self.groups}) must be positive and divide the number of channels ({channels})."
            )
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: channels})
        self._add_gamma_and_beta((channels,), self.scale, self.center)

    def call(self, inputs):
        rank, shape = len(inputs.shape), tuple(ops.shape(inputs))
        channels = self.axis % rank
        size = shape[channels] // self.groups
        parts = ops.reshape(inputs, (*shape[:channels], self.groups, size, *shape[channels + 1 :]))
        axes = tuple(a for a in range(1, rank + 1) if a != channels)
        along = [1] * (rank + 1)
        along[channels : channels + 2] = self.groups, size
        mean, variance = ops.moments(parts, axes, keepdims=True)
        factor = ops.rsqrt(variance + self.epsilon)
        factor = factor if self.gamma is None else factor * ops.reshape(self.gamma, along)
        parts = (parts - mean) * factor
        parts = parts if self.beta is None else parts + ops.reshape(self.beta, along)
        return ops.reshape(parts, shape)

    def get_config(self):
        return {**super().get_config(), "groups": self.groups}
