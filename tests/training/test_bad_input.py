"""Data and arguments that do not fit: an error that says what is wrong, or correct work; the model as it was."""

import warnings

import numpy as np
import pytest

from fastfit import callbacks, layers, losses, models, ops, optimizers, utils
from tests.training import nets

FEATURES, CLASSES, ROWS = 6, 4, 40


def data():
    x, y = nets.data(ROWS, FEATURES, CLASSES)
    return x, y


def classifier(fit=True):
    """A trained model: it has an optimizer state that an error could spoil."""
    utils.set_random_seed(2)
    inputs = layers.Input((FEATURES,), name="features")
    x = layers.Dense(8, activation="relu")(inputs)
    model = models.Model(inputs, layers.Dense(CLASSES, activation="softmax", name="class")(x))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    if fit:
        model.fit(*data(), verbose=0)
    return model


def two_by_two():
    utils.set_random_seed(3)
    a, b = layers.Input((3,), name="a"), layers.Input((2,), name="b")
    both = layers.Concatenate()([a, b])
    model = models.Model([a, b], [layers.Dense(1, name="p")(both), layers.Dense(2, name="q")(both)])
    model.compile("adam", {"p": "mse", "q": "mae"})
    model.fit([np.ones((8, 3)), np.ones((8, 2))], [np.ones((8, 1)), np.ones((8, 2))], verbose=0)
    return model


def state(model):
    """All weights and all of the optimizer's variables, as bytes."""
    optimizer = [] if model.optimizer is None else model.optimizer.variables
    return [np.asarray(a).tobytes() for a in [*model.get_weights(), *(v.numpy() for v in optimizer)]]


@pytest.fixture(scope="module")
def model():
    return classifier()


def rejects(model, call, error, match):
    """The call raises, changes nothing, and the model trains on as if nothing had been."""
    before = state(model)
    with pytest.raises(error, match=match):
        call(model)
    assert state(model) == before
    assert np.isfinite(model.evaluate(*data(), verbose=0)[0])


X, Y = data()
ONE_BAD = Y.copy()
ONE_BAD[17] = CLASSES
NEGATIVE = Y.copy()
NEGATIVE[3] = -1
WITH_NAN = Y.astype("float32")
WITH_NAN[5] = np.nan
WITH_INF = Y.astype("float64")
WITH_INF[5] = np.inf
HUGE = Y.astype("int64")
HUGE[9] = 2**32  # class 0 if it were cut to 32 bits
UNSIGNED = Y.astype("uint64")
UNSIGNED[9] = 2**64 - 1
UNICODE = np.array(["a"] * ROWS)

BAD_DATA = {
    "features": ((X[:, :5], Y), 'Input "features".*expected shape=\\(None, 6\\), found shape=\\(40, 5\\)'),
    "rank": ((X[None], Y), "expected shape=\\(None, 6\\), found shape=\\(1, 40, 6\\)"),
    "one axis": ((X[:, 0], Y), "expected shape=\\(None, 6\\), found shape=\\(40,\\)"),
    "scalar": ((np.float32(1), Y), "at least one axis"),
    "lengths": ((X, Y[:-1]), "Data cardinality is ambiguous.*'x' sizes: 40.*'y' sizes: 39"),
    "no rows": ((X[:0], Y[:0]), "at least one row"),
    "no x": ((None, Y), "`x` must be given"),
    "no y": ((X, None), "'class' has a loss but no target"),
    "y shape": ((X, np.ones((ROWS, 3))), "In the loss of output 'class'.*shape"),
    "two inputs": (([X, X], Y), "expects 1 input.*received 2"),
    "two targets": ((X, [Y, Y]), "different structures"),
    "name of y": ((X, {"klass": Y}), "\\['class'\\].*missing: \\['class'\\]"),
    "name of x": (({"feature": X}, Y), 'Missing data for input "features"'),
    "strings": ((UNICODE, Y), "dtype <U1"),
    "objects": ((X.astype(object), Y), "dtype object"),
    "complex": ((X.astype("complex64"), Y), "dtype complex64"),
    "dates": ((X.astype("int64").astype("M8[s]"), Y), "dtype datetime64"),
    "label strings": ((X, UNICODE), "`y` has dtype <U1"),
    "lists": ((X.tolist(), Y), "np.array\\(x\\)"),
    "label list": ((X, Y.tolist()), "np.array\\(y\\)"),
    "a type": ((object(), Y), "Unrecognized data type: x="),
    "a number": ((3, Y), "Unrecognized data type: x=3"),
    "label too large": ((X, ONE_BAD), "'class' must be class ids in \\[0, 4\\).*Received: 4 in row 17"),
    "label negative": ((X, NEGATIVE), "Received: -1 in row 3"),
    "label nan": ((X, WITH_NAN), "Received: nan in row 5"),
    "label inf": ((X, WITH_INF), "Received: inf in row 5"),
    "label huge": ((X, HUGE), "Received: 4294967296 in row 9"),
    "label unsigned": ((X, UNSIGNED), "Received: 18446744073709551615 in row 9"),
    "label column": ((X, ONE_BAD[:, None]), "Received: .*4.* in row 17"),
}


@pytest.mark.parametrize("name", BAD_DATA)
def test_data_that_do_not_fit(model, name):
    (x, y), match = BAD_DATA[name]
    rejects(model, lambda m: m.fit(x, y, verbose=0), ValueError, match)
    rejects(model, lambda m: m.evaluate(x, y, verbose=0), ValueError, match)
    rejects(model, lambda m: m.train_on_batch(x, y), ValueError, match)
    rejects(model, lambda m: m.test_on_batch(x, y), ValueError, match)
    if x is None or x is not X:
        rejects(model, lambda m: m.fit(X, Y, validation_data=(x, y), verbose=0), ValueError, match)
    if x is not None and x is not X and name not in ("lengths", "no rows"):
        rejects(model, lambda m: m.predict(x, verbose=0), ValueError, match)
        rejects(model, lambda m: m.predict_on_batch(x), ValueError, match)


@pytest.mark.parametrize("name", ["label too large", "label nan", "label huge", "y shape"])
def test_bad_validation_labels_are_found_before_training(model, name):
    (x, y), match = BAD_DATA[name]
    rejects(model, lambda m: m.fit(X, Y, validation_data=(x, y), verbose=0), ValueError, match)


ARGUMENTS = {
    "batch_size": [(-1, "batch_size=-1"), (2.5, "batch_size=2.5"), ("8", "batch_size=8"), (True, "batch_size=True")],
    "epochs": [(-1, "epochs=-1"), (1.5, "epochs=1.5"), (None, "epochs=None"), ("2", "epochs='2'")],
    "initial_epoch": [(-1, "initial_epoch=-1"), (0.5, "initial_epoch=0.5")],
    "verbose": [(3, "verbose=3"), ("loud", "verbose='loud'"), (-1, "verbose=-1"), (None, "verbose=None"),
                ([1], "verbose=")],
    "steps_per_epoch": [(0, "steps_per_epoch=0"), (-3, "steps_per_epoch=-3"), (1.5, "steps_per_epoch=1.5")],
    "validation_steps": [(0, "validation_steps=0"), ("a", "validation_steps='a'")],
    "validation_batch_size": [(-2, "validation_batch_size=-2")],
    "validation_split": [(1.0, "validation_split=1.0"), (-0.1, "validation_split=-0.1"), (0.999, "40 samples"),
                         ("half", "validation_split"), (True, "validation_split")],
    "validation_freq": [(0, "validation_freq=0"), ((1, 2), "list or int"), (1.5, "list or int"), ("a", "list or int"),
                        (["1"], "integers from 1"), ([0, 2], "integers from 1")],
    "validation_data": [((X, Y, Y, Y), "4 items"), (X[:, :2], "validation_data"), (3, "validation_data")],
    "shuffle": [("batches", "shuffle='batches'"), (2, "shuffle=2"), (None, "shuffle=None"), (X, "shuffle=")],
    "callbacks": [([object()], "Callback"), (print, "Callback")],
    "class_weight": [([1.0, 2.0], "dict"), ({0: "heavy"}, "class"), ({"x": 1.0}, "class ids")],
    "sample_weight": [(np.ones(7), "'sample_weight' sizes: 7"), (np.ones((ROWS, 3)), "shape"), ("all", "sample_weight"),
                      (np.array(["a"] * ROWS), "dtype <U1"), ([1.0] * ROWS, "np.array\\(sample_weight\\)")],
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value", "match"), [(k, v, m) for k, rows in ARGUMENTS.items() for v, m in rows], ids=lambda v: str(v)[:20]
)
def test_arguments_of_fit(model, name, value, match):
    rejects(model, lambda m: m.fit(X, Y, **{"verbose": 0, name: value}), ValueError, match)


@pytest.mark.parametrize(
    ("kwargs", "match"),
    [
        ({"batch_size": -1}, "batch_size=-1"),
        ({"verbose": 7}, "verbose=7"),
        ({"steps": 0}, "steps=0"),
        ({"callbacks": [3]}, "Callback"),
    ],
)
def test_arguments_of_evaluate_and_predict(model, kwargs, match):
    rejects(model, lambda m: m.evaluate(X, Y, **{"verbose": 0, **kwargs}), ValueError, match)
    rejects(model, lambda m: m.predict(X, **{"verbose": 0, **kwargs}), ValueError, match)


def test_weights_together(model):
    both = {"class_weight": {0: 2.0}, "sample_weight": np.ones(ROWS)}
    rejects(model, lambda m: m.fit(X, Y, verbose=0, **both), ValueError, "class_weight.*sample_weight")
    rejects(model, lambda m: m.train_on_batch(X, Y, **both), ValueError, "class_weight.*sample_weight")


def test_unknown_keywords(model):
    rejects(model, lambda m: m.fit(X, Y, batchsize=3), TypeError, "unexpected keyword.*batchsize")
    rejects(model, lambda m: m.evaluate(X, Y, batchsize=3), ValueError, "not recognized.*batchsize")
    rejects(model, lambda m: m.predict(X, batchsize=3), TypeError, "batchsize")
    rejects(model, lambda m: m.train_on_batch(X, Y, batchsize=3), TypeError, "batchsize")
    rejects(model, lambda m: m.compile("adam", "mse", looss=3), ValueError, "looss")
    with pytest.warns(UserWarning, match="nb_epoch"):
        assert classifier().fit(X, Y, nb_epoch=2, verbose=0).epoch == [0, 1]


COMPILE = {
    "optimizer": ({"optimizer": "adamm"}, "adamm"),
    "optimizer type": ({"optimizer": 3}, "optimizer.*3"),
    "optimizer class": ({"optimizer": optimizers.Adam}, "not a class"),
    "loss": ({"loss": "mean_squared_errors"}, "mean_squared_errors"),
    "loss type": ({"loss": 3}, "3"),
    "loss list": ({"loss": ["mse", "mse"]}, "length 2 whereas the model has 1 output"),
    "loss dict": ({"loss": {"klass": "mse"}}, "'klass'.*Expected keys among: \\['class'\\]"),
    "loss dict value": ({"loss": {"class": "no_loss"}}, "no_loss"),
    "metric": ({"metrics": ["accurate"]}, "accurate"),
    "metric loss name": ({"metrics": ["dice"]}, "dice"),
    "metric type": ({"metrics": ["mse", 3]}, "Received: 3"),
    "number as metric": ({"metrics": [3]}, "Received: 3"),
    "name as weight": ({"loss_weights": ["mse"]}, "numbers"),
    "metrics string": ({"metrics": "accuracy"}, "list, tuple, or dict"),
    "metrics dict": ({"metrics": {"klass": "mse"}}, "klass"),
    "weighted": ({"weighted_metrics": ["accurate"]}, "accurate"),
    "weights type": ({"loss_weights": "heavy"}, "loss_weights"),
    "weights length": ({"loss_weights": [1.0, 2.0]}, "2 weights for 1 output"),
    "weights dict": ({"loss_weights": {"klass": 1.0}}, "klass"),
    "weights value": ({"loss_weights": {"class": "a"}, "metrics": ["mse"]}, "numbers"),
    "steps": ({"steps_per_execution": 0}, "steps_per_execution"),
}


@pytest.mark.parametrize("name", COMPILE)
def test_compile(name):
    model = classifier()
    kwargs, match = COMPILE[name]
    config = model.get_compile_config()
    rejects(
        model,
        lambda m: m.compile(**{"optimizer": "adam", "loss": "sparse_categorical_crossentropy", **kwargs}),
        ValueError,
        match,
    )
    assert model.get_compile_config() == config
    assert list(model.fit(X, Y, verbose=0).history) == ["accuracy", "loss"]


def test_compile_with_several_outputs():
    model = two_by_two()
    for kwargs, match in (
        ({"loss": ["mse"]}, "length 1 whereas the model has 2"),
        ({"loss": {"p": "mse", "r": "mse"}}, "'r'"),
        ({"loss": "mse", "loss_weights": 2.0}, "several outputs"),
        ({"loss": "mse", "loss_weights": [1.0]}, "1 weights for 2"),
        ({"loss": "mse", "metrics": [["mae"], None, None]}, "must have 2 entries"),
        ({"loss": "mse", "metrics": {"r": "mae"}}, "'r'"),
    ):
        before = state(model)
        with pytest.raises(ValueError, match=match):
            model.compile("adam", **kwargs)
        assert state(model) == before


def test_several_inputs_and_outputs():
    model = two_by_two()
    a, b, p, q = np.ones((8, 3)), np.ones((8, 2)), np.ones((8, 1)), np.ones((8, 2))
    before = state(model)
    for x, y, match in (
        ([b, a], [p, q], 'Input "a".*found shape=\\(8, 2\\)'),
        ([a], [p, q], "expects 2 input.*received 1"),
        (a, [p, q], "expects 2 input"),
        ({"a": a}, [p, q], 'Missing data for input "b"'),
        ([a, b], [p], "different structures"),
        ([a, b], p, "different structures"),
        ([a, b], {"p": p}, "missing: \\['q'\\]"),
        ([a, b], {"p": p, "q": q, "r": q}, "unknown: \\['r'\\]"),
        ([a, b[:7]], [p, q], "'x' sizes: 8, 7"),
        ([a, b], [p, q[:7]], "'y' sizes: 8, 7"),
        ([a, b], [p, np.ones((8, 3))], "In the loss of output 'q'.*same shape.*\\(None, 3\\).*\\(None, 2\\)"),
        ([a, b], None, "'p' has a loss but no target"),
    ):
        for call in (model.fit, model.evaluate):
            with pytest.raises(ValueError, match=match):
                call(x, y, verbose=0)
        assert state(model) == before
    for weight, match in ((np.ones((8, 2)), "one scalar score"), ([np.ones(8)] * 3, "one array per output"),
                          ({"r": np.ones(8)}, "named like")):  # fmt: skip
        with pytest.raises(ValueError, match=match):
            model.fit([a, b], [p, q], sample_weight=weight, verbose=0)
    with pytest.raises(ValueError, match="several outputs"):
        model.fit([a, b], [p, q], class_weight={0: 1.0}, verbose=0)
    assert state(model) == before


def test_before_compile():
    model = models.Sequential([layers.Input((FEATURES,)), layers.Dense(2)])
    before = state(model)
    for name in ("fit", "evaluate", "train_on_batch", "test_on_batch"):
        with pytest.raises(ValueError, match=f"You must call `compile\\(\\)` before calling `{name}\\(\\)`"):
            getattr(model, name)(X, Y)
    assert state(model) == before
    assert model.predict(X, verbose=0).shape == (ROWS, 2)
    assert model.predict_on_batch(X).shape == model(X).shape == (ROWS, 2)


def test_no_loss():
    model = models.Sequential([layers.Input((FEATURES,)), layers.Dense(2)])
    model.compile("adam")
    before = state(model)
    with pytest.raises(ValueError, match="No loss to compute"):
        model.fit(X, Y, verbose=0)
    assert state(model) == before


# Arrays of any kind ------------------------------------------------------------------------------------------------


def on_disk(tmp_path, array):
    np.save(tmp_path / "array.npy", array)
    return np.load(tmp_path / "array.npy", mmap_mode="r")


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def unaligned(array):
    raw = np.zeros(array.nbytes + 1, "uint8")
    out = raw[1:].view(array.dtype).reshape(array.shape)
    out[...] = array
    return out


def spread(array):
    return np.repeat(array, 3, axis=0)[::3]


LAYOUTS = {
    "fortran": lambda tmp, a: np.asfortranarray(a),
    "reversed": lambda tmp, a: np.ascontiguousarray(a[::-1])[::-1],
    "spread": lambda tmp, a: spread(a),
    "read only": lambda tmp, a: read_only(a),
    "on disk": on_disk,
    "big endian": lambda tmp, a: a.astype(a.dtype.newbyteorder(">")),
    "unaligned": lambda tmp, a: unaligned(a),
    "subclass": lambda tmp, a: np.ma.masked_array(a),
    "double": lambda tmp, a: a.astype("float64" if a.dtype.kind == "f" else "int32"),
    "long double": lambda tmp, a: a.astype("longdouble"),
    "buffer": lambda tmp, a: np.frombuffer(a.tobytes(), a.dtype).reshape(a.shape),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_arrays_of_any_layout(tmp_path, layout):
    def results(x, y, w):
        model = classifier(fit=False)
        model.fit(x, y, sample_weight=w, batch_size=16, epochs=2, shuffle=False, validation_split=0.2, verbose=0)
        model.train_on_batch(x, y)
        outputs = [model.predict(x, verbose=0), model.predict_on_batch(x), model.predict_on_batch(x[:1]), model(x)]
        return state(model), [np.asarray(o).tobytes() for o in outputs], model.evaluate(x, y, verbose=0)

    w = np.linspace(0.5, 2, ROWS).astype("float32")
    make = LAYOUTS[layout]
    copies = [(tmp_path / str(i)) for i in range(3)]
    for folder in copies:
        folder.mkdir()
    arrays = [make(folder, a) for folder, a in zip(copies, (X, Y, w), strict=True)]
    before = [np.array(a) for a in arrays]
    assert results(*arrays) == results(X, Y, w)
    for a, b in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("dtype", ["float16", "uint8", "int8", "int16", "uint16", "int32", "uint32", "int64", "bool"])
def test_inputs_of_any_dtype(dtype):
    x = (np.abs(X) * 3).astype(dtype)
    model, same = classifier(), classifier()
    model.fit(x, Y.astype("int64" if dtype == "bool" else dtype), shuffle=False, verbose=0)
    same.fit(x.astype("float32"), Y, shuffle=False, verbose=0)
    assert state(model) == state(same)
    np.testing.assert_array_equal(model.predict(x, verbose=0), same.predict(x.astype("float32"), verbose=0))


def test_nothing_is_computed_in_inputs():
    """Neither in the arrays given nor in those that were predicted before."""
    model = classifier()
    x, y = X.copy(), Y.copy()
    first = model.predict(x, verbose=0)
    kept = first.copy()
    model.fit(x, y, verbose=0)
    model(x)
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(y, Y)
    np.testing.assert_array_equal(first, kept)


# Changed during fit ------------------------------------------------------------------------------------------------


class Changes(callbacks.Callback):
    """Changes arrays at a batch or an epoch; keeps the weights of that moment."""

    def __init__(self, function, epoch=1, batch=None):
        super().__init__()
        self.function, self.epoch, self.batch = function, epoch, batch
        self.now = None

    def on_epoch_begin(self, epoch, logs=None):
        self.now = epoch
        if self.batch is None and epoch == self.epoch:
            self.function()

    def on_train_batch_begin(self, batch, logs=None):
        self.state = state(self.model)
        if self.now == self.epoch and batch == self.batch:
            self.function()

    def on_train_batch_end(self, batch, logs=None):
        self.state = state(self.model)


@pytest.mark.parametrize("value", [CLASSES, -1, 2**31 - 1, 2**32, -(2**40)])
def test_labels_that_go_wrong_during_fit(value):
    x, y = X.copy(), Y.astype("int64")
    model = classifier()

    def spoil():
        y[20] = value

    changes = Changes(spoil, batch=0)
    with pytest.raises(ValueError, match=f"class ids in \\[0, 4\\).*Received: {value} in row 20"):
        model.fit(x, y, batch_size=8, epochs=3, shuffle=False, verbose=0, callbacks=[changes])
    # the steps before the one with the bad row are whole
    assert state(model) == changes.state
    assert int(model.optimizer.iterations.numpy()) == 2 + 5 + 2
    model.fit(X, Y, verbose=0)
    assert np.isfinite(model.evaluate(X, Y, verbose=0)).all()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -3.0, 1e30])
def test_float_labels_that_go_wrong_during_fit(value):
    x, y = X.copy(), Y.astype("float32")
    model = classifier()

    def spoil():
        y[33] = value

    changes = Changes(spoil, epoch=0, batch=1)
    with pytest.raises(ValueError, match="class ids in \\[0, 4\\).*in row 33"):
        model.fit(x, y, batch_size=8, shuffle=True, epochs=2, verbose=0, callbacks=[changes])
    assert state(model) == changes.state
    assert all(np.isfinite(w).all() for w in model.get_weights())


def test_validation_labels_that_go_wrong_during_fit():
    bad = Y.copy()

    def spoil():
        bad[7] = 99

    model = classifier()
    with pytest.raises(ValueError, match="Received: 99 in row 7"):
        model.fit(X, Y, validation_data=(X, bad), epochs=3, verbose=0, callbacks=[Changes(spoil)])
    assert np.isfinite(model.evaluate(X, Y, verbose=0)).all()


def test_inputs_changed_during_fit_are_read_as_they_are():
    x = X.copy()
    model, same = classifier(), classifier()

    def double():
        x[:] = 2 * X

    model.fit(x, Y, epochs=2, shuffle=False, verbose=0, callbacks=[Changes(double)])
    same.fit(X, Y, shuffle=False, verbose=0)
    same.fit(2 * X, Y, shuffle=False, verbose=0)
    assert state(model) == state(same)


def test_data_lists_changed_during_fit():
    """The columns were taken when fit began."""
    x, y = [X.copy()], {"class": Y.copy()}
    model, same = classifier(), classifier()
    model.fit(x, y, epochs=3, shuffle=False, verbose=0, callbacks=[Changes(lambda: (x.clear(), y.clear()))])
    same.fit(X, Y, epochs=3, shuffle=False, verbose=0)
    assert state(model) == state(same)


def test_weights_changed_during_fit():
    model = classifier()
    zeros = [np.zeros_like(w) for w in model.get_weights()]
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[Changes(lambda: model.set_weights(zeros), epoch=1, batch=1)])
    assert np.abs(model.get_weights()[0]).max() < 0.01
    before = state(model)
    with pytest.raises(ValueError, match="(?i)weights"):
        model.set_weights(zeros[:-1])
    with pytest.raises(ValueError, match="shape"):
        model.set_weights([zeros[1], zeros[0], *zeros[2:]])
    assert state(model) == before


def test_an_error_in_a_callback_leaves_the_model_usable():
    model = classifier()

    def fail():
        raise KeyError("mine")

    changes = Changes(fail, epoch=0, batch=1)
    with pytest.raises(KeyError, match="mine"):
        model.fit(X, Y, verbose=0, callbacks=[changes])
    assert state(model) == changes.state
    model.fit(X, Y, verbose=0)


def test_nan_and_inf_in_the_data_do_what_arithmetic_says():
    bad = X.copy()
    bad[3, 2] = np.nan
    model = classifier()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        out = model.predict(bad, verbose=0)
    assert np.isnan(out[3]).all() and np.isfinite(np.delete(out, 3, 0)).all()
    assert np.isnan(model.fit(bad, Y, verbose=0).history["loss"][0])
    model = classifier()
    regression = models.Sequential([layers.Input((FEATURES,)), layers.Dense(1)])
    regression.compile("sgd", "mse")
    assert np.isnan(regression.fit(X, WITH_NAN, verbose=0).history["loss"][0])


# Streams -----------------------------------------------------------------------------------------------------------


def test_batches_that_do_not_fit(model):
    good = (X[:8], Y[:8])
    for bad, match in (
        ((X[:8, :3], Y[:8]), 'Input "features"'),
        ((X[:8], Y[:7]), "'y' sizes: 7"),
        ((X[:8], ONE_BAD[12:20]), "class ids in \\[0, 4\\)"),
        ((X[:8], Y[:8], Y[:8], Y[:8]), "of length 4"),
        (3, "must be a tuple"),
        ((X[:8],), "no target"),
        ((None, Y[:8]), "`x` must be given"),
    ):
        rejects(model, lambda m, bad=bad: m.fit(iter([bad, good]), verbose=0), ValueError, match)
        changes = Changes(lambda: None, epoch=0, batch=1)
        fresh = classifier()
        with pytest.raises(ValueError, match=match):
            fresh.fit(iter([good, bad]), verbose=0, callbacks=[changes])
        assert state(fresh) == changes.state
        assert int(fresh.optimizer.iterations.numpy()) == 3
    rejects(model, lambda m: m.fit(iter([]), verbose=0), ValueError, "gave no batch")
    rejects(model, lambda m: m.fit(iter([good]), Y, verbose=0), ValueError, "`y` should not be passed")
    rejects(model, lambda m: m.predict(iter([]), verbose=0), ValueError, "yielded no batch")
    rejects(
        model, lambda m: m.fit(iter([good]), validation_split=0.5, verbose=0), ValueError, "only supported for arrays"
    )
    empty = (X[:0], Y[:0])
    rejects(model, lambda m: m.fit(iter([empty]), verbose=0), ValueError, "at least one row|empty")


def test_a_generator_that_raises():
    def batches():
        yield X[:8], Y[:8]
        raise OSError("the disk is gone")

    model = classifier()
    with pytest.raises(OSError, match="the disk is gone"):
        model.fit(batches(), verbose=0)
    assert int(model.optimizer.iterations.numpy()) == 3
    model.fit(X, Y, verbose=0)


# What the user writes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "error", "match"),
    [
        (lambda y, p: float(ops.sum(p)), TypeError, "no value yet"),
        (lambda y, p: ops.sum(p) if ops.sum(p) > 0 else ops.sum(y), TypeError, "no value yet"),
        (lambda y, p: ops.matmul(p, ops.ones((3, 2))), ValueError, "shape"),
        (lambda y, p: ops.mean(y * 0.0), ValueError, "No gradients provided"),
        (lambda y, p: 1 / 0, ZeroDivisionError, "division"),
        (lambda y: y, TypeError, "positional argument"),
        (lambda y, p: None, ValueError, "must return an array or tensor.*Received: None"),
    ],
)
def test_losses_that_cannot_be(loss, error, match):
    model = classifier()
    model.compile(model.optimizer, loss)
    before = state(model)
    with pytest.raises(error, match=match):
        model.fit(X, Y[:, None].astype("float32"), verbose=0)
    assert state(model) == before


def test_mismatched_losses():
    model = classifier()
    for loss, y, match in (
        ("categorical_crossentropy", np.ones((ROWS, 3)), "output 'class'.*shape"),
        (losses.CategoricalCrossentropy(), np.ones((ROWS, 3)), "output 'class'.*shape"),
        ("mse", np.ones((ROWS, 3)), "output 'class'.*shape"),
        ("sparse_categorical_crossentropy", np.eye(CLASSES)[Y], "output 'class'.*shape"),
    ):
        model.compile(model.optimizer, loss)
        before = state(model)
        with pytest.raises(ValueError, match=match):
            model.fit(X, y, verbose=0)
        assert state(model) == before
