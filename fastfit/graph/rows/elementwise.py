"""Ops that compute each element by itself."""

import math

import numpy as np

from fastfit.graph.op import apply, define, is_float
from fastfit.graph.rows.helpers import (
    binary,
    comparison,
    mask_like,
    predicate,
    same_shape,
    symbolic,
    unary,
    unbroadcast,
)

A = apply

# Special functions that NumPy lacks -----------------------------------------------------------------------------------


def _per_element(function):
    ufunc = np.frompyfunc(function, 1, 1)

    def meaning(x):
        x = np.asarray(x)
        return np.asarray(ufunc(x.astype(np.float64)), np.float64).astype(x.dtype)

    return meaning


def sigmoid(x):
    """Return 1 / (1 + exp(-x)) without overflow."""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


def softplus(x):
    """Return log(1 + exp(x)) without overflow."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def _erfinv(x):
    if not -1 < x < 1:
        return math.copysign(math.inf, x) if abs(x) == 1 else math.nan
    # Winitzki's approximation, then Newton steps on erf (or erfc, which keeps its digits near 1).
    a, sign, x = 0.147, math.copysign(1.0, x), abs(x)
    w = math.log1p(-x * x)
    t = 2 / (math.pi * a) + w / 2
    y = math.sqrt(max(math.sqrt(t * t - w / a) - t, 0.0))
    for _ in range(4):
        error = math.erf(y) - x if x < 0.9 else (1 - x) - math.erfc(y)
        y -= error / (2 / math.sqrt(math.pi) * math.exp(-y * y))
    return sign * y


def _i0_grad(x, y, dy):
    # I1 as the mean of cos t exp(x cos t) over half a circle, by the midpoint rule.
    cos = np.cos((np.arange(128) + 0.5) * math.pi / 128).astype(x.dtype)
    return dy * A("mean", A("exp", A("expand_dims", x, axis=-1) * cos) * cos, axis=-1)


def _sinc_grad(x, y, dy):
    zero = A("equal", x, 0.0)
    return dy * A("where", zero, 0.0, (A("cos", x * math.pi) - y) / A("where", zero, 1.0, x))


# Unary, float ---------------------------------------------------------------------------------------------------------

_C = 2.0 / math.sqrt(math.pi)
unary("exp", np.exp, lambda x, y, dy: dy * y)
unary("exp2", np.exp2, lambda x, y, dy: dy * y * math.log(2.0))
unary("expm1", np.expm1, lambda x, y, dy: dy * (y + 1.0))
unary("log", np.log, lambda x, y, dy: dy / x)
unary("log1p", np.log1p, lambda x, y, dy: dy / (x + 1.0))
unary("log2", np.log2, lambda x, y, dy: dy / (x * math.log(2.0)))
unary("log10", np.log10, lambda x, y, dy: dy / (x * math.log(10.0)))
unary("sqrt", np.sqrt, lambda x, y, dy: dy * 0.5 / y)
unary("rsqrt", lambda x: 1 / np.sqrt(x), lambda x, y, dy: dy * (-0.5 * y * y * y))
unary("cbrt", np.cbrt, lambda x, y, dy: dy / (3.0 * A("square", y)))
unary("reciprocal", lambda x: 1 / x, lambda x, y, dy: A("negative", dy * A("square", y)))
unary("sin", np.sin, lambda x, y, dy: dy * A("cos", x))
unary("cos", np.cos, lambda x, y, dy: A("negative", dy * A("sin", x)))
unary("tan", np.tan, lambda x, y, dy: dy * (A("square", y) + 1.0))
unary("arcsin", np.arcsin, lambda x, y, dy: dy * A("rsqrt", 1.0 - A("square", x)))
unary("arccos", np.arccos, lambda x, y, dy: A("negative", dy * A("rsqrt", 1.0 - A("square", x))))
unary("arctan", np.arctan, lambda x, y, dy: dy / (A("square", x) + 1.0))
unary("sinh", np.sinh, lambda x, y, dy: dy * A("cosh", x))
unary("cosh", np.cosh, lambda x, y, dy: dy * A("sinh", x))
unary("arcsinh", np.arcsinh, lambda x, y, dy: dy * A("rsqrt", A("square", x) + 1.0))
unary("arccosh", np.arccosh, lambda x, y, dy: dy * A("rsqrt", A("square", x) - 1.0))
unary("arctanh", np.arctanh, lambda x, y, dy: dy / (1.0 - A("square", x)))
unary("erf", _per_element(math.erf), lambda x, y, dy: dy * (_C * A("exp", -A("square", x))))
unary("erfc", _per_element(math.erfc), lambda x, y, dy: dy * (-_C * A("exp", -A("square", x))))
unary("erfinv", _per_element(_erfinv), lambda x, y, dy: dy * (A("exp", A("square", y)) / _C))
unary("tanh", np.tanh, lambda x, y, dy: A("tanh_grad", y, dy))
unary("sigmoid", sigmoid, lambda x, y, dy: A("sigmoid_grad", y, dy))
unary("softplus", softplus, lambda x, y, dy: dy * A("sigmoid", x))
unary("i0", lambda x: np.i0(x).astype(np.asarray(x).dtype), _i0_grad)
unary("sinc", np.sinc, _sinc_grad)
unary("deg2rad", np.deg2rad, lambda x, y, dy: dy * (math.pi / 180.0))
unary("rad2deg", np.rad2deg, lambda x, y, dy: dy * (180.0 / math.pi))

# Unary, any number ----------------------------------------------------------------------------------------------------

unary("negative", np.negative, lambda x, y, dy: A("negative", dy), promote="same")
unary("abs", np.abs, lambda x, y, dy: dy * A("sign", x), promote="same")
unary("square", np.square, lambda x, y, dy: dy * (x * 2.0), promote="same")
unary("relu", lambda x: np.maximum(x, 0), lambda x, y, dy: A("relu_grad", y, dy), promote="same")
unary("sign", np.sign, promote="same", constant=True)
unary("floor", np.floor, constant=True)
unary("ceil", np.ceil, constant=True)
unary("trunc", np.trunc, constant=True, promote="same")
unary("round", lambda x, decimals=0: np.round(x, decimals), constant=True, promote="same")
unary("bitwise_not", np.invert, constant=True, promote="same")
unary("stop_gradient", lambda x: np.asarray(x), constant=True, promote="same")
unary("identity", lambda x: np.asarray(x), lambda x, y, dy: dy, promote="same")
predicate("isnan", np.isnan)
predicate("isinf", np.isinf)
predicate("isfinite", np.isfinite)
predicate("signbit", np.signbit)
predicate("isposinf", np.isposinf)
predicate("isneginf", np.isneginf)
predicate("isreal", np.isreal)
predicate("logical_not", np.logical_not)


def _nan_to_num_grad(x, y, dy, **_):
    return dy * mask_like(A("isfinite", x), x)


unary(
    "nan_to_num",
    lambda x, nan=0.0, posinf=None, neginf=None: np.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf),
    _nan_to_num_grad,
    promote="same",
)


def _cast_grad(node, dy):
    x = node.inputs[0]
    return [A("cast", dy, dtype=x.dtype) if symbolic(x) and is_float(x.dtype) else None]


define(
    "cast",
    lambda x, dtype: (x.shape, dtype),
    lambda x, dtype: np.asarray(x).astype(dtype),
    _cast_grad,
    elementwise=True,
)


def _with_gradient_grad(node, dy):
    found = node.attrs["gradient"](dy)
    found = list(found) if isinstance(found, (list, tuple)) else [found]
    if len(found) != len(node.inputs) - 1:
        raise ValueError(
            f"custom_gradient: expected a gradient for each of {len(node.inputs) - 1} arguments. Received: {len(found)}"
        )
    return [None, *found]


# A value whose gradient is the user's: the first input, with the arguments that it was computed from.
define(
    "with_gradient",
    lambda y, *xs, gradient: (y.shape, y.dtype),
    lambda y, *xs, gradient: np.asarray(y),
    _with_gradient_grad,
)


def _view_shape(x, dtype):
    old, new = np.dtype(x.dtype).itemsize, np.dtype(dtype).itemsize
    if old == new:
        return x.shape, dtype
    last = x.shape[-1] if x.shape else None
    if last is None or last * old % new:
        raise ValueError(f"view: a tensor of shape {tuple(x.shape)} and dtype {x.dtype} cannot be seen as {dtype}")
    return (*x.shape[:-1], last * old // new), dtype


define("view", _view_shape, lambda x, dtype: np.ascontiguousarray(x).reshape(np.shape(x)).view(dtype), constant=True)

# Binary ---------------------------------------------------------------------------------------------------------------


def _divide(x, z):
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.true_divide(x, z)


def _power(x, z):
    # A Python exponent is weak, so a float32 base keeps its dtype; negative integer powers are the caller's business.
    return np.power(x, z)


def _power_grad(x, z, y, dy):
    dx = dz = None
    if symbolic(x):
        # x ** 2 and x ** 1 must have exact gradients at 0, where y / x would not.
        dx = dy * (x if _is_number(z, 2.0) else A("power", x, z - 1.0)) * z
    if symbolic(z):
        safe = A("where", A("greater", x, 0.0), x, 1.0)
        dz = dy * y * A("log", safe)
    return dx, dz


def _is_number(z, value):
    return not symbolic(z) and np.ndim(z) == 0 and float(z) == value


def _divide_grad(x, z, y, dy):
    dx = dy / z
    return dx, A("negative", dx * y) if symbolic(z) else None


def _larger_grad(wins):
    def grad(x, z, y, dy):
        # At a tie the first operand gets all, as in TensorFlow: relu-like code then has one well-defined slope.
        first = mask_like(A(wins, x, z), y)
        return dy * first, dy * (1.0 - first) if symbolic(z) else None

    return grad


def _logaddexp_grad(x, z, y, dy):
    return dy * A("exp", x - y), dy * A("exp", z - y)


def _arctan2_grad(x, z, y, dy):
    scale = dy / (A("square", x) + A("square", z))
    return scale * z, A("negative", scale * x)


binary("add", np.add, lambda x, z, y, dy: (dy, dy))
binary("subtract", np.subtract, lambda x, z, y, dy: (dy, A("negative", dy) if symbolic(z) else None))
binary(
    "multiply",
    np.multiply,
    lambda x, z, y, dy: (dy * z if symbolic(x) else None, dy * x if symbolic(z) else None),
)
binary("divide", _divide, _divide_grad, promote="float")
binary("power", _power, _power_grad)
binary("maximum", np.maximum, _larger_grad("greater_equal"))
binary("minimum", np.minimum, _larger_grad("less_equal"))
binary("fmax", np.fmax, _larger_grad("greater_equal"))
binary("fmin", np.fmin, _larger_grad("less_equal"))
binary("floor_divide", np.floor_divide, constant=True)
binary("mod", np.mod, lambda x, z, y, dy: (dy, A("negative", dy * A("floor_divide", x, z)) if symbolic(z) else None))
binary("fmod", np.fmod, lambda x, z, y, dy: (dy, A("negative", dy * A("trunc", x / z)) if symbolic(z) else None))
binary("arctan2", np.arctan2, _arctan2_grad, promote="float")
binary("hypot", np.hypot, lambda x, z, y, dy: (dy * x / y, dy * z / y), promote="float")
binary("logaddexp", np.logaddexp, _logaddexp_grad, promote="float")
binary("logaddexp2", np.logaddexp2, lambda x, z, y, dy: (dy * A("exp2", x - y), dy * A("exp2", z - y)), promote="float")
binary("heaviside", np.heaviside, constant=True, promote="float")
binary("nextafter", np.nextafter, constant=True, promote="float")
binary("gcd", np.gcd, constant=True)
binary("lcm", np.lcm, constant=True)
binary("bitwise_and", np.bitwise_and, constant=True)
binary("bitwise_or", np.bitwise_or, constant=True)
binary("bitwise_xor", np.bitwise_xor, constant=True)
binary("bitwise_left_shift", np.left_shift, constant=True)
binary("bitwise_right_shift", np.right_shift, constant=True)
comparison("equal", np.equal)
comparison("not_equal", np.not_equal)
comparison("less", np.less)
comparison("less_equal", np.less_equal)
comparison("greater", np.greater)
comparison("greater_equal", np.greater_equal)
comparison("logical_and", np.logical_and)
comparison("logical_or", np.logical_or)
comparison("logical_xor", np.logical_xor)
comparison("isclose", np.isclose)


def _divide_no_nan(x, z):
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.asarray(z) == 0, np.zeros((), np.result_type(x, z)), np.true_divide(x, z))


def _divide_no_nan_grad(x, z, y, dy):
    dx = A("divide_no_nan", dy, z)
    return dx, A("negative", dx * y) if symbolic(z) else None


binary("divide_no_nan", _divide_no_nan, _divide_no_nan_grad, promote="float")

# Adjoints that are cheaper from the output ----------------------------------------------------------------------------


def _relu_grad_grad(node, g):
    y, dy = node.inputs
    return [None if not symbolic(y) else g * 0.0 * y, A("relu_grad", y, g)]


def _tanh_grad_grad(node, g):
    y, dy = node.inputs
    return [g * dy * (y * -2.0), A("tanh_grad", y, g)]


def _sigmoid_grad_grad(node, g):
    y, dy = node.inputs
    return [g * dy * (1.0 - y * 2.0), A("sigmoid_grad", y, g)]


def _adjoint(name, meaning, grad):
    define(name, lambda y, dy: same_shape(y), meaning, grad, promote="same")


_adjoint("relu_grad", lambda y, dy: np.where(y > 0, dy, np.zeros((), np.asarray(dy).dtype)), _relu_grad_grad)
_adjoint("tanh_grad", lambda y, dy: dy * (1 - y * y), _tanh_grad_grad)
_adjoint("sigmoid_grad", lambda y, dy: dy * y * (1 - y), _sigmoid_grad_grad)


def _clip_grad(node, dy):
    x, low, high = node.inputs
    inside = A("logical_and", A("greater_equal", x, low), A("less_equal", x, high))
    dlow = dhigh = None
    if symbolic(low):
        below = A("logical_and", A("less", x, low), A("less_equal", low, high))
        dlow = unbroadcast(dy * mask_like(below, x), low)
    if symbolic(high):
        dhigh = unbroadcast(dy * mask_like(A("greater", A("maximum", x, low), high), x), high)
    return [dy * mask_like(inside, x), dlow, dhigh]


define(
    "clip",
    lambda x, low, high: (x.shape, x.dtype),
    lambda x, low, high: np.minimum(np.maximum(x, low), high),
    _clip_grad,
    promote="same",
    elementwise=True,
)
