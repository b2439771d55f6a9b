"""Symbolic tensors: operators, NumPy's protocols, dtypes, refusals; variables and traces."""

import numpy as np
import pytest

from fastfit import ops
from fastfit.graph.evaluate import evaluate
from fastfit.graph.op import OPS, apply
from fastfit.graph.tensor import KerasTensor, make_input, topological
from fastfit.graph.trace import Trace, current
from fastfit.graph.variable import Variable
from tests.numeric import check_spec

RNG = np.random.default_rng(3)
X = RNG.uniform(0.1, 1, (5, 4)).astype("float32")
Y = np.arange(20, dtype="int32").reshape(5, 4)

FUNCTIONS = {
    "mse": lambda x, y: np.mean(np.square(y - x), axis=-1),
    "where": lambda x, y: np.where(y > 3, x, 0),
    "concatenate": lambda x, y: np.concatenate([x, x * 2.0], axis=1),
    "stack": lambda x, y: np.stack([x, x]),
    "clip": lambda x, y: np.clip(x, 0.2, 0.4),
    "clip-keywords": lambda x, y: np.clip(x, a_min=0.2, a_max=None),
    "reshape": lambda x, y: np.reshape(x, (-1, 2)),
    "add.reduce": lambda x, y: np.add.reduce(x, axis=1),
    "maximum.reduce": lambda x, y: np.maximum.reduce(x, axis=1),
    "add.accumulate": lambda x, y: np.add.accumulate(x, axis=1),
    "multiply.outer": lambda x, y: np.multiply.outer(x, np.array([1.0, 2.0], "f")),
    "matmul": lambda x, y: x @ np.ones((4, 2), "f"),
    "rmatmul": lambda x, y: np.ones((3, 4), "f") @ x.T,
    "power": lambda x, y: x**2 + 2**x,
    "sum-keepdims": lambda x, y: np.sum(x, axis=0, keepdims=True),
    "maximum": lambda x, y: np.maximum(x, 0.5).mean(axis=1),
    "einsum": lambda x, y: np.einsum("ij,kj->ik", x, x),
    "norm": lambda x, y: np.linalg.norm(x, axis=1),
    "slice": lambda x, y: x[:, ::2] + x[..., 1:3],
    "none": lambda x, y: x[..., None] * x[:, None],
    "bools": lambda x, y: (x > 0.5) & ~(x > 0.8) | (y == 2),
    "neg": lambda x, y: -x + abs(x) - +x,
    "integers": lambda x, y: y // 3 + y % 4,
    "median": lambda x, y: np.median(x, axis=1),
    "var": lambda x, y: np.var(x, axis=1) + np.std(x, axis=1),
    "argmax": lambda x, y: np.argmax(x, axis=-1),
    "cumsum": lambda x, y: np.cumsum(x, axis=1),
    "take": lambda x, y: np.take(x, [0, 2], axis=1),
    "split": lambda x, y: np.split(x, 2, axis=1)[1],
    "any": lambda x, y: np.any(x > 0.9, axis=1),
    "zeros_like": lambda x, y: np.zeros_like(x) + np.ones_like(x),
    "tile": lambda x, y: np.tile(x, (1, 2)),
    "pad": lambda x, y: np.pad(x, ((0, 0), (1, 2))),
    "dot": lambda x, y: np.dot(x, np.ones(4, "f")),
    "tensordot": lambda x, y: np.tensordot(x, np.ones((4, 2), "f"), axes=1),
    "swapaxes": lambda x, y: np.swapaxes(x, 0, 1),
    "ravel": lambda x, y: np.ravel(x),
    "logaddexp": lambda x, y: np.logaddexp(x, 0.5),
    "isnan": lambda x, y: np.isnan(x),
    "methods": lambda x, y: (x.sum(axis=1) + x.max(axis=1) - x.min(axis=1)).reshape(-1, 1),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_numpy_code_is_traced(name):
    x, y = make_input((None, 4)), make_input((None, 4), "int32")
    tensor = FUNCTIONS[name](x, y)
    assert isinstance(tensor, KerasTensor)
    (value,) = evaluate([tensor], {x: X, y: Y})
    check_spec(tensor, value)
    np.testing.assert_allclose(value, FUNCTIONS[name](X, Y), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "function, named",
    [
        (lambda x: np.fft.fft(x), "numpy.fft.fft"),
        (lambda x: np.spacing(x), "numpy.spacing"),
        (lambda x: np.linalg.svd(x), "numpy.linalg.svd"),
        (lambda x: np.subtract.reduce(x), "numpy.subtract.reduce"),
        (lambda x: np.modf(x), "numpy.modf"),
    ],
)
def test_untraceable_functions_are_named(function, named):
    with pytest.raises(TypeError, match=rf"{named}.* cannot be traced.*fastfit\.ops"):
        function(make_input((None, 4)))


@pytest.mark.parametrize("function", [np.asarray, bool, float, int, list, len, lambda x: [0, 1][x]])
def test_values_are_refused(function):
    with pytest.raises(TypeError):
        function(make_input((None,)))


def test_known_sizes_can_be_iterated():
    a, b, c = make_input((3, None))
    assert a.shape == (None,) and len(make_input((3, None))) == 3


def test_float32_stays_float32():
    x = make_input((None, 4))
    for y in (x * 2, x * 2.0, 2.0 * x, x + np.float64(3), x + np.ones(4), np.ones((1, 4)) - x, x / 3, x**0.5,
              np.float64(2) * x, x * np.arange(4), x * True, ops.maximum(x, np.pi), ops.where(x > 0, x, 0.0),
              x + make_input((None, 4), "int64")):  # fmt: skip
        assert y.dtype == "float32"
        check_spec(y, evaluate([y], {x: X, **{t: Y.astype("int64") for t in _other_inputs(y, x)}})[0])


def _other_inputs(y, x):
    return [n.outputs[0] for n in topological([y]) if n.operation == "input" and n.outputs[0] is not x]


def test_kinds_of_dtypes():
    i, b, d = make_input((3,), "int32"), make_input((3,), "bool"), make_input((3,), "float64")
    assert (i + 1).dtype == "int32" and (i + 1.5).dtype == "float32" and (i / 2).dtype == "float32"
    assert (d + 1.5).dtype == "float64" and (d + make_input((3,))).dtype == "float64"
    assert (b + 1).dtype == "int32" and (i < 2).dtype == "bool" and ops.mean(i).dtype == "float32"
    assert ops.sum(b).dtype == "int32"


def test_eager_calls_give_arrays():
    assert isinstance(apply("exp", X), np.ndarray)
    assert ops.exp(X).dtype == np.float32 and ops.add(X, 1.0).dtype == np.float32
    assert np.asarray(ops.add([1.0, 2.0], 3)).dtype == np.float32
    assert np.asarray(ops.exp(2.0)).dtype == np.float32
    assert ops.add(X, np.ones(4)).dtype == np.float64  # both are the user's arrays


def test_equality_is_by_element_and_hashing_by_identity():
    x = make_input((None,))
    assert (x == 1).dtype == "bool" and (x == x).dtype == "bool"
    assert (x == None) is False and (x != None) is True  # noqa: E711
    assert {x: 1}[x] == 1


def test_unknown_sizes():
    x = make_input((None, None, 3))
    batch, time, width = ops.shape(x)
    assert width == 3 and batch.dtype == "int32"
    value = RNG.normal(size=(2, 5, 3)).astype("f")
    for tensor, expected in (
        (ops.zeros((batch, 2)), (2, 2)),
        (ops.reshape(x, (batch, time * 3)), (2, 15)),
        (ops.reshape(x, (batch, -1)), (2, 15)),
        (ops.broadcast_to(make_input((3,)), (batch, 3)), None),
        (ops.concatenate([x, x], axis=1), (2, 10, 3)),
        (ops.mean(x, axis=(0, 1)), (3,)),
    ):
        if expected is not None:
            result = evaluate([tensor], {x: value})[0]
            assert result.shape == expected
            check_spec(tensor, result)


def test_shape_errors():
    x = make_input((None, 4))
    for function in (lambda: ops.matmul(x, np.ones((3, 2))), lambda: ops.reshape(make_input((2, 3)), (4, 2)),
                     lambda: ops.concatenate([x, make_input((None, 5))], axis=0), lambda: x + np.ones(3),
                     lambda: ops.squeeze(x, 1), lambda: ops.transpose(x, (0, 0))):  # fmt: skip
        with pytest.raises(ValueError):
            function()
    with pytest.raises(IndexError):
        x[:, 4]


def test_variables_outside_a_trace():
    v = Variable(np.ones((2, 3)), name="v")
    assert v.dtype == "float32" and v.shape == (2, 3)
    assert isinstance(v + 1, np.ndarray) and np.sum(v) == 6 and np.asarray(v).shape == (2, 3)
    v.assign_add(np.ones((2, 3)))
    v.assign_sub(0.5)
    np.testing.assert_array_equal(v.numpy(), 1.5)
    v.numpy()[:] = 7  # a copy
    assert v.value[0, 0] == 1.5
    with pytest.raises(ValueError, match="must match"):
        v.assign(np.ones((3, 2)))
    with pytest.raises(ValueError, match="symbolic"):
        v.assign(make_input((2, 3)))
    tensor = v * make_input((None, 3))
    assert tensor.shape == (None, 3)  # a batch, which must have two rows


def test_trace_records_reads_and_updates():
    v = Variable(np.zeros(()), dtype="float64", name="count")
    with Trace() as trace:
        assert current() is trace
        first = v + 1.0
        v.assign(first)
        second = v + 1.0
        v.assign(second)
        v.assign_add(np.float32(3))
        with pytest.raises(TypeError, match="freeze"):
            np.asarray(v)
    assert current() is None
    assert v.numpy() == 0 and list(trace.variables) == [v]
    assert evaluate([trace.updates[v]])[0] == 5 and trace.updates[v].dtype == "float64"
    assert evaluate([trace.updates[v]], {v: np.float64(10)})[0] == 15


def test_assigning_a_number_in_a_trace_is_recorded_but_building_is_done_at_once():
    old = Variable(np.zeros(2))
    with Trace() as trace:
        new = Variable(np.zeros(2))
        new.assign(np.ones(2))
        old.assign(5.0)
    np.testing.assert_array_equal(new.numpy(), 1)
    np.testing.assert_array_equal(old.numpy(), 0)
    np.testing.assert_array_equal(evaluate([trace.updates[old]])[0], 5)


def test_callable_initializer():
    v = Variable(lambda shape, dtype: np.full(shape, 2, dtype), shape=(2,))
    np.testing.assert_array_equal(v.numpy(), 2)
    with pytest.raises(ValueError, match="shape"):
        Variable(lambda shape, dtype: 0)


def test_deep_graphs_do_not_recurse():
    x = y = make_input((None,))
    for _ in range(3000):
        y = y + 1.0
    assert evaluate([y], {x: np.zeros(1, "f")})[0] == 3000


def test_evaluate_names_missing_inputs():
    x = make_input((None,), name="pixels")
    with pytest.raises(ValueError, match="pixels"):
        evaluate([x + 1.0])


def test_evaluate_can_be_fed_in_the_middle():
    x = make_input((None,))
    y = x + 1.0
    assert evaluate([y * 2.0], {y: np.ones(1, "f")})[0] == 2


def test_every_op_has_a_row_with_shape_and_meaning():
    for name, op in OPS.items():
        assert op.name == name and callable(op.shape) and callable(op.meaning)
        assert not (op.constant and op.grad), name
