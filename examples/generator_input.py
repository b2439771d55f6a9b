"""Feed training batch by batch: from a Python generator, and from a dataset that is indexed.

The generator never ends, so `steps_per_epoch` says how long an epoch is; it draws the images anew with a little noise
each time. The validation data are a `PyDataset`, which knows its length.
"""

import numpy as np

import fastfit
from fastfit.datasets import digits

BATCH = 32


def noisy_images(x, y, rng):
    """Yield batches of random images with noise, for ever."""
    while True:
        rows = rng.integers(0, len(x), BATCH)
        noise = rng.normal(0, 0.1, (BATCH, *x.shape[1:]))
        yield (x[rows] + noise).astype("float32"), y[rows]


class Batches(fastfit.utils.PyDataset):
    """The images in order, in batches of a given size; the last one may be smaller."""

    def __init__(self, x, y, size, **kwargs):
        super().__init__(**kwargs)
        self.x, self.y, self.size = x, y, size

    def __len__(self):
        return -(-len(self.x) // self.size)

    def __getitem__(self, index):
        rows = slice(index * self.size, (index + 1) * self.size)
        return self.x[rows], self.y[rows]


def main():
    fastfit.utils.set_random_seed(9)
    (x_train, y_train), (x_test, y_test) = [
        (x.astype("float32") / 16, y.astype("int32")) for x, y in digits.load_data()
    ]

    model = fastfit.Sequential(
        [
            fastfit.Input((8, 8)),
            fastfit.layers.Flatten(),
            fastfit.layers.Dense(128, activation="relu"),
            fastfit.layers.Dense(64, activation="relu"),
            fastfit.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    steps = len(x_train) // BATCH
    test = Batches(x_test, y_test, 100)
    history = model.fit(
        noisy_images(x_train, y_train, np.random.default_rng(9)),
        steps_per_epoch=steps,
        epochs=20,
        validation_data=test,
        validation_freq=2,
        verbose=0,
    )

    loss, accuracy = model.evaluate(test, verbose=0)
    print(f"steps per epoch: {steps}")
    print(f"validated epochs: {len(history.history['val_accuracy'])} of {len(history.epoch)}")
    print(f"test accuracy: {accuracy:.3f}")
    print(f"rows predicted from the dataset: {len(model.predict(test, verbose=0))}")


if __name__ == "__main__":
    main()
