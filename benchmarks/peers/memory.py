"""Peak memory of this process: of an interpreter with NumPy, or of `fit` on a large array."""

import resource
import sys

import numpy as np
from worker import serve


def peak_bytes():
    try:
        with open("/proc/self/status") as file:
            # Not getrusage: its maximum is inherited from the process that started this one.
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM:"))
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024


def setup(threads, what, rows=60000):
    del threads
    if what == "numpy":
        # The imports that the other case has too, the interpreter and NumPy.
        return {"versions": {}}, {"round": lambda: {"bytes": peak_bytes()}}
    from fit import build, compile_model
    from jobs import JOBS

    spec = JOBS["r64"]
    rng = np.random.default_rng(0)
    x = np.empty((rows, spec.inputs), "float32")
    for start in range(0, rows, 1000):  # in pieces: no second array of this size ever exists
        x[start : start + 1000] = rng.random((min(1000, rows - start), spec.inputs), dtype="float32")
    y = rng.integers(0, 10, rows, dtype="int32")
    model = build("fastfit", spec)
    compile_model("fastfit", model, spec)

    def one_round():
        model.fit(x, y, batch_size=32, epochs=1, verbose=0)
        return {"bytes": peak_bytes(), "data": x.nbytes + y.nbytes}

    return {"versions": {}}, {"round": one_round}


if __name__ == "__main__":
    serve(setup)
