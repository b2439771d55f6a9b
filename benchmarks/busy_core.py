"""R64 by model.fit with two threads while another process spins on one of the two cores, against one thread alone."""

import signal
import subprocess
import sys

from common import PEERS, Line, Worker, alternate, cores, duration, main

GOAL = 1.25


def measure(rounds, quick=False):
    rows = 6400 if quick else 60000
    both = cores(2)
    common = {"library": "fastfit", "job": "r64", "rows": rows, "batch": 32, "bind": both}
    spinner = subprocess.Popen([sys.executable, str(PEERS / "spin.py")])
    try:
        if both:
            import os

            os.sched_setaffinity(spinner.pid, both[-1:])
        spinner.send_signal(signal.SIGSTOP)
        with (
            Worker("fit.py", label="2 threads, one core busy", threads=2, **common) as two,
            Worker("fit.py", label="1 thread", threads=1, **common) as one,
        ):

            def busy(worker):
                spinner.send_signal(signal.SIGCONT)
                try:
                    return worker.ask("round")
                finally:
                    spinner.send_signal(signal.SIGSTOP)

            pairs = alternate(two, one, rounds, busy, lambda w: w.ask("round"))
    finally:
        spinner.kill()
        spinner.wait()
    values = [a["seconds"] / b["seconds"] for a, b in pairs]
    medians = [sorted(side["seconds"] for side in sides)[len(pairs) // 2] for sides in zip(*pairs, strict=True)]
    detail = f"busy {duration(medians[0])}, 1 thread {duration(medians[1])}"
    yield Line("R64 step with one of two cores busy, against 1 thread", values, GOAL, "<=", detail)


if __name__ == "__main__":
    main(measure, __doc__)
