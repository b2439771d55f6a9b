"""Layers, under Keras's names."""

from fastfit.layers.activation import Activation as Activation
from fastfit.layers.concatenate import Concatenate as Concatenate
from fastfit.layers.concatenate import concatenate as concatenate
from fastfit.layers.dense import Dense as Dense
from fastfit.layers.dropout import Dropout as Dropout
from fastfit.layers.flatten import Flatten as Flatten
from fastfit.layers.identity import Identity as Identity
from fastfit.layers.input import Input as Input
from fastfit.layers.input import InputLayer as InputLayer
from fastfit.layers.input_spec import InputSpec as InputSpec
from fastfit.layers.lambda_layer import Lambda as Lambda
from fastfit.layers.layer import Layer as Layer
from fastfit.layers.merge import Add as Add
from fastfit.layers.merge import Average as Average
from fastfit.layers.merge import Maximum as Maximum
from fastfit.layers.merge import Minimum as Minimum
from fastfit.layers.merge import Multiply as Multiply
from fastfit.layers.merge import Subtract as Subtract
from fastfit.layers.merge import add as add
from fastfit.layers.merge import average as average
from fastfit.layers.merge import maximum as maximum
from fastfit.layers.merge import minimum as minimum
from fastfit.layers.merge import multiply as multiply
from fastfit.layers.merge import subtract as subtract
from fastfit.layers.reshaping import Permute as Permute
from fastfit.layers.reshaping import RepeatVector as RepeatVector
from fastfit.layers.reshaping import Reshape as Reshape
from fastfit.utils.registry import Registry
from fastfit.utils.suggestions import unknown_attribute


def _is_public_layer(obj):
    return isinstance(obj, type) and issubclass(obj, Layer) and obj is not Layer


_REGISTRY = Registry("layer", "layers", [obj for obj in list(globals().values()) if _is_public_layer(obj)])


def serialize(layer):
    """Return the config of a layer."""
    return _REGISTRY.serialize(layer)


def deserialize(config, custom_objects=None):
    """Return the layer of a config."""
    return _REGISTRY.deserialize(config, custom_objects)


def get(identifier):
    """Return the layer that a config or instance stands for."""
    if isinstance(identifier, Layer) or identifier is None:
        return identifier
    return _REGISTRY.deserialize(identifier)


__getattr__ = unknown_attribute(__name__, globals())
