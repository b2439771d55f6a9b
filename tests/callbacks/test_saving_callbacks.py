"""ModelCheckpoint and SwapEMAWeights in whole runs, beside Keras's own."""

import os
import warnings

import keras
import numpy as np
import pytest

import fastfit
from fastfit import callbacks

RNG = np.random.default_rng(2)
X = RNG.standard_normal((40, 5)).astype("float32")
Y = RNG.standard_normal((40, 1)).astype("float32")
START = [RNG.standard_normal((5, 4)).astype("float32"), np.zeros(4, "float32")]
START += [RNG.standard_normal((4, 1)).astype("float32"), np.zeros(1, "float32")]


def build(k, optimizer=None, **kwargs):
    model = k.Sequential([k.layers.Input((5,)), k.layers.Dense(4, "tanh"), k.layers.Dense(1)])
    model.set_weights(START)
    model.compile(optimizer or k.optimizers.SGD(0.05), "mse", metrics=["mae"], **kwargs)
    return model


def run(k, folder, make, epochs=6, **kwargs):
    """Files that a checkpoint leaves, what it says, and its best value."""
    os.makedirs(folder)
    model = build(k, **kwargs)
    checkpoint = make(k, str(folder))
    # The rate jumps, so that some epochs are worse than those before.
    jumps = k.callbacks.LearningRateScheduler(lambda epoch, rate: 0.02 if epoch % 2 == 0 else 0.35)
    # Six batches: the last of an odd number has another index in Keras if it comes alone with steps_per_execution=2.
    options = {"batch_size": 7, "epochs": epochs, "shuffle": False, "verbose": 0, "validation_data": (X[:8], Y[:8])}
    history = model.fit(X, Y, callbacks=[jumps, checkpoint], **options)
    found = {}
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        if name.endswith(".keras"):
            loaded = k.models.load_model(path)
        else:
            loaded = build(k)
            loaded.load_weights(path)
        found[name] = [np.asarray(w) for w in loaded.get_weights()]
    return found, checkpoint.best, history


CHECKPOINTS = {
    "every epoch": {"filepath": "{epoch:02d}.keras"},
    "weights with values": {"filepath": "{epoch}-{val_loss:.2f}-{mae:.2f}.weights.h5", "save_weights_only": True},
    "best": {"filepath": "{epoch}.keras", "save_best_only": True},
    "best of a metric": {"filepath": "{epoch}.weights.h5", "save_best_only": True, "monitor": "mae", "mode": "auto"},
    "largest": {"filepath": "{epoch}.weights.h5", "save_best_only": True, "monitor": "loss", "mode": "max"},
    "threshold": {"filepath": "{epoch}.keras", "save_best_only": True, "initial_value_threshold": 1.7},
    "batches": {"filepath": "{epoch}-{batch}.weights.h5", "save_freq": 3},
    "batches, best": {"filepath": "{epoch}-{batch}.keras", "save_freq": 2, "save_best_only": True, "monitor": "loss"},
}


# steps_per_execution matters to batches only
@pytest.mark.parametrize("name, steps", [(n, s) for n in CHECKPOINTS for s in (1, 2) if s == 1 or "batches" in n])
def test_checkpoints_as_keras(tmp_path, name, steps, capfd):
    def make(k, folder):
        kwargs = dict(CHECKPOINTS[name])
        kwargs["save_weights_only"] = kwargs["filepath"].endswith(".weights.h5")
        kwargs["filepath"] = os.path.join(folder, kwargs["filepath"])
        checkpoint = k.callbacks.ModelCheckpoint(**kwargs, verbose=1)
        if kwargs.get("save_freq") and kwargs.get("save_best_only") and k is keras:
            checkpoint.monitor_op = np.less  # Keras asks for the direction at the end of the first epoch only
        return checkpoint

    capfd.readouterr()
    ours, best, _ = run(fastfit, tmp_path / "x", make, steps_per_execution=steps)
    said = capfd.readouterr().out.splitlines()
    (tmp_path / "x").rename(tmp_path / "ours")
    theirs, their_best, _ = run(keras, tmp_path / "x", make, steps_per_execution=steps)
    their_words = capfd.readouterr().out.splitlines()
    assert list(ours) == list(theirs) and ours
    for file in ours:
        for a, b in zip(ours[file], theirs[file], strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)
    assert (best is None) == (their_best is None)
    if best is not None:
        assert best == pytest.approx(their_best, rel=1e-4)
    assert [line.split(":")[0] for line in said] == [line.split(":")[0] for line in their_words]
    assert ["improve" in line for line in said] == ["improve" in line for line in their_words]


def test_period_of_keras_2(tmp_path):
    checkpoint = callbacks.ModelCheckpoint(tmp_path / "{epoch}.keras", period=2)
    build(fastfit).fit(X, Y, epochs=5, verbose=0, validation_split=0.2, callbacks=[checkpoint])
    assert sorted(os.listdir(tmp_path)) == ["2.keras", "4.keras"]


def test_a_missing_value_is_a_warning_and_the_model_is_saved(tmp_path):
    checkpoint = callbacks.ModelCheckpoint(tmp_path / "new" / "m.keras", monitor="val_loss", save_best_only=True)
    with pytest.warns(UserWarning, match="Can save best model only with val_loss available"):
        build(fastfit).fit(X, Y, verbose=0, callbacks=[checkpoint])
    assert os.listdir(tmp_path / "new") == ["m.keras"]


def test_another_name_of_accuracy_is_found(tmp_path):
    model = fastfit.Sequential([fastfit.layers.Input((5,)), fastfit.layers.Dense(3, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    checkpoint = callbacks.ModelCheckpoint(tmp_path / "m.keras", monitor="acc", mode="max", save_best_only=True)
    with pytest.warns(UserWarning, match="watching `accuracy` instead"):
        model.fit(X, np.arange(40) % 3, verbose=0, callbacks=[checkpoint])
    assert checkpoint.best is not None


def test_errors(tmp_path):
    for kwargs, match in (
        ({"filepath": "m.txt"}, "must end in `.keras`.*m.txt"),
        ({"filepath": "m.keras", "save_weights_only": True}, "must end in `.weights.h5`.*m.keras"),
        ({"filepath": "m.keras", "save_freq": "batch"}, "save_freq.*batch"),
        ({"filepath": "m.keras", "save_freq": -1}, "save_freq.*-1"),
        ({"filepath": "m.keras", "period": 0}, "period=0"),
    ):
        with pytest.raises(ValueError, match=match):
            callbacks.ModelCheckpoint(**kwargs)
    model = build(fastfit)
    (tmp_path / "d.keras").mkdir()
    with pytest.raises(OSError, match="non-directory filepath"):
        model.fit(X, Y, verbose=0, callbacks=[callbacks.ModelCheckpoint(tmp_path / "d.keras", monitor="loss")])
    with pytest.raises(KeyError, match="Failed to format this callback filepath.*val_acc"):
        checkpoint = callbacks.ModelCheckpoint(tmp_path / "{val_acc}.keras", monitor="loss")
        model.fit(X, Y, verbose=0, callbacks=[checkpoint])
    with pytest.raises(ValueError, match="ModelCheckpoint callback received monitor=strange"):
        model.fit(X, Y, verbose=0, callbacks=[callbacks.ModelCheckpoint(tmp_path / "m.keras", monitor="strange")])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        callbacks.ModelCheckpoint(tmp_path / "m.keras")


# SwapEMAWeights ----------------------------------------------------------------------------------------------------


def averaging(k):
    return k.optimizers.SGD(0.2, use_ema=True, ema_momentum=0.8)


@pytest.mark.parametrize("swap_on_epoch", [False, True])
def test_swap_as_keras(swap_on_epoch):
    results = []
    for k in (fastfit, keras):
        model = build(k, averaging(k))
        seen = []

        def look(epoch, logs, model=model, seen=seen):
            seen.append([np.asarray(w) for w in model.get_weights()])

        swap = k.callbacks.SwapEMAWeights(swap_on_epoch=swap_on_epoch)
        watch = k.callbacks.LambdaCallback(on_epoch_end=look)
        options = {"batch_size": 8, "epochs": 3, "shuffle": False, "verbose": 0, "validation_data": (X[:8], Y[:8])}
        history = model.fit(X, Y, callbacks=[swap, watch], **options)
        results.append((history.history, seen, [np.asarray(w) for w in model.get_weights()]))
    ours, theirs = results
    for key in theirs[0]:
        np.testing.assert_allclose(ours[0][key], theirs[0][key], rtol=1e-4)
    for a, b in zip([*ours[1], ours[2]], [*theirs[1], theirs[2]], strict=True):
        for v, w in zip(a, b, strict=True):
            np.testing.assert_allclose(v, w, rtol=1e-4, atol=1e-6)


def test_averages_are_what_is_left_when_training_stops_early():
    """The optimizer makes weights of its averages at the end: they must be the averages then."""
    model, plain = build(fastfit, averaging(fastfit)), build(fastfit, averaging(fastfit))
    stop = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: setattr(model, "stop_training", epoch == 1))
    options = {"batch_size": 8, "shuffle": False, "verbose": 0}
    model.fit(X, Y, epochs=9, callbacks=[callbacks.SwapEMAWeights(swap_on_epoch=True), stop], **options)
    plain.fit(X, Y, epochs=2, **options)
    for a, b in zip(model.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_swap_around_evaluate_and_predict():
    model = build(fastfit, averaging(fastfit))
    for _ in range(3):
        model.train_on_batch(X, Y)
    weights, averages = model.get_weights(), [v.numpy() for v in model.optimizer._model_variables_moving_average]
    other = build(fastfit)
    other.set_weights(averages)
    swap = [callbacks.SwapEMAWeights()]
    assert model.evaluate(X, Y, verbose=0, callbacks=swap) == other.evaluate(X, Y, verbose=0)
    np.testing.assert_array_equal(model.predict(X, verbose=0, callbacks=swap), other.predict(X, verbose=0))
    for a, b in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_swap_without_averages():
    with pytest.raises(ValueError, match="set `use_ema=True`"):
        build(fastfit).fit(X, Y, verbose=0, callbacks=[callbacks.SwapEMAWeights()])
    with pytest.raises(ValueError, match="set `use_ema=True`"):
        build(fastfit).evaluate(X, Y, verbose=0, callbacks=[callbacks.SwapEMAWeights()])
