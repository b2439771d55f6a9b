"""The functions of ``keras.ops.numpy``."""

from fastfit.ops import algebra, elementwise, reduction, shaping
from fastfit.ops.algebra import *  # noqa: F403
from fastfit.ops.elementwise import *  # noqa: F403
from fastfit.ops.reduction import *  # noqa: F403
from fastfit.ops.shaping import *  # noqa: F403

__all__ = [*algebra.__all__, *elementwise.__all__, *reduction.__all__, *shaping.__all__]
