"""The functions of ``keras.ops.numpy``."""

from fastfit.ops import algebra, elementwise, reduction, shaping
from fastfit.ops.algebra import *  # noqa: F403
from fastfit.ops.core import view as view
from fastfit.ops.elementwise import *  # noqa: F403
from fastfit.ops.reduction import *  # noqa: F403
from fastfit.ops.sequences import bartlett, blackman, correlate, hamming, hanning, kaiser
from fastfit.ops.shaping import *  # noqa: F403
from fastfit.ops.transforms import vectorize as vectorize

_SEQUENCES = (bartlett, blackman, correlate, hamming, hanning, kaiser)
__all__ = [
    *algebra.__all__,
    *elementwise.__all__,
    *reduction.__all__,
    *shaping.__all__,
    *(f.__name__ for f in _SEQUENCES),
]
