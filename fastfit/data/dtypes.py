"""Which dtype a program computes with for data: what is given keeps its value, or is refused."""

import numpy as np

from fastfit.utils.dtypes import float_dtype

# Where values beyond int32 go, in the order in which they are tried.
_WIDE = ("int64", "uint64")


# Beyond it, float32 does not hold all integers.
FLOAT_LIMIT = 2**24


def fed_dtype(array, wanted, floats, what, limit=None):
    """The dtype that an array is fed in.

    Parameters
    ----------
    array : ndarray
    wanted : str or None
        The dtype of its Input, if it has one.
    floats : str
        What floats are fed in where there is no Input.
    what : str
        How messages name the array.
    limit : int, optional
        Integers that are larger than this are fed as int64 where no dtype is wanted.

    Returns
    -------
    str
        `wanted`, if that holds all values (fractions are cut, and floats rounded, as casts do). Integers beyond int32
        are fed as int64 or uint64 where int32 is wanted, or nothing.

    Raises
    ------
    ValueError
        A value is beyond the integers of the dtype, or no number.
    """
    limit = limit if wanted is None and array.dtype.itemsize >= 4 else None
    if wanted is None:
        wanted = {"f": floats, "b": "bool"}.get(array.dtype.kind, "int32")
    target = np.dtype(wanted)
    if target.kind not in "iu" or array.dtype.kind == "b" or not array.size:
        return wanted
    if np.can_cast(array.dtype, target) and not limit:
        return wanted
    low, high = array.min(), array.max()
    if limit and _holds("int64", low, high) and not -limit <= low <= high <= limit:
        return "int64"
    for dtype in (wanted, *_WIDE) if wanted == "int32" else (wanted,):
        if _holds(dtype, low, high):
            return dtype
    limits = np.iinfo(_WIDE[0] if wanted == "int32" else target)
    with np.errstate(invalid="ignore"):
        # of floats, -0.5 and 255.5 are cut to a uint8's limits; 2.0**63 is no int64, though its limit is rounded to it
        if array.dtype.kind == "f":
            whole = np.trunc(array.astype("float64"))
            fits = (whole >= limits.min) & (whole < float(limits.max) + 1.0)
        else:
            fits = (array >= limits.min) & (array <= limits.max)
    flat = fits.reshape(len(array), -1)
    row = int(np.argmin(flat.all(axis=1)))
    value = array.reshape(len(array), -1)[row][int(np.argmin(flat[row]))]
    raise ValueError(
        f"{what} holds a value that dtype {wanted} cannot hold: expected integers in [{limits.min}, {limits.max}]. "
        f"Received: {value} in row {row}, of dtype {array.dtype}"
    )


def _holds(dtype, low, high):
    """Whether all from `low` to `high` are values of an integer dtype; not if they are NaN."""
    limits = np.iinfo(dtype)
    if isinstance(low, np.floating):
        return limits.min <= np.trunc(float(low)) and float(high) < float(limits.max) + 1.0
    return limits.min <= int(low) and int(high) <= limits.max


def without_values(dtype, wanted=None):
    """`fed_dtype` of data whose values are not known yet."""
    if wanted is not None:
        return wanted
    if dtype == "bool":
        return "bool"
    return float_dtype() if dtype.startswith(("float", "bfloat")) else "int32"
