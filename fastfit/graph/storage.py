"""Where a variable's numbers live: aligned memory of the native core, in one engine per process."""

import os
import threading

from fastfit import _core, _watch

_lock = threading.Lock()
_engine = None


def engine():
    """Return the process's engine, made at first use.

    FASTFIT_ISA forces an instruction set ("generic", "avx2", "avx512", "neon"), FASTFIT_NUM_THREADS the number of
    threads, the calling one included.
    """
    global _engine
    if _engine is None:
        with _lock:
            if _engine is None:
                _engine = _make_engine(os.environ.get("FASTFIT_ISA", "").strip(), _threads())
    return _engine


def _make_engine(isa, threads):
    try:
        return _core.Engine(isa or None, threads)
    except ValueError as error:
        raise ValueError(f'FASTFIT_ISA={isa}: {error}. Use "generic", or unset it to take the fastest.') from None


def _threads():
    text = os.environ.get("FASTFIT_NUM_THREADS", "").strip()
    if not text:
        return 0
    if not text.isdigit() or int(text) == 0:
        raise ValueError(f"FASTFIT_NUM_THREADS must be a positive integer. Received: {text!r}")
    return int(text)


def make(shape, dtype, packed=False):
    """Return zeroed storage for an array.

    Parameters
    ----------
    shape : tuple
    dtype : str
    packed : bool, default=False
        In the panels that the dense kernels read.
    """
    return _core.Storage(engine(), shape, dtype, packed)


def pack(variable):
    """Move a float32 matrix into panels, if it is not there yet."""
    if variable._storage.packed:
        return
    engine()  # made under the same lock
    with _lock:  # a second thread must find the first one's panels
        old = variable._storage
        if old.packed:
            return
        new = make(old.shape, old.dtype, packed=True)
        new.write(old.read())
        variable._storage = new
        _watch.changed()  # programs that borrowed the old memory are out of date
