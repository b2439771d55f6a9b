"""OptimizerMap and MultiOptimizer."""

import keras
import numpy as np
import pytest

import fastfit
from fastfit import optimizers
from fastfit.graph.variable import Variable
from tests.optimizers.test_custom import hosts, net, trained
from tests.optimizers.test_optimizers_in_fit import BATCH, X, Y

BOTH = pytest.mark.parametrize("module", [optimizers, keras.optimizers], ids=["fastfit", "keras"])


@BOTH
def test_map(module):
    one, two, three = module.SGD(), module.Adam(), module.Adagrad()
    found = module.OptimizerMap(one, {"encoder/.*": two})
    found["decoder/kernel"] = three
    assert found["encoder/a/kernel"] is two and found["decoder/kernel"] is three
    assert found["encoder"] is one and found["other"] is one and found.default_optimizer is one
    assert list(found) == ["encoder/.*", "decoder/kernel"] and len(found) == 2
    del found["decoder/kernel"]
    assert found["decoder/kernel"] is one


@BOTH
@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (lambda o: o.OptimizerMap(3), TypeError, "default_optimizer must be"),
        (lambda o: o.OptimizerMap(o.SGD(), [1]), TypeError, "optimizer_map must be a dictionary"),
        (lambda o: o.OptimizerMap(o.SGD()).__setitem__(3, o.SGD()), ValueError, "key must be a string"),
        (lambda o: o.OptimizerMap(o.SGD()).__setitem__("a", 3), ValueError, "must be an? .*Optimizer instance"),
        (lambda o: o.OptimizerMap(o.SGD(), {"a": o.SGD()}).__setitem__("a", o.SGD()), ValueError, "already exists"),
        (lambda o: o.OptimizerMap(o.SGD(), {"a.": o.SGD(), ".b": o.SGD()})["ab"], ValueError, "Multiple optimizers"),
        (
            lambda o: o.OptimizerMap(o.SGD()).__setitem__("a", o.LossScaleOptimizer(o.SGD())),
            ValueError,
            "cannot be LossScaleOptimizer",
        ),
        (lambda o: o.MultiOptimizer(o.OptimizerMap(o.SGD())).learning_rate, AttributeError, "cannot be accessed"),
        (
            lambda o: setattr(o.MultiOptimizer(o.OptimizerMap(o.SGD())), "learning_rate", 0.1),
            AttributeError,
            "cannot be set",
        ),
    ],
)
def test_errors_as_keras(wrong, error, message, module):
    with pytest.raises(error, match=message):
        wrong(module)


def test_errors():
    with pytest.raises(ValueError, match="`optimizer_map` must be an OptimizerMap.*Received: optimizer_map=3"):
        optimizers.MultiOptimizer(3)
    with pytest.raises(ValueError, match="is not an Optimizer instance"):
        optimizers.MultiOptimizer(lambda v: 3).build([Variable(np.ones(2))])
    inner = optimizers.MultiOptimizer(lambda v: optimizers.SGD())
    with pytest.raises(ValueError, match="MultiOptimizer cannot be used inside"):
        optimizers.MultiOptimizer(lambda v: inner).build([Variable(np.ones(2))])


def test_each_has_its_own_learning_rate():
    sgd, adam = optimizers.SGD(0.1), optimizers.Adam(0.01)
    chosen = optimizers.MultiOptimizer(lambda v: adam if "kernel" in v.path else sgd)
    start = net("sgd").get_weights()
    model = trained(chosen, start)
    assert not hosts(model) and chosen.optimizers == [adam, sgd]
    counts = [int(o.iterations.numpy()) for o in (chosen, adam, sgd)]
    assert counts == [14, 14, 14]
    steps = model._steps.items()
    before = model.get_weights()
    adam.learning_rate = 0.0
    model.fit(X, Y, batch_size=BATCH, shuffle=False, verbose=0)
    after = model.get_weights()
    for i in (0, 2):
        np.testing.assert_array_equal(before[i], after[i])
    for i in (1, 3):
        assert np.abs(before[i] - after[i]).max() > 0
    assert model._steps.items() == steps


def test_a_part_that_cannot_be_traced():
    class ByValue(optimizers.SGD):
        def update_step(self, gradient, variable, learning_rate):
            variable.assign(np.asarray(variable) - float(np.asarray(learning_rate)) * np.asarray(gradient))

    start = net("sgd").get_weights()
    models = [
        trained(optimizers.MultiOptimizer(optimizers.OptimizerMap(optimizers.Adam(0.01), {".*bias": o(0.1)})), start)
        for o in (ByValue, optimizers.SGD)
    ]
    for a, b in zip(*(m.get_weights() for m in models), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-6)
    assert hosts(models[0]) and not hosts(models[1])
    assert [int(m.optimizer.iterations.numpy()) for m in models] == [14, 14]


def test_weights_of_all():
    def make():
        return optimizers.MultiOptimizer(optimizers.OptimizerMap(optimizers.Adam(), {".*bias": optimizers.SGD()}))

    start = net("sgd").get_weights()
    one = trained(make(), start).optimizer
    two = net(make())
    two.optimizer.build(two.trainable_variables)
    two.optimizer.set_weights(one.get_weights())
    for a, b in zip(one.variables, two.optimizer.variables, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_loss_scale_optimizer_passes_everything_on():
    start = net("sgd").get_weights()
    inner = optimizers.Adam(0.01, loss_scale_factor=4.0)
    ours = trained(optimizers.LossScaleOptimizer(inner), start)
    plain = trained(optimizers.Adam(0.01), start)
    assert inner.loss_scale_factor is None and not hosts(ours)
    for a, b in zip(ours.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    ours.optimizer.learning_rate = 0.5
    assert float(inner.learning_rate) == 0.5 == float(ours.optimizer.learning_rate)
    assert int(np.asarray(ours.optimizer.iterations)) == 14
    assert isinstance(ours, fastfit.models.Sequential)
