"""20 features, 2 x 16 units, 200 rows, batch 32: compile and the first fit of one epoch, each time in a new process."""

import statistics

from common import Line, Worker, duration, main
from peers.installed import keras_backends

GOAL_MS = 10


def once(library, **extra):
    with Worker("first_fit.py", library=library, rows=200, batch=32, threads=2, **extra) as worker:
        return worker.ask("round")["seconds"]


def measure(rounds, quick=False):
    del quick
    times = {"fastfit": []}
    times |= {f"Keras on {backend}": [] for backend in keras_backends()}
    for _ in range(rounds):
        for label, seconds in times.items():
            library, _, backend = label.partition(" on ")
            seconds.append(once(library.lower(), env={"KERAS_BACKEND": backend} if backend else {}))
    peers = ", ".join(f"{label} {duration(statistics.median(seconds))}" for label, seconds in times.items())
    yield Line(
        "compile and first fit of a small net", [1e3 * t for t in times["fastfit"]], GOAL_MS, "<=", peers, unit=" ms"
    )


if __name__ == "__main__":
    main(measure, __doc__)
