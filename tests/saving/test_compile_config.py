"""What `get_compile_config` gives: Keras's config, which JSON holds and `compile_from_config` reads."""

import json

import keras
import numpy as np
import pytest

import fastfit


def model(k, outputs=1):
    inputs = k.Input((3,), name="x")
    made = [k.layers.Dense(2, name=f"y{i}")(inputs) for i in range(outputs)]
    return k.Model(inputs, made if outputs > 1 else made[0], name="m")


def registered(k):
    """A loss, a metric and a loss class of one's own, registered with a library."""
    register = k.saving.register_keras_serializable("own")

    @register
    def squared_by_hand(y_true, y_pred):
        return k.ops.mean(k.ops.square(y_true - y_pred), axis=-1)

    @register
    class PowerOfError(k.losses.Loss):
        def __init__(self, power=2.0, name="own", **kwargs):
            super().__init__(name=name, **kwargs)
            self.power = power

        def call(self, y_true, y_pred):
            return k.ops.mean(k.ops.abs(y_true - y_pred) ** self.power, axis=-1)

        def get_config(self):
            return {**super().get_config(), "power": self.power}

    return squared_by_hand, PowerOfError


# Name to (number of outputs, arguments of `compile` for a library).
ARGUMENTS = {
    "names": (1, lambda k: {"optimizer": "adam", "loss": "mse", "metrics": ["mae", "accuracy"]}),
    "objects": (
        1,
        lambda k: {
            "optimizer": k.optimizers.SGD(0.1, momentum=0.9, nesterov=True, clipnorm=1.0),
            "loss": k.losses.CategoricalCrossentropy(label_smoothing=0.1),
            "metrics": [k.metrics.MeanAbsoluteError(name="e"), k.metrics.RootMeanSquaredError()],
            "weighted_metrics": [k.metrics.MeanSquaredError()],
        },
    ),
    "functions": (
        1,
        lambda k: {"loss": k.losses.mean_squared_error, "metrics": [k.metrics.mean_absolute_error]},
    ),
    "schedule": (
        1,
        lambda k: {"optimizer": k.optimizers.Adam(k.optimizers.schedules.CosineDecay(0.1, 10)), "loss": "mse"},
    ),
    "wrapped": (1, lambda k: {"optimizer": k.optimizers.LossScaleOptimizer(k.optimizers.Adam()), "loss": "mae"}),
    "lists": (
        2,
        lambda k: {
            "loss": ["mse", k.losses.MeanAbsoluteError()],
            "loss_weights": [1.0, 0.5],
            "metrics": [["mae"], [k.metrics.MeanSquaredError()]],
        },
    ),
    "dicts": (
        2,
        lambda k: {
            "loss": {"y0": "mse", "y1": k.losses.LogCosh()},
            "loss_weights": {"y0": 1.0, "y1": 2.0},
            "metrics": {"y1": ["mae", k.metrics.MeanSquaredError(name="q")]},
            "weighted_metrics": {"y0": "mae"},
        },
    ),
    "own function": (1, lambda k: {"loss": registered(k)[0], "metrics": [registered(k)[0]]}),
    "own class": (1, lambda k: {"loss": registered(k)[1](1.5)}),
    "steps": (1, lambda k: {"loss": "mse", "steps_per_execution": 4, "run_eagerly": True}),
    "no loss": (1, lambda k: {"optimizer": "sgd"}),
}


def without_numbers(config):
    """A config without what counts objects or says how Keras compiles."""
    if isinstance(config, dict):
        left = {key: without_numbers(value) for key, value in config.items() if key not in ("jit_compile", "module")}
        if isinstance(left.get("config"), dict) and left["config"].keys() & {"learning_rate", "inner_optimizer"}:
            left["config"].pop("name")
        return left
    if isinstance(config, (list, tuple)):
        return [without_numbers(x) for x in config]
    return pytest.approx(config, rel=1e-6) if isinstance(config, float) else config


@pytest.mark.parametrize("name", ARGUMENTS)
def test_config_is_that_of_keras(name):
    outputs, arguments = ARGUMENTS[name]
    ours, theirs = model(fastfit, outputs), model(keras, outputs)
    ours.compile(**arguments(fastfit))
    theirs.compile(**arguments(keras))
    config, wanted = ours.get_compile_config(), theirs.get_compile_config()
    json.dumps(config)
    assert set(config) == set(wanted)
    assert without_numbers(json.loads(json.dumps(config))) == without_numbers(json.loads(json.dumps(wanted)))


@pytest.mark.parametrize("name", ARGUMENTS)
def test_a_model_compiled_from_it_trains_the_same_way(name):
    outputs, arguments = ARGUMENTS[name]
    first, second = model(fastfit, outputs), model(fastfit, outputs)
    second.set_weights(first.get_weights())
    first.compile(**arguments(fastfit))
    config = json.loads(json.dumps(first.get_compile_config()))
    second.compile_from_config(config)
    assert second.optimizer is not first.optimizer and type(second.optimizer) is type(first.optimizer)
    assert second.get_compile_config() == first.get_compile_config()
    if name == "no loss":
        return
    rng = np.random.RandomState(0)
    x, y = rng.randn(32, 3).astype("float32"), [rng.rand(32, 2).astype("float32") for _ in range(outputs)]
    logs = []
    for m in (first, second):
        logs.append(m.fit(x, y if outputs > 1 else y[0], shuffle=False, verbose=0, epochs=2).history)
    assert logs[0] == logs[1]
    assert all(map(np.array_equal, first.get_weights(), second.get_weights()))


def test_a_model_that_is_not_compiled():
    assert model(fastfit).get_compile_config() == model(keras).get_compile_config() == {}


@pytest.mark.parametrize("k", (keras, fastfit), ids=("keras", "fastfit"))
def test_a_compile_of_ones_own_is_not_called(k, tmp_path):
    class Own(k.Model):
        def compile(self, optimizer, strength):
            super().compile(optimizer, loss="mse")
            self.strength = strength

    inputs = k.Input((3,))
    own = Own(inputs, k.layers.Dense(1)(inputs))
    own.compile("sgd", 3)
    own.save(tmp_path / "m.keras")
    with pytest.warns(UserWarning, match=r"not .*compile|compile.*not"):
        loaded = k.models.load_model(tmp_path / "m.keras", custom_objects={"Own": Own})
    assert k is keras or not loaded.compiled  # Keras says that it is
