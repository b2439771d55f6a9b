"""History: the record that ``fit`` returns."""

import importlib

import numpy as np

from fastfit.callbacks.callback import Callback


class History(Callback):
    """The logs of every epoch.

    Attributes
    ----------
    history : dict
        Key to one value per epoch that had one: validation may run in some epochs only.
    epoch : list of int
        The epochs, from 0.
    """

    _state_attributes = ("history", "epoch", "_logged")

    def __init__(self):
        super().__init__()
        self.history = {}
        self.epoch = []
        self._logged = {}  # key to the epochs of its values

    def on_train_begin(self, logs=None):
        self.epoch = []

    def on_epoch_end(self, epoch, logs=None):
        self.epoch.append(epoch)
        for key, value in (logs or {}).items():
            self.history.setdefault(key, []).append(value)
            self._logged.setdefault(key, []).append(epoch)
        self.model.history = self

    def to_frame(self):
        """Return the record as a table.

        Returns
        -------
        pandas.DataFrame
            A row per epoch, a column per key; nan where an epoch has no value.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        pandas = _optional("pandas", "History.to_frame()")
        index = pandas.Index(sorted({e for epochs in self._logged.values() for e in epochs}), name="epoch")
        # an epoch that was trained again counts as it went last
        columns = {
            key: pandas.Series(dict(zip(self._logged[key], values, strict=True)), dtype=_dtype(values))
            for key, values in self.history.items()
        }
        return pandas.DataFrame(columns, index=index)

    def plot(self, keys=None, axes=None):
        """Draw the curves: one panel for each quantity, training and validation in it together.

        Parameters
        ----------
        keys : list of str, optional
            Quantities, without ``val_``; all of them by default.
        axes : list of matplotlib axes, optional
            Where to draw, one for each quantity; a new figure by default.

        Returns
        -------
        list of matplotlib.axes.Axes

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If there is nothing to draw, a key is unknown, or there are too few axes.
        """
        known = [key for key, values in self.history.items() if np.ndim(values) == 1]
        quantities = list(dict.fromkeys(key.removeprefix("val_") for key in known))
        if keys is not None:
            unknown = [key for key in keys if key not in quantities]
            if unknown:
                raise ValueError(f"No such quantity in the history: {unknown}. Known: {quantities}")
            quantities = list(keys)
        if not quantities:
            raise ValueError("The history is empty: there is nothing to plot. Call fit() first.")
        if axes is None:
            pyplot = _optional("matplotlib.pyplot", "History.plot()")
            count = len(quantities)
            _, axes = pyplot.subplots(1, count, figsize=(5 * count, 4), squeeze=False, layout="constrained")
        axes = list(np.ravel(np.asarray(axes, dtype=object)))
        if len(axes) < len(quantities):
            raise ValueError(f"{len(quantities)} quantities need as many axes. Received: {len(axes)}")
        for axis, quantity in zip(axes, quantities, strict=False):
            for key, label in ((quantity, "training"), (f"val_{quantity}", "validation")):
                if key in known:
                    axis.plot(self._logged[key], self.history[key], label=label, marker=".")
            axis.set_xlabel("epoch")
            axis.set_ylabel(quantity)
            axis.legend()
        return axes[: len(quantities)]


def _dtype(values):
    return "float64" if np.ndim(values) == 1 else "object"


def _optional(name, user):
    """Import a package that this library does without."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        raise ImportError(f"{user} needs {package}, which is not installed: pip install {package}") from error
