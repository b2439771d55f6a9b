"""Reshapes that merge the batch with other axes: the same values and gradients with the batch kept apart."""

import numpy as np
import pytest

from fastfit import layers, losses, models, ops
from fastfit.graph.differentiate import gradients
from fastfit.graph.evaluate import evaluate
from fastfit.graph.tensor import make_input, topological
from fastfit.graph.unmerge import unmerge
from tests.numeric import numeric_gradient

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(5, 2, 3)), RNG.normal(size=(5, 2, 3)) + 0.2


def _flat(x):
    return ops.reshape(x, (-1,))


def _pairs(x):
    return ops.reshape(x, (-1, 3))


CASES = {
    "sum of products": lambda a, b: ops.sum(_flat(a) * _flat(b)),
    "mean": lambda a, b: ops.mean(ops.abs(_flat(a) - _flat(b))),
    "elementwise": lambda a, b: ops.sum(ops.where(_flat(a) > 0.1, ops.exp(_flat(b)), ops.clip(_flat(a), -1.0, 1.0))),
    "scalar beside it": lambda a, b: ops.sum(_flat(a) * ops.mean(b) + 2.0),
    "deviation": lambda a, b: ops.std(_flat(a)) + ops.var(_flat(b)) + ops.max(_flat(a)),
    "last axis kept": lambda a, b: ops.sum(ops.square(ops.sum(_pairs(a) * _pairs(b), axis=-1))),
    "first axis": lambda a, b: ops.sum(ops.square(ops.mean(_pairs(a), axis=0)) + ops.sum(_pairs(b), axis=0)),
    "all but one": lambda a, b: ops.sum(ops.sum(_pairs(a), axis=1, keepdims=True) * _pairs(b) * np.arange(3.0)),
    "row beside it": lambda a, b: ops.sum(_pairs(a) * ops.mean(b, axis=(0, 1))),
    "back again": lambda a, b: ops.sum(ops.square(ops.sum(ops.reshape(_flat(a), (-1, 2, 3)) * b, axis=(1, 2)))),
    "other merge": lambda a, b: ops.sum(_pairs(_flat(a) * _flat(b)) * np.arange(3.0)),
    "expanded": lambda a, b: ops.sum(ops.expand_dims(_flat(a), -1) * ops.reshape(b, (-1, 1))),
    "flattened twice": lambda a, b: ops.sum(_flat(_flat(a)) * _flat(b)),
}


def _tensors():
    return make_input((None, 2, 3), "float64"), make_input((None, 2, 3), "float64")


@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients(name):
    a, b = _tensors()
    (y,) = unmerge([CASES[name](a, b)])
    feeds = {a: A, b: B}
    np.testing.assert_allclose(evaluate([y], feeds)[0], CASES[name](A, B), rtol=1e-12)
    for node in topological([y]):
        for t in node.outputs:
            value = evaluate([t], feeds)[0]
            unknown = [n for n, d in zip(value.shape, t.shape, strict=True) if d is None]
            assert unknown in ([], [5]), (t, value.shape)  # the batch, and nothing else
    for tensor, array, other in ((a, A, lambda v: CASES[name](v, B)), (b, B, lambda v: CASES[name](A, v))):
        (g,) = gradients(y, [tensor])
        if g is None:
            continue
        np.testing.assert_allclose(evaluate([g], feeds)[0], numeric_gradient(other, array), rtol=1e-6, atol=1e-8)


def test_other_graphs_stay_what_they_are():
    a, b = _tensors()
    y = ops.sum(ops.reshape(a, (-1, 6)) * ops.reshape(b, (-1, 6)))
    assert unmerge([y])[0] is y


@pytest.mark.parametrize(
    "function",
    [
        lambda a, b: ops.sum(ops.softmax(_flat(a))),
        lambda a, b: ops.sum(_flat(a)[:3]),
        lambda a, b: ops.sum(ops.cumsum(_flat(a), axis=0)),
        lambda a, b: losses.mean_squared_error(_flat(a), _flat(b)),
        lambda a, b: ops.sum(ops.reshape(a, (2, -1))),
        lambda a, b: _flat(a),
        lambda a, b: ops.sum(_pairs(a), axis=1),
    ],
)
def test_what_needs_the_merged_axis_is_refused(function):
    with pytest.raises(NotImplementedError, match="merges the batch"):
        unmerge([function(*_tensors())])


def test_in_programs():
    x = RNG.normal(size=(12, 3)).astype("float32")
    y = np.tanh(x[:, :2])

    def flat(y_true, y_pred):
        return ops.mean(ops.square(_flat(y_true) - _flat(y_pred)))

    def unreduced(y_true, y_pred):
        return ops.abs(_flat(y_true) - _flat(y_pred))

    inputs = layers.Input((3,))
    weights = []
    for loss in (flat, "mse"):
        model = models.Model(inputs, layers.Dense(2, kernel_initializer="ones")(inputs))
        model.compile("sgd", loss, metrics=[unreduced, "mae"])
        history = model.fit(x, y, batch_size=5, epochs=3, shuffle=False, verbose=0).history  # a last batch of two
        np.testing.assert_allclose(history["unreduced"], history["mae"], rtol=1e-5)
        weights.append(model.get_weights())
    for one, other in zip(*weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    with pytest.raises(NotImplementedError, match="merges the batch"):
        models.Model(inputs, _flat(inputs)).predict(x, verbose=0)
