"""What a layer says of itself: its first inputs and outputs, and its config."""

import inspect

from fastfit import regularizers
from fastfit.utils import nest


class Described:
    """Inputs, outputs and config of a layer."""

    @property
    def path(self):
        """The layer's name as variables carry it in their paths."""
        return self.name

    @property
    def compute_dtype(self):
        """The dtype of the computations."""
        return self.dtype

    variable_dtype = compute_dtype

    @property
    def metrics(self):
        """Metrics; layers have none of their own."""
        return []

    @property
    def input(self):
        """The inputs of the first symbolic call."""
        return self._first_node("input").attrs["args"][0]

    @property
    def output(self):
        """The outputs of the first symbolic call."""
        return self._first_node("output").attrs["outputs"]

    def _first_node(self, what):
        if not self._inbound_nodes:
            raise ValueError(f"The layer {self.name} has never been called and thus has no defined {what}.")
        return self._inbound_nodes[0]

    def _check_super_called(self):
        if "input_spec" not in self.__dict__:
            raise RuntimeError(
                f"In layer '{type(self).__name__}', you forgot to call `super().__init__()` as the first statement in "
                "the `__init__()` method. Go add it!"
            )

    def get_config(self):
        """Return what `from_config` needs to make this layer anew, without weights."""
        self._check_super_called()
        config = {"name": self.name, "trainable": self.trainable, "dtype": self.dtype}
        if self.activity_regularizer is not None:
            config["activity_regularizer"] = regularizers.serialize(self.activity_regularizer)
        if type(self).get_config is Described.get_config:
            config.update(self._init_config())
        return config

    def _init_config(self):
        args, kwargs = self._init_args
        bound = inspect.signature(type(self).__init__).bind(self, *args, **kwargs).arguments
        values = {k: v for k, v in list(bound.items())[1:] if k not in ("args", "kwargs")} | dict(
            bound.get("kwargs", {})
        )
        plain = (str, int, float, bool, type(None))
        if not all(isinstance(leaf, plain) for leaf in nest.flatten(values)):
            raise NotImplementedError(
                f"Object {type(self).__name__} was created by passing non-serializable argument values in "
                "`__init__()`, and therefore the object must override `get_config()` in order to be serializable."
            )
        return values

    @classmethod
    def from_config(cls, config):
        """Make a layer from what `get_config` returned."""
        return cls(**config)
