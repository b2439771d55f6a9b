"""One row through R64 from Python, NumPy in and NumPy out, against onnxruntime with one thread."""

from common import Line, Worker, alternate, check_losses, duration, main

GOAL = 0.5
CALLS = ["predict_on_batch", "model(x)"]


def measure(rounds, quick=False):
    common = {"job": "r64", "calls": 200 if quick else 5000}
    for call in CALLS:
        with (
            Worker("fastfit_row.py", label="fastfit", call=call, **common) as ours,
            Worker("onnx_row.py", label="onnxruntime", **common) as peer,
        ):
            check_losses(ours, peer)
            pairs = alternate(ours, peer, rounds, lambda w: w.ask("round"), lambda w: w.ask("round"))
        for key, what in (("seconds", "median"), ("p99", "p99")):
            sides = [sorted(answer[key] for answer in side)[len(pairs) // 2] for side in zip(*pairs, strict=True)]
            yield Line(
                f"one row, {call}, {what} against onnxruntime",
                [a[key] / b[key] for a, b in pairs],
                GOAL,
                "<=",
                f"fastfit {duration(sides[0])}, onnxruntime {duration(sides[1])}",
            )


if __name__ == "__main__":
    main(measure, __doc__)
