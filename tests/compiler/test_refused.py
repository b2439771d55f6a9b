"""What csrc/program/validate.c refuses: each program is accepted, and refused with one thing changed."""

import pathlib
import re

import numpy as np
import pytest

from fastfit import _core

T = _core.op_table()
SLOT, VAR, SOURCE, SINK = _core.OPERAND_SLOT, _core.OPERAND_VAR, _core.OPERAND_SOURCE, _core.OPERAND_SINK
TILE = _core.TILE
F32, F64, I32, U8 = (_core.DTYPES.index(name) for name in ("float32", "float64", "int32", "uint8"))
PANEL = _core.Engine("generic", 1).panel


class Text:
    """A description in Python's terms, which a test may change before `build`."""

    def __init__(self, *instructions, slots=(), sources=(), sinks=(), variables=(), variants=(), **group):
        self.instructions = [dict(zip(("op", "p", "d", "rows"), ins, strict=True)) for ins in instructions]
        self.groups = [dict(begin=0, end=len(instructions), **group)]
        self.stages, self.commit = [0, 1], 0
        self.slots, self.sources, self.sinks = ([list(s) for s in places] for places in (slots, sources, sinks))
        self.variables, self.variants, self.when, self.hosts = list(variables), list(variants), None, []
        self.arena = [0, 0, 0, 0]
        for power, offset, size in slots:
            self.arena[power] = max(self.arena[power], offset + size)

    def build(self):
        ins = np.zeros(len(self.instructions), _core.INSTR)
        for row, text in zip(ins, self.instructions, strict=True):
            row["op"], row["count"] = T[text["op"]]["id"], len(text["p"])
            for k, place in enumerate(text["p"]):
                row["p"][k] = place
            row["d"][: len(text["d"])] = text["d"]
            row["row_mul"], row["row_fix"] = text["rows"]
        groups = np.zeros(len(self.groups), _core.GROUP)
        for row, text in zip(groups, self.groups, strict=True):
            for key, value in text.items():
                row[key] = value
        variants = np.zeros(len(self.variants), _core.VARIANT)
        for row, text in zip(variants, self.variants, strict=True):
            for key, value in text.items():
                row[key] = value
        slots = np.array([tuple(s) for s in self.slots], _core.SLOT)
        sources, sinks = (np.array([tuple(s) for s in c], _core.COLUMN) for c in (self.sources, self.sinks))
        engine = _core.Engine("generic", 1)
        variables = []
        for shape, packed in self.variables:
            variables.append(_core.Storage(engine, shape, "float32", packed))
        return _core.Program(
            engine,
            ins,
            groups,
            self.stages,
            slots,
            sources,
            sinks,
            variants,
            tuple(self.arena),
            variables,
            self.commit,
            self.hosts,
            16,
            when=self.when,
        )


def elementwise():
    return Text(
        ("relu", [(SLOT, 0), (SLOT, 1)], (4,), (1, 0)),
        ("add", [(SLOT, 1), (SLOT, 2), (SINK, 0)], (4, 0, 2), (1, 0)),
        slots=[(1, 0, 16), (TILE, 0, 16), (1, 16, 4)],
        sinks=[(16, F32)],
        row_block=8,
    )


def dense():
    return Text(
        ("dense", [(SOURCE, 0), (VAR, 0), (0, 0), (SINK, 0)], (3, 4 * PANEL, 0), (1, 0)),
        sources=[(12, F32)],
        sinks=[(16 * PANEL, F32)],
        variables=[((3, 4 * PANEL), True)],
        unit_block=2 * PANEL,
        units=4 * PANEL,
    )


def gather():
    return Text(
        ("gather", [(SOURCE, 0), (SLOT, 0)], (2, I32), (3, 0)),
        ("copy_cols", [(SLOT, 0), (SLOT, 1)], (6, 9, 1, 4, 5), (1, 0)),
        slots=[(1, 0, 24), (1, 24, 36)],
        sources=[(24, I32)],
        row_block=4,
    )


def gradient():
    return Text(
        ("dense_dw", [(SLOT, 0), (SLOT, 1), (0, 0), (VAR, 0), (VAR, 1)], (32, PANEL, 2, 0), (1, 0)),
        slots=[(1, 0, 128), (1, 128, 4 * PANEL)],
        variables=[((32, PANEL), True)] * 2,
        variants=[{"op": T["momentum"]["id"], "every": 2, "counter": 3}],
        unit_block=PANEL,
        units=PANEL,
        k_block=16,
        ks=32,
    )


def parts():
    text = Text(
        ("dense_dw_part", [(SLOT, 0), (SLOT, 1), (SLOT, 2)], (4, 5, PANEL, 16), (1, 0)),
        ("dense_dw_sum", [(SLOT, 2), (SLOT, 3)], (4, 5, 0, 0, PANEL, 16), (1, 0)),
        slots=[(1, 0, 16), (1, 16, 20), (1, 36, 4 * PANEL), (0, 0, 16 * PANEL)],
        row_block=16,
    )
    text.groups = [{"begin": 0, "end": 1, "row_block": 16}, {"begin": 1, "end": 2}]
    text.stages = [0, 1, 2]
    return text


def nothing():
    return Text(("unpack", [(VAR, 0), (VAR, 1)], (0, 24), (0, 1)), variables=[((0, 24), True), ((0, 24), False)])


def host():
    text = Text(("host", [], (1,), (0, 1)), ("fill", [(SLOT, 0)], (1,), (1, 0)), slots=[(1, 0, 4)])
    text.groups = [{"begin": 0, "end": 1}, {"begin": 1, "end": 2}]
    text.stages, text.hosts = [0, 1, 2], [None, lambda program, batch: None]
    return text


def look_up():
    return Text(
        ("lookup", [(VAR, 0), (SLOT, 0), (SLOT, 1)], (5, 2), (1, 0)),
        ("rate", [(SLOT, 2)], (7,), (0, 1)),
        ("cast64", [(SLOT, 2), (SLOT, 3)], (1,), (0, 1)),
        slots=[(1, 0, 4), (1, 4, 8), (0, 0, 4), (0, 64, 8)],
        variables=[((5, 2), False)],
    )


def change(path, value):
    """Set what a dotted path names."""

    def act(text):
        *way, last = path.split(".")
        at = text
        for step in way:
            at = at[int(step)] if step.isdigit() else at[step] if isinstance(at, dict) else getattr(at, step)
        if isinstance(at, Text):
            setattr(at, last, value)
        else:
            at[int(last) if last.isdigit() else last] = value

    act.__name__ = f"{path}={value}"
    return act


def both(*acts):
    def act(text):
        for a in acts:
            a(text)

    act.__name__ = "&".join(a.__name__ for a in acts)
    return act


BIG = 2**30
WHEN = np.zeros(1, _core.WHEN)
CASES = {
    elementwise: [
        # products that overflow
        both(change("instructions.0.d", (BIG,)), change("instructions.0.rows", (2**32, 0))),
        both(change("instructions.0.d", (2**39,)), change("instructions.0.rows", (2**30, 0))),
        change("instructions.0.d", (2**63,)),
        change("instructions.0.rows", (1, 2**63)),
        change("instructions.0.rows", (0, 0)),
        # operands
        change("instructions.0.p", [(SLOT, 0), (SLOT, 9)]),
        change("instructions.0.p", [(SLOT, 0), (7, 0)]),
        change("instructions.0.p", [(SLOT, 0)]),
        change("instructions.0.p", [(SLOT, 0), (SLOT, 1), (SLOT, 2)]),
        change("instructions.0.p", [(SINK, 3), (SLOT, 1)]),
        # another shape than the slot of the tile has
        change("slots.1", [TILE, 0, 32]),
        change("slots.1", [TILE, 0, 12]),
        # a slot of the tile holds no row of the batch that all share
        both(change("instructions.1.d", (4, 1, 2)), change("instructions.0.p", [(SLOT, 0), (SLOT, 0)])),
        # broadcasts
        change("instructions.1.d", (4, 0, 4)),
        change("instructions.1.d", (4, 7, 2)),
        # written where an operand lies
        change("instructions.1.p", [(SLOT, 1), (SLOT, 0), (SLOT, 0)]),
        change("instructions.1.p", [(SLOT, 2), (SLOT, 1), (SLOT, 1)]),
        both(change("slots.1", [1, 12, 16]), change("groups.0.row_block", 0)),
        # rows
        change("sinks.0", [32, F32]),
        change("sinks.0", [16, F64]),
        change("sinks.0", [16, 99]),
        change("groups.0.row_block", 0),
        change("groups.0.row_block", 2**31),
        change("instructions.0.rows", (1, 1)),
        # groups and stages
        change("groups.0.end", 3),
        change("groups.0.begin", 2),
        change("groups.0.cost", float("nan")),
        change("groups.0.cost", -1.0),
        change("groups.0.cost_fix", float("inf")),
        change("groups", [{"begin": 0, "end": 1, "row_block": 8}, {"begin": 1, "end": 2, "row_block": 8}]),
        change("groups", [{"begin": 1, "end": 2, "row_block": 8}, {"begin": 0, "end": 1, "row_block": 8}]),
        change("stages", [0, 2]),
        change("stages", [1, 0]),
        change("stages", [0, 1, 1]),
        # slots
        change("slots.0", [1, 2**39, 16]),
        change("slots.0", [1, 2, 16]),
        change("slots.0", [9, 0, 16]),
        change("slots.0", [2, 0, 16]),
        change("arena", [0, 16, 0, 16]),
        change("arena", [0, 20, 0, 15]),
    ],
    dense: [
        change("instructions.0.rows", (2, 0)),
        change("instructions.0.rows", (1, 1)),
        change("sources.0", [12, U8]),
        change("sources.0", [13, F32]),
        change("sources.0", [24, F64]),
        change("groups.0.unit_block", PANEL + 1),
        change("groups.0.unit_block", PANEL // 2),
        change("groups.0.units", 5 * PANEL),
        change("groups.0.k_block", 16),
        change("instructions.0.d", (3, 4 * PANEL, T["add"]["id"])),
        change("instructions.0.d", (3, 4 * PANEL, 2**20)),
        change("instructions.0.d", (4, 4 * PANEL, 0)),
        change("instructions.0.p", [(SOURCE, 0), (SOURCE, 0), (0, 0), (SINK, 0)]),
        change("instructions.0.p", [(SOURCE, 0), (VAR, 0), (VAR, 1), (SINK, 0)]),
    ],
    gather: [
        change("instructions.0.rows", (3, 1)),
        change("instructions.0.rows", (0, 3)),
        change("instructions.0.rows", (4, 0)),
        change("instructions.0.d", (2, F32)),
        change("instructions.0.d", (2, 99)),
        change("instructions.0.p", [(SLOT, 1), (SLOT, 0)]),
        change("instructions.1.d", (6, 9, 2, 4, 5)),
        change("instructions.1.d", (6, 9, 1, 5, 5)),
        change("instructions.1.d", (6, 9, 1, 4, 2**39)),
        change("instructions.1.p", [(SOURCE, 0), (SLOT, 1)]),
    ],
    gradient: [
        change("groups.0.k_block", 24),
        change("groups.0.ks", 33),
        change("groups.0.row_block", 16),
        change("groups.0.units", 2**40),
        both(change("groups.0.unit_block", 2**33), change("groups.0.units", 2**33)),
        change("instructions.0.d", (32, PANEL, 3, 0)),
        change("instructions.0.d", (32, PANEL, 0, 0)),
        change("instructions.0.d", (32, PANEL, 2, 1)),
        change("instructions.0.p", [(SLOT, 0), (SLOT, 1), (0, 0), (VAR, 0)]),
        change("instructions.0.p", [(SLOT, 0), (SLOT, 1), (0, 0), (VAR, 0), (VAR, 0)]),
        change("variants.0.op", T["relu"]["id"]),
        change("variants.0.every", 2**63),
        change("variants.0.counter", 64),
        change("variants.0.counter", 2**64 - 1),
        change("variants.0.state", 3),
        change("commit", 1),
        change("when", np.array([(1, 2, 64)], _core.WHEN)),
        change("when", np.array([(1, 2**63, 0)], _core.WHEN)),
    ],
    parts: [
        change("instructions.0.d", (4, 5, PANEL, 0)),
        change("instructions.0.d", (4, 5, PANEL, 17)),
        change("instructions.0.d", (4, 5, PANEL, 2)),
        change("instructions.0.p", [(0, 0), (SLOT, 1), (SLOT, 2)]),
        change("groups.0.row_block", 24),
        change("slots.2", [1, 36, 2 * PANEL]),
        change("instructions.1.d", (4, 5, 0, 0, PANEL, 2)),
        change("instructions.1.d", (4, 5, 0, 0, PANEL, 512)),
        change("instructions.1.rows", (1, 8)),
    ],
    nothing: [change("instructions.0.d", (0, 2**40 - 1)), change("instructions.0.d", (0, 2**24 + 1))],
    host: [
        change("hosts", []),
        change("hosts", [None]),
        change("groups", [{"begin": 0, "end": 2}]),
        change("stages", [0, 2]),
        change("groups.0.row_block", 4),
        change("groups.0.unit_block", PANEL),
    ],
    look_up: [
        change("instructions.1.d", (64,)),
        change("instructions.1.d", (2**64 - 1,)),
        change("instructions.0.d", (6, 2)),
        change("instructions.0.p", [(VAR, 0), (SLOT, 0), (VAR, 0)]),
        change("slots.3", [0, 32, 8]),
        change("slots.3", [0, 0, 8]),
        change("instructions.2.p", [(SLOT, 2), (SLOT, 2)]),
    ],
}


@pytest.mark.parametrize("base", CASES, ids=lambda base: base.__name__)
def test_accepts_the_program(base):
    assert base().build().rows == 16


@pytest.mark.parametrize(
    ("base", "act"), [(base, act) for base, acts in CASES.items() for act in acts], ids=lambda x: x.__name__
)
def test_refuses_the_program_changed(base, act):
    text = base()
    act(text)
    with pytest.raises((ValueError, OverflowError), match="instruction|group|stage|slot|source|sink|variant|arena"):
        text.build()


def test_a_description_and_its_fields_are_the_same():
    """Program takes a description, or its fields in their order with the rows among them."""
    engine, none = _core.Engine("generic", 1), np.zeros(0, _core.COLUMN)
    ins, groups, slots = np.zeros(1, _core.INSTR), np.zeros(1, _core.GROUP), np.array([(1, 0, 12)], _core.SLOT)
    ins[0]["op"], ins[0]["count"], ins[0]["row_mul"], ins[0]["d"][0] = T["fill"]["id"], 1, 1, 3
    ins[0]["p"][0], groups[0]["end"] = (SLOT, 0), 1
    fields = [engine, ins, groups, [0, 1], slots, none, none, np.zeros(0, _core.VARIANT), (0, 12, 0, 0), [], 1, []]
    made = [_core.Program(_core.Description(*fields), 5), _core.Program(*fields, 5), _core.Program(*fields, rows=5)]
    assert len({p.explain(4) for p in made}) == 1 and all(p.rows == 5 for p in made)
    with pytest.raises(TypeError):
        _core.Program(_core.Description(*fields[:-1]), 5)
    with pytest.raises(ValueError, match="when needs 1"):
        _core.Program(*fields, 5, when=np.zeros(2, _core.WHEN))


def test_works_in_place_where_the_row_says_so():
    text = elementwise()
    text.instructions[0]["p"] = [(SLOT, 1), (SLOT, 1)]
    assert text.build()
    for name, op in T.items():
        if op["kind"] != "u":
            continue
        assert op["inplace"], name


def test_no_file_of_the_executor_knows_an_op():
    """What there is to know about an op stands in its row."""
    root = pathlib.Path(__file__).resolve().parents[2] / "csrc"
    found = {}
    for path in [*root.glob("program/*.[ch]"), root / "kernels" / "scratch.c"]:
        names = set(re.findall(r"\bFF_OP_(?!COUNT\b|NONE\b|##)[A-Z]\w*", path.read_text()))
        if names:
            found[path.name] = names
    assert not found


def test_facts_of_the_op_table():
    """Every word of a row's facts names something."""
    known = {*_core.CODES, "activation", "variant", "counter", "host", "index"}
    for name, op in T.items():
        operands = {re.match(r"\w+", word).group() for word in op["operands"].split()}
        for fact in op["facts"].split():
            if match := re.fullmatch(r"[a-h]:(\w+)", fact):
                assert match.group(1) in known, (name, fact)
            elif match := re.fullmatch(r"blocks=(\w+):[a-h1]:[a-h]:[a-h]", fact):
                assert match.group(1) in operands, (name, fact)
            elif not re.fullmatch(r"(units|weights)=[a-h]|flops=[\dra-h]+", fact):
                match = re.fullmatch(r"(?:(\w+)\|)?[a-h\d+]+(<=|<|=)[a-h\d+]+", fact)
                assert match and match.group(1) in {None, *operands}, (name, fact)
