"""Offsets of an arena's slots from their lifetimes."""

from __future__ import annotations

ALIGN = 64


def place(sizes, lifetimes, align=ALIGN, gap=0):
    """Place slots so that no two that live at once overlap.

    Largest first, each into the smallest gap that fits between the live ones.

    Parameters
    ----------
    sizes : list of int
        Bytes of each slot.
    lifetimes : list of (int, int)
        First and last stage of each, both inclusive.
    align : int, default=64
        Offsets are multiples of it.
    gap : int, default=0
        Bytes left free behind each slot, for a sanitizer to poison.

    Returns
    -------
    (list of int, int)
        Offsets, and the size of the whole.
    """
    offsets = [0] * len(sizes)
    placed = []
    total = 0
    for i in sorted(range(len(sizes)), key=lambda i: (-sizes[i], lifetimes[i], i)):
        need = round_up(sizes[i] + gap, align)
        first, last = lifetimes[i]
        live = sorted(
            (offsets[j], offsets[j] + round_up(sizes[j] + gap, align))
            for j in placed
            if lifetimes[j][0] <= last and first <= lifetimes[j][1]
        )
        best, best_room, end = None, None, 0
        for start, stop in live:
            room = start - end
            if room >= need and (best is None or room < best_room):
                best, best_room = end, room
            end = max(end, stop)
        offsets[i] = end if best is None else best
        placed.append(i)
        total = max(total, offsets[i] + need)
    return offsets, total


def round_up(n, to):
    """The least multiple of `to` that is not below `n`."""
    return -(-n // to) * to
