"""Sums and extremes over the rows of a large batch: in blocks of rows, or by columns, and never in one piece."""

import numpy as np
import pytest

from fastfit import ops, optimizers
from fastfit.layers import Input, Layer
from fastfit.models import Model

RNG = np.random.default_rng(3)


class ScaleAndShift(Layer):
    def build(self, shape):
        self.scale = self.add_weight((shape[-1],), initializer="ones")
        self.shift = self.add_weight((shape[-1],), initializer="zeros")

    def call(self, x):
        return x * self.scale + self.shift


def model(width, loss, **options):
    inputs = Input((width,))
    made = Model(inputs, ScaleAndShift()(inputs))
    made.compile(optimizers.SGD(1.0), loss)
    made._run_options = options
    return made


@pytest.mark.parametrize("width", [1, 7, 64, 100])
@pytest.mark.parametrize("rows", [1023, 1024, 1025, 2500])
def test_gradients_of_a_broadcast_scale_and_shift(rows, width):
    x, y = (RNG.normal(size=(rows, width)).astype("float32") for _ in range(2))
    made = model(width, "mse")
    scale, shift = made.get_weights()
    made.train_on_batch(x, y)
    d = 2.0 * (x.astype("float64") * scale + shift - y) / y.size
    for got, was, gradient in zip(made.get_weights(), (scale, shift), ((d * x).sum(0), d.sum(0)), strict=True):
        np.testing.assert_allclose(got, was - gradient, rtol=1e-6, atol=1e-6)
    if rows >= 1024:
        assert "sum_rows" not in made.explain() and "dense_db_sum" in made.explain()


def statistics(y, p):
    """Means, extremes, products and float64 sums over rows."""
    centred = p - ops.mean(p, axis=0)
    spread = ops.max(p, axis=0) - ops.min(y, axis=0)
    product = ops.prod(1.0 + 1e-3 * ops.tanh(p), axis=0)
    counts = ops.sum(ops.cast(y > 0, "int32"), axis=0)
    return ops.mean(ops.square(centred), axis=-1) + ops.mean(spread * product) + 1e-3 * ops.mean(
        ops.cast(counts, "float32") * ops.mean(p, axis=0))  # fmt: skip


@pytest.mark.parametrize("rows", [300, 2500])
def test_statistics_have_the_same_bits_for_any_number_of_threads(rows):
    x, y = (RNG.normal(size=(rows, 96)).astype("float32") for _ in range(2))
    seen = set()
    for options in (
        {"force_threads": 1},
        {"force_threads": 2},
        {"force_threads": 3},
        {"force_threads": 2, "home_shift": 1},
    ):
        made = model(96, statistics, **options)
        losses = [made.train_on_batch(x, y) for _ in range(3)]
        seen.add((tuple(losses), *(w.tobytes() for w in made.get_weights())))
    assert len(seen) == 1
    p, y = x.astype("float64"), y.astype("float64")
    product = np.prod(1.0 + 1e-3 * np.tanh(p), axis=0)
    want = np.mean((p - p.mean(0)) ** 2) + np.mean((p.max(0) - y.min(0)) * product)
    want += 1e-3 * np.mean((y > 0).sum(0) * p.mean(0))
    np.testing.assert_allclose(next(iter(seen))[0][0], want, rtol=1e-5)


def test_columns_of_a_large_batch_are_cut():
    x = RNG.normal(size=(4096, 256)).astype("float32")
    inputs = Input((256,))
    made = Model(inputs, inputs - ops.max(inputs, axis=0))
    np.testing.assert_array_equal(made.predict(x, batch_size=4096, verbose=0), x - x.max(0))
    listing = made.explain()
    at = listing.index("extreme_rows")
    assert "units" in listing[:at].splitlines()[-2]
