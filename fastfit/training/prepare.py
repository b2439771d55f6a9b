"""What the loops run on: the arguments of fit, evaluate and predict, checked and resolved."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field

from fastfit.data.class_weight import apply_class_weight
from fastfit.data.iterables import is_iterable_data
from fastfit.data.make import (
    DataSpec,
    IterableData,
    check_batch_size,
    make_data,
    train_validation_split,
    unpack_validation_data,
)
from fastfit.training.arguments import RunArguments
from fastfit.training.columns import columns_of
from fastfit.training.custom_step import is_custom, owns_loss
from fastfit.training.keras2_compile import check_weights
from fastfit.utils import nest


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


def training_data(model, given):
    """(training, validation or None) of `FitArguments`, both `Arrays` or `Batches`."""
    if given.class_weight is not None and given.sample_weight is not None:
        raise ValueError("You cannot `class_weight` and `sample_weight` at the same time.")
    shuffle, batch_size = given.shuffle, given.batch_size
    in_batches = given.class_weight if is_iterable_data(given.x) else None
    data = make_data(given.x, given.y, given.sample_weight, spec_of(model), in_batches, batch_size, bool(shuffle))
    valid_rows = None
    if isinstance(data, IterableData):
        if given.validation_split:
            raise ValueError(
                "`validation_split` is only supported for arrays. Received: validation_split="
                f"{given.validation_split} and x of type {type(given.x).__name__}"
            )
        if shuffle and data.is_one_way:
            warnings.warn(
                f"`shuffle={shuffle!r}` is ignored: a generator or iterator gives its batches in its own order.",
                stacklevel=4,
            )
        train = Batches(data, data.num_batches)
        learn_structure(model, data)
    else:
        learn_structure(model, data)
        check_values(model, data)
        if given.validation_split and given.validation_data is None:
            data, valid_rows = train_validation_split(data, given.validation_split)
        if given.class_weight is not None:  # of training alone: validation rows count as they are
            apply_class_weight(data, given.class_weight, sample_weight_given=False)
        train = _arrays(model, data, check_batch_size(batch_size, data.n, given.steps_per_epoch), shuffle)
    valid = None
    batch_size = given.validation_batch_size or batch_size
    if given.validation_data is not None:
        if batch_size is None and isinstance(train, Arrays) and not given.validation_steps:
            batch_size = train.batch
        try:
            unpacked = unpack_validation_data(given.validation_data)
            valid = evaluation_data(model, RunArguments(*unpacked, batch_size, steps=given.validation_steps))
        except ValueError as error:
            raise ValueError(f"In `validation_data`: {error}") from None
    elif valid_rows is not None:
        valid = _arrays(model, valid_rows, check_batch_size(batch_size, valid_rows.n, given.validation_steps))
    return train, valid


def evaluation_data(model, given):
    """Data of evaluate, or of validation, from `RunArguments`."""
    x, y, batch_size = given.x, given.y, given.batch_size
    from_stream = not isinstance(x, (list, tuple, dict))
    data = make_data(
        x, y, given.sample_weight, spec_of(model), None, batch_size if not from_stream or y is not None else None
    )
    learn_structure(model, data)
    if isinstance(data, IterableData):
        return Batches(data, data.num_batches)
    check_values(model, data)
    return _arrays(model, data, check_batch_size(batch_size, data.n, given.steps))


def prediction_data(model, given):
    """Data of predict, from `RunArguments`."""
    data = make_data(given.x, spec=spec_of(model, targets=False), may_be_empty=True)
    learn_structure(model, data)
    if isinstance(data, IterableData):
        if given.batch_size is not None:
            warnings.warn("`batch_size` is ignored: the iterable decides how large its batches are.", stacklevel=4)
        return Batches(data, data.num_batches)
    check_values(model, data)
    return Arrays(data.x, [], [], data.n, check_batch_size(given.batch_size, data.n, given.steps))


def batch_data(model, x, y=None, sample_weight=None, class_weight=None, targets=True):
    """One batch, whole."""
    if class_weight is not None and sample_weight is not None:
        raise ValueError("You cannot `class_weight` and `sample_weight` at the same time.")
    data = make_data(x, y, sample_weight, spec_of(model, targets), class_weight, may_be_empty=not targets)
    if isinstance(data, IterableData):
        raise ValueError(f"Expected the arrays of one batch. Received: x of type {type(x).__name__}")
    learn_structure(model, data)
    return _arrays(model, data, max(data.n, 1))


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


def check_values(model, data):
    """Raise ValueError for values that the dtype of their Input cannot hold, before anything is computed."""
    columns_of(model, data.x, data.y, data.sample_weight)


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


def is_settled(model, kind):
    """Whether all that a step consists of is known without data; then its optimizer is ready, too."""
    if not model.built or is_custom(model, kind) or not model._metrics_are_known():
        return False
    if kind == "train" and model.trainable_variables:
        model.optimizer.build(model.trainable_variables)
    return True


def learn_structure(model, data):
    """A model without fixed inputs is called with data in the form in which it came."""
    if getattr(model, "inputs", None):
        return
    if isinstance(data, IterableData):
        named = not model.compiled or owns_loss(model) or model._known_output_names() is not None
        if data.has_begin_hook and model.built and named:
            return  # `follow_structure` does it, when the epoch has begun
        data.peek()
    unnamed = model._output_losses is None
    model._build_on(_alone(data.x_structure))
    if unnamed and model._output_losses is not None:
        data.name_outputs(spec_of(model))


def follow_structure(model, data):
    """Note the form in which the batch of a stream came that was read last."""
    if not getattr(model, "inputs", None) and data.x_structure is not None:
        form = nest.map_structure(lambda a: None, _alone(data.x_structure))
        if form != model.__dict__.get("_data_struct", ()):
            model._build_on(_alone(data.x_structure))


def _alone(x):
    return x[0] if isinstance(x, list) and len(x) == 1 else x
