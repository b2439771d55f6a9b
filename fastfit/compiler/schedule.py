"""Orders instructions into stages, and says how each stage is cut into tiles.

A row stage takes every instruction that needs only rows it has itself made, depth
first; a large dense layer gets a stage cut by units, so that its weights stay with
one thread; parameter updates share a stage, and what nobody waits for comes last. The
choice of cut never changes a result (see csrc/kernels/kernels.h), only its cost.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from fastfit import _core
from fastfit.compiler.builder import PART_ROWS
from fastfit.compiler.operands import OPS

# FLOPs from which a dense layer is worth a stage of its own (about 10 us of one core).
BIG = 1.0e6
# Cut by rows, a layer's weights are read by every thread and then written by one, at a few
# GB/s: from so many rows on, that costs less than a tenth of the layer's arithmetic.
MANY_ROWS = 512
# Weights that move from cache to cache in a few microseconds, no more than a stage costs.
FEW_BYTES = 1 << 16
# Rows from which the kernel of a weight gradient packs x.
PACK_ROWS = _core.SIZES["dw_pack_rows"]
# FLOPs that a tile should have at least: claiming one costs about 0.1 us.
TILE = 4.0e5


@dataclass
class Group:
    instructions: list
    row_block: int = 0
    unit_block: int = 0
    units: int = 0
    k_block: int = 0
    ks: int = 0

    @property
    def cost(self):
        return sum(i.cost for i in self.instructions)

    @property
    def cost_fix(self):
        return sum(i.cost_fix for i in self.instructions)


@dataclass
class Schedule:
    stages: list = field(default_factory=list)  # of lists of Group
    commit: int = 0


def schedule(builder, batch):
    """Stages of a program for batches of about `batch` rows.

    Parameters
    ----------
    builder : Builder
    batch : int

    Returns
    -------
    Schedule
        The slots of the builder have got their lifetimes.
    """
    instructions = builder.instructions
    needs = _dependencies(instructions)
    late = _late(instructions, needs)
    out = Schedule()
    done = set()
    pending = [i for i, ins in enumerate(instructions) if ins.phase == 0 and i not in late]
    while pending:
        stage = _next_stage(instructions, needs, pending, done, batch, builder.engine)
        out.stages.append(stage)
        taken = {id(i) for g in stage for i in g.instructions}
        finished = [i for i in pending if id(instructions[i]) in taken]
        done.update(finished)
        pending = [i for i in pending if i not in done]
    out.commit = len(out.stages)
    out.stages += _update_stages(instructions, needs, batch, builder.engine)
    out.stages += _in_order([ins for i, ins in enumerate(instructions) if i in late or ins.phase == 2])
    _set_lifetimes(builder, out)
    return out


def _dependencies(instructions):
    """For each instruction the indices of those that must come before it."""
    writers, readers, first, needs = {}, {}, {}, []
    for i, ins in enumerate(instructions):
        for place in ins.reads:
            if place.start:  # before all that changes it, wherever it was written
                first.setdefault(place.key, []).append(i)
    for i, ins in enumerate(instructions):
        before = set()
        for place in ins.reads:
            if not place.start:
                before.update(writers.get(place.key, ()))
        for place in ins.writes:
            key = place.key
            before.update(writers.get(key, ()))
            before.update(readers.get(key, ()))
            before.update(first.get(key, ()))
        before.discard(i)
        needs.append(before)
        for place in ins.reads:
            if not place.start:
                readers.setdefault(place.key, []).append(i)
        for place in ins.writes:
            writers.setdefault(place.key, []).append(i)
    return needs


def _late(instructions, needs):
    """Whole-batch instructions of phase 0 that no gradient or row stage waits for, and that no update disturbs."""
    users = {}
    written = {place for ins in instructions if ins.phase == 1 for place in ins.writes}
    for i, before in enumerate(needs):
        for b in before:
            users.setdefault(b, []).append(i)
    late = set()
    for i in reversed(range(len(instructions))):
        ins = instructions[i]
        if ins.phase == 0 and ins.cut == "whole" and ins.op != "host" and written.isdisjoint(ins.reads):
            if all(u in late or instructions[u].phase == 2 for u in users.get(i, ())):
                late.add(i)
    return late


def _next_stage(instructions, needs, pending, done, batch, engine):
    ready = [instructions[i] for i in pending if needs[i] <= done]
    # first, so that small row work that nobody waits for joins a later row stage
    big = [ins for ins in ready if ins.cut == "rows" and _is_big(ins, batch)]
    if big:
        return [_unit_group(ins, batch, engine) for ins in big]
    rows, before = [], set(done)
    for i in pending:
        ins = instructions[i]
        if ins.cut == "rows" and not _is_big(ins, batch) and needs[i] <= before:
            rows.append(ins)
            before.add(i)
    if rows:
        return [_row_group(_parts_early(rows))]
    columns = [ins for ins in ready if _has_columns(ins, batch, engine)]
    if columns:
        return [_column_group(ins, batch, engine) for ins in columns]
    whole, before = [], set(done)
    for i in pending:
        ins = instructions[i]
        if ins.cut == "whole" and ins.op != "host" and not _has_columns(ins, batch, engine) and needs[i] <= before:
            whole.append(ins)
            before.add(i)
    if whole:
        return [Group(whole)]
    weight = [ins for ins in ready if ins.cut == "weight"]
    if weight:
        return [_weight_group(ins, batch, engine) for ins in weight]
    if not ready:
        raise AssertionError("the instructions depend on each other in a circle")
    return [Group([ready[0]])]


def _update_stages(instructions, needs, batch, engine):
    """Stages of what changes variables. Groups of one stage do not wait for each other."""
    stages = []
    pending = [i for i, ins in enumerate(instructions) if ins.phase == 1]
    left = set(pending)
    while pending:
        first = next(i for i in pending if not needs[i] & left)
        when = instructions[first].when
        if instructions[first].op == "host":
            stage, taken = [Group([instructions[first]])], {first}
        else:
            stage, taken = _update_groups(instructions, needs, pending, left, when, batch, engine)
        stages.append(stage)
        left -= taken
        pending = [i for i in pending if i in left]
    return stages


def _update_groups(instructions, needs, pending, left, when, batch, engine):
    """(groups, indices taken): those that are ready, and chains of those that then are."""
    single, chains, of = [], [], {}
    for i in pending:
        ins = instructions[i]
        if ins.op == "host" or ins.when != when:
            continue
        before = needs[i] & left
        if ins.cut == "weight":
            if not before:
                single.append(i)
        elif before <= of.keys():
            merged = [i]
            for chain in {id(of[b]): of[b] for b in before}.values():
                merged += chain
                chains.remove(chain)
            merged.sort()
            chains.append(merged)
            of.update((k, merged) for k in merged)
    shared = [_weight_group(instructions[i], batch, engine) for i in single]
    shared += [Group([instructions[i] for i in chain]) for chain in chains]
    # first what the caller ran the layers of alone: its cache has those weights
    shared.sort(key=lambda g: g.unit_block > 0)
    return shared, {*single, *of}


def _in_order(instructions):
    stages = []
    for ins in instructions:
        if ins.op == "host" or not stages or stages[-1][0].instructions[-1].op == "host":
            stages.append([Group([])])
        stages[-1][0].instructions.append(ins)
    return stages


def _is_big(ins, batch):
    if ins.op not in ("dense", "dense_dx"):
        return False
    rows = ins.row_mul * batch
    weights = ins.d[0] * ins.d[1]
    return rows < MANY_ROWS and 4 * weights >= FEW_BYTES and 2.0 * rows * weights >= BIG


def _has_columns(ins, batch, engine):
    """Whether an instruction on all rows is worth a stage that is cut by columns."""
    if not ins.row_mul or OPS[ins.op]["shape"] != "columns":
        return False
    return ins.d[0] > engine.panel and ins.cost * batch >= 2 * TILE


def _column_group(ins, batch, engine):
    units = ins.d[0]
    tiles = max(1, min(8, int(ins.cost * batch / TILE)))
    block = _round_up(-(-units // tiles), engine.panel)
    return Group([ins], unit_block=block, units=units)


def _parts_early(rows):
    """The blocks of a weight gradient go right behind what they are made of, which is in cache then."""
    out = [ins for ins in rows if ins.op != "dense_dw_part"]
    for part in (ins for ins in rows if ins.op == "dense_dw_part"):
        last = max((i for i, ins in enumerate(out) if not {*ins.writes}.isdisjoint(part.reads)), default=-1)
        out.insert(last + 1, part)
    return out


def _round_up(n, to):
    return -(-n // to) * to


def _row_group(rows):
    cost = sum(i.cost for i in rows)
    align = PART_ROWS if any(i.op == "dense_dw_part" for i in rows) else 32
    block = _round_up(max(32, min(256, int(TILE / max(cost, 1.0)))), align)
    return Group(rows, row_block=block)


def _unit_group(ins, batch, engine):
    units = ins.d[0] if ins.op == "dense_dx" else ins.d[1]
    align = max(32, engine.panel)
    tiles = max(1, min(8, int(2.0 * batch * ins.row_mul * ins.d[0] * ins.d[1] / TILE)))
    block = max(align, _round_up(-(-units // tiles), align))
    return Group([ins], row_block=128 if batch >= 256 else 0, unit_block=block, units=units)


def _weight_group(ins, batch, engine):
    if ins.cut != "weight":
        return Group([ins])
    rows, units = ins.d[:2]
    cost = ins.cost * batch + 25.0 * rows * units
    panel = engine.panel
    wide = units > 4 * panel
    unit_block = _round_up(-(-units // 4), panel) if wide else panel
    if cost < TILE:
        return Group([ins])
    if not wide and rows > 64 and batch * ins.row_mul >= PACK_ROWS:
        # x is packed once for all units of a tile; weights that change threads for it are few
        unit_block = _round_up(units, panel)
    # as many weight rows as make a tile worth claiming; whole cache lines of x. Every tile packs its rows of x and dy:
    # no more of them than the threads need to end together.
    unit_tiles = -(-units // unit_block)
    most = max(1, min(8, -(-4 * engine.threads // unit_tiles))) if wide else 8
    k_tiles = max(1, min(most, int(cost / unit_tiles / TILE)))
    k_block = _round_up(-(-rows // k_tiles), 64 if wide else 16)
    if rows == 1:
        return Group([ins], unit_block=unit_block, units=units)
    return Group([ins], unit_block=unit_block, units=units, k_block=k_block, ks=rows)


def _set_lifetimes(builder, plan):
    for s, stage in enumerate(plan.stages):
        for slot, _ in _uses(builder, stage):
            slot.first = s if slot.first < 0 else min(slot.first, s)
            slot.last = max(slot.last, s)
    for s, stage in enumerate(plan.stages):
        if len(stage) > 1 or not stage[0].row_block:
            continue
        # what no other stage sees stays with the tile, in cache, for some of its instructions
        mine = [(slot, i) for slot, i in _uses(builder, stage) if slot.first == slot.last == s and slot.power == 1]
        for slot, _ in mine:
            slot.power, slot.first, slot.last = _core.TILE, -1, -1
        for slot, i in mine:
            slot.first = i if slot.first < 0 else slot.first
            slot.last = i


def _uses(builder, stage):
    """(slot, number of the instruction) for every place in a stage that is a slot."""
    instructions = [ins for group in stage for ins in group.instructions]
    for i, ins in enumerate(instructions):
        for place in ins.reads + ins.writes:
            if place.kind == "slot":
                yield builder.slots[place.index], i
