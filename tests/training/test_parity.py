"""Whole loss curves against installed Keras, from the same weights."""

import numpy as np
import pytest

import fastfit
from fastfit import optimizers
from tests.training import nets

keras = pytest.importorskip("keras")

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


class Losses:
    """Collects the loss of every step, for either library."""

    def __init__(self, base):
        class Collect(base):
            def on_train_batch_end(inner, batch, logs=None):
                self.running.append(logs["loss"])

        self.running = []
        self.callback = Collect()

    @property
    def per_step(self):
        """Batch losses from running means; all batches have the same size."""
        sums = np.array(self.running) * np.arange(1, len(self.running) + 1)
        return np.diff(sums, prepend=0)


def keras_r64(features=784):
    # One start for all: from some starts rounding decides the side of a ReLU within 200 steps, and from there on the
    # curves part. tests/training/test_rounding.py has the proof, and holds many starts to float64.
    keras.utils.set_random_seed(0)
    inputs = keras.layers.Input(shape=(features,))
    x = keras.layers.Dense(64, activation="relu")(inputs)
    x = keras.layers.Dense(64, activation="relu")(x)
    return keras.models.Model(inputs, keras.layers.Dense(10, activation="softmax")(x))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_two_hundred_steps_of_r64(name):
    x, y = nets.digits(STEPS * BATCH)
    ours, theirs = nets.r64(), keras_r64()
    ours.set_weights(theirs.get_weights())
    curves = []
    for model, library in ((ours, fastfit), (theirs, keras)):
        losses = Losses(library.callbacks.Callback)
        model.compile(OPTIMIZERS[name](library.optimizers), "sparse_categorical_crossentropy", metrics=["accuracy"])
        history = model.fit(x, y, batch_size=BATCH, shuffle=False, verbose=0, callbacks=[losses.callback])
        curves.append((losses.per_step, history.history))
    (a, ha), (b, hb) = curves
    assert len(a) == len(b) == STEPS
    # running means of float32 in Keras: a batch loss comes out of them to about 2e-5 of the sum
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=2e-4)
    np.testing.assert_allclose(ha["loss"], hb["loss"], rtol=1e-4)
    assert list(ha) == list(hb)
    np.testing.assert_allclose(ha["accuracy"], hb["accuracy"], atol=2.0 / (STEPS * BATCH))


@pytest.mark.parametrize("name", ["sgd", "rmsprop", "adam"])
def test_each_step_by_itself(name):
    """train_on_batch gives each batch's own loss: 200 of them within 1e-4."""
    x, y = nets.digits(STEPS * BATCH)
    ours, theirs = nets.r64(), keras_r64()
    ours.set_weights(theirs.get_weights())
    ours.compile(OPTIMIZERS[name](optimizers), "sparse_categorical_crossentropy")
    theirs.compile(OPTIMIZERS[name](keras.optimizers), "sparse_categorical_crossentropy")
    a, b = [], []
    for i in range(0, len(x), BATCH):
        a.append(ours.train_on_batch(x[i : i + BATCH], y[i : i + BATCH]))
        b.append(float(theirs.train_on_batch(x[i : i + BATCH], y[i : i + BATCH])))
    np.testing.assert_allclose(a, b, rtol=1e-4)
