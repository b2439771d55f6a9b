"""From graph nodes to native instructions.

One rule per op that has a native form; every other op becomes a host instruction that
calls the op's NumPy meaning on views of the arena. A rule may decline (return False):
then the host form is used too.
"""

from __future__ import annotations

from math import prod

import numpy as np

from fastfit import _core
from fastfit.compiler import fuse
from fastfit.compiler.builder import OPS, Builder, Location
from fastfit.graph import randomness
from fastfit.graph.tensor import KerasTensor, topological

RULES = {}
LABELS = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "bool")


def rule(*names):
    """Register a lowering rule for ops."""

    def register(function):
        for name in names:
            RULES[name] = function
        return function

    return register


class Lowering:
    """State of one lowering.

    Parameters
    ----------
    engine : _core.Engine
    feeds : list of (KerasTensor, dtype)
        Placeholders in the order of the source columns, each with the dtype of its data.
    roots : list of KerasTensor
        Everything that must be computed.
    sinks : list of KerasTensor
        Those of the roots whose rows are handed to the caller.
    """

    def __init__(self, engine, feeds, roots, sinks=()):
        self.b = Builder(engine)
        self.order = topological(roots)
        self.users = fuse.users(self.order, roots)
        self.places = {}
        self.gathered = {}
        self.source_of = {}
        self.source_dtype = {}
        self.plain = {}
        self.sink_of = {}
        for tensor, dtype in feeds:
            self.source_of[id(tensor)] = len(self.b.sources)
            self.source_dtype[id(tensor)] = dtype
            self.b.sources.append((tensor.shape[1:], dtype))
        for tensor in sinks:
            self.sink_of[id(tensor)] = len(self.b.sinks)
            self.b.sinks.append((tensor.shape[1:], tensor.dtype))
        self.skip = set()
        self.lazy = {}
        self.label_columns = {}
        self.late_grads = set()

    # Where values are ---------------------------------------------------------------------------------------------

    def place(self, x, dtype="float32"):
        """Location of a tensor or constant, row-major; gathers sources and unpacks weights once."""
        if not isinstance(x, KerasTensor):
            return self.b.constant(np.asarray(x, dtype))
        if id(x) in self.source_of:
            return self.gather(x, x.dtype)
        if id(x) in self.lazy:
            self.lazy.pop(id(x))()
        where = self.places[id(x)]
        if where.packed:
            return self.unpacked(x, where)
        return where

    def gather(self, x, dtype):
        """The rows of a source in the arena, as float32 or int32."""
        key = (id(x), dtype)
        if key not in self.gathered:
            out = self.b.slot(x.shape, dtype)
            index = self.source_of[id(x)]
            source = _core.DTYPES.index(self.source_dtype[id(x)])
            a = prod(x.shape[1:])
            operands = [Location("source", index), out]
            if dtype == "float32":
                self.b.emit("gather", operands, (a, source))
            elif dtype == "int32":
                self.b.emit("gather_label", operands, (a, source, 0))
            else:
                raise NotImplementedError(f"Data of dtype {dtype} cannot be fed to a program")
            self.gathered[key] = out
        return self.gathered[key]

    def labels(self, x, classes):
        """Location of class ids in [0, classes), checked while they are gathered; None if `x` is computed."""
        x = fuse.strip_casts(x)
        if not self.note_labels(x, classes):
            return None
        key = (id(x), "labels", classes)
        if key not in self.gathered:
            out = self.b.slot(x.shape, "int32")
            source = _core.DTYPES.index(self.source_dtype[id(x)])
            self.b.emit("gather_label", [Location("source", self.source_of[id(x)]), out],
                        (prod(x.shape[1:]), source, classes))
            self.gathered[key] = out
        return self.gathered[key]

    def note_labels(self, x, classes):
        """Remember that a source holds class ids in [0, classes); False if `x` is no source."""
        x = fuse.strip_casts(x)
        if id(x) not in self.source_of:
            return False
        index = self.source_of[id(x)]
        self.label_columns[index] = min(classes, self.label_columns.get(index, classes))
        return True

    def rows_of(self, x):
        """Location of dense's input: a float32 source is read where it lies."""
        if isinstance(x, KerasTensor):
            y = fuse.strip_reshapes(x)
            if id(y) in self.source_of and self.source_dtype[id(y)] == "float32" and len(x.shape) == 2 \
                    and x.dtype == "float32":
                return Location("source", self.source_of[id(y)])
        return self.place(x)

    def unpacked(self, x, where):
        if id(x) not in self.plain:
            out = self.b.slot(x.shape)
            self.b.emit("unpack", [where, out], x.shape, rows=(0, 1), cut="whole")
            self.plain[id(x)] = out
        return self.plain[id(x)]

    def weight(self, w):
        """Location of a (k, n) matrix in panels."""
        if isinstance(w, KerasTensor):
            where = self.places[id(w)] if id(w) in self.places else None
            if where is not None and where.packed:
                return where
        out = self.b.slot(np.shape(w) if not isinstance(w, KerasTensor) else w.shape, packed=True)
        self.b.emit("pack", [self.place(w), out], tuple(w.shape), rows=(0, 1), cut="whole")
        return out

    def out(self, tensor):
        """Where a rule writes a new value: its sink, or a new slot."""
        if id(tensor) in self.sink_of and id(tensor) not in self.places:
            where = Location("sink", self.sink_of[id(tensor)])
        else:
            where = self.b.slot(tensor.shape, tensor.dtype)
        self.places[id(tensor)] = where
        return where

    def alias(self, tensor, x):
        """`tensor` is the same memory as `x`."""
        if id(x) in self.source_of:
            where = self.gather(x, x.dtype)
        else:
            where = self.place(x)
        self.places[id(tensor)] = where
        if id(tensor) in self.sink_of:
            self.copy_to_sink(tensor, where)

    def copy_to_sink(self, tensor, where):
        n = prod(tensor.shape[1:])
        sink = Location("sink", self.sink_of[id(tensor)])
        self.b.emit("copy_cols", [where, sink], (n, n, 0, 0, n))

    # The walk -----------------------------------------------------------------------------------------------------

    def run(self):
        """Lower every node that nothing else has taken in."""
        for node in self.order:
            if id(node) in self.skip:
                continue
            if node.operation == "input":
                self.feed(node)
            elif node.operation == "variable":
                self.variable(node)
            else:
                self.op(node)

    def feed(self, node):
        tensor = node.outputs[0]
        if id(tensor) not in self.source_of:
            raise ValueError(f"The program needs a value for the input {tensor!r}, but none is fed")
        if id(tensor) in self.sink_of:
            self.copy_to_sink(tensor, self.gather(tensor, "float32"))

    def variable(self, node):
        variable = node.attrs["variable"]
        self.places[id(node.outputs[0])] = self.b.storage(variable._storage)

    def op(self, node):
        name = node.operation.name
        function = RULES.get(name)
        if function is None:
            kind = OPS.get(name, {}).get("kind")
            function = {"u": unary, "b": binary}.get(kind)
        if function is None or function(self, node) is False:
            self.host(node)

    def host(self, node):
        """The op's NumPy meaning, called on views."""
        if node.operation.name in ("sparse_categorical_crossentropy", "sparse_ce_grad"):
            self.note_labels(node.inputs[0], node.inputs[1].shape[node.attrs.get("axis", -1)])
        inputs = [self.place(x) if isinstance(x, KerasTensor) else x for x in node.inputs]
        outputs = [self.b.slot(t.shape, t.dtype) for t in node.outputs]
        specs = [(x.shape, x.dtype) if isinstance(x, KerasTensor) else None for x in node.inputs]
        function = HostCall(node.operation, inputs, specs, dict(node.attrs), outputs,
                            [(t.shape, t.dtype) for t in node.outputs])
        self.b.host(function, [x for x in inputs if isinstance(x, Location)], outputs, label=node.operation.name)
        for tensor, where in zip(node.outputs, outputs):
            self.places[id(tensor)] = where
            if id(tensor) in self.sink_of:
                if tensor.dtype != "float32":
                    raise NotImplementedError(
                        f"A model output must be float32. Received: {tensor!r}. Cast it with fastfit.ops.cast."
                    )
                self.copy_to_sink(tensor, where)

class HostCall:
    """Calls an op's meaning on the program's memory."""

    def __init__(self, op, inputs, input_specs, attrs, outputs, output_specs):
        self.op, self.inputs, self.input_specs = op, inputs, input_specs
        self.attrs, self.outputs, self.output_specs = attrs, outputs, output_specs

    def __call__(self, program, batch):
        args = [
            view(program, where, spec, batch) if isinstance(where, Location) else where
            for where, spec in zip(self.inputs, self.input_specs)
        ]
        if "stream" in self.attrs:
            with randomness.drawing_from(*program.step_key):
                results = self.op.meaning(*args, **self.attrs)
        else:
            results = self.op.meaning(*args, **self.attrs)
        if not isinstance(results, tuple):
            results = (results,)
        for where, spec, value in zip(self.outputs, self.output_specs, results):
            out = view(program, where, spec, batch)
            value = np.asarray(value)
            if value.shape != out.shape:
                raise ValueError(f"Op {self.op.name!r} gave shape {value.shape} where {out.shape} was inferred")
            out[...] = value


def view(program, where, spec, batch):
    """An array on a location of a running program."""
    shape = tuple(batch if n is None else n for n in spec[0])
    if where.kind == "slot":
        return program.slot(where.index, shape, spec[1])
    return program.variables[where.index].view().reshape(shape)


# Rules ----------------------------------------------------------------------------------------------------------


def is_f32(*tensors):
    return all(not isinstance(t, KerasTensor) or t.dtype == "float32" for t in tensors)


def leading(shape):
    """(rows per batch row, fixed rows) of the first axes of a shape; None if the batch is elsewhere."""
    nones = [i for i, n in enumerate(shape) if n is None]
    if nones and nones != [0]:
        return None
    if nones:
        return prod(shape[1:]), 0
    return 0, prod(shape)


def unary(low, node):
    x, y = node.inputs[0], node.outputs[0]
    if len(node.inputs) != 1 or not is_f32(x, y) or leading(y.shape) is None or not isinstance(x, KerasTensor):
        return False
    mul, fix = leading(y.shape)
    rows, a = ((1, 0), mul) if mul else ((0, 1), fix)
    low.b.emit(node.operation.name, [low.place(x), low.out(y)], (a,), rows=rows)
    return None


def binary(low, node):
    x, z = node.inputs
    y = node.outputs[0]
    if y.dtype == "float64" and y.shape == ():
        return scalar64(low, node)
    if not is_f32(x, z, y) or leading(y.shape) is None:
        return False
    found = broadcast(y.shape, np.shape(x) if not isinstance(x, KerasTensor) else x.shape,
                      np.shape(z) if not isinstance(z, KerasTensor) else z.shape)
    if found is None:
        return False
    rows, a, modes = found
    low.b.emit(node.operation.name, [low.place(x), low.place(z), low.out(y)], (a, *modes), rows=rows)
    return None


def broadcast(out, *shapes):
    """(rows, row length, modes): how operands of these shapes meet in `out`; None if not in any of the four modes."""
    out = tuple(out)
    padded = [(1,) * (len(out) - len(s)) + tuple(s) for s in shapes]
    for cut in range(len(out), -1, -1) if out else (0,):
        if out and out[0] is None and cut == 0:
            continue
        modes = [_mode(out, shape, cut) for shape in padded]
        if None in modes:
            continue
        head, tail = out[:cut], out[cut:]
        count = prod(n for n in head if n is not None)
        rows = (count, 0) if out and out[0] is None else (0, count)
        # the longest rows among the cuts that work: fewer turns of the outer loop
        best = (rows, prod(tail), tuple(modes))
        shorter = [c for c in range(cut) if not (out[0] is None and c == 0)]
        for c in shorter:
            again = [_mode(out, shape, c) for shape in padded]
            if None not in again:
                head, tail = out[:c], out[c:]
                count = prod(n for n in head if n is not None)
                rows = (count, 0) if out[0] is None else (0, count)
                best = (rows, prod(tail), tuple(again))
                break
        return best
    return None


def _mode(out, shape, cut):
    head, tail = shape[:cut], shape[cut:]
    ones = all(n == 1 for n in head)
    if shape == out:
        return 0
    if ones and all(n == 1 for n in tail):
        return 3
    if ones and tail == out[cut:]:
        return 1
    if head == out[:cut] and all(n == 1 for n in tail):
        return 2
    return None


def scalar64(low, node):
    op = {"add": "add64", "multiply": "mul64"}.get(node.operation.name)
    if op is None:
        return False
    x, z = (low.place(i, "float64") for i in node.inputs)
    low.b.emit(op, [x, z, low.out(node.outputs[0])], rows=(0, 1), cut="whole")
    return None


@rule("dense")
def dense(low, node):
    x, w, b = node.inputs
    z = node.outputs[0]
    if not is_f32(x, w, b, z) or leading(z.shape) is None or len(z.shape) < 2:
        return False
    k, n = (w.shape if isinstance(w, KerasTensor) else np.shape(w))
    act, out = 0, z
    follower = fuse.activation_after(low.users, z, OPS, low.sink_of)
    if follower is not None:
        act, out = OPS[follower.operation.name]["id"], follower.outputs[0]
        low.skip.add(id(follower))
    bias = None if b is None else low.place(b)
    mul, fix = leading(z.shape[:-1])
    low.b.emit("dense", [low.rows_of(x), low.weight(w), bias, low.out(out)], (k, n, act), rows=(mul, fix),
               cost=2.0 * mul * k * n, cost_fix=2.0 * fix * k * n)
    return None


@rule("dense_dx")
def dense_dx(low, node):
    dy, w = node.inputs[:2]
    dx = node.outputs[0]
    if not is_f32(dy, w, dx) or leading(dx.shape) is None or len(dx.shape) < 2:
        return False
    k, n = (w.shape if isinstance(w, KerasTensor) else np.shape(w))
    mul, fix = leading(dx.shape[:-1])
    low.b.emit("dense_dx", [low.place(dy), low.weight(w), low.out(dx)], (k, n), rows=(mul, fix),
               cost=2.0 * mul * k * n, cost_fix=2.0 * fix * k * n)
    return None


@rule("dense_dw")
def dense_dw(low, node):
    if id(node) in low.late_grads:  # an update takes it in
        return None
    x, dy = node.inputs[:2]
    g = node.outputs[0]
    if not is_f32(x, dy, g):
        return False
    low.places[id(g)] = low.b.slot(g.shape, packed=True)
    emit_dw(low, node, low.places[id(g)], 0)
    return None


def emit_dw(low, node, gradient, mode, update=(), variant=0, phase=0):
    """A weight gradient: stored (0), added (1), or used up by an optimizer at once (2)."""
    x, dy = node.inputs[:2]
    k, n = node.outputs[0].shape
    mul, fix = leading(dy.shape[:-1])
    low.b.emit("dense_dw", [low.rows_of(x), low.place(dy), gradient, *update], (k, n, mode, variant), rows=(mul, fix),
               cut="weight", cost=2.0 * mul * k * n, cost_fix=25.0 * k * n * (mode == 2), phase=phase)


@rule("dense_db")
def dense_db(low, node):
    if id(node) in low.late_grads:
        return None
    if not is_f32(node.inputs[0]):
        return False
    emit_db(low, node, low.out(node.outputs[0]), 0)
    return None


def emit_db(low, node, gradient, mode, update=(), variant=0, phase=0):
    """A bias gradient, as `emit_dw`."""
    dy = node.inputs[0]
    n = dy.shape[-1]
    mul, fix = leading(dy.shape[:-1])
    low.b.emit("dense_db", [low.place(dy), gradient, *update], (1, n, mode, variant), rows=(mul, fix), cut="weight",
               cost=2.0 * mul * n, cost_fix=25.0 * n * (mode == 2), phase=phase)


@rule("matmul")
def matmul(low, node):
    x, w = node.inputs
    y = node.outputs[0]
    shape = w.shape if isinstance(w, KerasTensor) else np.shape(w)
    if len(shape) != 2 or None in shape or not is_f32(x, w, y) or not isinstance(x, KerasTensor):
        return False
    if len(x.shape) < 2 or leading(x.shape) is None:
        return False
    mul, fix = leading(y.shape[:-1])
    low.b.emit("dense", [low.rows_of(x), low.weight(w), None, low.out(y)], (*shape, 0), rows=(mul, fix),
               cost=2.0 * mul * shape[0] * shape[1], cost_fix=2.0 * fix * shape[0] * shape[1])
    return None


@rule("reshape", "expand_dims", "squeeze", "stop_gradient")
def reshape(low, node):
    x, y = node.inputs[0], node.outputs[0]
    if not isinstance(x, KerasTensor) or leading(x.shape) is None or leading(y.shape) is None:
        return False
    if sum(n is None for n in x.shape) != sum(n is None for n in y.shape) or x.dtype not in ("float32", "int32", "float64"):
        return False
    low.alias(y, x)
    return None


@rule("cast")
def cast(low, node):
    x, y = node.inputs[0], node.outputs[0]
    if not isinstance(x, KerasTensor):
        return False
    if x.dtype == y.dtype and leading(x.shape) is not None:
        low.alias(y, x)
        return None
    if id(x) in low.source_of and y.dtype == "float32":
        low.places[id(y)] = low.gather(x, "float32")
        return None
    if is_op(x, "batch_size") and y.dtype == "float64" and id(x) in low.lazy:
        low.b.emit("rows64", [low.out(y)], (), (1.0,), rows=(1, 0), cut="whole")
        return None
    if x.dtype == "float32" and y.dtype == "float64" and x.shape == ():
        low.b.emit("cast64", [low.place(x), low.out(y)], rows=(0, 1), cut="whole")
        return None
    return False


@rule("concatenate")
def concatenate(low, node):
    y = node.outputs[0]
    axis = node.attrs.get("axis", -1)
    if not is_f32(*node.inputs, y) or leading(y.shape) is None or axis % len(y.shape) != len(y.shape) - 1 or len(y.shape) < 2:
        return False
    if not all(isinstance(x, KerasTensor) and x.shape[:-1] == y.shape[:-1] for x in node.inputs):
        return False
    rows = leading(y.shape[:-1])
    out, at = low.out(y), 0
    for x in node.inputs:
        n = x.shape[-1]
        low.b.emit("copy_cols", [low.place(x), out], (n, y.shape[-1], 0, at, n), rows=rows)
        at += n
    return None


@rule("dropout")
def dropout(low, node):
    x, y = node.inputs[0], node.outputs[0]
    if node.attrs.get("noise_shape") is not None or node.attrs.get("seed") is not None or not is_f32(x, y) or leading(y.shape) is None:
        return False
    mul, fix = leading(y.shape)
    rows, a = ((1, 0), mul) if mul else ((0, 1), fix)
    low.b.emit("dropout", [low.place(x), low.out(y)], (a, int(node.attrs["stream"]) & 0xFFFFFFFF), (node.attrs["rate"],), rows=rows,
               cost=12.0 * mul)
    return None


def axes_of(node, rank):
    axis = node.attrs.get("axis")
    if axis is None:
        return tuple(range(rank))
    return tuple(sorted(a % rank for a in (axis if isinstance(axis, (tuple, list)) else (axis,))))


@rule("sum", "mean", "max")
def reduce(low, node):
    x, y = node.inputs[0], node.outputs[0]
    if not isinstance(x, KerasTensor) or not is_f32(x, y) or leading(x.shape) is None or not x.shape:
        return False
    name, rank = node.operation.name, len(x.shape)
    axes = axes_of(node, rank)
    if axes == tuple(range(rank)) and name != "max" and x.shape[0] is None:
        per_row = prod(x.shape[1:])
        low.b.emit("sum_all", [low.place(x), low.out(y)], (per_row, int(name == "mean")),
                   (1.0 / per_row if name == "mean" and per_row else 1.0,), rows=(1, 0), cut="whole", cost=per_row)
        return None
    first = axes[0]
    if axes == tuple(range(first, rank)) and first >= 1:  # the last axes
        a = prod(x.shape[first:])
        rows = leading(x.shape[:first])
        if name == "max":
            low.b.emit("max_last", [low.place(x), low.out(y)], (a,), rows=rows)
        else:
            low.b.emit("sum_last", [low.place(x), low.out(y)], (a,), (1.0 / a if name == "mean" and a else 1.0,), rows=rows)
        return None
    if axes == (0,) and name == "sum":
        a = prod(x.shape[1:])
        low.b.emit("sum_rows", [low.place(x), low.out(y)], (a,), rows=(1, 0) if x.shape[0] is None else (0, x.shape[0]),
                   cut="whole", cost=a)
        return None
    return False


def is_op(x, name):
    """Whether a tensor comes from an op of this name."""
    return isinstance(x, KerasTensor) and getattr(x.node.operation, "name", None) == name


def part_of_batch(x):
    """c if `x` is the scalar c / batch size, else None."""
    if is_op(x, "divide") and is_op(x.node.inputs[1], "batch_size") and not isinstance(x.node.inputs[0], KerasTensor):
        return float(x.node.inputs[0])
    return None


@rule("divide")
def divide(low, node):
    y = node.outputs[0]
    if y.dtype != "float32" or part_of_batch(y) is None:
        return binary(low, node)
    # most often only spread over the rows, which needs no scalar
    low.lazy[id(y)] = lambda: binary(low, node)
    return None


@rule("broadcast_to", "broadcast_like")
def broadcast_to(low, node):
    x, y = node.inputs[0], node.outputs[0]
    if not is_f32(x, y) or leading(y.shape) is None:
        return False
    if y.shape and y.shape[0] is None and (not isinstance(x, KerasTensor) or part_of_batch(x) is not None):
        if not isinstance(x, KerasTensor) and np.size(x) != 1:
            return False
        of_batch = isinstance(x, KerasTensor)
        value = part_of_batch(x) if of_batch else float(np.reshape(x, ()))
        low.b.emit("fill", [low.out(y)], (prod(y.shape[1:]), int(of_batch)), (value,))
        return None
    shape = x.shape if isinstance(x, KerasTensor) else np.shape(x)
    found = broadcast(y.shape, shape)
    if found is None:
        return False
    rows, a, (mode,) = found
    # -0.0 and not 0.0: x + -0.0 is x, bit for bit
    low.b.emit("add", [low.place(x), low.b.constant(np.float32(-0.0)), low.out(y)], (a, mode, 3), rows=rows)
    return None


@rule("batch_size")
def batch_size(low, node):
    y = node.outputs[0]

    def emit():
        ones = low.b.slot((None,))
        low.b.emit("fill", [ones], (1, 0), (1.0,))
        low.b.emit("sum_all", [ones, low.out(y)], (1, 0), (1.0,), rows=(1, 0), cut="whole", cost=1)

    if node.inputs[0].shape[0] is not None:
        return False
    low.lazy[id(y)] = emit
    return None


@rule("sum64")
def sum64(low, node):
    x = node.inputs[0]
    w = node.inputs[1] if len(node.inputs) > 1 else None
    y = node.outputs[0]
    if not isinstance(x, KerasTensor) or not is_f32(x, w) or leading(x.shape) is None:
        return False
    if w is not None and (not isinstance(w, KerasTensor) or prod(n or 1 for n in w.shape) != 1 or w.shape[:1] != (None,)):
        return False
    mul, fix = leading(x.shape)
    rows, a = ((1, 0), mul) if mul else ((0, 1), fix)
    low.b.emit("sum_all64", [low.place(x), None if w is None else low.place(w), low.out(y)], (a,), rows=rows, cut="whole",
               cost=a)
    return None


def last_axis(node, x):
    return node.attrs.get("axis", -1) % len(x.shape) == len(x.shape) - 1


@rule("softmax", "softmax_grad")
def softmax(low, node):
    y = node.outputs[0]
    if not is_f32(*node.inputs, y) or not last_axis(node, y) or leading(y.shape) is None or len(y.shape) < 2:
        return False
    rows = leading(y.shape[:-1])
    low.b.emit(node.operation.name, [*[low.place(x) for x in node.inputs], low.out(y)], (y.shape[-1],), rows=rows,
               cost=20.0 * rows[0] * y.shape[-1])
    return None


@rule("softmax_ce", "softmax_ce_dense", "sigmoid_bce")
def crossentropy(low, node):
    target, z = node.inputs
    name = node.operation.name
    loss, p = node.outputs
    if not is_f32(z) or leading(z.shape) is None or len(z.shape) < 2:
        return False
    c = z.shape[-1]
    t = low.labels(target, c) if name == "softmax_ce" else low.place(target)
    if t is None or (name != "softmax_ce" and not is_f32(target)):
        return False
    rows = leading(z.shape[:-1])
    low.b.emit(name, [low.place(z), t, low.out(p), low.out(loss)], (c,), rows=rows, cost=20.0 * rows[0] * c)
    return None


@rule("softmax_ce_grad", "softmax_ce_dense_grad", "sigmoid_bce_grad")
def crossentropy_grad(low, node):
    p, target, g = node.inputs
    name, dz = node.operation.name, node.outputs[0]
    if not is_f32(p, g) or leading(dz.shape) is None:
        return False
    c = dz.shape[-1]
    t = low.labels(target, c) if name == "softmax_ce_grad" else low.place(target)
    if t is None or (name != "softmax_ce_grad" and not is_f32(target)):
        return False
    low.b.emit(name, [low.place(p), t, low.place(g), low.out(dz)], (c,), rows=leading(dz.shape[:-1]))
    return None


@rule("squared_error_mean", "absolute_error_mean")
def error_mean(low, node):
    p, t = node.inputs
    y = node.outputs[0]
    shape = p.shape if isinstance(p, KerasTensor) else t.shape
    if not is_f32(p, t, y) or leading(shape) is None or len(shape) < 2:
        return False
    name = {"squared_error_mean": "squared_error", "absolute_error_mean": "absolute_error"}[node.operation.name]
    low.b.emit(name, [low.place(p), low.place(t), low.out(y)], (shape[-1],), rows=leading(shape[:-1]))
    return None


@rule("squared_error_mean_grad", "absolute_error_mean_grad")
def error_mean_grad(low, node):
    p, t, g = node.inputs
    y = node.outputs[0]
    if not is_f32(p, t, g, y) or leading(y.shape) is None or len(y.shape) < 2:
        return False
    name = {"squared_error_mean_grad": "squared_error_grad", "absolute_error_mean_grad": "absolute_error_grad"}
    low.b.emit(name[node.operation.name], [low.place(p), low.place(t), low.place(g), low.out(y)], (y.shape[-1],),
               rows=leading(y.shape[:-1]))
    return None


@rule("hit_sparse", "hit_dense", "hit_binary")
def hits(low, node):
    target, p = node.inputs
    y = node.outputs[0]
    name = node.operation.name
    if not is_f32(p, y) or not isinstance(p, KerasTensor) or leading(p.shape) is None or len(p.shape) < 2:
        return False
    c = p.shape[-1]
    if name == "hit_sparse":
        t = low.labels(target, c)
        if t is None:
            return False
    elif not is_f32(target) or target.shape != p.shape:
        return False
    else:
        t = low.place(target)
    low.b.emit(name, [low.place(p), t, low.out(y)], (c,), (node.attrs.get("threshold", 0.0),), rows=leading(p.shape[:-1]))
    return None
