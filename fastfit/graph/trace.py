"""Traces: while one is active, variables are read as tensors and assignments are recorded, not done."""

import threading

from fastfit.graph.tensor import KerasTensor, Node

_local = threading.local()
# Traces of all threads: where this is empty, `current()` need not be asked.
active = []


def current():
    """Return the innermost active trace of this thread, or None."""
    stack = getattr(_local, "stack", None)
    return stack[-1] if stack else None


class Trace:
    """A recording of reads and assignments of variables.

    Attributes
    ----------
    variables : dict
        Variable to the tensor of its value when the program starts.
    updates : dict
        Variable to the tensor of its value when the program ends, if it was assigned.
    losses : list
        Scalars that layers added.
    on_apply : callable or None
        Takes an optimizer, gradients and variables (or None) when the step that is traced applies gradients.
    applied : set
        Variables that gradients have been applied to: `touched` says whether one of them was read or set after that.
    """

    def __init__(self):
        self.variables = {}
        self.updates = {}
        self.losses = []
        self.on_apply = None
        self.applied, self.touched = set(), False
        self._streams = 0

    def __enter__(self):
        if not hasattr(_local, "stack"):
            _local.stack = []
        _local.stack.append(self)
        active.append(self)
        return self

    def __exit__(self, kind, error, traceback):
        _local.stack.remove(self)
        active.remove(self)
        if isinstance(error, Exception):
            _explain(error, traceback)

    def read(self, variable):
        """Return the tensor of the variable's value at this point."""
        self.touched = self.touched or variable in self.applied
        if variable in self.updates:
            return self.updates[variable]
        if variable not in self.variables:
            self.variables[variable] = variable_tensor(variable)
        return self.variables[variable]

    def write(self, variable, tensor):
        """Record that the variable now holds ``tensor``."""
        self.touched = self.touched or variable in self.applied
        self.updates[variable] = tensor

    def next_stream(self):
        """Return the number of a stream of random numbers that nothing else in this trace draws from."""
        self._streams += 1
        return self._streams - 1


# Packages whose functions are not what the user wrote.
_NOT_THE_USER = ("fastfit", "numpy", "functools", "contextlib")
_NOTE = "This was raised while"


def _explain(error, traceback):
    """Note on an error which function of the user's was being traced, and what that means for it."""
    if any(note.startswith(_NOTE) for note in getattr(error, "__notes__", ())):  # an inner trace has done it
        return
    frame = traceback.tb_next  # the first is where the trace was begun
    while frame is not None and frame.tb_frame.f_globals.get("__name__", "").split(".")[0] in _NOT_THE_USER:
        frame = frame.tb_next
    if frame is None:
        return
    code = frame.tb_frame.f_code
    error.add_note(
        f"{_NOTE} `{code.co_name}` (line {frame.tb_lineno} of {code.co_filename}) was traced: it is "
        "called once, with symbolic tensors that have a shape and a dtype but no values, and sizes known only at run "
        "time are tensors. Write it with functions of fastfit.ops, or with NumPy functions and operators on "
        "whole arrays; fastfit.ops.shape(x)[0] is the size of a batch."
    )


def variable_tensor(variable):
    """Return a tensor of a variable's value."""
    tensor = KerasTensor(variable.shape, variable.dtype, name=variable.name)
    Node("variable", [], {"variable": variable}, [tensor])
    return tensor
