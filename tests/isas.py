"""Prints the instruction sets of this machine on which the suite has not run: all but the best."""

import fastfit._core

KNOWN = ("generic", "avx2", "avx512", "neon")


def found():
    """Those that an engine can be made for, the best one last."""
    names = []
    for name in KNOWN:
        try:
            names.append(fastfit._core.Engine(name, 1).isa)
        except ValueError:
            continue
    best = fastfit._core.Engine().isa
    return [*(name for name in names if name != best), best]


if __name__ == "__main__":
    print(*found()[:-1])
