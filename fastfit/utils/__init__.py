"""Utilities: seeds, names, one-hot labels, the progress bar, custom objects."""

from fastfit.utils.custom_objects import CustomObjectScope as CustomObjectScope
from fastfit.utils.custom_objects import custom_object_scope as custom_object_scope
from fastfit.utils.custom_objects import get_custom_objects as get_custom_objects
from fastfit.utils.custom_objects import get_registered_name as get_registered_name
from fastfit.utils.custom_objects import get_registered_object as get_registered_object
from fastfit.utils.custom_objects import register_keras_serializable as register_keras_serializable
from fastfit.utils.dtypes import standardize_dtype as standardize_dtype
from fastfit.utils.naming import clear_session as clear_session
from fastfit.utils.numerical import normalize as normalize
from fastfit.utils.numerical import to_categorical as to_categorical
from fastfit.utils.progbar import Progbar as Progbar
from fastfit.utils.progbar import pythonify_logs as pythonify_logs
from fastfit.utils.py_dataset import PyDataset as PyDataset
from fastfit.utils.py_dataset import Sequence as Sequence
from fastfit.utils.py_dataset import pack_x_y_sample_weight as pack_x_y_sample_weight
from fastfit.utils.py_dataset import unpack_x_y_sample_weight as unpack_x_y_sample_weight
from fastfit.utils.registry import deserialize_keras_object as deserialize_keras_object
from fastfit.utils.registry import serialize_keras_object as serialize_keras_object
from fastfit.utils.seeds import set_random_seed as set_random_seed
from fastfit.utils.suggestions import unknown_attribute
from fastfit.utils.terminal import disable_interactive_logging as disable_interactive_logging
from fastfit.utils.terminal import enable_interactive_logging as enable_interactive_logging
from fastfit.utils.terminal import is_interactive_logging_enabled as is_interactive_logging_enabled

__getattr__ = unknown_attribute(__name__, globals())
