"""The oracle: one row per public loss, metric and activation, with its inputs and tolerance.

A row says how the same call is made in fastfit and in Keras. Parity, dtype, symbolic and gradient tests all read it,
and a test fails when a public name has no row.
"""

from dataclasses import dataclass, field

import numpy as np
import pytest

CLASSES = 4
ROWS = 12


@dataclass(frozen=True)
class Row:
    """One public name.

    Attributes
    ----------
    inputs : str
        Kind of inputs, a key of `INPUTS`.
    variants : tuple of dict
        Keyword arguments with which it is made or called.
    rtol : float
        Relative tolerance against Keras; absolute is a tenth of it.
    weighted : bool
        Whether sample weights per row make sense.
    kinks : bool
        Whether inputs may lie near a kink, so that no gradient is checked.
    skip : str
        Why Keras is not asked.
    """

    name: str
    kind: str
    inputs: str
    variants: tuple = ({},)
    rtol: float = 2e-6
    weighted: bool = True
    kinks: bool = False
    skip: str = ""
    args: tuple = field(default=())


def _rng():
    return np.random.default_rng(20240817)


def _probabilities(rng, shape):
    p = rng.uniform(0.05, 1.0, shape)
    return p / p.sum(-1, keepdims=True)


def _ids(rng):
    return rng.integers(0, CLASSES, ROWS)


def _unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def make_inputs(kind):
    """Return (y_true, y_pred) in float64 (ids in int64) for a kind of inputs."""
    rng = _rng()
    shape = (ROWS, CLASSES)
    one_hot = np.eye(CLASSES)
    return {
        "numbers": lambda: (rng.normal(size=shape), rng.normal(size=shape) * 2),
        "positive": lambda: (rng.uniform(0.2, 3, shape), rng.uniform(0.2, 3, shape)),
        "signs": lambda: (np.sign(rng.normal(size=shape)), rng.normal(size=shape)),
        "binary": lambda: ((rng.uniform(size=shape) > 0.5) * 1.0, rng.uniform(0.02, 0.98, shape)),
        "binary_logits": lambda: ((rng.uniform(size=shape) > 0.5) * 1.0, rng.normal(size=shape) * 3),
        "one_hot": lambda: (one_hot[_ids(rng)], _probabilities(rng, shape)),
        "one_hot_logits": lambda: (one_hot[_ids(rng)], rng.normal(size=shape) * 3),
        "distributions": lambda: (_probabilities(rng, shape), _probabilities(rng, shape)),
        "ids": lambda: (_ids(rng), _probabilities(rng, shape)),
        "ids_logits": lambda: (_ids(rng), rng.normal(size=shape) * 3),
        "ids_pairs": lambda: (_ids(rng), _ids(rng)),
        "embeddings": lambda: (_ids(rng), _unit(rng.normal(size=shape))),
        "column": lambda: ((rng.uniform(size=(ROWS, 1)) > 0.5) * 1.0, rng.uniform(0.02, 0.98, (ROWS, 1))),
        "labels": lambda: (rng.integers(0, 3, ROWS) * 1.0, rng.integers(0, 3, ROWS) * 1.0),
    }[kind]()


def sample_weights():
    """Return one weight per row."""
    return _rng().uniform(0.1, 2.0, ROWS)


def _loss(name, inputs, *variants, **options):
    return Row(name, "loss", inputs, variants or ({},), **options)


LOSSES = [
    _loss("MeanSquaredError", "numbers"),
    _loss("MeanAbsoluteError", "numbers"),
    _loss("MeanAbsolutePercentageError", "positive"),
    _loss("MeanSquaredLogarithmicError", "positive"),
    _loss("Huber", "numbers", {}, {"delta": 0.3}),
    _loss("LogCosh", "numbers"),
    _loss("Hinge", "signs", kinks=True),
    _loss("SquaredHinge", "signs"),
    _loss("CategoricalHinge", "one_hot"),
    _loss("CosineSimilarity", "numbers", {}, {"axis": -1}),
    _loss("KLDivergence", "distributions"),
    _loss("Poisson", "positive"),
    _loss("BinaryCrossentropy", "binary", {}, {"label_smoothing": 0.1}),
    _loss("BinaryCrossentropy", "binary_logits", {"from_logits": True}),
    _loss("CategoricalCrossentropy", "one_hot", {}, {"label_smoothing": 0.1}),
    _loss("CategoricalCrossentropy", "one_hot_logits", {"from_logits": True}),
    _loss("SparseCategoricalCrossentropy", "ids", {}),
    _loss("SparseCategoricalCrossentropy", "ids_logits", {"from_logits": True},
          {"from_logits": True, "ignore_class": 1}),
    _loss("BinaryFocalCrossentropy", "binary", {},
          {"apply_class_balancing": True, "gamma": 1.5, "alpha": 0.4}, rtol=1e-5),
    _loss("BinaryFocalCrossentropy", "binary_logits", {"from_logits": True}, rtol=1e-5),
    _loss("CategoricalFocalCrossentropy", "one_hot", {}, {"gamma": 1.5, "alpha": 0.4}, rtol=1e-5),
    _loss("CategoricalFocalCrossentropy", "one_hot_logits", {"from_logits": True}, rtol=1e-5),
    _loss("CategoricalGeneralizedCrossEntropy", "ids", {}, {"q": 0.7}),
    _loss("Dice", "binary", {}, {"axis": -1}, weighted=False),
    # Keras 3.15 has alpha and beta swapped (repaired later), so equal ones are compared.
    _loss("Tversky", "binary", {}, {"axis": -1}, weighted=False),
    _loss("Circle", "embeddings", {"gamma": 4.0}, rtol=1e-5, kinks=True),
]  # fmt: skip

METRIC_TWINS = {
    "binary_crossentropy": "binary", "categorical_crossentropy": "one_hot", "sparse_categorical_crossentropy": "ids",
    "binary_focal_crossentropy": "binary", "categorical_focal_crossentropy": "one_hot", "categorical_hinge": "one_hot",
    "hinge": "signs", "huber": "numbers", "kl_divergence": "distributions", "log_cosh": "numbers",
    "mean_absolute_error": "numbers", "mean_absolute_percentage_error": "positive", "mean_squared_error": "numbers",
    "mean_squared_logarithmic_error": "positive", "poisson": "positive", "squared_hinge": "signs",
    "cosine_similarity": "numbers",
}  # fmt: skip
LOSS_FUNCTIONS = [
    *[Row(name, "loss_function", inputs, rtol=1e-5) for name, inputs in METRIC_TWINS.items()],
    Row("dice", "loss_function", "binary"),
    Row("tversky", "loss_function", "binary"),
    Row("circle", "loss_function", "embeddings", ({"gamma": 4.0},), rtol=1e-5),
    Row("categorical_generalized_cross_entropy", "loss_function", "ids", ({"q": 0.5},)),
]


def _metric(name, inputs, *variants, args=(), **options):
    return Row(name, "metric", inputs, variants or ({},), args=args, **options)


METRICS = [
    _metric("Accuracy", "labels"),
    _metric("BinaryAccuracy", "binary", {}, {"threshold": 0.3}),
    _metric("BinaryAccuracy", "column"),
    _metric("CategoricalAccuracy", "one_hot"),
    _metric("SparseCategoricalAccuracy", "ids"),
    _metric("TopKCategoricalAccuracy", "one_hot", {"k": 2}),
    _metric("SparseTopKCategoricalAccuracy", "ids", {"k": 2}),
    *[
        _metric(name, inputs)
        for name, inputs in {
            "MeanSquaredError": "numbers", "MeanAbsoluteError": "numbers", "MeanAbsolutePercentageError": "positive",
            "MeanSquaredLogarithmicError": "positive", "LogCoshError": "numbers", "Hinge": "signs",
            "SquaredHinge": "signs", "CategoricalHinge": "one_hot", "KLDivergence": "distributions",
            "Poisson": "positive", "CosineSimilarity": "numbers", "RootMeanSquaredError": "numbers",
        }.items()
    ],
    _metric("BinaryCrossentropy", "binary", {}, {"label_smoothing": 0.2}),
    _metric("CategoricalCrossentropy", "one_hot", {}, {"label_smoothing": 0.2}),
    _metric("SparseCategoricalCrossentropy", "ids", {}),
    _metric("PearsonCorrelation", "numbers", rtol=1e-5),
    _metric("ConcordanceCorrelation", "numbers",
            skip="Keras takes (y - mean(p)) for the deviation of y; the concordance correlation is defined otherwise"),
    *[_metric(n, "binary", {}, {"thresholds": [0.2, 0.5, 0.9]}) for n in
      ("TruePositives", "FalsePositives", "TrueNegatives", "FalseNegatives")],
    *[_metric(n, "binary", {}, {"thresholds": [0.2, 0.9]}, {"class_id": 1}, {"top_k": 2}, {"top_k": 2, "class_id": 1})
      for n in ("Precision", "Recall")],
    _metric("AUC", "binary", {}, {"curve": "PR"}, {"curve": "PRGAIN"}, {"num_thresholds": 20},
            {"summation_method": "minoring"}, {"curve": "PR", "summation_method": "majoring"},
            {"thresholds": [0.1, 0.4, 0.8]}, {"multi_label": True},
            {"multi_label": True, "label_weights": [1.0, 2.0, 0.5, 1.0]}, {"curve": "PR", "multi_label": True},
            rtol=1e-5),
    _metric("AUC", "binary_logits", {"from_logits": True}, rtol=1e-5),
    _metric("SensitivityAtSpecificity", "binary", args=(0.6,)),
    _metric("SpecificityAtSensitivity", "binary", args=(0.6,)),
    _metric("PrecisionAtRecall", "binary", args=(0.6,)),
    _metric("RecallAtPrecision", "binary", args=(0.6,)),
    _metric("FBetaScore", "one_hot", {}, {"average": "micro"}, {"average": "macro", "beta": 2.0},
            {"average": "weighted", "threshold": 0.3}, rtol=1e-5),
    _metric("F1Score", "one_hot", {}, {"average": "macro"}, rtol=1e-5),
    _metric("R2Score", "numbers", {}, {"class_aggregation": None}, {"class_aggregation": "variance_weighted_average"},
            {"num_regressors": 3}, rtol=1e-5),
    _metric("IoU", "ids_pairs", {"target_class_ids": [0, 2]}, args=(CLASSES,), weighted=False),
    _metric("MeanIoU", "ids_pairs", {}, {"ignore_class": 1}, args=(CLASSES,), weighted=False),
    _metric("BinaryIoU", "column", {}, {"threshold": 0.3}, weighted=False),
    _metric("OneHotIoU", "one_hot", {"target_class_ids": [0, 2]}, args=(CLASSES,), weighted=False),
    _metric("OneHotMeanIoU", "one_hot", args=(CLASSES,), weighted=False),
    _metric("Mean", "numbers"),
    _metric("Sum", "numbers"),
]  # fmt: skip
METRIC_FUNCTIONS = [
    *[Row(n, "metric_function", i, rtol=1e-5) for n, i in METRIC_TWINS.items() if n != "cosine_similarity"],
    Row("binary_accuracy", "metric_function", "binary"),
    Row("categorical_accuracy", "metric_function", "one_hot"),
    Row("sparse_categorical_accuracy", "metric_function", "ids"),
    Row("top_k_categorical_accuracy", "metric_function", "one_hot", ({"k": 2},)),
    Row("sparse_top_k_categorical_accuracy", "metric_function", "ids", ({"k": 2},)),
    Row("pearson_correlation", "metric_function", "numbers", rtol=1e-5),
    Row("concordance_correlation", "metric_function", "numbers", skip="see ConcordanceCorrelation"),
]


def _activation(name, *variants, **options):
    return Row(name, "activation", "activation", variants or ({},), **options)


ACTIVATIONS = [
    _activation("relu", {}, {"negative_slope": 0.1}, {"max_value": 1.0}, {"threshold": 0.7},
                {"negative_slope": 0.1, "max_value": 1.5, "threshold": 0.3}),
    _activation("leaky_relu", {}, {"negative_slope": 0.3}),
    _activation("relu6"),
    _activation("softmax", {}, {"axis": 0}),
    _activation("log_softmax", {}, {"axis": 0}),
    _activation("elu", {}, {"alpha": 0.5}),
    _activation("selu"),
    _activation("celu", {}, {"alpha": 0.5}),
    _activation("glu", {}, {"axis": 0}),
    _activation("gelu", {}, {"approximate": True}, rtol=5e-6),
    _activation("softplus"),
    _activation("softsign"),
    _activation("soft_shrink", {}, {"threshold": 0.9}),
    _activation("hard_shrink", {}, {"threshold": 0.9}),
    _activation("tanh_shrink", rtol=5e-6),
    _activation("threshold", {"threshold": 0.4, "default_value": -2.0}),
    _activation("squareplus", {}, {"b": 1}),
    _activation("sparse_plus"),
    _activation("sparse_sigmoid"),
    _activation("sparsemax", skip="Keras 3.15 on JAX sums the cumulated sums; rows of its result do not add up to 1"),
    _activation("silu"),
    _activation("swish"),
    _activation("hard_silu"),
    _activation("hard_swish"),
    _activation("tanh"),
    _activation("sigmoid"),
    _activation("log_sigmoid"),
    _activation("hard_sigmoid"),
    _activation("hard_tanh"),
    _activation("exponential"),
    _activation("mish", rtol=5e-6),
    _activation("linear"),
]  # fmt: skip


def activation_input():
    """Return float64 rows that stay clear of the kinks."""
    x = np.linspace(-3.05, 3.07, 8 * 6)
    return _rng().permutation(x).reshape(8, 6)


def cases(rows):
    """Return (row, variant) pairs with ids, for ``pytest.mark.parametrize``."""
    return [
        pytest.param(row, variant, id=f"{row.name}-{row.inputs}" + "".join(f"-{k}={v}" for k, v in variant.items()))
        for row in rows
        for variant in row.variants
    ]
