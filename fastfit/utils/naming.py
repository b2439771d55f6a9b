"""Automatic names: ``dense``, ``dense_1``, ... counted per process."""

import gc
import re
import threading

from fastfit.utils.kept import programs

_lock = threading.Lock()
_counts: dict[str, int] = {}
_uids: dict[str, int] = {}
_scope = threading.local()


def current_path():
    """Return the names of the layers that are being called or built, outermost first, joined by slashes."""
    return getattr(_scope, "path", "")


class name_scope:
    """Put variables made inside the block under a path.

    Parameters
    ----------
    path : str
        The whole path, or a name that is put under the path of the block around.
    absolute : bool, default=False
        Whether it is the whole path.
    """

    def __init__(self, path, absolute=False):
        self.path = path
        self.absolute = absolute

    def __enter__(self):
        self.outer = current_path()
        _scope.path = self.path if self.absolute else join_path(self.outer, self.path)
        return self

    def __exit__(self, *exc):
        _scope.path = self.outer


def join_path(path, name):
    """Return ``path/name``; the name alone below no path."""
    return f"{path}/{name}" if path else name


def to_snake_case(name):
    """Turn a class name into the name that Keras derives from it (``MaxNorm`` -> ``max_norm``)."""
    name = re.sub(r"\W+", "", name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def auto_name(prefix):
    """Return a name that this process has not handed out yet.

    Parameters
    ----------
    prefix : str
        A class name or a name; it is snake-cased.
    """
    prefix = to_snake_case(prefix)
    with _lock:
        count = _counts.get(prefix, 0)
        _counts[prefix] = count + 1
    return prefix if count == 0 else f"{prefix}_{count}"


def get_uid(prefix=""):
    """Return how often this was called with ``prefix`` since the process began or `clear_session` was called.

    Parameters
    ----------
    prefix : str, default=""
    """
    with _lock:
        _uids[prefix] = _uids.get(prefix, 0) + 1
        return _uids[prefix]


def uniquify(names):
    """Return ``names`` with repeated ones numbered: ``["a", "a"]`` -> ``["a", "a_1"]``."""
    taken = set(names)
    seen = set()
    result = []
    for name in names:
        unique, k = name, 0
        while unique in seen or (unique != name and unique in taken):
            k += 1
            unique = f"{name}_{k}"
        seen.add(unique)
        result.append(unique)
    return result


def clear_session(free_memory=True):
    """Forget the automatic names handed out so far, so that the next Dense is ``dense`` again, and free memory.

    Parameters
    ----------
    free_memory : bool, default=True
        Let all models forget their compiled programs, which are made anew when they are wanted again, and collect what
        nobody refers to any more.
    """
    with _lock:
        _counts.clear()
        _uids.clear()
    if free_memory:
        programs.clear()
        gc.collect()
