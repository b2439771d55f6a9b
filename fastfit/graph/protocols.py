"""NumPy's protocols for tensors and variables: ufuncs and functions that become ops."""

import numpy as np

from fastfit.graph.op import OPS, apply
from fastfit.graph.tensor import KerasTensor, Operand
from fastfit.graph.trace import current

# NumPy's name of a ufunc where it differs from the op's.
_UFUNC_NAMES = {
    "absolute": "abs",
    "fabs": "abs",
    "true_divide": "divide",
    "remainder": "mod",
    "float_power": "power",
    "conjugate": "identity",
    "positive": "identity",
    "invert": "bitwise_not",
    "rint": "round",
    "radians": "deg2rad",
    "degrees": "rad2deg",
    "left_shift": "bitwise_left_shift",
    "right_shift": "bitwise_right_shift",
}
_REDUCTIONS = {
    "add": "sum",
    "multiply": "prod",
    "maximum": "max",
    "minimum": "min",
    "logical_and": "all",
    "logical_or": "any",
}
_ACCUMULATIONS = {"add": "cumsum", "multiply": "cumprod", "maximum": "cummax", "minimum": "cummin"}

# NumPy function to the function that stands for it; fastfit.ops fills it.
FUNCTIONS = {}


def _untraceable(name):
    return TypeError(
        f"{name} cannot be traced: it has no counterpart among the ops. Use functions of fastfit.ops instead, or NumPy "
        "functions that have one."
    )


def _name_of(ufunc):
    return f"numpy.{ufunc.__name__}" if getattr(np, ufunc.__name__, None) is ufunc else f"The ufunc {ufunc.__name__}"


def _is_concrete(values):
    return current() is None and not any(isinstance(v, KerasTensor) for v in values)


def _concrete(x):
    if isinstance(x, (list, tuple)):
        return type(x)(_concrete(v) for v in x)
    return x.numpy() if isinstance(x, Operand) else x


def _array_ufunc(self, ufunc, method, *inputs, **kwargs):
    if _is_concrete(inputs):  # a variable outside a trace is an array
        return getattr(ufunc, method)(*(_concrete(x) for x in inputs), **kwargs)
    out, where = kwargs.pop("out", None), kwargs.pop("where", True)
    if out is not None or where is not True:
        raise TypeError(
            f"{_name_of(ufunc)} with out= or where= cannot be traced, nor can `a += x` where `a` is an array and `x` a "
            "tensor: nothing is written in place. Compute a new tensor with operators or fastfit.ops instead."
        )
    dtype = kwargs.pop("dtype", None)
    name = ufunc.__name__
    if method == "__call__" and not kwargs:
        if name == "matmul":
            result = apply("matmul", *inputs)
        else:
            op = _UFUNC_NAMES.get(name, name)
            if op not in OPS or ufunc.nout != 1:
                raise _untraceable(_name_of(ufunc))
            result = apply(op, *inputs)
    elif method == "reduce" and name in _REDUCTIONS and set(kwargs) <= {"axis", "keepdims"}:
        axis = kwargs.get("axis", 0)
        result = apply(_REDUCTIONS[name], inputs[0], axis=axis, keepdims=bool(kwargs.get("keepdims", False)))
    elif method == "accumulate" and name in _ACCUMULATIONS and set(kwargs) <= {"axis"}:
        result = apply(_ACCUMULATIONS[name], inputs[0], axis=kwargs.get("axis", 0))
    elif method == "outer" and not kwargs:
        x, z = inputs
        x = apply("reshape", x, newshape=tuple(_known(x)) + (1,) * len(np.shape(z)))
        result = apply(_UFUNC_NAMES.get(name, name), x, z)
    else:
        raise _untraceable(f"{_name_of(ufunc)}.{method}" + (f" with {sorted(kwargs)}" if kwargs else ""))
    return result if dtype is None else apply("cast", result, dtype=np.dtype(dtype).name)


def _known(x):
    return (-1 if d is None else d for d in x.shape)


def _array_function(self, function, types, args, kwargs):
    if _is_concrete(_leaves(args)) and _is_concrete(_leaves(kwargs.values())):
        args = tuple(_concrete(a) for a in args)
        return function(*args, **{k: _concrete(v) for k, v in kwargs.items()})
    name = f"{function.__module__}.{function.__name__}"
    stand_in = FUNCTIONS.get(function)
    if stand_in is None:
        raise _untraceable(name)
    # Arguments that say nothing.
    kwargs = {k: v for k, v in kwargs.items() if not (k in ("out", "dtype", "initial") and v is None)}
    unknown = set(kwargs) & {"out", "where", "initial", "order", "ddof", "casting", "correction"}
    if unknown:
        raise TypeError(f"{name} with {sorted(unknown)} cannot be traced. Use fastfit.ops instead.")
    return stand_in(*args, **kwargs)


def _leaves(values):
    for value in values:
        if isinstance(value, (list, tuple)):
            yield from _leaves(value)
        else:
            yield value


Operand.__array_ufunc__ = _array_ufunc
Operand.__array_function__ = _array_function
