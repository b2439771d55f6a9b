"""Data that come batch by batch: generators, PyDatasets and other iterables."""

import warnings

import numpy as np

from fastfit.training.arrays import ArrayData
from fastfit.training.class_weight import apply_class_weight
from fastfit.utils import seeds
from fastfit.utils.py_dataset import PyDataset


def is_array_like(x):
    """Whether ``x`` is an array, or something that arrays come out of at once."""
    return hasattr(x, "__array__") or hasattr(x, "__dlpack__") or (hasattr(x, "toarray") and hasattr(x, "tocsr"))


def is_iterable_data(x):
    """Whether ``x`` gives batches rather than being data itself."""
    if x is None or isinstance(x, (list, tuple, dict, str, bytes, int, float)) or is_array_like(x):
        return False
    return hasattr(x, "__iter__") or is_dataset(x)


def is_dataset(x):
    """Whether ``x`` gives batches by index."""
    if isinstance(x, PyDataset):
        return True
    return hasattr(x, "__getitem__") and (hasattr(x, "num_batches") or (hasattr(x, "__len__") and not _iterates(x)))


def _iterates(x):
    return hasattr(type(x), "__iter__")


class IterableData:
    """Batches from a generator, a dataset or any iterable of tuples (x,), (x, y) or (x, y, sample_weight).

    Parameters
    ----------
    source : iterable or PyDataset
    spec : DataSpec
    shuffle : bool, default=False
        Draw the order of a dataset's batches anew each epoch.
    class_weight : dict, optional
        For datasets only.

    Attributes
    ----------
    num_batches : int or None
        In one pass; None when unknown or endless.
    exhausted : bool
        The last `epoch` found fewer batches than it was asked for.
    """

    def __init__(self, source, spec=None, shuffle=False, class_weight=None):
        self.source = source
        self.spec = spec
        self.is_dataset = is_dataset(source)
        self.is_one_way = hasattr(source, "__next__")
        if class_weight is not None and self.is_one_way:
            raise ValueError("Argument `class_weight` is not supported for Python generator inputs.")
        self.class_weight = class_weight
        self.shuffle = bool(shuffle) and self.is_dataset
        self.num_batches = self._count()
        self.exhausted = False
        self._iterator = None
        self._ahead = []  # at most one batch, read to see the shapes
        self._read, self._drawn_from = 0, None  # batches read in this pass, and the seeds when it began

    def _count(self):
        if hasattr(self.source, "num_batches"):
            return self.source.num_batches
        if self.is_one_way or not hasattr(self.source, "__len__"):
            return None
        try:
            return len(self.source)
        except TypeError:
            return None

    def peek(self):
        """Return the first batch without taking it: (x list, y list, sample_weight list). ValueError if none."""
        if not self._ahead:
            batch = self._next()
            if batch is None:
                raise ValueError(
                    "The generator, dataset or iterable gave no batch. Received an empty source: "
                    f"{type(self.source).__name__}"
                )
            self._ahead.append(batch)
        return self._ahead[0]

    def restart(self):
        """Let the next epoch begin with the first batch, if the source can be read again."""
        if not self.is_one_way:
            self._iterator, self._ahead = None, []

    def epoch(self, steps=None):
        """Yield the batches of one epoch.

        Parameters
        ----------
        steps : int, optional
            That many batches, going on where the last epoch ended; one whole pass by default.
        """
        self.exhausted = False
        whole_pass = steps is None
        if hasattr(self.source, "on_epoch_begin") and self.is_dataset:
            self.source.on_epoch_begin()
        done = 0
        while whole_pass or done < steps:
            batch = self._ahead.pop() if self._ahead else self._next()
            if batch is None and not whole_pass and not self.is_one_way and done < steps:
                batch = self._next()  # begins again: only a one-way source runs out
            if batch is None:
                break
            done += 1
            yield batch
        if not whole_pass and done < steps:
            self.exhausted = True
            warnings.warn(
                "Your input ran out of data; interrupting training. Make sure that your dataset or generator can "
                f"generate at least `steps_per_epoch * epochs` batches (it gave {done} of the {steps} of this epoch).",
                stacklevel=2,
            )
        if self.is_dataset and hasattr(self.source, "on_epoch_end"):
            self.source.on_epoch_end()

    def _next(self):
        """Return the next batch; None at the end of a pass, after which the next call begins another."""
        if self._iterator is None:
            self._read = self._read if self.is_one_way else 0
            self._drawn_from = seeds.get_state() if self.shuffle else None
            self._iterator = self._by_index() if self.is_dataset else iter(self.source)
        try:
            batch = next(self._iterator)
        except StopIteration:
            self._iterator = None
            return None
        self._read += 1
        return self._unpack(batch)

    def get_state(self):
        """Return how many batches of the pass were taken, and the seeds that its order was drawn from."""
        inside = self.is_one_way or self._iterator is not None
        return {"taken": self._read - len(self._ahead) if inside else 0, "drawn_from": self._drawn_from}

    def set_state(self, state):
        """Read, and forget, as many batches as were taken before `get_state`."""
        if not self.is_one_way:
            self._iterator, self._ahead, self._read = None, [], 0
        if state["taken"] and state["drawn_from"] is not None:
            seeds.set_state(state["drawn_from"])
        while self._read - len(self._ahead) < state["taken"]:
            if self._ahead:
                self._ahead.pop()
            elif self._next() is None:
                break

    def _by_index(self):
        n = self.num_batches
        if n is None:
            k = 0
            while True:
                yield self.source[k]
                k += 1
        order = seeds.shuffle_rng().permutation(n) if self.shuffle else np.arange(n)
        for k in order:
            yield self.source[int(k)]

    def _unpack(self, batch):
        if is_array_like(batch) or isinstance(batch, dict):
            batch = (batch,)
        if not isinstance(batch, (list, tuple)) or not 1 <= len(batch) <= 3:
            size = f" of length {len(batch)}" if isinstance(batch, (list, tuple)) else ""
            raise ValueError(
                "Every batch must be a tuple (input_data,), (input_data, target_data) or "
                f"(input_data, target_data, sample_weight). Received: {type(batch).__name__}{size}"
            )
        data = ArrayData(*batch, spec=self.spec, batch=True)
        if self.class_weight is not None:
            apply_class_weight(data, self.class_weight, sample_weight_given=bool(data.sample_weight))
        return data.x, data.y, data.sample_weight
