"""Callbacks driven by hand, beside Keras's own."""

import csv
import warnings

import keras
import numpy as np
import pytest

from fastfit import callbacks
from fastfit.callbacks import CallbackList


class FakeOptimizer:
    learning_rate = 1.0


class FakeMetric:
    def __init__(self, name, direction):
        self.name, self._direction = name, direction


class FakeModel:
    """What callbacks ask of a model."""

    def __init__(self):
        self.stop_training = False
        self.optimizer = FakeOptimizer()
        self.weights_now = [np.zeros(1)]
        self.metrics = [FakeMetric("loss", "down"), FakeMetric("accuracy", "up"), FakeMetric("error", "down")]
        self.output_names = ["left", "right"]
        self.history = None

    def get_weights(self):
        return [w.copy() for w in self.weights_now]

    def set_weights(self, weights):
        self.weights_now = weights


def run(callback, values, key="val_loss", model=None):
    """Play epochs; returns the epochs that ran."""
    model = model or FakeModel()
    callback.set_model(model)
    callback.on_train_begin()
    ran = []
    for epoch, value in enumerate(values):
        model.weights_now = [np.array([float(epoch)])]
        callback.on_epoch_begin(epoch, {})
        logs = {} if value is None else {key: value}
        callback.on_epoch_end(epoch, logs)
        ran.append((epoch, dict(logs), model.optimizer.learning_rate))
        if model.stop_training:
            break
    callback.on_train_end({})
    return ran, model


CURVES = [
    [5.0, 4.0, 3.0, 3.5, 3.6, 3.7, 1.0],
    [1.0, 2.0, 3.0, 4.0],
    [3.0, float("nan"), 2.0, 2.5, 2.6, 2.7],
    [3.0, 2.9995, 2.999, 2.998, 2.997, 2.996],
    [1.0] * 8,
]
OPTIONS = [
    {},
    {"patience": 1},
    {"patience": 2, "restore_best_weights": True},
    {"patience": 3, "min_delta": 0.01},
    {"patience": 2, "baseline": 2.0},
    {"patience": 1, "start_from_epoch": 3, "restore_best_weights": True},
    {"patience": 2, "mode": "max"},
]


@pytest.mark.parametrize("curve", CURVES, ids=str)
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_early_stopping_as_keras(curve, options):
    options = {"mode": "min", **options}
    ours, theirs = callbacks.EarlyStopping(**options), keras.callbacks.EarlyStopping(**options)
    (mine, my_model), (other, their_model) = run(ours, curve), run(theirs, curve)
    assert len(mine) == len(other)
    assert (ours.stopped_epoch, ours.best_epoch, ours.wait) == (theirs.stopped_epoch, theirs.best_epoch, theirs.wait)
    np.testing.assert_array_equal(my_model.weights_now[0], their_model.weights_now[0])


@pytest.mark.parametrize("curve", CURVES, ids=str)
@pytest.mark.parametrize(
    "options",
    [{"patience": 1}, {"patience": 2, "factor": 0.5}, {"patience": 1, "cooldown": 2}, {"patience": 1, "min_lr": 0.05}],
    ids=str,
)
def test_reduce_lr_as_keras(curve, options):
    options = {"mode": "min", **options}

    class KerasLike(FakeModel):
        def __init__(self):
            super().__init__()
            self.optimizer = keras.optimizers.SGD(1.0)

    mine, _ = run(callbacks.ReduceLROnPlateau(**options), curve)
    other, _ = run(keras.callbacks.ReduceLROnPlateau(**options), curve, model=KerasLike())
    np.testing.assert_allclose(
        [logs["learning_rate"] for _, logs, _ in mine],
        [float(logs["learning_rate"]) for _, logs, _ in other],
        rtol=1e-6,
    )


def test_reduce_lr_arguments():
    with pytest.raises(ValueError, match="factor=1.0"):
        callbacks.ReduceLROnPlateau(factor=1.0)
    with pytest.warns(DeprecationWarning, match="min_delta"):
        assert callbacks.ReduceLROnPlateau(epsilon=0.5).min_delta == 0.5


@pytest.mark.parametrize(
    ("monitor", "better"),
    [("loss", "min"), ("val_loss", "min"), ("val_accuracy", "max"), ("accuracy", "max"), ("val_error", "min")]
    + [("left_loss", "min"), ("val_right_loss", "min"), ("val_left_accuracy", "max"), ("right_error", "min")],
)
def test_auto_mode_asks_the_metric(monitor, better):
    stopper = callbacks.EarlyStopping(monitor)
    run(stopper, [1.0], key=monitor)
    assert stopper.monitor_op is (np.less if better == "min" else np.greater)


def test_auto_mode_that_cannot_be_resolved():
    with pytest.raises(ValueError, match="monitor=val_mystery.*`mode='max'`"):
        run(callbacks.EarlyStopping("val_mystery"), [1.0], key="val_mystery")
    with pytest.warns(UserWarning, match="unknown"):
        assert callbacks.EarlyStopping(mode="up").mode == "auto"


def test_missing_monitor_warns_and_twins_are_found():
    with pytest.warns(UserWarning, match="`val_loss` which is not available.*accuracy"):
        ran, _ = run(callbacks.EarlyStopping(patience=1), [0.1, 0.1], key="accuracy")
    assert len(ran) == 2
    with pytest.warns(UserWarning, match="watching `val_accuracy` instead"):
        stopper = callbacks.EarlyStopping("val_acc", mode="max", patience=1)
        ran, _ = run(stopper, [0.5, 0.4, 0.3], key="val_accuracy")
    assert len(ran) == 2


def test_verbose_messages(capsys):
    run(callbacks.EarlyStopping(mode="min", patience=1, verbose=1, restore_best_weights=True), [1.0, 2.0])
    out = capsys.readouterr().out
    assert out == "Epoch 2: early stopping\nRestoring model weights from the end of the best epoch: 1.\n"
    run(callbacks.ReduceLROnPlateau(mode="min", patience=1, verbose=1), [1.0, 2.0])
    assert "Epoch 2: ReduceLROnPlateau reducing learning rate to 0.1." in capsys.readouterr().out


def test_learning_rate_scheduler():
    ran, _ = run(callbacks.LearningRateScheduler(lambda epoch, lr: lr / 2), [0.0] * 3)
    assert [r for _, _, r in ran] == [0.5, 0.25, 0.125] and ran[0][1]["learning_rate"] == 0.5
    ran, _ = run(callbacks.LearningRateScheduler(lambda epoch: float(epoch)), [0.0] * 3)
    assert [r for _, _, r in ran] == [0, 1, 2]
    with pytest.raises(ValueError, match="should be a float"):
        run(callbacks.LearningRateScheduler(lambda epoch: 1), [0.0])


def test_terminate_on_nan(capsys):
    callback, model = callbacks.TerminateOnNaN(), FakeModel()
    callback.set_model(model)
    callback.on_train_batch_end(3, {"loss": 1.0})
    assert not model.stop_training
    callback.on_train_batch_end(4, {"loss": float("inf")})
    assert model.stop_training and "Batch 4: Invalid loss" in capsys.readouterr().out
    with pytest.raises(RuntimeError, match="batch 2"):
        callbacks.TerminateOnNaN(raise_error=True).on_train_batch_end(2, {"loss": float("nan")})


def test_csv_logger_as_keras(tmp_path):
    for lib, name in ((callbacks, "ours.csv"), (keras.callbacks, "theirs.csv")):
        for append in (False, True):
            logger = lib.CSVLogger(tmp_path / name, append=append)
            logger.set_model(FakeModel())
            logger.set_params({"do_validation": True})
            logger.model.stop_training = False
            logger.on_train_begin()
            logger.on_epoch_end(0, {"loss": 0.5, "b": [1, 2], "a": 1.0})
            logger.on_epoch_end(1, {"loss": 0.25, "val_loss": 7.0})
            logger.on_train_end()
    ours, theirs = (tmp_path / "ours.csv").read_text(), (tmp_path / "theirs.csv").read_text()
    assert ours.replace("\r\n", "\n") == theirs.replace("\r\n", "\n")
    rows = list(csv.reader(ours.splitlines()))
    assert len(rows) == 5 and rows[1][2] == '"[1, 2]"' and "NA" in rows[1]


def test_lambda_callback():
    seen = []
    callback = callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append(epoch), on_test_end=lambda logs: seen.append("test")
    )
    callback.on_epoch_end(3, {})
    callback.on_test_end({})
    callback.on_train_begin({})
    assert seen == [3, "test"]


def test_history_and_order_of_the_list():
    class Adds(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["extra"] = epoch

    model = FakeModel()
    group = CallbackList([Adds()], add_history=True, model=model, verbose=0, epochs=2, steps=1)
    group.on_train_begin()
    for epoch in range(2):
        logs = group.on_epoch_end(epoch, {"loss": np.float32(epoch), "acc": 1})
        assert logs["extra"] == epoch
    assert model.history.history == {"acc": [1.0, 1.0], "loss": [0.0, 1.0], "extra": [0, 1]}
    assert model.history.epoch == [0, 1]
    assert list(model.history.history) == ["acc", "loss", "extra"]
    own = callbacks.History()
    assert CallbackList([own], add_history=True).history is own


def test_which_lists_need_batch_hooks():
    class Batchy(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            pass

    class Old(callbacks.Callback):
        def on_batch_begin(self, batch, logs=None):
            pass

    class Tests(callbacks.Callback):
        def on_test_batch_end(self, batch, logs=None):
            pass

    def needs(*given):
        group = CallbackList(list(given), add_history=True, add_progbar=True)
        return group.has_train_batch_hooks, group.has_test_batch_hooks, group.has_predict_batch_hooks

    quiet = [callbacks.EarlyStopping(), callbacks.History(), callbacks.ProgbarLogger(), callbacks.CSVLogger("x")]
    assert needs(*quiet) == (False, False, False)
    assert needs(Batchy()) == needs(Old()) == needs(callbacks.TerminateOnNaN()) == (True, False, False)
    assert needs(Tests()) == (False, True, False)
    assert needs(callbacks.LambdaCallback(on_predict_batch_end=print)) == (False, False, True)
    assert needs(callbacks.LambdaCallback(on_epoch_end=print)) == (False, False, False)
    with pytest.raises(ValueError, match="Callback"):
        CallbackList([3])


def test_train_batch_hooks_forward_to_the_old_names():
    seen = []

    class Old(callbacks.Callback):
        def on_batch_begin(self, batch, logs=None):
            seen.append(("begin", batch))

        def on_batch_end(self, batch, logs=None):
            seen.append(("end", logs["loss"]))

    group = CallbackList([Old()])
    group.on_train_batch_begin(2)
    group.on_train_batch_end(2, {"loss": 1})
    assert seen == [("begin", 2), ("end", 1.0)]


def test_progress_and_epoch_lines(capsys):
    group = CallbackList(add_progbar=True, model=FakeModel(), verbose=1, epochs=2, steps=3)
    group.on_train_begin()
    for epoch in range(2):
        group.on_epoch_begin(epoch)
        group.on_progress(2, {"loss": 3.0})
        group.on_test_begin()
        group.on_progress(1, {"loss": 9.0})
        group.on_test_end({"loss": 9.0})
        group.on_epoch_end(epoch, {"loss": 1.0, "val_loss": 2.0})
    group.on_train_end()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Epoch 1/2" and lines[2] == "Epoch 2/2" and len(lines) == 4
    assert lines[1].startswith("3/3 ━━━━━━━━━━━━━━━━━━━━ 0s ")
    assert lines[1].endswith(" - loss: 1.0000 - val_loss: 2.0000")


def test_evaluation_and_prediction_have_bars_of_their_own(capsys):
    group = CallbackList(add_progbar=True, model=FakeModel(), verbose=2, epochs=1, steps=3)
    group.on_test_begin()
    group.on_test_batch_end(2, {"loss": 1.0})
    group.on_test_end({"loss": 1.0})
    group.on_predict_begin()
    group.on_predict_batch_end(2, {"outputs": np.ones(3)})
    group.on_predict_end()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and lines[0].startswith("3/3 - 0s - ") and lines[0].endswith(" - loss: 1.0000")
    assert "outputs" not in lines[1]


def test_no_warnings_in_a_plain_run():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(callbacks.EarlyStopping(mode="min", patience=3), [3.0, 2.0, 1.0])
