"""What lowering writes into: instructions, slots, variables, sources and constants."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from math import prod

import numpy as np

from fastfit import _core
from fastfit.compiler.operands import OPERANDS, OPS

# Rows of a weight gradient's block; row tiles are whole blocks. Their values should stay in L1.
PART_ROWS = _core.SIZES["part_rows"] // 2



# In every step.
ALWAYS = (1, 1, 0)
KINDS = {"slot": 0, "var": 1, "source": 2, "sink": 3}


class Location:
    """Where a tensor's value lies.

    Parameters
    ----------
    kind : {"slot", "var", "source", "sink"}
    index : int
    start : bool, default=False
        Of a variable: what is wanted is the value that it had when the step began, and not the newest one.

    Attributes
    ----------
    key : int
        The place, whatever is wanted of it: locations are equal if their places are.
    """

    __slots__ = ("index", "key", "kind", "start")

    def __init__(self, kind, index, start=False):
        self.kind, self.index, self.start = kind, index, start
        self.key = index * len(KINDS) + KINDS[kind]

    def __eq__(self, other):
        return isinstance(other, Location) and self.key == other.key

    def __hash__(self):
        return self.key

    def __repr__(self):
        return f"{self.kind}{self.index}{' at the start' if self.start else ''}"


@dataclass
class Instruction:
    """One native instruction before scheduling.

    `cut` says how it may be cut: "rows" (operands aligned with the batch), "weight" or "whole".
    `phase`: 0 before any variable changes, 1 updates parameters, 2 after them.
    `when`: (divide, period, counter), the steps in which it runs; see `ff_when` in fastfit.h.
    """

    op: str
    operands: list
    d: tuple
    f: tuple
    row_mul: int
    row_fix: int
    reads: list
    writes: list
    cut: str
    cost: float = 0.0
    cost_fix: float = 0.0
    phase: int = 0
    units: int = 0
    ks: int = 0
    label: str = ""
    when: tuple = ALWAYS
    index: int = -1  # among all in the order in which they were written
    shared: bool = False  # one place is several operands


@dataclass
class Slot:
    power: int
    bytes: int
    shape: tuple | None = None  # of a float32 matrix
    first: int = -1
    last: int = -1


@dataclass
class Builder:
    """Collects a program.

    Attributes
    ----------
    engine : _core.Engine
    instructions : list of Instruction
    slots : list of Slot
    storages : list of _core.Storage
        Variables and constants, in the order of their indices.
    sources, sinks : list of (shape, dtype)
        Of one row.
    updated : set of int
        Ids of the storages that updates change. An instruction that is one of the updates and wants the value that
        such a variable had when the step began reads a copy of it.
    constant_ids : set of int
        Ids of the storages that are constants.
    """

    engine: object
    instructions: list = field(default_factory=list)
    slots: list = field(default_factory=list)
    storages: list = field(default_factory=list)
    sources: list = field(default_factory=list)
    sinks: list = field(default_factory=list)
    variants: list = field(default_factory=list)
    hosts: list = field(default_factory=list)
    phase: int = 0
    when: tuple = ALWAYS
    updated: set = field(default_factory=set)
    constant_ids: set = field(default_factory=set)
    _storage_index: dict = field(default_factory=dict)
    _constants: dict = field(default_factory=dict)
    _copies: dict = field(default_factory=dict)

    def slot(self, shape, dtype="float32"):
        """A new slot for a tensor of this shape; None dimensions are the batch."""
        power = sum(n is None for n in shape)
        if power > 2:
            raise ValueError(f"A tensor may have the batch dimension at most twice. Received: shape={shape}")
        times = getattr(shape, "times", 1)
        if power == 2 and times > 1:
            raise NotImplementedError(
                "A program cannot follow a tensor with two axes of the batch's size and several rows for each row "
                f"of the batch. Received: a tensor of shape {tuple(shape)}, with {times} rows for each"
            )
        if not times:
            raise NotImplementedError(
                "A reshape leaves rows that are no whole parts of a row of the batch, and a program cannot follow "
                f"them. Keep the batch axis, and use axis arguments. Received: a tensor of shape {tuple(shape)}"
            )
        count = prod(n for n in shape if n is not None) * (times if power else 1)
        # conditions are floats 0 and 1 in a program
        size = count * (4 if dtype == "bool" else np.dtype(dtype).itemsize)
        matrix = tuple(shape) if power == 0 and len(shape) == 2 and dtype == "float32" else None
        self.slots.append(Slot(power, -(-size // 4) * 4, matrix))
        return Location("slot", len(self.slots) - 1)

    def storage(self, storage, start=False):
        """The location of a variable's memory; `start` as of `Location`."""
        key = id(storage)
        if key not in self._storage_index:
            self._storage_index[key] = len(self.storages)
            self.storages.append(storage)
        return Location("var", self._storage_index[key], start)

    def at_start(self, place):
        """A copy of the value that a variable has when the step begins, made before anything changes it."""
        if place.key not in self._copies:
            storage = self.storages[place.index]
            copy = self._copies[place.key] = self.slot(storage.shape, storage.dtype.name)
            with self.marked(phase=0):
                self.copy(place, copy, prod(storage.shape) * storage.dtype.itemsize // 4)
        return self._copies[place.key]

    def _before_updates(self, operands, phase):
        """The operands of an instruction, with copies of what an update may have changed before it runs."""
        if phase == 0 or not self.updated:
            return list(operands)
        return [
            self.at_start(p) if p is not None and p.start and id(self.storages[p.index]) in self.updated else p
            for p in operands
        ]

    def sink_bytes(self, index):
        """Bytes of a row of an output."""
        shape, dtype = self.sinks[index]
        return prod(shape) * np.dtype(dtype).itemsize

    def constant(self, value):
        """A constant of the program, kept once per value."""
        value = np.asarray(value)
        key = (value.dtype.str, value.shape, value.tobytes())
        if key not in self._constants:
            storage = _core.Storage(self.engine, value.shape, value.dtype)
            storage.write(value)
            self._constants[key] = self.storage(storage)
            self.constant_ids.add(id(storage))
        return self._constants[key]

    def variant(self, op, h, every=1, counter=0, state=0):
        """Index of an optimizer with its hyperparameters; see `ff_opt_variant` in fastfit.h."""
        key = (op, tuple(float(x) for x in h), every, counter, state)
        if key not in self.variants:
            self.variants.append(key)
        return self.variants.index(key)

    def emit(self, op, operands, d=(), f=(), rows=(1, 0), cut="rows", cost=None, cost_fix=None, phase=0):
        """Append an instruction; operands in the table's order, None where absent.

        rows : (int, int)
            Rows per row of the batch, and fixed rows.
        """
        phase = max(phase, self.phase)
        operands = self._before_updates(operands, phase)
        reads, writes, keys, absent = [], [], set(), 0
        for spec, place in zip(OPERANDS[op], operands, strict=False):
            if place is None:
                absent += 1
                continue
            keys.add(place.key)
            mode = spec.mode
            if mode == "<":
                reads.append(place)
                continue
            writes.append(place)
            # a gradient may be stored, and a copy fill all columns
            if mode == "=" and not (spec.gradient and d[2] == 0 or op == "copy_cols" and d[3] == 0 and d[4] == d[1]):
                reads.append(place)
        row_mul, row_fix = rows
        if row_mul == 0 and cut == "rows":
            cut = "whole"
        per_row = float(d[0] if d else 1)
        if cost is None:
            cost = per_row * row_mul * (16 if OPS[op]["kind"] == "u" else 4)
        if cost_fix is None:
            cost_fix = per_row * row_fix
        ins = Instruction(op, operands, tuple(map(int, d)), tuple(map(float, f)), row_mul, row_fix, reads, writes, cut)
        ins.cost, ins.cost_fix, ins.phase, ins.when = cost, cost_fix, phase, self.when
        ins.index = len(self.instructions)
        ins.shared = len(keys) + absent < len(operands)
        self.instructions.append(ins)
        return ins

    @contextmanager
    def marked(self, phase, when=ALWAYS):
        """What is written inside belongs to this phase (or a later one), and runs in these steps."""
        before = self.phase, self.when
        self.phase, self.when = phase, when
        try:
            yield
        finally:
            self.phase, self.when = before

    def copy(self, x, y, n):
        """Append a copy of n floats."""
        self.emit("copy_cols", [x, y], (n, n, 0, 0, n), rows=(0, 1), cut="whole")

    def host(self, function, reads, writes, phase=0, label=""):
        """Append a host instruction calling function(program, batch, reads, writes) with the places in the end."""
        reads, writes = self._before_updates(reads, max(phase, self.phase)), list(writes)
        self.hosts.append(lambda program, batch: function(program, batch, reads, writes))
        self.instructions.append(
            Instruction(
                "host",
                [],
                (len(self.hosts) - 1,),
                (),
                0,
                1,
                reads,
                writes,
                "whole",
                0.0,
                3e4,
                max(phase, self.phase),
                label=label,
                when=self.when,
                index=len(self.instructions),
            )
        )
