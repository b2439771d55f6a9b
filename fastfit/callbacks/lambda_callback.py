"""LambdaCallback: hooks from functions."""

from fastfit.callbacks.callback import Callback


class LambdaCallback(Callback):
    """A callback made of functions, which get what the hooks of their names get.

    Parameters
    ----------
    on_epoch_begin, on_epoch_end : callable, optional
        ``(epoch, logs)``
    on_train_begin, on_train_end : callable, optional
        ``(logs)``
    on_train_batch_begin, on_train_batch_end : callable, optional
        ``(batch, logs)``
    **kwargs
        Any other hook by its name.
    """

    def __init__(
        self,
        on_epoch_begin=None,
        on_epoch_end=None,
        on_train_begin=None,
        on_train_end=None,
        on_train_batch_begin=None,
        on_train_batch_end=None,
        **kwargs,
    ):
        super().__init__()
        hooks = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
        }
        vars(self).update(kwargs)
        vars(self).update({name: function for name, function in hooks.items() if function is not None})
