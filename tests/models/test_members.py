"""Members of models and layers: those of Keras are there, or ``docs/keras.md`` says why not."""

import copy
import pathlib
import pickle
import re

import keras
import numpy as np
import pytest

import fastfit

assert_close = np.testing.assert_allclose

DOCS = pathlib.Path(__file__).parents[2] / "docs" / "keras.md"
LIBRARIES = pytest.mark.parametrize("k", [fastfit, keras], ids=["fastfit", "keras"])
X = np.random.default_rng(0).normal(size=(3, 2)).astype("float32")


def public(x):
    return {name for name in dir(x) if not name.startswith("_")}


def functional(k):
    x = k.Input((2,), name="x")
    return k.Model(x, k.layers.Dense(1, name="d")(x), name="f")


def sequential(k):
    return k.Sequential([k.Input((2,)), k.layers.Dense(1, name="d")], name="s")


def trained(k):
    model = sequential(k)
    model.set_weights([np.ones((2, 1), "float32"), np.zeros(1, "float32")])
    model.compile("adam", "mse", metrics=["mae"])
    model.train_on_batch(X, X[:, :1])
    return model


def left_out():
    text = DOCS.read_text(encoding="utf-8").split("## Members of models and layers")[1].split("\n## ")[0]
    rows = [line.split(":")[0] for line in text.splitlines() if line.startswith("- `")]
    return {name for row in rows for name in re.findall(r"`(\w+)`", row)}


MAKERS = {
    "Model": functional,
    "Sequential": sequential,
    "Layer": lambda k: k.layers.Layer(name="l"),
    "Dense": lambda k: k.layers.Dense(2, name="d"),
}


@pytest.mark.parametrize("kind", MAKERS)
def test_members_are_those_of_keras(kind):
    missing = public(MAKERS[kind](keras)) - public(MAKERS[kind](fastfit))
    assert missing <= left_out()


def test_what_is_said_to_be_left_out_is():
    there = set().union(*(public(make(fastfit)) for make in MAKERS.values()))
    assert left_out() and not left_out() & there


def test_state_tree():
    trees = []
    for k in (fastfit, keras):
        k.utils.clear_session()  # the optimizer's name is counted from here
        trees.append(trained(k).get_state_tree("numpy_array"))

    def flat(tree, path=""):
        if not isinstance(tree, dict):
            return {path: tree}
        return {p: x for key, value in tree.items() for p, x in flat(value, f"{path}/{key}").items()}

    ours, theirs = map(flat, trees)
    assert list(ours) == list(theirs)
    for path in ours:
        assert_close(ours[path], theirs[path], rtol=1e-4, atol=1e-6)


def test_set_state_tree():
    model = trained(fastfit)
    tree, weights = model.get_state_tree(), model.get_weights()
    slots = [v.numpy() for v in model.optimizer.variables]
    model.train_on_batch(X, X[:, 1:])
    assert not np.array_equal(model.get_weights()[0], weights[0])
    model.set_state_tree(tree)
    now = [*model.get_weights(), *(v.numpy() for v in model.optimizer.variables)]
    assert all(np.array_equal(a, b) for a, b in zip(now, weights + slots, strict=True))


@pytest.mark.parametrize(
    "tree",
    [
        {"weights": {}},
        {"trainable_variables": {"s": {"d": {"nothing": 1.0}}}},
        {"trainable_variables": {"s": {"d": {"bias": np.ones(1), "kernel": np.ones(7)}}}},
    ],
)
def test_a_tree_that_does_not_fit_changes_nothing(tree):
    model = trained(fastfit)
    before = model.get_weights()
    with pytest.raises(ValueError, match="Received|has no variable"):
        model.set_state_tree(tree)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_a_state_tree_needs_a_path_for_each_variable():
    class Twice(fastfit.layers.Layer):
        def build(self, input_shape):
            self.u = self.add_weight(shape=(1,), name="w")
            self.v = self.add_weight(shape=(1,), name="w")

        def call(self, inputs):
            return inputs * self.u * self.v

    model = fastfit.Sequential([fastfit.Input((2,)), Twice()])
    with pytest.raises(ValueError, match="Two variables have the path"):
        model.get_state_tree()
    with pytest.raises(ValueError, match="value_format"):
        model.get_state_tree("list")


@LIBRARIES
def test_stateless_call(k):
    model = trained(k)
    before = model.get_weights()
    outputs, state = model.stateless_call([np.full((2, 1), 2.0, "float32"), np.ones(1, "float32")], [], X)
    assert_close(np.asarray(outputs), X.sum(1, keepdims=True) * 2 + 1, rtol=1e-5)
    assert state == []
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


@LIBRARIES
def test_stateless_call_of_a_layer_that_counts(k):
    class Counts(k.layers.Layer):
        def build(self, input_shape):
            self.n = self.add_weight(shape=(), initializer="zeros", trainable=False, name="n")

        def call(self, inputs):
            self.n.assign(self.n + 1.0)
            return inputs * self.n

    layer = Counts()
    layer.build((None, 2))
    outputs, (n,) = layer.stateless_call([], [np.float32(4.0)], X)
    assert_close(np.asarray(outputs), X * 5, rtol=1e-6)
    assert float(n) == 5 and float(layer.n.numpy()) == 0


@LIBRARIES
def test_stateless_call_refuses(k):
    model = trained(k)
    with pytest.raises(ValueError, match="with length 0, but expected 2 variables"):
        model.stateless_call([], [], X)
    with pytest.raises(ValueError, match="built"):
        k.layers.Dense(2).stateless_call([], [], X)


def test_stateless_call_checks_shapes():
    with pytest.raises(ValueError, match="another shape"):
        trained(fastfit).stateless_call([np.ones((3, 1)), np.ones(1)], [], X)


@LIBRARIES
def test_what_compile_was_given(k):
    model = sequential(k)
    assert model.run_eagerly is False
    model.compile("sgd", "mse", run_eagerly=True, jit_compile=False)
    assert (model.loss, model.run_eagerly, model.jit_compile) == ("mse", True, False)
    assert trained(k).jit_compile is True and model.supports_jit


@LIBRARIES
def test_dtypes(k):
    layer = k.layers.Dense(2)
    assert layer.dtype_policy.name == layer.dtype_policy.compute_dtype == layer.input_dtype == "float32"
    assert layer.dtype_policy == k.layers.Dense(3).dtype_policy and layer.quantization_mode is None
    layer.dtype_policy = "float64"
    assert layer.dtype_policy.variable_dtype == layer.variable_dtype == "float64"


def test_dtype_of_a_built_layer_stays():
    layer = fastfit.layers.Dense(2)
    layer.build((None, 2))
    layer.dtype_policy = layer.dtype_policy
    with pytest.raises(ValueError, match="after it is built"):
        layer.dtype_policy = "float64"
    with pytest.raises(ValueError, match="one dtype"):
        layer.dtype_policy = "mixed_float16"


@LIBRARIES
def test_metrics_variables(k):
    paths = [v.path for v in trained(k).metrics_variables]
    assert paths == ["loss/total", "loss/count", "mean_absolute_error/total", "mean_absolute_error/count"]
    assert k.layers.Dense(2).metrics_variables == []


@LIBRARIES
def test_add_metric_is_gone(k):
    with pytest.raises(NotImplementedError, match="compile"):
        k.layers.Dense(2).add_metric(1)


@pytest.mark.parametrize("name", ["make_train_function", "make_test_function", "make_predict_function"])
def test_functions_of_steps(name):
    with pytest.raises(NotImplementedError, match="train_step"):
        getattr(trained(fastfit), name)()
    with pytest.raises(TypeError, match=name):
        type("Mine", (fastfit.Model,), {name: lambda self, force=False: None})


def test_what_is_not_made():
    model = trained(fastfit)
    with pytest.raises(NotImplementedError, match="onnx"):
        model.export("somewhere", format="onnx")
    with pytest.raises(NotImplementedError, match="int8"):
        model.quantize("int8")


def copies():
    return [copy.deepcopy, copy.copy, lambda x: pickle.loads(pickle.dumps(x))]


@pytest.mark.parametrize("way", range(3), ids=["deepcopy", "copy", "pickle"])
def test_models_are_copied_and_pickled(way):
    model = trained(fastfit)
    other = copies()[way](model)
    assert other is not model and other.weights[0] is not model.weights[0]
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), other.get_weights(), strict=True))
    for k in (model, other):
        k.train_on_batch(X, X[:, 1:])  # with the optimizer's state
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), other.get_weights(), strict=True))


class Doubled(fastfit.Model):
    """A class that no registry knows."""

    def __init__(self, units=1, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.dense = fastfit.layers.Dense(units)

    def call(self, x):
        return 2 * self.dense(x)


@pytest.mark.parametrize("way", range(3), ids=["deepcopy", "copy", "pickle"])
def test_models_of_own_classes_are_copied_and_pickled(way):
    model = Doubled(3)
    expected = model(X)
    other = copies()[way](model)
    assert type(other) is Doubled and other.units == 3
    assert_close(other(X), expected)


@pytest.mark.parametrize("way", [0, 2], ids=["deepcopy", "pickle"])
def test_layers_and_variables_are_copied_and_pickled(way):
    layer = fastfit.layers.Dense(3)
    expected = layer(X)
    other = copies()[way](layer)
    assert_close(other(X), expected)
    other.kernel.assign(other.kernel * 2)
    assert_close(layer(X), expected)
    variable = fastfit.Variable(np.arange(3.0), name="v", trainable=False)
    again = copies()[way](variable)
    assert (again.name, again.trainable, again.dtype) == ("v", False, "float32")
    assert_close(again.numpy(), [0, 1, 2])
