"""Batches that come one by one: read ahead, by workers, and under Keras 2's names."""

import threading

import numpy as np
import pytest
from nets import data, r64

from fastfit.callbacks import Callback, CSVLogger, EarlyStopping, LambdaCallback, ModelCheckpoint
from fastfit.layers import Dense, Input
from fastfit.models import Sequential
from fastfit.utils import PyDataset

ROWS, FEATURES, CLASSES = 60, 12, 3
X, Y = data(ROWS, FEATURES, CLASSES)


def net(seed=0):
    model = r64(FEATURES, CLASSES)
    rng = np.random.default_rng(seed)
    model.set_weights([0.1 * rng.standard_normal(w.shape) for w in model.get_weights()])
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


def batches(size=10, seen=None):
    for start in range(0, ROWS, size):
        if seen is not None:
            seen.append(start)
        yield X[start : start + size], Y[start : start + size]


class Rows(PyDataset):
    """Batches of ten rows; counts what happens."""

    def __init__(self, **options):
        super().__init__(**options)
        self.log, self.broken = [], None

    def __len__(self):
        return ROWS // 10

    def __getitem__(self, index):
        if index == self.broken:
            raise OSError("batch 3 cannot be read")
        self.log.append(index)
        return X[index * 10 : (index + 1) * 10], Y[index * 10 : (index + 1) * 10]

    def on_epoch_end(self):
        self.log.append("end")


def test_the_next_batch_is_made_while_one_is_trained_on():
    asked = threading.Event()

    def source():
        yield X[:10], Y[:10]
        yield X[10:20], Y[10:20]
        asked.set()
        yield X[20:30], Y[20:30]

    seen = []
    hook = LambdaCallback(on_train_batch_begin=lambda batch, logs: seen.append(asked.wait(10)) if batch == 0 else None)
    net().fit(source(), verbose=0, callbacks=[hook])
    assert seen == [True]


def test_reading_ahead_trains_the_same():
    a, b = net(), net()
    a.fit(X, Y, batch_size=10, epochs=2, shuffle=False, verbose=0)
    b.fit(Rows(), epochs=2, shuffle=False, verbose=0)
    for v, w in zip(a.get_weights(), b.get_weights(), strict=True):
        assert np.array_equal(v, w)


def test_what_was_read_ahead_is_not_lost():
    seen, model, ran = [], net(), []
    source = batches(seen=seen)

    def stop(batch, logs):
        ran.append(batch)
        model.stop_training = batch == 1

    model.fit(source, verbose=0, callbacks=[LambdaCallback(on_train_batch_end=stop)])
    assert len(ran) == 2
    reference = net()
    reference.fit(X[:20], Y[:20], batch_size=10, shuffle=False, verbose=0)
    for v, w in zip(model.get_weights(), reference.get_weights(), strict=True):
        assert np.array_equal(v, w)


def test_steps_take_no_more_than_they_ask_for():
    seen = []
    source = batches(seen=seen)
    model = net()
    model.fit(source, steps_per_epoch=2, verbose=0)
    assert seen == [0, 10]
    model.fit(source, steps_per_epoch=3, verbose=0)
    assert seen == [0, 10, 20, 30, 40]


def test_an_error_comes_where_its_batch_would():
    dataset, model, ran = Rows(), net(), []
    dataset.broken = 3
    with pytest.raises(OSError, match="batch 3"):
        model.fit(
            dataset,
            shuffle=False,
            verbose=0,
            callbacks=[LambdaCallback(on_train_batch_end=lambda b, logs: ran.append(b))],
        )
    assert ran == [0, 1, 2]


def test_the_end_of_an_epoch_comes_before_the_next_one_is_read():
    dataset = Rows()
    net().fit(dataset, epochs=2, shuffle=False, verbose=0)
    first = [0, 1, 2, 3, 4, 5, "end"]
    # the first batch was looked at before training
    assert dataset.log == first + first


@pytest.mark.parametrize("processes", [False, True])
def test_workers_keep_the_order(processes):
    a, b = net(), net()
    a.fit(X, Y, batch_size=10, epochs=2, shuffle=False, verbose=0)
    b.fit(Rows(workers=3, use_multiprocessing=processes, max_queue_size=4), epochs=2, shuffle=False, verbose=0)
    for v, w in zip(a.get_weights(), b.get_weights(), strict=True):
        assert np.array_equal(v, w)


def test_names_of_keras_2():
    a, b = net(), net()
    expected = a.fit(Rows(), epochs=2, shuffle=False, verbose=0, validation_data=(X, Y)).history
    found = b.fit_generator(Rows(), 6, 2, 0, None, (X, Y), workers=2, shuffle=False).history
    assert found == expected
    assert b.evaluate_generator(Rows(), workers=2) == a.evaluate(Rows(), verbose=0)
    assert np.array_equal(b.predict_generator(Rows(), steps=2), a.predict(X[:20], verbose=0))
    assert np.array_equal(b.predict_proba(X), a.predict(X, verbose=0))
    assert np.array_equal(b.predict_classes(X), a.predict(X, verbose=0).argmax(-1))


def test_classes_of_one_column():
    model = Sequential([Input((FEATURES,)), Dense(1, activation="sigmoid")])
    found = model.predict_classes(X)
    assert found.shape == (ROWS, 1) and found.dtype == np.int32
    assert np.array_equal(found, (model.predict(X, verbose=0) > 0.5).astype("int32"))


def test_validation_by_a_generator_that_is_used_up_leaves_no_entry():
    with pytest.warns(UserWarning, match="ran out of data.*nothing was left"):
        history = net().fit(X, Y, epochs=3, validation_data=batches(), verbose=0).history
    assert len(history["loss"]) == 3 and len(history["val_loss"]) == 1
    with pytest.warns(UserWarning, match="ran out of data.*0 of the 3"):
        history = net().fit(X, Y, epochs=3, validation_data=batches(), validation_steps=3, verbose=0).history
    assert len(history["loss"]) == 3 and len(history["val_loss"]) == 2


def test_training_by_a_generator_that_is_used_up_ends(tmp_path):
    """Every epoch that begins ends, as in Keras; the one without a batch leaves nothing in any record."""
    seen = []

    class Notes(Callback):
        def on_epoch_begin(self, epoch, logs=None):
            seen.append(("begin", epoch))

        def on_epoch_end(self, epoch, logs=None):
            seen.append(("end", epoch, logs))

    hooks = [
        Notes(),
        LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(("lambda", epoch))),
        LambdaCallback(on_train_end=lambda logs: seen.append(("over", logs))),
        EarlyStopping("loss", mode="max", patience=5, restore_best_weights=True),
        ModelCheckpoint(str(tmp_path / "{epoch}-{loss:.3f}.weights.h5"), save_weights_only=True),
        CSVLogger(str(tmp_path / "log.csv")),
    ]
    with pytest.warns(UserWarning, match="ran out of data.*nothing was left") as caught:
        history = net().fit(batches(), epochs=3, callbacks=hooks, shuffle=False, verbose=0)
    logs = {"loss": history.history["loss"][0]}
    assert history.epoch == [0] and len(history.history["loss"]) == 1
    assert seen == [
        *[("begin", 0), ("end", 0, logs), ("lambda", 0)],
        *[("begin", 1), ("end", 1, {}), ("lambda", 1), ("over", logs)],
    ]
    assert len(caught) == 1 and len(list(tmp_path.glob("*.h5"))) == 1
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 2
