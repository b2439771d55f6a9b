"""What a layer says of itself: its first inputs and outputs, and its config."""

import inspect

from fastfit import regularizers
from fastfit.utils import nest, references
from fastfit.utils.naming import current_path, join_path
from fastfit.utils.registry import deserialize_keras_object

_POSITIONAL = "*"  # in the config of a copy: arguments that have no names


class Described:
    """Inputs, outputs and config of a layer."""

    @property
    def path(self):
        """The names of the layers around this one and its own, joined by slashes; None before it is built."""
        return self._path

    def _open_path(self):
        """Return the path, which is settled by where the layer is first called or built."""
        if self._path is None:
            self._path = join_path(current_path(), self.name)
        return self._path

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
            raise AttributeError(f"The layer {self.name} has never been called and thus has no defined {what}.")
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
        return self._init_config(config) if type(self).get_config is Described.get_config else config

    def _init_config(self, common):
        """Return what the constructor was given, and those of the common settings that it takes."""
        args, kwargs = self._init_args
        bound = inspect.signature(type(self).__init__).bind(self, *args, **kwargs)
        values, any_keyword = {}, False
        for name, parameter in list(bound.signature.parameters.items())[1:]:
            given = bound.arguments.get(name)
            if parameter.kind is parameter.VAR_KEYWORD:
                any_keyword = True
                values.update(given or {})
            elif parameter.kind is parameter.VAR_POSITIONAL:
                if given and references.are_kept():
                    values = {_POSITIONAL: list(bound.args[1:])}
                elif given:
                    raise NotImplementedError(
                        f"Object {type(self).__name__} was created by passing `*{name}` to `__init__()`, and therefore "
                        "the object must override `get_config()` in order to be serializable."
                    )
            elif name in bound.arguments:
                values[name] = given
        taken = bound.signature.parameters
        by_position = [p.name for p in taken.values()][1 : 1 + len(values.get(_POSITIONAL, ()))]
        common = {key: value for key, value in common.items() if key not in by_position}
        values |= {key: value for key, value in common.items() if any_keyword or key in taken}
        plain = (str, int, float, bool, type(None))
        if not references.are_kept() and not all(isinstance(leaf, plain) for leaf in nest.flatten(values)):
            raise NotImplementedError(
                f"Object {type(self).__name__} was created by passing non-serializable argument values in "
                "`__init__()`, and therefore the object must override `get_config()` in order to be serializable."
            )
        return values

    @classmethod
    def from_config(cls, config):
        """Make a layer from what `get_config` returned."""
        if references.are_kept() and cls.get_config is Described.get_config:
            config = deserialize_keras_object(config)
        config = dict(config)
        args = config.pop(_POSITIONAL, ()) if references.are_kept() else ()
        try:
            return cls(*args, **config)
        except Exception as error:
            raise TypeError(
                f"Error when deserializing class '{cls.__name__}' using config={config}.\n\n"
                f"Exception encountered: {error}"
            ) from error
