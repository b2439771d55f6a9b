"""Training that is killed and started again ends like training that is not: to the last bit."""

import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

import fastfit
from fastfit import callbacks, layers
from fastfit.callbacks.backup_and_restore import METADATA, WEIGHTS
from tests.callbacks.resume_runs import CASES, same
from tests.processes import environment

RNG = np.random.default_rng(1)
X = RNG.standard_normal((64, 5)).astype("float32")
Y = RNG.standard_normal((64, 1)).astype("float32")
KILLS = 3  # for each of the cases, 27 in all


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("case", CASES)
def test_killed_at_random(tmp_path, case):
    script = os.path.join(os.path.dirname(__file__), "resume_runs.py")
    seed = str(sum(map(ord, case)))
    done = subprocess.run(
        [sys.executable, script, str(tmp_path), case, seed, str(KILLS)],
        capture_output=True,
        text=True,
        env=environment(),
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["kills"] >= KILLS
    assert result["different"] == []
    assert len(result["epochs"]) > 5
    leftovers = [name for name in os.listdir(tmp_path) if name.endswith(".tmp")]
    assert len(leftovers) <= result["kills"]


def test_same_sees_differences():
    """The comparison above would notice."""
    a = {"w": [np.float32(1), np.arange(3.0)], "n": [1, "x", float("nan")]}
    assert same(a, {"w": [np.float32(1), np.arange(3.0)], "n": [1, "x", float("nan")]})
    for other in (
        {"w": [np.float32(1), np.nextafter(np.arange(3.0), 9)], "n": a["n"]},
        {"w": [np.float64(1), np.arange(3.0)], "n": a["n"]},
        {"w": a["w"], "n": [1, "x", 0.0]},
        {"w": a["w"]},
        {"w": a["w"], "n": [1, "x"]},
    ):
        assert not same(a, other)


# In one process: what stops training is an exception ---------------------------------------------------------------


class Stop(Exception):
    pass


class StopAt(callbacks.Callback):
    def __init__(self, epoch=None, batch=None, hook="end"):
        super().__init__()

        def at_epoch(e, logs=None):
            if e == epoch and batch is None:
                raise Stop

        def at_batch(b, logs=None):
            if self.epoch == epoch and b == batch:
                raise Stop

        setattr(self, f"on_epoch_{hook}", at_epoch)
        if batch is not None:
            self.on_epoch_begin = lambda e, logs=None: setattr(self, "epoch", e)
            self.on_train_batch_end = at_batch


def build(seed=3):
    fastfit.utils.set_random_seed(seed)
    model = fastfit.Sequential([layers.Input((5,)), layers.Dense(4, "relu"), layers.Dropout(0.2), layers.Dense(1)])
    model.compile(fastfit.optimizers.Adam(0.01), "mse", metrics=["mae"])
    return model


def fit(model, more=(), epochs=6, **kwargs):
    return model.fit(X, Y, batch_size=8, epochs=epochs, verbose=0, callbacks=list(more), **kwargs)


def state_of(model, history):
    return model.get_weights(), model.optimizer.get_weights(), history.history, history.epoch


@pytest.mark.parametrize(
    "save_freq, stop",
    [("epoch", {"epoch": 3}), ("epoch", {"epoch": 3, "hook": "begin"}), (3, {"epoch": 2, "batch": 6})],
)
@pytest.mark.parametrize("first", [True, False], ids=["backup first", "backup last"])
def test_stopped_by_an_exception(tmp_path, save_freq, stop, first):
    whole = build()
    expected = state_of(whole, fit(whole))
    model = build()
    backup = callbacks.BackupAndRestore(tmp_path / "b", save_freq=save_freq)
    both = [backup, StopAt(**stop)] if first else [StopAt(**stop), backup]
    with pytest.raises(Stop):
        fit(model, both)
    assert os.path.exists(tmp_path / "b" / WEIGHTS)
    other = build(seed=99)  # another seed: everything comes from the file
    again = [callbacks.BackupAndRestore(tmp_path / "b", save_freq=save_freq), StopAt()]
    history = fit(other, again if first else again[::-1])
    assert same(state_of(other, history), expected)
    assert not (tmp_path / "b").exists()


def test_stopped_training_stays_stopped(tmp_path):
    """Killed between the last backup and the end."""

    def stopping():
        return callbacks.EarlyStopping(monitor="loss", min_delta=10, patience=2, restore_best_weights=True)

    whole = build()
    expected = state_of(whole, fit(whole, [stopping()]))
    model = build()
    die = callbacks.LambdaCallback(on_train_end=lambda logs: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        fit(model, [callbacks.BackupAndRestore(tmp_path / "b"), stopping(), die])
    other = build(seed=5)
    history = fit(other, [callbacks.BackupAndRestore(tmp_path / "b"), stopping()])
    assert history.epoch == [0, 1, 2]
    assert same(state_of(other, history), expected)


def test_delete_checkpoint(tmp_path):
    model = build()
    fit(model, [callbacks.BackupAndRestore(tmp_path / "b", delete_checkpoint=False)], epochs=2)
    assert sorted(os.listdir(tmp_path / "b")) == [WEIGHTS, METADATA]
    assert json.loads((tmp_path / "b" / METADATA).read_text()) == {"epoch": 2, "batch": 0}
    other = build(seed=8)
    history = fit(other, [callbacks.BackupAndRestore(tmp_path / "b", delete_checkpoint=False)], epochs=2)
    assert history.epoch == [0, 1]  # all of it was done before
    for a, b in zip(other.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    history = fit(other, [callbacks.BackupAndRestore(tmp_path / "b")], epochs=4)
    whole = build()
    assert same(state_of(other, history), state_of(whole, fit(whole, epochs=4)))
    assert not (tmp_path / "b").exists()


def test_files_of_others_stay(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    fit(build(), [callbacks.BackupAndRestore(tmp_path)], epochs=1)
    assert os.listdir(tmp_path) == ["notes.txt"]


@pytest.mark.parametrize("damage", [b"", b"no file of weights", None])
def test_double_checkpoint(tmp_path, damage):
    whole = build()
    expected = state_of(whole, fit(whole))
    kwargs = {"backup_dir": tmp_path / "b", "double_checkpoint": True}
    with pytest.raises(Stop):
        fit(build(), [callbacks.BackupAndRestore(**kwargs), StopAt(epoch=4, hook="begin")])
    assert sorted(os.listdir(tmp_path / "b")) == sorted([WEIGHTS, f"{WEIGHTS}.bkp", METADATA, f"{METADATA}.bkp"])
    last = tmp_path / "b" / WEIGHTS
    last.unlink() if damage is None else last.write_bytes(damage)
    model = build(seed=4)
    with pytest.warns(UserWarning, match="The last backup cannot be read"):
        history = fit(model, [callbacks.BackupAndRestore(**kwargs)])
    assert same(state_of(model, history), expected)
    assert not (tmp_path / "b").exists()


def test_a_damaged_backup_without_another_is_an_error(tmp_path):
    (tmp_path / WEIGHTS).write_bytes(b"no file of weights")
    model = build()
    before = model.get_weights()
    with pytest.raises(ValueError, match="HDF5"):
        fit(model, [callbacks.BackupAndRestore(tmp_path)])
    for a, b in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_backup_of_another_model_is_an_error(tmp_path):
    with pytest.raises(Stop):
        fit(build(), [callbacks.BackupAndRestore(tmp_path), StopAt(epoch=1, hook="begin")])
    model = fastfit.Sequential([layers.Input((5,)), layers.Dropout(0.2), layers.Dense(1)])
    model.compile("adam", "mse", metrics=["mae"])
    with pytest.raises(
        ValueError, match=r"layers with such weights: \['Dense \[\[5, 1\], \[1\]\]'\]. Received: \['Dense"
    ):
        fit(model, [callbacks.BackupAndRestore(tmp_path)])


@pytest.mark.parametrize("name", ["SGD", "RMSprop", "AdamW", "Nadam"])  # AdamW's variables are as many as Adam's
def test_a_backup_of_another_optimizer_is_an_error(tmp_path, name):
    with pytest.raises(Stop):
        fit(build(), [callbacks.BackupAndRestore(tmp_path), StopAt(epoch=1, hook="begin")])
    model = build(seed=4)
    model.compile(getattr(fastfit.optimizers, name)(0.01), "mse", metrics=["mae"])
    before = model.get_weights()
    with pytest.raises(ValueError, match=f"the same optimizer: {name}. Received: Adam"):
        fit(model, [callbacks.BackupAndRestore(tmp_path)])
    for a, b in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("verbose", [0, 1, 2])
def test_a_run_that_goes_on_says_so(tmp_path, capsys, verbose):
    with pytest.raises(Stop):
        fit(build(), [callbacks.BackupAndRestore(tmp_path), StopAt(epoch=2, hook="begin")])
    capsys.readouterr()
    model = build(seed=4)
    model.fit(X, Y, epochs=4, batch_size=8, verbose=verbose, callbacks=[callbacks.BackupAndRestore(tmp_path)])
    said = [line for line in capsys.readouterr().out.splitlines() if "goes on" in line]
    assert said == ([f"Training goes on with epoch 3, from {tmp_path}"] if verbose else [])
    model.fit(X, Y, batch_size=8, verbose=1, callbacks=[callbacks.BackupAndRestore(tmp_path)])
    assert "goes on" not in capsys.readouterr().out


def test_a_backup_of_another_run_is_an_error(tmp_path):
    with pytest.raises(Stop):
        fit(build(), [callbacks.BackupAndRestore(tmp_path), StopAt(epoch=1, hook="begin")])
    model = build(seed=6)
    before = model.get_weights()
    batches = [(X[:8], Y[:8])] * 8
    with pytest.raises(
        ValueError, match=r"data of the same kind: \['drawn_from', 'taken'\].*\['drawn_from', 'position'\]"
    ):
        model.fit(iter(batches), epochs=2, verbose=0, callbacks=[callbacks.BackupAndRestore(tmp_path)])
    model.compile(fastfit.optimizers.Adam(0.01), "mse")
    with pytest.raises(ValueError, match="metrics with as many variables: 2. Received: 4"):
        fit(model, [callbacks.BackupAndRestore(tmp_path)])
    for a, b in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_backup_of_keras(tmp_path):
    """Its weights, optimizer and epoch; there is nothing else in it."""

    def network(k):
        model = k.Sequential([k.layers.Input((5,)), k.layers.Dense(4, "relu"), k.layers.Dense(1)])
        model.compile(k.optimizers.Adam(0.01), "mse")
        return model

    class StopKeras(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise Stop

    theirs = network(keras)
    options = {"batch_size": 8, "epochs": 4, "verbose": 0, "shuffle": False}
    backup = keras.callbacks.BackupAndRestore(str(tmp_path / "b"))
    with pytest.raises(Stop):
        theirs.fit(X, Y, callbacks=[backup, StopKeras()], **options)
    other = network(fastfit)
    other.compile("sgd", "mse")
    with pytest.raises(ValueError, match="The state of optimizer 'sgd.* it has 2 variables"):
        other.fit(X, Y, callbacks=[callbacks.BackupAndRestore(tmp_path / "b")], **options)
    ours = network(fastfit)
    history = ours.fit(X, Y, callbacks=[callbacks.BackupAndRestore(tmp_path / "b")], **options)
    assert history.epoch == [2, 3]
    rest = theirs.fit(X, Y, initial_epoch=2, **options)
    np.testing.assert_allclose(history.history["loss"], rest.history["loss"], rtol=1e-5)


def test_keras_reads_our_backup(tmp_path):
    model = fastfit.Sequential([layers.Input((5,)), layers.Dense(1)])
    model.compile(fastfit.optimizers.Adam(0.01), "mse")
    options = {"batch_size": 8, "epochs": 4, "verbose": 0, "shuffle": False}
    with pytest.raises(Stop):
        stop = [callbacks.BackupAndRestore(tmp_path / "b"), StopAt(epoch=2, hook="begin")]
        model.fit(X, Y, callbacks=stop, **options)
    theirs = keras.Sequential([keras.layers.Input((5,)), keras.layers.Dense(1)])
    theirs.compile(keras.optimizers.Adam(0.01), "mse")
    history = theirs.fit(X, Y, callbacks=[keras.callbacks.BackupAndRestore(str(tmp_path / "b"))], **options)
    assert history.epoch == [2, 3]
    rest = model.fit(X, Y, initial_epoch=2, **options)
    np.testing.assert_allclose(rest.history["loss"], history.history["loss"], rtol=1e-5)


def test_a_callback_of_the_user_goes_on(tmp_path):
    class Counting(callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.sums = np.zeros(2)
            self.label = ("a", 1)

        def on_epoch_end(self, epoch, logs=None):
            self.sums += logs["loss"], 1

        def get_state(self):
            return {"sums": self.sums.copy(), "label": list(self.label)}

    with pytest.raises(Stop):
        fit(build(), [callbacks.BackupAndRestore(tmp_path / "b"), Counting(), StopAt(epoch=3, hook="begin")])
    counting = Counting()
    history = fit(build(), [callbacks.BackupAndRestore(tmp_path / "b"), counting, StopAt()])
    np.testing.assert_allclose(counting.sums, [sum(history.history["loss"]), 6])


def test_state_that_no_file_can_hold(tmp_path):
    class Strange(callbacks.Callback):
        def get_state(self):
            return {"x": object()}

    with pytest.raises(TypeError, match="Received: <object object"):
        fit(build(), [callbacks.BackupAndRestore(tmp_path / "b"), Strange()])


def test_arguments(tmp_path):
    for kwargs, match in (
        ({"backup_dir": ""}, "Empty `backup_dir`"),
        ({"backup_dir": "b", "save_freq": "batch"}, "save_freq.*'batch'"),
        ({"backup_dir": "b", "save_freq": 0}, "save_freq.*0"),
        ({"backup_dir": "b", "save_freq": 1.5}, "save_freq.*1.5"),
    ):
        with pytest.raises(ValueError, match=match):
            callbacks.BackupAndRestore(**kwargs)


def test_an_epoch_stays_in_native_code_unless_batches_are_counted(tmp_path):
    """A batch hook that would do nothing does not cost a return to Python at every batch."""
    for callback, expected in (
        (callbacks.BackupAndRestore(tmp_path), False),
        (callbacks.BackupAndRestore(tmp_path, save_freq=2), True),
        (callbacks.ModelCheckpoint("m.keras"), False),
        (callbacks.ModelCheckpoint("m.keras", save_freq=2), True),
        (type("Mine", (callbacks.ModelCheckpoint,), {"on_train_batch_end": lambda *a, **k: None})("m.keras"), True),
    ):
        assert callbacks.CallbackList([callback]).has_train_batch_hooks == expected
