"""Two inputs and two outputs, all of them given by name.

Every sample is a pair of digits. One output says which digit the left image shows, the other how likely the right one
is the larger number. Inputs, targets, losses, their weights and metrics are dicts with the names of layers as keys.
"""

import numpy as np

import fastfit
from fastfit.datasets import digits


def pairs(x, y, count, rng):
    """Dicts of inputs and targets for so many random pairs."""
    left, right = rng.integers(0, len(x), (2, count))
    inputs = {"left": x[left], "right": x[right]}
    targets = {"digit": y[left], "right_is_larger": (y[right] > y[left]).astype("float32")[:, None]}
    return inputs, targets


def build():
    left = fastfit.Input((64,), name="left")
    right = fastfit.Input((64,), name="right")
    # one set of weights reads both images
    reader = fastfit.Sequential(
        [
            fastfit.layers.Dense(96, activation="relu"),
            fastfit.layers.Dense(32, activation="relu"),
        ],
        name="reader",
    )
    a, b = reader(left), reader(right)
    digit = fastfit.layers.Dense(10, activation="softmax", name="digit")(a)
    x = fastfit.layers.Concatenate()([a, b])
    x = fastfit.layers.Dense(64, activation="relu")(x)
    larger = fastfit.layers.Dense(1, activation="sigmoid", name="right_is_larger")(x)
    return fastfit.Model({"left": left, "right": right}, {"digit": digit, "right_is_larger": larger})


def main():
    fastfit.utils.set_random_seed(3)
    rng = np.random.default_rng(3)
    (x_train, y_train), (x_test, y_test) = [
        (x.reshape(len(x), 64).astype("float32") / 16, y.astype("int32")) for x, y in digits.load_data()
    ]
    train, test = pairs(x_train, y_train, 8000, rng), pairs(x_test, y_test, 1000, rng)

    model = build()
    model.compile(
        optimizer="adam",
        loss={"digit": "sparse_categorical_crossentropy", "right_is_larger": "binary_crossentropy"},
        loss_weights={"digit": 0.5, "right_is_larger": 1.0},
        metrics={"digit": ["accuracy"], "right_is_larger": ["accuracy"]},
    )
    history = model.fit(*train, batch_size=64, epochs=8, validation_split=0.1, verbose=0)
    print("logs:", ", ".join(sorted(history.history)))

    scores = model.evaluate(*test, verbose=0, return_dict=True)
    outputs = model.predict(test[0], verbose=0)
    print("outputs:", {name: array.shape for name, array in sorted(outputs.items())})
    print(f"digit accuracy: {scores['digit_accuracy']:.3f}")
    print(f"comparison accuracy: {scores['right_is_larger_accuracy']:.3f}")


if __name__ == "__main__":
    main()
