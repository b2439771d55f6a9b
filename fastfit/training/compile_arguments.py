"""What compile() was given, resolved per output: losses, loss weights, metrics and their log names."""

from __future__ import annotations

import functools
import warnings
from numbers import Real

from fastfit import losses as losses_module
from fastfit import metrics as metrics_module
from fastfit import ops
from fastfit._watch import Watched
from fastfit.training.pairs import check_loss
from fastfit.utils.naming import to_snake_case

ACCURACY = ("accuracy", "acc")
CROSSENTROPY = ("crossentropy", "ce")
BINARY = (losses_module.binary_crossentropy,)


class OutputLoss(Watched):
    """The loss of one output.

    Attributes
    ----------
    identifier
        As given to compile; None for no loss.
    weight : float or None
    function : callable or None
        Resolved when shapes are known.
    """

    def __init__(self, identifier, weight):
        self.identifier, self.weight = identifier, weight
        self.function = None
        if identifier is not None and not _by_shape(identifier):
            self.function = losses_module.get(identifier)
            if isinstance(self.function, type):
                self.function = self.function()

    def resolve(self, y, y_pred):
        """The function, once the shapes of targets and predictions are known."""
        if self.function is None and self.identifier is not None:
            self.function = losses_module.get(_crossentropy_for(y, y_pred))
        return self.function

    def __call__(self, y, y_pred, sample_weight):
        function = self.resolve(y, y_pred)
        check_loss(function, y, y_pred)
        if sample_weight is not None and len(sample_weight.shape) == 1:
            for _ in y_pred.shape[2:]:  # one weight per sample is for all its time steps
                sample_weight = ops.expand_dims(sample_weight, -1)
        if isinstance(function, losses_module.Loss):
            return function(y, y_pred, sample_weight)
        wrapper = losses_module.LossFunctionWrapper(function, name=getattr(function, "__name__", "loss"))
        return wrapper(y, y_pred, sample_weight)


class OutputMetric(Watched):
    """One metric of one output.

    Attributes
    ----------
    key : str
        Its name in the logs.
    metric : Metric or None
        None until shapes decide which one "accuracy" is.
    """

    def __init__(self, identifier, output, weighted):
        self.identifier, self.output, self.weighted = identifier, output, weighted
        self.metric = None
        self.key = None
        name = identifier.lower() if isinstance(identifier, str) else None
        if name not in ACCURACY + CROSSENTROPY:
            self.metric = _metric(identifier)
        self.name = identifier if isinstance(identifier, str) else self.metric.name

    def resolve(self, y, y_pred):
        """The metric, once the shapes of targets and predictions are known."""
        if self.metric is None:
            if self.identifier.lower() in ACCURACY:
                self.metric = _accuracy_for(y, y_pred)
            else:
                self.metric = metrics_module.MeanMetricWrapper(
                    losses_module.get(_crossentropy_for(y, y_pred)), name=self.identifier
                )
            self.metric.name = self.identifier
        return self.metric

    def warn_if_ambiguous(self, loss):
        """Say once that "accuracy" of several labels at once is not what it is taken for.

        loss: of the same output, resolved.
        """
        if not isinstance(self.metric, metrics_module.CategoricalAccuracy) or self.identifier not in ACCURACY:
            return
        if loss in BINARY or isinstance(loss, losses_module.BinaryCrossentropy):
            warnings.warn(
                f"The metric '{self.identifier}' of an output with several units compares the largest of them, also "
                "beside a binary crossentropy. For labels that are on or off by themselves use 'binary_accuracy'.",
                stacklevel=2,
            )


def _by_shape(identifier):
    return isinstance(identifier, str) and identifier.lower() in CROSSENTROPY


def _last(t):
    return t.shape[-1] if len(t.shape) else 1


def _accuracy_for(y, y_pred):
    if _last(y_pred) == 1:
        return metrics_module.BinaryAccuracy()
    if len(y.shape) < len(y_pred.shape) or _last(y) == 1:
        return metrics_module.SparseCategoricalAccuracy()
    return metrics_module.CategoricalAccuracy()


def _crossentropy_for(y, y_pred):
    if _last(y_pred) == 1:
        return "binary_crossentropy"
    if len(y.shape) < len(y_pred.shape) or _last(y) == 1:
        return "sparse_categorical_crossentropy"
    return "categorical_crossentropy"


def _metric(identifier):
    if isinstance(identifier, metrics_module.Metric):
        return identifier
    if isinstance(identifier, type) and issubclass(identifier, metrics_module.Metric):
        return identifier()
    if isinstance(identifier, (str, dict)):
        found = metrics_module.get(identifier)
        if isinstance(found, type):
            found = found()
        if isinstance(found, metrics_module.Metric):
            if isinstance(identifier, str):
                found.name = identifier
            return found
        return metrics_module.MeanMetricWrapper(found, name=identifier)
    if not callable(identifier):
        raise ValueError(
            "Expected a metric name, a Metric or a function (y_true, y_pred). "
            f"Received: {identifier!r} of type {type(identifier).__name__}"
        )
    name = getattr(identifier, "__name__", type(identifier).__name__)
    name = "lambda" if name == "<lambda>" else to_snake_case(name)
    return metrics_module.MeanMetricWrapper(identifier, name=name)


# Positional arguments of compile() in Keras 2; Keras 3 has loss_weights third and metrics fourth.
_KERAS_2 = ("optimizer", "loss", "metrics", "loss_weights", "sample_weight_mode", "weighted_metrics", "target_tensors")


def accepts_keras_2_order(compile):
    """Return ``compile`` such that positional arguments may be in Keras 2's order, which is told by what they hold."""

    @functools.wraps(compile)
    def wrapped(self, *args, **kwargs):
        third, fourth = (*args[2:4], None, None)[:2]
        no_metrics = isinstance(third, (list, tuple, dict)) and not third
        weights_last = _looks_like_weights(fourth) and not _looks_like_weights(third)
        if no_metrics or _looks_like_metrics(third) or weights_last:
            named = dict(zip(_KERAS_2[2:], args[2:], strict=False))
            twice = sorted(named.keys() & kwargs.keys())
            if twice or len(args) > len(_KERAS_2):
                raise TypeError(
                    f"compile() takes the positional arguments {_KERAS_2} in this order. Received: {len(args)} of them"
                    + (f", and {twice} by keyword as well" if twice else "")
                )
            args, kwargs = args[:2], {**kwargs, **named}
        return compile(self, *args, **kwargs)

    return wrapped


def _leaves(value):
    if isinstance(value, dict):
        return [leaf for v in value.values() for leaf in _leaves(v)]
    if isinstance(value, (list, tuple)):
        return [leaf for v in value for leaf in _leaves(v)]
    return [] if value is None else [value]


def _looks_like_metrics(value):
    leaves = _leaves(value)
    return bool(leaves) and all(
        isinstance(x, (str, metrics_module.Metric, type)) or (callable(x) and not isinstance(x, Real)) for x in leaves
    )


def _looks_like_weights(value):
    leaves = _leaves(value)
    return bool(leaves) and all(map(_is_number, leaves))


def _is_number(value):
    return isinstance(value, Real) and not isinstance(value, bool)


def check_modes(run_eagerly, jit_compile, auto_scale_loss):
    """Raise ValueError for what cannot be meant by the arguments that change nothing here; warn of a contradiction."""
    for name, value in (("run_eagerly", run_eagerly), ("auto_scale_loss", auto_scale_loss)):
        if value not in (None, False, True):
            raise ValueError(f"`{name}` must be True or False. Received: {name}={value!r}")
    if jit_compile not in (None, False, True, "auto"):
        raise ValueError(f"`jit_compile` must be True, False or 'auto'. Received: jit_compile={jit_compile!r}")
    if run_eagerly and jit_compile not in (None, False, "auto"):
        warnings.warn("`run_eagerly` and `jit_compile` cannot both be True: `jit_compile` is ignored.", stacklevel=4)


def check_names(arguments):
    """Raise ValueError for losses, metrics and weights that can be none, before it is known which outputs there are.

    Parameters
    ----------
    arguments : dict
        loss, loss_weights, metrics and weighted_metrics, as given to compile().
    """
    for loss in _leaves(arguments["loss"]):
        OutputLoss(loss, None)
    for name in ("metrics", "weighted_metrics"):
        given = arguments[name]
        if given is not None and not isinstance(given, (list, tuple, dict)):
            _per_output(given, [""], name)  # raises
        for metric in _leaves(given):
            OutputMetric(metric, 0, False)
    if not all(_is_number(v) for v in _leaves(arguments["loss_weights"])):
        raise ValueError(f"`loss_weights` must hold numbers. Received: loss_weights={arguments['loss_weights']!r}")


def output_losses(loss, loss_weights, names, by_key=False):
    """One `OutputLoss` per output.

    Parameters
    ----------
    loss : None, str, callable, Loss, list or dict
    loss_weights : None, number, list or dict
    names : list of str
        Of the outputs.
    by_key : bool, default=False
        Whether the model returns a dict: then a loss for another key is a KeyError, as in Keras.
    """
    n = len(names)
    if isinstance(loss, dict):
        _check_keys("loss", loss, names, KeyError if by_key else ValueError)
        given = [loss.get(name) for name in names]
        missing = [name for name in names if name not in loss]
        if missing:
            warnings.warn(f"No loss was given for outputs {missing}: no data is expected for them.", stacklevel=4)
    elif isinstance(loss, (list, tuple)):
        if len(loss) != n:
            raise ValueError(
                f"For a model with multiple outputs, when providing the `loss` argument as a list, it should have as "
                f"many entries as the model has outputs. Received:\nloss={loss}\nof length {len(loss)} whereas the "
                f"model has {n} outputs: {names}"
            )
        given = list(loss)
    else:
        given = [loss] * n
    return [OutputLoss(one, weight) for one, weight in zip(given, _weights(loss_weights, names), strict=True)]


def _weights(loss_weights, names):
    if loss_weights is None:
        return [None] * len(names)
    if isinstance(loss_weights, dict):
        _check_keys("loss_weights", loss_weights, names)
        values = [loss_weights.get(name) for name in names]
    elif isinstance(loss_weights, (list, tuple)):
        if len(loss_weights) != len(names):
            raise ValueError(
                f"`loss_weights` must match the number of losses, got {len(loss_weights)} weights for "
                f"{len(names)} outputs: {names}. Received: loss_weights={loss_weights}"
            )
        values = list(loss_weights)
    elif _is_number(loss_weights):
        if len(names) != 1:
            raise ValueError(
                "When the model has several outputs, `loss_weights` must be a list or dict. "
                f"Received: loss_weights={loss_weights} for outputs {names}"
            )
        values = [loss_weights]
    else:
        raise ValueError(f"`loss_weights` must be a number, list or dict. Received: loss_weights={loss_weights!r}")
    for v in values:
        if v is not None and not _is_number(v):
            raise ValueError(f"`loss_weights` must hold numbers. Received: loss_weights={loss_weights!r}")
    return [None if v is None else float(v) for v in values]


def _check_keys(argument, value, names, error=ValueError):
    unknown = [key for key in value if key not in names]
    if unknown:
        raise error(
            f"In the dict argument `{argument}`, keys {unknown} do not correspond to any model output. "
            f"Expected keys among: {names}. Received: {argument}={value}"
        )


def output_metrics(metrics, weighted_metrics, names):
    """All metrics, in the order of compile(), with their log keys."""
    found = []
    for weighted, given, argument in ((False, metrics, "metrics"), (True, weighted_metrics, "weighted_metrics")):
        for output, entries in enumerate(_per_output(given, names, argument)):
            found += [OutputMetric(m, output, weighted) for m in entries]
    found.sort(key=lambda m: m.output)
    used = set()
    for m in found:
        prefix = f"{names[m.output]}_" if len(names) > 1 else ""
        key = prefix + m.name
        if key in used and m.weighted:
            key = f"{prefix}weighted_{m.name}"
        base, k = key, 1
        while key in used:
            key, k = f"{base}_{k}", k + 1
        used.add(key)
        m.key = key
    return found


def _per_output(given, names, argument):
    n = len(names)
    if given is None:
        return [[] for _ in names]
    if isinstance(given, dict):
        _check_keys(argument, given, names)
        return [_as_list(given.get(name)) for name in names]
    if not isinstance(given, (list, tuple)):
        raise ValueError(
            f"Expected `{argument}` argument to be a list, tuple, or dict. Received instead: {argument}={given!r} of "
            f"type {type(given)}"
        )
    nested = any(isinstance(x, (list, tuple)) or x is None for x in given)
    if n == 1:
        flat = [leaf for x in given for leaf in _as_list(x)]
        return [flat]
    if len(given) == n:
        return [_as_list(x) for x in given]
    if nested:
        raise ValueError(
            f"When `{argument}` is a list with one entry per output, it must have {n} entries, for outputs {names}. "
            f"Received: {argument}={given}"
        )
    # Keras 2: a flat list goes to every output
    return [list(given) if i == 0 else [_copy(m) for m in given] for i in range(n)]


def _copy(metric):
    if isinstance(metric, metrics_module.Metric):
        return type(metric).from_config(metric.get_config())
    return metric


def _as_list(value):
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]
