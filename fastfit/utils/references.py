"""Configs that hold functions, classes and arrays themselves: for copies and pickles, which need no names for them."""

import contextlib
import threading

_local = threading.local()


@contextlib.contextmanager
def kept():
    """Serialize and deserialize inside the block with the objects themselves, where configs otherwise name them."""
    outer = are_kept()
    _local.kept = True
    try:
        yield
    finally:
        _local.kept = outer


def are_kept():
    """Whether this runs inside a block of `kept`."""
    return getattr(_local, "kept", False)
