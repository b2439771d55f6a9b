"""Variables: state that programs read and write."""

import contextlib
import threading

import numpy as np

from fastfit._watch import Watched
from fastfit.graph import storage
from fastfit.graph.array import as_array
from fastfit.graph.op import apply, constant
from fastfit.graph.tensor import KerasTensor, Operand
from fastfit.graph.trace import current, variable_tensor
from fastfit.utils.naming import auto_name, current_path, join_path

_local = threading.local()


@contextlib.contextmanager
def births():
    """Give a list that the variables join which this thread makes inside the block."""
    lists = _local.__dict__.setdefault("births", [])
    made = []
    lists.append(made)
    try:
        yield made
    finally:
        lists[:] = [other for other in lists if other is not made]


def _name_of(dtype):
    """Return the name of a dtype of numbers; memory of no other kind outlives what it was made from."""
    try:
        found = np.dtype(dtype)
    except TypeError:
        found = None
    if found is None or found.kind not in "biufc":
        raise ValueError(f"Invalid dtype: expected the name of a dtype of numbers. Received: dtype={dtype!r}")
    return found.name


class Variable(Watched, Operand):
    """An array that keeps its place for life.

    Parameters
    ----------
    initializer : array or callable
        The first value, or a function of (shape, dtype=...) that returns it.
    shape : tuple, optional
        Needed with a callable.
    dtype : str, default="float32"
    trainable : bool, default=True
    name : str, optional
    """

    # Fixed for life, or looked after by the programs that borrow the memory.
    _unwatched_attributes = frozenset({"_storage", "_born_in", "name", "path", "shape", "dtype"})

    def __init__(self, initializer, shape=None, dtype="float32", trainable=True, name=None, **_keras_only):
        dtype = "float32" if dtype is None else _name_of(dtype)
        if callable(initializer):
            if shape is None:
                raise ValueError("Variable with a callable initializer needs `shape`. Received: shape=None")
            value = initializer(tuple(shape), dtype=dtype)
        else:
            value = initializer
        if isinstance(value, KerasTensor):
            raise ValueError("A variable's initial value cannot be a symbolic tensor.")
        value = np.asarray(value)
        if shape is not None and value.shape != tuple(shape):
            raise ValueError(f"The initial value has shape {value.shape}, but the variable has shape {tuple(shape)}")
        self.shape = value.shape
        self.dtype = dtype
        self.trainable = bool(trainable)
        self.name = auto_name("variable") if name is None else name
        self.path = join_path(current_path(), self.name)
        self.regularizer = None
        self.constraint = None
        self._born_in = current()
        self._storage = storage.make(self.shape, dtype)
        self._storage.write(value.astype(dtype, copy=False))
        for made in _local.__dict__.get("births", ()):
            made.append(self)

    def __repr__(self):
        return f"<Variable path={self.path}, shape={self.shape}, dtype={self.dtype}, value={self._storage.read()}>"

    def __getstate__(self):
        # The memory belongs to this process.
        return {**self.__dict__, "_storage": self._storage.read(), "_born_in": None}

    def __setstate__(self, state):
        value = state["_storage"]
        self.__dict__.update(state, _storage=storage.make(state["shape"], state["dtype"]))
        self._storage.write(value)

    def operand(self, symbolic):
        """Return what ops compute with: the tensor in a trace or beside tensors, else an array."""
        trace = current()
        if trace is not None:
            return trace.read(self)
        return variable_tensor(self) if symbolic else self._storage.read()

    @property
    def value(self):
        """The value: an array, or a tensor while a trace is active."""
        return as_array(self.operand(False))

    def numpy(self):
        """Return the current value as a new array, even while a trace is active."""
        return self._storage.read()

    def __array__(self, dtype=None, copy=None):
        if current() is not None:
            raise TypeError(
                f"np.asarray of variable {self.path!r} inside a traced function would freeze its present value. "
                "Use the variable itself in fastfit.ops, or .numpy() if a constant is meant."
            )
        value = self._storage.read()
        return value if dtype is None else value.astype(dtype, copy=False)

    def __bool__(self):
        return bool(self._concrete("bool()"))

    def __float__(self):
        return float(self._concrete("float()"))

    def __int__(self):
        return int(self._concrete("int()"))

    def _concrete(self, what):
        if current() is not None:
            raise TypeError(f"{what} of variable {self.path!r} inside a traced function. Use fastfit.ops instead.")
        return self._storage.read()

    def assign(self, value):
        """Set the value; inside a trace, record that the program sets it.

        Parameters
        ----------
        value : array, number, Variable or KerasTensor
            Of the variable's shape, or broadcast to it.

        Returns
        -------
        The value assigned.
        """
        trace = current()
        if isinstance(value, Variable):
            value = value.value
        if value is None:
            raise ValueError(
                f"Variable {self.path!r} cannot be None: does the function that gave its value, such as a constraint, "
                "return one? Received: None"
            )
        symbolic = isinstance(value, KerasTensor)
        if symbolic and trace is None:
            raise ValueError(
                f"Cannot assign a symbolic tensor to variable {self.path!r} here. Assign it inside a layer's call, "
                "a metric's update_state or a train_step."
            )
        shape = tuple(value.shape) if symbolic else np.shape(value)
        if shape != self.shape:
            fits = len(shape) <= len(self.shape) and all(
                a in (1, None, b) for a, b in zip(reversed(shape), reversed(self.shape), strict=False)
            )
            if not fits:
                raise ValueError(
                    f"The shape of the target variable and the shape of the target value in `variable.assign(value)` "
                    f"must match. variable.shape={self.shape}, Received: value.shape={shape}. "
                    f"Target variable: {self.path}"
                )
        # A variable made inside the trace gets its first values at once: that is building, not running.
        building = self._born_in is not None and self._born_in is trace and self not in trace.variables
        if trace is None or (building and not symbolic and self not in trace.updates):
            self._storage.write(np.broadcast_to(np.asarray(value), self.shape).astype(self.dtype, copy=False))
            return value
        if not symbolic:
            value = constant(np.broadcast_to(np.asarray(value), self.shape).astype(self.dtype))
        elif shape != self.shape:
            value = apply("broadcast_to", value, shape=self.shape)
        if value.dtype != self.dtype:
            value = apply("cast", value, dtype=self.dtype)
        trace.write(self, value)
        return value

    def assign_add(self, value):
        """Add to the value."""
        return self.assign(self + value)

    def assign_sub(self, value):
        """Subtract from the value."""
        return self.assign(self - value)
