"""A walk over the op table: every attribute changed, every operand in every place, against the NumPy meanings.

Each op has cases: the operands ("f" float32, "i" int32, "b" bool; N is the batch) and, by attribute, values to try.
Every case runs with its operands as constants, variables (row-major and in panels), sources, computed values and
outputs.
"""

import itertools

import numpy as np
import pytest

from fastfit import ops
from fastfit.compiler import compile_program
from fastfit.graph import trace
from fastfit.graph.op import OPS, apply, constant
from fastfit.graph.tensor import make_input
from fastfit.graph.variable import Variable
from tests.fuzz.graphs import differences, meanings

ONE, TWO = ["f:N,5", "f:4,5", "f:N,3,5"], ["f:N,5 f:N,5", "f:N,5 f:5", "f:4,5 f:4,5", "f:4,5 f:", "f:N,5 f:N,1"]
INTS = ["i:N,5 i:N,5", "i:N,5 i:5", "i:4,5 i:"]
AXES = {"axis": [None, 0, 1, -1, (0, 1)], "keepdims": [False, True]}
LABELS = {"from_logits": [False, True], "axis": [-1, 1]}
RANDOM = {"seed": [3, 9], "stream": [None, 2]}

# Op: (operands, values by attribute). Ops on each element that are not here have ONE or TWO.
CASES = {
    **{n: (INTS, {}) for n in "gcd lcm bitwise_and bitwise_or bitwise_xor".split()},
    **{n: (INTS, {}) for n in ("bitwise_left_shift", "bitwise_right_shift")},
    **{n: (["b:N,5 b:N,5", "f:N,5 b:N,5", "i:N,5 i:5"], {}) for n in ("logical_and", "logical_or", "logical_xor")},
    "bitwise_not": (["i:N,5", "i:4,5"], {}),
    "round": (ONE, {"decimals": [0, 1, 2, -1]}),
    "nan_to_num": (["f:N,5"], {"nan": [0.0, 2.0], "posinf": [None, 3.0], "neginf": [None, -3.0]}),
    "cast": (["f:N,5", "i:N,5", "b:N,5", "f:4,5"], {"dtype": ["float32", "int32", "bool", "int8", "uint8", "float64"]}),
    "clip": (["f:N,5 f: f:", "f:4,5 f: f:", "i:N,5 i: i:"], {}),
    "where": (["b:N,5 f:N,5 f:N,5", "f:N,5 f: f:5", "i:N,5 i:N,5 i:"], {}),
    "isclose": (TWO, {"rtol": [1e-5, 0.5], "atol": [1e-8, 0.5], "equal_nan": [False, True]}),
    **{n: (["f:N,5", "f:4,5", "f:N,3,5"], {"axis": [-1, 1, 0]}) for n in ("softmax", "log_softmax", "sparsemax")},
    "softmax_grad": (["f:N,5 f:N,5", "f:N,3,5 f:N,3,5"], {"axis": [-1, 1, 0]}),
    **{n: (["f:N,5 f:N,5", "f:4,5 f:4,5", "f:N,5 f:N,1"], {}) for n in ("squared_error_mean", "absolute_error_mean")},
    **{f"{n}_error_mean_grad": (["f:N,5 f:N,5 f:N"], {}) for n in ("squared", "absolute")},
    "hit_sparse": (["i:N f:N,5", "i:N,1 f:N,5", "f:N f:N,5", "i:N,3 f:N,3,5"], {}),
    "hit_dense": (["f:N,5 f:N,5"], {}),
    "hit_binary": (["f:N,5 f:N,5"], {"threshold": [0.5, 0.2]}),
    "sparse_categorical_crossentropy": (["i:N f:N,5", "i:N,1 f:N,5"], LABELS),
    "sparse_ce_grad": (["i:N f:N,5 f:N"], LABELS),
    "categorical_crossentropy": (["f:N,5 f:N,5", "f:N,3,5 f:N,3,5"], LABELS),
    "categorical_ce_grad": (["f:N,5 f:N,5 f:N"], LABELS),
    "binary_crossentropy": (["f:N,5 f:N,5"], {"from_logits": [False, True]}),
    "softmax_ce": (["i:N f:N,5", "i:N,3 f:N,3,5"], {}),
    "softmax_ce_grad": (["f:N,5 i:N f:N"], {}),
    **{n: (["f:N,5 f:N,5"], {}) for n in ("softmax_ce_dense", "sigmoid_bce")},
    "softmax_ce_dense_grad": (["f:N,5 f:N,5 f:N"], {}),
    "sigmoid_bce_grad": (["f:N,5 f:N,5 f:N,5"], {}),
    "matmul": (["f:N,5 f:5,4", "f:N,3,5 f:5,4", "f:N,3,5 f:N,5,2", "f:4,5 f:5,4", "f:N,5 f:5", "f:5 f:5,4"], {}),
    "dense": (["f:N,5 f:5,4 f:4", "f:4,5 f:5,4 f:4"], {}),
    "dense_dx": (["f:N,4 f:5,4"], {}),
    "dense_dw": (["f:N,5 f:N,4"], {}),
    "dense_db": (["f:N,5"], {}),
    "einsum": (["f:N,5 f:N,5"], {"subscripts": ["bi,bi->b", "bi,bj->ij", "bi,bj->bji"]}),
    **{n: (["f:N,3,3"], {}) for n in "inv det logdet lu_factor slogdet".split()},
    "solve": (["f:N,3,3 f:N,3,2"], {}),
    **{n: (["f:N,4,5", "f:4,5"], {"k": [0, 1, -1]}) for n in ("tril", "triu")},
    "diagonal": (["f:N,4,5"], {"offset": [0, 1, -2], "axis1": [1, -2], "axis2": [2, -1]}),
    "dropout": (["f:N,5"], {"rate": [0.0, 0.3, 1.0], "noise_shape": [None, (None, 1)], **RANDOM}),
    **{n: (["f:N,5", "f:4,5", "f:N,3,5", "i:N,5"], AXES) for n in "sum max min prod".split()},
    **{n: (["f:N,5", "f:4,5", "f:N,3,5", "b:N,5"], AXES) for n in "any all".split()},
    **{n: (["f:N,5", "f:4,5", "f:N,3,5"], AXES) for n in "mean var std logsumexp".split()},
    **{n: (["f:N,5", "f:4,5"], {"axis": [None, 0, -1], "keepdims": [False, True]}) for n in ("argmax", "argmin")},
    "count_nonzero": (["f:N,5", "b:N,5"], {"axis": [None, 0, -1]}),
    **{
        n: (["f:N,5", "f:N,3,5", "f:4,5"], {"axis": [0, 1, -1]})
        for n in "cumsum cumprod cummax cummin sort argsort".split()
    },
    "sum64": (["f:N,5", "f:N f:N"], {}),
    "sum_rows64": (["f:N,5", "f:N,5 f:N,5"], {}),
    "sum_into64": (["f:N i:N"], {"size": [3, 5]}),
    "batch_size": (["f:N,5"], {}),
    "axis_size": (["f:N,5"], {"axis": [0], "dtype": ["int32", "float32"]}),
    "getitem": (
        ["f:N,5", "f:N,5,3"],
        {"key": [(np.s_[:], 2), np.s_[:, 1:4], np.s_[:, ::-2], (Ellipsis, 0), (np.s_[:], [0, 3, 3]), (np.s_[:], None)]},
    ),
    "take": (["f:4,5 i:N", "f:4,5 i:N,2"], {"axis": [0]}),
    "take_along_axis": (["f:N,5 i:N,2", "f:4,5 i:4,2"], {"axis": [1, -1]}),
    "one_hot": (
        ["i:N", "i:N,2", "f:N"],
        {"num_classes": [3, 7], "axis": [-1, 1], "dtype": ["float32", "int32", "bool"]},
    ),
    "top_k": (["f:N,5"], {"k": [1, 3], "sorted": [True]}),
    "in_top_k": (["i:N f:N,5"], {"k": [1, 3]}),
    "digitize": (["f:N,5"], {"bins": [[0.2, 0.5, 0.7], [0.7, 0.5, 0.2]]}),
    "segment_sum": (["f:N,3 i:N"], {"num_segments": [2, 6]}),
    "segment_max": (["f:N,3 i:N"], {"num_segments": [4, 6]}),
    "segment_min": (["f:N,3 i:N"], {"num_segments": [4, 6]}),
    "segment_prod": (["f:N,3 i:N"], {"num_segments": [2, 6]}),
    "bincount": (["i:N,5"], {"minlength": [4, 7]}),
    "reshape": (["f:N,4,5", "f:N,20"], {"newshape": [(-1, 20), (-1, 2, 10), (-1, 5)]}),
    "reshape_like": (["f:N,4,5 f:N,20"], {}),
    "expand_dims": (["f:N,5", "f:4,5"], {"axis": [1, -1, (1, 2)]}),
    "squeeze": (["f:N,1,5"], {"axis": [1, -2]}),
    "transpose": (["f:N,4,5", "f:N,5,4"], {"axes": [(0, 2, 1), (0, 1, 2), (1, 0, 2)]}),
    "flip": (["f:N,5", "f:N,4,5"], {"axis": [1, -1, 0]}),
    "roll": (["f:N,5"], {"shift": [1, -2], "axis": [1, 0]}),
    "broadcast_like": (["f:N,1 f:N,5", "f:5 f:N,5", "f: f:N,5", "f:4,1 f:4,5"], {}),
    "full_like": (["f:N,5", "f:4,5"], {"value": [0, 2.5], "dtype": ["float32", "int32", "bool"]}),
    "concatenate": (["f:N,5 f:N,3", "f:N,2,5 f:N,3,5", "i:N,5 i:N,3"], {"axis": [1]}),
    "stack": (["f:N,5 f:N,5"], {"axis": [1, -1, 0]}),
    "tile": (["f:N,5"], {"repeats": [(1, 2), (1, 1), (2, 1)]}),
    "repeat": (["f:N,5"], {"repeats": [2, [1, 0, 2, 1, 3]], "axis": [1]}),
    "pad": (["f:N,5", "i:N,5", "b:N,5"], {"pad_width": [((0, 0), (1, 2))], "mode": ["constant", "edge", "reflect"],
                                         "constant_values": [0, 3]}),
    "random_normal_like": (["f:N,5"], RANDOM),
    "random_uniform_like": (["f:N,5"], RANDOM),
    "identity": (ONE, {}),
    "stop_gradient": (ONE, {}),
}  # fmt: skip
# Walked elsewhere: leaves and joints that lowering and gradients make, ops of shapes alone, and those that have no
# native form and whose results' shapes or bits NumPy's versions decide.
ELSEWHERE = set(
    "constant with_gradient view as_batch fixed_rows slice_as full arange broadcast_to getitem_grad scatter_add "
    "put_along_axis diagonal_grad pad_grad scatter scatter_update searchsorted sum_above64 cholesky qr svd eigh "
    "eig pinv lstsq random_normal random_uniform random_truncated_normal random_randint random_gamma random_beta "
    "random_binomial random_shuffle random_categorical".split()
)
ALL = [n for n in OPS if n not in ELSEWHERE and not n.endswith("_of_tests")]


def cases_of(name):
    """(operands, attributes): each attribute through its values, the others at their first."""
    operands, values = CASES.get(name) or (TWO if name.endswith("_grad") or takes_two(name) else ONE, {})
    first = {k: v[0] for k, v in values.items()}
    changed = [{**first, k: v} for k, vs in values.items() for v in vs[1:]]
    for given in operands:
        for attrs in [first, *changed]:
            yield given, attrs


def takes_two(name):
    op = OPS[name]
    needed = [p for p in op.parameters.values() if p.default is p.empty]
    return (op.meaning.nin if isinstance(op.meaning, np.ufunc) else len(needed)) == 2


def test_every_op_and_every_attribute_is_walked():
    names = {n for n in OPS if not n.endswith("_of_tests")}
    assert set(CASES) <= names and names >= ELSEWHERE
    for name in ALL:
        op = OPS[name]
        if not op.elementwise and name not in CASES:
            assert name.endswith("_grad"), f"op {name} has no case"
        known = CASES.get(name, ((), {}))[1]
        operands = len((CASES.get(name) or (TWO if takes_two(name) else ONE, {}))[0][0].split())
        more = [
            p for p in list(op.parameters.values())[operands:] if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
        ]
        missing = [p.name for p in more if p.name not in known and p.name not in ("out", "w", "weights", "dtype")]
        assert not missing, f"op {name}: no values for {missing}"


def value_of(rng, dtype, shape):
    if dtype == "i":
        return rng.integers(0, 4, shape).astype("int32")
    if dtype == "b":
        return rng.random(shape) < 0.5
    x = rng.uniform(0.1, 0.9, shape).astype("float32")
    if shape[-2:] == (3, 3):  # a matrix to invert
        x = x + 3 * np.eye(shape[-1], dtype="float32")
    return x


class Operands:
    """The operands of a case, each in a place of its own kind."""

    def __init__(self, given, rows, turn):
        rng = np.random.default_rng([rows, len(given), turn])
        self.inputs, self.arrays, self.tensors, self.outputs, self.packed = [], [], [], [], []
        for i, text in enumerate(given.split()):
            dtype, _, dims = text.partition(":")
            shape = tuple(None if d == "N" else int(d) for d in dims.split(",") if d)
            value = value_of(rng, dtype, tuple(rows if d is None else d for d in shape))
            kinds = ("source", "slot", "sink") if None in shape else ("constant", "variable", "packed", "slot")
            self.tensors.append(self.place(kinds[(turn + i) % len(kinds)], dtype, shape, value))

    def place(self, kind, dtype, shape, value):
        name = {"f": "float32", "i": "int32", "b": "bool"}[dtype]
        if None not in shape:
            if kind == "constant":
                return constant(value)
            variable = Variable(value, dtype=name, trainable=dtype == "f")
            tensor = trace.current().read(variable)
            if kind == "packed" and dtype == "f" and len(shape) == 2:
                self.packed.append(ops.sum(ops.matmul(np.ones((2, shape[0]), "float32"), tensor)))
            return apply("multiply", tensor, 1) if kind == "slot" and dtype != "b" else tensor
        stored = "int32" if dtype == "b" else name
        source = make_input(shape, stored)
        self.inputs.append(source)
        self.arrays.append(value.astype(stored))
        if dtype == "b":
            return apply("not_equal", source, 0)
        if kind == "source":
            return source
        tensor = apply("multiply", source, 1)
        if kind == "sink":
            self.outputs.append(tensor)
        return tensor


# Ops that take numbers near those of their operands, all below 1, from these: what the last bits of the operands are
# worth, when results are small.
CANCELLED = {"sparsemax": 2.0**-20}


def walk(name, given, attrs, rows, turn, behind_dense=False):
    with trace.Trace():
        operands = Operands(given, rows, turn)
        xs = operands.tensors
        if behind_dense:
            xs = [ops.matmul(xs[0], np.linspace(-0.3, 0.5, 20, dtype="float32").reshape(5, 4))]
        results = apply(name, *xs, **attrs)
        results = list(results) if isinstance(results, tuple) else [results]
        results = [r if r.dtype in ("float32", "int32", "float64") else ops.cast(r, "float32") for r in results]
        if name == "identity":
            results = [ops.multiply(r, 1) for r in results]
        rowwise = [r for r in results if r._shape[:1] == (None,) and None not in r._shape[1:] and r._shape.times == 1]
        rowwise = [r if r.dtype != "float64" else ops.cast(r, "float32") for r in rowwise]
        fixed = [r for r in (*results, *operands.packed) if None not in r._shape]
    outputs = [*operands.outputs, *rowwise]
    if not outputs and not fixed:
        return
    targets = [Variable(np.zeros(t._shape, t.dtype), trainable=False) for t in fixed]
    inputs = operands.inputs or [make_input((None, 1))]
    arrays = operands.arrays or [np.ones((rows, 1), "float32")]
    program = compile_program(
        [(t, a.dtype.name) for t, a in zip(inputs, arrays, strict=True)],
        outputs=outputs, updates=list(zip(targets, fixed, strict=True)), batch=rows,
    )  # fmt: skip
    sinks = [np.full((rows, *t._shape[1:]), 77, t.dtype) for t in outputs]
    program.run(arrays, sinks, None, 0, rows, rows)
    wanted = [*outputs, *fixed]
    feeds = dict(zip(inputs, arrays, strict=True))
    noises = [None, *((np.random.default_rng(i), 2.0**-22) for i in range(6))]
    runs = [meanings(wanted, feeds, noise) for noise in noises]
    for i, got in enumerate([*sinks, *(t.numpy() for t in targets)]):
        wrong = differences(got, runs[0][i], [r[i] for r in runs[1:]], [0, 0], CANCELLED.get(name, 0.0))
        assert wrong is None, f"{name}({given}, {attrs}), rows {rows}, places from {turn}: result {i}: {wrong}"


@pytest.mark.parametrize("name", ALL)
@pytest.mark.filterwarnings("ignore")
def test_walk(name):
    """A few places of each case; which, and how many rows, goes round with the case."""
    for number, (given, attrs) in enumerate(cases_of(name)):
        for turn in range(4) if number == 0 else (number % 4,):
            walk(name, given, attrs, (1, 5, 37)[(number + turn) % 3], turn)


BEHIND = [n for n in ALL if OPS[n].elementwise and not takes_two(n) and n not in ("bitwise_not", "clip", "where")]


@pytest.mark.parametrize("name", BEHIND)
@pytest.mark.filterwarnings("ignore")
def test_behind_a_dense_layer(name):
    for attrs in {repr(a): a for _, a in cases_of(name)}.values():
        walk(name, "f:N,5", attrs, 5, 0, behind_dense=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", ALL)
@pytest.mark.filterwarnings("ignore")
def test_walk_exhaustively(name):
    for (given, attrs), rows, turn in itertools.product(cases_of(name), (1, 5, 37, 300), range(12)):
        walk(name, given, attrs, rows, turn)
