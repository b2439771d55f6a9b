"""An autoencoder: 64 pixels through 12 numbers and back, and noise taken out on the way.

Encoder and decoder are models; a model calls them like layers, so that training the whole trains the parts. The
targets are the clean images, the inputs the same images with noise.
"""

import numpy as np

import fastfit
from fastfit.datasets import digits

CODE = 12


def build():
    image = fastfit.Input((64,))
    x = fastfit.layers.Dense(64, activation="relu")(image)
    encoder = fastfit.Model(image, fastfit.layers.Dense(CODE, name="code")(x), name="encoder")

    code = fastfit.Input((CODE,))
    x = fastfit.layers.Dense(64, activation="relu")(code)
    decoder = fastfit.Model(code, fastfit.layers.Dense(64, activation="sigmoid")(x), name="decoder")

    whole = fastfit.Input((64,))
    return encoder, decoder, fastfit.Model(whole, decoder(encoder(whole)), name="autoencoder")


def picture(pixels):
    """An image of 8 x 8 pixels in characters."""
    shades = " .:-=+*#%@"
    levels = (np.clip(pixels, 0, 1) * (len(shades) - 1)).round().astype(int).reshape(8, 8)
    return "\n".join("".join(shades[level] * 2 for level in row) for row in levels)


def main():
    fastfit.utils.set_random_seed(6)
    rng = np.random.default_rng(6)
    (clean_train, _), (clean_test, _) = [
        (x.reshape(len(x), 64).astype("float32") / 16, y) for x, y in digits.load_data()
    ]
    noisy_train = (clean_train + rng.normal(0, 0.2, clean_train.shape)).astype("float32")
    noisy_test = (clean_test + rng.normal(0, 0.2, clean_test.shape)).astype("float32")

    encoder, decoder, autoencoder = build()
    autoencoder.compile(optimizer=fastfit.optimizers.Adam(0.002), loss="binary_crossentropy", metrics=["mse"])
    autoencoder.fit(
        noisy_train, clean_train, batch_size=32, epochs=40, validation_data=(noisy_test, clean_test), verbose=0
    )

    codes = encoder.predict(noisy_test, verbose=0)
    restored = decoder.predict(codes, verbose=0)
    print(f"a noisy image:\n{picture(noisy_test[0])}\nthe same restored:\n{picture(restored[0])}")
    print(f"numbers per image: {codes.shape[1]}")
    print(f"error of the noisy images: {np.mean((noisy_test - clean_test) ** 2):.4f}")
    print(f"error of the restored images: {np.mean((restored - clean_test) ** 2):.4f}")


if __name__ == "__main__":
    main()
