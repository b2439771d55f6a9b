"""BackupAndRestore: training that goes on after the process was killed."""

import contextlib
import json
import os
import shutil
import warnings

from fastfit.callbacks.callback import Callback
from fastfit.callbacks.every_batches import EveryBatches
from fastfit.saving.archive import write_h5
from fastfit.saving.files import load_open_weights
from fastfit.saving.h5_store import find_group, open_to_read
from fastfit.saving.state import save_state
from fastfit.saving.values import read_values, write_values
from fastfit.utils.atomic import remove_leftovers, replacing
from fastfit.utils.terminal import print_message

_STATE = "fastfit_training"
WEIGHTS, METADATA = "latest.weights.h5", "training_metadata.json"


class BackupAndRestore(Callback):
    """Save the state of training, and go on from there when `fit` is called again.

    The run that goes on ends with the same weights, optimizer state, History and callbacks, to the last bit, as one
    that never stopped: the file also holds the seeds, the place in the data, the metrics so far and what callbacks
    return from `get_state`. Start again with the same arguments and callbacks. Generators are read up to the place
    and what comes is forgotten; a dataset that changes itself between epochs must look after that itself.

    Parameters
    ----------
    backup_dir : str or path
        For this callback's files alone.
    save_freq : "epoch" or int, default="epoch"
        A number of batches, counted across epochs.
    double_checkpoint : bool, default=False
        Keep the backup before the last too, in case the last one is damaged.
    delete_checkpoint : bool, default=True
        Remove the backup when training has ended.

    Raises
    ------
    ValueError
        `backup_dir` is empty, `save_freq` is something else, or the backup belongs to another model or optimizer.
    """

    _runs_last = True  # what it saves must hold what the other callbacks have made of the epoch

    def __init__(self, backup_dir, save_freq="epoch", double_checkpoint=False, delete_checkpoint=True):
        super().__init__()
        if not backup_dir:
            raise ValueError(f"Empty `backup_dir` argument passed. Received: backup_dir={backup_dir!r}")
        self.backup_dir = os.fspath(backup_dir)
        self.save_freq = save_freq
        self.double_checkpoint = double_checkpoint
        self.delete_checkpoint = delete_checkpoint
        self._batches = EveryBatches(save_freq)
        self._weights_path = os.path.join(self.backup_dir, WEIGHTS)
        self._metadata_path = os.path.join(self.backup_dir, METADATA)
        self._others = []
        self._epoch = 0

    @property
    def _idle_hooks(self):
        if self._batches.by_epoch and type(self).on_train_batch_end is BackupAndRestore.on_train_batch_end:
            return ("on_train_batch_end",)
        return ()

    # Restoring -----------------------------------------------------------------------------------------------------

    def _announce(self, callbacks):
        """Tell the other callbacks, before training begins, whether they will go on."""
        self._others = [c for c in callbacks if c is not self]
        known = {}
        with contextlib.suppress(FileNotFoundError):
            known = self._with_backup(lambda h5: (self._state_of(h5) or {}).get("callbacks", {}))
        for key, callback in self._keyed():
            callback._resumes = key in known

    def _keyed(self):
        """Pairs (name, callback): the name tells the same callback of another process."""
        counts, keyed = {}, []
        for callback in self._others:
            if hasattr(callback, "get_state"):
                name = type(callback).__name__
                counts[name] = counts.get(name, -1) + 1
                keyed.append((f"{name} {counts[name]}", callback))
        return keyed

    def on_train_begin(self, logs=None):
        if not self.model.built:
            raise ValueError(
                "To use the BackupAndRestore callback, your model must be built before you call `fit()`. Model "
                f"'{self.model.name}' is unbuilt. You can build it beforehand by calling it on a batch of data."
            )
        for path in (self._weights_path, self._metadata_path):
            remove_leftovers(path)
        if self._restore() and (self.params or {}).get("verbose"):
            run = self.model._fit_run
            place = f"step {run.done + 1} of " if run is not None and run.done else ""
            print_message(f"Training goes on with {place}epoch {self.model._initial_epoch + 1}, from {self.backup_dir}")

    def _restore(self):
        """Whether there was a backup to go on from."""
        with contextlib.suppress(FileNotFoundError):
            self._with_backup(self._restore_from)
            return True
        return False

    def _with_backup(self, use):
        """Return ``use(open file)`` for the last backup, or for the one before if the last one is damaged."""
        last, before = self._weights_path, f"{self._weights_path}.bkp"
        if not os.path.exists(last) and not os.path.exists(before):
            raise FileNotFoundError(last)
        try:
            with open_to_read(last) as h5:
                return use(h5)
        except (OSError, ValueError) as error:
            if not os.path.exists(before):
                raise
            warnings.warn(f"The last backup cannot be read; the one before it is used. {last}: {error}", stacklevel=2)
        with open_to_read(before) as h5:
            return use(h5)

    def _state_of(self, h5):
        """Return the state of training in a file; None in a file that Keras has written."""
        group = find_group(h5, _STATE)
        return None if group is None else read_values(group)

    def _restore_from(self, h5):
        state, run = self._state_of(h5), self.model._fit_run
        if state is not None and state["run"] is not None and run is not None:
            run.check_state(state["run"])
        with warnings.catch_warnings():
            # the state of another optimizer would be left out with a warning: the run could not go on as it was
            warnings.filterwarnings("error", "The state of optimizer")
            load_open_weights(self.model, h5)
        if state is None:
            with contextlib.suppress(FileNotFoundError), open(self._metadata_path, encoding="utf-8") as file:
                self.model._initial_epoch = int(json.load(file)["epoch"])
            return
        self._batches.waiting, self._batches.last = state["waiting"], state["last"]
        if state["run"] is None or run is None:  # in a loop of the user's own
            self.model._initial_epoch = state["epoch"]
        else:
            run.set_state(state["run"], again=self._restore)
        for key, callback in self._keyed():
            if key in state["callbacks"]:
                callback.set_state(state["callbacks"][key])

    # Saving --------------------------------------------------------------------------------------------------------

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_epoch_end(self, epoch, logs=None):
        self._epoch = epoch + 1
        if self._batches.by_epoch:
            self._save(batch=0)

    def on_train_batch_end(self, batch, logs=None):
        if self._batches.is_due(batch):
            self._save(batch)

    def _save(self, batch):
        run = self.model._fit_run
        state = {
            "epoch": self._epoch,
            "run": None if run is None else run.get_state(),
            "callbacks": {key: callback.get_state() for key, callback in self._keyed()},
            "waiting": self._batches.waiting,
            "last": self._batches.last,
        }
        os.makedirs(self.backup_dir, exist_ok=True)
        if self.double_checkpoint:
            for path in (self._weights_path, self._metadata_path):
                if os.path.exists(path):
                    with replacing(f"{path}.bkp") as temporary:
                        shutil.copyfile(path, temporary)

        def write(h5):
            # One file for all of it: two could be of two moments.
            save_state(self.model, h5)
            write_values(h5.create_group(_STATE), state)

        write_h5(self._weights_path, write)
        with replacing(self._metadata_path) as temporary, open(temporary, "w", encoding="utf-8") as file:
            json.dump({"epoch": self._epoch, "batch": batch}, file)

    def on_train_end(self, logs=None):
        if not self.delete_checkpoint:
            return
        for path in (self._metadata_path, self._weights_path):
            for name in (f"{path}.bkp", path):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(name)
        with contextlib.suppress(OSError):  # not there, or somebody else's files are in it
            os.rmdir(self.backup_dir)
