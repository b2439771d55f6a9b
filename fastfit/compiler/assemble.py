"""From scheduled instructions to the arrays that the core takes."""

from __future__ import annotations

import os
from math import prod

import numpy as np

from fastfit import _core
from fastfit.compiler.arena import place
from fastfit.compiler.builder import OPS
from fastfit.compiler.schedule import schedule
from fastfit.compiler.verify import verify

KINDS = {
    "slot": _core.OPERAND_SLOT,
    "var": _core.OPERAND_VAR,
    "source": _core.OPERAND_SOURCE,
    "sink": _core.OPERAND_SINK,
}
# Bytes left free between slots; the sanitizer job poisons them.
GAP = int(os.environ.get("FASTFIT_ARENA_GAP", "0"))


class Assembly:
    """A program's description; `make(rows)` builds it for batches of up to `rows`.

    Parameters
    ----------
    builder : Builder
    batch : int
        The batch size that the stages are planned for.
    """

    def __init__(self, builder, batch):
        self.storages = list(builder.storages)
        self.hosts = list(builder.hosts)
        self.plan = schedule(builder, batch)
        self.sources = _columns(builder.sources)
        self.source_shapes = [shape for shape, _ in builder.sources]
        self.sinks = _columns(builder.sinks)
        self.slots, self.arena = _slots(builder)
        verify(builder, self.plan, self.slots.tolist())
        self.variants = np.zeros(len(builder.variants), _core.VARIANT)
        for row, (op, h, every, counter, state) in zip(self.variants, builder.variants, strict=True):
            row["op"], row["every"], row["counter"], row["state"] = OPS[op]["id"], every, counter, state
            row["h"][: len(h)] = h
        ordered = [ins for stage in self.plan.stages for group in stage for ins in group.instructions]
        self.instructions = np.zeros(len(ordered), _core.INSTR)
        for row, ins in zip(self.instructions, ordered, strict=True):
            _instruction(row, ins)
        self.groups = np.zeros(sum(len(stage) for stage in self.plan.stages), _core.GROUP)
        self.stages = np.zeros(len(self.plan.stages) + 1, np.uint32)
        at = group_at = 0
        for s, stage in enumerate(self.plan.stages):
            for group in stage:
                self.groups[group_at] = (
                    at,
                    at + len(group.instructions),
                    group.row_block,
                    group.unit_block,
                    group.units,
                    group.k_block,
                    group.ks,
                    group.cost,
                    group.cost_fix,
                )
                at += len(group.instructions)
                group_at += 1
            self.stages[s + 1] = group_at
        self.description = _core.Description(
            builder.engine,
            self.instructions,
            self.groups,
            self.stages,
            self.slots,
            self.sources,
            self.sinks,
            self.variants,
            self.arena,
            self.storages,
            self.plan.commit,
            self.hosts,
            commit_hosts=frozenset(ins.d[0] for ins in ordered if ins.op == "host" and ins.phase),
            when=np.array([stage[0].instructions[0].when for stage in self.plan.stages], _core.WHEN),
        )

    def make(self, rows):
        """A core program for batches of up to `rows` rows."""
        return _core.Program(self.description, rows)


def _columns(columns):
    out = np.zeros(len(columns), _core.COLUMN)
    for row, (shape, dtype) in zip(out, columns, strict=True):
        row["row_bytes"] = prod(shape) * np.dtype(dtype).itemsize
        row["dtype"] = _core.DTYPES.index(np.dtype(dtype).name)
    return out


def _slots(builder):
    """Offsets by power of the batch; a slot that no instruction touches gets no room."""
    slots = np.zeros(len(builder.slots), _core.SLOT)
    arena = []
    for power in range(_core.POWERS):
        used = [i for i, s in enumerate(builder.slots) if s.power == power and s.first >= 0]
        # the core reserves rows in multiples, which align what counts by rows
        multiple = 1 if power == 0 else _core.SIZES["row_multiple"]
        align = max(4, _core.SIZES["align"] // multiple)
        gap = -(-GAP // multiple)
        offsets, total = place(
            [builder.slots[i].bytes for i in used],
            [(builder.slots[i].first, builder.slots[i].last) for i in used],
            align,
            gap,
        )
        for i, offset in zip(used, offsets, strict=True):
            slots[i] = (power, offset, builder.slots[i].bytes)
        arena.append(total)
    return slots, tuple(arena)


def _instruction(row, ins):
    row["op"] = OPS[ins.op]["id"]
    row["count"] = len(ins.operands)
    for k, location in enumerate(ins.operands):
        if location is not None:
            row["p"][k] = (KINDS[location.kind], location.index)
    row["d"][: len(ins.d)] = ins.d
    row["f"][: len(ins.f)] = ins.f
    row["row_mul"], row["row_fix"] = ins.row_mul, ins.row_fix
