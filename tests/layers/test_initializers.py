"""Initializers: values or distributions against Keras's, seeds, dtypes, arguments."""

import random

import keras
import numpy as np
import pytest
from scipy import signal, stats

from fastfit import config, initializers
from fastfit.initializers import compute_fans, make_value
from fastfit.random import SeedGenerator
from fastfit.utils.windows import WINDOWS, make_window
from tests import oracle

FIXED, RANDOM = oracle.FIXED_INITIALIZERS, oracle.RANDOM_INITIALIZERS
ALL = [*FIXED, *RANDOM]


def _pair(row, variant):
    return getattr(initializers, row.name)(**variant), getattr(keras.initializers, row.name)(**variant)


@pytest.mark.parametrize("row, variant", oracle.cases(FIXED))
def test_values_are_those_of_keras(row, variant):
    ours, theirs = _pair(row, variant)
    shape = oracle.SHAPES[row.inputs]
    values = ours(shape)
    assert values.dtype == np.float32 and values.shape == shape
    np.testing.assert_allclose(values, np.asarray(theirs(shape)), rtol=row.rtol, atol=row.rtol)


@pytest.mark.parametrize("row, variant", oracle.cases(RANDOM))
def test_distribution_is_that_of_keras(row, variant):
    # Seeds are fixed, so this either passes or not; 1e-3 is what a right generator fails once in a thousand.
    ours, theirs = _pair(row, {**variant, "seed": 3})
    shape = oracle.SHAPES[row.inputs]
    a, b = ours(shape), np.asarray(theirs(shape))
    assert a.dtype == np.float32 and a.shape == shape
    assert stats.ks_2samp(a.ravel(), b.ravel()).pvalue > 1e-3
    np.testing.assert_allclose(a.std(), b.std(), rtol=0.04)
    assert abs(a.mean() - b.mean()) < 0.05 * b.std()


@pytest.mark.parametrize("row, variant", oracle.cases(RANDOM))
def test_limits(row, variant):
    values = getattr(initializers, row.name)(**variant, seed=1)(oracle.SHAPES[row.inputs])
    made = getattr(initializers, row.name)(**variant)
    if row.name == "RandomUniform":
        assert values.min() >= made.minval and values.max() < made.maxval
        assert values.max() - values.min() > 0.99 * (made.maxval - made.minval)
    elif row.name == "TruncatedNormal":
        assert 1.95 * made.stddev < np.abs(values - made.mean).max() <= 2 * made.stddev * (1 + 1e-6)
    elif getattr(made, "distribution", "") == "uniform":
        limit = np.sqrt(3 * made.scale / _fan(made, row))
        assert 0.99 * limit < np.abs(values).max() <= limit
    elif getattr(made, "distribution", "") == "truncated_normal":
        limit = 2 * np.sqrt(made.scale / _fan(made, row)) / 0.87962566103423978
        assert 0.95 * limit < np.abs(values).max() <= limit * (1 + 1e-6)


def _fan(made, row):
    fans = compute_fans(oracle.SHAPES[row.inputs], made.input_axes, made.output_axes)
    return {"fan_in": fans[0], "fan_out": fans[1], "fan_avg": sum(fans) / 2}[made.mode]


@pytest.mark.parametrize("row, variant", oracle.cases(RANDOM))
def test_seeds(row, variant):
    cls, shape = getattr(initializers, row.name), (30, 20)
    if row.inputs != "kernel" and not variant.get("input_axes"):
        one = cls(**variant)
        np.testing.assert_array_equal(one(shape), one(shape))
        np.testing.assert_array_equal(cls(**variant, seed=5)(shape), cls(**variant, seed=5)(shape))
        assert not np.array_equal(one(shape), cls(**variant)(shape))
        assert not np.array_equal(cls(**variant, seed=5)(shape), cls(**variant, seed=6)(shape))
        random.seed(1)
        first = cls(**variant)(shape)
        random.seed(1)
        np.testing.assert_array_equal(first, cls(**variant)(shape))
        np.testing.assert_array_equal(one.clone().__class__(**variant, seed=2)(shape), cls(**variant, seed=2)(shape))


def test_seed_generator_gives_other_values_each_time():
    made = initializers.RandomNormal(seed=SeedGenerator(4))
    first, second = made((50,)), made((50,))
    assert not np.array_equal(first, second)
    again = initializers.deserialize(initializers.serialize(made))
    np.testing.assert_array_equal(again((50,)), first)
    with pytest.raises(ValueError, match="seed='x'"):
        initializers.RandomNormal(seed="x")


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("row", ALL, ids=lambda r: f"{r.name}-{r.inputs}")
def test_dtypes(row, dtype):
    values = getattr(initializers, row.name)(**row.variants[0])(oracle.SHAPES[row.inputs], dtype=dtype)
    assert values.dtype == dtype
    if row in RANDOM and dtype == "float64":
        assert not np.array_equal(values, values.astype("float32"))  # drawn in float64, not widened


def test_integers_and_floatx():
    for name in ("Zeros", "Ones", "Constant", "Identity"):
        assert getattr(initializers, name)()((3, 3), dtype="int32").dtype == np.int32
    config.set_floatx("float64")
    try:
        for row in ALL:
            assert getattr(initializers, row.name)(**row.variants[0])(oracle.SHAPES[row.inputs]).dtype == np.float64
    finally:
        config.set_floatx("float32")


@pytest.mark.parametrize("shape", [(50, 20), (20, 50), (4, 5, 12), (3, 40)])
def test_orthogonal(shape):
    for gain in (1.0, 2.5):
        q = initializers.Orthogonal(gain, seed=3)(shape).reshape(-1, shape[-1]) / gain
        small = q.T @ q if q.shape[0] >= q.shape[1] else q @ q.T
        np.testing.assert_allclose(small, np.eye(len(small)), atol=1e-6)


def test_fans():
    assert compute_fans(()) == (1, 1) and compute_fans((7,)) == (7, 7) and compute_fans((3, 5)) == (3, 5)
    assert compute_fans((2, 3, 4, 5)) == (24, 30)
    assert compute_fans((2, 3, 4, 5), [0, 1], [2, 3]) == (6, 20)


@pytest.mark.parametrize("name", sorted(WINDOWS))
@pytest.mark.parametrize("periodic", [False, True])
def test_windows_are_those_of_scipy(name, periodic):
    for size in (1, 2, 5, 16, 33):
        expected = signal.get_window(name, size, periodic)
        np.testing.assert_allclose(make_window(name, size, periodic), expected, rtol=1e-9, atol=1e-12)


def test_arrays_and_functions_are_accepted():
    value = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(make_value(value, (2, 3), "float32"), value)
    np.testing.assert_array_equal(initializers.get(value)((2, 3), dtype="float32"), value)
    assert make_value(lambda shape, dtype=None: np.full(shape, 7.0), (2,), "float32").dtype == np.float32
    for wrong in (lambda: make_value(value, (3, 2), "float32"), lambda: initializers.get(value)((3, 2))):
        with pytest.raises(ValueError, match="shape"):
            wrong()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: initializers.VarianceScaling(-1), "scale=-1"),
        (lambda: initializers.VarianceScaling(1.0, "fan"), "mode"),
        (lambda: initializers.VarianceScaling(1.0, "fan_in", "cauchy"), "distribution"),
        (lambda: initializers.Identity()((3,)), "2D"),
        (lambda: initializers.Orthogonal()((3,)), "two-dimensional"),
        (lambda: initializers.STFT(side="left"), "side='left'"),
        (lambda: initializers.STFT(scaling="other"), "scaling='other'"),
        (lambda: initializers.STFT(window="kaiser"), "'kaiser'"),
        (lambda: initializers.STFT(window=np.ones(3))((4, 1, 5)), r"\(4,\)"),
        (lambda: initializers.STFT()((4, 5)), r"Received: shape=\(4, 5\)"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()
