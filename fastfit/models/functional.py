"""Functional: a model made of the graph between symbolic inputs and outputs."""

import warnings

import numpy as np

from fastfit import ops
from fastfit.data import frames
from fastfit.data.dtypes import fed_dtype
from fastfit.graph import trace
from fastfit.graph.op import apply
from fastfit.graph.tensor import KerasTensor
from fastfit.layers.core.input import InputLayer
from fastfit.layers.layer import Layer
from fastfit.layers.legacy import rename_keywords
from fastfit.models import functional_config
from fastfit.models.graph import GraphMap, cut_at, is_input
from fastfit.models.model import OLD_NAMES, Model
from fastfit.training.trainer import Trainer
from fastfit.utils import nest
from fastfit.utils.naming import uniquify


class Functional(Model):
    """What ``Model(inputs, outputs)`` returns.

    Parameters
    ----------
    inputs, outputs : KerasTensor, list, tuple or dict of them
        Inputs may be tensors inside another model: the new model starts there and shares the layers.
    name : str, optional
    trainable : bool, optional
    """

    _untracked_attributes = frozenset(
        {"_graph", "_inputs_struct", "_outputs_struct", "inputs", "outputs", "_loss_tensors"}
    )

    # What `_graph` says, and names.
    _unwatched_attributes = frozenset(
        {"inputs", "outputs", "_inputs_struct", "_outputs_struct", "_loss_tensors", "input_names", "output_names"}
    )
    _lockable = False

    def __init__(self, inputs=None, outputs=None, name=None, trainable=None, **kwargs):
        given = rename_keywords("Model", kwargs, OLD_NAMES, stacklevel=3)
        if ("inputs" in given and inputs is not None) or ("outputs" in given and outputs is not None):
            raise TypeError(f"Model() got an argument by its old and by its new name: {sorted(given)}")
        inputs, outputs = given.get("inputs", inputs), given.get("outputs", outputs)
        _check_symbolic(inputs, "inputs")
        _check_symbolic(outputs, "outputs")
        if isinstance(inputs, dict):
            _warn_about_names(inputs)
        Trainer.__init__(self)
        Layer.__init__(self, name=name, **kwargs)
        flat = nest.flatten(inputs)
        if len({id(t) for t in flat}) != len(flat):
            raise ValueError(f"All `inputs` must be different tensors. Received: inputs={inputs}")
        if not all(is_input(t) for t in flat):
            inputs, outputs = cut_at(inputs, outputs)
        self._inputs_struct = nest.map_structure(lambda t: t, inputs)
        self._outputs_struct = nest.map_structure(lambda t: t, outputs)
        self.inputs = nest.flatten(inputs)
        self.outputs = nest.flatten(outputs)
        self._loss_tensors = []
        self._graph = GraphMap(self.inputs, self.outputs)
        self.input_names = [t.node.operation.name for t in self.inputs]
        self.output_names = self._name_outputs()
        self.built = True
        if trainable is not None:
            self.trainable = trainable

    def _name_outputs(self):
        if isinstance(self._outputs_struct, dict) and not any(map(nest.is_nested, self._outputs_struct.values())):
            order = nest.pack_like(self._outputs_struct, range(len(self.outputs)))
            return [str(key) for key in sorted(order, key=order.get)]
        return uniquify([self._graph.operation_of(t.node).name for t in self.outputs])

    def _sublayers(self):
        layers = [o for o in self._graph.operations if isinstance(o, Layer)]
        known = {id(layer) for layer in layers}
        return layers + [layer for layer in super()._sublayers() if id(layer) not in known]

    @property
    def layers(self):
        """The layers, those nearest the inputs first."""
        return [o for o in self._graph.operations if isinstance(o, Layer)]

    @layers.setter
    def layers(self, _):
        raise AttributeError("`Model.layers` attribute is reserved and should not be used. Please use another name.")

    @property
    def operations(self):
        """The layers and the ops between them, those nearest the inputs first."""
        return list(self._graph.operations)

    @property
    def input(self):
        """The inputs as they were given."""
        return self._inputs_struct

    @property
    def output(self):
        """The outputs as they were given."""
        return self._outputs_struct

    @property
    def input_shape(self):
        """Shape of the input, or the structure of shapes."""
        return _one(nest.map_structure(lambda t: tuple(t.shape), self._inputs_struct))

    @property
    def output_shape(self):
        """Shape of the output, or the structure of shapes."""
        return _one(nest.map_structure(lambda t: tuple(t.shape), self._outputs_struct))

    def build(self, input_shape=None):
        """Nothing to do: the layers were built with the graph."""
        self.built = True

    def call(self, inputs, training=None, mask=None, **kwargs):
        """Compute the outputs by running the graph.

        Parameters
        ----------
        inputs : structure of tensors or arrays
            As ``inputs``, a flat list, or a dict by input name.
        training : bool, optional
        mask : structure, optional
            Masks of the inputs.
        """
        values = {}
        for t, x in zip(self.inputs, self._standardize(inputs), strict=True):
            values[id(t)] = x

        def value_of(x):
            return values[id(x)] if isinstance(x, KerasTensor) else x

        for node in self._graph.nodes:
            if isinstance(node.operation, Layer):
                args = nest.map_structure(value_of, node.attrs["args"])
                outputs = node.operation(*args, **nest.map_structure(value_of, node.attrs["kwargs"]))
            elif node.operation == "variable":
                outputs = node.attrs["variable"]
            else:
                outputs = apply(node.operation.name, *nest.map_structure(value_of, list(node.inputs)), **node.attrs)
            for t, x in zip(node.outputs, nest.flatten(outputs), strict=True):
                values[id(t)] = x
        for t in self._loss_tensors:
            Layer.add_loss(self, ops.mean(values[id(t)]) if len(t.shape) else values[id(t)])
        return _one(nest.map_structure(value_of, self._outputs_struct))

    def _convert(self, x):
        # The cast to each Input's own dtype comes in `_standardize`.
        if isinstance(x, (np.ndarray, KerasTensor)) or not hasattr(x, "__array__"):
            return x
        return frames.to_matrix(x, "inputs") if frames.is_table(x) else np.asarray(x)

    def _standardize(self, inputs):
        flat = self._flatten_inputs(inputs)
        if len(flat) != len(self.inputs):
            raise ValueError(
                f'Layer "{self.name}" expects {len(self.inputs)} input(s), but it received {len(flat)} input tensors. '
                f"Expected: {self.input_names}"
            )
        return [self._fit(t, x) for t, x in zip(self.inputs, flat, strict=True)]

    def _flatten_inputs(self, inputs):
        if isinstance(inputs, dict):
            return nest.flatten_named(inputs, self._inputs_struct, self.input_names)
        return nest.flatten(inputs)

    def _fit(self, t, x):
        """Return the input with the rank and dtype of the Input, or raise ValueError."""
        if x is None and t.node.operation.optional:
            return None
        if not hasattr(x, "shape"):
            raise ValueError(
                f'Input "{t.name}" of model "{self.name}" must be a tensor or an array. Received: {x} (of type '
                f"{type(x).__name__})"
            )
        expected, shape = tuple(t.shape), tuple(x.shape)
        if len(shape) == len(expected) + 1 and shape[-1] == 1:
            x = ops.squeeze(x, axis=-1)
        elif len(shape) == len(expected) - 1 and expected[-1] == 1:
            x = ops.expand_dims(x, axis=-1)
        got = tuple(x.shape)
        fits = len(got) == len(expected) and all(
            e is None or g is None or e == g for e, g in zip(expected[1:], got[1:], strict=True)
        )
        if not fits:
            raise ValueError(
                f'Input "{t.name}" of model "{self.name}" is incompatible with the data: expected shape='
                f"{expected}, found shape={shape}"
            )
        dtype = x.dtype if isinstance(x.dtype, str) else np.dtype(x.dtype).name
        held = self._held(t, x, dtype)
        return x if dtype == held else ops.cast(x, held)

    def _held(self, t, x, dtype):
        """The dtype that the data of an Input are fed in: int64 (or uint64) where int32 does not hold their values."""
        if isinstance(x, np.ndarray):
            return fed_dtype(x, t.dtype, None, f"Input '{t.name}'")
        fed = isinstance(x, KerasTensor) and x.node.operation == "input" and trace.current() is not None
        return dtype if fed and t.dtype == "int32" and dtype in ("int64", "uint64") else t.dtype

    def add_loss(self, loss):
        """Add a scalar loss: a tensor of this model's graph, or a value inside ``call``."""
        if isinstance(loss, KerasTensor) and trace.current() is None:
            self._loss_tensors.append(loss)
            self._graph = GraphMap(self.inputs, self.outputs + self._loss_tensors)
        else:
            super().add_loss(loss)

    def get_config(self):
        if not functional_config.is_plain(self):
            return super().get_config()
        return functional_config.get_config(self)

    @staticmethod
    def _from_graph_config(cls, config, custom_objects=None):
        """Make a model of class ``cls`` from the config of a graph."""
        inputs, outputs = functional_config.rebuild(config, custom_objects)
        # True would reach inside, and unfreeze layers that are frozen.
        trainable = None if config.get("trainable", True) else False
        return cls(inputs=inputs, outputs=outputs, name=config.get("name"), trainable=trainable)


Model._functional_class = Functional


def _one(structure):
    return structure[0] if isinstance(structure, list) and len(structure) == 1 else structure


def _check_symbolic(structure, what):
    leaves = nest.flatten(structure)
    if not leaves:
        raise ValueError(f"Argument `{what}` must hold at least one tensor. Received: {what}={structure}")
    for x in leaves:
        if not isinstance(x, KerasTensor):
            raise ValueError(
                f"All `{what}` values must be KerasTensors. Received: {what}={structure} including invalid value {x} "
                f"of type {type(x)}"
            )
        if x.node is None:
            raise ValueError(f"All `{what}` values must come from an Input or a layer call. Received: {x}")


def _warn_about_names(inputs):
    for key, t in inputs.items():
        if isinstance(t, KerasTensor) and t.node is not None and isinstance(t.node.operation, InputLayer):
            name = t.node.operation.name
            if key != name:
                warnings.warn(
                    "When providing `inputs` as a dict, all keys in the dict must match the names of the "
                    f"corresponding tensors. Received key '{key}' mapping to a tensor which has name '{name}'. Change "
                    f"the tensor name to '{key}' (via `Input(..., name='{key}')`)",
                    stacklevel=4,
                )
