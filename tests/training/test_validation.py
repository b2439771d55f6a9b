"""Validation measures rows as they are: what weighs classes in training does not weigh there."""

import numpy as np
import pytest

import fastfit
from fastfit.utils import PyDataset
from tests.training.pairs import A, B, N, P, Q, W, X, Y, classifier, close, fit_both, pair, several

WEIGHTS = {0: 3.0, 1: 0.25, 3: 8.0}
ONE = {"optimizer": "sgd", "loss": "sparse_categorical_crossentropy", "weighted_metrics": ["accuracy"]}
TWO = {"loss": ["bce", "mse"], "loss_weights": [2.0, 1.0], "weighted_metrics": [["mse"], ["mae"]]}


class Batches(PyDataset):
    """Arrays, ten rows at a time."""

    def __init__(self, *arrays):
        super().__init__()
        self.arrays = arrays

    def __len__(self):
        return -(-len(self.arrays[0]) // 10)

    def __getitem__(self, index):
        return tuple(a[10 * index : 10 * index + 10] for a in self.arrays)


def compiled():
    return pair(classifier, **ONE)


@pytest.mark.parametrize(
    "extra",
    (
        {"validation_split": 0.25},
        {"validation_split": 0.25, "validation_batch_size": 7},
        {"validation_split": 0.5, "validation_steps": 2},
        {"validation_data": (X[:20], Y[:20])},
        {"validation_data": (X[:20], Y[:20], W[:20])},
        {"validation_data": (X[:20], Y[:20]), "validation_steps": 2, "validation_freq": 2},
    ),
    ids=lambda extra: "-".join(extra),
)
def test_class_weight_and_validation_as_in_keras(extra):
    fit_both(compiled(), X, Y, class_weight=WEIGHTS, **extra)


def val(model, *data, **kwargs):
    history = model.fit(*data, shuffle=False, verbose=0, **kwargs).history
    return {key: value for key, value in history.items() if key.startswith("val_")}


def frozen():
    """Both outputs; nothing moves, so that validation would see weights of classes alone."""
    fastfit.utils.set_random_seed(3)
    model = several(fastfit)
    model.compile(fastfit.optimizers.SGD(0.0), **TWO)
    return model


@pytest.mark.parametrize("weights", ({"p": {0: 5.0, 1: 0.5}}, [{0: 5.0}, None], {"p": {1: 9.0}, "q": None}), ids=str)
@pytest.mark.parametrize(
    "extra", ({"validation_split": 0.3}, {"validation_data": ([A, B], [P, Q])}), ids=lambda extra: "-".join(extra)
)
def test_class_weight_of_several_outputs(weights, extra):
    plain, weighted = (val(frozen(), [A, B], [P, Q], class_weight=w, **extra) for w in (None, weights))
    assert plain == weighted and "val_p_mse" in plain


def test_class_weight_and_streams():
    kinds = {
        "arrays": {"validation_data": (X[:30], Y[:30])},
        "dataset": {"validation_data": Batches(X[:30], Y[:30])},
        "steps": {"validation_data": Batches(X, Y), "validation_steps": 3},
        "generator": {},
        "iterable": {"validation_data": Loader()},
    }
    expected = {}
    for data in ((X, Y), (Batches(X, Y),)):
        for name, extra in kinds.items():
            model = compiled()[0]
            if name == "generator":
                extra = {"validation_data": (b for b in [(X[:10], Y[:10]), (X[10:30], Y[10:30])])}
            found = val(model, *data, class_weight=WEIGHTS, **extra)
            trained = model.evaluate(X[:30], Y[:30], verbose=0)
            close({"a": found["val_loss"][0]}, {"a": trained[0]})
            assert expected.setdefault(name, len(found)) == 2


class Loader:
    """Can be read again."""

    def __iter__(self):
        return iter([(X[:30], Y[:30])])


def test_sample_weights_are_split_with_their_rows():
    """The part for validation keeps the weights of its own rows, as in Keras."""
    fit_both(compiled(), X, Y, sample_weight=W, validation_split=0.4)


def test_class_weight_weighs_training():
    """And is the same as weights of the rows that are trained on."""
    rows = np.array([WEIGHTS.get(int(c), 1.0) for c in Y], "float32")
    kept = int(N * 0.75)
    one, other = compiled()[0], compiled()[0]
    a = one.fit(X, Y, class_weight=WEIGHTS, validation_split=0.25, shuffle=False, verbose=0).history
    rest = (X[kept:], Y[kept:])
    b = other.fit(
        X[:kept], Y[:kept], sample_weight=rows[:kept], validation_data=rest, shuffle=False, verbose=0
    ).history
    assert a == b
