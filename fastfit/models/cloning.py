"""Models made anew from models or JSON."""

import json

from fastfit.graph.op import apply
from fastfit.graph.tensor import KerasTensor
from fastfit.layers.core.input import InputLayer
from fastfit.models.functional import Functional
from fastfit.models.model import Model
from fastfit.models.sequential import Sequential
from fastfit.saving.configs import model_from_config
from fastfit.utils import nest


def model_from_json(json_string, custom_objects=None):
    """Return a model with fresh weights from what ``Model.to_json`` returned."""
    return model_from_config(json.loads(json_string), custom_objects)


def clone_model(model, input_tensors=None, clone_function=None, call_function=None, recursive=False, **kwargs):
    """Return a model of new layers with fresh weights; shared layers stay shared.

    Parameters
    ----------
    model : Model
    input_tensors : KerasTensor or list of them, optional
        Build the clone on these.
    clone_function : callable, optional
        Layer to new layer; ``from_config(get_config())`` by default. Functional and Sequential models only.
    call_function : callable, optional
        ``(layer, *args, **kwargs)`` to outputs, to change how layers are called. Functional models only.
    recursive : bool, default=False
        Use ``clone_function`` inside nested models too.
    """
    if kwargs:
        raise ValueError(f"Unexpected keyword argument(s): {list(kwargs)}")
    if not isinstance(model, Model):
        raise ValueError(f"Expected `model` to be a Model. Received: {model} (of type {type(model).__name__})")
    if call_function is not None and (not isinstance(model, Functional) or isinstance(model, Sequential)):
        raise ValueError(
            "`call_function` is for Functional models only: in others, layers are not called when the model is made. "
            f"Received: model of type '{type(model).__name__}', call_function={call_function}"
        )
    new = _clone(model, input_tensors, clone_function, call_function, recursive)
    if model.compiled and not new.compiled:
        new.compile(**nest.map_structure(_fresh, model._compile_given()))
    return new


def _fresh(x):
    """Return an object like ``x`` without its state: no optimizer or metric serves two models."""
    return type(x).from_config(x.get_config()) if hasattr(x, "get_config") and not isinstance(x, type) else x


def _clone(model, input_tensors, clone_function, call_function, recursive):
    if not isinstance(model, (Functional, Sequential)):
        if clone_function is not None or input_tensors is not None:
            raise ValueError(
                "Arguments clone_function and input_tensors are only supported for Sequential models or Functional "
                f"models. Received model of type '{type(model).__name__}'"
            )
        return type(model).from_config(model.get_config())

    def clone(layer):
        if recursive and isinstance(layer, (Functional, Sequential)):
            nested = call_function if isinstance(layer, Functional) else None
            return clone_model(layer, clone_function=clone_function, call_function=nested, recursive=True)
        return clone_function(layer) if clone_function else type(layer).from_config(layer.get_config())

    if isinstance(model, Sequential):
        return _clone_sequential(model, input_tensors, clone)
    return _clone_functional(model, input_tensors, clone, call_function)


def _clone_sequential(model, input_tensors, clone):
    new = type(model)(name=model.name, trainable=model.trainable)
    if input_tensors is not None:
        flat = nest.flatten(input_tensors)
        if len(flat) != 1:
            raise ValueError(f"Argument `input_tensors` must contain a single tensor. Received: {input_tensors}")
        new.add(flat[0], rebuild=False)
    elif isinstance(model._layers[:1] and model._layers[0], InputLayer):
        new.add(type(model._layers[0]).from_config(model._layers[0].get_config()), rebuild=False)
    for layer in model.layers:
        new.add(clone(layer), rebuild=False)
    new._connect_if_possible()
    return new


def _clone_functional(model, input_tensors, clone, call_function):
    tensors = {}
    if input_tensors is None:
        for t in model.inputs:
            layer = t.node.operation
            tensors[id(t)] = type(layer).from_config(layer.get_config()).output
    else:
        flat = nest.flatten(input_tensors)
        if len(flat) != len(model.inputs):
            raise ValueError(f"`input_tensors` must hold {len(model.inputs)} tensors. Received: {len(flat)}")
        tensors = {id(t): new for t, new in zip(model.inputs, flat, strict=True)}
    clones = {}

    def renewed(x):
        return tensors[id(x)] if isinstance(x, KerasTensor) else x

    for node in model._graph.nodes:
        operation = node.operation
        if id(operation) not in clones and not hasattr(operation, "meaning"):
            clones[id(operation)] = clone(operation)
        if hasattr(operation, "meaning"):
            outputs = apply(operation.name, *nest.map_structure(renewed, list(node.inputs)), **node.attrs)
        else:
            args = nest.map_structure(renewed, node.attrs["args"])
            kwargs = nest.map_structure(renewed, node.attrs["kwargs"])
            layer = clones[id(operation)]
            outputs = call_function(layer, *args, **kwargs) if call_function else layer(*args, **kwargs)
        for t, new in zip(node.outputs, nest.flatten(outputs), strict=True):
            tensors[id(t)] = new
    inputs = nest.map_structure(renewed, model._inputs_struct)
    outputs = nest.map_structure(renewed, model._outputs_struct)
    return Functional(inputs, outputs, name=model.name, trainable=None if model.trainable else False)
