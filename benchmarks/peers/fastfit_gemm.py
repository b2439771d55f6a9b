"""The library's own products, as training uses them: packed weights, no optimizer."""

from worker import serve, versions

from fastfit import _core


def setup(threads, kind, shape, seconds):
    m, k, n = shape
    flops = 2.0 * m * k * n
    engine = _core.Engine(None, threads)

    def one_round():
        gflops = _core.bench_gemm(kind, m, k, n, seconds)
        return {"seconds": flops / (gflops * 1e9), "gflops": gflops}

    def peak():
        return {"gflops": engine.measure_fma(seconds) / 1e9}

    return {"versions": versions("fastfit")}, {"round": one_round, "peak": peak}


if __name__ == "__main__":
    serve(setup)
