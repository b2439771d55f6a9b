"""From graph nodes to native instructions.

One rule per op that has a native form (rules_*.py); every other op becomes a host instruction that
calls the op's NumPy meaning on views of the arena. A rule may decline (return False):
then the host form is used too.
"""

from __future__ import annotations

from math import prod

import numpy as np

from fastfit import _core
from fastfit.compiler import neighbours, places
from fastfit.compiler.builder import Builder, Location
from fastfit.graph import randomness
from fastfit.graph.op import OPS as MEANINGS
from fastfit.graph.tensor import KerasTensor, topological

RULES = {}
# Of `rule`: the rule looks at whatever attributes there are, or hands all of them on.
ANY = object()
# Instructions compute with float32, int32, and conditions, which are 0 and 1.
NATIVE = frozenset(("float32", "int32", "bool"))
# Ops whose rules look at the dtype themselves: what has another one goes to host instructions otherwise.
ANY_DTYPE = frozenset(
    "reshape expand_dims squeeze reshape_like stop_gradient identity with_gradient cast add multiply batch_size "
    "axis_size divide softmax_ce softmax_ce_grad hit_sparse sum64 sum_rows64 sum_above64 sum_into64".split()
)
# What data are gathered as, before they are cast to a dtype that no instruction computes with; others stay as they are.
AS_GATHERED = {"float16": "float32", **dict.fromkeys(("bool", "int8", "uint8", "int16", "uint16"), "int32")}
# What a sink holds of dtypes whose rows need not be whole words; `Compiled` turns it back.
CARRIERS = {"bool": "float32", "float16": "float32", **dict.fromkeys(("int8", "uint8", "int16", "uint16"), "int32")}


class Rule:
    """A lowering rule, and the names of the attributes that it looks at."""

    __slots__ = ("attrs", "function")

    def __init__(self, function, attrs):
        self.function, self.attrs = function, attrs

    def __call__(self, low, node):
        """Lower a node; False if the rule declines, as it does where it does not know an attribute."""
        if node.attrs and self.attrs is not ANY and not is_plain(node, self.attrs):
            return False
        return self.function(low, node)


def rule(*names, attrs=()):
    """Register a lowering rule for ops.

    Parameters
    ----------
    *names : str
    attrs : blank-separated str or ANY
        Attributes of the ops that the rule looks at. A node with another one, unless it has the value of its default,
        is not given to the rule: none can be dropped in silence.
    """
    attrs = ANY if attrs is ANY else frozenset(attrs.split() if isinstance(attrs, str) else attrs)

    def register(function):
        for name in names:
            RULES[name] = Rule(function, attrs)
        return function

    return register


def is_plain(node, attrs=()):
    """Whether a node has no attributes but those named and defaults."""
    return all(name in attrs for name in node.operation.given(node.attrs))


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
    batch : int
        The size that the program is planned for.
    """

    def __init__(self, engine, feeds, roots, sinks=(), batch=32):
        self.b = Builder(engine)
        self.batch = batch
        self.order = topological(roots)
        self.users = neighbours.users(self.order, roots)
        self.places = {}
        self.gathered = {}
        self.source_of = {}
        self.source_dtype = {}
        self.copies = {}
        self.sink_of = {}
        for tensor, dtype in feeds:
            self.source_of[id(tensor)] = len(self.b.sources)
            self.source_dtype[id(tensor)] = dtype
            self.b.sources.append((tensor.shape[1:], dtype))
        for tensor in sinks:
            self.sink_of[id(tensor)] = len(self.b.sinks)
            carrier, row = CARRIERS.get(tensor.dtype, tensor.dtype), tensor.shape[1:]
            # what is wider is copied as words
            self.b.sinks.append((row, carrier) if words(carrier) == 1 else ((*row, words(carrier)), "float32"))
        self.skip = set()
        self.lazy = {}
        self.label_columns = {}
        self.lookups = []  # those of native instructions, which do not say what they met
        self.late_grads = set()
        self.known = {id(node) for node in self.order}
        self.kept = []  # tensors made while lowering: their ids must stay theirs
        self.blocks = {}
        self.newest = False

    # Where values are ---------------------------------------------------------------------------------------------

    def place(self, x, dtype="float32"):
        """Location of a tensor or constant; gathers sources once."""
        if not isinstance(x, KerasTensor):
            return self.b.constant(np.asarray(x, dtype))
        if id(x) in self.source_of:
            return self.gather(x, x.dtype)
        if id(x) in self.lazy:
            self.lazy.pop(id(x))()
        return self.places[id(x)]

    def host_place(self, x):
        """`place`, where a host instruction can look: rows that the caller gets are out of its sight."""
        where = self.place(x)
        if where.kind == "sink":
            if id(x) not in self.copies:
                self.copies[id(x)] = self.b.slot(x.shape, x.dtype)
                n = prod(x.shape[1:]) * x.shape.times  # a reshape of an output may have more rows than it
                self.b.emit("copy_cols", [where, self.copies[id(x)]], (n, n, 0, 0, n))
            return self.copies[id(x)]
        return where

    def gather(self, x, dtype):
        """The rows of a source in the arena, in a dtype."""
        key = (id(x), dtype)
        if key not in self.gathered:
            self.gathered[key] = self._gathered(x, dtype)
        return self.gathered[key]

    def ids(self, x, classes):
        """Location of class ids, in [0, classes) or not, as int32; None if they may be no integers."""
        source = neighbours.strip_casts(x, classes)
        if (id(source), "labels", classes) in self.gathered:
            return self.gathered[id(source), "labels", classes]
        return self.place(x) if self.kind(x) == "i" else None

    def _gathered(self, x, dtype):
        given = self.source_dtype[id(x)]
        native = dtype in ("float32", "int32") or (dtype == given == "bool")
        kept = dtype if native else AS_GATHERED.get(given, given)
        out = self.b.slot(x.shape, kept)
        a, source = prod(x.shape[1:]), _core.DTYPES.index(given)
        operands = [Location("source", self.source_of[id(x)]), out]
        if not a:
            pass  # nothing to read
        elif kept in ("float32", "bool"):
            self.b.emit("gather", operands, (a, source))
        elif kept == "int32":
            self.b.emit("gather_label", operands, (a, source, 0))
        else:
            self.b.emit("gather_words", operands, (a, source, a * words(kept)))
        return self.converted(out, x.shape, kept, dtype)

    def converted(self, where, shape, given, dtype):
        """A place of the same values in another dtype, by NumPy's cast."""
        if given == dtype:
            return where
        out = self.b.slot(shape, dtype)
        cast = MEANINGS["cast"]
        call = HostCall(cast, [where], [(shape, given)], {"dtype": dtype}, [(shape, dtype)], "")
        self.b.host(call, [where], [out], label="cast")
        return out

    def reads_as(self, x, dtype):
        """Whether the data of a source can be read as a dtype, past the dtype of its tensor, and be the same."""
        given = np.dtype(self.source_dtype[id(x)])
        kept = given.kind in "iu" and np.dtype(x.dtype).kind in "iu"  # it is checked when data are bound
        return dtype == "float32" and (kept or np.can_cast(given, x.dtype))

    def labels(self, x, classes):
        """Location of class ids in [0, classes), checked while they are gathered; None if `x` is computed."""
        x = neighbours.strip_casts(x, classes)
        if not self.note_labels(x, classes):
            return None
        key = (id(x), "labels", classes)
        if key not in self.gathered:
            out = self.b.slot(x.shape, "int32")
            source = _core.DTYPES.index(self.source_dtype[id(x)])
            self.b.emit(
                "gather_label", [Location("source", self.source_of[id(x)]), out], (prod(x.shape[1:]), source, classes)
            )
            self.gathered[key] = out
        return self.gathered[key]

    def note_labels(self, x, classes):
        """Remember that a source holds class ids in [0, classes); False if `x` is no source."""
        x = neighbours.strip_casts(x, classes)
        if id(x) not in self.source_of:
            return False
        index = self.source_of[id(x)]
        self.label_columns[index] = min(classes, self.label_columns.get(index, classes))
        return True

    def rows_of(self, x):
        """Location of dense's input: a float32 source is read where it lies."""
        if isinstance(x, KerasTensor):
            y = neighbours.strip_reshapes(x)
            if (
                id(y) in self.source_of
                and self.source_dtype[id(y)] == "float32"
                and len(x.shape) == 2
                and x.shape.times == 1
                and x.dtype == "float32"
            ):
                return Location("source", self.source_of[id(y)])
        return self.place(x)

    def out(self, tensor):
        """Where a rule writes a new value: its sink, or a new slot."""
        if id(tensor) in self.sink_of and id(tensor) not in self.places:
            check_sink(tensor)
            where = Location("sink", self.sink_of[id(tensor)])
        else:
            where = self.b.slot(tensor._shape, tensor.dtype)
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

    def kind(self, x):
        """How a tensor lies in memory: "f" for float32 and for conditions, as 0 and 1; "i" for int32; None for others.

        Constants have no kind: `place` makes them what is asked for.
        """
        if not isinstance(x, KerasTensor):
            return None
        if x.dtype == "bool":
            where = self.places.get(id(x))
            stored = where is not None and where.kind == "var" and self.b.storages[where.index].dtype == bool
            return None if stored else "f"
        return {"float32": "f", "int32": "i"}.get(x.dtype)

    def common_kind(self, *tensors):
        """The kind that all tensors among these have, or None."""
        kinds = {self.kind(x) for x in tensors if isinstance(x, KerasTensor)}
        return kinds.pop() if len(kinds) == 1 else None

    def place_as(self, x, kind):
        """`place` of an operand of an instruction on floats ("f") or int32 ("i")."""
        return self.place(x, "float32" if kind == "f" else "int32")

    def expand(self, node, *tensors):
        """Lower an op as a formula of others: `tensors` are what they make of the op's inputs, one per output."""
        for output, tensor in zip(node.outputs, tensors, strict=True):
            self.alias(output, self.lowered(tensor))

    def lowered(self, tensor):
        """A tensor that was made while lowering, lowered itself."""
        self.kept.append(tensor)
        for new in self.new_nodes(tensor):
            self.known.add(id(new))
            self.op(new)
        return tensor

    def new_nodes(self, tensor):
        """The nodes above `tensor` that are not lowered yet, inputs first."""
        order, stack, seen = [], [(tensor.node, False)], set()
        while stack:
            node, done = stack.pop()
            if done:
                order.append(node)
            elif id(node) not in self.known and id(node) not in seen:
                seen.add(id(node))
                stack.append((node, True))
                stack += [(x.node, False) for x in node.inputs if isinstance(x, KerasTensor)]
        return order

    def write(self, variable, tensor):
        """Set a variable to a tensor's value."""
        target = self.b.storage(variable._storage)
        if variable.dtype != "float32" or tensor.dtype != "float32":

            def write(program, batch, reads, writes):
                variable._storage.write(view(program, reads[0], (variable.shape, tensor.dtype), batch))

            self.b.host(write, [self.place(tensor, tensor.dtype)], [target], label=f"assign {variable.path}")
        else:
            self.b.copy(self.place(tensor), target, prod(variable.shape))

    def copy_to_sink(self, tensor, where):
        check_sink(tensor)
        carrier = CARRIERS.get(tensor.dtype, tensor.dtype)
        if tensor.dtype != "bool":  # whose slots are float32 already
            where = self.converted(where, tensor.shape, tensor.dtype, carrier)
        n = prod(tensor.shape[1:]) * words(carrier)
        sink = Location("sink", self.sink_of[id(tensor)])
        if n:
            self.b.emit("copy_cols", [where, sink], (n, n, 0, 0, n))

    # The walk -----------------------------------------------------------------------------------------------------

    def add(self, roots):
        """Nodes that further roots need, for `run`; those that are lowered already are not among them."""
        new = [node for node in topological(roots) if id(node) not in self.known]
        self.known.update(id(node) for node in new)
        self.order += new
        for tensor, nodes in neighbours.users(new, roots).items():
            self.users.setdefault(tensor, []).extend(nodes)
        return new

    def run_newest(self, nodes):
        """`run` for nodes that read what variables hold by now, and not what they held when the step began."""
        self.newest = True
        try:
            self.run(nodes)
        finally:
            self.newest = False

    def run(self, nodes=None):
        """Lower every node that nothing else has taken in."""
        for node in self.order if nodes is None else nodes:
            if id(node) in self.blocks:
                self.blocks[id(node)]()
            if id(node) in self.skip:
                continue
            if node.operation == "input":
                self.feed(node)
            elif node.operation in ("variable", "rate"):
                self.leaf(node)
            else:
                self.op(node)

    def feed(self, node):
        tensor = node.outputs[0]
        if id(tensor) not in self.source_of:
            raise ValueError(f"The program needs a value for the input {tensor!r}, but none is fed")
        if id(tensor) in self.sink_of:
            self.copy_to_sink(tensor, self.gather(tensor, tensor.dtype))

    def leaf(self, node):
        """The value of a variable, or this step's learning rate."""
        tensor = node.outputs[0]
        if node.operation == "variable":
            self.places[id(tensor)] = self.b.storage(node.attrs["variable"]._storage, start=not self.newest)
        elif id(tensor) not in self.places:
            self.places[id(tensor)] = self.b.slot(())
            self.b.emit("rate", [self.places[id(tensor)]], (node.attrs["counter"],), rows=(0, 1), cut="whole")

    def op(self, node):
        if node.operation.name == "getitem":
            _check_batch_slice(node)
        if node.operation.name == "constant" and id(node.outputs[0]) not in self.sink_of:
            self.places[id(node.outputs[0])] = self.b.constant(node.attrs["value"])
            return
        function = RULES.get(node.operation.name)
        if function is None or not known_dtypes(node) or (is_empty(node) and node.operation.name != "concatenate"):
            self.host(node)
        elif function(self, node) is False:
            self.host(node)

    def host(self, node):
        """The op's NumPy meaning, called on views."""
        if node.operation.name.startswith("sparse_c"):
            self.note_labels(node.inputs[0], node.inputs[1].shape[node.attrs.get("axis", -1)])
        if all(0 in t.shape for t in node.outputs):
            for tensor in node.outputs:
                self.places[id(tensor)] = self.b.slot(tensor.shape, tensor.dtype)
            return
        inputs = [self.host_place(x) if isinstance(x, KerasTensor) else x for x in node.inputs]
        outputs = [self.b.slot(t.shape, t.dtype) for t in node.outputs]
        specs = [(x.shape, x.dtype) if isinstance(x, KerasTensor) else None for x in node.inputs]
        results = [(t.shape, t.dtype) for t in node.outputs]
        lookup = places.lookup_of(self, node)
        function = HostCall(node.operation, inputs, specs, dict(node.attrs), results, node.origin, lookup)
        self.b.host(function, [x for x in inputs if isinstance(x, Location)], outputs, label=node.operation.name)
        for tensor, where in zip(node.outputs, outputs, strict=True):
            self.places[id(tensor)] = where
            if id(tensor) in self.sink_of:
                self.copy_to_sink(tensor, where)


def _check_batch_slice(node):
    """A slice of the batch axis has a size that is neither fixed nor the batch's, and a program knows no other."""
    x, key = node.inputs[0], node.attrs["key"]
    first = next(iter(key if isinstance(key, tuple) else (key,)), None)
    if x.shape and x.shape[0] is None and isinstance(first, slice):
        if first.start not in (None, 0) or first.stop is not None or first.step not in (None, 1, -1):
            raise TypeError(
                f"A slice of the batch axis, x[{first.start}:{first.stop}:{first.step}] of {x!r}, cannot be compiled: "
                "batches differ in size. Use all rows, with weights (or fastfit.ops.where) that leave some out."
            )


class HostCall:
    """Calls an op's meaning on the program's memory; constants among the inputs are given as they are."""

    def __init__(self, op, inputs, input_specs, attrs, output_specs, origin, lookup=None):
        self.op, self.inputs, self.input_specs, self.origin = op, inputs, input_specs, origin
        self.attrs, self.output_specs, self.lookup = attrs, output_specs, lookup

    def __call__(self, program, batch, reads, writes):
        locations = iter(reads)
        args = [
            view(program, next(locations), spec, batch) if isinstance(x, Location) else x
            for x, spec in zip(self.inputs, self.input_specs, strict=True)
        ]
        try:
            results = self._results(program, args)
        except (ValueError, IndexError) as error:
            found = None if self.lookup is None else places.outside(args[1], self.lookup.size)
            if found is not None:
                shape = self.input_specs[1][0] if self.input_specs[1] else ()
                row = program.row_of(found[1] // shape.times) if shape[:1] == (None,) else found[1]
                raise IndexError(places.message(self.lookup, found[0], row)) from error
            told = self._does_not_fit(args, batch, str(error).strip())
            raise told if isinstance(error, ValueError) else IndexError(str(told)) from error
        if not isinstance(results, tuple):
            results = (results,)
        for where, spec, value in zip(writes, self.output_specs, results, strict=True):
            out = view(program, where, spec, batch, writable=True)
            value = np.asarray(value)
            if value.shape != out.shape:
                raise self._does_not_fit(args, batch, f"the result has shape {value.shape} instead of {out.shape}")
            out[...] = value

    def _results(self, program, args):
        if "stream" not in self.attrs:
            return self.op.meaning(*args, **self.attrs)
        with randomness.drawing_from(*program.step_key):
            return self.op.meaning(*args, **self.attrs)

    def _does_not_fit(self, args, batch, why):
        shapes = ", ".join(str(np.shape(a)) for a in args if a is not None)
        where = f" in '{self.origin}'" if self.origin else ""
        return ValueError(f"Op '{self.op.name}'{where} failed for a batch of {batch} rows: {why}. Shapes: {shapes}")


def view(program, where, spec, batch, writable=False):
    """An array on a location of a running program; of conditions a copy, unless it is to be written."""
    if where.kind not in ("slot", "var"):
        raise TypeError(f"A host instruction sees slots and variables only. Received: {where}")
    rows = batch * getattr(spec[0], "times", 1)
    shape = tuple(rows if n is None else n for n in spec[0])
    if where.kind == "slot":
        if spec[1] != "bool":
            return program.slot(where.index, shape, spec[1])
        flags = program.slot(where.index, shape, "float32")
        return flags if writable else flags != 0
    if spec[1] == "bool":
        return program.variables[where.index].view().reshape(shape) != 0
    return program.variables[where.index].view().reshape(shape)


def check_sink(tensor):
    """Rows that a caller gets are those of the batch."""
    if None in tensor.shape[1:]:
        raise NotImplementedError(
            "Of the axes of a model output, only the first can be the batch, as outputs are put together batch by "
            f"batch. Received: {tensor!r}. Reduce that axis, or compute the output from what `predict` returns."
        )
    if tensor.shape[:1] != (None,):
        raise NotImplementedError(
            "A model output must have the rows of the batch, as outputs are put together batch by batch. Received: "
            f"{tensor!r}, the same for all rows"
        )
    if tensor.shape.times != 1:
        raise NotImplementedError(
            f"A model output must have one row for each row of the batch. Received: {tensor!r}, which a reshape has "
            f"given {tensor.shape.times or 'no whole number of'} rows for each."
        )


# What rules share ----------------------------------------------------------------------------------------------------


def words(dtype):
    """How many words of 4 bytes an element of the dtype has."""
    return np.dtype(dtype).itemsize // 4


def known_dtypes(node):
    """Whether an op's rule may look at the node: it takes any dtype, or all are those of instructions."""
    if node.operation.name in ANY_DTYPE:
        return True
    for group in node.outputs, node.inputs:
        for x in group:
            if isinstance(x, KerasTensor) and x.dtype not in NATIVE:
                return False
    return True


def is_f32(*tensors):
    return all(not isinstance(t, KerasTensor) or t.dtype == "float32" for t in tensors)


def is_empty(node):
    """Whether a node reads or makes something without elements: then NumPy has little to do, and knows how."""
    for group in node.outputs, node.inputs:
        for x in group:
            if 0 in x._shape if isinstance(x, KerasTensor) else isinstance(x, np.ndarray) and 0 in x.shape:
                return True
    return False


def shape_of(x):
    return x._shape if isinstance(x, KerasTensor) else np.shape(x)


def same_shape(x, z):
    """Whether two operands, or their shapes, have the same axes, and as many rows for each row of the batch."""
    a, b = (v if isinstance(v, tuple) else shape_of(v) for v in (x, z))
    return tuple(a) == tuple(b) and getattr(a, "times", 1) == getattr(b, "times", 1)


def rows_and_width(shape):
    """(rows, row length) of an element-wise instruction: a row per element of the first axis, or one row."""
    if shape and shape[0] is None:
        return (shape.times, 0), prod(shape[1:])
    return (0, 1), prod(shape)


def leading(shape):
    """(rows per batch row, fixed rows) of the first axes of a shape; None if the batch is elsewhere."""
    nones = [i for i, n in enumerate(shape) if n is None]
    if nones and nones != [0]:
        return None
    if nones:
        times = getattr(shape, "times", 1)
        return (prod(shape[1:]) * times, 0) if times else None
    return 0, prod(shape)


def is_op(x, name):
    """Whether a tensor comes from an op of this name."""
    return isinstance(x, KerasTensor) and getattr(x.node.operation, "name", None) == name


def part_of_batch(x):
    """c if `x` is the scalar c / batch size, else None."""
    if is_op(x, "divide") and is_op(x.node.inputs[1], "batch_size") and not isinstance(x.node.inputs[0], KerasTensor):
        return float(x.node.inputs[0])
    return None
