"""EarlyStopping: stop when a value no longer improves."""

from fastfit.callbacks.monitor_callback import MonitorCallback
from fastfit.utils.terminal import print_message


class EarlyStopping(MonitorCallback):
    """Stop training when a watched value has stopped improving.

    Parameters
    ----------
    monitor : str, default="val_loss"
    min_delta : float, default=0
        Changes up to this are no improvement.
    patience : int, default=0
        Epochs without improvement to wait for; 0 and 1 are equal.
    verbose : int, default=0
    mode : {"auto", "min", "max"}
    baseline : float, optional
        Patience starts again only when the value also beats this one.
    restore_best_weights : bool, default=False
        Go back to the best epoch's weights at the end, also when training ran to its end.
    start_from_epoch : int, default=0
        Epochs before this one are not watched.
    """

    _state_attributes = ("monitor", "wait", "stopped_epoch", "best", "best_epoch", "best_weights")

    def __init__(
        self,
        monitor="val_loss",
        min_delta=0,
        patience=0,
        verbose=0,
        mode="auto",
        baseline=None,
        restore_best_weights=False,
        start_from_epoch=0,
    ):
        super().__init__(monitor, mode, min_delta=min_delta)
        self.patience = patience
        self.verbose = verbose
        self.baseline = baseline
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = start_from_epoch
        self.wait = 0
        self.stopped_epoch = 0
        self.best_weights = None
        self.best_epoch = 0

    def on_train_begin(self, logs=None):
        self.wait = 0
        self.stopped_epoch = 0
        self.best = None
        self.best_weights = None
        self.best_epoch = 0

    def on_epoch_end(self, epoch, logs=None):
        if self.monitor_op is None:
            # Now and not earlier, because the metrics are known only after the first epoch.
            self._set_monitor_op(logs)
        current = self.get_monitor_value(logs)
        if current is None or epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            self.best_weights = self.model.get_weights()
            self.best_epoch = epoch
        self.wait += 1
        if self._is_improvement(current, self.best):
            self.best = current
            self.best_epoch = epoch
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            if self.baseline is None or self._is_improvement(current, self.baseline):
                self.wait = 0
            return
        if self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs=None):
        if self.stopped_epoch > 0 and self.verbose > 0:
            print_message(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose > 0:
                print_message(f"Restoring model weights from the end of the best epoch: {self.best_epoch + 1}.")
            self.model.set_weights(self.best_weights)
