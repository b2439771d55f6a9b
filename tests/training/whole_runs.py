"""The table of whole runs: a network, its data, and the arguments of one or more calls of fit.

A value made by `by` is a function of the library, called anew for each run.
"""

import os
import tempfile

import numpy as np

from tests.training import nets
from tests.training.pairs import (
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
    regressor,
    several,
    sgd,
)

XV, YV = nets.data(33, FEATURES, CLASSES, seed=9)
WV = W[:33]
T, TV = TARGET, TARGET[:33]
STEPS = 4
SERIES = RNG.standard_normal((N, STEPS, 5)).astype("float32")
SERIES_Y = SERIES[..., :1] ** 2
SERIES_W = RNG.uniform(size=(N, STEPS)).astype("float32")
EVEN = (np.arange(N) % 2).astype("float32")  # half of the weights are zero


# Networks ----------------------------------------------------------------------------------------------------------


def penalized(lib):
    """Every regularizer, on kernels, biases and outputs."""
    r = lib.regularizers
    return lib.models.Sequential(
        [
            lib.layers.Input((FEATURES,)),
            lib.layers.Dense(8, "tanh", kernel_regularizer=r.L1L2(0.01, 0.02), bias_regularizer="l2"),
            lib.layers.Dense(3, activity_regularizer=r.L2(0.1), kernel_constraint=lib.constraints.MaxNorm(0.5)),
        ]
    )


def frozen(lib):
    model = regressor(lib)
    model.layers[0].trainable = False
    return model


def over_time(lib):
    inputs = lib.layers.Input((STEPS, 5))
    return lib.models.Model(inputs, lib.layers.Dense(1)(lib.layers.Dense(6, "tanh")(inputs)))


def nested(lib):
    """A model inside a model, whose inputs are a dict with a tuple."""
    inner = lib.models.Sequential([lib.layers.Input((5,)), lib.layers.Dense(4, "tanh")])
    a, b = lib.layers.Input((5,), name="a"), lib.layers.Input((5,), name="b")
    return lib.models.Model({"pair": (a, b)}, lib.layers.Dense(3, name="q")(lib.layers.Add()([inner(a), inner(b)])))


def weighted(lib):
    """Metrics whose names are taken by the unweighted ones, and by each other."""
    return ["mae", "mse", lib.metrics.MeanSquaredError(name="mae")]


MSE = {"optimizer": sgd(), "loss": "mse", "metrics": ["mae"]}
CLASSIFY = {
    "optimizer": sgd(),
    "loss": "sparse_categorical_crossentropy",
    "metrics": ["accuracy"],
    "weighted_metrics": ["sparse_categorical_crossentropy"],
}
NETS = {
    "classifier": (classifier, (), CLASSIFY),
    "adam": (regressor, (), {**MSE, "optimizer": by(lambda lib: lib.optimizers.Adam(0.02))}),
    "average": (regressor, (), {**MSE, "optimizer": by(lambda lib: lib.optimizers.SGD(0.1, use_ema=True))}),
    "regressor": (regressor, (), MSE),
    "clashing names": (
        regressor,
        (),
        {**MSE, "metrics": ["mae", "mae"], "weighted_metrics": by(weighted)},
    ),
    "steps_per_execution": (regressor, (), {**MSE, "steps_per_execution": 2}),
    "penalized": (penalized, (), MSE),
    "frozen": (frozen, (), MSE),
    "over time": (over_time, (), {**MSE, "weighted_metrics": ["mse"]}),
    "nested": (nested, (), MSE),
    "list": (
        several,
        ("list",),
        {
            "optimizer": sgd(),
            "loss": ["binary_crossentropy", "mse"],
            "loss_weights": [0.3, 2.0],
            "metrics": [["accuracy", "mae"], "mse"],
            "weighted_metrics": [["accuracy"], ["mae"]],
        },
    ),
    "dict": (
        several,
        ("dict",),
        {
            "optimizer": sgd(),
            "loss": {"p": "binary_crossentropy", "q": "mae"},
            "loss_weights": {"p": 0.5, "q": 1.5},
            "metrics": {"q": ["mae", "mse"]},
            "weighted_metrics": {"p": "accuracy"},
        },
    ),
}


# Data in batches ---------------------------------------------------------------------------------------------------


def batches(*arrays, batch=25, times=1):
    """A generator of tuples; `arrays` may be of any structure that `cut` knows."""
    for k in range(0, N * times, batch):
        yield tuple(cut(a, k % N, batch) for a in arrays)


def cut(a, start, batch):
    if isinstance(a, dict):
        return {k: cut(v, start, batch) for k, v in a.items()}
    if isinstance(a, (list, tuple)):
        return type(a)(cut(v, start, batch) for v in a)
    return a[start : start + batch]


def rows(lib, *arrays, batch=25, count=N):
    class Rows(lib.utils.PyDataset):
        def __len__(self):
            return -(-count // batch)

        def __getitem__(self, k):
            return tuple(cut(a, k * batch, batch) for a in arrays)

    return Rows()


# Callbacks ---------------------------------------------------------------------------------------------------------


def calls(name, *args, **kwargs):
    """A callback by name, a new one in each run."""
    return by(lambda lib: [getattr(lib.callbacks, name)(*args, **kwargs)])


def stops_in_batch(lib):
    class Stops(lib.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 1 and self.params["epochs"] == 4:
                self.model.stop_training = True

    return [Stops()]


def sets_weights(lib):
    class Sets(lib.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.model.set_weights([0.9 * w for w in self.model.get_weights()])

        def on_epoch_end(self, epoch, logs=None):
            logs["norm"] = float(np.sum(self.model.get_weights()[0] ** 2))

    return [Sets()]


def sets_rate(lib):
    class Sets(lib.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            self.model.optimizer.learning_rate = 0.01 * (batch + 1)

    return [Sets()]


def by_lambda(lib):
    """Functions that change the course, at the beginning and the end of epochs, batches and tests."""
    hook = lib.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: setattr(hook.model.optimizer, "learning_rate", 0.1 / (1 + epoch)),
        on_train_batch_end=lambda batch, logs: batch == 1 and hook.model.set_weights(halves(hook.model)),
        on_test_end=lambda logs: hook.model.set_weights(halves(hook.model)),
        on_epoch_end=lambda epoch, logs: logs.update(twice=2 * logs["loss"]),
    )
    return [hook]


def halves(model):
    return [0.5 * w for w in model.get_weights()]


def saves_and_reloads(whole, **monitor):
    """The weights of one epoch, read back when training is over or, of a whole model, as the next epoch begins."""

    def make(lib):
        path = os.path.join(tempfile.mkdtemp(), "kept.keras" if whole else "kept.weights.h5")

        class Reloads(lib.callbacks.Callback):
            def on_epoch_begin(self, epoch, logs=None):
                if whole and epoch == 2:
                    self.model.set_weights(lib.models.load_model(path).get_weights())

            def on_train_end(self, logs=None):
                if not whole:
                    self.model.load_weights(path)

        return [lib.callbacks.ModelCheckpoint(path, save_weights_only=not whole, **monitor), Reloads()]

    return by(make)


V = {"validation_data": (X, T)}
STOP = {**V, "epochs": 6, "batch_size": 25}

# name: network, x and y, arguments of fit (a list: of one call after the other)
RUNS = {
    # every argument
    "plain": ("classifier", (X, Y), {}),
    "batch_size": ("classifier", (X, Y), {"batch_size": 7, "epochs": 3}),
    "one batch": ("classifier", (X, Y), {"batch_size": 1000, "epochs": 2}),
    "initial_epoch": ("classifier", (X, Y), {"epochs": 5, "initial_epoch": 3}),
    "no epoch": ("classifier", (X, Y), {"epochs": 2, "initial_epoch": 2}),
    "steps_per_epoch": ("classifier", (X, Y), {"steps_per_epoch": 2, "batch_size": 30}),
    "steps that go on": ("classifier", (X, Y), {"steps_per_epoch": 1, "batch_size": 20, "epochs": 3}),
    "steps give the batch": ("regressor", (X, T), {"steps_per_epoch": 3, "epochs": 2}),
    "steps_per_execution": ("steps_per_execution", (X, T), {"batch_size": 15, "epochs": 2}),
    "two fits": (
        "adam",
        (X, T),
        [{"epochs": 2, "batch_size": 25}, {"epochs": 4, "initial_epoch": 2, "batch_size": 25}],
    ),
    # validation
    "validation_split": ("classifier", (X, Y), {"validation_split": 0.3, "epochs": 2}),
    "validation_split of frames of time": ("over time", (SERIES, SERIES_Y), {"validation_split": 0.25}),
    "validation_data": ("classifier", (X, Y), {"validation_data": (XV, YV), "epochs": 2}),
    "validation_weights": ("classifier", (X, Y), {"validation_data": (XV, YV, WV), "epochs": 2}),
    "validation list": ("classifier", (X, Y), {"validation_data": [XV, YV]}),
    "validation both": ("classifier", (X, Y), {"validation_data": (XV, YV), "validation_split": 0.5}),
    "validation_freq": ("classifier", (X, Y), {"validation_data": (XV, YV), "epochs": 5, "validation_freq": 2}),
    "validation_freq list": (
        "classifier",
        (X, Y),
        {"validation_data": (XV, YV), "epochs": 4, "validation_freq": [1, 4]},
    ),
    "validation_freq late": (
        "classifier",
        (X, Y),
        {"validation_data": (XV, YV), "epochs": 6, "initial_epoch": 3, "validation_freq": 2},
    ),
    "validation_steps": ("classifier", (X, Y), {"validation_data": (XV, YV), "validation_steps": 2, "batch_size": 8}),
    "validation_batch_size": ("classifier", (X, Y), {"validation_data": (XV, YV), "validation_batch_size": 5}),
    "validation generator": (
        "regressor",
        (X, T),
        {"validation_data": by(lambda lib: batches(X, T, W, times=9)), "validation_steps": 2},
    ),
    "validation dataset": (
        "regressor",
        (X, T),
        {"validation_data": by(lambda lib: rows(lib, X, T, batch=20)), "batch_size": 25, "epochs": 2},
    ),
    "validation dataset with steps": (
        "regressor",
        (X, T),
        {"validation_data": by(lambda lib: rows(lib, X, T, W)), "validation_steps": 2, "batch_size": 25, "epochs": 3},
    ),
    # weights
    "sample_weight": ("classifier", (X, Y), {"sample_weight": W, "epochs": 2}),
    "sample_weight column": ("classifier", (X, Y), {"sample_weight": W[:, None], "epochs": 2}),
    "sample_weight split": ("classifier", (X, Y), {"sample_weight": W, "validation_split": 0.4}),
    "sample_weight zeros": ("classifier", (X, Y), {"sample_weight": EVEN, "epochs": 2}),
    "sample_weight of time": ("over time", (SERIES, SERIES_Y), {"sample_weight": SERIES_W, "epochs": 2}),
    "sample_weight of time, column": ("over time", (SERIES, SERIES_Y), {"sample_weight": SERIES_W[..., None]}),
    "sample_weight shared": ("list", ([A, B], [P, Q]), {"sample_weight": W}),
    "sample_weight list": ("list", ([A, B], [P, Q]), {"sample_weight": [W, EVEN], "validation_split": 0.2}),
    "sample_weight dict": ("dict", ({"a": A, "b": B}, {"p": P, "q": Q}), {"sample_weight": {"p": W, "q": EVEN}}),
    "class_weight": ("classifier", (X, Y), {"class_weight": {0: 2.0, 1: 0.5, 3: 4.0}, "epochs": 2}),
    "class_weight and validation": (
        "classifier",
        (X, Y),
        {"class_weight": {0: 2.0, 2: 0.1}, "validation_data": (XV, YV)},
    ),
    "class_weight and dataset": (
        "classifier",
        (by(lambda lib: rows(lib, X, Y)),),
        {"class_weight": {1: 3.0}, "epochs": 2},
    ),
    # forms of the data
    "generator": ("regressor", (by(lambda lib: batches(X, T)),), {}),
    "generator with weights and steps": (
        "classifier",
        (by(lambda lib: batches(X, Y, W, times=9)),),
        {"steps_per_epoch": 2, "epochs": 3},
    ),
    "generator of short batches": ("classifier", (by(lambda lib: batches(X, Y, batch=32)),), {}),
    "generator of lists": ("list", (by(lambda lib: batches((A, B), (P, Q), (W, EVEN))),), {}),
    "generator of dicts": ("dict", (by(lambda lib: batches({"a": A, "b": B}, {"p": P, "q": Q})),), {}),
    "dataset": ("regressor", (by(lambda lib: rows(lib, X, T, W)),), {"epochs": 2}),
    "dataset with steps": ("regressor", (by(lambda lib: rows(lib, X, T)),), {"epochs": 3, "steps_per_epoch": 2}),
    "tuples": ("list", ((A, B), (P, Q)), {"validation_data": ((A, B), (P, Q), (W, W))}),
    "dicts": (
        "dict",
        ({"b": B, "a": A}, {"q": Q, "p": P}),
        {"validation_data": ({"a": A, "b": B}, {"p": P, "q": Q}), "epochs": 2},
    ),
    "nested": ("nested", ({"pair": (A, B)}, Q), {"validation_split": 0.2, "epochs": 2}),
    "float64 and one axis": ("over time", (SERIES.astype("float64"), SERIES_Y.astype("float64")), {"batch_size": 50}),
    # compile
    "clashing names": ("clashing names", (X, T), {"sample_weight": W, "validation_data": (X, T, W)}),
    "penalized": ("penalized", (X, T), {"epochs": 2, "batch_size": 20, "validation_split": 0.2}),
    "frozen": ("frozen", (X, T), {"epochs": 2}),
    # callbacks
    "early stopping": ("regressor", (X, T), {**STOP, "callbacks": calls("EarlyStopping", "loss", mode="max")}),
    "early stopping restores": (
        "regressor",
        (X, T),
        {**STOP, "callbacks": calls("EarlyStopping", "val_loss", mode="max", patience=2, restore_best_weights=True)},
    ),
    "early stopping not reached": (
        "regressor",
        (X, T),
        {**STOP, "epochs": 2, "callbacks": calls("EarlyStopping", mode="max", patience=9, restore_best_weights=True)},
    ),
    "early stopping baseline": (
        "regressor",
        (X, T),
        {**STOP, "callbacks": calls("EarlyStopping", "val_mae", baseline=0.01, mode="min", patience=3)},
    ),
    "early stopping late": (
        "regressor",
        (X, T),
        {**STOP, "callbacks": calls("EarlyStopping", "loss", mode="max", start_from_epoch=3)},
    ),
    "early stopping of another output": (
        "list",
        ([A, B], [P, Q]),
        {"epochs": 5, "callbacks": calls("EarlyStopping", "q_mse", mode="max", restore_best_weights=True)},
    ),
    "reduce on plateau": (
        "regressor",
        (X, T),
        {
            **STOP,
            "callbacks": calls("ReduceLROnPlateau", "val_loss", factor=0.3, patience=1, min_delta=0.5, cooldown=1),
        },
    ),
    "reduce to a minimum": (
        "adam",
        (X, T),
        {**STOP, "callbacks": calls("ReduceLROnPlateau", "loss", factor=0.1, patience=1, min_delta=9.0, min_lr=0.005)},
    ),
    "scheduler": (
        "adam",
        (X, T),
        {**STOP, "callbacks": calls("LearningRateScheduler", lambda epoch, lr: lr * 0.8 ** (epoch + 1))},
    ),
    "scheduler of the epoch": (
        "regressor",
        (X, T),
        {**STOP, "callbacks": calls("LearningRateScheduler", lambda epoch: 0.2 / (1 + epoch))},
    ),
    "lambdas": ("regressor", (X, T), {**STOP, "epochs": 3, "callbacks": by(by_lambda)}),
    "best weights reloaded": (
        "regressor",
        (X, T),
        {**STOP, "epochs": 4, "callbacks": saves_and_reloads(False, monitor="loss", mode="max", save_best_only=True)},
    ),
    "weights by validation reloaded": (
        "adam",
        (X, T),
        {
            **STOP,
            "epochs": 4,
            "callbacks": saves_and_reloads(False, monitor="val_mae", mode="max", save_best_only=True),
        },
    ),
    "model reloaded": (
        "adam",
        (X, T),
        {**STOP, "epochs": 4, "callbacks": saves_and_reloads(True, save_best_only=True, initial_value_threshold=9.0)},
    ),
    "weights by batches reloaded": (
        "regressor",
        (X, T),
        {**STOP, "epochs": 3, "callbacks": saves_and_reloads(False, save_freq=2)},
    ),
    "nan": (
        "regressor",
        (np.where(np.arange(N)[:, None] == 40, np.nan, X), T),
        {"epochs": 3, "batch_size": 25, "callbacks": calls("TerminateOnNaN")},
    ),
    "stop in a batch": ("regressor", (X, T), {**V, "epochs": 4, "batch_size": 25, "callbacks": by(stops_in_batch)}),
    "weights set by a callback": ("regressor", (X, T), {**STOP, "callbacks": by(sets_weights)}),
    "rate set by a callback": ("regressor", (X, T), {**STOP, "callbacks": by(sets_rate)}),
    "averaged weights": ("average", (X, T), {**STOP, "callbacks": calls("SwapEMAWeights")}),
    "averaged weights by epoch": (
        "average",
        (X, T),
        {**STOP, "callbacks": calls("SwapEMAWeights", swap_on_epoch=True)},
    ),
    "average without swapping": ("average", (X, T), {**STOP, "epochs": 2}),
}
