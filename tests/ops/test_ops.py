"""Functions of fastfit.ops against those of keras.ops, eagerly and symbolically."""

import keras
import numpy as np
import pytest

from fastfit import ops
from fastfit.graph.evaluate import evaluate
from fastfit.graph.tensor import make_input
from tests.numeric import check_spec

RNG = np.random.default_rng(11)
X = RNG.normal(size=(5, 4)).astype("f")
Z = RNG.normal(size=(5, 4)).astype("f")
P = RNG.uniform(0.2, 2, (5, 4)).astype("f")
CUBE = RNG.normal(size=(2, 3, 4)).astype("f")
SQUARE = (RNG.normal(size=(3, 3)) + 3 * np.eye(3)).astype("f")
VECTOR = RNG.normal(size=4).astype("f")
INTS = RNG.integers(0, 9, (5, 4)).astype("int32")
IDS = RNG.integers(0, 4, 5).astype("int32")
BOOLS = X > 0
NANS = np.where(np.abs(X) < 0.5, np.nan, X).astype("f")

UNARY = (
    "abs absolute arccos arcsin arctan arctanh arcsinh ceil cos cosh deg2rad erf erfc exp exp2 expm1 floor isfinite "
    "isinf isnan log1p logical_not negative rad2deg relu relu6 sigmoid sign signbit silu sin sinc sinh softplus "
    "softsign square tan tanh trunc log_sigmoid hard_sigmoid hard_silu hard_tanh elu selu celu gelu tanh_shrink "
    "hard_shrink soft_shrink squareplus sparse_plus sparse_sigmoid leaky_relu fabs isposinf isneginf isreal round "
    "softmax log_softmax ravel sort argsort all any argmax argmin max min mean sum std var prod ptp logsumexp cumsum "
    "cumprod median count_nonzero normalize diff flip fliplr flipud rot90 transpose ones_like zeros_like copy conj"
).split()
CALLS = [
    *[(name, (X * (0.3 if name.startswith("arc") else 1),), {}) for name in UNARY],
    *[(name, (P,), {}) for name in "log log2 log10 sqrt rsqrt reciprocal cbrt".split()],
    ("arccosh", (P + 1,), {}),
    ("erfinv", (X * 0.2,), {}),
    *[(name, (X, Z), {}) for name in (
        "add subtract multiply divide maximum minimum arctan2 hypot logaddexp equal not_equal less less_equal greater "
        "greater_equal logical_and logical_or logical_xor fmax fmin divide_no_nan isclose allclose "
        "logaddexp2").split()],
    *[(name, (INTS, INTS + 1), {}) for name in (
        "add floor_divide mod gcd lcm bitwise_and bitwise_or bitwise_xor divide maximum").split()],
    ("power", (P, Z), {}), ("mod", (X, P), {}), ("fmod", (X, P), {}), ("floor_divide", (X, P), {}),
    ("heaviside", (X, Z), {}),
    *[(name, (X,), {"axis": 1, "keepdims": True}) for name in
      "mean sum max min std var prod all any argmax logsumexp".split()],
    *[(name, (CUBE,), {"axis": (0, 2)}) for name in "mean sum max min var prod logsumexp".split()],
    *[(name, (NANS,), {"axis": 1}) for name in "nansum nanmean nanmax nanmin nanprod nanvar nanstd nanargmax".split()],
    ("max", (X,), {"axis": 1, "initial": 1.0}),
    ("average", (X,), {"axis": 1, "weights": np.abs(VECTOR)}),
    ("quantile", (X, 0.3), {"axis": 1}), ("percentile", (X, 30), {"axis": 0}), ("median", (X,), {"axis": 1}),
    ("cumsum", (X,), {"axis": 1}), ("cumprod", (X,), {"axis": 0}), ("nancumsum", (NANS,), {"axis": 1}),
    ("clip", (X, -0.5, 0.5), {}), ("where", (BOOLS, X, 0.0), {}), ("where", (BOOLS, X, Z), {}),
    ("nan_to_num", (NANS,), {"nan": 2.0}), ("select", ([X > 1, X > 0], [X, Z]), {"default": 7.0}),
    ("reshape", (CUBE, (2, 12)), {}), ("reshape", (CUBE, (-1, 4)), {}), ("expand_dims", (X, 1), {}),
    ("squeeze", (X[:, None],), {"axis": 1}), ("transpose", (CUBE, (0, 2, 1)), {}), ("swapaxes", (CUBE, 1, 2), {}),
    ("moveaxis", (CUBE, 0, -1), {}), ("moveaxis", (CUBE, (0, 1), (2, 0)), {}), ("roll", (X, 2), {}),
    ("roll", (X, 1), {"axis": 1}), ("flip", (X,), {"axis": 1}), ("rot90", (X,), {"k": 3}), ("rot90", (X,), {"k": 2}),
    ("broadcast_to", (VECTOR, (5, 4)), {}), ("tile", (X, (2, 1)), {}), ("tile", (X, 2), {}),
    ("repeat", (X, 2), {"axis": 1}), ("repeat", (X, 3), {}), ("pad", (X, ((1, 2), (0, 1))), {}), ("pad", (X, 1), {}),
    ("pad", (X, 1), {"mode": "reflect"}),
    ("concatenate", ([X, Z],), {"axis": 1}), ("stack", ([X, Z],), {"axis": 1}), ("stack", ([X, Z],), {"axis": -1}),
    ("hstack", ([X, Z],), {}), ("vstack", ([VECTOR, VECTOR],), {}), ("dstack", ([X, Z],), {}),
    ("append", (X, Z), {"axis": 0}), ("split", (X, 2), {"axis": 1}), ("split", (X, [1, 3]), {"axis": 1}),
    ("array_split", (X, 3), {"axis": 1}), ("unstack", (X,), {"axis": 1}), ("take", (X, [2, 0]), {"axis": 1}),
    ("take", (X, INTS), {}), ("take_along_axis", (X, np.argsort(Z, 1)), {"axis": 1}), ("diff", (X,), {"n": 2}),
    ("meshgrid", (VECTOR, P[:, 0]), {}), ("meshgrid", (VECTOR, P[:, 0]), {"indexing": "ij"}),
    ("unravel_index", (INTS, (4, 5)), {}), ("diagonal", (X,), {"offset": 1}), ("diag", (VECTOR,), {}),
    ("diag", (VECTOR,), {"k": 1}), ("diag", (VECTOR,), {"k": -2}), ("diag", (SQUARE,), {}), ("trace", (SQUARE,), {}),
    ("tril", (X,), {"k": -1}), ("triu", (X,), {}), ("vander", (VECTOR,), {"N": 3}), ("trapezoid", (X,), {}),
    ("matmul", (X, Z.T), {}), ("matmul", (CUBE, VECTOR), {}), ("dot", (X, VECTOR), {}), ("dot", (CUBE, Z.T), {}),
    ("inner", (X, Z), {}), ("outer", (VECTOR, P), {}), ("vdot", (X, Z), {}),
    ("tensordot", (CUBE, X), {"axes": ([2], [1])}),
    ("einsum", ("bij,bkj->bik", CUBE, CUBE), {}), ("einsum", ("ij->j", X), {}), ("kron", (SQUARE, X), {}),
    ("cross", (X[:, :3], Z[:, :3]), {}), ("corrcoef", (X,), {}),
    *[(name, (SQUARE,), {}) for name in "inv det".split()],
    ("norm", (X,), {}), ("norm", (X,), {"axis": 1}), ("norm", (X,), {"axis": 1, "ord": 1}),
    ("norm", (X,), {"axis": 1, "ord": np.inf}), ("norm", (X,), {"axis": 1, "ord": 3}), ("norm", (X,), {"ord": 1}),
    ("solve", (SQUARE, X[:3]), {}), ("solve_triangular", (SQUARE, X[:3]), {"lower": True}),
    ("cholesky", (SQUARE @ SQUARE.T,), {}), ("slogdet", (SQUARE,), {}), ("pinv", (X,), {}),
    ("softmax", (X,), {"axis": None}), ("softmax", (CUBE,), {"axis": (0, 2)}), ("log_softmax", (CUBE,), {"axis": 1}),
    ("glu", (X,), {}), ("gelu", (X,), {"approximate": False}), ("threshold", (X, 0.1, -1.0), {}),
    ("one_hot", (IDS, 4), {}), ("one_hot", (IDS, 4), {"axis": 0}), ("one_hot", (IDS - 1, 4), {}),
    ("multi_hot", (INTS, 9), {}), ("top_k", (X, 2), {}), ("in_top_k", (IDS, X, 2), {}),
    ("normalize", (X,), {"order": 3}), ("layer_normalization", (X,), {}), ("rms_normalization", (X, VECTOR), {}),
    ("batch_normalization", (X, VECTOR, P[0], -1, VECTOR, VECTOR), {}), ("moments", (X,), {"axes": [0]}),
    ("segment_sum", (X, IDS), {"num_segments": 4}), ("segment_max", (X, IDS), {"num_segments": 4}),
    ("bincount", (IDS,), {"minlength": 6}), ("searchsorted", (np.sort(VECTOR), X[:, 0]), {}),
    ("digitize", (X, np.array([-1.0, 0.0, 1.0])), {}), ("isin", (INTS, np.array([1, 3])), {}),
    ("slice", (X, (1, 0), (2, 3)), {}), ("slice_update", (X, (1, 1), Z[:2, :2]), {}),
    ("scatter", (INTS[:3, :1] % 4, P[:3], (9, 4)), {}), ("scatter_update", (X, [[0], [2]], Z[:2]), {}),
    ("binary_crossentropy", ((X > 0).astype("f"), P / 3), {}),
    ("categorical_crossentropy", (P / P.sum(1, keepdims=True), P), {}),
    ("categorical_crossentropy", (P, X), {"from_logits": True}),
    ("sparse_categorical_crossentropy", (IDS, P), {}),
    ("sparse_categorical_crossentropy", (IDS, X), {"from_logits": True}),
    ("cast", (X, "int32"), {}), ("saturate_cast", (X * 300, "uint8"), {}),
]  # fmt: skip


def _id(call):
    name, args, kwargs = call
    return f"{name}-{len(args)}" + "".join(f"-{k}" for k in kwargs)


def _leaves(result):
    return list(result) if isinstance(result, (tuple, list)) else [result]


@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize("call", CALLS, ids=_id)
def test_value_is_that_of_keras(call):
    name, args, kwargs = call
    ours = _leaves(getattr(ops, name)(*args, **kwargs))
    theirs = _leaves(getattr(keras.ops, name)(*args, **kwargs))
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        a, b = np.asarray(a), np.asarray(b)
        assert a.shape == b.shape
        assert a.dtype == b.dtype or {a.dtype.kind, b.dtype.kind} <= {"i", "u"}
        np.testing.assert_allclose(a, b, rtol=3e-5, atol=3e-6)


@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize("call", [c for c in CALLS if _id(c) != "median-1"], ids=_id)  # that one refuses tensors
def test_symbolic_equals_eager(call):
    name, args, kwargs = call
    if name in ("scatter", "slice_update", "scatter_update", "diag", "isin", "slice"):
        batch = False  # constants in their arguments fix the number of rows
    else:
        batch = isinstance(args[0], np.ndarray) and args[0].ndim == 2 and args[0].shape[0] == 5 and name not in _FIXED
    feeds = {}

    def tensor(a):
        if isinstance(a, list) and all(isinstance(v, np.ndarray) for v in a):
            return [tensor(v) for v in a]
        if not isinstance(a, np.ndarray) or name == "digitize" and a.ndim == 1:
            return a
        t = make_input((None, *a.shape[1:]) if batch and a.shape[:1] == (5,) else a.shape, a.dtype.name)
        feeds[t] = a
        return t

    result = _leaves(getattr(ops, name)(*[tensor(a) for a in args], **kwargs))
    eager = _leaves(getattr(ops, name)(*args, **kwargs))
    for t, value, direct in zip(result, evaluate(result, feeds), eager, strict=True):
        check_spec(t, value)
        np.testing.assert_allclose(value, direct, rtol=1e-6, atol=1e-7)
        assert np.asarray(direct).dtype == value.dtype


# What needs to know all sizes.
_FIXED = {"median", "quantile", "percentile", "kron", "corrcoef", "cdist", "unstack"}


def test_creation_and_control():
    assert ops.zeros((2, 3)).dtype == np.float32 and ops.ones((2,), "int32").dtype == np.int32
    np.testing.assert_array_equal(ops.arange(3), keras.ops.arange(3))
    np.testing.assert_allclose(ops.linspace(0, 1, 5), keras.ops.linspace(0, 1, 5))
    np.testing.assert_array_equal(ops.eye(3, k=1), keras.ops.eye(3, k=1))
    assert ops.cond(True, lambda: 1, lambda: 2) == 1
    x = make_input((None, 4))
    chosen = ops.cond(ops.sum(x) > 0, lambda: x, lambda: -x)
    np.testing.assert_allclose(evaluate([chosen], {x: -P})[0], P)
    assert ops.while_loop(lambda i: i < 3, lambda i: i + 1, 0) == 3
    assert ops.fori_loop(0, 4, lambda i, v: v + i, 0) == 6
    carry, ys = ops.scan(lambda c, v: (c + v, c + v), np.zeros(4, "f"), X)
    np.testing.assert_allclose(ys, np.cumsum(X, 0), rtol=1e-5)
    np.testing.assert_allclose(ops.map(lambda v: v * 2, X), X * 2)
    assert ops.shape(X) == (5, 4) and ops.ndim(X) == 2 and ops.size(X) == 20 and ops.dtype(X) == "float32"
    assert ops.is_tensor(x) and ops.is_tensor(X) and not ops.is_tensor([1])
    with pytest.raises(NotImplementedError, match="stop_gradient"):
        ops.custom_gradient(lambda v: v)


def test_names_are_those_of_keras():
    """What is left out, so that it is left out deliberately: images, signals, complex numbers, sparse solvers."""
    theirs = {n for n in dir(keras.ops) if not n.startswith("_")}
    assert theirs - set(dir(ops)) == {
        "adaptive_average_pool", "adaptive_max_pool", "angle", "associative_scan", "average_pool", "bartlett",
        "blackman", "cholesky_inverse", "conv", "conv_transpose", "correlate", "ctc_decode", "ctc_loss",
        "depth_to_space", "depthwise_conv", "dsplit", "extract_sequences", "fft", "fft2", "fold", "hamming", "hanning",
        "hsplit", "ifft2", "imag", "image", "irfft", "istft", "jvp", "kaiser", "linalg", "lu_factor", "max_pool",
        "nanmedian", "nanpercentile", "nanquantile", "polar", "psnr", "real", "rearrange", "rfft", "separable_conv",
        "space_to_depth", "stft", "unfold", "vectorize", "view", "view_as_complex", "view_as_real", "vsplit",
    }  # fmt: skip
