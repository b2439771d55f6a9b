"""Layers, under Keras's names."""

from fastfit.layers.activation.activation import Activation as Activation
from fastfit.layers.activation.relu import ELU as ELU
from fastfit.layers.activation.relu import LeakyReLU as LeakyReLU
from fastfit.layers.activation.relu import PReLU as PReLU
from fastfit.layers.activation.relu import ReLU as ReLU
from fastfit.layers.activation.relu import ThresholdedReLU as ThresholdedReLU
from fastfit.layers.activation.softmax import Softmax as Softmax
from fastfit.layers.core.dense import Dense as Dense
from fastfit.layers.core.identity import Identity as Identity
from fastfit.layers.core.input import Input as Input
from fastfit.layers.core.input import InputLayer as InputLayer
from fastfit.layers.core.lambda_layer import Lambda as Lambda
from fastfit.layers.input_spec import InputSpec as InputSpec
from fastfit.layers.layer import Layer as Layer
from fastfit.layers.merging.concatenate import Concatenate as Concatenate
from fastfit.layers.merging.concatenate import concatenate as concatenate
from fastfit.layers.merging.merge import Add as Add
from fastfit.layers.merging.merge import Average as Average
from fastfit.layers.merging.merge import Maximum as Maximum
from fastfit.layers.merging.merge import Minimum as Minimum
from fastfit.layers.merging.merge import Multiply as Multiply
from fastfit.layers.merging.merge import Subtract as Subtract
from fastfit.layers.merging.merge import add as add
from fastfit.layers.merging.merge import average as average
from fastfit.layers.merging.merge import maximum as maximum
from fastfit.layers.merging.merge import minimum as minimum
from fastfit.layers.merging.merge import multiply as multiply
from fastfit.layers.merging.merge import subtract as subtract
from fastfit.layers.normalization.batch_normalization import BatchNormalization as BatchNormalization
from fastfit.layers.normalization.layer_normalization import GroupNormalization as GroupNormalization
from fastfit.layers.normalization.layer_normalization import LayerNormalization as LayerNormalization
from fastfit.layers.normalization.layer_normalization import RMSNormalization as RMSNormalization
from fastfit.layers.normalization.layer_normalization import UnitNormalization as UnitNormalization
from fastfit.layers.regularization.activity_regularization import ActivityRegularization as ActivityRegularization
from fastfit.layers.regularization.dropout import Dropout as Dropout
from fastfit.layers.regularization.noise import AlphaDropout as AlphaDropout
from fastfit.layers.regularization.noise import GaussianDropout as GaussianDropout
from fastfit.layers.regularization.noise import GaussianNoise as GaussianNoise
from fastfit.layers.regularization.noise import SpatialDropout1D as SpatialDropout1D
from fastfit.layers.reshaping.flatten import Flatten as Flatten
from fastfit.layers.reshaping.reshape import Permute as Permute
from fastfit.layers.reshaping.reshape import RepeatVector as RepeatVector
from fastfit.layers.reshaping.reshape import Reshape as Reshape
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
