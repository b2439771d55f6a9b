"""Every differentiable op against central differences in float64."""

import numpy as np
import pytest

from fastfit import ops
from fastfit.graph.differentiate import gradients
from fastfit.graph.op import OPS, apply
from fastfit.graph.tensor import make_input
from tests.numeric import check_gradients

RNG = np.random.default_rng(7)
X = RNG.normal(size=(5, 4))
Z = RNG.normal(size=(5, 4))
POSITIVE = RNG.uniform(0.3, 2.0, (5, 4))
UNIT = RNG.uniform(-0.8, 0.8, (5, 4))
ROW = RNG.normal(size=(4,))
COLUMN = RNG.normal(size=(5, 1))
CUBE = RNG.normal(size=(3, 4, 2))
SQUARE = RNG.normal(size=(3, 3)) + 3 * np.eye(3)
PROBABILITIES = POSITIVE / POSITIVE.sum(-1, keepdims=True)
IDS = RNG.integers(0, 4, 5)
HOT = np.eye(4)[IDS]
LABELS = (RNG.uniform(size=(5, 4)) > 0.5) * 1.0
# Scaled so that a distance from 0 keeps it off the kinks.
OFF_ZERO = np.where(np.abs(X) < 0.1, 0.3, X)


def _unary(name, x):
    return pytest.param(lambda v: apply(name, v), (x,), id=name)


UNARY = [
    *[_unary(n, X) for n in ("exp exp2 expm1 sin cos sinh cosh arctan arcsinh erf erfc tanh sigmoid softplus negative "
                             "square i0 sinc deg2rad rad2deg identity nan_to_num softmax log_softmax sort").split()],
    *[_unary(n, POSITIVE) for n in "log log2 log10 log1p sqrt rsqrt cbrt reciprocal".split()],
    *[_unary(n, UNIT) for n in "tan arcsin arccos arctanh erfinv sparsemax".split()],
    _unary("arccosh", POSITIVE + 1.5),
    _unary("abs", OFF_ZERO),
    _unary("relu", OFF_ZERO),
]  # fmt: skip


def _call(name, arrays, id=None, **attrs):
    return pytest.param(lambda *v: apply(name, *v, **attrs), arrays, id=f"{name}{'-' + id if id else ''}")


BINARY = [
    *[_call(n, (X, Z)) for n in "add subtract multiply maximum minimum fmax fmin arctan2 hypot logaddexp".split()],
    *[_call(n, (X, ROW), "row") for n in "add subtract multiply maximum".split()],
    *[_call(n, (COLUMN, X), "column") for n in "add subtract multiply minimum".split()],
    _call("logaddexp2", (X, Z)),
    _call("divide", (X, POSITIVE)),
    _call("divide", (X, np.abs(ROW) + 0.5), "row"),
    _call("divide_no_nan", (X, POSITIVE)),
    _call("power", (POSITIVE, Z)),
    _call("mod", (X * 3, POSITIVE + 3)),
    _call("fmod", (X * 3, POSITIVE + 3)),
    _call("relu_grad", (OFF_ZERO, Z)),
    _call("tanh_grad", (UNIT, Z)),
    _call("sigmoid_grad", (POSITIVE, Z)),
    _call("softmax_grad", (PROBABILITIES, Z), axis=-1),
]

REDUCE = [
    _call(name, (POSITIVE if name == "prod" else X,), str(axis) + str(keep), axis=axis, keepdims=keep)
    for name in ("sum", "mean", "max", "min", "var", "std", "logsumexp", "prod")
    for axis, keep in ((None, False), (0, False), (-1, True), ((0, 1), True), (1, False))
] + [
    _call("prod", (POSITIVE * (np.arange(20).reshape(5, 4) % 7 != 0),), "zeros", axis=1),
    _call("mean", (CUBE,), "cube", axis=(0, 2), keepdims=False),
    _call("cumsum", (X,), axis=1),
    _call("cumprod", (POSITIVE,), axis=1),
    *[_call(name, (X,), str(axis), axis=axis) for name in ("cummax", "cummin") for axis in (0, 1)],
    _call("sum64", (X,)),
]

INDEX = np.array([[0, 2], [3, 3]])
SHAPE = [
    _call("reshape", (CUBE,), newshape=(-1, 8)),
    _call("reshape", (CUBE,), "flat", newshape=(-1,)),
    _call("expand_dims", (X,), axis=(0, 2)),
    _call("squeeze", (COLUMN,), axis=1),
    _call("transpose", (CUBE,), axes=(1, 2, 0)),
    _call("flip", (X,), axis=1),
    _call("roll", (X,), shift=1, axis=1),
    _call("concatenate", (X, Z, X), axis=1),
    _call("concatenate", (X, Z), "unknown", axis=0),
    _call("stack", (X, Z), axis=1),
    _call("tile", (X,), repeats=(2, 3)),
    _call("repeat", (X,), repeats=3, axis=1),
    _call("repeat", (X,), "list", repeats=[1, 0, 2, 1], axis=1),
    _call("pad", (X,), pad_width=((1, 0), (2, 1))),
    _call("pad", (X,), "reflect", pad_width=((0, 0), (2, 3)), mode="reflect"),
    _call("pad", (CUBE,), "symmetric", pad_width=((0, 0), (2, 3), (1, 0)), mode="symmetric"),
    _call("getitem", (CUBE,), "slice", key=(slice(None), slice(1, 3), None, 0)),
    _call("getitem", (CUBE,), "ellipsis", key=(Ellipsis, slice(None, None, -1))),
    _call("getitem", (CUBE,), "array", key=(slice(None), np.array([0, 0, 3]))),
    pytest.param(lambda x: apply("take", x, INDEX, axis=1), (X,), id="take"),
    pytest.param(lambda x: apply("take", x, INDEX, axis=None), (X,), id="take-flat"),
    pytest.param(lambda x, i: apply("take", x, i, axis=0), (ROW, IDS), id="take-embedding"),
    pytest.param(lambda x: apply("take_along_axis", x, np.argsort(X, 1)[:, :2], axis=1), (X,), id="take_along_axis"),
    pytest.param(lambda x, z: apply("where", X > 0, x, z), (X, Z), id="where"),
    pytest.param(lambda x, z: apply("where", X > 0, x, z), (X, ROW), id="where-broadcast"),
    pytest.param(lambda x: apply("clip", x, -1.0, 0.5), (X,), id="clip"),
    pytest.param(lambda x, low, high: apply("clip", x, low, high), (X, ROW - 0.5, COLUMN + 0.5), id="clip-bounds"),
    pytest.param(lambda x, z: apply("as_batch", x, z) * z, (X, Z), id="as_batch"),
    _call("fixed_rows", (X,), rows=5),
    pytest.param(lambda x: apply("broadcast_to", x, shape=(5, 5, 4)), (X,), id="broadcast_to"),
    pytest.param(lambda x, z: apply("broadcast_like", x, z) * z, (COLUMN, X), id="broadcast_like"),
    pytest.param(lambda x, z: apply("reshape_like", x, z) + z, (X, X), id="reshape_like"),
    pytest.param(lambda x: apply("top_k", x, k=2)[0], (X,), id="top_k"),
    pytest.param(lambda x: apply("cast", apply("cast", x, dtype="float32"), dtype="float64") * 0 + x, (X,), id="cast"),
    _call("tril", (X,)),
    _call("triu", (X,)),
    pytest.param(lambda x: apply("diagonal", x, offset=1), (SQUARE,), id="diagonal"),
    pytest.param(lambda x: apply("segment_sum", x, IDS, num_segments=4), (X,), id="segment_sum"),
]

EYE = np.eye(3)


def _swapped(x):
    return apply("transpose", x, axes=(1, 0))


W, B = RNG.normal(size=(4, 3)), RNG.normal(size=3)
LINALG = [
    _call("matmul", (X, W)),
    _call("matmul", (CUBE, RNG.normal(size=(2, 5))), "3-2"),
    _call("matmul", (CUBE, RNG.normal(size=(3, 2, 5))), "3-3"),
    _call("matmul", (X, ROW), "2-1"),
    _call("matmul", (RNG.normal(size=5), X), "1-2"),
    _call("dense", (X, W, B)),
    _call("dense", (CUBE, RNG.normal(size=(2, 3)), B), "3"),
    _call("dense_dx", (RNG.normal(size=(5, 3)), W)),
    _call("dense_dw", (X, Z)),
    _call("dense_db", (X,)),
    _call("einsum", (X, W), subscripts="ij,jk->ik"),
    _call("einsum", (CUBE, CUBE), "batch", subscripts="bij,bkj->bik"),
    _call("einsum", (CUBE, RNG.normal(size=(2, 5))), "dots", subscripts="...j,jk->...k"),
    _call("einsum", (X, ROW), "sum", subscripts="ij,j->j"),
    _call("inv", (SQUARE,)),
    _call("det", (SQUARE,)),
    _call("logdet", (SQUARE,)),
    _call("solve", (SQUARE, RNG.normal(size=(3, 2)))),
    _call("solve", (SQUARE, RNG.normal(size=3)), "vector"),
    pytest.param(lambda x: apply("cholesky", x @ _swapped(x) + EYE), (SQUARE,), id="cholesky"),
    pytest.param(lambda x: apply("cholesky", x @ _swapped(x) + EYE, upper=True), (SQUARE,), id="cholesky-upper"),
    pytest.param(lambda x: apply("eigh", x + _swapped(x))[0], (SQUARE,), id="eigh"),
    pytest.param(lambda x: apply("square", apply("eigh", x + _swapped(x))[1]), (SQUARE,), id="eigh-vectors"),
    pytest.param(lambda x: apply("slogdet", x)[1], (SQUARE,), id="slogdet"),
]

NN = [
    _call("squared_error_mean", (X, Z)),
    _call("squared_error_mean_grad", (X, Z, RNG.normal(size=5))),
    _call("absolute_error_mean", (X, Z)),
    _call("binary_crossentropy", (RNG.uniform(size=(5, 4)), RNG.uniform(0.1, 0.9, (5, 4)))),
    _call("binary_crossentropy", (RNG.uniform(size=(5, 4)), X), "logits", from_logits=True),
    _call("categorical_crossentropy", (PROBABILITIES, POSITIVE)),
    _call("categorical_crossentropy", (PROBABILITIES, X), "logits", from_logits=True),
    _call("sparse_categorical_crossentropy", (IDS, POSITIVE)),
    _call("sparse_categorical_crossentropy", (IDS, X), "logits", from_logits=True),
    pytest.param(lambda t, z: apply("softmax_ce", t, z)[0], (IDS, X), id="softmax_ce"),
    pytest.param(lambda t, z: apply("softmax_ce", t, z)[1], (IDS, X), id="softmax_ce-p"),
    pytest.param(lambda t, z: apply("softmax_ce_dense", t, z)[0], (PROBABILITIES, X), id="softmax_ce_dense"),
    pytest.param(lambda t, z: apply("sigmoid_bce", t, z)[0] + apply("sigmoid_bce", t, z)[1], (LABELS, X),
                 id="sigmoid_bce"),
    pytest.param(lambda x: apply("dropout", x, rate=0.4, seed=5), (X,), id="dropout"),
]  # fmt: skip

ALL = UNARY + BINARY + REDUCE + SHAPE + LINALG + NN


@pytest.mark.parametrize("function, arrays", ALL)
def test_gradient(function, arrays):
    unknown = function not in _FIXED
    check_gradients(function, *arrays, unknown_batch=unknown, rtol=2e-6, atol=1e-7)


# Square matrices cannot have an unknown side, nor can constants built into the function follow the batch.
_FIXED = {p.values[0] for p in ALL if p.id.startswith(
    ("inv", "det", "logdet", "solve", "cholesky", "eigh", "slogdet", "diagonal", "broadcast_to", "take-flat",
     "einsum-sum", "dense_dx", "dense-3"))}  # fmt: skip

# Ops whose gradient is tested through another op, or by a test of its own.
_INDIRECT = {
    "getitem_grad": "second derivative of getitem",
    "scatter_add": "second derivative of take",
    "put_along_axis": "second derivative of take_along_axis",
    "pad_grad": "second derivative of pad",
    "with_gradient": "tests/ops/test_ops.py, custom_gradient",
}


def test_every_differentiable_op_is_tested():
    tested = {p.id.split("-")[0] for p in ALL}
    differentiable = {name for name, op in OPS.items() if op.grad is not None}
    assert differentiable - tested - set(_INDIRECT) == set()


def test_an_op_is_differentiable_or_constant_or_says_so():
    """Those with neither raise when differentiated; the list is here so that additions are deliberate."""
    silent = {name for name, op in OPS.items() if op.grad is None and not op.constant}
    assert silent == {
        "slice_as", "segment_max", "segment_min", "segment_prod", "scatter",
        "scatter_update", "qr", "svd", "eig", "lu_factor", "pinv", "lstsq", "diagonal_grad",
        "absolute_error_mean_grad", "random_shuffle", "sparse_ce_grad", "categorical_ce_grad", "softmax_ce_grad",
        "softmax_ce_dense_grad", "sigmoid_bce_grad",
    }  # fmt: skip


def test_second_derivatives():
    x = make_input((None, 4), "float64")
    for y in (apply("tanh", x), apply("dense", x, W, B), x[:, 1:3] ** 3, apply("take", x, INDEX, axis=1) ** 2,
              apply("softmax", x), apply("mean", x * x, axis=1)):  # fmt: skip
        (g,) = gradients(ops.sum(y * y), [x])
        assert gradients(ops.sum(g * g), [x])[0] is not None


def test_no_silent_zero_gradient():
    x = make_input((None, 4, 4))
    with pytest.raises(NotImplementedError, match="'pinv' lies between"):
        gradients(ops.sum(apply("pinv", x)), [x])
    assert gradients(ops.sum(ops.floor(x) + ops.cast(x > 0, "float32") + ops.stop_gradient(x)), [x]) == [None]
    # ... and an op without a rule off the path does no harm
    y = make_input((None, 4, 4))
    assert gradients(ops.sum(apply("pinv", y) * x), [x])[0] is not None


def test_unused_target_and_constants():
    x, y = make_input((3, 4)), make_input((2,))
    dx, dy = gradients(ops.sum(x), [x, y])
    assert dy is None and dx.shape == (3, 4)
    z = make_input(())
    (dz,) = gradients(z, [z])
    assert dz.shape == ()


def test_loss_must_be_scalar():
    x = make_input((None, 4))
    with pytest.raises(ValueError, match="must be a scalar"):
        gradients(x, [x])
