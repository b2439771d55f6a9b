"""Slots of an arena that live at once never overlap."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastfit.compiler import arena
from fastfit.compiler.arena import place

slots = st.lists(st.tuples(st.integers(0, 500), st.integers(0, 8), st.integers(0, 4), st.integers(0, 2)), max_size=30)


@settings(max_examples=300, deadline=None)
@given(slots, st.sampled_from([4, 64]), st.sampled_from([0, 64]))
def test_live_slots_never_overlap(drawn, align, gap):
    sizes = [s for s, *_ in drawn]
    lifetimes = [(first, first + length) for _, first, length, _ in drawn]
    offsets, total = place(sizes, lifetimes, align, gap)
    for i in range(len(sizes)):
        assert offsets[i] % align == 0
        assert offsets[i] + sizes[i] + gap <= total
        for j in range(i):
            together = lifetimes[i][0] <= lifetimes[j][1] and lifetimes[j][0] <= lifetimes[i][1]
            if together and sizes[i] and sizes[j]:
                assert offsets[i] + sizes[i] + gap <= offsets[j] or offsets[j] + sizes[j] + gap <= offsets[i]


def test_memory_is_used_again():
    offsets, total = place([64, 64, 64], [(0, 1), (1, 2), (2, 3)])
    assert total == 128
    assert offsets[0] == offsets[2] != offsets[1]


@pytest.mark.parametrize("seed", range(8))
def test_many_slots_are_placed_like_few(seed, monkeypatch):
    rng = np.random.default_rng(seed)
    count = int(rng.integers(65, 200))
    sizes = rng.choice([4, 64, 100, 256, 1000], count).tolist()
    begin = rng.integers(0, 60, count)
    lifetimes = list(zip(begin.tolist(), (begin + rng.integers(0, 20, count)).tolist(), strict=True))
    many = arena.place(sizes, lifetimes, gap=8)
    monkeypatch.setattr(arena, "FEW", count)
    assert arena.place(sizes, lifetimes, gap=8) == many
