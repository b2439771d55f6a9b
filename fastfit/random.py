"""The functions of ``keras.random``."""

from fastfit.ops.random import SeedGenerator as SeedGenerator
from fastfit.ops.random import beta as beta
from fastfit.ops.random import binomial as binomial
from fastfit.ops.random import categorical as categorical
from fastfit.ops.random import dropout as dropout
from fastfit.ops.random import gamma as gamma
from fastfit.ops.random import normal as normal
from fastfit.ops.random import randint as randint
from fastfit.ops.random import shuffle as shuffle
from fastfit.ops.random import truncated_normal as truncated_normal
from fastfit.ops.random import uniform as uniform
from fastfit.utils.suggestions import unknown_attribute

__getattr__ = unknown_attribute(__name__, globals())
