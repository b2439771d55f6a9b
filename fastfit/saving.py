"""Objects as configs and back, by the names of ``keras.saving``."""

from fastfit.utils.custom_objects import CustomObjectScope as CustomObjectScope
from fastfit.utils.custom_objects import custom_object_scope as custom_object_scope
from fastfit.utils.custom_objects import get_custom_objects as get_custom_objects
from fastfit.utils.custom_objects import get_registered_name as get_registered_name
from fastfit.utils.custom_objects import get_registered_object as get_registered_object
from fastfit.utils.custom_objects import register_keras_serializable as register_keras_serializable
from fastfit.utils.registry import deserialize_keras_object as deserialize_keras_object
from fastfit.utils.registry import serialize_keras_object as serialize_keras_object
