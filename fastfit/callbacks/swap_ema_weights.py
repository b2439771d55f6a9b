"""SwapEMAWeights: evaluate with the moving averages of the weights."""

from fastfit.callbacks.callback import Callback


class SwapEMAWeights(Callback):
    """Put the optimizer's moving averages in the place of the weights while the model is evaluated or predicts.

    Parameters
    ----------
    swap_on_epoch : bool, default=False
        Also between the end of an epoch and the begin of the next, for callbacks that come later in the list, such as
        `ModelCheckpoint`.

    Raises
    ------
    ValueError : when training or evaluation begins, if the optimizer keeps no averages (``use_ema=False``).
    """

    _state_attributes = ("_swapped",)

    def __init__(self, swap_on_epoch=False):
        super().__init__()
        self.swap_on_epoch = swap_on_epoch
        self._swapped = False

    def _pairs(self):
        """Return pairs (weight, average)."""
        optimizer = self.model.optimizer
        optimizer = getattr(optimizer, "inner_optimizer", optimizer)
        all_optimizers = getattr(optimizer, "optimizers", [optimizer])
        keeping = [o for o in all_optimizers if getattr(o, "use_ema", False)]
        if not keeping:
            raise ValueError(
                "SwapEMAWeights needs moving averages: set `use_ema=True` on the optimizer. "
                f"Received: use_ema=False on {optimizer}"
            )
        return [
            pair
            for o in keeping
            for pair in zip(o._trainable_variables, o._model_variables_moving_average, strict=True)
        ]

    def _swap(self, into_model):
        if self._swapped == into_model:
            return
        for weight, average in self._pairs():
            value = weight.numpy()
            weight.assign(average.numpy())
            average.assign(value)
        self._swapped = into_model

    def on_train_begin(self, logs=None):
        self._pairs()

    def on_epoch_begin(self, epoch, logs=None):
        if self.swap_on_epoch:
            self._swap(False)

    def on_epoch_end(self, epoch, logs=None):
        if self.swap_on_epoch:
            self._swap(True)

    def _settle(self):
        # The optimizer is about to set the weights to what it takes for their averages.
        self._swap(False)

    def on_test_begin(self, logs=None):
        self._swap(True)

    def on_test_end(self, logs=None):
        self._swap(False)

    def on_predict_begin(self, logs=None):
        self._swap(True)

    def on_predict_end(self, logs=None):
        self._swap(False)
