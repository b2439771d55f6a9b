"""Batches made ready while the native program runs."""

from __future__ import annotations

import collections
import concurrent.futures
import contextlib
import multiprocessing
import queue
import threading

# Batches that a thread makes ahead of the one that is trained on.
DEPTH = 2
# Seconds that leaving a loop waits for a batch that is being made: Ctrl-C must not wait for a slow source.
PATIENCE = 0.1


class ReadAhead:
    """Iterates over batches that a thread makes, at most `depth` ahead.

    An exception of the source is raised where its batch would have come.

    Parameters
    ----------
    batches : generator
    depth : int, default=2
    """

    def __init__(self, batches, depth=DEPTH):
        self._batches = batches
        self._queue = queue.Queue(depth)
        self._stopped = False
        self._thread = threading.Thread(target=self._work, name="fastfit-read-ahead", daemon=True)
        self._thread.start()

    def _work(self):
        try:
            with contextlib.closing(self._batches):  # ends workers, if the loop is left before its end
                for batch in self._batches:
                    self._queue.put((batch, None))
                    if self._stopped:
                        return
            self._queue.put((None, StopIteration()))
        except BaseException as error:  # raised again by the thread that trains
            self._queue.put((None, error))

    def __iter__(self):
        return self

    def __next__(self):
        batch, error = self._queue.get()
        if error is not None:
            self._queue.put((None, StopIteration()))
            raise error
        return batch

    def close(self):
        """Stop the thread; return the batches that it had made and nobody took."""
        self._stopped = True
        left = self._drain()  # a thread that waits for room goes on, and ends
        self._thread.join(PATIENCE)
        return left + self._drain()

    def _drain(self):
        left = []
        while True:
            try:
                batch, error = self._queue.get(block=False)
            except queue.Empty:
                return left
            if error is None:
                left.append(batch)

    def join(self):
        """Wait for the batch that is being made when `close` did not."""
        self._thread.join()


def in_order(dataset, entries, workers, processes, window):
    """Yield ``(dataset[index], place)`` for the entries ``(index, place)``, in their order, made by several workers.

    Parameters
    ----------
    dataset : PyDataset
    entries : iterable of (int, object)
        All of one epoch: processes have the dataset as it is when the first of them is asked for.
    workers : int
    processes : bool
        Processes instead of threads: the dataset is sent to each of them once.
    window : int
        Batches asked for ahead of the one that is wanted.
    """
    if processes:
        context = multiprocessing.get_context()
        pool = concurrent.futures.ProcessPoolExecutor(workers, context, _keep, (dataset,))
        ask = _item
    else:
        pool = concurrent.futures.ThreadPoolExecutor(workers, "fastfit-dataset")
        ask = dataset.__getitem__
    waiting = collections.deque()
    try:
        for index, place in entries:
            waiting.append((pool.submit(ask, index), place))
            if len(waiting) >= max(window, workers):
                yield _first_of(waiting)
        while waiting:
            yield _first_of(waiting)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _first_of(waiting):
    future, place = waiting.popleft()
    return future.result(), place


_kept = None


def _keep(dataset):
    global _kept  # one data set for each process of a pool
    _kept = dataset


def _item(index):
    return _kept[index]


class WorkerDataset:
    """A dataset, read by workers that the caller chooses."""

    def __init__(self, dataset, workers, use_multiprocessing, max_queue_size):
        self.dataset = dataset
        self.workers, self.use_multiprocessing, self.max_queue_size = workers, use_multiprocessing, max_queue_size

    @classmethod
    def of(cls, data, workers, use_multiprocessing, max_queue_size):
        """The data itself if it is no dataset by index, or nothing is asked for."""
        by_index = hasattr(data, "__getitem__") and not hasattr(data, "__array__") and not hasattr(data, "__next__")
        if not by_index or (workers, use_multiprocessing, max_queue_size) == (1, False, 10):
            return data
        return cls(data, workers, use_multiprocessing, max_queue_size)

    def __getitem__(self, index):
        return self.dataset[index]

    @property
    def num_batches(self):
        """As the dataset says."""
        return self.dataset.num_batches if hasattr(self.dataset, "num_batches") else len(self.dataset)

    def on_epoch_begin(self):
        """Tell the dataset."""
        if hasattr(self.dataset, "on_epoch_begin"):
            self.dataset.on_epoch_begin()

    def on_epoch_end(self):
        """Tell the dataset."""
        if hasattr(self.dataset, "on_epoch_end"):
            self.dataset.on_epoch_end()
