"""What the loops run on: the arguments of fit, evaluate and predict, checked and resolved."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field

from fastfit.data.make import (
    ArrayData,
    DataSpec,
    IterableData,
    check_batch_size,
    make_data,
    train_validation_split,
    unpack_validation_data,
)
from fastfit.training.custom_step import owns_loss
from fastfit.training.keras2_compile import check_weights


@dataclass
class Arrays:
    """Columns in memory: inputs, then targets and weights by output (None where there are none)."""

    x: list
    y: list
    w: list
    n: int
    batch: int
    shuffle: object = False
    steps: int = field(init=False)

    def __post_init__(self):
        self.steps = -(-self.n // self.batch)


@dataclass
class Batches:
    """A stream of batches."""

    data: IterableData
    steps: int | None
    n = None


def training_data(
    model,
    x,
    y,
    sample_weight,
    class_weight,
    batch_size,
    validation_split,
    validation_data,
    steps_per_epoch,
    validation_steps,
    validation_batch_size,
    shuffle,
):
    """(training, validation or None) of fit's arguments, both `Arrays` or `Batches`."""
    if class_weight is not None and sample_weight is not None:
        raise ValueError("You cannot `class_weight` and `sample_weight` at the same time.")
    data = make_data(x, y, sample_weight, spec_of(model), class_weight, batch_size, bool(shuffle))
    if isinstance(data, IterableData):
        if validation_split:
            raise ValueError(
                "`validation_split` is only supported for arrays. Received: validation_split="
                f"{validation_split} and x of type {type(x).__name__}"
            )
        if shuffle and data.is_one_way:
            warnings.warn(
                f"`shuffle={shuffle!r}` is ignored: a generator or iterator gives its batches in its own order.",
                stacklevel=4,
            )
        train = Batches(data, data.num_batches)
        valid_rows = None
    else:
        valid_rows = None
        if validation_split and validation_data is None:
            data, valid_rows = train_validation_split(data, validation_split)
        train = _arrays(model, data, check_batch_size(batch_size, data.n, steps_per_epoch), shuffle)
    learn_structure(model, data)
    valid = None
    if validation_data is not None:
        vx, vy, vw = unpack_validation_data(validation_data)
        size = None if not isinstance(train, Arrays) or validation_steps else train.batch
        try:
            valid = evaluation_data(model, vx, vy, vw, validation_batch_size or batch_size or size, validation_steps)
        except ValueError as error:
            raise ValueError(f"In `validation_data`: {error}") from None
    elif valid_rows is not None:
        batch = check_batch_size(validation_batch_size or batch_size, valid_rows.n, validation_steps)
        valid = _arrays(model, valid_rows, batch)
    return train, valid


def evaluation_data(model, x, y, sample_weight, batch_size, steps=None):
    """Data of evaluate, or of validation."""
    from_stream = not isinstance(x, (list, tuple, dict))
    data = make_data(
        x, y, sample_weight, spec_of(model), None, batch_size if not from_stream or y is not None else None
    )
    learn_structure(model, data)
    if isinstance(data, IterableData):
        return Batches(data, data.num_batches)
    return _arrays(model, data, check_batch_size(batch_size, data.n, steps))


def prediction_data(model, x, batch_size, steps=None):
    """Data of predict."""
    data = make_data(x, None, None, spec_of(model, targets=False))
    learn_structure(model, data)
    if isinstance(data, IterableData):
        if batch_size is not None:
            warnings.warn("`batch_size` is ignored: the iterable decides how large its batches are.", stacklevel=4)
        return Batches(data, data.num_batches)
    return Arrays(data.x, [], [], data.n, check_batch_size(batch_size, data.n, steps))


def batch_data(model, x, y=None, sample_weight=None, class_weight=None, targets=True):
    """One batch, whole."""
    if class_weight is not None and sample_weight is not None:
        raise ValueError("You cannot `class_weight` and `sample_weight` at the same time.")
    data = make_data(x, y, sample_weight, spec_of(model, targets), class_weight)
    if isinstance(data, IterableData):
        raise ValueError(f"Expected the arrays of one batch. Received: x of type {type(x).__name__}")
    learn_structure(model, data)
    return _arrays(model, data, data.n)


def stream_batch(model, batch):
    """(x, y, w) of one batch of a stream, with an entry per output."""
    x, y, w = batch
    count = len(model._known_output_names() or ()) or max(len(y), 1)
    y, w = per_output(y, count), per_output(w, count)
    check_weight_modes(model, y, w)
    return x, y, w


def per_output(arrays, count):
    """A list with an entry for each output; none given means none for any."""
    return list(arrays) if arrays else [None] * count


def _arrays(model, data, batch, shuffle=False):
    count = len(model._known_output_names() or ()) or max(len(data.y), 1)
    y, w = per_output(data.y, count), per_output(data.sample_weight, count)
    check_weight_modes(model, y, w)
    return Arrays(data.x, y, w, data.n, batch, shuffle)


def check_weight_modes(model, y, w):
    """Hold sample weights against compile()'s `sample_weight_mode`."""
    names = model._known_output_names()
    modes = model._keras2.modes(names) if names is not None else None
    if modes is not None:
        check_weights(modes, names, y, w)


def spec_of(model, targets=True):
    """What the model expects, with which outputs need a target."""
    losses = model._output_losses if targets and not owns_loss(model) else None
    computed = model._keras2.symbolic(model._known_output_names()) if losses is not None else {}
    has_loss = (
        None if losses is None else [o.identifier is not None and i not in computed for i, o in enumerate(losses)]
    )
    return DataSpec.of(model, has_loss)


def learn_structure(model, data):
    """A model without fixed inputs is called with data in the form in which it came."""
    if not getattr(model, "inputs", None):
        x = data.x_structure if isinstance(data, ArrayData) else data.peek()[0]
        if isinstance(x, list) and len(x) == 1:
            x = x[0]
        model._build_on(x)
