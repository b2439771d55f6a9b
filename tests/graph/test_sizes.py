"""Sizes that only the run knows give its numbers, that of the last, shorter batch too, forward and in gradients."""

import numpy as np
import pytest

import fastfit
from fastfit import layers, metrics, ops, optimizers

rng = np.random.default_rng(5)
X, Y, W = (rng.standard_normal(s).astype("float32") for s in ((20, 3), (20, 4), (3, 4)))
BATCHES = [slice(0, 8), slice(8, 16), slice(16, 20)]


def f32(x):
    return ops.cast(x, "float32")


def square(y, p):
    return ops.square(y - p)


LOSSES = {
    "size": lambda y, p: ops.sum(square(y, p)) / f32(ops.size(p)),
    "size_in_log": lambda y, p: ops.mean(square(y, p)) * ops.log(f32(ops.size(y))),
    "shape": lambda y, p: ops.sum(square(y, p)) / ops.shape(p)[0],
    "shape_as_float": lambda y, p: ops.sum(square(y, p)) / f32(ops.shape(p)[0]),
    "one_over_shape": lambda y, p: ops.mean(square(y, p)) * (1 / ops.shape(p)[0]),
    "attribute": lambda y, p: ops.sum(square(y, p)) / p.shape[0],
    "attribute_unpacked": lambda y, p: (lambda n, d: ops.sum(square(y, p)) / (n * d))(*p.shape),
    "attribute_times_2": lambda y, p: ops.mean(square(y, p)) * (p.shape[0] * 2),
    "attribute_and_1": lambda y, p: ops.sum(square(y, p)) / (p.shape[0] + 1),
    "attribute_halved": lambda y, p: ops.mean(square(y, p)) * (p.shape[0] // 2),
    "attribute_or": lambda y, p: ops.sum(square(y, p)) / (p.shape[0] or ops.shape(p)[0]),
    "attribute_if_none": lambda y, p: ops.sum(square(y, p)) / (ops.shape(p)[0] if p.shape[0] is None else p.shape[0]),
    "attribute_in_root": lambda y, p: ops.mean(square(y, p)) / ops.sqrt(f32(p.shape[0])),
    "attribute_in_where": lambda y, p: ops.mean(square(y, p)) * ops.where(p.shape[0] > 5, 1.0, 2.0),
    "attribute_size": lambda y, p: ops.sum(square(y, p)) / p.size,
    "equal_shapes": lambda y, p: ops.mean(square(y, p)) if y.shape == p.shape and p.shape != (4,) else ops.mean(p),
    "equal_rows": lambda y, p: ops.mean(square(y, p)) if y.shape[0] == p.shape[0] else ops.mean(p),
    "reshape": lambda y, p: ops.mean(ops.square(ops.reshape(y - p, (p.shape[0], -1)))),
    "reshape_to_rows_of_2": lambda y, p: ops.mean(ops.square(ops.reshape(y - p, (ops.shape(p)[0] * 2, -1)))),
    "reshape_to_cubes": lambda y, p: ops.mean(ops.square(ops.reshape(y - p, (p.shape[0], 2, -1)))),
    "reshape_flat": lambda y, p: ops.mean(ops.square(ops.reshape(y - p, (p.shape[0] * p.shape[1],)))),
    "reshape_method": lambda y, p: ops.mean(ops.square((y - p).reshape(p.shape[0], 2, -1))),
    "arange": lambda y, p: ops.mean(square(y, p), -1) * f32(ops.arange(ops.shape(p)[0])),
    "arange_from_1": lambda y, p: ops.mean(square(y, p), -1) * f32(ops.arange(1, p.shape[0] + 1)),
    "arange_in_steps": lambda y, p: ops.mean(square(y, p), -1) * f32(ops.arange(0, 2 * p.shape[0], 2)),
    "arange_of_floats": lambda y, p: ops.mean(square(y, p), -1) * ops.arange(p.shape[0], dtype="float32"),
    "ones": lambda y, p: ops.mean(ops.square(y - p * ops.ones((ops.shape(p)[0], 4)))),
    "ones_of_shape": lambda y, p: ops.mean(ops.square(y - p * ops.ones(p.shape) * 2.0)),
    "eye": lambda y, p: ops.sum(ops.matmul(y - p, ops.transpose(y - p)) * ops.eye(p.shape[0])),
    "pairs": lambda y, p: (
        ops.sum(ops.matmul(y - p, ops.transpose(y - p)) * (1.0 - ops.eye(ops.shape(p)[0])))
        / (p.shape[0] * (p.shape[0] - 1))
    ),
    "tril": lambda y, p: ops.sum(ops.matmul(y - p, ops.transpose(y - p)) * ops.tri(p.shape[0])),
    "tile": lambda y, p: ops.mean(ops.square(y - p * ops.tile(np.full((1, 4), 0.5, "f"), (p.shape[0], 1)))),
    "repeat": lambda y, p: ops.mean(ops.square(y - p * ops.repeat(np.full((1, 4), 0.5, "f"), p.shape[0], axis=0))),
    "broadcast_to": lambda y, p: ops.mean(ops.square(y - ops.broadcast_to(ops.mean(p, 0), p.shape))),
    "numpy_size": lambda y, p: np.sum(np.square(y - p)) / np.size(p),
    "numpy_size_of_axis": lambda y, p: np.sum(np.square(y - p)) / np.size(p, 0),
    "numpy_shape": lambda y, p: np.sum(np.square(y - p)) / np.shape(p)[0],
    "numpy_attribute": lambda y, p: np.mean(np.square(y - p)) * (1.0 / p.shape[0]),
    "numpy_reshape": lambda y, p: np.mean(np.square(np.reshape(y - p, (p.shape[0], 2, 2)))),
}


class Own(layers.Layer):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def call(self, x):
        return self.function(x)


LAYERS = {
    "divided": lambda h: h / h.shape[0],
    "size": lambda h: h / f32(ops.size(h)),
    "reshape": lambda h: ops.reshape(h, (h.shape[0], 4)),
    "reshaped_twice": lambda h: ops.reshape(ops.reshape(h, (h.shape[0] * 2, 2)) * 2.0, (h.shape[0], 4)),
    "arange": lambda h: h + f32(ops.arange(h.shape[0]))[:, None],
    "centred": lambda h: h - ops.sum(h, 0) / f32(ops.shape(h)[0]),
    "joined": lambda h: ops.concatenate([h[:, 1:], ops.ones((h.shape[0], 1))], -1),
}


def model_of(layer=None):
    x = fastfit.Input((3,))
    h = layers.Dense(4, use_bias=False)(x)
    model = fastfit.Model(x, h if layer is None else Own(layer)(h))
    model.layers[1].set_weights([W])
    return model


def eager(loss, layer, w, rows):
    p = X[rows].astype("float64") @ w
    return np.mean(np.asarray(loss(Y[rows].astype("float64"), p if layer is None else layer(p)), "float64"))


def gradient(loss, layer, w, rows, step=1e-5):
    out = np.zeros_like(w)
    for i in np.ndindex(w.shape):
        e = np.zeros_like(w)
        e[i] = step
        out[i] = (eager(loss, layer, w + e, rows) - eager(loss, layer, w - e, rows)) / (2 * step)
    return out


def check(loss, layer):
    model = model_of(layer)
    model.compile(optimizers.SGD(0.05), loss)
    history = model.fit(X, Y, batch_size=8, shuffle=False, verbose=0).history
    w, total = W.astype("float64"), 0.0
    for rows in BATCHES:
        total += eager(loss, layer, w, rows) * (rows.stop - rows.start) / 20
        w = w - 0.05 * gradient(loss, layer, w, rows)
    np.testing.assert_allclose(history["loss"], [total], rtol=2e-5)
    np.testing.assert_allclose(model.layers[1].kernel.numpy(), w, rtol=2e-4, atol=2e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_sizes_in_losses(name):
    check(LOSSES[name], None)


@pytest.mark.parametrize("name", LAYERS)
def test_sizes_in_layers(name):
    check(lambda y, p: ops.mean(ops.square(y - p)), LAYERS[name])


@pytest.mark.parametrize(
    ("function", "wanted"),
    [
        (lambda y, p: f32(ops.shape(y)[0]), 20.0),
        (lambda y, p: f32(y.shape[0]), 20.0),
        (lambda y, p: f32(ops.size(p)), 80.0),
        (lambda y, p: 1.0 / y.shape[0], 2 / 8 + 1 / 4),
        (lambda y, p: np.size(y) / 2, 40.0),
    ],
)
def test_sizes_in_metrics(function, wanted):
    class Own(metrics.Metric):
        def __init__(self):
            super().__init__(name="own")
            self.total = self.add_weight(shape=(), initializer="zeros", name="total")

        def update_state(self, y, p, sample_weight=None):
            self.total.assign_add(function(y, p))

        def result(self):
            return self.total

    model = model_of()
    model.compile("sgd", "mse", metrics=[Own()])
    np.testing.assert_allclose(model.evaluate(X, Y, batch_size=8, verbose=0)[1], wanted, rtol=1e-6)


def test_sizes_of_functional_tensors_are_none_and_compute_as_ops():
    x = fastfit.Input((3,))
    assert x.shape == (None, 3) and x.shape[0] is None
    model = fastfit.Model(x, [x / f32(ops.size(x)), x * (2 * ops.shape(x)[0])])
    for rows in (1, 7):
        small, large = model.predict(X[:rows], verbose=0, batch_size=rows)
        np.testing.assert_allclose(small, X[:rows] / (3 * rows), rtol=1e-6)
        np.testing.assert_allclose(large, X[:rows] * 2 * rows, rtol=1e-6)


x = fastfit.Input((3,))
VALUES = {
    "cast": lambda: ops.cast(x.shape[0], "float32"),
    "multiply": lambda: x * x.shape[0],
    "reflected": lambda: x.shape[0] + x,
    "numpy": lambda: np.multiply(x, x.shape[0]),
    "of_numbers": lambda: ops.multiply(2.0, x.shape[0]),
    "root": lambda: ops.sqrt(x.shape[0]),
    "full": lambda: ops.full((2,), x.shape[0]),
    "arange": lambda: ops.arange(x.shape[0]),
    "eye": lambda: ops.eye(x.shape[0]),
}


@pytest.mark.parametrize("name", VALUES)
def test_none_as_a_value_raises(name):
    with pytest.raises(TypeError, match=r"fastfit.ops.shape\(x\)\[0\].*Received: "):
        VALUES[name]()


def test_sizes_are_no_python_numbers():
    def loops(y, p):
        return sum(ops.mean(p) for _ in range(p.shape[0]))

    def compares(y, p):
        return ops.mean(p) if p.shape == (8, 4) else ops.sum(p)

    for loss in (loops, compares):
        model = model_of()
        model.compile("sgd", loss)
        with pytest.raises(TypeError, match="known only when the program runs"):
            model.evaluate(X, Y, verbose=0)


@pytest.mark.parametrize(
    "shape", [lambda p: (p.shape[0] + 1, -1), lambda p: (p.shape[0], 3), lambda p: (p.shape[0] // 2 + 1, 8)]
)
def test_wrong_sizes_raise(shape):
    model = model_of()
    model.compile("sgd", lambda y, p: ops.mean(ops.square(ops.reshape(p, shape(p)))))
    with pytest.raises((ValueError, NotImplementedError)):
        model.evaluate(X, Y, batch_size=8, verbose=0)
