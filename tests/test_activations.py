"""Activations against Keras, and their gradients."""

import keras
import numpy as np
import pytest

from fastfit import activations
from fastfit.graph.evaluate import evaluate
from fastfit.graph.tensor import make_input
from tests import oracle
from tests.numeric import check_gradients, check_spec

ROWS = oracle.ACTIVATIONS


@pytest.mark.parametrize("row, variant", [c for c in oracle.cases(ROWS) if not c.values[0].skip])
def test_is_that_of_keras(row, variant):
    x = oracle.activation_input().astype("float32")
    y = getattr(activations, row.name)(x, **variant)
    assert y.dtype == np.float32
    np.testing.assert_allclose(y, getattr(keras.activations, row.name)(x, **variant), rtol=row.rtol, atol=row.rtol / 2)


@pytest.mark.parametrize("row, variant", oracle.cases(ROWS))
def test_gradient(row, variant):
    check_gradients(
        lambda x: getattr(activations, row.name)(x, **variant), oracle.activation_input(),
        unknown_batch=variant.get("axis") != 0, rtol=1e-5, atol=1e-7,
    )  # fmt: skip


@pytest.mark.parametrize("row, variant", oracle.cases(ROWS))
def test_float32_stays_float32(row, variant):
    x = make_input((8, 6) if variant.get("axis") == 0 else (None, 6))
    y = getattr(activations, row.name)(x, **variant)
    if y is not x:
        check_spec(y, evaluate([y], {x: oracle.activation_input().astype("float32")})[0])
    assert y.dtype == "float32"


def test_large_inputs_do_not_overflow():
    x = np.array([-1e4, -100.0, 100.0, 1e4], np.float32)
    with np.errstate(over="raise", invalid="raise"):
        for name in ("sigmoid", "tanh", "softplus", "softsign", "elu", "selu", "celu", "silu", "log_sigmoid", "gelu"):
            assert np.all(np.isfinite(getattr(activations, name)(x))), name


def test_sparsemax_is_the_projection_onto_the_simplex():
    y = activations.sparsemax(oracle.activation_input())
    np.testing.assert_allclose(y.sum(-1), 1.0, rtol=1e-12)
    assert np.all(y >= 0)


def test_get_serialize_deserialize():
    assert activations.get(None) is activations.linear
    assert activations.get("relu") is activations.relu
    for row in ROWS:
        function = activations.get(row.name)
        assert activations.get(activations.serialize(function)) is function
        assert activations.deserialize(activations.serialize(function)) is function
    with pytest.raises(ValueError, match="nonsense"):
        activations.get("nonsense")


def test_custom_activation_by_name():
    def twice(x):
        return 2 * x

    assert activations.deserialize("twice", custom_objects={"twice": twice}) is twice
