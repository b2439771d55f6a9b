"""Scalars that depend on the step alone, computed by one host instruction.

Powers of a decay, comparisons of step counts and the like have no native form. One by one they would cost a call into
Python each.
"""

from __future__ import annotations

from math import prod

import numpy as np

from fastfit.compiler import lower
from fastfit.graph.tensor import KerasTensor


def fold_scalars(low, nodes, variables=None):
    """Let one host instruction do those of the nodes that compute scalars, from scalars, in ways that no kernel can.

    Parameters
    ----------
    low : Lowering
    nodes : list of Node
        In order; those of an optimizer.
    variables : set of Variable, optional
        The scalars that may be read; all by default.
    """
    leaves, able = set(), {}
    for node in nodes:
        if node.operation in ("variable", "rate"):
            if _is_scalar(node.outputs[0]) and (variables is None or node.attrs.get("variable") in variables):
                leaves.add(id(node))
        elif _is_able(node, leaves, able):
            able[id(node)] = node
    chosen = {}
    for node in reversed(list(able.values())):
        if id(node) in chosen or not _has_kernel(node):
            chosen[id(node)] = node
            for x in node.inputs:
                if isinstance(x, KerasTensor) and id(x.node) in able:
                    chosen[id(x.node)] = x.node
    if not chosen:
        return
    block = [n for n in able.values() if id(n) in chosen]
    wanted = [
        t for n in block for t in n.outputs if any(u is None or id(u) not in chosen for u in low.users.get(id(t), ()))
    ]
    low.skip.update(chosen)
    low.blocks[id(block[0])] = lambda: _emit_block(low, block, wanted)


def _emit_block(low, block, wanted):
    """Write the host instruction of a block."""
    inputs = {}
    for node in block:
        for x in node.inputs:
            if isinstance(x, KerasTensor) and not any(x.node is n for n in block):
                low.leaf(x.node)
                inputs[id(x)] = (x, low.places[id(x)])
    outputs = [low.b.slot(t.shape, _stored(t)) for t in wanted]
    low.places.update((id(t), where) for t, where in zip(wanted, outputs, strict=True))
    sources = list(inputs.values())

    def compute(program, batch, reads, writes):
        values = {
            id(t): lower.view(program, where, (t.shape, t.dtype), batch)
            for (t, _), where in zip(sources, reads, strict=True)
        }
        for node in block:
            args = [values[id(x)] if isinstance(x, KerasTensor) else x for x in node.inputs]
            results = node.operation.meaning(*args, **node.attrs)
            results = results if isinstance(results, tuple) else (results,)
            for t, value in zip(node.outputs, results, strict=True):
                values[id(t)] = np.asarray(value)
        for t, where in zip(wanted, writes, strict=True):
            lower.view(program, where, (t.shape, _stored(t)), batch, writable=True)[...] = values[id(t)]

    low.b.host(compute, [where for _, where in sources], outputs, label="scalars of the step")


def _stored(t):
    """Conditions lie in programs as 0 and 1."""
    return "float32" if t.dtype == "bool" else t.dtype


def _is_scalar(t):
    return None not in t.shape and prod(t.shape) == 1


def _is_able(node, leaves, able):
    if "stream" in node.attrs or not all(_is_scalar(t) for t in node.outputs):
        return False
    for x in node.inputs:
        if isinstance(x, KerasTensor):
            if id(x.node) not in leaves and id(x.node) not in able:
                return False
        elif x is not None and np.size(x) != 1:
            return False
    return True


def _has_kernel(node):
    tensors = [*(x for x in node.inputs if isinstance(x, KerasTensor)), *node.outputs]
    return node.operation.name in lower.RULES and all(t.dtype == "float32" for t in tensors)
