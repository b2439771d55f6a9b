"""Arguments of layers that cannot be meant: errors that say what was expected, and what was received."""

import numpy as np
import pytest

import fastfit as ff
from fastfit import layers

# What takes `input_shape` and its relatives: every layer that can be made without data.
MAKERS = {
    "Dense": lambda **kwargs: layers.Dense(3, **kwargs),
    "Dropout": lambda **kwargs: layers.Dropout(0.1, **kwargs),
    "Flatten": layers.Flatten,
    "Activation": lambda **kwargs: layers.Activation("relu", **kwargs),
    "Reshape": lambda **kwargs: layers.Reshape((2, 2), **kwargs),
    "Permute": lambda **kwargs: layers.Permute((1,), **kwargs),
    "RepeatVector": lambda **kwargs: layers.RepeatVector(2, **kwargs),
    "Identity": layers.Identity,
    "Lambda": lambda **kwargs: layers.Lambda(np.abs, **kwargs),
}
NO_SHAPES = [4, 4.5, "4", ("4",), (4.5,), (-4,), (True,), {4}, np.array(4), np.ones((2, 2), int)]


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("argument", ["input_shape", "batch_input_shape"])
def test_shapes_of_layers(name, argument):
    for shape in NO_SHAPES:
        with pytest.raises(ValueError, match=f"Received: {argument}="):
            MAKERS[name](**{argument: shape})


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("dim", [(4,), "4", 4.0, -4, True])
def test_input_dim(name, dim):
    with pytest.raises(ValueError, match="`input_dim` must be an integer. Received: input_dim="):
        MAKERS[name](input_dim=dim)


@pytest.mark.parametrize("shape", NO_SHAPES, ids=repr)
def test_shapes_of_inputs(shape):
    with pytest.raises(ValueError, match="Received: shape="):
        ff.Input(shape)
    with pytest.raises(ValueError, match="Received: batch_shape="):
        ff.Input(batch_shape=shape)


def test_a_forgotten_comma_is_named():
    with pytest.raises(ValueError, match=r"`input_shape` must be a tuple, such as \(4,\)\. Received: input_shape=4"):
        layers.Dense(3, input_shape=(4))  # noqa: UP034
    with pytest.raises(ValueError, match=r"such as \(None, 4\)\. Received: batch_input_shape=4"):
        layers.Dense(3, batch_input_shape=4)


@pytest.mark.filterwarnings("ignore:Do not pass an `input_shape`")
@pytest.mark.parametrize("shape", [(4,), [4], np.array([4]), (np.int64(4),)], ids=repr)
def test_shapes_that_are_meant(shape):
    assert ff.Input(shape).shape == (None, 4)
    model = ff.Sequential([layers.Dense(2, input_shape=shape)])
    assert model.input_shape == (None, 4)
    assert ff.Sequential([layers.Dense(2, input_dim=np.int64(4))]).input_shape == (None, 4)


@pytest.mark.parametrize("size", ["3", 2.5, -3, 0, True])
def test_batch_sizes(size):
    with pytest.raises(ValueError, match="Received: batch_size="):
        ff.Input((4,), batch_size=size)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.Dense("3"), "positive integer. Received: units='3'"),
        (lambda: layers.Dense(3.0), "Received: units=3.0"),
        (lambda: layers.Dense((3,)), r"Received: units=\(3,\)"),
        (lambda: layers.Dense(np.array([3])), "Received: units="),
        (lambda: layers.Dense(3, actvation="relu"), "'actvation': 'relu'} Did you mean 'activation'"),
        (lambda: layers.Dense(3, activation="rleu"), "'rleu'. Did you mean 'relu'?"),
        (lambda: layers.Dense(3, kernel_initializer="glorot"), "Did you mean 'glorot_normal' or 'glorot_uniform'"),
        (lambda: layers.Dense(3, trainable="no"), "Received: trainable='no'"),
        (lambda: layers.Dropout("0.5"), "Received: rate='0.5'"),
        (lambda: layers.Dropout(0.5, noise_shape=3), "Received: noise_shape=3"),
        (lambda: layers.Reshape(4), r"such as \(4,\). Received: target_shape=4"),
        (lambda: layers.Reshape("4"), "Received: target_shape='4'"),
        (lambda: layers.Reshape((4.0,)), "Received: target_shape="),
        (lambda: layers.Permute(1), "Received: dims=1"),
        (lambda: layers.Concatenate(axis="1"), "Received: axis='1'"),
        (lambda: ff.Sequential([layers.Dense]), r"Make one of the class: `Dense\(...\)`"),
        (lambda: ff.Sequential(layers.Dense(3), layers.Dense(4)), "Received: trainable=<Dense"),
    ],
)
def test_what_cannot_be_meant(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_numbers_of_numpy_are_numbers():
    assert layers.Dense(np.int64(3)).get_config()["units"] == 3
    assert layers.RepeatVector(np.int32(3)).get_config()["n"] == 3
    assert layers.Dropout(np.float32(0.5)).get_config()["rate"] == 0.5
    assert layers.Reshape(np.array([2, 2])).get_config()["target_shape"] == (2, 2)
