"""The same products in PyTorch: its BLAS and oneDNN, with plain and with prepacked weights; the fastest counts."""

import time

import torch
from worker import serve, versions

TRIAL_SECONDS = 0.05


def candidates(kind, m, k, n):
    """{name: function without arguments}; y = x w, dx = dy w^T or dw = x^T dy."""
    x, w, dy = torch.rand(m, k), torch.rand(k, n), torch.rand(m, n)
    if kind == "forward":
        a, b, out = x, w, torch.empty(m, n)
    elif kind == "dx":
        a, b, out = dy, w.T, torch.empty(m, k)
    else:
        a, b, out = x.T, dy, torch.empty(k, n)
    found = {"matmul": lambda: torch.mm(a, b, out=out)}
    linear = getattr(torch.ops.mkldnn, "_linear_pointwise", None)
    if linear is not None:
        left, plain = a.contiguous(), b.T.contiguous()
        if kind == "dw":
            # The copies are part of the product: both operands are new in each step.
            found["oneDNN"] = lambda: linear(a.contiguous(), b.T.contiguous(), None, "none", [], "")
        else:
            found["oneDNN"] = lambda: linear(left, plain, None, "none", [], "")
            packed = torch.ops.mkldnn._reorder_linear_weight(plain, m)
            found["oneDNN packed"] = lambda: linear(left, packed, None, "none", [], "")
    return found


def rate(function, seconds, flops):
    function()
    count, start = 0, time.perf_counter()
    while True:
        for _ in range(10):
            function()
        count += 10
        elapsed = time.perf_counter() - start
        if elapsed >= seconds:
            return count * flops / elapsed


def setup(threads, kind, shape, seconds):
    torch.set_num_threads(threads)
    m, k, n = shape
    flops = 2.0 * m * k * n
    rates = {}
    with torch.no_grad():
        functions = candidates(kind, m, k, n)
        for name, function in list(functions.items()):
            try:
                rates[name] = rate(function, TRIAL_SECONDS, flops)
            except RuntimeError:  # an internal op of this version wants other arguments
                del functions[name]
    chosen = max(rates, key=rates.get)

    def one_round():
        with torch.no_grad():
            reached = rate(functions[chosen], seconds, flops)
        return {"seconds": flops / reached, "gflops": reached / 1e9}

    return {"versions": versions("torch"), "variant": chosen}, {"round": one_round}


if __name__ == "__main__":
    serve(setup)
