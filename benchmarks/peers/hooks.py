"""R64 by `model.fit`: nothing watching it, a callback with batch hooks, a progress bar."""

import contextlib
import io
import time

from fit import build, compile_model
from jobs import JOBS
from worker import serve, versions

from fastfit.callbacks import Callback


class Hooks(Callback):
    """Both batch hooks overridden; their own code is nothing."""

    def on_train_batch_begin(self, batch, logs=None):
        pass

    def on_train_batch_end(self, batch, logs=None):
        pass


class Reading(Callback):
    """Reads its logs, as a callback does that has something to say."""

    def on_train_batch_end(self, batch, logs=None):
        self.last = logs["loss"]


class Terminal(io.StringIO):
    """What is written is kept; progress bars redraw themselves."""

    def isatty(self):
        return True


def setup(rows, batch, threads):
    spec = JOBS["r64"]
    x, y = spec.data(rows)
    model = build("fastfit", spec)
    compile_model("fastfit", model, spec)
    steps = -(-rows // batch)

    def one_round(watched=None):
        callbacks = {"hooks": [Hooks()], "logs": [Reading()]}.get(watched, [])
        output = {"terminal": Terminal, "log": io.StringIO}.get(watched)
        with contextlib.redirect_stdout(output()) if output else contextlib.nullcontext():
            start = time.perf_counter()
            model.fit(x, y, batch_size=batch, epochs=1, verbose=1 if output else 0, callbacks=callbacks)
            return {"seconds": (time.perf_counter() - start) / steps}

    return {"versions": versions("fastfit")}, {"round": one_round}


if __name__ == "__main__":
    serve(setup)
