"""One sample in fifty is what one looks for: class weights make the rare class count.

The same network is trained without and with `class_weight`. Accuracy hardly tells the two apart; the recall of the
rare class does.
"""

import numpy as np

import fastfit

RARE = 0.02


def make_data(rows, rng):
    """Two overlapping clouds in ten dimensions; the rare one is class 1."""
    y = (rng.uniform(size=rows) < RARE).astype("float32")
    x = rng.normal(size=(rows, 10)) + 0.6 * y[:, None]
    return x.astype("float32"), y[:, None]


def train(x, y, class_weight):
    fastfit.utils.set_random_seed(10)
    model = fastfit.Sequential(
        [
            fastfit.Input((10,)),
            fastfit.layers.Dense(16, activation="relu"),
            fastfit.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(
        optimizer="adam",
        loss="binary_crossentropy",
        metrics=[
            "accuracy",
            fastfit.metrics.Precision(name="precision"),
            fastfit.metrics.Recall(name="recall"),
            fastfit.metrics.AUC(name="auc"),
        ],
    )
    model.fit(x, y, batch_size=128, epochs=12, class_weight=class_weight, verbose=0)
    return model


def main():
    rng = np.random.default_rng(10)
    x_train, y_train = make_data(12000, rng)
    x_test, y_test = make_data(6000, rng)

    # weights inverse to the frequencies: both classes weigh the same in the loss
    counts = np.bincount(y_train[:, 0].astype(int))
    class_weight = {label: len(y_train) / (2 * count) for label, count in enumerate(counts)}
    print("class weights:", {label: round(float(weight), 1) for label, weight in class_weight.items()})

    for title, weights in (("unweighted", None), ("weighted", class_weight)):
        scores = train(x_train, y_train, weights).evaluate(x_test, y_test, verbose=0, return_dict=True)
        for name in ("accuracy", "precision", "recall", "auc"):
            print(f"{title} {name}: {scores[name]:.3f}")


if __name__ == "__main__":
    main()
