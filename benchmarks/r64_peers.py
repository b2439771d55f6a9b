"""R64 by model.fit against a JAX program whose epoch is one jitted scan, and against Keras's own fit."""

from common import Worker, check_losses, main, paired
from peers.installed import keras_backends

JAX_GOAL = 0.5
KERAS_GOAL = 1 / 8
KERAS_ROUNDS = 5


def measure(rounds, quick=False):
    rows = 3200 if quick else 60000
    common = {"job": "r64", "rows": rows, "batch": 32}
    for threads in (1, 2):
        sides = f"{threads} thread{'s' if threads > 1 else ''} each"
        with Worker("fit.py", label="fastfit", library="fastfit", threads=threads, **common) as ours:
            with Worker("jax_mlp.py", label="JAX", threads=threads, **common) as peer:
                check_losses(ours, peer)
                line = paired(f"R64 step against a jitted JAX scan, {sides}", ours, peer, rounds, JAX_GOAL)
                line.detail += f" ({peer.info['variant']})"
            yield line
            lines = []
            for backend in keras_backends():
                environment = {"KERAS_BACKEND": backend}
                label = f"Keras on {backend}"
                with Worker("fit.py", label=label, library="keras", threads=threads, env=environment, **common) as peer:
                    check_losses(ours, peer)
                    few = min(rounds, KERAS_ROUNDS)
                    lines.append(paired(f"R64 step against Keras's fit, {sides}", ours, peer, few, KERAS_GOAL))
            if lines:
                # The largest ratio: Keras's fastest backend.
                yield max(lines, key=lambda line: line.median)


if __name__ == "__main__":
    main(measure, __doc__)
