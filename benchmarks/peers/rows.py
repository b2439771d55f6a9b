"""The times of many short calls."""

import time

import numpy as np

WARM_UP = 200


def time_calls(function, arguments, calls):
    """Call `function(*arguments)`; its median and 99th percentile in seconds, each call timed on its own."""
    for _ in range(WARM_UP):
        function(*arguments)
    times = np.empty(calls, "int64")
    clock = time.perf_counter_ns
    for i in range(calls):
        start = clock()
        function(*arguments)
        times[i] = clock() - start
    return {"seconds": float(np.median(times)) * 1e-9, "p99": float(np.quantile(times, 0.99)) * 1e-9}
