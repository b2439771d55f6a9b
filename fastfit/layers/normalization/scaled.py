"""What the normalizations share: a trained factor and offset behind what they normalize."""

from fastfit import constraints, initializers, regularizers
from fastfit.layers.layer import Layer


class Scaled(Layer):
    """Base of the layers with ``gamma`` and ``beta``.

    Parameters
    ----------
    epsilon : float
        Added to the variance.
    center, scale : bool
        Whether there are an offset ``beta`` and a factor ``gamma``.
    beta_initializer, gamma_initializer : initializer
    beta_regularizer, gamma_regularizer : regularizer, optional
    beta_constraint, gamma_constraint : constraint, optional
    """

    def __init__(
        self,
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
    ):
        super().__init__(**kwargs)
        self.epsilon, self.center, self.scale = epsilon, center, scale
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)
        self.gamma = self.beta = None

    def _add_gamma_and_beta(self, shape, gamma, beta):
        if gamma:
            self.gamma = self.add_weight(
                shape=shape,
                name="gamma",
                initializer=self.gamma_initializer,
                regularizer=self.gamma_regularizer,
                constraint=self.gamma_constraint,
            )
        if beta:
            self.beta = self.add_weight(
                shape=shape,
                name="beta",
                initializer=self.beta_initializer,
                regularizer=self.beta_regularizer,
                constraint=self.beta_constraint,
            )

    def compute_output_shape(self, input_shape):
        checked_axes(self.axis, input_shape)
        return tuple(input_shape)

    def get_config(self):
        return {
            **super().get_config(),
            "axis": self.axis,
            "epsilon": self.epsilon,
            "center": self.center,
            "scale": self.scale,
            "beta_initializer": initializers.serialize(self.beta_initializer),
            "gamma_initializer": initializers.serialize(self.gamma_initializer),
            "beta_regularizer": regularizers.serialize(self.beta_regularizer),
            "gamma_regularizer": regularizers.serialize(self.gamma_regularizer),
            "beta_constraint": constraints.serialize(self.beta_constraint),
            "gamma_constraint": constraints.serialize(self.gamma_constraint),
        }


def checked_axes(axis, input_shape):
    """The axes as a list; ValueError if the input has not got one of them."""
    axes = [axis] if isinstance(axis, int) else list(axis)
    for a in axes:
        if not -len(input_shape) <= a < len(input_shape):
            raise ValueError(f"Axis {a} is out of bounds for input shape {tuple(input_shape)}. Received: axis={axis}")
    return axes


def axis_argument(axis):
    """`axis` as an int or a list of ints; TypeError for anything else."""
    if isinstance(axis, int) and not isinstance(axis, bool):
        return axis
    if isinstance(axis, (list, tuple)) and all(isinstance(a, int) and not isinstance(a, bool) for a in axis):
        return list(axis)
    raise TypeError(f"Expected an int or a list/tuple of ints for the argument 'axis'. Received: axis={axis!r}")


def sizes_along(layer, axes, input_shape):
    """Sizes of the axes; ValueError if one is unknown."""
    sizes = tuple(input_shape[a] for a in axes)
    if None in sizes:
        raise ValueError(
            f'{type(layer).__name__} "{layer.name}" needs a known size along axis {axes}. '
            f"Received: input_shape={tuple(input_shape)}"
        )
    return sizes
