"""What programs hold, how much of it is kept, and that models give back all they took."""

import numpy as np

from fastfit import Input, Model, layers


def net(width=64):
    inputs = Input((None, 8))
    model = Model(inputs, layers.Dense(width)(layers.Dense(width, activation="relu")(inputs)))
    model.compile("sgd", "mse")
    return model


def step(model, length, rows=32, width=64):
    model.train_on_batch(np.zeros((rows, length, 8), "f"), np.zeros((rows, length, width), "f"))


def test_a_program_says_how_many_bytes_it_holds():
    model = net()
    step(model, 4)
    (first,) = model._steps.values()
    (small,) = first.compiled._programs
    assert small.nbytes > small.arena().nbytes > 0
    step(model, 64)
    large = list(model._steps.values())[-1].compiled._programs[0]
    grown = large.nbytes - small.nbytes
    assert grown >= large.arena().nbytes - small.arena().nbytes > 0
