"""The fuzzer of models finds nothing in its first models, and finds an update that is wrong on purpose."""

import pytest

from fastfit.compiler import updates
from tests.fuzz import keras_models

pytestmark = pytest.mark.slow


def test_random_models_are_keras_s(capsys):
    wrong = keras_models.main(["--seed", "0", "--count", "6"])
    assert wrong == 0, capsys.readouterr().out


@pytest.mark.parametrize("optimizer", ["Adam", "RMSprop"])
def test_a_wrong_update_is_found(monkeypatch, optimizer):
    spec = {**keras_models.draw(1), "optimizer": [optimizer, {"learning_rate": 0.02}]}
    share = [0, 0, 0]
    assert keras_models.check(spec, share) is None
    assert share[0] > 0 and share[2] == 0
    right = updates.kernel_of

    def wrong(optimizer, variable):
        op, numbers = right(optimizer, variable)
        return op, [0.99 * x for x in numbers]

    monkeypatch.setattr(updates, "kernel_of", wrong)
    found = keras_models.check({**spec, "seed": spec["seed"]}, share)
    assert found is not None and found.startswith("fit 0")
