"""The variables of an optimizer: how they are made, named, read and set."""

import warnings

import numpy as np

from fastfit import initializers
from fastfit.graph.variable import Variable
from fastfit.utils import own_variables
from fastfit.utils.dtypes import float_dtype
from fastfit.utils.naming import name_scope

# Attributes that are dicts of `id(variable)` to what belongs to that variable.
_BY_IDENTITY = frozenset({"_slots", "_index", "_optimizer_of"})


class HasVariables:
    """The optimizer's variables: iteration count, learning rate (unless a schedule) and slots, in the order made."""

    copied_as_config = True  # with a model: its slots belong to the variables of the copy

    @property
    def variables(self):
        """Iteration count, learning rate (unless a schedule gives it) and slots, in the order they were made in."""
        return list(self._variables)

    def add_variable(self, shape, initializer="zeros", dtype=None, aggregation="none", layout=None, name=None):
        """Make a variable that belongs to the optimizer.

        Parameters
        ----------
        shape : tuple
        initializer : str or callable, default="zeros"
            What `fastfit.initializers.get` understands.
        dtype : str, optional
        aggregation, layout : ignored
            Nothing is distributed here.
        name : str, optional
        """
        dtype = dtype or float_dtype()
        value = np.asarray(initializers.get(initializer)(tuple(shape), dtype=dtype))
        with name_scope(self.name, absolute=True):
            variable = Variable(value, dtype=dtype, trainable=False, name=name)
        self._variables.append(variable)
        return variable

    def add_variable_from_reference(self, reference_variable, name=None, initializer="zeros"):
        """Make a slot of the shape and dtype of a variable."""
        full = f"{reference_variable.path.replace('/', '_')}_{name or 'var'}"
        slot = self.add_variable(reference_variable.shape, initializer, reference_variable.dtype, name=full)
        self._slots.setdefault(id(reference_variable), []).append(slot)
        return slot

    def slots_like(self, variable):
        """Return the slots that were made for a variable."""
        return list(self._slots.get(id(variable), ()))

    def add_optimizer_variables(self, trainable_variables, name, initializer="zeros"):
        """Make one slot per variable, or several: a list for one name, a tuple of lists for a list of names."""
        names = [name] if isinstance(name, str) else list(name)
        starts = list(initializer) if isinstance(initializer, (list, tuple)) else [initializer] * len(names)
        if len(names) != len(starts):
            raise ValueError(
                f"The number of names must be that of the initializers. Received: name={name}, "
                f"initializer={initializer}"
            )
        slots = tuple([] for _ in names)
        for v in trainable_variables:  # interleaved, which is the order of saved files
            for k, (each, start) in enumerate(zip(names, starts, strict=True)):
                slots[k].append(self.add_variable_from_reference(v, each, start))
        return slots[0] if isinstance(name, str) else slots

    def __getstate__(self):
        # Identities are of this process: copies look theirs up anew.
        state, known = dict(self.__dict__), {id(v): v for v in getattr(self, "_trainable_variables", ())}
        for name in _BY_IDENTITY & state.keys():
            state[name] = [(known[key], value) for key, value in state[name].items() if key in known]
        state["_excluded_ids"] = [known[key] for key in state.get("_excluded_ids", ()) if key in known]
        return state

    def __setstate__(self, state):
        found = {name: {id(v): value for v, value in state[name]} for name in _BY_IDENTITY & state.keys()}
        found["_excluded_ids"] = {id(v) for v in state["_excluded_ids"]}
        self.__dict__.update({**state, **found})

    def get_weights(self):
        """Return the optimizer's variables as arrays."""
        return [v.numpy() for v in self.variables]

    def set_weights(self, weights):
        """Set the optimizer's variables from arrays.

        Raises
        ------
        ValueError : the optimizer has not been built; number or shapes are not those of its variables.
        """
        if not self.built:
            raise ValueError(
                "You are calling `set_weights()` on an optimizer that has not yet been built. Please call "
                "`optimizer.build(trainable_variables)` to create the optimizer weights before calling "
                "`set_weights()`."
            )
        weights, variables = list(weights), self.variables
        if len(weights) != len(variables):
            raise ValueError(
                f"Optimizer '{self.name}' has {len(variables)} variables. Received: {len(weights)} weights."
            )
        for v, value in zip(variables, weights, strict=True):
            if tuple(v.shape) != np.shape(value):
                raise ValueError(
                    f"Optimizer variable {v.path} has shape {tuple(v.shape)} not compatible with provided weight "
                    f"shape {np.shape(value)}."
                )
        for v, value in zip(variables, weights, strict=True):
            v.assign(value)

    def save_own_variables(self, store):
        """Put the optimizer's variables into a dict-like store."""
        own_variables.save(self.variables, store)

    def load_own_variables(self, store):
        """Set the optimizer's variables from what `save_own_variables` has put into a store.

        Another number of variables means another kind of optimizer: that is left alone, with a warning.
        """
        variables = self.variables
        if len(store.keys()) != len(variables):
            warnings.warn(
                f"The state of optimizer '{self.name}' is not loaded: it has {len(variables)} variables whereas "
                f"the saved optimizer has {len(store.keys())}.",
                stacklevel=2,
            )
            return
        own_variables.load(variables, store, f"Optimizer '{self.name}'")

    def stateless_apply(self, optimizer_variables, grads, trainable_variables):
        """Return the values that `apply` would leave, and change nothing.

        Parameters
        ----------
        optimizer_variables, trainable_variables : list of array
            Values to begin with, one for each of `variables` and of the variables that the optimizer was built with.
        grads : list of array

        Returns
        -------
        (list of ndarray, list of ndarray)
            New values of the trainable variables and of the optimizer's.
        """
        if not self.built:
            raise ValueError(
                f"To call `stateless_apply`, {type(self).__name__} must be built (i.e. its variables must have been "
                "created). You can build it via `optimizer.build(trainable_variables)`."
            )
        for name, values, owned in (
            ("optimizer_variables", optimizer_variables, self.variables),
            ("trainable_variables", trainable_variables, self._trainable_variables),
        ):
            if len(values) != len(owned):
                raise ValueError(
                    f"Argument `{name}` must be a list of tensors corresponding 1:1 to the {len(owned)} variables of "
                    f"{type(self).__name__}. Received list with length {len(values)}."
                )
        variables = self._trainable_variables + self.variables
        before = [v.numpy() for v in variables]
        try:
            for v, value in zip(variables, [*trainable_variables, *optimizer_variables], strict=True):
                v.assign(np.asarray(value))
            self.apply(grads)
            after = [v.numpy() for v in variables]
        finally:
            for v, value in zip(variables, before, strict=True):
                v.assign(value)
        n = len(self._trainable_variables)
        return after[:n], after[n:]
