"""Fusion of crossentropies with the softmax or sigmoid before them."""

import numpy as np
import pytest

from fastfit import losses, metrics, ops
from fastfit.graph.differentiate import gradients
from fastfit.graph.evaluate import evaluate
from fastfit.graph.op import apply
from fastfit.graph.rewrite import fuse
from fastfit.graph.tensor import make_input, topological

RNG = np.random.default_rng(5)
Z = RNG.normal(size=(6, 4)).astype("f")
IDS = RNG.integers(0, 4, 6).astype("int32")
HOT = np.eye(4, dtype="f")[IDS]
LABELS = (RNG.uniform(size=(6, 4)) > 0.5).astype("f")


def _names(tensors):
    return [getattr(n.operation, "name", n.operation) for n in topological(tensors)]


CASES = {
    "softmax_ce": (losses.SparseCategoricalCrossentropy, ops.softmax, IDS),
    "softmax_ce_dense": (losses.CategoricalCrossentropy, ops.softmax, HOT),
    "sigmoid_bce": (losses.BinaryCrossentropy, ops.sigmoid, LABELS),
}


@pytest.mark.parametrize("name", CASES)
def test_fused_graph_has_the_same_values_and_gradients(name):
    loss, activation, target = CASES[name]
    z, t = make_input((None, 4)), make_input((None, *target.shape[1:]), target.dtype.name)
    p = activation(z)
    value = loss()(t, p)
    other = ops.mean(p * 2.0)  # another use of the probabilities
    (new, new_other, new_p), memo = fuse([value, other, p])
    assert name in _names([new]) and not {"softmax", "sigmoid"} & set(_names([new, new_other, new_p]))
    assert memo[p] is new_p and memo[value] is new and memo[z] is z
    assert new_p.node is memo[p].node and new_p.node.operation.name == name and new_p.index == 1
    feeds = {z: Z, t: target}
    for a, b in zip(evaluate([value, other, p], feeds), evaluate([new, new_other, new_p], feeds), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-6)
    old, fused = (evaluate(gradients(v + o, [z]), feeds)[0] for v, o in ((value, other), (new, new_other)))
    np.testing.assert_allclose(old, fused, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", CASES)
def test_fused_gradient_is_never_clipped_away(name):
    loss, activation, target = CASES[name]
    z, t = make_input((None, 4)), make_input((None, *target.shape[1:]), target.dtype.name)
    (value,), _ = fuse([loss()(t, activation(z))])
    (gradient,) = evaluate(gradients(value, [z]), {z: (Z * 1000), t: target})
    assert np.all(np.isfinite(gradient)) and np.any(gradient)


def test_metrics_read_the_probabilities_of_the_fused_node():
    z, t = make_input((None, 4)), make_input((None,), "int32")
    p = ops.softmax(z)
    hits = metrics.sparse_categorical_accuracy(t, p)
    (value, hits), _ = fuse([losses.SparseCategoricalCrossentropy()(t, p), hits])
    assert _names([value, hits]).count("softmax_ce") == 1 and "softmax" not in _names([value, hits])
    np.testing.assert_array_equal(evaluate([hits], {z: Z, t: IDS})[0], Z.argmax(-1) == IDS)


def test_label_smoothing_and_two_losses_on_one_output():
    z, t, s = make_input((None, 4)), make_input((None, 4)), make_input((None,), "int32")
    p = ops.softmax(z)
    old = [losses.CategoricalCrossentropy(label_smoothing=0.1)(t, p), losses.SparseCategoricalCrossentropy()(s, p), p]
    new, _ = fuse(old)
    feeds = {z: Z, t: HOT, s: IDS}
    for a, b in zip(evaluate(old, feeds), evaluate(new, feeds), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-6)


def test_what_must_not_be_fused():
    z, t = make_input((None, 3, 4)), make_input((None, 4), "int32")
    other_axis = ops.sparse_categorical_crossentropy(t, ops.softmax(z, axis=1), axis=1)
    x, y = make_input((None, 4)), make_input((None, 4))
    p = ops.softmax(x)
    own_target = ops.categorical_crossentropy(ops.stop_gradient(p), p)
    changed = ops.categorical_crossentropy(y, ops.softmax(x) * 0.5)
    for tensor in (other_axis, own_target, changed):
        (same,), _ = fuse([tensor])
        assert same is tensor


@pytest.mark.parametrize("name", CASES)
def test_crossentropies_of_logits_are_fused_as_they_stand(name):
    loss, activation, target = CASES[name]
    z, t = make_input((None, 4)), make_input((None, *target.shape[1:]), target.dtype.name)
    feeds = {z: Z, t: target}
    for logits in (z, activation(z)):  # also of what is a probability already: a softmax of a softmax
        value = loss(from_logits=True)(t, logits)
        (new,), _ = fuse([value])
        assert name in _names([new]) and ("softmax" in _names([new])) == ("softmax" in _names([value]))
        for a, b in zip(*(evaluate([v, *gradients(v, [z])], feeds) for v in (value, new)), strict=True):
            np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-7)


def test_two_outputs_that_are_each_others_targets():
    a, b = make_input((None, 4)), make_input((None, 4))
    p, q = ops.softmax(a), ops.softmax(b)
    old = [ops.categorical_crossentropy(ops.stop_gradient(q), p), ops.categorical_crossentropy(ops.stop_gradient(p), q)]
    new, _ = fuse(old)
    feeds = {a: Z, b: Z[::-1]}
    for x, y in zip(evaluate(old, feeds), evaluate(new, feeds), strict=True):
        np.testing.assert_allclose(x, y, rtol=2e-6)


def test_errors_are_single_ops():
    y, p = make_input((None, 4)), make_input((None, 4))
    assert losses.mean_squared_error(y, p).node.operation.name == "squared_error_mean"
    assert losses.mean_absolute_error(y, p).node.operation.name == "absolute_error_mean"


def test_dense_gradients_are_dense_ops():
    x, w, b = make_input((None, 4)), make_input((4, 3)), make_input((3,))
    loss = ops.mean(ops.relu(apply("dense", x, w, b)))
    assert [g.node.operation.name for g in gradients(loss, [x, w, b])] == ["dense_dx", "dense_dw", "dense_db"]
