"""Whatever an update reads is what the step began with: gradients that read variables, among all that changes them.

The reference computes gradients by hand, in float64, and hands them to the optimizer's own NumPy arithmetic, which
knows no programs.
"""

import numpy as np
import pytest

import fastfit
from fastfit import constraints, ops, optimizers, regularizers
from fastfit.graph.variable import Variable
from fastfit.layers import Dense, Input, Layer
from fastfit.models import Model

RNG = np.random.default_rng(5)
X, Y = RNG.normal(size=(12, 6)).astype("float32"), RNG.normal(size=(12, 3)).astype("float32")
A, B = (RNG.normal(size=s).astype("float32") * 0.5 for s in ((6, 2), (2, 3)))


class LowRank(Layer):
    """y = x (a b)"""

    def __init__(self, constraint=None, regularizer=None, order=False):
        super().__init__()
        self.how = {"constraint": constraint, "regularizer": regularizer}
        self.names = "ba" if order else "ab"

    def build(self, shape):
        made = {"a": A, "b": B}
        for name in self.names:
            value = made[name]
            setattr(self, name, self.add_weight(value.shape, lambda s, dtype, v=value: v, name=name, **self.how))

    def call(self, x):
        return ops.matmul(x, ops.matmul(self.a, self.b))


def gradients(a, b, l2=0.0):
    a, b = a.astype("float64"), b.astype("float64")
    d = 2.0 * (X @ a @ b - Y) / Y.size
    m = X.T @ d
    return m @ b.T + 2 * l2 * a, a.T @ m + 2 * l2 * b


OPTIMIZERS = {
    "sgd": lambda **k: optimizers.SGD(0.5, **k),
    "nesterov": lambda **k: optimizers.SGD(0.2, momentum=0.9, nesterov=True, **k),
    "adam": lambda **k: optimizers.Adam(0.1, **k),
    "adamw": lambda **k: optimizers.AdamW(0.1, weight_decay=0.05, **k),
    "rmsprop": lambda **k: optimizers.RMSprop(0.05, **k),
    "lamb": lambda **k: optimizers.Lamb(0.05, **k),
    "adafactor": lambda **k: optimizers.Adafactor(0.05, **k),
    "muon": lambda **k: optimizers.Muon(0.05, **k),
}
OPTIONS = {
    "plain": {},
    "clipped": {"clipnorm": 0.3},
    "globally": {"global_clipnorm": 0.3},
    "ema": {"use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": 2},
    "accumulation": {"gradient_accumulation_steps": 2},
}


def reference(optimizer, steps, constraint=None, l2=0.0, order="ab"):
    variables = {name: Variable(value, name=name) for name, value in (("a", A), ("b", B))}
    for v in variables.values():
        v.constraint = constraint
    listed = [variables[name] for name in order]
    for _ in range(steps):
        found = dict(zip("ab", gradients(*(variables[n].numpy() for n in "ab"), l2), strict=True))
        optimizer.apply([found[name].astype("float32") for name in order], listed)
    return [variables[name].numpy() for name in "ab"]


def train(layer, optimizer, steps):
    inputs = Input((6,))
    model = Model(inputs, layer(inputs))
    model.compile(optimizer, "mse")
    for _ in range(steps):
        model.train_on_batch(X, Y)
    return [layer.a.numpy(), layer.b.numpy()]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_products_of_weights(name, options):
    made = [OPTIMIZERS[name](**OPTIONS[options]) for _ in range(2)]
    for got, want in zip(train(LowRank(), made[0], 5), reference(made[1], 5), strict=True):
        np.testing.assert_allclose(got, want, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("order", [False, True])
def test_products_of_weights_with_constraint_and_regularizer(order):
    layer = LowRank(constraints.MaxNorm(0.6), regularizers.L2(0.01), order)
    got = train(layer, optimizers.Adam(0.1), 5)
    want = reference(optimizers.Adam(0.1), 5, constraints.MaxNorm(0.6), 0.01, layer.names)
    for g, w in zip(got, want, strict=True):
        np.testing.assert_allclose(g, w, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("options", ["plain", "accumulation", "ema"])
@pytest.mark.parametrize("first", "ab")
def test_parts_of_a_multi_optimizer_read_each_others_weights(first, options):
    layer = LowRank(order=first == "b")

    def choose(v, made={}):  # noqa: B006  one optimizer per name
        return made.setdefault(v.name, (optimizers.SGD(0.5, **OPTIONS[options]) if v.name == first else optimizers.Adam(
            0.1, **OPTIONS[options])))  # fmt: skip

    got = train(layer, optimizers.MultiOptimizer(choose), 4)
    one = {first: optimizers.SGD(0.5, **OPTIONS[options])}
    one.setdefault("a", optimizers.Adam(0.1, **OPTIONS[options]))
    one.setdefault("b", optimizers.Adam(0.1, **OPTIONS[options]))
    variables = {"a": Variable(A, name="a"), "b": Variable(B, name="b")}
    for _ in range(4):
        grads = gradients(variables["a"].numpy(), variables["b"].numpy())
        for name, g in zip("ab", grads, strict=True):
            one[name].apply([g.astype("float32")], [variables[name]])
    for g, w in zip(got, [variables["a"].numpy(), variables["b"].numpy()], strict=True):
        np.testing.assert_allclose(g, w, rtol=2e-4, atol=2e-5)


def test_a_gradient_that_is_another_variable():
    """The loss a . b has the gradients b and a: each update wants the other's value before its own update."""

    class Product(Layer):
        def build(self, shape):
            self.a = self.add_weight((4,), lambda s, dtype: np.arange(1.0, 5.0, dtype=dtype), name="a")
            self.b = self.add_weight((4,), lambda s, dtype: np.arange(4.0, 0.0, -1.0, dtype=dtype), name="b")

        def call(self, x):
            self.add_loss(ops.sum(self.a * self.b))
            return x

    inputs = Input((1,))
    layer = Product()
    model = Model(inputs, layer(inputs))
    model.compile(optimizers.SGD(1.0), None)
    a, b = layer.a.numpy(), layer.b.numpy()
    for _ in range(3):
        model.train_on_batch(np.ones((2, 1), "float32"), None)
        a, b = a - b, b - a
        np.testing.assert_allclose(layer.a.numpy(), a, rtol=1e-6)
        np.testing.assert_allclose(layer.b.numpy(), b, rtol=1e-6)


def test_tied_weights():
    """A kernel that is used again, transposed, by another layer."""

    class Tied(Layer):
        def __init__(self, other):
            super().__init__()
            self.other = other

        def call(self, x):
            return ops.matmul(x, ops.transpose(self.other.kernel))

    inputs = Input((6,))
    dense = Dense(3, use_bias=False)
    model = Model(inputs, Tied(dense)(dense(inputs)))
    model.compile(optimizers.SGD(0.3), "mse")
    w = dense.kernel.numpy().astype("float64")
    for _ in range(4):
        d = 2.0 * (X @ w @ w.T - X) / X.size
        w = w - 0.3 * (X.T @ (d @ w) + d.T @ (X @ w))
        model.train_on_batch(X, X)
    np.testing.assert_allclose(dense.kernel.numpy(), w, rtol=2e-4, atol=2e-5)


class Assigning(Layer):
    """Sets its own kernel before it uses it."""

    def __init__(self, new):
        super().__init__()
        self.new = new

    def build(self, shape):
        self.w = self.add_weight((shape[-1], 3), lambda s, dtype: np.concatenate([A, A], axis=1)[:, :3], name="w")

    def call(self, x):
        self.w.assign(self.new(self.w))
        return ops.matmul(x, self.w)


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("name", ["sgd", "adam", "adamw", "lamb"])
@pytest.mark.parametrize("scale", [1.0, 0.9])
def test_a_layer_that_assigns_its_own_kernel(name, options, scale):
    """The update goes on from what was assigned; the gradient goes back through the assignment."""
    inputs = Input((6,))
    layer = Assigning(lambda w: ops.clip(w, -10.0, 10.0) * scale)
    model = Model(inputs, layer(inputs))
    made = [OPTIMIZERS[name](**OPTIONS[options]) for _ in range(2)]
    model.compile(made[0], "mse")
    variable = Variable(layer.w.numpy(), name="w")
    for _ in range(4):
        model.train_on_batch(X, Y)
        w = variable.numpy().astype("float64") * scale
        variable.assign(w.astype("float32"))
        gradient = scale * X.T.astype("float64") @ (2.0 * (X @ w - Y) / Y.size)
        made[1].apply([gradient.astype("float32")], [variable])
    np.testing.assert_allclose(layer.w.numpy(), variable.numpy(), rtol=2e-4, atol=2e-5)


def test_two_layers_that_swap_their_kernels():
    class Swap(Layer):
        def build(self, shape):
            self.a = self.add_weight((6, 3), lambda s, dtype: np.full(s, 0.5, dtype), name="a")
            self.b = self.add_weight((6, 3), lambda s, dtype: np.full(s, -0.25, dtype), name="b")

        def call(self, x):
            a, b = self.a.value, self.b.value
            self.a.assign(b)
            self.b.assign(a)
            return ops.matmul(x, self.a) + 2.0 * ops.matmul(x, self.b)

    inputs = Input((6,))
    layer = Swap()
    model = Model(inputs, layer(inputs))
    model.compile(optimizers.SGD(0.01), "mse")
    a, b = layer.a.numpy().astype("float64"), layer.b.numpy().astype("float64")
    for _ in range(3):
        model.train_on_batch(X, Y)
        d = X.T @ (2.0 * (X @ b + 2.0 * (X @ a) - Y) / Y.size)
        a, b = b - 0.01 * 2.0 * d, a - 0.01 * d
        np.testing.assert_allclose(layer.a.numpy(), a, rtol=2e-4, atol=2e-5)
        np.testing.assert_allclose(layer.b.numpy(), b, rtol=2e-4, atol=2e-5)


class Stepping(Model):
    """A train_step that goes on with the weights once it has applied the gradients."""

    def __init__(self, after):
        super().__init__()
        self.dense = Dense(3, use_bias=False, kernel_initializer=lambda s, dtype: np.full(s, 0.02, dtype))
        self.slow = Dense(3, use_bias=False, kernel_initializer="zeros")
        self.slow.trainable = False
        self.after = after

    def call(self, x):
        return self.dense(x) + 0.0 * self.slow(x)

    def train_step(self, data):
        x, y = data
        loss = ops.mean(ops.square(self(x, training=True) - y))
        variables = self.trainable_variables
        self.optimizer.apply(fastfit.gradients(loss, variables), variables)
        self.after(self)
        return {"loss": loss}


def clip_after(model):
    model.dense.kernel.assign(ops.clip(model.dense.kernel, -0.05, 0.05))


def follow_after(model):
    model.slow.kernel.assign(0.5 * model.slow.kernel + 0.5 * model.dense.kernel)


@pytest.mark.parametrize("after", [clip_after, follow_after])
def test_weights_that_a_step_uses_after_the_update(after):
    model = Stepping(after)
    model.compile(optimizers.SGD(0.3))
    w, slow = np.full((6, 3), 0.02), np.zeros((6, 3))
    for _ in range(3):
        model.train_on_batch(X, Y)
        w = w - 0.3 * (X.T @ (2.0 * (X @ w - Y) / Y.size))
        if after is clip_after:
            w = np.clip(w, -0.05, 0.05)
        else:
            slow = 0.5 * slow + 0.5 * w
        np.testing.assert_allclose(model.dense.kernel.numpy(), w, rtol=2e-4, atol=2e-6)
        np.testing.assert_allclose(model.slow.kernel.numpy(), slow, rtol=2e-4, atol=2e-6)
