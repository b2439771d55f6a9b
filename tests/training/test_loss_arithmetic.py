"""Reductions, weights, masks, smoothing, loss weights, penalties: Keras's figures in train, evaluate and logs."""

import functools

import numpy as np
import pytest

import fastfit
from tests.training.pairs import (  # noqa: F401  quick_compiler is a fixture
    FEATURES,
    RNG,
    TARGET,
    A,
    B,
    N,
    P,
    Q,
    W,
    X,
    Y,
    by,
    close,
    fit_both,
    keras,
    pair,
    quick_compiler,
    several,
    sgd,
)

SGD = sgd()
SMALL = by(lambda lib: lib.optimizers.SGD(0.002))
METRICS, CROSSENTROPY = ["accuracy"], ["sparse_categorical_crossentropy"]
MAE, MSE, BOTH_METRICS = ["mae"], ["mse"], ["mae", "mse"]
IDS = Y % 3
HOT = np.eye(3, dtype="float32")[IDS]
MULTI = (RNG.uniform(size=(N, 3)) > 0.5).astype("float32")
ZEROS = W * (RNG.uniform(size=N) > 0.4)
STEPS = 4
XT = RNG.standard_normal((N, STEPS, FEATURES)).astype("float32")
XT[RNG.uniform(size=(N, STEPS)) > 0.7] = 0.0  # masked steps
YT = RNG.standard_normal((N, STEPS, 3)).astype("float32")
IDS_T = RNG.integers(0, 3, (N, STEPS))
WT = RNG.uniform(0.1, 2.0, (N, STEPS)).astype("float32")


def head(lib, activation=None, units=3):
    return lib.models.Sequential(
        [lib.layers.Input((FEATURES,)), lib.layers.Dense(6, "tanh"), lib.layers.Dense(units, activation)]
    )


def steps(lib, activation=None, masked=False):
    """Predictions for time steps, with a mask on them or not."""

    class Hide(lib.layers.Layer):
        def __init__(self):
            super().__init__()
            self.supports_masking = True

        def call(self, x):
            return x + 0.0

        def compute_mask(self, inputs, mask=None):
            return lib.ops.any(lib.ops.not_equal(inputs, 0.0), axis=-1)

    inputs = lib.layers.Input((STEPS, FEATURES))
    x = Hide()(inputs) if masked else inputs
    return lib.models.Model(inputs, lib.layers.Dense(3, activation)(lib.layers.Dense(5, "tanh")(x)))


def same_figures(models, x, y, rows=25, trained=None, **extra):
    """Two epochs, then evaluate: logs, weights and results agree.

    trained : list of str, optional
        The keys of the logs of training to compare; all by default.
    """
    results = []
    weight = extra.get("sample_weight")
    for model in models:
        history = model.fit(x, y, epochs=2, batch_size=rows, shuffle=False, verbose=0, **extra).history
        logs = {k: v for k, v in history.items() if trained is None or k in trained}
        evaluated = model.evaluate(x, y, batch_size=rows, verbose=0, sample_weight=weight, return_dict=True)
        results.append([logs, model.get_weights(), evaluated])
    for ours, theirs in zip(*results, strict=True):
        close(ours, theirs)
    assert all(np.isfinite(values).all() for values in results[0][0].values())


@functools.cache  # the same object for the same loss: then the models of `pair` are found again
def of(name, **arguments):
    """A loss of either library."""
    return by(lambda lib: getattr(lib.losses, name)(**arguments))


# One output -------------------------------------------------------------------------------------------------------

REDUCTIONS = ["sum_over_batch_size", "mean", "sum", "mean_with_sample_weight"]
WEIGHTS = {"none": None, "rows": W, "column": W[:, None], "some zero": ZEROS, "all zero": 0 * W}


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weights", WEIGHTS)
def test_reductions(reduction, weights):
    models = pair(
        head,
        optimizer=SMALL if reduction == "sum" else SGD,
        loss=of("MeanSquaredError", reduction=reduction),
        metrics=MAE,
        weighted_metrics=BOTH_METRICS,
    )
    same_figures(models, X, TARGET, sample_weight=WEIGHTS[weights])


@pytest.mark.parametrize("reduction", ["none", None])
def test_no_reduction_cannot_train(reduction):
    """Keras fails here too; the message must say why."""
    model = head(fastfit)
    model.compile("sgd", fastfit.losses.MeanSquaredError(reduction=reduction))
    before = model.get_weights()
    with pytest.raises(ValueError, match="reduction"):
        model.fit(X, TARGET, verbose=0)
    close(model.get_weights(), before)


LOSSES = {
    "mse column": (None, 1, "mse", TARGET[:, :1]),
    "mse flat": (None, 1, "mse", TARGET[:, 0]),
    "huber": (None, 3, of("Huber", delta=0.3), TARGET),
    "cosine": (None, 3, of("CosineSimilarity"), TARGET),
    "categorical": ("softmax", 3, "categorical_crossentropy", HOT),
    "categorical smoothed": ("softmax", 3, of("CategoricalCrossentropy", label_smoothing=0.2), HOT),
    "categorical logits": (None, 3, of("CategoricalCrossentropy", from_logits=True, label_smoothing=0.1), HOT),
    "soft targets": (None, 3, of("CategoricalCrossentropy", from_logits=True), np.abs(TARGET)),
    "sparse": ("softmax", 3, "sparse_categorical_crossentropy", IDS),
    "sparse column": ("softmax", 3, "sparse_categorical_crossentropy", IDS[:, None]),
    "sparse logits": (None, 3, of("SparseCategoricalCrossentropy", from_logits=True), IDS),
    "sparse ignored": (None, 3, of("SparseCategoricalCrossentropy", from_logits=True, ignore_class=1), IDS),
    "sparse ignored p": ("softmax", 3, of("SparseCategoricalCrossentropy", ignore_class=0), IDS),
    "binary": ("sigmoid", 1, "binary_crossentropy", MULTI[:, 0]),
    "binary labels": ("sigmoid", 3, "binary_crossentropy", MULTI),
    "binary smoothed": ("sigmoid", 3, of("BinaryCrossentropy", label_smoothing=0.3), MULTI),
    "binary logits": (None, 3, of("BinaryCrossentropy", from_logits=True, label_smoothing=0.1), MULTI),
    "binary focal": (None, 3, of("BinaryFocalCrossentropy", from_logits=True, apply_class_balancing=True), MULTI),
    "categorical focal": ("softmax", 3, of("CategoricalFocalCrossentropy", label_smoothing=0.1), HOT),
    "hinge 01": (None, 3, "hinge", MULTI),
    "hinge": (None, 3, "squared_hinge", 2 * MULTI - 1),
    "dice": ("sigmoid", 3, of("Dice"), MULTI),
    "by shape": ("softmax", 3, "crossentropy", IDS),
    "kl": ("softmax", 3, "kl_divergence", np.abs(TARGET) / np.abs(TARGET).sum(1, keepdims=True)),
    "poisson": ("softplus", 3, "poisson", np.abs(TARGET)),
    "log cosh": (None, 3, "log_cosh", TARGET),
}


@pytest.mark.parametrize("name", LOSSES)
def test_losses_with_weights(name):
    activation, units, loss, y = LOSSES[name]
    if loss == "crossentropy":  # which only fastfit knows
        ours = pair(head, activation, units, optimizer=SGD, loss="sparse_categorical_crossentropy")
        renamed = head(fastfit, activation, units)
        renamed.set_weights(ours[0].get_weights())
        renamed.compile(fastfit.optimizers.SGD(0.1), "crossentropy")
        same_figures((renamed, ours[1]), X, y, sample_weight=W)
        return
    models = pair(head, activation, units, optimizer=SGD, loss=loss)
    same_figures(models, X, y, sample_weight=None if name == "dice" else W)


@pytest.mark.parametrize(
    ("loss", "y"),
    [("sparse_categorical_crossentropy", IDS), ("sparse_categorical_crossentropy", IDS[:, None]),
     ("categorical_crossentropy", HOT)],
)  # fmt: skip
def test_class_weight(loss, y):
    models = pair(head, "softmax", optimizer=SGD, loss=loss, metrics=METRICS, weighted_metrics=METRICS)
    same_figures(models, X, y, class_weight={0: 3.0, 2: 0.5})
    histories = []
    for extra in ({"class_weight": {0: 3.0, 2: 0.5}}, {"sample_weight": np.array([3.0, 1.0, 0.5])[IDS]}):
        model = pair(head, "softmax", optimizer=SGD, loss=loss, metrics=METRICS, weighted_metrics=METRICS)[0]
        histories.append(model.fit(X, y, shuffle=False, verbose=0, **extra).history)
    assert histories[0] == histories[1]


def test_class_weight_of_binary_labels():
    models = pair(head, "sigmoid", 1, optimizer=SGD, loss="binary_crossentropy", weighted_metrics=["accuracy"])
    same_figures(models, X, MULTI[:, :1], class_weight={0: 0.2, 1: 4.0})


# Time steps and masks ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", "mean_with_sample_weight"])
@pytest.mark.parametrize("weights", [None, WT], ids=["no weights", "weights"])
def test_time_steps(masked, reduction, weights):
    # Keras on JAX loses the masks of predictions between the loss and the metrics of a training step
    models = pair(
        steps,
        None,
        masked,
        optimizer=SMALL if reduction == "sum" else SGD,
        loss=of("MeanSquaredError", reduction=reduction),
        metrics=MAE,
        weighted_metrics=MSE,
    )
    same_figures(models, XT, YT, trained=["loss"] if masked else None, sample_weight=weights)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("ignore", [None, 2])
@pytest.mark.parametrize("weights", [None, WT], ids=["no weights", "weights"])
def test_class_ids_of_time_steps(masked, ignore, weights):
    models = pair(
        steps,
        "softmax",
        masked,
        optimizer=SGD,
        loss=of("SparseCategoricalCrossentropy", ignore_class=ignore),
        metrics=METRICS,
        weighted_metrics=CROSSENTROPY,
    )
    same_figures(models, XT, IDS_T, trained=["loss"] if masked else None, sample_weight=weights)


# Several outputs ----------------------------------------------------------------------------------------------------

SEVERAL = {
    "one loss": {"loss": "mse"},
    "list": {"loss": ["binary_crossentropy", "mae"]},
    "dict": {"loss": {"p": "binary_crossentropy", "q": "mae"}},
    "weights list": {"loss": ["binary_crossentropy", "mae"], "loss_weights": [0.3, 2.0]},
    "weights dict": {"loss": {"p": "bce", "q": "mse"}, "loss_weights": {"p": 0.3, "q": 2.0}},
    "zero weight": {"loss": ["binary_crossentropy", "mae"], "loss_weights": [1.0, 0.0]},
    "metrics": {
        "loss": {"p": "bce", "q": "mse"},
        "loss_weights": [0.5, 1.5],
        "metrics": {"p": ["accuracy"], "q": ["mae", "mse"]},
        "weighted_metrics": {"q": ["mae"], "p": ["mse", "accuracy"]},
    },
    "metrics list": {"loss": "mse", "metrics": ["mae", None], "weighted_metrics": [None, ["mse", "mae"]]},
    "no loss for q": {"loss": ["bce", None], "metrics": [None, ["mae"]]},
    "no loss for p": {"loss": {"p": None, "q": "mse"}},
}
SHARED = {"none": None, "shared": W, "list": [W, ZEROS], "dict": {"q": ZEROS, "p": W}}


@pytest.mark.parametrize("name", SEVERAL)
@pytest.mark.parametrize("weights", ["none", "shared", "list"])
def test_several_outputs(name, weights):
    if weights == "shared" and name not in ("list", "metrics"):
        return
    models = pair(several, optimizer=SGD, **SEVERAL[name])
    same_figures(models, [A, B], [P, Q], sample_weight=SHARED[weights])


@pytest.mark.parametrize("name", ["dict", "weights dict", "metrics"])
@pytest.mark.parametrize("weights", ["none", "dict"])
def test_several_outputs_as_dicts(name, weights):
    compiled = {**SEVERAL[name], **({"loss_weights": {"p": 0.5, "q": 1.5}} if name == "metrics" else {})}
    models = pair(several, "dict", optimizer=SGD, **compiled)
    same_figures(models, {"a": A, "b": B}, {"p": P, "q": Q}, sample_weight=SHARED[weights])


TWO = {"loss": ["bce", "mse"], "loss_weights": [2.0, 1.0], "weighted_metrics": [["mse"], ["mae"]]}


def test_class_weight_of_several_outputs():
    """Keras 3 refuses it; Keras 2 took a dict by output: the same as sample weights."""
    weights = [np.where(P[:, 0] > 0, 0.5, 3.0), np.ones(N)]
    histories = []
    for extra in ({"class_weight": {"p": {0: 3.0, 1: 0.5}}}, {"sample_weight": weights}):
        model = pair(several, optimizer=SGD, **TWO)[0]
        histories.append(model.fit([A, B], [P, Q], shuffle=False, verbose=0, **extra).history)
    close(*histories)


@pytest.mark.parametrize("weights", [[2, 1], {"p": 2}, {"p": 2.0, "q": 1}, [2.0, None]])
def test_loss_weights_that_only_fastfit_takes(weights):
    """Whole numbers, and those of some outputs only, as Keras 2 did."""
    ours, theirs = pair(several, optimizer=SGD, **TWO)
    ours.compile(fastfit.optimizers.SGD(0.1), **{**TWO, "loss_weights": weights})
    fit_both((ours, theirs), [A, B], [P, Q], batch_size=25)


# Penalties ----------------------------------------------------------------------------------------------------------


def penalised(lib):
    """Regularizers of every kind of weight and of activations, a shared layer, an added loss, two outputs."""

    class Penalty(lib.layers.Layer):
        def call(self, x):
            self.add_loss(0.1 * lib.ops.mean(lib.ops.square(x)))
            return x

    reg = lib.regularizers
    a, b = lib.layers.Input((5,), name="a"), lib.layers.Input((5,), name="b")
    shared = lib.layers.Dense(
        7, "tanh", kernel_regularizer=reg.L1L2(0.01, 0.02), bias_regularizer=reg.L2(0.1), bias_initializer="ones",
    )  # fmt: skip
    x = lib.layers.Concatenate()([shared(a), shared(b)])
    p = lib.layers.Dense(1, "sigmoid", name="p", kernel_regularizer=reg.L1(0.1))(x)
    x = lib.layers.Dense(
        4, activity_regularizer=reg.L1(0.03), kernel_regularizer=reg.OrthogonalRegularizer(0.1, "columns")
    )(x)
    q = lib.layers.Dense(3, name="q", activity_regularizer="l2", kernel_regularizer=reg.OrthogonalRegularizer(0.1))(x)
    return lib.models.Model([a, b], [p, Penalty(name="penalty")(q)])


@pytest.mark.parametrize("weights", ["none", "list"])
def test_penalties(weights):
    """Once per step, in train and evaluate, in the loss but not in the losses of the outputs."""
    models = pair(
        penalised, optimizer=SGD, loss=["bce", "mse"], loss_weights=[0.7, 1.3], weighted_metrics=["mse", "mse"]
    )
    same_figures(models, [A, B], [P, Q], sample_weight=SHARED[weights])


def test_penalties_alone():
    models = pair(penalised, optimizer=SGD)
    same_figures(models, [A, B], None)


def test_activities_of_a_shared_layer():
    """One penalty for every call, as in Keras run eagerly; its compiled step on JAX keeps only that of the last."""

    def make(lib):
        a, b = lib.layers.Input((5,)), lib.layers.Input((5,))
        shared = lib.layers.Dense(7, "tanh", activity_regularizer=lib.regularizers.L1(0.03))
        return lib.models.Model([a, b], lib.layers.Add()([shared(a), shared(b)]))

    ours, theirs = pair(make)
    theirs([A, B])
    assert len(theirs.losses) == 2
    ours.compile("sgd")
    total = sum(float(loss) for loss in theirs.losses)
    assert ours.evaluate([A, B], batch_size=N, verbose=0) == pytest.approx(total, rel=1e-5)


def test_the_loss_of_an_epoch_weighs_batches_by_rows():
    """Rows, not sample weights, not batches: 75 rows in batches of 16 leave 11 for the last."""
    model = head(fastfit)
    model.compile(fastfit.optimizers.SGD(0.0), "mse", weighted_metrics=["mse"])
    logs = model.fit(X, TARGET, batch_size=16, sample_weight=W, shuffle=False, verbose=0).history
    values = np.mean((model.predict(X, verbose=0) - TARGET) ** 2, axis=-1)
    assert logs["loss"][0] == pytest.approx(np.mean(values * W), rel=1e-5)
    assert logs["mse"][0] == pytest.approx(np.sum(values * W) / np.sum(W), rel=1e-5)


@pytest.mark.parametrize("name", ["mean_squared_error", "huber", "log_cosh", "categorical_crossentropy"])
def test_halves_add_up(name):
    """The loss and the gradient of a batch are the means of those of its halves."""
    ours = head(fastfit, "softmax")
    ours.compile(fastfit.optimizers.SGD(1.0), name)
    before = ours.get_weights()
    totals = []
    for parts in ([slice(0, 64)], [slice(0, 32), slice(32, 64)]):
        total = 0
        for rows in parts:
            ours.set_weights(before)
            loss = ours.train_on_batch(X[rows], HOT[rows])
            change = [a - b for a, b in zip(before, ours.get_weights(), strict=True)]
            total = np.concatenate([[loss], *[c.ravel() for c in change]]) / len(parts) + total
        totals.append(total)
    np.testing.assert_allclose(*totals, rtol=1e-4, atol=1e-6)
