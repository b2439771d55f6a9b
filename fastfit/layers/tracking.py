"""How a layer knows its variables and the layers inside it: by looking through its attributes."""

import math
import types

import numpy as np

from fastfit._watch import Watched, collect, held
from fastfit.graph.variable import Variable
from fastfit.utils import own_variables


class Tracked(Watched):
    """Variables and sublayers held in attributes, lists, tuples and dicts, at any depth.

    Attributes are walked when asked for, not recorded when set, so that a layer appended to a list later counts too.
    A class names attributes that must not be walked in ``_untracked_attributes``.
    """

    _untracked_attributes = frozenset(
        {"_init_args", "_inbound_nodes", "_losses", "_build_shapes", "_trainable_variables", "_non_trainable_variables"}
    )
    # Names, shapes and what belongs to the layer: programs are kept behind the last by `Trainer._structure_now`.
    _unwatched_attributes = frozenset(
        {
            *("name", "_path", "_init_args", "_inbound_nodes", "_losses", "_build_shapes", "_building", "_locked"),
            *("_trainable_variables", "_non_trainable_variables", "_initial_weights", "_input_shape_arg", "_structure"),
            "_untracked_attributes",
        }
    )
    # After `build`, a layer takes no more variables or layers: what was saved, counted or compiled would lack them.
    _locked = False
    _lockable = True  # not so for stacks and graphs, which say themselves what belongs to them
    copied_as_config = True  # its variables are in files and copies under names of their own
    # Counts changes of what belongs to the layer, for programs that were compiled before.
    _structure = 0

    def __setattr__(self, name, value):
        replaced = None  # by state that is new to this layer
        if self._locked and not self._building and name not in self._untracked_attributes and _holds_state(value):
            found = collect(value, (Tracked, Variable))
            if found and not found.keys() <= {id(x) for x in (*self._sublayers(), *self.variables)}:
                replaced = self.__dict__.get(name)
                if not _may_replace(replaced, value):
                    self._refuse_state(f"attribute `{name}`")
        super().__setattr__(name, value)
        if isinstance(replaced, Variable):
            self._put_in_place_of(replaced, value)

    def _put_in_place_of(self, before, variable):
        """Let a variable stand where one stood that no attribute holds any more."""
        stays = any(v is before for v in self._attribute_objects(Variable))
        for group in (self._trainable_variables, self._non_trainable_variables):
            at = next((i for i, v in enumerate(group) if v is before), None)
            if at is not None:
                new = [variable] if variable.trainable == before.trainable else []
                group[at : at + (not stays)] = new

    def _refuse_state(self, what):
        raise ValueError(
            f"You cannot add new elements of state (variables or sub-layers) to a layer that is already built. All "
            f"state must be created in the `__init__()` method or in the `build()` method of '{self.name}'. "
            f"Received: {what}"
        )

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        merged = frozenset().union(*(getattr(base, "_untracked_attributes", ()) for base in cls.__mro__))
        cls._untracked_attributes = merged

    def _attribute_objects(self, kind):
        return list(held(self.__dict__, kind, self._untracked_attributes, _PLAIN).values())

    def _sublayers(self):
        """Layers directly inside this one, in the order in which their attributes were set."""
        return [layer for layer in self._attribute_objects(Tracked) if layer is not self]

    def _own_variables(self):
        """This layer's own variables as (trainable, non-trainable), whatever ``self.trainable`` says."""
        known = {id(v) for v in self._trainable_variables} | {id(v) for v in self._non_trainable_variables}
        for v in self._attribute_objects(Variable):
            if id(v) not in known:
                (self._trainable_variables if v.trainable else self._non_trainable_variables).append(v)
        return self._trainable_variables, self._non_trainable_variables

    def _flatten_layers(self, include_self=True):
        """This layer and those inside it, each once, depth first."""
        found, stack = {}, [self]
        while stack:
            layer = stack.pop()
            if id(layer) not in found:
                found[id(layer)] = layer
                stack.extend(reversed(layer._sublayers()))
        return [layer for layer in found.values() if include_self or layer is not self]

    @property
    def trainable(self):
        """Whether the variables of this layer and of those inside it are trained. Setting it reaches inside."""
        return self._trainable

    @trainable.setter
    def trainable(self, value):
        value = bool(value)
        self._trainable = value
        for v in self._own_variables()[0]:
            v.trainable = value
        for layer in self._sublayers():
            layer.trainable = value

    @property
    def variables(self):
        """All variables, layer by layer, each once."""
        found = {}
        for layer in self._flatten_layers():
            for group in layer._own_variables():
                found.update((id(v), v) for v in group)
        return list(found.values())

    @property
    def weights(self):
        """All weights in layer order; inside a layer trainable ones first."""
        return self.variables

    @property
    def trainable_weights(self):
        """Weights that training changes: none of a layer with ``trainable=False``.

        Of what is inside, each variable says it for itself, so that a layer may be trained although one around it,
        inside this one, was frozen before.
        """
        if not self.trainable:
            return []
        found = {}
        for layer in self._flatten_layers():
            found.update((id(v), v) for v in layer._own_variables()[0] if v.trainable)
        return list(found.values())

    @property
    def non_trainable_weights(self):
        """Weights that training leaves alone."""
        trainable = {id(v) for v in self.trainable_weights}
        return [v for v in self.weights if id(v) not in trainable]

    @property
    def trainable_variables(self):
        """Variables that training changes."""
        return self.trainable_weights

    @property
    def non_trainable_variables(self):
        """Variables that training leaves alone."""
        trainable = {id(v) for v in self.trainable_weights}
        return [v for v in self.variables if id(v) not in trainable]

    def get_weights(self):
        """Return the weights as a list of arrays, in the order of ``weights``."""
        return [v.numpy() for v in self.weights]

    def set_weights(self, weights):
        """Set the weights from a list of arrays.

        Parameters
        ----------
        weights : list of array
            As many as ``weights`` has, of the same shapes.
        """
        own, weights = self.weights, list(weights)
        if len(weights) != len(own):
            raise ValueError(
                f"You called `set_weights(weights)` on layer '{self.name}' with a weight list of length "
                f"{len(weights)}, but the layer was expecting {len(own)} weights."
            )
        for v, value in zip(own, weights, strict=True):
            shape = tuple(getattr(value, "shape", ()))
            if tuple(v.shape) != shape:
                raise ValueError(
                    f"Layer '{self.name}' weight '{v.name}' has shape {tuple(v.shape)}, not compatible with the "
                    f"provided weight shape {shape}."
                )
        for v, value in zip(own, weights, strict=True):
            v.assign(value)

    def save_own_variables(self, store):
        """Put the variables of this layer alone, without those of layers inside it, into a dict-like store."""
        trainable, fixed = self._own_variables()
        own_variables.save([*trainable, *fixed], store)

    def load_own_variables(self, store):
        """Set the variables of this layer alone from what `save_own_variables` has put into a store."""
        trainable, fixed = self._own_variables()
        own_variables.load([*trainable, *fixed], store, f"Layer '{self.name}'", getattr(self, "built", True))

    def count_params(self):
        """Return the number of scalars in the weights."""
        if not self.built:
            raise ValueError(
                f"You tried to call `count_params` on layer '{self.name}', but the layer isn't built. You can build "
                "it manually via: `layer.build(input_shape)`."
            )
        return sum(math.prod(v.shape) for v in self.weights)


# Most attributes are of these types, and hold no variable.
_PLAIN = (type(None), bool, str, int, float, types.FunctionType, types.MethodType, np.ndarray)


def _may_replace(before, value):
    """Whether state of a built layer is not added, but put in the place of other state of its kind."""
    return any(isinstance(before, kind) and isinstance(value, kind) for kind in (Variable, Tracked))


def _holds_state(value):
    return isinstance(value, (Tracked, Variable, dict, list, tuple, set, frozenset))
