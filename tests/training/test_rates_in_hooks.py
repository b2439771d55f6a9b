"""A learning rate that a batch hook sets is that of the very next step."""

import numpy as np
import pytest

from fastfit import optimizers
from fastfit.callbacks import Callback
from fastfit.layers import Dense, Input
from fastfit.models import Model
from fastfit.optimizers.schedules import ExponentialDecay, PiecewiseConstantDecay
from fastfit.utils import set_random_seed

pytestmark = pytest.mark.filterwarnings("ignore:The argument `decay`")
ROWS, BATCH, AT = 320, 8, 3


def schedule():
    return ExponentialDecay(0.1, decay_steps=100, decay_rate=0.9)


def set_rate(optimizer):
    optimizer.learning_rate = 0.0


def assign_variable(optimizer):
    optimizer._learning_rate.assign(0.0)


def another_schedule(optimizer):
    optimizer.learning_rate = PiecewiseConstantDecay([1000], [0.0, 1.0])


def schedule_attribute(optimizer):
    optimizer._learning_rate.initial_learning_rate = 0.0


def decay_sets_in(optimizer):
    optimizer.decay = 1e30


CASES = {
    "constant": (lambda: optimizers.SGD(0.1), set_rate),
    "constant_variable": (lambda: optimizers.Adam(0.1), assign_variable),
    "to_schedule": (lambda: optimizers.RMSprop(0.1), another_schedule),
    "decay": (lambda: optimizers.SGD(0.1, decay=1e-6), set_rate),
    "decay_momentum": (lambda: optimizers.SGD(0.1, momentum=0.0, nesterov=True, decay=1e-3), set_rate),
    "decay_variable": (lambda: optimizers.SGD(0.1, decay=1e-6), assign_variable),
    "decay_sets_in": (lambda: optimizers.SGD(0.1), decay_sets_in),
    "decay_grows": (lambda: optimizers.Adagrad(0.1, decay=1e-6), decay_sets_in),
    "schedule_to_schedule": (lambda: optimizers.SGD(schedule()), another_schedule),
    "schedule_attribute": (lambda: optimizers.SGD(schedule()), schedule_attribute),
    "loss_scale": (lambda: optimizers.LossScaleOptimizer(optimizers.SGD(0.1)), set_rate),
    "loss_scale_decay": (
        lambda: optimizers.LossScaleOptimizer(optimizers.SGD(0.1, decay=1e-6)),
        lambda o: set_rate(o.inner_optimizer),
    ),
    "function": (lambda: optimizers.SGD(lambda: 0.1), set_rate),
}


class Setting(Callback):
    """Calls `act` in the hook of one batch, and keeps the weights after each."""

    def __init__(self, act, hook):
        super().__init__()
        self.act, self.hook, self.weights = act, hook, []

    def on_train_batch_begin(self, batch, logs=None):
        if self.hook == "begin" and batch == AT + 1:
            self.act(self.model.optimizer)

    def on_train_batch_end(self, batch, logs=None):
        if self.hook == "end" and batch == AT:
            self.act(self.model.optimizer)
        self.weights.append([w.copy() for w in self.model.get_weights()])


def trained(optimizer, act, hook):
    set_random_seed(0)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(ROWS, 4)).astype("float32"), rng.normal(size=(ROWS, 1)).astype("float32")
    i = Input((4,))
    model = Model(i, Dense(1, name="b")(Dense(3, "tanh", name="a")(i)))
    model.compile(optimizer, "mse")
    callback = Setting(act, hook)
    model.fit(x, y, batch_size=BATCH, epochs=1, verbose=0, callbacks=[callback])
    assert len(callback.weights) == ROWS // BATCH
    return callback.weights


def moved(before, after):
    return any(not np.array_equal(a, b) for a, b in zip(before, after, strict=True))


@pytest.mark.parametrize("hook", ["begin", "end"])
@pytest.mark.parametrize("case", CASES)
def test_rate_of_the_next_step(case, hook):
    make, act = CASES[case]
    weights = trained(make(), act, hook)
    assert all(moved(a, b) for a, b in zip(weights[:AT], weights[1 : AT + 1], strict=True))
    assert not any(moved(a, b) for a, b in zip(weights[AT:-1], weights[AT + 1 :], strict=True))


@pytest.mark.parametrize("decay", [0.0, 1e-6])
def test_rate_of_one_part(decay):
    """Only the layer of the optimizer whose rate is set stands still."""
    first = optimizers.SGD(0.1, decay=decay) if decay else optimizers.SGD(0.1)
    second = optimizers.Adam(0.1)
    optimizer = optimizers.MultiOptimizer(lambda variable: first if variable.path.startswith("a/") else second)
    weights = trained(optimizer, lambda _: set_rate(first), "end")
    a, b = [[w[:2] for w in weights], [w[2:] for w in weights]]
    assert all(not moved(p, q) for p, q in zip(a[AT:-1], a[AT + 1 :], strict=True))
    assert all(moved(p, q) for p, q in zip(b[:-1], b[1:], strict=True))


def test_a_later_rate_equals_that_of_a_run_begun_with_it():
    """A rate set from step 4 on gives what two runs give, the second with the new rate."""

    def later(optimizer):
        optimizer.learning_rate = 0.01

    one = trained(optimizers.SGD(0.1, decay=1e-3), later, "end")
    other = trained(optimizers.SGD(0.1, decay=1e-3), later, "begin")
    for a, b in zip(one, other, strict=True):
        assert not moved(a, b)
