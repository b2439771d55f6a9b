"""Native programs give what the ops' NumPy meanings give."""

import numpy as np
import pytest

from fastfit import ops
from fastfit.graph.op import apply
from tests.compiler.harness import host_ops, run

rng = np.random.default_rng(7)


def data(*shape):
    return rng.standard_normal(shape).astype("float32")


W = data(5, 7)
ROW = data(5)

NATIVE = {
    "dense": lambda x: apply("dense", x, W, data(7)),
    "dense_relu": lambda x: apply("relu", apply("dense", x, W, None)),
    "dense_tanh_and_linear": lambda x: [t := apply("dense", x, W, None), apply("tanh", t)],
    "matmul": lambda x: ops.matmul(x, W),
    "dense_dx": lambda x: apply("dense_dx", apply("dense", x, W, None), W),
    "same_shape": lambda x: x * x + x,
    "row": lambda x: x * ROW,
    "scalar": lambda x: 2.0 - x / 3.0,
    "per_row": lambda x: x - ops.mean(x, axis=-1, keepdims=True),
    "maximum": lambda x: ops.maximum(x, 0.25) - ops.minimum(x, ROW),
    "softmax": lambda x: ops.softmax(x),
    "sum_last": lambda x: ops.sum(x, axis=-1),
    "max_last": lambda x: ops.max(x, axis=-1),
    "center_on_batch": lambda x: x - ops.mean(x),
    "center_columns": lambda x: x - ops.sum(x, axis=0),
    "concatenate": lambda x: ops.concatenate([x, x * 2.0, ops.tanh(x)], axis=-1),
    "reshape": lambda x: ops.reshape(x, (-1, 5, 1)) * 3.0,
    "twice_the_same": lambda x: [x + 1.0, x + 1.0],
    "input_is_output": lambda x: [x, x * 2.0],
    **{
        name: (lambda n: lambda x: apply(n, ops.abs(x) + 0.1 if n in ("log", "sqrt", "rsqrt") else x))(name)
        for name in (
            "relu", "tanh", "sigmoid", "softplus", "exp", "log", "log1p", "expm1", "erf", "sqrt", "rsqrt", "square",
            "abs", "negative", "reciprocal", "sign",
        )
    },
}  # fmt: skip


@pytest.mark.parametrize("name", NATIVE)
@pytest.mark.parametrize("rows", [1, 3, 37])
def test_native_equals_numpy(name, rows):
    x = data(rows, 5) if name != "log1p" else np.abs(data(rows, 5))
    native, expected, program = run(NATIVE[name], [x])
    assert host_ops(program) == []
    for a, b in zip(native, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-6, atol=2e-6)


HOST = {
    "where": lambda x: ops.where(x > 0, x, 0.5 * x),
    "sort": lambda x: ops.sort(x, axis=-1),
    "transpose_twice": lambda x: ops.transpose(ops.transpose(x) * 2.0),
    "batch_by_batch": lambda x: ops.sum(ops.matmul(x, ops.transpose(x)), axis=-1),
    "cumsum": lambda x: ops.cumsum(x, axis=1),
    "take": lambda x: x[:, 1:3],
}


@pytest.mark.parametrize("name", HOST)
def test_host_instructions_equal_numpy(name):
    native, expected, _ = run(HOST[name], [data(9, 5)])
    for a, b in zip(native, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float64", "float16", "uint8", "int8", "int32", "int64", "bool", "uint16"])
def test_sources_of_any_dtype(dtype):
    x = np.abs(data(11, 5) * 4).astype(dtype)
    native, expected, _ = run(lambda t: ops.cast(t, "float32") * 2.0, [x])
    np.testing.assert_array_equal(native[0], np.asarray(x, "float32") * 2)


def test_any_cut_into_batches_gives_the_same_rows():
    x = data(101, 5)
    whole, _, program = run(NATIVE["dense_tanh_and_linear"], [x])
    for batch in (1, 7, 64):
        parts = program.predict([x], 101, batch)
        for a, b in zip(whole, parts, strict=True):
            np.testing.assert_array_equal(a, b)


def test_three_dimensional_dense():
    x = data(6, 4, 5)
    native, expected, program = run(lambda t: apply("relu", apply("dense", t, W, None)), [x])
    assert host_ops(program) == []
    np.testing.assert_allclose(native[0], expected[0], rtol=1e-5, atol=1e-6)
