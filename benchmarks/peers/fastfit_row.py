"""One row through a network, NumPy in and NumPy out, in fastfit."""

import numpy as np
from fit import build
from jobs import JOBS
from rows import time_calls
from worker import serve, versions


def setup(job, threads, calls, call):
    del threads  # FASTFIT_NUM_THREADS
    spec = JOBS[job]
    model = build("fastfit", spec)
    model.set_weights(spec.weights())
    row = spec.data(1)[0]
    function = {"predict_on_batch": model.predict_on_batch, "model(x)": model}[call]

    def check():
        return {"loss": float(np.square(np.asarray(function(row))).sum())}

    return {"versions": versions("fastfit")}, {"check": check, "round": lambda: time_calls(function, (row,), calls)}


if __name__ == "__main__":
    serve(setup)
