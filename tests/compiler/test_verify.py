"""The verifier finds each kind of fault that it is there for: programs are broken on purpose."""

import copy

import numpy as np
import pytest

from fastfit import compiler, ops
from fastfit.compiler import assemble, layouts, verify
from fastfit.compiler.builder import Builder, Location
from fastfit.compiler.schedule import Group, Schedule
from fastfit.graph import storage, trace
from fastfit.graph.differentiate import gradients
from fastfit.graph.tensor import make_input
from fastfit.graph.variable import Variable
from fastfit.optimizers import SGD


@pytest.fixture
def program(monkeypatch):
    """(builder, plan, slots) of a small step with a dense layer, an output, an accumulator and an update."""
    kept = []

    def keep(builder, plan, slots):
        kept.append((builder, plan, slots))
        verify.verify(builder, plan, slots)

    monkeypatch.setattr(assemble, "verify", keep)
    x, y = make_input((None, 4)), make_input((None, 3))
    w, total = Variable(np.ones((4, 3), "float32")), Variable(np.zeros((), "float64"), trainable=False)
    with trace.Trace() as t:
        h = ops.tanh(ops.matmul(x, t.read(w)) * 2.0)
        p = ops.concatenate([h[:, 1:], h[:, :1]], axis=-1)
        loss = ops.mean(ops.square(p - y))
        total.assign_add(ops.cast(loss, "float64"))
    (gradient,) = gradients(loss, [t.variables[w]])
    optimizer = SGD(0.1, momentum=0.9)
    optimizer.build([w])
    compiler.compile_program(
        [(x, "float32"), (y, "float32")],
        outputs=[p],
        updates=list(t.updates.items()),
        optimizer=optimizer,
        gradients=[(w, gradient)],
    )
    ((builder, plan, slots),) = kept
    return builder, plan, [list(s) for s in slots]


def instructions(plan):
    return [ins for stage in plan.stages for group in stage for ins in group.instructions]


def find(plan, op):
    return next(ins for ins in instructions(plan) if ins.op == op)


def fault(program, message):
    with pytest.raises(verify.CompilerFault, match=message):
        verify.verify(*program)


def test_a_right_program_passes(program):
    verify.verify(*program)


def test_a_read_of_the_start_after_the_update():
    b = Builder(storage.engine())
    w, out = b.storage(storage.make((4,), "float32")), b.slot((4,))
    b.emit("fill", [w], (4, 0), (1.0,), rows=(0, 1), phase=1)
    b.emit("relu", [Location("var", w.index, start=True), out], (4,), rows=(0, 1))
    fill, read = b.instructions
    verify.verify(b, Schedule([[Group([read])], [Group([fill])]], commit=1))
    for stages in ([[Group([fill])], [Group([read])]], [[Group([fill, read])]]):
        fault((b, Schedule(stages, commit=0)), "relu. in stage . finds var0 at the start written 1 times")
    fault((b, Schedule([[Group([read]), Group([fill])]], commit=0)), "writes var0 in stage 0 beside a tile")


def test_a_newest_value_read_too_early(program):
    builder, plan, slots = program
    weight = find(plan, "dense").reads[1]
    assert weight.kind == "var" and weight.start
    # the same read, if it wanted the value after the update
    last = max(ins.index for ins in builder.instructions)
    reader = copy.copy(find(plan, "tanh"))
    reader.index, reader.reads, reader.writes = last + 1, [Location("var", weight.index)], []
    reader.operands = [reader.reads[0], None]
    builder.instructions.append(reader)
    plan.stages.insert(0, [Group([reader])])
    plan.commit += 1
    fault(program, "written 0 times, expected 1")


def test_a_slot_that_nothing_writes(program):
    builder, plan, _ = program
    tanh = find(plan, "tanh")
    builder.slots.append(copy.copy(builder.slots[tanh.reads[0].index]))
    tanh.reads = [Location("slot", len(builder.slots) - 1)]
    fault((builder, plan), "which nothing writes")


def test_columns_that_no_copy_fills(program):
    builder, plan, _ = program
    copies = [ins for ins in instructions(plan) if ins.op == "copy_cols" and ins.d[1] == 3]
    assert len(copies) == 2
    gone = copies[-1]
    for stage in plan.stages:
        for group in stage:
            if gone in group.instructions:
                group.instructions.remove(gone)
    builder.instructions.remove(gone)
    fault((builder, plan), "not all of which is written|nothing writes output")


@pytest.mark.parametrize("which", [0, 1])
def test_columns_that_some_steps_do_not_write(program, which):
    builder, plan, _ = program
    copies = [ins for ins in instructions(plan) if ins.op == "copy_cols" and ins.d[1] == 3]
    copies[which].when = (1, 2, 0)
    fault((builder, plan), "in other steps than the rest of it")


def test_reads_before_writes_within_a_tile(program):
    builder, plan, _ = program
    group = next(g for s in plan.stages for g in s if find(plan, "tanh") in g.instructions)
    group.instructions.reverse()
    fault((builder, plan), "written 0 times|not all of which")


def test_groups_side_by_side(program):
    builder, plan, _ = program
    first = next(i for i, s in enumerate(plan.stages) if find(plan, "tanh") in s[0].instructions)
    rows = plan.stages[first][0]
    at = rows.instructions.index(find(plan, "tanh"))
    plan.stages[first] = [
        Group(rows.instructions[:at], row_block=32),
        Group(rows.instructions[at:], row_block=32),
    ]
    fault((builder, plan), "beside a tile|another group")


def test_rows_that_tiles_do_not_share(program):
    builder, plan, _ = program
    tanh = find(plan, "tanh")
    tanh.d = (tanh.d[0] + 1, *tanh.d[1:])
    fault((builder, plan), "by rows of")


def test_whole_batches_inside_a_row_tile(program):
    builder, plan, _ = program
    total = find(plan, "sum_all64") if any(i.op == "sum_all64" for i in instructions(plan)) else find(plan, "sum_all")
    for stage in plan.stages:
        for group in stage:
            if total in group.instructions:
                group.instructions.remove(total)
    rows = next(g for s in plan.stages for g in s if find(plan, "tanh") in g.instructions)
    rows.instructions.append(total)
    fault((builder, plan), "by rows of|another group|beside")


def test_writing_over_what_is_read(program):
    builder, plan, _ = program
    dense = find(plan, "dense")
    dense.operands = [dense.operands[0], dense.operands[1], dense.operands[3], dense.operands[3]]
    dense.reads = [*dense.reads[:2], dense.operands[3]]
    with pytest.raises(verify.CompilerFault):
        verify.verify(builder, plan)
    wrong = copy.copy(dense)
    wrong.op, wrong.operands = "softmax_grad", [dense.operands[3], None, dense.operands[3]]
    wrong.reads, wrong.writes = [wrong.operands[0]], [wrong.operands[2]]
    with pytest.raises(verify.CompilerFault, match="which its op does not allow"):
        verify._check_in_place(wrong, wrong.writes[0])
    wrong.op, wrong.operands, wrong.d = "add", [dense.operands[3], None, dense.operands[3]], (3, 1, 3)
    with pytest.raises(verify.CompilerFault, match="with other rows"):
        verify._check_in_place(wrong, wrong.writes[0])
    wrong.d = (3, 0, 3)
    verify._check_in_place(wrong, wrong.writes[0])


@pytest.mark.parametrize("change", [{"row_mul": 2}, {"row_fix": 1}, {"op": "tanh"}, {"dtype": "float64"}])
def test_data_that_cannot_be_borrowed(program, change):
    builder, plan, _ = program
    dense = find(plan, "dense")
    assert dense.reads[0].kind == "source"
    if "dtype" in change:
        builder.sources = [(shape, change["dtype"]) for shape, _ in builder.sources]
    for name, value in change.items():
        if name != "dtype":
            setattr(dense, name, value)
    fault((builder, plan), "where it lies|as float32|rows of its own|a row of the batch has")


def test_an_output_that_nothing_writes(program):
    builder, plan, _ = program
    builder.sinks.append(((3,), "float32"))
    fault((builder, plan), "nothing writes output 1")


def test_writes_before_labels_are_checked(program):
    builder, plan, _ = program
    plan.commit = len(plan.stages)
    fault((builder, plan), "before labels are checked")


def test_instructions_that_are_lost(program):
    builder, plan, _ = program
    for stage in plan.stages:
        for group in stage:
            group.instructions = [i for i in group.instructions if i.op != "rows64" and i.op != "cast64"] or []
    fault((builder, plan), "written 0 times|which nothing writes|instructions were written")


def test_bytes_that_two_slots_share(program):
    builder, plan, slots = program
    verify.verify(builder, plan, slots)
    by_power = {}
    for i, (power, _, size) in enumerate(slots):
        if size:
            by_power.setdefault(power, []).append(i)
    found = 0
    for members in by_power.values():
        for a in members:
            for b in members:
                moved = [list(s) for s in slots]
                moved[a][1] = moved[b][1]
                try:
                    verify.verify(builder, plan, moved)
                except verify.CompilerFault as error:
                    assert "share bytes" in str(error)
                    found += 1
    assert found > 0


def test_verified_programs_are_those_that_run():
    """Every compiled program passes through the verifier."""
    storage.engine()
    assert assemble.verify is verify.verify


def test_sizes_of_layouts():
    assert layouts.floats((3, 5), layouts.Layout.ROWS, 4) == 15
    assert layouts.floats((3, 5), layouts.Layout.PANELS, 4) == 24
    assert layouts.floats((3, 8), layouts.Layout.PANELS, 4) == 24
    engine = storage.engine()
    for shape in ((1, 1), (3, 5), (7, 64)):
        for layout in layouts.Layout:
            made = storage.make(shape, "float32", packed=layout is layouts.Layout.PANELS)
            assert made.nbytes == 4 * layouts.floats(shape, layout, engine.panel)


def test_a_slot_that_is_written_in_fewer_steps_than_it_is_read(program):
    find(program[1], "dense").when = (1, 2, 0)
    fault(program, "reads .* in steps that do not write it")
