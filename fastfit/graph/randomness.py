"""Random numbers keyed by what they are for: Philox4x32-10, as in csrc/base/rng.h.

An element's number is a function of (seed, stream, step, element) alone. The counter's words are the number of the
block (low and high half), the step's low half, and the stream with the step's high half; the key is the seed. 64
elements take 16 blocks, one for each lane of a vector: element e is word e % 64 // 16 of block e // 64 * 16 + e % 16.
"""

import itertools
import threading

import numpy as np

from fastfit.graph.trace import current
from fastfit.utils import seeds

_local = threading.local()
# Streams of ops applied outside a trace must not meet those that a trace numbers from 0.
_outside = itertools.count(1 << 20)


class drawing_from:
    """Set the seed and step that ops with a stream draw from, for the block."""

    def __init__(self, seed, step):
        self.state = (int(seed), int(step))

    def __enter__(self):
        self.outer = getattr(_local, "state", None)
        _local.state = self.state

    def __exit__(self, *exc):
        _local.state = self.outer


class SeedGenerator:
    """Seeds for random ops, another one for each draw.

    Parameters
    ----------
    seed : int, optional
        Drawn from Python's ``random`` by default.
    """

    def __init__(self, seed=None, name=None, **_keras_only):
        if seed is None:
            seed = seeds.make_default_seed()
        if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)):
            raise ValueError(f"Argument `seed` must be an integer. Received: seed={seed}")
        self._initial_seed = seed
        self.name = name
        self.counter = 0

    def next(self, ordered=True):
        """Return the next seed, an int."""
        self.counter += 1
        words = philox_words(int(self._initial_seed), 0xFFFFFFFF, self.counter, 4)
        return (int(words[0]) << 31) ^ int(words[1])

    def get_config(self):
        return {"seed": self._initial_seed}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def draw(seed=None, symbolic=False):
    """Return the attributes ``seed`` and ``stream`` of a random op.

    Parameters
    ----------
    seed : int, SeedGenerator or None
        An int always gives the same numbers. Otherwise each step of a program, and each call on arrays, gets its own.
    symbolic : bool
        Whether the op's inputs are symbolic.
    """
    if isinstance(seed, (int, np.integer)):
        return {"seed": int(seed), "stream": None}
    trace = current()
    if trace is not None or symbolic:
        base = None if seed is None else int(seed._initial_seed)
        return {"seed": base, "stream": next(_outside) if trace is None else trace.next_stream()}
    return {"seed": seeds.next_seed() if seed is None else seed.next(), "stream": None}


def words_for(count, seed, stream):
    """Return ``count`` random 32-bit words for an op with these attributes, in the order of csrc/kernels/random.inc."""
    return _lanes(count, seed, stream).reshape(-1)[:count]


def _lanes(count, seed, stream):
    """(n, 4, 16) words, at least ``count``: of 16 Philox blocks each, the first words first."""
    if stream is None:
        stream = step = 0
    else:
        state = getattr(_local, "state", None)
        root, step = (seeds.next_seed(), 0) if state is None else state
        # A layer's own seed joins the program's, so that both matter.
        seed = root if seed is None else root ^ seed
    whole = -(-count // 64) * 64
    return philox_words(seed, stream, step, whole).reshape(-1, 16, 4).transpose(0, 2, 1)


def philox_words(seed, stream, step, count):
    """Return the first ``count`` words of a stream as uint32."""
    blocks = -(-count // 4)
    index = np.arange(blocks, dtype=np.uint64)
    mask = np.uint64(0xFFFFFFFF)
    c0, c1 = index & mask, index >> np.uint64(32)
    c2 = np.full(blocks, step & 0xFFFFFFFF, np.uint64)
    c3 = np.full(blocks, (stream ^ step >> 32) & 0xFFFFFFFF, np.uint64)
    k0, k1 = seed & 0xFFFFFFFF, (seed >> 32) & 0xFFFFFFFF
    m0, m1, half = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57), np.uint64(32)
    for _ in range(10):
        p0, p1 = m0 * c0, m1 * c2
        c0, c1, c2, c3 = (p1 >> half) ^ c1 ^ np.uint64(k0), p1 & mask, (p0 >> half) ^ c3 ^ np.uint64(k1), p0 & mask
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return np.stack([c0, c1, c2, c3], axis=1).reshape(-1)[:count].astype(np.uint32)


def uniform(count, seed, stream):
    """Return ``count`` float64 numbers in [0, 1), multiples of 2**-24."""
    return (words_for(count, seed, stream) >> np.uint32(8)).astype(np.float64) * 2.0**-24


def normal(count, seed, stream):
    """Return ``count`` standard normal float64 numbers (Box-Muller on two words of a block)."""
    u = _lanes(count, seed, stream).astype(np.float64).reshape(-1, 2, 16)
    radius = np.sqrt(-2.0 * np.log((u[:, 0] + 1.0) * 2.0**-32))
    angle = 2.0 * np.pi * u[:, 1] * 2.0**-32
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).reshape(-1)[:count]
