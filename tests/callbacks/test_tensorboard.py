"""TensorBoard: what is in the event files, read record by record."""

import builtins
import io
import os
import struct

import numpy as np
import pytest

import fastfit
from fastfit import callbacks
from fastfit.callbacks.event_files import png

pytest.importorskip("tensorboardX")
from tensorboardX.crc32c import crc32c  # noqa: E402
from tensorboardX.proto.event_pb2 import Event  # noqa: E402

RNG = np.random.default_rng(3)
X = RNG.standard_normal((40, 5)).astype("float32")
Y = RNG.standard_normal((40, 1)).astype("float32")


def masked(data):
    crc = crc32c(data)
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def events(folder):
    """The events of all files of a directory; checksums are checked."""
    found = []
    for name in sorted(os.listdir(folder)):
        if "tfevents" not in name:
            continue
        content, at = (folder / name).read_bytes(), 0
        while at < len(content):
            length, crc = struct.unpack_from("<QI", content, at)
            assert crc == masked(content[at : at + 8])
            data = content[at + 12 : at + 12 + length]
            (crc,) = struct.unpack_from("<I", content, at + 12 + length)
            assert len(data) == length and crc == masked(data)
            found.append(Event.FromString(data))
            at += 16 + length
    assert found[0].file_version == "brain.Event:2"
    return found


def values(folder, kind="simple_value"):
    """Tag to {step: value}."""
    found = {}
    for event in events(folder):
        for value in event.summary.value:
            if value.HasField(kind):
                found.setdefault(value.tag, {})[event.step] = getattr(value, kind)
    return found


def build(optimizer=None):
    fastfit.utils.set_random_seed(1)
    layers = fastfit.layers
    model = fastfit.Sequential(
        [layers.Input((5,)), layers.Dense(4, "relu", name="hidden"), layers.Dense(1, name="out")]
    )
    model.compile(optimizer or "adam", "mse", metrics=["mae"])
    return model


def fit(folder, model=None, epochs=3, **kwargs):
    model = model or build()
    board = callbacks.TensorBoard(folder, **kwargs)
    options = {"batch_size": 8, "epochs": epochs, "verbose": 0, "validation_split": 0.2}
    return model, model.fit(X, Y, callbacks=[board], **options).history


def test_scalars_of_epochs(tmp_path):
    rates = fastfit.optimizers.schedules.ExponentialDecay(0.1, 4, 0.5)
    _, history = fit(tmp_path, build(fastfit.optimizers.SGD(rates)))
    assert sorted(os.listdir(tmp_path)) == ["train", "validation"]
    train, validation = values(tmp_path / "train"), values(tmp_path / "validation")
    assert set(train) == {"epoch_loss", "epoch_mae", "epoch_learning_rate"}
    assert set(validation) == {
        *("epoch_loss", "epoch_mae", "evaluation_loss_vs_iterations", "evaluation_mae_vs_iterations"),
    }
    for key in ("loss", "mae"):
        assert train[f"epoch_{key}"] == pytest.approx(dict(enumerate(history[key])))
        assert validation[f"epoch_{key}"] == pytest.approx(dict(enumerate(history[f"val_{key}"])))
        expected = {4 * (k + 1): v for k, v in enumerate(history[f"val_{key}"])}
        assert validation[f"evaluation_{key}_vs_iterations"] == pytest.approx(expected)
    assert train["epoch_learning_rate"] == pytest.approx({k: 0.1 * 0.5 ** (k + 1) for k in range(3)})


def test_histograms_and_images(tmp_path):
    model, _ = fit(tmp_path, histogram_freq=2, write_images=True)
    histograms, images = values(tmp_path / "train", "histo"), values(tmp_path / "train", "image")
    weights = {v.path: v.numpy() for v in model.weights}
    assert set(histograms) == {f"{path}/histogram" for path in weights}
    assert set(images) == {f"{path}/image" for path in weights if weights[path].size > 1}
    for path, value in weights.items():
        found = histograms[f"{path}/histogram"]
        assert sorted(found) == [0, 2]
        last = found[2]  # the weights as they are now
        assert last.num == value.size
        assert last.min == pytest.approx(value.min()) and last.max == pytest.approx(value.max())
        assert last.sum == pytest.approx(value.sum(), rel=1e-5)
        assert last.sum_squares == pytest.approx(np.square(value, dtype="float64").sum(), rel=1e-5)
        assert sum(last.bucket) == value.size
    kernel = images[f"{model.layers[0].kernel.path}/image"][2]
    assert (kernel.height, kernel.width, kernel.colorspace) == (4, 5, 1)
    assert kernel.encoded_image_string.startswith(b"\x89PNG")


def test_histograms_leave_out_what_is_not_finite(tmp_path):
    model = build()
    model.get_layer("out").bias.assign([np.nan])
    board = callbacks.TensorBoard(tmp_path, histogram_freq=1)
    board.set_model(model)
    board.on_epoch_end(0, {"loss": np.nan})
    board.on_train_end()
    assert set(values(tmp_path / "train", "histo")) == {
        f"{model.name}/{k}/histogram" for k in ("hidden/kernel", "hidden/bias", "out/kernel")
    }
    assert np.isnan(values(tmp_path / "train")["epoch_loss"][0])


def test_png_is_what_it_says():
    image = pytest.importorskip("PIL.Image")
    grey = np.arange(12, dtype="uint8").reshape(3, 4) * 20
    np.testing.assert_array_equal(np.asarray(image.open(io.BytesIO(png(grey)))), grey)


@pytest.mark.parametrize("freq, steps", [("batch", range(1, 13)), (3, [3, 6, 9, 12]), ("epoch", [])])
def test_scalars_of_batches(tmp_path, freq, steps):
    board = callbacks.TensorBoard(tmp_path, update_freq=freq, write_steps_per_second=True)
    seen = {}
    watch = callbacks.LambdaCallback(on_train_batch_end=lambda b, logs: seen.update({len(seen) + 1: logs["loss"]}))
    build().fit(X, Y, batch_size=8, epochs=3, verbose=0, validation_split=0.2, callbacks=[board, watch])
    found = values(tmp_path / "train")
    assert len(seen) == 12
    assert found.get("batch_loss", {}) == pytest.approx({k: seen[k] for k in steps})
    assert sorted(found.get("batch_mae", {})) == list(steps)
    assert sorted(found.get("batch_steps_per_second", {})) == list(steps)
    assert all(v > 0 for v in found["epoch_steps_per_second"].values())
    assert callbacks.CallbackList([board]).has_train_batch_hooks == (freq != "epoch")


def test_graph(tmp_path):
    model, _ = fit(tmp_path / "a")
    found = values(tmp_path / "a" / "train", "tensor")
    assert list(found) == ["keras"]
    assert found["keras"][0].string_val[0].decode() == model.to_json()
    value = next(v for e in events(tmp_path / "a" / "train") for v in e.summary.value if v.tag == "keras")
    assert value.metadata.plugin_data.plugin_name == "graph_keras_model"
    fit(tmp_path / "b", write_graph=False)
    assert values(tmp_path / "b" / "train", "tensor") == {}


def test_evaluate_alone(tmp_path):
    model = build()
    logs = model.evaluate(X, Y, verbose=0, return_dict=True, callbacks=[callbacks.TensorBoard(tmp_path)])
    found = values(tmp_path / "validation")
    assert found["evaluation_loss_vs_iterations"] == pytest.approx({0: logs["loss"]})


def test_embeddings(tmp_path):
    class Embedding(fastfit.layers.Dense):
        pass

    inputs = fastfit.layers.Input((5,))
    model = fastfit.Model(inputs, Embedding(1, name="words")(inputs))
    model.compile("sgd", "mse")
    fit(tmp_path, model, embeddings_freq=2, embeddings_metadata={"words": 'a "file".tsv'})
    text = (tmp_path / "projector_config.pbtxt").read_text()
    assert text.startswith("embeddings {") and r'metadata_path: "a \"file\".tsv"' in text
    names = [name for name in os.listdir(tmp_path / "train") if name.startswith("keras_embedding")]
    assert sorted(names) == ["keras_embedding.ckpt-0.weights.h5", "keras_embedding.ckpt-2.weights.h5"]
    model.load_weights(tmp_path / "train" / names[0])
    with pytest.raises(ValueError, match="named like Embedding layers.*other"):
        fit(tmp_path, model, embeddings_freq=1, embeddings_metadata={"other": "x"})


def test_arguments(tmp_path):
    for kwargs, match in (
        ({"update_freq": "step"}, "update_freq.*'step'"),
        ({"update_freq": 0}, "update_freq.*0"),
        ({"profile_batch": -1}, "profile_batch.*-1"),
        ({"profile_batch": (3, 2)}, "profile_batch"),
        ({"profile_batch": "1,x"}, "profile_batch"),
        ({"profile_batch": 1.5}, "profile_batch"),
    ):
        with pytest.raises(ValueError, match=match):
            callbacks.TensorBoard(tmp_path, **kwargs)
    for given in (2, (2, 4), "2,4", "3"):
        with pytest.warns(UserWarning, match="no profile of single operations"):
            callbacks.TensorBoard(tmp_path, profile_batch=given)
    assert os.listdir(tmp_path) == []


def test_without_tensorboardx(tmp_path, monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.split(".")[0] == "tensorboardX":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"tensorboardX.*pip install 'fastfit\[tensorboard\]'"):
        callbacks.TensorBoard(tmp_path)
