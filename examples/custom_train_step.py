"""Write the training step yourself: train on spoilt images too, and watch the gradients.

`train_step` is called once, traced, and becomes part of the native program. `fastfit.gradients(loss, variables)` stands
where other libraries have a tape. The step below adds noise in the direction that hurts most (the fast gradient sign
method), trains on clean and spoilt images alike, and logs the length of the gradient.
"""

import numpy as np

import fastfit
from fastfit.datasets import digits

ops = fastfit.ops

STRENGTH = 0.1


class Robust(fastfit.Model):
    """A classifier that is trained against small malicious changes of its input."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.hidden = fastfit.layers.Dense(64, activation="relu")
        self.scores = fastfit.layers.Dense(10, activation="softmax")
        self.loss_mean = fastfit.metrics.Mean(name="loss")
        self.gradient_mean = fastfit.metrics.Mean(name="gradient_norm")
        self.accuracy = fastfit.metrics.SparseCategoricalAccuracy(name="accuracy")

    def call(self, x):
        return self.scores(self.hidden(x))

    @property
    def metrics(self):
        return [self.loss_mean, self.gradient_mean, self.accuracy]

    def train_step(self, data):
        x, y = data
        (slope,) = fastfit.gradients(self.compute_loss(x=x, y=y, y_pred=self(x, training=True)), [x])
        spoilt = x + STRENGTH * ops.sign(slope)
        y_pred = self(x, training=True)
        clean_loss = self.compute_loss(x=x, y=y, y_pred=y_pred)
        spoilt_loss = self.compute_loss(x=x, y=y, y_pred=self(spoilt, training=True))
        loss = 0.5 * (clean_loss + spoilt_loss)

        variables = self.trainable_variables
        gradients = fastfit.gradients(loss, variables)
        self.optimizer.apply(gradients, variables)

        self.loss_mean.update_state(loss)
        self.gradient_mean.update_state(ops.sqrt(sum(ops.sum(ops.square(g)) for g in gradients)))
        self.accuracy.update_state(y, y_pred)
        return {metric.name: metric.result() for metric in self.metrics}


def accuracy_under_attack(model, x, y, rng, tries=50):
    """Part of the images that stay recognised whatever of so many random changes is made to them."""
    right = np.ones(len(x), bool)
    for _ in range(tries):
        changed = x + STRENGTH * rng.choice([-1, 1], x.shape).astype("float32")
        right &= model.predict(changed, verbose=0).argmax(axis=1) == y
    return right.mean()


def main():
    (x_train, y_train), (x_test, y_test) = [
        (x.reshape(len(x), 64).astype("float32") / 16, y) for x, y in digits.load_data()
    ]
    fastfit.utils.set_random_seed(12)
    robust = Robust()
    plain = fastfit.Sequential(
        [fastfit.layers.Dense(64, activation="relu"), fastfit.layers.Dense(10, activation="softmax")]
    )
    for name, model in (("plain", plain), ("robust", robust)):
        model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
        history = model.fit(x_train, y_train, batch_size=32, epochs=20, verbose=0)
        clean = np.mean(model.predict(x_test, verbose=0).argmax(axis=1) == y_test)
        attacked = accuracy_under_attack(model, x_test, y_test, np.random.default_rng(12))
        print(f"{name}, test accuracy: {clean:.3f}")
        print(f"{name}, test accuracy under attack: {attacked:.3f}")
    print(f"gradient norm of the first epoch: {history.history['gradient_norm'][0]:.3f}")
    print(f"gradient norm of the last epoch: {history.history['gradient_norm'][-1]:.3f}")


if __name__ == "__main__":
    main()
