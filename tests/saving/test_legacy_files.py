"""Models and weights in HDF5 files of Keras 2's layout: both ways with Keras 3, and files of older versions."""

import json
import os
import warnings

import h5py
import keras
import numpy as np
import pytest

import fastfit
from fastfit import callbacks, layers
from tests.saving.test_files import MODELS, PAIR_NAMES, PAIRS, assert_close, assert_same_future, outputs, trained

pytestmark = pytest.mark.filterwarnings("ignore:You are saving", "ignore:__array__ implementation")
X = np.random.RandomState(0).randn(12, 4).astype("float32")
Y = X[:, :1]


def nested(k):
    inputs = k.Input((4,), name="x")
    inner = k.Sequential([k.Input((4,)), k.layers.Dense(5, "tanh"), k.layers.Dense(3)], name="inner")
    side = k.Input((3,))
    branch = k.Model(side, k.layers.Dense(2, use_bias=False)(side), name="branch")
    hidden = inner(inputs)
    return k.Model(inputs, k.layers.Dense(1)(branch(hidden))), X, Y, {"loss": "mse"}


def shared(k):
    first, second = k.Input((4,), name="first"), k.Input((4,), name="second")
    dense = k.layers.Dense(4, "relu", name="shared")
    merged = k.layers.Concatenate()([dense(first), dense(second), dense(dense(first))])
    model = k.Model([first, second], [k.layers.Dense(1, name="a")(merged), k.layers.Dense(2, name="b")(merged)])
    x = [X, X[::-1].copy()]
    arguments = {
        "loss": {"a": "mse", "b": k.losses.MeanAbsoluteError()},
        "loss_weights": {"a": 1.0, "b": 0.5},
        "metrics": {"a": ["mae"], "b": [k.metrics.MeanSquaredError(name="q")]},
    }
    return model, x, [Y, np.hstack([Y, Y])], arguments


def without_input(k):
    return k.Sequential([k.layers.Dense(3, "relu"), k.layers.Dense(1)]), X, Y, {"loss": k.losses.Huber()}


@pytest.mark.parametrize("pair", PAIRS, ids=PAIR_NAMES)
@pytest.mark.parametrize("make", [*MODELS, nested, shared, without_input])
def test_models(tmp_path, make, pair):
    saving, loading = pair
    model, x, y = trained(saving, make)
    model.save(tmp_path / "m.h5")
    # Keras builds the loaded optimizer for no variables at all, so that it can neither take its state nor train.
    loaded = loading.models.load_model(tmp_path / "m.h5", compile=loading is fastfit)
    assert [layer.name for layer in loaded.layers] == [layer.name for layer in model.layers]
    if loading is keras:
        assert_close(outputs(loaded, x), outputs(model, x))
        assert_close(loaded.get_weights(), model.get_weights(), rtol=0)
    else:
        assert_same_future(loaded, model, x, y)


@pytest.mark.parametrize("pair", PAIRS, ids=PAIR_NAMES)
def test_ops_between_layers(tmp_path, pair):
    saving, loading = pair
    k, inputs = saving, saving.Input((4,))
    hidden = k.ops.relu(k.layers.Dense(3)(inputs) * 2.0) + k.ops.clip(inputs, -1.0, 1.0)[:, 1:]
    model = k.Model(inputs, k.layers.Add()([hidden, k.ops.sum(hidden, axis=-1, keepdims=True)]))
    model.save(tmp_path / "m.h5")
    loaded = loading.models.load_model(tmp_path / "m.h5", compile=False)
    assert_close(outputs(loaded, X), outputs(model, X))


@pytest.mark.parametrize("pair", [pair for pair in PAIRS if pair[1] is fastfit], ids=lambda p: p[0].__name__)
@pytest.mark.parametrize("optimizer", ("amsgrad", "momentum", "rmsprop", "schedule"))
def test_optimizer_state(tmp_path, optimizer, pair):
    saving, loading = pair
    model, x, y = trained(saving, MODELS[0], optimizer)
    model.save(tmp_path / "m.hdf5")
    assert_same_future(loading.models.load_model(tmp_path / "m.hdf5"), model, x, y)


def layout(path):
    found = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, entry: found.update({name: getattr(entry, "shape", None)}))
        for name, group in [("", file), *((name, file[name]) for name, shape in found.items() if shape is None)]:
            for key in ("layer_names", "weight_names"):
                if key in group.attrs:
                    found[name, key] = [x.decode() if isinstance(x, bytes) else x for x in group.attrs[key].tolist()]
            found[name, "attributes"] = sorted(group.attrs)
    return found


@pytest.mark.parametrize("make", [MODELS[0], MODELS[2], shared])
def test_layout_is_that_of_keras(tmp_path, make):
    found = []
    for k in (fastfit, keras):
        k.utils.clear_session()
        model, x, _ = trained(k, make)
        model.save(tmp_path / f"{k.__name__}.h5")
        found.append(layout(tmp_path / f"{k.__name__}.h5"))
        with h5py.File(tmp_path / f"{k.__name__}.h5") as file:
            found[-1]["training"] = sorted(json.loads(file.attrs["training_config"]))
            found[-1]["model"] = sorted(json.loads(file.attrs["model_config"])["config"])
    ours, theirs = found
    assert ours == theirs


def test_the_format_is_called_legacy(tmp_path):
    model, _, _ = trained(fastfit, MODELS[0])
    for save, name in ((model.save, "m.h5"), (model.save_weights, "w.h5")):
        with pytest.warns(UserWarning, match="considered legacy.*native"):
            save(tmp_path / name)


def test_checkpoints(tmp_path):
    model, x, y = trained(fastfit, MODELS[0])
    names = ("best.h5", "every{epoch}.hdf5", "w{epoch}.h5")
    saved = [
        callbacks.ModelCheckpoint(tmp_path / name, monitor="loss", save_best_only=i == 0, save_weights_only=i == 2)
        for i, name in enumerate(names)
    ]
    model.fit(x, y, epochs=2, verbose=0, callbacks=saved)
    assert sorted(os.listdir(tmp_path)) == ["best.h5", "every1.hdf5", "every2.hdf5", "w1.h5", "w2.h5"]
    loaded = keras.models.load_model(tmp_path / "every2.hdf5")
    assert_close(loaded.get_weights(), model.get_weights(), rtol=0)
    loaded.load_weights(tmp_path / "w1.h5")
    model.load_weights(tmp_path / "w1.h5")
    assert_close(loaded.get_weights(), model.get_weights(), rtol=0)


@pytest.mark.parametrize("pair", PAIRS, ids=PAIR_NAMES)
def test_weights_of_whole_models(tmp_path, pair):
    saving, loading = pair
    model, _, _ = trained(saving, nested)
    model.save(tmp_path / "m.h5")
    other = nested(loading)[0]
    other.load_weights(tmp_path / "m.h5")
    assert_close(other.get_weights(), model.get_weights(), rtol=0)


def stack(k, *units, first=4):
    return k.Sequential([k.Input((first,)), *(k.layers.Dense(n, name=f"d{i}_{n}") for i, n in enumerate(units))])


@pytest.mark.parametrize("k", (keras, fastfit), ids=("keras", "fastfit"))
def test_weights_by_name(tmp_path, k):
    model = stack(fastfit, 3, 5, 2)
    model.save(tmp_path / "m.h5")
    wanted = model.get_weights()
    other = stack(k, 3, 7, 2)
    with pytest.raises(ValueError, match="Shape mismatch|mismatch in shape"):
        other.load_weights(tmp_path / "m.h5")
    other.layers[2].name = "d1_5"
    before = other.get_weights()
    with pytest.raises(ValueError, match="Shape mismatch"):
        other.load_weights(tmp_path / "m.h5", by_name=True)
    if k is fastfit:
        assert_close(other.get_weights(), before, rtol=0)
    other = stack(k, 3, 7, 2)
    other.load_weights(tmp_path / "m.h5", by_name=False, skip_mismatch=True)
    after = other.get_weights()
    assert_close([after[i] for i in (0, 1, 5)], [wanted[i] for i in (0, 1, 5)], rtol=0)
    other = stack(k, 3, 7, 2)
    before = other.get_weights()
    other.layers[2].name = "other"
    other.load_weights(tmp_path / "m.h5", by_name=True)
    after = other.get_weights()
    assert_close(after[:2] + after[4:], wanted[:2] + before[4:], rtol=0)


@pytest.mark.parametrize("k", (keras, fastfit), ids=("keras", "fastfit"))
def test_another_number_of_layers(tmp_path, k):
    stack(fastfit, 3, 2).save(tmp_path / "m.h5")
    with pytest.raises(ValueError, match="Layer count mismatch.*expected 3 layers, found 2"):
        stack(k, 3, 3, 2).load_weights(tmp_path / "m.h5")


def test_what_is_not_said_by_name(tmp_path):
    model = stack(fastfit, 3)
    model.save(tmp_path / "m.h5")
    with pytest.raises(ValueError, match="`objects_to_skip` is for"):
        model.load_weights(tmp_path / "m.h5", objects_to_skip=[model.layers[0]])
    with pytest.raises(FileNotFoundError):
        fastfit.models.load_model(tmp_path / "none.h5")
    (tmp_path / "text.h5").write_text("x")
    with pytest.raises(ValueError, match="HDF5"):
        fastfit.models.load_model(tmp_path / "text.h5")
    model.save_weights(tmp_path / "w.h5")
    with pytest.raises(ValueError, match="No model config found"):
        fastfit.models.load_model(tmp_path / "w.h5")


def test_compile_and_optimizer(tmp_path):
    model, x, _ = trained(fastfit, MODELS[0])
    model.save(tmp_path / "m.h5")
    assert not fastfit.models.load_model(tmp_path / "m.h5", compile=False).compiled
    model.save(tmp_path / "n.h5", include_optimizer=False)
    with pytest.warns(UserWarning, match="no training configuration"):
        loaded = fastfit.models.load_model(tmp_path / "n.h5")
    assert not loaded.compiled
    with h5py.File(tmp_path / "n.h5") as file:
        assert "training_config" not in file.attrs and "optimizer_weights" not in file


def test_an_open_file(tmp_path):
    model, x, y = trained(fastfit, MODELS[0])
    with h5py.File(tmp_path / "open", "w") as file:
        model.save(file)
    with h5py.File(tmp_path / "open") as file:
        loaded = fastfit.models.load_model(file)
    assert_same_future(loaded, model, x, y)


class Gain(layers.Layer):
    def __init__(self, by=2.0, function=None, **kwargs):
        super().__init__(**kwargs)
        self.by, self.function = by, function

    def build(self, input_shape):
        self.gain = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="gain")
        self.fixed = self.add_weight(shape=(), initializer="ones", trainable=False, name="fixed")

    def call(self, x):
        return x * self.gain * self.by

    def get_config(self):
        return {**super().get_config(), "by": self.by}


def own_loss(y_true, y_pred):
    return fastfit.ops.mean(fastfit.ops.square(y_true - y_pred), axis=-1)


def test_custom_objects(tmp_path):
    inputs = fastfit.Input((4,))
    model = fastfit.Model(inputs, layers.Dense(1, activation=own_act)(Gain(3.0)(inputs)))
    model.compile("adam", own_loss, metrics=[own_loss, "mae"])
    model.fit(X, Y, verbose=0)
    model.save(tmp_path / "m.h5")
    names = {"Gain": Gain, "own_loss": own_loss, "own_act": own_act}
    assert_same_future(fastfit.models.load_model(tmp_path / "m.h5", custom_objects=names), model, X, Y)
    with pytest.raises((TypeError, ValueError), match="Gain"):
        fastfit.models.load_model(tmp_path / "m.h5")


def own_act(x):
    return fastfit.ops.tanh(x) * 2


class Net(fastfit.Model):
    def __init__(self, units=3, **kwargs):
        super().__init__(**kwargs)
        self.first, self.last = layers.Dense(units), layers.Dense(1)
        self.scale = self.add_weight(shape=(), initializer="ones", name="scale")

    def call(self, x):
        return self.last(self.first(x)) * self.scale


def test_a_subclassed_model(tmp_path):
    model = Net(5)
    model.compile("adam", "mse")
    model.fit(X, Y, verbose=0)
    model.save(tmp_path / "m.h5")
    loaded = fastfit.models.load_model(tmp_path / "m.h5", custom_objects={"Net": Net})
    assert_same_future(loaded, model, X, Y)


def test_lambdas_are_refused(tmp_path):
    model = fastfit.Sequential([fastfit.Input((4,)), layers.Lambda(lambda x: x * 2)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.save(tmp_path / "m.h5")
        with pytest.raises((TypeError, ValueError), match="lambda"):
            fastfit.models.load_model(tmp_path / "m.h5")
        loaded = fastfit.models.load_model(tmp_path / "m.h5", safe_mode=False)
    np.testing.assert_array_equal(loaded.predict(X, verbose=0), X * 2)


def test_many_weights_and_long_names(tmp_path):
    """Lists of names beyond what one attribute of a group may hold, and two weights of one path."""

    class Many(layers.Layer):
        def build(self, input_shape):
            self.own = [self.add_weight(shape=(), name=f"{'w' * 60}{i}") for i in range(1500)]
            self.twins = [self.add_weight(shape=(2,), name="twin") for _ in range(3)]

        def call(self, x):
            return x * self.own[0]

    model, other = (fastfit.Sequential([fastfit.Input((4,)), Many(name="many")]) for _ in range(2))
    model.save_weights(tmp_path / "w.h5")
    other.load_weights(tmp_path / "w.h5")
    assert_close(other.get_weights(), model.get_weights(), rtol=0)


# Files of older versions -------------------------------------------------------------------------------------------


def initializer(name="VarianceScaling", **config):
    return {"class_name": name, "config": config}


GLOROT = initializer(scale=1.0, mode="fan_avg", distribution="uniform", seed=None)


def dense(name, units, activation="linear", **more):
    """A Dense layer as Keras 2.2.4 describes it."""
    config = {
        **{"name": name, "trainable": True, "units": units, "activation": activation, "use_bias": True},
        **{"kernel_initializer": GLOROT, "bias_initializer": initializer("Zeros")},
        **{"kernel_regularizer": initializer("L1L2", l1=0.0, l2=0.25), "bias_regularizer": None},
        **{"activity_regularizer": None, "kernel_constraint": None, "bias_constraint": None},
    }
    return {"class_name": "Dense", "config": {**config, **more}}


def write_old(path, model_config, weights, training=None, slots=(), version="2.2.4"):
    """Write a file as Keras 2.2.4 does: weights is {layer: {name: array}}, slots a list of (name, array)."""
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"], file.attrs["backend"] = version.encode(), b"tensorflow"
        file.attrs["model_config"] = json.dumps(model_config).encode()
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = [name.encode() for name in weights]
        group.attrs["backend"], group.attrs["keras_version"] = b"tensorflow", version.encode()
        for name, values in weights.items():
            place = group.create_group(name)
            place.attrs["weight_names"] = [key.encode() for key in values]
            for key, value in values.items():
                place[key] = value
        if training is not None:
            file.attrs["training_config"] = json.dumps(training).encode()
            place = file.create_group("optimizer_weights")
            place.attrs["weight_names"] = [key.encode() for key, _ in slots]
            for key, value in slots:
                place[key] = value


RNG = np.random.RandomState(1)
KERNEL, BIAS = RNG.randn(4, 3).astype("float32"), RNG.randn(3).astype("float32")
LAST, LAST_BIAS = RNG.randn(3, 3).astype("float32"), RNG.randn(3).astype("float32")
WEIGHTS = {
    "dense_1": {"dense_1/kernel:0": KERNEL, "dense_1/bias:0": BIAS},
    "dropout_1": {},
    "dense_2": {"dense_2/kernel:0": LAST, "dense_2/bias:0": LAST_BIAS},
}
STACK = [
    dense("dense_1", 3, "relu", batch_input_shape=[None, 4], dtype="float32"),
    {"class_name": "Dropout", "config": {"name": "dropout_1", "rate": 0.5, "noise_shape": None, "seed": None}},
    dense("dense_2", 3),
]
EXPECTED = np.maximum(X @ KERNEL + BIAS, 0) @ LAST + LAST_BIAS


@pytest.mark.parametrize("config", (STACK, {"name": "sequential_1", "layers": STACK}), ids=("list", "dict"))
def test_a_sequential_of_keras_2(tmp_path, config):
    write_old(tmp_path / "m.h5", {"class_name": "Sequential", "config": config}, WEIGHTS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = fastfit.models.load_model(tmp_path / "m.h5", compile=False)
    assert [layer.name for layer in model.layers] == list(WEIGHTS)
    np.testing.assert_allclose(model.predict(X, verbose=0), EXPECTED, rtol=1e-5, atol=1e-6)
    assert model.layers[0].kernel_regularizer.l2 == 0.25


def test_a_sequential_of_keras_1(tmp_path):
    first = {"name": "dense_1", "output_dim": 3, "activation": "relu", "init": "glorot_uniform", "input_dim": 4,
             "bias": True, "W_regularizer": None, "b_constraint": None, "batch_input_shape": [None, 4]}  # fmt: skip
    config = [
        {"class_name": "Dense", "config": first},
        {"class_name": "Dropout", "config": {"name": "dropout_1", "p": 0.25}},
        {"class_name": "Dense", "config": {"name": "dense_2", "output_dim": 3, "bias": True}},
    ]
    write_old(tmp_path / "m.h5", {"class_name": "Sequential", "config": config}, WEIGHTS, version="1.2.2")
    model = fastfit.models.load_model(tmp_path / "m.h5", compile=False)
    np.testing.assert_allclose(model.predict(X, verbose=0), EXPECTED, rtol=1e-5, atol=1e-6)
    assert model.layers[1].rate == 0.25


def node(*names):
    return [[name, 0, 0, {}] for name in names]


def test_a_model_of_keras_2(tmp_path):
    def entry(layer, *nodes):
        return {**layer, "name": layer["config"]["name"], "inbound_nodes": list(nodes)}

    def input_layer(name, units):
        config = {"batch_input_shape": [None, units], "dtype": "float32", "sparse": False, "name": name}
        return entry({"class_name": "InputLayer", "config": config})

    inner = {
        "class_name": "Sequential",
        "config": {"name": "inner", "layers": [dense("dense_2", 3, batch_input_shape=[None, 3], dtype="float32")]},
    }
    config = {
        "name": "model_1",
        "layers": [
            input_layer("input_1", 4),
            input_layer("input_2", 4),
            entry(dense("dense_1", 3), node("input_1"), node("input_2")),
            entry(
                {"class_name": "Add", "config": {"name": "add_1", "trainable": True}},
                [["dense_1", 0, 0, {}], ["dense_1", 1, 0, {}]],
            ),
            entry(
                {"class_name": "Concatenate", "config": {"name": "concatenate_1", "trainable": True, "axis": -1}},
                node("add_1", "input_2"),
            ),
            entry(inner, node("add_1")),
        ],
        "input_layers": [["input_1", 0, 0], ["input_2", 0, 0]],
        "output_layers": [["inner", 0, 0], ["concatenate_1", 0, 0]],
    }
    weights = {
        **{name: {} for name in ("input_1", "input_2", "add_1", "concatenate_1")},
        "dense_1": WEIGHTS["dense_1"],
        "inner": WEIGHTS["dense_2"],
    }
    write_old(tmp_path / "m.h5", {"class_name": "Model", "config": config}, weights)
    model = fastfit.models.load_model(tmp_path / "m.h5", compile=False)
    other = X[::-1]
    summed = X @ KERNEL + BIAS + other @ KERNEL + BIAS
    first, second = model.predict([X, other], verbose=0)
    np.testing.assert_allclose(first, summed @ LAST + LAST_BIAS, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(second, np.hstack([summed, other]), rtol=1e-4, atol=1e-5)


def trains_on(optimizer, decay=0.0, loss="mse", metrics=("mae",), **config):
    return {
        "optimizer_config": {"class_name": optimizer, "config": {"lr": 0.01, "decay": decay, **config}},
        **{"loss": loss, "metrics": list(metrics), "sample_weight_mode": None, "loss_weights": None},
    }


SHAPES = [a.shape for values in WEIGHTS.values() for a in values.values()]


def arrays(seed):
    return [np.abs(np.random.RandomState(seed + i).randn(*shape)).astype("float32") for i, shape in enumerate(SHAPES)]


def test_the_optimizer_of_keras_2(tmp_path):
    """Adam's step count, all first moments, all second ones, and the empty third ones."""
    first, second = arrays(10), arrays(20)
    names = iter(range(100))
    values = [*first, *second, *([np.zeros(1, "float32")] * len(SHAPES))]
    slots = [("Adam/iterations:0", np.int64(7))] + [(f"training/Adam/Variable_{next(names)}:0", v) for v in values]
    training = trains_on("Adam", decay=0.5, beta_1=0.8, beta_2=0.99, epsilon=None, amsgrad=False)
    write_old(tmp_path / "m.h5", {"class_name": "Sequential", "config": STACK}, WEIGHTS, training, slots)
    model = fastfit.models.load_model(tmp_path / "m.h5")
    optimizer = model.optimizer
    assert int(optimizer.iterations) == 7 and optimizer.beta_1 == 0.8
    np.testing.assert_allclose(float(optimizer.learning_rate), 0.01 / (1 + 0.5 * 7), rtol=1e-6)
    for k, wanted in enumerate((first, second)):
        for v, value in zip(model.trainable_variables, wanted, strict=True):
            np.testing.assert_array_equal(optimizer.slots_like(v)[k].numpy(), value)
    assert list(model.fit(X, X[:, :3], verbose=0).history) == ["loss", "mae"]


def test_optimizers_of_keras_2_without_a_step_count(tmp_path):
    """RMSprop has its accumulators alone; SGD has moments even if it has no momentum."""
    for optimizer, config, values, kinds in (
        ("RMSprop", {"rho": 0.8, "epsilon": 1e-7}, arrays(30), 1),
        ("SGD", {"momentum": 0.0, "nesterov": False}, arrays(40), 0),
        ("SGD", {"momentum": 0.5, "nesterov": True}, arrays(40), 1),
    ):
        count = [("SGD/iterations:0", np.int64(3))] if optimizer == "SGD" else []
        slots = count + [(f"training/{optimizer}/Variable_{i}:0", v) for i, v in enumerate(values)]
        training = trains_on(optimizer, **config)
        write_old(tmp_path / "m.h5", {"class_name": "Sequential", "config": STACK}, WEIGHTS, training, slots)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model = fastfit.models.load_model(tmp_path / "m.h5")
        assert int(model.optimizer.iterations) == (3 if count else 0)
        for v, value in zip(model.trainable_variables, values, strict=True):
            assert all(np.array_equal(s.numpy(), value) for s in model.optimizer.slots_like(v))
            assert len(model.optimizer.slots_like(v)) == kinds


def test_the_optimizer_of_tensorflow_2_11(tmp_path):
    """Slots variable by variable, as today, with the step count alone before them."""
    first, second = arrays(10), arrays(20)
    slots = [("iteration:0", np.int64(5))]
    for i, (m, v) in enumerate(zip(first, second, strict=True)):
        slots += [(f"Adam/m/w{i}:0", m), (f"Adam/v/w{i}:0", v)]
    training = {
        "optimizer_config": {
            "class_name": "Adam",
            "config": {"name": "Adam", "learning_rate": 0.02, "jit_compile": False, "is_legacy_optimizer": False},
        },
        "loss": {"class_name": "MeanSquaredError", "config": {"reduction": "auto", "fn": "mean_squared_error"}},
        "metrics": [[{"class_name": "MeanMetricWrapper", "config": {"name": "mae", "fn": "mean_absolute_error"}}]],
        "weighted_metrics": None,
        "loss_weights": None,
    }
    write_old(tmp_path / "m.h5", {"class_name": "Sequential", "config": STACK}, WEIGHTS, training, slots, "2.11.0")
    model = fastfit.models.load_model(tmp_path / "m.h5")
    assert int(model.optimizer.iterations) == 5
    for v, m, n in zip(model.trainable_variables, first, second, strict=True):
        for slot, value in zip(model.optimizer.slots_like(v), (m, n), strict=True):
            np.testing.assert_array_equal(slot.numpy(), value)
    assert list(model.fit(X, X[:, :3], verbose=0).history) == ["loss", "mae"]


def test_an_optimizer_state_that_does_not_fit(tmp_path):
    slots = [("Adam/iterations:0", np.int64(7)), ("Adam/x:0", np.zeros(5, "float32"))]
    training = trains_on("Adam", beta_1=0.9)
    write_old(tmp_path / "m.h5", {"class_name": "Sequential", "config": STACK}, WEIGHTS, training, slots)
    with pytest.warns(UserWarning, match="state of the optimizer does not fit"):
        model = fastfit.models.load_model(tmp_path / "m.h5")
    assert int(model.optimizer.iterations) == 0


def test_layers_that_are_not_here(tmp_path):
    config = [{"class_name": "LSTM", "config": {"name": "lstm_1", "units": 3, "batch_input_shape": [None, 3, 4]}}]
    write_old(tmp_path / "m.h5", {"class_name": "Sequential", "config": config}, {"lstm_1": {}})
    with pytest.raises((TypeError, ValueError), match="LSTM"):
        fastfit.models.load_model(tmp_path / "m.h5")


def test_lambdas_of_keras_2(tmp_path):
    def config(function, kind):
        return [
            dense("dense_1", 3, batch_input_shape=[None, 4], dtype="float32"),
            {
                "class_name": "Lambda",
                "config": {
                    **{"name": "lambda_1", "trainable": True, "function": function, "function_type": kind},
                    **{"output_shape": None, "output_shape_type": "raw", "arguments": {}},
                },
            },
        ]

    weights = {"dense_1": WEIGHTS["dense_1"], "lambda_1": {}}
    code = ["4wEAAAA=", None, None]
    write_old(tmp_path / "a.h5", {"class_name": "Sequential", "config": config(code, "lambda")}, weights)
    with pytest.raises((TypeError, ValueError), match="lambda"):
        fastfit.models.load_model(tmp_path / "a.h5")
    write_old(tmp_path / "b.h5", {"class_name": "Sequential", "config": config("own_act", "function")}, weights)
    model = fastfit.models.load_model(tmp_path / "b.h5", custom_objects={"own_act": own_act}, compile=False)
    np.testing.assert_allclose(model.predict(X, verbose=0), 2 * np.tanh(X @ KERNEL + BIAS), rtol=1e-4, atol=1e-5)


# Hostile files -----------------------------------------------------------------------------------------------------


def change(path, function):
    with h5py.File(path, "r+") as file:
        function(file)


def soft(file):
    del file["model_weights/dense_1/dense_1/kernel:0"]
    file["model_weights/dense_1/dense_1/kernel:0"] = h5py.SoftLink("/model_weights/dense_2/dense_2/kernel:0")


def external(file):
    del file["model_weights/dense_2"]
    file["model_weights/dense_2"] = h5py.ExternalLink("other.h5", "/")


def huge(file):
    del file["model_weights/dense_1/dense_1/kernel:0"]
    file.create_dataset("model_weights/dense_1/dense_1/kernel:0", (1 << 20, 1 << 20), "float32", chunks=(1024, 1024))


def names_of_numbers(file):
    file["model_weights"].attrs["layer_names"] = np.arange(3)


def huge_names(file):
    file["model_weights"].attrs["layer_names"] = np.float64(3)


def no_group(file):
    file["model_weights"].attrs["layer_names"] = [b"dense_1", b"../etc"]


def text_is_number(file):
    file.attrs["model_config"] = 3


def no_dict(file):
    file.attrs["model_config"] = b"[1, 2]"


def deep(file):
    file.attrs["model_config"] = b'{"class_name": ' + b"[" * 100000


def many_units(file):
    config = json.loads(file.attrs["model_config"])
    config["config"][0]["config"]["units"] = 1 << 28
    file.attrs["model_config"] = json.dumps(config).encode()


HOSTILE = [soft, external, huge, names_of_numbers, huge_names, no_group, text_is_number, no_dict, deep, many_units]


@pytest.mark.parametrize("harm", HOSTILE)
def test_hostile_files_are_refused(tmp_path, harm):
    write_old(tmp_path / "m.h5", {"class_name": "Sequential", "config": STACK}, WEIGHTS)
    model = fastfit.models.load_model(tmp_path / "m.h5", compile=False)
    before = model.get_weights()
    change(tmp_path / "m.h5", harm)
    with pytest.raises((TypeError, ValueError)):
        fastfit.models.load_model(tmp_path / "m.h5", compile=False)
    if harm not in (text_is_number, no_dict, deep, many_units):
        with pytest.raises(ValueError):
            model.load_weights(tmp_path / "m.h5")
        assert_close(model.get_weights(), before, rtol=0)


def test_a_heap_of_texts_that_goes_round(tmp_path):
    """The HDF5 library would read an entry of no bytes forever."""
    write_old(tmp_path / "m.h5", {"class_name": "Sequential", "config": STACK}, WEIGHTS)
    with h5py.File(tmp_path / "m.h5", "r+") as file:
        file.attrs["keras_version"] = "2.2.4"  # text of any length, which lies in a heap
    data = bytearray((tmp_path / "m.h5").read_bytes())
    heap = data.find(b"GCOL")
    data[heap + 16 : heap + 32] = bytes(16)
    (tmp_path / "m.h5").write_bytes(data)
    with pytest.raises(ValueError, match="heap of texts.*entry of 0 bytes"):
        fastfit.models.load_model(tmp_path / "m.h5")


@pytest.mark.parametrize("at, value", ((0, b"x"), (8, b"\x09"), (13, b"\x04")))
def test_the_head_of_an_hdf5_file(tmp_path, at, value):
    write_old(tmp_path / "m.h5", {"class_name": "Sequential", "config": STACK}, WEIGHTS)
    data = bytearray((tmp_path / "m.h5").read_bytes())
    data[at : at + 1] = value
    (tmp_path / "m.h5").write_bytes(data)
    with pytest.raises(ValueError, match="begin as an HDF5 file|head of the HDF5 file"):
        fastfit.models.load_model(tmp_path / "m.h5")
