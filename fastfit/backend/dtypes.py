"""Which dtypes meet in which, and what a tensor is."""

from fastfit.config import floatx
from fastfit.graph.op import promote_dtypes
from fastfit.graph.tensor import KerasTensor
from fastfit.utils.dtypes import is_float_dtype, is_int_dtype, standardize_dtype

_WEAK = {bool: 0, int: 1, float: 2}


def is_keras_tensor(x):
    """Whether ``x`` is a symbolic tensor."""
    return isinstance(x, KerasTensor)


def result_type(*dtypes):
    """Return the dtype that values of these dtypes meet in.

    Parameters
    ----------
    *dtypes : str, NumPy dtype or type
        Python's ``int`` and ``float`` stand for numbers, which only lift the kind.
    """
    if not dtypes:
        raise ValueError("Invalid `dtypes`. At least one dtype is required. Received: dtypes=()")
    weak = [_WEAK[d] for d in dtypes if isinstance(d, type) and d in _WEAK]
    strong = [standardize_dtype(d) for d in dtypes if not (isinstance(d, type) and d in _WEAK)]
    found = promote_dtypes(strong) if strong else "bool"
    kind = 2 if is_float_dtype(found) else 1 if is_int_dtype(found) else 0
    return found if max(weak, default=0) <= kind else ("bool", "int32", floatx())[max(weak)]
