"""Steps that update variables more than once: with several optimizers, or with one of them several times."""

import numpy as np
import pytest
from nets import data

import fastfit
from fastfit import Sequential, layers, losses, models, ops, optimizers

X, Y = data(96, 6, 3)
LATENT = 4
NOISE = np.random.default_rng(1).standard_normal((96, LATENT)).astype("float32")


def dense(sizes, name, seed):
    net = Sequential([layers.Input((sizes[0],))], name=name)
    for i, n in enumerate(sizes[1:]):
        net.add(layers.Dense(n, activation="tanh" if i < len(sizes) - 2 else None))
    rng = np.random.default_rng(seed)
    net.set_weights([0.4 * rng.standard_normal(w.shape) for w in net.get_weights()])
    return net


def of_logits(labels, logits):
    return ops.mean(losses.binary_crossentropy(labels, logits, from_logits=True))


class Adversarial(models.Model):
    """The step of Keras's guide to `train_step`, with noise that comes as data."""

    def __init__(self, d_optimizer, g_optimizer):
        super().__init__()
        self.discriminator = dense((6, 8, 1), "d", 1)
        self.generator = dense((LATENT, 8, 6), "g", 2)
        self.d_optimizer, self.g_optimizer = d_optimizer, g_optimizer

    def call(self, x):
        return self.discriminator(x)

    def train_step(self, data):
        real, noise = data
        rows = ops.shape(real)[0]
        both = ops.concatenate([self.generator(noise), real], axis=1)
        fake, real = both[:, :6], both[:, 6:]
        d_loss = of_logits(ops.ones((rows, 1)), self.discriminator(fake)) + of_logits(
            ops.zeros((rows, 1)), self.discriminator(real)
        )
        weights = self.discriminator.trainable_weights
        self.d_optimizer.apply_gradients(zip(fastfit.gradients(d_loss, weights), weights, strict=True))
        g_loss = of_logits(ops.zeros((rows, 1)), self.discriminator(self.generator(noise)))
        weights = self.generator.trainable_weights
        self.g_optimizer.apply(fastfit.gradients(g_loss, weights), weights)
        return {"d_loss": d_loss, "g_loss": g_loss}


def by_parts(d_optimizer, g_optimizer, epochs, batch):
    """The same in two models, each of which updates a part once."""
    d, g = dense((6, 8, 1), "d", 1), dense((LATENT, 8, 6), "g", 2)
    row = layers.Input((6,))
    d_only = models.Model(row, d(row))
    d_only.compile(d_optimizer, losses.BinaryCrossentropy(from_logits=True))
    noise = layers.Input((LATENT,))
    d.trainable = False
    g_only = models.Model(noise, d(g(noise)))
    g_only.compile(g_optimizer, losses.BinaryCrossentropy(from_logits=True))
    found = []
    for _ in range(epochs):
        for at in range(0, len(X), batch):
            x, z = X[at : at + batch], NOISE[at : at + batch]
            d.trainable = True
            n = len(x)
            # the mean over both halves is half of the sum of their means
            d_loss = d_only.train_on_batch(
                np.concatenate([g.predict(z, verbose=0), x]), np.repeat([1.0, 0.0], n)[:, None], sample_weight=None
            )
            d.trainable = False
            g_loss = g_only.train_on_batch(z, np.zeros((n, 1)), return_dict=True)["loss"]
            found.append((2 * float(np.ravel(d_loss)[0]), float(g_loss)))
            d_only.reset_metrics(), g_only.reset_metrics()
    return d.get_weights() + g.get_weights(), found[-1]


def test_adversarial_training():
    model = Adversarial(optimizers.SGD(0.2), optimizers.Adam(0.01))
    model.compile()
    history = model.fit(X, NOISE, batch_size=32, epochs=3, shuffle=False, verbose=0).history
    # the two halves' losses are added, so the mean over both has twice the rate
    weights, last = by_parts(optimizers.SGD(0.4), optimizers.Adam(0.01), 3, 32)
    for v, w in zip(model.discriminator.get_weights() + model.generator.get_weights(), weights, strict=True):
        np.testing.assert_allclose(v, w, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose((history["d_loss"][-1], history["g_loss"][-1]), last, rtol=1e-4)
    assert int(model.d_optimizer.iterations.numpy()) == 9 == int(model.g_optimizer.iterations.numpy())


def test_rates_are_followed():
    def trained(rate):
        model = Adversarial(optimizers.SGD(rate), optimizers.SGD(0.1))
        model.compile()
        return model, lambda: model.fit(X, NOISE, batch_size=32, shuffle=False, verbose=0)

    steps = optimizers.schedules.PiecewiseConstantDecay([2], [0.2, 0.0])
    (model, go), (plain, go_plain) = trained(0.2), trained(steps)
    go(), go_plain()
    assert all(map(np.array_equal, model.get_weights(), plain.get_weights()))
    model.d_optimizer.learning_rate = 0.0
    before = model.discriminator.get_weights()
    go(), go_plain()
    for w, v, u in zip(before, model.discriminator.get_weights(), plain.discriminator.get_weights(), strict=True):
        np.testing.assert_array_equal(w, v)
        np.testing.assert_array_equal(w, u)


OPTIMIZERS = {
    "sgd": lambda: optimizers.SGD(0.1, momentum=0.9),
    "adam": lambda: optimizers.Adam(0.01, clipnorm=0.5, weight_decay=0.01),
    "averages": lambda: optimizers.RMSprop(0.01, use_ema=True, ema_momentum=0.9),
    "accumulation": lambda: optimizers.SGD(0.1, gradient_accumulation_steps=3),
    "schedule": lambda: optimizers.Adam(optimizers.schedules.ExponentialDecay(0.01, 4, 0.5)),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_one_optimizer_twice_in_a_step(name):
    class Twice(models.Model):
        def train_step(self, data):
            x, y = data
            for _ in range(2):
                loss = self.compute_loss(y=y, y_pred=self(x))
                self.optimizer.apply(fastfit.gradients(loss, self.trainable_variables), self.trainable_variables)
            return {"loss": loss}

    def build(base):
        inputs = layers.Input((6,))
        return base(inputs, layers.Activation("softmax")(dense((6, 7, 3), "n", 3)(inputs)))

    twice, once = build(Twice), build(models.Model)
    for model in (twice, once):
        model.compile(OPTIMIZERS[name](), "sparse_categorical_crossentropy")
    for at in range(0, 96, 24):
        logs = twice.train_on_batch(X[at : at + 24], Y[at : at + 24], return_dict=True)
        for _ in range(2):
            once.reset_metrics()
            expected = once.train_on_batch(X[at : at + 24], Y[at : at + 24], return_dict=True)
        assert logs["loss"] == pytest.approx(expected["loss"], rel=1e-4)
    for v, w in zip(twice.get_weights(), once.get_weights(), strict=True):
        np.testing.assert_allclose(v, w, rtol=1e-4, atol=1e-6)
    for v, w in zip(twice.optimizer.variables, once.optimizer.variables, strict=True):
        np.testing.assert_allclose(v.numpy(), w.numpy(), rtol=1e-3, atol=1e-6)


def test_another_optimizer_alone():
    class Own(models.Model):
        def train_step(self, data):
            x, y = data
            loss = self.compute_loss(y=y, y_pred=self(x))
            weights = self.layers[-1].trainable_weights
            self.own.apply(fastfit.gradients(loss, weights), weights)
            return {"loss": loss}

    inputs = layers.Input((6,))
    h = layers.Dense(5)(inputs)
    model = Own(inputs, layers.Dense(3, activation="softmax")(h))
    model.own = optimizers.SGD(0.1)
    model.compile("adam", "sparse_categorical_crossentropy")
    before = model.get_weights()
    model.fit(X, Y, verbose=0)
    assert [np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)] == [
        True,
        True,
        False,
        False,
    ]
    assert int(model.own.iterations.numpy()) == 3 and "HOST" not in model.explain()


def test_a_rate_that_is_a_function_is_refused():
    model = Adversarial(optimizers.SGD(lambda: 0.1), optimizers.SGD(0.1))
    model.compile()
    before = model.get_weights()
    with pytest.raises(NotImplementedError, match="learning rate of .* is a function: expected a number"):
        model.fit(X, NOISE, verbose=0)
    assert all(map(np.array_equal, before, model.get_weights()))
