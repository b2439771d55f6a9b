"""Regularizers and constraints against Keras: values, dtypes, gradients, bad arguments."""

import keras
import numpy as np
import pytest

from fastfit import constraints, regularizers
from fastfit.graph.evaluate import evaluate
from fastfit.graph.tensor import make_input
from fastfit.graph.variable import Variable
from tests import oracle
from tests.numeric import check_gradients

W = oracle.weights()
W32 = W.astype("float32")


@pytest.mark.parametrize("row, variant", oracle.cases(oracle.REGULARIZERS))
def test_regularizer_is_that_of_keras(row, variant):
    ours, theirs = getattr(regularizers, row.name)(**variant), getattr(keras.regularizers, row.name)(**variant)
    expected = np.asarray(theirs(keras.ops.array(W32)))
    for x in (W32, Variable(W32)):
        value = ours(x)
        assert isinstance(value, (np.ndarray, np.generic)) and value.dtype == np.float32 and value.shape == ()
        np.testing.assert_allclose(value, expected, rtol=row.rtol)
    x = make_input(W.shape)
    np.testing.assert_allclose(evaluate([ours(x)], {x: W32})[0], expected, rtol=row.rtol)


@pytest.mark.parametrize("row, variant", oracle.cases(oracle.REGULARIZERS))
def test_gradient_of_regularizer(row, variant):
    if not any(variant.values()) and row.name == "L1L2":
        return  # always 0
    check_gradients(getattr(regularizers, row.name)(**variant), W, unknown_batch=False, rtol=1e-6)


@pytest.mark.parametrize("row, variant", oracle.cases(oracle.CONSTRAINTS))
def test_constraint_is_that_of_keras(row, variant):
    ours, theirs = getattr(constraints, row.name)(**variant), getattr(keras.constraints, row.name)(**variant)
    theirs.axis = tuple(variant["axis"]) if isinstance(variant.get("axis"), list) else getattr(theirs, "axis", None)
    expected = np.asarray(theirs(W32))
    for x in (W32, Variable(W32)):
        value = ours(x)
        assert isinstance(value, np.ndarray) and value.dtype == np.float32
        np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-6)
    assert not np.allclose(expected, W32)
    np.testing.assert_allclose(ours(W), expected, rtol=1e-5, atol=1e-6)
    assert ours(W).dtype == np.float64


def test_what_constraints_promise():
    def norms(w, axis=0):
        return np.sqrt(np.sum(w * w, axis=axis))

    assert norms(constraints.MaxNorm(1.5)(W)).max() <= 1.5 and constraints.NonNeg()(W).min() == 0
    np.testing.assert_allclose(norms(constraints.UnitNorm()(W)), 1, rtol=1e-5)
    limited = norms(constraints.MinMaxNorm(0.5, 1.5)(W))
    assert limited.min() >= 0.5 - 1e-5 and limited.max() <= 1.5


@pytest.mark.parametrize("bad", [-1.0, float("nan"), float("inf"), "x", True])
@pytest.mark.parametrize(
    ("name", "argument"),
    [("L1", "l1"), ("L2", "l2"), ("L1L2", "l1"), ("L1L2", "l2"), ("OrthogonalRegularizer", "factor")],
)
def test_bad_factors(name, argument, bad):
    with pytest.raises(ValueError, match=f"{argument}="):
        getattr(regularizers, name)(**{argument: bad})


def test_other_bad_arguments():
    with pytest.raises(ValueError, match="mode=diagonal"):
        regularizers.OrthogonalRegularizer(mode="diagonal")
    with pytest.raises(ValueError, match="rank 2"):
        regularizers.OrthogonalRegularizer()(np.ones(3))
    assert regularizers.L1(None).l1 == regularizers.L2(None).l2 == 0.01 and regularizers.L1L2(None, None).l1 == 0.0
