"""Everything that holds an array trains as the array does: as x, y, weights and validation data."""

import numpy as np
import pytest

from fastfit import layers, models
from fastfit.utils import set_random_seed

X = np.random.default_rng(0).standard_normal((20, 4)).astype("float32")
Y = 2 * X[:, :1]
W = np.linspace(0.1, 1, 20).astype("float32")


class Array:
    def __init__(self, a):
        self.a = a

    def __array__(self, dtype=None, copy=None):
        return np.array(self.a, dtype=dtype)


class DLPack:
    def __init__(self, a):
        self.a = a

    def __dlpack__(self, **kwargs):
        return self.a.__dlpack__(**kwargs)

    def __dlpack_device__(self):
        return self.a.__dlpack_device__()


def mapped(a, folder):
    path = folder / f"{len(list(folder.iterdir()))}.npy"
    np.save(path, a)
    return np.load(path, mmap_mode="r")


def frames(name):
    """Of pandas or polars: a frame of a matrix, a series of one column."""

    def form(a, folder):
        lib = pytest.importorskip(name)
        return lib.DataFrame(a) if a.ndim == 2 and a.shape[1] > 1 else lib.Series(a.ravel())

    return form


def sparse(name):
    def form(a, folder):
        return getattr(pytest.importorskip("scipy.sparse"), name)(a) if a.ndim == 2 else a

    return form


FORMS = {
    "__array__": lambda a, folder: Array(a),
    "__dlpack__": lambda a, folder: DLPack(a),
    "memory map": mapped,
    "pandas": frames("pandas"),
    "polars": frames("polars"),
    "csr": sparse("csr_matrix"),
    "coo": sparse("coo_array"),
    "torch": lambda a, folder: pytest.importorskip("torch").from_numpy(a.copy()),
}


def trained(form):
    """All that can be seen of a model that got its data in this form."""
    set_random_seed(1)
    model = models.Sequential([layers.Input((4,)), layers.Dense(1)])
    model.compile("sgd", "mse", weighted_metrics=["mae"])
    x, y, w = form(X), form(Y), form(W)
    quiet = {"verbose": 0, "batch_size": 8}
    seen = [
        model.fit(x, y, sample_weight=w, validation_data=(x, y, w), **quiet).history,
        model.fit(x, y, sample_weight=w, validation_split=0.25, epochs=2, **quiet).history,
        model.evaluate(x, y, sample_weight=w, **quiet),
        model.train_on_batch(x, y, sample_weight=w),
        model.test_on_batch(x, y, sample_weight=w),
    ]
    np.testing.assert_array_equal(model.predict(x, **quiet), model.predict_on_batch(x))
    return [*seen, model.predict(x, **quiet).tolist()]


@pytest.mark.parametrize("name", FORMS)
def test_trains_as_the_array(name, tmp_path):
    assert trained(lambda a: FORMS[name](a, tmp_path)) == trained(lambda a: a)


def test_a_torch_loader_gives_batches():
    data = pytest.importorskip("torch.utils.data")
    tensors = [pytest.importorskip("torch").from_numpy(a) for a in (X, Y, W)]
    loader = data.DataLoader(data.TensorDataset(*tensors), batch_size=8)

    def run(*args, **kwargs):
        set_random_seed(1)
        model = models.Sequential([layers.Input((4,)), layers.Dense(1)])
        model.compile("sgd", "mse")
        return model.fit(*args, epochs=2, verbose=0, **kwargs).history["loss"]

    np.testing.assert_allclose(run(loader), run(X, Y, sample_weight=W, batch_size=8, shuffle=False), rtol=1e-6)
