"""The library's seed stream, from which shuffling, dropout and noise draw.

Initializers and layers without a seed draw one from Python's ``random`` when they are made, as in Keras; everything
that happens later draws from the stream here, so that `set_random_seed` controls it.
"""

import random
import threading

import numpy as np

_lock = threading.Lock()
_root = None
_drawn = 0
_shuffler = None


def set_random_seed(seed):
    """Seed Python's ``random``, NumPy's global generator and this library.

    Parameters
    ----------
    seed : int
        Same seed, same weights, shuffles and dropout masks.
    """
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)):
        raise ValueError(f"Argument `seed` must be an integer. Received: seed={seed!r}")
    global _root, _drawn, _shuffler
    seed = int(seed)
    with _lock:
        random.seed(seed)
        np.random.seed(seed % 2**32)
        _root, _drawn, _shuffler = seed, 0, None


def next_seed():
    """Return the next seed of the stream, an int in [0, 2**63)."""
    global _root, _drawn
    with _lock:
        if _root is None:
            _root = random.getrandbits(63)
        sequence = np.random.SeedSequence(entropy=abs(_root), spawn_key=(_drawn, int(_root < 0)))
        _drawn += 1
    return int(sequence.generate_state(1, np.uint64)[0] >> np.uint64(1))


def shuffle_rng():
    """Return the generator that draws the order of samples; it goes on from epoch to epoch and fit to fit."""
    global _shuffler
    if _shuffler is None:
        _shuffler = np.random.default_rng(next_seed())
    return _shuffler


def make_default_seed():
    """Return a seed for an object that was made without one, drawn from Python's ``random``."""
    return random.randint(1, int(1e9))


def get_state():
    """Return the stream's state as something JSON can hold."""
    rng = None if _shuffler is None else _shuffler.bit_generator.state
    return {"root": _root, "drawn": _drawn, "shuffler": rng}


def set_state(state):
    """Continue the stream from what `get_state` returned."""
    global _root, _drawn, _shuffler
    with _lock:
        _root, _drawn = state["root"], state["drawn"]
        _shuffler = None
        if state["shuffler"] is not None:
            _shuffler = np.random.default_rng(0)
            _shuffler.bit_generator.state = state["shuffler"]
