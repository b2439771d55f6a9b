"""TerminateOnNaN: stop when the loss is no number."""

import numpy as np

from fastfit.callbacks.callback import Callback
from fastfit.utils.terminal import print_message


class TerminateOnNaN(Callback):
    """Stop training as soon as the loss is NaN or infinite.

    Parameters
    ----------
    raise_error : bool, default=False
        Raise RuntimeError instead.
    """

    def __init__(self, raise_error=False):
        super().__init__()
        self.raise_error = raise_error

    def on_batch_end(self, batch, logs=None):
        loss = (logs or {}).get("loss")
        if loss is None or np.all(np.isfinite(loss)):
            return
        if self.raise_error:
            raise RuntimeError(f"NaN or Inf loss encountered at batch {batch}.")
        print_message(f"Batch {batch}: Invalid loss, terminating training")
        self.model.stop_training = True
