"""Losses against Keras, symbolically, and by their arithmetic."""

import keras
import numpy as np
import pytest

import fastfit
from fastfit import losses, ops
from fastfit.graph.differentiate import gradients
from fastfit.graph.evaluate import evaluate
from fastfit.graph.tensor import make_input
from tests import oracle
from tests.numeric import check_gradients

ROWS = oracle.LOSSES
FUNCTIONS = oracle.LOSS_FUNCTIONS


def _float32(*arrays):
    return [a.astype("float32") if a.dtype == np.float64 else a for a in arrays]


def _close(a, b, row):
    np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=row.rtol, atol=row.rtol / 10)


@pytest.mark.parametrize("row, variant", oracle.cases(ROWS))
def test_class_is_that_of_keras(row, variant):
    y, p = _float32(*oracle.make_inputs(row.inputs))
    ours = getattr(losses, row.name)(**variant)
    theirs = getattr(keras.losses, row.name)(**variant)
    for w in [None, oracle.sample_weights().astype("float32")] if row.weighted else [None]:
        value = ours(y, p, sample_weight=w)
        assert isinstance(value, np.generic | np.ndarray) and value.dtype == np.float32 and value.shape == ()
        _close(value, theirs(y, p, sample_weight=w), row)
    assert theirs.get_config().items() <= ours.get_config().items()  # Keras forgets some arguments


@pytest.mark.parametrize("name", ["MeanSquaredError", "CategoricalCrossentropy"])
@pytest.mark.parametrize("reduction", ["sum", "none", None, "mean", "mean_with_sample_weight"])
def test_reduction_is_that_of_keras(name, reduction):
    row = next(r for r in ROWS if r.name == name)
    y, p = _float32(*oracle.make_inputs(row.inputs))
    ours, theirs = (getattr(m, name)(reduction=reduction) for m in (losses, keras.losses))
    for w in (None, oracle.sample_weights().astype("float32"), oracle.sample_weights()[:, None].astype("float32")):
        _close(ours(y, p, sample_weight=w), theirs(y, p, sample_weight=w), row)


@pytest.mark.parametrize("row, variant", oracle.cases(FUNCTIONS))
def test_function_is_that_of_keras(row, variant):
    y, p = _float32(*oracle.make_inputs(row.inputs))
    value = getattr(losses, row.name)(y, p, **variant)
    _close(value, getattr(keras.losses, row.name)(y, p, **variant), row)


@pytest.mark.parametrize("row, variant", oracle.cases(ROWS))
def test_symbolic_value_equals_eager(row, variant):
    y, p = _float32(*oracle.make_inputs(row.inputs))
    loss = getattr(losses, row.name)(**variant)
    w = oracle.sample_weights().astype("float32") if row.weighted else None
    arrays = [a for a in (y, p, w) if a is not None]
    tensors = [make_input((None, *a.shape[1:]), a.dtype.name) for a in arrays]
    symbolic = loss(*tensors)
    assert symbolic.shape == () and symbolic.dtype == "float32"
    (value,) = evaluate([symbolic], dict(zip(tensors, arrays, strict=True)))
    np.testing.assert_allclose(value, loss(*arrays), rtol=1e-6)


@pytest.mark.parametrize("row, variant", [c for c in oracle.cases(ROWS) if not c.values[0].kinks])
def test_gradient(row, variant):
    y, p = oracle.make_inputs(row.inputs)
    loss = getattr(losses, row.name)(dtype="float64", **variant)
    check_gradients(lambda q: loss(y, q), p, unknown_batch=False, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("row, variant", oracle.cases(ROWS))
def test_lists_and_float64(row, variant):
    y, p = oracle.make_inputs(row.inputs)
    loss = getattr(losses, row.name)(**variant)
    expected = loss(*_float32(y, p))
    for arrays in ((y, p), (y.tolist(), p.tolist())):
        value = loss(*arrays)
        assert value.dtype == np.float32
        np.testing.assert_allclose(value, expected, rtol=1e-6)
    assert getattr(losses, row.name)(**variant, dtype="float64")(y, p).dtype == np.float64


def test_zero_weights_and_empty_batches():
    loss = losses.MeanSquaredError(reduction="mean_with_sample_weight")
    assert loss(np.ones((3, 2)), np.zeros((3, 2)), sample_weight=np.zeros(3)) == 0
    assert losses.MeanSquaredError()(np.zeros((0, 2)), np.zeros((0, 2))).shape == (0,)


def test_the_mean_divides_by_the_number_of_values():
    loss = losses.MeanSquaredError()
    y, p, w = np.zeros((4, 1)), np.full((4, 1), 2.0), np.array([1.0, 0, 0, 0])
    assert loss(y, p, sample_weight=w) == pytest.approx(1.0)


def test_column_targets_and_temporal_weights():
    y, p = np.arange(6.0), np.zeros((6, 1))
    assert losses.MeanSquaredError()(y, p) == pytest.approx(np.mean(y**2))
    rng = np.random.default_rng(0)
    y, p, w = rng.normal(size=(3, 5, 2)), rng.normal(size=(3, 5, 2)), rng.uniform(size=(3, 5))
    expected = np.mean(np.mean((y - p) ** 2, -1) * w)
    np.testing.assert_allclose(losses.MeanSquaredError()(y, p, w), expected, rtol=1e-6)


def test_unequal_shapes_raise():
    for name in ("mean_squared_error", "mean_absolute_error", "huber", "binary_crossentropy",
                 "categorical_crossentropy"):  # fmt: skip
        with pytest.raises(ValueError, match="same shape"):
            getattr(losses, name)(np.ones((4, 3)), np.ones((4, 2)))
    with pytest.raises(ValueError, match="same shape"):
        losses.mean_squared_error(make_input((None, 3)), make_input((None, 2)))


def test_bad_reduction():
    with pytest.raises(ValueError, match="Received: reduction=average"):
        losses.MeanSquaredError(reduction="average")


def test_masks_take_values_out_of_the_mean():
    y, p = make_input((None, 3)), make_input((None, 3))
    mask = make_input((None,), "bool")
    p._keras_mask = mask
    rng = np.random.default_rng(0)
    feeds = {y: rng.normal(size=(6, 3)).astype("f"), p: rng.normal(size=(6, 3)).astype("f"),
             mask: np.array([1, 1, 0, 1, 0, 0], bool)}  # fmt: skip
    per_row = np.mean((feeds[y] - feeds[p]) ** 2, -1)[feeds[mask]]
    for reduction, expected in (("sum_over_batch_size", per_row.mean()), ("sum", per_row.sum())):
        (value,) = evaluate([losses.MeanSquaredError(reduction=reduction)(y, p)], feeds)
        np.testing.assert_allclose(value, expected, rtol=1e-6)


def _ignoring(y, p, ignored):
    keep = y != ignored
    return -np.log(p[np.arange(len(y)), y])[keep]


def test_masks_of_functions_count_on_arrays_as_well():
    y, p = oracle.make_inputs("ids")
    kept = _ignoring(y, p, 1)
    assert 0 < len(kept) < len(y)

    class Mine(losses.Loss):
        def call(self, y_true, y_pred):
            return losses.sparse_categorical_crossentropy(y_true, y_pred, ignore_class=1)

    wrapped = losses.LossFunctionWrapper(losses.sparse_categorical_crossentropy, ignore_class=1)
    for loss in (losses.SparseCategoricalCrossentropy(ignore_class=1), wrapped, Mine()):
        assert loss(y, p.astype("f")) == pytest.approx(kept.mean(), rel=1e-5)
        theirs = keras.losses.SparseCategoricalCrossentropy(ignore_class=1)(y, p.astype("f"))
        assert loss(y, p.astype("f")) == pytest.approx(float(theirs), rel=1e-5)
    values = losses.sparse_categorical_crossentropy(y, p, ignore_class=1)
    assert np.array_equal(values._keras_mask, y != 1) and not np.any(values[y == 1])


def test_class_ids_stay_integers():
    y, p = make_input((None,), "int64"), make_input((None, 4))
    loss = losses.SparseCategoricalCrossentropy()(y, p)
    assert loss.node.inputs[0].node.inputs[0] is y


def test_plain_numpy_loss_is_traced():
    def mine(y_true, y_pred):
        error = np.abs(y_true - y_pred)
        return np.mean(np.where(error < 1, np.square(error), error), axis=-1)

    loss = losses.LossFunctionWrapper(mine)
    y, p = oracle.make_inputs("numbers")
    a, b = make_input((None, 4)), make_input((None, 4))
    symbolic = loss(a, b)
    feeds = {a: y.astype("f"), b: p.astype("f")}
    np.testing.assert_allclose(evaluate([symbolic], feeds)[0], np.mean(mine(y, p)), rtol=1e-6)
    assert gradients(symbolic, [b])[0] is not None


def test_subclass():
    class Mine(losses.Loss):
        def call(self, y_true, y_pred):
            return ops.mean(ops.square(y_pred - y_true), axis=-1)

    y, p = oracle.make_inputs("numbers")
    np.testing.assert_allclose(Mine()(y, p), losses.MeanSquaredError()(y, p), rtol=1e-6)
    assert Mine().name.startswith("mine")


@pytest.mark.parametrize(
    ("target", "prediction"),
    [((4,), (4, 1)), ((4, 1), (4,)), ((4, 3), (4, 3, 1)), ((4, 3, 1), (4, 3)), ((4, 2), (4, 2)), ((4,), (4,))],
)
def test_a_function_of_ones_own_gets_equal_ranks(target, prediction):
    y, p = np.arange(np.prod(target)).reshape(target), np.linspace(0, 2, int(np.prod(prediction))).reshape(prediction)

    def loss_of(library):
        shapes = []

        def squares(y_true, y_pred):
            shapes.append((tuple(y_true.shape), tuple(y_pred.shape)))
            return library.ops.mean(library.ops.square(y_true - y_pred), axis=-1)

        wrapper = library.losses.MeanSquaredError.__mro__[1]  # what compile() makes a function a loss by
        assert wrapper.__name__ == "LossFunctionWrapper"
        return float(wrapper(squares)(y, p)), shapes

    (ours, our_shapes), (theirs, their_shapes) = loss_of(fastfit), loss_of(keras)
    assert our_shapes == their_shapes
    assert ours == pytest.approx(theirs)


def test_training_by_a_function_of_ones_own_with_targets_of_one_axis():
    def squares(y_true, y_pred):
        return (y_true - y_pred) ** 2

    x, y = np.arange(6.0).reshape(6, 1), np.array([0.0, 1, 2, 3, 4, 7])
    found = []
    for library in (fastfit, keras):
        model = library.Sequential([library.Input((1,)), library.layers.Dense(1, kernel_initializer="ones")])
        model.compile(library.optimizers.SGD(0.01), squares)
        history = model.fit(x, y, batch_size=4, epochs=3, shuffle=False, verbose=0)
        found.append((history.history["loss"], model.predict(x, verbose=0)))
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-5)
    np.testing.assert_allclose(found[0][1], found[1][1], rtol=1e-5)
