"""Every benchmark, one after another; prints a Markdown table and writes it to benchmarks/results/."""

import importlib
import time
from pathlib import Path

from common import HEADINGS, commit, header, options

NAMES = [
    "r64_peak",
    "r64_threads",
    "r64_peers",
    "busy_core",
    "gemm",
    "optimizers",
    "named",
    "hooks",
    "wide",
    "one_row",
    "tiny_tanh",
    "first_fit",
    "memory",
]
RESULTS = Path(__file__).resolve().parent / "results"


def row(cells):
    return "| " + " | ".join(cells) + " |"


def main():
    arguments = options(__doc__)
    lines = [header(), "", row(HEADINGS), row(["---"] * len(HEADINGS))]
    failed = []
    print("\n".join(lines), flush=True)
    for name in NAMES:
        try:
            for line in importlib.import_module(name).measure(arguments.rounds, arguments.quick):
                lines.append(row(line.cells()))
                print(lines[-1], flush=True)
        except Exception as error:  # a peer that is not installed must not hide the other figures
            failed.append(f"{name}: {type(error).__name__}: {error}")
            print(f"\n{failed[-1]}\n", flush=True)
    RESULTS.mkdir(exist_ok=True)
    target = RESULTS / f"{time.strftime('%Y-%m-%d-%H%M')}-{commit().rstrip('+')}.md"
    target.write_text("\n".join([*lines, "", *failed]) + "\n")
    print(f"\nwritten to {target}")
    if failed:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
