"""From a traced step to a program that runs."""

from __future__ import annotations

import threading
import weakref
from math import prod

import numpy as np

from fastfit import _core, _watch
from fastfit.compiler import (
    layouts,
    lower,
    places,
    rules_accumulate,
    rules_batch,
    rules_dense,
    rules_elementwise,
    rules_formula,
    rules_loss,
    rules_move,
    rules_product,
    rules_random,
    rules_reduce,
    rules_shape,
)
from fastfit.compiler.assemble import Assembly
from fastfit.compiler.builder import OPS
from fastfit.compiler.scalars import fold_scalars
from fastfit.compiler.updates import Plan
from fastfit.graph import storage
from fastfit.graph.array import Array
from fastfit.graph.tensor import KerasTensor, topological
from fastfit.utils import interrupts, seeds
from fastfit.utils.kept import programs as kept

# Seconds that a program runs before Python looks at signals and the progress bar.
DEADLINE = 0.05
# What an instruction takes in Python, about: its description, and the graph that it came from.
BYTES_PER_INSTRUCTION = 4096
# Imported for their rules.
_RULES = (
    rules_accumulate,
    rules_batch,
    rules_dense,
    rules_elementwise,
    rules_formula,
    rules_loss,
    rules_move,
    rules_product,
    rules_random,
    rules_reduce,
    rules_shape,
)


class Compiled:
    """A program for any batch size up to a bound, which grows as needed.

    Parameters
    ----------
    assembly : Assembly
    variables : list of Variable
        Whose storage the program borrows.
    outputs : list of KerasTensor
        The sinks.
    labels : dict
        Source column to the number of classes, for columns that hold class ids.
    counters : list of Optimizer
        Whose iterations a run counts, and whose learning rates it needs.
    lookups : list of places.Lookup
        Those of which native instructions only say in which row one led nowhere.
    """

    def __init__(self, assembly, variables, outputs, labels=(), counters=(), lookups=()):
        self.assembly = assembly
        self.labels = dict(labels)
        self.lookups = list(lookups)
        self.counters = list(counters)
        self.outputs = outputs
        self.source_shapes = assembly.source_shapes
        self._borrowed = [(v, v._storage) for v in variables]
        self._programs = []
        self._made = weakref.WeakSet()
        self._predictor = None
        self._random = None
        self._lock = threading.Lock()
        self._version = _watch.version()
        self.on_drop = None
        kept.measure(self)

    @property
    def nbytes(self):
        """Bytes of the native programs that live, and about those of what describes them."""
        return len(self.assembly.instructions) * BYTES_PER_INSTRUCTION + sum(p.nbytes for p in list(self._made))

    def touch(self):
        """Say that this is used."""
        kept.touch(self)

    def drop(self):
        """Let go of the native programs; they are made again if they are wanted."""
        with self._lock:
            self._programs.clear()
            self._predictor = None
        if self.on_drop is not None:
            self.on_drop(self)

    def _make(self, rows):
        program = self.assembly.make(rows)
        self._made.add(program)
        kept.measure(self)
        return program

    def valid(self):
        """Whether all borrowed memory is still that of its variable."""
        now = _watch.version()
        if self._version == now:
            return True
        if all(v._storage is s for v, s in self._borrowed):
            self._version = now
            return True
        return False

    def core(self, rows):
        """A core program for batches of `rows` that no other thread is using; give it back with `release`."""
        with self._lock:
            for i, program in enumerate(self._programs):
                if program.rows >= rows:
                    return self._programs.pop(i)
            # one that is too small will not be wanted again
            self._programs.clear()
        return self._make(rows)

    def release(self, program):
        """Take back what `core` gave."""
        with self._lock:
            if len(self._programs) < 4:
                self._programs.append(program)

    def run(self, sources, sinks, order, start, stop, batch, **options):
        """Run steps; see `_core.Program.run`."""
        program = self.core(batch)
        try:
            if not program.commit_hosts:
                return program.run(sources, sinks, order, start, stop, batch, **options)
            # Python that writes state must not be left half done
            with interrupts.deferred(lambda: program.committing):
                return program.run(sources, sinks, order, start, stop, batch, **options)
        except _core.LabelError as error:
            row = error.position if order is None else int(order[error.position])
            told = places.explain(self.lookups, self.labels, sources, row)
            if told is None:
                raise
            raise told from None
        finally:
            self.release(program)

    def predict(self, sources, rows, batch, seed=None):
        """Rows [0, rows) of every output, as new arrays. What is random in them is drawn anew without a `seed`."""
        carriers = [lower.CARRIERS.get(t.dtype, t.dtype) for t in self.outputs]
        out = [np.empty((rows, *t.shape[1:]), d) for t, d in zip(self.outputs, carriers, strict=True)]
        at = steps = 0
        if seed is None:
            seed = seeds.next_seed() if self.draws() else 0
        while at < rows:  # signals get a turn in between
            sinks = [o[at:] for o in out]
            options = {"seconds": DEADLINE, "seed": seed, "step": steps}
            done, at, _ = self.run(sources, sinks, None, at, rows, min(batch, rows), **options)
            steps += done
        return [o.astype(t.dtype, copy=False) for o, t in zip(out, self.outputs, strict=True)]

    def predictor(self, rows=64):
        """A `_core.Predictor` of a program with one input and one output of float32 rows; None if it is not that."""
        a = self.assembly
        if len(a.sources) != 1 or len(a.sinks) != 1 or a.sources["dtype"][0] != _core.DTYPES.index("float32"):
            return None
        if self.outputs[0].dtype != "float32":
            return None
        if self.draws() or any(int(i["op"]) == OPS["host"]["id"] for i in a.instructions):
            return None
        if self._predictor is None:
            shapes = self.source_shapes[0], self.outputs[0].shape[1:]
            self._predictor = _core.Predictor(self._make(rows), *shapes, Array)
        return self._predictor

    def draws(self):
        """Whether a step draws random numbers."""
        if self._random is None:
            self._random = any(
                (ins.label if ins.op == "host" else ins.op).startswith(("random_", "dropout"))
                for stage in self.assembly.plan.stages
                for group in stage
                for ins in group.instructions
            )
        return self._random

    def explain(self, batch=32):
        """The listing of stages, tiles and instructions."""
        program = self.core(batch)
        try:
            return program.explain(batch) + self._host_notes()
        finally:
            self.release(program)

    def _host_notes(self):
        notes = [
            f"host {ins.d[0]}: {ins.label}\n"
            for stage in self.assembly.plan.stages
            for group in stage
            for ins in group.instructions
            if ins.op == "host"
        ]
        return "".join(notes)


def compile_program(feeds, outputs=(), updates=(), optimizer=None, gradients=(), batch=32, after=(), counts=()):
    """Compile a step.

    Parameters
    ----------
    feeds : list of (KerasTensor, str)
        Placeholders, with the dtype of the data that will be bound, in the order of the sources.
    outputs : list of KerasTensor
        Handed to the caller row by row.
    updates : list of (Variable, KerasTensor)
        New values of state. Of a variable that the optimizer trains, it is what the update goes on from.
    optimizer : Optimizer, optional
    gradients : list of (Variable, KerasTensor)
    batch : int
        The size that stages are planned for; any other works too.
    after : list of callable
        Called without arguments at the end of every step.
    counts : iterable of Variable
        Scalars of optimizers whose updates are part of the graph: what depends on these alone is computed at once.

    Returns
    -------
    Compiled
    """
    outputs = list(outputs)
    roots = outputs + [t for _, t in updates] + [g for _, g in gradients]
    order = topological(roots)
    _pack_weights(order)
    trained = {v for v, _ in gradients} if optimizer is not None else ()
    assigned = {v: t for v, t in updates if v in trained}
    updates = [(v, t) for v, t in updates if v not in assigned]
    plan = Plan(optimizer, gradients, order, assigned)
    wanted = [*outputs, *(t for _, t in updates), *assigned.values(), *plan.roots]
    low = lower.Lowering(storage.engine(), feeds, wanted, outputs, batch)
    plan.attach(low)
    if counts:
        fold_scalars(low, low.order, set(counts))
    low.run()
    plan.emit(low)
    _assign(low, updates)
    for function in after:
        low.b.host(lambda *_, f=function: f(), [], [], phase=2, label=getattr(function, "__name__", "after"))
    layouts.settle(low.b)
    variables = [n.attrs["variable"] for n in low.order if n.operation == "variable"]
    variables += [v for v, _ in gradients] + [v for v, _ in updates]
    if optimizer is not None:
        variables += [v for v in optimizer.variables if v._storage.dtype == np.float32]
    return Compiled(Assembly(low.b, batch), variables, outputs, low.label_columns, plan.counters, low.lookups)


def _pack_weights(order):
    """Weights of dense layers live in panels."""
    for node in order:
        if getattr(node.operation, "name", None) not in ("dense", "dense_dx", "matmul") or len(node.inputs) < 2:
            continue
        w = node.inputs[1]
        if isinstance(w, KerasTensor) and w.node.operation == "variable" and len(w.shape) == 2 and w.dtype == "float32":
            storage.pack(w.node.attrs["variable"])


def _assign(low, updates):
    """State that the step sets: the new values are all there before the first is copied into its variable."""
    places = [_new_value(low, variable, tensor) for variable, tensor in updates]
    for (variable, tensor), place in zip(updates, places, strict=True):
        target = low.b.storage(variable._storage)
        if place != target:
            _write(low, variable, tensor, place, target)


def _new_value(low, variable, tensor):
    """Where a new value lies; a variable that this step sets as well is copied first."""
    place = low.place(tensor, tensor.dtype)
    if place.kind != "var" or place == low.b.storage(variable._storage):
        return place
    copy = low.b.slot(tensor.shape, tensor.dtype)
    if tensor.dtype in _COPIED:
        _copy(low, place, copy, tensor)
    else:
        spec = (tensor.shape, tensor.dtype)

        def keep(program, batch, reads, writes):
            value = lower.view(program, reads[0], spec, batch)
            lower.view(program, writes[0], spec, batch, writable=True)[...] = value

        low.b.host(keep, [place], [copy], label="copy")
    return copy


def _write(low, variable, tensor, place, target):
    if variable.dtype in _COPIED and tensor.dtype == variable.dtype:
        _copy(low, place, target, variable, phase=2)
    else:
        spec = (variable.shape, tensor.dtype)

        def write(program, batch, reads, writes):
            variable._storage.write(lower.view(program, reads[0], spec, batch))

        low.b.host(write, [place], [target], phase=2, label=f"assign {variable.path}")


# Dtypes whose values an instruction copies.
_COPIED = ("float32", "int32", "float64")


def _copy(low, source, target, x, phase=0):
    n = prod(x.shape)
    op, d = ("copy64", (n,)) if x.dtype == "float64" else ("copy_cols", (n, n, 0, 0, n))
    low.b.emit(op, [source, target], d, rows=(0, 1), cut="whole", cost_fix=n, phase=phase)
