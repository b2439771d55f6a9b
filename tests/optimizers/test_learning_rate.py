"""Learning rates: numbers that may be set, schedules, functions; by themselves and while a model trains."""

import jax
import keras
import numpy as np
import pytest

import fastfit
from fastfit import layers, models, ops, optimizers
from fastfit.graph.evaluate import evaluate
from fastfit.graph.tensor import make_input
from fastfit.optimizers import schedules
from fastfit.saving import CustomObjectScope, register_keras_serializable
from tests.optimizers.table import SCHEDULES


def test_numbers():
    optimizer = optimizers.Adam(learning_rate=1)
    assert float(optimizer.learning_rate) == 1.0
    optimizer.learning_rate = 0.25
    assert float(optimizer.lr) == 0.25
    assert optimizer.has_constant_learning_rate
    np.testing.assert_allclose(optimizer.learning_rates(0, 3), [0.25] * 3)


def test_schedules():
    scheduled = optimizers.SGD(schedules.ExponentialDecay(0.1, 1, 0.5))
    np.testing.assert_allclose(scheduled.learning_rates(1, 2), [0.05, 0.025], rtol=1e-6)
    assert len(scheduled.variables) == 1 and not scheduled.has_constant_learning_rate
    with pytest.raises(TypeError, match="not settable"):
        scheduled.learning_rate = 0.1
    again = optimizers.deserialize(optimizers.serialize(scheduled))
    assert again._learning_rate.get_config() == scheduled._learning_rate.get_config()


@pytest.mark.parametrize(("name", "args"), SCHEDULES, ids=str)
def test_schedule_as_keras(name, args):
    ours, theirs = getattr(schedules, name)(*args), getattr(keras.optimizers.schedules, name)(*args)
    # as in a training step of its own; called eagerly, it compiles a branch for every step
    compiled = jax.jit(theirs)
    expected = [float(compiled(step)) for step in range(40)]
    assert float(theirs(7)) == pytest.approx(expected[7], rel=1e-6)
    np.testing.assert_allclose([float(ours(step)) for step in range(40)], expected, rtol=2e-6, atol=1e-8)
    np.testing.assert_allclose(ours(np.arange(40)), expected, rtol=2e-6, atol=1e-8)
    assert ours.get_config() == theirs.get_config()
    again = schedules.deserialize(schedules.serialize(ours))
    assert again.get_config() == ours.get_config()


@pytest.mark.parametrize(("name", "args"), SCHEDULES, ids=str)
def test_traced_schedule(name, args):
    ours = getattr(schedules, name)(*args)
    step = make_input((), "int64")
    (value,) = evaluate([ours(step)], {step: np.asarray(6)})
    np.testing.assert_allclose(value, float(ours(6)), rtol=1e-5)


# While a model trains: the gradient of its only weight is 1, so that learning rates add up in it ----------------------


def counting_model(optimizer):
    """A model whose only weight sinks by the learning rate in each step."""
    bias = layers.Dense(1, use_bias=False, kernel_initializer="zeros")
    model = models.Sequential([layers.Input((1,)), bias])
    model.compile(optimizer, lambda y, p: p)
    return model


def sink(model, steps, **options):
    """How far each epoch of so many steps takes the weight."""
    ones = np.ones((steps, 1), "float32")
    before = float(model.get_weights()[0].item())
    model.fit(ones, ones, batch_size=1, verbose=0, shuffle=False, **options)
    return before - float(model.get_weights()[0].item())


def test_set_between_steps_without_compiling_again():
    model = counting_model(optimizers.SGD(0.5))
    assert sink(model, 4) == pytest.approx(2.0)
    steps = model._steps.items()
    model.optimizer.learning_rate = 0.25
    assert sink(model, 4) == pytest.approx(1.0)
    assert model._steps.items() == steps

    class Halve(fastfit.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.optimizer.learning_rate = float(np.asarray(self.model.optimizer.learning_rate)) / 2

    assert sink(model, 3, callbacks=[Halve()]) == pytest.approx(0.25 + 0.125 + 0.0625)
    assert model._steps.items() == steps


def test_state_is_kept_over_fits():
    model = counting_model(optimizers.SGD(schedules.PiecewiseConstantDecay([3, 5], [1.0, 0.1, 0.01])))
    assert sink(model, 4) == pytest.approx(4.0)  # steps 0 to 3
    assert sink(model, 4) == pytest.approx(0.1 + 0.1 + 0.01 + 0.01, rel=1e-5)
    assert int(model.optimizer.iterations.numpy()) == 8


def test_function_is_called_once_for_each_step():
    calls = []

    def rate():
        calls.append(None)
        return 0.5 if len(calls) % 2 else 0.25

    model = counting_model(optimizers.SGD(rate))
    assert sink(model, 6) == pytest.approx(3 * 0.75)
    assert len(calls) == 6


@register_keras_serializable("test")
class Root(schedules.LearningRateSchedule):
    """Written with Python's own arithmetic on one step."""

    def __init__(self, start):
        self.start = start

    def __call__(self, step):
        return self.start if step < 2 else self.start / float(step) ** 0.5

    def get_config(self):
        return {"start": self.start}


class WithOps(schedules.LearningRateSchedule):
    def __call__(self, step):
        return ops.where(ops.less(step, 2), 1.0, 1.0 / ops.sqrt(ops.cast(step, "float32")))

    def get_config(self):
        return {}


@pytest.mark.parametrize("schedule", [Root(1.0), WithOps()], ids=["python", "ops"])
def test_own_schedule(schedule):
    model = counting_model(optimizers.SGD(schedule))
    assert sink(model, 90) == pytest.approx(2 + sum(i**-0.5 for i in range(2, 90)), rel=1e-5)


def test_own_schedule_in_a_config():
    config = optimizers.serialize(optimizers.SGD(Root(0.5)))
    assert optimizers.deserialize(config)._learning_rate.start == 0.5
    config = optimizers.serialize(optimizers.SGD(WithOps()))
    with CustomObjectScope({"WithOps": WithOps}):
        assert isinstance(optimizers.deserialize(config)._learning_rate, WithOps)


def test_registered_function_in_a_config():
    @register_keras_serializable("test")
    def slow():
        return 0.125

    config = optimizers.serialize(optimizers.SGD(slow))
    assert config["config"]["learning_rate"] == "test>slow"
    assert optimizers.deserialize(config)._learning_rate is slow


def test_decay_of_keras_2():
    with pytest.warns(DeprecationWarning, match="decay"):
        model = counting_model(optimizers.SGD(0.5, decay=1.0))
    assert sink(model, 3) == pytest.approx(0.5 + 0.25 + 0.5 / 3)
