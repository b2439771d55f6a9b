"""Copies and pickles of models with functions and classes of one's own: the same weights, state and future."""

import copy
import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest

import fastfit
from fastfit import layers, losses, metrics, ops, optimizers
from tests import processes

X = np.random.RandomState(0).randn(16, 4).astype("float32")
Y = X[:, :1] * 2


def own_loss(y_true, y_pred):
    return ops.mean(ops.square(y_true - y_pred), axis=-1)


def own_metric(y_true, y_pred):
    return ops.mean(ops.abs(y_true - y_pred))


def bent(x):
    return ops.tanh(x) * 2


def tenths(shape, dtype=None):
    return np.full(shape, 0.1, dtype)


def small(w):
    return 0.01 * ops.sum(w * w)


def small_steps(x):
    return x / 10


def clipped(w):
    return ops.clip(w, -1, 1)


def power_loss(power):
    def loss(y_true, y_pred):
        return ops.mean(ops.abs(y_true - y_pred) ** power, axis=-1)

    return loss


class PowerLoss(losses.Loss):
    """Without `get_config`: what it was made with is known to the object alone."""

    def __init__(self, power=2.0):
        super().__init__(name="power")
        self.power = power

    def call(self, y_true, y_pred):
        return ops.mean(ops.abs(y_true - y_pred) ** self.power, axis=-1)


class Worst(metrics.Metric):
    def __init__(self, scale, name="worst"):
        super().__init__(name=name)
        self.scale = scale
        self.found = self.add_variable((), "zeros", name="found")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.found.assign(ops.maximum(self.found, self.scale * ops.max(ops.abs(y_true - y_pred))))

    def result(self):
        return self.found


class Gain(layers.Layer):
    """Without `get_config`: it is made anew from what it was given."""

    def __init__(self, function, by=2.0, **kwargs):
        super().__init__(**kwargs)
        self.function, self.by = function, by

    def build(self, input_shape):
        self.gain = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="gain")

    def call(self, x):
        return self.function(x) * self.gain * self.by


class Described(Gain):
    def get_config(self):
        return {**super(Gain, self).get_config(), "function": self.function, "by": self.by}


class Net(fastfit.Model):
    def __init__(self, units=3):
        super().__init__()
        self.first, self.last = layers.Dense(units), layers.Dense(1)
        self.function = lambda x: x * 2

    def call(self, x):
        return self.last(self.function(self.first(x)))


class OfDicts(fastfit.Model):
    def __init__(self):
        super().__init__()
        self.hidden, self.last = layers.Dense(3), layers.Dense(1)

    def call(self, x):
        return self.last(self.hidden(x["a"]) + self.hidden(x["b"]))


class Around(fastfit.Model):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def call(self, x):
        return self.inner(x)


class Chain(layers.Layer):
    """Made of arguments without names."""

    def __init__(self, first, *functions, factor=1.0, **kwargs):
        super().__init__(**kwargs)
        self.functions, self.factor = (first, *functions), factor

    def call(self, x):
        for function in self.functions:
            x = function(x)
        return x * self.factor


class WithLoss(Net):
    def own(self, y_true, y_pred):
        return ops.mean(ops.square(y_true - y_pred)) * self.factor

    factor = 2.0


class Compiled(fastfit.Model):
    def __init__(self):
        super().__init__()
        self.last = layers.Dense(1)

    def call(self, x):
        return self.last(x)

    def compile(self, rate):
        super().compile(optimizers.SGD(rate, momentum=0.9), loss=own_loss)


class Faster(optimizers.SGD):
    pass


class Halving(optimizers.schedules.LearningRateSchedule):
    def __init__(self, start):
        self.start = start

    def __call__(self, step):
        return self.start * 0.5 ** ops.cast(step, "float32")


def stack(*inner, **arguments):
    model = fastfit.Sequential([fastfit.Input((4,)), *inner, layers.Dense(1)])
    model.compile(**{"optimizer": "adam", "loss": "mse", **arguments})
    return model


def compiled(model, loss=own_loss):
    model.compile("adam", loss)
    return model


def graph():
    inputs = fastfit.Input((4,))
    shared = layers.Dense(4, bent)
    hidden = shared(shared(inputs)) + 1.0
    outputs = {name: layers.Dense(1, name=name)(hidden) for name in ("a", "b")}
    model = fastfit.Model(inputs, outputs)
    model.compile(
        "adam", {"a": own_loss, "b": PowerLoss(1.5)}, metrics={"a": [own_metric, "mae"]}, loss_weights={"a": 1, "b": 2}
    )
    return model


MODELS = {
    "loss function": lambda: stack(loss=own_loss),
    "metric functions": lambda: stack(metrics=[own_metric], weighted_metrics=[own_metric, "mae"]),
    "objects": lambda: stack(loss=PowerLoss(1.5), metrics=[Worst(3.0)]),
    "wrapped function": lambda: stack(metrics=[metrics.MeanMetricWrapper(own_metric, name="m")]),
    "activation": lambda: stack(layers.Dense(3, bent)),
    "parts of a layer": lambda: stack(
        layers.Dense(3, kernel_initializer=tenths, kernel_regularizer=small, kernel_constraint=clipped)
    ),
    "layer": lambda: stack(Gain(bent, 3.0)),
    "layer with a config": lambda: stack(Described(bent, 3.0)),
    "layer of arguments without names": lambda: stack(Chain(bent, ops.relu, small_steps, factor=0.5, name="chain")),
    "Lambda": lambda: stack(layers.Lambda(bent)),
    "nested": lambda: stack(fastfit.Sequential([fastfit.Input((4,)), layers.Dense(4, bent)])),
    "subclass": lambda: compiled(Net()),
    "method of the model": lambda: _compile(model := WithLoss(), "adam", model.own, [model.own]),
    "subclass of dicts": lambda: compiled(OfDicts()),
    "subclass around a model": lambda: compiled(Around(fastfit.Sequential([layers.Dense(3, bent), layers.Dense(1)]))),
    "subclass with a compile": lambda: _compile(Compiled(), 0.1),
    "without an Input": lambda: compiled(fastfit.Sequential([layers.Dense(3, bent), layers.Dense(1)])),
    "graph": graph,
    "optimizer": lambda: stack(optimizer=Faster(0.1, momentum=0.9)),
    "schedule": lambda: stack(optimizer=optimizers.Adam(Halving(0.1))),
    "averages": lambda: stack(optimizer=optimizers.SGD(0.1, momentum=0.9, use_ema=True)),
    "optimizers by path": lambda: stack(
        optimizer=optimizers.MultiOptimizer(
            optimizers.OptimizerMap(optimizers.Adam(0.01), {".*bias": optimizers.SGD(0.1, momentum=0.9)})
        )
    ),
    "two optimizers": lambda: stack(optimizer=optimizers.LossScaleOptimizer(optimizers.Adam())),
}
# What pickle cannot find by name.
NAMELESS = {
    "lambda loss": lambda: stack(loss=lambda y, p: ops.mean(ops.square(y - p))),
    "closure": lambda: stack(loss=power_loss(1.5), metrics=[power_loss(1.0)]),
    "lambda activation": lambda: stack(layers.Dense(3, lambda x: bent(x))),
    "lambda parts": lambda: stack(
        layers.Dense(3, kernel_regularizer=lambda w: small(w), kernel_constraint=lambda w: clipped(w))
    ),
    "lambda in a layer": lambda: stack(Gain(lambda x: bent(x)), layers.Lambda(lambda x: bent(x))),
    "rate": lambda: stack(optimizer=optimizers.Adam(lambda: 0.01)),
}


def _compile(model, *args):
    model.compile(*args)
    return model


def pickled(model):
    return pickle.loads(pickle.dumps(model))


WAYS = {"deepcopy": copy.deepcopy, "pickle": pickled}
CASES = [(name, way) for name in MODELS for way in WAYS] + [(name, "deepcopy") for name in NAMELESS]


def data_of(model):
    x = {"a": X, "b": X[::-1]} if isinstance(model, OfDicts) else X
    names = getattr(model, "output_names", None) if not isinstance(model, fastfit.Sequential) else None
    return x, ({"a": Y, "b": Y} if names == ["a", "b"] else Y)


def fit(model):
    return model.fit(*data_of(model), verbose=0, shuffle=False, epochs=2, batch_size=5).history


@pytest.mark.parametrize("name, way", CASES)
def test_a_copy_has_the_same_state_and_future(name, way):
    model = {**MODELS, **NAMELESS}[name]()
    fit(model)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        twin = WAYS[way](model)
    assert type(twin) is type(model)
    weights = model.get_weights()
    for one, other in ((model.weights, twin.weights), (model.optimizer.variables, twin.optimizer.variables)):
        assert len(one) == len(other) > 0
        assert all(np.array_equal(a.numpy(), b.numpy()) and a is not b for a, b in zip(one, other, strict=True))
    history = fit(twin)
    assert any(not np.array_equal(a, b.numpy()) for a, b in zip(weights, twin.weights, strict=True))
    assert all(map(np.array_equal, weights, model.get_weights()))  # the copy has trained alone
    assert fit(model) == history
    assert all(map(np.array_equal, twin.get_weights(), model.get_weights()))


@pytest.mark.parametrize("way", WAYS)
def test_a_model_that_is_not_built(way):
    model = fastfit.Sequential([layers.Dense(3, bent), layers.Dense(1)])
    model.compile(Faster(0.1), own_loss, metrics=[own_metric])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        twin = WAYS[way](model)
    assert not twin.built and type(twin.optimizer) is Faster
    assert list(fit(twin)) == list(fit(model)) == ["loss", "own_metric"]


@pytest.mark.parametrize("way", WAYS)
def test_a_model_that_is_not_compiled(way):
    model = fastfit.Sequential([fastfit.Input((4,)), layers.Dense(1, bent)])
    twin = WAYS[way](model)
    assert not twin.compiled
    np.testing.assert_array_equal(twin.predict(X, verbose=0), model.predict(X, verbose=0))


@pytest.mark.parametrize("way", WAYS)
def test_a_history_brings_its_model(way):
    model = stack(loss=own_loss)
    history = model.fit(X, Y, verbose=0)
    twin = WAYS[way](history)
    assert twin.history == history.history and twin.epoch == history.epoch
    assert all(map(np.array_equal, twin.model.get_weights(), model.get_weights()))


@pytest.mark.parametrize("way", WAYS)
def test_things_that_belong_to_no_model(way):
    for thing in (
        *(layers.Dense(3, bent), layers.Dropout(0.5, seed=1), losses.Huber(0.5), PowerLoss(1.5), Worst(2.0)),
        *(metrics.AUC(), optimizers.Adam(0.1), Faster(0.1, momentum=0.5), fastfit.initializers.GlorotUniform(seed=3)),
        *(fastfit.regularizers.L2(0.1), fastfit.constraints.MaxNorm(1.0), fastfit.callbacks.EarlyStopping(patience=3)),
    ):
        twin = WAYS[way](thing)
        assert type(twin) is type(thing) and twin is not thing
        if hasattr(thing, "get_config"):
            mine, its = ({k: v for k, v in t.get_config().items() if not callable(v)} for t in (thing, twin))
            assert str(mine) == str(its)


def test_functions_of_the_library_are_found_by_name():
    modules = (ops, fastfit.activations, fastfit.backend, losses, metrics, fastfit.random)
    for function in [f for m in modules for n, f in vars(m).items() if callable(f) and not n.startswith("_")]:
        assert pickle.loads(pickle.dumps(function)) is function


@pytest.mark.parametrize("way", WAYS)
def test_variables_without_weight_decay(way):
    model = stack(optimizer=optimizers.AdamW(0.1, weight_decay=0.5))
    model.optimizer.exclude_from_weight_decay(var_names=["bias"])
    for _ in range(2):  # before and after the optimizer is built
        twin = WAYS[way](model)
        decays = [[m.optimizer.uses_weight_decay(v) for v in m.trainable_variables] for m in (model, twin)]
        assert decays == [[True, False]] * 2
        fit(model)
    fit(model)
    optimizer, variables = WAYS[way]((model.optimizer, model.trainable_variables))
    assert [optimizer.uses_weight_decay(v) for v in variables] == [True, False]


@pytest.mark.parametrize("way", WAYS)
def test_a_weight_per_step_of_time(way):
    model = fastfit.Sequential([fastfit.Input((3, 4)), layers.Dense(1)])
    model.compile("sgd", "mse", sample_weight_mode="temporal")
    x, weights = np.zeros((5, 3, 4)), np.ones((5, 3))
    twin = WAYS[way](model)
    assert twin.evaluate(x, x[..., :1], sample_weight=weights, verbose=0) == 0
    with pytest.raises(ValueError, match="pass a 2D array of sample weights"):
        twin.evaluate(x, x[..., :1], sample_weight=weights[:, 0], verbose=0)


@pytest.mark.parametrize("way", WAYS)
def test_an_optimizer_with_its_variables(way):
    variables = [fastfit.Variable(np.ones(3, "float32")), fastfit.Variable(np.ones((2, 2), "float32"))]
    optimizer = optimizers.Adam(0.1)
    grads = [np.full(v.shape, 0.5, "float32") for v in variables]
    optimizer.apply(grads, variables)
    together = WAYS[way]((optimizer, variables))
    for a, b in zip(variables, together[1], strict=True):
        assert [s.shape for s in together[0].slots_like(b)] == [s.shape for s in optimizer.slots_like(a)] != []
    together[0].apply(grads, together[1])
    assert all(np.all(v.numpy() == variables[0].numpy()[0]) for v in variables)
    optimizer.apply(grads, variables)
    for a, b in zip(variables, together[1], strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_a_pickle_opens_in_a_new_process(tmp_path):
    model = stack(Gain(bent), loss=own_loss, metrics=[own_metric], optimizer=Faster(0.01, momentum=0.9))
    fit(model)
    (tmp_path / "model.pickle").write_bytes(pickle.dumps(model))
    code = """if True:
        import pickle, sys
        import numpy as np
        model = pickle.load(open(sys.argv[1], "rb"))
        from tests.saving.test_copies import fit
        fit(model)
        np.savez(sys.argv[2], *model.get_weights())
    """
    subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "model.pickle"), str(tmp_path / "after.npz")],
        check=True,
        env=processes.environment(),
    )
    fit(model)
    after = np.load(tmp_path / "after.npz")
    assert all(map(np.array_equal, after.values(), model.get_weights()))
