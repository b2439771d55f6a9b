"""The fuzzer of graphs finds nothing in its first graphs, and finds what is broken on purpose."""

import numpy as np
import pytest

from fastfit import ops
from fastfit.compiler import lower
from fastfit.graph import storage
from fastfit.graph.differentiate import gradients
from fastfit.graph.tensor import KerasTensor
from tests.fuzz import graphs


@pytest.mark.parametrize("start", range(0, 120, 40))
def test_random_graphs_give_what_their_ops_mean(start, capsys):
    before = storage._engine
    wrong = graphs.main(["--seed", str(start), "--count", "40"])
    assert wrong == 0, capsys.readouterr().out
    assert storage._engine is before


# Found by the fuzzer, made small.
FOUND = {
    "pad of conditions": (
        [{"kind": "input", "shape": [None, 3], "dtype": "float32"}],
        [["greater", [0, 0], {}], ["pad", [1], {"width": [[0, 0], [1, 0]], "mode": "constant", "value": -1.0}]],
    ),
    "ids are an output": ([{"kind": "input", "shape": [None, 1], "dtype": "int32"}], []),
    "squeeze of one row": (
        [{"kind": "input", "shape": [None, 1], "dtype": "float32"}],
        [["squeeze", [0], {}], ["square", [1], {}]],
    ),
    "errors that broadcast": (
        [{"kind": "input", "shape": [None, n], "dtype": "float32"} for n in (3, 1)],
        [["squared_error", [0, 1], {}]],
    ),
    "softmax over the batch": (
        [{"kind": "input", "shape": [None, 3], "dtype": "float32"}],
        [["softmax", [0], {"axis": 0}]],
    ),
    "rows twice": ([{"kind": "input", "shape": [None, 3], "dtype": "float32"}],
                   [["concatenate", [0, 0], {"axis": 0}], ["sum", [1], {"axis": [0], "keepdims": False}]]),
    "segments left out": (
        [{"kind": "var", "shape": [6, 3], "dtype": "float32"}, {"kind": "const", "shape": [6], "dtype": "int32"}],
        [["segment_sum", [0, 1], {}]],
    ),
    "einsum over one": (
        [{"kind": "var", "shape": s, "dtype": "float32"} for s in ([4, 5], [1, 3])],
        [["einsum", [0, 1], {"s": "ij,jk->ik"}]],
    ),
}  # fmt: skip


@pytest.mark.parametrize("data, ids", [((33, 2), (None,)), ((None, 2), (None, 5))])
def test_segments_of_other_rows_have_no_gradient(data, ids):
    data, ids = KerasTensor(data), KerasTensor(ids, "int32")
    loss = ops.sum(ops.segment_sum(data, ops.reshape(ids, (-1,)), 4))
    with pytest.raises(NotImplementedError, match="segment_sum: no gradient where data and segment_ids"):
        gradients(loss, [data])


def test_a_gradient_with_rows_of_the_batch_for_one_row():
    spec = {
        "leaves": [
            {"kind": "var", "shape": [1, 1], "dtype": "float32"},
            {"kind": "input", "shape": [None], "dtype": "float32"},
        ],
        "steps": [["matmul_plain", [1, 0], {}]],
    }
    share = [0, 0]
    before = storage._engine
    try:
        options = {"seed": 3, "outs": [2], "rows": 1, "batch": 1, "isa": 0, "threads": 1, "train": True}
        assert graphs.check({**spec, **options, "optimizer": ["SGD_nesterov", {}]}, share) is None
    finally:
        storage._engine = before
    assert share[0] > 0


@pytest.mark.parametrize("name", FOUND)
@pytest.mark.parametrize("rows", [1, 5])
def test_what_was_found(name, rows):
    leaves, steps = FOUND[name]
    if all(leaf["kind"] != "input" for leaf in leaves):
        leaves = [*leaves, {"kind": "input", "shape": [None, 1], "dtype": "float32"}]
        steps = [[n, [p + (p >= len(leaves) - 1) for p in picks], params] for n, picks, params in steps]
    spec = {"seed": 3, "leaves": leaves, "steps": steps, "outs": [len(leaves) + len(steps) - 1], "rows": rows}
    share = [0, 0]
    before = storage._engine
    try:
        wrong = graphs.check({**spec, "batch": rows, "isa": 0, "threads": 1, "train": True}, share)
    finally:
        storage._engine = before
    assert wrong is None
    assert share[0] > 0


def test_a_wrong_rule_is_found(monkeypatch, capsys):
    right = lower.RULES["tanh"]

    def wrong(low, node):
        return (
            right(low, node)
            if len(node.outputs[0].shape) != 2
            else low.expand(node, graphs.apply("multiply", node.inputs[0], np.float32(0.5)))
        )

    monkeypatch.setitem(lower.RULES, "tanh", wrong)
    assert graphs.main(["--count", "20", "--most", "1"]) == 1
    assert "--replay" in capsys.readouterr().out
