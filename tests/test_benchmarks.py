"""The benchmarks' own promises: a side against itself gives 1, and every script says what it measures."""

import ast
import importlib
import os
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import environment

ROOT = Path(__file__).resolve().parent.parent
BENCHMARKS = ROOT / "benchmarks"
SCRIPTS = sorted(path for path in BENCHMARKS.glob("*.py") if path.stem != "common")
NOISE = 0.10
TRIES = 4

pytestmark = pytest.mark.skipif(not BENCHMARKS.is_dir(), reason="no benchmarks here")


@pytest.fixture
def common(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    # The workers are to import the fastfit that is tested.
    monkeypatch.setenv("PYTHONPATH", environment()["PYTHONPATH"])
    for name in ("common", "peers", "peers.jobs"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return importlib.import_module("common")


@pytest.mark.slow
@pytest.mark.skipif("LD_PRELOAD" in os.environ, reason="times, under a sanitizer")
def test_a_against_a_is_one(common):
    options = {"library": "fastfit", "job": "r64", "rows": 12800, "batch": 32}
    seen = []
    with common.Worker("fit.py", label="A", **options) as a, common.Worker("fit.py", label="A again", **options) as b:
        common.check_losses(a, b)
        for _ in range(TRIES):
            line = common.paired("A against A", a, b, rounds=9, goal=1.0)
            seen.append(line.median)
            if abs(line.median - 1) < NOISE:
                return
    raise AssertionError(f"medians {seen}")


def test_a_wrong_side_is_found_out(common):
    class Stub:
        def __init__(self, label, loss):
            self.label, self.loss = label, loss

        def ask(self, command):
            assert command == "check"
            return {"loss": self.loss}

    common.check_losses(Stub("a", 1.0), Stub("b", 1.0001))
    with pytest.raises(AssertionError, match="different things"):
        common.check_losses(Stub("a", 1.0), Stub("b", 1.1))


def test_rounds_alternate_and_the_median_counts(common):
    asked = []

    class Stub:
        label = "stub"

        def __init__(self, name, times):
            self.name, self.times = name, iter(times)

        def ask(self, command):
            asked.append(self.name)
            return {"seconds": next(self.times)}

    line = common.paired("x", Stub("a", [9, 1, 2, 6]), Stub("b", [9, 2, 2, 2]), rounds=3, goal=1.0)
    assert asked == list("ab" + "ab" + "ba" + "ab")
    assert line.values == [0.5, 1.0, 3.0] and line.median == statistics.median(line.values)
    assert line.reached and "goal <= 1: yes" in str(line)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_each_script_has_a_docstring_and_runs_alone(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree)
    assert 'if __name__ == "__main__":' in path.read_text(encoding="utf-8")


def test_run_lists_every_script(common, monkeypatch):
    monkeypatch.delitem(sys.modules, "run", raising=False)
    names = importlib.import_module("run").NAMES
    assert sorted([*names, "run", "peak", "kernels"]) == [path.stem for path in SCRIPTS]


def test_every_kernel_of_the_suite_runs():
    options = ["-q", "--benchmark-disable", "-p", "no:cacheprovider"]
    run = subprocess.run(
        [sys.executable, "-P", "-m", "pytest", *options, BENCHMARKS / "kernels.py"],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout
    assert int(run.stdout.rsplit(" passed", 1)[0].split()[-1]) > 100


def test_the_count_of_operations(common):
    jobs = importlib.import_module("peers.jobs").JOBS
    first, second, third = 784 * 64, 64 * 64, 64 * 10
    assert jobs["r64"].flops(32) == 2 * 32 * (2 * (first + second + third) + second + third)
