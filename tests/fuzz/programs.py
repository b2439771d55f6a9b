"""Mutated programs against the core under the address and undefined-behaviour sanitizers.

``python -m tests.fuzz.programs --seconds 60 --seed 1`` compiles a dozen models, writes their programs where
`tests/fuzz/programs.c` finds them, and lets that change them, and programs of one op each: the core refuses what comes
of it, or runs it without a report. A failure is shortened and printed; the exit status is 1 then.
"""

import argparse
import os
import pathlib
import struct
import subprocess
import sys
import tempfile

# The gaps between slots are poisoned; set before the compiler is imported.
os.environ.setdefault("FASTFIT_ARENA_GAP", "64")
os.environ.setdefault("FASTFIT_NUM_THREADS", "2")

import numpy as np  # noqa: E402

from fastfit import layers, losses, metrics, models, ops, optimizers  # noqa: E402
from fastfit.compiler.assemble import Assembly  # noqa: E402
from fastfit.utils import set_random_seed  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
OPTIONS = "allocator_may_return_null=1:max_allocation_size_mb=1024:detect_leaks=1:handle_abort=1"


def nets():
    """Models with data of their own: (model, x, y, arguments of fit)."""
    rng = np.random.default_rng(0)
    x, rows = rng.normal(size=(40, 6)).astype("float32"), 40
    ids, one = rng.integers(0, 3, rows), rng.normal(size=(rows, 1)).astype("float32")
    i = layers.Input((6,))

    def compiled(outputs, optimizer, loss, inputs=i, **more):
        model = models.Model(inputs, outputs)
        model.compile(optimizer, loss, **more)
        return model

    wide = layers.Dense(64, activation="relu")(layers.Dense(300, activation="relu")(i))
    yield (
        compiled(layers.Dense(3, "softmax")(wide), "adam", "sparse_categorical_crossentropy", metrics=["accuracy"]),
        x,
        ids,
        {},
    )
    h = layers.Dense(5, "tanh")(i)
    yield (
        compiled(layers.Dense(1)(h), optimizers.SGD(0.1, momentum=0.9, clipnorm=1.0), "mse", metrics=["mae"]),
        x,
        one,
        {},
    )
    h = layers.Dropout(0.3)(layers.Dense(9, "gelu")(i))
    sigmoid = layers.Dense(1, "sigmoid")(h)
    yield (
        compiled(
            sigmoid, optimizers.RMSprop(gradient_accumulation_steps=2), "binary_crossentropy", metrics=[metrics.AUC()]
        ),
        x,
        (one > 0).astype("float32"),
        {"sample_weight": np.ones(rows)},
    )
    h = layers.Dense(8)(i)
    h = (h - ops.mean(h, axis=-1, keepdims=True)) / ops.sqrt(ops.var(h, axis=0) + 1e-3)
    yield (
        compiled(layers.Dense(2)(h), optimizers.AdamW(use_ema=True, global_clipnorm=0.5), "mae"),
        x,
        np.hstack([one, one]),
        {},
    )
    a, b = layers.Dense(4, name="a")(i), layers.Dense(2, name="b")(layers.Concatenate()([i, layers.Dense(3, "elu")(i)]))
    yield compiled([a, b], "nadam", ["mse", losses.Huber()], loss_weights=[1.0, 0.5]), x, [x[:, :4], x[:, :2]], {}
    e = layers.Input((7,), dtype="int32")
    h = layers.Flatten()(layers.Dense(2)(ops.one_hot(e, 11)))
    yield (
        compiled(layers.Dense(3, "softmax")(h), "adagrad", "sparse_categorical_crossentropy", e),
        ids[:, None] + np.zeros((1, 7), int),
        ids,
        {},
    )
    s = layers.Input((5, 6))
    h = layers.Dense(4, "relu", kernel_regularizer="l2")(s)
    h = layers.Dense(3)(ops.transpose(h, (0, 2, 1)))
    seq = rng.normal(size=(rows, 5, 6)).astype("float64")
    yield compiled(ops.mean(h, axis=1), "ftrl", "mse", s), seq, seq[:, 0, :3], {}
    h = ops.sort(i, axis=-1) + ops.cumsum(i, axis=-1) + ops.cast(ops.argmax(i, axis=-1, keepdims=True), "float32")
    yield compiled(layers.Dense(1)(h), "lion", "log_cosh"), x, one, {}
    h = ops.matmul(ops.reshape(i, (-1, 2, 3)), ops.reshape(i, (-1, 3, 2)))
    yield compiled(layers.Dense(1)(ops.reshape(h, (-1, 4))), "adadelta", "mse"), x, one, {}
    yield compiled(ops.where(i > 0, i, ops.exp(i)) * layers.Dense(6)(i), "adamax", "mse"), x, x, {}
    narrow = layers.Dense(16, "tanh")(i)
    big = rng.normal(size=(1100, 6)).astype("float32")
    yield compiled(layers.Dense(2)(narrow), "adam", "mse"), big, big[:, :2], {"batch_size": 1100}
    k = layers.Dense(3, activation="softmax")(layers.Dropout(0.1)(i))
    precise = [metrics.CategoricalAccuracy(), metrics.Precision(), metrics.TopKCategoricalAccuracy(2)]
    yield (
        compiled(k, optimizers.Adam(amsgrad=True), "categorical_crossentropy", metrics=precise),
        x,
        np.eye(3, dtype="float32")[ids],
        {},
    )


def assemblies():
    """The programs of training, evaluation and prediction of all models."""
    found, make = [], Assembly.make

    def noted(self, rows):
        found.append((self, rows))
        return make(self, rows)

    Assembly.make = noted
    set_random_seed(0)
    try:
        for model, x, y, more in nets():
            model.fit(x, y, **{"batch_size": 16, "verbose": 0, **more})
            model.evaluate(x, y, batch_size=16, verbose=0)
            model.predict(x, batch_size=16, verbose=0)
    finally:
        Assembly.make = make
    return found


def write(path, found):
    """The corpus, in the order that `load_at` of programs.c reads."""

    def padded(data):
        return data + b"\0" * (-len(data) % 8)

    def counted(array):
        return struct.pack("Q", len(array)) + padded(np.ascontiguousarray(array).tobytes())

    out = [struct.pack("Q", len(found))]
    for a, rows in found:
        out.append(struct.pack("3Q", rows, a.plan.commit, len(a.hosts)) + struct.pack("4Q", *a.arena))
        out += [counted(a.instructions), counted(a.groups), struct.pack("Q", len(a.stages) - 1)]
        out += [padded(a.stages.tobytes()), padded(a.description.when.tobytes())]
        out += [counted(c) for c in (a.slots, a.sources, a.sinks, a.variants)]
        out.append(struct.pack("Q", len(a.storages)))
        for storage in a.storages:
            value = bytes(storage.nbytes) if storage.packed else storage.read().tobytes()
            out.append(struct.pack("Q", len(value)) + padded(value))
    path.write_bytes(b"".join(out))


class Driver:
    def __init__(self, folder, seed):
        subprocess.run(
            ["make", "-s", *os.environ.get("MAKE_OPTIONS", "").split(), "VARIANT=san", "build/ctest-san/fuzz_programs"],
            cwd=ROOT,
            check=True,
        )
        self.corpus, self.progress, self.seed = folder / "corpus", folder / "progress", seed
        found = assemblies()
        isa = found[0][0].description.engine.isa
        write(self.corpus, found)
        self.environment = {
            **os.environ,
            "ASAN_OPTIONS": OPTIONS,
            "UBSAN_OPTIONS": "print_stacktrace=1",
            "FASTFIT_ISA": isa,
        }
        print(f"{len(found)} programs of {isa}, seed {seed}", flush=True)

    def run(self, first, count, seconds, *shorter):
        arguments = [self.corpus, self.progress, self.seed, first, count, seconds, *shorter]
        program = str(ROOT / "build/ctest-san/fuzz_programs")
        return subprocess.run([program, *map(str, arguments)], env=self.environment, capture_output=True, text=True)

    def number(self):
        return struct.unpack("Q", self.progress.read_bytes()[:8])[0]

    def shorten(self, number):
        """(mask, instructions left out) of the shortest that still fails."""
        named, self.environment["ASAN_OPTIONS"] = self.environment["ASAN_OPTIONS"], OPTIONS + ":symbolize=0"
        mask, dropped = 31, []
        for k in range(5):
            if self.run(number, 1, 0, mask & ~(1 << k)).returncode:
                mask &= ~(1 << k)
        left = self.run(number, 1, 0, mask).stdout.count("\ninstruction")
        at = 0  # of what is left, whose numbers fall as others go
        while at < left:
            if self.run(number, 1, 0, mask, ",".join(map(str, [*dropped, at]))).returncode:
                dropped.append(at)
                left -= 1
            else:
                at += 1
        self.environment["ASAN_OPTIONS"] = named
        return mask, ",".join(map(str, dropped))


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=10**9)
    parser.add_argument("--seconds", type=float, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    options = parser.parse_args(arguments)
    if not options.seconds and options.count == 10**9:
        options.seconds = 60
    with tempfile.TemporaryDirectory() as folder:
        driver = Driver(pathlib.Path(folder), options.seed)
        result = driver.run(options.first, options.count, options.seconds)
        print(result.stdout, end="")
        if result.returncode == 0:
            return 0
        number = driver.number()
        print(f"case {number} of seed {options.seed} fails (exit {result.returncode}); made shorter:", flush=True)
        mask, dropped = driver.shorten(number)
        short = driver.run(number, 1, 0, mask, dropped)
        print(short.stdout, short.stderr[:6000], sep="\n")
        if not short.returncode:
            print(f"It does not fail alone. In the run:\n{result.stderr[:6000]}")
        print(f"again: python -m tests.fuzz.programs --seed {options.seed} --first {number} --count 1")
    return 1


if __name__ == "__main__":
    sys.exit(main())
