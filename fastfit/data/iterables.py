"""Data that come batch by batch: generators, PyDatasets and other iterables."""

import collections
import itertools
import warnings

from fastfit.data.arrays import ArrayData
from fastfit.data.class_weight import apply_class_weight
from fastfit.data.read_ahead import ReadAhead, in_order
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
        self._ahead = collections.deque()  # read before they were asked for, each with its place
        self._reader = None
        # A place is (number of the pass, batches of it that were read); the one of the batch that was handed out last.
        self._place = self._last_read = (0, 0)
        self._drawn_from = {}  # number of the pass to the seeds when it began

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
        return self._ahead[0][0]

    def restart(self):
        """Let the next epoch begin with the first batch, if the source can be read again."""
        if not self.is_one_way:
            self._wait()
            self._begin_anew()

    def epoch(self, steps=None, inside=False):
        """Yield the batches of one epoch.

        Parameters
        ----------
        steps : int, optional
            That many batches, going on where the last epoch ended; one whole pass by default. An epoch that comes to
            the end of a pass ends with it; the next one begins another.
        inside : bool, default=False
            Whether these are the last steps of an epoch, whose first ones an earlier run did.
        """
        self.exhausted = False
        whole_pass = steps is None
        self._wait()
        if hasattr(self.source, "on_epoch_begin") and self.is_dataset:
            self.source.on_epoch_begin()
        done = 0
        reader = self._reader = ReadAhead(self._batches(steps, inside))
        try:
            for batch, self._place in reader:
                done += 1
                yield batch
        finally:
            self._ahead.extendleft(reversed(reader.close()))  # older than what was not taken from there
        if whole_pass and not self.is_one_way:
            self._place = (self._place[0], 0)
        if done < (1 if whole_pass else steps):
            self.exhausted = True
            missing = (
                "nothing was left for this epoch" if whole_pass else f"it gave {done} of the {steps} of this epoch"
            )
            warnings.warn(
                "Your input ran out of data; interrupting training. Make sure that your dataset or generator can "
                f"generate at least `steps_per_epoch * epochs` batches ({missing}).",
                stacklevel=2,
            )
        if self.is_dataset and hasattr(self.source, "on_epoch_end"):
            self.source.on_epoch_end()

    def _batches(self, steps, inside):
        """The batches of `epoch`, one after another."""
        done = 0
        while steps is None or done < steps:
            batch = self._ahead.popleft() if self._ahead else self._next()
            if batch is None and steps is not None and not done and not inside and not self.is_one_way:
                batch = self._next()  # the last epoch ended where its pass did
            if batch is None:
                return
            done += 1
            yield batch

    def _wait(self):
        """Wait for a thread that was left at work on a batch: a generator runs once at a time."""
        if self._reader is not None:
            self._reader.join()
            self._ahead.extend(self._reader.close())
            self._reader = None

    def _next(self):
        """Return (batch, place); None at the end of a pass, after which the next call begins another."""
        number, read = self._last_read
        if self._iterator is None:
            number, read = number + 1, 0
            # kept before the order is drawn: a thread that asks for the state meanwhile finds it
            self._drawn_from[number] = seeds.get_state() if self.shuffle else None
            for old in [k for k in self._drawn_from if k < self._place[0]]:
                del self._drawn_from[old]
            self._iterator = self._by_index() if self.is_dataset else iter(self.source)
        try:
            batch = next(self._iterator)
        except StopIteration:
            self._iterator = None
            self._last_read = number, 0
            return None
        self._last_read = number, read + 1
        return self._unpack(batch), self._last_read

    def get_state(self):
        """Return how many batches of the pass were taken, and the seeds that its order was drawn from.

        Batches that were read ahead count as not read.
        """
        number, taken = self._place
        return {"taken": taken, "drawn_from": self._drawn_from.get(number)}

    def seeds(self):
        """Return the state of the seed stream, before the order of a pass that was only read ahead was drawn."""
        now = seeds.get_state()  # first: the reading thread may begin a pass right now
        later = self._drawn_from.get(self._place[0] + 1)
        return now if later is None else later

    def set_state(self, state):
        """Read, and forget, as many batches as were taken before `get_state`."""
        self._wait()
        if not self.is_one_way:
            self._begin_anew()
        if state["taken"] and state["drawn_from"] is not None:
            seeds.set_state(state["drawn_from"])
        while self._place[1] < state["taken"]:
            found = self._ahead.popleft() if self._ahead else self._next()
            if found is None:
                break
            self._place = found[1]

    def _begin_anew(self):
        self._iterator = None
        self._ahead.clear()
        self._drawn_from.clear()
        self._place = self._last_read = (self._last_read[0], 0)

    def _by_index(self):
        n, source = self.num_batches, self.source
        if n is None:
            order = itertools.count()
        else:
            order = map(int, seeds.shuffle_rng().permutation(n) if self.shuffle else range(n))
        workers, processes = getattr(source, "workers", 1), getattr(source, "use_multiprocessing", False)
        if workers > 1 or (processes and workers > 0):
            yield from in_order(source, order, workers, processes, getattr(source, "max_queue_size", 10))
        else:
            yield from map(source.__getitem__, order)

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
