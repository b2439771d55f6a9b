"""Four ways to choose the learning rate while training goes on, and an end to training that data decide.

A schedule belongs to the optimizer and counts steps; LearningRateScheduler is a function of the epoch;
ReduceLROnPlateau waits for progress to stop; EarlyStopping ends training and brings the best weights back.
"""

import fastfit
from fastfit.datasets import digits

EPOCHS = 12


def load():
    return [(x.reshape(len(x), 64).astype("float32") / 16, y) for x, y in digits.load_data()]


def build(optimizer):
    fastfit.utils.set_random_seed(11)
    model = fastfit.Sequential(
        [
            fastfit.Input((64,)),
            fastfit.layers.Dense(64, activation="relu"),
            fastfit.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def halve_every_fourth(epoch, rate):
    return rate / 2 if epoch and epoch % 4 == 0 else rate


def main():
    (x_train, y_train), test = load()
    steps = -(-len(x_train) // 32) * EPOCHS
    warm_up = steps // 10

    schedule = fastfit.optimizers.schedules.CosineDecay(0.0, steps - warm_up, warmup_target=0.01, warmup_steps=warm_up)
    model = build(fastfit.optimizers.Adam(schedule))
    model.fit(x_train, y_train, epochs=EPOCHS, verbose=0)
    print(f"cosine with warm-up, rate after the warm-up: {float(schedule(warm_up)):.4f}")
    print(f"cosine with warm-up, rate at the end: {float(schedule(steps)):.4f}")
    print(f"cosine with warm-up, test accuracy: {model.evaluate(*test, verbose=0)[1]:.3f}")

    model = build(fastfit.optimizers.SGD(0.1, momentum=0.9))
    scheduler = fastfit.callbacks.LearningRateScheduler(halve_every_fourth)
    history = model.fit(x_train, y_train, epochs=EPOCHS, callbacks=[scheduler], verbose=0)
    print("halved every fourth epoch:", [round(float(rate), 4) for rate in history.history["learning_rate"]])
    print(f"halved every fourth epoch, test accuracy: {model.evaluate(*test, verbose=0)[1]:.3f}")

    model = build(fastfit.optimizers.Adam(0.01))
    plateau = fastfit.callbacks.ReduceLROnPlateau(monitor="val_loss", factor=0.3, patience=2, min_lr=1e-5)
    stopper = fastfit.callbacks.EarlyStopping(monitor="val_loss", patience=6, restore_best_weights=True)
    history = model.fit(x_train, y_train, epochs=100, validation_split=0.2, callbacks=[plateau, stopper], verbose=0)
    losses = history.history["val_loss"]
    print(f"plateau: epochs before it stopped: {len(losses)}")
    print(f"plateau: best epoch: {losses.index(min(losses)) + 1}")
    print(f"plateau: last rate: {float(model.optimizer.learning_rate):.6f}")
    print(f"plateau: test accuracy: {model.evaluate(*test, verbose=0)[1]:.3f}")


if __name__ == "__main__":
    main()
