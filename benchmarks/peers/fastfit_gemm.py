"""The library's own products, as training uses them: packed weights, no optimizer."""

import time

import numpy as np
from worker import serve, versions

from fastfit import _core

OPS = _core.op_table()


def one_instruction(engine, kind, m, k, n):
    """A program of one dense instruction on random rows, with weights in panels."""
    weight = _core.Storage(engine, (k, n), "float32", True)
    weight.write(np.random.default_rng(0).standard_normal((k, n)))
    op, widths, operands = {
        "forward": ("dense", (k, n), [("slot", 0), ("var", 0), None, ("slot", 1)]),
        "dx": ("dense_dx", (n, k), [("slot", 0), ("var", 0), ("slot", 1)]),
        "dw": ("dense_dw", (k, n), [("slot", 0), ("slot", 1), ("var", 0)]),
    }[kind]
    instructions = np.zeros(1, _core.INSTR)
    row = instructions[0]
    row["op"], row["count"], row["row_mul"] = OPS[op]["id"], len(operands), 1
    row["d"][:2] = k, n
    kinds = {"slot": _core.OPERAND_SLOT, "var": _core.OPERAND_VAR}
    for i, operand in enumerate(operands):
        if operand is not None:
            row["p"][i] = kinds[operand[0]], operand[1]
    groups = np.zeros(1, _core.GROUP)
    groups[0]["end"], groups[0]["cost"] = 1, 2.0 * k * n
    slots = np.array([(1, 0, 4 * widths[0]), (1, 4 * widths[0], 4 * widths[1])], _core.SLOT)
    none, variants = np.zeros(0, _core.COLUMN), np.zeros(0, _core.VARIANT)
    arena = (0, 4 * sum(widths), 0)
    tables = instructions, groups, [0, 1], slots, none, none, variants
    program = _core.Program(engine, *tables, arena, [weight], 1, [], m)
    rng = np.random.default_rng(1)
    for i, width in enumerate(widths):
        program.slot(i, (m, width), "float32")[...] = rng.standard_normal((m, width))
    return program


def setup(threads, kind, shape, seconds):
    m, k, n = shape
    flops = 2.0 * m * k * n
    engine = _core.Engine(None, threads)
    program = one_instruction(engine, kind, m, k, n)
    many = max(1, int(2e8 / flops))

    def one_round():
        best_of, end = [], time.perf_counter() + seconds
        while time.perf_counter() < end or not best_of:
            begin = time.perf_counter_ns()
            program.run([], [], None, 0, m * many, m)
            best_of.append((time.perf_counter_ns() - begin) * 1e-9 / many)
        took = float(np.median(best_of))
        return {"seconds": took, "gflops": flops / took / 1e9}

    def peak():
        return {"gflops": engine.measure_fma(seconds) / 1e9}

    return {"versions": versions("fastfit")}, {"round": one_round, "peak": peak}


if __name__ == "__main__":
    serve(setup)
