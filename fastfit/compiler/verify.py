"""Proves, for every program that is compiled, that its schedule means what was written.

Lowering writes instructions one after the other; the schedule reorders them, cuts them into tiles that run side by
side, and gives slots that do not live at once the same bytes. What is proved here, from the schedule alone:

* every read finds the value that it is meant to find: of a slot, a sink or an accumulator what had been written by the
  instructions before it, of a variable that, or what it held when the step began (`Location.start`);
* no two instructions that may run at the same time touch one place, unless both only read it or each of their tiles
  keeps to its own rows;
* an instruction writes over what it reads only where the op table allows it, and reads data where it lies only if the
  op can follow row addresses;
* two slots with bytes in common are never both needed.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from heapq import heappop, heappush

from fastfit import _core
from fastfit.compiler.builder import KINDS, OPS


class CompilerFault(RuntimeError):
    """A program would not compute what it stands for. It is never run."""


class _Operand:
    """How an op uses one of its operands, from the table's formula."""

    __slots__ = ("bytes", "letters", "mode", "rows", "type")

    def __init__(self, spec):
        head, letters = spec.split(":")
        self.mode = next(c for c in head if c in "<>=")
        self.type = head[-1]
        self.bytes = 8 if self.type == "d" else 4
        self.letters = letters
        self.rows = "r" in letters

    def row_bytes(self, ins):
        """Bytes of a row of the instruction, or 0 for an operand that is the same for all rows."""
        count, letters = self.bytes, self.letters
        if letters in ("m", "n"):
            mode = ins.d[1 if letters == "m" else 2] if len(ins.d) > 1 else 0
            return 0 if mode in (1, 3) else count * (ins.d[0] if mode == 0 else 1)
        if not self.rows:
            return 0
        for letter in letters:
            if letter in "abcdefgh":
                index = ord(letter) - 97
                count *= ins.d[index] if index < len(ins.d) else 0
        return count


_OPERANDS = {name: tuple(map(_Operand, op["operands"].split())) for name, op in OPS.items()}


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
    written = _writers(builder)
    lives = _walk(builder, plan, written)
    _check_sinks(builder, written)
    if offsets is not None:
        _check_bytes(offsets, lives)


def _writers(builder):
    """For each place the numbers of the instructions that write it, as they were written."""
    written = {}
    for ins in builder.instructions:
        for place in ins.writes:
            written.setdefault(place.key, []).append(ins.index)
    return written


def _walk(builder, plan, written):
    """Follow the schedule; returns for each slot the first and last time that it is used: stages, or places in a tile.

    Times of slots of tiles are numbers of instructions within their group.
    """
    done, write_in, read_in, lives, columns = {}, {}, {}, {}, {}
    slots, total, number, commit = builder.slots, 0, 0, plan.commit
    for s, stage in enumerate(plan.stages):
        first = number
        for group in stage:
            if group.row_block and any(ins.row_fix for ins in group.instructions):
                raise CompilerFault(f"stage {s} is cut by rows, but an instruction has rows of its own")
            for at, ins in enumerate(group.instructions):
                total += 1
                for place in ins.reads:
                    kind, key = place.kind, place.key
                    if kind == "source":
                        _check_borrowed(builder, ins, place)
                        continue
                    writes = written.get(key)
                    if writes is None:
                        if kind != "var" and not (kind == "slot" and slots[place.index].bytes == 0):
                            raise CompilerFault(f"{_name(ins)} reads {place}, which nothing writes")
                        continue
                    want = 0 if place.start else bisect_left(writes, ins.index)
                    have = done.get(key, 0)
                    if kind != "var" and (columns or want == 0) and not _filled(ins, key, want, columns):
                        raise CompilerFault(f"{_name(ins)} in stage {s} reads {place}, not all of which is written")
                    if have != want:
                        raise CompilerFault(
                            f"{_name(ins)} in stage {s} finds {place} written {have} times, expected {want}"
                        )
                    if write_in.get(key, -1) >= first:
                        _check_beside(builder, ins, place, group, write_in[key] == number, s)
                    read_in[key] = number
                    if kind == "slot":
                        _note(lives, slots, place, at, s, number, ins)
                for place in ins.writes:
                    kind, key = place.kind, place.key
                    have, writes = done.get(key, 0), written[key]
                    if have >= len(writes) or writes[have] != ins.index:
                        raise CompilerFault(f"{_name(ins)} in stage {s} writes {place} out of turn")
                    if write_in.get(key, -1) >= first:
                        _check_beside(builder, ins, place, group, write_in[key] == number, s)
                    elif read_in.get(key, -1) >= first:
                        _check_beside(builder, ins, place, group, read_in[key] == number, s)
                    elif group.row_block:
                        _check_beside(builder, ins, place, group, True, s)
                    done[key] = have + 1
                    write_in[key] = number
                    if kind == "slot":
                        _note(lives, slots, place, at, s, number, ins)
                    elif kind == "var" and s < commit:
                        raise CompilerFault(f"{_name(ins)} writes {place} in stage {s}, before labels are checked")
                if len(ins.writes) + len(ins.reads) > 1:
                    _check_in_place(ins)
            number += 1
    if total != len(builder.instructions):
        raise CompilerFault(f"{len(builder.instructions)} instructions were written, {total} are in the schedule")
    return lives


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


def _note(lives, slots, place, at, stage, group, ins):
    """Keep when a slot is used; one of a tile, by which group."""
    index = place.index
    if slots[index].power == _core.TILE:
        known = lives.get(index)
        if known is not None and known[2] != group:
            raise CompilerFault(f"{_name(ins)} uses {place}, which lives in the tiles of another group")
        lives[index] = (at if known is None else known[0], at, group)
    else:
        known = lives.get(index)
        lives[index] = (stage if known is None else known[0], stage, -1)


def _check_beside(builder, ins, place, group, same_group, stage):
    """Two uses in one stage, one of which writes: they must be in one group, and keep to the rows of its tiles."""
    if not same_group:
        raise CompilerFault(f"{_name(ins)} uses {place} in stage {stage} beside a group that writes or reads it")
    if group.unit_block or group.k_block:
        if len(group.instructions) > 1:
            raise CompilerFault(f"{_name(ins)} uses {place} in stage {stage}, whose tiles are no blocks of rows")
        return
    if not group.row_block:
        return
    stride = _stride(builder, place)
    for operand, given in zip(_OPERANDS[ins.op], ins.operands, strict=False):
        if given is not None and given.key == place.key and operand.row_bytes(ins) * ins.row_mul != stride:
            raise CompilerFault(
                f"{_name(ins)} uses {place} in stage {stage} by rows of {operand.row_bytes(ins) * ins.row_mul} bytes, "
                f"but a row of the batch has {stride}"
            )


def _stride(builder, place):
    """Bytes of a place for a row of the batch; None if it has none."""
    if place.kind == "slot":
        slot = builder.slots[place.index]
        return slot.bytes if slot.power in (1, _core.TILE) else None
    if place.kind == "sink":
        return builder.sink_bytes(place.index)
    return None


def _check_in_place(ins):
    if ins.op == "host":  # reads all before it writes
        return
    for write in ins.writes:
        uses = [k for k, p in enumerate(ins.operands) if p is not None and p.key == write.key]
        if len(uses) == 1:
            continue
        specs = _OPERANDS[ins.op]
        outputs = [k for k, spec in enumerate(specs) if spec.mode == ">"]
        if not OPS[ins.op]["inplace"] or uses != [0, outputs[0]]:
            raise CompilerFault(f"{_name(ins)} writes {write} while it reads it, which its op does not allow")
        if specs[0].row_bytes(ins) != specs[outputs[0]].row_bytes(ins):
            raise CompilerFault(f"{_name(ins)} writes {write} while it reads it with other rows")


def _check_borrowed(builder, ins, place):
    """Data that is read where it lies: only the first operand, and float32 rows in the order of the batch."""
    spec = _OPERANDS[ins.op][0] if ins.operands else None
    if spec is None or ins.operands[0] is not place:
        raise CompilerFault(f"{_name(ins)} reads {place}, but only a first operand can be data")
    if spec.type == "s":
        return
    if not OPS[ins.op]["borrow"] or ins.row_mul != 1 or ins.row_fix:
        raise CompilerFault(f"{_name(ins)} reads {place} where it lies, but its op or its rows cannot")
    if builder.sources[place.index][1] != "float32":
        raise CompilerFault(f"{_name(ins)} reads {place} as float32, but it is {builder.sources[place.index][1]}")


def _check_sinks(builder, written):
    for index, (shape, _) in enumerate(builder.sinks):
        if 0 not in shape and index * len(KINDS) + KINDS["sink"] not in written:
            raise CompilerFault(f"nothing writes output {index}")


def _check_bytes(offsets, lives):
    """No two slots of one part of the arena that live at once share bytes."""
    parts = {}
    for index, (first, last, group) in lives.items():
        power, offset, size = offsets[index]
        parts.setdefault((power, group), []).append((first, last, offset, offset + size, index))
    for slots in parts.values():
        slots.sort()
        live, ends = [], []  # intervals in order of their offsets; times when they end
        for first, last, start, stop, index in slots:
            while ends and ends[0][0] < first:
                _, gone = heappop(ends)
                del live[bisect_left(live, gone)]
            if start == stop:
                continue
            mine = (start, stop, index)
            at = bisect_left(live, mine)
            for other in live[max(at - 1, 0) : at + 1]:
                if other[0] < stop and start < other[1]:
                    raise CompilerFault(f"slots {other[2]} and {index} share bytes while both are needed")
            insort(live, mine)
            heappush(ends, (last, mine))
