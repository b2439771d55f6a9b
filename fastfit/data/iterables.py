"""Data that come batch by batch: generators, PyDatasets and other iterables."""

import collections
import sys
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


_END = object()


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
        In one pass; None when unknown or endless. A dataset is asked again before each pass.
    has_begin_hook : bool
        A dataset says itself what it does before an epoch, so that no batch may be asked for earlier.
    exhausted : bool
        The last `epoch` found fewer batches than it was asked for.
    x_structure
        The inputs of the batch that was read last, in the form in which they came; None before the first one.
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
        hook = getattr(type(source), "on_epoch_begin", None) or getattr(source, "on_epoch_begin", None)
        self.has_begin_hook = self.is_dataset and hook not in (None, PyDataset.on_epoch_begin)
        self.exhausted = False
        self.x_structure = None
        self._begun = False
        self._first = self._raw = None
        self._pass = None  # an iterator, or the indices of a dataset's batches
        self._ahead = collections.deque()  # of an iterable: read before they were asked for, each with its place
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
        """Return the first batch without taking it: (x list, y list, sample_weight list). ValueError if none.

        A dataset's epoch begins for it, and the batch is asked for again when the epoch is run: callbacks may have
        changed the dataset meanwhile.
        """
        if self.is_dataset:
            if self._first is None:
                self._begin()
                if self._count() == 0:
                    raise self._no_batch()
                self._raw = self.source[0]
                self._first = self._unpack(self._raw)
            return self._first
        if not self._ahead:
            found = self._next()
            if found is None:
                raise self._no_batch()
            self._ahead.append(found)
        return self._ahead[0][0]

    def name_outputs(self, spec):
        """Put targets and weights into the order of the outputs, whose names are known now: of the first batch too."""
        self.spec = spec
        if self.is_dataset:
            self._first = None if self._first is None else self._unpack(self._raw)
        elif self._ahead:
            self._ahead[0] = self._unpack(self._raw), self._ahead[0][1]

    def _no_batch(self):
        return ValueError(
            f"The generator, dataset or iterable gave no batch. Received an empty source: {type(self.source).__name__}"
        )

    def restart(self):
        """Let the next epoch begin with the first batch, if the source can be read again."""
        if not self.is_one_way:
            self._wait()
            self._begin_anew()

    def _begin(self):
        """Tell a dataset, once, that an epoch begins."""
        if self.is_dataset and not self._begun and hasattr(self.source, "on_epoch_begin"):
            self.source.on_epoch_begin()
        self._begun = True

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
        self._begin()
        self._begun, self._first = False, None
        done = 0
        reader = self._reader = ReadAhead(self._batches(steps, inside))
        try:
            for batch, self._place in reader:
                done += 1
                yield batch
        finally:
            self._give_back(reader.close())
        if whole_pass and not self.is_one_way:
            self._place = (self._place[0], 0)
        if self.is_dataset and self.num_batches == 0:
            raise self._no_batch()
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
        """The batches of `epoch`, one after another, each with its place.

        Nothing is asked for that belongs to the next epoch: a dataset may change before it.
        """
        entries, source = self._entries(steps, inside), self.source
        if not self.is_dataset:
            yield from entries
            return
        workers, processes = getattr(source, "workers", 1), getattr(source, "use_multiprocessing", False)
        if workers > 1 or (processes and workers > 0):
            found = in_order(source, entries, workers, processes, getattr(source, "max_queue_size", 10))
        else:
            found = ((source[index], place) for index, place in entries)
        for batch, place in found:
            yield self._unpack(batch), place

    def _entries(self, steps, inside):
        """What `epoch` gives, with the places: batches of an iterable, or the indices of a dataset's."""
        done = 0
        while steps is None or done < steps:
            entry = self._ahead.popleft() if self._ahead else self._next()
            if entry is None and steps is not None and not done and not inside and not self.is_one_way:
                entry = self._next()  # the last epoch ended where its pass did
            if entry is None:
                return
            done += 1
            yield entry

    def _wait(self):
        """Wait for a thread that was left at work on a batch: a generator runs once at a time."""
        if self._reader is not None:
            self._reader.join()
            left = self._reader.close()
            if not self.is_dataset:
                self._ahead.extend(left)
            self._reader = None

    def _give_back(self, left):
        """Let what was made ready and not taken come first in the next epoch."""
        if not self.is_dataset:
            self._ahead.extendleft(reversed(left))  # older than what was not taken from there
        elif self._pass is not None:  # made again then, since the dataset may have changed
            number, taken = self._place
            self._last_read = self._last_read[0], taken if number == self._last_read[0] else 0

    def _next(self):
        """Return (entry, place); None at the end of a pass, after which the next call begins another."""
        number, read = self._last_read
        if self._pass is None:
            number, read = number + 1, 0
            # kept before the order is drawn: a thread that asks for the state meanwhile finds it
            self._drawn_from[number] = seeds.get_state() if self.shuffle else None
            for old in [k for k in self._drawn_from if k < self._place[0]]:
                del self._drawn_from[old]
            self._pass = self._order() if self.is_dataset else iter(self.source)
        if self.is_dataset:
            entry = int(self._pass[read]) if read < len(self._pass) else _END
        else:
            entry = next(self._pass, _END)
        if entry is _END:
            self._pass = None
            self._last_read = number, 0
            return None
        self._last_read = number, read + 1
        self._raw = entry  # the last one
        return entry if self.is_dataset else self._unpack(entry), self._last_read

    def _order(self):
        """The indices of a dataset's batches in a pass."""
        n = self.num_batches = self._count()
        if n is None:
            return range(sys.maxsize)
        return seeds.shuffle_rng().permutation(n) if self.shuffle else range(n)

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
        self._pass = None
        self._ahead.clear()
        self._drawn_from.clear()
        self._place = self._last_read = (self._last_read[0], 0)

    def _unpack(self, batch):
        if is_array_like(batch) or isinstance(batch, dict):
            batch = (batch,)
        if not isinstance(batch, (list, tuple)) or not 1 <= len(batch) <= 3:
            size = f" of length {len(batch)}" if isinstance(batch, (list, tuple)) else ""
            raise ValueError(
                "Every batch must be a tuple (input_data,), (input_data, target_data) or "
                f"(input_data, target_data, sample_weight). Received: {type(batch).__name__}{size}"
            )
        data = ArrayData(*batch, spec=self.spec, may_be_empty=True)
        self.x_structure = data.x_structure
        if self.class_weight is not None:
            apply_class_weight(data, self.class_weight, sample_weight_given=bool(data.sample_weight))
        return data.x, data.y, data.sample_weight
