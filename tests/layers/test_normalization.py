"""Normalizations, rectifiers and noise in training, against Keras and against what their text says."""

import keras
import numpy as np
import pytest

import fastfit
from fastfit import layers

RNG = np.random.default_rng(5)
X = RNG.standard_normal((64, 4)).astype("float32") * 2 + 1
X3 = RNG.standard_normal((64, 3, 4)).astype("float32") * 2 + 1
Y = RNG.standard_normal((64, 1)).astype("float32")


def network(lib, kind, shape, options):
    """A layer between two of Dense, in a functional model."""
    inputs = lib.layers.Input(shape)
    x = lib.layers.Dense(4, name="before")(inputs)
    x = getattr(lib.layers, kind)(**options, name="it")(x)
    x = lib.layers.Flatten()(x)
    return lib.models.Model(inputs, lib.layers.Dense(1, name="after")(x))


def pair(kind, shape, options, **given):
    """The same network in both libraries, with the same weights."""
    ours, theirs = (network(lib, kind, shape, options) for lib in (fastfit, keras))
    ours.set_weights(theirs.get_weights())
    for model, lib in ((ours, fastfit), (theirs, keras)):
        model.compile(lib.optimizers.SGD(0.01, **given), "mse")
    return ours, theirs


CASES = [
    ("BatchNormalization", {"momentum": 0.9}),
    ("BatchNormalization", {"momentum": 0.5, "center": False, "scale": False}),
    ("LayerNormalization", {}),
    ("RMSNormalization", {}),
    ("UnitNormalization", {}),
    ("GroupNormalization", {"groups": 2}),
    ("PReLU", {"alpha_initializer": "ones"}),
    ("LeakyReLU", {}),
    ("ReLU", {"max_value": 1.0, "negative_slope": 0.1, "threshold": 0.2}),
    ("ELU", {"alpha": 0.5}),
    ("Softmax", {}),
    ("ActivityRegularization", {"l1": 0.01, "l2": 0.02}),
]


OTHER_AXES = [("BatchNormalization", {"axis": 1}), ("LayerNormalization", {"axis": [1, 2]})]


@pytest.mark.parametrize("kind, options", [*CASES, *OTHER_AXES])
@pytest.mark.parametrize("steps", [False, True])
def test_training_follows_keras(kind, options, steps):
    if not steps and options.get("axis") == [1, 2]:
        pytest.skip("an axis of inputs with steps")
    x = X3 if steps else X
    ours, theirs = pair(kind, x.shape[1:], options)
    given = {"epochs": 3, "batch_size": 24, "shuffle": False, "verbose": 0, "validation_data": (x[:20], Y[:20])}
    got, sure = ours.fit(x, Y, **given).history, theirs.fit(x, Y, **given).history
    assert list(got) == list(sure)
    for key, values in sure.items():
        np.testing.assert_allclose(got[key], values, rtol=2e-4)
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-3, atol=2e-5)
    np.testing.assert_allclose(ours.predict(x, verbose=0), theirs.predict(x, verbose=0), rtol=2e-3, atol=1e-4)


@pytest.mark.parametrize("suffix", [".keras", ".weights.h5"])
@pytest.mark.parametrize("kind, options", CASES)
def test_files_go_both_ways(kind, options, suffix, tmp_path):
    ours, theirs = pair(kind, (4,), options, momentum=0.5)
    for model in (ours, theirs):
        model.fit(X, Y, batch_size=32, verbose=0)
    for writer, reader, lib in ((ours, theirs, keras), (theirs, ours, fastfit)):
        path = str(tmp_path / f"{lib.__name__}{suffix}")
        if suffix == ".keras":
            writer.save(path)
            reader = lib.models.load_model(path)
            slots = [np.asarray(v) for v in writer.optimizer.variables]
            for a, b in zip(reader.optimizer.variables, slots, strict=True):
                np.testing.assert_array_equal(np.asarray(a), b)
        else:
            writer.save_weights(path)
            reader.load_weights(path)
        np.testing.assert_allclose(reader.predict(X, verbose=0), writer.predict(X, verbose=0), rtol=2e-5, atol=1e-6)


def test_frozen_batch_normalization_is_in_inference_mode():
    ours, theirs = pair("BatchNormalization", (4,), {})
    for model in (ours, theirs):
        model.get_layer("it").trainable = False
        model.compile("sgd", "mse")
        model.fit(X, Y, batch_size=32, shuffle=False, verbose=0)
    moving = ours.get_layer("it").get_weights()
    assert [w.tolist() for w in moving[2:]] == [[0.0] * 4, [1.0] * 4]
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    ours.get_layer("it").trainable = True
    ours.compile("sgd", "mse")
    ours.fit(X, Y, batch_size=32, verbose=0)
    assert not np.array_equal(ours.get_layer("it").moving_mean.numpy(), moving[2])


def test_masked_steps_do_not_count():
    mask = RNG.random((64, 3)) > 0.4
    ours, theirs = layers.BatchNormalization(momentum=0.0), keras.layers.BatchNormalization(momentum=0.0)
    got = ours(X3, training=True, mask=mask)
    sure = np.asarray(theirs(X3, training=True, mask=mask))
    np.testing.assert_allclose(got, sure, rtol=1e-4, atol=1e-5)
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(ours.moving_mean.numpy(), X3[mask].mean(0), rtol=1e-5)
    with pytest.raises(ValueError, match=r"one dimension less.*mask.shape=\(64,\)"):
        ours(X3, training=True, mask=mask[:, 0])


def test_a_shared_layer_moves_its_averages_once_per_call():
    got = []
    for lib in (fastfit, keras):
        a, b = lib.layers.Input((4,)), lib.layers.Input((4,))
        shared = lib.layers.BatchNormalization(momentum=0.5)
        model = lib.models.Model([a, b], lib.layers.Dense(1, kernel_initializer="ones")(
            lib.layers.add([shared(a), shared(b)])))  # fmt: skip
        model.compile("sgd", "mse")
        model.fit([X, X + 3], Y, batch_size=64, verbose=0)
        got.append(shared.get_weights())
    for a, b in zip(*got, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_softmax_leaves_out_what_is_masked():
    mask = np.array([[True, False, True, True], [False] * 4, [True] * 4, [True, False, False, False]])
    got = layers.Softmax()(X[:4], mask=mask)
    np.testing.assert_allclose(got, np.asarray(keras.layers.Softmax()(X[:4], mask=mask)), rtol=1e-5)
    assert np.all(got[~mask] == 0)
    with pytest.raises(ValueError, match=r"must broadcast.*mask.shape=\(4, 3\)"):
        layers.Softmax()(X[:4], mask=mask[:, :3])


def test_thresholded_relu_passes_what_is_greater():
    layer = layers.ThresholdedReLU(theta=1.0)
    np.testing.assert_array_equal(layer(np.array([[-2.0, 0.5, 1.0, 1.5]], "f")), [[0.0, 0.0, 0.0, 1.5]])
    assert layers.deserialize(layers.serialize(layer)).theta == 1.0


@pytest.mark.parametrize("layer, mean, std", [
    (layers.GaussianNoise(0.5, seed=1), 2.0, 0.5),
    (layers.GaussianDropout(0.2, seed=1), 2.0, 2.0 * 0.5),
])  # fmt: skip
def test_noise_has_its_moments(layer, mean, std):
    x = np.full((300, 300), 2.0, "f")
    y = layer(x, training=True)
    np.testing.assert_allclose([y.mean(), y.std()], [mean, std], rtol=0.02)
    assert layer(x) is x or np.array_equal(layer(x), x)


def test_alpha_dropout_keeps_mean_and_variance():
    x = RNG.standard_normal((400, 400)).astype("f")
    layer = layers.AlphaDropout(0.3, seed=2)
    y = layer(x, training=True)
    np.testing.assert_allclose([y.mean(), y.std()], [0.0, 1.0], atol=0.02)
    low = y.min(where=~np.isnan(y), initial=0)
    values, counts = np.unique(y, return_counts=True)
    assert abs(counts.max() / y.size - 0.3) < 0.01 and low <= values[counts.argmax()]
    shared = layers.AlphaDropout(0.5, noise_shape=(None, 1), seed=2)(np.ones((50, 6), "f"), training=True)
    assert np.all(shared == shared[:, :1]) and len(np.unique(shared)) == 2


def test_spatial_dropout_takes_whole_channels():
    y = layers.SpatialDropout1D(0.5, seed=3)(np.ones((40, 5, 6), "f"), training=True)
    assert np.all(y == y[:, :1]) and set(np.unique(y)) == {0.0, 2.0}
    with pytest.raises(ValueError, match="expected ndim=3"):
        layers.SpatialDropout1D(0.5)(X)


def test_noise_is_drawn_anew_for_each_step():
    model = fastfit.models.Sequential([layers.Input((4,)), layers.GaussianNoise(0.5), layers.Dense(1)])
    model.compile(fastfit.optimizers.SGD(0.0), "mse")
    losses = [model.train_on_batch(X, Y) for _ in range(3)]
    assert len(set(losses)) == 3
    assert model.evaluate(X, Y, verbose=0) == model.evaluate(X, Y, verbose=0)


BAD = {
    "renorm": (lambda: layers.BatchNormalization(renorm=True), ValueError, "renorm=True"),
    "axis of a name": (lambda: layers.BatchNormalization(axis="x"), TypeError, "axis='x'"),
    "axis out of range": (lambda: layers.BatchNormalization(axis=3)(X), ValueError, "Axis 3 is out of bounds"),
    "layer's axis": (lambda: layers.LayerNormalization(axis=2)(X), ValueError, "Axis 2 is out of bounds"),
    "axis as a string": (lambda: layers.UnitNormalization(axis="x"), TypeError, "axis='x'"),
    "groups": (lambda: layers.GroupNormalization(groups=3)(X), ValueError, r"groups \(3\)"),
    "slope": (lambda: layers.LeakyReLU(-0.1), ValueError, "negative_slope=-0.1"),
    "no slope": (lambda: layers.ReLU(negative_slope=None), ValueError, "negative_slope=None"),
    "greatest": (lambda: layers.ReLU(max_value=-1.0), ValueError, "max_value=-1.0"),
    "theta": (lambda: layers.ThresholdedReLU(theta=None), ValueError, "theta=None"),
    "shared axes": (lambda: layers.PReLU(shared_axes=[2])(X), ValueError, r"shared_axes=\[2\]"),
    "unknown size": (lambda: layers.PReLU()(layers.Input((None, 4))), ValueError, "shared_axes"),
    "rate": (lambda: layers.GaussianDropout(1.5), ValueError, "rate=1.5"),
    "rate of 1": (lambda: layers.GaussianDropout(1.0)(X, training=True), ValueError, "infinite variance"),
    "no rate": (lambda: layers.AlphaDropout(), ValueError, "rate=None"),
    "stddev": (lambda: layers.GaussianNoise(-1), ValueError, "stddev=-1"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_says_what_was_given(name):
    make, kind, message = BAD[name]
    with pytest.raises(kind, match=message):
        make()


@pytest.mark.parametrize("make", [
    lambda: layers.LeakyReLU(alpha=0.2), lambda: layers.GaussianNoise(sigma=0.2), lambda: layers.AlphaDropout(p=0.2),
    lambda: layers.GaussianDropout(p=0.2), lambda: layers.SpatialDropout1D(p=0.2),
])  # fmt: skip
def test_names_of_older_keras(make):
    with pytest.warns(DeprecationWarning):
        assert 0.2 in make().get_config().values()
