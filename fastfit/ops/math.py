"""The functions of ``keras.ops.math``."""

from fastfit.graph.op import apply
from fastfit.ops.algebra import norm as norm
from fastfit.ops.elementwise import divide_no_nan as divide_no_nan
from fastfit.ops.families import unary
from fastfit.ops.reduction import logsumexp as logsumexp

erf = unary("erf", "Return the error function.")
erfc = unary("erfc", "Return 1 - erf(x).")
erfinv = unary("erfinv", "Return the inverse of the error function.")
rsqrt = unary("rsqrt", "Return 1 / sqrt(x).")


def top_k(x, k, sorted=True):
    """Return the k largest elements along the last axis, and their indices."""
    return apply("top_k", x, k=int(k), sorted=bool(sorted))


def in_top_k(targets, predictions, k):
    """Whether each target class is among the k largest predictions; ties at the boundary count."""
    return apply("in_top_k", targets, predictions, k=int(k))


def _segment(name, doc):
    def function(data, segment_ids, num_segments=None, sorted=False):
        if num_segments is None:
            if hasattr(segment_ids, "node"):
                raise ValueError(f"{name} of symbolic tensors needs `num_segments`")
            num_segments = int(max(segment_ids)) + 1
        return apply(name, data, segment_ids, num_segments=int(num_segments))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    return function


segment_sum = _segment("segment_sum", "Return the sums of segments of axis 0.")
segment_max = _segment("segment_max", "Return the maxima of segments of axis 0.")
segment_min = _segment("segment_min", "Return the minima of segments of axis 0.")
segment_prod = _segment("segment_prod", "Return the products of segments of axis 0.")


__all__ = (
    "divide_no_nan erf erfc erfinv in_top_k logsumexp norm rsqrt segment_max segment_min segment_prod segment_sum "
    "top_k "
).split()
