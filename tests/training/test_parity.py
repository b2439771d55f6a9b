"""Training of R64 against installed Keras: each step from the same weights and slots, and whole loss curves."""

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest

import fastfit
from tests.training import nets
from tests.training.rounding import GAMMA, excess, step

STEPS, BATCH = 200, 32
OPTIMIZERS = {
    "sgd": lambda m: m.SGD(0.05),
    "sgd_momentum": lambda m: m.SGD(0.02, momentum=0.9),
    "sgd_nesterov": lambda m: m.SGD(0.02, momentum=0.9, nesterov=True),
    "rmsprop": lambda m: m.RMSprop(0.001),
    "rmsprop_centered_momentum": lambda m: m.RMSprop(0.0005, momentum=0.5, centered=True),
    "adam": lambda m: m.Adam(0.001),
    "amsgrad_weight_decay": lambda m: m.Adam(0.001, amsgrad=True, weight_decay=0.01),
    "adamw": lambda m: m.AdamW(0.002),
    "adam_clipnorm": lambda m: m.Adam(0.001, clipnorm=0.1),
    "adam_global_clipnorm": lambda m: m.Adam(0.001, global_clipnorm=0.5),
    "sgd_clipvalue": lambda m: m.SGD(0.05, clipvalue=0.01),
    "sgd_ema": lambda m: m.SGD(0.05, use_ema=True, ema_momentum=0.9, ema_overwrite_frequency=7),
    "schedule": lambda m: m.Adam(m.schedules.ExponentialDecay(0.002, 50, 0.5)),
}
LOSS = "sparse_categorical_crossentropy"


def keras_r64(activation="relu"):
    inputs = keras.layers.Input(shape=(784,))
    x = keras.layers.Dense(64, activation=activation)(inputs)
    x = keras.layers.Dense(64, activation=activation)(x)
    return keras.models.Model(inputs, keras.layers.Dense(10, activation="softmax")(x))


def keras_step(model, optimizer):
    """One function of a state and what fastfit has made of it: (Keras's loss, what fastfit is off by, turned ReLUs)."""
    loss = keras.losses.SparseCategoricalCrossentropy()
    optimizer.build(model.trainable_variables)

    def of(weights, x, y):
        return loss(y, model.stateless_call(weights, [], x, training=True)[0])

    @jax.jit
    def compare(weights, slots, x, y, found_weights, found_slots):
        value, gradients = jax.value_and_grad(of)(weights, x, y)
        rough = step(jnp, weights, x, y)
        states = []
        for sign in (0, -1, 1):
            off = [g + sign * 2 * GAMMA * u for g, u in zip(gradients, rough.uncertain, strict=True)]
            made, kept = optimizer.stateless_apply(slots, off, weights)
            states.append([*made, *kept])
        found = [*found_weights, *found_slots]
        off = [excess(jnp, *each) for each in zip([*weights, *slots], found, *states, strict=True)]
        return value, jnp.stack(off), rough.turned

    return compare


def state_of(model):
    return model.get_weights(), [v.numpy() for v in model.optimizer.variables]


@pytest.fixture(scope="module")
def digits():
    return nets.digits(STEPS * BATCH)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_two_hundred_steps_of_r64(name, digits):
    """Loss, weights and slots of every step are Keras's, up to what rounding decides; `fit` makes the same steps."""
    x, y = digits
    ours, theirs = nets.r64(), keras_r64()
    start = theirs.get_weights()
    ours.set_weights(start)
    ours.compile(OPTIMIZERS[name](fastfit.optimizers), LOSS, metrics=["accuracy"])
    ours.optimizer.build(ours.trainable_variables)
    compare = keras_step(theirs, OPTIMIZERS[name](keras.optimizers))
    losses, hits, turned = [], [], 0
    weights, slots = state_of(ours)
    for i in range(0, len(x), BATCH):
        rows = x[i : i + BATCH], y[i : i + BATCH]
        loss, accuracy = ours.train_on_batch(*rows)
        before = weights, slots
        weights, slots = state_of(ours)
        value, off, either = compare(*before, *rows, weights, slots)
        np.testing.assert_allclose(loss, value, rtol=1e-6, atol=1e-6)
        assert off.max() <= 1, (i // BATCH, off)
        losses.append(loss)
        hits.append(accuracy)
        turned += either > 0
    assert turned < STEPS // 10  # where a ReLU may have either side, less is compared
    again = nets.r64()
    again.set_weights(start)
    again.compile(OPTIMIZERS[name](fastfit.optimizers), LOSS, metrics=["accuracy"])
    history = again.fit(x, y, batch_size=BATCH, shuffle=False, verbose=0).history
    ours.optimizer.finalize_variable_values(ours.trainable_variables)  # as at the end of fit
    weights, slots = state_of(ours)
    for a, b in zip([*weights, *slots], sum(state_of(again), []), strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_allclose(history["loss"], [np.mean(losses)], rtol=1e-6)
    np.testing.assert_allclose(history["accuracy"], [np.mean(hits)], rtol=1e-6)


class Losses:
    """Collects the running mean of the loss at every step, in either library."""

    def __init__(self, base):
        class Collect(base):
            def on_train_batch_end(inner, batch, logs=None):
                self.running.append(logs["loss"])

        self.running = []
        self.callback = Collect()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_loss_curve_of_two_hundred_steps(name, digits):
    """`fit` in both from the same weights; with tanh, which makes little of little differences."""
    x, y = digits
    ours, theirs = nets.r64(activation="tanh"), keras_r64("tanh")
    ours.set_weights(theirs.get_weights())
    curves, histories = [], []
    for model, library in ((ours, fastfit), (theirs, keras)):
        losses = Losses(library.callbacks.Callback)
        model.compile(OPTIMIZERS[name](library.optimizers), LOSS, metrics=["accuracy"])
        history = model.fit(x, y, batch_size=BATCH, shuffle=False, verbose=0, callbacks=[losses.callback])
        curves.append(losses.running)
        histories.append(history.history)
    assert [len(curve) for curve in curves] == [STEPS, STEPS]
    np.testing.assert_allclose(*curves, rtol=5e-6)
    mine, other = histories
    assert list(mine) == list(other)
    np.testing.assert_allclose(mine["loss"], other["loss"], rtol=5e-6)
    np.testing.assert_allclose(mine["accuracy"], other["accuracy"], atol=1.5 / len(x))
