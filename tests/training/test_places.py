"""Ids that are no place in a table: one error for all dtypes, which names the row and the input; equal numbers."""

import numpy as np
import pytest

from fastfit import initializers, layers, models, ops, optimizers

ROWS, IDS, BAD = 23, 7, 17
DTYPES = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]

LOOKUPS = {
    "rows": lambda table, ids: ops.take(table, ids, axis=0),
    "computed": lambda table, ids: ops.take(table, (ids + 1) // 2, axis=0),
    "one column": lambda table, ids: ops.take(table, ids[:, 0], axis=0)[:, None],
    "flat": lambda table, ids: ops.take(ops.reshape(table, (-1,)), ids)[..., None],
    "along": lambda table, ids: ops.take_along_axis(
        ops.transpose(table)[None] + ops.zeros((ops.shape(ids)[0], 1, 1)), ops.tile(ids[:, None, :], (1, 3, 1)), axis=2
    ),
}


class Table(layers.Layer):
    def __init__(self, lookup):
        super().__init__(name="table")
        self.lookup = LOOKUPS[lookup]

    def build(self, shape):
        self.table = self.add_weight((IDS, 3), initializer=initializers.RandomNormal(seed=1))

    def call(self, ids):
        return ops.sum(self.lookup(self.table, ids), (1, 2))[:, None]


def network(lookup, dtype):
    ids = layers.Input((2,), dtype=dtype, name="ids")
    model = models.Model(ids, Table(lookup)(ids))
    model.compile(optimizers.SGD(0.01), "mse")
    return model


def data(dtype):
    rng = np.random.RandomState(1)
    return rng.randint(0, IDS, (ROWS, 2)).astype(dtype), rng.randn(ROWS, 1).astype("float32")


def results(lookup, dtype):
    model, (ids, y) = network(lookup, dtype), data(dtype)
    before = model.predict(ids, batch_size=5, verbose=0)
    losses = model.fit(ids, y, batch_size=5, epochs=2, shuffle=False, verbose=0).history["loss"]
    return before, losses, model.get_weights()[0]


@pytest.mark.parametrize("lookup", LOOKUPS)
def test_ids_of_all_dtypes_train_alike(lookup):
    expected = results(lookup, "int32")
    for dtype in DTYPES:
        for a, b in zip(results(lookup, dtype), expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("lookup", LOOKUPS)
def test_a_bad_id_is_named(lookup, dtype):
    model, (ids, y) = network(lookup, dtype), data(dtype)
    ids[BAD, 0] = 99
    size = 3 * IDS if lookup == "flat" else IDS
    made = r".*what is computed from row" if lookup in ("computed", "one column", "along") else r"99 in row"
    match = rf"in 'table.*out of bounds for axis \d with size {size}\. Received: {made} {BAD} of input 'ids'"
    weights = model.get_weights()[0]
    calls = [
        lambda: model.fit(ids, y, batch_size=5, verbose=0, shuffle=False),
        lambda: model.evaluate(ids, y, batch_size=5, verbose=0),
        lambda: model.predict(ids, batch_size=5, verbose=0),
        lambda: model.predict_on_batch(ids),
        lambda: model(ids),
    ]
    for call in calls:
        with pytest.raises(IndexError, match=match):
            call()
    shuffled = network(lookup, dtype)
    with pytest.raises(IndexError, match=match):
        shuffled.fit(ids, y, batch_size=5, verbose=0)
    assert not np.array_equal(model.get_weights()[0], weights)  # the batches before the bad one


def test_ids_below_none_and_beyond_an_int32():
    model, (ids, _) = network("rows", "int64"), data("int64")
    for value in (-IDS - 1, 2**40, -(2**40)):
        ids[BAD, 1] = value
        with pytest.raises(IndexError, match=f"index {value} is out.*Received: {value} in row {BAD} of input 'ids'"):
            model.predict(ids, verbose=0)
    ids[BAD, 1] = -1  # from the end
    last = ids.copy()
    last[BAD, 1] = IDS - 1
    np.testing.assert_array_equal(model.predict(ids, verbose=0), model.predict(last, verbose=0))


def test_floats_as_ids():
    inputs = layers.Input((2,), name="ids")
    model = models.Model(inputs, Table("rows")(ops.cast(inputs, "int32")))
    ids = data("float32")[0]
    assert model(ids).shape == (ROWS, 1)
    ids[BAD, 0] = 99
    for call in (model, model.predict_on_batch, model):
        with pytest.raises(IndexError, match=rf"Received: 99\.0 in row {BAD} of input 'ids'"):
            call(ids)


def test_class_ids_are_told_apart_from_places():
    ids = layers.Input((2,), dtype="int32", name="ids")
    model = models.Model(ids, layers.Dense(3, name="class")(Table("rows")(ids)))
    model.compile("sgd", "sparse_categorical_crossentropy")
    x, labels = data("int32")[0], np.zeros(ROWS, "int32")
    labels[4] = 3
    with pytest.raises(ValueError, match="Labels of output 'class'.*Received: 3 in row 4"):
        model.fit(x, labels, verbose=0)
    labels[4], x[BAD, 0] = 0, 99
    with pytest.raises(IndexError, match=f"99 in row {BAD} of input 'ids'"):
        model.fit(x, labels, verbose=0)
