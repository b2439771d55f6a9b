"""Random models that Keras can express: predictions, losses, metrics and whole updates are Keras's.

    python -m tests.fuzz.keras_models [--seed 0] [--count 1000] [--seconds 60] [--replay JSON]

A model is drawn from a seed as plain data (inputs, steps, outputs with losses and metrics, an optimizer with options),
made by the same code of fastfit and of installed Keras on JAX, and given the same weights. `predict`, `evaluate`, and
then `fit` on one to three batches, once or twice, are compared: logs, weights, and the optimizer's variables. Each
`fit` begins with the weights and slots that Keras's last one ended with, so that no difference grows. On a difference
the model is made as small as it still differs and printed as an argument of ``--replay``; the exit code is 1.

What may differ: both compute in float32, in orders of their own. How well a model determines its results in float32 is
found by computing them here some times more, from weights, slots and inputs of which each number is changed by a random
part of up to 2^-20 of itself: 24 times as far as these results lie apart, and 1.2e-5 of the largest value (a sum of
2,500 errors of 2^-24, by the square root of their number, four times), are allowed. Where they lie apart by more than a
hundredth of the largest value a discontinuity is near, and that number is not compared; how many are is printed.
The instruction set is that of ``FASTFIT_ISA``; threads are forced, 1 to 3. Keras runs eagerly: of the few shapes that
there are each op is compiled once, and kept in `build/jax-cache`.
"""

import json
import sys
import warnings

import numpy as np

import tests.conftest  # noqa: F401  how Keras runs, which must be said before it is imported
from tests.fuzz import search

import keras  # isort: skip

import fastfit
from fastfit import _core
from tests.fuzz import graphs
from tests.fuzz import keras_steps as steps_of

NOISE, DRAWS, LEAST = 2.0**-20, 3, 1e-5
# rows and batch size: few, since JAX compiles for each
SIZES = (
    (1, 1), (2, 2), (7, 4), (16, 16), (33, 16), (33, 16), (100, 64), (130, 130), (300, 128), (2500, 2500), (2500, 1024),
)  # fmt: skip
OPTIMIZERS = {
    "SGD": [{}, {"momentum": 0.9}, {"momentum": 0.8, "nesterov": True}],
    "Adam": [{}, {"amsgrad": True}, {"beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-4}],
    "AdamW": [{}, {"weight_decay": 0.1}],
    "RMSprop": [{}, {"momentum": 0.5, "rho": 0.8}, {"centered": True, "epsilon": 1e-3}],
    "Adagrad": [{}, {"initial_accumulator_value": 0.01}],
    "Adadelta": [{}, {"rho": 0.8, "epsilon": 1e-4}],
    "Adamax": [{}, {"beta_1": 0.8}],
    "Nadam": [{}, {"beta_2": 0.9}],
    "Ftrl": [{}, {"l1_regularization_strength": 0.01, "l2_regularization_strength": 0.02, "beta": 0.1},
             {"learning_rate_power": -0.7, "initial_accumulator_value": 0.5}],
    "Lion": [{}, {"beta_1": 0.5}],
    "Lamb": [{}, {"beta_1": 0.8, "epsilon": 1e-3}],
    "Adafactor": [{}, {"relative_step": False, "clip_threshold": 0.5}],
    "Muon": [{}, {"nesterov": False, "momentum": 0.8}],
    "ScheduleFreeAdamW": [{}, {"warmup_steps": 2, "beta_1": 0.7}],
}  # fmt: skip
CLIPS = ({}, {"clipnorm": 0.1}, {"clipvalue": 0.01}, {"global_clipnorm": 0.1})

# Models ---------------------------------------------------------------------------------------------------------------


def draw(seed):
    """The description of a model: plain data, which `--replay` takes as JSON."""
    rng = np.random.default_rng([seed, 5])
    inputs = [{"shape": [int(rng.choice(steps_of.WIDTHS))], "dtype": "float32"}]
    for _ in range(rng.integers(0, 3)):
        shape = [int(rng.choice((3, 4)))] if rng.random() < 0.6 else [3, int(rng.choice((1, 4)))]
        inputs.append({"shape": shape, "dtype": ["float32", "float32", "int32", "bool"][rng.integers(4)]})
    rows, batch = SIZES[rng.integers(len(SIZES))]
    spec = {"seed": int(seed), "inputs": inputs, "steps": [], "outs": [], "rows": rows, "batch": batch}
    pool, kept, tries = [fastfit.Input(tuple(i["shape"]), dtype=i["dtype"]) for i in inputs], {}, 0
    wanted = int(rng.integers(1, 9))
    while len(spec["steps"]) < wanted and tries < 60:
        tries += 1
        step = steps_of.draw_step(rng, pool, spec["steps"], len(inputs))
        if step is None:
            continue
        tensor = steps_of.apply(fastfit, kept, len(spec["steps"]), step[0], [pool[p] for p in step[1]], step[2])
        if len(tensor.shape) > 3 or np.prod(tensor.shape[1:]) > 64:
            continue
        pool.append(tensor)
        spec["steps"].append(list(step))
    floats = [i for i, t in enumerate(pool) if t.dtype == "float32"]
    for _ in range(1 + (rng.random() < 0.3)):
        spec["outs"].append(_draw_output(rng, floats[-1 - min(int(rng.geometric(0.7)) - 1, len(floats) - 1)]))
    return {**spec, **_draw_training(rng, spec, pool)}


def _draw_output(rng, source):
    kind = list(steps_of.KINDS)[rng.integers(len(steps_of.KINDS))]
    _, losses, metrics = steps_of.KINDS[kind]
    loss = list(losses[rng.integers(len(losses))])
    if loss[1] is not None:
        loss[1] = {**loss[1], "reduction": steps_of.REDUCTIONS[rng.integers(len(steps_of.REDUCTIONS))]}
    units = 3 if kind.startswith(("one_hot", "ids")) else int(rng.choice((1, 3)))
    chosen = [metrics[i] for i in rng.permutation(len(metrics))[: rng.integers(0, 3)]]
    cut = int(rng.integers(0, len(chosen) + 1))
    return {"of": int(source), "kind": kind, "units": units, "loss": loss, "metrics": chosen[:cut],
            "weighted": chosen[cut:], "weight": [None, None, 0.3, 2.0][rng.integers(4)]}  # fmt: skip


def _draw_training(rng, spec, pool):
    name = list(OPTIMIZERS)[rng.integers(len(OPTIMIZERS))]
    given = {"learning_rate": 0.02, **OPTIMIZERS[name][rng.integers(len(OPTIMIZERS[name]))]}
    if any("L1" in str(s[2].get("kernel_regularizer")) for s in spec["steps"]):
        given.pop("l1_regularization_strength", None)  # weights of 0, as in `draw_dense`
    given |= CLIPS[rng.integers(len(CLIPS))] if rng.random() < 0.5 else {}
    if rng.random() < 0.2:
        given["weight_decay"] = 0.05
    if rng.random() < 0.25:
        given |= {"use_ema": True, "ema_momentum": 0.5}
        given |= {"ema_overwrite_frequency": int(rng.integers(1, 4))} if rng.random() < 0.6 else {}
    if rng.random() < 0.2:
        given["gradient_accumulation_steps"] = int(rng.integers(2, 4))
    if rng.random() < 0.15:
        given["loss_scale_factor"] = 4.0
    flat = len(spec["outs"]) == 1 and len(pool[spec["outs"][0]["of"]].shape) == 2
    classes = flat and spec["outs"][0]["kind"] in ("ids", "ids_logits", "one_hot", "one_hot_logits")
    return {
        "optimizer": [name, given],
        "sample_weight": bool(rng.random() < 0.4),
        "class_weight": bool(classes and rng.random() < 0.4),
        "threads": int(rng.integers(1, 4)),
        "rounds": int(rng.integers(1, 3)),
    }


def build(lib, spec):
    """The compiled model of a description, in a library."""
    inputs = [lib.Input(tuple(i["shape"]), dtype=i["dtype"], name=f"in{k}") for k, i in enumerate(spec["inputs"])]
    pool, kept, outputs = list(inputs), {}, []
    for i, (name, picks, params) in enumerate(spec["steps"]):
        pool.append(steps_of.apply(lib, kept, i, name, [pool[p] for p in picks], params))
    for k, out in enumerate(spec["outs"]):
        head = lib.layers.Dense(out["units"], activation=steps_of.KINDS[out["kind"]][0], name=f"out{k}")
        outputs.append(head(pool[out["of"]]))
    model = lib.Model(inputs, outputs if len(outputs) > 1 else outputs[0])
    name, given = spec["optimizer"]
    losses = [steps_of.objective(lib, "losses", o["loss"]) for o in spec["outs"]]
    metrics = [[steps_of.objective(lib, "metrics", m) for m in o["metrics"]] for o in spec["outs"]]
    weighted = [[steps_of.objective(lib, "metrics", m) for m in o["weighted"]] for o in spec["outs"]]
    shares = [1.0 if o["weight"] is None else o["weight"] for o in spec["outs"]]
    one = len(losses) == 1
    options = {} if lib is fastfit else {"run_eagerly": True, "jit_compile": False}
    model.compile(
        optimizer=getattr(lib.optimizers, name)(**given),
        loss=losses[0] if one else losses,
        metrics=metrics[0] if one else metrics,
        weighted_metrics=weighted[0] if one else weighted,
        loss_weights=None if all(o["weight"] is None for o in spec["outs"]) else shares,
        **options,
    )
    return model


def data(spec, model):
    """Inputs, targets, and the arguments of `fit` that weigh rows."""
    rng, n = np.random.default_rng([spec["seed"], 6]), spec["rows"]
    xs = []
    for i in spec["inputs"]:
        shape = (n, *i["shape"])
        if i["dtype"] == "float32":
            xs.append(rng.standard_normal(shape).astype("f"))
        else:
            xs.append(rng.integers(0, 5 if i["dtype"] == "int32" else 2, shape).astype(i["dtype"]))
    shapes = [tuple(o.shape[1:]) for o in model.outputs]
    ys = [steps_of.targets(rng, o["kind"], (n, *s)) for o, s in zip(spec["outs"], shapes, strict=True)]
    weigh = {}
    if spec["sample_weight"]:
        # one for each loss: Keras does not spread a row's weight over its time steps
        ws = [rng.uniform(0.0, 2.0, (n, *s[:-1])).astype("f") for s in shapes]
        weigh["sample_weight"] = ws if len(ws) > 1 else ws[0]
    elif spec["class_weight"]:
        weigh["class_weight"] = {0: 0.5, 1: 2.0, 2: 1.25}
    return (xs if len(xs) > 1 else xs[0]), (ys if len(ys) > 1 else ys[0]), weigh


# Comparison -----------------------------------------------------------------------------------------------------------


class Refused(Exception):
    """Both libraries raise."""


def outcome(function, *args):
    """What a function returns, or the error that it raises, as text."""
    try:
        return function(*args)
    except Exception as error:
        return f"{type(error).__name__} {error}"


class Pair:
    """A model in both libraries, with its data."""

    def __init__(self, spec):
        self.spec = spec
        self.theirs, self.ours = build(keras, spec), build(fastfit, spec)
        self.x, self.y, self.weigh = data(spec, self.theirs)
        self.ours._run_options = {"force_threads": spec["threads"]}
        rng = np.random.default_rng([spec["seed"], 7])
        for model in (self.theirs, self.ours):
            model.optimizer.build(model.trainable_variables)
        start = [rng.uniform(-0.7, 0.7, w.shape).astype("f") for w in self.theirs.get_weights()]
        self.theirs.set_weights(start)
        self.start = self.state(self.theirs)

    def state(self, model):
        return [*(np.array(w) for w in model.get_weights()), *(np.array(v) for v in model.optimizer.variables)]

    def reset(self, noise):
        """Give our model the state that Keras's had, changed a little; returns the inputs, changed as well."""
        for v, value in zip([*self.ours.weights, *self.ours.optimizer.variables], self.start, strict=True):
            v.assign(_shaken(value, noise))
        return [_shaken(x, noise) for x in self.x] if isinstance(self.x, list) else _shaken(self.x, noise)

    def compare(self, what, run, share):
        """None, or what differs between `run(model, x)` in both, a dict of named arrays."""
        sure, got = outcome(run, self.theirs, self.x), outcome(self.run_ours, run, None)
        if isinstance(sure, str) or isinstance(got, str):
            if isinstance(sure, str) and isinstance(got, str):
                raise Refused(sure)
            return f"{what} here: {got}" if isinstance(got, str) else f"{what} in Keras: {sure}"
        shaken = [self.run_ours(run, n) for n in self.noises(DRAWS)]
        if list(got) != list(sure):
            return f"{what}: {list(got)} instead of {list(sure)}"
        found = self.differences(got, sure, shaken, share)
        if found:  # a few draws may all miss a discontinuity
            found = self.differences(got, sure, shaken + [self.run_ours(run, n) for n in self.noises(24, 4.0)], [0, 0])
        return found and f"{what} {found}"

    def noises(self, count, size=1.0):
        seed = self.spec["seed"]
        return [(np.random.default_rng([seed, i, int(size)]), NOISE * size ** (i % 2)) for i in range(count)]

    def run_ours(self, run, noise):
        return run(self.ours, self.reset(noise))

    def differences(self, got, sure, shaken, share):
        for key, value in sure.items():
            value, others = np.asarray(value), [np.asarray(s[key]) for s in shaken]
            ours = np.asarray(got[key], dtype=value.dtype)
            # `graphs.differences` measures from what it is given as right.
            apart = [value + (o - ours) for o in others] if value.dtype.kind == "f" else others
            least = LEAST * float(np.max(np.abs(value), initial=0.0))
            found = graphs.differences(ours, value, apart, share, least if np.isfinite(least) else 0.0)
            if found:
                return f"{key}: {found}"
        return None


def _shaken(value, noise):
    if noise is None or value.dtype.kind != "f":
        return value
    return (value * (1.0 + noise[1] * noise[0].uniform(-1.0, 1.0, value.shape))).astype(value.dtype)


def check(spec, share):
    """None if the libraries agree; else where they do not.

    share : list of int
        Counts numbers that were compared, all numbers, and models that both refuse.
    """
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return _check(Pair(spec), share)
        except Refused:
            share[2] += 1
            return None


def _check(pair, share):
    spec, y, n = pair.spec, pair.y, len(pair.spec["outs"])

    def predictions(model, x):
        p = model.predict(x, batch_size=spec["batch"], verbose=0)
        return {f"output {k}": v for k, v in enumerate(p if n > 1 else [p])}

    def evaluation(model, x):
        weights = {k: v for k, v in pair.weigh.items() if k == "sample_weight"}
        logs = model.evaluate(x, y, batch_size=spec["batch"], verbose=0, return_dict=True, **weights)
        return {k: np.float32(v) for k, v in logs.items()}

    def training(model, x):
        history = model.fit(x, y, batch_size=spec["batch"], shuffle=False, verbose=0, **pair.weigh).history
        own = [*(f"weight {i}" for i in range(len(model.weights))),
               *(f"optimizer's {i}" for i in range(len(model.optimizer.variables)))]  # fmt: skip
        return {**{k: np.float32(v[0]) for k, v in history.items()}, **dict(zip(own, pair.state(model), strict=True))}

    found = pair.compare("predict", predictions, share) or pair.compare("evaluate", evaluation, share)
    for i in range(spec["rounds"]):
        found = found or pair.compare(f"fit {i}", training, share)
        pair.start = pair.state(pair.theirs)
    return found


# Smaller models -------------------------------------------------------------------------------------------------------


def simpler(spec):
    """Descriptions that say less, the boldest first."""
    first = len(spec["inputs"])
    if len(spec["outs"]) > 1:
        for out in spec["outs"]:
            yield {**spec, "outs": [out]}
    for key, plain in {"sample_weight": False, "class_weight": False, "rounds": 1, "threads": 1}.items():
        if spec[key] != plain:
            yield {**spec, key: plain}
    name, given = spec["optimizer"]
    if spec["optimizer"] != ["SGD", {"learning_rate": 0.02}]:
        yield {**spec, "optimizer": ["SGD", {"learning_rate": 0.02}]}
    for key in given:
        if key != "learning_rate":
            yield {**spec, "optimizer": [name, {k: v for k, v in given.items() if k != key}]}
    for k, out in enumerate(spec["outs"]):
        for key, plain in {"metrics": [], "weighted": [], "weight": None, "loss": ["mse", None]}.items():
            if out[key] != plain and (key != "loss" or out["kind"] == "numbers"):
                yield {**spec, "outs": [{**o, key: plain} if j == k else o for j, o in enumerate(spec["outs"])]}
        if out["of"] >= first:
            for p in spec["steps"][out["of"] - first][1]:
                yield {**spec, "outs": [{**o, "of": p} if j == k else o for j, o in enumerate(spec["outs"])]}
    used = max(o["of"] for o in spec["outs"]) - first + 1
    if used < len(spec["steps"]):
        yield {**spec, "steps": spec["steps"][: max(used, 0)]}
    for i in reversed(range(len(spec["steps"]))):
        if not any(p.get("of") == i for _, _, p in spec["steps"]):
            for p in spec["steps"][i][1]:
                yield _without(spec, i, p)
    for i, (name, picks, params) in enumerate(spec["steps"]):
        for key in params if name == "dense" else ():
            if key != "units":
                plain = [name, picks, {k: v for k, v in params.items() if k != key}]
                yield {**spec, "steps": [plain if j == i else s for j, s in enumerate(spec["steps"])]}
    for rows, batch in ((1, 1), (2, 2), (7, 4)):
        if rows < spec["rows"]:
            yield {**spec, "rows": rows, "batch": batch}


def _without(spec, i, operand):
    at = len(spec["inputs"]) + i

    def moved(p):
        return operand if p == at else p - (p > at)

    steps = []
    for j, (name, picks, params) in enumerate(spec["steps"]):
        if j != i:
            params = {**params, "of": params["of"] - (params["of"] > i)} if "of" in params else params
            steps.append([name, [moved(p) for p in picks], params])
    return {**spec, "steps": steps, "outs": [{**o, "of": moved(o["of"])} for o in spec["outs"]]}


def report(spec, found):
    small = search.shrink(spec, simpler, lambda s: check(s, [0, 0, 0]), seconds=120.0)
    print(f"seed {spec['seed']}: {found}")
    print(f"  smallest: {check(small, [0, 0, 0])}")
    print(f"  python -m tests.fuzz.keras_models --replay '{json.dumps(small)}'", flush=True)


def main(arguments=None):
    """Run; returns the number of differences."""
    given, share = search.parse(__doc__, arguments, count=1000), [0, 0, 0]
    if given.replay:
        return search.replay(given, check)
    done, wrong, spent = search.walk(given, draw, lambda spec: check(spec, share), report)
    print(
        f"{done} models from seed {given.seed} in {spent:.0f} s, {wrong} differences; {share[0]:,} of {share[1]:,} "
        f"numbers compared with Keras {keras.__version__}, {share[2]} refused by both; "
        f"1 to 3 threads of {_core.Engine().isa}"
    )
    return wrong


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
