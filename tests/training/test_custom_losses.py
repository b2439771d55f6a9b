"""Losses of the user's own, in NumPy or ops: native from end to end, with the values and gradients of Keras."""

import jax
import keras
import numpy as np
import pytest

from fastfit import losses, metrics, ops
from fastfit.layers import Dense, Input
from fastfit.models import Sequential

rng = np.random.default_rng(5)
ROWS, INPUTS, UNITS = 24, 6, 4
X = rng.standard_normal((ROWS, INPUTS)).astype("float32")
W = rng.standard_normal((INPUTS, UNITS)).astype("float32") * 0.5
B = rng.standard_normal(UNITS).astype("float32") * 0.1
IDS = rng.integers(0, UNITS, ROWS)
TARGETS = {
    "numbers": rng.standard_normal((ROWS, UNITS)).astype("float32"),
    "unit": rng.random((ROWS, UNITS)).astype("float32"),
    "flags": (rng.random((ROWS, UNITS)) > 0.5).astype("float32"),
    "one_hot": np.eye(UNITS, dtype="float32")[IDS],
    "ids": IDS.astype("int32"),
}


def mse(m, y, p):
    return m.mean(m.square(y - p), axis=-1)


def mae_by_operators(m, y, p):
    return abs(y - p) / 2.0 + (y - p) ** 2


def crossentropy(m, y, p):
    p = m.clip(p, 1e-7, 1 - 1e-7)
    return -m.mean(y * m.log(p) + (1 - y) * m.log(1 - p), axis=-1)


def huber(m, y, p):
    d = y - p
    return m.mean(m.where(m.abs(d) < 0.5, 0.5 * m.square(d), 0.5 * (m.abs(d) - 0.25)), axis=-1)


def quantile(m, y, p):
    d = y - p
    return m.mean(m.maximum(0.9 * d, -0.1 * d), axis=-1)


def cosine(m, y, p):
    dot = m.sum(y * p, axis=-1)
    return -dot / (m.sqrt(m.sum(y * y, axis=-1)) * m.sqrt(m.sum(p * p, axis=-1)) + 1e-6)


def weighted_columns(m, y, p):
    return m.sum(np.array([1.0, 2.0, 0.5, 0.0], "float32") * m.square(y - p), axis=-1)


def log_softmax(m, y, z):
    z = z - m.max(z, axis=-1, keepdims=True)
    return -m.sum(y * (z - m.log(m.sum(m.exp(z), axis=-1, keepdims=True))), axis=-1)


def dice_of_all(m, y, p):
    y, p = m.reshape(y, (-1,)), m.reshape(p, (-1,))
    return 1.0 - (2.0 * m.sum(y * p) + 1.0) / (m.sum(y) + m.sum(p) + 1.0)


def dice_by_row(m, y, p):
    both = m.sum(y * p, axis=-1)
    return 1.0 - 2.0 * both / (m.sum(y, axis=-1) + m.sum(p, axis=-1) + 1e-6)


def focal(m, y, p):
    p = m.clip(p, 1e-6, 1.0 - 1e-6)
    pt = m.where(m.equal(y, 1.0), p, 1.0 - p)
    return -m.mean(m.power(1.0 - pt, 2.0) * m.log(pt), axis=-1)


def correlation(m, y, p):
    y, p = y - m.mean(y, axis=0), p - m.mean(p, axis=0)
    return 1.0 - m.sum(y * p, axis=0) / m.sqrt(m.sum(y**2, axis=0) * m.sum(p**2, axis=0))


def smoothness(m, y, p):
    return m.mean(m.abs((p[:, 1:] - p[:, :-1]) - (y[:, 1:] - y[:, :-1])), axis=-1)


def mixture(m, y, p):
    mean, log_scale = p[:, :2], p[:, 2:]
    z = (y[:, :2] - mean) * m.exp(-log_scale)
    return m.sum(0.5 * z * z + log_scale, axis=-1)


def hinge_of_best(m, y, p):
    true = m.sum(y * p, axis=-1)
    other = m.max(p - 1e9 * y, axis=-1)
    return m.maximum(0.0, 1.0 + other - true)


def batch_statistics(m, y, p):
    return m.square(m.mean(p) - m.mean(y)) + m.square(m.std(p) - m.std(y)) + m.var(p - y, axis=-1)


def trigonometric(m, y, p):
    return m.mean(1.0 - m.cos(p - y) + 0.1 * m.arctan(p) + 0.2 * m.log1p(m.expm1(m.abs(p))), axis=-1)


def ids_by_one_hot(m, y, z):
    hot = m.one_hot(m.cast(y, "int32"), UNITS)
    return -m.sum(hot * m.log_softmax(z, axis=-1), axis=-1)


def ids_by_take(m, y, p):
    at = m.expand_dims(m.cast(y, "int32"), -1)
    return -m.log(m.squeeze(m.take_along_axis(p, at, axis=-1), -1) + 1e-7)


def shifted_ids(m, y, z):
    y = m.cast(m.where(y == 3, 0, y + 1), "int32")  # computed class ids
    return m.sparse_categorical_crossentropy(y, z, from_logits=True) + m.sparse_categorical_crossentropy(
        y, m.softmax(z, axis=-1)
    )


def smoothed(m, y, z):
    return m.categorical_crossentropy(y * 0.9 + 0.025, z, from_logits=True)


def pairs_in_a_row(m, y, p):
    dp = m.expand_dims(p, 2) - m.expand_dims(p, 1)
    dy = m.sign(m.expand_dims(y, 2) - m.expand_dims(y, 1))
    return m.mean(m.softplus(-dp * dy), axis=(1, 2))


def by_einsum(m, y, p):
    d = y - p
    return m.einsum("bi,bi->b", d, m.matmul(d, np.eye(UNITS, dtype="float32") + 0.1))


# The loss, its targets, the activation of the output, and whether NumPy has all of it.
CASES = {
    "mse": (mse, "numbers", None, True),
    "mae_by_operators": (mae_by_operators, "numbers", None, True),
    "crossentropy": (crossentropy, "flags", "sigmoid", True),
    "huber": (huber, "numbers", None, True),
    "quantile": (quantile, "numbers", None, True),
    "cosine": (cosine, "numbers", "tanh", True),
    "weighted_columns": (weighted_columns, "numbers", None, True),
    "log_softmax": (log_softmax, "one_hot", None, True),
    "dice_of_all": (dice_of_all, "flags", "sigmoid", True),
    "dice_by_row": (dice_by_row, "flags", "sigmoid", True),
    "focal": (focal, "flags", "sigmoid", True),
    "correlation": (correlation, "numbers", None, True),
    "smoothness": (smoothness, "numbers", None, True),
    "mixture": (mixture, "numbers", None, True),
    "hinge_of_best": (hinge_of_best, "one_hot", None, True),
    "batch_statistics": (batch_statistics, "numbers", None, True),
    "trigonometric": (trigonometric, "numbers", None, True),
    "ids_by_one_hot": (ids_by_one_hot, "ids", None, False),
    "ids_by_take": (ids_by_take, "ids", "softmax", False),
    "shifted_ids": (shifted_ids, "ids", None, False),
    "smoothed": (smoothed, "one_hot", None, False),
    "pairs_in_a_row": (pairs_in_a_row, "numbers", None, False),
    "by_einsum": (by_einsum, "numbers", None, False),
}


def trained(loss, y, activation, **options):
    """(loss, kernel gradient, bias gradient, listing) of one SGD step with learning rate 1."""
    model = Sequential([Input((INPUTS,)), Dense(UNITS, activation=activation)])
    model.set_weights([W, B])
    model.compile("sgd", loss=loss, **options)
    model.optimizer.learning_rate = 1.0
    value = model.train_on_batch(X, y)
    kernel, bias = model.get_weights()
    return np.ravel(value)[0], W - kernel, B - bias, model.explain()


def of_keras(loss, y, activation):
    """The same by Keras's ops and JAX."""
    function = keras.activations.get(activation)

    def total(w, b):
        return keras.ops.mean(loss(y, function(keras.ops.matmul(X, w) + b)))

    value, (dw, db) = jax.value_and_grad(total, argnums=(0, 1))(W, B)
    return float(value), np.asarray(dw), np.asarray(db)


def hosts(listing):
    return [line for line in listing.splitlines() if line.startswith("host ")]


@pytest.mark.parametrize("name", CASES)
def test_custom_loss_is_native_and_that_of_keras(name):
    loss, target, activation, in_numpy = CASES[name]
    y = TARGETS[target]
    expected, kernel, bias = of_keras(lambda t, p: loss(keras.ops, t, p), y, activation)
    for module in (np, ops) if in_numpy else (ops,):
        value, dw, db, listing = trained(lambda t, p, m=module: loss(m, t, p), y, activation)
        assert hosts(listing) == []
        np.testing.assert_allclose(value, expected, rtol=1e-5)
        np.testing.assert_allclose(dw, kernel, rtol=1e-4, atol=2e-6)
        np.testing.assert_allclose(db, bias, rtol=1e-4, atol=2e-6)


BUILT_IN = {
    **dict.fromkeys(("MeanSquaredError", "MeanAbsoluteError", "MeanAbsolutePercentageError",
                     "MeanSquaredLogarithmicError", "Huber", "LogCosh", "CosineSimilarity"), ("numbers", None)),
    **dict.fromkeys(("Poisson", "KLDivergence"), ("unit", "sigmoid")),
    **dict.fromkeys(("Hinge", "SquaredHinge", "BinaryCrossentropy", "BinaryFocalCrossentropy", "Dice", "Tversky"),
                    ("flags", "sigmoid")),
    **dict.fromkeys(("CategoricalCrossentropy", "CategoricalFocalCrossentropy", "CategoricalHinge"),
                    ("one_hot", "softmax")),
    **dict.fromkeys(("SparseCategoricalCrossentropy", "CategoricalGeneralizedCrossEntropy"), ("ids", "softmax")),
}  # fmt: skip
VARIANTS = {
    "BinaryCrossentropy": ({"from_logits": True}, {"label_smoothing": 0.1}),
    "BinaryFocalCrossentropy": ({"apply_class_balancing": True}, {"from_logits": True}, {"gamma": 1.5}),
    "CategoricalCrossentropy": ({"from_logits": True}, {"label_smoothing": 0.1}),
    "CategoricalFocalCrossentropy": ({"from_logits": True},),
    "SparseCategoricalCrossentropy": ({"from_logits": True}, {"ignore_class": 1}),
    "Dice": ({"axis": (1,)},),
    "Tversky": ({"axis": (1,)},),
    "Huber": ({"delta": 0.3},),
}


@pytest.mark.parametrize(
    "name, options", [(name, options) for name in BUILT_IN for options in ({}, *VARIANTS.get(name, ()))]
)
def test_built_in_losses_are_native(name, options):
    target, activation = BUILT_IN[name]
    y = TARGETS[target]
    activation = None if options.get("from_logits") else activation
    value, dw, db, listing = trained(getattr(losses, name)(**options), y, activation)
    assert hosts(listing) == []
    theirs = getattr(keras.losses, name)(**options)
    expected, kernel, bias = of_keras(theirs, y, activation)
    np.testing.assert_allclose(value, expected, rtol=2e-5)
    np.testing.assert_allclose(dw, kernel, rtol=1e-3, atol=5e-6)
    np.testing.assert_allclose(db, bias, rtol=1e-3, atol=5e-6)


METRICS = {
    "numbers": [
        "Accuracy", "MeanSquaredError", "MeanAbsoluteError", "RootMeanSquaredError", "LogCoshError", "CosineSimilarity",
        "R2Score", "PearsonCorrelation", "MeanAbsolutePercentageError", "MeanSquaredLogarithmicError",
    ],
    "flags": [
        "BinaryAccuracy", "BinaryCrossentropy", "Hinge", "SquaredHinge", "AUC", "Precision", "Recall", "TruePositives",
        "FalsePositives", "TrueNegatives", "FalseNegatives", ("SensitivityAtSpecificity", 0.5),
        ("SpecificityAtSensitivity", 0.5), ("PrecisionAtRecall", 0.5), ("RecallAtPrecision", 0.5), "BinaryIoU",
    ],
    "one_hot": [
        "CategoricalAccuracy", "CategoricalCrossentropy", "CategoricalHinge", ("TopKCategoricalAccuracy", 2),
        "KLDivergence", "Poisson", "F1Score", "FBetaScore", ("OneHotIoU", UNITS, [0, 2]), ("OneHotMeanIoU", UNITS),
    ],
    "ids": [
        "SparseCategoricalAccuracy", "SparseCategoricalCrossentropy", ("SparseTopKCategoricalAccuracy", 2),
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    "target, metric", [(t, m if isinstance(m, tuple) else (m,)) for t, group in METRICS.items() for m in group]
)
def test_metrics_are_native(target, metric):
    name, *args = metric
    y = TARGETS[target]
    activation = {"numbers": None, "flags": "sigmoid"}.get(target, "softmax")
    loss = "sparse_categorical_crossentropy" if target == "ids" else "mse"
    model = Sequential([Input((INPUTS,)), Dense(UNITS, activation=activation)])
    model.set_weights([W, B])
    model.compile("sgd", loss=loss, metrics=[getattr(metrics, name)(*args)])
    value = model.evaluate(X, y, batch_size=7, verbose=0)[1]
    assert hosts(model.explain()) == []
    theirs = getattr(keras.metrics, name)(*args)
    theirs.update_state(y, keras.activations.get(activation)(X @ W + B))
    np.testing.assert_allclose(np.asarray(value), np.asarray(theirs.result()), rtol=3e-5, atol=1e-6)
