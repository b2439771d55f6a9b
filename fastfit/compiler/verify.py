"""Proves, for every program that is compiled, that its schedule means what was written.

Lowering writes instructions one after the other; the schedule reorders them, cuts them into tiles that run side by
side, and gives slots that do not live at once the same bytes. What is proved here, from the schedule alone:

* every read finds the value that it is meant to find: of a slot, a sink or an accumulator what had been written by the
  instructions before it, of a variable that, or what it held when the step began (`Location.start`); and of a slot what
  was written in the same step;
* no two instructions that may run at the same time touch one place, unless both only read it or each of their tiles
  keeps to its own rows;
* an instruction writes over what it reads only where the op table allows it, and reads data where it lies only if the
  op can follow row addresses;
* two slots with bytes in common are never both needed.
"""

from __future__ import annotations

from bisect import bisect_left
from heapq import heappop, heappush

from fastfit._core import TILE
from fastfit.compiler.builder import ALWAYS, KINDS, Location
from fastfit.compiler.operands import OPERANDS, OPS


class CompilerFault(RuntimeError):
    """A program would not compute what it stands for. It is never run."""


class _Place:
    """What has been done to a place, as the schedule is followed."""

    __slots__ = ("done", "first", "last", "read_in", "reader", "when", "write_in", "writes")

    def __init__(self, index):
        self.writes = [index]  # numbers of the instructions that write it, as they were written
        self.done = 0  # how many of them have run
        self.write_in = self.read_in = self.reader = -1  # groups; and the last instruction that read it
        self.when = ALWAYS  # the steps in which the last of them runs
        self.first = self.last = -1  # stages that use it, or places within a group for what lives in tiles


def verify(builder, plan, offsets=None):
    """Check a schedule.

    Parameters
    ----------
    builder : Builder
        With the instructions in the order in which they were written.
    plan : Schedule
    offsets : sequence of (power, offset, bytes), optional
        Of the slots, once they have a place.

    Raises
    ------
    CompilerFault
        Names the instructions and the place.
    """
    places = _places(builder)
    _walk(builder, plan, places)
    _check_sinks(builder, places)
    if offsets is not None:
        _check_bytes(offsets, places)


def _places(builder):
    """What is written, by key."""
    places = {}
    for ins in builder.instructions:
        index = ins.index
        for place in ins.writes:
            key = place.key
            if key in places:
                places[key].writes.append(index)
            else:
                places[key] = _Place(index)
    return places


def _walk(builder, plan, places):
    """Follow the schedule."""
    slots, total, number, columns = builder.slots, 0, 0, {}
    sink_bytes = [builder.sink_bytes(i) for i in range(len(builder.sinks))]
    for s, stage in enumerate(plan.stages):
        first = number  # group of the stage
        for group in stage:
            cut = group.unit_block or group.k_block
            total += len(group.instructions)
            for at, ins in enumerate(group.instructions):
                index = ins.index
                if group.row_block:
                    _check_rows(ins, slots, sink_bytes)
                for place in ins.reads:
                    kind = place.kind
                    if kind == "source":
                        _check_borrowed(builder, ins, place)
                        continue
                    known = places.get(place.key)
                    if known is None:
                        if kind != "var" and not (kind == "slot" and slots[place.index].bytes == 0):
                            raise CompilerFault(f"{_name(ins)} reads {place}, which nothing writes")
                        continue
                    if place.start:
                        want = 0
                    elif index > known.writes[-1]:
                        want = len(known.writes)
                    else:
                        want = bisect_left(known.writes, index)
                    if kind != "var" and (columns or want == 0) and not _filled(ins, place.key, want, columns):
                        raise CompilerFault(f"{_name(ins)} in stage {s} reads {place}, not all of which is written")
                    if known.done != want:
                        raise CompilerFault(
                            f"{_name(ins)} in stage {s} finds {place} written {known.done} times, expected {want}"
                        )
                    if kind == "slot" and known.when != ALWAYS and known.when != ins.when:
                        raise CompilerFault(f"{_name(ins)} in stage {s} reads {place} in steps that do not write it")
                    if known.write_in >= first and (cut or known.write_in != number):
                        raise CompilerFault(f"{_name(ins)} reads {place} in stage {s} beside a tile that writes it")
                    known.read_in, known.reader = number, index
                    if kind == "slot":
                        if slots[place.index].power != TILE:
                            known.last = s
                        elif known.write_in == number or want == 0:  # the first of several copies of columns
                            known.last = at
                        else:
                            raise CompilerFault(f"{_name(ins)} reads {place}, which lives in tiles of another group")
                for place in ins.writes:
                    kind, known = place.kind, places[place.key]
                    done = known.done
                    if done >= len(known.writes) or known.writes[done] != index:
                        raise CompilerFault(f"{_name(ins)} in stage {s} writes {place} out of turn")
                    used_in = max(known.write_in, known.read_in)
                    if used_in >= first and (used_in != number or (cut and known.reader != index)):
                        raise CompilerFault(f"{_name(ins)} writes {place} in stage {s} beside a tile that uses it")
                    if done and known.when != ins.when and kind != "var":
                        raise CompilerFault(f"{_name(ins)} writes {place} in other steps than the rest of it")
                    known.when = ins.when
                    if ins.shared and known.reader == index:
                        _check_in_place(ins, place)
                    if kind == "slot":
                        tile = slots[place.index].power == TILE
                        if done == 0:
                            known.first = at if tile else s
                        elif tile and known.write_in != number:
                            raise CompilerFault(f"{_name(ins)} writes {place}, which lives in tiles of another group")
                        known.last = at if tile else s
                    elif kind == "var" and s < plan.commit:
                        raise CompilerFault(f"{_name(ins)} writes {place} in stage {s}, before labels are checked")
                    known.done = done + 1
                    known.write_in = number
            number += 1
    if total != len(builder.instructions):
        raise CompilerFault(f"{len(builder.instructions)} instructions were written, {total} are in the schedule")


def _check_rows(ins, slots, sink_bytes):
    """In tiles of rows, what has rows of the batch is used by just the tile's rows, and nothing else is written."""
    if ins.row_fix:
        raise CompilerFault(f"{_name(ins)} has rows of its own, but is cut by rows of the batch")
    for operand, place in zip(OPERANDS[ins.op], ins.operands, strict=False):
        if place is None:
            continue
        kind = place.kind
        if kind == "slot":
            slot = slots[place.index]
            if slot.bytes == 0:
                continue
            stride = slot.bytes if slot.power == 1 or slot.power == TILE else 0
        elif kind == "sink":
            stride = sink_bytes[place.index]
            if stride == 0:
                continue
        elif kind == "source":
            continue
        else:
            stride = 0
        if stride or operand.mode != "<":
            got = operand.row_bytes(ins) * ins.row_mul
            if got != stride or not stride:
                raise CompilerFault(f"{_name(ins)}: {place} by rows of {got} bytes, a row of the batch has {stride}")


def _filled(ins, key, want, columns):
    """Whether a place has all its columns, or gets more of them now.

    columns: for each place that copies of columns fill how many it still lacks.
    """
    if ins.op == "copy_cols" and ins.operands[1].key == key:
        columns[key] = columns.get(key, ins.d[1]) - ins.d[4]
        return columns[key] >= 0
    return want > 0 and columns.get(key, 0) == 0


def _name(ins):
    return f"instruction {ins.index} ({ins.label or ins.op})"


def _check_in_place(ins, place):
    """An instruction that reads a place has come to write it."""
    if ins.op == "host":  # reads all before it writes
        return
    uses = [k for k, p in enumerate(ins.operands) if p is not None and p.key == place.key]
    if len(uses) == 1:
        return
    specs = OPERANDS[ins.op]
    outputs = [k for k, spec in enumerate(specs) if spec.mode == ">"]
    if not OPS[ins.op]["inplace"] or uses != [0, outputs[0]]:
        raise CompilerFault(f"{_name(ins)} writes {place} while it reads it, which its op does not allow")
    if specs[0].row_bytes(ins) != specs[outputs[0]].row_bytes(ins):
        raise CompilerFault(f"{_name(ins)} writes {place} while it reads it with other rows")


def _check_borrowed(builder, ins, place):
    """Data that is read where it lies: only the first operand, and float32 rows in the order of the batch."""
    spec = OPERANDS[ins.op][0] if ins.operands else None
    if spec is None or ins.operands[0] is not place:
        raise CompilerFault(f"{_name(ins)} reads {place}, but only a first operand can be data")
    if spec.type == "s":
        return
    if not OPS[ins.op]["borrow"] or ins.row_mul != 1 or ins.row_fix:
        raise CompilerFault(f"{_name(ins)} reads {place} where it lies, but its op or its rows cannot")
    if builder.sources[place.index][1] != "float32":
        raise CompilerFault(f"{_name(ins)} reads {place} as float32, but it is {builder.sources[place.index][1]}")


def _check_sinks(builder, places):
    for index, (shape, _) in enumerate(builder.sinks):
        if 0 not in shape and Location("sink", index).key not in places:
            raise CompilerFault(f"nothing writes output {index}")


def _check_bytes(offsets, places):
    """No two slots of one part of the arena that live at once share bytes."""
    parts = {}
    for key, known in places.items():
        if key % len(KINDS) == KINDS["slot"]:
            power, start, size = offsets[key // len(KINDS)]
            if size:
                part = parts.setdefault((power, known.write_in if power == TILE else -1), [])
                part.append((known.first, known.last, start, start + size, key // len(KINDS)))
    for slots in parts.values():
        slots.sort()
        live, ends = [], []  # intervals in order of their offsets; times when they end
        for first, last, start, stop, index in slots:
            while ends and ends[0][0] < first:
                del live[bisect_left(live, heappop(ends)[1])]
            mine = (start, stop, index)
            at = bisect_left(live, mine)
            for other in live[max(at - 1, 0) : at + 1]:
                if other[0] < stop and start < other[1]:
                    raise CompilerFault(f"slots {other[2]} and {index} share bytes while both are needed")
            live.insert(at, mine)
            heappush(ends, (last, mine))
