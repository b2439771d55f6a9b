"""How much memory weights may take while an object is made from a file that may be hostile."""

import contextlib
import math
import threading

import numpy as np

_local = threading.local()


@contextlib.contextmanager
def weights_limited_to(size, what):
    """Let weights made inside the block take ``size`` bytes in all.

    Parameters
    ----------
    size : int
    what : str
        Where the limit comes from, for the message.
    """
    outer = getattr(_local, "limit", None)
    _local.limit = [size, size, what]
    try:
        yield
    finally:
        _local.limit = outer


def claim(shape, dtype):
    """Count a weight that is about to be made; ValueError if it goes beyond the limit."""
    limit = getattr(_local, "limit", None)
    if limit is None:
        return
    limit[0] -= math.prod(shape) * np.dtype(dtype).itemsize
    if limit[0] < 0:
        raise ValueError(
            f"The configuration asks for more weights than {limit[2]} holds: it may be damaged or hostile. Expected "
            f"at most {limit[1]} bytes. Received: a weight of shape {tuple(shape)} beside those made before it."
        )
