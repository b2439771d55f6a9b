"""Arrays for fit, evaluate and predict: checked, and borrowed, not copied, wherever that is possible."""

import math
import numbers

import numpy as np

from fastfit.data import frames
from fastfit.utils import nest


def to_array(value, what):
    """Return an array of a value that is one, or can be seen as one; ValueError otherwise.

    The result is C-contiguous and in native byte order; it shares memory with ``value`` if that was so already.
    """
    array = _see_as_array(value, what)
    if array.dtype.kind not in "fiub":
        raise ValueError(
            f"`{what}` has dtype {array.dtype}, which is no dtype of numbers. Convert it first, such as with "
            f"`np.asarray({what}, dtype='float32')`; turn strings into integer ids."
        )
    if array.ndim == 0:
        raise ValueError(
            f"`{what}` must have at least one axis, the samples. Received: a single number, {_short(value)}"
        )
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    if array.dtype.name not in _SUPPORTED:
        array = array.astype("float64" if array.dtype.kind == "f" else "int64")
    return np.require(array, requirements=["C_CONTIGUOUS", "ALIGNED"])


_SUPPORTED = {
    *("float16", "float32", "float64", "bool"),
    *("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
}


def _see_as_array(value, what):
    if isinstance(value, np.ndarray):
        return np.asarray(value)
    if frames.is_table(value):
        return frames.to_matrix(value, what)
    if hasattr(value, "toarray") and hasattr(value, "tocsr"):  # scipy.sparse
        return value.toarray()
    if hasattr(value, "__array__"):
        if hasattr(value, "detach"):  # a tensor that still records gradients refuses to become an array
            value = value.detach()
        return np.asarray(value)
    if hasattr(value, "__dlpack__"):
        return np.from_dlpack(value)
    hint = ""
    if isinstance(value, (list, tuple)):
        hint = f" Python lists of numbers must be converted first: `np.array({what})`."
    elif isinstance(value, numbers.Number):
        hint = " Expected an array whose first axis is the samples, and not a single number."
    elif frames.is_lazy(value):
        hint = " A lazy frame has no numbers yet: `collect()` it first."
    raise ValueError(f"Unrecognized data type: {what}={_short(value)} (of type {type(value)}).{hint}")


def _short(value):
    text = repr(value)
    return text if len(text) < 80 else text[:77] + "..."


def _is_numbers(value):
    """Whether a list holds numbers, at any depth, and no array."""
    leaves = nest.flatten(value)
    return bool(leaves) and all(isinstance(leaf, (numbers.Number, str, np.generic)) for leaf in leaves)


def check_lists(value, what):
    """Raise ValueError for a list of numbers, or one in a dict or list of arrays: it could be a list of inputs."""
    if isinstance(value, dict):
        for key, part in value.items():
            check_lists(part, f"{what}[{key!r}]")
    elif isinstance(value, (list, tuple)):
        if _is_numbers(value):
            _see_as_array(value, what)  # raises, with the advice
        for i, part in enumerate(value):
            check_lists(part, f"{what}[{i}]")


class ArrayData:
    """Columns of equal length.

    Parameters
    ----------
    x, y, sample_weight : array or structure of arrays
    spec : DataSpec
        What the model expects.
    may_be_empty : bool, default=False
        Take arrays of no rows.

    Attributes
    ----------
    x : list of ndarray
        In the order of the model's inputs.
    y : list of ndarray or None
        One per output; an empty list without targets.
    sample_weight : list of ndarray or None
        One per output; an empty list without weights.
    n : int
        Number of rows.
    x_structure
        ``x`` in the form in which it came, holding the arrays of the attribute ``x``.
    """

    def __init__(self, x, y=None, sample_weight=None, spec=None, may_be_empty=False):
        self.spec = spec
        self.x, self.x_structure = _inputs(x, spec)
        self._given = y, sample_weight
        self.name_outputs(spec)
        self.n = self._common_length()
        if self.n == 0 and not may_be_empty:
            raise ValueError("The data are empty: expected at least one row. Received arrays of length 0.")

    def name_outputs(self, spec):
        """Put targets and weights, as they were given, into the order of the outputs, whose names are known now."""
        y, sample_weight = self._given
        self.spec = spec
        self.y = _targets(y, spec)
        self.sample_weight = _weights(sample_weight, len(self.y), spec)

    def _common_length(self):
        groups = {"x": self.x, "y": self.y, "sample_weight": self.sample_weight}
        sizes = {k: [len(a) for a in arrays if a is not None] for k, arrays in groups.items()}
        if len({s for group in sizes.values() for s in group}) > 1:
            listing = " ".join(f"'{k}' sizes: {', '.join(map(str, s))}." for k, s in sizes.items() if s)
            raise ValueError(
                "Data cardinality is ambiguous. Make sure all arrays contain the same number of samples. " + listing
            )
        return sizes["x"][0]

    def rows(self, start, stop):
        """Return the rows from ``start`` to ``stop`` as ArrayData; nothing is copied."""

        def cut(arrays):
            return [None if a is None else a[start:stop] for a in arrays]

        part = object.__new__(ArrayData)
        part.spec = self.spec
        part.x, part.y, part.sample_weight = cut(self.x), cut(self.y), cut(self.sample_weight)
        part.x_structure = nest.pack_like(self.x_structure, part.x)
        part.n = len(part.x[0])
        return part


def train_validation_split(data, validation_split):
    """Return (training part, validation part): the last rows, in the order given, are for validation.

    Parameters
    ----------
    data : ArrayData
    validation_split : float
        Fraction in (0, 1) for validation.
    """
    is_number = isinstance(validation_split, numbers.Real) and not isinstance(validation_split, bool)
    if not is_number or not 0 <= validation_split < 1:
        raise ValueError(f"`validation_split` must be in [0, 1). Received: validation_split={validation_split}")
    split_at = math.floor(data.n * (1.0 - validation_split))
    if split_at in (0, data.n):
        raise ValueError(
            f"Training data contains {data.n} samples, which is not sufficient to split it into a validation and "
            f"training set as specified by `validation_split={validation_split}`. Either provide more data, or a "
            "different value for the `validation_split` argument."
        )
    return data.rows(0, split_at), data.rows(split_at, data.n)


def check_batch_size(batch_size, n, steps=None):
    """Return the batch size to use: 32 by default, or what spreads the rows over ``steps``."""
    if batch_size is None or (not isinstance(batch_size, bool) and np.ndim(batch_size) == 0 and batch_size == 0):
        return max(1, math.ceil(n / steps)) if steps else 32
    if isinstance(batch_size, bool) or not isinstance(batch_size, (int, np.integer)) or batch_size < 0:
        raise ValueError(f"`batch_size` must be a positive integer. Received: batch_size={batch_size}")
    return int(batch_size)


# Inputs ------------------------------------------------------------------------------------------------------------


def _inputs(x, spec):
    if x is None:
        raise ValueError("Argument `x` must be given. Received: x=None")
    check_lists(x, "x")
    if spec is None or spec.inputs is None:
        arrays = [to_array(a, "x") for a in nest.flatten(x)]
        if not arrays:
            raise ValueError("Argument `x` holds no array.")
        return arrays, nest.pack_like(x, arrays)
    names = [i.name for i in spec.inputs]
    x = _by_column(x, names)
    if isinstance(x, dict):
        flat = nest.flatten_named(x, spec.input_structure, names)
    else:
        flat = nest.flatten(x) if isinstance(x, (list, tuple)) else [x]
    if len(flat) != len(spec.inputs):
        raise ValueError(
            f"The model expects {len(spec.inputs)} input(s), named {names}, but it received {len(flat)} array(s)."
            + (" A frame must have a column for each of them." if frames.is_frame(x) else "")
        )
    called = [f"x[{n!r}]" for n in names] if isinstance(x, dict) else ["x"] * len(names)
    arrays = [_fit(to_array(a, c), info) for a, c, info in zip(flat, called, spec.inputs, strict=True)]
    return arrays, arrays[0] if len(arrays) == 1 else arrays


def _by_column(values, names):
    """A dict of a frame's columns, where there are several names and all are among them."""
    if len(names) > 1 and frames.is_frame(values) and set(names) <= set(frames.column_names(values)):
        return frames.columns(values, names)
    return values


def _fit(array, info):
    """Return the array in the rank of its Input; ValueError when the shapes do not go together."""
    expected = info.shape
    fitted = array
    if array.ndim == len(expected) + 1 and array.shape[-1] == 1:
        fitted = array.reshape(array.shape[:-1])
    elif array.ndim == len(expected) - 1 and expected[-1] in (1, None):
        fitted = array.reshape(*array.shape, 1)
    fits = fitted.ndim == len(expected) and all(
        e is None or e == s for e, s in zip(expected[1:], fitted.shape[1:], strict=True)
    )
    if not fits:
        raise ValueError(
            f'Input "{info.name}" is incompatible with the data: expected shape={expected}, found shape={array.shape}'
        )
    return fitted


# Targets and weights -----------------------------------------------------------------------------------------------


def _targets(y, spec):
    if y is None:
        return []
    check_lists(y, "y")
    names = None if spec is None else spec.output_names
    if names is None:
        return [None if a is None else to_array(a, "y") for a in nest.flatten(y)]
    y = _by_column(_by_path(y, spec), names)
    if isinstance(y, dict):
        flat = _by_name(y, names, spec)
    else:
        flat = _spread(nest.flatten(y) if isinstance(y, (list, tuple)) else [y], spec)
    if flat is None:
        raise ValueError(
            "y and the model's outputs have different structures.\n"
            f"Outputs: {spec.describe_outputs()} (names {names})\ny: {nest.describe(y)}"
        )
    called = [f"y[{n!r}]" for n in names] if isinstance(y, dict) else ["y"] * len(names)
    return [None if a is None else to_array(a, c) for a, c in zip(flat, called, strict=True)]


def _by_path(values, spec):
    """Values in the form of nested outputs by the names of these, which are their paths."""
    struct = None if spec is None else spec.output_structure
    if not nest.is_nested(struct) or spec.output_names != nest.paths(struct):
        return values
    return nest.by_path(values, struct) if isinstance(values, dict) else values


def _needs_target(spec):
    return [True] * len(spec.output_names) if spec.has_loss is None else list(spec.has_loss)


def _by_name(y, names, spec):
    needed = _needs_target(spec)
    unknown = [k for k in y if k not in names]
    missing = [n for n, needs in zip(names, needed, strict=True) if needs and n not in y]
    if missing or unknown:
        raise ValueError(
            f"The targets `y` must be named like the model's outputs {names}. Received keys: {list(y)}"
            + (f"; missing: {missing}" if missing else f"; unknown: {unknown}")
        )
    return [y.get(n) for n in names]


def _spread(flat, spec):
    """Return one target per output from all targets, or from only those of outputs with a loss; None if neither."""
    needed = _needs_target(spec)
    if len(flat) == len(needed):
        return flat
    if len(flat) == sum(needed):
        rest = iter(flat)
        return [next(rest) if needs else None for needs in needed]
    return None


def _weights(sample_weight, outputs, spec):
    if sample_weight is None:
        return []
    check_lists(sample_weight, "sample_weight")
    names = None if spec is None else spec.output_names
    sample_weight = _by_column(_by_path(sample_weight, spec), names or ())
    if isinstance(sample_weight, dict):
        unknown = [k for k in sample_weight if k not in (names or ())]
        if names is None and not (spec is None or spec.is_final):
            return [_weight(w) for w in nest.flatten(sample_weight)]
        if names is None or unknown:
            raise ValueError(
                f"`sample_weight` must be named like the model's outputs {names}. Received keys: {list(sample_weight)}"
            )
        return [_weight(sample_weight.get(n), f"sample_weight[{n!r}]") for n in names]
    if isinstance(sample_weight, (list, tuple)):
        flat = nest.flatten(sample_weight)
        if names is not None and len(flat) != len(names):
            spread = _spread(flat, spec)
            if spread is None:
                raise ValueError(
                    f"`sample_weight` must hold one array per output, {len(names)} in all. Received {len(flat)}."
                )
            flat = spread
        return [_weight(w) for w in flat]
    weight = _weight(sample_weight)
    count = max(outputs, 1)
    if count > 1 and weight.ndim > 1:
        raise ValueError(
            "For a model with multiple outputs, when providing a single `sample_weight` array, it should only have "
            f"one scalar score per sample (i.e. shape `(num_samples,)`). Received: sample_weight.shape={weight.shape}"
        )
    return [weight] * count


def _weight(value, what="sample_weight"):
    if value is None:
        return None
    array = to_array(value, what)
    return array.reshape(-1) if array.ndim == 2 and array.shape[1] == 1 else array
