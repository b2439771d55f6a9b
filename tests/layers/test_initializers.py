"""Initializers: moments and limits against Keras's definitions, seeds, configs."""

import random

import keras
import numpy as np
import pytest

from fastfit import initializers
from fastfit.initializers import make_value

SHAPE = (300, 200)
NAMES = [
    *("glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "lecun_uniform", "lecun_normal"),
    *("random_normal", "random_uniform", "truncated_normal", "variance_scaling"),
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [SHAPE, (3, 3, 40, 50), (5000,)])
def test_moments_as_keras(name, shape):
    ours = initializers.get(name)(shape)
    theirs = np.asarray(keras.initializers.get(name)(shape))
    assert ours.dtype == np.float32 and ours.shape == shape
    assert abs(ours.mean() - theirs.mean()) < 0.1 * theirs.std()
    np.testing.assert_allclose(ours.std(), theirs.std(), rtol=0.05)
    np.testing.assert_allclose(np.abs(ours).max(), np.abs(theirs).max(), rtol=0.25)


@pytest.mark.parametrize("mode", ["fan_in", "fan_out", "fan_avg"])
@pytest.mark.parametrize("distribution", ["truncated_normal", "untruncated_normal", "uniform"])
def test_variance_scaling_has_the_variance(mode, distribution):
    values = initializers.VarianceScaling(3.0, mode, distribution, seed=1)((400, 100))
    fan = {"fan_in": 400, "fan_out": 100, "fan_avg": 250}[mode]
    np.testing.assert_allclose(values.var(), 3.0 / fan, rtol=0.03)


def test_truncated_normal_stays_within_two_deviations():
    values = initializers.TruncatedNormal(1.0, 0.5, seed=2)((1000, 100))
    assert np.abs(values - 1.0).max() <= 1.0 + 1e-6


def test_constants_identity_orthogonal():
    assert np.all(initializers.Zeros()((2, 3)) == 0) and np.all(initializers.Ones()((2, 3)) == 1)
    assert np.all(initializers.Constant(2.5)((2,)) == 2.5)
    np.testing.assert_array_equal(initializers.Identity(2.0)((3, 3)), 2 * np.eye(3))
    for shape in [(8, 5), (5, 8), (2, 4, 5)]:
        q = initializers.Orthogonal(seed=3)(shape).reshape(-1, shape[-1])
        small = q.T @ q if q.shape[0] >= q.shape[1] else q @ q.T
        np.testing.assert_allclose(small, np.eye(len(small)), atol=1e-6)
    with pytest.raises(ValueError, match="2D"):
        initializers.Identity()((3,))
    with pytest.raises(ValueError, match="two-dimensional"):
        initializers.Orthogonal()((3,))


def test_seeds():
    one = initializers.GlorotUniform()
    np.testing.assert_array_equal(one((3, 4)), one((3, 4)))
    assert not np.array_equal(one((3, 4)), initializers.GlorotUniform()((3, 4)))
    np.testing.assert_array_equal(initializers.HeNormal(seed=5)((3, 4)), initializers.HeNormal(seed=5)((3, 4)))
    random.seed(1)
    first = initializers.RandomNormal()((5,))
    random.seed(1)
    np.testing.assert_array_equal(first, initializers.RandomNormal()((5,)))


def test_get_and_configs():
    assert initializers.get(None) is None
    assert isinstance(initializers.get("uniform"), initializers.RandomUniform)
    assert isinstance(initializers.get(initializers.Zeros), initializers.Zeros)
    made = initializers.VarianceScaling(2.0, "fan_out", "uniform", seed=4)
    config = initializers.serialize(made)
    np.testing.assert_array_equal(initializers.deserialize(config)((3, 4)), made((3, 4)))
    assert set(config) == {"module", "class_name", "config", "registered_name"}
    with pytest.raises(ValueError, match="nonsense"):
        initializers.get("nonsense")


@pytest.mark.parametrize("name", NAMES)
def test_config_as_keras(name):
    ours = initializers.serialize(initializers.get(name))
    theirs = keras.initializers.serialize(keras.initializers.get(name))
    assert ours == theirs


def test_arrays_and_functions_are_accepted():
    value = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(make_value(value, (2, 3), "float32"), value)
    assert make_value(lambda shape, dtype=None: np.full(shape, 7.0), (2,), "float32").dtype == np.float32
    with pytest.raises(ValueError, match="shape"):
        make_value(value, (3, 2), "float32")


def test_bad_arguments():
    with pytest.raises(ValueError, match="scale=-1"):
        initializers.VarianceScaling(-1)
    with pytest.raises(ValueError, match="mode"):
        initializers.VarianceScaling(1.0, "fan")
    with pytest.raises(ValueError, match="distribution"):
        initializers.VarianceScaling(1.0, "fan_in", "cauchy")
