"""Rows of ``keras.losses``."""

from tests.oracle.row import Row


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
