"""The compiled form of updates: the same bits for any number of threads, and what the program consists of."""

import ctypes

import numpy as np
import pytest

from fastfit import constraints, layers, models, optimizers, utils
from fastfit.graph import storage
from tests.compiler.harness import host_ops
from tests.training import nets

MAKERS = {
    "clipped": lambda: optimizers.Adam(0.01, global_clipnorm=0.5, weight_decay=0.01, use_ema=True),
    "accumulated": lambda: optimizers.Nadam(0.01, gradient_accumulation_steps=3, clipnorm=0.3),
    "traced": lambda: optimizers.Lamb(0.01, clipvalue=0.01),
    "orthogonal": lambda: optimizers.Muon(0.01, use_ema=True, ema_overwrite_frequency=2),
    "several": lambda: optimizers.MultiOptimizer(
        optimizers.OptimizerMap(optimizers.Ftrl(0.1), {".*bias": optimizers.Lion(0.01, gradient_accumulation_steps=2)})
    ),
}


def trained(name, **options):
    utils.set_random_seed(5)
    model = nets.r64(256, 7)
    model.compile(MAKERS[name](), "sparse_categorical_crossentropy")
    model._run_options = options
    x, y = nets.data(6 * 301 + 11, 256, 7)
    model.fit(x, y, batch_size=301, epochs=2, verbose=0)
    return [v.numpy().tobytes() for v in model.weights + model.optimizer.variables]


@pytest.mark.parametrize("name", MAKERS)
def test_same_bits(name):
    alone = trained(name, force_threads=1)
    assert alone == trained(name, force_threads=2)
    assert alone == trained(name, force_threads=2, home_shift=1)


def program(optimizer, features=6, units=40):
    model = models.Sequential([layers.Input((features,)), layers.Dense(units), layers.Dense(units)])
    model.compile(optimizer, "mse")
    x = np.ones((8, features), "float32")
    model.fit(x, np.ones((8, units), "float32"), batch_size=4, verbose=0)
    (step,) = model._steps.values()
    return step.compiled


def instructions(compiled):
    """(stage's period, name) of every instruction."""
    stages = compiled.assembly.plan.stages
    return [(group[0].instructions[0].when[1], i.op) for group in stages for g in group for i in g.instructions]


def test_kernels_take_in_the_gradient():
    """Nothing but the gradients' own instructions changes weights, weight decay and biases included."""
    plain = [op for _, op in instructions(program(optimizers.Adadelta(weight_decay=0.1)))]
    assert "adadelta" not in plain
    assert plain.count("dense_dw") == plain.count("dense_db") == 2


def test_clipping_stays_in_panels():
    """Gradients and slots are not copied to rows and back."""
    compiled = program(optimizers.Adam(clipnorm=1.0))
    ops = [op for _, op in instructions(compiled)]
    assert "unpack" not in ops and "pack" not in ops and not host_ops(compiled)
    assert ops.count("adam") == 4 and ops.count("sum_all") >= 2


def test_accumulation_runs_in_every_nth_step_only():
    found = instructions(program(optimizers.SGD(gradient_accumulation_steps=3)))
    assert {op for period, op in found if period == 3} >= {"sgd", "fill", "divide"}
    assert {op for period, op in found if period == 1} >= {"dense_dw", "dense_db"}
    assert "stage" in (text := program(optimizers.SGD(gradient_accumulation_steps=3)).explain())
    assert "in every 3. step" in text


def test_panels_are_padded_with_zeros():
    """Whatever the updates do, what pads a weight's panels stays 0: other layers' kernels multiply by it."""
    for optimizer in (optimizers.Lamb(0.1), optimizers.Muon(0.1), optimizers.Ftrl(0.1), optimizers.Adafactor(0.1)):
        model = models.Sequential([layers.Input((6,)), layers.Dense(41, activation="relu"), layers.Dense(3)])
        model.compile(optimizer, "mse")
        rng = np.random.default_rng(0)
        x, y = rng.standard_normal((16, 6)).astype("float32"), rng.standard_normal((16, 3)).astype("float32")
        model.fit(x, y, batch_size=4, verbose=0)
        for layer in model.layers:
            packed = layer.kernel._storage
            assert packed.packed
            rows, units = layer.kernel.shape
            panel = storage.engine().panel
            floats = (
                np.frombuffer(_raw(packed), "float32").reshape(-1, rows, panel).transpose(1, 0, 2).reshape(rows, -1)
            )
            np.testing.assert_array_equal(floats[:, :units], layer.kernel.numpy())
            assert not floats[:, units:].any()


def _raw(packed):
    """The bytes of packed storage."""
    return ctypes.string_at(packed.address, packed.nbytes)


def test_average_of_a_weight_without_gradient():
    """Its average follows it although no update does."""
    inputs = layers.Input((6,))
    used, idle = layers.Dense(5)(inputs), layers.Dense(37)(inputs)
    model = models.Model(inputs, [used, idle])
    model.compile(optimizers.SGD(0.1, use_ema=True), ["mse", None])
    idle_kernel = model.layers[2].kernel
    before = idle_kernel.numpy()
    x = np.ones((8, 6), "float32")
    with pytest.warns(UserWarning, match="Gradients do not exist"):
        model.fit(x, [np.ones((8, 5), "float32"), None], batch_size=4, verbose=0)
    model.predict(x, verbose=0)  # puts the weight into panels
    model.fit(x, [np.ones((8, 5), "float32"), None], batch_size=4, verbose=0)
    average = next(a for a in model.optimizer.slots_like(idle_kernel))
    np.testing.assert_allclose(average.numpy(), before, rtol=1e-6)
    np.testing.assert_allclose(idle_kernel.numpy(), before, rtol=1e-6)


@pytest.mark.parametrize("limit", [constraints.MaxNorm(0.7), constraints.UnitNorm()], ids=["max", "unit"])
def test_constraint_in_steps_that_only_accumulate(limit):
    """It reads the weights in every step, whenever they were last written."""
    utils.set_random_seed(2)
    model = models.Sequential([layers.Input((6,)), layers.Dense(3, kernel_constraint=limit)])
    model.compile(optimizers.SGD(0.1, gradient_accumulation_steps=2), "mse")
    start = model.get_weights()[0]
    model.train_on_batch(np.ones((4, 6), "float32"), np.zeros((4, 3), "float32"))
    np.testing.assert_allclose(model.get_weights()[0], np.asarray(limit(start)), rtol=1e-5)
