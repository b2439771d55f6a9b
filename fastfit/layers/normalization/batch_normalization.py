"""BatchNormalization: each channel to mean 0 and variance 1 over the batch."""

from fastfit import config, initializers, ops
from fastfit.layers.input_spec import InputSpec
from fastfit.layers.legacy import rename_keywords
from fastfit.layers.normalization.scaled import Scaled, checked_axes, sizes_along

_OLD_NAMES = {"beta_init": "beta_initializer", "gamma_init": "gamma_initializer"}


class BatchNormalization(Scaled):
    """Normalize each channel: by the batch in training, else by moving averages of what training has seen.

    ``gamma * (x - mean) / sqrt(variance + epsilon) + beta`` (Ioffe and Szegedy 2015).

    Parameters
    ----------
    axis : int, default=-1
        Of the channels.
    momentum : float, default=0.99
        Part of the moving averages that a step keeps.
    epsilon : float, default=1e-3
    center, scale : bool, default=True
    beta_initializer, gamma_initializer : initializer, default="zeros", "ones"
    moving_mean_initializer, moving_variance_initializer : initializer, default="zeros", "ones"
    beta_regularizer, gamma_regularizer : regularizer, optional
    beta_constraint, gamma_constraint : constraint, optional
    renorm, renorm_clipping, renorm_momentum
        Batch renormalization is not offered: ``renorm`` must be False.
    synchronized : bool, default=False
        Means nothing in one process.

    Notes
    -----
    Weights: gamma, beta, moving_mean, moving_variance. With ``trainable = False`` it is in inference mode, whatever
    ``training`` says. With a mask (of one axis less than the inputs) only what it lets through counts.
    """

    def __init__(
        self,
        axis=-1,
        momentum=0.99,
        epsilon=1e-3,
        center=True,
        scale=True,
        beta_initializer="zeros",
        gamma_initializer="ones",
        moving_mean_initializer="zeros",
        moving_variance_initializer="ones",
        beta_regularizer=None,
        gamma_regularizer=None,
        beta_constraint=None,
        gamma_constraint=None,
        renorm=False,
        renorm_clipping=None,
        renorm_momentum=0.99,
        synchronized=False,
        **kwargs,
    ):
        old = rename_keywords("BatchNormalization", kwargs, _OLD_NAMES)
        if renorm:
            raise ValueError(
                "BatchNormalization does not offer batch renormalization; `renorm` must be False. "
                f"Received: renorm={renorm!r}"
            )
        if isinstance(axis, (list, tuple)) and len(axis) == 1:  # as Keras 2 saves it
            axis = axis[0]
        if isinstance(axis, bool) or not isinstance(axis, int):
            raise TypeError(f"BatchNormalization: expected an int for the argument 'axis'. Received: axis={axis!r}")
        super().__init__(
            float(epsilon),
            center,
            scale,
            old.get("beta_initializer", beta_initializer),
            old.get("gamma_initializer", gamma_initializer),
            beta_regularizer,
            gamma_regularizer,
            beta_constraint,
            gamma_constraint,
            **kwargs,
        )
        self.axis, self.momentum, self.synchronized = int(axis), float(momentum), synchronized
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)
        self.renorm, self.renorm_clipping, self.renorm_momentum = False, renorm_clipping, renorm_momentum
        self.supports_masking = True
        self.moving_mean = self.moving_variance = None

    def build(self, input_shape):
        axes = checked_axes(self.axis, input_shape)
        shape = sizes_along(self, axes, input_shape)
        self._add_gamma_and_beta(shape, self.scale, self.center)
        for name in ("moving_mean", "moving_variance"):
            initializer = getattr(self, f"{name}_initializer")
            setattr(self, name, self.add_weight(shape=shape, name=name, initializer=initializer, trainable=False))
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: shape[0]})

    def call(self, inputs, training=None, mask=None):
        if mask is not None and len(mask.shape) != len(inputs.shape) - 1:
            raise ValueError(
                "The mask provided should be one dimension less than the inputs. "
                f"Received: mask.shape={tuple(mask.shape)}, inputs.shape={tuple(inputs.shape)}"
            )
        mean, variance = self.moving_mean, self.moving_variance
        if training and self.trainable:
            mean, variance = self._moments(inputs, mask)
            for moving, now in ((self.moving_mean, mean), (self.moving_variance, variance)):
                moving.assign(moving * self.momentum + now * (1.0 - self.momentum))
        return ops.batch_normalization(inputs, mean, variance, self.axis, self.beta, self.gamma, self.epsilon)

    def _moments(self, inputs, mask):
        channels = self.axis % len(inputs.shape)
        axes = tuple(a for a in range(len(inputs.shape)) if a != channels)
        if mask is None:
            return ops.moments(inputs, axes)
        mask = ops.cast(ops.expand_dims(mask, -1), "bool")
        weights = ops.broadcast_to(ops.cast(mask, inputs.dtype), ops.shape(inputs))
        count = ops.sum(weights, axes, keepdims=True) + config.epsilon()
        mean = ops.sum(ops.where(mask, inputs, 0.0), axes, keepdims=True) / count
        squares = ops.square(ops.where(mask, inputs - mean, 0.0))
        variance = ops.sum(squares, axes, keepdims=True) / count
        shape = self.moving_mean.shape
        return ops.reshape(mean, shape), ops.reshape(variance, shape)

    def get_config(self):
        return {
            **super().get_config(),
            "momentum": self.momentum,
            "moving_mean_initializer": initializers.serialize(self.moving_mean_initializer),
            "moving_variance_initializer": initializers.serialize(self.moving_variance_initializer),
            "renorm": self.renorm,
            "renorm_clipping": self.renorm_clipping,
            "renorm_momentum": self.renorm_momentum,
            "synchronized": self.synchronized,
        }
