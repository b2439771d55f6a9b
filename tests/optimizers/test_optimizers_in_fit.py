"""Whole trajectories of training against Keras: weights, slots and counters after `fit` from the same start."""

import re

import numpy as np
import pytest

import fastfit
from tests.compiler.harness import host_ops
from tests.optimizers.table import OPTIMIZERS

keras = pytest.importorskip("keras")

ROWS, BATCH = 28, 4
RNG = np.random.default_rng(3)
X = RNG.standard_normal((ROWS, 6)).astype("float32")
Y = RNG.integers(0, 3, ROWS)


def net(library, row):
    """Two dense layers, widths that do not fill the kernels' panels."""
    limit = library.constraints.MaxNorm(0.7) if row.constrained else None
    sign = library.constraints.NonNeg() if row.constrained else None
    model = library.models.Sequential(
        [
            library.layers.Input((6,)),
            library.layers.Dense(40, activation="tanh", kernel_constraint=limit, name="dense_a"),
            library.layers.Dense(3, activation="softmax", kernel_constraint=sign, name="dense_b"),
        ]
    )
    model.compile(row.make(library.optimizers), "sparse_categorical_crossentropy")
    return model


def fit(model, epochs=1):
    model.fit(X, Y, batch_size=BATCH, epochs=epochs, shuffle=False, verbose=0)


def values(model):
    return [np.asarray(v) for v in model.get_weights()] + [np.asarray(v.numpy()) for v in model.optimizer.variables]


@pytest.mark.parametrize("row", OPTIMIZERS, ids=str)
def test_as_keras(row):
    keras.utils.set_random_seed(0)
    theirs, ours = net(keras, row), net(fastfit, row)
    start = theirs.get_weights()
    ours.set_weights(start)
    fit(theirs)
    fit(ours)
    names = [v.path for v in ours.weights + ours.optimizer.variables]
    mine, other = values(ours), values(theirs)
    assert len(mine) == len(other)
    if row.name == "LossScaleOptimizer":  # a pass-through: its own four variables stand still
        mine, other, names = (v[:4] + v[8:] for v in (mine, other, names))
    for a, b, name in zip(mine, other, names, strict=True):
        # first steps of Adam and its kin are g / |g|: where g is small, so are its correct digits
        np.testing.assert_allclose(a, b, rtol=10 * row.rtol, atol=max(2 * row.rtol, 1e-5), err_msg=name)
    hosts = [label for step in ours._steps.values() for label in host_ops(step.compiled)]
    assert all(row.host and re.match(row.host, label) for label in hosts), hosts
