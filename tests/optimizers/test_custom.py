"""Optimizers of one's own: traced into the program where they can be, in NumPy where not, and the same either way."""

import keras
import numpy as np
import pytest

import fastfit
from fastfit import ops, optimizers
from tests.compiler.harness import host_ops
from tests.optimizers.test_optimizers_in_fit import BATCH, X, Y


class Momentum(optimizers.Optimizer):
    """As Keras's documentation says how to write one: with ops."""

    def __init__(self, learning_rate=0.1, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.momentum = 0.9

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.momentums = [self.add_variable_from_reference(v, name="momentum") for v in variables]

    def update_step(self, gradient, variable, learning_rate):
        learning_rate = ops.cast(learning_rate, variable.dtype)
        gradient = ops.cast(gradient, variable.dtype)
        m = self.momentums[self._get_variable_index(variable)]
        self.assign(
            m,
            ops.subtract(
                ops.multiply(m, ops.cast(self.momentum, variable.dtype)), ops.multiply(gradient, learning_rate)
            ),
        )
        self.assign_add(variable, m)


class MomentumInNumPy(Momentum):
    """NumPy's functions and Python's operators: traced as well."""

    def update_step(self, gradient, variable, learning_rate):
        m = self.momentums[self._get_variable_index(variable)]
        self.assign(m, np.subtract(np.multiply(m, self.momentum), gradient * learning_rate))
        self.assign_add(variable, m)


class MomentumByValue(Momentum):
    """Decisions and arrays in Python: nothing that could be traced."""

    def update_step(self, gradient, variable, learning_rate):
        m = self.momentums[self._get_variable_index(variable)]
        step = np.asarray(m) * self.momentum - np.asarray(gradient) * float(np.asarray(learning_rate))
        if np.abs(step).max() >= 0:
            m.assign(step)
            self.assign_add(variable, step)


class AdamWithLargerSteps(optimizers.Adam):
    """A kernel's optimizer with another update: the kernel must not be used."""

    def update_step(self, gradient, variable, learning_rate):
        super().update_step(gradient, variable, learning_rate * 2.0)


class Remembering(optimizers.Optimizer):
    """Keeps the weights of the step before, and moves towards them."""

    def build(self, variables):
        if not self.built:
            super().build(variables)
            self.last = self.add_optimizer_variables(variables, "last")
            self.seen = self.add_variable((), dtype="int32", name="seen")

    def update_step(self, gradient, variable, learning_rate):
        last = self.last[self._get_variable_index(variable)]
        before = variable.value
        drift = ops.where(ops.equal(self.iterations, 0), 0.0, 0.1)
        self.assign_sub(variable, learning_rate * gradient + drift * (variable - last))
        self.assign(last, before)
        self.seen.assign_add(1)


def net(optimizer, library=fastfit):
    model = library.models.Sequential(
        [
            library.layers.Input((6,)),
            library.layers.Dense(40, activation="tanh"),
            library.layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile(optimizer, "sparse_categorical_crossentropy")
    return model


def trained(optimizer, start, library=fastfit):
    model = net(optimizer, library)
    model.set_weights(start)
    model.fit(X, Y, batch_size=BATCH, epochs=2, shuffle=False, verbose=0)
    return model


def hosts(model):
    return [label for step in model._steps.values() for label in host_ops(step.compiled)]


OPTIONS = [
    {},
    {"weight_decay": 0.1, "clipnorm": 0.1},
    {"use_ema": True, "ema_momentum": 0.5, "gradient_accumulation_steps": 2, "global_clipnorm": 0.2},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_momentum_as_keras(options):
    theirs = net(keras.optimizers.SGD(0.1, momentum=0.9, **options), keras)
    start = theirs.get_weights()
    theirs.fit(X, Y, batch_size=BATCH, epochs=2, shuffle=False, verbose=0)
    for cls in (Momentum, MomentumInNumPy, MomentumByValue):
        ours = trained(cls(**options), start)
        for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
            np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-6, err_msg=cls.__name__)
        for a, b in zip(ours.optimizer.variables, theirs.optimizer.variables, strict=True):
            np.testing.assert_allclose(a.numpy(), np.asarray(b), rtol=2e-5, atol=2e-6, err_msg=cls.__name__)
        if cls is MomentumByValue:
            assert any(label.startswith("optimizer (") for label in hosts(ours))
        else:
            assert not hosts(ours), "all of it has kernels"


def test_update_of_a_subclass_is_the_one_that_counts():
    start = net("sgd").get_weights()
    ours = trained(AdamWithLargerSteps(0.01), start)
    plain = trained(optimizers.Adam(0.02), start)
    for a, b in zip(ours.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-6)
    assert set(hosts(ours)) == {"scalars of the step"}


def test_old_values_and_own_scalars():
    """A slot gets the weight of before, although the weight is assigned first."""
    model = net(Remembering(0.1))
    start = model.get_weights()
    model.fit(X[:BATCH], Y[:BATCH], batch_size=BATCH, verbose=0)
    for last, w in zip(model.optimizer.last, start, strict=True):
        np.testing.assert_array_equal(last.numpy(), w)
    first = model.get_weights()
    model.fit(X[:BATCH], Y[:BATCH], batch_size=BATCH, verbose=0)
    for last, w in zip(model.optimizer.last, first, strict=True):
        np.testing.assert_array_equal(last.numpy(), w)
    assert int(model.optimizer.seen.numpy()) == 8  # four variables, two steps


def test_by_hand_equals_fit():
    """What fit compiles is what apply does with the same gradients."""
    model = net(Remembering(0.1))
    start = model.get_weights()
    ours = trained(Remembering(0.1), start)
    forced = trained(HostRemembering(0.1), start)
    for a, b in zip(ours.get_weights(), forced.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-6)
    assert any(label.startswith("optimizer (") for label in hosts(forced))
    assert int(ours.optimizer.iterations.numpy()) == int(forced.optimizer.iterations.numpy()) == 14


class HostRemembering(Remembering):
    def apply(self, grads, trainable_variables=None):
        super().apply(grads, trainable_variables)


class Broken(Momentum):
    def update_step(self, gradient, variable, learning_rate):
        raise KeyError("no such slot")


def test_an_error_of_the_users_comes_out():
    with pytest.raises(KeyError, match="no such slot"):
        trained(Broken(), net("sgd").get_weights())


def test_constraint_in_python():
    """A constraint that looks at values runs on the host; the optimizer's kernel stays."""

    def whole_if_large(w):
        w = np.asarray(w)
        return np.clip(w, -0.1, 0.1) if w.max() > 0.1 else w

    model = net(optimizers.Adam(0.05))
    model.layers[0].kernel.constraint = whole_if_large
    model.fit(X, Y, batch_size=BATCH, verbose=0)
    assert np.abs(model.get_weights()[0]).max() <= 0.1
    assert [label.split(" (")[0] for label in hosts(model)] == [f"constraint of {model.layers[0].kernel.path}"]


def test_explain_says_why_it_is_on_the_host():
    model = trained(MomentumByValue(), net("sgd").get_weights())
    (step,) = model._steps.values()
    assert "optimizer (np.asarray of variable" in step.compiled.explain()
