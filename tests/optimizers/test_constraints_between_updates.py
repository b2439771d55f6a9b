"""Constraints hold after every step, also where an update or an average is due only in some."""

import numpy as np
import pytest

from fastfit import Input, Model, constraints, layers, optimizers
from fastfit.graph.variable import Variable

CONSTRAINTS = {
    "NonNeg": constraints.NonNeg(),
    "MaxNorm": constraints.MaxNorm(0.3),
    "MinMaxNorm": constraints.MinMaxNorm(0.2, 0.5, rate=0.7),
    "UnitNorm": constraints.UnitNorm(),
}
OPTIONS = (
    {},
    {"gradient_accumulation_steps": 2},
    {"use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": 2},
    {"gradient_accumulation_steps": 2, "use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": 2},
)


@pytest.mark.parametrize("name", CONSTRAINTS)
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("optimizer", ["SGD", "Lamb"])  # with a kernel and traced
@pytest.mark.parametrize("shape", [(4, 8), (5, 3), (20, 40)])
def test_every_step_ends_with_the_constraint(name, options, optimizer, shape):
    rng = np.random.default_rng(0)
    start = rng.uniform(-0.6, 0.6, shape).astype("f")
    inputs = Input((shape[0],))
    model = Model(inputs, layers.Dense(shape[1], use_bias=False, kernel_constraint=CONSTRAINTS[name])(inputs))
    model.set_weights([start])
    model.compile(getattr(optimizers, optimizer)(learning_rate=0.0, **options), "mse")
    # The same by the optimizer's own arithmetic; nothing depends on gradients where the rate is 0.
    expected = Variable(start, trainable=True)
    expected.constraint = CONSTRAINTS[name]
    apart = getattr(optimizers, optimizer)(learning_rate=0.0, **options)
    x, y = rng.standard_normal((6, shape[0])).astype("f"), rng.standard_normal((6, shape[1])).astype("f")
    for _ in range(5):
        apart.apply([np.zeros(shape, "f")], [expected])
        model.train_on_batch(x, y)
        np.testing.assert_allclose(model.get_weights()[0], expected.numpy(), rtol=2e-6, atol=1e-7)
