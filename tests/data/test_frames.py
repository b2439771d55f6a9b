"""Frames of pandas and polars: one matrix of their numbers, or an error that names the column."""

import datetime
import subprocess
import sys

import numpy as np
import pytest

import fastfit
from fastfit.data.frames import to_matrix
from tests.processes import environment

pandas = pytest.importorskip("pandas")
polars = pytest.importorskip("polars")
keras = pytest.importorskip("keras")

N = 6
A = np.arange(N, dtype="float64")
INDEX = list("fedcba")


def nullable(name, values=(1, 0, 1, 0, 1, 0)):
    return pandas.array(list(values), dtype=name)


# Frames of columns that are all numbers, and what NumPy makes of them.
TAKEN = {
    "floats": (pandas.DataFrame({"a": A, "b": -A}), "float64"),
    "float32": (pandas.DataFrame({"a": A, "b": -A}, dtype="float32"), "float32"),
    "float and bool": (pandas.get_dummies(pandas.DataFrame({"a": A, "city": list("xyxyxy")})), "float64"),
    "bools": (pandas.DataFrame({"a": A > 2, "b": A > 3}), "bool"),
    "int and bool": (pandas.DataFrame({"a": A.astype("int32"), "b": A > 3}), "int32"),
    "float32 and bool": (pandas.DataFrame({"a": A.astype("float32"), "b": A > 3}), "float32"),
    "Int64": (pandas.DataFrame({"a": nullable("Int64"), "b": nullable("Int8")}), "int64"),
    "Int64 and float": (pandas.DataFrame({"a": nullable("Int64"), "b": A}), "float64"),
    "boolean": (pandas.DataFrame({"a": nullable("boolean"), "b": A > 2}), "bool"),
    "Float64 and boolean": (pandas.DataFrame({"a": nullable("Float64"), "b": nullable("boolean")}), "float64"),
    "Float32": (pandas.DataFrame({"a": nullable("Float32")}), "float32"),
    "sparse": (pandas.DataFrame({"a": pandas.arrays.SparseArray(A), "b": A > 1}), "float64"),
    "index": (pandas.DataFrame({"a": A, "b": A > 2}, index=INDEX), "float64"),
    "one name twice": (pandas.concat([pandas.DataFrame({"a": A}), pandas.DataFrame({"a": A > 2})], axis=1), "float64"),
    "numbers as names": (pandas.DataFrame({3: A, 1: A > 2}), "float64"),
    "NaN": (pandas.DataFrame({"a": [1, np.nan] * 3, "b": A > 2}), "float64"),
    "polars floats": (polars.DataFrame({"a": A, "b": -A}), "float64"),
    "polars mixed": (polars.DataFrame({"a": A, "b": A > 2, "c": A.astype("int16")}), "float64"),
    "polars int and bool": (polars.DataFrame({"a": A.astype("int32"), "b": A > 2}), "int32"),
    "polars NaN": (polars.DataFrame({"a": [1.0, np.nan] * 3, "b": A > 2}), "float64"),
}


def plain(frame):
    """The numbers, column by column."""
    columns = [frame.iloc[:, i] for i in range(frame.shape[1])] if hasattr(frame, "iloc") else frame.get_columns()
    return np.stack([[float(v) for v in column] for column in columns], axis=1)


def model(features, lib=fastfit, **compiled):
    made = lib.Sequential([lib.Input((features,)), lib.layers.Dense(1, kernel_initializer="ones")])
    made.compile(**{"optimizer": "sgd", "loss": "mse", **compiled})
    return made


@pytest.mark.parametrize("name", TAKEN)
def test_numbers_of_a_frame(name):
    frame, dtype = TAKEN[name]
    array = to_matrix(frame, "x")
    assert array.dtype == dtype and array.shape == frame.shape
    np.testing.assert_array_equal(array.astype("float64"), plain(frame))


@pytest.mark.parametrize("name", TAKEN)
def test_every_call_takes_a_frame_as_its_matrix(name):
    frame, _ = TAKEN[name]
    x, y = plain(frame).astype("float32"), A[:, None].astype("float32")
    target = pandas.Series(A, index=INDEX) if hasattr(frame, "iloc") else polars.Series(A)
    results = []
    for data, truth in ((x, y), (frame, target)):
        m = model(x.shape[1])
        layer = fastfit.layers.Dense(2, kernel_initializer="ones")
        results.append(
            [
                m.predict(data, verbose=0),
                *(np.asarray(call(data)) for call in (m.predict_on_batch, m, m, layer, fastfit.Sequential([layer]))),
                m.fit(data, truth, verbose=0, shuffle=False, validation_data=(data, truth, truth)).history["val_loss"],
                m.fit(data, truth, verbose=0, sample_weight=truth, validation_split=0.5).history["loss"],
                m.fit(((data, truth, truth) for _ in range(2)), verbose=0, shuffle=False).history["loss"],
                *(m.evaluate(data, truth, verbose=0), m.train_on_batch(data, truth), m.test_on_batch(data, truth)),
                m.predict(iter([data]), verbose=0),
            ]
        )
    for a, b in zip(*results, strict=True):
        np.testing.assert_array_equal(a, b)


DATES = [datetime.date(2020, 1, k + 1) for k in range(N)]
# Frames with a column "bad" that holds no numbers, with what the error says beside its name.
REFUSED = {
    "strings": (pandas.DataFrame({"good": A, "bad": list("xyxyxy")}), "'x' in row 0"),
    "string dtype": (pandas.DataFrame({"good": A, "bad": pandas.array(list("xyxyxy"), dtype="string")}), "get_dummies"),
    "category": (pandas.DataFrame({"bad": pandas.Categorical(list("xyxyxy")), "good": A}), "category"),
    "category of numbers": (pandas.DataFrame({"bad": pandas.Categorical([1, 2] * 3), "good": A}), "category"),
    "dates": (pandas.DataFrame({"bad": pandas.date_range("2020", periods=N), "good": A}), "datetime64"),
    "dates with a zone": (pandas.DataFrame({"bad": pandas.date_range("2020", periods=N, tz="UTC")}), "UTC"),
    "durations": (pandas.DataFrame({"bad": pandas.to_timedelta(A, unit="s"), "good": A}), "timedelta64"),
    "objects": (pandas.DataFrame({"good": A, "bad": np.array([1, 2.5, True] * 2, object)}), "Cast it to float64"),
    "None": (pandas.DataFrame({"good": A, "bad": np.array([None] * N, object)}), "None in row 0"),
    "complex": (pandas.DataFrame({"good": A, "bad": A * 1j}), "complex128"),
    "Int64 NA": (pandas.DataFrame({"bad": nullable("Int64", [1, 2, None, 4, 5, 6]), "good": A}), "NA in row 2$"),
    "Float64 NA": (pandas.DataFrame({"bad": nullable("Float64", [1, None] * 3)}), "NA in row 1, and 2 more$"),
    "boolean NA": (pandas.DataFrame({"good": A, "bad": nullable("boolean", [None] * N)}), "NA in row 0, and 5 more$"),
    "polars strings": (polars.DataFrame({"good": A, "bad": list("xyxyxy")}), "to_dummies"),
    "polars category": (polars.DataFrame({"good": A, "bad": polars.Series(list("xyxyxy"), dtype=polars.Categorical)}),
                        "Categorical"),
    "polars dates": (polars.DataFrame({"good": A, "bad": DATES}), "Date"),
    "polars decimals": (polars.DataFrame({"bad": polars.Series(["1.5"] * N).cast(polars.Decimal(9, 2))}), "Decimal"),
    "polars lists": (polars.DataFrame({"bad": [[1, 2]] * N}), "List"),
    "polars null": (polars.DataFrame({"good": A, "bad": [1, None, 3, 4, 5, 6]}), "NA in row 1$"),
    "polars bool null": (polars.DataFrame({"good": A, "bad": [True, None] * 3}), "NA in row 1, and 2 more$"),
    "polars nothing": (polars.DataFrame({"good": A, "bad": [None] * N}), "Null"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_the_column_that_is_no_number_is_named(name):
    frame, words = REFUSED[name]
    m, y = model(frame.shape[1]), np.zeros((N, 1))
    before = m.get_weights()
    calls = {
        "x": (
            *(lambda: m.fit(frame, y, verbose=0), lambda: m.predict(frame, verbose=0), lambda: m(frame)),
            *(lambda: m.evaluate(frame, y, verbose=0), lambda: m.train_on_batch(frame, y)),
            lambda: m.fit(iter([(frame, y)]), verbose=0),
            lambda: m.fit(np.ones((N, frame.shape[1])), y, validation_data=(frame, y), verbose=0),
        ),
        "y": (lambda: m.fit(np.ones((N, frame.shape[1])), frame, verbose=0),),
        "sample_weight": (lambda: m.fit(np.ones((N, frame.shape[1])), y, sample_weight=frame["bad"], verbose=0),),
        "inputs": (lambda: fastfit.layers.Dense(1)(frame),),
    }
    for argument, made in calls.items():
        for call in made:
            with pytest.raises(ValueError, match=f"Column 'bad' of `{argument}`.*Received: .*") as caught:
                call()
            assert words.rstrip("$") in str(caught.value)
            assert not words.endswith("$") or str(caught.value).endswith(words[:-1])
    for a, b in zip(m.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_series_and_extension_arrays():
    for series in (
        *(pandas.Series(A, index=INDEX), pandas.Series(A, name="a"), nullable("Int64", range(N)), pandas.Index(A)),
        *(polars.Series(A), pandas.Series(nullable("Float64", A))),
    ):
        assert to_matrix(series, "y").tolist() == A[:, None].tolist()
    with pytest.raises(ValueError, match="^`y` has a missing value.*row 3"):
        to_matrix(nullable("Int64", [1, 2, 3, None]), "y")
    with pytest.raises(ValueError, match="^Column 'label' of `y` must hold numbers"):
        to_matrix(pandas.Series(list("xy"), name="label"), "y")


def test_targets_as_in_keras():
    """A series, a frame of one column and an array train the same, and as in Keras."""
    frame = pandas.DataFrame({"a": A, "b": A**2 / 9, "y": A > 2}, index=INDEX)
    x = frame[["a", "b"]]
    for target in (frame["y"], frame[["y"]], frame["y"].astype("int64"), frame["y"].to_numpy()):
        histories = []
        for lib in (fastfit, keras):
            m = model(2, lib, optimizer=lib.optimizers.SGD(0.01), metrics=["mae", "accuracy"])
            histories.append(m.fit(x, target, epochs=3, shuffle=False, verbose=0).history)
        for key, values in histories[1].items():
            np.testing.assert_allclose(histories[0][key], values, rtol=1e-5)


def test_dtypes_that_keras_takes():
    for name in ("floats", "float32", "index", "Int64 and float", "float and bool"):
        frame, _ = TAKEN[name]
        theirs = keras.Sequential([keras.Input((frame.shape[1],)), keras.layers.Dense(1, kernel_initializer="ones")])
        as_numbers = frame.astype("float32")  # Keras itself takes no columns of several dtypes
        ours = model(frame.shape[1]).predict(frame, verbose=0)
        np.testing.assert_allclose(ours, theirs.predict(as_numbers, verbose=0), rtol=1e-6)


# By name ------------------------------------------------------------------------------------------------------------


def by_name():
    a, b = fastfit.Input((1,), name="a"), fastfit.Input((1,), name="b")
    ones = {"kernel_initializer": "ones"}
    sums = fastfit.layers.Dense(1, name="s", **ones)(fastfit.layers.concatenate([a, b]))
    m = fastfit.Model({"a": a, "b": b}, {"s": sums, "d": fastfit.layers.Dense(1, name="d", **ones)(a)})
    m.compile("sgd", "mse")
    return m


TABLE = {"b": 10 * A, "a": A, "more": A}


@pytest.mark.parametrize(
    "form",
    (
        lambda: {k: pandas.Series(v, index=INDEX) for k, v in TABLE.items()},
        lambda: {k: polars.Series(v) for k, v in TABLE.items()},
        lambda: {k: v[:, None] for k, v in TABLE.items()},
        lambda: {k: pandas.DataFrame({k: v}) for k, v in TABLE.items()},
        lambda: dict(pandas.DataFrame(TABLE)),
        lambda: pandas.DataFrame(TABLE),
        lambda: polars.DataFrame(TABLE),
        lambda: polars.DataFrame(TABLE).to_dict(),
    ),
    ids=("series", "polars series", "arrays", "frames", "dict of a frame", "frame", "polars frame", "polars dict"),
)
def test_inputs_and_targets_by_column(form):
    m, x = by_name(), form()
    y = {"s": pandas.Series(11 * A), "d": polars.Series(A)}
    assert m.evaluate(x, y, verbose=0) == [0, 0, 0]
    for call in (m.predict_on_batch, m, lambda x: m.predict(x, verbose=0)):
        out = call(x)
        assert np.asarray(out["s"]).ravel().tolist() == (11 * A).tolist() and np.asarray(out["d"]).shape == (N, 1)
    assert m.fit(x, y, verbose=0, sample_weight={"s": pandas.Series(A), "d": polars.Series(A)}).history["loss"] == [0]


@pytest.mark.parametrize("lib", (pandas, polars), ids=lambda lib: lib.__name__)
def test_targets_and_weights_as_frames(lib):
    m, x = by_name(), {"a": A, "b": A}
    y = lib.DataFrame({"d": A, "more": A, "s": 2 * A + 1})
    w = lib.DataFrame({"d": A, "s": A / 2})
    assert m.evaluate(x, y, verbose=0) == [1, 0, 1]
    by_dict = m.evaluate(x, {"s": 2 * A + 1, "d": A}, sample_weight={"s": A / 2, "d": A}, verbose=0)
    assert m.evaluate(x, y, sample_weight=w, verbose=0) == by_dict
    with pytest.raises(ValueError, match="different structures"):
        m.evaluate(x, lib.DataFrame({"s": A, "more": A}), verbose=0)


def test_a_frame_that_lacks_an_input():
    m = by_name()
    frame = pandas.DataFrame({"a": A, "c": A})
    for call in (m.predict, m.predict_on_batch, m):
        with pytest.raises(ValueError, match=r"2 input\(s\), named \['a', 'b'\].*column for each"):
            call(frame)


LISTS = {"s": [1.0] * N, "d": [1.0] * N}


def test_lists_of_numbers_are_refused_in_the_same_words():
    m, x = by_name(), {"a": A, "b": A}
    listed = pandas.DataFrame(TABLE).to_dict("list")
    y = {"s": A, "d": A}
    calls = {
        r"x\['b'\]": (
            *(lambda: m.fit(listed, y), lambda: m.evaluate(listed, y), lambda: m.predict(listed)),
            *(lambda: m.predict_on_batch(listed), lambda: m.train_on_batch(listed, y)),
            lambda: m.fit(iter([(listed, y)])),
            lambda: m.fit(x, y, validation_data=(listed, y)),
        ),
        r"y\['s'\]": (lambda: m.fit(x, LISTS), lambda: m.evaluate(x, LISTS), lambda: m.train_on_batch(x, LISTS)),
        r"sample_weight\['s'\]": (lambda: m.fit(x, y, sample_weight=LISTS),),
        r"inputs\['b'\]": (lambda: m(listed),),
        r"x\[1\]": (lambda: m.predict([A, [1.0, 2.0]]),),
        "x": (lambda: m.predict([[1.0, 2.0], [1.0, 2.0]]),),
        "inputs": (lambda: m([[1.0, 2.0], [1.0, 2.0]]), lambda: fastfit.layers.Dense(1)([[1.0, 2.0]])),
    }
    for place, made in calls.items():
        for call in made:
            with pytest.raises(ValueError, match=rf"{place}=.*must be converted first: `np.array\({place}\)`"):
                call()


# What is no table ---------------------------------------------------------------------------------------------------


def test_a_lazy_frame():
    for call in (model(2).predict, model(2).predict_on_batch):
        with pytest.raises(ValueError, match=r"collect\(\)"):
            call(polars.DataFrame({"a": A, "b": A}).lazy())


def test_single_numbers():
    for value in (np.float32(3), np.array(3.0), 3.0, 3):
        for call in (model(1).predict, model(1).predict_on_batch, lambda v: model(1).fit(v, v)):
            with pytest.raises(ValueError, match="single number"):
                call(value)
        with pytest.raises(ValueError, match="Received|found|must"):
            model(1)(value)


def test_a_frame_without_columns():
    with pytest.raises(ValueError, match=r"`x` is a frame without columns. Received: shape \(6, 0\)"):
        model(2).predict(pandas.DataFrame(index=range(6)))


@pytest.mark.parametrize("empty", (np.zeros((0, 2)), pandas.DataFrame({"a": A, "b": A})[:0]), ids=("array", "frame"))
def test_no_rows(empty):
    """Nothing is predicted for nothing; a loss of nothing is none."""
    m = model(2)
    for call in (m.predict, m.predict_on_batch, m, lambda x: m.predict(iter([x]), verbose=0)):
        assert np.asarray(call(empty)).shape == (0, 1) and np.asarray(call(empty)).dtype == "float32"
    assert m.predict(iter([np.ones((2, 2)), empty]), verbose=0).shape == (2, 1)
    found = by_name().predict({"a": empty[:, :1] if isinstance(empty, np.ndarray) else empty["a"], "b": np.zeros(0)})
    assert {k: v.shape for k, v in found.items()} == {"s": (0, 1), "d": (0, 1)}
    for call in (m.fit, m.evaluate, m.train_on_batch, m.test_on_batch):
        with pytest.raises(ValueError, match="at least one row"):
            call(empty, np.zeros((0, 1)))
    with pytest.raises(ValueError, match="found shape"):
        m.predict(np.zeros((0, 3)))


def test_neither_is_imported():
    code = "import sys, fastfit; print([m for m in ('pandas', 'polars') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr
