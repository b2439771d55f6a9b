"""Symbolic tensors and the nodes that make them."""

import math

import numpy as np

from fastfit.utils.naming import current_path

_ADVICE = "use the functions of fastfit.ops (or NumPy functions that fastfit can trace)"

# What arrays of other libraries are asked for their values by.
_VALUES = ("numpy", "item", "tolist", "tobytes", "eval", "detach", "cpu", "data", "__dlpack__", "__tf_tensor__")


class Operand:
    """What symbolic tensors and variables share: the operators of arrays, each of which applies an op.

    ``_apply``, ``_reshape`` and the NumPy protocols are filled in by modules that import this one.
    """

    # Ahead of ndarray (0) so that ``array + tensor`` asks the tensor.
    __array_priority__ = 1000.0
    _apply = None
    _reshape = None

    def __add__(self, other):
        return self._apply("add", self, other)

    def __radd__(self, other):
        return self._apply("add", other, self)

    def __sub__(self, other):
        return self._apply("subtract", self, other)

    def __rsub__(self, other):
        return self._apply("subtract", other, self)

    def __mul__(self, other):
        return self._apply("multiply", self, other)

    def __rmul__(self, other):
        return self._apply("multiply", other, self)

    def __truediv__(self, other):
        return self._apply("divide", self, other)

    def __rtruediv__(self, other):
        return self._apply("divide", other, self)

    def __floordiv__(self, other):
        return self._apply("floor_divide", self, other)

    def __rfloordiv__(self, other):
        return self._apply("floor_divide", other, self)

    def __mod__(self, other):
        return self._apply("mod", self, other)

    def __rmod__(self, other):
        return self._apply("mod", other, self)

    def __pow__(self, other):
        return self._apply("power", self, other)

    def __rpow__(self, other):
        return self._apply("power", other, self)

    def __divmod__(self, other):
        return self // other, self % other

    def __rdivmod__(self, other):
        return other // self, other % self

    def __matmul__(self, other):
        return self._apply("matmul", self, other)

    def __rmatmul__(self, other):
        return self._apply("matmul", other, self)

    def __neg__(self):
        return self._apply("negative", self)

    def __pos__(self):
        return self

    def __abs__(self):
        return self._apply("abs", self)

    def __invert__(self):
        return self._apply("logical_not" if self.dtype == "bool" else "bitwise_not", self)

    def __and__(self, other):
        return self._apply(_logical("and", self), self, other)

    def __rand__(self, other):
        return self._apply(_logical("and", self), other, self)

    def __or__(self, other):
        return self._apply(_logical("or", self), self, other)

    def __ror__(self, other):
        return self._apply(_logical("or", self), other, self)

    def __xor__(self, other):
        return self._apply(_logical("xor", self), self, other)

    def __rxor__(self, other):
        return self._apply(_logical("xor", self), other, self)

    def __lt__(self, other):
        return self._apply("less", self, other)

    def __le__(self, other):
        return self._apply("less_equal", self, other)

    def __gt__(self, other):
        return self._apply("greater", self, other)

    def __ge__(self, other):
        return self._apply("greater_equal", self, other)

    # By element, like arrays: a loss that says ``y == 1`` must not get an identity test. Hashing stays by identity.
    def __eq__(self, other):
        if other is None or isinstance(other, str):
            return False
        return self._apply("equal", self, other)

    def __ne__(self, other):
        if other is None or isinstance(other, str):
            return True
        return self._apply("not_equal", self, other)

    __hash__ = object.__hash__

    def __getitem__(self, key):
        return self._apply("getitem", self, key=key)

    def __len__(self):
        if not self.shape:
            raise TypeError("len() of a 0-d tensor")
        if self.shape[0] is None:
            raise TypeError("len() of a tensor whose first dimension is unknown; use fastfit.ops.shape(x)[0]")
        return self.shape[0]

    def __iter__(self):
        if not self.shape:
            raise TypeError("iteration over a 0-d tensor")
        if self.shape[0] is None:
            raise TypeError(
                f"Cannot iterate over a tensor whose first dimension is unknown (shape {self.shape}): the batch size "
                f"is known only at run time. Instead of a loop over rows {_ADVICE}, which work on whole batches."
            )
        return (self[i] for i in range(self.shape[0]))

    @property
    def ndim(self):
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self):
        """Number of elements: an int, or a tensor where an axis is known only at run time."""
        known = math.prod(d for d in self.shape if d is not None)
        unknown = [self._apply("axis_size", self, axis=i, dtype="int32") for i, d in enumerate(self.shape) if d is None]
        return math.prod(unknown, start=known)

    @property
    def T(self):
        """The tensor with its axes reversed."""
        return self._apply("transpose", self, axes=None)

    def astype(self, dtype):
        """Return the tensor cast to ``dtype``."""
        return self._apply("cast", self, dtype=np.dtype(dtype).name)

    def reshape(self, *shape):
        """Return the tensor in another shape; one entry may be -1."""
        if len(shape) == 1 and isinstance(shape[0], (tuple, list)):
            shape = tuple(shape[0])
        return self._reshape(self, shape)

    def sum(self, axis=None, keepdims=False):
        """Return the sum over ``axis``."""
        return self._apply("sum", self, axis=axis, keepdims=keepdims)

    def mean(self, axis=None, keepdims=False):
        """Return the mean over ``axis``."""
        return self._apply("mean", self, axis=axis, keepdims=keepdims)

    def max(self, axis=None, keepdims=False):
        """Return the maximum over ``axis``."""
        return self._apply("max", self, axis=axis, keepdims=keepdims)

    def min(self, axis=None, keepdims=False):
        """Return the minimum over ``axis``."""
        return self._apply("min", self, axis=axis, keepdims=keepdims)


def _logical(word, x):
    return f"logical_{word}" if x.dtype == "bool" else f"bitwise_{word}"


class Shape(tuple):
    """A shape whose first axis, if it is the unknown one, has ``times`` elements for each row of the batch.

    Where reshaping has made rows that are no whole parts of a row of the batch, ``times`` is 0.
    """

    times = 1

    def __new__(cls, dims=(), times=1):
        shape = super().__new__(cls, dims)
        if times != 1:
            shape.times = times
        return shape

    def __getitem__(self, key):
        part = super().__getitem__(key)
        return Shape(part, self.times) if isinstance(key, slice) and not key.start else part


class _Lacking:
    """An attribute of arrays that symbolic tensors lack; a class with `__getattr__` would look up all others slowly."""

    def __init__(self, name):
        self.name = name

    def __get__(self, tensor, owner=None):
        if self.name in _VALUES:
            raise AttributeError(
                f"A symbolic tensor {tensor!r} has no `.{self.name}`: its value is computed when the model runs. "
                f"Instead of taking the value, {_ADVICE}."
            )
        raise AttributeError(
            f"'KerasTensor' object has no attribute '{self.name}'. Instead of the method `.{self.name}` of arrays, "
            f"{_ADVICE}."
        )


class _Lacks:
    """Last of the bases of symbolic tensors: says of what arrays have and tensors lack what to do instead."""


for _name in (*_VALUES, *(name for name in dir(np.ndarray) if not name.startswith("_"))):
    setattr(_Lacks, _name, _Lacking(_name))


class KerasTensor(Operand, _Lacks):
    """A value that will exist when the program runs.

    Parameters
    ----------
    shape : tuple
        None for a dimension known only at run time, such as the batch size.
    dtype : str, default="float32"
    name : str, optional

    Attributes
    ----------
    node, index
        The node that computes it, and which of its outputs it is.
    """

    def __init__(self, shape, dtype="float32", name=None):
        # a traced function sees its tensors' unknown sizes as tensors
        dims = (None if d is None or isinstance(d, KerasTensor) else int(d) for d in shape)
        self._shape = Shape(dims, getattr(shape, "times", 1))
        self.dtype = dtype if isinstance(dtype, str) else np.dtype(dtype).name
        self.name = name
        self.node = None
        self.index = 0

    # Filled in by graph.sizes: the traces that are active, and what `shape` is in them.
    _traces = ()
    _shown = None

    @property
    def shape(self):
        """Sizes of the axes; those known only at run time are None, or tensors in a user's function that is traced."""
        shape = self._shape
        return self._shown(self) if None in shape and self._traces else shape

    def __repr__(self):
        name = "" if self.name is None else f", name={self.name}"
        return f"<KerasTensor shape={self._shape}, dtype={self.dtype}{name}>"

    def _refuse(self, what, instead):
        raise TypeError(
            f"{what} of a symbolic tensor {self!r} has no value yet: it is computed when the model runs. {instead}"
        )

    def __array__(self, dtype=None, copy=None):
        self._refuse("The array", f"Instead of converting it to an array, {_ADVICE}.")

    def __bool__(self):
        self._refuse("The truth", "Instead of `if`, `and`, `or` or `not`, use fastfit.ops.where and logical_* ops.")

    def __float__(self):
        self._refuse("The float", f"Instead of float(), {_ADVICE}.")

    def __int__(self):
        self._refuse("The int", f"Instead of int(), {_ADVICE}.")

    def __index__(self):
        self._refuse("The index", "Instead of indexing with it, use fastfit.ops.take.")

    def __round__(self, ndigits=None):
        self._refuse("The rounded value", "Instead of round(), use fastfit.ops.round, which has no gradient.")

    def __contains__(self, item):
        self._refuse("What is in the array", "Instead of `in`, use fastfit.ops.any(x == item).")

    def __setitem__(self, key, value):
        raise TypeError(
            f"A symbolic tensor {self!r} cannot be written into. Instead of `x[key] = value`, compute a new tensor: "
            "fastfit.ops.where(condition, value, x), ops.slice_update or ops.concatenate."
        )

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        name = getattr(function, "__name__", function)
        raise TypeError(f"Functions of PyTorch cannot be traced (here `{name}`): {_ADVICE}.")


class Node:
    """One application of an operation.

    Parameters
    ----------
    operation : Op, layer, "input" or "variable"
    inputs : list
        Tensors; arrays and Python numbers are constants; None stands for an input left out.
    attrs : dict
    outputs : list of KerasTensor
    origin : str, optional
        Path of the layer, or name of the loss or metric, that it is part of; by default what is being called now.
    """

    __slots__ = ("attrs", "inputs", "operation", "origin", "outputs")

    def __init__(self, operation, inputs, attrs, outputs, origin=None):
        self.origin = current_path() if origin is None else origin
        self.operation = operation
        self.inputs = list(inputs)
        self.attrs = dict(attrs)
        self.outputs = list(outputs)
        for index, tensor in enumerate(self.outputs):
            tensor.node, tensor.index = self, index

    def __repr__(self):
        return f"<Node {getattr(self.operation, 'name', self.operation)} of {len(self.inputs)}>"


def make_input(shape, dtype="float32", name=None):
    """Return a tensor that stands for data given later."""
    tensor = KerasTensor(shape, dtype, name)
    Node("input", [], {}, [tensor])
    return tensor


def topological(tensors):
    """Return the nodes that ``tensors`` depend on, each after those it depends on.

    Parameters
    ----------
    tensors : iterable of KerasTensor
    """
    order, begun, done = [], set(), set()
    for tensor in tensors:
        if tensor.node is None:
            continue
        stack = [tensor.node]
        while stack:
            node = stack[-1]
            if node not in begun:
                begun.add(node)
                for x in reversed(node.inputs):
                    if isinstance(x, KerasTensor):
                        before = x.node
                        if before is not None and before not in begun:
                            stack.append(before)
                continue
            stack.pop()  # what it depends on is there; or it came twice, and is there itself
            if node not in done:
                done.add(node)
                order.append(node)
    return order
