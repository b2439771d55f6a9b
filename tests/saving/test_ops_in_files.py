"""Ops between layers, lambdas and assets in ``.keras`` files: written and read by Keras and by fastfit."""

import json
import os
import zipfile

import keras
import numpy as np
import pytest

import fastfit

LIBRARIES = pytest.mark.parametrize("k", [fastfit, keras], ids=["fastfit", "keras"])
X = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
ONES = np.ones((4, 2), "float32")


# Name to what a graph computes from the input `a` and a Dense layer's output `d`, with the library's ops `o`.
GRAPHS = {
    "arithmetic": lambda o, a, d: [d + 1, 2.5 - d * a, d / 2, 1 / (d * d + 1), d**2, -d, abs(d), d // 1.0, d % 2.0],
    "comparisons": lambda o, a, d: [d > 0, d <= a, o.equal(d, a), o.logical_and(d > 0, a > 0), o.where(d > 0, d, a)],
    "joins": lambda o, a, d: [o.concatenate([d, a], axis=-1), o.stack([d, a], axis=1)],
    "indices": lambda o, a, d: [d[:, 1:3], d[:, 0], d[..., ::2], d[:, None, :], d[:, -1:]],
    "reductions": lambda o, a, d: [
        o.mean(d, axis=-1, keepdims=True),
        o.sum(d, axis=1),
        o.max(d, axis=-1),
        o.argmax(d, axis=-1),
        o.std(d, axis=-1),
        o.var(d, axis=1),
        o.logsumexp(d, axis=-1),
        o.cumsum(d, axis=1),
        o.sum(o.reshape(d, (-1, 2, 2)), axis=(1, 2)),
    ],
    "elementwise": lambda o, a, d: [
        o.exp(d),
        o.tanh(d),
        o.sqrt(o.abs(d)),
        o.clip(d, -1, 1),
        o.maximum(d, 0),
        o.log(o.square(d) + 1),
        o.sign(d),
        o.arctan2(d, a),
        o.floor(d),
        o.power(d, 2),
        o.rsqrt(o.abs(d) + 1),
        o.isclose(d, a, rtol=0.5),
    ],
    "activations": lambda o, a, d: [
        o.relu(d),
        o.softmax(d),
        o.sigmoid(d),
        o.gelu(d),
        o.leaky_relu(d, 0.3),
        o.log_softmax(d),
        o.silu(d),
    ],
    "shapes": lambda o, a, d: [
        o.reshape(d, (-1, 2, 2)),
        o.expand_dims(d, 1),
        o.transpose(o.reshape(d, (-1, 2, 2)), (0, 2, 1)),
        o.flip(d, axis=1),
        o.tile(d, [1, 2]),
        o.repeat(d, 2, axis=1),
        o.squeeze(o.expand_dims(d, 1), 1),
        o.split(d, 2, axis=1)[0],
        o.pad(d, [[0, 0], [1, 1]]),
        o.pad(d, [[0, 0], [1, 2]], constant_values=3.0),
        o.pad(d, [[0, 0], [1, 2]], mode="reflect"),
        o.roll(d, 1, axis=1),
    ],
    "products": lambda o, a, d: [
        o.matmul(o.expand_dims(d, 1), o.expand_dims(a, 2)),
        o.einsum("ij,ij->i", d, a),
        o.dot(d, ONES),
        o.matmul(d, ONES),
    ],
    "choices": lambda o, a, d: [
        o.one_hot(o.argmax(d, -1), 4),
        o.take(d, np.array([0, 1]), axis=1),
        o.top_k(d, 2)[0],
        o.sort(d, axis=1),
        o.cast(d > 0, "float32"),
        o.normalize(d),
    ],
    "losses": lambda o, a, d: [
        o.categorical_crossentropy(o.softmax(a), o.softmax(d)),
        o.binary_crossentropy(o.sigmoid(a), o.sigmoid(d)),
    ],
    "constants": lambda o, a, d: [d * np.arange(4, dtype="float32") + np.float32(2), o.ones_like(d) * a],
    "keywords": lambda o, a, d: [o.add(x1=d, x2=a), o.subtract(d, x2=a)],
    "many of one": lambda o, a, d: [o.relu(o.relu(d + 1) + 1) + 1],
}


def graph(k, name):
    a = k.Input((4,), name="a")
    model = k.Model(a, GRAPHS[name](k.ops, a, k.layers.Dense(4, name="d")(a)))
    rng = np.random.default_rng(1)
    model.set_weights([rng.normal(size=w.shape).astype("float32") for w in model.weights])
    return model


def outputs(model):
    result = model(X)
    return [np.asarray(y) for y in (result if isinstance(result, (list, tuple)) else [result])]


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("writer, reader", [(fastfit, keras), (keras, fastfit), (fastfit, fastfit)])
def test_ops_between_layers(tmp_path, name, writer, reader):
    model = graph(writer, name)
    model.save(tmp_path / "m.keras")
    loaded = reader.models.load_model(tmp_path / "m.keras")
    before, after = outputs(model), outputs(loaded)
    assert len(before) == len(after) == len(graph(reader, name).outputs)
    for a, b in zip(before, after, strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_a_loaded_graph_can_be_saved_and_trained(tmp_path):
    graph(keras, "arithmetic").save(tmp_path / "m.keras")
    loaded = fastfit.models.load_model(tmp_path / "m.keras")
    loaded.save(tmp_path / "n.keras")
    again = keras.models.load_model(tmp_path / "n.keras")
    for a, b in zip(outputs(loaded), outputs(again), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    part = fastfit.Model(loaded.input, loaded.outputs[1])
    part.compile("sgd", "mse")
    before = part.get_weights()[0]
    part.fit(X, X, verbose=0)
    assert not np.array_equal(before, part.get_weights()[0])


def test_activations_of_keras(tmp_path):
    a = keras.Input((4,))
    functions = [keras.activations.relu(a, negative_slope=0.2, max_value=1.0), keras.activations.softmax(a)]
    model = keras.Model(a, functions)
    model.save(tmp_path / "m.keras")
    for y, z in zip(outputs(model), outputs(fastfit.models.load_model(tmp_path / "m.keras")), strict=True):
        np.testing.assert_allclose(y, z, rtol=1e-5)


def test_ops_that_keras_has_not(tmp_path):
    a = fastfit.Input((4,))
    model = fastfit.Model(a, a + fastfit.ops.reshape(a, fastfit.ops.shape(a)))
    model.save(tmp_path / "m.keras")
    np.testing.assert_allclose(outputs(fastfit.models.load_model(tmp_path / "m.keras"))[0], 2 * X)


def change(source, target, function):
    """Copy an archive with a changed config."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "config.json":
                config = json.loads(data)
                function(config)
                data = json.dumps(config).encode()
            new.writestr(name, data)


@pytest.mark.parametrize(
    "class_name, settings, message",
    [
        ("Unheard", {}, "not known here"),
        ("Relu", {"slope": 2.0}, "settings that are not known here"),
        ("__import__", {}, "not known here"),
    ],
)
def test_unknown_ops_are_refused(tmp_path, class_name, settings, message):
    graph(fastfit, "many of one").save(tmp_path / "m.keras")

    def function(config):
        entry = next(e for e in config["config"]["layers"] if e["class_name"] == "Relu")
        entry["class_name"] = class_name
        entry["config"].update(settings)

    change(tmp_path / "m.keras", tmp_path / "n.keras", function)
    with pytest.raises(ValueError, match=message):
        fastfit.models.load_model(tmp_path / "n.keras")


def test_a_variable_in_the_graph_is_refused(tmp_path):
    a = fastfit.Input((4,))
    dense = fastfit.layers.Dense(4)
    model = fastfit.Model(a, dense(a) * dense.bias)
    with pytest.raises(ValueError, match="reads a variable outside of its layers"):
        model.save(tmp_path / "m.keras")
    assert not (tmp_path / "m.keras").exists()


# Lambdas -----------------------------------------------------------------------------------------------------------


def triple(x):
    return x * 3.0


@LIBRARIES
def test_lambda_layers(k, tmp_path):
    model = k.Sequential([k.Input((4,)), k.layers.Lambda(lambda x: x * 2)])
    model.save(tmp_path / "m.keras")
    for reader in (fastfit, keras):
        with pytest.raises(ValueError, match="safe_mode"):
            reader.models.load_model(tmp_path / "m.keras")
        loaded = reader.models.load_model(tmp_path / "m.keras", safe_mode=False)
        np.testing.assert_allclose(outputs(loaded)[0], 2 * X)


@LIBRARIES
def test_lambda_of_a_named_function(k, tmp_path):
    k.Sequential([k.Input((4,)), k.layers.Lambda(triple)]).save(tmp_path / "m.keras")
    for reader in (fastfit, keras):
        loaded = reader.models.load_model(tmp_path / "m.keras", custom_objects={"triple": triple})
        np.testing.assert_allclose(outputs(loaded)[0], 3 * X)
    with pytest.raises(TypeError, match="triple"):
        fastfit.models.load_model(tmp_path / "m.keras")


# Assets ------------------------------------------------------------------------------------------------------------


def vocabulary(k):
    class Vocabulary(k.layers.Layer):
        def __init__(self, words=None, **kwargs):
            super().__init__(**kwargs)
            self.words = words

        def call(self, inputs):
            return inputs

        def get_config(self):
            return {"name": self.name}

        def save_assets(self, directory):
            os.mkdir(os.path.join(directory, "more"))
            for name in ("words.txt", "more/words.txt"):
                with open(os.path.join(directory, name), "w") as file:
                    file.write(" ".join(self.words))

        def load_assets(self, directory):
            with open(os.path.join(directory, "more", "words.txt")) as file:
                self.words = file.read().split()

    return Vocabulary


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("writer, reader", [(fastfit, keras), (keras, fastfit), (fastfit, fastfit)])
def test_assets(tmp_path, writer, reader, zipped):
    path = tmp_path / ("m.keras" if zipped else "m")
    cls = vocabulary(writer)
    inner = writer.Sequential([writer.Input((4,)), cls(["x"])])
    model = writer.Sequential([writer.Input((4,)), cls(["a", "b"]), cls(["c"]), inner])
    model.save(path, zipped=zipped)
    loaded = reader.models.load_model(path, custom_objects={"Vocabulary": vocabulary(reader)})
    assert [layer.words for layer in loaded.layers[:2]] == [["a", "b"], ["c"]]
    assert loaded.layers[2].layers[0].words == ["x"]


def test_assets_stay_in_their_directory(tmp_path):
    cls = vocabulary(fastfit)
    fastfit.Sequential([fastfit.Input((4,)), cls(["a"])]).save(tmp_path / "m.keras")
    for evil in ("../../evil", "/evil", "..\\evil", "a//b", "c:evil"):
        with zipfile.ZipFile(tmp_path / "m.keras") as old, zipfile.ZipFile(tmp_path / "n.keras", "w") as new:
            for name in old.namelist():
                new.writestr(name, old.read(name))
            new.writestr(f"assets/layers/vocabulary/{evil}", "x")
        with pytest.raises(ValueError, match="plain names"):
            fastfit.models.load_model(tmp_path / "n.keras", custom_objects={"Vocabulary": cls})


def test_a_model_without_assets_of_a_layer_that_could_have_some(tmp_path):
    cls = vocabulary(fastfit)
    model = fastfit.Sequential([fastfit.Input((4,)), cls(["a"])])
    model.save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as old, zipfile.ZipFile(tmp_path / "n.keras", "w") as new:
        for name in old.namelist():
            if not name.startswith("assets"):
                new.writestr(name, old.read(name))
    loaded = fastfit.models.load_model(tmp_path / "n.keras", custom_objects={"Vocabulary": cls})
    assert loaded.layers[0].words is None
