"""Losses at the ends of their domain: finite, with the right gradients, through a native step and through NumPy."""

import numpy as np
import pytest

import fastfit
from fastfit import layers, losses, models, ops, optimizers
from fastfit.graph.differentiate import gradients
from fastfit.graph.evaluate import evaluate
from fastfit.graph.tensor import make_input
from tests import oracle

keras = pytest.importorskip("keras")
jax = pytest.importorskip("jax")

HOT = np.eye(4, dtype="float32")
# Rows of predictions by what they stand for; probabilities lie on the ends or well inside the clipping at 1e-7.
LOGITS = [[1e4, -1e4, 0, 5], [0, 0, 0, 0], [-1e4] * 4, [1e4] * 4, [88, -88, 104, -104], [-1e4, 1e4, 1e4, -1e4]]
PROBABILITIES = [[0, 1, 0, 0], [1, 0, 0, 0], [0.5, 0.5, 0, 0], [0.25] * 4, [1e-5, 1 - 1e-5, 0, 0], [1] * 4]
NUMBERS = [[1e4, -1e4, 0, 5], [0, 0, 0, 0], [-1e4] * 4, [1] * 4, [1e-8, -1e-8, 1e-20, 0], [-1, 0.5, 3, 1]]
KINDS = {
    "binary": ([*PROBABILITIES, [0] * 4], [np.zeros(4), np.ones(4), [0, 1, 0, 1]]),
    "binary_logits": (LOGITS, [np.zeros(4), np.ones(4), [0, 1, 0, 1]]),
    "one_hot": (PROBABILITIES, list(HOT)),
    "one_hot_logits": (LOGITS, list(HOT)),
    "ids": (PROBABILITIES, [0, 1, 2, 3]),
    "ids_logits": (LOGITS, [0, 1, 2, 3]),
    "distributions": (PROBABILITIES, [HOT[0], np.full(4, 0.25), np.zeros(4)]),
    "positive": (np.abs(NUMBERS), [np.zeros(4), np.ones(4), np.full(4, 1e4)]),
    "signs": (NUMBERS, [[1, -1, 1, -1], np.ones(4), [0, 1, 0, 1]]),
    "numbers": (NUMBERS, [np.zeros(4), np.ones(4), [1e4, -1e4, 0, 5]]),
}
ROWS = [case for case in oracle.cases(oracle.LOSSES) if case.values[0].inputs in KINDS]


def shifted(loss, activation=None):
    """A model whose predictions are its inputs: one step of SGD(1) leaves minus the gradient in the bias."""
    model = models.Sequential([layers.Input((4,)), layers.Dense(4, activation)])
    model.compile(optimizers.SGD(1.0), loss)

    def step(x, y, weight=None):
        model.set_weights([HOT, np.zeros(4, "float32")])
        value = model.train_on_batch(x, y, sample_weight=weight)
        return value, -model.get_weights()[1]

    return step


def by_numpy(loss, target_like):
    """(value, gradient) from the NumPy meanings of the graph's ops."""
    p = make_input((None, 4))
    y = make_input((None, *target_like.shape[1:]), target_like.dtype.name)
    value = loss(y, p)
    (gradient,) = gradients(value, [p])

    def run(x, targets):
        with np.errstate(all="ignore"):
            value_, gradient_ = evaluate([value, gradient], {p: x, y: targets})
        return value_, gradient_.sum(0)

    return run


def pairs_of(kind):
    """Batches of one row: (predictions, targets)."""
    predictions, targets = KINDS[kind]
    dtype = "int64" if kind.startswith("ids") else "float32"
    return [(np.array([p], "float32"), np.array([t], dtype)) for p in predictions for t in targets]


# BinaryFocalCrossentropy takes the logits past the sigmoid here, as Keras on TensorFlow does; see below. The cosine
# of a zero vector has a gradient here, and NaN in Keras on JAX.
OWN_WAY = {("BinaryFocalCrossentropy", "binary_logits"), ("CosineSimilarity", "numbers")}
# A probability of 0 has an infinite slope in this loss, and Keras makes NaN of it; here none, as where others clip.
STEEP = "CategoricalGeneralizedCrossEntropy"


def is_slope_at_a_kink(loss, reference, p, y, slope, wrong):
    """Whether each slope lies between those of both sides, or the plane is one below a convex loss."""
    step = 1e-3 * np.maximum(1, np.abs(p))
    sides = [np.asarray(reference(p + s * step, y)[1])[0] for s in (-1, 1)]
    inside = (slope >= np.minimum(*sides) - 1e-6) & (slope <= np.maximum(*sides) + 1e-6)
    if (inside | ~wrong).all():
        return True
    moves = np.random.default_rng(0).normal(size=(200, 4)).astype("float32")
    around = np.asarray(loss.call(np.repeat(y, len(moves), 0), p + moves))
    return bool((around >= float(reference(p, y)[0]) + moves @ slope - 1e-5).all())


@pytest.mark.parametrize("row, variant", ROWS)
def test_ends_of_the_domain(row, variant):
    ours, theirs = (getattr(m, row.name)(**variant) for m in (losses, keras.losses))
    cases = pairs_of(row.inputs)
    native, numpy_ = shifted(ours), by_numpy(ours, cases[0][1])
    reference = jax.jit(jax.value_and_grad(lambda q, t: theirs(t, q)))
    for p, y in cases:
        if (row.name, row.inputs) in OWN_WAY and (not p.any() or row.inputs == "binary_logits"):
            continue
        value, gradient = (np.asarray(v) for v in reference(p, y))
        if row.name == STEEP and p[0, y[0]] == 0:
            gradient = 0 * p
        assert np.isfinite(value) and np.isfinite(gradient).all()
        for name, (found, slope) in {"native": native(p, y), "NumPy": numpy_(p, y)}.items():
            said = f"{name} p={p} y={y}"
            np.testing.assert_allclose(found, value, rtol=2e-5, atol=1e-6, err_msg=said)
            wrong = ~np.isclose(slope, gradient[0], rtol=1e-4, atol=1e-6)
            if wrong.any():
                assert is_slope_at_a_kink(theirs, reference, p, y, slope, wrong), (
                    f"{said}: {slope}, Keras {gradient[0]}"
                )


@pytest.mark.parametrize("row, variant", ROWS)
def test_nan_stays_nan(row, variant):
    """A prediction that is NaN shows in the loss (and in the gradient), as in Keras; it is not taken for a number."""
    ours, theirs = (getattr(m, row.name)(**variant) for m in (losses, keras.losses))
    predictions, targets = KINDS[row.inputs]
    y = np.array([targets[0], targets[-1]], "int64" if row.inputs.startswith("ids") else "float32")
    p = np.array([predictions[-1], np.full(4, np.nan)], "float32")
    reference = np.asarray(theirs(y, p))
    value, gradient = shifted(ours)(p, y)
    assert np.isnan(value) == np.isnan(reference)
    assert np.isnan(by_numpy(ours, y)(p, y)[0]) == np.isnan(reference)
    if np.isnan(reference):
        assert not np.isfinite(gradient).all() or row.name in ("MeanAbsoluteError", "Hinge")


@pytest.mark.parametrize("row, variant", [c for c in ROWS if c.values[0].weighted])
def test_zero_weights(row, variant):
    """Rows of weight 0 leave no trace, whatever they predict; all weights 0 give loss 0 and gradient 0."""
    loss = getattr(losses, row.name)(**variant)
    step = shifted(loss)
    cases = pairs_of(row.inputs)
    p, y = np.concatenate([c[0] for c in cases]), np.concatenate([c[1] for c in cases])
    value, gradient = step(p, y, np.zeros(len(p), "float32"))
    assert value == 0 and not gradient.any()
    weights = (np.arange(len(p)) == 1).astype("float32")
    value, gradient = step(p, y, weights)
    alone, slope = step(p[1:2], y[1:2])
    np.testing.assert_allclose(value * len(p), alone, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(gradient * len(p), slope, rtol=1e-4, atol=1e-6)


# Crossentropies behind their activation: analytic, in float64 -------------------------------------------------------


def log_softmax(z):
    z = z.astype("float64")
    z = z - z.max(-1, keepdims=True)
    return z - np.log(np.exp(z).sum(-1, keepdims=True))


def sigmoid(z):
    e = np.exp(-np.abs(z.astype("float64")))
    return np.where(z >= 0, 1, e) / (1 + e)


def bce(z, t):
    z = z.astype("float64")
    return np.maximum(z, 0) - z * t + np.log1p(np.exp(-np.abs(z)))


Z = np.array([*LOGITS, [3, -2, 1, 0.5], [-30, 30, 2, -2]], "float32")
IDS = np.array([1, 0, 2, 3, 1, 0, 2, 0])
LABELS = np.array([[0, 1, 0, 1]] * 4 + [[1, 1, 0, 0]] * 4, "float32")
ONE_CLASS = np.zeros(8, "int64")
FUSED = {
    "softmax sparse": ("softmax", "sparse_categorical_crossentropy", IDS),
    "softmax sparse one class": ("softmax", "sparse_categorical_crossentropy", ONE_CLASS),
    "softmax dense": ("softmax", "categorical_crossentropy", HOT[IDS]),
    "softmax smoothed": ("softmax", losses.CategoricalCrossentropy(label_smoothing=0.2), HOT[IDS] * 0.8 + 0.05),
    "sparse logits": (None, losses.SparseCategoricalCrossentropy(from_logits=True), IDS),
    "dense logits": (None, losses.CategoricalCrossentropy(from_logits=True), HOT[IDS]),
    "sigmoid": ("sigmoid", "binary_crossentropy", LABELS),
    "sigmoid smoothed": ("sigmoid", losses.BinaryCrossentropy(label_smoothing=0.2), LABELS * 0.8 + 0.1),
    "binary logits": (None, losses.BinaryCrossentropy(from_logits=True), LABELS),
    "sigmoid one class": ("sigmoid", "binary_crossentropy", np.ones((8, 4), "float32")),
}


@pytest.mark.parametrize("rows", [1, 8])
@pytest.mark.parametrize("name", FUSED)
def test_crossentropies_on_logits(name, rows):
    """The value is unbounded and the gradient p - y even where p is 0 or 1 in float32."""
    activation, loss, target = FUSED[name]
    step = shifted(loss, activation)
    given = LABELS if "smoothed" in name and activation == "sigmoid" else HOT[IDS] if "smoothed" in name else target
    for start in range(0, 8, rows):
        z, y, t = (a[start : start + rows] for a in (Z, given, target))
        if activation == "sigmoid" or "binary" in name:
            value, slope = bce(z, t).mean(), (sigmoid(z) - t).sum(0) / t.size
        else:
            hot = HOT[t] if t.ndim == 1 else t
            value = -(hot * log_softmax(z)).sum(-1).mean()
            slope = (np.exp(log_softmax(z)) - hot).sum(0) / rows
        found, gradient = step(z, y)
        np.testing.assert_allclose(found, value, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(gradient, slope, rtol=1e-5, atol=1e-6)


def test_binary_focal_crossentropy_of_logits():
    step = shifted(losses.BinaryFocalCrossentropy(from_logits=True))
    for z in Z:
        z = z[None]
        for t in (np.zeros((1, 4)), np.ones((1, 4))):
            wrong = np.where(t == 1, sigmoid(-z), sigmoid(z))
            ce = bce(z, t)
            value = (wrong**2 * ce).mean()
            slope = np.where(t == 1, -1, 1) * (wrong**3 + 2 * wrong**2 * (1 - wrong) * ce) / 4
            found, gradient = step(z, t.astype("float32"))
            np.testing.assert_allclose(found, value, rtol=1e-4, atol=1e-6)
            np.testing.assert_allclose(gradient, slope[0], rtol=1e-3, atol=1e-6)


def test_cosine_of_a_zero_vector():
    """x / max(|x|, 1e-7) is linear around 0, with slope 1e7."""
    value, gradient = shifted("cosine_similarity")(np.zeros((1, 4), "float32"), np.ones((1, 4), "float32"))
    assert value == 0
    np.testing.assert_allclose(gradient, -0.5e7, rtol=1e-5)


def test_a_custom_loss_beyond_float32_is_inf_or_nan_and_not_a_number():
    """What overflows in float32 overflows here as well: nothing is clipped behind the user's back."""
    step = shifted(lambda y, p: ops.mean(ops.exp(p), axis=-1))
    assert step(np.full((1, 4), 200, "float32"), np.zeros((1, 4), "float32"))[0] == np.inf
    value, gradient = step(np.full((1, 4), np.nan, "float32"), np.zeros((1, 4), "float32"))
    assert np.isnan(value) and np.isnan(gradient).all()


def test_weights_that_are_nan_show():
    value, gradient = shifted("mse")(np.ones((3, 4)), np.zeros((3, 4)), np.array([1.0, np.nan, 1.0]))
    assert np.isnan(value) and np.isnan(gradient).all()
    assert (
        fastfit.losses.MeanSquaredError(reduction="mean_with_sample_weight")(
            np.ones((3, 4)), np.zeros((3, 4)), np.zeros(3)
        )
        == 0
    )  # not 0 / 0


@pytest.mark.parametrize("name", ["CategoricalCrossentropy", "SparseCategoricalCrossentropy"])
def test_rows_of_zeros_are_no_probabilities(name):
    """Divided by their sum they are NaN, as in Keras, and not a number that looks like a loss."""
    y = HOT[:1] if name.startswith("Cat") else np.array([0])
    p = np.zeros((1, 4), "float32")
    assert np.isnan(getattr(keras.losses, name)()(y, p))
    value, gradient = shifted(getattr(losses, name)())(p, y)
    assert np.isnan(value) and np.isnan(gradient).all()
