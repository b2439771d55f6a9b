"""sample_weight_mode and target_tensors of Keras 2."""

import numpy as np
import pytest

from fastfit import layers, models
from fastfit.graph.variable import Variable

RNG = np.random.default_rng(0)
X = RNG.standard_normal((24, 4)).astype("float32")
Y = X @ RNG.standard_normal((4, 2)).astype("float32")
Z = np.tanh(X[:, :1])


def two_outputs():
    inputs = layers.Input((4,))
    h = layers.Dense(6, activation="tanh")(inputs)
    model = models.Model(inputs, [layers.Dense(2, name="y")(h), layers.Dense(1, name="z")(h)])
    rng = np.random.default_rng(1)
    model.set_weights([rng.standard_normal(w.shape) for w in model.get_weights()])
    return model


def trained(targets, *args, loss="mse", **kwargs):
    model = two_outputs()
    model.compile("sgd", loss, target_tensors=targets)
    history = model.fit(X, *args, epochs=3, batch_size=8, shuffle=False, verbose=0, **kwargs).history
    return history["loss"], model.get_weights()


def same(a, b):
    return np.array_equal(a[0], b[0]) and all(np.array_equal(v, w) for v, w in zip(a[1], b[1], strict=True))


@pytest.mark.parametrize(
    "targets",
    [
        [Y, Z],
        {"z": Z, "y": Y},
        [Variable(Y, name="target"), Z],
        {"y": Variable(Y, name="target"), "z": Variable(Z, name="other")},
    ],
    ids=["list", "dict", "variable", "variables"],
)
def test_targets_that_are_data(targets):
    expected = trained(None, [Y, Z])
    assert same(trained(targets), expected)
    assert same(trained(targets, None), expected)
    # targets given to fit win
    assert same(trained([Y[::-1], Z], [Y, Z]), expected)


def test_one_output_needs_no_list():
    losses = []
    for targets, y in ((Y, None), (None, Y)):
        inputs = layers.Input((4,))
        model = models.Model(inputs, layers.Dense(2, kernel_initializer="ones")(inputs))
        model.compile("sgd", "mse", target_tensors=targets)
        losses.append(model.fit(X, y, epochs=2, shuffle=False, verbose=0).history["loss"])
        assert model.evaluate(X, y, verbose=0) > 0
    assert losses[0] == losses[1]


def test_targets_that_the_model_computes():
    inputs = layers.Input((4,))
    model = models.Model(inputs, layers.Dense(4, kernel_initializer="glorot_uniform")(layers.Dense(2)(inputs)))
    start = model.get_weights()
    model.compile("sgd", "mse", target_tensors=inputs)
    found = model.fit(X, epochs=3, batch_size=8, shuffle=False, verbose=0).history["loss"]
    model.set_weights(start)
    model.compile("sgd", "mse")
    assert found == pytest.approx(model.fit(X, X, epochs=3, batch_size=8, shuffle=False, verbose=0).history["loss"])


def test_some_targets_computed_and_some_given():
    inputs = layers.Input((4,))
    h = layers.Dense(3)(inputs)
    model = models.Model(inputs, [layers.Dense(4, name="copy")(h), layers.Dense(2, name="y")(h)])
    start = model.get_weights()
    model.compile("sgd", "mse", target_tensors={"copy": inputs, "y": Y})
    found = model.fit(X, epochs=2, shuffle=False, verbose=0).history["loss"]
    model.set_weights(start)
    model.compile("sgd", "mse")
    assert found == pytest.approx(model.fit(X, [X, Y], epochs=2, shuffle=False, verbose=0).history["loss"])


def test_target_errors():
    model = two_outputs()
    for targets, error, message in (
        ([Y], ValueError, "one entry per output. Received: 1 entries"),
        (Y, ValueError, "list or dict for the 2 outputs"),
        ({"w": Y}, ValueError, r"unknown: \['w'\]"),
        (["y", "z"], TypeError, "arrays, variables or symbolic tensors of the model. Received: str"),
        (3, TypeError, "`target_tensors` has an unexpected type. Received: int"),
        ([layers.Input((2,)), Z], ValueError, "computed from the model's inputs"),
    ):
        with pytest.raises(error, match=message):
            model.compile("sgd", "mse", target_tensors=targets)
        assert not model.compiled
    model.compile("sgd", "mse", target_tensors=[Y[:5], Z[:5]])
    with pytest.raises(ValueError, match="5"):
        model.fit(X, verbose=0)


SERIES = RNG.standard_normal((12, 5, 3)).astype("float32")
STEPS = RNG.random((12, 5)).astype("float32")


def series(mode):
    inputs = layers.Input((5, 3))
    model = models.Model(inputs, layers.Dense(1)(inputs))
    model.compile("sgd", "mse", sample_weight_mode=mode)
    return model


@pytest.mark.parametrize("mode", ["temporal", ["temporal"], "by name"])
def test_weights_of_time_steps(mode):
    model, free = series(None), None
    if mode == "by name":
        free = series(None)
        free.compile("sgd", "mse", sample_weight_mode={free.output_names[0]: "temporal"})
    else:
        free = series(mode)
    free.set_weights(model.get_weights())
    y = SERIES.sum(-1, keepdims=True)
    a = model.fit(SERIES, y, sample_weight=STEPS, epochs=2, shuffle=False, verbose=0).history["loss"]
    assert free.fit(SERIES, y, sample_weight=STEPS, epochs=2, shuffle=False, verbose=0).history["loss"] == a


def test_weight_mode_errors():
    y = SERIES.sum(-1, keepdims=True)
    with pytest.raises(ValueError, match="pass a 2D array of sample weights.*\\(12,\\)"):
        series("temporal").fit(SERIES, y, sample_weight=STEPS[:, 0], verbose=0)
    flat = two_outputs()
    flat.compile("sgd", "mse", sample_weight_mode={"y": "temporal", "z": None})
    with pytest.raises(ValueError, match="'y'.*at least 3 dimensions"):
        flat.fit(X, [Y, Z], sample_weight=[np.ones((24, 2)), None], verbose=0)
    flat.compile("sgd", "mse", sample_weight_mode=[None, None])
    with pytest.raises(ValueError, match="'y'.*pass a 1D array"):
        flat.fit(X, [Y, Z], sample_weight=[np.ones((24, 2)), None], verbose=0)
    with pytest.raises(ValueError, match="missing: \\['z'\\]"):
        flat.compile("sgd", "mse", sample_weight_mode={"y": "temporal"})
    with pytest.raises(ValueError, match="one entry per output. Received: 1"):
        flat.compile("sgd", "mse", sample_weight_mode=["temporal"])
    with pytest.raises(ValueError, match="None or 'temporal'. Received: 'daily'"):
        flat.compile("sgd", "mse", sample_weight_mode="daily")
