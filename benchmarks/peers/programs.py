"""Programs of one native instruction, to time a kernel alone."""

import numpy as np

from fastfit import _core

OPS = _core.op_table()
KINDS = {"slot": _core.OPERAND_SLOT, "var": _core.OPERAND_VAR}


def one_instruction(engine, op, dims, operands, widths, weights, rows=1, variant=None):
    """A program whose slots hold random numbers.

    Parameters
    ----------
    engine : _core.Engine
    op : str
    dims : tuple of int
    operands : list of (str, int) or None
        ("slot" or "var", index).
    widths : list of int
        Floats per row of each slot; with `rows` = 0, floats of each slot.
    weights : list of _core.Storage
    rows : int, default=1
        Rows of a batch; 0 for an instruction without rows.
    variant : (float, ...), optional
        Hyperparameters of the optimizer that `op` is.
    """
    instructions = np.zeros(1, _core.INSTR)
    row = instructions[0]
    row["op"], row["count"] = OPS[op]["id"], len(operands)
    row["row_mul" if rows else "row_fix"] = 1
    row["d"][: len(dims)] = dims
    for i, operand in enumerate(operands):
        if operand is not None:
            row["p"][i] = KINDS[operand[0]], operand[1]
    groups = np.zeros(1, _core.GROUP)
    groups[0]["end"], groups[0]["cost"] = 1, 2.0 * np.prod(dims[:2])
    power = int(rows > 0)
    offsets = np.concatenate([[0], np.cumsum([-(-4 * w // 64) * 64 for w in widths])])
    slots = np.array([(power, offsets[i], 4 * w) for i, w in enumerate(widths)], _core.SLOT)
    arena = [0, 0, 0, 0]
    arena[power] = int(offsets[-1])
    variants = np.zeros(0 if variant is None else 1, _core.VARIANT)
    if variant is not None:
        variants[0]["op"] = OPS[op]["id"]
        variants[0]["h"][: len(variant)] = variant
    none = np.zeros(0, _core.COLUMN)
    tables = instructions, groups, [0, 1], slots, none, none, variants
    program = _core.Program(engine, *tables, tuple(arena), list(weights), 0, [], max(rows, 1))
    rng = np.random.default_rng(1)
    for i, width in enumerate(widths):
        shape = (rows, width) if rows else (width,)
        program.slot(i, shape, "float32")[...] = rng.standard_normal(shape, dtype="float32")
    return program
