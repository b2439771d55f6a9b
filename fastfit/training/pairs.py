"""Targets and predictions that do not go together: found when a step is traced, before anything is trained."""

from __future__ import annotations

from fastfit import losses, metrics

_PACKAGE = __name__.partition(".")[0]
# Their targets are class ids.
_SPARSE_LOSSES = (losses.SparseCategoricalCrossentropy, losses.sparse_categorical_crossentropy)
_SPARSE_METRICS = (
    metrics.SparseCategoricalAccuracy,
    metrics.SparseTopKCategoricalAccuracy,
    metrics.SparseCategoricalCrossentropy,
)
# What they compare is their own business, or that of a function of the user's.
_OTHER_LOSSES = (losses.Loss, losses.Circle, losses.CategoricalGeneralizedCrossEntropy)
_OTHER_FUNCTIONS = (losses.circle, losses.categorical_generalized_cross_entropy)
_OTHER_METRICS = (metrics.Metric, metrics.Mean, metrics.Sum, metrics.MeanMetricWrapper)


def check_loss(function, y, y_pred):
    """Raise ValueError if a loss of this package cannot compare these, by their shapes."""
    if isinstance(function, losses.Loss):
        known = _is_ours(type(function)) and type(function) is not losses.LossFunctionWrapper
        known = known and type(function) not in _OTHER_LOSSES
        name = function.name
    else:
        known = _is_ours(function) and function not in _OTHER_FUNCTIONS
        name = getattr(function, "__name__", "loss")
    if known:
        sparse = function in _SPARSE_LOSSES or isinstance(function, _SPARSE_LOSSES[0])
        names = "'sparse_categorical_crossentropy'", "'categorical_crossentropy'"
        _check(name, sparse, _axis_of(function), y, y_pred, *names)


def check_metric(metric, y, y_pred):
    """Raise ValueError if a metric of this package cannot compare these, by their shapes."""
    cls = next(c for c in type(metric).__mro__ if _is_ours(c))
    if cls in _OTHER_METRICS or (cls is not type(metric) and type(metric).update_state is not cls.update_state):
        return
    names = "SparseCategoricalAccuracy", "CategoricalAccuracy"
    if isinstance(metric, metrics.IoU) and metric.sparse_y_true != metric.sparse_y_pred:
        return  # one of them has an axis more
    _check(cls.__name__, isinstance(metric, _SPARSE_METRICS), _axis_of(metric), y, y_pred, *names)


def _is_ours(thing):
    return getattr(thing, "__module__", "").partition(".")[0] == _PACKAGE


def _axis_of(thing):
    for kwargs in (getattr(thing, "_fn_kwargs", None), getattr(thing, "__dict__", None)):
        if kwargs and "axis" in kwargs:
            return kwargs["axis"]
    return -1


def _check(name, sparse, axis, y, y_pred, for_ids, for_one_hot):
    t, p = tuple(y.shape), tuple(y_pred.shape)
    if not p or (sparse and axis not in (-1, len(p) - 1)):
        return
    if sparse:
        if _agree(t, p[:-1]) or _meets(t, p[:-1]):
            return
        rule = "y_true must hold class ids, of the shape of y_pred up to the class axis"
        advice = f" One-hot targets go with {for_one_hot}; ids of them are `y.argmax(axis=-1)`." if _agree(t, p) else ""
    else:
        if _agree(t, p) or _meets(t, p) or _meets(p, t):
            return
        rule, advice = "y_true and y_pred must have the same shape", ""
        if _agree(t, p[:-1]) or _agree(t, (*p[:-1], 1)):
            advice = (
                f" Class ids go with {for_ids}; `utils.to_categorical(y)` makes them one-hot, for {for_one_hot} too."
            )
    raise ValueError(f"{name}: {rule}.{advice} Received: y_true.shape={t}, y_pred.shape={p}")


def _meets(a, b):
    """Whether ``a`` is ``b`` with an axis of size 1 at the end."""
    return a[-1:] in ((1,), (None,)) and _agree(a[:-1], b)


def _agree(a, b):
    return len(a) == len(b) and all(None in (m, n) or m == n for m, n in zip(a, b, strict=True))
