"""What a model expects of its data: names, shapes and dtypes of its inputs, names of its outputs."""

import dataclasses

from fastfit.utils import nest


@dataclasses.dataclass(frozen=True)
class InputInfo:
    """One input: its Input layer's name, shape with the batch axis, dtype."""

    name: str
    shape: tuple
    dtype: str


@dataclasses.dataclass(frozen=True)
class DataSpec:
    """Inputs and outputs of a model.

    Parameters
    ----------
    inputs : list of InputInfo, optional
        None when the model does not know them before it has seen data.
    input_structure : structure, optional
        The form of the inputs, whose keys a dict of data has.
    output_names : list of str, optional
        How a dict of targets names the outputs.
    output_structure : structure, optional
        The form of the outputs, for messages.
    has_loss : list of bool, optional
        Per output whether it needs a target; all do by default.
    is_final : bool, default=True
        Whether more of it will be known when the model has been called on the inputs.
    """

    inputs: list | None = None
    input_structure: object = None
    output_names: list | None = None
    output_structure: object = None
    has_loss: list | None = None
    is_final: bool = True

    @classmethod
    def of(cls, model, has_loss=None):
        """Return the spec of a model that may or may not know its inputs yet."""
        graph = model._model() if hasattr(model, "_model") else model
        inputs = getattr(graph, "inputs", None)
        if graph is None or not inputs:
            struct = model._outputs_form() if graph is not None and hasattr(model, "_outputs_form") else None
            if isinstance(struct, dict) and (names := model._known_output_names()) is not None:
                return cls(output_names=names, output_structure=struct, has_loss=has_loss)
            names = getattr(model, "output_names", None) if graph is not None else None
            known = graph is None or not hasattr(model, "_outputs_form") or model._known_output_names() is not None
            return cls(output_names=names, has_loss=has_loss, is_final=known)
        infos = [InputInfo(t.node.operation.name, tuple(t.shape), t.dtype) for t in inputs]
        return cls(infos, graph._inputs_struct, list(graph.output_names), graph._outputs_struct, has_loss)

    def describe_outputs(self):
        """Return the form of the outputs for a message."""
        if self.output_structure is None:
            return str(self.output_names)
        return nest.describe(self.output_structure)
