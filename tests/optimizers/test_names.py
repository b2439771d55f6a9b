"""Names, configs and wrong arguments of optimizers and schedules."""

import inspect

import keras
import numpy as np
import pytest

from fastfit import optimizers
from fastfit.graph.variable import Variable
from fastfit.optimizers import schedules
from tests.optimizers.table import OPTIMIZERS, SCHEDULES, WITHOUT_ROW


def public(module):
    return {name for name in dir(module) if not name.startswith("_")}


def test_every_public_name_has_a_row():
    rows = {row.name for row in OPTIMIZERS} | {name for name, _ in SCHEDULES} | set(WITHOUT_ROW)
    names = public(keras.optimizers) | public(keras.optimizers.schedules)
    assert names <= rows, f"no row in tests/optimizers/table.py: {sorted(names - rows)}"
    assert rows <= names, f"no public name: {sorted(rows - names)}"
    assert public(keras.optimizers) <= public(optimizers)
    assert public(keras.optimizers.schedules) <= public(schedules)
    assert public(keras.optimizers.legacy) <= public(optimizers.legacy)


def test_legacy_names_are_those_of_today():
    for name in public(keras.optimizers.legacy):
        assert getattr(optimizers.legacy, name) is getattr(optimizers, name)


def test_get_in_any_case():
    for name in ("adam", "Adam", "ADAM", "schedulefreeadamw", "Ftrl"):
        made = optimizers.get(name)
        assert type(made).__name__.lower() == name.lower()
        assert type(keras.optimizers.get(name)).__name__ == type(made).__name__
    made = optimizers.SGD()
    assert optimizers.get(made) is made and optimizers.get(None) is None
    assert isinstance(optimizers.get({"class_name": "rmsprop", "config": {"rho": 0.5}}), optimizers.RMSprop)


def test_keras_reads_our_configs():
    for row in OPTIMIZERS:
        if row.name not in ("MultiOptimizer", "Lamb"):  # Keras has no Lamb in the table that it reads names from
            read = keras.optimizers.deserialize(optimizers.serialize(row.make(optimizers)))
            assert type(read).__name__ == row.name


def test_old_names():
    with pytest.warns(DeprecationWarning, match="learning_rate"):
        optimizer = optimizers.Adagrad(lr=0.3)
    assert float(optimizer.learning_rate) == pytest.approx(0.3) == float(optimizer.lr)
    with pytest.warns(DeprecationWarning, match="decay"):
        decayed = optimizers.SGD(0.1, decay=1.0)
    np.testing.assert_allclose(decayed.learning_rates(0, 3), [0.1, 0.05, 0.1 / 3], rtol=1e-6)
    v = Variable(np.zeros(1, "float32"))
    decayed.apply([np.ones(1, "float32")], [v])
    decayed.apply([np.ones(1, "float32")], [v])
    np.testing.assert_allclose(v.numpy(), [-0.15], rtol=1e-6)
    for cls in (optimizers.Adam, optimizers.Nadam, optimizers.Adamax, optimizers.Adagrad, optimizers.Adadelta):
        assert cls(epsilon=None).epsilon == 1e-7


class Grown(optimizers.SGD):
    def __init__(self):
        self.early = 1
        super().__init__()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda o: o.SGD(rate=1), "not recognized.*rate"),
        (lambda o: o.SGD(momentum=2), "`momentum` must be a float between"),
        (lambda o: o.SGD(clipnorm=1.0, clipvalue=1.0), "Only one of.*clipnorm=1.0, clipvalue=1.0"),
        (lambda o: o.SGD(gradient_accumulation_steps=1), "gradient_accumulation_steps=1"),
        (lambda o: o.SGD(use_ema=True, ema_momentum=1.5), "ema_momentum=1.5"),
        (lambda o: o.SGD(use_ema=True, ema_overwrite_frequency=-1), "ema_overwrite_frequency=-1"),
        (lambda o: o.AdamW(weight_decay=None), "weight_decay"),
        (lambda o: o.Lion(beta_1=0.0), "beta_1=0.0"),
        (lambda o: o.Lion(beta_1=1.5), "beta_1=1.5"),
        (lambda o: o.Ftrl(learning_rate_power=0.5), "learning_rate_power=0.5"),
        (lambda o: o.Ftrl(initial_accumulator_value=-1.0), "initial_accumulator_value=-1.0"),
        (lambda o: o.Ftrl(l1_regularization_strength=-1.0), "l1_regularization_strength=-1.0"),
        (lambda o: o.Ftrl(l2_regularization_strength=-1.0), "l2_regularization_strength=-1.0"),
        (lambda o: o.Ftrl(l2_shrinkage_regularization_strength=-1.0), "l2_shrinkage_regularization_strength=-1.0"),
        (lambda o: o.LossScaleOptimizer(o.SGD(), dynamic=False), "no longer supports `dynamic=False`"),
        (lambda o: o.LossScaleOptimizer(o.SGD(), clipnorm=1.0), "does not support `clipnorm`"),
        (lambda o: o.LossScaleOptimizer(o.SGD(), speed=1.0), "does not support arguments: `speed`"),
        (lambda o: o.get("nonsense"), "nonsense"),
        (lambda o: o.get(o.Adam), "Could not interpret optimizer identifier.*Adam"),
        (lambda o: o.get(3), "Could not interpret optimizer identifier: 3"),
        (lambda o: o.SGD().apply([np.ones(1)]), "must already be built"),
        (lambda o: o.schedules.CosineDecay(0.1, 0), "decay_steps=0"),
        (lambda o: o.schedules.ExponentialDecay(0.1, -1, 0.5), "decay_steps=-1"),
        (lambda o: o.schedules.CosineDecayRestarts(0.1, 0), "first_decay_steps=0"),
        (lambda o: o.schedules.PiecewiseConstantDecay([1, 2], [0.1, 0.2]), "length of boundaries"),
    ],
)
@pytest.mark.parametrize("module", [optimizers, keras.optimizers], ids=["fastfit", "keras"])
def test_errors_as_keras(make, message, module):
    with pytest.raises(ValueError, match=message):
        make(module)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: optimizers.SGD("fast"), ValueError, "learning_rate=fast"),
        (lambda: optimizers.SGD().apply([None], [Variable(np.ones(2))]), ValueError, "No gradients"),
        (lambda: optimizers.LossScaleOptimizer(3), ValueError, "inner_optimizer=3"),
        (lambda: Grown(), RuntimeError, r"forgot to call `super\(\).__init__\(\)`"),
        (lambda: optimizers.Adam().add_variable((), "nonsense"), ValueError, "nonsense"),
        (lambda: optimizers.Adam().add_optimizer_variables([], ["a"], ["zeros"] * 2), ValueError, "number of names"),
        (lambda: optimizers.Optimizer(0.1).update_step(0, 0, 0), NotImplementedError, "update_step"),
        (lambda: schedules.LearningRateSchedule()(1), NotImplementedError, "__call__"),
        (lambda: schedules.LearningRateSchedule().get_config(), NotImplementedError, "get_config"),
    ],
)
def test_errors(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_signatures_of_the_shared_functions():
    for name in ("get", "serialize", "deserialize"):
        ours, theirs = getattr(optimizers, name), getattr(keras.optimizers, name)
        assert list(inspect.signature(ours).parameters) == list(inspect.signature(theirs).parameters)


KERNELS = {
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
    ("Adamax", ()): ("adamax", [0.0, 0.9, 0.999, 1e-7], 2),
    ("Nadam", ()): ("nadam", [0.0, 0.9, 0.999, 1e-7], 2),
    ("Adagrad", ()): ("adagrad", [0.0, 1e-7], 1),
    ("Adadelta", ()): ("adadelta", [0.0, 0.95, 1e-7], 2),
    ("Ftrl", ()): ("ftrl", [0.0, 0.5, 0.0, 0.0, 0.0, 0.0], 2),
    ("Ftrl", (("learning_rate_power", -0.7),)): ("ftrl_power", [0.0, 0.7, 0.0, 0.0, 0.0, 0.0], 2),
    ("Lion", (("weight_decay", 0.5),)): ("lion", [0.5, 0.9, 0.99], 1),
    ("ScheduleFreeAdamW", ()): ("schedule_free", [0.0, 0.9, 0.999, 1e-8, 0.0], 2),
}


@pytest.mark.parametrize("case", KERNELS, ids=str)
def test_kernels(case):
    name, arguments = case
    op, h, slots = KERNELS[case]
    optimizer = getattr(optimizers, name)(**dict(arguments))
    optimizer.build([Variable(np.ones((3, 4))), Variable(np.ones(4))])
    assert optimizer.native() == (op, h)
    assert [s.shape for s in optimizer.native_slots(1)] == [(4,)] * slots


@pytest.mark.parametrize(
    "make, setting, value",
    [
        (optimizers.SGD, "momentum", 0.9),
        (optimizers.RMSprop, "momentum", 0.9),
        (optimizers.RMSprop, "centered", True),
        (optimizers.Adam, "amsgrad", True),
        (optimizers.AdamW, "amsgrad", True),
        (optimizers.Lion, "use_ema", True),
        (optimizers.SGD, "gradient_accumulation_steps", 2),
        (lambda: optimizers.LossScaleOptimizer(optimizers.SGD()), "momentum", 0.9),
    ],
)
def test_a_setting_that_needs_slots_is_refused_once_they_are_made(make, setting, value):
    optimizer, v = make(), Variable(np.ones(2, "float32"))
    optimizer.apply([np.ones(2, "float32")], [v])
    count, before = len(optimizer.variables), np.array(v.numpy())
    setattr(getattr(optimizer, "inner_optimizer", optimizer), setting, value)
    with pytest.raises(ValueError, match=f"`{setting}` needs variables of its own.*Received: {setting}={value}"):
        optimizer.apply([np.ones(2, "float32")], [v])
    assert len(optimizer.variables) == count
    np.testing.assert_array_equal(v.numpy(), before)
