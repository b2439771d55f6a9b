"""Functions of ``keras.ops.numpy`` that work element by element."""

import numpy as np

from fastfit import config
from fastfit.graph.array import as_array
from fastfit.graph.op import apply, cast
from fastfit.ops.families import binary, bitwise, unary

abs = unary("abs", "Return the absolute value.")
absolute = fabs = abs
arccos = unary("arccos", "Return the inverse cosine.")
arccosh = unary("arccosh", "Return the inverse hyperbolic cosine.")
arcsin = unary("arcsin", "Return the inverse sine.")
arcsinh = unary("arcsinh", "Return the inverse hyperbolic sine.")
arctan = unary("arctan", "Return the inverse tangent.")
arctanh = unary("arctanh", "Return the inverse hyperbolic tangent.")
bitwise_invert = bitwise_not = unary("bitwise_not", "Return the bits inverted.")
cbrt = unary("cbrt", "Return the cube root.")
ceil = unary("ceil", "Round up.")
cos = unary("cos", "Return the cosine.")
cosh = unary("cosh", "Return the hyperbolic cosine.")
real = unary("real", "Return the real part, which for real numbers is the number.", "identity")
conj = conjugate = unary("conj", "Return the conjugate, which for real numbers is the number.", "identity")
copy = unary("copy", "Return a copy.", "identity")
deg2rad = unary("deg2rad", "Convert degrees to radians.")
exp = unary("exp", "Return e to the power of x.")
exp2 = unary("exp2", "Return 2 to the power of x.")
expm1 = unary("expm1", "Return exp(x) - 1, exact near 0.")
floor = unary("floor", "Round down.")
i0 = unary("i0", "Return the modified Bessel function of order 0.")
isfinite = unary("isfinite", "Whether each element is finite.")
isinf = unary("isinf", "Whether each element is infinite.")
isnan = unary("isnan", "Whether each element is not a number.")
isneginf = unary("isneginf", "Whether each element is -inf.")
isposinf = unary("isposinf", "Whether each element is +inf.")
isreal = unary("isreal", "Whether each element is real.")
log = unary("log", "Return the natural logarithm.")
log10 = unary("log10", "Return the logarithm to base 10.")
log1p = unary("log1p", "Return log(1 + x), exact near 0.")
log2 = unary("log2", "Return the logarithm to base 2.")
logical_not = unary("logical_not", "Return not x.")
negative = unary("negative", "Return -x.")
rad2deg = unary("rad2deg", "Convert radians to degrees.")
reciprocal = unary("reciprocal", "Return 1 / x.")
sign = unary("sign", "Return -1, 0 or 1.")
signbit = unary("signbit", "Whether the sign bit is set.")
sin = unary("sin", "Return the sine.")
sinc = unary("sinc", "Return sin(pi x) / (pi x).")
sinh = unary("sinh", "Return the hyperbolic sine.")
sqrt = unary("sqrt", "Return the square root.")
square = unary("square", "Return the square.")
tan = unary("tan", "Return the tangent.")
tanh = unary("tanh", "Return the hyperbolic tangent.")
trunc = unary("trunc", "Round towards 0.")

add = binary("add", "Return x1 + x2.")
arctan2 = binary("arctan2", "Return the angle of the point (x2, x1).")
bitwise_and = bitwise("bitwise_and", "Return the bits set in both.")
bitwise_or = bitwise("bitwise_or", "Return the bits set in either.")
bitwise_xor = bitwise("bitwise_xor", "Return the bits set in one.")
bitwise_left_shift = left_shift = bitwise("bitwise_left_shift", "Shift bits left.")
bitwise_right_shift = right_shift = bitwise("bitwise_right_shift", "Shift bits right.")
divide = true_divide = binary("divide", "Return x1 / x2.")
divide_no_nan = binary("divide_no_nan", "Return x1 / x2, and 0 where x2 is 0.")
equal = binary("equal", "Whether x1 == x2.")
floor_divide = binary("floor_divide", "Return x1 / x2 rounded down.")
fmax = binary("fmax", "Return the larger, ignoring NaN.")
fmin = binary("fmin", "Return the smaller, ignoring NaN.")
fmod = binary("fmod", "Return the remainder with the sign of x1.")
gcd = binary("gcd", "Return the greatest common divisor.")
greater = binary("greater", "Whether x1 > x2.")
greater_equal = binary("greater_equal", "Whether x1 >= x2.")
heaviside = binary("heaviside", "Return 0, x2 or 1 for x1 below, at or above 0.")
hypot = binary("hypot", "Return sqrt(x1^2 + x2^2).")
lcm = binary("lcm", "Return the least common multiple.")
less = binary("less", "Whether x1 < x2.")
less_equal = binary("less_equal", "Whether x1 <= x2.")
logaddexp = binary("logaddexp", "Return log(exp(x1) + exp(x2)).")
logaddexp2 = binary("logaddexp2", "Return log2(2^x1 + 2^x2).")
logical_and = binary("logical_and", "Return x1 and x2.")
logical_or = binary("logical_or", "Return x1 or x2.")
logical_xor = binary("logical_xor", "Return x1 != x2 as bools.")
maximum = binary("maximum", "Return the larger; NaN wins.")
minimum = binary("minimum", "Return the smaller; NaN wins.")
mod = binary("mod", "Return the remainder with the sign of x2.")
multiply = binary("multiply", "Return x1 * x2.")
nextafter = binary("nextafter", "Return the float after x1 towards x2.")
not_equal = binary("not_equal", "Whether x1 != x2.")
power = binary("power", "Return x1 to the power of x2.")
subtract = binary("subtract", "Return x1 - x2.")


def round(x, decimals=0):
    """Round to ``decimals`` places, halves to even."""
    return apply("round", x, decimals=int(decimals))


def clip(x, x_min, x_max):
    """Limit to [x_min, x_max]; either may be None."""
    if x_min is None:
        return x if x_max is None else apply("minimum", x, x_max)
    if x_max is None:
        return apply("maximum", x, x_min)
    return apply("clip", x, x_min, x_max)


def isclose(x1, x2, rtol=1e-5, atol=1e-8, equal_nan=False):
    """Whether the elements are equal within a tolerance."""
    return apply("isclose", x1, x2, rtol=rtol, atol=atol, equal_nan=equal_nan)


def allclose(x1, x2, rtol=1e-5, atol=1e-8, equal_nan=False):
    """Whether all elements are equal within a tolerance."""
    return apply("all", isclose(x1, x2, rtol, atol, equal_nan))


def nan_to_num(x, nan=0.0, posinf=None, neginf=None):
    """Replace NaN and infinities by numbers."""
    return apply("nan_to_num", x, nan=nan, posinf=posinf, neginf=neginf)


def where(condition, x1=None, x2=None):
    """Return x1 where the condition holds and x2 elsewhere; the places where it holds without them."""
    if x1 is None and x2 is None:
        return nonzero(condition)
    if x1 is None or x2 is None:
        raise ValueError("`x1` and `x2` either both should be `None` or both should have non-None value.")
    return apply("where", condition, x1, x2)


def nonzero(x):
    """Return the indices of elements that are not 0, one array an axis. The number of them depends on the data, so
    this works on arrays only."""
    return tuple(as_array(i.astype("int32")) for i in np.nonzero(np.asarray(x)))


def select(condlist, choicelist, default=0):
    """Return for each element the choice of the first condition that holds."""
    result = default
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        result = where(condition, choice, result)
    return result


def imag(x):
    """Return the imaginary part: zeros, as numbers here are real."""
    return apply("full_like", x, value=0, dtype=dtype_of(x))


def angle(x):
    """Return the angle of numbers in the complex plane: 0, or pi for those below 0."""
    x = x if np.dtype(dtype_of(x)).kind == "f" else cast(x, config.floatx())
    return apply("arctan2", imag(x), x)


def dtype_of(x):
    """Return the name of the dtype of what may be a list or number."""
    return str(x.dtype) if hasattr(x, "dtype") else str(np.asarray(x).dtype)


def ldexp(x1, x2):
    """Return x1 * 2^x2."""
    return multiply(x1, exp2(x2))


__all__ = (
    "abs absolute add allclose angle arccos arccosh arcsin arcsinh arctan arctan2 arctanh bitwise_and bitwise_invert "
    "bitwise_left_shift bitwise_not bitwise_or bitwise_right_shift bitwise_xor cbrt ceil clip conj conjugate copy "
    "cos cosh deg2rad divide divide_no_nan equal exp exp2 expm1 fabs floor floor_divide fmax fmin fmod gcd greater "
    "greater_equal heaviside hypot i0 imag isclose isfinite isinf isnan isneginf isposinf isreal lcm ldexp left_shift "
    "less less_equal log log10 log1p log2 logaddexp logaddexp2 logical_and logical_not logical_or logical_xor "
    "maximum minimum mod multiply nan_to_num negative nextafter nonzero not_equal power rad2deg real reciprocal "
    "right_shift round select sign signbit sin sinc sinh sqrt square subtract tan tanh true_divide trunc where "
).split()
