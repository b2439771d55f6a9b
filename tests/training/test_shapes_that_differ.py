"""Targets that do not go with the predictions: an error that names loss or metric, output and both shapes."""

import numpy as np
import pytest

import fastfit as ff
from fastfit import losses, metrics

RNG = np.random.default_rng(0)
X = RNG.normal(size=(48, 4)).astype("float32")
IDS = np.arange(48) % 3
HOT = np.eye(3, dtype="float32")[IDS]
SPARSE = ("SparseCategoricalAccuracy", "SparseTopKCategoricalAccuracy", "SparseCategoricalCrossentropy")
ARGUMENTS = {
    "IoU": (3, [0]),
    "MeanIoU": (3,),
    "OneHotIoU": (3, [0]),
    "OneHotMeanIoU": (3,),
    "SensitivityAtSpecificity": (0.5,),
    "SpecificityAtSensitivity": (0.5,),
    "PrecisionAtRecall": (0.5,),
    "RecallAtPrecision": (0.5,),
    "TopKCategoricalAccuracy": (2,),
    "SparseTopKCategoricalAccuracy": (2,),
}
NAMES = [name for name in metrics.__all__ if name[0].isupper() and name not in ("Mean", "Sum", "Metric")]
NAMES.remove("MeanMetricWrapper")


def any_loss(y, p):
    return ff.ops.mean(p, axis=-1)


def model(units=3, **kwargs):
    net = ff.Sequential([ff.Input((4,)), ff.layers.Dense(units, activation="softmax", name="out")])
    net.compile(**{"optimizer": "sgd", "loss": any_loss, **kwargs})
    return net


def refuses(net, y, *parts):
    before = net.get_weights()
    runs = [lambda: net.fit(X, y, verbose=0), lambda: net.evaluate(X, y, verbose=0), lambda: net.train_on_batch(X, y)]
    for run in runs:
        with pytest.raises(ValueError, match="output 'out'") as caught:
            run()
        for part in parts:
            assert part in str(caught.value)
    for a, b in zip(net.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in SPARSE])
def test_metrics_of_class_ids(name):
    for y, shape in ((IDS, "(None,)"), (IDS[:, None], "(None, 1)")):
        net = model(metrics=[getattr(metrics, name)(*ARGUMENTS.get(name, ()), name="m")])
        refuses(net, y, "metric 'm'", name, f"y_true.shape={shape}", "y_pred.shape=(None, 3)", "to_categorical")


@pytest.mark.parametrize("name", NAMES)
def test_metrics_of_another_number_of_columns(name):
    net = model(metrics=[getattr(metrics, name)(*ARGUMENTS.get(name, ()), name="m")])
    refuses(net, np.eye(5, dtype="f4")[IDS], "metric 'm'", name, "y_true.shape=(None, 5)", "y_pred.shape=(None, 3)")


@pytest.mark.parametrize("name", SPARSE)
def test_sparse_metrics_of_one_hot_targets(name):
    net = model(metrics=[getattr(metrics, name)(*ARGUMENTS.get(name, ()), name="m")])
    refuses(net, HOT, "metric 'm'", "y_true.shape=(None, 3)", "y.argmax(axis=-1)", "CategoricalAccuracy")


@pytest.mark.parametrize("name", NAMES)
def test_metrics_of_what_fits(name):
    net = model(metrics=[getattr(metrics, name)(*ARGUMENTS.get(name, ()), name="m")])
    net.fit(X, IDS if name in SPARSE else HOT, verbose=0)
    if name not in SPARSE and not name.endswith(("IoU", "Score")) and "Categorical" not in name:
        one = model(metrics=[getattr(metrics, name)(*ARGUMENTS.get(name, ()), name="m")])
        one.pop()
        one.add(ff.layers.Dense(1, activation="sigmoid"))  # one unit takes targets with and without its axis
        for y in (X[:, 0] > 0, X[:, :1] > 0):
            one.fit(X, y.astype("f4"), verbose=0)


LOSSES = [name for name in losses.FUNCTIONS if name not in ("circle", "categorical_generalized_cross_entropy")]


@pytest.mark.parametrize("as_class", [False, True], ids=["function", "class"])
@pytest.mark.parametrize("name", LOSSES)
def test_losses_of_other_shapes(name, as_class):
    loss = name
    if as_class:
        cls = next(c for c in losses._CLASSES if ff.utils.naming.to_snake_case(c.__name__) in (name, f"{name}_loss"))
        loss = cls()
    wide = RNG.uniform(size=(48, 24)).astype("f4")
    refuses(model(20, loss=loss), wide, "In the loss of", "y_true.shape=(None, 24)", "y_pred.shape=(None, 20)")
    if name.startswith("sparse"):
        refuses(model(loss=loss), HOT, "y_true.shape=(None, 3)", "'categorical_crossentropy'", "y.argmax")
    else:
        refuses(model(loss=loss), IDS, "y_true.shape=(None,)", "'sparse_categorical_crossentropy'", "to_categorical")


def test_functions_of_the_users_decide_for_themselves():
    def mine(y, p):
        return ff.ops.abs(ff.ops.sum(p, axis=-1) - ff.ops.cast(y, "float32"))

    history = model(loss=mine, metrics=[mine]).fit(X, IDS, verbose=0).history
    assert sorted(history) == ["loss", "mine"]

    class Sums(metrics.Precision):
        def update_state(self, y_true, y_pred, sample_weight=None):
            super().update_state(y_true, ff.ops.mean(y_pred, axis=-1, keepdims=True))

    model(loss="sparse_categorical_crossentropy", metrics=[Sums()]).fit(X, IDS, verbose=0)


def test_an_error_of_a_metric_of_the_users_names_it():
    def mine(y, p):
        return ff.ops.matmul(p, ff.ops.ones((4, 1)))

    with pytest.raises(ValueError, match="In the metric 'mine' of output 'out'"):
        model(metrics=[mine]).fit(X, HOT, verbose=0)


# Softmax of one value, and steps that train nothing -------------------------------------------------------------------


@pytest.mark.parametrize(
    "use",
    [
        lambda: ff.layers.Dense(1, activation="softmax")(ff.Input((4,))),
        lambda: ff.layers.Dense(1, activation=ff.activations.softmax)(ff.Input((4,))),
        lambda: ff.layers.Activation("softmax")(ff.Input((3, 1))),
        lambda: ff.layers.Lambda(ff.ops.softmax)(ff.Input((1,))),
        lambda: ff.ops.softmax(np.ones((1, 3)), axis=0),
        lambda: ff.activations.softmax(X[:, :1]),
    ],
)
def test_a_softmax_of_one_value_warns(use):
    with pytest.warns(UserWarning, match="always 1. Did you mean to use a sigmoid instead") as caught:
        use()
    assert {w.filename for w in caught} == {__file__}


@pytest.mark.filterwarnings("error")
def test_a_softmax_of_several_values_does_not():
    ff.layers.Dense(2, activation="softmax")(ff.Input((4,)))
    ff.ops.softmax(X[:1])
    ff.ops.softmax(X, axis=None)


class Own(ff.Model):
    def __init__(self):
        super().__init__()
        self.d = ff.layers.Dense(1)

    def call(self, z):
        return self.d(z)


class OwnStep(Own):
    def train_step(self, data):
        x, y = data
        loss = ff.ops.mean(ff.ops.square(self(x, training=True) - y))
        variables = self.trainable_variables
        self.optimizer.apply(ff.gradients(loss, variables), variables)
        return {"loss": loss}


class OwnLoss(Own):
    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return ff.ops.mean(ff.ops.square(y_pred - y))


class OwnWeights(Own):
    """Trains without gradients."""

    def train_step(self, data):
        self.d.kernel.assign(self.d.kernel * 0.5)
        return {"a": 1.0}


@pytest.mark.parametrize("cls", [Own, OwnStep, OwnLoss])
@pytest.mark.parametrize("method", ["train_on_batch", "fit"])
def test_a_step_that_trains_nothing_warns_once(cls, method):
    net = cls()
    net(X)
    net.compile("sgd", "mse")
    net.trainable = False
    before = net.get_weights()
    with pytest.warns(UserWarning, match="no trainable weights") as caught:
        for _ in range(3):
            net.train_on_batch(X, X[:, :1]) if method == "train_on_batch" else net.fit(X, X[:, :1], verbose=0)
    assert len(caught) == 1 and caught[0].filename == __file__
    for a, b in zip(net.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)
    net.trainable = True
    net.train_on_batch(X, X[:, :1])
    assert not np.array_equal(net.get_weights()[0], before[0])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("cls", [Own, OwnStep, OwnLoss, OwnWeights])
def test_a_step_that_trains_does_not_warn(cls):
    net = cls()
    net(X)
    net.compile("sgd", "mse")
    net.train_on_batch(X, X[:, :1])


def test_a_generator_trains_through_a_frozen_discriminator():
    d = ff.Sequential([ff.Input((4,)), ff.layers.Dense(1, activation="sigmoid")])
    d.compile("sgd", "binary_crossentropy")
    d.trainable = False
    z = ff.Input((2,))
    gan = ff.Model(z, d(ff.layers.Dense(4)(z)))
    gan.compile("sgd", "binary_crossentropy")
    y = (X[:, :1] > 0).astype("f4")
    with pytest.warns(UserWarning, match="no trainable weights") as caught:
        for _ in range(3):
            d.train_on_batch(X, y)
            gan.train_on_batch(X[:, :2], y)
    assert len(caught) == 1


# Learning rates -------------------------------------------------------------------------------------------------------

BAD = [-0.1, float("nan"), float("inf"), np.float32(-1)]


@pytest.mark.parametrize("rate", BAD)
@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop", "Lion", "Adafactor"])
def test_learning_rates_that_cannot_be_meant(name, rate):
    cls = getattr(ff.optimizers, name)
    with pytest.raises(ValueError, match="finite number >= 0. Received: learning_rate="):
        cls(learning_rate=rate)
    optimizer = cls()
    before = float(optimizer.learning_rate)
    with pytest.raises(ValueError, match="finite number >= 0"):
        optimizer.learning_rate = rate
    assert float(optimizer.learning_rate) == before
    optimizer.learning_rate = 0.0


class Falls(ff.optimizers.schedules.LearningRateSchedule):
    def __call__(self, step):
        return 0.02 - 0.01 * step

    def get_config(self):
        return {}


@pytest.mark.parametrize(
    "rate",
    [Falls(), lambda: -0.1, lambda: float("nan"), lambda: None],
    ids=["schedule", "negative", "nan", "none"],
)
def test_learning_rates_that_are_computed(rate):
    net = model(loss="mse", optimizer=ff.optimizers.SGD(rate))
    with pytest.raises(ValueError, match="learning rate must be a"):
        net.fit(X, HOT, batch_size=4, verbose=0)


def test_a_callback_sets_no_negative_rate():
    net = model(loss="mse")
    with pytest.raises(ValueError, match="finite number >= 0"):
        net.fit(X, HOT, verbose=0, callbacks=[ff.callbacks.LearningRateScheduler(lambda epoch: -0.1)])


# Functions without a `return` -----------------------------------------------------------------------------------------


class Silent(ff.layers.Layer):
    def call(self, z):
        pass


class SilentLoss(losses.Loss):
    def call(self, y, p):
        pass


class SilentResult(metrics.Metric):
    def update_state(self, y, p, sample_weight=None):
        pass

    def result(self):
        pass


def _own(**methods):
    net = type("Net", (Own,), methods)()
    net.compile("sgd", "mse")
    return net


def _none(*args, **kwargs):
    return None


@pytest.mark.parametrize(
    ("run", "who"),
    [
        (lambda: Silent(name="quiet")(X), "Silent 'quiet'"),
        (lambda: Silent(name="quiet")(ff.Input((4,))), "Silent 'quiet'"),
        (lambda: ff.layers.Lambda(_none, name="quiet")(X), "Lambda 'quiet'"),
        (lambda: ff.layers.Dense(2, activation=_none, name="quiet")(X), "Dense 'quiet'"),
        (lambda: _own(call=_none)(X), r"`call\(\)` of Net"),
        (lambda: _own(call=_none).predict(X, verbose=0), r"`call\(\)` of Net"),
        (lambda: _own(call=_none).fit(X, X[:, :1], verbose=0), r"`call\(\)` of Net"),
        (lambda: _own(call=_none).evaluate(X, X[:, :1], verbose=0), r"`call\(\)` of Net"),
        (lambda: _own(predict_step=_none).predict(X, verbose=0), r"`predict_step\(\)` of Net"),
        (lambda: _own(compute_loss=lambda self, **k: None).fit(X, X[:, :1], verbose=0), r"`compute_loss\(\)` of Net"),
        (lambda: model(loss=_none).fit(X, HOT, verbose=0), "output 'out': Loss '_none' must return"),
        (lambda: model(loss=SilentLoss(name="quiet")).fit(X, HOT, verbose=0), "Loss 'quiet' must return"),
        (lambda: model(metrics=[_none]).fit(X, HOT, verbose=0), "metric '_none' returned None"),
        (lambda: model(metrics=[SilentResult(name="quiet")]).fit(X, HOT, verbose=0), r"`result\(\)` of metric 'quiet'"),
        (lambda: _regular(kernel_regularizer=_none).fit(X, X[:, :1], verbose=0), "regularizer '_none' of"),
        (lambda: _regular(activity_regularizer=_none).fit(X, X[:, :1], verbose=0), "regularizer '_none' of"),
        (lambda: _regular(kernel_constraint=_none).fit(X, X[:, :1], verbose=0), "kernel' cannot be None"),
    ],
)
def test_a_forgotten_return_is_named(run, who):
    with pytest.raises(ValueError, match=f"{who}.*Received: None|{who}.*return"):
        run()


def _regular(**kwargs):
    net = ff.Sequential([ff.Input((4,)), ff.layers.Dense(1, **kwargs)])
    net.compile("sgd", "mse")
    return net


@pytest.mark.parametrize("name", ["train_step", "test_step", "compute_metrics"])
def test_a_step_without_a_return(name):
    net = _own(**{name: _none})
    with pytest.raises(TypeError, match="must return a dict.*Received: None"):
        (net.evaluate if name == "test_step" else net.fit)(X, X[:, :1], verbose=0)
