"""Names, seeds, structures, one-hot labels, custom objects."""

import random

import keras
import numpy as np
import pytest
from keras.src.utils.naming import to_snake_case

from fastfit import utils
from fastfit.utils import naming, nest, seeds
from fastfit.utils.registry import Registry


def test_snake_case_as_keras():
    for name in ("Dense", "MaxNorm", "L1L2", "RMSprop", "InputLayer", "BatchNormalization", "PReLU", "SGD", "Add_1"):
        assert naming.to_snake_case(name) == to_snake_case(name)


def test_auto_name_counts_and_clear_session_resets():
    naming.clear_session()
    assert [naming.auto_name("OddName") for _ in range(3)] == ["odd_name", "odd_name_1", "odd_name_2"]
    utils.clear_session()
    assert naming.auto_name("OddName") == "odd_name"


def test_uniquify():
    assert naming.uniquify(["a", "a", "a_1", "a"]) == ["a", "a_2", "a_1", "a_3"]


def test_seed_stream():
    utils.set_random_seed(7)
    first = (seeds.next_seed(), seeds.shuffle_rng().permutation(20).tolist(), random.random(), np.random.rand())
    second = (seeds.next_seed(), seeds.shuffle_rng().permutation(20).tolist())
    utils.set_random_seed(7)
    again = (seeds.next_seed(), seeds.shuffle_rng().permutation(20).tolist(), random.random(), np.random.rand())
    assert first == again and second != first[:2]
    state = seeds.get_state()
    ahead = (seeds.next_seed(), seeds.shuffle_rng().random())
    seeds.set_state(state)
    assert (seeds.next_seed(), seeds.shuffle_rng().random()) == ahead
    with pytest.raises(ValueError, match="seed=1.5"):
        utils.set_random_seed(1.5)


def test_structures():
    s = {"b": [1, (2, 3)], "a": 4}
    assert nest.flatten(s) == [4, 1, 2, 3] == keras.tree.flatten(s)
    assert nest.map_structure(lambda v: v * 2, s) == {"b": [2, (4, 6)], "a": 8}
    assert nest.pack_like(s, [40, 10, 20, 30]) == {"b": [10, (20, 30)], "a": 40}
    assert list(nest.pack_like(s, [0] * 4)) == ["b", "a"]
    assert nest.describe([1, {"k": 2}]) == "[*, {'k': *}]"
    assert nest.flatten({1: "x", "y": 2}) == ["x", 2]


@pytest.mark.parametrize("x", [[0, 2, 1], np.array([[0], [2]]), np.array([[0, 1], [2, 0]])])
def test_to_categorical_as_keras(x):
    np.testing.assert_array_equal(utils.to_categorical(x), keras.utils.to_categorical(x))
    np.testing.assert_array_equal(utils.to_categorical(x, 5), keras.utils.to_categorical(x, 5))


def test_to_categorical_checks_ids():
    with pytest.raises(ValueError, match="num_classes=2"):
        utils.to_categorical([0, 5], 2)


def test_normalize_as_keras():
    x = np.random.default_rng(0).standard_normal((3, 4))
    np.testing.assert_allclose(utils.normalize(x), keras.utils.normalize(x))
    np.testing.assert_allclose(utils.normalize(x, order=1), keras.utils.normalize(x, order=1))
    assert np.all(utils.normalize(np.zeros((2, 3))) == 0)


def test_tuples_of_data():
    assert utils.unpack_x_y_sample_weight((1, 2)) == (1, 2, None)
    assert utils.unpack_x_y_sample_weight([1]) == (1, None, None)
    assert utils.unpack_x_y_sample_weight(1) == (1, None, None)
    assert utils.pack_x_y_sample_weight(1, 2) == (1, 2)
    with pytest.raises(ValueError, match="4 items"):
        utils.unpack_x_y_sample_weight((1, 2, 3, 4))


def test_custom_objects():
    class Base:
        def get_config(self):
            return {}

        @classmethod
        def from_config(cls, config):
            return cls(**config)

    registry = Registry("thing", "things", [])

    @utils.register_keras_serializable("Mine")
    class Special(Base):
        pass

    config = registry.serialize(Special())
    assert config["registered_name"] == "Mine>Special"
    assert isinstance(registry.deserialize(config), Special)
    assert utils.get_registered_name(Special) == "Mine>Special"

    class Local(Base):
        pass

    with pytest.raises(ValueError, match="Local"):
        registry.get("Local")
    with utils.custom_object_scope({"Local": Local}):
        assert isinstance(registry.get("Local"), Local)
    with pytest.raises(ValueError, match="get_config"):
        utils.register_keras_serializable()(type("NoConfig", (), {}))
