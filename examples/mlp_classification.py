"""Classify handwritten digits with a network of dense layers.

Shows the ordinary course: Sequential, compile, fit with a part of the rows held back for validation, evaluate on
images that training never saw, and predict.
"""

import fastfit
from fastfit.datasets import digits


def load():
    """Images as rows of 64 numbers in [0, 1], labels as class ids."""
    return [(x.reshape(len(x), 64).astype("float32") / 16, y) for x, y in digits.load_data()]


def build():
    return fastfit.Sequential(
        [
            fastfit.layers.Input((64,)),
            fastfit.layers.Dense(64, activation="relu"),
            fastfit.layers.Dropout(0.2),
            fastfit.layers.Dense(64, activation="relu"),
            fastfit.layers.Dense(10, activation="softmax"),
        ]
    )


def main():
    fastfit.utils.set_random_seed(1)
    (x_train, y_train), (x_test, y_test) = load()

    model = build()
    model.summary()
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x_train, y_train, batch_size=32, epochs=15, validation_split=0.1, verbose=2)

    loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
    probabilities = model.predict(x_test[:5], verbose=0)

    print(f"validation accuracy: {history.history['val_accuracy'][-1]:.3f}")
    print(f"test loss: {loss:.3f}")
    print(f"test accuracy: {accuracy:.3f}")
    print(f"first test images: {probabilities.argmax(axis=1).tolist()}, true: {y_test[:5].tolist()}")


if __name__ == "__main__":
    main()
