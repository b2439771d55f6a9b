"""TensorBoard: logs and weights as event files."""

import os
import time
import warnings

import numpy as np

from fastfit.callbacks.callback import Callback
from fastfit.callbacks.event_files import EventWriter, tensorboardx

_BATCH_HOOKS = ("on_train_batch_begin", "on_train_batch_end")


class TensorBoard(Callback):
    """Write event files that TensorBoard shows; needs the package tensorboardX.

    ``<log_dir>/train`` and ``<log_dir>/validation`` get, per epoch, ``epoch_<key>`` for every key of the logs and the
    learning rate; ``evaluation_<key>_vs_iterations`` for every evaluation; and what the arguments ask for.

    Parameters
    ----------
    log_dir : str or path, default="logs"
    histogram_freq : int, default=0
        Write histograms of the weights every so many epochs; 0 is never.
    write_graph : bool, default=True
        Write the model for the graph tab.
    write_images : bool, default=False
        With `histogram_freq`: write the weights as images too.
    write_steps_per_second : bool, default=False
    update_freq : "epoch", "batch" or int, default="epoch"
        Write the logs every so many batches too, as ``batch_<key>``.
    profile_batch : int, pair of int or str, default=0
        Checked; there is no profile of single operations to write, which is a warning.
    embeddings_freq : int, default=0
        Save the weights for the projector every so many epochs, as ``train/keras_embedding.ckpt-<epoch>.weights.h5``.
    embeddings_metadata : str or dict, optional
        The file that names the rows of all Embedding layers, or of each by the layer's name.

    Raises
    ------
    ImportError : tensorboardX is not installed.
    ValueError : an argument is none of these.
    """

    _state_attributes = ("_train_batches",)

    def __init__(
        self,
        log_dir="logs",
        histogram_freq=0,
        write_graph=True,
        write_images=False,
        write_steps_per_second=False,
        update_freq="epoch",
        profile_batch=0,
        embeddings_freq=0,
        embeddings_metadata=None,
    ):
        super().__init__()
        tensorboardx()
        if update_freq == "batch":
            update_freq = 1
        if update_freq != "epoch" and (
            isinstance(update_freq, bool) or not isinstance(update_freq, int) or update_freq < 1
        ):
            raise ValueError(
                f"`update_freq` must be 'epoch', 'batch' or a positive number of batches. Received: {update_freq!r}"
            )
        if _profiled(profile_batch):
            warnings.warn(
                "There is no profile of single operations: a step is one native program, which `model.explain()` "
                f"shows. Received: profile_batch={profile_batch!r}",
                stacklevel=2,
            )
        self.log_dir = os.fspath(log_dir)
        self.histogram_freq = histogram_freq
        self.write_graph = write_graph
        self.write_images = write_images
        self.write_steps_per_second = write_steps_per_second
        self.update_freq = update_freq
        self.embeddings_freq = embeddings_freq
        self.embeddings_metadata = embeddings_metadata
        self._writers = {}
        self._train_batches = 0
        self._batch_begin = self._epoch_begin = 0.0
        self._first_iteration = 0
        self._in_fit = False

    @property
    def _idle_hooks(self):
        if self.update_freq != "epoch":
            return ()
        return tuple(h for h in _BATCH_HOOKS if getattr(type(self), h) is getattr(TensorBoard, h))

    def set_model(self, model):
        super().set_model(model)
        self._writers = {}
        if self.write_graph and type(model).__name__ in ("Functional", "Sequential"):
            try:
                self._writer("train").model("keras", model.to_json(), 0)
            except Exception as error:  # the model is drawn if it can be: training must not fail for it
                warnings.warn(f"The model has no JSON form, so there is no graph of it: {error}", stacklevel=2)
        if self.embeddings_freq:
            self._describe_embeddings()

    def _writer(self, part):
        if part not in self._writers:
            self._writers[part] = EventWriter(os.path.join(self.log_dir, part))
        return self._writers[part]

    # Hooks ---------------------------------------------------------------------------------------------------------

    def on_train_begin(self, logs=None):
        self._train_batches = 0
        self._in_fit = True

    def on_train_end(self, logs=None):
        self._in_fit = False
        self._close()

    def _close(self):
        for writer in self._writers.values():
            writer.close()
        self._writers = {}

    def on_test_end(self, logs=None):
        optimizer = self.model.optimizer
        if optimizer is not None:
            writer, step = self._writer("validation"), _iterations(optimizer)
            for name, value in (logs or {}).items():
                writer.scalar(f"evaluation_{name}_vs_iterations", value, step)
        if not self._in_fit:
            self._close()

    def on_epoch_begin(self, epoch, logs=None):
        if self.write_steps_per_second:
            self._epoch_begin = time.perf_counter()
            self._first_iteration = _iterations(self.model.optimizer)

    def on_train_batch_begin(self, batch, logs=None):
        self._batch_begin = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        self._train_batches += 1
        if self.update_freq == "epoch" or self._train_batches % self.update_freq:
            return
        writer = self._writer("train")
        if self.write_steps_per_second:
            seconds = time.perf_counter() - self._batch_begin
            writer.scalar("batch_steps_per_second", 1 / max(seconds, 1e-9), self._train_batches)
        for name, value in (logs or {}).items():
            writer.scalar(f"batch_{name}", value, self._train_batches)

    def on_epoch_end(self, epoch, logs=None):
        logs = dict(logs or {})
        if logs:
            self._write_epoch(epoch, logs)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            self._write_weights(epoch)
        if self.embeddings_freq and epoch % self.embeddings_freq == 0:
            name = f"keras_embedding.ckpt-{epoch}.weights.h5"
            os.makedirs(os.path.join(self.log_dir, "train"), exist_ok=True)
            self.model.save_weights(os.path.join(self.log_dir, "train", name))

    # Writing -------------------------------------------------------------------------------------------------------

    def _write_epoch(self, epoch, logs):
        validation = {key.removeprefix("val_"): logs.pop(key) for key in list(logs) if key.startswith("val_")}
        optimizer = getattr(self.model.optimizer, "inner_optimizer", self.model.optimizer)
        several = getattr(optimizer, "optimizers", None)
        for one in several or [optimizer]:
            if hasattr(one, "learning_rate"):
                key = f"learning_rate_{one.name}" if several else "learning_rate"
                logs[key] = float(np.asarray(one.learning_rate))
        if self.write_steps_per_second:
            steps = _iterations(self.model.optimizer) - self._first_iteration
            logs["steps_per_second"] = steps / max(time.perf_counter() - self._epoch_begin, 1e-9)
        for part, values in (("train", logs), ("validation", validation)):
            for name, value in values.items():
                self._writer(part).scalar(f"epoch_{name}", value, epoch)

    def _write_weights(self, epoch):
        writer = self._writer("train")
        for layer in self.model.layers:
            for weight in layer.weights:
                name, value = weight.path.replace(":", "_"), weight.numpy()
                writer.histogram(f"{name}/histogram", value, epoch)
                if self.write_images and 1 <= np.squeeze(value).ndim <= 3:
                    writer.images(f"{name}/image", _as_images(np.squeeze(value)), epoch)

    def _describe_embeddings(self):
        entries, rest = [], self.embeddings_metadata
        rest = dict(rest) if isinstance(rest, dict) else rest
        for layer in self.model.layers:
            if type(layer).__name__ != "Embedding":
                continue
            path = rest.pop(layer.name, None) if isinstance(rest, dict) else rest
            lines = ['  tensor_name: "layer_with_weights-0/embeddings/.ATTRIBUTES/VARIABLE_VALUE"\n']
            if path is not None:
                escaped = os.fspath(path).replace("\\", "\\\\").replace('"', '\\"')
                lines.append(f'  metadata_path: "{escaped}"\n')
            entries.append(f"embeddings {{\n{''.join(lines)}}}\n")
        if isinstance(rest, dict) and rest:
            raise ValueError(
                "`embeddings_metadata` must be named like Embedding layers of the model. "
                f"Received: {sorted(rest)}, which are none"
            )
        os.makedirs(self.log_dir, exist_ok=True)
        with open(os.path.join(self.log_dir, "projector_config.pbtxt"), "w", encoding="utf-8") as file:
            file.write("".join(entries))


def _iterations(optimizer):
    return int(np.asarray(optimizer.iterations))


def _as_images(value):
    """Return images, each (height, width), of weights of one to three axes."""
    if value.ndim == 1:
        return [value[None, :]]
    if value.ndim == 2:
        return [value.T if value.shape[0] > value.shape[1] else value]
    return list(np.moveaxis(value, 2, 0))


def _profiled(profile_batch):
    """Whether batches are to be profiled; ValueError if it is no number and no pair of numbers."""
    given = profile_batch
    try:
        if isinstance(given, str):
            parts = [int(part) for part in given.split(",")]
            given = parts[0] if len(parts) == 1 else parts
        first, last = (given, given) if isinstance(given, int) else given
        good = 0 <= int(first) <= int(last)
    except (TypeError, ValueError):
        good = False
    if not good:
        raise ValueError(
            "`profile_batch` must be a non-negative integer or a pair of positive integers, the first and the last "
            f"batch. Received: profile_batch={profile_batch!r}"
        )
    return int(last) > 0
