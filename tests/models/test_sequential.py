"""Sequential models and subclasses."""

import keras
import numpy as np
import pytest

from fastfit import layers
from fastfit.models import Model, Sequential, clone_model, model_from_json

X = np.random.default_rng(0).standard_normal((5, 4)).astype("float32")


def test_with_input_is_built_at_once():
    model = Sequential([layers.Input((4,)), layers.Dense(3), layers.Dense(2)])
    assert model.built and model.output_shape == (None, 2)
    assert [type(layer).__name__ for layer in model.layers] == ["Dense", "Dense"]
    assert len(model.inputs) == 1


def test_without_input_is_built_by_data():
    model = Sequential([layers.Dense(3), layers.Dense(2)])
    assert not model.built and model.weights == [] and not hasattr(model, "inputs")
    with pytest.raises(AttributeError, match="no defined"):
        model.output_shape  # noqa: B018
    assert model(X, training=False).shape == (5, 2)
    assert model.input_shape == (None, 4)
    assert model(X[:2], training=False).shape == (2, 2)


def test_build_by_shape():
    model = Sequential([layers.Dense(3)])
    model.build((None, 4))
    assert model.count_params() == 15


def test_add_pop_and_rebuild():
    model = Sequential()
    model.add(layers.Input((4,)))
    model.add(layers.Dense(3, name="one"))
    model.add(layers.Dense(2, name="two"))
    assert model.output_shape == (None, 2)
    assert model.pop().name == "two"
    assert model.output_shape == (None, 3)
    model.add(layers.Dense(7, name="three"))
    assert model.output_shape == (None, 7)
    assert [layer.name for layer in model.layers] == ["one", "three"]
    assert model(X, training=False).shape == (5, 7)


def test_values_as_keras():
    def build(lib, sequential):
        return sequential([lib.Input((4,)), lib.Dense(8, activation="relu"), lib.Dropout(0.3), lib.Dense(3, "softmax")])

    ours, theirs = build(layers, Sequential), build(keras.layers, keras.Sequential)
    theirs.set_weights(ours.get_weights())
    np.testing.assert_allclose(ours(X, training=False), np.asarray(theirs(X)), rtol=1e-5, atol=1e-6)


def test_legacy_input_shape():
    with pytest.warns(UserWarning, match="input_shape"):
        model = Sequential([layers.Dense(3, input_dim=4)])
    assert model.input_shape == (None, 4)


def test_models_inside():
    inner = Sequential([layers.Input((4,)), layers.Dense(3)])
    model = Sequential([inner, layers.Dense(2)])
    assert model.built and model.output_shape == (None, 2)
    assert len(model.weights) == 4


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Sequential([3]), "Only instances"),
        (lambda: Sequential([layers.Dense(1, name="a"), layers.Dense(1, name="a")]), "unique names"),
        (lambda: Sequential([layers.Input((3,)), layers.Input((3,))]), "already been configured"),
        (lambda: Sequential([layers.Dense(1), layers.Input((3,))]), "first layer"),
        (lambda: Sequential().build((None, 3)), "no layers"),
        (lambda: Sequential([layers.Input((3,)), layers.Dense(1)])(X, training=False), "expected shape=\\(None, 3\\)"),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_json_and_clone():
    model = Sequential([layers.Input((4,)), layers.Dense(3), layers.Dense(2)])
    again = model_from_json(model.to_json())
    again.set_weights(model.get_weights())
    np.testing.assert_allclose(again(X, training=False), model(X, training=False), rtol=1e-6)
    clone = clone_model(model)
    assert clone.output_shape == (None, 2)
    assert not np.allclose(clone.get_weights()[0], model.get_weights()[0])
    late = Sequential([layers.Dense(3)])
    late.build((None, 4))
    assert model_from_json(late.to_json()).input_shape == (None, 4)


def test_weights_come_in_layer_order():
    model = Sequential([layers.Input((4,)), layers.Dense(3, name="p"), layers.Dense(2, name="q")])
    paths = [w.path.split("/", 1)[1] for w in model.weights]
    assert paths == ["p/kernel", "p/bias", "q/kernel", "q/bias"]
    model.layers[0].trainable = False
    assert [w.path.split("/", 1)[1] for w in model.trainable_weights] == ["q/kernel", "q/bias"]
    paths = [w.path.split("/", 1)[1] for w in model.weights]
    assert paths == ["p/kernel", "p/bias", "q/kernel", "q/bias"]


class Net(Model):
    """A subclass whose layers sit in a list."""

    def __init__(self):
        super().__init__()
        self.blocks = []
        for units in (6, 2):
            self.blocks.append(layers.Dense(units))

    def call(self, x, training=False):
        for block in self.blocks:
            x = block(x)
        return x + 1.0 if training else x


def test_subclass():
    model = Net()
    assert not model.built
    assert model(X, training=False).shape == (5, 2)
    assert model.built and len(model.weights) == 4 and len(model.layers) == 2
    np.testing.assert_allclose(model(X, training=True), model(X, training=False) + 1, rtol=1e-5)
    built = Net()
    built.build((None, 4))
    assert [w.shape for w in built.weights] == [(4, 6), (6,), (6, 2), (2,)]
    assert built.compute_output_shape((None, 4)) == (None, 2)


def test_subclass_in_a_functional_model():
    x = layers.Input((4,))
    model = Model(x, layers.Dense(1)(Net()(x)))
    assert model(X, training=False).shape == (5, 1)
    assert len(model.weights) == 6


def test_subclass_with_several_inputs():
    class Two(Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(2)

        def call(self, inputs):
            return self.dense(inputs[0]) + self.dense(inputs[1])

    model = Two()
    assert model([X, X], training=False).shape == (5, 2)
    built = Two()
    built.build([(None, 4), (None, 4)])
    assert len(built.weights) == 2


def test_layers_attribute_is_reserved():
    class Bad(Model):
        def __init__(self):
            super().__init__()
            self.layers = []

    with pytest.raises(AttributeError, match="reserved"):
        Bad()
