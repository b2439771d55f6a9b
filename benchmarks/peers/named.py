"""R64 with any loss, metric or activation: time of a training step, and how many of its instructions run in Python."""

import time

import numpy as np
from jobs import JOBS
from worker import serve, versions

import fastfit
from fastfit import activations, layers, losses, metrics, models

BATCH = 32


def numpy_crossentropy(y_true, y_pred):
    """Categorical cross-entropy as a user writes it."""
    p = y_pred / np.sum(y_pred, axis=-1, keepdims=True)
    return -np.sum(y_true * np.log(np.clip(p, 1e-7, 1 - 1e-7)), axis=-1)


def public(module, base):
    """Names of the classes of a module that can be made without arguments."""
    found = []
    for name in sorted(set(dir(module))):
        value = getattr(module, name)
        if isinstance(value, type) and issubclass(value, base) and value is not base:
            try:
                value()
            except (TypeError, ValueError):
                continue
            found.append(name)
    return found


def names():
    # without the two that take no targets, and the one activation that has no default arguments
    used = [name for name in public(metrics, metrics.Metric) if name not in ("Mean", "Sum")]
    functions = [name for name in keras_surface(activations) if name != "threshold"]
    return {"loss": public(losses, losses.Loss), "metric": used, "activation": functions}


def keras_surface(module):
    """Names of the module's own functions of tensors."""
    others = {"get", "serialize", "deserialize"}
    found = {n: getattr(module, n) for n in dir(module) if n[0].islower() and n not in others}
    return sorted(n for n, value in found.items() if getattr(value, "__module__", None) == module.__name__)


def setup(threads, rows):
    del threads  # given by the environment
    spec = JOBS["r64"]
    x, ids = spec.data(rows)
    dense = np.eye(spec.units[-1], dtype="float32")[ids]
    steps = rows // BATCH
    built = {}

    def model_of(kind, name):
        sparse = (name or "").startswith(("Sparse", "CategoricalGeneralized", "Circle"))
        loss = "sparse_categorical_crossentropy" if sparse else "categorical_crossentropy"
        hidden, used = "linear", []
        if kind == "loss" and name is not None:
            loss = numpy_crossentropy if name == "numpy" else getattr(losses, name)()
        if kind == "metric" and name is not None:
            used = [getattr(metrics, name)()]
        if kind == "activation" and name is not None:
            hidden = name
        inputs = layers.Input(shape=(spec.inputs,))
        h = inputs
        for units in spec.units[:-1]:
            h = layers.Dense(units, activation=hidden)(h)
        model = models.Model(inputs, layers.Dense(spec.units[-1], activation="softmax")(h))
        model.compile(optimizer="adam", loss=loss, metrics=used)
        y = ids if sparse else dense
        model.fit(x[: 2 * BATCH], y[: 2 * BATCH], batch_size=BATCH, verbose=0)
        return model, y

    def one_round(kind, name):
        if (kind, name) not in built:
            built.clear() if len(built) > 4 else None
            built[kind, name] = model_of(kind, name)
        model, y = built[kind, name]
        start = time.perf_counter()
        model.fit(x, y, batch_size=BATCH, verbose=0)
        seconds = (time.perf_counter() - start) / steps
        listing = model.explain().split("train:")[1].split("test:")[0]
        return {"seconds": seconds, "host": sum(line.endswith("HOST") for line in listing.splitlines())}

    commands = {"round": one_round, "names": lambda: {"names": names()}}
    return {"versions": versions("fastfit"), "version": fastfit.__version__}, commands


if __name__ == "__main__":
    serve(setup)
