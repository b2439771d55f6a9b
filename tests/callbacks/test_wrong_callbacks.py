"""Callbacks that cannot do what they were asked for say so; loggers invent nothing."""

import csv
import warnings

import numpy as np
import pytest

import fastfit as ff
from fastfit import callbacks

X = np.random.default_rng(0).normal(size=(30, 4)).astype("float32")
Y = np.eye(3, dtype="float32")[np.arange(30) % 3]


def model(**kwargs):
    net = ff.Sequential([ff.Input((4,)), ff.layers.Dense(3, activation="softmax")])
    net.compile(**{"optimizer": "sgd", "loss": "categorical_crossentropy", **kwargs})
    return net


WATCHERS = {
    "EarlyStopping": callbacks.EarlyStopping,
    "ReduceLROnPlateau": callbacks.ReduceLROnPlateau,
}


@pytest.mark.parametrize("name", WATCHERS)
@pytest.mark.parametrize("key", ["f1_score", "val_f1_score", "val_fbeta_score"])
def test_several_values_are_refused(name, key):
    net = model(metrics=[ff.metrics.F1Score(), ff.metrics.FBetaScore()])
    with pytest.raises(ValueError, match=rf"{name} monitors `{key}`, which is not a scalar but has shape \(3,\)"):
        net.fit(X, Y, validation_data=(X, Y), verbose=0, callbacks=[WATCHERS[name](key, mode="max")])


@pytest.mark.parametrize("name", WATCHERS)
def test_an_average_is_one_value(name):
    net = model(metrics=[ff.metrics.F1Score(average="macro")])
    history = net.fit(X, Y, validation_data=(X, Y), epochs=2, verbose=0, callbacks=[WATCHERS[name]("val_f1_score")])
    assert len(history.history["val_f1_score"]) == 2


def test_a_checkpoint_of_several_values_saves_anyway(tmp_path):
    path = str(tmp_path / "best.keras")
    saver = callbacks.ModelCheckpoint(path, "val_f1_score", save_best_only=True, mode="max")
    with pytest.warns(UserWarning, match="only when `monitor` is a scalar.*val_f1_score"):
        model(metrics=[ff.metrics.F1Score()]).fit(X, Y, validation_data=(X, Y), verbose=0, callbacks=[saver])
    assert (tmp_path / "best.keras").exists()


@pytest.mark.parametrize("name", WATCHERS)
def test_the_key_that_was_meant_is_named(name):
    net = model(metrics=["AUC"])
    with pytest.raises(ValueError, match=r"monitor=val_auc.*Did you mean 'val_AUC'\?"):
        net.fit(X, Y, validation_data=(X, Y), verbose=0, callbacks=[WATCHERS[name]("val_auc")])
    with pytest.warns(UserWarning, match=r"`val_auc` which is not available.*Did you mean 'val_AUC'\?"):
        net.fit(X, Y, validation_data=(X, Y), verbose=0, callbacks=[WATCHERS[name]("val_auc", mode="max")])


def test_validation_that_nobody_asked_for():
    with pytest.warns(UserWarning, match=r"has fit\(\) got validation data\? Did you mean 'loss'\?"):
        model().fit(X, Y, verbose=0, callbacks=[callbacks.EarlyStopping()])


@pytest.mark.parametrize("given", [callbacks.EarlyStopping, callbacks.CSVLogger, "early_stopping", 3, print])
def test_what_is_no_callback(given):
    for wrong in (given, [callbacks.TerminateOnNaN(), given]):
        with pytest.raises(ValueError, match="must be a `Callback` instance") as caught:
            model().fit(X, Y, verbose=0, callbacks=wrong)
    if isinstance(given, type):
        assert f"`{given.__name__}(...)`" in str(caught.value)
    with pytest.raises(ValueError, match="must be a `Callback` instance"):
        callbacks.CallbackList().append(given)


# CSVLogger ------------------------------------------------------------------------------------------------------------


class Adds(callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        logs["mine"] = float(epoch)


class OwnStep(ff.Model):
    def __init__(self):
        super().__init__()
        self.dense = ff.layers.Dense(3)

    def call(self, x):
        return self.dense(x)

    def train_step(self, data):
        x, y = data
        loss = ff.ops.mean(ff.ops.square(self(x) - y))
        self.optimizer.apply(ff.gradients(loss, self.trainable_variables), self.trainable_variables)
        return {"own": loss}

    def test_step(self, data):
        x, y = data
        return {"own": ff.ops.mean(ff.ops.square(self(x) - y))}


def logged(net, path, **kwargs):
    schedule = callbacks.LearningRateScheduler(lambda epoch: 0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        net.fit(X, Y, verbose=0, callbacks=[schedule, Adds(), callbacks.CSVLogger(path)], **kwargs)
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_no_columns_of_a_validation_that_there_is_none_of(tmp_path):
    rows = logged(model(metrics=["accuracy"]), tmp_path / "log.csv", epochs=2)
    assert list(rows[0]) == ["epoch", "accuracy", "learning_rate", "loss", "mine"]
    assert "NA" not in rows[1].values()


def test_columns_of_a_validation_that_comes_later(tmp_path):
    net = model(metrics=["accuracy"])
    rows = logged(net, tmp_path / "log.csv", epochs=2, validation_data=(X, Y), validation_freq=2)
    own = ["epoch", "accuracy", "learning_rate", "loss", "mine"]
    assert list(rows[0]) == [*own, "val_accuracy", "val_loss"]
    assert rows[0]["val_loss"] == "NA" and float(rows[1]["val_loss"]) > 0


def test_columns_of_a_step_of_the_users(tmp_path):
    net = OwnStep()
    net.compile("sgd")
    rows = logged(net, tmp_path / "log.csv", epochs=2, validation_data=(X, Y), validation_freq=2)
    assert list(rows[0]) == ["epoch", "learning_rate", "mine", "own", "val_own"]
    assert float(rows[1]["val_own"]) > 0
