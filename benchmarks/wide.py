"""4 x 1024 units, batch 256, two threads each: a whole step against PyTorch with fused Adam."""

from common import Worker, check_losses, main, paired

GOAL = 1.0


def measure(rounds, quick=False):
    common = {"job": "wide", "rows": 1024 if quick else 10240, "batch": 256, "threads": 2}
    with (
        Worker("fit.py", label="fastfit", library="fastfit", **common) as ours,
        Worker("torch_mlp.py", label="torch", try_compile=not quick, **common) as peer,
    ):
        check_losses(ours, peer)
        line = paired("4 x 1024 units, batch 256, step against PyTorch, 2 threads each", ours, peer, rounds, GOAL)
        line.detail += f" ({peer.info['variant']})"
        yield line


if __name__ == "__main__":
    main(measure, __doc__)
