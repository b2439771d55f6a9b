"""Who may train, evaluate or trace a model now."""

import threading

# Held while a step is traced.
tracing = threading.RLock()


class Busy:
    """Which thread trains or evaluates a model, and how many such calls it is in."""

    def __init__(self):
        self.lock, self.depth = threading.RLock(), 0


class Exclusive:
    """One thread at a time trains or compiles a model; a second one is told so.

    A call that is `nested` may be made by a callback of another one, whose sums it leaves as they are.

    Parameters
    ----------
    busy : Busy
    what, name : str
        The method and the model, for messages.
    nested : callable, optional
        Returns the variables that losses and metrics are added up in. None for a call that cannot be nested.
    """

    def __init__(self, busy, what, name, nested=None):
        self.busy, self.what, self.name, self.nested = busy, what, name, nested
        self.kept = ()

    def __enter__(self):
        if self.busy.lock.acquire(blocking=False):
            if self.busy.depth == 0 or self.nested is not None:
                if self.busy.depth:
                    self.kept = [(v, v.numpy()) for v in self.nested()]
                self.busy.depth += 1
                return
            self.busy.lock.release()
        raise RuntimeError(
            f"{self.what}() of model '{self.name}': the model is being trained or evaluated already, by another "
            "thread or by the call that this one is made from."
        )

    def __exit__(self, *exc):
        for variable, value in self.kept:
            variable.assign(value)
        self.busy.depth -= 1
        self.busy.lock.release()
