"""What watching a fit costs: batch hooks per step, and a progress bar, on R64 with one thread."""

from common import Line, Worker, alternate, duration, main

HOOK_GOAL = 5.0
BAR_GOAL = 1.01
HOOKS = {"hooks": "both batch hooks overridden", "logs": "a batch hook that reads the loss"}
BARS = {"terminal": "progress bar on a terminal", "log": "progress bar into a file"}


def measure(rounds, quick=False):
    with Worker("hooks.py", label="fastfit", rows=640 if quick else 60000, batch=32) as worker:

        def against_plain(watched):
            def ask(side):
                return worker.ask("round", watched=side)["seconds"]

            pairs = alternate(watched, None, rounds, ask, ask)
            plain = sorted(b for _, b in pairs)[len(pairs) // 2]
            return pairs, f"a step without: {duration(plain)}"

        for watched, name in HOOKS.items():
            pairs, detail = against_plain(watched)
            yield Line(f"R64, {name}: cost per step", [(a - b) * 1e6 for a, b in pairs], HOOK_GOAL, "<=", detail, " us")
        for watched, name in BARS.items():
            pairs, detail = against_plain(watched)
            yield Line(f"R64, {name}, against verbose=0", [a / b for a, b in pairs], BAR_GOAL, "<=", detail)


if __name__ == "__main__":
    main(measure, __doc__)
