"""Train the reference network on real images and time it.

python examples/reference_mlp.py --data digits
python examples/reference_mlp.py --data fashion_mnist --epochs 10
"""

import argparse
import math
import statistics
import time

from fastfit.datasets import digits, fashion_mnist
from fastfit.layers import Dense, Input
from fastfit.models import Model

BATCH_SIZE = 32
LATENCY_CALLS = 2000
TIMED_EPOCHS = 5


def load(name):
    """((x_train, y_train), (x_test, y_test)): float32 rows in [0, 1] and class ids."""
    load_data, largest = {"digits": (digits.load_data, 16), "fashion_mnist": (fashion_mnist.load_data, 255)}[name]
    return tuple((x.reshape(len(x), -1).astype("float32") / largest, y) for x, y in load_data())


def row_latency(model, row):
    """Median seconds of predict_on_batch on one row."""
    times = []
    for _ in range(LATENCY_CALLS):
        start = time.perf_counter_ns()
        model.predict_on_batch(row)
        times.append(time.perf_counter_ns() - start)
    return statistics.median(times) * 1e-9


def step_time(model, x, y):
    """Median seconds per step of epochs without validation and progress bar."""
    times = []
    for _ in range(TIMED_EPOCHS):
        start = time.perf_counter()
        model.fit(x, y, batch_size=BATCH_SIZE, epochs=1, verbose=0)
        times.append(time.perf_counter() - start)
    return statistics.median(times) / math.ceil(len(x) / BATCH_SIZE)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", choices=("digits", "fashion_mnist"), default="digits")
    parser.add_argument("--epochs", type=int, default=5)
    arguments = parser.parse_args()
    (x_train, y_train), (x_test, y_test) = load(arguments.data)

    inputs = Input(shape=(x_train.shape[1],))
    x = Dense(64, activation="relu")(inputs)
    x = Dense(64, activation="relu")(x)
    outputs = Dense(10, activation="softmax")(x)
    model = Model(inputs=inputs, outputs=outputs)
    model.summary()
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])

    history = model.fit(x_train, y_train, batch_size=BATCH_SIZE, epochs=arguments.epochs, validation_split=0.1)
    loss, accuracy = model.evaluate(x_test, y_test)
    model.predict(x_test[:1])

    print(f"training loss     {history.history['loss'][-1]:.4f}")
    print(f"test loss         {loss:.4f}")
    print(f"test accuracy     {accuracy:.4f}")
    latency = row_latency(model, x_test[:1])
    step = step_time(model, x_train, y_train)
    print(f"time per step     {step * 1e6:.1f} us (batch {BATCH_SIZE}, median of {TIMED_EPOCHS} more epochs)")
    print(f"one-row latency   {latency * 1e6:.2f} us (median of {LATENCY_CALLS} calls)")


if __name__ == "__main__":
    main()
