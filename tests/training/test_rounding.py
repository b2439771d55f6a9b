"""Each of two hundred steps of training against the same step in float64, from the same weights and slots."""

import numpy as np
import pytest

from fastfit import optimizers
from tests.training import nets
from tests.training.rounding import GAMMA, excess, step

STEPS, BATCH = 200, 32
SIZES = (784, 64, 64, 10)


def start(seed):
    """Weights that depend on nothing but the seed."""
    rng = np.random.default_rng(seed)
    weights = []
    for n, m in zip(SIZES[:-1], SIZES[1:], strict=True):
        limit = np.sqrt(6 / (n + m))
        weights += [rng.uniform(-limit, limit, (n, m)).astype("float32"), np.zeros(m, "float32")]
    return weights


def sgd(rate, t, weights, slots, gradients):
    """The weights of the next step, and no slots."""
    return [w - np.float64(np.float32(rate)) * g for w, g in zip(weights, gradients, strict=True)]


def adam(rate, t, weights, slots, gradients):
    """Weights and slots; the bias correction is that of Keras, which takes the powers of float32 betas."""
    one, two = (np.float32(1) - np.float32(np.float64(np.float32(b)) ** (t + 1)) for b in (0.9, 0.999))
    rate = np.float64(np.float32(rate) * np.sqrt(two) / one)
    made, kept = [], []
    for w, m, v, g in zip(weights, slots[0::2], slots[1::2], gradients, strict=True):
        m, v = m + (g - m) * 0.1, v + (g * g - v) * 0.001
        made.append(w - rate * m / (np.sqrt(v) + 1e-7))
        kept += [m, v]
    return made + kept


RULES = {"SGD": (0.05, sgd), "Adam": (0.001, adam)}


def state_of(model, n=6):
    """(weights, slots) in float64."""
    slots = [v.numpy() for v in model.optimizer.variables[2:]]  # behind the counter and the rate
    return [w.astype("float64") for w in model.get_weights()], [s.astype("float64") for s in slots]


def trained(name, seed, steps=STEPS, wrong=None):
    """Per step: the loss's error, what weights and slots are off by, and how many ReLUs may have either side."""
    x, y = nets.digits(STEPS * BATCH)
    model = nets.r64()
    model.set_weights(start(seed))
    rate, update = RULES[name]
    model.compile(getattr(optimizers, name)(rate), "sparse_categorical_crossentropy")
    model.optimizer.build(model.trainable_variables)
    seen = []
    weights, slots = state_of(model)
    for t in range(steps):
        rows = slice(t * BATCH, (t + 1) * BATCH)
        right = step(np, weights, x[rows].astype("float64"), y[rows])
        loss = model.train_on_batch(x[rows], y[rows])
        if wrong is not None:
            right = wrong(t, right)
        states = [
            update(rate, t, weights, slots, [g + s * u for g, u in zip(right.gradients, right.uncertain, strict=True)])
            for s in (0, -GAMMA, GAMMA)
        ]
        before = weights + slots
        weights, slots = state_of(model)
        off = [excess(np, *each) for each in zip(before, weights + slots, *states, strict=True)]
        seen.append((abs(loss - right.loss) / (3e-7 * abs(right.loss) + 5e-7), max(off), int(right.turned)))
    return np.array(seen)


@pytest.mark.parametrize(("name", "seed"), [("SGD", 0), ("SGD", 1), ("Adam", 2), ("Adam", 13)])
def test_every_step_is_that_of_float64(name, seed):
    loss, off, turned = trained(name, seed).T
    assert loss.max() <= 1
    assert off.max() <= 1
    assert (turned > 0).sum() < STEPS // 10  # where a ReLU may have either side, less is compared


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("weight", [*range(6), None])
def test_a_wrong_gradient_is_seen(name, weight):
    """One that is off by 1e-3 in all weights, or 1e-2 in one of them."""

    def wrong(t, right):
        right.gradients = [
            g * (1.001 if weight is None else 1.01 if i == weight else 1) for i, g in enumerate(right.gradients)
        ]
        return right

    assert trained(name, 2, steps=3, wrong=wrong)[:, 1].max() > 1
