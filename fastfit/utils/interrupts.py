"""Ctrl-C at a better moment."""

import signal
import threading
from contextlib import contextmanager


@contextmanager
def deferred(is_critical):
    """Let Ctrl-C wait until the end of the block when it comes while ``is_critical()``.

    Only the main thread receives signals; in any other nothing is done.
    """
    previous = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(previous):
        yield
        return
    pending = []

    def handler(signum, frame):
        if is_critical():
            pending.append((signum, frame))
        else:
            previous(signum, frame)

    signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
        if pending:
            previous(*pending[0])
