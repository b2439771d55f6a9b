"""An object's own variables in a dict-like store, under the names "0", "1", ..."""

import numpy as np


def save(variables, store):
    """Put variables into a store."""
    for i, v in enumerate(variables):
        store[str(i)] = v.numpy()


def load(variables, store, owner, built=True):
    """Set variables from a store; nothing changes unless all of them fit.

    Parameters
    ----------
    variables : list of Variable
    store : dict-like
        Its ``shape(key)``, if it has that, tells a shape before the values are read.
    owner : str
        Who has the variables, for messages.
    built : bool
        Whether the owner has made its variables.
    """
    found = len(store.keys())
    if found != len(variables):
        hint = "" if built else " It is not built yet: call the model on data, or `build()`, before loading."
        raise ValueError(
            f"{owner} expected {len(variables)} variables {[v.name for v in variables]}, but the file has {found} for "
            f"it.{hint}"
        )
    for i, v in enumerate(variables):
        key = str(i)
        shape = store.shape(key) if hasattr(store, "shape") else np.shape(store[key])
        if tuple(shape) != tuple(v.shape):
            raise ValueError(
                f"{owner}: variable '{v.name}' has shape {tuple(v.shape)}, not compatible with the shape in the file. "
                f"Received: {tuple(shape)}"
            )
    for v, value in zip(variables, [store[str(i)] for i in range(len(variables))], strict=True):
        v.assign(value)
