"""compile(): which arguments positional ones are, what it refuses, and masks that predictions carry."""

import inspect

import keras
import numpy as np
import pytest

from fastfit import layers, losses, metrics, models, ops

X, Y = np.ones((4, 3), "float32"), np.zeros((4, 1), "float32")


def _model():
    return models.Sequential([layers.Input((3,)), layers.Dense(1, kernel_initializer="ones")])


def _keys(model):
    return sorted(model.evaluate(X, Y, verbose=0, return_dict=True))


def _mean(y_true, y_pred):
    return y_pred


@pytest.mark.parametrize(
    ("args", "kwargs", "keys", "loss"),
    [
        ((["mae"],), {}, ["loss", "mae"], 9.0),
        (([metrics.MeanAbsoluteError(name="m")],), {}, ["loss", "m"], 9.0),
        (([_mean],), {}, ["_mean", "loss"], 9.0),
        ((["mae"], [2.0]), {}, ["loss", "mae"], 18.0),
        ((["mae"], 2), {}, ["loss", "mae"], 18.0),
        ((["mae"],), {"loss_weights": [2.0]}, ["loss", "mae"], 18.0),
        (([], [2.0]), {}, ["loss"], 18.0),
        ((None, [2.0]), {}, ["loss"], 18.0),
        ((["mae"], [2.0], None, ["mse"]), {}, ["loss", "mae", "mse"], 18.0),
        (([2.0],), {}, ["loss"], 18.0),
        ((2.0, ["mae"]), {}, ["loss", "mae"], 18.0),
        ((None, ["mae"]), {}, ["loss", "mae"], 9.0),
        (([2.0], ["mae"], ["mse"]), {}, ["loss", "mae", "mse"], 18.0),
    ],
)
def test_positional_arguments_of_both_versions(args, kwargs, keys, loss):
    model = _model()
    model.compile("sgd", "mse", *args, **kwargs)
    assert _keys(model) == keys
    assert model.evaluate(X, Y, verbose=0, return_dict=True)["loss"] == pytest.approx(loss)


def test_positional_arguments_that_cannot_be():
    model = _model()
    for args, kwargs, error, match in (
        (("mae",), {}, ValueError, "`metrics` argument to be a list"),
        ((["mae"],), {"metrics": ["mse"]}, TypeError, "'metrics'"),
        ((["mae"], None, None, None, None, None), {}, TypeError, "Received: 8"),
        (([2.0], [3]), {}, ValueError, "numbers|Received: 3|metric"),
    ):
        with pytest.raises(error, match=match):
            model.compile("sgd", "mse", *args, **kwargs)
            model.fit(X, Y, verbose=0)


def test_signature_is_that_of_keras():
    ours = list(inspect.signature(models.Model.compile).parameters)
    theirs = list(inspect.signature(keras.Model.compile).parameters)
    assert [n for n in ours if n != "keras2"] == theirs


class Marked(layers.Layer):
    """Leaves steps whose first value is 0 out."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, x):
        return x * 2.0

    def compute_mask(self, inputs, previous_mask):
        return ops.not_equal(inputs[..., 0], 0.0)


def test_eager_predictions_carry_their_mask_into_losses_and_metrics():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(5, 4, 3)).astype("float32")
    x[rng.uniform(size=(5, 4)) < 0.4] = 0.0
    y = rng.normal(size=(5, 4, 3)).astype("float32")
    mask = x[..., 0] != 0
    model = models.Sequential([layers.Input((4, 3)), Marked(), layers.Dropout(0.5)])
    for predict in (Marked(), model):
        p = predict(x)
        np.testing.assert_array_equal(p._keras_mask, mask)
        per_step = np.mean((y - 2 * x) ** 2, -1)[mask]
        assert losses.MeanSquaredError()(y, p) == pytest.approx(per_step.mean(), rel=1e-5)
        assert losses.MeanSquaredError(reduction="sum")(y, p) == pytest.approx(per_step.sum(), rel=1e-5)
        none = losses.MeanSquaredError(reduction="none")(y, p)
        assert not hasattr(none, "_keras_mask") and not np.any(none[~mask])
        metric = metrics.MeanSquaredError()
        assert metric(y, p) == pytest.approx(per_step.mean(), rel=1e-5)
        # The mask is that of the predictions alone: what is computed from them has none.
        assert not hasattr(p * 1.0, "_keras_mask") and not hasattr(p[:, :2], "_keras_mask")
    # As in training, where the mask is part of the graph.
    model.compile("sgd", "mse", metrics=["mse"])
    logs = model.evaluate(x, y, batch_size=5, verbose=0, return_dict=True)
    np.testing.assert_allclose(list(logs.values()), [per_step.mean()] * 2, rtol=1e-5)


@pytest.mark.parametrize("argument", ("run_eagerly", "jit_compile", "auto_scale_loss"))
def test_modes_have_few_values(argument):
    model = _model()
    for value in (True, False, None):
        model.compile("sgd", "mse", **{argument: value})
    with pytest.raises(ValueError, match=f"`{argument}` must be.*Received: {argument}='yes'"):
        model.compile("adam", "mae", **{argument: "yes"})
    assert model.get_compile_config()["loss"] == "mse"
    with pytest.warns(UserWarning, match="cannot both be True"):
        model.compile("sgd", "mse", run_eagerly=True, jit_compile=True)


def test_without_an_optimizer_a_model_is_only_evaluated():
    model = _model()
    model.compile(optimizer=None, loss="mse")
    assert model.evaluate(X, Y, verbose=0) == pytest.approx(9.0)
    for train in (lambda: model.fit(X, Y, verbose=0), lambda: model.train_on_batch(X, Y)):
        with pytest.raises(ValueError, match="needs an optimizer.*optimizer=None"):
            train()
