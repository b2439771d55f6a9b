"""What happens to values of each dtype: the table of docs/numerics.md, row by row."""

import pathlib

import numpy as np
import pytest

import fastfit
from fastfit import DTypePolicy, Input, Model, Sequential, config, layers, ops, optimizers, saving
from fastfit.callbacks import Callback

BIG = 2**33 + 1
INTEGERS = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")
ROWS = {}


def row(what, dtype):
    """Note which row of the table a test is of."""

    def register(test):
        ROWS.setdefault((what, dtype), test.__name__)
        return test

    return register


@pytest.fixture(autouse=True)
def default_dtypes():
    yield
    config.set_floatx("float32")
    config._policy = None


def outputs(model, x):
    """The same output in every way that there is, which must agree to the bit."""

    class Keep(Callback):
        def on_predict_batch_end(self, batch, logs=None):
            seen.append(logs["outputs"])

    seen = []
    found = model.predict(x, verbose=0)
    others = [model.predict_on_batch(x), np.asarray(model(x)), model.predict(x, verbose=0, callbacks=[Keep()])]
    for other in [*others, np.concatenate(seen)]:
        assert other.dtype == found.dtype
        np.testing.assert_array_equal(other, found)
    return found


def through(x, dtype, function=lambda z: z):
    i = Input(x.shape[1:], dtype=dtype, name="given")
    return outputs(Model(i, layers.Lambda(function, dtype=dtype if dtype == "float64" else None, autocast=False)(i)), x)


def test_every_row_of_the_table_has_a_test():
    text = (pathlib.Path(__file__).parents[2] / "docs" / "numerics.md").read_text().split("## Dtypes")[1]
    lines = [line.split("|")[1:3] for line in text.splitlines() if line.startswith("| ")][1:]
    assert {(a.strip(), b.strip()) for a, b in lines} == set(ROWS)


# Inputs -------------------------------------------------------------------------------------------------------------


@row("data of an Input", "float32")
@pytest.mark.parametrize("given", ["float64", "float16", "int64", "uint64", "bool"])
def test_a_float32_input_rounds(given):
    x = np.array([[1.7, 0.1], [16777217 if given != "float16" else 9, 3]]).astype(given)
    found = through(x, "float32", lambda z: z * 1.0)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, x.astype("float32"))


@row("data of an Input", "float64")
@pytest.mark.parametrize("given", ["float64", "float32", "float16", "int64", "bool"])
def test_a_float64_input_keeps(given):
    x = np.array([[1 / 3, 1e-300], [16777217 if given != "float16" else 9, 3]]).astype(given)
    for function in (lambda z: z, lambda z: z * 1.0, lambda z: ops.sum(z, axis=-1, keepdims=True) + z):
        found = through(x, "float64", function)
        assert found.dtype == np.float64
        np.testing.assert_array_equal(found, function(x.astype("float64")))


@row("data of an Input", "float16")
def test_a_float16_input_rounds():
    x = np.array([[1 / 3, 300.7]])
    np.testing.assert_array_equal(through(x, "float16"), x.astype("float16"))
    found = through(x, "float16", lambda z: ops.cast(z, "float32"))
    np.testing.assert_array_equal(found, x.astype("float16").astype("float32"))


@row("data of an Input", "bool")
@pytest.mark.parametrize("given", ["bool", "uint8", "int64", "float32", "float64"])
def test_a_bool_input(given):
    x = np.array([[0, 2, 0.25, 1e-320]]).astype(given)
    found = through(x, "bool")
    assert found.dtype == bool
    np.testing.assert_array_equal(found, x != 0)
    np.testing.assert_array_equal(through(x, "bool", lambda z: ops.cast(~z, "float32")), x == 0)


@row("data of an Input", "int32, all values within")
@pytest.mark.parametrize("given", INTEGERS)
def test_an_int32_input_holds_integers(given):
    x = np.array([[0, 7, min(np.iinfo(given).max, 2**31 - 1)], [1, 2, max(np.iinfo(given).min, -(2**31))]], given)
    for function in (lambda z: z, lambda z: z % 5):
        found = through(x, "int32", function)
        assert found.dtype == np.int32
        np.testing.assert_array_equal(found, function(x.astype("int64")))


@row("data of an Input", "int32, values beyond")
@pytest.mark.parametrize("value, given", [(BIG, "int64"), (-BIG, "int64"), (2**31, "uint32"), (2**63 + 9, "uint64")])
def test_an_int32_input_grows(value, given):
    x = np.array([[value], [7]], given)
    for function in (lambda z: z, lambda z: z % 1000, lambda z: ops.cast(z % 1000, "float32")):
        np.testing.assert_array_equal(through(x, "int32", function), np.asarray(function(x)))
    # a model in a model, and a layer of one's own
    inner_in = Input((1,), dtype="int32")
    inner = Model(inner_in, layers.Lambda(lambda z: z % 1000)(inner_in))
    i = Input((1,), dtype="int32")
    np.testing.assert_array_equal(outputs(Model(i, inner(i)), x), x % 1000)


@row("data of an Input", "other integers, values beyond")
@pytest.mark.parametrize(
    "dtype, value, given",
    [
        ("uint8", 256, "int64"), ("int8", -129, "int32"), ("uint16", -1, "int16"), ("uint32", 2**32, "int64"),
        ("uint64", -1, "int64"), ("int64", 2**63, "uint64"), ("int16", 4e5, "float64"),
    ],
)  # fmt: skip
def test_other_integers_are_checked(dtype, value, given):
    i = Input((2,), dtype=dtype, name="given")
    model = Model(i, layers.Dense(1)(i))
    model.compile("sgd", "mse")
    x = np.ones((40, 2), given)
    before = model.get_weights()
    np.testing.assert_array_equal(through(x, dtype), x.astype(dtype))
    x[37, 1] = value
    for call in (
        lambda: model.predict(x, verbose=0),
        lambda: model(x),
        lambda: model.fit(x, np.ones(40), batch_size=8, verbose=0, validation_split=0.25),
        lambda: model.fit(x[:8], np.ones(8), verbose=0, validation_data=(x, np.ones(40))),
        lambda: model.evaluate(x, np.ones(40), verbose=0),
        lambda: model.train_on_batch(x, np.ones(40)),
    ):
        with pytest.raises(ValueError, match=rf"'given' holds a value that dtype {dtype}.*Received: {value}.* row 37"):
            call()
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@row("data of an Input", "integers, given floats")
@pytest.mark.parametrize("given", ["float16", "float32", "float64"])
def test_fractions_are_cut(given):
    x = np.array([[2.75, -2.75, 0.5]], given)
    for dtype in ("int32", "int64", "int8"):
        assert through(x, dtype).tolist() == [[2, -2, 0]]
        assert through(x, dtype, lambda z: ops.cast(z, "float32") * 2).tolist() == [[4, -4, 0]]
        for bad in (np.nan, np.inf, -np.inf):
            with pytest.raises(ValueError, match=r"'given' holds a value that .*Received: -?(nan|inf) in row 1"):
                through(np.array([[1.0], [bad]], given), dtype)
    assert through(np.array([[3e9, 1.5]]), "int32").tolist() == [[3_000_000_000, 1]]


@row("data without an Input", "floats, bool, integers")
def test_data_of_a_subclass():
    class Plain(Model):
        def call(self, x):
            return x + x if x.dtype != "bool" else ~x

    for given, wanted in (("float64", "float32"), ("float16", "float32"), ("bool", "bool"), ("int64", "int32")):
        x = np.array([[0, 1, 3]]).astype(given)
        found = Plain().predict(x, verbose=0)
        assert found.dtype == wanted
        np.testing.assert_array_equal(found, ~x if given == "bool" else x + x)
    found = Plain().predict(np.array([[BIG]]), verbose=0)
    assert found.dtype == np.int64 and found.tolist() == [[2 * BIG]]
    x = np.array([[1 / 3]])
    np.testing.assert_array_equal(Plain(dtype="float64").predict(x, verbose=0), x + x)


# Targets and weights ------------------------------------------------------------------------------------------------


def evaluated(y, loss="mse", dtype="float32", metrics=(), **given):
    model = Sequential([Input((1,), dtype=dtype), layers.Dense(1, kernel_initializer="zeros", dtype=dtype)])
    model.compile("sgd", loss, metrics=list(metrics))
    return model.evaluate(np.ones((len(y), 1)), y, verbose=0, batch_size=2, **given)


def seen_dtype(y, dtype="float32"):
    seen = []

    def loss(t, p):
        seen.append(t.dtype)
        return ops.mean(ops.cast(t, p.dtype) + 0 * p)

    evaluated(y, loss, dtype)
    return seen[0]


@row("targets", "floats")
def test_targets_of_floats():
    y = np.array([[1 / 3], [1e-9], [2.0]])
    for dtype in ("float32", "float64"):
        assert seen_dtype(y, dtype) == dtype
        want = np.mean(np.square(y.astype(dtype).astype("float64")))
        np.testing.assert_allclose(evaluated(y, dtype=dtype), want, rtol=1e-6 if dtype == "float32" else 1e-15)


@row("targets", "integers within 2^24")
@pytest.mark.parametrize("given", INTEGERS)
def test_targets_of_small_integers(given):
    y = np.array([[100], [7], [5]], given)
    assert seen_dtype(y) == "float32"
    assert evaluated(y, lambda t, p: t % 10 + 0 * p) == pytest.approx(4.0)
    assert evaluated(y, metrics=[lambda t, p: ops.cast(t % 10, "float32")])[1] == pytest.approx(4.0)


@row("targets", "integers beyond 2^24")
@pytest.mark.parametrize(
    "value, given", [(20000007, "int32"), (BIG, "int64"), (2**31 + 7, "uint32"), (2**63, "uint64")]
)
def test_targets_of_large_integers(value, given):
    y = np.array([[value], [7], [5]], given)
    want = np.mean(y % 1000)

    def rest(t, p):
        return ops.cast(t % 1000, "float32") + 0 * p

    for loss in (rest, fastfit.losses.LossFunctionWrapper(rest)):
        found = evaluated(y, loss, metrics=[lambda t, p: ops.cast(t % 1000, "float32")])
        np.testing.assert_allclose(found, [want, want], rtol=1e-6)
    np.testing.assert_allclose(evaluated(y), np.mean(np.square(y.astype("float32").astype("float64"))), rtol=1e-6)


@row("targets", "class ids without a class")
@pytest.mark.parametrize(
    "bad", [np.int64(2**32), np.int64(-1), np.uint64(2**63), np.float64(2**40), np.float64(np.nan)]
)
def test_class_ids_out_of_range(bad):
    model = Sequential([Input((1,)), layers.Dense(3, activation="softmax", name="out")])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    y = np.zeros(6, bad.dtype)
    y[4] = bad
    for call in (model.fit, model.evaluate, model.train_on_batch):
        with pytest.raises(ValueError, match=r"output 'out'.*in \[0, 3\).* row 4"):
            call(np.ones((6, 1)), y)


@row("targets", "bool")
def test_targets_of_bool():
    y = np.array([[True], [False], [True]])
    assert seen_dtype(y) == "float32"
    assert evaluated(y) == pytest.approx(2 / 3)
    assert evaluated(y, metrics=[lambda t, p: ops.cast(~t, "float32")])[1] == pytest.approx(1 / 3)


@row("sample and class weights", "any")
@pytest.mark.parametrize("given", ["float64", "float16", "int64", "uint8", "bool"])
def test_sample_weights(given):
    y = np.array([[3.0], [1.0], [2.0]])
    w = np.array([0.1, 2, 0]).astype(given)
    for dtype, tolerance in (("float32", 1e-6), ("float64", 1e-15)):
        found = evaluated(y, dtype=dtype, sample_weight=w)
        np.testing.assert_allclose(found, np.sum(y[:, 0] ** 2 * w.astype("float64")) / 3, rtol=tolerance)


# Weights and policies -----------------------------------------------------------------------------------------------


def float64_net(spelling):
    """A net with weights of float64, by one of the ways to say so."""
    kwargs = {"dtype": "float64"} if spelling == "dtype" else {"dtype": DTypePolicy("float64")}
    if spelling == "floatx":
        config.set_floatx("float64")
        kwargs = {}
    elif spelling == "policy":
        config.set_dtype_policy("float64")
        kwargs = {}
    model = Sequential(
        [
            Input((4,), dtype="float64" if kwargs else None),
            layers.Dense(5, activation="tanh", **kwargs),
            layers.Dense(2, **kwargs),
        ]
    )
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
    return model


def forward(w, x):
    h = np.tanh(x @ w[0] + w[1])
    return h, h @ w[2] + w[3]


def step_of_sgd(w, x, y, rate):
    """One step of gradient descent on the mean squared error, in NumPy."""
    h, p = forward(w, x)
    dp = 2 * (p - y) / p.size
    dh = dp @ w[2].T * (1 - h * h)
    grads = [x.T @ dh, dh.sum(0), h.T @ dp, dp.sum(0)]
    return [a - rate * g for a, g in zip(w, grads, strict=True)], np.mean(np.square(p - y))


@row("layers", "float64 by `dtype`, DTypePolicy, `set_dtype_policy`, `set_floatx`")
@pytest.mark.parametrize("spelling", ["dtype", "object", "floatx", "policy"])
def test_float64_layers(spelling):
    model = float64_net(spelling)
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(12, 4)), rng.normal(size=(12, 2))
    w = model.get_weights()
    assert {a.dtype.name for a in w} == {"float64"} and model.outputs[0].dtype == "float64"
    found = outputs(model, x)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, forward(w, x)[1], rtol=1e-13)
    for layer in model.layers:
        assert layer.dtype_policy == DTypePolicy("float64")
        assert np.asarray(layer(np.ones((1, layer.kernel.shape[0])))).dtype == "float64"
    model.compile(optimizers.SGD(0.25), "mse", metrics=["mae"])
    losses = []
    for _ in range(3):
        for start in (0, 6):
            w, loss = step_of_sgd(w, x[start : start + 6], y[start : start + 6], 0.25)
            losses.append(loss)
    history = model.fit(x, y, epochs=3, batch_size=6, shuffle=False, verbose=0).history["loss"]
    np.testing.assert_allclose(history, np.reshape(losses, (3, 2)).mean(axis=1), rtol=1e-13)
    for a, b in zip(w, model.get_weights(), strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-12, atol=1e-14)
    p = forward(w, x)[1]
    want = [np.mean(np.square(p - y)), np.mean(np.abs(p - y))]
    np.testing.assert_allclose(model.evaluate(x, y, verbose=0, batch_size=5), want, rtol=1e-13)
    w, loss = step_of_sgd(w, x, y, 0.25)
    np.testing.assert_allclose(model.train_on_batch(x, y)[0], loss, rtol=1e-13)
    np.testing.assert_allclose(model.get_weights()[0], w[0], rtol=1e-12)


@row("weights", "float64")
@pytest.mark.parametrize("make", [optimizers.Adam, optimizers.RMSprop, optimizers.Adagrad, optimizers.Nadam])
def test_float64_training_is_apply_in_float64(make):
    """Gradients through the program, updates and slots in float64: another tiny step leads the same way."""
    model = float64_net("dtype")
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(6, 4)), rng.normal(size=(6, 2))
    model.compile(make(0.5), "mse")
    w = model.get_weights()
    after, _ = step_of_sgd(w, x, y, 1.0)
    grads = [a - b for a, b in zip(w, after, strict=True)]
    other = make(0.5)
    twins = [fastfit.Variable(a, dtype="float64") for a in w]
    other.apply(grads, twins)
    model.fit(x, y, verbose=0)
    for a, b in zip(model.get_weights(), twins, strict=True):
        np.testing.assert_allclose(a, b.numpy(), rtol=1e-12)
    assert {v.dtype for v in model.optimizer.variables if v.shape} == {"float64"}


def test_float64_is_no_rounding_of_float32():
    """Differences that float32 does not have reach the weights."""
    results = []
    for x in (np.full((2, 4), 1.0), np.full((2, 4), 1.0 + 1e-12)):
        model = float64_net("dtype")
        model.compile("sgd", "mse")
        model.fit(x, np.ones((2, 2)), verbose=0)
        results.append(model.get_weights()[0])
    difference = np.abs(results[0] - results[1]).max()
    assert 0 < difference < 1e-9


class Counter(layers.Layer):
    """Counts rows in int64, and remembers in a bool whether there were any."""

    def build(self, shape):
        self.rows = self.add_weight(shape=(), dtype="int64", trainable=False, name="rows")
        self.seen = self.add_weight(shape=(2,), dtype="bool", trainable=False, name="seen")

    def call(self, x):
        self.rows.assign(self.rows + 3)
        self.seen.assign(ops.logical_or(self.seen, np.array([True, False])))
        return x


@row("weights", "integers, bool")
def test_weights_of_integers(tmp_path):
    model = Sequential([Input((2,)), Counter(), layers.Dense(1)])
    model.compile("sgd", "mse")
    counter = model.layers[0]
    counter.rows.assign(BIG)
    model.fit(np.ones((8, 2)), np.ones(8), batch_size=2, verbose=0)
    assert counter.rows.numpy() == BIG + 12 and counter.rows.numpy().dtype == np.int64
    assert counter.seen.numpy().tolist() == [True, False]
    model.save_weights(tmp_path / "m.weights.h5")
    counter.rows.assign(0)
    model.load_weights(tmp_path / "m.weights.h5")
    assert counter.rows.numpy() == BIG + 12


@row("weights", "`set_weights`")
@pytest.mark.parametrize("given", ["float64", "float16", "int64"])
def test_set_weights_casts(given):
    layer, counter = layers.Dense(2), Counter()
    layer.build((None, 2))
    counter.build((None, 2))
    values = [np.array([[1.7, 2], [3, 4]]).astype(given), np.zeros(2, given)]
    layer.set_weights(values)
    assert [w.dtype.name for w in layer.get_weights()] == ["float32", "float32"]
    np.testing.assert_array_equal(layer.get_weights()[0], values[0].astype("float32"))
    counter.set_weights([np.array(7).astype(given), np.array([0, 1]).astype(given)])
    assert [w.dtype.name for w in counter.get_weights()] == ["int64", "bool"]


@row("layers", "float16, bfloat16, mixed policies")
@pytest.mark.parametrize("name", ["float16", "bfloat16", "mixed_float16", "mixed_bfloat16"])
def test_policies_of_16_bits_are_refused(name):
    as_config = {"class_name": "DTypePolicy", "config": {"name": name}, "module": "keras"}
    for call in (
        lambda: layers.Dense(1, dtype=name),
        lambda: layers.Dense(1, dtype=as_config),
        lambda: DTypePolicy(name),
        lambda: config.set_dtype_policy(name),
        lambda: setattr(layers.Dense(1), "dtype_policy", name),
    ):
        with pytest.raises(ValueError, match=rf"16-bit floats and mixed.*Received: .*{name}"):
            call()
    assert config.dtype_policy() == DTypePolicy("float32")
    with pytest.raises(ValueError, match="bfloat16"):
        Input((1,), dtype="bfloat16")
    with pytest.raises(ValueError, match="Invalid `policy`"):
        config.set_dtype_policy(16)


# Outputs, files -----------------------------------------------------------------------------------------------------


@row("outputs", "any")
@pytest.mark.parametrize("dtype", ["bool", "float16", "float32", "float64", *INTEGERS])
def test_outputs_keep_their_dtype(dtype):
    x = np.arange(15).reshape(5, 3) % 4
    for rows in (x, x[:1], np.tile(x, (2000, 1))):
        found = through(rows.astype(dtype), dtype)
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, rows.astype(dtype))
        model_in = Input((3,))
        cast = layers.Lambda(lambda z: ops.cast(z + 0.0, dtype), autocast=False)(model_in)
        model = Model(model_in, cast)
        found = outputs(model, rows.astype("float32"))
        assert found.dtype == dtype == model.output.dtype
        np.testing.assert_array_equal(found, rows.astype(dtype))


def test_several_outputs_of_several_dtypes():
    ids, i = Input((1,), dtype="int64"), Input((4,))
    places = layers.Lambda(lambda z: ops.argmax(z, axis=-1))(i)
    model = Model([ids, i], {"id": ids, "place": places, "high": i > 0.5, "y": layers.Dense(2)(i), "again": ids})
    x = [np.array([[BIG], [16777217]]), np.array([[0, 1, 0, 0], [0, 0, 0.25, 0]])]
    found = model.predict(x, verbose=0)
    assert {k: v.dtype.name for k, v in found.items()} == {
        "id": "int64", "place": "int32", "high": "bool", "y": "float32", "again": "int64",
    }  # fmt: skip
    assert found["id"].ravel().tolist() == found["again"].ravel().tolist() == [BIG, 16777217]
    assert found["place"].tolist() == [1, 2] and found["high"].sum() == 1
    assert np.array(list("abcd"))[found["place"]].tolist() == ["b", "c"]


@row("files", "any")
def test_files_keep_dtypes(tmp_path):
    a, b = Input((2,), dtype="float64", name="a"), Input((1,), dtype="int64", name="b")
    model = Model([a, b], [layers.Dense(1, dtype="float64")(a), b])
    model.save(tmp_path / "m.keras")
    loaded = saving.load_model(tmp_path / "m.keras")
    assert [t.dtype for t in loaded.inputs] == ["float64", "int64"] == [t.dtype for t in loaded.outputs]
    x = [np.array([[1 / 3, 1 / 7]]), np.array([[BIG]])]
    for one, other in zip(model.predict(x, verbose=0), loaded.predict(x, verbose=0), strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
    assert loaded.layers[1].dtype_policy == DTypePolicy("float64") or loaded.layers[2].dtype == "float64"
