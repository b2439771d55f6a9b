"""Metrics, by the names and arguments of ``keras.metrics``."""

import inspect

from fastfit import losses
from fastfit.losses import (
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_hinge,
    hinge,
    huber,
    kl_divergence,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
    sparse_categorical_crossentropy,
    squared_hinge,
)
from fastfit.metrics.accuracy import (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
    binary_accuracy,
    categorical_accuracy,
    sparse_categorical_accuracy,
    sparse_top_k_categorical_accuracy,
    top_k_categorical_accuracy,
)
from fastfit.metrics.auc import AUC
from fastfit.metrics.confusion import (
    FalseNegatives,
    FalsePositives,
    Precision,
    PrecisionAtRecall,
    Recall,
    RecallAtPrecision,
    SensitivityAtSpecificity,
    SpecificityAtSensitivity,
    TrueNegatives,
    TruePositives,
)
from fastfit.metrics.iou import BinaryIoU, IoU, MeanIoU, OneHotIoU, OneHotMeanIoU
from fastfit.metrics.means import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    CategoricalHinge,
    ConcordanceCorrelation,
    CosineSimilarity,
    Hinge,
    KLDivergence,
    LogCoshError,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    PearsonCorrelation,
    Poisson,
    RootMeanSquaredError,
    SparseCategoricalCrossentropy,
    SquaredHinge,
    concordance_correlation,
    pearson_correlation,
)
from fastfit.metrics.metric import Metric
from fastfit.metrics.reduction import Mean, MeanMetricWrapper, Sum
from fastfit.metrics.scores import F1Score, FBetaScore, R2Score
from fastfit.utils.naming import to_snake_case
from fastfit.utils.registry import config_of, get_registered_name, get_registered_object

__all__ = [
    "AUC",
    "Accuracy",
    "BinaryAccuracy",
    "BinaryCrossentropy",
    "BinaryIoU",
    "CategoricalAccuracy",
    "CategoricalCrossentropy",
    "CategoricalHinge",
    "ConcordanceCorrelation",
    "CosineSimilarity",
    "F1Score",
    "FBetaScore",
    "FalseNegatives",
    "FalsePositives",
    "Hinge",
    "IoU",
    "KLDivergence",
    "LogCoshError",
    "Mean",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanIoU",
    "MeanMetricWrapper",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Metric",
    "OneHotIoU",
    "OneHotMeanIoU",
    "PearsonCorrelation",
    "Poisson",
    "Precision",
    "PrecisionAtRecall",
    "R2Score",
    "Recall",
    "RecallAtPrecision",
    "RootMeanSquaredError",
    "SensitivityAtSpecificity",
    "SparseCategoricalAccuracy",
    "SparseCategoricalCrossentropy",
    "SparseTopKCategoricalAccuracy",
    "SpecificityAtSensitivity",
    "SquaredHinge",
    "Sum",
    "TopKCategoricalAccuracy",
    "TrueNegatives",
    "TruePositives",
    "binary_accuracy",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_accuracy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_hinge",
    "concordance_correlation",
    "deserialize",
    "get",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "pearson_correlation",
    "poisson",
    "serialize",
    "sparse_categorical_accuracy",
    "sparse_categorical_crossentropy",
    "sparse_top_k_categorical_accuracy",
    "squared_hinge",
    "top_k_categorical_accuracy",
]

_CLASSES = {
    name: cls for name, cls in dict(globals()).items() if inspect.isclass(cls) and issubclass(cls, Metric)
}
_SHORT = {
    "mse": MeanSquaredError,
    "mae": MeanAbsoluteError,
    "mape": MeanAbsolutePercentageError,
    "msle": MeanSquaredLogarithmicError,
    "bce": BinaryCrossentropy,
}
_NAMES = {
    **_CLASSES,
    **{to_snake_case(name): cls for name, cls in _CLASSES.items()},
    **_SHORT,
    **{name.upper(): cls for name, cls in _SHORT.items()},
    # Names of Keras 2.
    "cosine_proximity": CosineSimilarity,
    "cosine": CosineSimilarity,
    "kullback_leibler_divergence": KLDivergence,
    "logcosh": LogCoshError,
}


def get(identifier):
    """Return the metric for a name, config, class, function or instance; None stays None.

    Raises
    ------
    ValueError : no metric has that name.
    """
    if identifier is None:
        return None
    if isinstance(identifier, dict):
        return deserialize(identifier)
    found = identifier
    if isinstance(identifier, str):
        found = get_registered_object(identifier, None, _NAMES)
        if found is None:
            hint = " It is a loss, but not a metric." if identifier in losses.FUNCTIONS else ""
            raise ValueError(f"Could not interpret metric identifier: {identifier!r}.{hint} Known: {sorted(_NAMES)}")
    if inspect.isclass(found):
        return found()
    if callable(found):
        return found
    raise ValueError(f"Could not interpret metric identifier: {identifier!r}")


def serialize(metric):
    """Return the config of a metric, or the name of a function."""
    return config_of(metric, "metrics") if isinstance(metric, Metric) else get_registered_name(metric)


def deserialize(config, custom_objects=None):
    """Return the metric that `serialize` described."""
    if isinstance(config, str):
        found = get_registered_object(config, custom_objects, {**_FUNCTIONS, **_NAMES})
        if found is None:
            raise ValueError(f"Could not interpret metric identifier: {config!r}")
        return found() if inspect.isclass(found) else found
    cls = get_registered_object(config.get("registered_name") or config["class_name"], custom_objects, _NAMES)
    if cls is None:
        raise ValueError(f"Could not interpret metric config: {config!r}")
    settings = dict(config.get("config") or {})
    if cls is MeanMetricWrapper and isinstance(settings.get("fn"), str):
        name = settings["fn"]
        settings["fn"] = get_registered_object(name, custom_objects, _FUNCTIONS)
        if settings["fn"] is None:
            raise ValueError(f"Unknown function {name!r} of a MeanMetricWrapper; pass it in custom_objects")
    return cls.from_config(settings) if inspect.isclass(cls) else cls


_FUNCTIONS = {
    name: fn for name, fn in dict(globals()).items() if inspect.isfunction(fn) and name in __all__
}
