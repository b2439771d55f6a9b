"""CSVLogger: the logs of every epoch in a file."""

import collections.abc
import csv
import os

import numpy as np

from fastfit.callbacks.callback import Callback
from fastfit.utils.progbar import pythonify_logs


class CSVLogger(Callback):
    """Write one row per epoch to a CSV file.

    Parameters
    ----------
    filename : str or path
    separator : str, default=","
    append : bool, default=False
        Go on with an existing file; its header is not written again.
    """

    def __init__(self, filename, separator=",", append=False):
        super().__init__()
        self.filename = os.fspath(filename)
        self.sep = separator
        self.append = append
        self.writer = None
        self.keys = None
        self.append_header = True
        self.csv_file = None

    def on_train_begin(self, logs=None):
        append = self.append or self._resumes
        if append and os.path.exists(self.filename):
            self.append_header = os.path.getsize(self.filename) == 0
        self.csv_file = open(self.filename, "a" if append else "w", newline="")  # noqa: SIM115  closed at the end
        self.writer = None
        self.keys = None

    def on_epoch_end(self, epoch, logs=None):
        logs = logs or {}
        if self.keys is None:
            self.keys = sorted(logs)
            # Validation may come in later epochs only; the header cannot be changed then.
            if (self.params or {}).get("do_validation") and not any(key.startswith("val_") for key in self.keys):
                own = self._own_keys(logs)
                self.keys += [f"val_{key}" for key in self.keys if key in own]
        if self.writer is None:
            self.writer = self._new_writer()
            if self.append_header:
                self.writer.writeheader()
        row = {"epoch": epoch, **{key: _cell(logs[key]) if key in logs else "NA" for key in self.keys}}
        self.writer.writerow(row)
        self.csv_file.flush()

    def _own_keys(self, logs):
        """Keys of the logs that are the model's, without what other callbacks have added."""
        return pythonify_logs(self.model._logs("train")) if hasattr(self.model, "_logs") else logs

    def _new_writer(self):
        return csv.DictWriter(self.csv_file, fieldnames=["epoch", *self.keys], delimiter=self.sep)

    def get_state(self):
        return {"keys": self.keys, "size": os.path.getsize(self.filename), "append_header": self.append_header}

    def set_state(self, state):
        """Drop the rows of epochs that will be trained again."""
        self.keys, self.append_header = state["keys"], state["append_header"]
        self.writer = None if self.keys is None else self._new_writer()
        if os.path.getsize(self.filename) > state["size"]:
            self.csv_file.truncate(state["size"])

    def on_train_end(self, logs=None):
        if self.csv_file is not None:
            self.csv_file.close()
        self.csv_file = self.writer = None


def _cell(value):
    if isinstance(value, str) or (isinstance(value, np.ndarray) and value.ndim == 0):
        return value
    if isinstance(value, collections.abc.Iterable):
        return f'"[{", ".join(map(str, value))}]"'
    return value
