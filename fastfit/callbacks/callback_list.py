"""CallbackList: several callbacks as one."""

from fastfit.callbacks.callback import Callback
from fastfit.callbacks.history import History
from fastfit.callbacks.progbar_logger import ProgbarLogger
from fastfit.utils import nest
from fastfit.utils.progbar import pythonify_logs

_TRAIN_BATCH_HOOKS = ("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end")
_TEST_BATCH_HOOKS = ("on_test_batch_begin", "on_test_batch_end")
_PREDICT_BATCH_HOOKS = ("on_predict_batch_begin", "on_predict_batch_end")


def _overrides(callback, hooks):
    """Whether the callback defines one of the hooks itself. The progress bar's own do not count."""
    for hook in hooks:
        if hook in vars(callback):
            return True
        function = getattr(type(callback), hook, None)
        if hook in getattr(callback, "_idle_hooks", ()):
            continue
        if function not in (None, getattr(Callback, hook)) and function is not getattr(ProgbarLogger, hook):
            return True
    return False


def _check(callback):
    if isinstance(callback, type) or not hasattr(callback, "set_model"):
        hint = f" Make one of the class: `{callback.__name__}(...)`." if isinstance(callback, type) else ""
        raise ValueError(f"Every callback must be a `Callback` instance.{hint} Received: {callback!r}")


class CallbackList(Callback):
    """Call the same hook of several callbacks, in order, all with the same logs.

    Parameters
    ----------
    callbacks : Callback or list of them, optional
    add_history : bool, default=False
        Add a `History` unless there is one.
    add_progbar : bool, default=False
        Add a `ProgbarLogger` unless there is one.
    model : Model, optional
    **params
        Handed to the callbacks.

    Attributes
    ----------
    has_train_batch_hooks, has_test_batch_hooks, has_predict_batch_hooks : bool
        Whether a callback needs a return to Python at every batch. A progress bar does not: see `on_progress`.
    """

    def __init__(self, callbacks=None, add_history=False, add_progbar=False, model=None, **params):
        super().__init__()
        self.callbacks = [c for c in nest.flatten(callbacks) if c is not None]
        for callback in self.callbacks:
            _check(callback)
        self._any_runs_last = any(getattr(c, "_runs_last", False) for c in self.callbacks)
        self._history = self._find(History)
        self._progbar = self._find(ProgbarLogger)
        if self._history is None and add_history:
            self._history = History()
            self.callbacks.append(self._history)
        if self._progbar is None and add_progbar:
            self._progbar = ProgbarLogger()
            self.callbacks.append(self._progbar)
        if model is not None:
            self.set_model(model)
        if params:
            self.set_params(params)
        self.has_train_batch_hooks = any(_overrides(c, _TRAIN_BATCH_HOOKS) for c in self.callbacks)
        self.has_test_batch_hooks = any(_overrides(c, _TEST_BATCH_HOOKS) for c in self.callbacks)
        self.has_predict_batch_hooks = any(_overrides(c, _PREDICT_BATCH_HOOKS) for c in self.callbacks)

    def _find(self, cls):
        return next((c for c in self.callbacks if isinstance(c, cls)), None)

    @property
    def history(self):
        """The `History` in the list, or None."""
        return self._history

    @property
    def progbar(self):
        """The `ProgbarLogger` in the list, or None."""
        return self._progbar

    def append(self, callback):
        """Add a callback."""
        _check(callback)
        self.callbacks.append(callback)
        self._any_runs_last = self._any_runs_last or getattr(callback, "_runs_last", False)
        self.has_train_batch_hooks |= _overrides(callback, _TRAIN_BATCH_HOOKS)
        self.has_test_batch_hooks |= _overrides(callback, _TEST_BATCH_HOOKS)
        self.has_predict_batch_hooks |= _overrides(callback, _PREDICT_BATCH_HOOKS)

    def __iter__(self):
        return iter(self.callbacks)

    def batch_hooks(self, kind):
        """Return (hooks before, hooks after) a batch of the kind, "train" or "test", or None if there are none.

        Only callbacks that define them are asked, and a progress bar beside them.
        """
        if not (self.has_train_batch_hooks if kind == "train" else self.has_test_batch_hooks):
            return None
        begin, end = f"on_{kind}_batch_begin", f"on_{kind}_batch_end"
        if type(self) is not CallbackList:
            return [getattr(self, begin)], [getattr(self, end)]
        old = ("on_batch_begin", "on_batch_end") if kind == "train" else (begin, end)
        return (
            [getattr(c, begin) for c in self._in_order() if _overrides(c, (begin, old[0])) or c is self._progbar],
            [getattr(c, end) for c in self._in_order() if _overrides(c, (end, old[1])) or c is self._progbar],
        )

    def on_progress(self, seen, logs=None):
        """Tell the progress bar, if there is one, that ``seen`` batches of this epoch are done."""
        if self._progbar is not None and not (self._progbar._called_in_fit and self._testing):
            self._progbar._show(seen, pythonify_logs(logs) if self._progbar.verbose == 1 else None)

    _testing = False

    def set_params(self, params):
        self.params = params
        for callback in self.callbacks:
            callback.set_params(params)

    def set_model(self, model):
        super().set_model(model)
        if self._history is not None:
            model.history = self._history
        for callback in self.callbacks:
            callback.set_model(model)

    def _each(self, hook, *args, logs=None, as_is=False):
        logs = (logs or {}) if as_is else pythonify_logs(logs)
        for callback in self._in_order():
            getattr(callback, hook)(*args, logs)
        return logs

    def _in_order(self):
        """The callbacks; one that saves what the others know comes after them."""
        if not self._any_runs_last:
            return self.callbacks
        return sorted(self.callbacks, key=lambda c: getattr(c, "_runs_last", False))

    def on_batch_begin(self, batch, logs=None):
        self._each("on_batch_begin", batch, logs=logs)

    def on_batch_end(self, batch, logs=None):
        self._each("on_batch_end", batch, logs=logs)

    def on_epoch_begin(self, epoch, logs=None):
        self._each("on_epoch_begin", epoch, logs=logs)

    def on_epoch_end(self, epoch, logs=None):
        """Return the logs too, with the keys that callbacks added."""
        return self._each("on_epoch_end", epoch, logs=logs)

    def on_empty_epoch_end(self, epoch):
        """Tell the user's callbacks, which saw it begin, of the end of an epoch without a batch.

        It has no loss and no metrics, so those of this package have nothing to record, compare or save.
        """
        for callback in self._in_order():
            if not str(getattr(callback.on_epoch_end, "__module__", "")).startswith(f"{__package__}."):
                callback.on_epoch_end(epoch, {})

    def on_train_batch_begin(self, batch, logs=None):
        self._each("on_train_batch_begin", batch, logs=logs)

    def on_train_batch_end(self, batch, logs=None):
        self._each("on_train_batch_end", batch, logs=logs)

    def on_test_batch_begin(self, batch, logs=None):
        self._each("on_test_batch_begin", batch, logs=logs)

    def on_test_batch_end(self, batch, logs=None):
        self._each("on_test_batch_end", batch, logs=logs)

    def on_predict_batch_begin(self, batch, logs=None):
        self._each("on_predict_batch_begin", batch, logs=logs)

    def on_predict_batch_end(self, batch, logs=None):
        self._each("on_predict_batch_end", batch, logs=logs, as_is=True)

    def on_train_begin(self, logs=None):
        for callback in self.callbacks:
            if hasattr(callback, "_announce"):
                callback._announce(self.callbacks)
        self._each("on_train_begin", logs=logs)

    def settle(self):
        """Let callbacks give back weights that they hold, before training ends."""
        for callback in self.callbacks:
            if hasattr(callback, "_settle"):
                callback._settle()

    def on_train_end(self, logs=None):
        self._each("on_train_end", logs=logs)

    def on_test_begin(self, logs=None):
        self._testing = True
        self._each("on_test_begin", logs=logs)

    def on_test_end(self, logs=None):
        self._testing = False
        self._each("on_test_end", logs=logs)

    def on_predict_begin(self, logs=None):
        self._each("on_predict_begin", logs=logs)

    def on_predict_end(self, logs=None):
        self._each("on_predict_end", logs=logs)
