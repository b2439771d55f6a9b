"""Code of the user's that a step runs: traced once, differentiated, compiled, and the figures are those of Keras."""

import numpy as np
import pytest

import fastfit
from fastfit import ops
from tests.training.pairs import (  # noqa: F401  quick_compiler is a fixture
    FEATURES,
    TARGET,
    W,
    X,
    close,
    keras,
    quick_compiler,
    regressor,
)


class Counted:
    """A function that knows how often it was called."""

    def __init__(self, function):
        self.function, self.calls, self.__name__ = function, 0, "counted"

    def __call__(self, *args, **kwargs):
        self.calls += 1
        return self.function(*args, **kwargs)


def train(lib, make, xp, **extra):
    """(model, history) of a model compiled with what ``make(lib, xp)`` returns."""
    arguments = {"model": start_of, "optimizer": lib.optimizers.SGD(0.1), "loss": "mse", **make(lib, xp)}
    model = arguments.pop("model")(lib)
    model.compile(**arguments)
    history = model.fit(X, TARGET, epochs=3, batch_size=15, shuffle=False, verbose=0, validation_split=0.2, **extra)
    return model, history.history


def in_three_ways(make, **extra):
    """Keras's figures come out when the code is written with fastfit.ops and when it is plain NumPy."""
    theirs, expected = train(keras, make, keras.ops, **extra)
    for xp in (fastfit.ops, np):
        ours, found = train(fastfit, make, xp, **extra)
        close(found, expected)
        close(ours.get_weights(), theirs.get_weights())


STARTS = {}


def start_of(lib):
    """The regressor with the same weights in either library."""
    return started(regressor(lib))


def started(model):
    """The model with the weights that all models of its size start from."""
    model.set_weights(STARTS.setdefault(model.count_params(), model.get_weights()))
    return model


# Losses -------------------------------------------------------------------------------------------------------------

LOSSES = {
    "squares": lambda xp, y, p: xp.mean(xp.square(y - p), axis=-1),
    "operators": lambda xp, y, p: xp.sum((y - p) ** 2 / 2 + abs(p) * 0.1, axis=-1),
    "where": lambda xp, y, p: xp.mean(xp.where(xp.abs(y - p) < 1, (y - p) ** 2, xp.abs(y - p)), axis=-1),
    "maximum": lambda xp, y, p: xp.mean(xp.maximum(0.9 * (y - p), -0.1 * (y - p)), axis=-1),
    "clip": lambda xp, y, p: xp.mean(xp.clip(p - y, -1.0, 1.5) ** 2, axis=-1),
    "indexing": lambda xp, y, p: (p[:, 0] - y[:, 0]) ** 2 + xp.sum(xp.abs(p[..., 1:] - y[..., 1:]), axis=-1),
    "reversed": lambda xp, y, p: xp.mean((p[:, ::-1] - y) ** 2, axis=-1),
    "new axis": lambda xp, y, p: xp.mean((p[:, None, :] - y[:, :, None]) ** 2, axis=(1, 2)),
    "loop": lambda xp, y, p: sum((p[:, i] - y[:, i]) ** 2 for i in range(p.shape[-1])),
    "scalar": lambda xp, y, p: xp.mean((y - p) ** 2),
    "of the batch": lambda xp, y, p: xp.mean((p - xp.mean(p, axis=0)) ** 2 + xp.square(p - y), axis=-1),
    "exp log": lambda xp, y, p: xp.log(xp.sum(xp.exp(p), axis=-1)) - xp.sum(y * p, axis=-1),
    "log1p": lambda xp, y, p: xp.mean(xp.log1p(xp.exp(-y * p)), axis=-1),
    "matmul": lambda xp, y, p: xp.mean((p @ np.full((3, 2), 0.5, "float32")) ** 2, axis=-1),
    "concatenate": lambda xp, y, p: xp.mean(xp.concatenate([p - y, 0.3 * p], axis=-1) ** 2, axis=-1),
    "stack": lambda xp, y, p: xp.max(xp.stack([xp.abs(p - y), 0.7 * xp.abs(p)], axis=-1), axis=(1, 2)),
    "sort": lambda xp, y, p: xp.mean((xp.sort(p, axis=-1) - xp.sort(y, axis=-1)) ** 2, axis=-1),
    "cumsum": lambda xp, y, p: xp.mean(xp.cumsum(p - y, axis=-1) ** 2, axis=-1),
    "std": lambda xp, y, p: xp.std(p, axis=-1) + xp.mean(xp.abs(p - y), axis=-1),
    "transpose": lambda xp, y, p: xp.mean(xp.transpose(p - y) ** 2, axis=0),
    "norm": lambda xp, y, p: (np.linalg.norm if xp is np else xp.norm)(p - y, axis=-1),
    "sine": lambda xp, y, p: xp.mean(xp.sin(p) * xp.tanh(y) + xp.sqrt(xp.square(p - y) + 0.01), axis=-1),
    "steps inside": lambda xp, y, p: xp.mean(xp.sign(p) * (p - y) ** 2 + xp.floor(p) * y, axis=-1),
}


@pytest.mark.parametrize("name", LOSSES)
def test_losses(name):
    def make(lib, xp):
        def mine(y_true, y_pred):
            return LOSSES[name](xp, y_true, y_pred)

        return {"loss": mine}

    in_three_ways(make, sample_weight=W if name != "scalar" else None)


def test_loss_classes():
    def make(lib, xp):
        class Tilted(lib.losses.Loss):
            def __init__(self, tilt, **kwargs):
                super().__init__(**kwargs)
                self.tilt = tilt

            def call(self, y_true, y_pred):
                d = y_true - y_pred
                return xp.mean(xp.where(d > 0, self.tilt * d, (self.tilt - 1) * d), axis=-1)

        return {"loss": Tilted(0.8, reduction="sum")}

    in_three_ways(make, sample_weight=W)


@pytest.mark.parametrize("name", ["squares", "indexing", "sort"])
def test_a_loss_is_traced_once(name):
    loss = Counted(lambda y, p: LOSSES[name](np, y, p))
    metric = Counted(lambda y, p: np.mean(np.abs(y - p), axis=-1))
    model = regressor(fastfit)
    model.compile("adam", loss, metrics=[metric])
    model.fit(X, TARGET, epochs=5, batch_size=15, verbose=0)
    assert (loss.calls, metric.calls) == (1, 1)
    model.fit(X, TARGET, epochs=2, batch_size=15, verbose=0)
    assert (loss.calls, metric.calls) == (1, 1)
    model.evaluate(X, TARGET, batch_size=15, verbose=0)
    model.evaluate(X, TARGET, batch_size=15, verbose=0)
    assert (loss.calls, metric.calls) == (2, 2)  # the step without an update is another program


@pytest.mark.parametrize("name", ["squares", "maximum", "exp log", "log1p", "where"])
def test_gradients_are_those_of_differences(name):
    """One step of SGD against numeric differences of the loss, evaluated by NumPy itself in float64."""
    model = start_of(fastfit)
    model.compile(fastfit.optimizers.SGD(1.0), lambda y, p: LOSSES[name](np, y, p))
    before = [w.astype("float64") for w in model.get_weights()]
    model.train_on_batch(X, TARGET)
    kernel, bias = before[2:]
    hidden = np.tanh(X @ before[0] + before[1])
    target = TARGET.astype("float64")

    def value(b):
        return np.mean(LOSSES[name](np, target, hidden @ kernel + b))

    step = 1e-5
    numeric = [(value(bias + step * e) - value(bias - step * e)) / (2 * step) for e in np.eye(3)]
    np.testing.assert_allclose(bias - model.get_weights()[3], numeric, rtol=1e-3, atol=1e-6)


# Everything else that can be a function or a subclass -------------------------------------------------------------


def dense(lib, **kwargs):
    """A model whose hidden layer has something of the user's."""

    def make(lib):
        hidden = lib.layers.Dense(8, **{"activation": "tanh", **kwargs})
        model = lib.models.Sequential([lib.layers.Input((FEATURES,)), hidden, lib.layers.Dense(3)])
        return started(model)

    return {"model": make}


def activation(lib, xp):
    return dense(lib, activation=lambda x: x * xp.exp(-xp.abs(x)) + xp.where(x > 0, x, 0.1 * x))


def activation_object(lib, xp):
    class Snake:
        def __call__(self, x):
            return x + xp.sin(x) ** 2

    return dense(lib, activation=Snake())


def regularizer(lib, xp):
    return dense(lib, kernel_regularizer=lambda w: 0.02 * xp.sum(xp.log1p(xp.square(w))))


def regularizer_class(lib, xp):
    class Smooth(lib.regularizers.Regularizer):
        def __init__(self, factor):
            self.factor = factor

        def __call__(self, w):
            return self.factor * xp.sum((w[1:] - w[:-1]) ** 2)

        def get_config(self):
            return {"factor": self.factor}

    return dense(lib, kernel_regularizer=Smooth(0.03), bias_regularizer=lambda b: 0.1 * xp.sum(xp.abs(b - 1)))


def activity_regularizer(lib, xp):
    return dense(lib, activity_regularizer=lambda x: 0.05 * xp.sum(xp.abs(x) + xp.square(x)))


def constraint(lib, xp):
    class Rows(lib.constraints.Constraint):
        def __call__(self, w):
            return w / xp.maximum(xp.sqrt(xp.sum(xp.square(w), axis=1, keepdims=True)), 0.5)

    return dense(lib, kernel_constraint=Rows(), bias_constraint=lambda b: xp.clip(b, -0.001, 0.01))


def schedule(lib, xp):
    class Saw(lib.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step):
            return 0.1 / (1.0 + 0.5 * xp.sqrt(step * 1.0))

        def get_config(self):
            return {}

    return {"optimizer": lib.optimizers.SGD(Saw())}


def rate_function(lib, xp):
    return {"optimizer": lib.optimizers.SGD(lambda: 0.07)}


def layer(lib, xp):
    class Gate(lib.layers.Layer):
        def build(self, input_shape):
            self.scale = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="scale")

        def call(self, x):
            self.add_loss(0.01 * xp.sum(xp.square(x)) / 15.0)
            return x * xp.tanh(self.scale * x)

    def make(lib):
        model = lib.models.Sequential([lib.layers.Input((FEATURES,)), lib.layers.Dense(8), Gate(), lib.layers.Dense(3)])
        return started(model)

    return {"model": make}


def lambda_layer(lib, xp):
    def make(lib):
        model = lib.models.Sequential(
            [
                lib.layers.Input((FEATURES,)),
                lib.layers.Lambda(lambda x: xp.concatenate([x, xp.square(x)], axis=-1)),
                lib.layers.Dense(3),
            ]
        )
        return started(model)

    return {"model": make}


OTHERS = [
    activation, activation_object, regularizer, regularizer_class, activity_regularizer, constraint, schedule,
    rate_function, layer, lambda_layer,
]  # fmt: skip


@pytest.mark.parametrize("make", OTHERS, ids=lambda f: f.__name__)
def test_other_code(make):
    in_three_ways(make)


@pytest.mark.parametrize("xp", [ops, np])
def test_initializers(xp):
    class Ramp(fastfit.initializers.Initializer):
        def __call__(self, shape, dtype=None):
            return xp.reshape(xp.arange(np.prod(shape)) * 0.01, shape)

    model = fastfit.models.Sequential(
        [
            fastfit.layers.Input((4,)),
            fastfit.layers.Dense(
                3, kernel_initializer=Ramp(), bias_initializer=lambda shape, dtype=None: np.ones(shape)
            ),
        ]
    )
    close(model.get_weights(), [np.arange(12.0).reshape(4, 3) * 0.01, np.ones(3)])
    model.compile("sgd", "mse")
    before = model.get_weights()
    model.fit(np.ones((8, 4)), np.zeros((8, 3)), verbose=0)
    assert not np.array_equal(model.get_weights()[0], before[0])


def test_optimizers_by_subclassing():
    def make(lib, xp):
        class Heavy(lib.optimizers.Optimizer):
            def __init__(self, learning_rate=0.05, friction=0.8, **kwargs):
                super().__init__(learning_rate=learning_rate, **kwargs)
                self.friction = friction

            def build(self, variables):
                if not self.built:
                    super().build(variables)
                    self.speeds = self.add_optimizer_variables(variables, "speed")

            def update_step(self, gradient, variable, learning_rate):
                speed = self.speeds[self._get_variable_index(variable)]
                rate = lib.ops.cast(learning_rate, variable.dtype)
                self.assign(speed, self.friction * speed - rate * gradient)
                self.assign_add(variable, speed)

        return {"optimizer": Heavy()}

    in_three_ways(make)


def test_code_sees_the_present_value_of_what_it_reads():
    """A variable that a loss reads is read at every step, not frozen when the loss is traced."""
    weight = fastfit.Variable(np.float32(1.0), trainable=False)
    model = start_of(fastfit)
    model.compile(fastfit.optimizers.SGD(0.0), lambda y, p: weight * np.mean(np.square(y - p), axis=-1))
    first = model.evaluate(X, TARGET, verbose=0)
    weight.assign(3.0)
    assert model.evaluate(X, TARGET, verbose=0) == pytest.approx(3 * first, rel=1e-6)
