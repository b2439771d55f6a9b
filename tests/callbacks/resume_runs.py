"""Trains in processes that are killed at random moments, until the run is done; a program for test_resume.py.

    python resume_runs.py <folder> <case> <seed> <kills>

Prints JSON: how often a process was killed, and in which fields the result differs from a run that never was.
"""

import json
import os
import pickle
import random
import signal
import sys
import time
import warnings
from pathlib import Path

import h5py  # noqa: F401  imported before the forks, as every child needs it
import numpy as np

import fastfit
from fastfit import callbacks, layers, models, utils

WIDTH, CLASSES, ROWS = 12, 4, 200


class Slow(callbacks.Callback):
    """Takes time, so that there is something to kill; remembers what it saw."""

    def __init__(self, by_batch):
        super().__init__()
        self.seen = []
        if by_batch:
            self.on_train_batch_end = lambda batch, logs=None: time.sleep(0.0005)

    def on_epoch_end(self, epoch, logs=None):
        self.seen.append([epoch, float(np.random.random()), random.random()])
        time.sleep(0.004)

    def get_state(self):
        return {"seen": self.seen}


class Batches(utils.PyDataset):
    def __init__(self, x, y):
        super().__init__()
        self.x, self.y = x, y

    def __len__(self):
        return len(self.x) // 20

    def __getitem__(self, k):
        return self.x[20 * k : 20 * k + 20], self.y[20 * k : 20 * k + 20]


def endless(x, y):
    rng = np.random.default_rng(5)
    while True:
        rows = rng.integers(0, len(x), 20)
        yield x[rows], y[rows]


def whole(x, y):
    return {"x": x, "y": y, "batch_size": 20, "validation_split": 0.2}


def within_batches(x, y):
    return {**whole(x, y), "shuffle": "batch"}


def steps(x, y):
    """Passes over the data do not end where epochs end."""
    return {**whole(np.tile(x, (3, 1)), np.tile(y, 3)), "steps_per_epoch": 7}


def generator(x, y):
    return {"x": endless(x, y), "steps_per_epoch": 6, "validation_data": (x[:40], y[:40])}


def dataset(x, y):
    return {"x": Batches(x, y), "validation_data": (x[:40], y[:40])}


# Name: data, save_freq, optimizer.
CASES = {
    "epochs": (whole, "epoch", lambda: fastfit.optimizers.Adam(0.02, use_ema=True, ema_momentum=0.9)),
    "batches": (whole, 3, lambda: fastfit.optimizers.Adam(0.02)),
    "within batches": (within_batches, 5, lambda: fastfit.optimizers.SGD(0.1, momentum=0.9)),
    "steps": (steps, "epoch", lambda: fastfit.optimizers.RMSprop(0.01)),
    "steps and batches": (steps, 4, lambda: fastfit.optimizers.Adam(0.02, amsgrad=True)),
    "generator": (generator, "epoch", lambda: fastfit.optimizers.Adam(0.02)),
    "generator and batches": (generator, 4, lambda: fastfit.optimizers.Adam(0.02)),
    "dataset": (dataset, "epoch", lambda: fastfit.optimizers.Adam(0.02)),
    "dataset and batches": (dataset, 3, lambda: fastfit.optimizers.Adam(0.02)),
}


def build(optimizer):
    inputs = layers.Input((WIDTH,))
    x = layers.Dropout(0.3)(layers.Dense(16, activation="relu")(inputs))
    model = models.Model(inputs, layers.Dense(CLASSES, activation="softmax")(layers.Dropout(0.1, seed=3)(x)))
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def train(folder, name, case, epochs=12):
    """One run, or what is left of it; leaves its result in a file."""
    data, save_freq, optimizer = CASES[case]
    utils.set_random_seed(7)
    model = build(optimizer())
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((ROWS, WIDTH)).astype("float32"), rng.integers(0, CLASSES, ROWS)
    watching = {
        "stopping": callbacks.EarlyStopping(patience=9, restore_best_weights=True, min_delta=1e-3),
        "plateau": callbacks.ReduceLROnPlateau(patience=1, factor=0.8, cooldown=1),
        "checkpoint": callbacks.ModelCheckpoint(
            folder / f"{name}.best.weights.h5", save_best_only=True, save_weights_only=True
        ),
        "rows": callbacks.ModelCheckpoint(folder / f"{name}.often.keras", save_freq=11),
        "slow": Slow(save_freq != "epoch"),
    }
    # The rate of an epoch is made from that of the one before: twice the same epoch would show.
    schedule = callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.97)
    backup = callbacks.BackupAndRestore(
        folder / f"{name}.backup", save_freq=save_freq, double_checkpoint=case == "batches"
    )
    all_callbacks = [backup, schedule, *watching.values(), callbacks.CSVLogger(folder / f"{name}.csv")]
    history = model.fit(**data(x, y), epochs=epochs, verbose=0, callbacks=all_callbacks)
    assert not (folder / f"{name}.backup").exists()
    with h5py.File(folder / f"{name}.best.weights.h5") as file:
        best = {}
        file.visititems(lambda path, item: best.update({path: item[()]}) if isinstance(item, h5py.Dataset) else None)
    result = {
        "weights": model.get_weights(),
        "optimizer": model.optimizer.get_weights(),
        "history": history.history,
        "epochs": history.epoch,
        "csv": (folder / f"{name}.csv").read_text(),
        "best file": best,
        "next numbers": [float(np.random.random()), random.random(), utils.seeds.next_seed()],
        **{f"{key} {k}": v for key, c in watching.items() for k, v in c.get_state().items()},
    }
    temporary = folder / f"{name}.part"
    temporary.write_bytes(pickle.dumps(result))
    temporary.rename(folder / f"{name}.result")


def start(folder, name, case):
    """Train in a forked process; returns its id."""
    process = os.fork()
    if process == 0:
        code = 1
        try:
            warnings.simplefilter("ignore")
            train(folder, name, case)
            code = 0
        finally:
            os._exit(code)
    return process


def wait(process, seconds=None):
    """Wait for a process, or kill it after that time; returns whether it ended by itself."""
    end = None if seconds is None else time.monotonic() + seconds
    while True:
        done, status = os.waitpid(process, 0 if end is None else os.WNOHANG)
        if done:
            break
        if time.monotonic() >= end:
            os.kill(process, signal.SIGKILL)
            _, status = os.waitpid(process, 0)
            break
        time.sleep(0.001)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return False
    assert os.WEXITSTATUS(status) == 0, "training failed"
    return True


def same(a, b):
    """Whether two results are the same to the last bit."""
    if isinstance(a, (np.ndarray, np.generic)):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and (a == b or (a != a and b != b))


def main(folder, case, seed, wanted):
    folder, moments = Path(folder), random.Random(int(seed))
    begin = time.monotonic()
    assert wait(start(folder, "whole", case))
    full = time.monotonic() - begin
    reference = pickle.loads((folder / "whole.result").read_bytes())
    kills = chains = 0
    different = set()
    while kills < int(wanted):
        chains += 1
        name = f"killed{chains}"
        while not wait(start(folder, name, case), moments.uniform(0.02, 0.7) * full):
            kills += 1
            assert kills < 50 * int(wanted), "no progress"
        result = pickle.loads((folder / f"{name}.result").read_bytes())
        different |= {key for key in reference if not same(reference[key], result[key])}
    epochs = reference["epochs"]
    print(json.dumps({"kills": kills, "chains": chains, "different": sorted(different), "epochs": epochs}))


if __name__ == "__main__":
    main(*sys.argv[1:])
