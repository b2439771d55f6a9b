"""The second pass of lowering: how each matrix lies in memory.

The first pass writes instructions on values, whatever their layout. Here each matrix gets one, the sizes of slots and
of element-wise instructions follow, and where an instruction wants a matrix that lies otherwise, it is brought into
the other layout just before.

Dense kernels want their weights in panels (operands with a P in the op table). What computes element by element works
on a matrix as it lies, its padding included, if all its matrices lie alike: an update, an average, a regularizer's
square.
"""

from __future__ import annotations

import enum
from math import prod

import numpy as np

from fastfit.compiler.builder import ALWAYS, KINDS
from fastfit.compiler.operands import OPERANDS, OPS, WITH_PANELS
from fastfit.graph.op import OPS as MEANINGS


class Layout(enum.Enum):
    """How the elements of a matrix lie."""

    ROWS = "row-major"
    PANELS = "panels"


def floats(shape, layout, panel):
    """How many numbers a matrix takes.

    Parameters
    ----------
    shape : tuple of int
    layout : Layout
    panel : int
        Columns of a panel; the last one is padded.
    """
    if layout is Layout.ROWS:
        return prod(shape)
    rows, columns = shape
    return rows * -(-columns // panel) * panel


def settle(builder):
    """Lay out every matrix of a program; rewrites the builder's instructions."""
    _Settling(builder).run()


class _Settling:
    """State of the pass.

    Attributes
    ----------
    layout, padding : dict
        Of slots by key. A padding that is not 0 is about the number given, nan for what may be anything.
    scaled : set
        Slots whose padding is 0 if the scalars that were multiplied in are finite; else all is lost, padding or not.
    converted : dict
        (key, layout, shape, phase, when) to the copy of a place in that layout, as long as it is not written again.
    made : dict
        Key of a slot to the steps in which the instruction runs that wrote it.
    """

    def __init__(self, builder):
        self.b = builder
        self.layout, self.padding, self.scaled = {}, {}, set()
        self.converted, self.made = {}, {}

    def run(self):
        """Rewrite every instruction, in order."""
        written, self.b.instructions = self.b.instructions, []
        for ins in written:
            if ins.op == "host":
                for k, place in enumerate(ins.reads):
                    ins.reads[k] = self.rows(place, ins)
            elif self.sees_panels(ins) and (ins.row_mul or not self.as_it_lies(ins)):
                self.as_wanted(ins)
            ins.index = len(self.b.instructions)
            self.b.instructions.append(ins)
            for place in ins.writes:
                self.made[place.key] = ins.when
                if self.converted:
                    self.forget(place.key)
        for key, layout in self.layout.items():
            if layout is Layout.PANELS:
                slot = self.b.slots[key // len(KINDS)]
                slot.bytes = 4 * floats(slot.shape, layout, self.b.engine.panel)

    # What is known of a place -------------------------------------------------------------------------------------

    def shape(self, place):
        """Of a float32 matrix in a slot or variable; None for anything else."""
        if place is None or place.kind in ("source", "sink"):
            return None
        if place.kind == "var":
            storage = self.b.storages[place.index]
            return storage.shape if len(storage.shape) == 2 and storage.dtype == np.float32 else None
        return self.b.slots[place.index].shape

    def layout_of(self, place):
        """The layout that a place has by now."""
        if place.kind == "var" and self.b.storages[place.index].packed:
            return Layout.PANELS
        return self.layout.get(place.key, Layout.ROWS)

    def sees_panels(self, ins):
        """Whether an operand is or must be in panels: all else is as it should be."""
        if ins.op in WITH_PANELS:
            return True
        storages, layout = self.b.storages, self.layout
        for place in ins.operands:
            if place is not None and (storages[place.index].packed if place.kind == "var" else place.key in layout):
                return True
        return False

    def is_clean(self, place):
        """Whether zeros pad the panels of a place."""
        return place.key not in self.padding and place.key not in self.scaled

    def forget(self, key):
        """A place is written: copies of what it held are old."""
        for known in [k for k in self.converted if k[0] == key]:
            del self.converted[known]

    # Conversions --------------------------------------------------------------------------------------------------

    def rows(self, place, ins):
        """A place, or its copy in rows, for an instruction that reads it."""
        if self.layout_of(place) is Layout.ROWS:
            return place
        return self.convert("unpack", place, self.shape(place), Layout.ROWS, ins)

    def panels(self, place, shape, ins):
        """A place, or its copy in panels that zeros pad, as a matrix of this shape."""
        if self.layout_of(place) is Layout.PANELS:
            if self.shape(place) == shape and place.key not in self.padding:
                return place
            place = self.rows(place, ins)
        return self.convert("pack", place, shape, Layout.PANELS, ins)

    def convert(self, op, place, shape, layout, ins):
        """A copy of a place in another layout, made once for all who read the same value."""
        phase = 0 if place.start else ins.phase
        # A variable has a value in every step, whenever it was last written.
        when = ALWAYS if place.start else ins.when if place.kind == "var" else self.made.get(place.key, ins.when)
        key = (place.key, layout, tuple(shape), phase, when)
        if key not in self.converted:
            self.converted[key] = out = self.b.slot(shape)
            self.layout[out.key] = layout
            with self.b.marked(phase, when):
                self.b.emit(op, [place, out], shape, rows=(0, 1), cut="whole")
            self.made[out.key] = when
        return self.converted[key]

    # Instructions -------------------------------------------------------------------------------------------------

    def as_wanted(self, ins):
        """Give each operand the layout that the op wants of it."""
        for k, (place, spec) in enumerate(zip(ins.operands, OPERANDS[ins.op], strict=False)):
            if place is None:
                continue
            if not spec.panels:
                if self.layout_of(place) is Layout.PANELS:
                    self.replace(ins, k, self.rows(place, ins))
            elif any(place is p for p in ins.writes):
                if place.kind == "slot":
                    self.layout[place.key] = Layout.PANELS
            else:
                self.replace(ins, k, self.panels(place, tuple(ins.d[:2]), ins))

    def replace(self, ins, k, place):
        """Let an instruction read another place."""
        old = ins.operands[k]
        if place is not old:
            ins.operands[k] = place
            ins.reads[next(i for i, p in enumerate(ins.reads) if p is old)] = place

    def as_it_lies(self, ins):
        """Settle an instruction on whole matrices element by element, if one of them is in panels; else False."""
        matrices = self.matrices(ins)
        if not any(self.layout_of(ins.operands[k]) is Layout.PANELS for k in matrices):
            return False
        shapes = {tuple(self.shape(ins.operands[k])) for k in matrices}
        if len(shapes) != 1:
            return False
        (shape,) = shapes
        writes = [k for k in matrices if any(ins.operands[k] is p for p in ins.writes)]
        reads = [k for k in matrices if k not in writes]
        fixed = [k for k in writes if ins.operands[k].kind == "var" or ins.operands[k].key in self.made]
        if ins.op == "copy_cols" and fixed:
            return self.copy(ins, shape)
        if fixed:  # what it is made of must lie like that
            if any(self.layout_of(ins.operands[k]) is Layout.ROWS for k in fixed):
                return False
            for k in reads:
                self.replace(ins, k, self.panels(ins.operands[k], shape, ins))
        else:
            if any(self.layout_of(ins.operands[k]) is Layout.ROWS for k in reads):
                return False
            if ins.op == "sum_all" and not self.is_clean(ins.operands[0]):
                return False
            for k in writes:
                self.layout[ins.operands[k].key] = Layout.PANELS
                self.note_padding(ins, ins.operands[k].key, shape)
        self.resize(ins, floats(shape, Layout.PANELS, self.b.engine.panel))
        return True

    def matrices(self, ins):
        """Operands of an element-wise instruction on whole matrices that are such; none if it also has other arrays."""
        kind = OPS[ins.op]["kind"]
        if ins.row_fix != 1 or not ins.d:
            return []
        if kind == "o" and ins.op not in ("sum_all", "fill") and not (ins.op == "copy_cols" and ins.d[0] == ins.d[4]):
            return []
        found = []
        for k, place in enumerate(ins.operands):
            if place is None:
                continue
            if kind == "b" and k < 2 and ins.d[1 + k] == 3:
                continue
            if ins.op == "sum_all" and k == 1:
                continue
            shape = self.shape(place)
            if shape is None or prod(shape) != ins.d[0] or (kind == "b" and k < 2 and ins.d[1 + k]):
                return []
            found.append(k)
        return found

    def copy(self, ins, shape):
        """A copy of a matrix into a variable, which may lie otherwise."""
        source, target = ins.operands
        if source.key in self.padding:
            source = self.rows(source, ins)
            self.replace(ins, 0, source)
        layouts = self.layout_of(source), self.layout_of(target)
        if layouts == (Layout.PANELS, Layout.PANELS):
            self.resize(ins, floats(shape, Layout.PANELS, self.b.engine.panel))
        elif layouts[0] is not layouts[1]:
            ins.op, ins.d = ("pack" if layouts[0] is Layout.ROWS else "unpack"), shape
        return True

    def resize(self, ins, count):
        """Let an instruction on a whole matrix take its padding as well."""
        ins.cost_fix *= count / max(ins.d[0], 1)
        columns = (count, count, 0, 0, count)
        ins.d = columns if ins.op == "copy_cols" else (count, *ins.d[1:])

    def note_padding(self, ins, key, shape):
        """Remember what pads a result, unless there is no padding."""
        if ins.op in ("fill", "copy_cols", "sum_all") or shape[1] % self.b.engine.panel == 0:
            return
        inputs = ins.operands[:-1]
        values, exact, scalars = [], True, False
        for k, place in enumerate(inputs):
            if self.layout_of(place) is Layout.PANELS:
                values.append(self.padding.get(place.key, 0.0))
                exact = exact and place.key not in self.padding
                scalars = scalars or place.key in self.scaled
            elif place.kind == "var" and id(self.b.storages[place.index]) in self.b.constant_ids:
                values.append(float(self.b.storages[place.index].read().ravel()[0]))
            else:  # taken to be finite
                values.append(1.0 if ins.op == "multiply" or (ins.op == "divide" and k == 1) else np.nan)
                scalars = True
        with np.errstate(all="ignore"):
            meaning = MEANINGS[ins.op].meaning if ins.op in MEANINGS else lambda *x: np.nan
            padding = float(meaning(*np.float32(values)))
        if padding == 0.0 and not exact and not (ins.op == "multiply" and 0.0 in values):
            padding = float(np.finfo(np.float32).tiny)  # a kernel's 0 may be another number in its last bit
        if padding != 0.0:
            self.padding[key] = padding
        elif scalars:
            self.scaled.add(key)
