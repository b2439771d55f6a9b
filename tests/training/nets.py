"""The networks that several tests train."""

import numpy as np

from fastfit.datasets.digits import load_data as load_digits
from fastfit.layers import Add, Concatenate, Dense, Dropout, Flatten, Input
from fastfit.models import Model


def r64(features=784, classes=10, activation="relu"):
    """The reference network: two hidden layers of 64."""
    inputs = Input(shape=(features,))
    x = Dense(64, activation=activation)(inputs)
    x = Dense(64, activation=activation)(x)
    return Model(inputs=inputs, outputs=Dense(classes, activation="softmax")(x))


def with_dropout(features=40, classes=5):
    """Dropout, a shared layer, a branch."""
    inputs = Input(shape=(features,))
    shared = Dense(48, activation="tanh")
    x = Dropout(0.3)(Dense(features, activation="relu")(inputs))
    x = Concatenate()([shared(x), shared(inputs)])
    x = Add()([Dense(24)(x), Dense(24, activation="sigmoid")(x)])
    return Model(inputs, Dense(classes, activation="softmax")(Dropout(0.1)(x)))


def images(classes=4):
    """Flatten over uint8 images."""
    inputs = Input(shape=(6, 6))
    return Model(inputs, Dense(classes, activation="softmax")(Dense(20, activation="relu")(Flatten()(inputs))))


def data(rows, features, classes, seed=0):
    """Inputs and class ids that can be learnt."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((rows, features)).astype("float32")
    y = np.argmax(x[:, :classes] + 0.3 * rng.standard_normal((rows, classes)), axis=1)
    return x, y


def digits(rows):
    """The embedded digits, enlarged to 28 x 28, in [0, 1]; repeated as often as needed."""
    (x, y), _ = load_digits()
    x = np.pad(np.kron(x, np.ones((1, 3, 3))), ((0, 0), (2, 2), (2, 2))).reshape(len(x), 784) / 16.0
    take = np.arange(rows) % len(x)
    return x[take].astype("float32"), y[take]
