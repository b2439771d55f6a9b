"""The whole way in a few seconds: run before every commit."""

import numpy as np
import pytest

import fastfit
from fastfit import _core
from fastfit.datasets import digits
from fastfit.graph import storage
from fastfit.layers import Dense, Input
from fastfit.models import Model, Sequential


def test_digits_are_learnt_and_predicted():
    fastfit.utils.set_random_seed(3)
    (x, y), (x_test, y_test) = digits.load_data()
    x, x_test = x.reshape(-1, 64).astype("float32") / 16, x_test.reshape(-1, 64).astype("float32") / 16
    inputs = Input(shape=(64,))
    hidden = Dense(64, activation="relu")(inputs)
    model = Model(inputs, Dense(10, activation="softmax")(hidden))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x, y, epochs=15, verbose=0, validation_split=0.1)
    assert list(history.history) == ["accuracy", "loss", "val_accuracy", "val_loss"]
    assert model.evaluate(x_test, y_test, verbose=0)[1] > 0.85
    np.testing.assert_array_equal(model.predict(x_test, verbose=0)[:1], model(x_test[:1]))


def test_a_step_is_wholly_native():
    model = Sequential([Input(shape=(8,)), Dense(4, activation="tanh"), Dense(1, activation="sigmoid")])
    model.compile("rmsprop", "binary_crossentropy", metrics=["accuracy"])
    model.train_on_batch(np.zeros((5, 8), "float32"), np.zeros((5, 1), "float32"))
    listing = model.explain()
    assert listing.startswith("train: program") and "rmsprop" not in listing and "dense_dw" in listing
    assert "HOST" not in listing


def test_every_row_of_the_op_table_is_described():
    table = _core.op_table()
    assert all(op["doc"] for op in table.values())
    assert sorted(op["id"] for op in table.values()) == list(range(1, len(table) + 1))


def test_program_refuses_what_would_read_beyond_an_end():
    engine = storage.engine()
    instrs = np.zeros(1, _core.INSTR)
    instrs[0]["op"] = _core.op_table()["fill"]["id"]
    instrs[0]["count"], instrs[0]["row_mul"], instrs[0]["d"][0] = 1, 1, 5
    instrs[0]["p"][0] = (_core.OPERAND_SLOT, 0)
    groups = np.zeros(1, _core.GROUP)
    groups[0]["end"] = 1
    slots = np.zeros(1, _core.SLOT)
    slots[0] = (1, 0, 16)  # 4 floats a row, 5 are written
    none = np.zeros(0, _core.COLUMN)
    variants = np.zeros(0, _core.VARIANT)
    arguments = [engine, instrs, groups, [0, 1], slots, none, none, variants, (0, 16, 0, 0), [], 1, [], 8]
    with pytest.raises(ValueError, match="fill.*needs"):
        _core.Program(*arguments)
    slots[0] = (1, 0, 20)
    arguments[8] = (0, 20, 0, 0)
    assert _core.Program(*arguments).rows == 8
