"""Metrics against Keras over several batches, traced and eager, and by their arithmetic."""

import keras
import numpy as np
import pytest

from fastfit import metrics, ops
from fastfit.graph.evaluate import evaluate
from fastfit.graph.tensor import make_input
from fastfit.graph.trace import Trace
from tests import oracle

ROWS = oracle.METRICS
FUNCTIONS = oracle.METRIC_FUNCTIONS
BATCHES = (slice(0, 6), slice(6, 12))  # of one size, which spares the oracle a compilation


def _inputs(row):
    arrays = oracle.make_inputs(row.inputs)
    arrays = arrays[1:] if row.name in ("Mean", "Sum") else arrays
    return [a.astype("float32") if a.dtype == np.float64 else a for a in arrays]


def _close(a, b, row):
    a = np.asarray(a)
    assert a.dtype == np.float32
    np.testing.assert_allclose(a, np.asarray(b), rtol=max(row.rtol, 2e-6) * 5, atol=1e-6)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("row, variant", [c for c in oracle.cases(ROWS) if not c.values[0].skip])
@pytest.mark.parametrize("weighted", [False, True])
def test_class_is_that_of_keras(row, variant, weighted):
    if weighted and (not row.weighted or variant != row.variants[0]):
        return
    arrays = _inputs(row)
    weights = oracle.sample_weights().astype("float32") if weighted else None
    ours = getattr(metrics, row.name)(*row.args, **variant)
    theirs = getattr(keras.metrics, row.name)(*row.args, **variant)
    for batch in BATCHES:
        w = None if weights is None else weights[batch]
        ours.update_state(*[a[batch] for a in arrays], sample_weight=w)
        theirs.update_state(*[a[batch] for a in arrays], sample_weight=w)
        _close(ours.result(), theirs.result(), row)
    ours.reset_state()
    assert all(not np.any(v.numpy()) for v in ours.variables)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("row, variant", oracle.cases(ROWS))
@pytest.mark.parametrize("weighted", [False, True])
def test_traced_equals_eager(row, variant, weighted):
    if weighted and not row.weighted:
        return
    arrays = _inputs(row) + ([oracle.sample_weights().astype("float32")] if weighted else [])
    tensors = [make_input((None, *a.shape[1:]), a.dtype.name) for a in arrays]
    metric, eager = (getattr(metrics, row.name)(*row.args, **variant) for _ in range(2))
    with Trace() as trace:
        metric.update_state(*tensors[: len(tensors) - weighted], sample_weight=tensors[-1] if weighted else None)
        result = metric.result()
    assert set(trace.updates) <= set(metric.variables)
    for batch in BATCHES:
        feeds = {t: a[batch] for t, a in zip(tensors, arrays, strict=True)}
        *state, value = evaluate([*trace.updates.values(), result], feeds)
        for variable, new in zip(trace.updates, state, strict=True):
            assert new.dtype == variable.dtype
            variable.assign(new)
        parts = [a[batch] for a in arrays]
        eager.update_state(*parts[: len(parts) - weighted], sample_weight=parts[-1] if weighted else None)
        np.testing.assert_allclose(value, eager.result(), rtol=1e-6)
        np.testing.assert_allclose(metric.result(), eager.result(), rtol=1e-6)


@pytest.mark.parametrize("row, variant", [c for c in oracle.cases(FUNCTIONS) if not c.values[0].skip])
def test_function_is_that_of_keras(row, variant):
    y, p = _inputs(row)
    value = getattr(metrics, row.name)(y, p, **variant)
    theirs = getattr(keras.metrics, row.name)(y, p, **variant)
    np.testing.assert_allclose(np.asarray(value), np.asarray(theirs), rtol=row.rtol, atol=row.rtol / 10)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("row, variant", oracle.cases(ROWS))
def test_called_directly(row, variant):
    arrays = _inputs(row)
    made, again = (getattr(metrics, row.name)(*row.args, **variant) for _ in range(2))
    weights = [oracle.sample_weights().astype("float32")] if row.weighted else []
    assert again.update_state(*arrays, *weights) is None
    value = made(*arrays, *weights)
    assert isinstance(value, np.ndarray | np.generic) and value.dtype == np.float32
    np.testing.assert_array_equal(value, again.result())
    made.reset_state()
    # Lists are taken as well.
    np.testing.assert_allclose(made(*(a.tolist() for a in [*arrays, *weights])), value, rtol=1e-6)
    made.reset_states()  # Keras 2's name
    assert all(not np.any(v.numpy()) for v in made.variables) and made.variables


@pytest.mark.parametrize("row, variant", oracle.cases(ROWS))
def test_default_name_and_direction_are_those_of_keras(row, variant):
    ours = getattr(metrics, row.name)(*row.args, **variant)
    theirs = getattr(keras.metrics, row.name)(*row.args, **variant)
    assert ours.name.rstrip("_0123456789") == theirs.name.rstrip("_0123456789")
    # Keras has none for the four counts; callbacks in mode "auto" are glad of one.
    assert getattr(theirs, "_direction", None) in (ours._direction, None)


def test_get_refuses_losses():
    with pytest.raises(ValueError, match="'huber'.* It is a loss"):
        metrics.get("huber")


def test_mean_counts_in_float64():
    metric = metrics.Mean()
    metric.count.assign(2.0**24)
    metric.total.assign(2.0**24)
    metric.update_state(np.ones(1))
    assert metric.count.numpy() == 2**24 + 1


def test_mean_of_nothing_is_zero():
    assert metrics.Mean().result() == 0


def test_mean_weights_of_lower_rank():
    values, w = np.arange(12.0).reshape(3, 2, 2), np.array([1.0, 0.0, 3.0])
    metric = metrics.Mean()
    metric.update_state(values, w)
    expected = np.average(values.mean((1, 2)), weights=w)
    np.testing.assert_allclose(metric.result(), expected, rtol=1e-6)


def test_metric_of_time_steps_with_mask():
    y, p = make_input((None, 3), "int32"), make_input((None, 3, 4))
    mask = make_input((None, 3), "bool")
    p._keras_mask = mask
    metric = metrics.SparseCategoricalAccuracy()
    with Trace() as trace:
        metric.update_state(y, p)
        result = metric.result()
    rng = np.random.default_rng(0)
    feeds = {y: rng.integers(0, 4, (5, 3)), p: rng.normal(size=(5, 3, 4)).astype("f")}
    feeds[mask] = rng.uniform(size=(5, 3)) > 0.4
    hits = (feeds[p].argmax(-1) == feeds[y])[feeds[mask]]
    assert len(trace.updates) == 2
    np.testing.assert_allclose(evaluate([result], feeds)[0], hits.mean(), rtol=1e-6)


def test_ignored_classes_are_not_counted():
    y, p = oracle.make_inputs("ids")
    kept = -np.log(p[np.arange(len(y)), y])[y != 1]
    wrapped = metrics.MeanMetricWrapper(metrics.sparse_categorical_crossentropy, ignore_class=1)
    for metric in (metrics.SparseCategoricalCrossentropy(ignore_class=1), wrapped):
        assert metric(y, p.astype("f")) == pytest.approx(kept.mean(), rel=1e-5)


def test_accuracy_uses_the_native_ops():
    y, p = make_input((None,), "int32"), make_input((None, 4))
    metric = metrics.SparseCategoricalAccuracy()
    with Trace() as trace:
        metric.update_state(y, p)
    total = trace.updates[metric.total].node
    assert total.operation.name == "add"
    assert total.inputs[1].node.operation.name == "sum64"
    assert total.inputs[1].node.inputs[0].node.operation.name == "hit_sparse"


def test_custom_metric():
    class Largest(metrics.Metric):
        def __init__(self, name="largest", **kwargs):
            super().__init__(name=name, **kwargs)
            self.value = self.add_weight(name="value", initializer="zeros")

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.value.assign(ops.maximum(self.value, ops.max(y_pred)))

        def result(self):
            return self.value

    metric = Largest()
    assert len(metric.variables) == 1
    metric(np.zeros(3), np.array([1.0, 5.0, 2.0]))
    assert metric.result().numpy() == 5.0
    with Trace() as trace:
        metric.update_state(None, make_input((None,)))
    assert list(trace.updates) == [metric.value]


def test_forgetting_super_init():
    class Bad(metrics.Metric):
        def __init__(self):
            self.value = self.add_weight()

    with pytest.raises(RuntimeError, match="super"):
        Bad()


def test_nested_metric_and_wrapper():
    class Pair(metrics.Metric):
        def __init__(self):
            super().__init__(name="pair")
            self.inner = metrics.Mean()

    assert len(Pair().variables) == 2
    wrapper = metrics.MeanMetricWrapper(lambda y, p: np.abs(y - p), name="distance")
    wrapper.update_state(np.zeros(3), np.ones(3))
    assert wrapper.result() == 1


def test_r2_adjusts_or_warns():
    with pytest.warns(UserWarning, match="independent predictors"):
        metric = metrics.R2Score(num_regressors=50)
        metric(np.arange(6.0).reshape(3, 2), np.zeros((3, 2)))


def test_bad_arguments():
    for make in (lambda: metrics.BinaryAccuracy(threshold=2), lambda: metrics.Precision(thresholds=[2.0]),
                 lambda: metrics.AUC(curve="x"), lambda: metrics.AUC(num_thresholds=1),
                 lambda: metrics.FBetaScore(average="x"), lambda: metrics.FBetaScore(beta=1),
                 lambda: metrics.IoU(2, [2]), lambda: metrics.PrecisionAtRecall(2.0),
                 lambda: metrics.R2Score(num_regressors=-1)):  # fmt: skip
        with pytest.raises(ValueError):
            make()


@pytest.mark.parametrize("name", ["OneHotIoU", "OneHotMeanIoU"])
def test_one_hot_iou_of_ids_is_refused(name):
    metric = getattr(metrics, name)(3, *([[0]] if name == "OneHotIoU" else []))
    with pytest.raises(ValueError, match=r"y_true must hold a row of scores.*Received: y_true.shape=\(4,\)"):
        metric.update_state(np.array([0, 1, 2, 1]), np.eye(3, dtype="float32")[[0, 1, 2, 1]])
