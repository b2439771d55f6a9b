"""Paired timing of libraries in processes of their own.

A claim is a ratio of two times taken in alternating rounds: A, B, B, A, A, B ... Each side lives in a worker process
that is stopped while the other one runs, so that a peer's spinning threads take nothing from its rival. Both sides get
the same data, seed, thread count and cores. `paired` gives the median of the rounds' ratios and their range.
"""

import argparse
import dataclasses
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PEERS = HERE / "peers"
ROUNDS = 7
LOSS_TOLERANCE = 2e-3


def cores(count):
    """The last `count` cores that this process may use; None where cores cannot be chosen."""
    if not hasattr(os, "sched_getaffinity"):
        return None
    # The last: the first one usually serves the interrupts.
    return sorted(os.sched_getaffinity(0))[-count:]


def search_path():
    """PYTHONPATH of the workers: the checkout is on it if its extension was built in place (`make bench`)."""
    package = HERE.parent / "fastfit"
    built = [HERE.parent] if any(package.glob("_core.*so")) or any(package.glob("_core.*pyd")) else []
    return os.pathsep.join([*map(str, built), *filter(None, [os.environ.get("PYTHONPATH")])])


class Worker:
    """A process that serves one script of `peers/`.

    Parameters
    ----------
    script : str
        File name in `peers/`.
    threads : int, default=1
        Threads that the library may use; the process is bound to as many cores.
    env : dict, optional
        Further environment variables.
    bind : list of int, optional
        Cores, if not the last `threads` ones.
    **options
        What the script's setup gets.
    """

    def __init__(self, script, threads=1, env=None, bind=None, **options):
        bind = cores(threads) if bind is None else bind
        variables = {
            **os.environ,
            "PYTHONPATH": search_path(),
            "FASTFIT_NUM_THREADS": str(threads),
            "OMP_NUM_THREADS": str(threads),
            "MKL_NUM_THREADS": str(threads),
            "JAX_PLATFORMS": "cpu",
            "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
            "TF_CPP_MIN_LOG_LEVEL": "3",
            # XLA sizes its pool by the cores that the process may use; one thread also runs the matmuls.
            "XLA_FLAGS": os.environ.get("XLA_FLAGS", "")
            + (" --xla_cpu_multi_thread_eigen=false" if threads == 1 else ""),
            **(env or {}),
        }
        self.label = options.pop("label", script.removesuffix(".py"))
        self.process = subprocess.Popen(
            [sys.executable, str(PEERS / script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=variables,
            text=True,
            preexec_fn=(lambda: os.sched_setaffinity(0, bind)) if bind else None,
        )
        self.info = self._exchange({"threads": threads, **options})
        self._signal("SIGSTOP")

    def ask(self, command, **arguments):
        """Run one command of the script while every other worker is stopped."""
        self._signal("SIGCONT")
        try:
            return self._exchange({"command": command, **arguments})
        finally:
            self._signal("SIGSTOP")

    def _exchange(self, message):
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.label}: the worker ended with status {self.process.wait()}")
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(f"{self.label}: {answer['error']}")
        return answer

    def _signal(self, name):
        if hasattr(signal, name) and self.process.poll() is None:
            self.process.send_signal(getattr(signal, name))

    def close(self):
        self._signal("SIGCONT")
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        self.close()


@dataclasses.dataclass
class Line:
    """One measured ratio (or absolute value) and its goal, if it has one."""

    name: str
    values: list
    goal: float | None
    sense: str = "<="  # how the value must stand to the goal
    detail: str = ""
    unit: str = ""

    @property
    def median(self):
        return statistics.median(self.values)

    @property
    def reached(self):
        if self.goal is None:
            return True
        return self.median <= self.goal if self.sense == "<=" else self.median >= self.goal

    def cells(self):
        return [
            self.name,
            f"{self.median:.3g}{self.unit}",
            f"{min(self.values):.3g} to {max(self.values):.3g}",
            str(len(self.values)),
            "none" if self.goal is None else f"{self.sense} {self.goal:.4g}{self.unit}",
            "-" if self.goal is None else "yes" if self.reached else "no",
            self.detail,
        ]

    def __str__(self):
        name, median, spread, rounds, goal, reached, detail = self.cells()
        return f"{name}: {median} ({spread}, {rounds} rounds), goal {goal}: {reached}" + (
            f"\n    {detail}" if detail else ""
        )


HEADINGS = ["measurement", "median", "range", "rounds", "goal", "reached", "medians of the two sides"]


def alternate(a, b, rounds, ask_a, ask_b):
    """[(a's answer, b's answer)] of `rounds` rounds; each round begins with the other side than the one before."""
    ask_a(a), ask_b(b)  # untimed: caches, clocks, anything built at the first call
    pairs = []
    for number in range(rounds):
        if number % 2:
            second = ask_b(b)
            first = ask_a(a)
        else:
            first = ask_a(a)
            second = ask_b(b)
        pairs.append((first, second))
    return pairs


def paired(name, a, b, rounds, goal, sense="<=", key="seconds", inverse=False, command="round"):
    """Time worker `a` against worker `b`.

    Returns
    -------
    Line
        a / b of the answers' `key`, or b / a if `inverse`.
    """
    pairs = alternate(a, b, rounds, lambda w: w.ask(command), lambda w: w.ask(command))
    ratios = [y[key] / x[key] if inverse else x[key] / y[key] for x, y in pairs]
    medians = [statistics.median(side[key] for side in sides) for sides in zip(*pairs, strict=True)]
    return Line(name, ratios, goal, sense, f"{a.label} {duration(medians[0])}, {b.label} {duration(medians[1])}")


def check_losses(*workers):
    """Before any time is taken: the workers train the same thing."""
    losses = {worker.label: worker.ask("check")["loss"] for worker in workers}
    first, *others = losses.values()
    if any(abs(other - first) > LOSS_TOLERANCE * abs(first) for other in others):
        raise AssertionError(f"the sides train different things: losses {losses}")


def duration(seconds):
    for unit, scale in (("s", 1), ("ms", 1e3), ("us", 1e6)):
        if seconds * scale >= 1:
            return f"{seconds * scale:.4g} {unit}"
    return f"{seconds * 1e9:.4g} ns"


def cpu_name():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def commit():
    def git(*arguments):
        return subprocess.run(["git", *arguments], cwd=HERE, capture_output=True, text=True, check=False).stdout.strip()

    return (git("rev-parse", "--short", "HEAD") or "unknown") + ("+" if git("status", "--porcelain") else "")


def header():
    """What the figures below it depend on."""
    with Worker("machine.py") as worker:
        machine = worker.ask("round")
        info = worker.info
    return "\n".join(
        [
            f"commit {commit()}; {cpu_name()}, {os.cpu_count()} cores, {info['isa']}; "
            + ", ".join(f"{name} {version}" for name, version in info["versions"].items()),
            f"one core: FMA peak {machine['flops'] / 1e9:.1f} GFLOP/s, L2 {machine['l2_bytes'] / 1e9:.1f} GB/s read",
        ]
    )


def options(description):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"paired rounds (default {ROUNDS})")
    parser.add_argument("--quick", action="store_true", help="one short round: shows only that the script runs")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.rounds = 1
    return arguments


def main(measure, description):
    """What every script does when it is run alone."""
    arguments = options(description)
    print(header(), flush=True)
    for line in measure(arguments.rounds, arguments.quick):
        print(line, flush=True)
