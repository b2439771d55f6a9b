"""Functional models: the graph, sharing, names, structures, errors, configs."""

import json

import keras
import numpy as np
import pytest

from fastfit import layers, ops
from fastfit.graph import trace
from fastfit.graph.evaluate import evaluate
from fastfit.graph.tensor import KerasTensor, make_input
from fastfit.models import Functional, Model, Sequential, clone_model, model_from_json

X = np.random.default_rng(0).standard_normal((5, 4)).astype("float32")
Z = np.random.default_rng(1).standard_normal((5, 4)).astype("float32")


def two_towers(lib_layers, model):
    """A graph with a shared layer, a branch and two outputs, from our layers or Keras's."""
    a, b = lib_layers.Input((4,), name="a"), lib_layers.Input((4,), name="b")
    shared = lib_layers.Dense(3, activation="tanh", name="shared")
    joined = lib_layers.Concatenate(name="joined")([shared(a), shared(b)])
    first = lib_layers.Dense(1, name="first")(joined)
    second = lib_layers.Add(name="second")([shared(a), lib_layers.Dense(3, name="side")(joined)])
    return model([a, b], [first, second], name="towers")


@pytest.fixture
def towers():
    return two_towers(layers, Model)


def test_values_and_layer_order_as_keras(towers):
    theirs = two_towers(keras.layers, keras.Model)
    assert isinstance(towers, Functional)
    assert [layer.name for layer in towers.layers] == [layer.name for layer in theirs.layers]
    theirs.set_weights(towers.get_weights())
    for ours, expected in zip(towers([X, Z], training=False), theirs([X, Z]), strict=True):
        np.testing.assert_allclose(ours, np.asarray(expected), rtol=1e-5, atol=1e-6)
    assert towers.count_params() == theirs.count_params()
    assert towers.output_names == theirs.output_names
    assert [tuple(s) for s in towers.output_shape] == [tuple(s) for s in theirs.output_shape]
    assert towers.input_shape == [(None, 4), (None, 4)]


def test_traced_call_equals_eager_call(towers):
    expected = towers([X, Z], training=False)
    with trace.Trace():
        a, b = make_input((None, 4)), make_input((None, 4))
        outputs = towers([a, b])
    for value, e in zip(evaluate(outputs, {a: X, b: Z}), expected, strict=True):
        np.testing.assert_allclose(value, e, rtol=1e-6)


def test_inputs_by_list_tuple_and_name(towers):
    expected = towers([X, Z], training=False)[0]
    np.testing.assert_array_equal(towers((X, Z), training=False)[0], expected)
    np.testing.assert_array_equal(towers({"b": Z, "a": X, "more": X}, training=False)[0], expected)
    with pytest.raises(ValueError, match='Missing data for input "b"'):
        towers({"a": X}, training=False)
    with pytest.raises(ValueError, match="2 input"):
        towers([X], training=False)
    with pytest.raises(ValueError, match='"a".*expected shape=\\(None, 4\\)'):
        towers([X[:, :3], Z], training=False)


def test_ops_between_layers():
    x = layers.Input((4,))
    y = ops.sqrt(ops.square(layers.Dense(3, name="d")(x)) + 1.0)
    model = Model(x, layers.Dense(2, name="e")(y[:, :2] * 2.0))
    h = np.sqrt(model.get_layer("d")(X) ** 2 + 1)
    np.testing.assert_allclose(model(X, training=False), model.get_layer("e")(h[:, :2] * 2), rtol=1e-5)
    assert [type(layer).__name__ for layer in model.layers] == ["InputLayer", "Dense", "Dense"]
    again = model_from_json(model.to_json())
    again.set_weights(model.get_weights())
    np.testing.assert_allclose(again(X, training=False), model(X, training=False), rtol=1e-6)


def test_nested_models_share_weights():
    inner = Sequential([layers.Input((4,)), layers.Dense(3, name="inner_dense")], name="inner")
    x = layers.Input((4,))
    outer = Model(x, layers.Dense(1)(inner(x)))
    assert inner in outer.layers
    assert outer.weights[0] is inner.weights[0]
    before = outer(X, training=False)
    inner.set_weights([w * 2 for w in inner.get_weights()])
    assert not np.allclose(before, outer(X, training=False))


def test_submodel_up_to_a_layer_and_from_inside():
    x = layers.Input((4,))
    h = layers.Dense(3, name="h")(x)
    y = layers.Dense(2, name="y")(h)
    whole = Model(x, y)
    front = Model(whole.input, whole.get_layer("h").output)
    back = Model(h, y)
    np.testing.assert_allclose(back(front(X, training=False), training=False), whole(X, training=False), rtol=1e-6)
    assert back.input_shape == (None, 3)
    assert back.get_layer("y") is whole.get_layer("y")
    assert whole.get_layer("y").output is y  # the first call's, not the copy's


def test_dict_structures():
    a, b = layers.Input((4,), name="a"), layers.Input((4,), name="b")
    model = Model({"b": b, "a": a}, {"sum": layers.add([a, b], name="s"), "one": layers.Dense(1, name="d")(a)})
    out = model({"a": X, "b": Z}, training=False)
    assert list(out) == ["sum", "one"]
    np.testing.assert_allclose(out["sum"], X + Z, rtol=1e-6)
    assert model.output_names == ["one", "sum"]
    assert [t.name for t in model.inputs] == ["a", "b"]
    with pytest.warns(UserWarning, match="must match the names"):
        Model({"other": a}, layers.Dense(1)(a))


def test_repeated_output_names_are_numbered():
    x = layers.Input((4,))
    d = layers.Dense(1, name="d")
    assert Model(x, [d(x), d(x)]).output_names == ["d", "d_1"]


def test_integer_inputs_are_cast_to_the_input():
    x = layers.Input((2,), dtype="int32")
    model = Model(x, x * 2)
    out = model(np.ones((3, 2)), training=False)
    assert out.dtype == np.int32


def test_rank_off_by_one_is_mended():
    x = layers.Input((1,))
    model = Model(x, layers.Dense(1)(x))
    assert model(np.ones(3, "float32"), training=False).shape == (3, 1)


def test_errors():
    a, b = layers.Input((4,), name="a"), layers.Input((4,), name="b")
    y = layers.add([a, b])
    with pytest.raises(ValueError, match="disconnected.*'b'"):
        Model(a, y)
    with pytest.raises(ValueError, match='"twice" is used 2 times'):
        Model(a, layers.Dense(1, name="twice")(layers.Dense(1, name="twice")(a)))
    with pytest.raises(ValueError, match="must be KerasTensors"):
        Model(X, y)
    with pytest.raises(ValueError, match="must be KerasTensors"):
        Model([a, b], [y, X])
    with pytest.raises(ValueError, match="must come from"):
        Model(KerasTensor((None, 4)), y)
    model = Model([a, b], y)
    with pytest.raises(ValueError, match="No such layer: nothing. Existing layers"):
        model.get_layer("nothing")
    with pytest.raises(ValueError, match="neither"):
        model.get_layer()
    with pytest.raises(ValueError, match="both"):
        model.get_layer("a", 0)
    with pytest.raises(ValueError, match="index 9"):
        model.get_layer(index=9)
    with pytest.raises(AttributeError, match="reserved"):
        model.layers = []


def test_a_thousand_layers_do_not_meet_the_recursion_limit():
    x = t = layers.Input((2,))
    for _ in range(1100):
        t = layers.Activation("linear")(t)
    model = Model(x, t)
    assert len(model.layers) == 1101
    assert np.array_equal(model(X[:, :2], training=False), X[:, :2])


def test_json_and_clone(towers):
    again = model_from_json(towers.to_json())
    assert json.loads(again.to_json()) == json.loads(towers.to_json())
    again.set_weights(towers.get_weights())
    np.testing.assert_allclose(again([X, Z], training=False)[1], towers([X, Z], training=False)[1], rtol=1e-6)
    clone = clone_model(towers)
    assert [layer.name for layer in clone.layers] == [layer.name for layer in towers.layers]
    assert len(clone.weights) == len(towers.weights)
    assert all(c is not t for c, t in zip(clone.layers, towers.layers, strict=True))
    renamed = clone_model(towers, clone_function=lambda layer: type(layer).from_config(layer.get_config()))
    assert renamed.count_params() == towers.count_params()


def test_config_has_keras_form(towers):
    ours, theirs = towers.get_config(), two_towers(keras.layers, keras.Model).get_config()
    assert list(ours) == list(theirs)
    assert [e["name"] for e in ours["layers"]] == [e["name"] for e in theirs["layers"]]
    assert ours["input_layers"] == theirs["input_layers"]
    assert ours["output_layers"] == theirs["output_layers"]
    for mine, other in zip(ours["layers"], theirs["layers"], strict=True):
        assert mine["class_name"] == other["class_name"]
        assert len(mine["inbound_nodes"]) == len(other["inbound_nodes"])


def test_model_subclass_of_functional_form():
    class Wide(Model):
        def __init__(self, units):
            x = layers.Input((4,))
            super().__init__(inputs=x, outputs=layers.Dense(units)(x))
            self.extra = layers.Dense(2)

    model = Wide(3)
    assert isinstance(model, Functional)
    assert model(X, training=False).shape == (5, 3)


def test_add_loss_on_the_graph():
    x = layers.Input((4,))
    h = layers.Dense(3)(x)
    model = Model(x, layers.Dense(1)(h))
    model.add_loss(ops.sum(ops.square(h)))
    with trace.Trace():
        t = make_input((None, 4))
        model(t)
        (loss,) = model.losses
    expected = np.sum(model.layers[1](X) ** 2)
    np.testing.assert_allclose(evaluate([loss], {t: X})[0], expected, rtol=1e-5)


def test_symbolic_tensor_refuses_truth():
    with pytest.raises(TypeError, match="where"):
        bool(layers.Input((2,)))


def test_old_names_of_inputs_and_outputs():
    """Keras 1's words, which Keras 2 still took."""
    inputs = layers.Input((3,))
    outputs = layers.Dense(2)(inputs)

    class Mine(Model):
        def __init__(self):
            super().__init__(input=inputs, output=outputs)

    for make in (lambda: Model(input=inputs, output=outputs), lambda: Model(inputs, output=outputs, name="m"), Mine):
        with pytest.warns(DeprecationWarning, match="`output` is called `outputs` now"):
            model = make()
        x = np.ones((4, 3), "float32")
        np.testing.assert_array_equal(model(x), Model(inputs, outputs)(x))
