"""Configs that hold functions, classes and arrays themselves: for copies and pickles, which need no names for them."""

import contextlib
import threading
import types

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


class OwnMethod:
    """Stands for a method of the object itself that is taken apart.

    Parameters
    ----------
    name : str
    """

    def __init__(self, name):
        self.name = name


def without_owner(value, owner):
    """Return what stands for a method of ``owner``, and anything else as it is."""
    is_own = isinstance(value, types.MethodType) and value.__self__ is owner
    return OwnMethod(value.__name__) if is_own else value


def with_owner(value, owner):
    """Return the method of ``owner`` that `without_owner` has taken from another one."""
    return getattr(owner, value.name) if isinstance(value, OwnMethod) else value
