"""Runs graphs natively and by their NumPy meaning."""

import numpy as np

from fastfit.compiler import compile_program
from fastfit.graph import trace
from fastfit.graph.evaluate import evaluate
from fastfit.graph.tensor import make_input


def run(function, arrays, batch=None):
    """(native, NumPy) values of ``function`` on inputs like ``arrays``; rows on axis 0."""
    inputs = [make_input((None, *a.shape[1:]), "float32" if a.dtype.kind == "f" else "int32") for a in arrays]
    with trace.Trace():
        outputs = function(*inputs)
    outputs = list(outputs) if isinstance(outputs, (tuple, list)) else [outputs]
    program = compile_program([(t, a.dtype.name) for t, a in zip(inputs, arrays, strict=True)], outputs=outputs)
    n = len(arrays[0])
    native = program.predict(list(arrays), n, batch or n, seed=0)
    feeds = {t: np.asarray(a, t.dtype) for t, a in zip(inputs, arrays, strict=True)}
    return native, evaluate(outputs, feeds), program


def host_ops(program):
    """Names of the ops of a program that have no native form."""
    stages = program.assembly.plan.stages
    return [i.label for stage in stages for group in stage for i in group.instructions if i.op == "host"]
