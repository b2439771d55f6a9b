"""One step of the reference network, and how much of its gradients float32 may decide.

Two libraries that both round correctly part after some steps: a ReLU input that is 0 but for rounding is positive in
one and negative in the other, and Adam's first steps are the signs of gradients that may be 0 but for rounding. So
tests compare steps that begin with the same weights and slots, and what a step may differ by follows from its own sums.
"""

from dataclasses import dataclass
from typing import Any

EPSILON = 2.0**-24  # half a unit in the last place of 1

# A sum of products in float32 may be off by this part of what it would be with all signs alike, in all layers: five
# halves of a unit in the last place. The bounds below hold on generic, AVX2 and AVX-512 kernels and against Keras with
# at least a third to spare; a gradient that is wrong by 1e-3 of itself exceeds them at once, tenfold.
GAMMA = 3e-7


@dataclass
class Step:
    """What the rows of a batch give, before any update.

    Attributes
    ----------
    loss : scalar
    gradients, uncertain : list of arrays
        Per weight; the magnitudes of the sums, a gradient in float32 is right to GAMMA times that.
    turned : scalar
        How many ReLU inputs are so near to 0 that either side is right.
    """

    loss: Any
    gradients: list
    uncertain: list
    turned: Any


def step(np, weights, x, y):
    """One step of `nets.r64`, with NumPy or a module that has its functions, in the precision of the weights."""
    batch = x.shape[0]
    # sums, and what they are with all signs alike: rounding is in proportion to that
    outputs, reach, sides, near = [x], [np.abs(x)], [], []
    for k in (0, 2):
        z, r = outputs[-1] @ weights[k] + weights[k + 1], reach[-1] @ np.abs(weights[k]) + np.abs(weights[k + 1])
        sides.append(z > 0)
        near.append(np.abs(z) < GAMMA * r)
        outputs.append(np.maximum(z, 0))
        reach.append(r * (sides[-1] | near[-1]))
    logits = outputs[-1] @ weights[4] + weights[5]
    logs = logits - logits.max(1, keepdims=True)
    logs = logs - np.log(np.exp(logs).sum(1, keepdims=True))
    p, hot = np.exp(logs), np.eye(logs.shape[1], dtype=logs.dtype)[y]
    delta = (p - hot) / batch
    r = reach[-1] @ np.abs(weights[4]) + np.abs(weights[5])
    size = (p * (r + (p * r).sum(1, keepdims=True)) + p + hot) / batch
    gradients, uncertain = [None] * 6, [None] * 6
    for k in (4, 2, 0):
        gradients[k], gradients[k + 1] = outputs[k // 2].T @ delta, delta.sum(0)
        uncertain[k], uncertain[k + 1] = reach[k // 2].T @ size, size.sum(0)
        if k:
            side, either = sides[k // 2 - 1], near[k // 2 - 1]
            delta, through = (delta @ weights[k].T) * side, size @ np.abs(weights[k].T)
            # where either side is right, all of the delta is uncertain
            size = np.where(either, through / GAMMA, through * side)
    return Step(-(hot * logs).sum(1).mean(), gradients, uncertain, near[0].sum() + near[1].sum())


def excess(np, before, found, right, lower, upper):
    """How far `found` is from `right`, in parts of what it may be: at most 1 if all is well.

    `lower` and `upper` are what an update makes of gradients that are off by their rounding.
    """
    may = np.abs(right - lower) + np.abs(upper - right)
    # and the roundings of the update itself; slots may be denormal, which are zero in fastfit
    may = may + 10 * EPSILON * (np.abs(before) + np.abs(right)) + 1e-37
    return np.max(np.abs(found - right) / may)
