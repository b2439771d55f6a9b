"""Random graphs: what is compiled gives what the ops mean.

    python tests/fuzz/graphs.py [--seed 0] [--count 20000] [--seconds 60] [--replay JSON]

A graph is a list of leaves (inputs, variables, constants) and steps, drawn from a seed. It is compiled for an
instruction set and a number of threads and run; outputs, gradients and variables after an update of an optimizer are
compared with the NumPy meanings of the ops (`graph/evaluate.py`). On a difference the graph is made as small as it
still differs, printed as an argument of ``--replay``, and the exit code is 1. `keras_models.py` compares with Keras.

What may differ: the meanings are computed in float64, then three times more with every float that an op computes
changed by a random part of up to 2^-22 of itself, four units in the last place of float32. How far results then lie
apart says how well the graph determines them in float32: natively at most 24 times as far, and 2e-6 of the value and
of the largest one, are allowed (kernels round within an op as well, and sums add up to 2,500 such errors).
A running sum in float32, here as in NumPy, rounds each partial result by up to 2^-24 of it, and always the same way
where one number is added over and over: an eighth of the sum of these errors, times a random number, is among the
changes. One more time nothing is changed but floats are rounded to float32, so that what is equal in float32 (a tanh of
8 and of 12) is equal there.
Where they lie apart by more than a hundredth of the largest value, or integers and conditions differ at all, a
discontinuity is near, and nothing can be said of that element; how many are left to compare is printed.
"""

from __future__ import annotations

import json
import sys
import traceback
import warnings
from pathlib import Path

import numpy as np

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from fastfit import _core, constraints, ops, optimizers
from fastfit.compiler import compile_program
from fastfit.graph import randomness, storage, trace
from fastfit.graph.differentiate import gradients
from fastfit.graph.op import Op, apply, constant
from fastfit.graph.rewrite import fuse
from fastfit.graph.tensor import KerasTensor, make_input, topological
from fastfit.graph.variable import Variable
from tests.fuzz import search
from tests.fuzz.graph_steps import STEPS, tame

ISAS = ("generic", "avx2", "avx512", "neon")
WIDTHS = (1, 2, 3, 4, 5, 7, 8, 16, 17, 33)
# What a graph may be refused for, with a message that says so.
REFUSED = (ValueError, TypeError, IndexError, NotImplementedError, ZeroDivisionError)
ROWS = (1, 1, 2, 3, 5, 8, 17, 32, 33, 64, 100, 130, 300, 1024, 1500, 2500)
OPTIMIZERS = {
    "SGD": {}, "SGD_momentum": {"momentum": 0.9}, "SGD_nesterov": {"momentum": 0.9, "nesterov": True}, "Adam": {},
    "Adam_amsgrad": {"amsgrad": True}, "AdamW": {}, "RMSprop": {},
    "RMSprop_centered": {"centered": True, "momentum": 0.5}, "Adagrad": {}, "Adadelta": {}, "Adamax": {}, "Nadam": {},
    "Ftrl": {}, "Lion": {}, "Lamb": {}, "Adafactor": {}, "Muon": {}, "ScheduleFreeAdamW": {},
}  # fmt: skip
COMMON = ({}, {}, {}, {"clipnorm": 0.1}, {"clipvalue": 0.01}, {"global_clipnorm": 0.1}, {"use_ema": True},
          {"weight_decay": 0.01}, {"loss_scale_factor": 4.0})  # fmt: skip
CONSTRAINT = {
    None: None,
    "non_neg": constraints.NonNeg(),
    "unit_norm": constraints.UnitNorm(),
    "max_norm": constraints.MaxNorm(0.5),
}
CONSTRAINTS = (None, None, None, "non_neg", "unit_norm", "max_norm")

# Graphs ---------------------------------------------------------------------------------------------------------------


def draw(seed):
    """The description of a graph: plain data, which `--replay` takes as JSON."""
    rng = np.random.default_rng(seed)
    widths = [int(w) for w in rng.choice(WIDTHS, 3)]
    leaves = [{"kind": "input", "shape": [None, widths[0]], "dtype": "float32"}]
    for _ in range(rng.integers(2, 7)):
        w, v = (widths[i] for i in rng.integers(0, 3, 2))
        kind = ["input", "var", "var", "var", "const"][rng.integers(5)]
        shapes = [[w, v], [w, v], [widths[0], v], [v], [], [v, w]]
        if kind == "input":
            shapes = [[None, w], [None, w, v], [None], [None, 1]]
        shape = shapes[rng.integers(len(shapes))]
        dtype = ["float32", "float32", "int32"][rng.integers(3)] if kind != "var" else "float32"
        leaves.append({"kind": kind, "shape": shape, "dtype": dtype})
    spec = {"seed": int(seed), "leaves": leaves, "steps": [], "outs": [], "rows": int(ROWS[rng.integers(len(ROWS))])}
    spec["batch"] = int(rng.integers(1, spec["rows"] + 1)) if rng.random() < 0.3 else spec["rows"]
    spec["isa"], spec["threads"] = int(rng.integers(1 << 20)), int(rng.integers(1, 4))
    with trace.Trace(), np.errstate(all="ignore"):
        pool = [leaf_tensor(x, None) for x in leaves]
        names = list(STEPS)
        wanted, tries = int(rng.integers(3, 26)), 0
        while len(spec["steps"]) < wanted and tries < 6 * wanted:
            tries += 1
            name = names[rng.integers(len(names))]
            arity, params, function = STEPS[name]
            recent = len(pool) - 1 - np.minimum(rng.geometric(0.2, arity) - 1, len(pool) - 1)
            picks = [int(r) if rng.random() < 0.6 else int(rng.integers(len(pool))) for r in recent]
            xs = [pool[p] for p in picks]
            try:
                given = params(rng, *xs)
                tensor = None if given is None else function(*xs, **given)
            except REFUSED:
                continue
            if tensor is None or not isinstance(tensor, KerasTensor) or size_of(tensor, spec["rows"]) > 4e5:
                continue
            pool.append(tensor)
            spec["steps"].append([name, picks, given])
    n = len(leaves)
    picks = [i for i in range(n, len(pool)) if rng.random() < 0.2] or [len(pool) - 1]
    spec["outs"] = picks[-6:]
    spec["train"] = bool(rng.random() < 0.6)
    if spec["train"]:
        name = list(OPTIMIZERS)[rng.integers(len(OPTIMIZERS))]
        spec["optimizer"] = [name, COMMON[rng.integers(len(COMMON))]] if rng.random() < 0.6 else None
        spec["constraint"] = CONSTRAINTS[rng.integers(len(CONSTRAINTS))]
        spec["regularizer"] = bool(rng.integers(2))
    return spec


def size_of(tensor, rows):
    count = 1
    for d in tensor._shape:
        count *= rows * max(tensor._shape.times, 1) if d is None else d
    return count


def leaf_value(spec, index):
    leaf = spec["leaves"][index]
    rng = np.random.default_rng([spec["seed"], index])
    shape = tuple(spec["rows"] if d is None else d for d in leaf["shape"])
    if leaf["dtype"] == "int32":
        return rng.integers(-4, 9, shape).astype("int32")
    x = rng.standard_normal(shape).astype("float32")
    return np.where(rng.random(shape) < 0.05, np.float32(0), x) if leaf["kind"] == "input" else x


def leaf_tensor(leaf, value):
    if leaf["kind"] == "input":
        return make_input(tuple(leaf["shape"]), leaf["dtype"])
    if value is None:
        value = np.ones(leaf["shape"], leaf["dtype"])
    if leaf["kind"] == "const":
        return constant(value)
    return trace.current().read(Variable(value, trainable=True))


class Built:
    """A graph that a description says, with its data."""

    def __init__(self, spec):
        self.spec = spec
        self.inputs, self.arrays, self.variables = [], [], []
        leaves = spec["leaves"]
        values = [leaf_value(spec, i) for i in range(len(leaves))]
        with trace.Trace() as t:
            pool = [leaf_tensor(leaf, value) for leaf, value in zip(leaves, values, strict=True)]
            for name, picks, params in spec["steps"]:
                pool.append(STEPS[name][2](*(pool[p] for p in picks), **params))
        for leaf, tensor, value in zip(leaves, pool, values, strict=False):
            if leaf["kind"] == "input":
                self.inputs.append(tensor)
                self.arrays.append(value)
        self.read = dict(t.variables)
        self.pool = pool
        with t:
            self.outputs = [x for i in spec["outs"] if (x := as_output(pool[i])) is not None]
            self.fixed = [as_number(pool[i]) for i in spec["outs"] if None not in pool[i]._shape]
        self.feeds = dict(zip(self.inputs, self.arrays, strict=True))


def as_output(x):
    """What a program can hand out: one row per row of the batch; None for what is no such thing."""
    if x._shape[:1] == (None,) and None not in x._shape[1:] and x._shape.times == 1:
        return as_number(x)
    return None


def as_number(x):
    return x if x.dtype in ("float32", "int32") else ops.cast(x, "float32")


# The reference --------------------------------------------------------------------------------------------------------

# Ops whose floats are floats of their inputs: nothing is rounded.
EXACT = frozenset(
    "constant identity stop_gradient reshape reshape_like expand_dims squeeze transpose flip roll broadcast_to "
    "broadcast_like full full_like arange concatenate stack slice_as tile repeat pad getitem take take_along_axis sort "
    "top_k where maximum minimum fmax fmin max min relu negative abs sign floor ceil trunc round cummax cummin one_hot "
    "tril triu diagonal cast clip as_batch fixed_rows axis_size batch_size hit_sparse relu_grad".split()
)
NOISE = 2.0**-22
# What is smaller may be 0: denormals are, while a program runs.
TINY = 1e-36
DRAWS = 3


def meanings(tensors, feeds, noise=None):
    """The tensors' values in float64, by the ops' NumPy meanings; with random errors of floats if `noise` is given.

    feeds : dict of tensor or Variable to array
    """
    values = {id(t): _wide(v) for t, v in feeds.items() if isinstance(t, KerasTensor)}
    with randomness.drawing_from(0, 0), np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for node in topological([t for t in tensors if isinstance(t, KerasTensor)]):
            if id(node.outputs[0]) in values:
                continue
            if node.operation == "variable":
                variable = node.attrs["variable"]
                result = _wide(feeds.get(variable, variable.numpy()))
            else:
                args = [values[id(x)] if isinstance(x, KerasTensor) else _wide(x) for x in node.inputs]
                attrs = dict(node.attrs)
                if node.operation.name == "cast" and attrs["dtype"] == "float32":
                    attrs["dtype"] = "float64"
                result = node.operation.meaning(*args, **attrs)
            results = result if isinstance(result, tuple) else (result,)
            for t, value in zip(node.outputs, results, strict=True):
                value = np.asarray(value)
                if noise is not None and value.dtype.kind == "f" and _rounds(node):
                    value = value * (1.0 + noise[1] * noise[0].uniform(-1.0, 1.0, value.shape))
                    if node.operation.name == "prod" and np.size(args[0]) > 256 * max(value.size, 1):
                        # Whether factors overflow before others are 0 hangs on their order. Not NaN alone: as bool that
                        # is true in each draw.
                        value = value * noise[0].choice((0.0, np.nan), value.shape)
                    if node.operation.name in DRIFTING and noise[1]:
                        value = value + noise[0].uniform(-1.0, 1.0) * _drift(node, args, value)
                    # as float32 rounds it: then what is equal there may be equal here; a zero may have either sign
                    zero = np.copysign(0.0, noise[0].uniform(-1.0, 1.0, value.shape))
                    value = np.where(np.abs(value) < TINY, zero, value).astype(np.float32).astype(np.float64)
                values[id(t)] = value
    return [values[id(t)] if isinstance(t, KerasTensor) else np.asarray(t) for t in tensors]


# Ops that add one number after the other to a sum, and those that take a rounded mean away.
RUNNING_SUMS = ("cumsum", "scatter_add", "segment_sum")
DEVIATIONS = ("var", "std")
SUMS = ("sum", "mean")
DRIFTING = RUNNING_SUMS + DEVIATIONS + SUMS
# What is off by rounding alone though equal gradients give equal bits: Ftrl divides the difference of two roots.
UPDATE_ROUNDS = {"Ftrl": 1e-4}


def _drift(node, args, value):
    """An eighth of the most that rounding within a sum can add up to, at each element."""
    if node.operation.name == "cumsum":
        return 2.0**-27 * np.cumsum(np.abs(value), axis=node.attrs["axis"])
    data = np.asarray(args[0])
    if node.operation.name in SUMS:
        return 2.0**-25 * node.operation.meaning(np.abs(data), **node.attrs)
    if node.operation.name in DEVIATIONS:
        off = 2.0**-26 * np.mean(np.abs(data), **node.attrs)
        return off if node.operation.name == "std" else off**2
    sums, counts = (node.operation.meaning(x, *args[1:], **node.attrs) for x in (np.abs(data), np.ones_like(data)))
    return 2.0**-27 * np.abs(sums) * counts


def _wide(x):
    if x is None or isinstance(x, (bool, int, float)):
        return x
    x = np.asarray(x)
    return x.astype(np.float64) if x.dtype == np.float32 else x


def _rounds(node):
    return isinstance(node.operation, Op) and node.operation.name not in EXACT


def differences(got, sure, shaken, share, least=0.0):
    """Places where `got` is not what the reference says, and what it may be; see the module's text."""
    got, sure = np.asarray(got), np.asarray(sure)
    if got.shape != sure.shape:
        return f"shape {got.shape} instead of {sure.shape}"
    if not got.size:
        return None
    with np.errstate(all="ignore"):
        a, b = got.astype(np.float64), sure.astype(np.float64)
        others = [np.asarray(s).astype(np.float64) for s in shaken]
        finite = np.isfinite(b)
        for s in others:
            finite &= np.isfinite(s)
        scale = np.max(np.abs(b[finite]), initial=0.0)
        spread = np.max([np.abs(s - b) for s in others], axis=0)
        same_kind = np.all([(s == b) | (np.isnan(s) & np.isnan(b)) for s in others], axis=0)
        if sure.dtype.kind != "f":
            judged = same_kind
            wrong = judged & (a != b)
        else:
            judged = (finite & (spread <= 0.01 * scale) & (np.abs(b) < 1e30)) | (~finite & same_kind)
            bound = 24.0 * spread + 2e-6 * np.abs(b) + 2e-6 * scale + least + 1e-30
            wrong = np.where(finite, ~(np.abs(a - b) <= bound), ~((a == b) | (np.isnan(a) & np.isnan(b))))
            wrong &= judged
    share[0] += int(np.sum(judged))
    share[1] += judged.size
    if not np.any(wrong):
        return None
    at = tuple(int(i) for i in np.argwhere(wrong)[0])
    return (
        f"{int(np.sum(wrong))} of {wrong.size} elements; at {at} {a[at]!r} instead of {b[at]!r} (+- {spread[at]:.3g})"
    )


# One graph ------------------------------------------------------------------------------------------------------------

_ENGINES = {}


def engines():
    """All (instruction set, threads) of this machine."""
    if not _ENGINES:
        for isa in ISAS:
            for threads in (1, 2, 3):
                try:
                    _ENGINES[isa, threads] = _core.Engine(isa, threads)
                except ValueError:
                    break
    return _ENGINES


def choose_engine(spec):
    isas = sorted({isa for isa, _ in engines()})
    isa = spec["isa"] if isinstance(spec["isa"], str) else isas[spec["isa"] % len(isas)]
    storage._engine = engines()[isa, spec["threads"]]
    return isa


def check(spec, share):
    """None if all is right; else what is not. `share` counts elements that were compared, and all.

    What seems wrong is looked at again with more and larger random errors: a few draws may all miss a discontinuity.
    """
    found = check_once(spec, share)
    return found if found is None or spec.get("again") else check_once({**spec, "again": True}, [0, 0])


def check_once(spec, share):
    try:
        return check_all(spec, share)
    except Exception as error:
        return f"{type(error).__name__}: {error}\n{''.join(traceback.format_tb(error.__traceback__)[-4:])}"


def check_all(spec, share):
    choose_engine(spec)
    try:
        built = Built(spec)
    except REFUSED:  # only while shrinking
        return None
    if any(0 in x._shape for x in built.pool):  # NumPy broadcasts no batch with nothing, a program need not look
        return None
    found = check_forward(built, share) if built.outputs else None
    if found is None and built.fixed:
        found = check_fixed(built, share)
    if found is None and spec.get("train") and built.read:
        found = check_training(built, share)
    return found


def run(program, built, sinks, batch):
    rates = np.full((1, len(program.counters)), 0.01) if program.counters else None
    counters = [o._iterations._storage for o in program.counters] or None
    n = built.spec["rows"]
    options = {"learning_rates": rates, "counters": counters, "force_threads": built.spec["threads"]}
    with np.errstate(all="ignore"):
        program.run(built.arrays, sinks, None, 0, n, batch, **options)


def check_forward(built, share):
    spec = built.spec
    outputs, _ = fuse(built.outputs)
    outputs = _distinct(outputs)
    try:
        program = compile_program(_columns(built), outputs=outputs, batch=spec["batch"])
        native = [np.full((spec["rows"], *t._shape[1:]), 77, t.dtype) for t in outputs]
        run(program, built, native, spec["batch"])
    except Exception as error:
        return _refusal(error)
    for start in range(0, spec["rows"], spec["batch"]):
        part = slice(start, start + spec["batch"])
        runs = [meanings(outputs, {t: v[part] for t, v in built.feeds.items()}, noise) for noise in _noises(spec)]
        for i, got in enumerate(native):
            found = differences(got[part], runs[0][i], [r[i] for r in runs[1:]], share, _least(spec))
            if found:
                return f"row output {i}, rows from {start}: {found}"
    return None


def check_fixed(built, share):
    """What has no batch axis, as new values of variables."""
    spec = built.spec
    tensors, _ = fuse(built.fixed)
    targets = [Variable(np.zeros(t._shape, t.dtype), trainable=False) for t in tensors]
    try:
        program = compile_program(_columns(built), updates=list(zip(targets, tensors, strict=True)), batch=spec["rows"])
        run(program, built, [], spec["rows"])
    except Exception as error:
        return _refusal(error)
    runs = [meanings(tensors, built.feeds, noise) for noise in _noises(spec)]
    for i, target in enumerate(targets):
        found = differences(target.numpy(), runs[0][i], [r[i] for r in runs[1:]], share, _least(spec))
        if found:
            return f"fixed output {i}: {found}"
    return None


def _least(spec):
    """What results may be off by: probabilities are clipped at 1 - 1e-7, which float32 rounds, before the logarithm."""
    clips = any(name.endswith("crossentropy") and not given.get("logits") for name, _, given in spec["steps"])
    return 2.0**-22 if clips else 0.0


def _noises(spec):
    sizes = [0.0, *([NOISE] * DRAWS if not spec.get("again") else [NOISE, 4 * NOISE] * 4 * DRAWS)]
    return [None, *((np.random.default_rng([spec["seed"], 77, i]), size) for i, size in enumerate(sizes))]


def _columns(built):
    return [(t, a.dtype.name) for t, a in zip(built.inputs, built.arrays, strict=True)]


def _distinct(tensors):
    seen, out = set(), []
    for t in tensors:
        out.append(apply("multiply", t, 1) if id(t) in seen else t)
        seen.add(id(t))
    return out


# What programs are refused for, by design: it is said to the user.
KNOWN = (
    "may have the batch dimension at most twice",
    "no whole parts of a row",
    "slice of the batch axis",
    "must have one row for each row",
    "failed for a batch of",  # sizes that do not fit, as NumPy finds when the program runs
    "boolean index did not match",
    "two axes of the batch's size and several rows",
)


def _refusal(error):
    """None for an error that says what cannot be; any other is a finding."""
    if isinstance(error, REFUSED) and any(k in str(error) for k in KNOWN):
        return None
    return f"{type(error).__name__}: {error}\n{''.join(traceback.format_tb(error.__traceback__)[-3:])}"


def loss_of(built):
    """A scalar of everything that is smooth."""
    spec = built.spec
    terms = []
    for i in spec["outs"]:
        x = built.pool[i]
        if x.dtype == "float32":
            terms.append(ops.mean(ops.square(tame(x))) if i % 2 else ops.mean(ops.sin(x)))
    if spec.get("regularizer"):
        terms += [0.01 * ops.sum(ops.square(w)) for w in built.read.values()]
        terms += [0.01 * ops.mean(ops.abs(w) * ops.log(ops.abs(w) + 1.0)) for w in list(built.read.values())[:1]]
    if not terms:
        return None
    total = terms[0]
    for t in terms[1:]:
        total = total + t
    return total


def check_training(built, share):
    spec = built.spec
    with trace.Trace():
        loss = loss_of(built)
    if not isinstance(loss, KerasTensor):
        return None
    (loss,), _ = fuse([loss])
    pairs = list(built.read.items())
    try:
        found = gradients(loss, [t for _, t in pairs])
    except NotImplementedError:
        return None
    pairs = [(v, g) for (v, _), g in zip(pairs, found, strict=True) if g is not None]
    if not pairs:
        return None
    variables, grads = (list(x) for x in zip(*pairs, strict=True))
    targets = [Variable(np.zeros(v.shape, "f"), trainable=False) for v in variables]
    total = Variable(np.zeros((), "f"), trainable=False)
    name, options = spec.get("optimizer") or (None, {})
    starts, optimizer = [v.numpy() for v in variables], None
    try:
        if name:
            for v in variables:
                v.constraint = CONSTRAINT[spec.get("constraint")]
            optimizer = make_optimizer(name, options)
            optimizer.build(variables)
        updates = [(total, loss)] if optimizer else [(total, loss), *zip(targets, grads, strict=True)]
        program = compile_program(
            _columns(built), updates=updates, optimizer=optimizer,
            gradients=list(zip(variables, grads, strict=True)) if optimizer else (), batch=spec["rows"],
        )  # fmt: skip
        run(program, built, [], spec["rows"])
    except Exception as error:
        return _refusal(error)
    after = [v.numpy() for v in variables]
    for v, start in zip(variables, starts, strict=True):
        v.assign(start)
    runs = [meanings([loss, *grads], built.feeds, noise) for noise in _noises(spec)]
    bad = differences(total.numpy(), runs[0][0], [r[0] for r in runs[1:]], share)
    if bad:
        return f"loss: {bad}"
    if optimizer is None:
        for i, (v, t) in enumerate(zip(variables, targets, strict=True)):
            bad = differences(t.numpy(), runs[0][i + 1], [r[i + 1] for r in runs[1:]], share)
            if bad:
                return f"gradient of variable {i} {v.shape}: {bad}"
        return None
    results = [updated(name, options, variables, starts, r[1:]) for r in runs]
    for i, got in enumerate(after):
        wide = [r[i].astype(np.float64) for r in results]
        bad = differences(got, wide[0], wide[1:], share, UPDATE_ROUNDS.get(name, 0.0) * np.abs(wide[0]))
        if bad:
            return f"variable {i} {got.shape} after {name} {options} {spec.get('constraint')}: {bad}"
    return None


def make_optimizer(name, options):
    return getattr(optimizers, name.split("_")[0])(learning_rate=0.01, **{**OPTIMIZERS[name], **options})


def updated(name, options, variables, starts, grads):
    """The variables after the optimizer's own `apply` in NumPy."""
    fresh = [Variable(s, trainable=True) for s in starts]
    for f, v in zip(fresh, variables, strict=True):
        f.constraint = v.constraint
    optimizer = make_optimizer(name, options)
    optimizer.build(fresh)
    with np.errstate(all="ignore"):
        optimizer.apply([np.asarray(g, np.float32) for g in grads], fresh)
    return [f.numpy() for f in fresh]


# Smaller graphs -------------------------------------------------------------------------------------------------------


def simpler(spec):
    """Descriptions that say less, the boldest first."""
    n, steps = len(spec["leaves"]), spec["steps"]
    if len(spec["outs"]) > 1:
        for i in spec["outs"]:
            yield {**spec, "outs": [i]}
    used = max(spec["outs"]) - n + 1
    if used < len(steps):
        yield {**spec, "steps": steps[: max(used, 0)]}
    for key in ("train", "regularizer"):
        if spec.get(key):
            yield {**spec, key: False}
    if spec.get("optimizer"):
        yield {**spec, "optimizer": None}
        if spec["optimizer"][1]:
            yield {**spec, "optimizer": [spec["optimizer"][0], {}]}
    if spec.get("constraint"):
        yield {**spec, "constraint": None}
    for out in spec["outs"]:  # what an output is made of
        if out >= n:
            for p in steps[out - n][1]:
                yield {**spec, "outs": [p if o == out else o for o in spec["outs"]]}
    for i in reversed(range(len(steps))):  # a step replaced by one of its operands
        for p in steps[i][1]:
            yield _without(spec, i, p)
    for rows in (1, 2, 3, 5, spec["rows"] // 2):
        if 0 < rows < spec["rows"]:
            yield {**spec, "rows": rows, "batch": min(rows, spec["batch"])}
    if spec["batch"] < spec["rows"]:
        yield {**spec, "batch": spec["rows"]}
    if spec["threads"] > 1:
        yield {**spec, "threads": 1}
    if spec["isa"] != "generic":
        yield {**spec, "isa": "generic"}


def _without(spec, i, operand):
    at = len(spec["leaves"]) + i

    def moved(p):
        return operand if p == at else p - (p > at)

    steps = [
        [name, [moved(p) for p in picks], params] for j, (name, picks, params) in enumerate(spec["steps"]) if j != i
    ]
    return {**spec, "steps": steps, "outs": sorted({moved(p) for p in spec["outs"]})}


def report(spec, found):
    small = search.shrink({**spec, "isa": choose_engine(spec)}, simpler, lambda s: check(s, [0, 0]))
    print(f"seed {spec['seed']}: {found}")
    print(f"  smallest: {check(small, [0, 0])}")
    print(f"  python tests/fuzz/graphs.py --replay '{json.dumps(small)}'", flush=True)


def main(arguments=None):
    """Run; returns the number of differences."""
    given, share = search.parse(__doc__, arguments), [0, 0]
    before = storage._engine
    try:
        if given.replay:
            return search.replay(given, check)
        done, wrong, spent = search.walk(given, draw, lambda spec: check(spec, share), report)
    finally:
        storage._engine = before
    print(
        f"{done} graphs from seed {given.seed} in {spent:.0f} s, {wrong} differences; "
        f"{share[0]:,} of {share[1]:,} elements compared; 1 to 3 threads of "
        f"{', '.join(sorted({isa for isa, _ in engines()}))}"
    )
    return wrong


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
