"""What happens between the steps of a pass that has batch hooks; `_core.Between` carries it out."""

from __future__ import annotations

import functools

from fastfit._core import Between
from fastfit.utils.progbar import pythonify_logs


def between_steps(model, stop, feed, hooks, done):
    """A `_core.Between` for a pass over a feed.

    Parameters
    ----------
    model : Model
    stop : str
        The model's attribute that ends the pass.
    feed : ArrayFeed or like it
    hooks : (list of callable, list of callable)
        To be called before and after steps.
    done : int
        Steps of this pass that were done before.
    """
    kind = feed.kind
    between = Between(
        *hooks,
        lambda: pythonify_logs(model._logs(kind)),
        done,
        model.steps_per_execution,
        stop=(model, stop),
        # a hook that trains on other data ends the run: its order and accumulators are not what they were
        counts=(model.__dict__, "_step_count"),
        counting=kind == "train",
    )
    between.feed = feed
    between.run = model._fit_run if kind == "train" else None
    return between


def watch(between, model, kind, step):
    """Say what the logs of a run of this step are, and what must stay as it is while the run goes on."""
    between.means = model._running_means(kind)
    between.valid = functools.partial(step.is_of, model)
    between.rates, between.kept = [], []
    for optimizer in step.compiled.counters:
        memory, is_rate, kept = optimizer.watched_rate()
        between.rates.append((memory, is_rate))
        between.kept += kept
