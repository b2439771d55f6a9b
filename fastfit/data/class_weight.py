"""Weights per class as weights per sample."""

import numpy as np


def class_weight_to_sample_weights(y, class_weight):
    """Return one weight per row; a class without a weight has 1.

    Parameters
    ----------
    y : ndarray
        Class ids (n,) or (n, 1), or one column per class.
    class_weight : dict
        Class id to weight.
    """
    table = _numeric(class_weight)
    if y.ndim > 2:
        raise ValueError(f"`class_weight` is not supported for targets of rank 3 or more. Received: y.shape={y.shape}")
    if y.ndim == 2:
        y = np.argmax(y, axis=-1) if y.shape[-1] != 1 else y[:, 0]
    ids, inverse = np.unique(np.round(y).astype("int64"), return_inverse=True)
    weights = np.array([table.get(int(c), 1.0) for c in ids])
    return weights[inverse.reshape(-1)]


def _numeric(class_weight):
    if not hasattr(class_weight, "items"):
        raise ValueError(f"`class_weight` must be a dict from class id to weight. Received: {class_weight!r}")
    table = {}
    for key, weight in class_weight.items():
        try:
            number = float(key)
            if number != int(number):
                raise ValueError
            table[int(number)] = float(weight)
        except (TypeError, ValueError, OverflowError):
            raise ValueError(
                f"`class_weight` must map integer class ids to numbers. Received the entry {key!r}: {weight!r}"
            ) from None
    return table


def apply_class_weight(data, class_weight, sample_weight_given):
    """Put the weights that ``class_weight`` means into an ArrayData.

    Parameters
    ----------
    data : ArrayData
    class_weight : dict
        For several outputs a dict by output name, or a list, of such dicts (or None).
    sample_weight_given : bool
    """
    if sample_weight_given:
        raise ValueError("You cannot `class_weight` and `sample_weight` at the same time.")
    if not data.y:
        raise ValueError("`class_weight` needs targets `y`.")
    tables = _per_output(class_weight, data)
    data.sample_weight = [
        None if t is None or y is None else class_weight_to_sample_weights(y, t)
        for t, y in zip(tables, data.y, strict=True)
    ]


def _per_output(class_weight, data):
    names = None if data.spec is None else data.spec.output_names
    if isinstance(class_weight, (list, tuple)):
        if len(class_weight) != len(data.y):
            raise ValueError(
                f"`class_weight` must hold one dict per output, {len(data.y)} in all. Received {len(class_weight)}."
            )
        return list(class_weight)
    nested = isinstance(class_weight, dict) and any(isinstance(v, dict) or v is None for v in class_weight.values())
    if nested:
        unknown = [k for k in class_weight if k not in (names or ())]
        if unknown:
            raise ValueError(f"`class_weight` names outputs {unknown}; the model's are {names}.")
        return [class_weight.get(n) for n in names]
    if len(data.y) > 1:
        raise ValueError(
            "`class_weight` for several outputs must be a dict by output name, or a list, of dicts from class id to "
            f"weight. Received: {class_weight!r}"
        )
    return [class_weight]
