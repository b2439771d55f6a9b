"""What is kept because it may be wanted again, up to a number of bytes: the programs of all models together."""

import threading
import weakref
from collections import OrderedDict


class Kept:
    """Objects by last use; the oldest are told to drop what they hold when all together are too large.

    An object has `nbytes` and `drop()`. It is held weakly: what nobody else holds is not kept.

    Parameters
    ----------
    bound : int
        Bytes. The object used last always stays.
    """

    def __init__(self, bound):
        self.bound = bound
        self._lock = threading.RLock()
        self._sizes = OrderedDict()  # weak reference to bytes, the oldest first
        self._refs = {}  # id to weak reference

    @property
    def nbytes(self):
        """Bytes of all that is kept."""
        return sum(list(self._sizes.values()))

    def __len__(self):
        return len(self._sizes)

    def touch(self, item):
        """Say that an object is used."""
        ref = self._refs.get(id(item))
        if ref is not None:
            with self._lock:
                if ref in self._sizes:
                    self._sizes.move_to_end(ref)

    def measure(self, item):
        """Take in an object, or see how large it is now; others are dropped if need be."""
        key = id(item)
        with self._lock:
            ref = self._refs.get(key)
            if ref is None or ref() is not item:
                ref = self._refs[key] = weakref.ref(item, lambda ref: self._forget(key, ref))
            self._sizes[ref] = item.nbytes
            self._sizes.move_to_end(ref)
        self.shrink(item)

    def shrink(self, current=None):
        """Drop the oldest until the bound is kept; `current` is in use."""
        dropped = []
        with self._lock:
            while self.nbytes > self.bound:
                oldest = next((ref for ref in self._sizes if ref() is not current), None)
                if oldest is None:
                    break
                del self._sizes[oldest]
                item = oldest()
                if item is not None:
                    self._refs.pop(id(item), None)
                    dropped.append(item)
        for item in dropped:
            item.drop()

    def clear(self):
        """Drop everything."""
        with self._lock:
            items = [ref() for ref in self._sizes]
            self._sizes.clear()
            self._refs.clear()
        for item in items:
            if item is not None:
                item.drop()

    def _forget(self, key, ref):
        # may be called at any point of any thread, also while the lock is held
        self._sizes.pop(ref, None)
        if self._refs.get(key) is ref:
            self._refs.pop(key, None)


programs = Kept(256 * 2**20)
