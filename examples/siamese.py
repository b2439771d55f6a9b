"""A siamese network: are these two images the same digit?

Two inputs go through one shared base, a Lambda layer measures how far the results are apart, and a contrastive loss
pulls pairs of one digit together and pushes others at least a margin away.
"""

import numpy as np

import fastfit
from fastfit.datasets import digits

ops = fastfit.ops

MARGIN = 1.0


def distance(vectors):
    """Euclidean distance of the rows of two matrices, as a column."""
    a, b = vectors
    squares = ops.sum(ops.square(a - b), axis=1, keepdims=True)
    return ops.sqrt(ops.maximum(squares, 1e-7))


def contrastive(same, gap):
    """Contrastive loss of distances; `same` is 1 for pairs of one class."""
    return ops.mean(same * ops.square(gap) + (1 - same) * ops.square(ops.maximum(MARGIN - gap, 0.0)), axis=-1)


def same_digit(same, gap):
    """Part of the pairs that half the margin tells apart."""
    return ops.mean(ops.cast(ops.equal(same > 0.5, gap < MARGIN / 2), "float32"), axis=-1)


def make_pairs(x, y, rng):
    """Each image with one of its own class and with one of another."""
    rows = [np.flatnonzero(y == digit) for digit in range(10)]
    partners = [rng.choice(rows[digit]) for digit in y]
    others = [rng.choice(rows[(digit + rng.integers(1, 10)) % 10]) for digit in y]
    first, second = np.tile(np.arange(len(x)), 2), np.concatenate([partners, others])
    same = np.repeat([1.0, 0.0], len(x)).astype("float32")
    order = rng.permutation(len(same))
    return [x[first[order]], x[second[order]]], same[order, None]


def build():
    base = fastfit.Sequential(
        [
            fastfit.Input((64,)),
            fastfit.layers.Dense(128, activation="relu"),
            fastfit.layers.Dropout(0.1),
            fastfit.layers.Dense(64, activation="relu"),
            fastfit.layers.Dense(16),
        ],
        name="base",
    )
    one, other = fastfit.Input((64,)), fastfit.Input((64,))
    gap = fastfit.layers.Lambda(distance, output_shape=(1,))([base(one), base(other)])
    return fastfit.Model([one, other], gap)


def main():
    fastfit.utils.set_random_seed(5)
    rng = np.random.default_rng(5)
    (x_train, y_train), (x_test, y_test) = [
        (x.reshape(len(x), 64).astype("float32") / 16, y.astype("int64")) for x, y in digits.load_data()
    ]
    train, test = make_pairs(x_train, y_train, rng), make_pairs(x_test, y_test, rng)

    model = build()
    model.compile(optimizer="rmsprop", loss=contrastive, metrics=[same_digit])
    model.fit(*train, batch_size=64, epochs=12, verbose=0)

    gaps = model.predict(test[0], verbose=0)
    same = test[1] > 0.5
    print(f"pair accuracy: {model.evaluate(*test, verbose=0)[1]:.3f}")
    print(f"mean distance of the same digit: {gaps[same].mean():.3f}")
    print(f"mean distance of different digits: {gaps[~same].mean():.3f}")


if __name__ == "__main__":
    main()
