"""What one core can do at most: multiply-adds from registers, and reads from L2."""

from worker import serve, versions

from fastfit import _core

# Half of the smallest L2 in use, and far more than any L1.
L2_PROBE_BYTES = 512 * 1024


def setup(threads):
    engine = _core.Engine(None, threads)

    def measure(seconds=0.3):
        return {"flops": engine.measure_fma(seconds), "l2_bytes": engine.measure_read(L2_PROBE_BYTES, seconds)}

    return {"isa": engine.isa, "versions": versions("fastfit", "numpy")}, {"round": measure}


if __name__ == "__main__":
    serve(setup)
