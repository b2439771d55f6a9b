"""Optimizer kernels on parameters far outside the cache, one thread: bandwidth, and against PyTorch's fused ones."""

import statistics

from common import Line, Worker, alternate, main, paired

COUNT = 16_000_000
PEAK_GOAL = 0.8
TORCH_GOAL = 1.0
# Our class and arguments, and PyTorch's fused equivalent where there is one.
KERNELS = [
    ("SGD", {}, ("SGD", {})),
    ("SGD", {"momentum": 0.9}, ("SGD", {"momentum": 0.9})),
    ("SGD", {"momentum": 0.9, "nesterov": True}, ("SGD", {"momentum": 0.9, "nesterov": True})),
    ("RMSprop", {}, None),
    ("RMSprop", {"momentum": 0.9, "centered": True}, None),
    ("Adam", {}, ("Adam", {})),
    ("Adam", {"amsgrad": True}, ("Adam", {"amsgrad": True})),
    ("Adagrad", {}, ("Adagrad", {})),
    ("Adadelta", {}, None),
    ("Adamax", {}, None),
    ("Nadam", {}, None),
    ("Ftrl", {}, None),
    ("Lion", {}, None),
]


def measure(rounds, quick=False):
    seconds, count = (0.02, 100_000) if quick else (0.3, COUNT)
    for optimizer, config, peer in KERNELS:
        options = {"count": count, "seconds": seconds}
        name = f"{optimizer}({', '.join(f'{k}={v}' for k, v in config.items())})"
        with Worker("fastfit_optimizer.py", label="fastfit", optimizer=optimizer, config=config, **options) as ours:
            pairs = alternate(ours, ours, rounds, lambda w: w.ask("round"), lambda w: w.ask("peak"))
            sides = [statistics.median(pair[side]["bandwidth"] for pair in pairs) / 1e9 for side in (0, 1)]
            yield Line(
                f"{name} kernel, part of the bandwidth of updating in place",
                [a["bandwidth"] / b["bandwidth"] for a, b in pairs],
                PEAK_GOAL,
                ">=",
                f"{sides[0]:.1f} GB/s of {sides[1]:.1f} GB/s",
            )
            if peer is not None:
                with Worker("torch_optimizer.py", label="torch", optimizer=peer[0], config=peer[1], **options) as other:
                    yield paired(f"{name} against PyTorch's fused {peer[0]}", ours, other, rounds, TORCH_GOAL)


if __name__ == "__main__":
    main(measure, __doc__)
