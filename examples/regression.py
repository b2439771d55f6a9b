"""Fit a curved surface of eight features, some of them useless, and say how much of the variance is explained.

Shows a functional model with one linear output, the mean squared error as loss, other measures of error as metrics,
and weight decay by a regularizer.
"""

import numpy as np

import fastfit


def make_data(rows, rng):
    """Features on different scales, and a target with noise of standard deviation 0.1."""
    x = rng.normal(size=(rows, 8)) * [1, 1, 10, 10, 0.1, 0.1, 1, 1]
    y = np.sin(x[:, 0]) + 0.5 * x[:, 1] ** 2 - 0.1 * x[:, 2] + 0.02 * x[:, 3] * x[:, 1] + 3 * x[:, 4]
    return x.astype("float32"), (y + rng.normal(0, 0.1, rows)).astype("float32")


def build(features):
    decay = fastfit.regularizers.L2(1e-5)
    inputs = fastfit.Input((features,))
    x = fastfit.layers.Dense(64, activation="silu", kernel_regularizer=decay)(inputs)
    x = fastfit.layers.Dense(64, activation="silu", kernel_regularizer=decay)(x)
    return fastfit.Model(inputs, fastfit.layers.Dense(1)(x))


def main():
    fastfit.utils.set_random_seed(2)
    rng = np.random.default_rng(2)
    x_train, y_train = make_data(4000, rng)
    x_test, y_test = make_data(1000, rng)

    # scales are learned from the training rows only
    mean, deviation = x_train.mean(axis=0), x_train.std(axis=0)
    x_train, x_test = (x_train - mean) / deviation, (x_test - mean) / deviation

    model = build(x_train.shape[1])
    model.compile(
        optimizer=fastfit.optimizers.Adam(0.003),
        loss="mse",
        metrics=["mae", fastfit.metrics.RootMeanSquaredError(), fastfit.metrics.R2Score()],
    )
    model.fit(x_train, y_train[:, None], batch_size=64, epochs=30, verbose=0)

    scores = model.evaluate(x_test, y_test[:, None], verbose=0, return_dict=True)
    print(f"mean absolute error: {scores['mae']:.3f}")
    print(f"root mean squared error: {scores['root_mean_squared_error']:.3f}")
    print(f"r2: {scores['r2_score']:.3f}")


if __name__ == "__main__":
    main()
