"""What Keras 2's compile() took beside: `sample_weight_mode` and `target_tensors`."""

from __future__ import annotations

import numpy as np

from fastfit.graph.tensor import KerasTensor
from fastfit.graph.variable import Variable

MODES = (None, "temporal")


class Keras2Arguments:
    """The two arguments as given; `by_output` gives them their outputs.

    Parameters
    ----------
    sample_weight_mode : None, "temporal", list or dict
        None accepts weights per sample and per time step, as their shape says.
    target_tensors : None, array, Variable, KerasTensor of the model, or a list or dict of them
        Targets for `fit` and `evaluate` without `y`.
    """

    def __init__(self, sample_weight_mode=None, target_tensors=None):
        self.mode, self.targets = sample_weight_mode, target_tensors

    def modes(self, names):
        """Return a mode for each output; None for no demands at all."""
        if self.mode is None:
            return None
        found = _by_output("sample_weight_mode", self.mode, names, (str, type(None)), every=True)
        for mode in found:
            if mode not in MODES:
                raise ValueError(f"`sample_weight_mode` must be None or 'temporal'. Received: {mode!r}")
        return found

    def target_list(self, names):
        """Return a target, or None, for each output."""
        if self.targets is None:
            return [None] * len(names)
        found = _by_output("target_tensors", self.targets, names, _KINDS, every=False)
        for target in found:
            if target is not None and not isinstance(target, _KINDS):
                raise TypeError(
                    "`target_tensors` must be arrays, variables or symbolic tensors of the model. "
                    f"Received: {type(target).__name__}"
                )
        return found

    def symbolic(self, names):
        """Return {output: tensor} of the targets that the model computes itself."""
        return {i: t for i, t in enumerate(self.target_list(names)) if isinstance(t, KerasTensor)}

    def arrays(self, names):
        """Return {name: array} of the targets that are data; a variable counts with its present value."""
        found = {}
        for name, target in zip(names, self.target_list(names), strict=True):
            if target is not None and not isinstance(target, KerasTensor):
                found[name] = target.numpy() if isinstance(target, Variable) else np.asarray(target)
        return found


_KINDS = (np.ndarray, Variable, KerasTensor)


def _by_output(argument, value, names, single, every):
    if isinstance(value, dict):
        unknown = [key for key in value if key not in names]
        missing = [name for name in names if name not in value]
        if unknown or (missing and every):
            raise ValueError(
                f"`{argument}` must name the outputs {names}. Received keys: {list(value)}"
                + (f"; unknown: {unknown}" if unknown else f"; missing: {missing}")
            )
        return [value.get(name) for name in names]
    if isinstance(value, (list, tuple)):
        if len(value) != len(names):
            raise ValueError(
                f"`{argument}` given as a list must have one entry per output. Received: {len(value)} entries for the "
                f"{len(names)} outputs {names}"
            )
        return list(value)
    if not isinstance(value, single):
        raise TypeError(f"`{argument}` has an unexpected type. Received: {type(value).__name__}")
    if len(names) > 1 and not every:
        raise ValueError(f"`{argument}` must be a list or dict for the {len(names)} outputs {names}. Received one")
    return [value] * len(names)


def check_weights(modes, names, y, weights):
    """Raise ValueError for sample weights whose shape is not what the modes say.

    Parameters
    ----------
    modes : list of {None, "temporal"}
    names : list of str
    y, weights : list of array or None
        By output.
    """
    for mode, name, target, weight in zip(modes, names, y, weights, strict=True):
        if weight is None:
            continue
        if mode == "temporal":
            if target is not None and target.ndim < 3:
                raise ValueError(
                    f"Output '{name}': weights per time step (sample_weight_mode='temporal') need targets with a time "
                    f"axis, of at least 3 dimensions. Received: targets of shape {target.shape}"
                )
            if weight.ndim != 2:
                raise ValueError(
                    f"Output '{name}': with sample_weight_mode='temporal', pass a 2D array of sample weights. "
                    f"Received: sample_weight of shape {weight.shape}"
                )
        elif weight.ndim != 1:
            raise ValueError(
                f"Output '{name}': its sample_weight_mode is None, pass a 1D array of sample weights, or say "
                f"sample_weight_mode='temporal' in compile(). Received: sample_weight of shape {weight.shape}"
            )
