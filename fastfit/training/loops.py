"""The loops of fit, evaluate and predict."""

from __future__ import annotations

import warnings

import numpy as np

from fastfit.callbacks import CallbackList
from fastfit.compiler.compile import DEADLINE
from fastfit.data.make import validates_after
from fastfit.training import custom_step, prepare
from fastfit.training.arguments import FitArguments
from fastfit.training.between import between_steps
from fastfit.training.oddities import origin, warn_of_labels, warn_of_loss, warn_of_result
from fastfit.training.resume import Run
from fastfit.training.runner import Runner
from fastfit.utils import nest, seeds


def fit(model, given):
    """Train a model on `FitArguments`; see `Trainer.fit`."""
    train, valid = prepare.training_data(model, given)
    feed = feed_for(model, "train", train)
    valid_feed = feed_for(model, "test", valid, later=True) if valid is not None else None
    if isinstance(train, prepare.Arrays):
        warn_of_labels(model, train.y)
    callbacks = callback_list(
        model, given, given.steps_per_epoch or feed.steps, train, epochs=given.epochs, validates=valid is not None
    )
    model.stop_training = False
    model._initial_epoch = given.initial_epoch
    model._fit_run = Run(model, feed)
    try:
        logs = run_epochs(model, feed, valid_feed, callbacks, given)
        callbacks.settle()
    finally:
        model._fit_run = None
    if model.optimizer is not None:
        model.optimizer.finalize_variable_values(model.trainable_variables)
    callbacks.on_train_end(logs)
    return model.history


def run_epochs(model, feed, valid_feed, callbacks, given):
    """Train for the epochs that are left; returns the logs of the last one."""
    run = model._fit_run
    callbacks.on_train_begin()
    if run.is_over:
        return run.logs
    first, said = model._initial_epoch, False
    for epoch in range(first if first is not None else given.initial_epoch, given.epochs):
        model.reset_metrics()
        run.epoch, run.done = epoch, 0
        callbacks.on_epoch_begin(epoch)
        run.catch_up()
        run.begin_epoch()
        done = train_epoch(model, feed, callbacks, given.steps_per_epoch, run.done)
        if done == 0:  # nothing was left of the data: there is no loss that the logs could show
            run.is_over = True
            callbacks.on_empty_epoch_end(epoch)
            break
        run.logs = model._logs("train")
        said = said or warn_of_loss(model, feed, epoch, run)
        if valid_feed is not None and validates_after(epoch, given.validation_freq):
            val = test_pass(model, valid_feed, callbacks, given.validation_steps)
            said = said or warn_of_result(model, "validation", val.get("loss"), valid_feed.groups)
            run.logs.update({f"val_{k}": v for k, v in val.items()})
        run.epoch, run.done = epoch + 1, 0
        run.is_over = model.stop_training
        run.logs = callbacks.on_epoch_end(epoch, run.logs) or run.logs
        if model.stop_training:
            break
    return run.logs


def callback_list(model, given, steps, data, epochs=1, validates=False):
    """The user's callbacks, then fit's History and the bar."""
    if isinstance(given.callbacks, CallbackList):
        return given.callbacks
    params = {
        "verbose": given.verbose,
        "epochs": epochs,
        "steps": steps,
        "batch_size": given.batch_size,
        "samples": getattr(data, "n", None),
        "do_validation": validates,
        "metrics": model.metrics_names,
    }
    trains = isinstance(given, FitArguments)  # the history of evaluate would take the place of fit's
    return CallbackList(given.callbacks, add_history=trains, add_progbar=given.verbose != 0, model=model, **params)


# Feeds ------------------------------------------------------------------------------------------------------------


def feed_for(model, kind, data, later=False):
    """What gives a loop its runs: arrays, or an iterator of batches.

    later: something else is done before its first epoch, so that its data are best looked at now.
    """
    if isinstance(data, prepare.Arrays):
        return ArrayFeed(model, kind, data)
    return BatchFeed(model, kind, data, later)


class ArrayFeed:
    """Rows of arrays, in one order per pass; a pass may last several epochs.

    Attributes
    ----------
    found : bool
        Whether the epoch had a batch at all.
    groups : (list, list, list)
        Inputs, targets and sample weights.
    """

    found = True

    def __init__(self, model, kind, data):
        self.kind = kind
        self.runner = Runner(model, kind, data.x, data.y, data.w, data.batch)
        self.groups = self.runner.groups
        self.n, self.batch, self.shuffle, self.steps = data.n, data.batch, data.shuffle, data.steps
        self.position, self.order, self.drawn_from = self.n, None, None

    def begin(self, restart, steps=None, inside=False):
        """Go on, or begin a new pass unless the epoch is `inside` one."""
        if restart or (self.position >= self.n and not inside):
            self.begin_pass()

    def begin_pass(self):
        """Begin with the first row of a new order."""
        self.position = 0
        # the order of rows inside the only batch changes nothing but rounding
        if self.shuffle and self.batch < self.n:
            self.drawn_from = seeds.get_state()
            self.order = permutation(self.n, self.batch, self.shuffle)

    def get_state(self):
        """Return where the pass stands, and the seeds that its order was drawn from."""
        return {"position": self.position, "drawn_from": self.drawn_from}

    def seeds(self):
        """Return the state of the seed stream."""
        return seeds.get_state()

    def set_state(self, state):
        """Go on where `get_state` stood; the seed stream is then where the order was drawn."""
        if state["drawn_from"] is not None:
            seeds.set_state(state["drawn_from"])
            self.begin_pass()
        self.position = state["position"]

    def renew(self):
        """Take a new program, after something that the old one was made from has changed."""
        self.runner.step = self.runner.model._step(self.runner.kind, *self.runner.groups, self.batch)

    def more(self):
        """Whether there are rows left in this pass."""
        return self.position < self.n

    def run(self, max_steps, between=None):
        """Steps done."""
        done, self.position = self.runner.run(self.order, self.position, self.n, max_steps, DEADLINE, between)
        return done

    def close(self):
        """Nothing to tell arrays."""


def permutation(n, batch, shuffle):
    """The order of a pass: of all rows, or inside each batch."""
    rng = seeds.shuffle_rng()
    if shuffle != "batch":
        return rng.permutation(n).astype(np.int64, copy=False)
    order = np.arange(n, dtype=np.int64)
    for start in range(0, n, batch):
        rng.shuffle(order[start : start + batch])
    return order


class BatchFeed:
    """Batches of a stream, one step each. `found` as of `ArrayFeed`; there are no `groups` to look at again."""

    groups = None

    def __init__(self, model, kind, data, later):
        self.model, self.kind, self.data = model, kind, data.data
        self.batches = self.next = None
        self.first = kind == "train"  # whether no batch has been trained on
        self.origin = None  # of a loss that is no number, as of `oddities.origin`
        # of validation, whose model training has made, only the hook would be disturbed
        if self.data.has_begin_hook if later else self.data.is_dataset and prepare.is_settled(model, kind):
            return  # a batch is asked for when its epoch has begun, and not before
        # the shapes of the first batch make the program, before anything is trained
        self.runner_for(self.data.peek())

    @property
    def steps(self):
        """Number of batches in a pass, or None."""
        return self.data.num_batches

    def begin(self, restart, steps=None, inside=False):
        """Begin an epoch of so many steps, or of one pass; or what is left of it."""
        if restart and self.batches is not None:
            self.data.restart()
        self.batches, self.next, self.found = self.data.epoch(steps, inside), None, False

    def get_state(self):
        """Return how many batches of the pass were taken, and the seeds that its order was drawn from."""
        return self.data.get_state()

    def seeds(self):
        """Return the state of the seed stream after what was trained."""
        return self.data.seeds()

    def set_state(self, state):
        """Read up to where `get_state` stood."""
        self.data.set_state(state)

    def renew(self):
        """Nothing to do: every batch asks for its program."""

    def runner_for(self, batch):
        prepare.follow_structure(self.model, self.data)
        x, y, w = prepare.stream_batch(self.model, batch)
        if len(x[0]) == 0:
            raise ValueError("A batch of the generator, dataset or iterable is empty: it has no rows.")
        return Runner(self.model, self.kind, x, y, w, len(x[0]))

    def more(self):
        """Whether the epoch has another batch, which is then read."""
        if self.next is None:
            self.next = next(self.batches, None)
            self.found = self.found or self.next is not None
        return self.next is not None

    position = 0  # in the batch, which nobody asks for

    def run(self, max_steps, between=None):
        """Run one batch; 1."""
        batch, self.next = self.next, None
        n = len(batch[0][0])
        runner = self.runner_for(batch)
        if self.first:
            self.first = False
            warn_of_labels(self.model, runner.groups[1])
        runner.run(None, 0, n, 1, 0, between)
        if self.kind == "train" and self.origin is None and self.model._fit_run.loss_watch.step is not None:
            self.origin = origin(self.model, runner.groups)
        return 1

    def close(self):
        """Let the stream end its epoch."""
        for _ in self.batches:
            break


# Passes -----------------------------------------------------------------------------------------------------------


def train_epoch(model, feed, callbacks, steps, done=0):
    """One epoch, of which some steps may have been done by an earlier run; returns its number of steps."""
    # with steps_per_epoch, arrays go on where the last epoch ended
    feed.begin(restart=steps is None and not done, steps=None if steps is None else steps - done, inside=done > 0)
    return batches(model, feed, callbacks, steps, "stop_training", done)


def batches(model, feed, callbacks, steps, stop, done=0):
    """Run a feed that has begun, to its end or for `steps`; returns the number of steps.

    stop: the model's attribute that ends the pass; done: steps of this pass that were done before.
    """
    kind, between = feed.kind, None
    if hooks := callbacks.batch_hooks(kind):
        between = between_steps(model, stop, feed, hooks, done)
    while (steps is None or done < steps) and not (done and getattr(model, stop)):
        room = 0 if steps is None else steps - done
        if not feed.more():
            if steps is not None and isinstance(feed, ArrayFeed):
                warn_out_of_data(steps)
            break
        if between is not None:
            between.enter()
            feed.run(room, between)
            done = between.done
            continue
        done += feed.run(room)
        if callbacks.progbar is not None:
            callbacks.on_progress(done, model._logs(kind))
    if between is not None:
        between.leave()
    feed.close()
    return done


def warn_out_of_data(steps):
    warnings.warn(
        "Your input ran out of data; interrupting training. Make sure that your dataset or generator can generate at "
        f"least `steps_per_epoch * epochs` batches ({steps} per epoch). You may need to use the `.repeat()` function "
        "when building your dataset.",
        stacklevel=4,
    )


def test_pass(model, feed, callbacks, steps):
    """Loss and metrics of a pass over data."""
    model.reset_metrics()
    stopped, model.stop_evaluating = model.stop_evaluating, False
    callbacks.on_test_begin()
    feed.begin(restart=True, steps=steps)
    batches(model, feed, callbacks, steps, "stop_evaluating")
    logs = model._logs("test")
    if not feed.found:  # a generator that is used up has no loss, rather than one of 0
        logs = {}
    callbacks.on_test_end(logs)
    if model._busy.depth > 1:  # a hook of another evaluation may have called this one
        model.stop_evaluating = stopped
    return logs


def evaluate(model, given):
    """Loss and metrics by key for `RunArguments`; see `Trainer.evaluate`."""
    data = prepare.evaluation_data(model, given)
    feed = feed_for(model, "test", data)
    callbacks = callback_list(model, given, given.steps or feed.steps, data)
    logs = test_pass(model, feed, callbacks, given.steps)
    warn_of_result(model, "evaluate()", logs.get("loss"), feed.groups)
    return logs


def predict(model, given):
    """All outputs for `RunArguments`, in the structure of the model's; see `Trainer.predict`."""
    data = prepare.prediction_data(model, given)
    callbacks = callback_list(model, given, given.steps or data.steps, data)
    model.stop_predicting = False
    hooks = callbacks.has_predict_batch_hooks
    callbacks.on_predict_begin()
    parts, done = [], 0
    for arrays, batch, count in prediction_runs(model, data, given.steps, hooks):
        if hooks:
            callbacks.on_predict_batch_begin(done)
        parts.append(predict_arrays(model, arrays, batch))
        done += count
        if hooks:
            callbacks.on_predict_batch_end(done - 1, {"outputs": model._pack_outputs(parts[-1])})
        else:
            callbacks.on_progress(done)
        if model.stop_predicting:
            break
    callbacks.on_predict_end()
    if not parts:
        raise ValueError("predict() got no data: the iterable yielded no batch.")
    outputs = parts[0] if len(parts) == 1 else [np.concatenate(column) for column in zip(*parts, strict=True)]
    return model._pack_outputs(outputs)


def predict_arrays(model, arrays, batch):
    """The outputs for arrays, flat; of no rows they have none."""
    rows = len(arrays[0])
    if not rows:  # the outputs' shapes and dtypes are those of any row
        arrays, batch = [np.zeros((1, *a.shape[1:]), a.dtype) for a in arrays], 1
    step = model._step("predict", arrays, (), (), batch)
    outputs = step.compiled.predict(arrays, max(rows, 1), batch)
    return outputs if rows else [a[:0] for a in outputs]


# Rows that one native call predicts, so that the bar and Ctrl-C get a turn.
ROWS_PER_CALL = 8192


def prediction_runs(model, data, steps, by_batch):
    """Yield (arrays, batch size, number of batches): single batches if hooks want them, large pieces otherwise."""
    if not isinstance(data, prepare.Arrays):
        for x, _, _ in data.data.epoch(steps):
            prepare.follow_structure(model, data.data)
            yield x, len(x[0]), 1
        return
    batch = data.batch
    end = data.n if steps is None else min(data.n, steps * batch)
    piece = batch if by_batch else max(batch, ROWS_PER_CALL // batch * batch)
    for start in range(0, max(end, 1), piece):
        stop = min(start + piece, end)
        yield [a[start:stop] for a in data.x], batch, -(-(stop - start) // batch)


def pack_outputs(model, arrays):
    """Arrays in the structure of the model's outputs."""
    struct = model._predict_struct if custom_step.is_custom(model, "predict") else model._outputs_form()
    if struct is None or not nest.is_nested(struct):
        return arrays[0] if len(arrays) == 1 else list(arrays)
    packed = nest.pack_like(struct, arrays)
    return packed[0] if isinstance(packed, list) and len(packed) == 1 else packed
