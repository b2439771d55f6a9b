"""What a rule must look at besides the op: attributes, padding, casts of class ids, empty axes, what hosts can see."""

import numpy as np
import pytest

import fastfit
from fastfit import initializers, layers, losses, metrics, ops
from fastfit.compiler import lower
from fastfit.graph.op import apply, define
from tests.compiler.harness import host_ops, run

rng = np.random.default_rng(21)


def data(*shape):
    return rng.standard_normal(shape).astype("float32")


class Own(layers.Layer):
    """A layer of a function of a kernel, itself used in a product, and x."""

    def __init__(self, function, units=3):
        super().__init__()
        self.function, self.units = function, units

    def build(self, shape):
        self.w = self.add_weight((shape[-1], self.units), initializer=initializers.RandomUniform(0.1, 0.9, seed=1))

    def call(self, x):
        return self.function(self.w, x)


def model_of(layer, *shape):
    x = fastfit.Input(shape)
    return fastfit.Model(x, layer(x))


# Attributes -----------------------------------------------------------------------------------------------------------


def test_decimals_survive_behind_a_dense_layer():
    model = model_of(layers.Dense(3, activation=lambda z: ops.round(z, 1)), 4)
    x = data(5, 4)
    dense = model.layers[-1]
    np.testing.assert_allclose(model.predict(x, verbose=0), np.round(x @ dense.kernel.numpy(), 1), atol=1e-6)


def test_decimals_survive_on_a_kernel_in_panels():
    layer = Own(lambda w, x: ops.matmul(x, ops.round(w, 1)) + 0.0 * ops.sum(ops.matmul(x, w)))
    model, x = model_of(layer, 4), data(5, 4)
    np.testing.assert_allclose(model.predict(x, verbose=0), x @ np.round(layer.w.numpy(), 1), atol=1e-6)


def test_a_rule_is_not_given_attributes_that_it_does_not_know():
    def shifted(x, by=0.0):
        return np.tanh(x) + np.asarray(by, x.dtype)

    op = define("tanh_shifted_of_tests", lambda x, by=0.0: (x.shape, x.dtype), shifted)
    seen = []

    @lower.rule(op.name)
    def unaware(low, node):
        seen.append(node)
        low.expand(node, apply("tanh", node.inputs[0]))

    try:
        for by, hosts in ((0.0, []), (0.5, [op.name])):
            native, expected, program = run(lambda x, by=by: apply(op.name, x, by=by), [data(7, 3)])
            np.testing.assert_allclose(native[0], expected[0], rtol=1e-5, atol=1e-6)
            assert host_ops(program) == hosts
        assert len(seen) == 1
    finally:
        del lower.RULES[op.name]
        from_table = fastfit.graph.op.OPS
        del from_table[op.name]


# Padding of panels ----------------------------------------------------------------------------------------------------

OF_KERNELS = {
    "entropy": lambda w: w * ops.log(w),
    "times_reciprocal": lambda w: w * (1.0 / w),
    "times_rsqrt": lambda w: ops.rsqrt(w) * w,
    "infinite_factor": lambda w: w * float("inf"),
    "divided_by_itself": lambda w: w / w,
    "divided_by_zero": lambda w: w / 0.0,
    "power_of_itself": lambda w: w**w,
    "exponential": lambda w: ops.exp(w) - 1.0,
    "difference_of_exponentials": lambda w: ops.exp(w) - ops.exp(w * 1.0),
    "cosine": lambda w: ops.cos(w),
    "squares": lambda w: ops.square(w),
    "zero_power": lambda w: w**0.0,
    "shifted": lambda w: (w + 1.0) * w,
    "twice": lambda w: w * ops.exp(-w) * ops.log(w),
}


@pytest.mark.parametrize("name", OF_KERNELS)
@pytest.mark.parametrize("reduce", [ops.sum, ops.mean])
def test_padding_of_a_kernel_enters_no_sum(name, reduce):
    layer = Own(lambda w, x: ops.matmul(x, w) * 0.0 + reduce(OF_KERNELS[name](w)))
    model = model_of(layer, 4)
    with np.errstate(all="ignore"):
        wanted = np.asarray(reduce(OF_KERNELS[name](layer.w.numpy())))
    np.testing.assert_allclose(model.predict(data(2, 4), verbose=0), np.full((2, 3), wanted), rtol=1e-5, atol=1e-6)


def test_padding_enters_no_product():
    layer = Own(lambda w, x: ops.matmul(ops.matmul(x, w), ops.transpose(ops.log(w) + 0.5)))
    model, x = model_of(layer, 4), data(5, 4)
    w = layer.w.numpy()
    np.testing.assert_allclose(model.predict(x, verbose=0), x @ w @ (np.log(w) + 0.5).T, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("scale", [2.0, np.inf])
def test_padding_times_a_computed_scalar(scale):
    class Scaled(Own):
        def build(self, shape):
            super().build(shape)
            self.s = self.add_weight((), initializer=initializers.Constant(scale))

    layer = Scaled(lambda w, x: ops.matmul(x, w) * 0.0)
    layer.function = lambda w, x: ops.matmul(x, w) * 0.0 + ops.sum(w * layer.s)
    model = model_of(layer, 4)
    wanted = np.sum(layer.w.numpy() * np.float32(scale))
    np.testing.assert_allclose(model.predict(data(2, 4), verbose=0), np.full((2, 3), wanted), rtol=1e-5)


def test_entropy_of_a_kernel_trains():
    layer = layers.Dense(
        3, kernel_initializer=initializers.RandomUniform(0.1, 0.9), kernel_regularizer=lambda w: ops.sum(w * ops.log(w))
    )
    model = model_of(layer, 4)
    model.compile("sgd", "mse")
    x, y = data(8, 4), data(8, 3)
    w = layer.kernel.numpy()
    gradient = 2 * x.T @ (x @ w - y) / y.size + np.log(w) + 1
    model.fit(x, y, batch_size=8, verbose=0)
    np.testing.assert_allclose(layer.kernel.numpy(), w - 0.01 * gradient, rtol=1e-5, atol=1e-6)


# Casts of class ids ---------------------------------------------------------------------------------------------------

# Casts through which the ids 0 to 7 (and their doubles) stay what they are, or become others.
CASTS = {
    "bool": ["bool", "int32"],
    "bool_float": ["bool", "float32"],
    "int8_of_large": ["int8", "int32"],
    "uint8_of_large": ["uint8", "int32"],
    "int32": ["int32"],
    "float_and_back": ["float32", "int32"],
    "float": ["float32"],
    "uint8_then_float": ["uint8", "float32"],
}


@pytest.mark.parametrize("casts", CASTS.values(), ids=CASTS)
@pytest.mark.parametrize("activation", ["softmax", None])
def test_class_ids_go_through_casts(casts, activation):
    def ids(y):
        for dtype in casts:
            y = ops.cast(y, dtype)
        return y

    def loss(y, p):
        return ops.sparse_categorical_crossentropy(ids(y), p, from_logits=activation is None)

    model = model_of(layers.Dense(8, activation=activation), 4)
    model.compile("sgd", loss)
    x, y = data(64, 4), rng.integers(0, 8, 64).astype("int32")
    if "int8" in casts[0]:
        y = y + 256 * (y % 2)
    wanted = np.mean(loss(y, model.predict(x, verbose=0)))
    np.testing.assert_allclose(model.evaluate(x, y, verbose=0, batch_size=64), wanted, rtol=1e-5)
    assert np.isfinite(model.train_on_batch(x, y))


def test_ids_out_of_range_after_harmless_casts_are_an_error_that_names_the_row():
    model = model_of(layers.Dense(3, activation="softmax"), 4)
    model.compile("sgd", lambda y, p: ops.sparse_categorical_crossentropy(ops.cast(ops.cast(y, "float32"), "int32"), p))
    y = np.array([0, 1, 2, 5, 1], "int32")
    with pytest.raises(ValueError, match="row 3"):
        model.evaluate(data(5, 4), y, verbose=0)


# Labels that a loss ignores -------------------------------------------------------------------------------------------

METRICS = {
    "accuracy": lambda ignored: "accuracy",
    "sparse_accuracy": lambda ignored: metrics.SparseCategoricalAccuracy(),
    "top_2": lambda ignored: metrics.SparseTopKCategoricalAccuracy(2),
    "iou": lambda ignored: metrics.IoU(3, [0, 1], ignore_class=ignored, sparse_y_pred=False),
    "crossentropy": lambda ignored: "sparse_categorical_crossentropy",
}
# What Keras on JAX gives for these data; ids below 0 count from the end in its top k, others are no class.
LABELS = {"int64": -1, "float32": -1, "uint8": 255, "int32 column": -1}


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("kind", LABELS)
@pytest.mark.parametrize("logits", [False, True])
def test_ignored_labels_are_no_error_in_metrics(metric, kind, logits):
    ignored = LABELS[kind]
    x, classes = data(40, 4), rng.integers(0, 4, 40)
    y = np.where(classes == 3, ignored, classes).astype(kind.split()[0])
    model = model_of(layers.Dense(3, activation=None if logits else "softmax"), 4)
    model.compile(
        "sgd",
        losses.SparseCategoricalCrossentropy(ignore_class=ignored, from_logits=logits),
        metrics=[METRICS[metric](ignored)],
    )
    z = x @ model.layers[-1].kernel.numpy()
    e = np.exp(z - z.max(1, keepdims=True))
    p = e / e.sum(1, keepdims=True)
    seen = classes < 3
    loss, value = model.evaluate(x, y[:, None] if "column" in kind else y, batch_size=40, verbose=0)
    own = p[np.arange(40), np.where(seen, classes, 0)]
    np.testing.assert_allclose(loss, -np.mean(np.log(own[seen])), rtol=1e-4)
    if "accuracy" in metric:
        wanted = np.mean(seen & (np.argmax(p, 1) == classes))
    elif metric == "top_2":
        counted = np.where(seen, classes, 2 if ignored == -1 else 0)
        chosen = p[np.arange(40), counted][:, None]
        wanted = np.mean((np.sum(p > chosen, 1) < 2) & (seen | (ignored == -1)))
    elif metric == "iou":
        best = np.argmax(p, 1)
        hits = [np.sum(seen & (best == c) & (classes == c)) for c in (0, 1)]
        unions = [np.sum(seen & ((best == c) | (classes == c))) for c in (0, 1)]
        wanted = np.mean([h / u for h, u in zip(hits, unions, strict=True) if u])
    else:
        if logits:  # the metric by name takes probabilities; what it makes of logits is its own affair
            return
        wanted = np.mean(np.where(seen, -np.log(own), 0.0))
    np.testing.assert_allclose(value, wanted, rtol=1e-4, atol=1e-6)
    model.fit(x, y, verbose=0)
    assert np.isfinite(model.layers[-1].kernel.numpy()).all()


def test_labels_out_of_range_stay_an_error_of_the_loss():
    model = model_of(layers.Dense(3, activation="softmax"), 4)
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    with pytest.raises(ValueError, match="row 2"):
        model.evaluate(data(4, 4), np.array([0, 2, -1, 1]), verbose=0)


def test_parts_of_ids_hit_nothing():
    native, expected, _ = run(
        lambda t, p: apply("hit_sparse", t, p), [np.array([0.0, 0.5, 1.0], "f"), np.eye(3)[[0, 0, 1]]]
    )
    np.testing.assert_array_equal(native[0], [1, 0, 1])
    np.testing.assert_array_equal(native[0], expected[0])


# Axes without elements ------------------------------------------------------------------------------------------------

EMPTY = {
    "roll": lambda h: ops.concatenate([h[:, 2:], h[:, :2], h[:, 3:]], axis=-1),
    "sum": lambda h: h + ops.sum(h[:, 3:], -1, keepdims=True),
    "prod": lambda h: h * ops.prod(h[:, 3:], -1, keepdims=True),
    "any": lambda h: h + ops.cast(ops.any(h[:, 3:] > 0), "float32"),
    "arithmetic": lambda h: ops.concatenate([h, h[:, 3:] + h[:, :0] * 2.0], -1),
    "pad": lambda h: ops.pad(h[:, 3:], ((0, 0), (1, 2))) + h,
    "tile": lambda h: ops.concatenate([ops.tile(h, (1, 0)), h], 1),
    "repeat": lambda h: ops.concatenate([ops.repeat(h, 0, axis=1), h], 1),
    "take": lambda h: ops.concatenate([ops.take(h, np.zeros(0, "int32"), axis=1), h], 1),
    "softmax": lambda h: ops.concatenate([ops.softmax(h[:, 3:]), h], 1),
    "cumsum": lambda h: ops.concatenate([ops.cumsum(h[:, 3:], 1), h], 1),
    "sort": lambda h: ops.concatenate([ops.sort(h[:, 3:], 1), h], 1),
    "one_hot": lambda h: ops.concatenate([ops.one_hot(ops.argmax(h, -1), 0), h], 1),
    "einsum": lambda h: h + ops.expand_dims(ops.einsum("bi,bi->b", h[:, 3:], h[:, 3:]), 1),
    "products": lambda h: h + ops.sum(ops.matmul(h[:, :, None], h[:, None, 3:])),
    "contraction": lambda h: h + ops.matmul(h[:, 3:], np.zeros((0, 3), "f")),
    "no_units": lambda h: ops.concatenate([h, ops.relu(ops.matmul(h, np.zeros((3, 0), "f")))], -1),
    "where": lambda h: ops.concatenate([ops.where(h[:, 3:] > 0, h[:, 3:], 0.0), h], 1),
    "casts": lambda h: ops.concatenate([ops.cast(ops.cast(h[:, 3:], "int32"), "float32"), h], 1),
    "host": lambda h: ops.concatenate([ops.cast(ops.cast(h[:, 3:], "uint8"), "float32"), h], 1),
    "transpose": lambda h: h + ops.sum(ops.transpose(ops.reshape(h[:, 3:], (ops.shape(h)[0], 2, 0)), (0, 2, 1))),
    "top_k": lambda h: ops.concatenate([ops.top_k(h, 0)[0], h], 1),
    "zeros": lambda h: ops.concatenate([ops.zeros((ops.shape(h)[0], 0)), h], 1),
    "column_sums": lambda h: h + ops.sum(ops.sum(h[:, 3:], 0)),
}  # fmt: skip


@pytest.mark.parametrize("name", EMPTY)
@pytest.mark.parametrize("rows", [1, 5])
def test_empty_axes(name, rows):
    x = data(rows, 3)
    native, expected, _ = run(EMPTY[name], [x])
    np.testing.assert_allclose(native[0], expected[0], rtol=1e-5, atol=1e-6)
    model = model_of(Own(lambda w, x: EMPTY[name](ops.matmul(x, w))), 3)
    model.compile("adam", "mse")
    before = model.layers[-1].w.numpy()
    model.train_on_batch(x, np.ones(model.output_shape and (rows, *model.output_shape[1:]), "f"))
    after = model.layers[-1].w.numpy()
    assert np.isfinite(after).all() and np.any(after != before)


def test_inputs_weights_and_outputs_without_elements():
    a, b = fastfit.Input((0,)), fastfit.Input((3,))
    model = fastfit.Model([a, b], [layers.Dense(2)(layers.Concatenate()([a, b])), layers.Dense(2)(a), b[:, 3:]])
    model.compile("adam", "mse")
    arrays, targets = [np.ones((4, 0), "f"), np.ones((4, 3), "f")], [np.ones((4, n), "f") for n in (2, 2, 0)]
    model.fit(arrays, targets, verbose=0)
    first, second, third = model.predict(arrays, verbose=0)
    assert third.shape == (4, 0) and first.shape == (4, 2)
    np.testing.assert_allclose(second, np.full((4, 2), model.layers[-1].bias.numpy()[0]), rtol=1e-6)


# What host instructions read ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("width", [1, 3])
def test_a_host_instruction_reads_an_output(rows, width):
    x = np.arange(1, rows * width + 1, dtype="f").reshape(rows, width) * 5
    i = fastfit.Input((width,))
    h = i * 2.0
    ints = ops.cast(h, "int32")
    model = fastfit.Model(
        i, [h, ops.cast(ops.cast(h, "uint8"), "float32"), ops.cast(ops.cast(h, "int16"), "float32"), ints]
    )
    got = model.predict(x, verbose=0)
    for y in got:
        np.testing.assert_array_equal(y, 2 * x)


def test_a_host_instruction_reads_a_reshaped_output():
    def function(x):
        h = x * 2.0
        return [h, h + ops.sum(ops.cast(ops.cast(ops.reshape(h, (-1,)), "int16"), "float32"))]

    native, expected, _ = run(function, [np.arange(1, 11, dtype="f").reshape(5, 2)])
    np.testing.assert_array_equal(native[1], expected[1])


def test_views_refuse_places_that_they_do_not_know():
    for where in (lower.Location("sink", 0), lower.Location("source", 0)):
        with pytest.raises(TypeError, match="slots and variables"):
            lower.view(None, where, ((3,), "float32"), 2)
