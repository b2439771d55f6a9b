"""A weight for every time step: sequences of different lengths, padded with rubbish.

Each step's target is a function of that step's features. Steps behind the end of a sequence have weight 0, so that
neither the loss nor the weighted metrics see them; the plain metric shows what would be counted otherwise.
"""

import numpy as np

import fastfit

STEPS, FEATURES = 12, 3


def make_data(rows, rng):
    """(sequences, targets with one value per step, weights with one value per step)."""
    x = rng.normal(size=(rows, STEPS, FEATURES))
    y = x[:, :, :1] * x[:, :, 1:2] + 0.5 * x[:, :, 2:]
    lengths = rng.integers(3, STEPS + 1, rows)
    weights = (np.arange(STEPS) < lengths[:, None]).astype("float32")
    y = np.where(weights[:, :, None] > 0, y, 100.0)  # what padding happens to hold
    return x.astype("float32"), y.astype("float32"), weights


def build():
    # a dense layer works on the last axis: every step goes through the same weights
    return fastfit.Sequential(
        [
            fastfit.Input((STEPS, FEATURES)),
            fastfit.layers.Dense(48, activation="tanh"),
            fastfit.layers.Dense(48, activation="tanh"),
            fastfit.layers.Dense(1),
        ]
    )


def main():
    fastfit.utils.set_random_seed(8)
    rng = np.random.default_rng(8)
    x_train, y_train, w_train = make_data(2000, rng)
    x_test, y_test, w_test = make_data(500, rng)

    model = build()
    model.compile(
        optimizer=fastfit.optimizers.Adam(0.003),
        loss="mse",
        metrics=[fastfit.metrics.MeanAbsoluteError(name="all_steps")],
        weighted_metrics=[fastfit.metrics.MeanAbsoluteError(name="real_steps")],
    )
    model.fit(
        x_train,
        y_train,
        sample_weight=w_train,
        batch_size=64,
        epochs=20,
        validation_data=(x_test, y_test, w_test),
        verbose=0,
    )

    scores = model.evaluate(x_test, y_test, sample_weight=w_test, verbose=0, return_dict=True)
    by_hand = np.abs(model.predict(x_test, verbose=0) - y_test)[:, :, 0]
    print(f"error of the real steps: {scores['real_steps']:.3f}")
    print(f"the same by hand: {(by_hand * w_test).sum() / w_test.sum():.3f}")
    print(f"error with padding: {scores['all_steps']:.3f}")


if __name__ == "__main__":
    main()
