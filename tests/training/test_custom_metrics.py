"""Metrics of the user's: figures of Keras, state in the program, no Python in a step."""

import numpy as np
import pytest

import fastfit
from fastfit import ops
from tests.training.pairs import (  # noqa: F401  quick_compiler is a fixture
    TARGET,
    W,
    X,
    close,
    keras,
    quick_compiler,
    regressor,
)


def weighted_error(lib, xp):
    class WeightedError(lib.metrics.Metric):
        """Two numbers of state, by both names of the method that makes them; weights and rows counted by hand."""

        def __init__(self, name="weighted_error", **kwargs):
            super().__init__(name=name, **kwargs)
            self.total = self.add_variable(shape=(), initializer="zeros", name="total")
            self.count = self.add_weight(shape=(), initializer="zeros", name="count")

        def update_state(self, y_true, y_pred, sample_weight=None):
            values = xp.mean(xp.square(y_pred - y_true), axis=-1)
            if sample_weight is None:
                self.count.assign_add(lib.ops.cast(lib.ops.shape(y_pred)[0], "float32"))
            else:
                values = values * sample_weight
                self.count.assign(self.count + xp.sum(sample_weight))
            self.total.assign(self.total + xp.sum(values))

        def result(self):
            return self.total / self.count

    return WeightedError()


def extremes(lib, xp):
    class Extremes(lib.metrics.Metric):
        """Vectors, starting values other than zero, a dict for a result, a reset of its own."""

        def __init__(self, name="extremes", **kwargs):
            super().__init__(name=name, **kwargs)
            self.sums = self.add_variable(shape=(3,), initializer="zeros", name="sums")
            self.top = self.add_variable(shape=(), initializer=lib.initializers.Constant(-1e9), name="top")

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.sums.assign_add(xp.sum(xp.abs(y_pred - y_true), axis=0))
            self.top.assign(xp.maximum(self.top + 0.0, xp.max(xp.max(y_pred, axis=-1))))

        def result(self):
            return {"first": self.sums[0], "top": self.top + 0.0, "all": xp.sum(self.sums + 0.0)}

        def reset_state(self):
            self.sums.assign(np.zeros(3, "float32"))
            self.top.assign(-1e9)

    return Extremes()


def of_mean(lib, xp):
    class Largest(lib.metrics.Mean):
        """A subclass of a metric of the library."""

        def update_state(self, y_true, y_pred, sample_weight=None):
            return super().update_state(xp.max(xp.abs(y_true - y_pred), axis=-1), sample_weight=sample_weight)

    return Largest(name="largest")


def nested(lib, xp):
    class Pair(lib.metrics.Metric):
        """Metrics inside a metric."""

        def __init__(self, name="pair", **kwargs):
            super().__init__(name=name, **kwargs)
            self.low, self.high = lib.metrics.Mean(name="low"), lib.metrics.Mean(name="high")

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.low.update_state(xp.min(y_pred, axis=-1), sample_weight)
            self.high.update_state(xp.max(y_pred, axis=-1), sample_weight)

        def result(self):
            return self.high.result() - self.low.result()

        def reset_state(self):
            self.low.reset_state()
            self.high.reset_state()

    return Pair()


def matrix(lib, xp):
    class Cross(lib.metrics.Metric):
        """A matrix of state."""

        def __init__(self, name="cross", **kwargs):
            super().__init__(name=name, **kwargs)
            self.products = self.add_weight(name="products", shape=(3, 3), initializer="zeros")

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.products.assign_add(xp.matmul(xp.transpose(y_pred), y_true))

        def result(self):
            products = self.products + 0.0
            return xp.trace(products) / xp.sum(xp.abs(products))

    return Cross()


def swapped(lib, xp):
    class Last(lib.metrics.Metric):
        """State that takes the place of other state."""

        def __init__(self, name="last", **kwargs):
            super().__init__(name=name, **kwargs)
            self.now = self.add_variable(shape=(3,), initializer="zeros", name="now")
            self.before = self.add_variable(shape=(3,), initializer="zeros", name="before")

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.before.assign(self.now + 0.0)
            self.now.assign(xp.mean(y_pred, axis=0))

        def result(self):
            return xp.sum(xp.abs(self.now - self.before))

    return Last()


def function(lib, xp):
    def spread(y_true, y_pred):
        return xp.max(y_pred, axis=-1) - xp.mean(y_true, axis=-1)

    return spread


METRICS = [weighted_error, extremes, of_mean, nested, matrix, swapped, function]


def model_with(lib, xp, weights=None):
    model = regressor(lib)
    if weights is not None:
        model.set_weights(weights)
    plain = [make(lib, xp) for make in METRICS]
    weighted = [make(lib, xp) for make in (weighted_error, of_mean, nested, function)]
    model.compile(lib.optimizers.SGD(0.1), "mse", metrics=plain, weighted_metrics=weighted)
    return model


def test_figures_are_those_of_keras():
    theirs = model_with(keras, keras.ops)
    start = theirs.get_weights()
    settings = {"epochs": 2, "batch_size": 16, "shuffle": False, "verbose": 0, "sample_weight": W}
    expected = theirs.fit(X, TARGET, validation_split=0.2, **settings).history
    evaluated = theirs.evaluate(X, TARGET, sample_weight=W, verbose=0, return_dict=True)
    for xp in (ops, np):
        ours = model_with(fastfit, xp, start)
        # ours are sorted; Keras puts the entries of a dict where the metric's own name would be
        close(ours.fit(X, TARGET, validation_split=0.2, **settings).history, dict(sorted(expected.items())))
        found = ours.evaluate(X, TARGET, sample_weight=W, verbose=0, return_dict=True)
        close(found, dict(sorted(evaluated.items())))


@pytest.mark.parametrize("xp", [ops, np])
@pytest.mark.parametrize("make", METRICS[:-1], ids=lambda m: m.__name__)
def test_called_directly(make, xp):
    """Arrays in, NumPy out; twice, then reset; with and without weights."""
    ours, theirs = make(fastfit, xp), make(keras, keras.ops)
    for weights in (None, W):
        for metric in (ours, theirs):
            metric.reset_state()
        for rows in (slice(0, 30), slice(30, 60)):
            arguments = (X[rows, :3], TARGET[rows]), {"sample_weight": None if weights is None else weights[rows]}
            found, expected = (m(*arguments[0], **arguments[1]) for m in (ours, theirs))
        for a, b in zip(*[list(r.values()) if isinstance(r, dict) else [r] for r in (found, expected)], strict=True):
            assert isinstance(a, (np.ndarray, np.generic))
            close(a, b)
        close([v.numpy() for v in ours.variables], [np.asarray(v.value) for v in theirs.variables])


def host_lines(model):
    return [line for line in model.explain().splitlines() if line.startswith("host")]


@pytest.mark.parametrize("xp", [ops, np])
@pytest.mark.parametrize("make", [weighted_error, of_mean, function], ids=lambda m: m.__name__)
def test_no_python_in_a_step(make, xp):
    """Metrics of ops with kernels run in the native loop: state, batch size and all."""
    model = regressor(fastfit)
    model.compile("adam", "mse", metrics=[make(fastfit, xp)], weighted_metrics=[make(fastfit, xp)])
    model.fit(X, TARGET, sample_weight=W, verbose=0)
    assert host_lines(model) == []


def test_update_state_is_called_once():
    calls = []
    metric = weighted_error(fastfit, np)
    inner = metric.update_state

    def update_state(*args, **kwargs):
        calls.append(1)
        return inner(*args, **kwargs)

    metric.update_state = update_state
    model = regressor(fastfit)
    model.compile("adam", "mse", metrics=[metric])
    model.fit(X, TARGET, epochs=4, batch_size=10, verbose=0)
    assert len(calls) == 1


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32"])
def test_state_that_changes_places(dtype):
    class Swap(fastfit.metrics.Metric):
        def __init__(self):
            super().__init__(name="swap")
            self.a, self.b = (self.add_variable((2,), start, dtype=dtype) for start in ("zeros", "ones"))
            self.c, self.d = (self.add_variable((), start, dtype=dtype) for start in ("zeros", "ones"))

        def update_state(self, y_true, y_pred, sample_weight=None):
            for first, second in ((self.a, self.b), (self.c, self.d)):
                old = first.value
                first.assign(second)
                second.assign(old)

        def reset_state(self):
            pass

        def result(self):
            return {"a": self.a[0], "b": self.b[0], "c": self.c.value, "d": self.d.value}

    model = regressor(fastfit)
    model.compile("sgd", "mse", metrics=[Swap()])
    for batch, swapped in ((75, True), (40, True), (15, False)):  # 1, 2 and 5 steps
        logs = model.fit(X, TARGET, batch_size=batch, verbose=0).history
        assert [logs[k][0] for k in "abcd"] == ([1.0, 0.0] * 2 if swapped else [0.0, 1.0] * 2)


def test_state_in_panels_and_constants():
    """A matrix that a dense op reads lives in panels; constants are assigned like anything else."""

    class Grow(fastfit.metrics.Metric):
        def __init__(self):
            super().__init__(name="grow")
            self.w = self.add_variable((3, 3), "ones")
            self.seen = self.add_variable((), "zeros")

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.seen.assign(2.0)
            self.w.assign(self.w + np.eye(3, dtype="float32") + 0.0 * ops.matmul(self.w, self.w))

        def result(self):
            return ops.sum(self.w) + self.seen

    model = regressor(fastfit)
    model.compile("sgd", "mse", metrics=[Grow()])
    logs = model.fit(X, TARGET, batch_size=25, epochs=2, verbose=0).history
    assert logs["grow"] == [3 * 3 + 2.0] * 2
    assert model.metrics[1].w._storage.packed


def test_a_metric_that_is_not_reset_to_zeros_starts_each_epoch_anew():
    metric = extremes(fastfit, np)
    model = regressor(fastfit)
    model.compile(fastfit.optimizers.SGD(0.0), "mse", metrics=[metric])
    logs = model.fit(X, TARGET, epochs=3, shuffle=False, verbose=0).history
    assert len(set(logs["all"])) == len(set(logs["top"])) == 1
