"""A variational autoencoder: learn to draw digits.

The encoder gives a mean and a log variance per image, a Lambda layer draws the code from them, and a small layer adds
the divergence from the standard normal to the loss by `add_loss`. New images are the decoder's answer to noise.
"""

import numpy as np

import fastfit
from fastfit.datasets import digits

ops = fastfit.ops

CODE = 4


class Divergence(fastfit.layers.Layer):
    """Pass on (mean, log variance), and add their mean Kullback-Leibler divergence to the losses."""

    def __init__(self, weight, **kwargs):
        super().__init__(**kwargs)
        self.weight = weight

    def call(self, inputs):
        mean, log_variance = inputs
        divergence = -0.5 * ops.sum(1 + log_variance - ops.square(mean) - ops.exp(log_variance), axis=1)
        self.add_loss(self.weight * ops.mean(divergence))
        return mean, log_variance

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)


def sample(statistics, seed):
    """Draw from the normal distributions, in a form that gradients pass."""
    mean, log_variance = statistics
    return mean + ops.exp(0.5 * log_variance) * fastfit.random.normal(ops.shape(mean), seed=seed)


def build():
    image = fastfit.Input((64,))
    x = fastfit.layers.Dense(128, activation="relu")(image)
    mean = fastfit.layers.Dense(CODE, name="mean")(x)
    log_variance = fastfit.layers.Dense(CODE, name="log_variance")(x)
    statistics = Divergence(weight=1 / 64)([mean, log_variance])
    seed = fastfit.random.SeedGenerator(7)
    code = fastfit.layers.Lambda(sample, output_shape=(CODE,), arguments={"seed": seed}, name="sample")(statistics)

    decoder = fastfit.Sequential(
        [
            fastfit.Input((CODE,)),
            fastfit.layers.Dense(128, activation="relu"),
            fastfit.layers.Dense(64, activation="sigmoid"),
        ],
        name="decoder",
    )
    return fastfit.Model(image, decoder(code)), fastfit.Model(image, mean), decoder


def main():
    fastfit.utils.set_random_seed(7)
    (x_train, _), (x_test, _) = [(x.reshape(len(x), 64).astype("float32") / 16, y) for x, y in digits.load_data()]

    model, encoder, decoder = build()
    model.compile(optimizer=fastfit.optimizers.Adam(0.002), loss="binary_crossentropy")
    history = model.fit(x_train, x_train, batch_size=32, epochs=25, validation_data=(x_test, x_test), verbose=0)

    codes = encoder.predict(x_test, verbose=0)
    drawn = decoder.predict(np.random.default_rng(7).normal(size=(500, CODE)).astype("float32"), verbose=0)
    print(f"loss of the first epoch: {history.history['loss'][0]:.4f}")
    print(f"loss of the last epoch: {history.history['loss'][-1]:.4f}")
    print(f"deviation of the codes: {codes.std():.3f}")
    print(
        f"pixel by pixel, mean of drawn images against real ones: {np.abs(drawn.mean(0) - x_train.mean(0)).mean():.3f}"
    )


if __name__ == "__main__":
    main()
