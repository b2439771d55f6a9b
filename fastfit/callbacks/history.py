"""History: the record that ``fit`` returns."""

from fastfit.callbacks.callback import Callback


class History(Callback):
    """The logs of every epoch.

    Attributes
    ----------
    history : dict
        Key to one value per epoch.
    epoch : list of int
        The epochs, from 0.
    """

    _state_attributes = ("history", "epoch")

    def __init__(self):
        super().__init__()
        self.history = {}
        self.epoch = []

    def on_train_begin(self, logs=None):
        self.epoch = []

    def on_epoch_end(self, epoch, logs=None):
        self.epoch.append(epoch)
        for key, value in (logs or {}).items():
            self.history.setdefault(key, []).append(value)
        self.model.history = self
