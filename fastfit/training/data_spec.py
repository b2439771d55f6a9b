"""What a model expects of its data: names, shapes and dtypes of its inputs, names of its outputs."""

import dataclasses

from fastfit.utils import nest


@dataclasses.dataclass(frozen=True)
class InputInfo:
    """One input: its Input layer's name, shape with the batch axis, dtype."""

    name: str
    shape: tuple
    dtype: str


def flatten_inputs(x, keys, structure):
    """Return the inputs of a model in a list.

    Parameters
    ----------
    x : array, or list, tuple or dict of them
        Of the form of the inputs, or a dict by ``keys``. What a dict holds beside these is left out.
    keys : list of str
        How a dict names the inputs, in their order.
    structure : structure
        The form of the inputs.
    """
    if not isinstance(x, dict):
        return nest.flatten(x)
    if isinstance(structure, dict) and any(map(nest.is_nested, structure.values())) and all(k in x for k in structure):
        return nest.flatten({k: x[k] for k in structure})
    missing = [k for k in keys if k not in x]
    if missing:
        raise ValueError(
            f'Missing data for input "{missing[0]}". You passed a data dictionary with keys {list(x)}. Expected the '
            f"following keys: {keys}"
        )
    return [x[k] for k in keys]


@dataclasses.dataclass(frozen=True)
class DataSpec:
    """Inputs and outputs of a model.

    Parameters
    ----------
    inputs : list of InputInfo, optional
        None when the model does not know them before it has seen data.
    input_keys : list of str, optional
        How a dict of data names the inputs.
    output_names : list of str, optional
        How a dict of targets names the outputs.
    output_structure : structure, optional
        The form of the outputs, for messages.
    has_loss : list of bool, optional
        Per output whether it needs a target; all do by default.
    input_structure : structure, optional
        The form of the inputs.
    """

    inputs: list | None = None
    input_keys: list | None = None
    output_names: list | None = None
    output_structure: object = None
    has_loss: list | None = None
    input_structure: object = None

    @classmethod
    def of(cls, model, has_loss=None):
        """Return the spec of a model that may or may not know its inputs yet."""
        graph = model._model() if hasattr(model, "_model") else model
        inputs = getattr(graph, "inputs", None)
        if graph is None or not inputs:
            names = getattr(model, "output_names", None) if graph is not None else None
            return cls(output_names=names, has_loss=has_loss)
        infos = [InputInfo(t.node.operation.name, tuple(t.shape), t.dtype) for t in inputs]
        return cls(
            infos,
            graph._data_keys(),
            list(graph.output_names),
            graph._outputs_struct,
            has_loss,
            graph._inputs_struct,
        )

    def describe_outputs(self):
        """Return the form of the outputs for a message."""
        if self.output_structure is None:
            return str(self.output_names)
        return nest.describe(self.output_structure)
