"""Write a loss and a metric of your own: predict a range instead of a number.

The two outputs are the 10 % and the 90 % quantile of a target whose noise grows with x. The loss is a function of
targets and predictions; the metrics are a function, too, and a class that keeps what it counts in variables.
"""

import numpy as np

import fastfit

ops = fastfit.ops

QUANTILES = np.array([0.1, 0.9], "float32")


def pinball(y_true, y_pred):
    """Mean quantile loss: an error above costs (1 - q), an error below costs q."""
    error = y_true - y_pred
    return ops.mean(ops.maximum(QUANTILES * error, (QUANTILES - 1) * error), axis=-1)


def width(y_true, y_pred):
    """How far the two quantiles are apart."""
    return y_pred[:, 1] - y_pred[:, 0]


class Coverage(fastfit.metrics.Metric):
    """Part of the targets between the two quantiles."""

    def __init__(self, name="coverage", **kwargs):
        super().__init__(name=name, **kwargs)
        self.inside = self.add_weight(name="inside", initializer="zeros")
        self.total = self.add_weight(name="total", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        y = y_true[:, 0]
        hit = ops.logical_and(y >= y_pred[:, 0], y <= y_pred[:, 1])
        self.inside.assign_add(ops.sum(ops.cast(hit, "float32")))
        self.total.assign_add(ops.sum(ops.ones_like(y)))

    def result(self):
        return self.inside / ops.maximum(self.total, 1.0)


def make_data(rows, rng):
    x = rng.uniform(0, 1, (rows, 1)).astype("float32")
    y = np.sin(6 * x) + rng.normal(0, 0.1 + 0.5 * x)
    return x, np.repeat(y, 2, axis=1).astype("float32")  # a target for each quantile


def main():
    fastfit.utils.set_random_seed(4)
    rng = np.random.default_rng(4)
    x_train, y_train = make_data(4000, rng)
    x_test, y_test = make_data(2000, rng)

    model = fastfit.Sequential(
        [
            fastfit.Input((1,)),
            fastfit.layers.Dense(48, activation="tanh"),
            fastfit.layers.Dense(48, activation="tanh"),
            fastfit.layers.Dense(2),
        ]
    )
    model.compile(optimizer=fastfit.optimizers.Adam(0.005), loss=pinball, metrics=[width, Coverage()])
    model.fit(x_train, y_train, batch_size=64, epochs=25, verbose=0)

    scores = model.evaluate(x_test, y_test, verbose=0, return_dict=True)
    narrow, wide = model.predict(np.array([[0.05], [0.95]], "float32"), verbose=0)
    print(f"pinball loss: {scores['loss']:.3f}")
    print(f"coverage: {scores['coverage']:.3f}")
    print(f"mean width: {scores['width']:.3f}")
    print(f"width at 0.05: {narrow[1] - narrow[0]:.2f}")
    print(f"width at 0.95: {wide[1] - wide[0]:.2f}")


if __name__ == "__main__":
    main()
