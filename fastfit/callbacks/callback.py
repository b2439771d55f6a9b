"""Callback: what may happen around training."""


class Callback:
    """Base of callbacks. A subclass overrides the hooks that it needs.

    Overriding a batch hook costs a return to Python at every batch; without one, a whole epoch runs in C.

    Attributes
    ----------
    model : Model
    params : dict
        "verbose", "epochs", "steps" and more.
    """

    def __init__(self):
        self.validation_data = None
        self.params = None
        self._model = None

    # Class attributes too: a subclass may forget super().__init__().
    params = None
    _model = None
    # What `get_state` returns; and whether `set_state` is about to be called.
    _state_attributes = ()
    _resumes = False
    # Hooks of this one are called after those of all others.
    _runs_last = False

    @property
    def _idle_hooks(self):
        """The names of batch hooks that do nothing the way this callback is set up."""
        return ()

    def get_state(self):
        """Return what a later process needs to go on with this callback; `BackupAndRestore` keeps it.

        Returns
        -------
        dict
            Names to numbers, text, arrays, None, or lists and dicts of these.
        """
        return {name: getattr(self, name) for name in self._state_attributes}

    def set_state(self, state):
        """Go on where another process called `get_state`; comes after ``on_train_begin``."""
        vars(self).update(state)

    @property
    def model(self):
        """The model that is being trained."""
        return self._model

    def set_params(self, params):
        """Take the parameters of the run."""
        self.params = params

    def set_model(self, model):
        """Take the model."""
        self._model = model

    def on_batch_begin(self, batch, logs=None):
        """As `on_train_batch_begin`, under its old name."""

    def on_batch_end(self, batch, logs=None):
        """As `on_train_batch_end`, under its old name."""

    def on_epoch_begin(self, epoch, logs=None):
        """An epoch begins; counted from 0."""

    def on_epoch_end(self, epoch, logs=None):
        """An epoch has ended; validation results carry ``val_``. Keys added to ``logs`` are recorded."""

    def on_train_batch_begin(self, batch, logs=None):
        """A training batch begins; counted from 0 in each epoch."""
        self.on_batch_begin(batch, logs=logs)

    def on_train_batch_end(self, batch, logs=None):
        """A training batch has ended; ``logs`` holds the epoch's values so far."""
        self.on_batch_end(batch, logs=logs)

    def on_test_batch_begin(self, batch, logs=None):
        """An evaluation batch begins, in ``evaluate`` or validation."""

    def on_test_batch_end(self, batch, logs=None):
        """An evaluation batch has ended."""

    def on_predict_batch_begin(self, batch, logs=None):
        """A batch of ``predict`` begins."""

    def on_predict_batch_end(self, batch, logs=None):
        """A batch of ``predict`` has ended; ``logs["outputs"]`` holds its result."""

    def on_train_begin(self, logs=None):
        """Training begins."""

    def on_train_end(self, logs=None):
        """Training has ended; ``logs`` are those of the last epoch."""

    def on_test_begin(self, logs=None):
        """Evaluation or validation begins."""

    def on_test_end(self, logs=None):
        """Evaluation or validation has ended."""

    def on_predict_begin(self, logs=None):
        """Prediction begins."""

    def on_predict_end(self, logs=None):
        """Prediction has ended."""
