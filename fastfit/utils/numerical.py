"""One-hot labels and normalised arrays."""

import numpy as np


def to_categorical(x, num_classes=None):
    """Turn class ids into one-hot rows.

    Parameters
    ----------
    x : array of int
        Class ids from 0 on; a last axis of size 1 is dropped.
    num_classes : int, optional
        ``max(x) + 1`` by default.

    Returns
    -------
    array of float64
        Shape of ``x`` with a last axis of ``num_classes``.
    """
    x = np.asarray(x, dtype="int64")
    if x.ndim > 1 and x.shape[-1] == 1:
        x = x.reshape(x.shape[:-1])
    if not num_classes:
        num_classes = int(np.max(x)) + 1
    if x.size and (x.min() < 0 or x.max() >= num_classes):
        raise ValueError(
            f"Class ids must lie in [0, {num_classes}). Received ids from {x.min()} to {x.max()}, "
            f"num_classes={num_classes}."
        )
    categorical = np.zeros((x.size, num_classes))
    categorical[np.arange(x.size), x.reshape(-1)] = 1
    return categorical.reshape(x.shape + (num_classes,))


def normalize(x, axis=-1, order=2):
    """Divide an array by its norm along an axis; a norm of 0 counts as 1.

    Parameters
    ----------
    x : array
    axis : int, default=-1
    order : int, default=2
    """
    if not isinstance(order, int) or order < 1:
        raise ValueError(f"Argument `order` must be an int >= 1. Received: order={order}")
    norm = np.atleast_1d(np.linalg.norm(x, order, axis))
    norm[norm == 0] = 1
    return x / np.expand_dims(norm, axis)
