"""An optimizer's kernel alone, on one flat parameter: what it moves, and what this core can move."""

import time

import numpy as np
from programs import OPS, one_instruction
from worker import serve, versions

from fastfit import _core, optimizers


def setup(threads, optimizer, config, count, seconds):
    engine = _core.Engine(None, threads)
    op, variant = getattr(optimizers, optimizer)(**config).native()
    slots = OPS[op]["slots"]
    arrays = [_core.Storage(engine, (count,), "float32", False) for _ in range(1 + slots)]
    arrays[0].write(np.random.default_rng(0).standard_normal(count, dtype="float32"))
    operands = [("slot", 0), *(("var", i) for i in range(1 + slots))]
    program = one_instruction(engine, op, (count, 0), operands, [count], arrays, 0, variant)
    iterations = _core.Storage(engine, (), "int64", False)
    rates = np.array([1e-3])
    # the gradient is read, the weight and every slot are read and written
    moved = 4 * count * (1 + 2 * (1 + slots))
    many = max(1, int(2e7 / count))

    def one_round():
        times, end = [], time.perf_counter() + seconds
        while time.perf_counter() < end or not times:
            begin = time.perf_counter_ns()
            program.run([], [], None, 0, many, 1, learning_rates=rates[None], counters=[iterations])
            times.append((time.perf_counter_ns() - begin) * 1e-9 / many)
        took = float(np.median(times))
        return {"seconds": took, "bandwidth": moved / took}

    def peak():
        return {"bandwidth": engine.measure_update(moved, seconds)}

    return {"versions": versions("fastfit"), "op": op}, {"round": one_round, "peak": peak}


if __name__ == "__main__":
    serve(setup)
