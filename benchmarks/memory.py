"""Peak memory of fit on 60,000 x 784 float32 rows, above the data and an interpreter that has imported NumPy."""

from common import Line, Worker, main

GOAL_MB = 40


def measure(rounds, quick=False):
    del quick
    values = []
    for _ in range(min(rounds, 5)):
        with Worker("memory.py", what="numpy", threads=2) as worker:
            base = worker.ask("round")["bytes"]
        with Worker("memory.py", what="fit", threads=2) as worker:
            fit = worker.ask("round")
        values.append((fit["bytes"] - fit["data"] - base) / 1e6)
    detail = f"peak {fit['bytes'] / 1e6:.0f} MB, data {fit['data'] / 1e6:.0f} MB, interpreter {base / 1e6:.0f} MB"
    yield Line("memory of fit above data and NumPy", values, GOAL_MB, "<=", detail, unit=" MB")


if __name__ == "__main__":
    main(measure, __doc__)
