"""4-32-16-4 tanh net, 10,000 rows as one batch, Adam: a step against JAX and PyTorch."""

from common import Worker, check_losses, main, paired

JAX_GOAL = 0.5
TORCH_GOAL = 0.2
ROWS = 10000


def measure(rounds, quick=False):
    common = {"job": "tiny_tanh", "rows": ROWS, "batch": ROWS, "epochs": 5 if quick else 200}
    for threads in (1, 2):
        sides = f"{threads} thread{'s' if threads > 1 else ''} each"
        with Worker("fit.py", label="fastfit", library="fastfit", threads=threads, **common) as ours:
            with Worker("jax_mlp.py", label="JAX", mode="step", threads=threads, **common) as peer:
                check_losses(ours, peer)
                line = paired(f"4-32-16-4 tanh step against a jitted JAX step, {sides}", ours, peer, rounds, JAX_GOAL)
            line.detail += f" ({peer.info['variant']})"
            yield line
            with Worker("torch_mlp.py", label="torch", try_compile=not quick, threads=threads, **common) as peer:
                check_losses(ours, peer)
                line = paired(f"4-32-16-4 tanh step against PyTorch, {sides}", ours, peer, rounds, TORCH_GOAL)
            line.detail += f" ({peer.info['variant']})"
            yield line


if __name__ == "__main__":
    main(measure, __doc__)
