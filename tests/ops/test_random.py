"""Random ops: their distributions, and what their numbers depend on."""

import numpy as np
import pytest

from fastfit import layers, models, ops, optimizers
from fastfit.graph import randomness
from fastfit.graph.evaluate import evaluate
from fastfit.graph.tensor import make_input
from fastfit.graph.trace import Trace
from fastfit.ops import random
from fastfit.utils import set_random_seed
from tests.compiler.harness import host_ops, run


def test_philox_known_answers():
    """Random123's kat_vectors for philox4x32-10."""
    zeros = randomness.philox_words(0, 0, 0, 4)
    assert [f"{w:08x}" for w in zeros] == ["6627e8d5", "e169c58d", "bc57ac4c", "9b00dbd8"]


@pytest.mark.parametrize(
    "draw, mean, std",
    [
        (lambda: random.normal((20000,), 1.0, 2.0, seed=1), 1.0, 2.0),
        (lambda: random.uniform((20000,), -1.0, 3.0, seed=1), 1.0, 4 / 12**0.5),
        (lambda: random.truncated_normal((20000,), seed=1), 0.0, 0.8796),
        (lambda: random.randint((20000,), 0, 10, seed=1), 4.5, 8.25**0.5),
        (lambda: random.gamma((20000,), 4.0, seed=1), 4.0, 2.0),
        (lambda: random.beta((20000,), 2.0, 2.0, seed=1), 0.5, 0.05**0.5),
        (lambda: random.binomial((20000,), 10, 0.5, seed=1), 5.0, 2.5**0.5),
    ],
)
def test_moments(draw, mean, std):
    x = np.asarray(draw(), np.float64)
    assert abs(x.mean() - mean) < 4 * std / 20000**0.5
    assert abs(x.std() / std - 1) < 0.03
    assert len(np.unique(x)) > 5


def test_bounds():
    assert np.abs(random.truncated_normal((5000,), seed=3)).max() <= 2
    x = random.randint((5000,), 3, 7, seed=3)
    assert set(np.unique(x)) == {3, 4, 5, 6} and x.dtype == np.int32


def test_seeds():
    a = random.normal((5,), seed=7)
    np.testing.assert_array_equal(a, random.normal((5,), seed=7))
    assert np.any(a != random.normal((5,), seed=8))
    generator = random.SeedGenerator(7)
    first, second = random.normal((5,), seed=generator), random.normal((5,), seed=generator)
    assert np.any(first != second)
    np.testing.assert_array_equal(first, random.normal((5,), seed=random.SeedGenerator(7)))
    set_random_seed(3)
    x, y = random.uniform((4,)), random.uniform((4,))
    assert np.any(x != y)
    set_random_seed(3)
    np.testing.assert_array_equal(x, random.uniform((4,)))


def test_dropout():
    x = np.ones((400, 50), np.float32)
    y = random.dropout(x, 0.3, seed=1)
    assert y.dtype == np.float32 and set(np.unique(y)) == {0.0, np.float32(1 / 0.7)}
    assert abs((y == 0).mean() - 0.3) < 0.02
    assert not np.any(random.dropout(x, 1.0, seed=1)) and np.all(random.dropout(x, 0.0, seed=1) == 1)
    rows = random.dropout(x, 0.5, noise_shape=(None, 1), seed=1)
    assert np.all(rows == rows[:, :1])


def test_traced_draws_vary_with_step_and_stream_but_not_otherwise():
    x = make_input((None, 20))
    with Trace():
        one, two, noise = random.dropout(x, 0.5), random.dropout(x, 0.5), random.normal((3, 4))
        batch = random.normal((ops.shape(x)[0], 2))
    feeds = {x: np.ones((8, 20), "f")}

    def run(seed, step):
        return evaluate([one, two, noise, batch], feeds, seed=seed, step=step)

    a, b, n, m = run(5, 0)
    assert np.any(a != b) and n.shape == (3, 4) and m.shape == (8, 2)
    for again, changed, other in zip(run(5, 0), run(5, 1), run(6, 0), strict=True):
        assert any(np.array_equal(again, v) for v in (a, b, n, m))
        assert not any(np.array_equal(changed, v) or np.array_equal(other, v) for v in (a, b, n, m))


def test_a_row_does_not_depend_on_the_rows_after_it():
    x = make_input((None, 6))
    with Trace():
        y = random.dropout(x, 0.5)
    many, few = (evaluate([y], {x: np.ones((n, 6), "f")}, seed=1)[0] for n in (9, 4))
    np.testing.assert_array_equal(many[:4], few)


@pytest.mark.parametrize("seed", [None, 11, -(2**40) - 7, random.SeedGenerator(5)])
@pytest.mark.parametrize("of_batch", [True, False])
def test_native_draws_are_those_of_numpy(seed, of_batch):
    """The same elements are dropped, and numbers are alike but for rounding."""

    def draws(x):
        shape = (ops.shape(x)[0], 20) if of_batch else (1, 20)
        noise = random.normal(shape, 0.5, 2.0, seed=seed) + random.uniform(shape, -1.0, 3.0, seed=seed)
        return random.dropout(x, 0.4, seed=seed), x + noise

    x = np.random.default_rng(0).standard_normal((37, 20)).astype("float32")
    native, expected, program = run(draws, [x])
    assert host_ops(program) == []
    np.testing.assert_array_equal(native[0], expected[0])
    np.testing.assert_allclose(native[1], expected[1], rtol=1e-5, atol=3e-6)


def test_predictions_are_drawn_anew():
    def predictions():
        inputs = layers.Input((4,))
        noisy = layers.Lambda(lambda x: x + random.normal(ops.shape(x)))(inputs)
        model = models.Model(inputs, noisy)
        x = np.zeros((6, 4), "float32")
        calls = [model.predict_on_batch(x), model(x), model.predict(x, batch_size=2, verbose=0)]
        return np.concatenate([*calls, model.predict_on_batch(x), model(x)])

    set_random_seed(4)
    rows = predictions()
    assert len(np.unique(rows)) == rows.size
    set_random_seed(4)
    np.testing.assert_array_equal(rows, predictions())


def test_evaluations_are_drawn_anew():
    def losses():
        inputs = layers.Input((1,))
        noisy = layers.Lambda(lambda x: x + random.normal(ops.shape(x)))(inputs)
        model = models.Model(inputs, layers.Dense(1, kernel_initializer="ones")(noisy))
        model.compile(optimizers.SGD(0.0), "mse")
        x = np.zeros((6, 1), "float32")
        fit = model.fit(x, x, epochs=2, batch_size=2, validation_data=(x, x), verbose=0).history
        calls = [
            model.evaluate(x, x, batch_size=2, verbose=0),
            model.evaluate(x, x, verbose=0),
            model.test_on_batch(x, x),
        ]
        return [*fit["loss"], *fit["val_loss"], *calls]

    set_random_seed(5)
    first = losses()
    assert len(set(first)) == len(first)
    set_random_seed(5)
    assert first == losses()


def test_shuffle_and_categorical():
    x = np.arange(50)
    y = random.shuffle(x, seed=2)
    assert np.any(x != y) and np.array_equal(np.sort(y), x)
    ids = random.categorical(np.log(np.array([[0.2, 0.8]])), 4000, seed=1)
    assert abs(ids.mean() - 0.8) < 0.03


def test_unknown_sizes_are_refused():
    with pytest.raises(ValueError, match="unknown size"):
        random.normal((None, 3))
