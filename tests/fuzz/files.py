"""Fuzz what loads files: damaged ``.keras``, ``.weights.h5`` and ``.h5`` files either load or are refused.

    python -m tests.fuzz.files --seed 0 --count 1000
    python -m tests.fuzz.files --seconds 60

Refused means one of `REFUSALS` within `SECONDS` and `MEMORY`; a model whose weights are loaded is then as it was. No
code runs, no module is imported, nothing is opened for writing, no file outside is read. Cases run in a child process,
so that a crash or a hang is found as well. What fails is made as short as it goes, printed and written to a file.
"""

import argparse
import codecs
import faulthandler
import json
import mmap
import os
import random
import resource
import shutil
import signal
import struct
import sys
import tempfile
import time
import traceback
import warnings

import h5py
import numpy as np

import fastfit
from fastfit import layers, ops
from tests.fuzz import file_mutations

REFUSALS = (ValueError, TypeError, OSError)
SECONDS, MEMORY = 10, 1 << 30


# ---- the files ----


@fastfit.saving.register_keras_serializable("fuzz")
class Table(layers.Layer):
    """A layer with variables, a config and files of its own."""

    def __init__(self, width=3, **kwargs):
        super().__init__(**kwargs)
        self.width = width

    def build(self, input_shape):
        self.table = self.add_weight(shape=(input_shape[-1], self.width), initializer="ones", name="table")

    def call(self, x):
        return ops.matmul(x, self.table)

    def get_config(self):
        return {**super().get_config(), "width": self.width}

    def save_assets(self, directory):
        with open(os.path.join(directory, "words.txt"), "w") as file:
            file.write("a b c")

    def load_assets(self, directory):
        for folder, _, names in os.walk(directory):
            for name in names:
                with open(os.path.join(folder, name), "rb") as file:
                    file.read()


def stack():
    model = fastfit.Sequential(
        [fastfit.Input((4,)), layers.Dense(3, "relu"), layers.Dropout(0.5), layers.Dense(2)], name="s"
    )
    model.compile("adam", "mse", metrics=["mae", fastfit.metrics.MeanSquaredError(name="q")])
    return model


def graph():
    x, z = fastfit.Input((4,), name="x"), fastfit.Input((4,), name="z")
    shared = layers.Dense(4, "tanh", kernel_regularizer="l2", name="shared")
    inner = fastfit.Sequential([fastfit.Input((4,)), layers.Dense(3)], name="inner")
    h = layers.Concatenate(name="both")([inner(shared(x) + shared(z)), Table(name="table")(x)])
    outputs = [
        layers.Dense(1, name="a")(h),
        layers.Reshape((2, 1), name="b")(layers.Dense(2, name="c")(ops.reshape(h, (-1, 6)))),
    ]
    model = fastfit.Model([x, z], outputs, name="g")
    rate = fastfit.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
    model.compile(
        fastfit.optimizers.SGD(rate, momentum=0.9), {"a": "mse", "b": fastfit.losses.Huber()}, loss_weights={"a": 2.0}
    )
    return model


MODELS = {"stack": stack, "graph": graph}


def _trained(name):
    fastfit.utils.set_random_seed(0)
    model = MODELS[name]()
    model.optimizer.build(model.trainable_variables)
    return model


def base_files(folder):
    """Return {(model, extension): bytes} of good files."""
    found = {}
    for name in MODELS:
        model = _trained(name)
        for extension in ("keras", "weights.h5", "h5"):
            path = os.path.join(folder, f"base.{extension}")
            (model.save_weights if extension == "weights.h5" else model.save)(path)
            with open(path, "rb") as file:
                found[name, extension] = file.read()
    return found


# A case: which file, how it is damaged and what loads it.


def make_case(seed):
    rng = random.Random(seed)
    extension = rng.choice(("keras", "keras", "weights.h5", "h5", "h5"))
    kinds = {
        "keras": file_mutations.OF_ARCHIVES, "weights.h5": file_mutations.OF_H5, "h5": file_mutations.OF_MODELS_IN_H5,
    }  # fmt: skip
    load = "load_weights" if extension == "weights.h5" or rng.random() < 0.3 else "load_model"
    options = {}
    if load == "load_weights":
        options["skip_mismatch"] = rng.random() < 0.3
        if extension == "h5":
            options["by_name"] = rng.random() < 0.5
    mutations = file_mutations.choose(rng, kinds[extension])
    return {
        "model": rng.choice(list(MODELS)),
        "extension": extension,
        "load": load,
        "options": options,
        "mutations": mutations,
    }


class Fault(Exception):
    """What must not happen."""


class Runner:
    """Runs cases in this process.

    Parameters
    ----------
    base : dict
        Good files.
    folder : str
        For the damaged file; nothing else may be written.
    """

    def __init__(self, base, folder):
        self.base, self.folder = base, folder
        outside = os.path.join(folder, "outside")
        os.mkdir(outside)
        with h5py.File(os.path.join(outside, "canary.h5"), "w") as file:
            file["w"] = np.full((4, 3), file_mutations.CANARY, "float32")
        np.full(12, file_mutations.CANARY, "float32").tofile(os.path.join(outside, "canary.bin"))
        os.chdir(folder)  # where links of files without a path lead from
        self.models = {name: _trained(name) for name in MODELS}
        self.before = {name: self._state(model) for name, model in self.models.items()}
        self.loaded = self.refused = 0
        self.watching, self.seen = False, None
        for name in ("cp437", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"):
            codecs.lookup(name)  # what zipfile and json may want: their modules are imported now
        sys.addaudithook(self._audit)

    def _state(self, model):
        return [v.numpy() for v in (*model.variables, *model.optimizer.variables)]

    def _audit(self, event, args):
        if not self.watching or self.seen:
            return
        if event == "compile" and args[0] == b"def foo(self, *args, **kwargs): pass":
            return  # how `inspect` reads the signature of a class that is built in
        if event in (
            "exec",
            "compile",
            "marshal.loads",
            "pickle.find_class",
            "os.system",
            "subprocess.Popen",
            "os.exec",
        ):
            self.seen = f"{event}{args}"
        elif event == "import" and args[0].split(".")[0] not in ("encodings", "fastfit", "numpy", "h5py"):
            self.seen = f"import of {args[0]}"
        elif event == "open" and isinstance(args[0], (str, bytes)):
            path, mode, flags = args
            written = (flags or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) or set(mode or "") & set("wax+")
            if written and not os.path.realpath(path).startswith(tempfile.gettempdir()):
                self.seen = f"open{args}"

    def run(self, case, data):
        """Load damaged bytes; Fault if what happens is not allowed."""
        path = os.path.join(self.folder, f"case.{case['extension']}")
        with open(path, "wb") as file:
            file.write(data)
        model, error = None, None
        self.seen, self.watching = None, True
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                if case["load"] == "load_model":
                    model = fastfit.models.load_model(path)
                else:
                    self.models[case["model"]].load_weights(path, **case["options"])
        except Exception as found:
            error = found
        finally:
            self.watching = False
        if self.seen:
            raise Fault(f"not allowed while loading: {self.seen[:300]}")
        if error is not None and not isinstance(error, REFUSALS):
            raise Fault("".join(traceback.format_exception(error)))
        if case["load"] == "load_weights":
            self._check_weights(case["model"], error)
        elif model is not None and any(np.any(v.numpy() == file_mutations.CANARY) for v in model.variables):
            raise Fault("the values of another file have been read")
        if sorted(os.listdir(self.folder)) != sorted(["outside", os.path.basename(path)]):
            raise Fault(f"written: {os.listdir(self.folder)}")
        os.unlink(path)
        self.loaded, self.refused = self.loaded + (error is None), self.refused + (error is not None)

    def _check_weights(self, name, error):
        model, before = self.models[name], self.before[name]
        now = self._state(model)
        same = len(now) == len(before) and all(
            a.dtype == b.dtype and a.tobytes() == b.tobytes() for a, b in zip(now, before, strict=True)
        )
        if error is not None and not same:
            raise Fault(f"weights have changed although the file was refused: {error}")
        if not same:
            for v, value in zip((*model.variables, *model.optimizer.variables), before, strict=True):
                v.assign(value)


# ---- in a child process ----


def in_child(base, cases, deadline=None):
    """Run cases in a child process.

    Returns
    -------
    (int, str or None, (int, int))
        How many cases ran, what was wrong with the last one, and how many files were loaded and refused.
    """
    progress = mmap.mmap(-1, 24)  # cases begun, loaded, refused
    folder = tempfile.mkdtemp(dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(reading)
            faulthandler.enable()  # says where it crashed
            _limit_memory()
            warnings.simplefilter("ignore")
            _run_all(Runner(base, folder), base, cases, progress, writing, deadline)
            code = 0
        except BaseException:
            os.write(writing, b"in the fuzzer itself: " + traceback.format_exc().encode()[-60000:])
        finally:
            os._exit(code)
    os.close(writing)
    try:
        status = _wait(child, progress)
        with os.fdopen(reading, "rb") as pipe:
            told = pipe.read().decode(errors="replace")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    begun, loaded, refused = struct.unpack("<3Q", progress[:24])
    if told:
        return begun, told, (loaded, refused)
    if status is None:
        return begun, f"not done after {SECONDS} s", (loaded, refused)
    if os.WIFSIGNALED(status):
        return begun, f"crashed: {signal.Signals(os.WTERMSIG(status)).name}", (loaded, refused)
    return begun, None if os.WEXITSTATUS(status) == 0 else "the child process ended early", (loaded, refused)


def _limit_memory():
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _run_all(runner, base, cases, progress, writing, deadline):
    for i, case in enumerate(cases):
        if deadline is not None and time.monotonic() > deadline:
            return
        progress[:24] = struct.pack("<3Q", i + 1, runner.loaded, runner.refused)
        data = file_mutations.mutate(base[case["model"], case["extension"]], case["mutations"])
        try:
            runner.run(case, data)
        except Fault as fault:
            os.write(writing, str(fault).encode()[-60000:])
            return
    progress[8:24] = struct.pack("<2Q", runner.loaded, runner.refused)


def _wait(child, progress):
    """Wait for the child; kill it when one case takes too long. Returns its status, or None if it was killed."""
    last, since = None, time.monotonic()
    while True:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return status
        if progress[:8] != last:
            last, since = progress[:8], time.monotonic()
        # Making a case, and the first one's models, are not what is measured: they have as much time again.
        if time.monotonic() - since > 3 * SECONDS:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return None
        time.sleep(0.02)


# ---- what fails ----


def shortened(base, case):
    """Return the case with as few mutations as still fail, and what it fails with."""
    _, wrong, _ = in_child(base, [case])
    again = True
    while again and wrong and len(case["mutations"]) > 1:
        again = False
        for i in range(len(case["mutations"])):
            fewer = {**case, "mutations": case["mutations"][:i] + case["mutations"][i + 1 :]}
            _, other, _ = in_child(base, [fewer])
            if other:
                case, wrong, again = fewer, other, True
                break
    return case, wrong


def report(base, seed, case, first):
    """Print a failing case and write its file; returns the path."""
    case, wrong = shortened(base, case)
    wrong = wrong or f"only after other cases: {first}"
    data = file_mutations.mutate(base[case["model"], case["extension"]], case["mutations"])
    path = os.path.abspath(f"fuzz-{seed}.{case['extension']}")
    with open(path, "wb") as file:
        file.write(data)
    print(f"\nFAILED seed {seed}: {wrong}\n  case: {json.dumps(case)}")
    call = f"load_model({path!r})"
    if case["load"] == "load_weights":
        call = f"a model of tests.fuzz.files.{case['model']}().load_weights({path!r}, **{case['options']})"
    print(f"  file: {path} ({len(data)} bytes)\n  reproduce: {call}\n  again: --seed {seed} --count 1", flush=True)
    return path


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0, help="of the first file; the next ones follow")
    parser.add_argument("--count", type=int, default=None, help="of files")
    parser.add_argument("--seconds", type=float, default=None)
    parser.add_argument("--most", type=int, default=1, help="failures to report before it ends")
    given = parser.parse_args(arguments)
    count = given.count or (1000 if given.seconds is None else 1 << 40)
    started = time.monotonic()
    deadline = None if given.seconds is None else started + given.seconds
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        base = base_files(folder)
    done, failures, totals = 0, 0, [0, 0]
    while done < count and (deadline is None or time.monotonic() < deadline):
        seeds = range(given.seed + done, given.seed + min(count, done + 2000))
        begun, wrong, (loaded, refused) = in_child(base, map(make_case, seeds), deadline)
        done += begun
        totals[0] += loaded
        totals[1] += refused
        if wrong:
            failures += 1
            report(base, seeds[begun - 1], make_case(seeds[begun - 1]), wrong)
            if failures >= given.most:
                break
        elif deadline is not None and time.monotonic() > deadline:
            break
    seconds = time.monotonic() - started
    print(
        f"{done} files in {seconds:.0f} s ({done / seconds:.0f}/s): {totals[0]} loaded, {totals[1]} refused, "
        f"{failures} failed"
    )
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
