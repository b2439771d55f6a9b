"""Ops between the layers of a graph in the form in which Keras's files hold them: objects of classes of their own.

Such an object has the op's settings as its config, and is called on the rest of the arguments.
"""

import functools
import inspect

import numpy as np

from fastfit import activations, ops
from fastfit.utils.naming import to_snake_case
from fastfit.utils.registry import MODULE_ROOT

# Rows of the op table that Keras has too, by the modules of its classes.
_ROWS = {
    "numpy": (
        "exp exp2 expm1 log log1p log2 log10 sqrt cbrt reciprocal sin cos tan arcsin arccos arctan sinh cosh arcsinh "
        "arccosh arctanh tanh i0 sinc deg2rad rad2deg negative abs square sign floor ceil trunc round bitwise_not "
        "isnan isinf isfinite signbit isposinf isneginf isreal logical_not nan_to_num view add subtract multiply "
        "divide power maximum minimum fmax fmin floor_divide mod fmod arctan2 hypot logaddexp logaddexp2 heaviside "
        "nextafter gcd lcm bitwise_and bitwise_or bitwise_xor bitwise_left_shift bitwise_right_shift equal not_equal "
        "less less_equal greater greater_equal logical_and logical_or logical_xor isclose divide_no_nan clip matmul "
        "einsum slogdet tril triu diagonal sum mean max min all any prod var std argmax argmin count_nonzero cumsum "
        "cumprod where getitem take take_along_axis sort argsort searchsorted digitize reshape expand_dims squeeze "
        "transpose flip roll broadcast_to full_like concatenate stack tile repeat pad"
    ),
    "math": ("rsqrt erf erfc erfinv logdet logsumexp top_k in_top_k segment_sum segment_max segment_min segment_prod"),
    "nn": (
        "sigmoid softplus relu softmax log_softmax sparsemax sparse_categorical_crossentropy categorical_crossentropy "
        "binary_crossentropy one_hot"
    ),
    "core": "stop_gradient cast scatter scatter_update",
    "linalg": "inv det solve cholesky lu_factor qr svd eigh eig pinv lstsq",
}
_MODULES = {row: f"{MODULE_ROOT}.src.ops.{module}" for module, rows in _ROWS.items() for row in rows.split()}
_CLASSES = {"getitem": "GetItem", "searchsorted": "SearchSorted", "svd": "SVD"}
# Row to (inputs, attributes) as (arguments, settings) of Keras's class, where they are not the same.
_DIFFERENT = {
    "clip": lambda inputs, attrs: (inputs[:1], {"x_min": inputs[1], "x_max": inputs[2]}),
    "concatenate": lambda inputs, attrs: ([inputs], attrs),
    "stack": lambda inputs, attrs: ([inputs], attrs),
    "digitize": lambda inputs, attrs: ([*inputs, attrs["bins"]], {}),
    "full_like": lambda inputs, attrs: ([*inputs, attrs["value"]], {"dtype": attrs["dtype"]}),
    "getitem": lambda inputs, attrs: ([*inputs, _as_list(attrs["key"])], {}),
    "isclose": lambda inputs, attrs: (
        [*inputs, attrs.get("rtol", 1e-5), attrs.get("atol", 1e-8)],
        {"equal_nan": attrs.get("equal_nan", False)},
    ),
    "pad": lambda inputs, attrs: (
        [*inputs, attrs.get("constant_values", 0)] if attrs.get("mode", "constant") == "constant" else inputs,
        {"pad_width": attrs["pad_width"], "mode": attrs.get("mode", "constant")},
    ),
}
# These take further inputs for sizes that only the run knows, which Keras's have no place for.
_OF_ONE_INPUT = ("reshape", "broadcast_to")


def _as_list(key):
    return list(key) if isinstance(key, tuple) else key


def to_keras(name, node):
    """Return (entry, arguments) of an op, or None if Keras has nothing of the kind.

    Parameters
    ----------
    name : str
        What the op is called in its graph.
    node : Node

    Returns
    -------
    entry : dict
        Module, class name, config and registered name. The config is not encoded yet.
    arguments : list
        What the object is called on.
    """
    row, inputs, attrs = node.operation.name, list(node.inputs), node.attrs
    if row not in _MODULES or (row in _OF_ONE_INPUT and len(inputs) > 1) or None in map(_or_none, inputs):
        return None
    if row == "clip" and not all(isinstance(x, (int, float, np.generic)) for x in inputs[1:]):
        return None
    if row == "take_along_axis" and len(inputs) > 2:
        return None
    arguments, settings = _DIFFERENT[row](inputs, attrs) if row in _DIFFERENT else (inputs, attrs)
    class_name = _CLASSES.get(row) or "".join(part.capitalize() for part in row.split("_"))
    entry = {"module": _MODULES[row], "class_name": class_name, "config": {"name": name, **settings}}
    return {**entry, "registered_name": class_name}, arguments


def _or_none(x):
    return None if x is None else True


def is_keras_op(entry):
    """Whether an entry of a graph is one of Keras's ops."""
    return str(entry.get("module")).startswith((f"{MODULE_ROOT}.src.ops.", f"{MODULE_ROOT}.src.activations."))


def from_keras(entry):
    """Return the function for an op in a graph: it takes the arguments that the op's object is called on."""
    name = to_snake_case(entry["class_name"])
    if entry["class_name"] == "GetItem":
        return lambda x, key: x[tuple(key) if isinstance(key, list) else key]
    home = activations if "activations" in entry["module"] else ops
    function = getattr(home, name, None) or getattr(home, name.replace("_", ""), None)
    if name.startswith("_") or not inspect.isfunction(function):
        raise ValueError(f"The config holds an op of Keras that is not known here. Received: {entry['class_name']}")
    parameters = inspect.signature(function).parameters
    settings = {key: value for key, value in entry["config"].items() if key != "name"}
    if isinstance(settings.get("dtype"), dict):  # of the object, not of its result
        del settings["dtype"]
    unknown = [key for key, value in settings.items() if key not in parameters and value]
    if unknown:
        raise ValueError(
            f"The config holds an op with settings that are not known here: {unknown}. Received: {entry['class_name']}"
        )
    return functools.partial(_call, function, {k: v for k, v in settings.items() if k in parameters})


def _call(function, settings, *args, **kwargs):
    """Call a function whose settings may stand anywhere among its parameters."""
    parameters = inspect.signature(function).parameters
    if any(p.kind is p.VAR_POSITIONAL for p in parameters.values()):
        leading = [settings[key] for key, p in parameters.items() if p.kind is not p.VAR_POSITIONAL and key in settings]
        return function(*leading, *args, **kwargs)
    free = [key for key in parameters if key not in settings and key not in kwargs]
    if len(args) > len(free):
        raise ValueError(f"{function.__name__} takes {len(free)} arguments beside {list(settings)}. Received: {args}")
    return function(**dict(zip(free, args, strict=False)), **settings, **kwargs)
