"""Every row of the table through ``apply`` on arrays, step by step, against Keras."""

import inspect

import keras
import numpy as np
import pytest

from fastfit import optimizers
from fastfit.graph.variable import Variable
from tests.optimizers.table import OPTIMIZERS

RNG = np.random.default_rng(0)
NAMES = ("kernel", "bias", "tensor", "number")
START = [RNG.standard_normal(shape).astype("float32") for shape in ((3, 4), (4,), (2, 3, 4), ())]
GRADS = [[RNG.standard_normal(w.shape).astype("float32") for w in START] for _ in range(5)]
CLASSES = sorted({row.name for row in OPTIMIZERS})


def variables(make):
    return [make(w, name=name) for w, name in zip(START, NAMES, strict=True)]


# Keras cannot apply a LossScaleOptimizer eagerly on JAX; test_optimizers_in_fit has its row.
APPLIED = [row for row in OPTIMIZERS if row.name != "LossScaleOptimizer"]


@pytest.mark.parametrize("row", APPLIED, ids=str)
def test_apply_as_keras(row):
    ours, theirs = row.make(optimizers), row.make(keras.optimizers)
    mine, other = variables(Variable), variables(keras.Variable)
    for grads in GRADS:
        theirs.apply([keras.ops.array(g) for g in grads], other)
        ours.apply(grads, mine)
    names = [v.path for v in ours.variables]
    assert len(names) == len(theirs.variables)
    pairs = list(zip(mine + ours.variables, other + theirs.variables, NAMES + tuple(names), strict=True))
    for a, b, name in pairs:
        np.testing.assert_allclose(a.numpy(), np.asarray(b), rtol=2 * row.rtol, atol=row.rtol, err_msg=name)
    assert int(np.asarray(ours.iterations)) == int(np.asarray(theirs.iterations))
    ours.finalize_variable_values(mine)
    theirs.finalize_variable_values(other)
    for a, b in zip(mine, other, strict=True):
        np.testing.assert_allclose(a.numpy(), np.asarray(b), rtol=2 * row.rtol, atol=row.rtol)


@pytest.mark.parametrize("row", OPTIMIZERS, ids=str)
def test_config_as_keras(row):
    ours, theirs = row.make(optimizers), row.make(keras.optimizers)
    config, expected = ours.get_config(), theirs.get_config()
    assert set(config) == set(expected)
    apart = ("name", "learning_rate", "inner_optimizer", "optimizer_map")
    assert {k: v for k, v in config.items() if k not in apart} == {k: v for k, v in expected.items() if k not in apart}
    again = optimizers.deserialize(optimizers.serialize(ours))
    assert type(again) is type(ours)
    assert without_names(again.get_config()) == without_names(config)


def without_names(config):
    """The same config for two inner optimizers that were named one after the other."""
    if not isinstance(config, dict):
        return config
    return {k: without_names(v) for k, v in config.items() if k != "name"}


@pytest.mark.parametrize("name", CLASSES)
def test_arguments_as_keras(name):
    """Every argument of Keras's constructor is known by its name and in its place."""
    if name == "MultiOptimizer":
        first = [lambda v: None]
    else:
        first = [optimizers.SGD()] if name == "LossScaleOptimizer" else []
    parameters = list(inspect.signature(getattr(keras.optimizers, name)).parameters.values())
    parameters = [p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD][len(first) :]
    defaults = {p.name: p.default for p in parameters}
    make = getattr(optimizers, name)
    base = make(*first)
    given = [make(*first, *defaults.values()), make(*first, **defaults)]
    for made in given:
        assert without_names(made.get_config()) == without_names(base.get_config())
    # a name that is no default must arrive where Keras has it
    names = list(defaults)
    named = make(*first, *[*list(defaults.values())[: names.index("name")], "somebody"])
    assert named.name == "somebody"


def test_exclusion_from_weight_decay():
    optimizer = optimizers.SGD(1.0, weight_decay=0.5)
    w, b = variables(Variable)[:2]
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    optimizer.build([w, b])
    assert optimizer.native(w)[1][0] == 0.5 and optimizer.native(b)[1][0] == 0.0
    optimizer.apply([np.zeros_like(s) for s in START[:2]])
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


def test_a_norm_that_is_no_number_shows():
    for limit in ({"clipnorm": 1.0}, {"global_clipnorm": 1.0}):
        v = Variable(START[1])
        optimizers.SGD(0.1, **limit).apply([np.array([1, np.nan, 1, 1], "float32")], [v])
        assert np.isnan(v.numpy()).all()


def test_unknown_variable_and_missing_gradient():
    optimizer = optimizers.SGD()
    w, b = variables(Variable)[:2]
    with pytest.warns(UserWarning, match="bias"):
        optimizer.apply([GRADS[0][0], None], [w, b])
    np.testing.assert_array_equal(b.numpy(), START[1])
    with pytest.raises(ValueError, match="Unknown variable"):
        optimizer.apply([GRADS[0][1]], [Variable(START[1])])
    with pytest.raises(ValueError, match="list of 1 gradients, but the optimizer is tracking 2"):
        optimizer.apply([GRADS[0][0]])


def test_state_of_one_in_another():
    one, two, three = optimizers.Nadam(), optimizers.Nadam(), optimizers.Nadam()
    one.apply(GRADS[0], variables(Variable))
    for o in (two, three):
        o.build(variables(Variable))
    two.set_weights(one.get_weights())
    store = {}
    one.save_own_variables(store)
    three.load_own_variables(store)
    for a, b, c in zip(one.variables, two.variables, three.variables, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
        np.testing.assert_array_equal(a.numpy(), c.numpy())
    with pytest.warns(UserWarning, match="has 11 variables whereas the saved optimizer has 2"):
        three.load_own_variables({"0": 1, "1": 2})
    with pytest.raises(ValueError, match="has 11 variables. Received: 1 weights"):
        two.set_weights([np.zeros(())])
    wrong = one.get_weights()
    wrong[2] = np.zeros((5, 5))
    before = two.get_weights()
    with pytest.raises(ValueError, match=r"kernel_momentum has shape \(3, 4\).*\(5, 5\)"):
        two.set_weights(wrong)
    for a, b in zip(before, two.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match="not yet been built"):
        optimizers.Nadam().set_weights([])


def test_stateless_apply():
    ours, theirs = optimizers.Adam(0.1), keras.optimizers.Adam(0.1)
    mine, other = variables(Variable), variables(keras.Variable)
    with pytest.raises(ValueError, match="must be built"):
        ours.stateless_apply([], GRADS[0], START)
    ours.build(mine)
    theirs.build(other)
    state = [v.numpy() for v in ours.variables]
    weights, slots = ours.stateless_apply(state, GRADS[0], START)
    expected, expected_slots = theirs.stateless_apply([v.value for v in theirs.variables], GRADS[0], START)
    for a, b in zip(weights + slots, expected + expected_slots, strict=True):
        np.testing.assert_allclose(a, np.asarray(b), rtol=1e-5, atol=1e-7)
    for v, start in zip(mine + ours.variables, START + state, strict=True):
        np.testing.assert_array_equal(v.numpy(), start)
    with pytest.raises(ValueError, match="`optimizer_variables`.*10 variables.*length 1"):
        ours.stateless_apply(state[:1], GRADS[0], START)
    with pytest.raises(ValueError, match="`trainable_variables`.*4 variables.*length 1"):
        ours.stateless_apply(state, GRADS[0], START[:1])
