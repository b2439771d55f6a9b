"""Training that is killed goes on where it was.

A child process trains with BackupAndRestore and kills itself by SIGKILL in the middle of an epoch: nothing can be
cleaned up. The same command, given again, finds the backup and ends with the weights of a run that was never killed.
"""

import os
import signal
import subprocess
import sys
import tempfile

import numpy as np

import fastfit

EPOCHS, BATCH, ROWS = 6, 32, 640
KILLED = {"epoch": 3, "batch": 7}


class Kill(fastfit.callbacks.Callback):
    """End this process without a warning at one batch of one epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == (KILLED["epoch"], KILLED["batch"]):
            os.kill(os.getpid(), signal.SIGKILL)


def train(folder, result, kill):
    """Train with backups in `folder`, and write the weights to the file `result`."""
    fastfit.utils.set_random_seed(13)
    rng = np.random.default_rng(13)
    x = rng.normal(size=(ROWS, 10)).astype("float32")
    y = np.tanh(x @ rng.normal(size=(10, 1))).astype("float32")

    model = fastfit.Sequential(
        [fastfit.Input((10,)), fastfit.layers.Dense(32, activation="relu"), fastfit.layers.Dense(1)]
    )
    model.compile(optimizer="adam", loss="mse")
    callbacks = [fastfit.callbacks.BackupAndRestore(folder)] + ([Kill()] if kill else [])
    history = model.fit(x, y, batch_size=BATCH, epochs=EPOCHS, shuffle=False, callbacks=callbacks, verbose=0)
    np.savez(result, *model.get_weights(), loss=history.history["loss"][-1])


def run(folder, result, kill=False):
    """Start `train` in a process of its own; its return code."""
    command = [sys.executable, os.path.abspath(__file__), folder, result, "kill" if kill else "go"]
    return subprocess.run(command, check=False).returncode


def main():
    with tempfile.TemporaryDirectory() as folder:
        calm, resumed = os.path.join(folder, "calm.npz"), os.path.join(folder, "resumed.npz")
        backups = [os.path.join(folder, name) for name in ("backup_calm", "backup_killed")]

        print(f"run that is left alone, return code: {run(backups[0], calm)}")
        print(f"run that is killed, return code: {run(backups[1], resumed, kill=True)}")
        print(f"weights after the kill: {'there' if os.path.exists(resumed) else 'none'}")
        print(f"run again, return code: {run(backups[1], resumed)}")

        with np.load(calm) as expected, np.load(resumed) as found:
            print(f"final loss: {float(found['loss']):.4f}")
            gap = max(np.abs(expected[name] - found[name]).max() for name in expected.files)
            print(f"largest difference from the run left alone: {gap:g}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        train(sys.argv[1], sys.argv[2], kill=sys.argv[3] == "kill")
    else:
        main()
