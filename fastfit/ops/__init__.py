"""The functions of ``keras.ops``.

On arrays they compute at once, with NumPy; on symbolic tensors they add to the graph.
"""

from fastfit.ops import linalg as linalg
from fastfit.ops import nn as nn
from fastfit.ops import numpy as numpy
from fastfit.ops import protocol as _protocol  # noqa: F401  fills the table of NumPy functions
from fastfit.ops.core import *  # noqa: F403
from fastfit.ops.math import *  # noqa: F403
from fastfit.ops.nn import *  # noqa: F403
from fastfit.ops.numpy import *  # noqa: F403
from fastfit.ops.patterns import *  # noqa: F403
from fastfit.ops.sequences import *  # noqa: F403
from fastfit.ops.transforms import *  # noqa: F403
from fastfit.utils.suggestions import unknown_attribute

__getattr__ = unknown_attribute(__name__, globals())
