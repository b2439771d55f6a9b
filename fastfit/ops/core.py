"""The functions of ``keras.ops.core``."""

import numpy as np

from fastfit import config
from fastfit.graph.array import as_array
from fastfit.graph.op import apply
from fastfit.graph.op import cast as _cast
from fastfit.graph.tensor import KerasTensor, Operand
from fastfit.graph.variable import Variable
from fastfit.ops.shaping import array, shape_of, split_shape
from fastfit.utils import nest

_NAMES = {"float": None, "int": "int32"}


def _dtype_name(dtype):
    if isinstance(dtype, str) and dtype in _NAMES:
        return _NAMES[dtype] or config.floatx()
    return np.dtype(dtype).name


def shape(x):
    """Return the shape as a tuple; a size known only at run time is an int tensor."""
    return shape_of(x)


def dtype(x):
    """Return the dtype's name."""
    return str(x.dtype) if hasattr(x, "dtype") else str(array(x).dtype)


def cast(x, dtype):
    """Return x in another dtype."""
    return as_array(_cast(x, _dtype_name(dtype)))


def saturate_cast(x, dtype):
    """Return x in another dtype, limited to its range."""
    name = _dtype_name(dtype)
    info = np.iinfo(name) if np.dtype(name).kind in "iu" else np.finfo(name)
    return cast(apply("clip", x, float(info.min), float(info.max)), name)


def convert_to_tensor(x, dtype=None, sparse=None, ragged=None):
    """Return x as an array, or as the tensor that it is."""
    if x is None:
        raise ValueError("None is no value that an array can be made of. Received: x=None")
    if isinstance(x, Variable):
        x = x.value
    x = array(x)
    if not isinstance(x, (KerasTensor, np.ndarray)):
        x = as_array(np.asarray(x))
    if isinstance(x, np.ndarray) and x.dtype == object:
        raise TypeError(f"Only numbers, strings and arrays of them can be made a tensor. Received: {x!r}")
    return x if dtype is None else cast(x, dtype)


def convert_to_numpy(x):
    """Return x as an array; TypeError for symbolic tensors."""
    return np.asarray(x)


def is_tensor(x):
    """Whether x is a tensor, an array or a variable."""
    return isinstance(x, (Operand, np.ndarray, np.generic))


def stop_gradient(variable):
    """Return the value, cut off from differentiation."""
    return apply("stop_gradient", variable)


def cond(pred, true_fn, false_fn):
    """Return true_fn() or false_fn(). With a symbolic condition both are traced and the values selected."""
    if not isinstance(pred, KerasTensor):
        return true_fn() if np.all(np.asarray(pred)) else false_fn()
    return nest.map_structure(lambda a, b: apply("where", pred, a, b), true_fn(), false_fn())


def slice(inputs, start_indices, shape):
    """Return the block of ``shape`` that begins at ``start_indices``."""
    static, dims = split_shape(shape)
    if dims:
        raise TypeError("slice: sizes must be ints")
    key = tuple(_span(int(s), n) for s, n in zip(start_indices, static, strict=True))
    return apply("getitem", inputs, key=key)


def _span(start, size):
    return np.s_[start:] if size == -1 else np.s_[start : start + size]


def slice_update(inputs, start_indices, updates):
    """Return ``inputs`` with a block replaced."""
    shape = np.shape(updates) if not hasattr(updates, "shape") else updates.shape
    ranges = [np.arange(int(s), int(s) + d) for s, d in zip(start_indices, shape, strict=True)]
    grid = np.stack(np.meshgrid(*ranges, indexing="ij"), axis=-1)
    return apply("scatter_update", inputs, grid, updates)


def scatter(indices, values, shape):
    """Return zeros of ``shape`` with values added at indices."""
    return apply("scatter", indices, values, shape=tuple(shape))


def scatter_update(inputs, indices, updates, reduction=None):
    """Return ``inputs`` with elements at indices replaced, or combined by ``reduction``."""
    return apply("scatter_update", inputs, indices, updates, reduction=reduction)


def while_loop(cond, body, loop_vars, maximum_iterations=None):
    """Run ``body`` while ``cond`` holds. Its condition must be concrete: a program has a fixed length."""
    single = not isinstance(loop_vars, (list, tuple))
    state = (loop_vars,) if single else tuple(loop_vars)
    count = 0
    while (maximum_iterations is None or count < maximum_iterations) and cond(*state):
        result = body(*state)
        state = tuple(result) if isinstance(result, (list, tuple)) else (result,)
        count += 1
    return state[0] if single else state


def fori_loop(lower, upper, body_fun, init_val):
    """Return body_fun(i, value) iterated for i in [lower, upper)."""
    value = init_val
    for i in range(int(lower), int(upper)):
        value = body_fun(i, value)
    return value


def _slices(xs):
    return range(len(nest.flatten(xs)[0]))


def map(f, xs):
    """Apply f to the slices of axis 0 and stack the results."""
    results = [f(nest.map_structure(lambda x, i=i: x[i], xs)) for i in _slices(xs)]
    return nest.map_structure(lambda *parts: _stacked(parts), results[0], *results[1:])


def vectorized_map(function, elements):
    """Apply a function to the slices of axis 0 and stack the results."""
    return map(function, elements)


def _stacked(parts):
    return apply("concatenate", *[apply("expand_dims", p, axis=0) for p in parts], axis=0)


def scan(f, init, xs=None, length=None, reverse=False, unroll=1):
    """Return (carry, stacked outputs) of ``f(carry, x) -> (carry, y)`` along axis 0."""
    steps = range(length) if xs is None else _slices(xs)
    carry, outputs = init, []
    for i in reversed(steps) if reverse else steps:
        x = None if xs is None else nest.map_structure(lambda v, i=i: v[i], xs)
        carry, y = f(carry, x)
        outputs.append(y)
    if reverse:
        outputs.reverse()
    if not outputs or outputs[0] is None:
        return carry, None
    return carry, nest.map_structure(lambda *parts: _stacked(parts), outputs[0], *outputs[1:])


def switch(index, branches, *operands):
    """Return branches[index](*operands), the index limited to the list."""
    if not isinstance(index, KerasTensor):
        return branches[int(np.clip(index, 0, len(branches) - 1))](*operands)
    results = [branch(*operands) for branch in branches]
    result = results[-1]
    for i in range(len(results) - 2, -1, -1):
        result = nest.map_structure(lambda a, b, i=i: apply("where", index <= i, a, b), results[i], result)
    return result


def view(x, dtype=None):
    """Return the same bytes as numbers of another dtype; the last axis takes up a difference in size."""
    return convert_to_tensor(x) if dtype is None else apply("view", convert_to_tensor(x), dtype=_dtype_name(dtype))


__all__ = (
    "cast cond convert_to_numpy convert_to_tensor dtype fori_loop is_tensor map saturate_cast scan scatter "
    "scatter_update shape slice slice_update stop_gradient switch vectorized_map view while_loop "
).split()
