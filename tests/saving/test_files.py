"""Files of models and weights: Keras reads ours, we read Keras's, and what follows is the same."""

import io
import json
import os
import zipfile

import h5py
import keras
import numpy as np
import pytest

import fastfit

RNG = np.random.default_rng(0)
X = RNG.standard_normal((24, 4)).astype("float32")
X2 = RNG.standard_normal((24, 3)).astype("float32")
Y = RNG.standard_normal((24, 1)).astype("float32")
LABELS = RNG.integers(0, 3, 24)
ONE_HOT = np.eye(3, dtype="float32")[LABELS]


def sequential(k):
    layers = k.layers
    model = k.Sequential(
        [
            layers.Input((4,)),
            layers.Dense(5, activation="relu", kernel_regularizer=k.regularizers.L2(0.01), name="first"),
            layers.Dropout(0.0),
            layers.Dense(3, kernel_constraint="max_norm", use_bias=False),
            layers.Activation("softmax"),
        ],
        name="stack",
    )
    return model, X, LABELS, {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]}


def several(k):
    """Two inputs, two outputs, a shared layer, a shared nested model with a model inside it."""
    layers = k.layers
    left, right = layers.Input((4,), name="left"), layers.Input((3,), name="right")
    shared = layers.Dense(3, activation="tanh")
    deepest = k.Sequential([layers.Input((3,)), layers.Dense(2), layers.Dense(3)])
    inside = layers.Input((3,))
    nested = k.Model(inside, layers.Add()([deepest(inside), layers.Dense(3)(inside)]))
    a = nested(shared(layers.Dense(3)(left)))
    b = nested(shared(right))
    joined = layers.Concatenate()([a, b])
    outputs = [layers.Dense(1, name="value")(joined), layers.Dense(3, activation="softmax", name="kind")(joined)]
    model = k.Model([left, right], outputs)
    compiling = {
        "loss": ["mse", k.losses.CategoricalCrossentropy(label_smoothing=0.1)],
        "loss_weights": [0.5, 2.0],
        "metrics": [["mae"], [k.metrics.CategoricalAccuracy(name="hits")]],
    }
    return model, [X, X2], [Y, ONE_HOT], compiling


def frozen(k):
    layers = k.layers
    inputs = layers.Input((4,))
    body = layers.Dense(6, activation="elu", trainable=False)(inputs)
    model = k.Model(inputs, layers.Dense(1)(layers.Reshape((6,))(body)))
    return model, X, Y, {"loss": k.losses.LogCosh(), "weighted_metrics": ["mse"]}


MODELS = [sequential, several, frozen]
OPTIMIZERS = {
    "adam": lambda k: k.optimizers.Adam(0.01),
    "amsgrad": lambda k: k.optimizers.Adam(0.01, amsgrad=True, clipnorm=1.0),
    "adamw": lambda k: k.optimizers.AdamW(0.01, weight_decay=0.1),
    "sgd": lambda k: k.optimizers.SGD(0.05),
    "momentum": lambda k: k.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
    "rmsprop": lambda k: k.optimizers.RMSprop(0.01, momentum=0.5, centered=True),
    "averages": lambda k: k.optimizers.Adam(0.01, use_ema=True, ema_momentum=0.9),
    "schedule": lambda k: k.optimizers.SGD(k.optimizers.schedules.ExponentialDecay(0.1, 3, 0.5), momentum=0.9),
    "accumulation": lambda k: k.optimizers.SGD(0.1, momentum=0.5, gradient_accumulation_steps=2),
    "wrapped": lambda k: k.optimizers.LossScaleOptimizer(k.optimizers.Adam(0.01)),
}


def trained(k, make, optimizer="adam", epochs=2):
    model, x, y, compiling = make(k)
    model.compile(optimizer=OPTIMIZERS[optimizer](k), **compiling)
    go_on(model, x, y, epochs)
    return model, x, y


def go_on(model, x, y, epochs=2):
    return model.fit(x, y, batch_size=8, epochs=epochs, shuffle=False, verbose=0).history


def outputs(model, x):
    result = model.predict(x, verbose=0)
    return result if isinstance(result, list) else [result]


def assert_close(ours, theirs, rtol=1e-4):
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=rtol, atol=1e-6)


def assert_same_future(a, b, x, y):
    """Predictions, weights, optimizer state and what training makes of them."""
    assert_same(a, b, x)
    mine, other = go_on(a, x, y), go_on(b, x, y)
    assert list(mine) == list(other)
    assert_close(mine.values(), other.values())
    assert_close(a.get_weights(), b.get_weights(), rtol=2e-4)


def assert_same(a, b, x):
    assert_close(outputs(a, x), outputs(b, x))
    assert_close(a.get_weights(), b.get_weights(), rtol=0)
    assert len(a.optimizer.variables) == len(b.optimizer.variables)
    for v, w in zip(a.optimizer.variables, b.optimizer.variables, strict=True):
        np.testing.assert_array_equal(v.numpy(), w.numpy())


def layout(path):
    """What is where in a file of weights: paths, shapes and the kind of number."""
    found = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, x: found.update({name: (getattr(x, "shape", None), _kind(x))}))
    return found


def _kind(x):
    return x.dtype.kind if isinstance(x, h5py.Dataset) else None


PAIRS = [(fastfit, keras), (keras, fastfit), (fastfit, fastfit)]
PAIR_NAMES = ["ours to Keras", "Keras's to ours", "ours to ours"]


@pytest.mark.parametrize("pair", PAIRS, ids=PAIR_NAMES)
@pytest.mark.parametrize("make", MODELS)
def test_model_files(tmp_path, make, pair):
    saving, loading = pair
    model, x, y = trained(saving, make)
    path = tmp_path / "m.keras"
    model.save(path)
    loaded = loading.models.load_model(path)
    assert [layer.name for layer in loaded.layers] == [layer.name for layer in model.layers]
    assert [v.trainable for v in loaded.weights] == [v.trainable for v in model.weights]
    assert_same_future(loaded, model, x, y)


@pytest.mark.parametrize("pair", PAIRS, ids=PAIR_NAMES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_optimizer_state(tmp_path, optimizer, pair):
    saving, loading = pair
    model, x, y = trained(saving, sequential, optimizer)
    path = tmp_path / "m.keras"
    model.save(path)
    loaded = loading.models.load_model(path)
    if optimizer == "averages" and saving is keras:
        # On JAX, Keras's model is of no use after averages have become weights: the two share memory, which it frees.
        assert_same(loaded, keras.models.load_model(path), x)
        return
    assert_same_future(loaded, model, x, y)


@pytest.mark.parametrize("make", MODELS)
def test_layout_of_weights_is_keras_layout(tmp_path, make):
    for k in (keras, fastfit):
        trained(k, make)[0].save_weights(tmp_path / f"{k.__name__}.weights.h5")
    assert layout(tmp_path / "fastfit.weights.h5") == layout(tmp_path / "keras.weights.h5")


@pytest.mark.parametrize("pair", PAIRS, ids=PAIR_NAMES)
@pytest.mark.parametrize("extension", ["weights.h5", "keras"])
def test_weights_into_a_model_of_the_same_layers(tmp_path, pair, extension):
    saving, loading = pair
    model, x, y = trained(saving, several)
    path = tmp_path / f"w.{extension}"
    (model.save_weights if extension == "weights.h5" else model.save)(path)
    other, _, _ = trained(loading, several, epochs=1)
    other.load_weights(path)
    assert_same_future(other, model, x, y)


def test_loading_weights_makes_the_slots_of_a_new_optimizer(tmp_path):
    model, x, y = trained(fastfit, sequential)
    model.save_weights(tmp_path / "w.weights.h5")
    other, _, _, compiling = sequential(fastfit)
    other.compile(optimizer=OPTIMIZERS["adam"](fastfit), **compiling)
    other.load_weights(tmp_path / "w.weights.h5")
    assert_same_future(other, model, x, y)


def test_weights_without_optimizer(tmp_path):
    model, x, _ = trained(fastfit, sequential)
    model.save_weights(tmp_path / "w.weights.h5")
    plain = sequential(fastfit)[0]
    plain.load_weights(tmp_path / "w.weights.h5")
    assert_close(outputs(plain, x), outputs(model, x), rtol=0)
    # another kind of optimizer keeps its own state
    sgd = trained(fastfit, sequential, "sgd", epochs=1)[0]
    before = [v.numpy() for v in sgd.optimizer.variables]
    with pytest.warns(UserWarning, match="optimizer .* 2 variables whereas the saved optimizer has 8"):
        sgd.load_weights(tmp_path / "w.weights.h5")
    assert_close([v.numpy() for v in sgd.optimizer.variables], before, rtol=0)
    assert_close(sgd.get_weights(), model.get_weights(), rtol=0)


def network(k):
    """A subclassed model with a layer that keeps layers in lists and dicts."""
    layers = k.layers

    class Block(layers.Layer):
        def __init__(self):
            super().__init__()
            self.zeta = layers.Dense(5)
            self.parts = [layers.Dense(5), [layers.Dense(5), layers.Dense(5)], {"u": layers.Dense(5)}]

        def build(self, shape):
            self.scale = self.add_weight(shape=(shape[-1],), initializer="ones", name="scale")
            self.offset = self.add_weight(shape=(shape[-1],), initializer="zeros", trainable=False, name="offset")
            self.zeta.build(shape)
            for layer in (self.parts[0], *self.parts[1], self.parts[2]["u"]):
                layer.build((shape[0], 5))
            self.built = True

        def call(self, x):
            x = self.zeta(x * self.scale + self.offset)
            for layer in (self.parts[0], *self.parts[1], self.parts[2]["u"]):
                x = layer(x)
            return x

    class Network(k.Model):
        def __init__(self):
            super().__init__()
            self.out = layers.Dense(1)
            self.block = Block()
            self._hidden = layers.Dense(4)
            self.stack = k.Sequential([layers.Dense(3), layers.Dropout(0.0)])
            self.again = self.block

        def call(self, x, training=False):
            return self.out(self.stack(self._hidden(self.block(x)), training=training))

    model = Network()
    model(X)
    return model, X, Y, {"loss": "mse"}


@pytest.mark.parametrize("pair", PAIRS, ids=PAIR_NAMES)
def test_subclassed_models(tmp_path, pair):
    saving, loading = pair
    model, x, y = trained(saving, network, "momentum")
    model.save_weights(tmp_path / "a.weights.h5")
    other = trained(loading, network, "momentum", epochs=1)[0]
    other.save_weights(tmp_path / "b.weights.h5")
    assert layout(tmp_path / "a.weights.h5") == layout(tmp_path / "b.weights.h5")
    other.load_weights(tmp_path / "a.weights.h5")
    assert_same_future(other, model, x, y)


def test_parts_of_the_archive(tmp_path):
    for k in (keras, fastfit):
        model = trained(k, sequential)[0]
        model.save(tmp_path / f"{k.__name__}.keras")
    ours, theirs = (zipfile.ZipFile(tmp_path / f"{name}.keras") for name in ("fastfit", "keras"))
    assert ours.namelist() == theirs.namelist() == ["metadata.json", "config.json", "model.weights.h5"]
    assert {info.compress_type for info in ours.infolist()} == {zipfile.ZIP_STORED}
    metadata = json.loads(ours.read("metadata.json"))
    assert set(metadata) == {"keras_version", "date_saved"} == set(json.loads(theirs.read("metadata.json")))
    config, other = json.loads(ours.read("config.json")), json.loads(theirs.read("config.json"))
    assert config["class_name"] == other["class_name"]
    assert set(config["compile_config"]) == set(other["compile_config"])
    for one in (config, other):
        del one["compile_config"]["optimizer"]["config"]["name"]  # numbered
    assert config["compile_config"]["optimizer"] == other["compile_config"]["optimizer"]


def test_compile_false(tmp_path):
    model, x, _ = trained(fastfit, sequential)
    model.save(tmp_path / "m.keras")
    loaded = fastfit.models.load_model(tmp_path / "m.keras", compile=False)
    assert not loaded.compiled and loaded.optimizer is None
    assert_close(outputs(loaded, x), outputs(model, x), rtol=0)


def test_without_optimizer(tmp_path):
    model, x, _ = trained(fastfit, sequential)
    model.save(tmp_path / "m.keras", include_optimizer=False)
    loaded = fastfit.models.load_model(tmp_path / "m.keras")
    assert not loaded.compiled
    assert_close(outputs(loaded, x), outputs(model, x), rtol=0)
    with h5py.File(io.BytesIO(zipfile.ZipFile(tmp_path / "m.keras").read("model.weights.h5"))) as file:
        assert "optimizer" not in file


@pytest.mark.parametrize("pair", PAIRS, ids=PAIR_NAMES)
def test_directories_and_file_objects(tmp_path, pair):
    saving, loading = pair
    model, x, y = trained(saving, sequential)
    model.save(tmp_path / "folder", zipped=False)
    parts = set(os.listdir(tmp_path / "folder")) - {"assets"}  # Keras makes an empty one
    assert parts == {"config.json", "metadata.json", "model.weights.h5"}
    loaded = loading.models.load_model(tmp_path / "folder")
    assert_same_future(loaded, model, x, y)
    if saving is fastfit and loading is fastfit:
        file = io.BytesIO()
        fastfit.saving.save_model(model, file)
        file.seek(0)
        assert_same_future(fastfit.saving.load_model(file), model, x, y)


class Scale(fastfit.layers.Layer):
    def __init__(self, factor, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def build(self, shape):
        self.shift = self.add_weight(shape=(shape[-1],), initializer="zeros")

    def call(self, x):
        return x * self.factor + self.shift

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


def own_loss(y_true, y_pred):
    return fastfit.ops.mean(fastfit.ops.square(y_true - y_pred), axis=-1)


def test_custom_objects(tmp_path):
    inputs = fastfit.Input((4,))
    model = fastfit.Model(inputs, Scale(2.5)(fastfit.layers.Dense(1)(inputs)))
    model.compile("adam", loss=own_loss, metrics=[own_loss])
    go_on(model, X, Y)
    path = tmp_path / "m.keras"
    model.save(path)
    with pytest.raises((TypeError, ValueError), match="Scale"):
        fastfit.models.load_model(path)
    objects = {"Scale": Scale, "own_loss": own_loss}
    with fastfit.utils.registry.CustomObjectScope(objects):
        assert_close(outputs(fastfit.models.load_model(path), X), outputs(model, X), rtol=0)
    assert_same_future(fastfit.models.load_model(path, custom_objects=objects), model, X, Y)


def test_bfloat16_weights_become_float32(tmp_path):
    dense = keras.layers.Dense(3, dtype="bfloat16")
    model = keras.Sequential([keras.layers.Input((4,)), dense])
    dense.bias.assign(np.array([1.5, -0.25, 1024], "float32"))
    model.save_weights(tmp_path / "w.weights.h5")
    ours = fastfit.Sequential([fastfit.layers.Input((4,)), fastfit.layers.Dense(3)])
    ours.load_weights(tmp_path / "w.weights.h5")
    assert_close(ours.get_weights(), [np.asarray(w, "float32") for w in model.get_weights()], rtol=0)


def test_unbuilt_models(tmp_path):
    layers = [fastfit.layers.Dense(2)]
    model = fastfit.Sequential(layers)
    with pytest.raises(ValueError, match="not built"):
        model.save_weights(tmp_path / "w.weights.h5")
    with pytest.raises(ValueError, match="not built"):
        model.load_weights(tmp_path / "w.weights.h5")
    with pytest.warns(UserWarning, match="before it is built"):
        model.save(tmp_path / "m.keras")
    assert not fastfit.models.load_model(tmp_path / "m.keras").built
    model(X)
    model.save(tmp_path / "m.keras")
    assert_close(outputs(fastfit.models.load_model(tmp_path / "m.keras"), X), outputs(model, X), rtol=0)


def test_json_of_both(tmp_path):
    """``to_json`` carries the training too, and either library reads the other's."""
    for saving, loading in PAIRS:
        model, x, y = trained(saving, several)
        loaded = loading.models.model_from_json(model.to_json())
        assert [w.shape for w in loaded.get_weights()] == [w.shape for w in model.get_weights()]
        assert loaded.compiled


# Mismatches and errors ---------------------------------------------------------------------------------------------


def wider(k):
    inputs = k.layers.Input((4,))
    return k.Sequential([inputs, k.layers.Dense(5, name="first"), k.layers.Dense(7, name="second")])


def test_skip_mismatch(tmp_path):
    narrow = fastfit.Sequential([fastfit.layers.Input((4,)), fastfit.layers.Dense(5), fastfit.layers.Dense(6)])
    narrow.save_weights(tmp_path / "w.weights.h5")
    model = wider(fastfit)
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"'second'.*\n*.*shape \(5, 7\).*Received: \(5, 6\)"):
        model.load_weights(tmp_path / "w.weights.h5")
    assert_close(model.get_weights(), before, rtol=0)  # the first layer fits, and is as it was too
    with pytest.warns(UserWarning, match="'second'"):
        model.load_weights(tmp_path / "w.weights.h5", skip_mismatch=True)
    assert_close(model.get_weights()[:2], narrow.get_weights()[:2], rtol=0)
    assert_close(model.get_weights()[2:], before[2:], rtol=0)


def test_another_number_of_variables_or_layers(tmp_path):
    wider(fastfit).save_weights(tmp_path / "w.weights.h5")
    inputs = fastfit.layers.Input((4,))
    model = fastfit.Sequential([inputs, fastfit.layers.Dense(5, use_bias=False), fastfit.layers.Dense(7)])
    before = model.get_weights()
    with pytest.raises(ValueError, match="expected 1 variables .* has 2"):
        model.load_weights(tmp_path / "w.weights.h5")
    assert_close(model.get_weights(), before, rtol=0)
    model = wider(fastfit)
    model.add(fastfit.layers.Dense(2, name="third"))
    with pytest.raises(ValueError, match="'third' expected 2 variables .* has 0"):
        model.load_weights(tmp_path / "w.weights.h5")


def test_objects_to_skip(tmp_path):
    model, other = wider(fastfit), wider(fastfit)
    second = model.get_layer("second")
    fastfit.saving.save_weights(model, tmp_path / "w.weights.h5", objects_to_skip=[second])
    assert not any("dense_1" in name for name in layout(tmp_path / "w.weights.h5"))
    before = other.get_weights()
    fastfit.saving.load_weights(other, tmp_path / "w.weights.h5", objects_to_skip=[other.get_layer("second")])
    assert_close(other.get_weights()[:2], model.get_weights()[:2], rtol=0)
    assert_close(other.get_weights()[2:], before[2:], rtol=0)


@pytest.mark.parametrize("answer", ["y", "n"])
def test_overwrite(tmp_path, monkeypatch, answer):
    path = tmp_path / "w.weights.h5"
    first, second = wider(fastfit), wider(fastfit)
    first.save_weights(path)
    answers = iter(["what?", answer])
    monkeypatch.setattr("builtins.input", lambda prompt: next(answers))
    second.save_weights(path, overwrite=False)
    loaded = wider(fastfit)
    loaded.load_weights(path)
    assert_close(loaded.get_weights(), (second if answer == "y" else first).get_weights(), rtol=0)
    assert list(answers) == []


def test_extensions(tmp_path):
    model = wider(fastfit)
    for call, name, message in (
        (model.save, "m", "expected a `.keras` extension"),
        (model.save_weights, "w.bin", "must end in `.weights.h5`.*w.bin"),
        (model.load_weights, "w.bin", "expected a `.weights.h5`, `.keras` or.*w.bin"),
        (fastfit.models.load_model, "none.keras", "File not found.*none.keras"),
        (lambda path: model.save(path, zipped=False), "m.keras", "should not end in `.keras`"),
        (lambda path: model.save_weights(path, max_shard_size=1), "w.weights.h5", "one file.*max_shard_size=1"),
        (lambda path: model.save(path, format="tf"), "m.keras", r"\['format'\]"),
        (lambda path: model.load_weights(path, by_name=True), "w.weights.h5", "`by_name`"),
        (lambda path: model.load_weights(path, strict=1), "w.weights.h5", "Invalid keyword.*strict"),
    ):
        with pytest.raises(ValueError, match=message):
            call(str(tmp_path / name))
    assert os.listdir(tmp_path) == []
    with pytest.raises(FileNotFoundError):
        model.load_weights(tmp_path / "none.weights.h5")
    (tmp_path / "text").write_text("x")
    with pytest.raises(ValueError, match="File format not supported"):
        fastfit.models.load_model(tmp_path / "text")


def test_ops_in_a_graph_of_keras(tmp_path):
    """Between layers there may be ops; Keras names the classes behind its functions."""
    ops = keras.ops
    inputs = keras.layers.Input((4,))
    a, b = keras.layers.Dense(3)(inputs), keras.layers.Dense(3)(inputs)
    c = ops.tanh(a) * b + 1.5 - ops.exp(-ops.square(b)) / 2.0
    d = ops.concatenate([c, ops.maximum(a, b), ops.mean(c, axis=-1, keepdims=True)], axis=-1)
    e = ops.reshape(ops.relu(d), (-1, 7, 1))[:, 1:6, 0]
    model = keras.Model(inputs, keras.layers.Dense(1)(ops.matmul(e, np.ones((5, 2), "float32")) ** 2))
    model.compile("sgd", "mse")
    model.save(tmp_path / "m.keras")
    loaded = fastfit.models.load_model(tmp_path / "m.keras")
    assert_same_future(loaded, model, X, Y)


def test_an_op_of_keras_that_is_not_known(tmp_path):
    inputs = keras.layers.Input((4,))
    model = keras.Model(inputs, keras.ops.exp(keras.layers.Dense(3)(inputs)))
    for name in ("Harm", "_private", "KerasTensor", "Numpy"):
        text = model.to_json().replace('"class_name": "Exp"', f'"class_name": "{name}"')
        with pytest.raises(ValueError, match=f"not known here. Received: {name}"):
            fastfit.models.model_from_json(text)
