"""Sizes that only a run knows, as a traced function sees them in ``x.shape``.

Inside of fit, evaluate and predict a user's loss, metric or layer may compute with ``x.shape[0]`` as it would with an
array's: it is a tensor then, the number of rows of the batch at hand. Functional tensors, outside of a call, say None
there, and so do all tensors to this library's own code, which tells by it what is fixed and what is not.
"""

import sys

from fastfit.graph.op import OPS, apply
from fastfit.graph.tensor import KerasTensor, Node, Operand
from fastfit.graph.trace import active, current

_PACKAGE = __package__.split(".")[0]
_INSIDE = _PACKAGE + "."


class Size(KerasTensor):
    """The size of an axis that is known only when the program runs: an int32 scalar."""

    def __init__(self, of, axis):
        super().__init__((), "int32")
        self.of, self.axis = of, axis
        Node(OPS["axis_size"], [of], {"axis": axis, "dtype": "int32"}, [self])

    def _same(self, other):
        if self.of is other.of and self.axis == other.axis:
            return True
        # there is one batch
        of_batch = self.axis == other.axis == 0 and 0 < self.of._shape.times == other.of._shape.times
        return True if of_batch else None

    def __eq__(self, other):
        if other is None:  # as a shape that was noted before the run says it
            return True
        same = self._same(other) if isinstance(other, Size) else None
        return super().__eq__(other) if same is None else same

    def __ne__(self, other):
        if other is None:
            return False
        same = self._same(other) if isinstance(other, Size) else None
        return super().__ne__(other) if same is None else not same

    __hash__ = Operand.__hash__

    def __bool__(self):
        return True  # for `x.shape[0] or ...`: a batch has rows

    def __repr__(self):
        return f"<size of axis {self.axis}, known when the program runs>"

    def _refuse(self, what, instead):
        raise TypeError(
            f"The size of axis {self.axis} of a tensor of shape {tuple(self.of._shape)} is no Python number: it is "
            "known only when the program runs, and the last batch of an epoch may be shorter. Compute with it "
            "(x.shape[0] * 2, fastfit.ops.ones((x.shape[0], 3))), but leave out range(), int(), float() and if."
        )


def _equal(a, b):
    found = a == b
    if isinstance(found, KerasTensor):
        (a if isinstance(a, Size) else b)._refuse("The size", "")
    return bool(found)


class RunShape(tuple):
    """A shape in which the sizes that are not fixed are tensors."""

    def __eq__(self, other):
        if isinstance(other, tuple) and len(self) == len(other):
            return all(_equal(a, b) for a, b in zip(self, other, strict=True))
        return False

    def __ne__(self, other):
        return not self == other

    __hash__ = tuple.__hash__

    def __getitem__(self, key):
        part = super().__getitem__(key)
        return RunShape(part) if isinstance(key, slice) else part


def shown(tensor):
    """The shape of a tensor as the code that asks for it should see it."""
    shape = tensor._shape
    name = sys._getframe(2).f_globals.get("__name__", "")
    if name == _PACKAGE or name.startswith(_INSIDE) or current() is None:
        return shape
    sizes = tensor.__dict__.setdefault("_sizes", {})
    for axis, d in enumerate(shape):
        if d is None and axis not in sizes:
            sizes[axis] = Size(tensor, axis)
    found = RunShape(sizes.get(axis, d) for axis, d in enumerate(shape))
    found.times = shape.times
    return found


def reshape(x, newshape):
    """Return x in another shape, whose sizes may be tensors; one may be -1 (or None, which means the same)."""
    static = tuple(None if isinstance(d, KerasTensor) else -1 if d is None else int(d) for d in newshape)
    return apply("reshape", x, *(d for d in newshape if isinstance(d, KerasTensor)), newshape=static)


KerasTensor._shown = staticmethod(shown)
Operand._reshape = staticmethod(reshape)
KerasTensor._traces = active
