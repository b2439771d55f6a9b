"""The op table's operands, parsed once."""

from __future__ import annotations

from fastfit import _core

OPS = _core.op_table()


class Operand:
    """How an op uses one of its operands, from its formula in the op table.

    Attributes
    ----------
    mode : {"<", ">", "="}
        Read, written, or both.
    type : str
        The element type's letter.
    bytes : int
        Of an element.
    rows : bool
        Whether it has rows of the instruction.
    panels : bool
        Whether it is a matrix in panels.
    gradient : bool
        Whether it is a gradient, which is only stored where the instruction's mode is 0.
    """

    __slots__ = ("broadcast", "bytes", "dims", "gradient", "mode", "panels", "rows", "type")

    def __init__(self, spec, kind):
        head, letters = spec.split(":")
        self.mode = next(c for c in head if c in "<>=")
        self.type = head[-1]
        self.bytes = 8 if self.type == "d" else 4
        self.rows = "r" in letters
        self.panels = "P" in letters
        self.gradient = self.mode == "=" and kind == "o" and head.startswith("g")
        self.broadcast = {"m": 1, "n": 2}.get(letters, 0)  # the dimension that says how
        self.dims = tuple(ord(c) - ord("a") for c in letters if c in "abcdefgh")

    def row_bytes(self, ins):
        """Bytes of a row of the instruction, or 0 for an operand that is the same for all rows."""
        d = ins.d
        if self.broadcast:
            mode = d[self.broadcast]
            return 0 if mode & 1 else self.bytes * (1 if mode else d[0])
        if not self.rows:
            return 0
        count = self.bytes
        for k in self.dims:
            count *= d[k] if k < len(d) else 0
        return count


# Of each op, its operands in the table's order.
OPERANDS = {
    name: tuple(Operand(spec, op["kind"]) for spec in op["operands"].split()) for name, op in OPS.items()
}
# Ops that want a matrix in panels.
WITH_PANELS = frozenset(name for name, specs in OPERANDS.items() if any(spec.panels for spec in specs))
