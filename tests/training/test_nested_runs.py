"""Evaluating inside a hook: the sums of training, and of another evaluation, are left as they are.

Keras has one set of sums for all, so that its epoch then shows the mean of something else.
"""

import numpy as np
import pytest

import fastfit
from fastfit import layers, metrics, ops
from fastfit.callbacks import Callback, History

RNG = np.random.default_rng(3)
X = RNG.standard_normal((40, 4)).astype("float32")
Y = (X.sum(1, keepdims=True) > 0).astype("float32")
OTHER = X[:7] + 3, 1 - Y[:7]


def plain(optimizer, **options):
    model = fastfit.Sequential([fastfit.Input((4,)), layers.Dense(1, "sigmoid", kernel_initializer="ones")])
    model.compile(optimizer, "binary_crossentropy", metrics=["mae", "accuracy"], **options)
    return model, Y


def counted(optimizer, **options):
    """Metrics that are no means, and weighted ones."""
    model, _ = plain(optimizer)
    found = [metrics.AUC(name="auc"), metrics.F1Score(name="f1", threshold=0.5), metrics.Precision(name="p")]
    model.compile(optimizer, "binary_crossentropy", metrics=found, weighted_metrics=["mse"], **options)
    return model, Y


def several(optimizer, **options):
    inputs = fastfit.Input((4,))
    a, b = (layers.Dense(1, "sigmoid", kernel_initializer="ones", name=name)(inputs) for name in "ab")
    model = fastfit.Model(inputs, [a, b])
    model.compile(optimizer, ["binary_crossentropy", "mse"], metrics={"a": ["mae"], "b": ["accuracy"]}, **options)
    return model, [Y, Y]


class OwnSteps(fastfit.Model):
    """Steps and a metric of the user's; the training step shows a value of its last batch as well."""

    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(1, "sigmoid", kernel_initializer="ones")
        self.mine = metrics.Mean(name="mine")

    def call(self, x):
        return self.dense(x)

    @property
    def metrics(self):
        return [self.mine]

    def train_step(self, data):
        x, y = data
        p = self(x, training=True)
        loss = ops.mean(ops.square(y - p))
        self.optimizer.apply(fastfit.gradients(loss, self.trainable_variables), self.trainable_variables)
        self.mine.update_state(loss)
        return {"mine": self.mine.result(), "last": loss}

    def test_step(self, data):
        x, y = data
        self.mine.update_state(ops.mean(ops.abs(y - self(x, training=False))))
        return {"mine": self.mine.result()}


def own(optimizer, **options):
    model = OwnSteps()
    model.compile(optimizer, **options)
    return model, Y


def evaluate(model, y):
    model.evaluate(OTHER[0], _like(y, OTHER[1]), verbose=0, batch_size=3)


def evaluate_batches(model, y):
    model.evaluate(iter([(OTHER[0], _like(y, OTHER[1]))] * 3), steps=2, verbose=0)


def test_on_batch(model, y):
    model.test_on_batch(OTHER[0], _like(y, OTHER[1]))


test_on_batch.__test__ = False


def train_on_batch(model, y):
    model.train_on_batch(OTHER[0], _like(y, OTHER[1]))


def predict(model, y):
    model.predict(OTHER[0], verbose=0)
    model.predict_on_batch(OTHER[0])


def _like(y, value):
    return [value] * len(y) if isinstance(y, list) else value


HOOKS = (
    *("on_train_begin", "on_epoch_begin", "on_train_batch_begin", "on_train_batch_end", "on_test_begin"),
    *("on_test_batch_begin", "on_test_batch_end", "on_test_end", "on_epoch_end"),
)


def calling(hook, act, y):
    """A callback that acts in one hook."""

    def run(self, *args, **kwargs):
        act(self.model, y)

    return type("Calling", (Callback,), {hook: run})()


def history(make, callbacks, **fitted):
    options = fitted.pop("options", {})
    model, y = make(fastfit.optimizers.SGD(fitted.pop("rate", 0.1)), **options)
    callbacks = [c(y) if callable(c) else c for c in callbacks]
    return model.fit(
        X, y, batch_size=8, epochs=2, shuffle=False, verbose=0, validation_data=(X[:9], _like(y, Y[:9])),
        callbacks=callbacks, **fitted,
    ).history  # fmt: skip


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("act", (evaluate, evaluate_batches, test_on_batch, predict), ids=lambda f: f.__name__)
@pytest.mark.parametrize("make", (plain, counted, several, own), ids=lambda f: f.__name__)
def test_the_logs_of_the_epoch_are_left_alone(make, act, hook):
    assert history(make, [lambda y: calling(hook, act, y)]) == history(make, [])


@pytest.mark.parametrize("hook", ("on_train_batch_begin", "on_train_batch_end", "on_test_batch_end"))
@pytest.mark.parametrize("make", (plain, counted, several, own), ids=lambda f: f.__name__)
def test_training_on_a_batch_in_a_hook(make, hook):
    """It trains, here at a rate of 0, but its loss is its own."""
    found = history(make, [lambda y: calling(hook, train_on_batch, y)], rate=0.0)
    assert found == history(make, [], rate=0.0)


def test_with_several_steps_per_call():
    options = {"steps_per_execution": 2}
    acting = [lambda y: calling("on_train_batch_end", evaluate, y)]
    assert history(plain, acting, options=options) == history(plain, [], options=options)


def test_the_nested_call_gives_what_it_gives_alone():
    found = []
    model, _ = plain(fastfit.optimizers.SGD(0.0))
    alone = model.evaluate(*OTHER, verbose=0), model.test_on_batch(*OTHER), model.train_on_batch(*OTHER)

    class Nested(Callback):
        def on_train_batch_end(self, batch, logs=None):
            running = self.model.get_metrics_result()
            assert running == logs
            found.append(
                (self.model.evaluate(*OTHER, verbose=0), self.model.test_on_batch(*OTHER), model.train_on_batch(*OTHER))
            )
            assert self.model.get_metrics_result() == running

        def on_test_batch_end(self, batch, logs=None):
            self.on_train_batch_end(batch, logs)

    model.fit(X, Y, batch_size=10, validation_split=0.5, verbose=0, callbacks=[Nested()])
    assert found == [alone] * 4
    model.evaluate(X, Y, batch_size=10, verbose=0, callbacks=[Nested()])
    assert found == [alone] * 8


def test_a_nested_evaluation_that_fails_leaves_the_sums():
    class Failing(Callback):
        def on_train_batch_end(self, batch, logs=None):
            with pytest.raises(ValueError, match="incompatible"):
                self.model.evaluate(X[:, :2], Y, verbose=0)

    assert history(plain, [Failing()]) == history(plain, [])


def test_a_nested_evaluation_does_not_end_or_revive_the_outer_one():
    calls = []

    class Stopping(Callback):
        def on_test_batch_end(self, batch, logs=None):
            calls.append(batch)
            self.model.stop_evaluating = batch == 1
            self.model.evaluate(*OTHER, verbose=0)

    model, _ = plain("sgd")
    model.evaluate(X, Y, batch_size=8, verbose=0, callbacks=[Stopping()])
    assert calls == [0, 1]


def test_fit_keeps_its_history():
    """An evaluation has none, and takes the place of none."""

    class Last(Callback):
        def on_train_end(self, logs=None):
            self.model.evaluate(*OTHER, verbose=0)
            self.model.predict(X, verbose=0)

    model, _ = plain("sgd")
    found = model.fit(X, Y, epochs=2, verbose=0, callbacks=[Last()])
    assert len(found.history["loss"]) == 2 and model.history is found
    model.evaluate(*OTHER, verbose=0)
    assert model.history is found
    mine = History()
    model.fit(X, Y, verbose=0, callbacks=[mine])
    assert model.history is mine
