"""What fit, evaluate and predict make of their data arguments."""

import numpy as np
import pytest

from fastfit.data.arrays import ArrayData, check_batch_size, to_array, train_validation_split
from fastfit.data.class_weight import class_weight_to_sample_weights
from fastfit.data.iterables import IterableData
from fastfit.data.make import (
    check_validation_freq,
    make_data,
    unpack_validation_data,
    validates_after,
)
from fastfit.data.spec import DataSpec, InputInfo
from fastfit.utils import PyDataset, set_random_seed

X = np.arange(40.0, dtype="float32").reshape(10, 4)
Y = np.arange(10)
ONE = DataSpec([InputInfo("features", (None, 4), "float32")], ["features"], ["out"])
TWO = DataSpec(
    [InputInfo("a", (None, 4), "float32"), InputInfo("b", (None, 1), "float32")], ["a", "b"], ["p", "q"], [0, 0]
)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "uint8", "int8", "int32", "int64", "bool"])
def test_arrays_are_borrowed(dtype):
    x = X.astype(dtype)
    assert np.shares_memory(ArrayData(x, spec=ONE).x[0], x)
    assert ArrayData(x, spec=ONE).x[0].dtype == dtype


def test_memory_maps_are_borrowed(tmp_path):
    np.save(tmp_path / "x.npy", X)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert np.shares_memory(ArrayData(mapped, spec=ONE).x[0], mapped)


def test_other_layouts_are_copied():
    for x in (np.asfortranarray(X), X[::-1], X.astype(">f4")):
        array = ArrayData(x, spec=ONE).x[0]
        assert array.flags.c_contiguous and array.dtype.isnative
        np.testing.assert_array_equal(array, x)


def test_objects_that_are_arrays_in_disguise():
    class Disguised:
        def __array__(self, dtype=None, copy=None):
            return X

    class Series:
        dtype = np.dtype("float64")

        def to_numpy(self):
            return np.arange(10.0)

        def isna(self):
            return np.zeros(10, bool)

    assert ArrayData(Disguised(), spec=ONE).x[0] is X
    assert to_array(Series(), "y").shape == (10, 1)
    assert to_array(np.ma.masked_array(X), "x").shape == (10, 4)


def test_forms_of_x():
    b = np.ones((10, 1))
    for x in ([X, b], (X, b), {"b": b, "a": X, "more": b}):
        data = ArrayData(x, spec=TWO)
        assert [a.shape for a in data.x] == [(10, 4), (10, 1)] and data.n == 10
    assert ArrayData([X], spec=ONE).n == 10
    assert ArrayData({"features": X}, spec=ONE).n == 10


def test_rank_off_by_one():
    assert ArrayData({"a": X[..., None], "b": np.ones(10)}, spec=TWO).x[1].shape == (10, 1)


@pytest.mark.parametrize(
    ("args", "spec", "message"),
    [
        (([[1.0, 2.0]],), ONE, "np.array\\(x\\)"),
        (([1, 2, 3],), ONE, "np.array\\(x\\)"),
        ((X, [1, 2, 3]), ONE, "np.array\\(y\\)"),
        ((X, Y[:9]), ONE, "'x' sizes: 10. 'y' sizes: 9"),
        ((X, Y, np.ones(8)), ONE, "'sample_weight' sizes: 8"),
        ((X[:, :3],), ONE, '"features".*expected shape=\\(None, 4\\), found shape=\\(10, 3\\)'),
        (([X, X],), ONE, "expects 1 input.*received 2"),
        ((X,), TWO, "expects 2 input.*received 1"),
        (({"a": X},), TWO, 'Missing data for input "b"'),
        ((X[:0],), ONE, "at least one row"),
        ((X.astype(object),), ONE, "dtype object"),
        ((np.array(["a"] * 10),), ONE, "dtype <U1"),
        ((np.float32(3),), ONE, "at least one axis"),
        ((None,), ONE, "must be given"),
        ((object(),), ONE, "Unrecognized data type"),
        (([X, Y], Y), TWO, "different structures"),
        (([X, Y], {"p": Y}), TWO, "missing: \\['q'\\]"),
        (([X, Y], {"p": Y, "q": Y, "r": Y}), TWO, "unknown: \\['r'\\]"),
        (([X, Y], [Y, Y], np.ones((10, 2))), TWO, "one scalar score"),
        (([X, Y], [Y, Y], [np.ones(10)] * 3), TWO, "one array per output, 2"),
        (([X, Y], [Y, Y], {"r": np.ones(10)}), TWO, "named like"),
    ],
)
def test_errors(args, spec, message):
    with pytest.raises(ValueError, match=message):
        ArrayData(*args, spec=spec)


def test_targets_and_weights_by_output():
    weights = np.ones((10, 1))
    data = ArrayData([X, Y], {"q": Y, "p": Y * 2}, weights, spec=TWO)
    np.testing.assert_array_equal(data.y[0], Y * 2)
    assert [w.shape for w in data.sample_weight] == [(10,), (10,)]
    named = ArrayData([X, Y], [Y, Y], {"q": np.ones(10)}, spec=TWO)
    assert named.sample_weight[0] is None and named.sample_weight[1].shape == (10,)
    partial = DataSpec(TWO.inputs, TWO.input_structure, TWO.output_names, has_loss=[False, True])
    assert ArrayData([X, Y], [Y], spec=partial).y[0] is None
    assert ArrayData([X, Y], {"q": Y}, spec=partial).y[0] is None
    assert ArrayData([X, Y], [Y, Y], spec=partial).y[0] is not None
    assert ArrayData(X, [Y], spec=ONE).y[0].shape == (10,)
    assert ArrayData(X, {"out": Y}, spec=ONE).y[0].shape == (10,)
    assert ArrayData(X, Y, np.ones((10, 3)), spec=ONE).sample_weight[0].shape == (10, 3)


def test_model_without_known_inputs():
    data = ArrayData({"u": X, "v": [Y]}, spec=DataSpec())
    assert [a.shape for a in data.x] == [(10, 4), (10,)]
    assert data.x_structure["v"][0] is data.x[1]


def test_split_takes_the_last_rows():
    data = ArrayData(X, Y, np.ones(10), spec=ONE)
    train, valid = train_validation_split(data, 0.3)
    assert (train.n, valid.n) == (7, 3)
    np.testing.assert_array_equal(valid.y[0], [7, 8, 9])
    assert np.shares_memory(train.x[0], X) and len(train.sample_weight[0]) == 7
    hundred = ArrayData(np.ones((100, 4)), spec=ONE)
    assert train_validation_split(hundred, 0.9)[0].n == 9  # a float artefact that Keras has too
    for bad in (1.0, -0.1, 1.5):
        with pytest.raises(ValueError, match="validation_split"):
            train_validation_split(data, bad)
    for empty in (0.99, 0.0):
        with pytest.raises(ValueError, match="10 samples"):
            train_validation_split(data, empty)


@pytest.mark.parametrize(
    ("given", "steps", "expected"), [(None, None, 32), (0, None, 32), (None, 3, 4), (7, 3, 7), (np.int64(5), None, 5)]
)
def test_batch_size(given, steps, expected):
    assert check_batch_size(given, 10, steps) == expected


@pytest.mark.parametrize("bad", [-1, 2.5, "8", True])
def test_bad_batch_size(bad):
    with pytest.raises(ValueError, match="batch_size="):
        check_batch_size(bad, 10)


def test_class_weight():
    np.testing.assert_array_equal(class_weight_to_sample_weights(Y % 3, {0: 2.0, 2: 0.5}), [2, 1, 0.5] * 3 + [2])
    one_hot = np.eye(3)[[0, 2, 1]]
    np.testing.assert_array_equal(class_weight_to_sample_weights(one_hot, {2: 5.0}), [1, 5, 1])
    np.testing.assert_array_equal(class_weight_to_sample_weights(np.array([[0.0], [1.0]]), {"1": 3.0}), [1, 3])
    for bad in ({0.5: 1.0}, {"x": 1.0}, {0: "y"}):
        with pytest.raises(ValueError, match="class ids"):
            class_weight_to_sample_weights(Y, bad)
    with pytest.raises(ValueError, match="rank 3"):
        class_weight_to_sample_weights(np.ones((2, 3, 4)), {0: 1.0})
    with pytest.raises(ValueError, match="dict"):
        class_weight_to_sample_weights(Y, [1.0])


def test_class_weight_in_make_data():
    assert make_data(X, Y % 2, spec=ONE, class_weight={1: 3.0}).sample_weight[0].tolist() == [1, 3] * 5
    with pytest.raises(ValueError, match="at the same time"):
        make_data(X, Y, np.ones(10), spec=ONE, class_weight={0: 1.0})
    both = make_data([X, Y], [Y % 2, Y], spec=TWO, class_weight={"p": {1: 2.0}})
    assert both.sample_weight[0].tolist() == [1, 2] * 5 and both.sample_weight[1] is None
    assert make_data([X, Y], [Y % 2, Y], spec=TWO, class_weight=[None, {0: 4.0}]).sample_weight[1][0] == 4
    with pytest.raises(ValueError, match="several outputs"):
        make_data([X, Y], [Y, Y], spec=TWO, class_weight={0: 1.0})


def batches(n):
    for k in range(n):
        yield X[:2] + k, Y[:2]


def test_generator():
    data = make_data(batches(5), spec=ONE)
    assert data.num_batches is None
    first = data.peek()
    assert [len(part) for part in first] == [1, 1, 0]
    taken = list(data.epoch(2))
    np.testing.assert_array_equal(taken[0][0][0], X[:2])
    np.testing.assert_array_equal(next(data.epoch(1))[0][0], X[:2] + 2)  # goes on where it was
    with pytest.warns(UserWarning, match="ran out of data"):
        assert len(list(data.epoch(9))) == 2
    assert data.exhausted
    with pytest.warns(UserWarning, match="nothing was left"):
        assert list(data.epoch()) == []


def test_generator_rules():
    for name in ("y", "sample_weight"):
        with pytest.raises(ValueError, match=f"`{name}` should not be passed"):
            make_data(batches(2), spec=ONE, **{name: Y})
    with pytest.raises(ValueError, match="class_weight"):
        make_data(batches(2), spec=ONE, class_weight={0: 1.0})
    with pytest.warns(UserWarning, match="`batch_size` is ignored"):
        make_data(batches(2), spec=ONE, batch_size=3)
    with pytest.raises(ValueError, match="gave no batch"):
        make_data(batches(0), spec=ONE).peek()
    with pytest.raises(ValueError, match="of length 4"):
        make_data(iter([(X, Y, Y, Y)]), spec=ONE).peek()
    with pytest.raises(ValueError, match='"features"'):
        make_data(iter([(X[:, :2], Y)]), spec=ONE).peek()
    assert make_data(iter([[X, Y]]), spec=ONE).peek()[1][0] is Y
    assert make_data(iter([X]), spec=ONE).peek()[0][0] is X


class Rows(PyDataset):
    """Batches of two rows; counts the calls of its hooks."""

    def __init__(self, n=5):
        super().__init__()
        self.n = n
        self.calls = []

    def __len__(self):
        return self.n

    def __getitem__(self, k):
        return X[2 * k : 2 * k + 2], Y[2 * k : 2 * k + 2]

    def on_epoch_begin(self):
        self.calls.append("begin")

    def on_epoch_end(self):
        self.calls.append("end")


def test_dataset():
    source = Rows()
    data = make_data(source, spec=ONE)
    assert data.num_batches == 5
    assert [b[1][0][0] for b in data.epoch()] == [0, 2, 4, 6, 8]
    assert source.calls == ["begin", "end"]
    assert [b[1][0][0] for b in data.epoch(3)] == [0, 2, 4]
    with pytest.warns(UserWarning, match="gave 2 of the 3"):  # the pass ends: another begins with the next epoch
        assert [b[1][0][0] for b in data.epoch(3)] == [6, 8]
    assert [b[1][0][0] for b in data.epoch(5)] == [0, 2, 4, 6, 8]
    assert [b[1][0][0] for b in data.epoch(5)] == [0, 2, 4, 6, 8]
    assert make_data(Rows(), spec=ONE, class_weight={1: 3.0}).peek()[2][0].tolist() == [1, 3]


def test_dataset_shuffles_its_batches():
    def orders(seed):
        set_random_seed(seed)
        data = make_data(Rows(), spec=ONE, shuffle=True)
        return [[int(b[1][0][0]) for b in data.epoch()] for _ in range(3)]

    one = orders(1)
    assert one == orders(1) and len({tuple(o) for o in one}) > 1
    assert all(sorted(o) == [0, 2, 4, 6, 8] for o in one)


def test_iterables_that_can_be_read_again():
    class Loader:
        def __len__(self):
            return 3

        def __iter__(self):
            return batches(3)

    data = make_data(Loader(), spec=ONE)
    assert data.num_batches == 3
    assert len(list(data.epoch())) == len(list(data.epoch())) == 3
    assert isinstance(data, IterableData)


def test_validation_arguments():
    x, y, w = unpack_validation_data([X, Y])
    assert x is X and y is Y and w is None
    assert unpack_validation_data((X,))[1] is None
    source = Rows()
    assert unpack_validation_data(source)[0] is source
    with pytest.raises(ValueError, match="4 items"):
        unpack_validation_data((X, Y, Y, Y))
    assert [e for e in range(6) if validates_after(e, 2)] == [1, 3, 5]
    assert [e for e in range(6) if validates_after(e, [1, 4])] == [0, 3]
    for bad in ((1, 2), 1.5, "2", 0, True, ["1"], [0, 2], [True]):
        with pytest.raises(ValueError, match="validation_freq"):
            check_validation_freq(bad)
