"""Models and weights in files, and objects as configs, by the names of ``keras.saving``."""

from fastfit.saving.files import load_model as load_model
from fastfit.saving.files import load_weights as load_weights
from fastfit.saving.files import save_model as save_model
from fastfit.saving.files import save_weights as save_weights
from fastfit.utils.custom_objects import CustomObjectScope as CustomObjectScope
from fastfit.utils.custom_objects import custom_object_scope as custom_object_scope
from fastfit.utils.custom_objects import get_custom_objects as get_custom_objects
from fastfit.utils.custom_objects import get_registered_name as get_registered_name
from fastfit.utils.custom_objects import get_registered_object as get_registered_object
from fastfit.utils.custom_objects import register_keras_serializable as register_keras_serializable
from fastfit.utils.registry import deserialize_keras_object as deserialize_keras_object
from fastfit.utils.registry import serialize_keras_object as serialize_keras_object
from fastfit.utils.suggestions import unknown_attribute

__getattr__ = unknown_attribute(__name__, globals())
