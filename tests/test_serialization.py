"""Objects as configs and back: Keras's format, names, custom objects, lambdas."""

import importlib
import inspect
import json

import keras
import numpy as np
import pytest
from keras.src import losses as keras_losses
from keras.src import metrics as keras_metrics

import fastfit
from fastfit import constraints, initializers, layers, losses, metrics, models, ops, regularizers, saving
from fastfit.utils.naming import to_snake_case
from tests.oracle import names

MODULES = ("activations", "constraints", "initializers", "losses", "metrics", "regularizers")


def _pair(module):
    return importlib.import_module(f"fastfit.{module}"), getattr(keras, module)


def _objects():
    """(module, name, args, kwargs) of every row that makes an object; functions have neither."""
    for module in MODULES:
        for row in names.ROWS[module]:
            if row.kind in ("activation", "loss_function", "metric_function"):
                yield pytest.param(module, row.name, None, None, id=f"{module}-{row.name}")
                continue
            for number, variant in enumerate(row.variants):
                yield pytest.param(module, row.name, row.args, variant, id=f"{module}-{row.name}-{row.inputs}-{number}")


OBJECTS = list(_objects())
all_objects = pytest.mark.parametrize(("module", "name", "args", "kwargs"), OBJECTS)


def _make(module, name, args, kwargs):
    function = getattr(module, name)
    return function if args is None else function(*args, **kwargs)


def _numbered(config):
    """The config without the number that an automatic name may end in."""
    inner = config.get("config") if isinstance(config, dict) else None
    if not isinstance(inner, dict) or "name" not in inner:
        return config
    return {**config, "config": {**inner, "name": inner["name"].rstrip("_0123456789")}}


def _assert_same(ours, theirs):
    """Assert that configs say the same; Keras writes some numbers in float32 and some lists as tensors."""
    ours, theirs = saving.deserialize_keras_object(ours), saving.deserialize_keras_object(theirs)
    assert list(ours) == list(theirs)
    for key, value in theirs.items():
        if isinstance(value, (float, list, np.ndarray)) and np.asarray(value).dtype.kind == "f":
            np.testing.assert_allclose(ours[key], value, rtol=1e-6)
        else:
            assert ours[key] == value, key


# Keras cannot read what it writes itself.
UNREADABLE_BY_KERAS = {"CategoricalGeneralizedCrossEntropy"}


@all_objects
def test_config_is_that_of_keras(module, name, args, kwargs):
    ours, theirs = _pair(module)
    found = _numbered(ours.serialize(_make(ours, name, args, kwargs)))
    expected = _numbered(theirs.serialize(_make(theirs, name, args, kwargs)))
    if args is None:
        assert found == expected
        return
    assert {k: v for k, v in found.items() if k != "config"} == {k: v for k, v in expected.items() if k != "config"}
    # Keras forgets some arguments, such as the gain of Identity.
    _assert_same({k: found["config"].get(k) for k in expected["config"]}, expected["config"])


@all_objects
def test_round_trip(module, name, args, kwargs):
    ours, theirs = _pair(module)
    obj = _make(ours, name, args, kwargs)
    config = ours.serialize(obj)
    for read in (config, json.loads(json.dumps(config))):
        for again in (ours.deserialize(read), ours.get(read), saving.deserialize_keras_object(read)):
            if args is None:
                assert again is obj or (module == "activations" and again == config)  # a name alone is a plain value
            else:
                assert type(again) is type(obj) and ours.serialize(again) == config
    # Each reads what the other wrote.
    if args is not None and name not in UNREADABLE_BY_KERAS:
        theirs_read = theirs.deserialize(config)
        assert type(theirs_read).__name__ == type(obj).__name__
        ours_read = ours.deserialize(theirs.serialize(_make(theirs, name, args, kwargs)))
        assert type(ours_read) is type(obj)


def _classes():
    for module in MODULES:
        for name in sorted({row.name for row in names.ROWS[module] if row.name[0].isupper()}):
            yield module, name


@pytest.mark.parametrize(("module", "name"), list(_classes()))
def test_get(module, name):
    ours, _ = _pair(module)
    cls = getattr(ours, name)
    required = [p for p in inspect.signature(cls).parameters.values() if p.default is p.empty and p.kind < 2]
    if required:
        obj = cls(*next(r.args for r in names.ROWS[module] if r.name == name), **next(
            r.variants[0] for r in names.ROWS[module] if r.name == name))  # fmt: skip
    else:
        obj = cls()
        for identifier in (name, cls, {"class_name": name, "config": {}}, {"class_name": name}):
            assert type(ours.get(identifier)) is cls
        if module != "losses":  # there the snake-cased name is the function
            assert type(ours.get(to_snake_case(name))) is cls
    assert ours.get(obj) is obj


@pytest.mark.parametrize("module", MODULES)
def test_get_refuses(module):
    ours, _ = _pair(module)
    assert ours.get(None) is (ours.linear if module == "activations" else None)
    for bad in ("nonsense", {"class_name": "Nonsense", "config": {}}, 3):
        with pytest.raises(ValueError, match="(?i)nonsense|3"):
            ours.get(bad)
    with pytest.raises(ValueError, match="nonsense"):
        ours.deserialize("nonsense")
    with pytest.raises(ValueError, match="config"):
        ours.deserialize({"config": {}})
    assert ours.deserialize(None) is None and ours.serialize(None) is None

    def own(*args):
        return args[0]

    assert ours.get(own) is own


@pytest.mark.parametrize(
    ("module", "table"), [("losses", keras_losses.ALL_OBJECTS_DICT), ("metrics", keras_metrics.ALL_OBJECTS_DICT)]
)
def test_names_that_keras_knows(module, table):
    ours, _ = _pair(module)
    for name, meant in table.items():
        if name.lower() == "ctc" or meant.__name__ in ("CTC", "Loss", "Metric"):
            continue
        if inspect.isclass(meant) and any(
            p.default is p.empty and p.kind < 2 for p in list(inspect.signature(meant).parameters.values())
        ):
            with pytest.raises(TypeError, match="required"):
                ours.get(name)
            continue
        found = ours.get(name)
        assert getattr(found, "__name__", type(found).__name__) == meant.__name__, name


@pytest.mark.parametrize(
    ("module", "old", "meant"),
    [
        ("losses", "cosine_proximity", "cosine_similarity"),
        ("losses", "cosine", "cosine_similarity"),
        ("losses", "kullback_leibler_divergence", "kl_divergence"),
        ("losses", "logcosh", "log_cosh"),
        ("metrics", "cosine_proximity", "CosineSimilarity"),
        ("metrics", "kullback_leibler_divergence", "KLDivergence"),
        ("metrics", "logcosh", "LogCoshError"),
        ("initializers", "normal", "RandomNormal"),
        ("initializers", "uniform", "RandomUniform"),
        ("initializers", "zero", "Zeros"),
        ("initializers", "one", "Ones"),
        ("activations", "swish", "silu"),
        ("activations", "hard_swish", "hard_silu"),
        ("regularizers", "l1_l2", "L1L2"),
        ("constraints", "maxnorm", "MaxNorm"),
        ("constraints", "nonneg", "NonNeg"),
        ("constraints", "unitnorm", "UnitNorm"),
    ],
)
def test_older_names(module, old, meant):
    found = _pair(module)[0].get(old)
    assert getattr(found, "__name__", type(found).__name__) == meant


@pytest.mark.parametrize("module", ["constraints", "initializers", "regularizers"])
def test_aliases(module):
    ours, theirs = _pair(module)
    for name, meant in vars(theirs).items():
        if inspect.isclass(meant):
            assert getattr(ours, name).__name__ == meant.__name__, name
            assert name in ours.__all__


# ---- values that are no objects ----

PLAIN = [
    None, 1, 2.5, "text", True, [1, [2, "x"]], (1, (2, 3)), {"a": 1, "b": [1.5, None]}, b"bytes",
    slice(1, None, 2), ..., np.arange(6.0).reshape(2, 3), np.float32(1.5), np.int64(3), np.array(2.0),
    {"deep": [np.arange(2), slice(3)]},
]  # fmt: skip


@pytest.mark.parametrize("value", PLAIN, ids=lambda v: str(v)[:20])
def test_plain_values(value):
    config = saving.serialize_keras_object(value)
    assert config == keras.saving.serialize_keras_object(value)
    json.dumps(config)
    ours, theirs = saving.deserialize_keras_object(config), keras.saving.deserialize_keras_object(config)
    assert type(ours) is type(theirs)
    np.testing.assert_equal(ours, theirs)


def test_arrays_of_other_backends_are_read():
    config = keras.saving.serialize_keras_object(keras.ops.ones((2,)))
    np.testing.assert_array_equal(saving.deserialize_keras_object(config), np.ones(2, "float32"))


def test_objects_without_config():
    with pytest.raises(TypeError, match="get_config"):
        saving.serialize_keras_object(object())
    bad = type("Bad", (), {"get_config": lambda self: [1]})()
    with pytest.raises(TypeError, match="should return a dict"):
        saving.serialize_keras_object(bad)
    with pytest.raises(TypeError, match="Could not parse"):
        saving.deserialize_keras_object(object())
    with pytest.raises(ValueError, match="wrong"):
        saving.deserialize_keras_object({}, wrong=1)


# ---- custom objects ----


class OwnLoss(losses.Loss):
    def __init__(self, power=2.0, name="own", **kwargs):
        super().__init__(name=name, **kwargs)
        self.power = power

    def call(self, y_true, y_pred):
        return ops.mean(ops.abs(y_true - y_pred) ** self.power, axis=-1)

    def get_config(self):
        return {**super().get_config(), "power": self.power}


class OwnRegularizer(regularizers.Regularizer):
    def __call__(self, x):
        return 0.1 * ops.sum(ops.abs(x))

    def get_config(self):
        return {}


class OwnConstraint(constraints.Constraint):
    def __call__(self, w):
        return ops.clip(w, -1.0, 1.0)


class OwnInitializer(initializers.Initializer):
    def __call__(self, shape, dtype=None):
        return np.full(shape, 7.0, dtype or "float32")


class OwnMetric(metrics.Mean):
    pass


OWN = [
    ("losses", OwnLoss), ("regularizers", OwnRegularizer), ("constraints", OwnConstraint),
    ("initializers", OwnInitializer), ("metrics", OwnMetric),
]  # fmt: skip


@pytest.mark.parametrize(("module", "cls"), OWN)
def test_own_classes(module, cls):
    ours, _ = _pair(module)
    obj = cls()
    config = ours.serialize(obj)
    assert config["class_name"] == config["registered_name"] == cls.__name__
    assert config["module"] == cls.__module__ and config["config"] == obj.get_config()
    for read in (ours.deserialize, ours.get, saving.deserialize_keras_object):
        with pytest.raises(TypeError, match=f"{cls.__name__}.*register_keras_serializable"):
            read(config)
    table = {cls.__name__: cls}
    for again in (ours.deserialize(config, table), saving.deserialize_keras_object(config, table)):
        assert type(again) is cls and again.get_config() == obj.get_config()
    with saving.custom_object_scope(table):
        assert type(ours.get(config)) is cls and type(ours.get(cls.__name__)) is cls
    with pytest.raises(ValueError, match=cls.__name__):
        ours.get(cls.__name__)


def test_base_classes_say_what_is_missing():
    for make, message in (
        (lambda: losses.Loss()(np.ones(2), np.ones(2)), "call"),
        (lambda: metrics.Metric().update_state(1), "update_state"),
        (lambda: initializers.Initializer()((2,)), "__call__"),
        (lambda: constraints.Constraint()(np.ones(2)), "__call__"),
        (lambda: regularizers.Regularizer().get_config(), "get_config"),
    ):
        with pytest.raises(NotImplementedError, match=message):
            make()


def test_scopes():
    assert saving.custom_object_scope is saving.CustomObjectScope
    with saving.custom_object_scope({"Own": OwnLoss}):
        assert saving.get_registered_object("Own") is OwnLoss
        with saving.CustomObjectScope({"Own": OwnMetric}):
            assert saving.get_registered_object("Own") is OwnMetric
        assert type(losses.get("Own")) is OwnLoss
    assert saving.get_registered_object("Own") is None
    nested = {"class_name": "Outer", "module": "m", "registered_name": "Outer", "config": {"inner": "twice"}}

    class Outer:
        def __init__(self, inner):
            self.inner = fastfit.activations.get(inner)

        @classmethod
        def from_config(cls, config):
            return cls(**config)

    def twice(x):
        return 2 * x

    # What is made from the config finds the custom objects as well.
    assert saving.deserialize_keras_object(nested, {"Outer": Outer, "twice": twice}).inner is twice


def test_global_custom_objects():
    saving.get_custom_objects()["Anything"] = OwnLoss
    try:
        assert type(losses.get("Anything")) is OwnLoss
    finally:
        del saving.get_custom_objects()["Anything"]


def _register(registry, module):
    @module.register_keras_serializable("tests", "Renamed")
    class Special(registry.Loss):
        def call(self, y_true, y_pred):
            return y_pred

    @module.register_keras_serializable("tests")
    def special_function(y_true, y_pred):
        return y_pred

    return Special, special_function


def test_registered_objects():
    tables = saving.get_custom_objects(), keras.saving.get_custom_objects()
    others = [dict(table) for table in tables]
    Special, function = _register(losses, saving)
    KerasSpecial, keras_function = _register(keras.losses, keras.saving)
    try:
        assert saving.get_registered_name(Special) == "tests>Renamed"
        assert saving.get_registered_name(OwnLoss) == "OwnLoss"
        assert saving.get_registered_object("tests>Renamed") is Special
        config = losses.serialize(Special(name="s"))
        assert config == keras.losses.serialize(KerasSpecial(name="s"))
        assert type(losses.get(config)) is Special
        config = losses.serialize(function)
        assert config == keras.losses.serialize(keras_function)
        assert losses.get(config) is function and losses.get("special_function") is function
        assert fastfit.activations.serialize(function) == keras.activations.serialize(keras_function)
    finally:
        for table, before in zip(tables, others, strict=True):
            table.clear()
            table.update(before)
    with pytest.raises(ValueError, match="get_config"):
        saving.register_keras_serializable()(type("NoConfig", (), {}))


def test_own_functions():
    def own(y_true, y_pred):
        return y_pred

    for module in ("activations", "losses", "metrics", "initializers"):
        ours, theirs = _pair(module)
        config = ours.serialize(own)
        assert config == theirs.serialize(own)
        assert ours.deserialize(config, {"own": own}) is own
        with pytest.raises(TypeError, match="function 'own'"):
            ours.deserialize(config)
    wrapped = losses.serialize(losses.LossFunctionWrapper(own, name="w"))
    assert losses.deserialize(wrapped, {"own": own}).fn is own
    wrapped = metrics.serialize(metrics.MeanMetricWrapper(losses.hinge, name="h"))
    assert wrapped == keras.metrics.serialize(keras.metrics.MeanMetricWrapper(keras.losses.hinge, name="h"))
    assert metrics.deserialize(wrapped)._fn is losses.hinge


def test_a_class_of_another_program_is_not_taken_for_one_of_keras():
    config = {"module": "elsewhere", "class_name": "Huber", "config": {}, "registered_name": "Huber"}
    with pytest.raises(TypeError, match="Huber"):
        losses.deserialize(config)


def test_lambdas_are_refused():
    factor = 3.0
    with pytest.warns(UserWarning, match="lambda"):
        config = saving.serialize_keras_object(lambda x, y=2.0: factor * x + y)
    with pytest.warns(UserWarning, match="lambda"):
        theirs = keras.saving.serialize_keras_object(lambda x, y=2.0: factor * x + y)
    for refused in (config, theirs):
        for read in (saving.deserialize_keras_object, losses.deserialize, fastfit.activations.get):
            with pytest.raises(ValueError, match="safe_mode=False"):
                read(refused)
        assert saving.deserialize_keras_object(json.loads(json.dumps(refused)), safe_mode=False)(2.0) == 8.0
    with pytest.warns(UserWarning, match="lambda"):
        config = layers.serialize(layers.Lambda(lambda x: x * 2.0))
    with pytest.raises(ValueError, match="safe_mode=False"):
        layers.deserialize(config)
    layer = saving.deserialize_keras_object(config, safe_mode=False)
    np.testing.assert_array_equal(layer(np.ones((1, 2), "float32")), [[2, 2]])


def test_unsafe_deserialization_can_be_enabled(monkeypatch):
    monkeypatch.setattr(fastfit.config, "_safe_mode", True)
    with pytest.warns(UserWarning, match="lambda"):
        config = saving.serialize_keras_object(lambda x: -x)
    fastfit.config.enable_unsafe_deserialization()
    assert saving.deserialize_keras_object(config)(1) == -1


# ---- layers and models ----


def test_layers_and_models():
    dense = layers.Dense(2, kernel_regularizer="l2", activation="relu")
    dense.build((None, 3))
    config = saving.serialize_keras_object(dense)
    theirs = keras.layers.Dense(2, kernel_regularizer="l2", activation="relu", name=dense.name)
    theirs.build((None, 3))
    expected = keras.saving.serialize_keras_object(theirs)
    assert {k: config[k] for k in config if k != "config"} == {k: expected[k] for k in expected if k != "config"}
    for key in ("units", "activation", "kernel_regularizer", "kernel_initializer", "name", "use_bias"):
        assert config["config"][key] == expected["config"][key]
    again = saving.deserialize_keras_object(json.loads(json.dumps(config)))
    assert again.built and again.get_config() == dense.get_config() and again.kernel.shape == (3, 2)
    # What Keras wrote can be read.
    assert saving.deserialize_keras_object(expected).kernel.shape == (3, 2)

    model = models.Sequential([layers.Input((3,)), layers.Dense(1, name="out")])
    model.compile("sgd", losses.Huber(delta=0.5), metrics=["mae", metrics.MeanSquaredError(name="m")])
    again = saving.deserialize_keras_object(json.loads(json.dumps(saving.serialize_keras_object(model))))
    assert type(again) is models.Sequential and again.compiled and again.get_config() == model.get_config()
    x, y = np.ones((4, 3), "float32"), np.zeros((4, 1), "float32")
    assert set(again.evaluate(x, y, verbose=0, return_dict=True)) == {"loss", "mae", "m"}
    functional = models.Model(model.inputs, model.outputs)
    assert type(saving.deserialize_keras_object(saving.serialize_keras_object(functional))) is type(functional)
