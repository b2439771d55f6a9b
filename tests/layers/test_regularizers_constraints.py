"""Regularizers and constraints against Keras."""

import keras
import numpy as np
import pytest

from fastfit import constraints, regularizers
from fastfit.graph.variable import Variable

W = np.random.default_rng(0).standard_normal((6, 5)).astype("float32") * 2


@pytest.mark.parametrize(
    ("name", "args"),
    [("L1", (0.1,)), ("L2", (0.2,)), ("L1L2", (0.1, 0.2)), ("L1L2", ()), ("L1", ()), ("L2", ())]
    + [("OrthogonalRegularizer", (0.5, "rows")), ("OrthogonalRegularizer", (0.5, "columns"))],
)
def test_regularizer_as_keras(name, args):
    ours, theirs = getattr(regularizers, name)(*args), getattr(keras.regularizers, name)(*args)
    np.testing.assert_allclose(float(ours(W)), float(theirs(keras.ops.array(W))), rtol=1e-5)
    np.testing.assert_allclose(float(ours(Variable(W))), float(theirs(keras.ops.array(W))), rtol=1e-5)
    again = regularizers.deserialize(regularizers.serialize(ours))
    assert again.get_config() == ours.get_config()


def test_regularizer_names_and_errors():
    assert regularizers.get("l1_l2").get_config() == {"l1": 0.0, "l2": 0.0}
    assert regularizers.get("l2").l2 == pytest.approx(0.01)
    for bad in (-1.0, float("nan"), "x"):
        with pytest.raises(ValueError, match="l2"):
            regularizers.L2(bad)
    with pytest.raises(ValueError, match="nonsense"):
        regularizers.get("nonsense")


@pytest.mark.parametrize(
    ("name", "kwargs"),
    [("MaxNorm", {}), ("MaxNorm", {"max_value": 1.5, "axis": 1}), ("NonNeg", {}), ("UnitNorm", {})]
    + [("MinMaxNorm", {}), ("MinMaxNorm", {"min_value": 0.5, "max_value": 1.5, "rate": 0.5})],
)
def test_constraint_as_keras(name, kwargs):
    ours, theirs = getattr(constraints, name)(**kwargs), getattr(keras.constraints, name)(**kwargs)
    np.testing.assert_allclose(ours(W), np.asarray(theirs(W)), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(ours(Variable(W)), np.asarray(theirs(W)), rtol=1e-5, atol=1e-6)
    assert constraints.deserialize(constraints.serialize(ours)).get_config() == theirs.get_config()


def test_constraint_names():
    assert isinstance(constraints.get("non_neg"), constraints.NonNeg)
    with pytest.raises(ValueError, match="nonsense"):
        constraints.get("nonsense")
