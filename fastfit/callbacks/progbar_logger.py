"""ProgbarLogger: the progress bar of ``fit``, ``evaluate`` and ``predict``."""

from fastfit.callbacks.callback import Callback
from fastfit.utils.progbar import Progbar
from fastfit.utils.terminal import print_message


class ProgbarLogger(Callback):
    """Print progress to standard output. Values are shown as given, not averaged again."""

    def __init__(self):
        super().__init__()
        self.seen = 0
        self.progbar = None
        self.target = None
        self.verbose = 1
        self.epochs = 1
        self._called_in_fit = False

    def set_params(self, params):
        self.params = params
        verbose = params["verbose"]
        self.verbose = 1 if verbose == "auto" else verbose
        self.epochs = params["epochs"]
        self.target = params["steps"]

    def on_train_begin(self, logs=None):
        self._called_in_fit = True  # validation inside fit prints nothing of its own

    def on_train_end(self, logs=None):
        self._called_in_fit = False

    def on_test_begin(self, logs=None):
        if not self._called_in_fit:
            self._new_bar()

    def on_predict_begin(self, logs=None):
        self._new_bar()

    def on_epoch_begin(self, epoch, logs=None):
        self._new_bar()
        if self.verbose and self.epochs > 1:
            print_message(f"Epoch {epoch + 1}/{self.epochs}")

    def on_train_batch_end(self, batch, logs=None):
        self._show(batch + 1, logs)

    def on_test_batch_end(self, batch, logs=None):
        if not self._called_in_fit:
            self._show(batch + 1, logs)

    def on_predict_batch_end(self, batch, logs=None):
        self._show(batch + 1, None)  # the outputs are no metric

    def on_epoch_end(self, epoch, logs=None):
        self._finish(logs)

    def on_test_end(self, logs=None):
        if not self._called_in_fit:
            self._finish(logs)

    def on_predict_end(self, logs=None):
        self._finish(None)

    def _new_bar(self):
        self.seen = 0
        self.progbar = Progbar(target=self.target, verbose=self.verbose, unit_name="step", stateless_metrics=())

    def _show(self, seen, logs):
        if self.progbar is None:
            self._new_bar()
        self.seen = seen
        if self.target is not None and seen > self.target:  # a dataset has become longer
            self.target = self.progbar.target = seen
        if self.verbose == 1:
            self.progbar.update(seen, list((logs or {}).items()), finalize=False)

    def _finish(self, logs):
        if self.progbar is None:
            self._new_bar()
        if self.target is None:
            self.target = self.progbar.target = self.seen
        self.progbar.update(self.target, list((logs or {}).items()), finalize=True)
