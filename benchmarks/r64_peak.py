"""R64 by model.fit on one thread: the part of the measured multiply-add peak that a whole step reaches."""

from common import Line, Worker, alternate, duration, main
from peers.jobs import JOBS

GOAL = 0.60


def measure(rounds, quick=False):
    rows = 3200 if quick else 60000
    # Once, the worker stands on both sides: its fit and its peak, in turns.
    with Worker("fit.py", label="fastfit", library="fastfit", job="r64", rows=rows, batch=32) as worker:
        pairs = alternate(worker, worker, rounds, lambda w: w.ask("round"), lambda w: w.ask("peak"))
    flops = JOBS["r64"].flops(32)
    values = [flops / step["seconds"] / peak["flops"] for step, peak in pairs]
    steps = sorted(step["seconds"] for step, _ in pairs)
    peaks = sorted(peak["flops"] for _, peak in pairs)
    middle = len(pairs) // 2
    detail = f"step {duration(steps[middle])} for {flops / 1e6:.2f} MFLOP, peak {peaks[middle] / 1e9:.1f} GFLOP/s"
    yield Line("R64 step, part of FMA peak, batch 32, 1 thread", values, GOAL, ">=", detail)


if __name__ == "__main__":
    main(measure, __doc__)
