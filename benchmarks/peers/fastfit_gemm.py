"""The library's own products, as training uses them: packed weights, no optimizer."""

import time

import numpy as np
from programs import one_instruction
from worker import serve, versions

from fastfit import _core


def product(engine, kind, m, k, n):
    """A program of one product, with weights in panels."""
    weight = _core.Storage(engine, (k, n), "float32", True)
    weight.write(np.random.default_rng(0).standard_normal((k, n)))
    op, widths, operands = {
        "forward": ("dense", (k, n), [("slot", 0), ("var", 0), None, ("slot", 1)]),
        "dx": ("dense_dx", (n, k), [("slot", 0), ("var", 0), ("slot", 1)]),
        "dw": ("dense_dw", (k, n), [("slot", 0), ("slot", 1), ("var", 0)]),
    }[kind]
    return one_instruction(engine, op, (k, n), operands, widths, [weight], m)


def setup(threads, kind, shape, seconds):
    m, k, n = shape
    flops = 2.0 * m * k * n
    engine = _core.Engine(None, threads)
    program = product(engine, kind, m, k, n)
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
