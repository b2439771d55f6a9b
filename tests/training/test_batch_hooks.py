"""What batch hooks may do between the steps of a fit, beside installed Keras."""

import numpy as np
import pytest

import fastfit
from tests.training import pairs
from tests.training.pairs import BOTH, RTOL, X, Y, by, classifier, keras, pair, quick_compiler  # noqa: F401

STEPS = 10  # of an epoch of X in batches of 8, the last one short


def rate(lib, model, value):
    model.optimizer.learning_rate = value


def both(act, schedule=None, epochs=2, **options):
    """Fit with `act(lib, model, hook, batch, logs)` in every batch hook; [(events, model)] of fastfit and Keras."""
    compiled = {
        "optimizer": by(lambda lib: lib.optimizers.SGD(schedule(lib) if schedule else 0.1)),
        "loss": "sparse_categorical_crossentropy",
    }
    result = []
    for lib, model in zip(BOTH, pair(classifier, **compiled), strict=True):
        events = []

        class Hooks(lib.callbacks.Callback):
            def on_train_batch_begin(self, batch, logs=None, lib=lib, events=events):
                events.append(("begin", batch))
                act(lib, self.model, "begin", batch, logs)

            def on_train_batch_end(self, batch, logs=None, lib=lib, events=events):
                events.append(("end", batch, round(logs["loss"], 4)))
                act(lib, self.model, "end", batch, logs)

        model.fit(X, Y, batch_size=8, epochs=epochs, shuffle=False, verbose=0, callbacks=[Hooks()], **options)
        result.append((events, model))
    return result


def assert_same(result):
    (ours, model), (theirs, other) = result
    assert [e[:2] for e in ours] == [e[:2] for e in theirs]
    losses = [[e[2] for e in events if e[0] == "end"] for events in (ours, theirs)]
    np.testing.assert_allclose(*losses, atol=2e-4)
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=RTOL, atol=1e-5)


@pytest.mark.parametrize("where", ["begin", "end"])
def test_learning_rate_of_every_step(where):
    def act(lib, model, hook, batch, logs):
        if hook == where:
            rate(lib, model, 0.3 / (1 + batch))

    assert_same(both(act))


def test_nothing_but_the_rate_made_the_difference():
    def act(lib, model, hook, batch, logs):
        if lib is fastfit and hook == "begin":
            rate(lib, model, 0.3 / (1 + batch))

    with pytest.raises(AssertionError):
        assert_same(both(act))


@pytest.mark.parametrize("where", ["begin", "end"])
def test_weights_set_in_between(where):
    def act(lib, model, hook, batch, logs):
        if hook == where and batch == 3:
            model.set_weights([0.5 * w for w in model.get_weights()])

    assert_same(both(act))


def test_iterations_set_in_between():
    def schedule(lib):
        return lib.optimizers.schedules.ExponentialDecay(0.3, 4, 0.5)

    def act(lib, model, hook, batch, logs):
        if hook == "end" and batch == 3:
            model.optimizer.iterations.assign(0)

    assert_same(both(act, schedule))


@pytest.mark.parametrize("where", ["begin", "end"])
def test_stop_in_between(where):
    def act(lib, model, hook, batch, logs):
        if hook == where and batch == 4:
            model.stop_training = True

    assert_same(both(act))


@pytest.mark.parametrize("period", [1, 3, 4])
@pytest.mark.parametrize("data", ["arrays", "batches"])
def test_periods(data, period):
    """Begin gets the first batch of a period, end the last that there is.

    Keras numbers the last one as if the period were whole, and begins one more of a generator that has ended.
    """
    compiled = {"loss": "sparse_categorical_crossentropy", "steps_per_execution": period}
    events = []
    for lib, model in zip(BOTH, pair(classifier, optimizer="sgd", **compiled), strict=True):
        seen = []
        hooks = lib.callbacks.LambdaCallback(
            on_train_batch_begin=lambda batch, logs, seen=seen: seen.append(("begin", batch)),
            on_train_batch_end=lambda batch, logs, seen=seen: seen.append(("end", min(batch, STEPS - 1))),
        )
        if data == "arrays":
            model.fit(X, Y, batch_size=8, shuffle=False, verbose=0, callbacks=[hooks])
        else:
            model.fit(((X[i : i + 8], Y[i : i + 8]) for i in range(0, len(X), 8)), verbose=0, callbacks=[hooks])
        events.append([e for e in seen if e[1] < STEPS])
    assert events[0] == events[1]
    assert events[0][-1] == ("end", STEPS - 1)
    assert [e for e in events[0] if e[0] == "begin"] == [("begin", i) for i in range(0, STEPS, period)]


def test_evaluate_predict_and_train_in_between():
    """Other runs of the same model, and what they leave behind."""

    def act(lib, model, hook, batch, logs):
        if hook == "end" and batch % 4 == 1:
            seen.setdefault(lib, []).append(model.predict_on_batch(X[:3]).sum())
            if batch == 5:
                model.train_on_batch(X[:8], Y[:8])

    seen = {}
    result = both(act)
    for a, b in zip(*(model.get_weights() for _, model in result), strict=True):
        np.testing.assert_allclose(a, b, rtol=RTOL, atol=1e-5)
    np.testing.assert_allclose(seen[fastfit], seen[keras], rtol=RTOL)


@pytest.mark.parametrize("hook", ["on_train_batch_begin", "on_train_batch_end"])
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_error_in_between(hook, error):
    """It comes out as it is; what was trained are whole steps; the model goes on."""

    def fail(batch, logs):
        if batch == 4:
            raise error("from the hook")

    def fresh():
        model = classifier(fastfit)
        model.set_weights(start)
        model.compile("adam", "sparse_categorical_crossentropy")
        return model

    start = classifier(fastfit).get_weights()
    model = fresh()
    options = {"batch_size": 8, "shuffle": False, "verbose": 0}
    with pytest.raises(error, match="from the hook"):
        model.fit(X, Y, callbacks=[fastfit.callbacks.LambdaCallback(**{hook: fail})], **options)
    steps = 4 if hook.endswith("begin") else 5
    assert model.optimizer.iterations == steps
    other = fresh()
    other.fit(X[: 8 * steps], Y[: 8 * steps], **options)
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    model.fit(X, Y, **options)
    assert model.optimizer.iterations == steps + STEPS


def test_hooks_change_no_bits():
    """The same weights with batch hooks as without, dropout included."""

    def trained(callbacks):
        fastfit.utils.set_random_seed(3)
        model = fastfit.models.Sequential(
            [fastfit.layers.Dense(16, activation="relu"), fastfit.layers.Dropout(0.3), fastfit.layers.Dense(4)]
        )
        loss = fastfit.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile("adam", loss, metrics=["accuracy"])
        history = model.fit(X, Y, batch_size=8, epochs=3, verbose=0, callbacks=callbacks)
        return model.get_weights(), history.history

    plain, history = trained([])
    hooked, same_history = trained([fastfit.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None)])
    assert history == same_history
    for a, b in zip(plain, hooked, strict=True):
        np.testing.assert_array_equal(a, b)


assert len(X) == 75 and pairs.N == 75  # STEPS counts on it
