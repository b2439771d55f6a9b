"""Keras's backend: settings, as in Keras 3, and the functions that old code calls ``K.mean``, ``K.square``, ...

The functions are those of ``fastfit.ops`` under the names, defaults and argument orders of Keras 2. They compute on
arrays at once and join the graph on tensors, so losses, metrics and layers in the old style are traced and trained.
"""

from fastfit.backend.dtypes import is_keras_tensor as is_keras_tensor
from fastfit.backend.dtypes import result_type as result_type
from fastfit.backend.functions import FUNCTIONS as _FUNCTIONS
from fastfit.config import backend as backend
from fastfit.config import epsilon as epsilon
from fastfit.config import floatx as floatx
from fastfit.config import image_data_format as image_data_format
from fastfit.config import set_epsilon as set_epsilon
from fastfit.config import set_floatx as set_floatx
from fastfit.config import set_image_data_format as set_image_data_format
from fastfit.utils.dtypes import is_float_dtype as is_float_dtype
from fastfit.utils.dtypes import is_int_dtype as is_int_dtype
from fastfit.utils.dtypes import standardize_dtype as standardize_dtype
from fastfit.utils.naming import clear_session as clear_session
from fastfit.utils.naming import get_uid as get_uid
from fastfit.utils.suggestions import unknown_attribute

globals().update(_FUNCTIONS)

__all__ = [
    *("backend", "clear_session", "epsilon", "floatx", "get_uid", "image_data_format", "is_float_dtype"),
    *("is_int_dtype", "is_keras_tensor", "result_type", "set_epsilon", "set_floatx", "set_image_data_format"),
    "standardize_dtype",
    *_FUNCTIONS,
]

__getattr__ = unknown_attribute(__name__, globals())
