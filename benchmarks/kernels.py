"""The kernel behind every row of the op table that takes floats alone, on values in L1: a pytest-benchmark suite.

``python benchmarks/kernels.py`` runs all of it, ``pytest benchmarks/kernels.py -k adam`` a part; FASTFIT_ISA picks the
kernels. One thread. ``extra_info`` has GB/s, counting each operand once for each way it goes, and GFLOP/s of a product.
"""

import math
import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent / "peers"))
from programs import OPS, one_instruction

from fastfit import _core

ROWS, WIDTH, UNITS = 32, 64, 64
STEPS = 200  # a run, so that its start does not count
OPERAND = re.compile(r"(?P<name>\w+)(?P<optional>\??)(?P<way>[<>=])f:(?P<size>[ramnPb.]+)$")
PRODUCTS = {"dense", "dense_dx", "dense_dw"}
# Sizes that another dimension gives, or runs whose values do not settle.
OTHERS = {"copy_cols", "pack", "unpack", "search", "dense_db", "matmul", "cumulate", "pick", "rate"}


def operands(name):
    """The operands of an op that a run needs, parsed; None if one of them is not of floats."""
    found = []
    for text in OPS[name]["operands"].split():
        match = OPERAND.match(text)
        if match is None:
            return None
        kept = match["name"][1:].isdigit() and int(match["name"][1:]) < OPS[name]["slots"]  # s0, s1, s2
        if not match["optional"] or kept or (name == "dense_dw" and match["name"] == "g"):
            found.append((match["way"], match["size"]))
        elif found and name in PRODUCTS:
            found.append(None)
    return found


NAMES = [name for name in OPS if name not in OTHERS and operands(name)]


@pytest.fixture(scope="module")
def engine():
    return _core.Engine(os.environ.get("FASTFIT_ISA") or None, 1)


def build(engine, name):
    """(program, keyword arguments of its run, bytes that a step moves, FLOPs)"""
    rows = 0 if OPS[name]["kind"] == "p" else ROWS
    size = WIDTH * ROWS if not rows else WIDTH
    width = {"ra": size, "m": size, "n": size, "r": 1, "rb": UNITS}
    fixed = {"a": (size,), ".": (1,), "b": (UNITS,), "P": (WIDTH, UNITS)}
    places, widths, weights, moved = [], [], [], 0
    for operand in operands(name):
        if operand is None:
            places.append(None)
            continue
        way, letters = operand
        if letters in width:
            places.append(("slot", len(widths)))
            widths.append(width[letters])
        else:
            places.append(("var", len(weights)))
            weights.append(_core.Storage(engine, fixed[letters], "float32", letters == "P"))
        count = width[letters] * rows if letters in width else math.prod(fixed[letters])
        moved += 4 * count * (2 if way == "=" else 1)
    options, variant = {}, None
    if not rows:
        variant = (0.0, 0.9, 0.999, 1e-7, 0.0, 0.0, 0.0, 0.0)
        options = {"learning_rates": np.array([[1e-3]]), "counters": [_core.Storage(engine, (), "int64", False)]}
    dims = (size, UNITS) if name in PRODUCTS else (size, 0)
    program = one_instruction(engine, name, dims, places, widths, weights, rows, variant)
    return program, options, moved, 2 * ROWS * WIDTH * UNITS if name in PRODUCTS else 0


@pytest.mark.parametrize("name", NAMES)
def test_kernel(benchmark, engine, name):
    program, options, moved, flops = build(engine, name)
    batch = 1 if options else ROWS
    benchmark.group = {"u": "unary", "b": "binary", "p": "optimizer"}.get(OPS[name]["kind"], OPS[name]["shape"])
    benchmark(program.run, [], [], None, 0, STEPS * batch, batch, **options)
    if benchmark.stats:  # not with --benchmark-disable
        seconds = benchmark.stats["median"] / STEPS
        benchmark.extra_info |= {"GB/s": round(moved / seconds / 1e9, 1)}
        if flops:
            benchmark.extra_info |= {"GFLOP/s": round(flops / seconds / 1e9, 1)}


if __name__ == "__main__":
    columns = "--benchmark-columns=median,iqr,rounds"
    sys.exit(pytest.main([__file__, "-q", columns, "--benchmark-sort=name", *sys.argv[1:]]))
