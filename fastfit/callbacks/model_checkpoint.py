"""ModelCheckpoint: save the model, or the best one, while it is trained."""

import os
import warnings

import numpy as np

from fastfit.callbacks.every_batches import EveryBatches
from fastfit.callbacks.monitor_callback import MonitorCallback
from fastfit.utils.terminal import print_message


class ModelCheckpoint(MonitorCallback):
    """Save the model, or its weights, every epoch or every so many batches.

    A file is there whole or not at all, even if the process is killed while it writes.

    Parameters
    ----------
    filepath : str or path
        Ends in ``.keras``, or in ``.weights.h5`` with `save_weights_only`; in either case ``.h5`` and ``.hdf5`` make
        legacy files. May hold ``{epoch}`` and ``{batch}``,
        counted from 1, and keys of the logs, such as in ``"{epoch:02d}-{val_loss:.2f}.keras"``.
    monitor : str, default="val_loss"
    verbose : int, default=0
    save_best_only : bool, default=False
        Save only when the watched value is the best so far.
    save_weights_only : bool, default=False
    mode : {"auto", "min", "max"}
    save_freq : "epoch" or int, default="epoch"
        A number of batches, counted across epochs.
    initial_value_threshold : float, optional
        The best value before training.
    period : int, optional
        Keras 2's: save every so many epochs.

    Raises
    ------
    ValueError : an extension or `save_freq` that is none of these.
    """

    _state_attributes = ("monitor", "best", "_current_epoch", "_epochs_waiting")

    def __init__(
        self,
        filepath,
        monitor="val_loss",
        verbose=0,
        save_best_only=False,
        save_weights_only=False,
        mode="auto",
        save_freq="epoch",
        initial_value_threshold=None,
        period=None,
    ):
        super().__init__(monitor, mode, initial_value_threshold)
        self.filepath = os.fspath(filepath)
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        self.save_freq = save_freq
        self.period = 1 if period is None else period
        self._batches = EveryBatches(save_freq)
        self._current_epoch = 0
        self._epochs_waiting = 0
        if isinstance(self.period, bool) or not isinstance(self.period, int) or self.period < 1:
            raise ValueError(f"`period` must be a positive number of epochs. Received: period={period!r}")
        extension = ".weights.h5" if save_weights_only else ".keras"
        if not self.filepath.endswith((extension, ".h5", ".hdf5")):
            raise ValueError(
                f"With `save_weights_only={bool(save_weights_only)}`, the filepath of a ModelCheckpoint must end in "
                f"`{extension}`. Received: filepath={self.filepath}"
            )

    @property
    def _idle_hooks(self):
        if self._batches.by_epoch and type(self).on_train_batch_end is ModelCheckpoint.on_train_batch_end:
            return ("on_train_batch_end",)
        return ()

    def get_state(self):
        return {**super().get_state(), "waiting": self._batches.waiting, "last": self._batches.last}

    def set_state(self, state):
        state = dict(state)
        self._batches.waiting, self._batches.last = state.pop("waiting"), state.pop("last")
        super().set_state(state)

    def on_epoch_begin(self, epoch, logs=None):
        self._current_epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self._batches.is_due(batch):
            self._save(self._current_epoch, batch, logs or {})

    def on_epoch_end(self, epoch, logs=None):
        if self.monitor_op is None:
            # Now and not earlier, because the metrics are known only after the first epoch.
            self._set_monitor_op(logs)
        if self._batches.by_epoch:
            self._epochs_waiting += 1
            if self._epochs_waiting >= self.period:
                self._epochs_waiting = 0
                self._save(epoch, None, logs or {})

    def _save(self, epoch, batch, logs):
        path = self._path(epoch, batch, logs)
        if not self._is_worth_it(epoch, logs, path):
            return
        if os.path.isdir(path):
            raise OSError(
                f"Please specify a non-directory filepath for ModelCheckpoint. It is an existing directory: {path}"
            )
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        if self.save_weights_only:
            self.model.save_weights(path, overwrite=True)
        else:
            self.model.save(path, overwrite=True)
        if self.verbose > 0:
            print_message(f"\nEpoch {epoch + 1}: finished saving model to {path}")

    def _path(self, epoch, batch, logs):
        values = {"epoch": epoch + 1, **logs}
        if batch is not None:
            values.setdefault("batch", batch + 1)
        try:
            return self.filepath.format(**values)
        except KeyError as error:
            raise KeyError(
                f'Failed to format this callback filepath: "{self.filepath}". There is no {error} among the logs: '
                f"{sorted(values)}"
            ) from error

    def _is_worth_it(self, epoch, logs, path):
        if not self.save_best_only:
            self._say(f"\nEpoch {epoch + 1}: saving model to {path}")
            return True
        if self.monitor_op is None:
            self._set_monitor_op(logs)
        current = self._find_value(logs)
        if current is None:
            warnings.warn(f"Can save best model only with {self.monitor} available.{self._hint(logs)}", stacklevel=2)
            return True
        if np.ndim(current) > 0:
            warnings.warn(
                "Can save best model only when `monitor` is a scalar value: the model is saved anyway. "
                f"Received: {self.monitor}={current}",
                stacklevel=2,
            )
            return True
        best = "None" if self.best is None else f"{self.best:.5f}"
        if not self._is_improvement(current, self.best):
            self._say(f"\nEpoch {epoch + 1}: {self.monitor} did not improve from {best}")
            return False
        self._say(f"\nEpoch {epoch + 1}: {self.monitor} improved from {best} to {current:.5f}, saving model to {path}")
        self.best = current
        return True

    def _say(self, message):
        if self.verbose > 0:
            print_message(message)
