"""The families that losses and metrics are made of leave no host instruction, and give what NumPy gives."""

import numpy as np
import pytest

from fastfit import ops
from fastfit.graph import trace
from fastfit.graph.differentiate import gradients
from fastfit.graph.tensor import make_input
from tests.compiler.harness import host_ops, run

rng = np.random.default_rng(11)


def data(*shape):
    return rng.standard_normal(shape).astype("float32")


def f32(x):
    return ops.cast(x, "float32")


ROW, MATRIX, CUBE = data(6), data(6, 4), data(4, 3, 2)
NAMES = {
    "any": "sin cos tan arctan sinh cosh arcsinh cbrt exp2 floor ceil trunc round sinc deg2rad rad2deg isnan isinf "
    "isfinite logical_not isposinf isneginf erf erfc sign signbit nan_to_num log_softmax softmax".split(),
    "unit": "arcsin arccos arctanh erfinv".split(),
    "positive": "log2 log10 log1p log sqrt".split(),
    "pairs": "equal not_equal less less_equal greater greater_equal logical_and logical_or logical_xor maximum minimum "
    "fmax fmin arctan2 hypot logaddexp logaddexp2 floor_divide mod fmod divide_no_nan heaviside".split(),
}


def as_float(function):
    def wrapped(*xs):
        y = function(*xs)
        return f32(y)

    return wrapped


def reduced(name, axis, keepdims, of=lambda x: x):
    """A reduction that is spread over the rows again, so that it can be an output."""
    return lambda x: x * 0.0 + f32(getattr(ops, name)(of(x), axis=axis, keepdims=keepdims))


def ints(x):
    return ops.cast(x * 3.0, "int32")


# Each on x of shape (rows, 6), or (rows, 4, 3) where the name begins with "cube".
TABLE = {
    **{n: as_float(getattr(ops, n)) for n in NAMES["any"]},
    **{n: (lambda f: lambda x: f(0.95 * ops.tanh(x)))(getattr(ops, n)) for n in NAMES["unit"]},
    **{n: (lambda f: lambda x: f(ops.abs(x) + 0.1))(getattr(ops, n)) for n in NAMES["positive"]},
    "arccosh": lambda x: ops.arccosh(ops.abs(x) + 1.5),
    **{f"{n}_of_rows": (lambda f: as_float(lambda x: f(x, ops.flip(x, 1))))(getattr(ops, n)) for n in NAMES["pairs"]},
    **{f"{n}_of_numbers": (lambda f: as_float(lambda x: f(x, 0.5)))(getattr(ops, n)) for n in NAMES["pairs"]},
    "less_than_a_row": as_float(lambda x: x < ROW),
    "power": lambda x: ops.abs(x) ** 2.5 + x**2 + x**3 + 2.0**x,
    "power_of_rows": lambda x: ops.power(ops.abs(x) + 0.1, ROW),
    "round_to_decimals": lambda x: ops.round(x, 2),
    "where": lambda x: ops.where(x > 0, x, 0.5 * x),
    "where_of_constants": lambda x: ops.where(x > 0.1, 1.0, ROW),
    "where_of_columns": lambda x: ops.where(ops.sum(x, -1, keepdims=True) > 0, x, 0.0),
    "where_of_one": lambda x: ops.where(ops.all(x < 9.0), x, x * 2.0),
    "where_of_known": lambda x: ops.where(ROW > 0, x, -x),
    "select": lambda x: ops.select([x > 1, x > 0], [x * 2, x], -1.0),
    "clip": lambda x: ops.clip(x, -0.5, 0.75),
    "clip_ints": as_float(lambda x: ops.clip(ints(x), -1, 2)),
    **{
        f"{n}_{axis}_{keep}": as_float(reduced(n, axis, keep))
        for n in ("sum", "mean", "max", "min", "prod", "var", "std", "logsumexp")
        for axis, keep in ((-1, True), (0, False), (0, True), (None, False), ((0, 1), True))
    },
    **{
        f"{n}_of_conditions_{axis}": reduced(n, axis, True, of=lambda x: x > -0.5)
        for n in ("any", "all", "sum", "mean", "max", "min")
        for axis in (-1, 0, None)
    },
    "argmax": as_float(lambda x: ops.argmax(x, axis=-1)),
    "argmin": as_float(lambda x: ops.argmin(x, axis=1, keepdims=True)),
    "count_nonzero": as_float(lambda x: ops.count_nonzero(x > 0, axis=-1)),
    "cumsum": lambda x: ops.cumsum(x, axis=1),
    "cumprod": lambda x: ops.cumprod(x, axis=-1),
    "i0": lambda x: ops.i0(x),
    "nextafter": lambda x: ops.nextafter(x, ROW),
    "running_max": lambda x: np.maximum.accumulate(x, axis=1) - np.minimum.accumulate(x, axis=-1),
    "sort": lambda x: ops.sort(x, axis=-1) * ROW,
    "argsort": as_float(lambda x: ops.argsort(x, axis=-1)),
    "top_k": lambda x: ops.top_k(x, 3)[0] + f32(ops.top_k(x, 3)[1]),
    "median_of_rows": lambda x: ops.sort(x, axis=1)[:, 2:4] * 0.5,
    "sparsemax": lambda x: ops.sparsemax(x),
    "searchsorted": as_float(lambda x: ops.searchsorted(np.sort(ROW), x)),
    "searchsorted_right": as_float(lambda x: ops.searchsorted(np.sort(ROW), x, side="right")),
    "digitize": as_float(lambda x: ops.digitize(x, [-1.0, 0.1, 0.5])),
    "digitize_falling": as_float(lambda x: ops.digitize(x, [1.0, 0.1, -0.5])),
    "int_bits": as_float(lambda x: (ints(x) & 6) + (ints(x) | 1) - (ints(x) ^ 5) + ~ints(x)),
    "int_shifts": as_float(lambda x: ops.left_shift(ints(x), 3) + ops.right_shift(ints(x), 1)),
    "int_divisors": as_float(lambda x: ops.gcd(ints(x), 6) + ops.lcm(ints(x), 4)),
    "int_arithmetic": as_float(lambda x: (ints(x) + 3) * ints(x) - ops.maximum(ints(x), 1) // 2 + ints(x) % 3),
    "int_comparison": as_float(lambda x: ops.logical_or(ints(x) > 1, ints(x) == -2)),
    "int_minus": as_float(lambda x: ops.abs(-ints(x)) - ops.square(ints(x))),
    "int_sum": as_float(lambda x: ops.sum(ints(x), axis=-1) + ops.max(ints(x)) - ops.min(ints(x), axis=0)[0]),
    "int_broadcast": as_float(lambda x: ints(x) + ops.sum(ints(x), axis=-1, keepdims=True)),
    "int_truth": as_float(lambda x: ops.logical_and(ints(x), x > 0)),
    "bool_of_ints": as_float(lambda x: ops.cast(ints(x), "bool")),
    "expand_dims": lambda x: ops.expand_dims(x, 1) * ops.expand_dims(x, 2),
    "outer_of_rows": lambda x: ops.expand_dims(x, 2) - np.arange(3, dtype="float32"),
    "concatenate": lambda x: ops.concatenate([x, x * 2.0, ops.zeros_like(x)], axis=1),
    "stack": lambda x: ops.stack([x, x + 1.0, x * 2.0], axis=1),
    "stack_last": lambda x: ops.stack([x, ops.ones_like(x)], axis=-1),
    "slice": lambda x: x[:, 1:4] + x[..., :3],
    "column": lambda x: x[:, 2] * x[:, -1],
    "steps": lambda x: x[:, ::2],
    "new_axis": lambda x: x[:, None, ::-1],
    "columns_by_list": lambda x: ops.take(x, [4, 0, 0, 2], axis=1),
    "flip": lambda x: ops.flip(x, axis=-1),
    "roll": lambda x: ops.roll(x, 2, axis=1),
    "pad": lambda x: ops.pad(x, ((0, 0), (2, 1))),
    "pad_with_value": lambda x: ops.pad(x, ((0, 0), (0, 3)), constant_values=7.0),
    "pad_reflected": lambda x: ops.pad(x, ((0, 0), (2, 2)), mode="reflect"),
    "tile": lambda x: ops.tile(x, (1, 3)),
    "repeat": lambda x: ops.repeat(x, 2, axis=1),
    "split": lambda x: ops.split(x, 3, axis=1)[1],
    "one_hot": lambda x: ops.one_hot(ops.argmax(x, axis=-1), 6),
    "one_hot_first": lambda x: ops.one_hot(ops.argmax(x, axis=-1), 6, axis=1),
    "one_hot_out_of_range": lambda x: ops.one_hot(ints(x), 3),
    "take_along_axis": lambda x: ops.take_along_axis(x, ops.expand_dims(ops.argmax(x, axis=-1), -1), axis=-1),
    "take_rows_of_table": lambda x: ops.take(MATRIX, ops.argmax(x, axis=-1), axis=0),
    "take_conditions": lambda x: ops.take(ROW, ops.cast(x > 0, "int32"), axis=0),
    "in_top_k": as_float(lambda x: ops.in_top_k(ops.argmin(x, axis=-1), x, k=6)),
    "zeros_and_ones": lambda x: ops.zeros_like(x) + ops.ones_like(x) + ops.full_like(x, 0.5),
    "ones_of_shape": lambda x: ops.ones((ops.shape(x)[0], 6)) * x,
    "broadcast_to": lambda x: ops.broadcast_to(x[:, :1], (ops.shape(x)[0], 6)),
    "count_of_batch": lambda x: x / f32(ops.shape(x)[0]),
    "matmul": lambda x: ops.matmul(x, MATRIX),
    "matmul_vector": lambda x: ops.matmul(x, ROW),
    "dot": lambda x: ops.dot(x, MATRIX),
    "einsum_with_matrix": lambda x: ops.einsum("bi,ij->bj", x, ops.expand_dims(ops.sum(x, 0), 1) * MATRIX),
    "einsum_dot": lambda x: ops.einsum("bi,bi->b", x, x * 2.0),
    "einsum_outer": lambda x: ops.einsum("bi,bj->bij", x, x[:, :2]),
    "einsum_over_batch": lambda x: x * ops.sum(ops.einsum("bi,bj->ij", x, x)),
    "cosine": lambda x: ops.sum(ops.normalize(x, axis=-1) * ops.normalize(x + ROW, axis=-1), axis=-1),
    "unit_norm": lambda x: x / ops.norm(x, axis=-1, keepdims=True),
    "softmax_over_batch": lambda x: ops.softmax(x, axis=0),
    "isclose": as_float(lambda x: ops.isclose(x, ROW, rtol=0.5)),
    "isclose_or_nan": as_float(lambda x: ops.isclose(ops.log(x), np.float32("nan"), equal_nan=True)),
    "cube_sort_of_middle": lambda x: ops.sort(x, axis=1) * data_row(4, 1),
    "cube_argsort_of_middle": as_float(lambda x: ops.argsort(x, axis=1)),
    "cube_sparsemax_of_middle": lambda x: ops.sparsemax(x, axis=1),
    "cube_transpose": lambda x: ops.transpose(x, (0, 2, 1)),
    "cube_sum_of_middle": lambda x: ops.sum(x, axis=1),
    "cube_mean_of_steps": lambda x: ops.mean(x, axis=(0, 1), keepdims=True) + x,
    "cube_max_of_steps": lambda x: ops.max(x, axis=(0, 1), keepdims=True) + x,
    "cube_mean_of_ends": lambda x: ops.mean(x, axis=(0, 2), keepdims=True) + x,
    "cube_min_of_middle": lambda x: ops.min(x, axis=1, keepdims=True) * x,
    "cube_argmax_of_middle": as_float(lambda x: ops.argmax(x, axis=1)),
    "cube_cumsum": lambda x: ops.cumsum(x, axis=1),
    "cube_broadcast": lambda x: x[:, :, :1] * x[:, :1, :] - x[:, 1:2, 1:2],
    "cube_broadcast_known": lambda x: x + data_row(4, 1) * data_row(1, 3),
    "cube_matmul": lambda x: ops.matmul(x, ops.transpose(x, (0, 2, 1))),
    "cube_matmul_known": lambda x: ops.matmul(x, CUBE[0]),
    "cube_known_matmul": lambda x: ops.matmul(MATRIX, x),
    "cube_einsum": lambda x: ops.einsum("btc,bsc->bts", x, x * 0.5),
    "cube_einsum_transposed": lambda x: ops.einsum("btc,cd->bdt", x, CUBE[0] + 0.0 * ops.sum(x)),
    "cube_one_hot_middle": lambda x: ops.one_hot(ops.argmax(x, axis=1), 4, axis=1) * x,
    "cube_take_along_middle": lambda x: ops.take_along_axis(x, ops.argmax(x, axis=1, keepdims=True), axis=1),
    "cube_concatenate": lambda x: ops.concatenate([x, x[:, :1]], axis=1),
    "cube_stack": lambda x: ops.stack([x, x], axis=2),
    "cube_softmax_of_middle": lambda x: ops.softmax(x, axis=1),
    "cube_flatten": lambda x: ops.reshape(x, (-1, 12)),
    "cube_tril": lambda x: ops.tril(x),
    "cube_diagonal": lambda x: ops.diagonal(x, axis1=1, axis2=2),
    "cube_swapaxes": lambda x: ops.swapaxes(x, 1, 2),
    "cube_getitem": lambda x: x[:, 1:, -1],
}  # fmt: skip


def data_row(*shape):
    return np.linspace(-1, 1, int(np.prod(shape)), dtype="float32").reshape(shape)


def inputs(name, rows):
    shape = (rows, 4, 3) if name.startswith("cube") else (rows, 6)
    return np.random.default_rng([rows, *name.encode()]).standard_normal(shape).astype("float32")


@pytest.mark.parametrize("name", TABLE)
@pytest.mark.parametrize("rows", [1, 3, 37])
def test_no_host_instruction_and_numpy_values(name, rows):
    native, expected, program = run(TABLE[name], [inputs(name, rows)])
    assert host_ops(program) == []
    for a, b in zip(native, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=3e-6, atol=3e-6)


# Whose derivative is zero wherever it exists, or that only count and compare.
FLAT = {
    *"floor ceil trunc round round_to_decimals isnan isinf isfinite logical_not isposinf isneginf signbit sign argmax "
    "argmin count_nonzero clip_ints one_hot one_hot_first one_hot_out_of_range take_rows_of_table take_conditions "
    "isclose isclose_or_nan nextafter argsort searchsorted searchsorted_right digitize digitize_falling "
    "in_top_k zeros_and_ones less_than_a_row int_truth bool_of_ints where_of_constants "
    "cube_argmax_of_middle cube_argsort_of_middle".split(),
    *(n for n in TABLE if n.startswith("int_")),
    *(f"{n}_of_{what}" for what in ("rows", "numbers") for n in (
        "equal not_equal less less_equal greater greater_equal logical_and logical_or logical_xor floor_divide "
        "heaviside"
    ).split()),
}  # fmt: skip


def gradient_of(function):
    """The gradient of a weighted sum of what `function` gives, as a function of the same inputs."""

    def gradient(x):
        y = function(x)
        w = np.linspace(0.5, 1.5, int(np.prod([n for n in y.shape if isinstance(n, int)])), dtype="float32")
        total = ops.sum(y * w.reshape([n if isinstance(n, int) else 1 for n in y.shape]))
        (dx,) = gradients(total, [x])
        return dx

    return gradient


@pytest.mark.parametrize("name", sorted(set(TABLE) - FLAT))
def test_gradients_are_native_too(name):
    native, expected, program = run(gradient_of(TABLE[name]), [inputs(name, 5)])
    assert host_ops(program) == []
    np.testing.assert_allclose(native[0], expected[0], rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("name", sorted(FLAT))
def test_flat_ops_have_no_gradient(name):
    with trace.Trace():
        run_input = make_input((None, *inputs(name, 1).shape[1:]), "float32")
        y = ops.sum(TABLE[name](run_input))
        assert gradients(y, [run_input]) == [None]


FLATTENED = {
    "flat_dice": lambda x: x * (2.0 * ops.sum(ops.reshape(x, (-1,)) * ops.reshape(ops.tanh(x), (-1,)))),
    "flat_mean": lambda x: x + ops.mean(ops.square(ops.reshape(x, (-1,))), axis=-1),
    "cube_of_steps": lambda x: ops.reshape(ops.softmax(ops.reshape(x, (-1, 3)), axis=-1), (-1, 12)),
    "cube_dense_of_steps": lambda x: ops.reshape(ops.matmul(ops.reshape(x, (-1, 3)), data_row(3, 2)), (-1, 8)),
    "cube_extremes": lambda x: x - ops.max(ops.reshape(x, (-1, 3)), axis=0),
    "cube_mean_of_steps": lambda x: x + ops.mean(ops.sum(ops.reshape(x, (-1, 3)), axis=-1)),
    "cube_centred": lambda x: ops.reshape((f := ops.reshape(x, (-1, 3))) - ops.mean(f, axis=0), (-1, 4, 3)),
    "cube_one_hot": lambda x: ops.reshape(
        ops.where(ops.one_hot(ops.argmax((f := ops.reshape(x, (-1, 3))), -1), 3) > 0, f, 0.5), (-1, 4, 3)
    ),
}


@pytest.mark.parametrize("name", FLATTENED)
@pytest.mark.parametrize("rows", [1, 7, 300])
def test_rows_of_reshapes_into_the_batch(name, rows):
    for function in (FLATTENED[name], gradient_of(FLATTENED[name])):
        native, expected, program = run(function, [inputs(name, rows)])
        assert host_ops(program) == []
        np.testing.assert_allclose(native[0], expected[0], rtol=2e-4, atol=2e-4)


def test_rows_that_are_no_parts_of_the_batch_are_refused():
    with pytest.raises(NotImplementedError, match="no whole parts of a row"):
        run(lambda x: x + ops.sum(ops.sort(ops.reshape(x, (-1, 4)), axis=-1)), [data(4, 6)])
    with pytest.raises(NotImplementedError, match="one row for each row of the batch"):
        run(lambda x: ops.reshape(x, (-1, 3)), [data(4, 6)])
