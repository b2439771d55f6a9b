"""Rows of ``keras.metrics``."""

from tests.oracle.losses import METRIC_TWINS
from tests.oracle.row import CLASSES, Row


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
