"""Layers against Keras: shapes, values, weights and messages."""

import json

import keras
import numpy as np
import pytest

from fastfit import layers
from fastfit.graph import trace
from fastfit.graph.evaluate import evaluate
from fastfit.graph.tensor import make_input
from tests import oracle
from tests.numeric import check_gradients

X = np.random.default_rng(0).standard_normal((5, 4)).astype("float32")
X3 = np.random.default_rng(1).standard_normal((5, 3, 4)).astype("float32")


def pair(name, *args, **kwargs):
    """The layer of ours and of Keras's."""
    return getattr(layers, name)(*args, **kwargs), getattr(keras.layers, name)(*args, **kwargs)


def _list(inputs):
    return inputs if isinstance(inputs, list) else [inputs]


def _input(x):
    return layers.Input(x.shape[1:])


@pytest.mark.parametrize("row, variant", oracle.cases(oracle.LAYERS))
def test_same_as_keras(row, variant):
    x = oracle.layer_inputs(row.inputs)
    ours, theirs = pair(row.name, **variant)
    single = not isinstance(x, list)
    symbolic = ours(_input(x) if single else [_input(a) for a in x])
    shapes = [(None, *a.shape[1:]) for a in _list(x)]
    theirs.build(shapes[0] if single else shapes)
    assert [tuple(w.shape) for w in ours.weights] == [tuple(w.shape) for w in theirs.weights]
    theirs.set_weights(ours.get_weights())
    expected = np.asarray(theirs(x))
    assert tuple(symbolic.shape) == (None, *expected.shape[1:])
    assert ours.compute_output_shape(shapes[0] if single else shapes) == (None, *expected.shape[1:])
    value = ours(x)
    assert isinstance(value, np.ndarray) and value.dtype == np.float32
    np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose([float(v) for v in ours.losses], [float(v) for v in theirs.losses], rtol=1e-5)


@pytest.mark.parametrize("row, variant", [c for c in oracle.cases(oracle.LAYERS) if c.values[0].name != "Dropout"])
def test_gradient(row, variant):
    # In float64 throughout, and without regularizers, whose losses are not outputs.
    plain = {k: v for k, v in variant.items() if not k.endswith(("regularizer", "constraint"))}
    x = oracle.layer_inputs(row.inputs)
    layer = getattr(layers, row.name)(**plain, dtype="float64")
    layer(x)  # builds it
    arrays = [a.astype("float64") for a in _list(x)]
    check_gradients(
        lambda *parts: layer.call(list(parts) if isinstance(x, list) else parts[0]),
        *arrays,
        unknown_batch=False,
        rtol=1e-6,
    )


@pytest.mark.parametrize("row, variant", oracle.cases(oracle.MERGING_FUNCTIONS))
def test_merging_function_is_that_of_keras(row, variant):
    x = oracle.layer_inputs(row.inputs)
    value = getattr(layers, row.name)(x)
    np.testing.assert_allclose(value, np.asarray(getattr(keras.layers, row.name)(x)), rtol=1e-6)
    assert getattr(layers, row.name)([_input(a) for a in x]).shape == (None, *value.shape[1:])


@pytest.mark.parametrize("name", ["Add", "Multiply", "Maximum"])
def test_merging_broadcasts_and_pads_after_the_batch(name):
    inputs = [X3, X]
    ours, theirs = pair(name)
    np.testing.assert_allclose(ours(inputs), np.asarray(theirs(inputs)), rtol=1e-6)
    assert ours.compute_output_shape([(None, 3, 4), (None, 1, 1)]) == (None, 3, 4)


def test_traced_values_equal_eager_ones():
    layer = layers.Dense(3, activation="tanh")
    expected = layer(X)
    with trace.Trace():
        x = make_input((None, 4))
        y = layer(x)
    np.testing.assert_allclose(evaluate([y], {x: X})[0], expected, rtol=1e-6)


def test_dropout_in_training_zeroes_and_scales():
    x = np.ones((100, 100), "float32")
    y = layers.Dropout(0.25, seed=3)(x, training=True)
    assert set(np.unique(y).round(5)) == {0.0, np.float32(1 / 0.75).round(5)}
    assert abs((y == 0).mean() - 0.25) < 0.02
    assert np.all(layers.Dropout(1.0)(x, training=True) == 0)
    assert np.shares_memory(layers.Dropout(0.0)(x, training=True), x)


def test_training_reaches_inner_layers():
    class Outer(layers.Layer):
        def __init__(self):
            super().__init__()
            self.inner = layers.Dropout(0.5)

        def call(self, x):
            return self.inner(x)

    x = np.ones((50, 50), "float32")
    assert (Outer()(x, training=True) == 0).any()
    assert not (Outer()(x) == 0).any()


def test_mask_reaches_call_and_is_dropped_with_a_warning():
    seen = []

    class Source(layers.Layer):
        def call(self, x):
            return x * 1.0

        def compute_mask(self, inputs, previous_mask):
            return inputs[:, :, 0] != 0

    class Reader(layers.Layer):
        def __init__(self):
            super().__init__()
            self.supports_masking = True

        def call(self, x, mask=None):
            seen.append(mask)
            return x

    class Net(layers.Layer):
        def __init__(self):
            super().__init__()
            self.parts = [Source(), Reader(), layers.Flatten()]

        def call(self, x):
            for part in self.parts:
                x = part(x)
            return x

    with pytest.warns(UserWarning, match="does not support masking"):
        Net()(X3)
    np.testing.assert_array_equal(seen[-1], X3[:, :, 0] != 0)


def test_auto_names_and_explicit_ones():
    first, second = layers.Dense(1), layers.Dense(1)
    k = 0 if first.name == "dense" else int(first.name.removeprefix("dense_"))
    assert second.name == f"dense_{k + 1}"
    assert layers.Dense(1, name="mine").name == "mine"
    with pytest.raises(ValueError, match="cannot contain character"):
        layers.Dense(1, name="a/b")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.Dense(0), "units=0"),
        (lambda: layers.Dense(-3), "units=-3"),
        (lambda: layers.Dense(3, kernel="x"), "Unrecognized keyword"),
        (lambda: layers.Dropout(1.5), "rate=1.5"),
        (lambda: layers.Dropout(-0.1), "rate=-0.1"),
        (lambda: layers.Dense(2)(np.ones(3, "float32")), "min_ndim=2"),
        (lambda: layers.Dense(2)(layers.Input((None,))), "must be defined"),
        (lambda: layers.Input(), "must pass a `shape`"),
        (lambda: layers.Input((3,), batch_shape=(None, 3)), "both `shape` and `batch_shape`"),
        (lambda: layers.Add()(layers.Input((3,))), "list of inputs"),
        (lambda: layers.Subtract()([layers.Input((3,))] * 3), "exactly 2"),
        (lambda: layers.Add()([layers.Input((3,)), layers.Input((4,))]), "incompatible shapes"),
        (lambda: layers.Concatenate(axis=1)([layers.Input((3, 2)), layers.Input((3, 4))]), "matching shapes"),
        (lambda: layers.Reshape((3,))(layers.Input((4,))), "must be unchanged"),
        (lambda: layers.Permute((0, 1)), "start from 1"),
        (lambda: layers.Dense(2, activation="nonsense"), "nonsense"),
        (lambda: layers.Dense(2, kernel_initializer="nonsense"), "nonsense"),
    ],
)
def test_messages(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_repeat_vector_wants_an_int():
    with pytest.raises(TypeError, match="2.5"):
        layers.RepeatVector(2.5)


def test_wrong_last_axis_names_the_layer():
    layer = layers.Dense(2, name="narrow")
    layer(X)
    with pytest.raises(ValueError, match='layer "narrow".*axis -1.*value 4'):
        layer(np.ones((2, 5), "float32"))


def test_set_weights_checks_length_and_shape():
    layer = layers.Dense(2)
    layer.build((None, 4))
    with pytest.raises(ValueError, match="length 1, but the layer was expecting 2"):
        layer.set_weights([np.ones((4, 2))])
    with pytest.raises(ValueError, match="not compatible"):
        layer.set_weights([np.ones((2, 4)), np.ones(2)])
    before = layer.get_weights()
    with pytest.raises(ValueError):
        layer.set_weights([np.ones((4, 2)), np.ones(3)])
    np.testing.assert_array_equal(layer.get_weights()[0], before[0])


def test_count_params_needs_a_built_layer():
    layer = layers.Dense(2)
    with pytest.raises(ValueError, match="isn't built"):
        layer.count_params()
    layer.build((None, 4))
    assert layer.count_params() == 10


def test_trainable_reaches_inside_and_hides():
    class Outer(layers.Layer):
        def __init__(self):
            super().__init__()
            self.parts = {"a": layers.Dense(2), "b": [layers.Dense(3)]}

        def call(self, x):
            return self.parts["b"][0](self.parts["a"](x))

    outer = Outer()
    outer(X)
    assert len(outer.trainable_weights) == 4
    outer.parts["a"].trainable = False
    assert len(outer.trainable_weights) == 2
    assert len(outer.non_trainable_weights) == 2
    assert [w.shape for w in outer.weights] == [(4, 2), (2,), (2, 3), (3,)]
    outer.trainable = False
    assert outer.trainable_weights == []
    assert not outer.parts["b"][0].trainable
    outer.trainable = True
    assert len(outer.trainable_weights) == 4


def test_own_layer_with_weights_config_and_loss():
    class Scale(layers.Layer):
        def __init__(self, start=1.0, **kwargs):
            super().__init__(**kwargs)
            self.start = start

        def build(self, input_shape):
            self.factor = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="factor")
            self.steps = self.add_weight(shape=(), initializer="zeros", trainable=False, name="steps")

        def call(self, x):
            self.add_loss(0.5 * x.sum())
            return x * self.factor * self.start

    layer = Scale(2.0, name="s")
    np.testing.assert_allclose(layer(X), 2 * X)
    assert [w.path for w in layer.weights] == ["s/factor", "s/steps"]
    assert [w.path for w in layer.trainable_weights] == ["s/factor"]
    assert layer.built
    np.testing.assert_allclose(layer.losses, [0.5 * X.sum()], rtol=1e-5)
    layer(X)
    assert len(layer.losses) == 1  # those of the last call alone
    again = Scale.from_config(layer.get_config())
    assert (again.start, again.name) == (2.0, "s")
    with pytest.raises(ValueError, match="already built"):
        layer.add_weight(shape=(1,))


def test_regularizers_and_activity_regularizer_in_losses():
    ours, theirs = pair("Dense", 3, kernel_regularizer="l2", activity_regularizer="l1")
    ours(X)
    theirs.build(X.shape)
    theirs.set_weights(ours.get_weights())
    theirs(X)
    expected = sorted(float(v) for v in theirs.losses)
    np.testing.assert_allclose(sorted(float(v) for v in ours.losses), expected, rtol=1e-5)


def test_losses_of_a_trace_are_symbolic():
    layer = layers.Dense(3, kernel_regularizer="l2")
    layer.build((None, 4))
    with trace.Trace():
        layer(make_input((None, 4)))
        (loss,) = layer.losses
    assert loss.shape == ()
    np.testing.assert_allclose(evaluate([loss])[0], 0.01 * np.sum(layer.get_weights()[0] ** 2), rtol=1e-5)


def test_forgotten_super_init():
    class Bad(layers.Layer):
        def __init__(self):
            self.units = 3

        def call(self, x):
            return x

    with pytest.raises(RuntimeError, match="super"):
        Bad()(X)


def test_legacy_keywords():
    with pytest.warns(UserWarning, match="input_shape"):
        layer = layers.Dense(2, input_shape=(4,))
    assert layer._input_shape_arg == (4,)
    with pytest.warns(DeprecationWarning, match="init`"):
        old = layers.Dense(output_dim=3, init="ones")
    assert old.units == 3
    with pytest.warns(DeprecationWarning):
        assert layers.Dropout(p=0.3).rate == 0.3
    initial = [np.ones((4, 2)), np.zeros(2)]
    layer = layers.Dense(2, weights=initial)
    layer(X)
    np.testing.assert_array_equal(layer.get_weights()[0], initial[0])


@pytest.mark.parametrize("row, variant", oracle.cases(oracle.LAYERS))
def test_config_round_trip(row, variant):
    layer = getattr(layers, row.name)(**variant)
    config = layers.serialize(layer)
    assert config["module"] == "keras.layers" and config["class_name"] == row.name
    for again in (layers.deserialize(json.loads(json.dumps(config))), layers.get(config)):
        assert type(again) is type(layer) and json.dumps(again.get_config()) == json.dumps(layer.get_config())
    assert layers.get(layer) is layer
    theirs = keras.layers.serialize(getattr(keras.layers, row.name)(**variant))
    forgotten = {"dtype", "name", "noise_shape", "quantization_config"}
    assert {k: config["config"].get(k) for k in theirs["config"] if k not in forgotten} == {
        k: v for k, v in theirs["config"].items() if k not in forgotten
    }
    assert type(layers.deserialize(theirs)) is type(layer)


def test_arguments_for_language_models_are_refused():
    with pytest.raises(ValueError, match="lora_rank=2"):
        layers.Dense(2, lora_rank=2)


def test_lambda_passes_arguments_training_and_output_shape():
    layer = layers.Lambda(lambda x, factor, training=None: x * (factor if training else 1.0), arguments={"factor": 3.0})
    np.testing.assert_allclose(layer(X), X)
    np.testing.assert_allclose(layer(X, training=True), 3 * X)
    assert layers.Lambda(lambda x: np.square(x))(layers.Input((4,))).shape == (None, 4)


def test_float64_data_are_cast_and_ints_are_kept():
    layer = layers.Dense(2)
    assert layer(X.astype("float64")).dtype == np.float32
    seen = []

    class Spy(layers.Layer):
        def call(self, x):
            seen.append(x.dtype)
            return x

    Spy()(np.arange(3))
    assert seen == [np.dtype("int64")]
