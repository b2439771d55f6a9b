"""fit, evaluate, predict and the batch methods, against installed Keras from the same weights."""

import numpy as np
import pytest

import fastfit
from fastfit import callbacks
from fastfit.training.loops import permutation
from tests.training import nets
from tests.training.pairs import (  # noqa: F401  quick_compiler is a fixture
    BOTH,
    CLASSES,
    FEATURES,
    RNG,
    TARGET,
    A,
    B,
    N,
    P,
    Q,
    W,
    X,
    Y,
    by,
    classifier,
    close,
    fit_both,
    keras,
    pair,
    quick_compiler,
    regressor,
    several,
    sgd,
)

XV, YV = nets.data(33, FEATURES, CLASSES, seed=9)


SPARSE = {"optimizer": sgd(), "loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]}
WEIGHTED = {**SPARSE, "weighted_metrics": ["sparse_categorical_crossentropy"]}
MSE = {"optimizer": sgd(), "loss": "mse", "metrics": ["mae"]}


@pytest.mark.parametrize("optimizer", ["rmsprop", "Adam", "sgd", "adamw"])
def test_optimizers_by_name(optimizer):
    fit_both(pair(classifier, optimizer=optimizer, loss="sparse_categorical_crossentropy"), X, Y, epochs=2)


@pytest.mark.parametrize(
    ("loss", "y"),
    [
        ("sparse_categorical_crossentropy", Y),
        ("sparse_categorical_crossentropy", Y[:, None].astype("float32")),
        ("categorical_crossentropy", np.eye(CLASSES)[Y]),
        ("mse", np.eye(CLASSES)[Y]),
        ("mae", np.eye(CLASSES, dtype="uint8")[Y]),
        ("kl_divergence", np.eye(CLASSES)[Y]),
        ("huber", np.eye(CLASSES)[Y]),
        ("binary_crossentropy", np.eye(CLASSES)[Y]),
        (by(lambda lib: lib.losses.CategoricalCrossentropy(label_smoothing=0.1)), np.eye(CLASSES)[Y]),
        (by(lambda lib: lib.losses.MeanSquaredError(reduction="sum")), np.eye(CLASSES)[Y]),
    ],
)
def test_losses(loss, y):
    models = pair(
        classifier,
        optimizer=sgd(),
        loss=loss,
        metrics=["accuracy", "mse"] if y.ndim == 2 and y.shape[1] > 1 else ["acc"],
    )
    fit_both(models, X, y, epochs=2, batch_size=15, sample_weight=W)


def test_history_and_metric_names():
    models = pair(
        classifier,
        optimizer=sgd(),
        loss="categorical_crossentropy",
        metrics=["accuracy", "mae"],
        weighted_metrics=["mae", "mse"],
    )
    history = fit_both(models, X, np.eye(CLASSES)[Y], epochs=2, validation_split=0.2, sample_weight=W)
    assert models[0].history is history
    assert history.params["epochs"] == 2 and history.params["steps"] == 2
    again = models[0].fit(X, np.eye(CLASSES)[Y], verbose=0)
    assert again is not history and len(again.history["loss"]) == 1


def test_shuffle():
    """True: another order each epoch, all rows. "batch": rows move inside their batch. False: in order."""
    order = []

    class Marks(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            order[-1].append(float(self.model.get_weights()[0][0, 0]))

        def on_epoch_begin(self, epoch, logs=None):
            self.model.set_weights([np.zeros((1, 1))])
            order.append([])

    def batches(shuffle, epochs=3, n=12, batch=4):
        # batch k adds the sum of its powers of two: the rows can be read from the weight
        fastfit.utils.set_random_seed(1)
        model = fastfit.models.Sequential([fastfit.layers.Input((1,)), fastfit.layers.Dense(1, use_bias=False)])
        model.compile(fastfit.optimizers.SGD(1.0), lambda y, p: -p * 1.0)
        order.clear()
        model.fit(2.0 ** np.arange(n)[:, None], np.zeros(n), batch_size=batch, epochs=epochs, shuffle=shuffle,
                  verbose=0, callbacks=[Marks()])  # fmt: skip
        sums = [np.diff(np.array(epoch) * batch, prepend=0).astype(int) for epoch in order]
        return [[{k for k in range(n) if s >> k & 1} for s in epoch] for epoch in sums]

    in_order = [set(range(0, 4)), set(range(4, 8)), set(range(8, 12))]
    assert batches(False) == [in_order] * 3
    assert batches("batch") == [in_order] * 3
    shuffled = batches(True)
    assert all(set().union(*epoch) == set(range(12)) for epoch in shuffled)
    assert shuffled[0] != shuffled[1] != in_order
    assert batches(True) == shuffled
    assert batches(True, batch=12)[0] == [set(range(12))]


def test_shuffle_within_batches_moves_rows():
    order = permutation(10, 4, "batch")
    assert [sorted(order[k : k + 4]) for k in (0, 4, 8)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert any(list(permutation(10, 4, "batch")) != list(range(10)) for _ in range(5))


# Streams -----------------------------------------------------------------------------------------------------------


def generator(*arrays, batch=10, forever=False):
    while True:
        for k in range(0, len(arrays[0]), batch):
            yield tuple(a[k : k + batch] for a in arrays)
        if not forever:
            return


def test_generators():
    fit_both(pair(classifier, **SPARSE), lambda: generator(X, Y))
    fit_both(pair(classifier, **SPARSE), lambda: generator(X, Y, W))
    fit_both(
        pair(classifier, **SPARSE),
        lambda: generator(X, Y, forever=True),
        epochs=3,
        steps_per_epoch=5,
        validation_data=(XV, YV),
        validation_steps=1,
    )


def test_generators_of_evaluate_and_predict():
    ours, theirs = pair(classifier, **SPARSE)
    for kwargs in ({}, {"steps": 3}):
        close(
            ours.evaluate(generator(X, Y, W), verbose=0, **kwargs),
            theirs.evaluate(generator(X, Y, W), verbose=0, **kwargs),
        )
        close(ours.predict(generator(X, Y), verbose=0, **kwargs), theirs.predict(generator(X, Y), verbose=0, **kwargs))


def test_a_stream_that_ends_early():
    model = pair(classifier, **SPARSE)[0]
    with pytest.warns(UserWarning, match="ran out of data"):
        history = model.fit(generator(X, Y), epochs=4, steps_per_epoch=6, verbose=0)
    assert history.epoch[:2] == [0, 1] and len(history.epoch) < 4
    assert all(loss > 0 for loss in history.history["loss"])  # an epoch without any batch leaves no entry
    with pytest.warns(UserWarning, match="ran out of data"):
        model.fit(X, Y, batch_size=30, steps_per_epoch=9, verbose=0)


# Several inputs and outputs ----------------------------------------------------------------------------------------

SEVERAL = {
    "one loss": {"loss": ["binary_crossentropy", "mse"]},
    "dict": {"loss": {"p": "binary_crossentropy", "q": "mae"}, "loss_weights": {"p": 0.3, "q": 2.0}},
    "metrics": {"loss": ["mse", "mse"], "loss_weights": [0.5, 1.5], "metrics": [["accuracy", "mae"], ["mse"]]},
    "metrics dict": {"loss": ["mse", "mse"], "metrics": {"q": ["mae"], "p": "accuracy"},
                     "weighted_metrics": [None, ["mse"]]},
    "no loss for q": {"loss": ["mse", None]},
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("one loss", "list"),
        ("dict", "list"),
        ("dict", "dict"),
        ("metrics", "list"),
        ("metrics dict", "dict"),
        ("no loss for q", "list"),
    ],
)
def test_several(name, form):
    arguments = SEVERAL[name]
    if form == "dict" and isinstance(arguments["loss"], list):
        arguments = {k: dict(zip("pq", v, strict=True)) if isinstance(v, list) else v for k, v in arguments.items()}
    models = pair(several, form, optimizer=sgd(), **arguments)
    x = [A, B] if form == "list" else {"a": A, "b": B}
    y = [P, Q] if form == "list" else {"p": P, "q": Q}
    w = [W, W[::-1]] if form == "list" else {"p": W, "q": W[::-1]}
    fit_both(models, x, y, epochs=2, batch_size=15, validation_split=0.2)
    fit_both(models, x, y, sample_weight=w, batch_size=15)
    ours, theirs = models
    quiet = {"verbose": 0, "batch_size": 15}
    close(ours.predict(x, **quiet), theirs.predict(x, **quiet))
    close(ours.evaluate(x, y, **quiet), theirs.evaluate(x, y, **quiet))
    close(ours.evaluate(x, y, return_dict=True, **quiet), theirs.evaluate(x, y, return_dict=True, **quiet))
    x, y = ({k: a[:15] for k, a in d.items()} if form == "dict" else [a[:15] for a in d] for d in (x, y))
    close(ours.train_on_batch(x, y, return_dict=True), theirs.train_on_batch(x, y, return_dict=True))
    assert isinstance(ours.predict_on_batch(x), dict if form == "dict" else list)


def test_dicts_for_lists():
    ours, theirs = pair(several, optimizer=sgd(), loss="mse")
    fit_both((ours, theirs), {"b": B, "a": A, "c": B}, [P, Q])
    before = ours.get_weights()
    ours.fit([A, B], {"q": Q, "p": P}, shuffle=False, verbose=0)
    named = ours.get_weights()
    ours.set_weights(before)
    ours.fit((A, B), (P, Q), shuffle=False, verbose=0)
    close(ours.get_weights(), named)


def test_dense_over_more_axes():
    def make(lib):
        inputs = lib.layers.Input((6, 5))
        x = lib.layers.Dense(8, activation="relu")(inputs)
        return lib.models.Model(inputs, lib.layers.Dense(3, activation="softmax")(x))

    x = RNG.standard_normal((N, 6, 5)).astype("float32")
    ids = RNG.integers(0, 3, (N, 6))
    fit_both(pair(make, **SPARSE), x, ids, epochs=2, batch_size=15)
    fit_both(pair(make, **SPARSE), x, ids[..., None], epochs=2, batch_size=15)
    fit_both(pair(make, **MSE), x, np.eye(3)[ids], epochs=2, validation_split=0.2)
    weight = RNG.uniform(size=(N, 6))
    weighted = {**SPARSE, "weighted_metrics": ["accuracy"]}
    fit_both(pair(make, **weighted), x, ids, batch_size=15, sample_weight=weight)
    # one weight per sample counts for all its steps; Keras 3 cannot, so it is given one for every step
    ours, theirs = pair(make, **weighted)
    one = ours.fit(x, ids, batch_size=15, sample_weight=W, shuffle=False, verbose=0)
    every = theirs.fit(x, ids, batch_size=15, sample_weight=np.repeat(W[:, None], 6, 1), shuffle=False, verbose=0)
    close(one.history, every.history)
    close(ours.get_weights(), theirs.get_weights())


def test_regularizers_dropout_and_flatten():
    def make(lib):
        inputs = lib.layers.Input((3, 4))
        x = lib.layers.Flatten()(inputs)
        x = lib.layers.Dense(
            8, "relu", kernel_regularizer="l2", bias_regularizer=lib.regularizers.L1(0.01), bias_initializer="ones"
        )(x)
        x = lib.layers.Dropout(0.0)(x)
        return lib.models.Model(inputs, lib.layers.Dense(3, activity_regularizer=lib.regularizers.L2(0.1))(x))

    models = pair(make, **MSE)
    fit_both(models, X.reshape(N, 3, 4), TARGET, epochs=2, batch_size=15, validation_split=0.2)
    close(*[m.evaluate(X.reshape(N, 3, 4), TARGET, verbose=0) for m in models])


def test_models_inside_models():
    def make(lib):
        inner = lib.models.Sequential([lib.layers.Input((FEATURES,)), lib.layers.Dense(9, activation="tanh")])
        inputs = lib.layers.Input((FEATURES,))
        return lib.models.Model(inputs, lib.layers.Dense(3)(inner(inputs)))

    fit_both(pair(make, **MSE), X, TARGET, epochs=2)


def test_frozen_layers():
    models = pair(regressor)
    for lib, model in zip(BOTH, models, strict=True):
        model.layers[0].trainable = False
        model.compile(lib.optimizers.SGD(0.1), "mse")
    kept = models[0].get_weights()[0]
    fit_both(models, X, TARGET, epochs=2)
    np.testing.assert_array_equal(models[0].get_weights()[0], kept)
    models[0].layers[0].trainable = True
    models[0].compile(fastfit.optimizers.SGD(0.1), "mse")
    models[0].fit(X, TARGET, verbose=0)
    assert not np.array_equal(models[0].get_weights()[0], kept)


def test_no_trainable_weights():
    model = pair(regressor, optimizer="sgd", loss="mse")[0]
    model.trainable = False
    model.compile("sgd", "mse")
    before = model.get_weights()
    with pytest.warns(UserWarning, match="no trainable weights"):
        history = model.fit(X, TARGET, verbose=0)
    close(model.get_weights(), before)
    assert history.history["loss"][0] == pytest.approx(model.evaluate(X, TARGET, verbose=0), rel=1e-5)


# Losses that the user writes ---------------------------------------------------------------------------------------


def in_ops(lib):
    def smooth(y_true, y_pred):
        d = lib.ops.abs(y_true - y_pred)
        return lib.ops.mean(lib.ops.where(d < 1.0, 0.5 * d**2, lib.ops.log(1.0 + d) - 0.2), axis=-1)

    return smooth


def in_numpy(lib):
    xp = np if lib is fastfit else keras.ops

    def cauchy(y_true, y_pred):
        return xp.mean(xp.log1p(xp.square(y_true - y_pred) / 2.0), axis=-1)

    return cauchy


def with_host_operations(lib):
    """Sorting and cumulated sums have no kernel."""

    def energy(y_true, y_pred):
        gap = lib.ops.cumsum(lib.ops.sort(y_pred, axis=-1) - lib.ops.sort(y_true, axis=-1), axis=-1)
        return lib.ops.mean(lib.ops.square(gap), axis=-1)

    return energy


def of_a_class(lib):
    class Quartic(lib.losses.Loss):
        def call(self, y_true, y_pred):
            return lib.ops.mean((y_pred - y_true) ** 4, axis=-1)

    return Quartic(reduction="sum_over_batch_size")


@pytest.mark.parametrize("loss", [in_ops, in_numpy, with_host_operations, of_a_class])
def test_own_losses(loss):
    models = pair(regressor, optimizer=by(lambda lib: lib.optimizers.Adam(0.01)), loss=by(loss), metrics=[])
    fit_both(models, X, TARGET, epochs=3, batch_size=15, sample_weight=W, validation_split=0.2)


def test_own_metrics():
    def bias(lib):
        def mean_gap(y_true, y_pred):
            return lib.ops.mean(y_pred - y_true, axis=-1)

        return [mean_gap, lambda y, p: lib.ops.max(p, axis=-1)]

    history = fit_both(pair(regressor, optimizer=sgd(), loss="mse", metrics=by(bias)), X, TARGET, epochs=2)
    assert list(history.history) == ["lambda", "loss", "mean_gap"]


def test_added_losses():
    def make(lib):
        class Penalty(lib.layers.Layer):
            def call(self, x):
                self.add_loss(0.1 * lib.ops.mean(x * x))
                return x

        inputs = lib.layers.Input((FEATURES,))
        return lib.models.Model(inputs, Penalty()(lib.layers.Dense(3)(inputs)))

    models = pair(make, optimizer=sgd(), loss="mse")
    fit_both(models, X, TARGET, epochs=2)
    without = pair(make, optimizer=sgd())
    fit_both(without, X, epochs=2)
    close(*[m.evaluate(X, verbose=0) for m in without])


# Callbacks ---------------------------------------------------------------------------------------------------------

HOOKS = [
    *(f"on_{kind}_{when}" for kind in ("train", "epoch", "test", "predict") for when in ("begin", "end")),
    *(f"on_{kind}_batch_{when}" for kind in ("train", "test", "predict") for when in ("begin", "end")),
]


def recorder(lib, stop=None):
    """A callback that notes every hook, its index and the keys of its logs; `stop` is the hook where it stops."""
    calls = []

    def make(hook):
        def function(self, *args, logs=None):
            *index, logs = args if logs is None else [*args, logs]
            calls.append((hook, *index, tuple(logs or ())))
            if stop is not None and (hook, *index) == tuple(stop):
                self.model.stop_training = True

        return function

    return type("Recorder", (lib.callbacks.Callback,), {hook: make(hook) for hook in HOOKS})(), calls


@pytest.mark.parametrize("stop", [None, ("on_train_batch_end", 1), ("on_epoch_end", 0), ("on_epoch_begin", 1)])
def test_hooks(stop):
    models = pair(classifier, **SPARSE)
    noted = []
    for lib, model in zip(BOTH, models, strict=True):
        callback, calls = recorder(lib, stop)
        arguments = {"batch_size": 30, "verbose": 0, "callbacks": [callback]}
        history = model.fit(X, Y, epochs=3, validation_data=(XV, YV), validation_freq=2, shuffle=False, **arguments)
        model.evaluate(X, Y, **arguments)
        model.predict(X, **arguments)
        noted.append((calls, history.epoch, list(history.history)))
    assert noted[0] == noted[1]
    assert {call[0] for call in noted[0][0]} >= set(HOOKS) - ({"on_test_begin"} if stop else set())


def test_old_batch_hooks_and_what_callbacks_know():
    seen = []

    class Old(callbacks.Callback):
        def on_batch_begin(self, batch, logs=None):
            seen.append(("begin", batch))

        def on_batch_end(self, batch, logs=None):
            seen.append(("end", batch, sorted(logs)))

        def on_train_begin(self, logs=None):
            seen.append(dict(self.params))
            assert self.model is model

    model = pair(classifier, **SPARSE)[0]
    model.fit(X, Y, batch_size=40, epochs=1, verbose=0, callbacks=[Old()])
    keys = ["accuracy", "loss"]
    assert seen[1:] == [("begin", 0), ("end", 0, keys), ("begin", 1), ("end", 1, keys)]
    assert seen[0]["epochs"] == 1 and seen[0]["steps"] == 2 and seen[0]["verbose"] == 0


def test_batch_logs_are_running_values():
    values = []
    for lib, model in zip(BOTH, pair(classifier, **SPARSE), strict=True):
        logs = []

        class Notes(lib.callbacks.Callback):
            def on_train_batch_end(self, batch, logs=None, logs_of=logs):
                logs_of.append(dict(logs))

        model.fit(X, Y, batch_size=20, epochs=2, shuffle=False, verbose=0, callbacks=[Notes()])
        values.append(logs)
    assert len(values[0]) == 8
    close(*values)


def test_logs_that_callbacks_add():
    class Adds(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["mine"] = epoch * 2

    history = pair(classifier, **SPARSE)[0].fit(X, Y, epochs=2, verbose=0, callbacks=Adds())
    assert list(history.history) == ["accuracy", "loss", "mine"] and history.history["mine"] == [0, 2]
    assert all(type(v) is float for v in history.history["loss"])


def test_steps_per_execution():
    calls = []

    class Notes(callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            calls.append(("begin", batch))

        def on_train_batch_end(self, batch, logs=None):
            calls.append(("end", batch))

    model = pair(classifier, **{**SPARSE, "steps_per_execution": 3})[0]
    model.fit(X, Y, batch_size=10, verbose=0, callbacks=[Notes()])
    assert calls == [("begin", 0), ("end", 2), ("begin", 3), ("end", 5), ("begin", 6), ("end", 7)]


def test_stopping_evaluate_and_predict():
    class Stops(callbacks.Callback):
        def on_test_batch_end(self, batch, logs=None):
            self.model.stop_evaluating = batch == 1

        def on_predict_batch_end(self, batch, logs=None):
            self.model.stop_predicting = batch == 1

    model = pair(classifier, **SPARSE)[0]
    assert len(model.predict(X, batch_size=10, verbose=0, callbacks=[Stops()])) == 20
    part = model.evaluate(X, Y, batch_size=10, verbose=0, callbacks=[Stops()])
    assert part == pytest.approx(model.evaluate(X[:20], Y[:20], verbose=0), rel=1e-5)


# evaluate, predict, one batch --------------------------------------------------------------------------------------


def test_evaluate():
    # with the same metric in both, Keras's list holds one value twice
    ours, theirs = pair(classifier, **WEIGHTED)
    for kwargs in (
        {},
        {"batch_size": 8},
        {"sample_weight": W},
        {"steps": 2},
        {"return_dict": True},
        {"batch_size": 8, "steps": 3},
    ):
        close(ours.evaluate(X, Y, verbose=0, **kwargs), theirs.evaluate(X, Y, verbose=0, **kwargs))
    ours, theirs = pair(classifier, optimizer="sgd", loss="sparse_categorical_crossentropy")
    assert isinstance(ours.evaluate(X, Y, verbose=0), float)
    close(ours.evaluate(X, Y, verbose=0), theirs.evaluate(X, Y, verbose=0))


def test_predict():
    ours, theirs = pair(classifier)
    for kwargs in ({}, {"batch_size": 7}, {"steps": 2}, {"batch_size": 9, "steps": 2}):
        close(ours.predict(X, verbose=0, **kwargs), theirs.predict(X, verbose=0, **kwargs))
    close(ours.predict_on_batch(X), theirs.predict_on_batch(X))
    for outputs in (ours(X), ours(X, training=False), ours([X]), ours(X.astype("float64"))):
        close(outputs, np.asarray(theirs(X)))


def test_one_batch():
    # with the same metric in both, Keras's list holds one value twice
    ours, theirs = pair(classifier, **WEIGHTED)
    for kwargs in ({}, {"sample_weight": W}, {"class_weight": {0: 3.0, 2: 0.5}}, {"return_dict": True}):
        close(ours.train_on_batch(X, Y, **kwargs), theirs.train_on_batch(X, Y, **kwargs))
        close(ours.get_weights(), theirs.get_weights())
    for kwargs in ({}, {"sample_weight": W}, {"return_dict": True}):
        close(ours.test_on_batch(X, Y, **kwargs), theirs.test_on_batch(X, Y, **kwargs))
    close(ours.get_weights(), theirs.get_weights())


# Calls inside other layers -----------------------------------------------------------------------------------------


class Outer(fastfit.layers.Layer):
    """Calls a model that has a fast way for arrays of its own."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def call(self, x):
        return self.inner(x)


def test_a_model_inside_a_layer_keeps_the_training_flag():
    inner = fastfit.models.Sequential([fastfit.layers.Input((50,)), fastfit.layers.Dropout(0.5)])
    x = np.ones((4, 50), "float32")
    for _ in range(2):  # the second time the fast way is ready
        np.testing.assert_array_equal(inner(x), x)
        np.testing.assert_array_equal(inner.predict_on_batch(x), x)
        outer = Outer(inner)
        assert set(np.unique(outer(x, training=True))) == {0.0, 2.0}
        np.testing.assert_array_equal(outer(x, training=False), x)
        np.testing.assert_array_equal(outer(x), x)


def test_a_model_in_a_trace_gives_gradients():
    """A model that is called on an array in another one's loss is part of the graph."""
    inner = fastfit.models.Sequential([fastfit.layers.Input((2,)), fastfit.layers.Dense(1, use_bias=False)])
    fixed = np.ones((1, 2), "float32")
    first = inner(fixed)
    inner(fixed)
    inner.compile(fastfit.optimizers.SGD(0.1), lambda y, p: (p - y) * 0.0 + fastfit.ops.sum(inner(fixed)) ** 2)
    inner.fit(np.zeros((1, 2)), np.zeros((1, 1)), verbose=0)
    np.testing.assert_allclose(inner(fixed), first * (1 - 0.1 * 2 * 2), rtol=1e-5)
