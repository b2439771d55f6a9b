"""Optimizers and schedules against Keras, step by step, through ``apply``."""

import keras
import numpy as np
import pytest

from fastfit import optimizers
from fastfit.graph import trace
from fastfit.graph.evaluate import evaluate
from fastfit.graph.tensor import make_input
from fastfit.graph.variable import Variable
from fastfit.optimizers import schedules

RNG = np.random.default_rng(0)
START = [RNG.standard_normal((3, 4)).astype("float32"), RNG.standard_normal(4).astype("float32")]
GRADS = [[RNG.standard_normal(w.shape).astype("float32") for w in START] for _ in range(7)]

ROWS = [
    ("SGD", {}),
    ("SGD", {"momentum": 0.9}),
    ("SGD", {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    ("SGD", {"clipnorm": 1.0}),
    ("SGD", {"global_clipnorm": 1.0}),
    ("SGD", {"clipvalue": 0.5}),
    ("SGD", {"use_ema": True}),
    ("RMSprop", {}),
    ("RMSprop", {"momentum": 0.5}),
    ("RMSprop", {"centered": True}),
    ("RMSprop", {"centered": True, "momentum": 0.5, "weight_decay": 0.01}),
    ("Adam", {}),
    ("Adam", {"amsgrad": True}),
    ("AdamW", {}),
    ("AdamW", {"learning_rate": 0.1, "weight_decay": 0.3}),
    ("Adam", {"use_ema": True, "ema_overwrite_frequency": 3}),
    ("Adam", {"gradient_accumulation_steps": 2}),
    ("SGD", {"gradient_accumulation_steps": 3, "momentum": 0.9, "weight_decay": 0.1}),
    ("Adam", {"loss_scale_factor": 8.0}),
]


def variables(make):
    return [make(w, name=name) for w, name in zip(START, ("kernel", "bias"), strict=True)]


@pytest.mark.parametrize(("name", "kwargs"), ROWS, ids=str)
def test_apply_as_keras(name, kwargs):
    ours, theirs = getattr(optimizers, name)(**kwargs), getattr(keras.optimizers, name)(**kwargs)
    mine, other = variables(Variable), variables(keras.Variable)
    for grads in GRADS:
        ours.apply(grads, mine)
        theirs.apply([keras.ops.array(g) for g in grads], other)
    for a, b in zip(mine + ours.variables, other + theirs.variables, strict=True):
        np.testing.assert_allclose(a.numpy(), np.asarray(b), rtol=1e-6, atol=1e-7)
    assert int(np.asarray(ours.iterations)) == int(np.asarray(theirs.iterations))
    ours.finalize_variable_values(mine)
    theirs.finalize_variable_values(other)
    np.testing.assert_allclose(mine[0].numpy(), np.asarray(other[0]), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(("name", "kwargs"), ROWS, ids=str)
def test_traced_apply_equals_eager_apply(name, kwargs):
    eager, traced = getattr(optimizers, name)(**kwargs), getattr(optimizers, name)(**kwargs)
    mine, other = variables(Variable), variables(Variable)
    traced.build(other)
    with trace.Trace() as t:
        inputs = [make_input(w.shape) for w in START]
        traced.apply(inputs, other)
    updates = list(t.updates.items())
    for grads in GRADS:
        eager.apply(grads, mine)
        values = evaluate([tensor for _, tensor in updates], dict(zip(inputs, grads, strict=True)))
        for (v, _), value in zip(updates, values, strict=True):
            v.assign(value)
    for a, b in zip(mine + eager.variables, other + traced.variables, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(("name", "kwargs"), ROWS, ids=str)
def test_config_as_keras(name, kwargs):
    ours, theirs = getattr(optimizers, name)(**kwargs), getattr(keras.optimizers, name)(**kwargs)
    config = ours.get_config()
    expected = theirs.get_config()
    assert set(config) == set(expected)
    assert {k: v for k, v in config.items() if k not in ("name", "learning_rate")} == {
        k: v for k, v in expected.items() if k not in ("name", "learning_rate")
    }
    again = optimizers.deserialize(optimizers.serialize(ours))
    assert again.get_config() == config


def test_native_forms():
    cases = {
        ("SGD", ()): ("sgd", [0.0, 0.0], 0),
        ("SGD", (("momentum", 0.9),)): ("momentum", [0.0, 0.9], 1),
        ("SGD", (("momentum", 0.9), ("nesterov", True))): ("nesterov", [0.0, 0.9], 1),
        ("RMSprop", ()): ("rmsprop", [0.0, 0.9, 0.0, 1e-7], 1),
        ("RMSprop", (("momentum", 0.5),)): ("rmsprop_mom", [0.0, 0.9, 0.5, 1e-7], 2),
        ("RMSprop", (("centered", True),)): ("rmsprop_cen", [0.0, 0.9, 0.0, 1e-7], 2),
        ("RMSprop", (("centered", True), ("momentum", 0.5))): ("rmsprop_cenmom", [0.0, 0.9, 0.5, 1e-7], 3),
        ("Adam", ()): ("adam", [0.0, 0.9, 0.999, 1e-7], 2),
        ("Adam", (("amsgrad", True),)): ("amsgrad", [0.0, 0.9, 0.999, 1e-7], 3),
        ("AdamW", ()): ("adam", [0.004, 0.9, 0.999, 1e-7], 2),
    }
    for (name, kwargs), (op, h, slots) in cases.items():
        optimizer = getattr(optimizers, name)(**dict(kwargs))
        optimizer.build(variables(Variable))
        assert optimizer.native() == (op, h)
        assert [s.shape for s in optimizer.native_slots(1)] == [(4,)] * slots
    names = [v.name for v in optimizers.RMSprop(centered=True, momentum=0.1)._variables]
    assert names == ["iteration", "learning_rate"]


def test_exclusion_from_weight_decay():
    optimizer = optimizers.SGD(1.0, weight_decay=0.5)
    w, b = variables(Variable)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    optimizer.build([w, b])
    assert optimizer.native(w)[1][0] == 0.5 and optimizer.native(b)[1][0] == 0.0
    optimizer.apply([np.zeros_like(s) for s in START])
    np.testing.assert_allclose(w.numpy(), START[0] * 0.5, rtol=1e-6)
    np.testing.assert_allclose(b.numpy(), START[1])
    with pytest.raises(ValueError, match="before the optimizer is built"):
        optimizer.exclude_from_weight_decay(var_list=[w])
    by_variable = optimizers.SGD(1.0, weight_decay=0.5)
    by_variable.exclude_from_weight_decay(var_list=[w])
    assert not by_variable.uses_weight_decay(w) and by_variable.uses_weight_decay(b)


def test_constraints_follow_the_update():
    v = Variable(START[0])
    v.constraint = lambda w: np.maximum(w, 0)
    optimizers.SGD(0.1).apply([GRADS[0][0]], [v])
    assert v.numpy().min() == 0


def test_learning_rate():
    optimizer = optimizers.Adam(learning_rate=1)
    assert float(optimizer.learning_rate) == 1.0
    optimizer.learning_rate = 0.25
    assert float(optimizer.lr) == 0.25
    assert optimizer.has_constant_learning_rate
    np.testing.assert_allclose(optimizer.learning_rates(0, 3), [0.25] * 3)
    scheduled = optimizers.SGD(schedules.ExponentialDecay(0.1, 1, 0.5))
    np.testing.assert_allclose(scheduled.learning_rates(1, 2), [0.05, 0.025], rtol=1e-6)
    assert len(scheduled.variables) == 1 and not scheduled.has_constant_learning_rate
    with pytest.raises(TypeError, match="not settable"):
        scheduled.learning_rate = 0.1
    assert float(optimizers.SGD(lambda: 0.5).learning_rate) == 0.5
    again = optimizers.deserialize(optimizers.serialize(scheduled))
    assert again._learning_rate.get_config() == scheduled._learning_rate.get_config()


def test_old_names():
    with pytest.warns(DeprecationWarning, match="learning_rate"):
        optimizer = optimizers.SGD(lr=0.3)
    assert float(optimizer.learning_rate) == pytest.approx(0.3)
    with pytest.warns(DeprecationWarning, match="decay"):
        decayed = optimizers.SGD(0.1, decay=1.0)
    np.testing.assert_allclose(decayed.learning_rates(0, 3), [0.1, 0.05, 0.1 / 3], rtol=1e-6)
    v = Variable(np.zeros(1, "float32"))
    decayed.apply([np.ones(1, "float32")], [v])
    decayed.apply([np.ones(1, "float32")], [v])
    np.testing.assert_allclose(v.numpy(), [-0.15], rtol=1e-6)
    assert optimizers.Adam(epsilon=None).epsilon == 1e-7


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: optimizers.SGD(rate=1), "not recognized.*rate"),
        (lambda: optimizers.SGD(momentum=2), "momentum=2"),
        (lambda: optimizers.SGD("fast"), "learning_rate=fast"),
        (lambda: optimizers.SGD(clipnorm=1.0, clipvalue=1.0), "Only one of"),
        (lambda: optimizers.SGD(gradient_accumulation_steps=1), "gradient_accumulation_steps=1"),
        (lambda: optimizers.SGD(use_ema=True, ema_momentum=1.5), "ema_momentum=1.5"),
        (lambda: optimizers.SGD(use_ema=True, ema_overwrite_frequency=0), "ema_overwrite_frequency=0"),
        (lambda: optimizers.AdamW(weight_decay=None), "weight_decay"),
        (lambda: optimizers.get("nonsense"), "nonsense"),
        (lambda: optimizers.get(optimizers.Adam), "Adam"),
        (lambda: optimizers.SGD().apply([1.0]), "must already be built"),
        (lambda: optimizers.SGD().apply([None], [Variable(START[1])]), "No gradients"),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_get_in_any_case():
    for name in ("adam", "Adam", "ADAM"):
        assert isinstance(optimizers.get(name), optimizers.Adam)
    made = optimizers.SGD()
    assert optimizers.get(made) is made and optimizers.get(None) is None
    assert isinstance(optimizers.get({"class_name": "rmsprop", "config": {"rho": 0.5}}), optimizers.RMSprop)


def test_unknown_variable_and_missing_gradient():
    optimizer = optimizers.SGD()
    w, b = variables(Variable)
    with pytest.warns(UserWarning, match="bias"):
        optimizer.apply([GRADS[0][0], None], [w, b])
    np.testing.assert_array_equal(b.numpy(), START[1])
    with pytest.raises(ValueError, match="Unknown variable"):
        optimizer.apply([GRADS[0][1]], [Variable(START[1])])


def test_user_optimizer_with_keras_build():
    class Sign(optimizers.Optimizer):
        def build(self, variables):
            if self.built:
                return
            super().build(variables)
            self.counts = self.add_optimizer_variables(variables, "count")

        def update_step(self, gradient, variable, learning_rate):
            self.assign_sub(variable, learning_rate * np.sign(gradient))
            self.assign_add(self.counts[self._get_variable_index(variable)], 1.0)

    optimizer = Sign(0.5)
    w, b = variables(Variable)
    optimizer.apply(GRADS[0], [w, b])
    np.testing.assert_allclose(w.numpy(), START[0] - 0.5 * np.sign(GRADS[0][0]), rtol=1e-6)
    assert optimizer.counts[1].numpy().max() == 1
    assert optimizer.native() is None


def test_set_weights():
    one, two = optimizers.Adam(), optimizers.Adam()
    one.apply(GRADS[0], variables(Variable))
    two.build(variables(Variable))
    two.set_weights(one.get_weights())
    for a, b in zip(one.variables, two.variables, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


SCHEDULES = [
    ("ExponentialDecay", (0.1, 10, 0.5)),
    ("ExponentialDecay", (0.1, 10, 0.5, True)),
    ("InverseTimeDecay", (0.1, 10, 0.5)),
    ("InverseTimeDecay", (0.1, 10, 0.5, True)),
    ("PolynomialDecay", (0.1, 10)),
    ("PolynomialDecay", (0.1, 10, 0.001, 2.0, True)),
    ("PiecewiseConstantDecay", ([3, 7], [0.1, 0.01, 0.001])),
    ("CosineDecay", (0.1, 10)),
    ("CosineDecay", (0.1, 10, 0.1, "x", 0.5, 5)),
    ("CosineDecayRestarts", (0.1, 5)),
    ("CosineDecayRestarts", (0.1, 5, 1.0, 0.5)),
    ("CosineDecayRestarts", (0.1, 5, 2.0, 0.5, 0.1)),
]


@pytest.mark.parametrize(("name", "args"), SCHEDULES, ids=str)
def test_schedule_as_keras(name, args):
    ours, theirs = getattr(schedules, name)(*args), getattr(keras.optimizers.schedules, name)(*args)
    expected = [float(theirs(step)) for step in range(40)]
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


def test_schedule_errors():
    with pytest.raises(ValueError, match="decay_steps=0"):
        schedules.CosineDecay(0.1, 0)
    with pytest.raises(ValueError, match="length of boundaries"):
        schedules.PiecewiseConstantDecay([1, 2], [0.1, 0.2])
