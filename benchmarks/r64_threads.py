"""R64 by model.fit: two threads against one."""

from common import Worker, check_losses, main, paired

GOALS = {32: 1.4, 256: 1.75}


def measure(rounds, quick=False):
    rows = 6400 if quick else 60000
    for batch, goal in GOALS.items():
        common = {"library": "fastfit", "job": "r64", "rows": rows, "batch": batch}
        with (
            Worker("fit.py", label="1 thread", threads=1, **common) as one,
            Worker("fit.py", label="2 threads", threads=2, **common) as two,
        ):
            check_losses(one, two)
            name = f"R64 speed-up by a second thread, batch {batch}"
            yield paired(name, two, one, rounds, goal, ">=", inverse=True)


if __name__ == "__main__":
    main(measure, __doc__)
