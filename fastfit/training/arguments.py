"""The arguments of fit, evaluate and predict, each set one object that is checked when it is made."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from fastfit.data.make import check_validation_freq


def take_old_names(old, epochs):
    """Keras 1's `nb_epoch`; anything else is unknown."""
    if "nb_epoch" in old:
        warnings.warn("The `nb_epoch` argument of fit() is called `epochs` now.", stacklevel=3)
        epochs = old.pop("nb_epoch")
    if old:
        raise TypeError(f"fit() got unexpected keyword arguments: {sorted(old)}")
    return epochs


def check_count(name, value, least=0, optional=True):
    """Return an argument that must be an integer, or None."""
    if value is None and optional:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise ValueError(f"`{name}` must be an integer >= {least}. Received: {name}={value!r}")
    return int(value)


def check_verbose(verbose):
    """Return 0, 1 or 2."""
    if isinstance(verbose, str) and verbose == "auto":
        return 1
    if not isinstance(verbose, (bool, int, np.integer)) or verbose not in (0, 1, 2):
        raise ValueError(f"`verbose` must be 'auto', 0, 1 or 2. Received: verbose={verbose!r}")
    return int(verbose)


@dataclass
class RunArguments:
    """What evaluate and predict are given; what predict has no argument for stays None.

    Raises
    ------
    ValueError
        For a value that no data could make right.
    """

    x: object
    y: object = None
    sample_weight: object = None
    batch_size: int | None = None
    verbose: object = "auto"
    steps: int | None = None
    callbacks: object = None

    def __post_init__(self):
        self.verbose = check_verbose(self.verbose)
        self.steps = check_count("steps", self.steps, 1)


@dataclass
class FitArguments:
    """What fit is given. `batch_size` is checked with the rows, whose number it may come from."""

    x: object
    y: object
    batch_size: int | None
    epochs: int
    verbose: object
    callbacks: object
    validation_split: float
    validation_data: object
    shuffle: object
    class_weight: object
    sample_weight: object
    initial_epoch: int
    steps_per_epoch: int | None
    validation_steps: int | None
    validation_batch_size: int | None
    validation_freq: object

    def __post_init__(self):
        self.verbose = check_verbose(self.verbose)
        self.epochs = check_count("epochs", self.epochs, optional=False)
        self.initial_epoch = check_count("initial_epoch", self.initial_epoch, optional=False)
        self.steps_per_epoch = check_count("steps_per_epoch", self.steps_per_epoch, 1)
        self.validation_steps = check_count("validation_steps", self.validation_steps, 1)
        self.validation_batch_size = check_count("validation_batch_size", self.validation_batch_size, 1)
        self.validation_freq = check_validation_freq(self.validation_freq)
        shuffle = self.shuffle
        if not isinstance(shuffle, (bool, int, np.bool_, str)) or shuffle not in (True, False, "batch"):
            raise ValueError(f"`shuffle` must be True, False or 'batch'. Received: shuffle={shuffle!r}")
