"""MonitorCallback: watch one of the logged values."""

import warnings

import numpy as np

from fastfit.callbacks.callback import Callback
from fastfit.utils.suggestions import did_you_mean

_TWINS = {"acc": "accuracy", "accuracy": "acc"}


class MonitorCallback(Callback):
    """Base of callbacks that watch a logged value.

    Parameters
    ----------
    monitor : str, default="val_loss"
    mode : {"auto", "min", "max"}
        Which way is better; "auto" asks the metric of that name.
    initial_value_threshold : float, optional
        Best value so far.
    min_delta : float, default=0
        Changes up to this are no improvement.
    """

    def __init__(self, monitor="val_loss", mode="auto", initial_value_threshold=None, min_delta=0):
        super().__init__()
        if mode not in ("auto", "min", "max"):
            warnings.warn(f"{type(self).__name__} mode '{mode}' is unknown, fallback to auto mode.", stacklevel=3)
            mode = "auto"
        self.monitor = monitor
        self.mode = mode
        self.best = initial_value_threshold
        self.min_delta = abs(min_delta)
        self.monitor_op = None

    def _set_monitor_op(self, logs=None):
        """Resolve the mode; to be called when the first values are there.

        logs: where the name that was meant is looked for, when nothing is known of the one to watch.
        """
        if self.mode != "auto":
            direction = self.mode
        else:
            direction = self._direction()
        if direction is None:
            raise ValueError(
                f"{type(self).__name__} callback received monitor={self.monitor}, but it is not known whether that "
                "metric should be maximized or minimized. Pass `mode='max'` if it should be maximized, or "
                f"`mode='min'` if it should be minimized.{self._hint(logs or {})}"
            )
        self.monitor_op = np.less if direction == "min" else np.greater

    def _direction(self):
        name = self.monitor.removeprefix("val_")
        if name == "loss":
            return "min"
        metrics = getattr(self.model, "metrics", None) or []
        flat = []
        for m in metrics:
            flat.extend(getattr(m, "metrics", None) or [m])
        # The longest name first: an output may be called like a metric. The plain name wins over a suffix.
        flat.sort(key=lambda m: -len(m.name))
        for matches in (lambda m: m.name == name, lambda m: name.endswith(f"_{m.name}")):
            for m in flat:
                direction = getattr(m, "_direction", None)
                if matches(m) and direction in ("up", "down"):
                    return "max" if direction == "up" else "min"
        if name.endswith("_loss") and name.removesuffix("_loss") in _names(self.model, "output_names"):
            return "min"
        return None

    def _is_improvement(self, value, best):
        if best is None:
            return True
        delta = self.min_delta if self.monitor_op is np.greater else -self.min_delta
        return bool(self.monitor_op(value - delta, best))

    def get_monitor_value(self, logs):
        """Return the watched value, or None, with a warning, if it is not among the logs.

        Raises
        ------
        ValueError : it is several values, of which none is better than another.
        """
        value = self._find_value(logs or {})
        if value is None:
            warnings.warn(
                f"{type(self).__name__} conditioned on metric `{self.monitor}` which is not available. "
                f"Available metrics are: {','.join(logs or {})}.{self._hint(logs or {})}",
                stacklevel=3,
            )
        elif np.ndim(value):
            raise ValueError(
                f"{type(self).__name__} monitors `{self.monitor}`, which is not a scalar but has shape "
                f"{np.shape(value)}: expected one value. Give the metric an average, such as "
                f"`F1Score(average='macro')`. Received: {self.monitor}={value}"
            )
        return value

    def _hint(self, logs):
        """What may have been meant by a name that is not among the logs, as a sentence."""
        if self.monitor in logs:
            return ""
        hint = did_you_mean(self.monitor, logs)
        if self.monitor.startswith("val_") and not any(key.startswith("val_") for key in logs):
            hint = f" This epoch was not validated: has fit() got validation data?{hint}"
        return hint

    def _find_value(self, logs):
        """Return the watched value or that of its other name, or None."""
        if self.monitor in logs:
            return logs[self.monitor]
        prefix = "val_" if self.monitor.startswith("val_") else ""
        twin = _TWINS.get(self.monitor.removeprefix("val_"))
        if twin is None or prefix + twin not in logs:
            return None
        warnings.warn(f"There is no `{self.monitor}`; watching `{prefix + twin}` instead.", stacklevel=4)
        self.monitor = prefix + twin
        return logs[self.monitor]


def _names(model, attribute):
    try:
        return getattr(model, attribute) or []
    except AttributeError:
        return []
