"""Models whose training step is the user's own."""

import numpy as np
import pytest
from nets import data

import fastfit
from fastfit import layers, losses, metrics, models, ops, utils

FEATURES, CLASSES, ROWS = 10, 3, 100
X, Y = data(ROWS, FEATURES, CLASSES)


def build(base, **attributes):
    """A functional network of the given class, with fixed weights."""
    inputs = layers.Input((FEATURES,))
    h = layers.Dense(16, activation="tanh")(inputs)
    model = base(inputs, layers.Dense(CLASSES, activation="softmax")(h))
    rng = np.random.default_rng(3)
    model.set_weights([0.3 * rng.standard_normal(w.shape) for w in model.get_weights()])
    for name, value in attributes.items():
        setattr(model, name, value)
    return model


def compiled(base, **attributes):
    model = build(base, **attributes)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


class ByHand(models.Model):
    """What the default step does, in the words of Keras's guides."""

    calls = 0

    def train_step(self, data):
        self.__dict__["calls"] = self.calls + 1
        x, y, sample_weight = utils.unpack_x_y_sample_weight(data)
        y_pred = self(x, training=True)
        loss = self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight)
        variables = self.trainable_variables
        self.optimizer.apply(fastfit.gradients(loss, variables), variables)
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss, sample_weight=ops.shape(x)[0])
            else:
                metric.update_state(y, y_pred)
        return {m.name: m.result() for m in self.metrics}


class Pairs(ByHand):
    def train_step(self, data):
        x, y, _ = utils.unpack_x_y_sample_weight(data)
        loss = self.compute_loss(y=y, y_pred=self(x, training=True))
        found = fastfit.gradients(loss, self.trainable_weights)
        self.optimizer.apply_gradients(zip(found, self.trainable_weights, strict=True))
        return self.compute_metrics(x, y, self(x, training=False))


class Parent(models.Model):
    def train_step(self, data):
        return super().train_step(data)

    def test_step(self, data):
        return super().test_step(data)

    def predict_step(self, data):
        return super().predict_step(data)


@pytest.mark.parametrize("base", [ByHand, Parent, Pairs])
def test_the_default_step_written_out(base):
    plain, own = compiled(models.Model), compiled(base)
    arguments = {"epochs": 3, "batch_size": 32, "shuffle": False, "verbose": 0, "validation_data": (X, Y)}
    expected = plain.fit(X, Y, **arguments).history
    found = own.fit(X, Y, **arguments).history
    if base is not Pairs:
        assert found.keys() == expected.keys()
        for key in expected:
            np.testing.assert_allclose(found[key], expected[key], rtol=1e-5, err_msg=key)
    for v, w in zip(own.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(v, w, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(own.evaluate(X, Y, verbose=0), plain.evaluate(X, Y, verbose=0), rtol=1e-5)
    np.testing.assert_allclose(own.predict(X, verbose=0), plain.predict(X, verbose=0), rtol=1e-4, atol=1e-6)


def test_a_step_is_traced_once_and_runs_natively():
    model = compiled(ByHand)
    model.fit(X, Y, epochs=4, batch_size=20, verbose=0)
    assert model.calls == 1
    assert "HOST" not in model.explain()


def test_weights_reach_the_step():
    weights = np.linspace(0, 2, ROWS)
    plain, own = compiled(models.Model), compiled(ByHand)
    plain.fit(X, Y, sample_weight=weights, epochs=2, batch_size=25, shuffle=False, verbose=0)
    own.fit(X, Y, sample_weight=weights, epochs=2, batch_size=25, shuffle=False, verbose=0)
    for v, w in zip(own.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(v, w, rtol=1e-4, atol=1e-6)


def test_other_keys_are_those_of_the_last_batch():
    class Own(models.Model):
        def train_step(self, data):
            x, y = data
            y_pred = self(x, training=True)
            loss = ops.mean(losses.sparse_categorical_crossentropy(y, y_pred))
            self.optimizer.apply(fastfit.gradients(loss, self.trainable_variables), self.trainable_variables)
            return {"loss": loss, "largest": ops.max(y_pred), "answer": 42}

    model = build(Own)
    model.compile("sgd")
    seen = []
    hook = fastfit.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(dict(logs)))
    history = model.fit(X, Y, epochs=2, batch_size=40, shuffle=False, verbose=0, callbacks=[hook]).history
    assert set(history) == {"loss", "largest", "answer"}
    assert history["answer"] == [42.0, 42.0] and len(seen) == 6
    assert history["loss"] == [seen[2]["loss"], seen[5]["loss"]]
    # the loss of the very batch, before its update
    reference = build(models.Model)
    p = reference.predict(X[:40], verbose=0)
    assert seen[0]["loss"] == pytest.approx(float(np.mean(losses.sparse_categorical_crossentropy(Y[:40], p))), rel=1e-5)
    assert seen[0]["largest"] == pytest.approx(float(p.max()), rel=1e-5)


class Autoencoder(models.Model):
    """A subclassed model with trackers of its own, trained without targets."""

    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = layers.Dense(4, activation="tanh"), layers.Dense(FEATURES)
        self.loss_tracker = metrics.Mean(name="loss")
        self.code_tracker = metrics.Mean(name="code")

    def call(self, x):
        return self.decoder(self.encoder(x))

    @property
    def metrics(self):
        return [self.loss_tracker, self.code_tracker]

    def step(self, x):
        code = self.encoder(x)
        error = ops.mean(ops.square(self.decoder(code) - x))
        self.loss_tracker.update_state(error)
        self.code_tracker.update_state(ops.mean(ops.abs(code)))
        return error

    def train_step(self, data):
        x, _, _ = utils.unpack_x_y_sample_weight(data)
        loss = self.step(x)
        self.optimizer.apply(fastfit.gradients(loss, self.trainable_weights), self.trainable_weights)
        return {m.name: m.result() for m in self.metrics}

    def test_step(self, data):
        self.step(utils.unpack_x_y_sample_weight(data)[0])
        return {m.name: m.result() for m in self.metrics}


def test_trackers_of_the_model():
    utils.set_random_seed(0)
    model = Autoencoder()
    model.compile(optimizer=fastfit.optimizers.Adam(0.01))
    history = model.fit(X, epochs=15, batch_size=20, verbose=0, validation_data=(X,)).history
    assert set(history) == {"loss", "code", "val_loss", "val_code"}
    assert history["loss"][-1] < 0.8 * history["loss"][0]
    result = model.evaluate(X, verbose=0, return_dict=True)
    error = float(np.mean((model.predict(X, verbose=0) - X) ** 2))
    assert result["loss"] == pytest.approx(error, rel=0.1)  # a mean over batches, not rows
    assert model.evaluate(X, batch_size=ROWS, verbose=0, return_dict=True)["loss"] == pytest.approx(error, rel=1e-5)
    model.reset_metrics()
    assert float(model.loss_tracker.result()) == 0


def test_metrics_in_attributes_are_the_models():
    class Own(models.Model):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.peak = metrics.Mean(name="peak")

        def compute_metrics(self, x, y, y_pred, sample_weight=None):
            self.peak.update_state(ops.max(y_pred, axis=-1))
            return super().compute_metrics(x, y, y_pred, sample_weight)

    model = compiled(Own)
    history = model.fit(X, Y, batch_size=30, epochs=2, verbose=0).history
    assert set(history) == {"loss", "accuracy", "peak"}
    assert 1 / CLASSES < history["peak"][-1] < 1
    assert "peak" in [m.name for m in model.metrics]


@pytest.mark.parametrize("with_training", [False, True])
def test_compute_loss_of_ones_own(with_training):
    if with_training:

        class Own(models.Model):
            def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
                return 2.0 * super().compute_loss(x, y, y_pred, sample_weight, training)
    else:

        class Own(models.Model):
            def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None):
                return 2.0 * super().compute_loss(x, y, y_pred, sample_weight)

    twice = build(models.Model)
    twice.compile("sgd", "sparse_categorical_crossentropy", loss_weights=[2.0], metrics=["accuracy"])
    own = build(Own)
    own.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    expected = twice.fit(X, Y, epochs=2, batch_size=32, shuffle=False, verbose=0).history
    found = own.fit(X, Y, epochs=2, batch_size=32, shuffle=False, verbose=0).history
    assert found.keys() == expected.keys()
    for key in expected:
        np.testing.assert_allclose(found[key], expected[key], rtol=1e-5)
    assert own.evaluate(X, Y, verbose=0)[0] == pytest.approx(2 * plain_loss(own), rel=1e-5)


def plain_loss(model):
    p = model.predict(X, verbose=0)
    return float(np.mean(losses.sparse_categorical_crossentropy(Y, p)))


def test_a_penalty_on_gradients():
    """Gradients inside the loss: the step differentiates a derivative."""

    class Own(models.Model):
        def train_step(self, data):
            x, y = data
            (slope,) = fastfit.gradients(ops.sum(self(x, training=True)[:, 0]), [x])
            penalty = ops.mean(ops.square(slope))
            loss = self.compute_loss(y=y, y_pred=self(x, training=True)) + 10.0 * penalty
            self.optimizer.apply(fastfit.gradients(loss, self.trainable_variables), self.trainable_variables)
            return {"penalty": penalty}

    smooth, rough = build(Own), build(Own)
    smooth.compile("sgd", "sparse_categorical_crossentropy")
    found = smooth.fit(X, Y, epochs=30, verbose=0).history["penalty"]
    # the first value is that of the formula
    w1, b1, w2, b2 = rough.get_weights()
    h = np.tanh(X @ w1 + b1)
    z = h @ w2 + b2
    p = np.exp(z - z.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    dz = p[:, :1] * (np.eye(CLASSES)[0] - p)
    slope = ((dz @ w2.T) * (1 - h**2)) @ w1.T
    rough.compile("sgd", "sparse_categorical_crossentropy")
    first = rough.train_on_batch(X, Y, return_dict=True)["penalty"]
    assert first == pytest.approx(np.mean(slope**2), rel=1e-4)
    assert found[-1] < first


def test_predict_step():
    class Own(models.Model):
        def predict_step(self, data):
            return {"class": ops.cast(ops.argmax(self(data[0]), axis=-1), "float32")}

    model = build(Own)
    found = model.predict(X, verbose=0)
    assert np.array_equal(found["class"], build(models.Model).predict(X, verbose=0).argmax(-1))


def test_errors():
    class NoDict(models.Model):
        def train_step(self, data):
            return 3.0

    class Rows(models.Model):
        def train_step(self, data):
            return {"loss": losses.sparse_categorical_crossentropy(data[1], self(data[0]))}

    for base, error, message in (
        (NoDict, TypeError, "train_step must return a dict.*Received: 3.0"),
        (Rows, ValueError, "'loss' of train_step has a value per row"),
    ):
        model = compiled(base)
        before = model.get_weights()
        with pytest.raises(error, match=message):
            model.fit(X, Y, verbose=0)
        assert all(np.array_equal(v, w) for v, w in zip(before, model.get_weights(), strict=True))
    with pytest.raises(RuntimeError, match="where a step is traced"):
        fastfit.gradients(np.float32(1), [])
