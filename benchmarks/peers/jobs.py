"""The networks that are timed, their data and their initial weights: the same for every library."""

import dataclasses

import numpy as np

CHECK_STEPS = 20


@dataclasses.dataclass(frozen=True)
class Job:
    """A network of dense layers.

    `activation` is that of the hidden layers. With `classes` the last layer is a softmax under sparse categorical
    cross-entropy, with accuracy as a metric; without, it is linear under mean squared error.
    """

    inputs: int
    units: tuple
    activation: str
    classes: bool

    def weights(self, seed=0):
        """[w, b, w, b, ...], float32, Glorot uniform and zero."""
        rng = np.random.default_rng(seed)
        result = []
        for k, n in zip((self.inputs, *self.units), self.units, strict=False):
            limit = np.sqrt(6 / (k + n))
            result += [rng.uniform(-limit, limit, (k, n)).astype("float32"), np.zeros(n, "float32")]
        return result

    def data(self, rows, seed=1):
        """(x, y): float32 rows, and int32 class ids or float32 targets that can be learnt from them."""
        rng = np.random.default_rng(seed)
        x = rng.random((rows, self.inputs), dtype="float32")
        mapped = (x - 0.5) @ rng.standard_normal((self.inputs, self.units[-1]), dtype="float32")
        return x, (mapped.argmax(1).astype("int32") if self.classes else np.tanh(mapped))

    def flops(self, batch):
        """Floating-point operations of the matrix products of one step: forward, dW, and dx but for the first layer."""
        sizes = [k * n for k, n in zip((self.inputs, *self.units), self.units, strict=False)]
        return 2 * batch * (2 * sum(sizes) + sum(sizes[1:]))


JOBS = {
    "r64": Job(784, (64, 64, 10), "relu", True),
    "wide": Job(784, (1024, 1024, 1024, 1024, 10), "relu", True),
    # The job that SimpleChains.jl's authors published.
    "tiny_tanh": Job(4, (32, 16, 4), "tanh", False),
    "first": Job(20, (16, 16, 10), "relu", True),
}
