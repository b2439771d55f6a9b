"""Runs compiled steps over arrays: learning rates, random keys, label checks, error messages."""

from __future__ import annotations

import numpy as np

from fastfit._core import LabelError
from fastfit.compiler.compile import DEADLINE
from fastfit.training.between import watch
from fastfit.utils import seeds

# Joined to the model's seed: what is random in a test step is drawn apart from the training steps' numbers.
KEYS = {"train": 0, "test": 0x746573740000}


class Runner:
    """One kind of step over one set of arrays.

    Parameters
    ----------
    model : Model
    kind : {"train", "test"}
    x, y, w : list of ndarray (or None)
    batch : int
    """

    def __init__(self, model, kind, x, y, w, batch):
        self.model, self.kind, self.batch = model, kind, batch
        self.groups = x, y, w
        self.step = model._step(kind, x, y, w, batch)
        self.columns = [a for group in self.groups for a in group if a is not None]
        self.rows = len(x[0])
        check_labels(self.step, self.columns)
        if model._seed is None:
            model.__dict__["_seed"] = seeds.next_seed()

    def run(self, order, start, stop, max_steps=0, seconds=DEADLINE, between=None):
        """Run steps over rows [start, stop) of the order; `between` is a `_core.Between` that has been entered.

        Returns
        -------
        (int, int)
            Steps done, and the next position.
        """
        model = self.model
        if not self.step.is_of(model):  # a callback may have moved weights, or set what the step was made from
            self.step = model._step(self.kind, *self.groups, self.batch)
        options = {
            "seed": model._seed ^ KEYS[self.kind],
            "step": model._step_count if self.kind == "train" else model._test_count,
            **model.__dict__.get("_run_options", {}),
        }
        counters = self.step.compiled.counters
        if counters:
            if not all(o.has_constant_learning_rate for o in counters):
                steps = -(-(stop - start) // self.batch)
                max_steps = min(steps, max_steps or steps, *(o.rates_ahead for o in counters))
            rates = [o.learning_rates(int(o._iterations.numpy()), max_steps) for o in counters]
            options.update(
                learning_rates=np.ascontiguousarray(np.stack(rates, axis=1), "float64"),
                counters=[o._iterations._storage for o in counters],
            )
        if self.kind == "train" and model._fit_run is not None:
            options["watch"] = model._fit_run.loss_watch
        before = 0
        if between is not None:
            before = between.done
            watch(between, model, self.kind, self.step)
            options["between"] = between
        try:
            steps, position, _ = self.step.compiled.run(
                self.columns, [], order, start, stop, self.batch, max_steps=max_steps, seconds=seconds, **options
            )
        except LabelError as error:
            row = error.position if order is None else int(order[error.position])
            raise ValueError(self._label_message(row)) from None
        uncounted = steps
        if between is not None:
            uncounted = before + steps - between.done
            between.advance(uncounted)
        if self.kind == "train":
            model.__dict__["_step_count"] += uncounted
        else:
            model.__dict__["_test_count"] += steps
        return steps, position

    def _label_message(self, row):
        for column, classes, name in self.step.labels:
            value = self.columns[column][row]
            if not np.all((value >= 0) & (value < classes)):
                return label_message(name, classes, row, value)
        return f"A label in row {row} is out of range."


def label_message(name, classes, row, value):
    """What is wrong with a class id."""
    return (
        f"Labels of output '{name}' must be class ids in [0, {classes}), the output has {classes} units. "
        f"Received: {np.asarray(value).tolist()} in row {row}"
    )


def check_labels(step, columns):
    """Raise ValueError for class ids out of range, before anything is trained."""
    for column, classes, name in step.labels:
        values = columns[column]
        if values.size == 0:
            continue
        low, high = values.min(), values.max()
        if low >= 0 and high < classes:  # false for NaN too
            continue
        flat = values.reshape(len(values), -1)
        with np.errstate(invalid="ignore"):
            bad = ~((flat >= 0) & (flat < classes)).all(axis=1)
        row = int(np.argmax(bad))
        raise ValueError(label_message(name, classes, row, values[row]))
