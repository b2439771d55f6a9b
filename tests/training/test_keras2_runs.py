"""What Keras 2 wrote, against the same run in Keras 3's words."""

import warnings

import numpy as np
import pytest

from fastfit import layers, models, optimizers
from fastfit.utils import PyDataset, set_random_seed
from tests.training import nets

X, Y = nets.data(60, 6, 3)
W = np.linspace(0.2, 2.0, 60)


class Rows(PyDataset):
    def __len__(self):
        return 4

    def __getitem__(self, k):
        return X[15 * k : 15 * k + 15], Y[15 * k : 15 * k + 15]


def stream(*arrays):
    while True:
        for k in range(0, 60, 15):
            yield tuple(a[k : k + 15] for a in arrays)


LOSS = "sparse_categorical_crossentropy"
PLAIN = {"batch_size": 15, "shuffle": False, "verbose": 0}

# name: what is done in Keras 2's words, what in Keras 3's
RUNS = {
    "fit_generator": (
        lambda m: m.fit_generator(stream(X, Y), 4, 2, 0).history,
        lambda m: m.fit(X, Y, epochs=2, **PLAIN).history,
    ),
    "fit_generator of a Sequence": (
        lambda m: (
            m.fit_generator(
                Rows(), epochs=2, verbose=0, max_queue_size=3, workers=2, use_multiprocessing=False, shuffle=False
            ).history
        ),
        lambda m: m.fit(X, Y, epochs=2, **PLAIN).history,
    ),
    "fit_generator with weights and validation": (
        lambda m: (
            m.fit_generator(
                stream(X, Y, W), steps_per_epoch=4, verbose=0, validation_data=stream(X, Y), validation_steps=4
            ).history
        ),
        lambda m: m.fit(X, Y, sample_weight=W, validation_data=(X, Y), **PLAIN).history,
    ),
    "fit_generator from an epoch on": (
        lambda m: m.fit_generator(stream(X, Y), 4, epochs=5, initial_epoch=3, verbose=0).epoch,
        lambda m: m.fit(X, Y, epochs=5, initial_epoch=3, **PLAIN).epoch,
    ),
    "fit_generator with class weights": (
        lambda m: m.fit_generator(Rows(), verbose=0, shuffle=False, class_weight={0: 2.0, 1: 1.0, 2: 0.5}).history,
        lambda m: m.fit(X, Y, class_weight={0: 2.0, 1: 1.0, 2: 0.5}, **PLAIN).history,
    ),
    "evaluate_generator": (
        lambda m: m.evaluate_generator(stream(X, Y), 4, max_queue_size=2, workers=1),
        lambda m: m.evaluate(X, Y, batch_size=15, verbose=0),
    ),
    "predict_generator": (
        lambda m: m.predict_generator(Rows(), 2, max_queue_size=2, workers=2, verbose=0),
        lambda m: m.predict(X[:30], verbose=0),
    ),
    "predict_classes": (lambda m: m.predict_classes(X), lambda m: np.argmax(m.predict(X, verbose=0), axis=-1)),
    "predict_proba": (lambda m: m.predict_proba(X, 15, 0), lambda m: m.predict(X, verbose=0)),
    "nb_epoch": (
        lambda m: m.fit(X, Y, nb_epoch=2, **PLAIN).history,
        lambda m: m.fit(X, Y, epochs=2, **PLAIN).history,
    ),
    "metrics third": (
        lambda m: m.compile("sgd", LOSS, ["acc"]) or m.fit(X, Y, **PLAIN).history["acc"],
        lambda m: m.compile("sgd", LOSS, metrics=["accuracy"]) or m.fit(X, Y, **PLAIN).history["accuracy"],
    ),
    "lr": (
        lambda m: m.compile(optimizers.SGD(lr=0.3, momentum=0.9), LOSS) or m.fit(X, Y, **PLAIN).history,
        lambda m: m.compile(optimizers.SGD(0.3, momentum=0.9), LOSS) or m.fit(X, Y, **PLAIN).history,
    ),
    "decay": (
        lambda m: m.compile(optimizers.SGD(lr=0.3, decay=0.1), LOSS) or m.fit(X, Y, epochs=2, **PLAIN).history,
        lambda m: (
            m.compile(optimizers.SGD(optimizers.schedules.InverseTimeDecay(0.3, 1, 0.1)), LOSS)
            or m.fit(X, Y, epochs=2, **PLAIN).history
        ),
    ),
    "epsilon": (
        lambda m: m.compile(optimizers.RMSprop(lr=0.01, epsilon=None), LOSS) or m.fit(X, Y, **PLAIN).history,
        lambda m: m.compile(optimizers.RMSprop(0.01, epsilon=1e-7), LOSS) or m.fit(X, Y, **PLAIN).history,
    ),
    "batch weights": (
        lambda m: m.train_on_batch(X, Y, W),
        lambda m: m.train_on_batch(X, Y, sample_weight=W, return_dict=True)["loss"],
    ),
}


def model():
    set_random_seed(2)
    inputs = layers.Input((6,))
    outputs = layers.Dense(3, activation="softmax")(layers.Dense(5, activation="tanh")(inputs))
    made = models.Model(inputs, outputs)
    made.compile(optimizers.SGD(0.1), LOSS)
    return made


def run(name, old):
    made = model()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a name is old
        return RUNS[name][not old](made), made.get_weights()


def close(a, b):
    if isinstance(b, (dict, list, tuple)):
        assert not isinstance(b, dict) or list(a) == list(b)
        assert len(a) == len(b)
        for u, v in zip(*((s.values() if isinstance(s, dict) else s) for s in (a, b)), strict=True):
            close(u, v)
    else:
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", RUNS)
def test_the_same_in_both_words(name):
    for old, new in zip(run(name, True), run(name, False), strict=True):
        close(old, new)


def test_another_run_is_not_the_same():
    with pytest.raises(AssertionError):
        close(run("lr", True), run("decay", False))
