"""Losses, by the names and arguments of ``keras.losses``."""

import inspect

from fastfit.losses import classes
from fastfit.losses.classes import (
    BinaryCrossentropy,
    BinaryFocalCrossentropy,
    CategoricalCrossentropy,
    CategoricalFocalCrossentropy,
    CategoricalGeneralizedCrossEntropy,
    CategoricalHinge,
    Circle,
    CosineSimilarity,
    Dice,
    Hinge,
    Huber,
    KLDivergence,
    LogCosh,
    LossFunctionWrapper,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
    SparseCategoricalCrossentropy,
    SquaredHinge,
    Tversky,
)
from fastfit.losses.loss import Loss
from fastfit.losses.probability import (
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_generalized_cross_entropy,
    circle,
    sparse_categorical_crossentropy,
)
from fastfit.losses.regression import (
    categorical_hinge,
    cosine_similarity,
    dice,
    hinge,
    huber,
    kl_divergence,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
    squared_hinge,
    tversky,
)
from fastfit.utils.registry import Registry
from fastfit.utils.suggestions import unknown_attribute

__all__ = [
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "CategoricalGeneralizedCrossEntropy",
    "CategoricalHinge",
    "Circle",
    "CosineSimilarity",
    "Dice",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "Loss",
    "LossFunctionWrapper",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
    "Tversky",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_generalized_cross_entropy",
    "categorical_hinge",
    "circle",
    "cosine_similarity",
    "deserialize",
    "dice",
    "get",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "poisson",
    "serialize",
    "sparse_categorical_crossentropy",
    "squared_hinge",
    "tversky",
]

FUNCTIONS = {name: fn for name in __all__ if name[0].islower() and inspect.isfunction(fn := globals().get(name))}
_CLASSES = [cls for cls in vars(classes).values() if inspect.isclass(cls) and issubclass(cls, Loss) and cls is not Loss]
_SHORT = {
    "mse": mean_squared_error,
    "mae": mean_absolute_error,
    "mape": mean_absolute_percentage_error,
    "msle": mean_squared_logarithmic_error,
    "bce": binary_crossentropy,
    "kld": kl_divergence,
}
ALIASES = {
    **_SHORT,
    **{name.upper(): fn for name, fn in _SHORT.items()},
    # Names of Keras 2.
    "kullback_leibler_divergence": kl_divergence,
    "logcosh": log_cosh,
    "cosine": cosine_similarity,
    "cosine_proximity": cosine_similarity,
}
_REGISTRY = Registry("loss", "losses", _CLASSES, ALIASES, FUNCTIONS)


def get(identifier):
    """Return the loss for a name, config, class, function or instance; None stays None.

    Raises
    ------
    ValueError : no loss has that name.
    """
    return _REGISTRY.get(identifier)


def serialize(loss):
    """Return the config of a loss or a function."""
    return _REGISTRY.serialize(loss)


def deserialize(name, custom_objects=None):
    """Return the loss that `serialize` described."""
    return _REGISTRY.deserialize(name, custom_objects)


__getattr__ = unknown_attribute(__name__, globals())
