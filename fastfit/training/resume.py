"""A run of ``fit`` that stopped anywhere, continued by another process as if it had not stopped."""

from __future__ import annotations

import random

import numpy as np

from fastfit import _core
from fastfit.graph.randomness import SeedGenerator
from fastfit.utils import seeds


class Run:
    """Where a run of ``fit`` stands, apart from weights and optimizer: `BackupAndRestore` keeps it in a file.

    Parameters
    ----------
    model : Model
    feed : ArrayFeed or BatchFeed

    Attributes
    ----------
    epoch, done : int
        The epoch, and its steps that are done; between epochs the next one, and 0.
    logs : dict
        Of the last epoch.
    is_over : bool
        Training has been stopped: no epoch follows.
    """

    def __init__(self, model, feed):
        self.model, self.feed = model, feed
        self.epoch, self.done = model._initial_epoch, 0
        self.logs, self.is_over = {}, False
        self._later = None
        # of the epoch's sum of losses, which stays NaN or infinite once it is
        self.loss_watch = _core.Watch(model._loss_tracker.total._storage)
        self._first_step = 0  # of the epoch, as steps of the model are counted

    def begin_epoch(self):
        """Watch the loss anew."""
        self.loss_watch.step, self._first_step = None, self.model._step_count - self.done

    def fatal_step(self):
        """The step of the epoch, from 1, after which the loss was not finite for the first time; None if not known."""
        step = self.loss_watch.step
        return None if step is None else step - self._first_step + 1

    def get_state(self):
        """Return the state as dicts, lists, numbers and arrays."""
        model = self.model
        name, keys, *rest = np.random.get_state()
        version, words, gauss = random.getstate()
        return {
            **self._made_of(),
            "epoch": self.epoch,
            "done": self.done,
            "logs": self.logs,
            "is_over": bool(self.is_over or model.stop_training),
            "seed": model._seed,
            "step_count": model._step_count,
            "test_count": model._test_count,
            "metrics": [v.numpy() for v in self._metric_variables()],
            "feed": self.feed.get_state(),
            "seeds": self.feed.seeds(),
            "generators": [[int(g._initial_seed), g.counter] for g in self._generators()],
            "numpy": [name, keys, *rest],
            "python": [version, np.array(words, "uint32"), gauss],
        }

    def check_state(self, state):
        """Raise ValueError if a state is that of a run of another model, or on data of another kind."""
        own = self._made_of()
        for what, found, expected in (
            ("layers with such weights", state.get("layers", own["layers"]), own["layers"]),
            ("the same optimizer", state.get("optimizer", own["optimizer"]), own["optimizer"]),
            ("metrics with as many variables", len(state["metrics"]), len(self._metric_variables())),
            ("as many layers that draw random numbers", len(state["generators"]), len(self._generators())),
            ("data of the same kind", sorted(state["feed"]), sorted(self.feed.get_state())),
        ):
            if found != expected:
                raise ValueError(
                    "The backup belongs to another training run, which cannot go on here: start with the same model, "
                    f"`compile` and `fit` arguments, or remove it. Expected {what}: {expected}. Received: {found}"
                )

    def set_state(self, state, again=None):
        """Go on from what `get_state` returned.

        Parameters
        ----------
        state : dict
        again : callable, optional
            Restores everything, this state too, once more: inside an epoch, callbacks that are told of its begin may
            change what was restored before.
        """
        model = self.model
        self.epoch, self.done, self.logs = state["epoch"], state["done"], state["logs"]
        model.stop_training = state["is_over"]
        self.is_over = state["is_over"] and not self.done
        self._later = again if self.done else None
        model._initial_epoch = self.epoch
        model.__dict__.update(_seed=state["seed"], _step_count=state["step_count"], _test_count=state["test_count"])
        for v, value in zip(self._metric_variables(), state["metrics"], strict=True):
            v.assign(value)
        self._set_generators(state["generators"])
        self.feed.set_state(state["feed"])
        seeds.set_state(state["seeds"])
        np.random.set_state(tuple(state["numpy"]))
        version, words, gauss = state["python"]
        random.setstate((version, tuple(int(w) for w in words), gauss))

    def catch_up(self):
        """Restore once more what the begin of an epoch may have changed, if this one was half done."""
        again, self._later = self._later, None
        if again is not None:
            again()
            self._later = None

    def _made_of(self):
        """What another model or optimizer has otherwise, though its variables may fit."""
        layers = [
            f"{type(layer).__name__} {[list(v.shape) for v in own]}"
            for layer in self.model._flatten_layers()
            if (own := [*layer._trainable_variables, *layer._non_trainable_variables])
        ]
        optimizer = self.model.optimizer
        return {"layers": layers, "optimizer": None if optimizer is None else type(optimizer).__name__}

    def _metric_variables(self):
        return [v for metric in self.model.metrics for v in metric.variables]

    def _generators(self):
        """The seed generators of all layers."""
        return [g for layer in self.model._flatten_layers() for g in layer._attribute_objects(SeedGenerator)]

    def _set_generators(self, states):
        changed = False
        for generator, (seed, counter) in zip(self._generators(), states, strict=True):
            changed = changed or int(generator._initial_seed) != seed
            generator._initial_seed, generator.counter = seed, counter
        if changed:  # programs hold the seeds
            self.model._steps.clear()
            self.feed.renew()
