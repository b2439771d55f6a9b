"""The first minutes with a small net, in a new process: `compile` and the first `fit` of one epoch."""

import time

from fit import build
from jobs import JOBS
from worker import serve, versions


def setup(library, threads, rows, batch):
    del threads  # given by the environment
    spec = JOBS["first"]
    x, y = spec.data(rows)

    def one_round():
        model = build(library, spec)
        start = time.perf_counter()
        model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
        model.fit(x, y, batch_size=batch, epochs=1, verbose=0)
        return {"seconds": time.perf_counter() - start}

    return {"versions": versions(library)}, {"round": one_round}


if __name__ == "__main__":
    serve(setup)
