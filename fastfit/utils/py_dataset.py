"""PyDataset, and the (x, y, sample_weight) tuples that data comes in."""

import math


class PyDataset:
    """Batches by index: subclasses define ``__getitem__(index)`` and ``__len__()``.

    Parameters
    ----------
    workers : int, default=1
    use_multiprocessing : bool, default=False
    max_queue_size : int, default=10
    """

    def __init__(self, workers=1, use_multiprocessing=False, max_queue_size=10):
        self.workers = workers
        self.use_multiprocessing = use_multiprocessing
        self.max_queue_size = max_queue_size

    # Class attributes too, because a subclass may forget super().__init__().
    workers = 1
    use_multiprocessing = False
    max_queue_size = 10

    def __getitem__(self, index):
        raise NotImplementedError

    @property
    def num_batches(self):
        """Number of batches in an epoch; None means without end."""
        return len(self) if hasattr(self, "__len__") else None

    def on_epoch_begin(self):
        """Called before each epoch."""

    def on_epoch_end(self):
        """Called after each epoch."""

    def __iter__(self):
        n = self.num_batches
        index = 0
        while n is None or index < (n if n is not None else math.inf):
            yield self[index]
            index += 1


Sequence = PyDataset


def unpack_x_y_sample_weight(data):
    """Return (x, y, sample_weight) of a tuple of one, two or three, or of x alone."""
    if isinstance(data, list):
        data = tuple(data)
    if not isinstance(data, tuple):
        return data, None, None
    if len(data) > 3:
        raise ValueError(
            "Data is expected to be in format `x`, `(x,)`, `(x, y)`, or `(x, y, sample_weight)`. "
            f"Received a tuple of {len(data)} items."
        )
    return data + (None,) * (3 - len(data))


def pack_x_y_sample_weight(x, y=None, sample_weight=None):
    """Return the shortest tuple that holds the arguments; x alone if it is not a list or tuple itself."""
    if y is None:
        return (x,) if isinstance(x, (list, tuple)) else x
    return (x, y) if sample_weight is None else (x, y, sample_weight)
