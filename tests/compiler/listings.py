"""Programs whose listings `tests/golden/` keeps.

``python tests/compiler/listings.py`` prints them as JSON, ``--write`` writes them to `tests/golden/`. Always for the
generic kernels and two threads, whatever the machine has.
"""

import json
import os
import pathlib
import sys

import numpy as np

from fastfit import ops, optimizers
from fastfit.layers import Activation, Concatenate, Dense, Dropout, Input
from fastfit.models import Model
from fastfit.utils import clear_session, set_random_seed

# The engine is made when a model first needs it.
SETTINGS = {"FASTFIT_ISA": "generic", "FASTFIT_NUM_THREADS": "2", "FASTFIT_ARENA_GAP": "0"}
GOLDEN = pathlib.Path(__file__).resolve().parents[1] / "golden"
ROWS, BATCH = 70, 32


def reference():
    """R64: training, evaluation and prediction."""
    inputs = Input(shape=(784,))
    x = Dense(64, activation="relu")(inputs)
    x = Dense(64, activation="relu")(x)
    model = Model(inputs, Dense(10, activation="softmax")(x))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    x, y = np.zeros((ROWS, 784), "float32"), np.zeros(ROWS, "int64")
    model.fit(x, y, batch_size=BATCH, verbose=0)
    model.evaluate(x, y, batch_size=BATCH, verbose=0)
    model.predict(x, batch_size=BATCH, verbose=0)
    return model


def outputs():
    """Two outputs from a shared layer, loss weights, sample weights, a clipped norm and dropout."""
    inputs = Input(shape=(20,))
    shared = Dense(24, activation="tanh")
    x = Dropout(0.5)(Concatenate()([shared(inputs), shared(inputs * 2.0)]))
    model = Model(inputs, [Dense(1, name="a")(x), Dense(1, activation="sigmoid", name="b")(x)])
    optimizer = optimizers.SGD(0.1, momentum=0.9, clipnorm=1.0)
    model.compile(optimizer, ["mse", "binary_crossentropy"], loss_weights=[1.0, 0.5])
    x, y = np.zeros((ROWS, 20), "float64"), np.zeros((ROWS, 1), "float32")
    model.fit(x, [y, y], batch_size=BATCH, sample_weight=[np.ones(ROWS)] * 2, verbose=0)
    return model


def narrow():
    """Small layers and many rows: the blocks of their gradients are made with the rows, before the first update."""
    inputs = Input(shape=(4,))
    x = Dense(32, activation="tanh")(inputs)
    model = Model(inputs, Dense(4)(Dense(16, activation="tanh")(x)))
    model.compile("adam", "mse")
    x = np.zeros((2048, 4), "float32")
    model.fit(x, x, batch_size=2048, verbose=0)
    return model


def steps():
    """Three dimensions, a weight per step, a regularizer, an accumulating optimizer."""
    inputs = Input(shape=(6, 5))
    x = Dense(8, activation="gelu", kernel_regularizer="l2")(inputs)
    model = Model(inputs, Activation("softmax")(Dense(3)(x)))
    model.compile(optimizers.RMSprop(gradient_accumulation_steps=2), "categorical_crossentropy")
    x, y = np.zeros((ROWS, 6, 5), "float32"), np.zeros((ROWS, 6, 3), "float32")
    model.fit(x, y, batch_size=BATCH, sample_weight=np.ones((ROWS, 6)), verbose=0)
    return model


def host():
    """An op without native form runs as a host instruction."""
    inputs = Input(shape=(3, 3))
    model = Model(inputs, ops.inv(inputs) * 2.0)
    model.predict(np.stack([np.eye(3, dtype="float32")] * ROWS), batch_size=BATCH, verbose=0)
    return model


MODELS = (reference, outputs, narrow, steps, host)


def listings():
    """Name -> text."""
    found = {}
    for build in MODELS:
        clear_session()
        set_random_seed(0)
        found[build.__name__] = f"# {build.__doc__}\n{build().explain()}\n"
    return found


if __name__ == "__main__":
    os.environ.update(SETTINGS)
    texts = listings()
    if "--write" in sys.argv:
        for name, text in texts.items():
            (GOLDEN / f"{name}.txt").write_text(text)
    else:
        print(json.dumps(texts))
