"""Constants and weights of several rows that meet a batch: right for batches of so many rows, else a clear error."""

import numpy as np
import pytest

import fastfit
from tests.training.pairs import (  # noqa: F401  quick_compiler is a fixture
    BOTH,
    close,
    pair,
    quick_compiler,
    sgd,
)

N = 5
RNG = np.random.default_rng(3)
X = RNG.normal(size=(2 * N, 3)).astype("float32")
Y = RNG.uniform(size=(2 * N, 2)).astype("float32")
C = RNG.dirichlet(np.ones(2), N).astype("float32")
COLUMN, ROW_WEIGHTS, IDS = C[:, :1], C[:, 0], np.array([0, 1, 1, 0, 1])

# name: a function of the library that makes a loss
LOSSES = {
    "square": lambda lib: lambda y, p: lib.ops.mean(lib.ops.square(C - p)),
    "absolute": lambda lib: lambda y, p: lib.ops.mean(lib.ops.abs(p - C), axis=-1),
    "column": lambda lib: lambda y, p: lib.ops.mean(lib.ops.square(p * COLUMN), axis=-1),
    "one axis": lambda lib: lambda y, p: lib.ops.mean(lib.ops.square(p), axis=-1) * ROW_WEIGHTS,
    "condition": lambda lib: lambda y, p: lib.ops.mean(lib.ops.where(C > 0.4, p, p * p)),
    "chosen": lambda lib: lambda y, p: lib.ops.mean(lib.ops.where(p > 0.1, p * p, C)),
    "clip": lambda lib: lambda y, p: lib.ops.mean(lib.ops.square(lib.ops.clip(p, -COLUMN, C))),
    "power": lambda lib: lambda y, p: lib.ops.mean(lib.ops.power(lib.ops.abs(p) + 0.1, C)),
    "concatenate": lambda lib: lambda y, p: lib.ops.mean(lib.ops.square(lib.ops.concatenate([p, C], axis=-1))),
    "stack": lambda lib: lambda y, p: lib.ops.mean(lib.ops.square(lib.ops.stack([p, C], axis=0)) * 2.0),
    "matmul": lambda lib: lambda y, p: lib.ops.mean(lib.ops.matmul(lib.ops.expand_dims(p, 1), np.ones((N, 2, 3), "f"))),
    "einsum": lambda lib: lambda y, p: lib.ops.mean(lib.ops.square(lib.ops.einsum("bi,bi->b", p, C))),
    "broadcast_to": lambda lib: lambda y, p: lib.ops.mean(lib.ops.square(lib.ops.broadcast_to(p, (N, 2)))),
    "batch by batch": lambda lib: lambda y, p: lib.ops.mean(lib.ops.square(lib.ops.matmul(lib.ops.transpose(p), C))),
    "categorical": lambda lib: lambda y, p: lib.losses.categorical_crossentropy(C, lib.ops.softmax(p)),
    "categorical logits": lambda lib: lambda y, p: lib.losses.categorical_crossentropy(C, p, from_logits=True),
    "binary logits": lambda lib: lambda y, p: lib.losses.binary_crossentropy(C, p, from_logits=True),
    "sparse": lambda lib: lambda y, p: lib.losses.sparse_categorical_crossentropy(IDS, lib.ops.softmax(p)),
    "mse": lambda lib: lambda y, p: lib.losses.mean_squared_error(C, p),
    "mae": lambda lib: lambda y, p: lib.losses.mean_absolute_error(C, p),
    "huber": lambda lib: lambda y, p: lib.losses.huber(C, p),
    "cosine": lambda lib: lambda y, p: lib.losses.cosine_similarity(C, p),
}


def dense(lib):
    return lib.models.Sequential([lib.layers.Input((3,)), lib.layers.Dense(2, name="d")])


def with_constant(lib):
    """A Lambda layer that adds a constant with rows of its own."""
    return lib.models.Sequential(
        [
            lib.layers.Input(batch_shape=(N, 3)),
            lib.layers.Dense(2),
            lib.layers.Lambda(lambda x: x * C),
            lib.layers.Dense(2, name="d"),
        ]
    )


def with_weight(lib):
    """A layer whose weight has a row for each row of the batch."""

    class Rows(lib.layers.Layer):
        def build(self, shape):
            self.w = self.add_weight(shape=(N, 2), initializer="ones")

        def call(self, x):
            return x * self.w

    return lib.models.Sequential(
        [lib.layers.Input(batch_shape=(N, 3)), lib.layers.Dense(2), Rows(name="rows"), lib.layers.Dense(2, name="d")]
    )


def same_run(make, **compiled):
    models = pair(make, optimizer=sgd(), **compiled)
    logs = [m.fit(X, Y, batch_size=N, epochs=2, shuffle=False, verbose=0).history for m in models]
    close(*logs)
    close(*(m.get_weights() for m in models))
    close(*(m.evaluate(X, Y, batch_size=N, verbose=0) for m in models))
    close(*(m.predict(X, batch_size=N, verbose=0) for m in models))


@pytest.mark.parametrize("name", LOSSES)
def test_losses_beside_keras(name):
    models = [dense(lib) for lib in BOTH]
    models[0].set_weights(models[1].get_weights())
    for model, lib in zip(models, BOTH, strict=True):
        model.compile(lib.optimizers.SGD(0.1), LOSSES[name](lib), metrics=[LOSSES[name](lib)])
    close(*(m.fit(X, Y, batch_size=N, epochs=2, shuffle=False, verbose=0).history for m in models))
    close(*(m.get_weights() for m in models))


@pytest.mark.parametrize("make", [with_constant, with_weight])
def test_layers_beside_keras(make):
    same_run(make, loss="mse")


@pytest.mark.parametrize("rows", [1, N - 1, N + 3])
@pytest.mark.parametrize("name", ["square", "categorical", "concatenate", "one axis", "mse"])
def test_losses_of_batches_of_other_sizes(name, rows):
    model = dense(fastfit)
    model.compile("adam", LOSSES[name](fastfit))
    model.fit(X[:N], Y[:N], verbose=0)
    refuses(model, rows, f"in 'd_loss' failed for a batch of {rows} rows: {N} rows of a constant.*Shapes: .{N},")


@pytest.mark.parametrize("make", [with_constant, with_weight])
def test_layers_of_batches_of_other_sizes(make):
    model = make(fastfit)
    model.compile("adam", "mse")
    model.fit(X[:N], Y[:N], verbose=0)
    refuses(model, N + 1, f"in '.*/(lambda.*|rows)' failed for a batch of {N + 1} rows: {N} rows of a constant")
    with pytest.raises(ValueError, match="meet the rows of the batch"):
        model.predict(X[: N + 1], verbose=0)


def test_metrics_of_batches_of_other_sizes():
    model = dense(fastfit)
    model.compile("adam", "mse", metrics=[fastfit.metrics.MeanMetricWrapper(LOSSES["square"](fastfit), name="mine")])
    model.fit(X[:N], Y[:N], verbose=0)
    refuses(model, N + 2, f"in 'mine' failed for a batch of {N + 2} rows")


def refuses(model, rows, match):
    before = [np.array(v) for v in [*model.variables, *model.optimizer.variables]]
    for call in (model.fit, model.evaluate):
        with pytest.raises(ValueError, match=match):
            call(X[:rows], Y[:rows], verbose=0)
    for v, value in zip([*model.variables, *model.optimizer.variables], before, strict=True):
        np.testing.assert_array_equal(np.array(v), value)
    assert np.isfinite(model.evaluate(X[:N], Y[:N], verbose=0)).all()
