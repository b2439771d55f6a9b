"""Python state that a program was made from and that changes afterwards is seen by whatever runs next."""

import types

import numpy as np
import pytest

from fastfit import (
    Input,
    Model,
    Sequential,
    callbacks,
    constraints,
    layers,
    losses,
    metrics,
    ops,
    optimizers,
    regularizers,
)
from fastfit.activations import sigmoid

X = np.random.default_rng(0).normal(size=(16, 4)).astype("float32")
Y = X.sum(axis=1, keepdims=True)


def outputs(model, x=X):
    """What every way of asking a model gives; they must agree."""
    results = [
        model(x),
        model.predict(x, verbose=0),
        model.predict_on_batch(x),
        model(x[:1]),
        model.predict_on_batch(x[:1]),
    ]
    results = [np.asarray(r) for r in results]
    for r in results[1:]:
        np.testing.assert_allclose(r, results[0][: len(r)], rtol=1e-6)
    if model.compiled:
        assert model.evaluate(x, results[0], verbose=0) == pytest.approx(0, abs=1e-9)
    return results[0]


class Scale(layers.Layer):
    factor = 1.0

    def call(self, x):
        return x * self.factor


def stack(layer, compiled=True):
    model = Sequential([Input((4,)), layer])
    if compiled:
        model.compile(optimizers.SGD(0.0), "mse")
    outputs(model)
    return model


@pytest.mark.parametrize("compiled", [False, True])
def test_attribute_of_a_layer(compiled):
    layer = Scale()
    model = stack(layer, compiled)
    for factor in (2.0, -1.0, 2.0, 1):
        layer.factor = factor
        np.testing.assert_array_equal(outputs(model), X * factor)
    del layer.factor
    np.testing.assert_array_equal(outputs(model), X)


def test_attribute_of_a_class():
    class Local(Scale):
        pass

    model = stack(Local())
    Local.factor = 3.0
    np.testing.assert_array_equal(outputs(model), X * 3)


def test_what_a_layer_keeps_in_containers_arrays_and_objects():
    class Reader(layers.Layer):
        def __init__(self):
            super().__init__()
            self.list, self.dict, self.array = [1.0], {"a": {"b": 1.0}}, np.ones(4, "float32")
            self.object = types.SimpleNamespace(k=1.0, inner=types.SimpleNamespace(k=1.0))

        def call(self, x):
            x = x * sum(self.list) * self.dict["a"]["b"] * self.array
            return x * self.object.k * self.object.inner.k

    layer = Reader()
    model, right = stack(layer), X.copy()

    def change(edit, factor):
        nonlocal right
        edit()
        right = right * factor
        np.testing.assert_allclose(outputs(model), right, rtol=1e-6)

    change(lambda: layer.list.append(1.0), 2)
    change(lambda: layer.list.pop(), 0.5)
    change(lambda: layer.list.__setitem__(0, 4.0), 4)
    change(lambda: layer.dict["a"].update(b=3.0), 3)
    change(lambda: layer.dict.__setitem__("a", {"b": 1.0}), 1 / 3)
    change(lambda: layer.array.__setitem__(slice(None), 2.0), 2)
    change(lambda: setattr(layer.object, "k", 0.5), 0.5)
    change(lambda: setattr(layer.object.inner, "k", 8.0), 8)


FACTOR = 1.0


def twice(x):
    return x * 2


def helper(x):
    return x * FACTOR


def test_globals_and_enclosing_variables(monkeypatch):
    inner = 1.0

    def function(x):
        return helper(x) * inner

    model = stack(layers.Lambda(function))
    monkeypatch.setitem(globals(), "FACTOR", 3.0)
    np.testing.assert_array_equal(outputs(model), X * 3)
    inner = 2.0
    np.testing.assert_array_equal(outputs(model), X * 6)
    monkeypatch.setitem(globals(), "helper", twice)
    np.testing.assert_array_equal(outputs(model), X * 4)


def test_activation_weight_and_sublayer_are_replaced():
    dense = layers.Dense(1)
    model = stack(dense)
    logits = outputs(model)
    dense.activation = sigmoid
    np.testing.assert_allclose(outputs(model), 1 / (1 + np.exp(-logits)), rtol=1e-5)

    class Holder(Model):
        def __init__(self):
            super().__init__()
            self.inner, self.k = layers.Dense(2, kernel_initializer="ones"), 1.0
            self.blocks = [Scale(), Scale()]

        def call(self, x):
            for block in self.blocks:
                x = block(x)
            return self.inner(x) * self.k

    model = Holder()
    model.compile(optimizers.SGD(0.0), "mse")
    first = outputs(model)
    model.k = 3.0
    np.testing.assert_allclose(outputs(model), 3 * first, rtol=1e-6)
    model.blocks.pop()
    model.blocks[0].factor = 2.0
    np.testing.assert_allclose(outputs(model), 6 * first, rtol=1e-6)


def moved(model, **options):
    before = model.get_weights()
    model.fit(X, Y, batch_size=16, verbose=0, shuffle=False, **options)
    return [b - a for a, b in zip(before, model.get_weights(), strict=True)]


def net(optimizer, loss="mse", **dense):
    model = Sequential([Input((4,)), layers.Dense(1, **dense)])
    model.compile(optimizer, loss)
    return model


@pytest.mark.parametrize(
    ("optimizer", "name", "value"),
    [
        (lambda **k: optimizers.SGD(0.1, **k), "clipnorm", 0.01),
        (lambda **k: optimizers.SGD(0.1, **k), "clipvalue", 0.01),
        (lambda **k: optimizers.SGD(0.1, **k), "global_clipnorm", 0.01),
        (lambda **k: optimizers.SGD(0.1, **k), "weight_decay", 0.5),
        (lambda **k: optimizers.Adam(0.1, **k), "beta_1", 0.1),
        (lambda **k: optimizers.Adam(0.1, **k), "epsilon", 1.0),
        (lambda **k: optimizers.RMSprop(0.1, **k), "rho", 0.1),
        (lambda **k: optimizers.Lamb(0.1, **k), "beta_2", 0.1),
    ],
)
def test_attributes_of_optimizers(optimizer, name, value):
    start = [np.ones((4, 1), "float32"), np.ones(1, "float32")]

    def steps(change):
        model = net(optimizer(**({name: value} if change == "made" else {})))
        if change == "after":
            moved(model)
            model.optimizer = optimizer()
        model.set_weights(start)
        if change != "made":
            setattr(model.optimizer, name, value)
        return [*moved(model), *moved(model)]

    made = steps("made")
    for change in ("before", "after"):
        for a, b in zip(made, steps(change), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


def test_set_after_a_fit():
    model = net(optimizers.SGD(0.1))
    free = np.linalg.norm(moved(model)[0])
    model.optimizer.clipvalue = 1e-3
    assert max(np.abs(d).max() for d in moved(model)) <= 1.001e-4 < free
    model.optimizer.clipvalue = None
    assert np.linalg.norm(moved(model)[0]) > 1e-3


@pytest.mark.parametrize("fit_first", [False, True])
def test_another_optimizer(fit_first):
    model = net(optimizers.SGD(0.1))
    if fit_first:
        moved(model)
    model.optimizer = optimizers.SGD(0.0)
    assert not any(np.any(d) for d in moved(model))


def test_regularizers_and_constraints():
    model = net(optimizers.SGD(0.0), kernel_regularizer=regularizers.L2(0.0))
    dense = model.layers[0]
    plain = model.evaluate(X, Y, verbose=0)
    squares = float(np.sum(np.square(dense.kernel.numpy())))
    model.fit(X, Y, verbose=0)
    dense.kernel.regularizer.l2 = 10.0
    assert model.evaluate(X, Y, verbose=0) == pytest.approx(plain + 10 * squares, rel=1e-5)
    dense.kernel.regularizer = None
    assert model.evaluate(X, Y, verbose=0) == pytest.approx(plain, rel=1e-5)
    dense.kernel.constraint = constraints.MaxNorm(0.01, axis=0)
    moved(model)
    assert np.linalg.norm(dense.kernel.numpy()) == pytest.approx(0.01, rel=1e-4)
    dense.kernel.constraint.max_value = 0.001
    moved(model)
    assert np.linalg.norm(dense.kernel.numpy()) == pytest.approx(0.001, rel=1e-4)


def test_losses_and_metrics_of_ones_own():
    class MyLoss(losses.Loss):
        def __init__(self):
            super().__init__()
            self.k = 1.0

        def call(self, y, p):
            return self.k * ops.mean(ops.square(y - p), axis=-1)

    class MyMetric(metrics.Metric):
        def __init__(self):
            super().__init__(name="mine")
            self.threshold, self.seen = 0.0, self.add_weight(name="seen")

        def update_state(self, y, p, sample_weight=None):
            self.seen.assign(ops.sum(ops.cast(p > self.threshold, "float32")))

        def result(self):
            return self.seen

    loss, metric = MyLoss(), MyMetric()
    model = Sequential([Input((4,)), layers.Dense(1)])
    model.compile(optimizers.SGD(0.0), loss, metrics=[metric])
    model.fit(X, Y, verbose=0)
    before = model.evaluate(X, Y, verbose=0)
    loss.k, metric.threshold = 2.0, -1e9
    after = model.evaluate(X, Y, verbose=0)
    assert after == pytest.approx([2 * before[0], 16], rel=1e-6)
    assert model.fit(X, Y, verbose=0, batch_size=16).history["loss"][0] == pytest.approx(after[0], rel=1e-5)


def test_trainable_to_and_fro_keeps_both_programs():
    model = net(optimizers.SGD(0.1))
    dense = model.layers[0]
    frozen = np.zeros(())
    for _ in range(3):
        dense.trainable = True
        model.train_on_batch(X, Y)
        before = dense.get_weights()
        dense.trainable = False
        with pytest.warns(UserWarning):
            model.fit(X, Y, batch_size=16, verbose=0)
        frozen = [np.abs(a - b).max() for a, b in zip(before, dense.get_weights(), strict=True)]
        assert max(frozen) == 0
    assert len(model._steps) == 2


def test_compile_makes_everything_anew():
    model = stack(Scale())
    before = model._steps.values()
    model.compile(optimizers.SGD(0.0), "mse")
    assert len(model._steps) == 0
    outputs(model)
    assert not set(map(id, before)) & set(map(id, model._steps.values()))


# What must not make programs anew -------------------------------------------------------------------------------------


def test_running_does_not_compile_again():
    class Busy(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.counter = getattr(self.model, "counter", 0) + 1
            self.model.seen = [batch]
            self.model.layers[0].note = batch
            self.model.optimizer.learning_rate = 0.01 / (1 + batch)

        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = False
            self.model.loss_so_far = logs["loss"]
            self.model.predict(X, verbose=0)
            self.model.evaluate(X, Y, verbose=0)

    class Mine(Model):
        def __init__(self):
            super().__init__()
            self.dense, self.calls, self.stash = layers.Dense(1), 0, []

        def call(self, x, training=None):
            self.calls += 1
            self.stash.append(x)
            self.last, self.mode = x, training
            return self.dense(self.last)

    model = Mine()
    model.compile("adam", "mse", metrics=["mae", metrics.MeanSquaredError()])
    model.fit(X, Y, batch_size=4, epochs=2, verbose=0, callbacks=[Busy()], validation_data=(X, Y))
    made = {id(s) for s in model._steps.values()}
    for _ in range(3):
        model.fit(X, Y, batch_size=4, epochs=3, verbose=0, callbacks=[Busy()], validation_data=(X, Y))
        model(X[:1])
    assert model.counter == 4 * (2 + 9)
    now = {id(s) for s in model._steps.values()}
    assert made <= now and len(now) <= len(made) + 1  # one row


def test_nothing_is_compared_for_layers_of_the_library():
    model = Sequential([Input((4,)), layers.Dense(3, "relu"), layers.Dropout(0.5), layers.Dense(1)])
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(X, Y, verbose=0, validation_split=0.5)
    model.predict(X, verbose=0), model(X), model(X[:1])
    assert [step.reads.loose for step in model._steps.values()] == [[]] * len(model._steps)


def test_bases_and_attributes_of_watched_classes():
    class Mixin:
        def __setattr__(self, name, value):
            super().__setattr__(name, value)

    class Odd(Mixin, Scale):
        pass

    layer = Odd()
    model = stack(layer)
    layer.factor = 5.0
    np.testing.assert_array_equal(outputs(model), X * 5)
    with pytest.raises(AttributeError, match="nothing"):
        _ = layer.nothing
