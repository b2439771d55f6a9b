"""A row, and the inputs that rows name."""

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
