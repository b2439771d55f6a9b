"""What fit returns: as a table and as curves."""

import sys

import numpy as np
import pytest

from fastfit.callbacks import History
from fastfit.layers import Dense, Input
from fastfit.models import Sequential

X = np.random.default_rng(0).random((40, 3), dtype="float32")
Y = X.sum(1, keepdims=True)


@pytest.fixture(scope="module")
def history():
    model = Sequential([Input((3,)), Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"])
    return model.fit(X, Y, epochs=4, verbose=0, validation_data=(X, Y), validation_freq=2)


def test_frame(history):
    pandas = pytest.importorskip("pandas")
    frame = history.to_frame()
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame.index) == [0, 1, 2, 3] and frame.index.name == "epoch"
    assert set(frame.columns) == {"loss", "mae", "val_loss", "val_mae"}
    assert list(frame["loss"]) == history.history["loss"]
    assert np.isnan(frame["val_loss"][0]) and frame["val_loss"][1] == history.history["val_loss"][0]
    assert frame["val_loss"][3] == history.history["val_loss"][1]


def test_frame_of_nothing():
    pytest.importorskip("pandas")
    assert History().to_frame().empty


def test_plot(history):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    axes = history.plot()
    assert [axis.get_ylabel() for axis in axes] == ["loss", "mae"]
    for axis in axes:
        training, validation = axis.get_lines()
        assert list(training.get_xdata()) == [0, 1, 2, 3]
        assert list(validation.get_xdata()) == [1, 3]
        assert list(validation.get_ydata()) == history.history[f"val_{axis.get_ylabel()}"]
    (axis,) = history.plot(["mae"], axes[:1])
    assert axis is axes[0]
    with pytest.raises(ValueError, match="No such quantity.*'acc'"):
        history.plot(["acc"])
    with pytest.raises(ValueError, match="as many axes. Received: 1"):
        history.plot(axes=axes[:1])
    with pytest.raises(ValueError, match="nothing to plot"):
        History().plot()


def test_what_is_not_installed_is_named(history, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match="needs pandas.*pip install pandas"):
        history.to_frame()
    with pytest.raises(ImportError, match="needs matplotlib.*pip install matplotlib"):
        history.plot()
