"""Products as training uses them, one thread: part of the multiply-add peak, and against PyTorch's fastest."""

import statistics

from common import Line, Worker, alternate, main

SHAPES = [(32, 784, 64), (128, 512, 512), (256, 1024, 1024), (1024, 2048, 2048)]
KINDS = ["forward", "dx", "dw"]
PEAK_GOAL = 0.85
TORCH_GOAL = 1.0


def measure(rounds, quick=False):
    seconds = 0.02 if quick else 0.25
    for shape in SHAPES:
        for kind in KINDS:
            common = {"kind": kind, "shape": shape, "seconds": seconds}
            name = f"{kind} ({', '.join(map(str, shape))})"
            with Worker("fastfit_gemm.py", label="fastfit", **common) as ours:
                pairs = alternate(ours, ours, rounds, lambda w: w.ask("round"), lambda w: w.ask("peak"))
                yield Line(
                    f"{name}, part of FMA peak",
                    [a["gflops"] / b["gflops"] for a, b in pairs],
                    PEAK_GOAL,
                    ">=",
                    f"{rate(pairs, 0)}, peak {rate(pairs, 1)}",
                )
                with Worker("torch_gemm.py", label="torch", **common) as peer:
                    pairs = alternate(ours, peer, rounds, lambda w: w.ask("round"), lambda w: w.ask("round"))
                    yield Line(
                        f"{name}, speed against PyTorch",
                        [a["gflops"] / b["gflops"] for a, b in pairs],
                        TORCH_GOAL,
                        ">=",
                        f"{rate(pairs, 0)}, torch {rate(pairs, 1)} ({peer.info['variant']})",
                    )


def rate(pairs, side):
    return f"{statistics.median(pair[side]['gflops'] for pair in pairs):.1f} GFLOP/s"


if __name__ == "__main__":
    main(measure, __doc__)
