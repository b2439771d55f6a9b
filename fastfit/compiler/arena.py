"""Offsets of an arena's slots from their lifetimes."""

from __future__ import annotations

from bisect import insort

import numpy as np

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
    find = _Many(len(sizes)) if len(sizes) > FEW else _Few()
    total = 0
    for i in sorted(range(len(sizes)), key=lambda i: (-sizes[i], lifetimes[i], i)):
        need = round_up(sizes[i] + gap, align)
        offsets[i] = find(need, *lifetimes[i])
        total = max(total, offsets[i] + need)
    return offsets, total


# From so many slots on, NumPy compares them faster than a loop.
FEW = 64


class _Few:
    """Finds the smallest gap between the placed slots that live at some time, and takes it."""

    def __init__(self):
        self.placed = []  # offset, end, lifetime; by offset

    def __call__(self, need, first, last):
        best, best_room, end = None, None, 0
        for start, stop, begun, over in self.placed:
            if begun <= last and first <= over:
                room = start - end
                if room >= need and (best is None or room < best_room):
                    best, best_room = end, room
                if stop > end:
                    end = stop
        offset = end if best is None else best
        insort(self.placed, (offset, offset + need, first, last))
        return offset


class _Many:
    """The same for many slots."""

    def __init__(self, count):
        self.columns = np.zeros((4, count), np.int64)  # as `placed` above
        self.count = 0

    def __call__(self, need, first, last):
        starts, stops, begun, over = self.columns[:, : self.count]
        live = np.flatnonzero((begun <= last) & (over >= first))
        ends = np.maximum.accumulate(np.concatenate([[0], stops[live]]))
        rooms = starts[live] - ends[:-1]
        fits = np.flatnonzero(rooms >= need)
        offset = int(ends[fits[np.argmin(rooms[fits])]] if fits.size else ends[-1])
        at = int(np.searchsorted(starts, offset, "right"))
        self.columns[:, at + 1 : self.count + 1] = self.columns[:, at : self.count].copy()
        self.columns[:, at] = offset, offset + need, first, last
        self.count += 1
        return offset


def round_up(n, to):
    """The least multiple of `to` that is not below `n`."""
    return -(-n // to) * to
