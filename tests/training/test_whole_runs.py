"""Whole runs in fastfit and in installed Keras from the same weights: History, weights and what evaluate says."""

import warnings

import numpy as np
import pytest

import fastfit
from tests.training.pairs import (  # noqa: F401  quick_compiler is a fixture
    BOTH,
    X,
    Y,
    close,
    pair,
    quick_compiler,
)
from tests.training.whole_runs import NETS, RUNS


def resolve(value, lib):
    return value(lib) if getattr(value, "__name__", "") == "by_lib" else value


def run(lib, model, data, calls):
    """What a user can see of the calls of fit."""
    seen = []
    for arguments in calls if isinstance(calls, list) else [calls]:
        args = [resolve(a, lib) for a in data]
        kwargs = {k: resolve(v, lib) for k, v in arguments.items()}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # steps beyond the data and what an installed backend deprecates
            history = model.fit(*args, verbose=0, shuffle=False, **kwargs)
        assert history is model.history
        seen.append((history.epoch, history.history))
    return seen


def compare(name, **changed):
    net, data, calls = RUNS[name]
    make, args, compiled = NETS[net]
    models = pair(make, *args, **compiled)
    for attribute, value in changed.items():
        setattr(models[0].optimizer, attribute, value)
    ours, theirs = (run(lib, model, data, calls) for lib, model in zip(BOTH, models, strict=True))
    for (epochs, logs), (their_epochs, their_logs) in zip(ours, theirs, strict=True):
        assert epochs == their_epochs
        close(logs, their_logs)
    close(models[0].get_weights(), models[1].get_weights())
    return models


@pytest.mark.parametrize("name", RUNS)
def test_run(name):
    compare(name)


LOGGED = (
    "plain", "batch_size", "initial_epoch", "steps_per_epoch", "steps that go on", "validation_data",
    "validation_freq", "sample_weight", "generator", "generator with weights and steps", "dataset", "list", "dict",
)  # fmt: skip


@pytest.mark.parametrize("name", LOGGED)
def test_logs_of_every_hook(name):
    """What hooks of epochs, batches and tests are given, and the params, beside Keras."""
    row = name if name in RUNS else next(k for k, (net, _, _) in RUNS.items() if net == name)
    net, data, arguments = RUNS[row]
    make, args, compiled = NETS[net]
    seen = []
    for lib, model in zip(BOTH, pair(make, *args, **compiled), strict=True):
        events = []
        seen.append((events, everything(lib, model, net, data, arguments, events)))
    (ours, params), (theirs, their_params) = seen
    theirs = [e for e, after in zip(theirs, [*theirs[1:], theirs[-1]], strict=True) if not cut_short(e[0], after[0])]
    assert [e[:2] for e in ours] == [e[:2] for e in theirs]
    close([e[2] for e in ours], [e[2] for e in theirs])
    assert {k: params[k] for k in their_params} == their_params


def cut_short(hook, after):
    """Whether a batch was announced that its generator did not have: Keras looks only then, fastfit before."""
    return hook.endswith("batch_begin") and after != hook.replace("begin", "end")


def everything(lib, model, net, data, arguments, events):
    """Fit, evaluate and predict with a callback that notes each hook; returns the params of the history."""

    class Notes(lib.callbacks.Callback):
        pass

    def note(name):
        def hook(self, *index, logs=None):
            if len(index) > ("batch" in name or "epoch" in name):
                *index, logs = index
            events.append((name, tuple(index), {k: np.array(v) for k, v in (logs or {}).items() if k != "outputs"}))

        return hook

    for kind in ("train", "test", "predict"):
        for moment in ("begin", "end"):
            for name in (f"on_{kind}_{moment}", f"on_{kind}_batch_{moment}"):
                setattr(Notes, name, note(name))
    Notes.on_epoch_begin, Notes.on_epoch_end = note("on_epoch_begin"), note("on_epoch_end")
    run(lib, model, data, {**arguments, "callbacks": [Notes()]})
    params = model.history.params
    if net == "classifier":
        x, y = X[:50], Y[:50]
        model.evaluate(x, y, batch_size=20, verbose=0, callbacks=[Notes()])
        model.predict(x, batch_size=20, verbose=0, callbacks=[Notes()])
    return params


@pytest.mark.parametrize("name", ["classifier", "list", "dict", "nested"])
def test_after_the_run(name):
    """evaluate and predict on what was trained, in each form of their results."""
    row = next(k for k, (net, data, _) in RUNS.items() if net == name and len(data) == 2)
    models = compare(row)
    x, y = RUNS[row][1]
    for kwargs in ({}, {"return_dict": True}):
        close(*(m.evaluate(x, y, verbose=0, **kwargs) for m in models))
    close(*(m.predict(x, verbose=0) for m in models))


@pytest.mark.parametrize(("name", "changed"), [("plain", {"learning_rate": 0.101}), ("two fits", {"epsilon": 1e-3})])
def test_a_difference_is_seen(name, changed):
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        compare(name, **changed)


def test_the_table_names_every_argument_of_fit():
    named = {k for _, _, calls in RUNS.values() for c in (calls if isinstance(calls, list) else [calls]) for k in c}
    arguments = set(fastfit.models.Model.fit.__code__.co_varnames[: fastfit.models.Model.fit.__code__.co_argcount])
    assert len(RUNS) >= 40
    assert arguments - named - {"self", "x", "y", "verbose", "shuffle"} == set()
