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
from fastfit.utils.registry import config_of, get_registered_name, get_registered_object

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
_CLASSES = {
    name: cls
    for name, cls in vars(classes).items()
    if inspect.isclass(cls) and issubclass(cls, Loss) and cls is not LossFunctionWrapper
}
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
_NAMES = {**FUNCTIONS, **_CLASSES, **ALIASES}


def get(identifier):
    """Return the loss for a name, config, class, function or instance; None stays None.

    Raises
    ------
    ValueError : no loss has that name.
    """
    if identifier is None:
        return None
    if isinstance(identifier, dict):
        return deserialize(identifier)
    found = identifier
    if isinstance(identifier, str):
        found = get_registered_object(identifier, None, _NAMES)
        if found is None:
            raise ValueError(f"Could not interpret loss identifier: {identifier!r}. Known: {sorted(_NAMES)}")
    if inspect.isclass(found):
        return found()
    if callable(found):
        return found
    raise ValueError(f"Could not interpret loss identifier: {identifier!r}")


def serialize(loss):
    """Return the config of a loss, or the name of a function."""
    return config_of(loss, "losses") if isinstance(loss, Loss) else get_registered_name(loss)


def deserialize(name, custom_objects=None):
    """Return the loss that `serialize` described."""
    if isinstance(name, str):
        found = get_registered_object(name, custom_objects, _NAMES)
        if found is None:
            raise ValueError(f"Could not interpret loss identifier: {name!r}. Known: {sorted(_NAMES)}")
        return found() if inspect.isclass(found) else found
    cls = get_registered_object(name.get("registered_name") or name["class_name"], custom_objects, _NAMES)
    if cls is None:
        raise ValueError(f"Could not interpret loss config: {name!r}")
    return cls.from_config(dict(name.get("config") or {})) if inspect.isclass(cls) else cls
