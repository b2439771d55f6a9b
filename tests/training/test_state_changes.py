"""Python state that a program was made from and that changes afterwards is seen by whatever runs next."""

import functools
import types

import numpy as np
import pytest

from fastfit import (
    Input,
    Model,
    Sequential,
    Variable,
    callbacks,
    config,
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


def test_methods_of_a_class():
    class Mine(layers.Layer):
        def call(self, x):
            return x * self.factor()

        def factor(self):
            return 2.0

    model = stack(Mine())
    Mine.factor = lambda self: 5.0
    np.testing.assert_array_equal(outputs(model), X * 5)
    Mine.factor = staticmethod(lambda: 4.0)
    np.testing.assert_array_equal(outputs(model), X * 4)
    Mine.factor = staticmethod(lambda: 3.0)
    np.testing.assert_array_equal(outputs(model), X * 3)
    Mine.call = lambda self, x: x * 7.0
    np.testing.assert_array_equal(outputs(model), X * 7)


def test_epsilon():
    dense = layers.Dense(1, kernel_initializer="zeros", bias_initializer="ones")
    model = stack(dense)
    model.compile("sgd", losses.BinaryCrossentropy())
    zeros, before = np.zeros((16, 1)), config.epsilon()
    first = model.evaluate(X, zeros, verbose=0)
    try:
        config.set_epsilon(1e-2)
        wanted = losses.BinaryCrossentropy()(zeros, model(X))
        np.testing.assert_allclose(model.evaluate(X, zeros, verbose=0), wanted, rtol=1e-6)
        assert first != model.evaluate(X, zeros, verbose=0)
    finally:
        config.set_epsilon(before)
    assert first == model.evaluate(X, zeros, verbose=0)


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


def test_a_weight_put_in_the_place_of_another():
    dense = layers.Dense(2)
    model = stack(dense)
    model.compile("sgd", "mse")
    model.fit(X, np.zeros((16, 2)), verbose=0)
    outputs(model)
    old = dense.kernel
    dense.kernel = Variable(np.zeros((4, 2), "float32"), name="kernel")
    np.testing.assert_array_equal(outputs(model), np.broadcast_to(dense.bias.numpy(), (16, 2)))
    assert [v is dense.kernel for v in model.trainable_weights] == [True, False]
    assert not any(v is old for v in model.weights)
    with pytest.raises(ValueError, match="(?s)Unknown variable.*recreate a new optimizer"):
        model.fit(X, np.ones((16, 2)), verbose=0)
    model.compile("sgd", "mse")
    model.fit(X, np.ones((16, 2)), verbose=0)
    assert np.abs(dense.kernel.numpy()).min() > 0
    dense.kernel = Variable(np.ones((4, 2), "float32"), trainable=False)
    np.testing.assert_allclose(outputs(model), dense.bias.numpy() + X.sum(1, keepdims=True), atol=1e-5)
    assert len(model.trainable_weights) == 1 and len(model.weights) == 2
    with pytest.raises(ValueError, match="cannot add new elements of state.*`other`"):
        dense.other = Variable(np.ones(2, "float32"))


def test_a_tied_weight():
    first, second = layers.Dense(4), layers.Dense(4, use_bias=False)
    model = stack(Sequential([first, second]))
    outputs(model)
    second.kernel = first.kernel
    np.testing.assert_allclose(outputs(model), X @ first.kernel.numpy() @ first.kernel.numpy(), atol=1e-5)
    assert len(model.weights) == 2
    first.kernel = Variable(np.eye(4, dtype="float32"))
    np.testing.assert_allclose(outputs(model), X @ second.kernel.numpy(), atol=1e-5)
    assert len(model.weights) == 3


def test_a_sublayer_put_in_the_place_of_another():
    class Holder(Model):
        def __init__(self):
            super().__init__()
            self.inner = layers.Dense(2, kernel_initializer="ones")

        def call(self, x):
            return self.inner(x)

    model = Holder()
    model.compile("sgd", "mse")
    model.fit(X, np.zeros((16, 2)), verbose=0)
    outputs(model)
    model.inner = layers.Dense(2, kernel_initializer="zeros")
    np.testing.assert_array_equal(outputs(model), np.zeros((16, 2)))
    assert model.weights == [model.inner.kernel, model.inner.bias]
    model.compile("sgd", "mse")
    model.fit(X, np.ones((16, 2)), verbose=0)
    assert np.abs(model.inner.kernel.numpy()).min() > 0
    with pytest.raises(ValueError, match="cannot add new elements of state"):
        model.another = layers.Dense(2)


def test_as_many_other_weights_are_trained():
    first, second = layers.Dense(4), layers.Dense(4)
    model = stack(Sequential([first, second]))
    model.compile(optimizers.SGD(0.1), "mse")
    model.fit(X, np.ones((16, 4)), verbose=0)
    second.trainable = False
    model.compile(optimizers.SGD(0.1), "mse")
    model.fit(X, np.ones((16, 4)), verbose=0)
    first.trainable, second.trainable = False, True
    before = model.get_weights()
    model.evaluate(X, np.ones((16, 4)), verbose=0)
    with pytest.raises(ValueError, match="Unknown variable"):
        model.fit(X, np.ones((16, 4)), verbose=0)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


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


@pytest.mark.filterwarnings("ignore:.*nothing")
def test_trainable_to_and_fro_keeps_both_programs():
    model = net(optimizers.SGD(0.1))
    dense = model.layers[0]
    for _ in range(3):
        dense.trainable = True
        model.train_on_batch(X, Y)
        before = dense.get_weights()
        dense.trainable = False
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


# Layers and variables that code makes at each call --------------------------------------------------------------------


class Making(Model):
    """Makes a variable wherever it is told to."""

    def __init__(self, where):
        super().__init__()
        self.where, self.dense = where, layers.Dense(1)

    def make(self, where, x):
        if where != self.where:
            return x
        return layers.Dense(1)(x) if where == "call" else x * Variable(1.0)

    def call(self, x):
        return self.make("call", self.dense(x))

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return self.make("compute_loss", ops.mean(ops.square(y - y_pred)))

    def train_step(self, data):
        x, y = data
        if self.where == "train_step":
            metrics.Mean().update_state(y)
        return super().train_step(data)


def loss_with_variable(y, p):
    return ops.mean(ops.square(y - p), axis=-1) * Variable(1.0)


class MetricWithMetric(metrics.Mean):
    def update_state(self, y, p, sample_weight=None):
        super().update_state(metrics.MeanSquaredError()(y, p))


@pytest.mark.parametrize("where", ["call", "compute_loss", "train_step"])
def test_a_model_that_makes_variables_at_each_call(where):
    model = Making(where)
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"in `__init__\(\)` or `build\(\)`.*Received: variables made by a call: \['"):
        model.fit(X, Y, verbose=0)
    model = Making("nowhere")
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)


def test_the_first_call_on_arrays_refuses_too():
    for _ in range(2):
        with pytest.raises(ValueError, match="makes new variables at each call"):
            Making("call")(X)


def test_a_layer_alone_that_makes_variables():
    class Fresh(layers.Layer):
        def call(self, x):
            return layers.Dense(2)(x)

    class Kept(layers.Layer):
        inner = None

        def call(self, x):
            if self.inner is None:
                self.inner = layers.Dense(2)
            return self.inner(x)

    for _ in range(2):
        with pytest.raises(ValueError, match="layer 'fresh' makes new variables at each call.*in `__init__"):
            Fresh(name="fresh")(X)
    with pytest.raises(ValueError, match="cannot add new elements of state"):
        Kept()(X)


@pytest.mark.parametrize("made", [lambda z: layers.Dense(1)(z), lambda z: z * Variable(np.ones(4, "float32"))])
def test_lambda_layers_that_make_variables(made):
    model = Sequential([Input((4,)), layers.Lambda(made), layers.Dense(1)])
    model.compile("sgd", "mse")
    for use in (lambda: model.fit(X, Y, verbose=0), lambda: model.predict(X, verbose=0), lambda: model(X)):
        with pytest.raises(ValueError, match="makes new variables at each call"):
            use()


@pytest.mark.parametrize("arguments", [{"loss": loss_with_variable}, {"loss": "mse", "metrics": MetricWithMetric}])
def test_losses_and_metrics_that_make_variables(arguments):
    model = Sequential([Input((4,)), layers.Dense(1)])
    metric = [m() for m in [arguments.pop("metrics", None)] if m]
    model.compile("sgd", metrics=metric, **arguments)
    before = model.get_weights()
    with pytest.raises(ValueError, match="makes new variables at each call"):
        model.fit(X, Y, verbose=0)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_what_is_made_once_and_layers_without_variables_are_fine():
    kept = {}

    def scaled(y, p):
        if "v" not in kept:
            kept["v"] = Variable(2.0)
        return ops.mean(ops.square(y - p), axis=-1) * kept["v"]

    class Fine(Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(1)

        def call(self, x, training=None):
            x = layers.Activation("relu")(layers.Concatenate()([x, x]))
            return self.dense(layers.Dropout(0.0)(x, training=training))

    model = Fine()
    model.compile(optimizers.SGD(0.0), scaled)
    loss = model.fit(X, Y, verbose=0).history["loss"][0]
    kept["v"].assign(4.0)
    assert model.evaluate(X, Y, verbose=0) == pytest.approx(2 * loss, rel=1e-5)
    np.testing.assert_allclose(model(X), model.predict(X, verbose=0), rtol=1e-6)


# The losses and metrics of the library ------------------------------------------------------------------------------


def test_parameters_of_losses_and_metrics_are_attributes():
    loss, metric = losses.BinaryCrossentropy(), metrics.BinaryAccuracy(threshold=0.0)
    model = Sequential([Input((4,)), layers.Dense(1, "sigmoid", kernel_initializer="zeros")])
    model.compile(optimizers.SGD(0.0), loss, metrics=[metric])
    ones = np.ones((16, 1), "float32")
    model.fit(X, ones, verbose=0)
    value, accuracy = model.evaluate(X, ones, verbose=0)
    assert (value, accuracy) == pytest.approx((np.log(2), 1))
    loss.from_logits, metric.threshold = True, 0.5
    value, accuracy = model.evaluate(X, ones, verbose=0)
    assert (value, accuracy) == pytest.approx((np.log1p(np.exp(-0.5)), 0), rel=1e-5)
    assert loss.get_config()["from_logits"] is True and metric.get_config()["threshold"] == 0.5
    loss.from_logits, loss.label_smoothing, loss.reduction = False, 0.5, "sum"
    assert model.evaluate(X, ones, verbose=0)[0] == pytest.approx(16 * np.log(2), rel=1e-5)
    auc = metrics.AUC(num_thresholds=3)
    model.compile(optimizers.SGD(0.0), "mse", metrics=[auc])
    model.fit(X, ones, verbose=0)


def test_another_loss():
    model = net(optimizers.SGD(0.1))
    with pytest.raises(AttributeError, match="before `compile"):
        Sequential([Input((4,)), layers.Dense(1)]).loss = "mae"
    moved(model)
    weights = model.get_weights()
    model.loss = "mae"
    error = np.abs(np.asarray(model(X)) - Y).mean()
    assert model.loss == "mae" and model.evaluate(X, Y, verbose=0) == pytest.approx(error, rel=1e-5)
    model.fit(X, Y, batch_size=16, verbose=0)
    assert max(np.abs(a - b).max() for a, b in zip(weights, model.get_weights(), strict=True)) <= 0.1 * np.abs(X).max()
    with pytest.raises(ValueError, match="nothing_like"):
        model.loss = "nothing_like_it"
    assert model.loss == "mae"


def test_another_loss_keeps_metrics_and_weights_of_outputs():
    i = Input((4,))
    model = Model(i, [layers.Dense(1, name="a")(i), layers.Dense(1, name="b")(i)])
    model.compile(optimizers.SGD(0.0), "mse", loss_weights=[1.0, 0.0], metrics=[["mae"], ["mse"]])
    before = model.evaluate(X, [Y, Y], verbose=0, return_dict=True)
    model.loss = {"a": "mae", "b": "mse"}
    after = model.evaluate(X, [Y, Y], verbose=0, return_dict=True)
    assert set(before) == set(after)
    assert after["loss"] == pytest.approx(after["a_mae"], rel=1e-6)


def test_what_is_bound_to_functions_and_objects_of_ones_own():
    class Owner:
        k = 1.0

        def loss(self, y, p):
            return self.k * ops.mean(ops.square(y - p), axis=-1)

        def __call__(self, x):
            return x * self.k * FACTOR

    def scaled(x, by):
        return x * by[0]

    owner, act, by = Owner(), Owner(), [1.0]
    model = Sequential([Input((4,)), layers.Dense(1, act), layers.Activation(functools.partial(scaled, by=by))])
    model.compile(optimizers.SGD(0.0), owner.loss)
    first, loss = model.predict(X, verbose=0), model.evaluate(X, Y, verbose=0)
    owner.k = 3.0
    assert model.evaluate(X, Y, verbose=0) == pytest.approx(3 * loss, rel=1e-5)
    del owner.k
    assert model.evaluate(X, Y, verbose=0) == pytest.approx(loss, rel=1e-5)
    act.k = 2.0
    np.testing.assert_allclose(model(X), 2 * first, rtol=1e-6)
    by[0] = 3.0
    np.testing.assert_allclose(model(X), 6 * first, rtol=1e-6)
    del act.k
    Owner.k = 5.0
    np.testing.assert_allclose(model(X), 15 * first, rtol=1e-6)
    loss = model.evaluate(X, model.predict(X, verbose=0) + 1, verbose=0)
    assert loss == pytest.approx(5, rel=1e-5)
