"""`model.fit` of a library with Keras's interface: fastfit, or keras on the backend that KERAS_BACKEND names."""

import importlib
import time

from jobs import CHECK_STEPS, JOBS
from worker import serve, versions


def build(library, job):
    """The functional model of `job`, compiled for training with Adam."""
    layers = importlib.import_module(f"{library}.layers")
    models = importlib.import_module(f"{library}.models")
    inputs = layers.Input(shape=(job.inputs,))
    x = inputs
    for units in job.units[:-1]:
        x = layers.Dense(units, activation=job.activation)(x)
    outputs = layers.Dense(job.units[-1], activation="softmax" if job.classes else None)(x)
    return models.Model(inputs=inputs, outputs=outputs)


def compile_model(library, model, job):
    extra = {"jit_compile": True} if library == "keras" else {}
    if job.classes:
        model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"], **extra)
    else:
        model.compile(optimizer="adam", loss="mean_squared_error", **extra)


def setup(library, job, rows, batch, threads, epochs=1):
    spec = JOBS[job]
    if library == "keras":
        limit_torch(threads)
    x, y = spec.data(rows)

    def fresh():
        model = build(library, spec)
        model.set_weights(spec.weights())
        compile_model(library, model, spec)
        return model

    model = fresh()
    steps = -(-rows // batch) * epochs

    def check():
        count = min(rows, CHECK_STEPS * batch)
        repeats = CHECK_STEPS * batch // count
        history = fresh().fit(x[:count], y[:count], batch_size=batch, epochs=repeats, shuffle=False, verbose=0)
        return {"loss": float(history.history["loss"][-1])}

    def one_round():
        start = time.perf_counter()
        model.fit(x, y, batch_size=batch, epochs=epochs, verbose=0)
        return {"seconds": (time.perf_counter() - start) / steps, "steps": steps}

    commands = {"check": check, "round": one_round}
    if library == "fastfit":
        commands["peak"] = peak
    return {"versions": versions(library)}, commands


def peak(seconds=0.2):
    """The measured multiply-add peak of one core, in this process."""
    core = importlib.import_module("fastfit._core")
    return {"flops": core.Engine(None, 1).measure_fma(seconds)}


def limit_torch(threads):
    import os

    if os.environ.get("KERAS_BACKEND") == "torch":
        import torch

        torch.set_num_threads(threads)


if __name__ == "__main__":
    serve(setup)
