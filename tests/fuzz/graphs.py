"""Random graphs: what is compiled gives what the ops mean.

    python tests/fuzz/graphs.py [--seed 0] [--count 20000] [--seconds 60] [--keras 0.02] [--replay JSON]

A graph is a list of leaves (inputs, variables, constants) and steps, drawn from a seed. It is compiled for an
instruction set and a number of threads and run; outputs, gradients and variables after an update of an optimizer are
compared with the NumPy meanings of the ops (`graph/evaluate.py`), some models with Keras on JAX as well. On a
difference the graph is made as small as it still differs, printed as an argument of ``--replay``, and the exit code
is 1.

What may differ: the meanings are computed in float64, then three times more with every float that an op computes
changed by a random part of up to 2^-22 of itself, four units in the last place of float32. How far results then lie
apart says how well the graph determines them in float32: natively at most 24 times as far, and 2e-6 of the value and
of the largest one, are allowed (kernels round within an op as well, and sums add up to 2,500 such errors).
Where they lie apart by more than a hundredth of the largest value, or integers and conditions differ at all, a
discontinuity is near, and nothing can be said of that element; how many are left to compare is printed.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import traceback
import warnings
from pathlib import Path

import numpy as np

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from fastfit import _core, constraints, ops, optimizers
from fastfit.compiler import compile_program
from fastfit.graph import randomness, storage, trace
from fastfit.graph.differentiate import gradients
from fastfit.graph.op import Op, apply, constant
from fastfit.graph.rewrite import fuse
from fastfit.graph.tensor import KerasTensor, make_input, topological
from fastfit.graph.variable import Variable

ISAS = ("generic", "avx2", "avx512", "neon")
WIDTHS = (1, 2, 3, 4, 5, 7, 8, 16, 17, 33)
ROWS = (1, 1, 2, 3, 5, 8, 17, 32, 33, 64, 100, 130, 300, 1024, 1500, 2500)
# What a graph may be refused for, with a message that says so.
REFUSED = (ValueError, TypeError, IndexError, NotImplementedError, ZeroDivisionError)

# Steps ----------------------------------------------------------------------------------------------------------------


def f32(x):
    return x if x.dtype == "float32" else ops.cast(x, "float32")


def i32(x):
    return x if x.dtype == "int32" else ops.cast(ops.clip(ops.tanh(f32(x)) * 8.7, -9.0, 9.0), "int32")


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
    out["sparsemax"] = (1, none, lambda x: apply("sparsemax", tame(x), axis=-1))
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
OPTIMIZERS = {
    "SGD": {}, "SGD_momentum": {"momentum": 0.9}, "SGD_nesterov": {"momentum": 0.9, "nesterov": True}, "Adam": {},
    "Adam_amsgrad": {"amsgrad": True}, "AdamW": {}, "RMSprop": {},
    "RMSprop_centered": {"centered": True, "momentum": 0.5}, "Adagrad": {}, "Adadelta": {}, "Adamax": {}, "Nadam": {},
    "Ftrl": {}, "Lion": {}, "Lamb": {}, "Adafactor": {}, "Muon": {}, "ScheduleFreeAdamW": {},
}  # fmt: skip
COMMON = ({}, {}, {}, {"clipnorm": 0.1}, {"clipvalue": 0.01}, {"global_clipnorm": 0.1}, {"use_ema": True},
          {"weight_decay": 0.01}, {"loss_scale_factor": 4.0})  # fmt: skip
CONSTRAINT = {
    None: None,
    "non_neg": constraints.NonNeg(),
    "unit_norm": constraints.UnitNorm(),
    "max_norm": constraints.MaxNorm(0.5),
}
CONSTRAINTS = (None, None, None, "non_neg", "unit_norm", "max_norm")

# Graphs ---------------------------------------------------------------------------------------------------------------


def draw(seed):
    """The description of a graph: plain data, which `--replay` takes as JSON."""
    rng = np.random.default_rng(seed)
    widths = [int(w) for w in rng.choice(WIDTHS, 3)]
    leaves = [{"kind": "input", "shape": [None, widths[0]], "dtype": "float32"}]
    for _ in range(rng.integers(2, 7)):
        w, v = (widths[i] for i in rng.integers(0, 3, 2))
        kind = ["input", "var", "var", "var", "const"][rng.integers(5)]
        shapes = [[w, v], [w, v], [widths[0], v], [v], [], [v, w]]
        if kind == "input":
            shapes = [[None, w], [None, w, v], [None], [None, 1]]
        shape = shapes[rng.integers(len(shapes))]
        dtype = ["float32", "float32", "int32"][rng.integers(3)] if kind != "var" else "float32"
        leaves.append({"kind": kind, "shape": shape, "dtype": dtype})
    spec = {"seed": int(seed), "leaves": leaves, "steps": [], "outs": [], "rows": int(ROWS[rng.integers(len(ROWS))])}
    spec["batch"] = int(rng.integers(1, spec["rows"] + 1)) if rng.random() < 0.3 else spec["rows"]
    spec["isa"], spec["threads"] = int(rng.integers(1 << 20)), int(rng.integers(1, 4))
    with trace.Trace(), np.errstate(all="ignore"):
        pool = [leaf_tensor(x, None) for x in leaves]
        names = list(STEPS)
        wanted, tries = int(rng.integers(3, 26)), 0
        while len(spec["steps"]) < wanted and tries < 6 * wanted:
            tries += 1
            name = names[rng.integers(len(names))]
            arity, params, function = STEPS[name]
            recent = len(pool) - 1 - np.minimum(rng.geometric(0.2, arity) - 1, len(pool) - 1)
            picks = [int(r) if rng.random() < 0.6 else int(rng.integers(len(pool))) for r in recent]
            xs = [pool[p] for p in picks]
            try:
                given = params(rng, *xs)
                tensor = None if given is None else function(*xs, **given)
            except REFUSED:
                continue
            if tensor is None or not isinstance(tensor, KerasTensor) or size_of(tensor, spec["rows"]) > 4e5:
                continue
            pool.append(tensor)
            spec["steps"].append([name, picks, given])
    n = len(leaves)
    picks = [i for i in range(n, len(pool)) if rng.random() < 0.2] or [len(pool) - 1]
    spec["outs"] = picks[-6:]
    spec["train"] = bool(rng.random() < 0.6)
    if spec["train"]:
        name = list(OPTIMIZERS)[rng.integers(len(OPTIMIZERS))]
        spec["optimizer"] = [name, COMMON[rng.integers(len(COMMON))]] if rng.random() < 0.6 else None
        spec["constraint"] = CONSTRAINTS[rng.integers(len(CONSTRAINTS))]
        spec["regularizer"] = bool(rng.integers(2))
    return spec


def size_of(tensor, rows):
    count = 1
    for d in tensor._shape:
        count *= rows * max(tensor._shape.times, 1) if d is None else d
    return count


def leaf_value(spec, index):
    leaf = spec["leaves"][index]
    rng = np.random.default_rng([spec["seed"], index])
    shape = tuple(spec["rows"] if d is None else d for d in leaf["shape"])
    if leaf["dtype"] == "int32":
        return rng.integers(-4, 9, shape).astype("int32")
    x = rng.standard_normal(shape).astype("float32")
    return np.where(rng.random(shape) < 0.05, np.float32(0), x) if leaf["kind"] == "input" else x


def leaf_tensor(leaf, value):
    if leaf["kind"] == "input":
        return make_input(tuple(leaf["shape"]), leaf["dtype"])
    if value is None:
        value = np.ones(leaf["shape"], leaf["dtype"])
    if leaf["kind"] == "const":
        return constant(value)
    return trace.current().read(Variable(value, trainable=True))


class Built:
    """A graph that a description says, with its data."""

    def __init__(self, spec):
        self.spec = spec
        self.inputs, self.arrays, self.variables = [], [], []
        leaves = spec["leaves"]
        values = [leaf_value(spec, i) for i in range(len(leaves))]
        with trace.Trace() as t:
            pool = [leaf_tensor(leaf, value) for leaf, value in zip(leaves, values, strict=True)]
            for name, picks, params in spec["steps"]:
                pool.append(STEPS[name][2](*(pool[p] for p in picks), **params))
        for leaf, tensor, value in zip(leaves, pool, values, strict=False):
            if leaf["kind"] == "input":
                self.inputs.append(tensor)
                self.arrays.append(value)
        self.read = dict(t.variables)
        self.pool = pool
        with t:
            self.outputs = [x for i in spec["outs"] if (x := as_output(pool[i])) is not None]
            self.fixed = [as_number(pool[i]) for i in spec["outs"] if None not in pool[i]._shape]
        self.feeds = dict(zip(self.inputs, self.arrays, strict=True))


def as_output(x):
    """What a program can hand out: one row per row of the batch; None for what is no such thing."""
    if x._shape[:1] == (None,) and None not in x._shape[1:] and x._shape.times == 1:
        return as_number(x)
    return None


def as_number(x):
    return x if x.dtype in ("float32", "int32") else ops.cast(x, "float32")


# The reference --------------------------------------------------------------------------------------------------------

# Ops whose floats are floats of their inputs: nothing is rounded.
EXACT = frozenset(
    "constant identity stop_gradient reshape reshape_like expand_dims squeeze transpose flip roll broadcast_to "
    "broadcast_like full full_like arange concatenate stack slice_as tile repeat pad getitem take take_along_axis sort "
    "top_k where maximum minimum fmax fmin max min relu negative abs sign floor ceil trunc round cummax cummin one_hot "
    "tril triu diagonal cast clip as_batch fixed_rows axis_size batch_size hit_sparse relu_grad".split()
)
NOISE = 2.0**-22
# What is smaller may be 0: denormals are, while a program runs.
TINY = 1e-36
DRAWS = 3


def meanings(tensors, feeds, noise=None):
    """The tensors' values in float64, by the ops' NumPy meanings; with random errors of floats if `noise` is given.

    feeds : dict of tensor or Variable to array
    """
    values = {id(t): _wide(v) for t, v in feeds.items() if isinstance(t, KerasTensor)}
    with randomness.drawing_from(0, 0), np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for node in topological([t for t in tensors if isinstance(t, KerasTensor)]):
            if id(node.outputs[0]) in values:
                continue
            if node.operation == "variable":
                variable = node.attrs["variable"]
                result = _wide(feeds.get(variable, variable.numpy()))
            else:
                args = [values[id(x)] if isinstance(x, KerasTensor) else _wide(x) for x in node.inputs]
                attrs = dict(node.attrs)
                if node.operation.name == "cast" and attrs["dtype"] == "float32":
                    attrs["dtype"] = "float64"
                result = node.operation.meaning(*args, **attrs)
            results = result if isinstance(result, tuple) else (result,)
            for t, value in zip(node.outputs, results, strict=True):
                value = np.asarray(value)
                if noise is not None and value.dtype.kind == "f" and _rounds(node):
                    value = value * (1.0 + noise[1] * noise[0].uniform(-1.0, 1.0, value.shape))
                    # as float32 rounds it: then what is equal there may be equal here
                    value = np.where(np.abs(value) < TINY, 0.0, value).astype(np.float32).astype(np.float64)
                values[id(t)] = value
    return [values[id(t)] if isinstance(t, KerasTensor) else np.asarray(t) for t in tensors]


def _wide(x):
    if x is None or isinstance(x, (bool, int, float)):
        return x
    x = np.asarray(x)
    return x.astype(np.float64) if x.dtype == np.float32 else x


def _rounds(node):
    return isinstance(node.operation, Op) and node.operation.name not in EXACT


def differences(got, sure, shaken, share, least=0.0):
    """Places where `got` is not what the reference says, and what it may be; see the module's text."""
    got, sure = np.asarray(got), np.asarray(sure)
    if got.shape != sure.shape:
        return f"shape {got.shape} instead of {sure.shape}"
    if not got.size:
        return None
    with np.errstate(all="ignore"):
        a, b = got.astype(np.float64), sure.astype(np.float64)
        others = [np.asarray(s).astype(np.float64) for s in shaken]
        finite = np.isfinite(b)
        for s in others:
            finite &= np.isfinite(s)
        scale = np.max(np.abs(b[finite]), initial=0.0)
        spread = np.max([np.abs(s - b) for s in others], axis=0)
        same_kind = np.all([(s == b) | (np.isnan(s) & np.isnan(b)) for s in others], axis=0)
        if sure.dtype.kind != "f":
            judged = same_kind
            wrong = judged & (a != b)
        else:
            judged = (finite & (spread <= 0.01 * scale) & (np.abs(b) < 1e30)) | (~finite & same_kind)
            bound = 24.0 * spread + 2e-6 * np.abs(b) + 2e-6 * scale + least + 1e-30
            wrong = np.where(finite, ~(np.abs(a - b) <= bound), ~((a == b) | (np.isnan(a) & np.isnan(b))))
            wrong &= judged
    share[0] += int(np.sum(judged))
    share[1] += judged.size
    if not np.any(wrong):
        return None
    at = tuple(int(i) for i in np.argwhere(wrong)[0])
    return (
        f"{int(np.sum(wrong))} of {wrong.size} elements; at {at} {a[at]!r} instead of {b[at]!r} (+- {spread[at]:.3g})"
    )


# One graph ------------------------------------------------------------------------------------------------------------

_ENGINES = {}


def engines():
    """All (instruction set, threads) of this machine."""
    if not _ENGINES:
        for isa in ISAS:
            for threads in (1, 2, 3):
                try:
                    _ENGINES[isa, threads] = _core.Engine(isa, threads)
                except ValueError:
                    break
    return _ENGINES


def choose_engine(spec):
    isas = sorted({isa for isa, _ in engines()})
    isa = spec["isa"] if isinstance(spec["isa"], str) else isas[spec["isa"] % len(isas)]
    storage._engine = engines()[isa, spec["threads"]]
    return isa


def check(spec, share):
    """None if all is right; else what is not. `share` counts elements that were compared, and all.

    What seems wrong is looked at again with more and larger random errors: a few draws may all miss a discontinuity.
    """
    found = check_once(spec, share)
    return found if found is None or spec.get("again") else check_once({**spec, "again": True}, [0, 0])


def check_once(spec, share):
    try:
        return check_all(spec, share)
    except Exception as error:
        return f"{type(error).__name__}: {error}\n{''.join(traceback.format_tb(error.__traceback__)[-4:])}"


def check_all(spec, share):
    choose_engine(spec)
    try:
        built = Built(spec)
    except REFUSED:  # only while shrinking
        return None
    if any(0 in x._shape for x in built.pool):  # NumPy broadcasts no batch with nothing, a program need not look
        return None
    found = check_forward(built, share) if built.outputs else None
    if found is None and built.fixed:
        found = check_fixed(built, share)
    if found is None and spec.get("train") and built.read:
        found = check_training(built, share)
    return found


def run(program, built, sinks, batch):
    rates = np.full((1, len(program.counters)), 0.01) if program.counters else None
    counters = [o._iterations._storage for o in program.counters] or None
    n = built.spec["rows"]
    options = {"learning_rates": rates, "counters": counters, "force_threads": built.spec["threads"]}
    with np.errstate(all="ignore"):
        program.run(built.arrays, sinks, None, 0, n, batch, **options)


def check_forward(built, share):
    spec = built.spec
    outputs, _ = fuse(built.outputs)
    outputs = _distinct(outputs)
    try:
        program = compile_program(_columns(built), outputs=outputs, batch=spec["batch"])
        native = [np.full((spec["rows"], *t._shape[1:]), 77, t.dtype) for t in outputs]
        run(program, built, native, spec["batch"])
    except Exception as error:
        return _refusal(error)
    for start in range(0, spec["rows"], spec["batch"]):
        part = slice(start, start + spec["batch"])
        runs = [meanings(outputs, {t: v[part] for t, v in built.feeds.items()}, noise) for noise in _noises(spec)]
        for i, got in enumerate(native):
            found = differences(got[part], runs[0][i], [r[i] for r in runs[1:]], share)
            if found:
                return f"row output {i}, rows from {start}: {found}"
    return None


def check_fixed(built, share):
    """What has no batch axis, as new values of variables."""
    spec = built.spec
    tensors, _ = fuse(built.fixed)
    targets = [Variable(np.zeros(t._shape, t.dtype), trainable=False) for t in tensors]
    try:
        program = compile_program(_columns(built), updates=list(zip(targets, tensors, strict=True)), batch=spec["rows"])
        run(program, built, [], spec["rows"])
    except Exception as error:
        return _refusal(error)
    runs = [meanings(tensors, built.feeds, noise) for noise in _noises(spec)]
    for i, target in enumerate(targets):
        found = differences(target.numpy(), runs[0][i], [r[i] for r in runs[1:]], share)
        if found:
            return f"fixed output {i}: {found}"
    return None


def _noises(spec):
    sizes = [NOISE] * DRAWS if not spec.get("again") else [NOISE, 4 * NOISE] * 4 * DRAWS
    return [None, *((np.random.default_rng([spec["seed"], 77, i]), size) for i, size in enumerate(sizes))]


def _columns(built):
    return [(t, a.dtype.name) for t, a in zip(built.inputs, built.arrays, strict=True)]


def _distinct(tensors):
    seen, out = set(), []
    for t in tensors:
        out.append(apply("multiply", t, 1) if id(t) in seen else t)
        seen.add(id(t))
    return out


# What programs are refused for, by design: it is said to the user.
KNOWN = (
    "may have the batch dimension at most twice",
    "no whole parts of a row",
    "slice of the batch axis",
    "must have one row for each row",
    "failed for a batch of",  # sizes that do not fit, as NumPy finds when the program runs
    "boolean index did not match",
)


def _refusal(error):
    """None for an error that says what cannot be; any other is a finding."""
    if isinstance(error, REFUSED) and any(k in str(error) for k in KNOWN):
        return None
    return f"{type(error).__name__}: {error}\n{''.join(traceback.format_tb(error.__traceback__)[-3:])}"


def loss_of(built):
    """A scalar of everything that is smooth."""
    spec = built.spec
    terms = []
    for i in spec["outs"]:
        x = built.pool[i]
        if x.dtype == "float32":
            terms.append(ops.mean(ops.square(tame(x))) if i % 2 else ops.mean(ops.sin(x)))
    if spec.get("regularizer"):
        terms += [0.01 * ops.sum(ops.square(w)) for w in built.read.values()]
        terms += [0.01 * ops.mean(ops.abs(w) * ops.log(ops.abs(w) + 1.0)) for w in list(built.read.values())[:1]]
    if not terms:
        return None
    total = terms[0]
    for t in terms[1:]:
        total = total + t
    return total


def check_training(built, share):
    spec = built.spec
    with trace.Trace():
        loss = loss_of(built)
    if not isinstance(loss, KerasTensor):
        return None
    (loss,), _ = fuse([loss])
    pairs = list(built.read.items())
    try:
        found = gradients(loss, [t for _, t in pairs])
    except NotImplementedError:
        return None
    pairs = [(v, g) for (v, _), g in zip(pairs, found, strict=True) if g is not None]
    if not pairs:
        return None
    variables, grads = (list(x) for x in zip(*pairs, strict=True))
    targets = [Variable(np.zeros(v.shape, "f"), trainable=False) for v in variables]
    total = Variable(np.zeros((), "f"), trainable=False)
    name, options = spec.get("optimizer") or (None, {})
    starts, optimizer = [v.numpy() for v in variables], None
    try:
        if name:
            for v in variables:
                v.constraint = CONSTRAINT[spec.get("constraint")]
            optimizer = make_optimizer(name, options)
            optimizer.build(variables)
        updates = [(total, loss)] if optimizer else [(total, loss), *zip(targets, grads, strict=True)]
        program = compile_program(
            _columns(built), updates=updates, optimizer=optimizer,
            gradients=list(zip(variables, grads, strict=True)) if optimizer else (), batch=spec["rows"],
        )  # fmt: skip
        run(program, built, [], spec["rows"])
    except Exception as error:
        return _refusal(error)
    after = [v.numpy() for v in variables]
    for v, start in zip(variables, starts, strict=True):
        v.assign(start)
    runs = [meanings([loss, *grads], built.feeds, noise) for noise in _noises(spec)]
    bad = differences(total.numpy(), runs[0][0], [r[0] for r in runs[1:]], share)
    if bad:
        return f"loss: {bad}"
    if optimizer is None:
        for i, (v, t) in enumerate(zip(variables, targets, strict=True)):
            bad = differences(t.numpy(), runs[0][i + 1], [r[i + 1] for r in runs[1:]], share)
            if bad:
                return f"gradient of variable {i} {v.shape}: {bad}"
        return None
    results = [updated(name, options, variables, starts, r[1:]) for r in runs]
    for i, got in enumerate(after):
        wide = [r[i].astype(np.float64) for r in results]
        # Ftrl takes differences of roots that are nearly equal, in which float32 leaves few digits.
        least = 1e-5 * float(np.max(np.abs(starts[i]), initial=0.0)) if name == "Ftrl" else 0.0
        bad = differences(got, wide[0], wide[1:], share, least)
        if bad:
            return f"variable {i} {got.shape} after {name} {options} {spec.get('constraint')}: {bad}"
    return None


def make_optimizer(name, options):
    return getattr(optimizers, name.split("_")[0])(learning_rate=0.01, **{**OPTIMIZERS[name], **options})


def updated(name, options, variables, starts, grads):
    """The variables after the optimizer's own `apply` in NumPy."""
    fresh = [Variable(s, trainable=True) for s in starts]
    for f, v in zip(fresh, variables, strict=True):
        f.constraint = v.constraint
    optimizer = make_optimizer(name, options)
    optimizer.build(fresh)
    with np.errstate(all="ignore"):
        optimizer.apply([np.asarray(g, np.float32) for g in grads], fresh)
    return [f.numpy() for f in fresh]


# Smaller graphs -------------------------------------------------------------------------------------------------------


def simpler(spec):
    """Descriptions that say less, the boldest first."""
    n, steps = len(spec["leaves"]), spec["steps"]
    if len(spec["outs"]) > 1:
        for i in spec["outs"]:
            yield {**spec, "outs": [i]}
    used = max(spec["outs"]) - n + 1
    if used < len(steps):
        yield {**spec, "steps": steps[: max(used, 0)]}
    for key in ("train", "regularizer"):
        if spec.get(key):
            yield {**spec, key: False}
    if spec.get("optimizer"):
        yield {**spec, "optimizer": None}
        if spec["optimizer"][1]:
            yield {**spec, "optimizer": [spec["optimizer"][0], {}]}
    if spec.get("constraint"):
        yield {**spec, "constraint": None}
    for out in spec["outs"]:  # what an output is made of
        if out >= n:
            for p in steps[out - n][1]:
                yield {**spec, "outs": [p if o == out else o for o in spec["outs"]]}
    for i in reversed(range(len(steps))):  # a step replaced by one of its operands
        for p in steps[i][1]:
            yield _without(spec, i, p)
    for rows in (1, 2, 3, 5, spec["rows"] // 2):
        if 0 < rows < spec["rows"]:
            yield {**spec, "rows": rows, "batch": min(rows, spec["batch"])}
    if spec["batch"] < spec["rows"]:
        yield {**spec, "batch": spec["rows"]}
    if spec["threads"] > 1:
        yield {**spec, "threads": 1}
    if spec["isa"] != "generic":
        yield {**spec, "isa": "generic"}


def _without(spec, i, operand):
    at = len(spec["leaves"]) + i

    def moved(p):
        return operand if p == at else p - (p > at)

    steps = [
        [name, [moved(p) for p in picks], params] for j, (name, picks, params) in enumerate(spec["steps"]) if j != i
    ]
    return {**spec, "steps": steps, "outs": sorted({moved(p) for p in spec["outs"]})}


def _kind(found):
    return None if found is None else found.split(":")[0].rstrip("0123456789 ")[:30]


def shrink(spec, seconds=20.0):
    """The smallest description found that still differs."""
    end, smaller, kind = time.monotonic() + seconds, True, _kind(check(spec, [0, 0]))
    while smaller and time.monotonic() < end:
        smaller = False
        for candidate in simpler(spec):
            try:
                wrong = check(candidate, [0, 0])
            except Exception:
                continue
            if _kind(wrong) == kind:
                spec, smaller = candidate, True
                break
    return spec


def report(spec, found, shrunk=True):
    small = shrink({**spec, "isa": choose_engine(spec)}) if shrunk else spec
    print(f"seed {spec['seed']}: {found}")
    print(f"  smallest: {check(small, [0, 0])}")
    print(f"  python tests/fuzz/graphs.py --replay '{json.dumps(small)}'", flush=True)


def main(arguments=None):
    """Run; returns the number of differences."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=20000)
    parser.add_argument("--seconds", type=float, default=0.0, help="stop after this time; 0 for none")
    parser.add_argument("--most", type=int, default=5, help="stop after so many differences")
    parser.add_argument(
        "--keras", type=float, default=0.0, help="share of seeds that compare a model with Keras as well"
    )
    parser.add_argument("--replay", help="a description, as printed")
    given = parser.parse_args(arguments)
    share, wrong, begin, done = [0, 0], 0, time.monotonic(), 0
    if given.replay:
        found = check(json.loads(given.replay), share)
        print(found or "no difference")
        return int(bool(found))
    before = storage._engine
    try:
        for seed in range(given.seed, given.seed + given.count):
            if given.seconds and time.monotonic() - begin > given.seconds:
                break
            spec = draw(seed)
            try:
                found = check(spec, share)
            except Exception:  # what the graph's own building raises is a finding as well
                found = traceback.format_exc(limit=-4)
            done += 1
            if found:
                wrong += 1
                report(spec, found)
                if wrong >= given.most:
                    break
    finally:
        storage._engine = before
    spent = time.monotonic() - begin
    print(
        f"{done} graphs from seed {given.seed} in {spent:.0f} s, {wrong} differences; "
        f"{share[0]:,} of {share[1]:,} elements compared; 1 to 3 threads of "
        f"{', '.join(sorted({isa for isa, _ in engines()}))}"
    )
    return wrong


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
