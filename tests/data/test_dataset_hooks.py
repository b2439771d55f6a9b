"""What a PyDataset is told, and asked for, and when: in the order that Keras has, whoever reads the batches."""

import multiprocessing
import time

import numpy as np
import pytest

import fastfit
from fastfit.data.read_ahead import WorkerDataset

keras = pytest.importorskip("keras")
ZEROS = np.zeros((2, 1), "float32")
ALIKE = "ignore:.*ran out of data"


def rising(lib, n=3, **options):
    """A dataset class whose batches hold the number of the epoch, as the hook before it counts."""

    class Rising(lib.utils.PyDataset):
        def __init__(self):
            super().__init__(**options)
            self.log, self.epoch = [], 0

        def __getitem__(self, index):
            self.log.append(index)
            return np.full((2, 1), self.epoch, "float32"), ZEROS

        def on_epoch_begin(self):
            self.epoch += 1
            self.log.append("begin")

        def on_epoch_end(self):
            self.log.append("end")

        @property
        def num_batches(self):
            return n

    return Rising()


def one_weight(lib=fastfit, metrics=None, built=True):
    """Predicts its input, so that the loss is the mean of what it was given."""
    layers = [lib.layers.Input((1,))] if built else []
    model = lib.models.Sequential([*layers, lib.layers.Dense(1, kernel_initializer="ones")])
    model.compile(optimizer=lib.optimizers.SGD(0.0), loss="mae", metrics=metrics)
    return model


def notes(lib, log):
    """A callback that writes its own hooks into the log of a dataset."""
    names = [f"on_{what}_{when}" for what in ("train", "test", "predict") for when in ("begin", "end")]
    hooks = {name: lambda logs=None, name=name: log.append(name) for name in names}
    hooks |= {
        name: lambda epoch, logs=None, name=name: log.append(f"{name} {epoch}")
        for name in ("on_epoch_begin", "on_epoch_end")
    }
    return type("Notes", (lib.callbacks.Callback,), {name: staticmethod(hook) for name, hook in hooks.items()})()


WORKERS = pytest.mark.parametrize(
    "options",
    (
        {"workers": 0},
        {"workers": 1},
        {"workers": 2},
        {"workers": 4, "max_queue_size": 1},
        {"workers": 2, "max_queue_size": 50},
        {"workers": 0, "use_multiprocessing": True},
    ),
    ids=str,
)
PROCESSES = {"workers": 2, "use_multiprocessing": True}


def no_process_is_left():
    """Whether all processes that read a dataset end; they are not waited for when their work is done."""
    deadline = time.monotonic() + 20
    while multiprocessing.active_children() and time.monotonic() < deadline:
        time.sleep(0.01)
    return not multiprocessing.active_children()


@pytest.mark.filterwarnings(ALIKE)
@pytest.mark.parametrize("metrics", (None, ["accuracy"]))
@pytest.mark.parametrize("built", (True, False))
@pytest.mark.parametrize("n, steps", ((3, None), (3, 1), (3, 2), (3, 5), (None, 2)))
@WORKERS
def test_every_batch_of_an_epoch_is_asked_for_after_its_begin(options, n, steps, built, metrics):
    data = rising(fastfit, n, **options)
    model = one_weight(metrics=metrics, built=built)
    history = model.fit(data, epochs=3, steps_per_epoch=steps, shuffle=False, verbose=0).history
    assert history["loss"] == [1, 2, 3]
    hooks = [entry for entry in data.log if isinstance(entry, str)]
    assert hooks == ["begin", "end"] * 3
    if options["workers"] < 2 and built and metrics is None:  # several threads note down in their own order
        epochs = {None: [[0, 1, 2]] * 3, 1: [[0], [1], [2]], 2: [[0, 1], [2], [0, 1]], 5: [[0, 1, 2]] * 3}[steps]
        epochs = [[0, 1], [2, 3], [4, 5]] if n is None else epochs
        assert data.log == [entry for epoch in epochs for entry in ("begin", *epoch, "end")]


@WORKERS
def test_validation_evaluate_and_predict(options):
    model = one_weight()
    for steps in (None, 2):
        data = rising(fastfit, **options)
        history = model.fit(
            np.ones((4, 1)), np.ones((4, 1)), epochs=2, validation_data=data, validation_steps=steps, verbose=0
        ).history
        assert history["val_loss"] == [1, 2]
        assert [model.evaluate(data, steps=steps, verbose=0) for _ in range(2)] == [3, 4]
        assert [model.predict(data, steps=steps, verbose=0).mean() for _ in range(2)] == [5, 6]
        assert [entry for entry in data.log if isinstance(entry, str)] == ["begin", "end"] * 6
        assert sorted(entry for entry in data.log if not isinstance(entry, str)) == sorted(
            list(range(3 if steps is None else steps)) * 6
        )


def test_processes_have_the_dataset_of_their_epoch():
    model = one_weight()
    for n, steps in ((3, None), (4, 2), (None, 2)):
        data = rising(fastfit, n, **PROCESSES)
        assert model.fit(data, epochs=2, steps_per_epoch=steps, shuffle=False, verbose=0).history["loss"] == [1, 2]
        assert model.evaluate(data, steps=steps, verbose=0) == 3
        assert data.log == ["begin", "end"] * 3  # the batches were made elsewhere
    assert no_process_is_left()


def without_trial(log):
    """Keras runs an epoch of one batch before training, to build the model, and ends one before each evaluation."""
    if "on_train_begin" in log:
        log = log[log.index("on_train_begin") :]
    return [e for e, following in zip(log, [*log[1:], None], strict=True) if (e, following) != ("end", "on_test_begin")]


@pytest.mark.filterwarnings(ALIKE)
@pytest.mark.parametrize("options", ({"workers": 0}, {"workers": 1}), ids=str)
@pytest.mark.parametrize("n, steps", ((3, None), (3, 1), (3, 2), (3, 3), (3, 5), (None, 2)))
def test_order_of_calls_is_keras_s(n, steps, options):
    logs = {}
    for lib in (fastfit, keras):
        data = rising(lib, n, **options)
        model, log = one_weight(lib), data.log
        model.fit(data, epochs=3, steps_per_epoch=steps, verbose=0, shuffle=False, callbacks=[notes(lib, log)])
        logs[lib] = [without_trial(log[:])]
        for call in ("evaluate", "predict"):
            log.clear()
            getattr(model, call)(data, steps=steps, verbose=0, callbacks=[notes(lib, log)])
            logs[lib].append(without_trial(log[:]))
        log.clear()
        x = np.ones((4, 1))
        model.fit(
            *(x, x), epochs=2, validation_data=data, validation_steps=steps, verbose=0, callbacks=[notes(lib, log)]
        )
        logs[lib].append(without_trial(log[:]))
    assert logs[fastfit] == logs[keras]


def test_a_callback_s_change_before_the_first_epoch_counts():
    """The batch that a model was built on is asked for again."""
    for metrics, built in ((None, True), (["accuracy"], True), (None, False)):
        data = rising(fastfit)

        def seven(epoch, logs, data=data):
            data.epoch = 7 + epoch

        hook = fastfit.callbacks.LambdaCallback(on_epoch_begin=seven)
        model = one_weight(metrics=metrics, built=built)
        losses = model.fit(data, epochs=2, verbose=0, callbacks=[hook]).history["loss"]
        assert losses == ([8, 9] if built and metrics is None else [7, 9])


class MadeBefore(fastfit.utils.PyDataset):
    """Has no data before its epoch begins."""

    rows = None

    def __len__(self):
        return 2

    def on_epoch_begin(self):
        self.rows = np.ones((4, 1), "float32")

    def on_epoch_end(self):
        self.rows = None

    def __getitem__(self, index):
        part = self.rows[2 * index : 2 * index + 2]
        return part, 0 * part


def test_data_that_are_made_when_the_epoch_begins():
    for built in (True, False):
        model = one_weight(metrics=["mse"], built=built)
        data = MadeBefore()
        losses = model.fit(data, epochs=2, validation_data=MadeBefore(), verbose=0).history
        assert losses == {"loss": [1, 1], "mse": [1, 1], "val_loss": [1, 1], "val_mse": [1, 1]}
        assert model.evaluate(data, verbose=0) == [1, 1] and model.predict(data, verbose=0).shape == (4, 1)


class Growing(fastfit.utils.PyDataset):
    """Has a batch more, and another order of them, after each epoch; counts what it gave."""

    def __init__(self, **options):
        super().__init__(**options)
        self.n, self.given = 2, []

    def __len__(self):
        return self.n

    def __getitem__(self, index):
        self.given.append(index)
        return np.full((2, 1), index, "float32"), ZEROS

    def on_epoch_end(self):
        self.n += 1
        self.given.append("end")


@pytest.mark.parametrize("workers", (0, 1, 2))
def test_the_length_may_change_between_epochs(workers):
    data = Growing(workers=workers)
    losses = one_weight().fit(data, epochs=3, shuffle=False, verbose=0).history["loss"]
    assert losses == [0.5, 1.0, 1.5]
    if workers < 2:
        assert data.given == [0, 1, "end", 0, 1, 2, "end", 0, 1, 2, 3, "end"]
    data = Growing(workers=workers)
    x = np.ones((2, 1))
    assert one_weight().fit(x, x, epochs=3, validation_data=data, verbose=0).history["val_loss"] == [0.5, 1.0, 1.5]


def test_one_dataset_for_training_and_validation():
    data = rising(fastfit)
    history = one_weight().fit(data, validation_data=data, epochs=2, verbose=0).history
    assert history == {"loss": [1, 3], "val_loss": [2, 4]}


class Broken(fastfit.utils.PyDataset):
    """Has a batch that cannot be read."""

    def __len__(self):
        return 40

    def __getitem__(self, index):
        if index == 2:
            raise OSError("batch 2 cannot be read")
        return ZEROS, ZEROS


@pytest.mark.parametrize("options", ({"workers": 1}, {"workers": 3}, PROCESSES), ids=str)
def test_an_error_in_a_batch_leaves_nothing_at_work(options):
    model, ran = one_weight(), []
    hook = fastfit.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: ran.append(batch))
    with pytest.raises(OSError, match="batch 2"):
        model.fit(Broken(**options), shuffle=False, verbose=0, callbacks=[hook])
    assert ran == [0, 1]
    for call in (model.evaluate, model.predict):
        with pytest.raises(OSError, match="batch 2"):
            call(Broken(**options), verbose=0)
    assert no_process_is_left()


def test_an_empty_dataset():
    for data in (rising(fastfit, 0), Growing()):
        data.n = 0
        for built in (True, False):
            model = one_weight(built=built)
            with pytest.raises(ValueError, match="gave no batch"):
                model.fit(data, verbose=0)


def test_workers_of_the_caller_s_choice():
    data = rising(fastfit)
    model = one_weight()
    assert model.fit_generator(data, epochs=2, workers=3, verbose=0, shuffle=False).history["loss"] == [1, 2]
    assert isinstance(WorkerDataset.of(data, 3, False, 10), WorkerDataset)
    assert model.evaluate_generator(data, workers=2) == 3


class Sums(fastfit.Model):
    """Knows its inputs from data alone: a dict."""

    def __init__(self):
        super().__init__()
        self.dense = fastfit.layers.Dense(1, kernel_initializer="ones")

    def call(self, x):
        return self.dense(fastfit.ops.concatenate([x["a"], x["b"]], axis=-1))


class OwnTest(Sums):
    """Evaluates in a way of its own."""

    def test_step(self, data):
        x, y = data
        return {"loss": fastfit.ops.mean(fastfit.ops.abs(y - self(x, training=False)))}


@pytest.mark.parametrize("make", (Sums, OwnTest))
@pytest.mark.parametrize("workers", (0, 2))
def test_models_without_inputs_of_their_own(make, workers):
    """They learn the form of their inputs from batches, and no later epoch begins for it."""

    class Dicts(fastfit.utils.PyDataset):
        def __init__(self):
            super().__init__(workers=workers)
            self.epoch, self.log = 0, []

        def __len__(self):
            return 2

        def on_epoch_begin(self):
            self.epoch += 1
            self.log.append("begin")

        def on_epoch_end(self):
            self.log.append("end")

        def __getitem__(self, index):
            return {"b": np.full((2, 1), self.epoch, "float32"), "a": np.zeros((2, 2), "float32")}, ZEROS

    model, data, valid = make(), Dicts(), Dicts()
    model.compile(optimizer=fastfit.optimizers.SGD(0.0), loss="mae")
    hooks = [notes(fastfit, valid.log)]
    history = model.fit(data, epochs=2, validation_data=valid, verbose=0, callbacks=hooks).history
    assert history == {"loss": [1, 2], "val_loss": [1, 2]} and data.log == ["begin", "end"] * 2
    once = ["on_test_begin", "begin", "end", "on_test_end"]
    assert [entry for entry in valid.log if "epoch" not in entry and "train" not in entry] == once * 2
    assert model.evaluate(data, verbose=0) == 3 and model.predict(data, verbose=0).mean() == 4
    assert model.predict(iter([data[0][0]]), verbose=0).tolist() == [[4.0], [4.0]]
    assert data.log == ["begin", "end"] * 4
