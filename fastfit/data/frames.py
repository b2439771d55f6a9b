"""Frames, series and extension arrays of pandas and polars, known by what they can do: neither is ever imported."""

import numbers

import numpy as np

# What to do with columns that hold no numbers, by what their dtype's name tells of them.
_ADVICE = (
    (("date", "time", "duration", "period"), "Take parts of it, or the time since a moment as a number"),
    (("complex",), "Take its real and imaginary parts"),
    (("decimal",), "Cast it to float64"),
    (("list", "array", "struct", "interval"), "Make a column of each of its numbers"),
    (("null",), "It holds nothing: fill it"),
)
_WORDS = "Turn it into numbers, such as integer ids or a column per value (pandas.get_dummies, polars' to_dummies)"


def is_frame(x):
    """Whether ``x`` is a table with named columns."""
    return hasattr(x, "to_numpy") and hasattr(x, "columns") and hasattr(x, "dtypes")


def is_series(x):
    """Whether ``x`` is one column: a series, an index or an extension array."""
    return hasattr(x, "to_numpy") and hasattr(x, "dtype") and (hasattr(x, "isna") or hasattr(x, "null_count"))


def is_table(x):
    """Whether ``x`` is a frame or a series."""
    return is_frame(x) or is_series(x)


def is_lazy(x):
    """Whether ``x`` is the plan of a frame, which has no numbers yet."""
    return hasattr(type(x), "collect") and hasattr(type(x), "columns") and not hasattr(x, "to_numpy")


def column_names(frame):
    """Return the names of a frame's columns."""
    return list(frame.columns)


def columns(frame, names):
    """Return a dict of columns of a frame."""
    return {name: frame[name] for name in names}


def to_matrix(x, what):
    """Return the numbers of a frame or a series, whose index is ignored.

    Parameters
    ----------
    x : frame, series or extension array
    what : str
        How messages call it.

    Returns
    -------
    ndarray
        (rows, columns) of numbers or bools, in the dtype that NumPy has for those of all columns.

    Raises
    ------
    ValueError
        That names the column, for one that holds something else or has missing values. A NaN is a number.
    """
    if not is_frame(x):
        return _numbers(x, what, getattr(x, "name", None)).reshape(-1, 1)
    names = column_names(x)
    if not names:
        raise ValueError(f"`{what}` is a frame without columns. Received: shape {tuple(x.shape)}")
    dtypes = list(x.dtypes)
    if all(isinstance(d, np.dtype) and d.kind in "fiu" for d in dtypes):
        return x.to_numpy()
    series = [x.iloc[:, i] for i in range(len(names))] if hasattr(x, "iloc") else [x[name] for name in names]
    return np.stack([_numbers(s, what, name) for s, name in zip(series, names, strict=True)], axis=1)


def _numbers(column, what, name):
    """The numbers of one column."""
    dtype = column.dtype
    if hasattr(column, "null_count"):
        if not dtype.is_numeric() and str(dtype) != "Boolean":
            raise _no_numbers(column, what, name)
        if column.null_count():
            raise _missing(column.is_null().to_numpy(), what, name)
        array = column.to_numpy()
    elif isinstance(dtype, np.dtype):
        array = column.to_numpy()
    else:
        kept = getattr(dtype, "numpy_dtype", None) or getattr(dtype, "subtype", None)
        if getattr(dtype, "kind", "O") not in "fiub" or kept is None:
            raise _no_numbers(column, what, name)
        if not str(dtype).startswith("Sparse") and (missing := np.asarray(column.isna())).any():
            raise _missing(missing, what, name)
        array = column.to_numpy(dtype=kept)
    if array.dtype.kind not in "fiub" or array.ndim != 1:
        raise _no_numbers(column, what, name)
    return array


def _place(what, name):
    return f"`{what}`" if name is None else f"Column {name!r} of `{what}`"


def _missing(mask, what, name):
    row = int(np.argmax(mask))
    more = int(np.sum(mask)) - 1
    rest = f", and {more} more" if more else ""
    return ValueError(
        f"{_place(what, name)} has a missing value, which is no number: fill it or leave the row out. Received: "
        f"NA in row {row}{rest}"
    )


def _no_numbers(column, what, name):
    text = str(column.dtype)
    first = next(iter(column), None)
    advice = next((a for words, a in _ADVICE if any(word in text.lower() for word in words)), _WORDS)
    if text == "object" and isinstance(first, numbers.Number):
        advice = "Cast it to float64"
    shown = repr(first) if len(repr(first)) < 60 else repr(first)[:57] + "..."
    return ValueError(
        f"{_place(what, name)} must hold numbers. {advice}, or leave it out. Received: dtype {text}, {shown} in row 0"
    )
