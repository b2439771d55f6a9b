"""Gradients by differences, and what tests of graphs share."""

import numpy as np

from fastfit import ops
from fastfit.graph.differentiate import gradients
from fastfit.graph.evaluate import evaluate
from fastfit.graph.tensor import make_input


def numeric_gradient(function, x, step=1e-4):
    """Return the gradient of a scalar function of an array, by 4th-order central differences."""
    x = np.array(x, np.float64)
    gradient = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        values = []
        for k in (-2, -1, 1, 2):
            moved = x.copy()
            moved[i] += k * step
            values.append(float(function(moved)))
        gradient[i] = (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * step)
    return gradient


def check_gradients(function, *arrays, unknown_batch=True, rtol=1e-6, atol=1e-8, seed=0):
    """Compare the graph's gradients of a random projection of ``function(*arrays)`` with differences, in float64.

    Parameters
    ----------
    function : callable
        Of tensors or arrays; returns one.
    *arrays : ndarray
        Float ones are differentiated.
    unknown_batch : bool
        The size of axis 0 of the first input is not known when the graph is built, nor that of inputs that share it.
    """
    arrays = [np.asarray(a, np.float64) if np.asarray(a).dtype.kind == "f" else np.asarray(a) for a in arrays]
    batch = arrays[0].shape[:1] if unknown_batch else None
    inputs = [make_input((None, *a.shape[1:]) if a.shape[:1] == batch else a.shape, a.dtype.name) for a in arrays]
    feeds = dict(zip(inputs, arrays, strict=True))
    y = function(*inputs)
    (value,) = evaluate([y], feeds)
    direct = function(*arrays)
    np.testing.assert_allclose(value, direct, rtol=1e-12, atol=1e-14)
    check_spec(y, value)
    weights = np.random.default_rng(seed).normal(size=value.shape)
    targets = [i for i, a in enumerate(arrays) if a.dtype.kind == "f"]
    loss = ops.sum(y * weights)
    found = evaluate(gradients(loss, [inputs[i] for i in targets]), feeds)
    for i, g in zip(targets, found, strict=True):

        def project(x, i=i):
            return np.sum(np.asarray(function(*arrays[:i], x, *arrays[i + 1 :]), np.float64) * weights)

        assert g.dtype == np.float64
        np.testing.assert_allclose(g, numeric_gradient(project, arrays[i]), rtol=rtol, atol=atol, err_msg=f"input {i}")


def check_spec(tensor, value):
    """Assert that a tensor's shape and dtype are those of the array that it evaluates to."""
    assert tensor.dtype == value.dtype.name
    assert len(tensor.shape) == value.ndim
    assert all(a in (None, b) for a, b in zip(tensor.shape, value.shape, strict=True)), (tensor.shape, value.shape)
