"""Every loss, metric and activation on R64: native or host, and its cost per batch beside the network's.

The last line is a loss written in NumPy against the same one built in.
"""

import statistics

from common import Line, Worker, duration, main

ROWS = 6400
CUSTOM_GOAL = 1.3


def measure(rounds, quick=False):
    with Worker("named.py", label="fastfit", rows=640 if quick else ROWS) as worker:
        for kind, names in worker.ask("names")["names"].items():
            base = "CategoricalCrossentropy" if kind == "loss" else None
            for name in names[:2] if quick else names:
                yield against(worker, rounds, kind, name, base, f"{kind} {name}, step against R64's own", None)
        yield against(
            worker,
            rounds,
            "loss",
            "numpy",
            "CategoricalCrossentropy",
            "R64 with a loss written in NumPy against the built-in one",
            CUSTOM_GOAL,
        )


def against(worker, rounds, kind, name, base, label, goal):
    pairs = []
    for number in range(rounds + 1):  # the first warms up
        order = (name, base) if number % 2 else (base, name)
        answers = {n: worker.ask("round", kind=kind, name=n) for n in order}
        pairs.append((answers[name], answers[base]))
    pairs = pairs[1:]
    cost = statistics.median(a["seconds"] - b["seconds"] for a, b in pairs)
    host = pairs[0][0]["host"]
    where = f"host, {host} instructions" if host else "native"
    sign = "-" if cost < 0 else ""
    return Line(
        label,
        [a["seconds"] / b["seconds"] for a, b in pairs],
        goal,
        "<=",
        f"{where}; {sign}{duration(abs(cost))} per batch of 32 beside {duration(pairs[0][1]['seconds'])}",
    )


if __name__ == "__main__":
    main(measure, __doc__)
