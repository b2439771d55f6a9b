"""The functions of Keras 2's backend: names, defaults and orders of arguments over ``fastfit.ops``."""

import math

import numpy as np

from fastfit import activations, ops
from fastfit.config import floatx, image_data_format
from fastfit.graph.tensor import KerasTensor
from fastfit.graph.variable import Variable
from fastfit.layers.call_context import context
from fastfit.ops import random
from fastfit.utils.dtypes import standardize_dtype


def batch_dot(x, y, axes=None):
    """Return the product of each sample of ``x`` with that of ``y``.

    Parameters
    ----------
    x, y : array or tensor
        Of rank 2 or more; the first axis counts samples.
    axes : int or pair of int, optional
        The axis of each that is summed over: by default the last of ``x`` and the last but one of ``y`` (or its only).

    Returns
    -------
    array or tensor
        (samples, other axes of x, other axes of y); (samples, 1) if there are none.
    """
    ranks = len(x.shape), len(y.shape)
    if min(ranks) < 2:
        raise ValueError(f"batch_dot needs inputs of rank 2 or more. Received: shapes {x.shape} and {y.shape}")
    if axes is None:
        axes = (ranks[0] - 1, max(ranks[1] - 2, 1))
    axes = (axes, axes) if isinstance(axes, int) else tuple(axes)
    a, b = (axis % rank for axis, rank in zip(axes, ranks, strict=True))
    sizes = x.shape[a], y.shape[b]
    if 0 in (a, b) or (None not in sizes and sizes[0] != sizes[1]):
        raise ValueError(
            "batch_dot: the axes summed over must be of one size, and not those of the samples. Received: axes="
            f"{axes} of shapes {tuple(x.shape)} and {tuple(y.shape)}"
        )
    letters = iter("cdefghijklmnopqrstuvw")
    first = ["b", *(next(letters) for _ in range(ranks[0] - 1))]
    second = ["b", *(next(letters) for _ in range(ranks[1] - 1))]
    second[b] = first[a]
    rest = [c for c in first if c != first[a]] + [c for c in second[1:] if c != first[a]]
    product = ops.einsum(f"{''.join(first)},{''.join(second)}->{''.join(rest)}", x, y)
    return product if len(rest) > 1 else ops.expand_dims(product, -1)


def constant(value, dtype=None, shape=None, name=None):
    """Return an array of floatx (or ``dtype``), broadcast to ``shape``."""
    value = np.asarray(value, standardize_dtype(dtype))
    return value if shape is None else np.broadcast_to(value, shape).copy()


def variable(value, dtype=None, name=None, constraint=None):
    """Return a variable."""
    made = Variable(value, dtype=standardize_dtype(dtype), name=name)
    made.constraint = constraint
    made.is_number_of_keras_2 = True  # a loss of Keras 2 writes its constants like this, at each call
    return made


def _filled(fill):
    def maker(shape, dtype=None, name=None):
        values = fill(shape, standardize_dtype(dtype))
        # A size known only at run time makes a tensor.
        return values if isinstance(values, KerasTensor) else variable(values, dtype, name)

    return maker


def get_value(x):
    """Return the value of a variable or an array as an array."""
    return x.numpy() if isinstance(x, Variable) else ops.convert_to_numpy(x)


def set_value(x, value):
    """Set the value of a variable."""
    x.assign(np.asarray(value, x.dtype))


def batch_get_value(tensors):
    """Return the values of variables as a list of arrays."""
    return [get_value(x) for x in tensors]


def batch_set_value(tuples):
    """Set the values of variables, given as pairs (variable, value)."""
    for x, value in tuples:
        set_value(x, value)


def switch(condition, then_expression, else_expression):
    """Return ``then_expression`` where the condition holds, else ``else_expression``.

    Parameters
    ----------
    condition : array or tensor
        A scalar, of the shape of the expressions, or of their first axes.
    then_expression, else_expression : array, tensor, or callable that returns one
    """
    a, b = (e() if callable(e) else e for e in (then_expression, else_expression))
    condition = ops.cast(condition, "bool")
    missing = max(ndim(a), ndim(b)) - ndim(condition)
    for _ in range(missing if ndim(condition) else 0):
        condition = ops.expand_dims(condition, -1)
    return ops.where(condition, a, b)


def ndim(x):
    """Return the number of axes."""
    return len(x.shape) if hasattr(x, "shape") else np.ndim(x)


def int_shape(x):
    """Return the shape with None for sizes known only at run time; None for what has no shape."""
    return tuple(x.shape) if hasattr(x, "shape") else None if isinstance(x, str) else np.shape(x)


def learning_phase():
    """Return 1 while a training step is computed or traced, else 0."""
    return int(bool(context.training))


def in_train_phase(x, alt, training=None):
    """Return ``x`` in training, else ``alt``; both may be callables."""
    chosen = x if (learning_phase() if training is None else training) else alt
    return chosen() if callable(chosen) else chosen


def bias_add(x, bias, data_format=None):
    """Return x plus a bias per channel."""
    channels_first = (data_format or image_data_format()) == "channels_first"
    if channels_first and ndim(bias) == 1 and ndim(x) > 2:
        bias = ops.reshape(bias, (-1, *[1] * (ndim(x) - 2)))
    return x + bias


def _infinite(bound, sign):
    return sign * math.inf if bound is None else bound


# ---- the table ----

# The same in fastfit.ops: name, arguments and defaults.
_SAME = (
    "abs cast cos dtype elu equal exp greater greater_equal less less_equal log logsumexp max maximum mean min minimum "
    "not_equal ones_like prod relu6 round sigmoid sign sin softmax softplus softsign square stack std stop_gradient "
    "sum tanh var zeros_like shape"
).split()
# Other names, defaults or orders of arguments.
_TABLE = {
    "all": lambda x, axis=None, keepdims=False: ops.all(ops.cast(x, "bool"), axis=axis, keepdims=keepdims),
    "any": lambda x, axis=None, keepdims=False: ops.any(ops.cast(x, "bool"), axis=axis, keepdims=keepdims),
    "arange": lambda start, stop=None, step=1, dtype="int32": ops.arange(start, stop, step, dtype=dtype),
    "argmax": lambda x, axis=-1: ops.argmax(x, axis=axis),
    "argmin": lambda x, axis=-1: ops.argmin(x, axis=axis),
    "batch_flatten": lambda x: ops.reshape(x, (-1, math.prod(x.shape[1:]))),
    "batch_normalization": lambda x, mean, var, beta, gamma, axis=-1, epsilon=1e-3: ops.batch_normalization(
        x, mean, var, axis, beta, gamma, epsilon
    ),
    "binary_crossentropy": lambda target, output, from_logits=False: ops.binary_crossentropy(
        target, output, from_logits=from_logits
    ),
    "cast_to_floatx": lambda x: ops.cast(ops.convert_to_tensor(x), floatx()),
    "categorical_crossentropy": lambda target, output, from_logits=False, axis=-1: ops.categorical_crossentropy(
        target, output, from_logits=from_logits, axis=axis
    ),
    "clip": lambda x, min_value, max_value: ops.clip(x, _infinite(min_value, -1), _infinite(max_value, 1)),
    "concatenate": lambda tensors, axis=-1: ops.concatenate(tensors, axis=axis),
    "count_params": lambda x: math.prod(x.shape),
    "cumprod": lambda x, axis=0: ops.cumprod(x, axis=axis),
    "cumsum": lambda x, axis=0: ops.cumsum(x, axis=axis),
    "dot": lambda x, y: ops.dot(x, y),
    "dropout": lambda x, level, noise_shape=None, seed=None: random.dropout(x, level, noise_shape, seed),
    "eval": get_value,
    "expand_dims": lambda x, axis=-1: ops.expand_dims(x, axis),
    "eye": _filled(lambda size, dtype: ops.eye(*np.atleast_1d(size).tolist(), dtype=dtype)),
    "flatten": lambda x: ops.reshape(x, (-1,)),
    "gather": lambda reference, indices: ops.take(reference, indices, axis=0),
    "hard_sigmoid": lambda x: ops.clip(x * 0.2 + 0.5, 0.0, 1.0),  # Keras 2's; Keras 3's slope is 1/6
    "identity": lambda x, name=None: ops.copy(x),
    "in_test_phase": lambda x, alt, training=None: in_train_phase(alt, x, training),
    "in_top_k": lambda predictions, targets, k: ops.in_top_k(targets, predictions, k),
    "l2_normalize": lambda x, axis=None: (
        x * ops.rsqrt(ops.maximum(ops.sum(ops.square(x), axis=axis, keepdims=True), 1e-12))
    ),
    "map_fn": lambda fn, elems, name=None, dtype=None: ops.map(fn, elems),
    "moving_average_update": lambda x, value, momentum: x.assign(x * momentum + value * (1.0 - momentum)),
    "one_hot": lambda indices, num_classes: ops.one_hot(ops.cast(indices, "int32"), num_classes),
    "ones": _filled(lambda shape, dtype: ops.ones(shape, dtype=dtype)),
    "permute_dimensions": lambda x, pattern: ops.transpose(x, pattern),
    "pow": lambda x, a: ops.power(x, a),
    "random_bernoulli": lambda shape, p=0.0, dtype=None, seed=None: ops.cast(
        random.uniform(shape, seed=seed) < p, standardize_dtype(dtype)
    ),
    "random_normal": lambda shape, mean=0.0, stddev=1.0, dtype=None, seed=None: random.normal(
        shape, mean, stddev, dtype, seed
    ),
    "random_uniform": lambda shape, minval=0.0, maxval=1.0, dtype=None, seed=None: random.uniform(
        shape, minval, maxval, dtype, seed
    ),
    "relu": lambda x, alpha=0.0, max_value=None, threshold=0.0: activations.relu(x, alpha, max_value, threshold),
    "repeat": lambda x, n: ops.repeat(ops.expand_dims(x, 1), n, axis=1),
    "repeat_elements": lambda x, rep, axis: ops.repeat(x, rep, axis=axis),
    "reshape": lambda x, shape: ops.reshape(x, shape),
    "reverse": lambda x, axes: ops.flip(x, axes),
    "sparse_categorical_crossentropy": lambda target, output, from_logits=False, axis=-1: (
        ops.sparse_categorical_crossentropy(ops.cast(target, "int32"), output, from_logits=from_logits, axis=axis)
    ),
    "sqrt": lambda x: ops.sqrt(ops.maximum(x, 0.0)),  # Keras 2's takes no root of negative rounding errors
    "squeeze": lambda x, axis: ops.squeeze(x, axis),
    "temporal_padding": lambda x, padding=(1, 1): ops.pad(x, ((0, 0), tuple(padding), (0, 0))),
    "tile": lambda x, n: ops.tile(x, n),
    "transpose": lambda x: ops.transpose(x),
    "truncated_normal": lambda shape, mean=0.0, stddev=1.0, dtype=None, seed=None: random.truncated_normal(
        shape, mean, stddev, dtype, seed
    ),
    "update": lambda x, new_x: x.assign(new_x),
    "update_add": lambda x, increment: x.assign_add(increment),
    "update_sub": lambda x, decrement: x.assign_sub(decrement),
    "zeros": _filled(lambda shape, dtype: ops.zeros(shape, dtype=dtype)),
}
_TABLE["random_binomial"] = _TABLE["random_bernoulli"]  # the older name

for _name, _function in _TABLE.items():
    if _function.__name__ in ("<lambda>", "maker"):
        _function.__name__ = _function.__qualname__ = _name
        _function.__module__ = __name__.rpartition(".")[0]  # where pickles look for it
        _function.__doc__ = f"``K.{_name}`` of Keras 2."
_OWN = (
    batch_dot, batch_get_value, batch_set_value, bias_add, constant, get_value, in_train_phase, int_shape,
    learning_phase, ndim, set_value, switch, variable,
)  # fmt: skip
# Not names of this module: they would hide Python's own max, sum, ... from it.
FUNCTIONS = {**{name: getattr(ops, name) for name in _SAME}, **{f.__name__: f for f in _OWN}, **_TABLE}
