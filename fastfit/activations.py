"""Activation functions, by the names and arguments of ``keras.activations``."""

from fastfit import ops
from fastfit.utils.registry import Registry
from fastfit.utils.suggestions import unknown_attribute


def relu(x, negative_slope=0.0, max_value=None, threshold=0.0):
    """Rectified linear unit.

    Parameters
    ----------
    negative_slope : float, default=0.0
        Slope below the threshold.
    max_value : float, optional
        Upper limit.
    threshold : float, default=0.0
        Values below it give ``negative_slope * (x - threshold)``.
    """
    if negative_slope == 0.0 and threshold == 0.0:
        if max_value is None:
            return ops.relu(x)
        return ops.clip(ops.nn._float(x), 0.0, float(max_value))
    x = ops.nn._float(x)
    positive = x if max_value is None else ops.minimum(x, max_value)
    return ops.where(x >= threshold, positive, (x - threshold) * negative_slope)


def leaky_relu(x, negative_slope=0.2):
    """Return x where positive, else negative_slope * x."""
    return ops.leaky_relu(x, negative_slope)


def relu6(x):
    """Return min(max(x, 0), 6)."""
    return ops.relu6(x)


def softmax(x, axis=-1):
    """Return exp(x) / sum(exp(x)) along an axis."""
    return ops.softmax(x, axis)


def log_softmax(x, axis=-1):
    """Return log(softmax(x))."""
    return ops.log_softmax(x, axis)


def elu(x, alpha=1.0):
    """Return x where positive, else alpha * (exp(x) - 1)."""
    return ops.elu(x, alpha)


def selu(x):
    """Return the scaled elu."""
    return ops.selu(x)


def celu(x, alpha=1.0):
    """Return max(x, 0) + alpha * expm1(min(x, 0) / alpha)."""
    return ops.celu(x, alpha)


def glu(x, axis=-1):
    """Return a * sigmoid(b) of the halves a, b along an axis."""
    return ops.glu(x, axis)


def gelu(x, approximate=False):
    """Return x * Phi(x), or its tanh approximation."""
    return ops.gelu(x, approximate)


def softplus(x):
    """Return log(1 + exp(x))."""
    return ops.softplus(x)


def softsign(x):
    """Return x / (1 + |x|)."""
    return ops.softsign(x)


def soft_shrink(x, threshold=0.5):
    """Return sign(x) * max(|x| - threshold, 0)."""
    return ops.soft_shrink(x, threshold)


def hard_shrink(x, threshold=0.5):
    """Return x where |x| > threshold, else 0."""
    return ops.hard_shrink(x, threshold)


def tanh_shrink(x):
    """Return x - tanh(x)."""
    return ops.tanh_shrink(x)


def threshold(x, threshold, default_value):
    """Return x where x > threshold, else default_value."""
    return ops.threshold(x, threshold, default_value)


def squareplus(x, b=4):
    """Return (x + sqrt(x^2 + b)) / 2."""
    return ops.squareplus(x, b)


def sparse_plus(x):
    """Return 0 up to -1, x from 1, and (x + 1)^2 / 4 between."""
    return ops.sparse_plus(x)


def sparse_sigmoid(x):
    """Return 0 up to -1, 1 from 1, and (x + 1) / 2 between."""
    return ops.sparse_sigmoid(x)


def sparsemax(x, axis=-1):
    """Return the projection onto the simplex."""
    return ops.sparsemax(x, axis)


def silu(x):
    """Return x * sigmoid(x)."""
    return ops.silu(x)


def hard_silu(x):
    """Return x * hard_sigmoid(x)."""
    return ops.hard_silu(x)


def tanh(x):
    """Return the hyperbolic tangent."""
    return ops.tanh(x)


def sigmoid(x):
    """Return 1 / (1 + exp(-x))."""
    return ops.sigmoid(x)


def log_sigmoid(x):
    """Return log(sigmoid(x))."""
    return ops.log_sigmoid(x)


def hard_sigmoid(x):
    """Return relu6(x + 3) / 6."""
    return ops.hard_sigmoid(x)


def hard_tanh(x):
    """Return x limited to [-1, 1]."""
    return ops.hard_tanh(x)


def exponential(x):
    """Return exp(x)."""
    return ops.exp(x)


def mish(x):
    """Return x * tanh(softplus(x))."""
    x = ops.nn._float(x)
    return x * ops.tanh(ops.softplus(x))


def linear(x):
    """Return x."""
    return x


swish = silu
hard_swish = hard_silu

_FUNCTIONS = {
    f.__name__: f
    for f in (
        relu, leaky_relu, relu6, softmax, log_softmax, elu, selu, celu, glu, gelu, softplus, softsign, soft_shrink,
        hard_shrink, tanh_shrink, threshold, squareplus, sparse_plus, sparse_sigmoid, sparsemax, silu, hard_silu, tanh,
        sigmoid, log_sigmoid, hard_sigmoid, hard_tanh, exponential, mish, linear,
    )
}  # fmt: skip
_ALIASES = {"swish": silu, "hard_swish": hard_silu}
__all__ = [*_FUNCTIONS, *_ALIASES, "deserialize", "get", "serialize"]
_REGISTRY = Registry("activation function", "activations", (), _ALIASES, _FUNCTIONS)


def get(identifier):
    """Return the activation function for a name, config, function or None (linear).

    Raises
    ------
    ValueError : no activation has that name.
    """
    return linear if identifier is None else _REGISTRY.get(identifier)


def serialize(activation):
    """Return the name of an activation function, the config of any other function or object; None stays None."""
    if any(activation is function for function in _FUNCTIONS.values()):
        return activation.__name__
    return _REGISTRY.serialize(activation)


def deserialize(config, custom_objects=None):
    """Return the activation function that `serialize` described."""
    return _REGISTRY.deserialize(config, custom_objects)


__getattr__ = unknown_attribute(__name__, globals())
