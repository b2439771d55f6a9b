"""What eager computations give: arrays that answer `numpy()`, as tensors do."""

import copy
import pickle

import numpy as np
import pytest

import fastfit as ff
from fastfit import ops
from fastfit.graph.array import Array

X = np.arange(8, dtype="float32").reshape(2, 4)


def _model():
    return ff.Sequential([ff.Input((4,)), ff.layers.Dense(3, activation="relu"), ff.layers.Dense(2)])


def _is_plain(value, shape):
    assert type(value) is np.ndarray
    assert value.shape == shape


@pytest.mark.parametrize("rows", [1, 2])
def test_models_called_on_arrays_answer_numpy(rows):
    model = _model()
    for _ in range(3):  # the general way first, then the shortest
        y = model(X[:rows])
        assert isinstance(y, np.ndarray)
        assert y.dtype == "float32"
        _is_plain(y.numpy(), (rows, 2))
        np.testing.assert_array_equal(y.numpy(), model.predict(X[:rows], verbose=0))
    np.testing.assert_array_equal(model(Array.__new__(Array, (1, 4), "f4") * 0), model(np.zeros((1, 4), "f4")))


def test_predict_gives_plain_arrays():
    model = _model()
    for _ in range(3):
        model(X[:1])
        _is_plain(model.predict_on_batch(X[:1]), (1, 2))
        _is_plain(model.predict(X, verbose=0), (2, 2))


def test_an_answer_is_an_input_again():
    first, second = _model(), ff.Sequential([ff.Input((2,)), ff.layers.Dense(1)])
    for _ in range(3):
        y = second(first(X[:1]))
    np.testing.assert_array_equal(y, second.predict(first.predict(X[:1], verbose=0), verbose=0))


@pytest.mark.parametrize(
    "layer",
    [
        ff.layers.Dense(2),
        ff.layers.Identity(),
        ff.layers.Dropout(0.5),
        ff.layers.Flatten(),
        ff.layers.Lambda(lambda z: np.square(z)),
        ff.layers.Lambda(lambda z: {"a": z, "b": [z + 1]}),
    ],
    ids=lambda layer: layer.name,
)
def test_layers_called_on_arrays_answer_numpy(layer):
    result = layer(X)
    leaves = [result["a"], result["b"][0]] if isinstance(result, dict) else [result]
    for leaf in leaves:
        assert type(leaf.numpy()) is np.ndarray


def test_losses_metrics_activations_and_variables_answer_numpy():
    y, p = np.eye(2, dtype="f4"), np.full((2, 2), 0.5, "f4")
    metric = ff.metrics.MeanSquaredError()
    metric.update_state(y, p)
    found = [
        ff.losses.MeanSquaredError()(y, p),
        ff.losses.mean_squared_error(y, p),
        metric.result(),
        ff.activations.relu(X),
        ff.Variable(X).value,
        ff.random.normal((2,)),
    ]
    for value in found:
        np.testing.assert_array_equal(value.numpy(), np.asarray(value))


def test_a_scalar_is_a_number():
    mean = ops.mean(X)
    assert float(mean) == mean == 3.5
    assert type(mean.numpy()) is np.float32
    assert f"{mean:.2f}" == "3.50" and str(mean) == "3.5" and round(mean, 1) == 3.5
    assert {mean: 1}[3.5] == 1
    assert [10, 20][ops.argmax(np.array([0.0, 1.0]))] == 20
    assert not ops.any(X > 9)
    with pytest.raises(TypeError, match="unhashable"):
        hash(ops.abs(X))


def test_an_array_computes_as_arrays_do():
    y = ops.multiply(X, 2.0)
    for value in (y + 1, 1 - y, y @ y.T, y[0], y[:, 1], y[0, 1], y.sum(), y.mean(axis=0), y > 1, np.exp(y), -y, y.T):
        assert isinstance(value, Array)
        np.testing.assert_array_equal(value.numpy(), np.asarray(value))
    np.testing.assert_array_equal(y[y > 4], (X * 2)[X * 2 > 4])
    assert [float(v) for v in y[0]] == [0, 2, 4, 6]
    assert all(isinstance(v, Array) for row in y for v in row)
    assert type(np.asarray(y)) is np.ndarray
    assert repr(y[0]) == "Array([0., 2., 4., 6.], dtype=float32)"
    assert y.tolist() == (X * 2).tolist()


def test_nothing_is_changed_behind_another_name():
    total = ops.sum(X)
    first = total
    total += 1
    assert (first, total) == (28, 29)
    y = ops.multiply(X, 1.0)
    z = y
    z -= 1
    np.testing.assert_array_equal(y, X)
    y[:, 0] += 5  # a part that is assigned to is written, as in NumPy
    np.testing.assert_array_equal(y[:, 0], X[:, 0] + 5)


def test_copies_and_pickles():
    y = ops.abs(X)
    for twin in (copy.deepcopy(y), pickle.loads(pickle.dumps(y)), y.copy()):
        np.testing.assert_array_equal(twin.numpy(), X)
        assert not np.shares_memory(twin, y)
