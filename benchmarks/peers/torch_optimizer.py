"""PyTorch's fused optimizer on one flat parameter."""

import time

import torch
from worker import serve, versions


def setup(threads, optimizer, config, count, seconds):
    torch.set_num_threads(threads)
    parameter = torch.nn.Parameter(torch.randn(count))
    parameter.grad = torch.randn(count)
    step = getattr(torch.optim, optimizer)([parameter], lr=1e-3, fused=True, **config).step

    def one_round():
        step()
        times, end = [], time.perf_counter() + seconds
        while time.perf_counter() < end or not times:
            begin = time.perf_counter()
            step()
            times.append(time.perf_counter() - begin)
        return {"seconds": sorted(times)[len(times) // 2]}

    return {"versions": versions("torch")}, {"round": one_round}


if __name__ == "__main__":
    serve(setup)
