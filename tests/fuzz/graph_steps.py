"""The steps that random graphs are made of."""

import numpy as np

from fastfit import ops
from fastfit.graph.op import apply

# Steps ----------------------------------------------------------------------------------------------------------------


def f32(x):
    return x if x.dtype == "float32" else ops.cast(x, "float32")


def i32(x):
    if x.dtype == "int32":
        return x
    # what is no number is no integer, and any will do
    return ops.cast(ops.nan_to_num(ops.clip(ops.tanh(f32(x)) * 8.7, -9.0, 9.0)), "int32")


def tame(x):
    """Values that stay in range after any number of steps."""
    return ops.tanh(f32(x)) * 2.0


def in_steps(x):
    """Values that may well be equal."""
    return ops.round(tame(x) * 4.0)


def positive(x):
    return ops.abs(tame(x)) + 0.1


def axis_of(rng, x, least=0):
    return int(rng.integers(least, len(x._shape))) if len(x._shape) > least else None


def axes_of(rng, x):
    rank = len(x._shape)
    choice = rng.integers(4)
    if choice == 0 or rank == 0:
        return None
    if choice == 1:
        return -1
    return tuple(sorted(int(a) for a in rng.choice(rank, rng.integers(1, rank + 1), replace=False)))


UNARY = (
    "exp exp2 expm1 sin cos tan arctan sinh cosh arcsinh cbrt erf tanh sigmoid softplus negative abs square relu sign "
    "floor ceil trunc round identity stop_gradient sinc deg2rad nan_to_num i0"
).split()
POSITIVE = "log log1p log2 log10 sqrt rsqrt reciprocal".split()
PAIRS = (
    "add subtract multiply maximum minimum fmax fmin arctan2 hypot logaddexp logaddexp2 heaviside mod fmod floor_divide"
).split()
COMPARE = "equal not_equal less less_equal greater greater_equal".split()
INT_PAIRS = "add subtract multiply maximum minimum floor_divide mod bitwise_and bitwise_or bitwise_xor gcd".split()
REDUCE = "sum mean max min prod var std logsumexp any all count_nonzero argmax argmin".split()


def _pad_params(rng, x):
    width = [[int(v) for v in rng.integers(0, 3, 2)] for _ in x._shape]
    if width and x._shape[0] is None:
        width[0] = [0, 0]
    return {"width": width, "mode": ["constant", "edge", "wrap"][rng.integers(3)], "value": float(rng.integers(-1, 2))}


def _slice_params(rng, x):
    key = []
    for i, d in enumerate(x._shape):
        if d is None or (i == 0 and rng.random() < 0.3):
            key.append([None, None, None])
        elif rng.random() < 0.2:
            key.append(int(rng.integers(-d, d)) if d else [None, None, None])
        else:
            key.append([int(v) if rng.random() < 0.7 else None for v in rng.integers(-d - 1, d + 2, 2)]
                       + [[None, 1, 2, -1][rng.integers(4)]])  # fmt: skip
    return {"key": key}


def _getitem(x, key):
    return x[tuple(slice(*k) if isinstance(k, list) else k for k in key)]


def _reshape_params(rng, x):
    fixed = [d for d in x._shape if d is not None]
    n = int(np.prod(fixed))
    divisors = [d for d in range(1, n + 1) if n % d == 0] or [1]
    a = int(divisors[rng.integers(len(divisors))])
    choices = [[-1, n], [-1, a, n // a], [-1, n // a, a], [-1, a], [a, n // a], [n]]
    return {"shape": choices[rng.integers(4)] if None in x._shape else choices[rng.integers(4, 6)]}


def _index_params(rng, x):
    axis = axis_of(rng, x)
    d = None if axis is None else x._shape[axis]
    if not d:
        return None
    return {"axis": axis, "index": [int(v) for v in rng.integers(-d, d, rng.integers(1, 5))]}


def _table():
    """Name: (number of operands, parameters from (rng, *tensors), function of tensors and parameters)."""
    none = lambda rng, *xs: {}  # noqa: E731
    axis = lambda rng, x, *_: {"axis": axis_of(rng, x)} if x._shape else None  # noqa: E731
    out = {}
    for name in UNARY:
        out[name] = (1, none, lambda x, n=name: apply(n, tame(x)))
    for name in POSITIVE:
        out[name] = (1, none, lambda x, n=name: apply(n, positive(x)))
    for name in PAIRS:
        out[name] = (2, none, lambda x, z, n=name: apply(n, tame(x), tame(z)))
    for name in COMPARE:
        out[name] = (2, none, lambda x, z, n=name: apply(n, in_steps(x), in_steps(z)))
    for name in INT_PAIRS:
        out[f"int_{name}"] = (2, none, lambda x, z, n=name: apply(n, i32(x), i32(z)))
    for name in ("logical_and", "logical_or", "logical_xor"):
        out[name] = (2, none, lambda x, z, n=name: apply(n, f32(x) > 0.0, z))
    for name in REDUCE:
        out[name] = (
            1,
            lambda rng, x: {"axis": axes_of(rng, x), "keepdims": bool(rng.integers(2))},
            lambda x, axis, keepdims, n=name: _reduce(n, x, axis, keepdims),
        )
    for name in (
        "cumsum",
        "cumprod",
        "cummax",
        "cummin",
        "sort",
        "argsort",
        "flip",
        "softmax",
        "log_softmax",
        "sparsemax",
    ):
        out[name] = (1, axis, lambda x, axis, n=name: apply(n, tame(x) * (0.5 if n == "cumprod" else 1.0), axis=axis))
    # Over a large batch its running sums are long, and what it takes their small differences for is lost in float32.
    out["sparsemax"] = (1, lambda rng, x: {} if x._shape else None, lambda x: apply("sparsemax", tame(x), axis=-1))
    out |= {
        "divide": (2, none, lambda x, z: tame(x) / positive(z)),
        "divide_no_nan": (2, none, lambda x, z: ops.divide_no_nan(tame(x), ops.round(tame(z)))),
        "power": (2, none, lambda x, z: ops.power(positive(x), tame(z))),
        "power_of_number": (
            1,
            lambda rng, x: {"z": [0.0, 0.5, 1.0, 2.0, 3.0, -1.0, 2.5][rng.integers(7)]},
            lambda x, z: positive(x) ** z,
        ),
        "number": (
            1,
            lambda rng, x: {
                "c": float(rng.integers(-3, 4)) / 2,
                "op": PAIRS[rng.integers(8)],
                "left": bool(rng.integers(2)),
            },
            lambda x, c, op, left: apply(op, c, tame(x)) if left else apply(op, tame(x), c),
        ),
        "round_to": (1, lambda rng, x: {"d": int(rng.integers(-1, 4))}, lambda x, d: ops.round(f32(x) * 1.25, d)),
        "clip": (
            1,
            lambda rng, x: {"low": float(rng.uniform(-2, 0)), "high": float(rng.uniform(0, 2))},
            lambda x, low, high: ops.clip(f32(x), low, high),
        ),
        "where": (3, none, lambda c, x, z: ops.where(f32(c) > 0.0, tame(x), tame(z))),
        "where_of_ints": (3, none, lambda c, x, z: ops.where(c, i32(x), i32(z))),
        "cast": (
            1,
            lambda rng, x: {"to": ["float32", "int32", "bool", "int8", "uint8", "int16", "float16"][rng.integers(7)]},
            lambda x, to: _round_trip(x, to),
        ),
        "transpose": (
            1,
            lambda rng, x: {"axes": [int(a) for a in rng.permutation(len(x._shape))]},
            lambda x, axes: ops.transpose(x, axes),
        ),
        "keep_rows_transpose": (
            1,
            lambda rng, x: {"axes": [0, *(1 + int(a) for a in rng.permutation(max(len(x._shape) - 1, 0)))]},
            lambda x, axes: ops.transpose(x, axes),
        ),
        "roll": (
            1,
            lambda rng, x: {"shift": int(rng.integers(-3, 4)), "axis": axis_of(rng, x)},
            lambda x, shift, axis: ops.roll(x, shift, axis),
        ),
        "reshape": (1, _reshape_params, lambda x, shape: ops.reshape(x, shape)),
        "reshape_by_size": (
            1,
            lambda rng, x: {"k": int(rng.integers(1, 4))},
            lambda x, k: ops.reshape(x, (ops.shape(x)[0] * k, -1)),
        ),
        "expand_dims": (
            1,
            lambda rng, x: {"axis": int(rng.integers(0, len(x._shape) + 1))},
            lambda x, axis: ops.expand_dims(x, axis),
        ),
        "squeeze": (1, none, lambda x: ops.squeeze(x)),
        "getitem": (1, _slice_params, _getitem),
        "pad": (
            1,
            _pad_params,
            lambda x, width, mode, value: ops.pad(x, width, mode, value if mode == "constant" else None),
        ),
        "tile": (
            1,
            lambda rng, x: {"n": [1 if d is None else int(rng.integers(1, 3)) for d in x._shape]},
            lambda x, n: ops.tile(x, n),
        ),
        "repeat": (
            1,
            lambda rng, x: {"n": int(rng.integers(1, 4)), "axis": axis_of(rng, x)},
            lambda x, n, axis: ops.repeat(x, n, axis),
        ),
        "take": (1, _index_params, lambda x, axis, index: ops.take(x, np.array(index, "int32"), axis=axis)),
        "lookup": (2, none, lambda table, i: ops.take(table, ops.mod(i32(i), table.shape[0]), axis=0)),
        "take_along": (
            2,
            axis,
            lambda x, i, axis: ops.take_along_axis(x, ops.mod(i32(i), x.shape[axis]), axis=axis),
        ),
        "concatenate": (2, axis, lambda x, z, axis: ops.concatenate([f32(x), f32(z)], axis)),
        "stack": (
            2,
            lambda rng, x, z: {"axis": int(rng.integers(0, len(x._shape) + 1))},
            lambda x, z, axis: ops.stack([f32(x), f32(z)], axis),
        ),
        "broadcast_like": (2, none, lambda x, z: ops.broadcast_to(x, ops.shape(z))),
        "one_hot": (
            1,
            lambda rng, x: {"n": int(rng.integers(1, 6)), "axis": int(rng.integers(0, len(x._shape) + 1))},
            lambda x, n, axis: ops.one_hot(ops.abs(i32(x)), n, axis=axis),
        ),
        "top_k": (
            1,
            lambda rng, x: {"k": int(rng.integers(1, 4)), "i": int(rng.integers(2))},
            lambda x, k, i: ops.top_k(f32(x), k)[i],
        ),
        "in_top_k": (
            2,
            lambda rng, t, p: {"k": int(rng.integers(1, 4))},
            lambda t, p, k: ops.in_top_k(i32(t), f32(p), k),
        ),
        "searchsorted": (
            1,
            lambda rng, x: {"side": ["left", "right"][rng.integers(2)]},
            lambda x, side: ops.searchsorted(np.array([-1.0, -0.25, 0.0, 0.5, 1.5], "f"), f32(x), side=side),
        ),
        "segment_sum": (
            2,
            none,
            lambda x, i: ops.segment_sum(f32(x), ops.reshape(i32(i), (-1,)), 5),
        ),
        "tril": (1, lambda rng, x: {"k": int(rng.integers(-1, 2))}, lambda x, k: ops.tril(x, k)),
        "diagonal": (
            1,
            lambda rng, x: {
                "k": int(rng.integers(-1, 2)),
                "axes": [int(a) for a in rng.permutation(len(x._shape))[:2]],
            },
            lambda x, k, axes: ops.diagonal(x, k, *axes),
        ),
        "matmul": (2, none, lambda x, z: ops.matmul(tame(x), tame(z)) * 0.3),
        "matmul_plain": (2, none, lambda x, z: ops.matmul(f32(x), f32(z)) * 0.3),
        "matmul_transposed": (2, none, lambda x, z: ops.matmul(f32(x), ops.swapaxes(f32(z), -1, -2)) * 0.3),
        "dense": (
            2,
            lambda rng, x, w: {"act": ["linear", "relu", "tanh", "round_to", "sigmoid", "square"][rng.integers(6)]},
            lambda x, w, act: _dense(f32(x), f32(w), act),
        ),
        "gram": (1, none, lambda x: ops.matmul(ops.transpose(tame(x)), tame(x)) * 0.1),
        "einsum": (
            2,
            lambda rng, x, z: {
                "s": [
                    "bi,bi->b",
                    "bi,bj->bij",
                    "bi,bj->ij",
                    "bi,ij->bj",
                    "bij,bij->b",
                    "bij,jk->bik",
                    "bij,bj->bi",
                    "ij,ij->",
                    "ij,jk->ik",
                    "bij,bik->bjk",
                ][rng.integers(10)]
            },
            lambda x, z, s: ops.einsum(s, tame(x), tame(z)) * 0.3,
        ),
        "times_size": (1, none, lambda x: f32(x) * (1.0 / ops.shape(x)[0])),
        "divided_by_size": (1, none, lambda x: f32(x) / ops.cast(ops.size(x), "float32")),
        "crossentropy": (
            2,
            lambda rng, t, p: {"logits": bool(rng.integers(2))},
            lambda t, p, logits: ops.sparse_categorical_crossentropy(
                ops.mod(i32(t), p._shape[-1]), f32(p) if logits else ops.softmax(f32(p)), from_logits=logits
            ),
        ),
        "dense_crossentropy": (
            2,
            lambda rng, t, p: {"logits": bool(rng.integers(2))},
            lambda t, p, logits: ops.categorical_crossentropy(
                ops.softmax(f32(t)), f32(p) if logits else ops.softmax(f32(p)), from_logits=logits
            ),
        ),
        "binary_crossentropy": (
            2,
            lambda rng, t, p: {"logits": bool(rng.integers(2))},
            lambda t, p, logits: ops.binary_crossentropy(
                ops.sigmoid(f32(t)), f32(p) if logits else ops.sigmoid(f32(p)), from_logits=logits
            ),
        ),
        "squared_error": (2, none, lambda t, p: apply("squared_error_mean", tame(t), tame(p))),
        "absolute_error": (2, none, lambda t, p: apply("absolute_error_mean", tame(t), tame(p))),
        "hit": (2, none, lambda t, p: apply("hit_sparse", i32(t), f32(p))),
    }
    return out


def _reduce(name, x, axis, keepdims):
    axis = tuple(axis) if isinstance(axis, list) else axis
    if name == "count_nonzero":
        return ops.count_nonzero(f32(x) > 0, axis=axis)
    if name in ("argmax", "argmin"):
        return apply(
            name, f32(x), axis=axis if isinstance(axis, int) else None if axis is None else axis[0], keepdims=keepdims
        )
    if name in ("any", "all"):
        return apply(name, f32(x) > 0.2, axis=axis, keepdims=keepdims)
    if name == "prod":
        x = tame(x) * 0.7
    elif name in ("std", "logsumexp"):
        x = tame(x)
    elif x.dtype == "bool" or (x.dtype == "int32" and name not in ("sum", "max", "min")):
        x = f32(x)
    return apply(name, x, axis=axis, keepdims=keepdims)


def _round_trip(x, to):
    if to in ("float32", "int32", "bool"):
        return ops.cast(i32(x) if to == "int32" else x, to)
    x = ops.abs(tame(x)) * 40.0 if to == "uint8" else tame(x) * 20.0
    return ops.cast(ops.cast(x, to), "float32")


def _dense(x, w, act):
    y = ops.matmul(x, w) * 1.0 if act == "square" else ops.matmul(x, w)
    if act == "linear":
        return y
    return ops.round(y, 1) if act == "round_to" else apply(act, y)


STEPS = _table()
