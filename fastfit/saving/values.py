"""Plain values with arrays among them in a group of an HDF5 file: JSON text, and a dataset per array."""

import json

import numpy as np

from fastfit.saving.h5_store import checked_dataset, read_dataset

_ARRAY = "__array__"


def write_values(group, values):
    """Write dicts with text as keys, lists, numbers, text and arrays; TypeError for anything else."""
    arrays = []

    def encode(x):
        if isinstance(x, dict):
            for key in x:
                if not isinstance(key, str):
                    raise TypeError(f"Keys of what is saved must be text. Received: {key!r}")
            return {key: encode(value) for key, value in x.items()}
        if isinstance(x, (list, tuple)):
            return [encode(value) for value in x]
        if isinstance(x, (np.ndarray, np.generic)):
            arrays.append(x)
            return {_ARRAY: len(arrays) - 1}
        if x is None or isinstance(x, (str, int, float, bool)):
            return x
        raise TypeError(f"Expected numbers, text, arrays, and lists and dicts of these. Received: {x!r}")

    text = json.dumps(encode(values))
    group["json"] = np.frombuffer(text.encode(), np.uint8)
    for i, array in enumerate(arrays):
        group[str(i)] = array


def read_values(group):
    """Return what `write_values` wrote; tuples have become lists."""

    def array(i):
        return read_dataset(checked_dataset(group, str(i)))

    text = read_dataset(checked_dataset(group, "json")).tobytes()
    return json.loads(text, object_hook=lambda x: array(x[_ARRAY]) if set(x) == {_ARRAY} else x)
