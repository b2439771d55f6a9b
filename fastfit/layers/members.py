"""Members of Keras's layers beside building and calling: dtypes, calls without state, and what is refused."""

import numpy as np

from fastfit.config import DTypePolicy
from fastfit.layers.shapes import policy_name


class KerasMembers:
    """What Keras users find on every layer and model."""

    supports_jit = True

    @property
    def dtype_policy(self):
        """The dtypes of weights and computations."""
        return DTypePolicy(self.dtype)

    @dtype_policy.setter
    def dtype_policy(self, policy):
        wanted = policy_name(policy)
        if self.built and wanted != self.dtype:
            raise ValueError(
                f"The dtype of layer '{self.name}' cannot change after it is built: its weights are {self.dtype}. "
                f"Received: dtype_policy={policy}"
            )
        self.dtype = wanted

    @property
    def input_dtype(self):
        """The dtype that float inputs are cast to."""
        return self.dtype

    @property
    def quantization_mode(self):
        """None: nothing is quantized here."""
        return None

    @property
    def metrics_variables(self):
        """The variables of the metrics."""
        return [v for m in self.metrics for v in m.variables]

    def add_metric(self, *args, **kwargs):
        """Raise NotImplementedError: Keras 3 has removed it."""
        raise NotImplementedError(
            "`add_metric()` is gone. Give the metric to `compile(metrics=[...])`, or make it in `__init__()` and call "
            "its `update_state()` in `call()` or in a custom `train_step()`."
        )

    def quantize(self, mode=None, config=None, filters=None, **kwargs):
        """Raise NotImplementedError: weights are not quantized."""
        raise NotImplementedError(f"Quantization is not supported. Received: mode={mode!r} for layer '{self.name}'")

    def stateless_call(self, trainable_variables, non_trainable_variables, *args, return_losses=False, **kwargs):
        """Call the layer with given values of its variables, and leave the variables as they are.

        Parameters
        ----------
        trainable_variables, non_trainable_variables : list of array or tensor
            Values in the order of the properties of these names.
        *args, **kwargs
            Of the call.
        return_losses : bool, default=False

        Returns
        -------
        outputs, new non-trainable values, and with ``return_losses`` the losses that were added
        """
        self._check_super_called()
        if not self.built:
            raise ValueError(f"To call stateless_call, {type(self).__name__} must be built (its variables exist).")
        own = {"trainable_variables": self.trainable_variables, "non_trainable_variables": self.non_trainable_variables}
        given = {"trainable_variables": trainable_variables, "non_trainable_variables": non_trainable_variables}
        for name, variables in own.items():
            values = given[name] = list(given[name])
            if len(values) != len(variables):
                raise ValueError(
                    f"Argument `{name}` must be a list of tensors, one for each of {self.name}.{name}. Received list "
                    f"with length {len(values)}, but expected {len(variables)} variables."
                )
            for v, value in zip(variables, values, strict=True):
                if tuple(np.shape(value) if not hasattr(value, "shape") else value.shape) != v.shape:
                    raise ValueError(
                        f"A value in `{name}` has another shape than the variable '{v.path}'. Expected: {v.shape}. "
                        f"Received: {value.shape}"
                    )
        pairs = [(v, x) for name in own for v, x in zip(own[name], given[name], strict=True)]
        before = [(v, v.value) for v, _ in pairs]
        try:
            for v, value in pairs:
                v.assign(value)
            # Not `self(...)`: a model would run its compiled program, which knows no given tensors.
            outputs = self._run(args, kwargs)
            after = [v.value for v in own["non_trainable_variables"]]
            losses = list(self.losses)
        finally:
            for v, value in before:
                v.assign(value)
        return (outputs, after, losses) if return_losses else (outputs, after)
