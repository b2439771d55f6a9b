"""Sequential: a stack of layers."""

from fastfit import _watch
from fastfit.graph.tensor import KerasTensor
from fastfit.layers.core.input import InputLayer
from fastfit.layers.layer import Layer
from fastfit.layers.shapes import is_shape
from fastfit.models.functional import Functional
from fastfit.models.functional_config import MODELS, make_layer
from fastfit.models.model import Model
from fastfit.utils import nest
from fastfit.utils.naming import name_scope
from fastfit.utils.registry import config_of


class Sequential(Model):
    """Layers applied one after the other.

    Parameters
    ----------
    layers : list of Layer, optional
        Without an Input in front, the model is built when it first sees data.
    trainable : bool, default=True
    name : str, optional
    """

    _untracked_attributes = frozenset({"_functional", "_tensors"})

    _unwatched_attributes = frozenset({"_layers", "_tensors"})
    _lockable = False

    def __new__(cls, *args, **kwargs):
        return Layer.__new__(cls, *args, **kwargs)

    def __init__(self, layers=None, trainable=True, name=None):
        super().__init__(trainable=trainable, name=name)
        self._layers = []
        self._tensors = []  # output of each layer in the functional graph, as far as it has been made
        self._functional = None
        if layers is not None:
            for layer in layers if isinstance(layers, (list, tuple)) else [layers]:
                self.add(layer, rebuild=False)
            self._connect_if_possible()

    def add(self, layer, rebuild=True):
        """Put a layer on top of the stack.

        Parameters
        ----------
        layer : Layer, or the tensor that `Input` returned
        rebuild : bool, default=True
            Extend the graph at once.
        """
        if isinstance(layer, KerasTensor) and layer.node is not None and isinstance(layer.node.operation, InputLayer):
            layer = layer.node.operation
        if not isinstance(layer, Layer):
            raise ValueError(
                "Only instances of `keras.Layer` can be added to a Sequential model. "
                + (f"Make one of the class: `{layer.__name__}(...)`. " if isinstance(layer, type) else "")
                + f"Received: {layer} (of type {type(layer)})"
            )
        if not self._layers and layer._input_shape_arg is not None:
            self._layers.append(InputLayer(shape=layer._input_shape_arg))
        if any(layer.name == other.name for other in self._layers):
            raise ValueError(
                "All layers added to a Sequential model should have unique names. Name "
                f"'{layer.name}' is already the name of a layer in this model. Update the `name` argument to pass a "
                "unique name."
            )
        if isinstance(layer, InputLayer) and self._layers:
            if isinstance(self._layers[0], InputLayer):
                raise ValueError(
                    f"Sequential model '{self.name}' has already been configured to use input shape "
                    f"{self._layers[0].batch_shape}. You cannot add a different Input layer to it."
                )
            raise ValueError(f"An Input can only be the first layer of Sequential model '{self.name}'.")
        self._layers.append(layer)
        self._forget()
        if rebuild:
            self._connect_if_possible()

    def pop(self, rebuild=True):
        """Remove the last layer and return it."""
        if not self.layers:
            raise ValueError(f"Sequential model '{self.name}' has no layers to remove.")
        layer = self._layers.pop()
        del self._tensors[len(self._layers) :]
        self._forget()
        if rebuild:
            self._connect_if_possible()
        return layer

    def _forget(self):
        self.built = False
        self._functional = None
        self._structure += 1
        _watch.changed()

    def _connect_if_possible(self):
        if not self._layers:
            return
        first = self._layers[0]
        if isinstance(first, InputLayer):
            if len(self._layers) > 1:
                self._connect()
        elif isinstance(first, Model) and len(getattr(first, "inputs", None) or []) == 1:
            t = first.inputs[0]
            self._layers.insert(0, InputLayer(batch_shape=t.shape, dtype=t.dtype))
            self._connect()

    def _connect(self):
        """Apply the layers that the graph does not hold yet."""
        if not self._tensors:
            self._tensors = [self._layers[0].output]
        with name_scope(self._open_path(), absolute=True):
            for layer in self._layers[len(self._tensors) :]:
                # The functional call even while a trace is running: the graph outlives the trace.
                output = layer.symbolic_call(self._tensors[-1])
                self._tensors.append(output)
        self.built = True

    def _model(self):
        if self._functional is None and self.built and len(self._tensors) == len(self._layers) > 1:
            self._functional = Functional(self._tensors[0], self._tensors[-1], name=self.name)
        return self._functional

    def build(self, input_shape=None):
        """Build the layers for an input shape, batch axis included."""
        if not self._layers:
            raise ValueError(
                f"Sequential model {self.name} cannot be built because it has no layers. Call `model.add(layer)`."
            )
        if input_shape is None or not is_shape(input_shape):
            if isinstance(self._layers[0], InputLayer):
                self._connect()
            return
        if isinstance(self._layers[0], InputLayer):
            if self._layers[0].batch_shape[1:] != tuple(input_shape)[1:]:
                raise ValueError(
                    f"Sequential model '{self.name}' has already been configured to use input shape "
                    f"{self._layers[0].batch_shape}. You cannot build it with input_shape {input_shape}"
                )
        else:
            self._layers.insert(0, InputLayer(batch_shape=tuple(input_shape), dtype=self._layers[0].dtype))
        self._connect()

    def _build_from(self, args, kwargs):
        inputs = args[0] if args else next(iter(kwargs.values()), None)
        if hasattr(inputs, "shape"):
            # The size of this batch says nothing about the next one's.
            self.build((None, *tuple(inputs.shape)[1:]))

    def call(self, inputs, training=None, mask=None, **kwargs):
        """Compute the output of the last layer."""
        model = self._model()
        if model is not None:
            return model.call(inputs, training=training, mask=mask)
        for layer in self.layers:
            inputs = layer(inputs)
        return inputs

    def _convert(self, x):
        return x if self._layers and isinstance(self._layers[0], InputLayer) else super()._convert(x)

    @property
    def layers(self):
        """The layers, without the Input."""
        return [layer for layer in self._layers if not isinstance(layer, InputLayer)]

    @layers.setter
    def layers(self, _):
        raise AttributeError("`Sequential.layers` attribute is reserved and should not be used. Use `add()`.")

    def _defined(self, what):
        model = self._model()
        if model is None:
            raise AttributeError(
                f"Sequential model '{self.name}' has no defined {what} yet: it has not seen data, nor an Input."
            )
        return model

    @property
    def inputs(self):
        """The symbolic inputs."""
        return self._defined("inputs").inputs

    @property
    def outputs(self):
        """The symbolic outputs."""
        return self._defined("outputs").outputs

    @property
    def input(self):
        """The symbolic input."""
        return self._defined("input").input

    @property
    def output(self):
        """The symbolic output."""
        return self._defined("output").output

    @property
    def input_names(self):
        """Name of the input, in a list."""
        return self._defined("input").input_names

    @property
    def output_names(self):
        """Name of the output, in a list."""
        return self._defined("output").output_names

    @property
    def input_shape(self):
        """Shape of the input."""
        return self._defined("input").input_shape

    @property
    def output_shape(self):
        """Shape of the output."""
        return self._defined("output").output_shape

    def compute_output_shape(self, input_shape):
        """Return the shape that the last layer gives for an input shape."""
        for layer in self.layers:
            input_shape = layer.compute_output_shape(input_shape)
        return input_shape

    def get_config(self):
        config = {"name": self.name, "trainable": self.trainable, "dtype": self.dtype}
        config["layers"] = [config_of(layer, "layers") for layer in self._layers]
        if self._layers and isinstance(self._layers[0], InputLayer):
            config["build_input_shape"] = self._layers[0].batch_shape
        return config

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """Make a model from what `get_config` returned."""
        model = cls(name=config.get("name"), trainable=config.get("trainable", True))
        for entry in config["layers"]:
            model.add(make_layer(entry, custom_objects), rebuild=False)
        model._connect_if_possible()
        shape = config.get("build_input_shape")
        if not model.built and shape is not None and nest.flatten(shape):
            model.build(tuple(shape))
        return model


MODELS.add(Model, Functional, Sequential)
