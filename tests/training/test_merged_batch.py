"""Losses and metrics that merge the batch with other axes, as the old `K.flatten` does."""

import numpy as np
import pytest

from fastfit import layers, models, ops
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


@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients(name):
    inputs = layers.Input((2, 3))
    model = models.Model(inputs, layers.Dense(3, use_bias=False, kernel_initializer="identity")(inputs))
    model.compile("sgd", CASES[name])
    model.optimizer.learning_rate = 1.0
    expected = CASES[name](A, B)
    found = model.evaluate(B, A, batch_size=5, verbose=0)
    assert found == pytest.approx(float(expected), rel=1e-5)
    model.fit(B, A, batch_size=5, verbose=0)
    gradient = numeric_gradient(lambda w: CASES[name](A, B @ w), np.eye(3))
    np.testing.assert_allclose(np.eye(3) - model.get_weights()[0], gradient, rtol=2e-4, atol=2e-5)


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
    with pytest.raises(NotImplementedError, match="one row for each row of the batch"):
        models.Model(inputs, _flat(inputs)).predict(x, verbose=0)
