"""Model: layers that can be trained together."""

import inspect
import json

from fastfit.graph.tensor import make_input
from fastfit.layers.layer import Layer
from fastfit.layers.shapes import has_tensor, map_shapes
from fastfit.models.members import ModelMembers
from fastfit.models.summary import print_summary
from fastfit.saving import configs, files
from fastfit.training.trainer import Trainer
from fastfit.utils import nest
from fastfit.utils.custom_objects import CustomObjectScope

OLD_NAMES = {"input": "inputs", "output": "outputs"}


def functional_arguments(args, kwargs):
    """Whether these are the arguments (inputs, outputs) of a functional model, by the names of any version."""
    kwargs = {OLD_NAMES.get(key, key) for key in kwargs}
    return len(args) >= 2 or (len(args) == 1 and "outputs" in kwargs) or ("inputs" in kwargs and "outputs" in kwargs)


class Model(Trainer, ModelMembers, Layer):
    """Layers with an object for training.

    ``Model(inputs, outputs)`` makes a functional model from symbolic tensors. A subclass defines its layers in
    ``__init__`` and its computation in ``call``.

    Parameters
    ----------
    inputs, outputs : KerasTensor, list, tuple or dict of them
    name : str, optional
    trainable : bool, optional
    """

    # Set by the module of the functional model, which builds on this one.
    _functional_class = None

    def __new__(cls, *args, **kwargs):
        if cls is Model and functional_arguments(args, kwargs):
            return Layer.__new__(Model._functional_class, *args, **kwargs)
        return Layer.__new__(cls, *args, **kwargs)

    def __init__(self, *args, **kwargs):
        if functional_arguments(args, kwargs) and not isinstance(self, Model._functional_class):
            # A subclass of Model that hands inputs and outputs to super().__init__() is a functional model.
            _make_functional(type(self))
            Model._functional_class.__init__(self, *args, **kwargs)
            return
        Trainer.__init__(self)
        Layer.__init__(self, *args, **kwargs)

    def call(self, *args, **kwargs):
        raise NotImplementedError(f"Model {type(self).__name__} does not have a `call()` method implemented.")

    @property
    def layers(self):
        """The layers directly inside the model."""
        return self._sublayers()

    @layers.setter
    def layers(self, _):
        raise AttributeError("`Model.layers` attribute is reserved and should not be used. Please use another name.")

    def get_layer(self, name=None, index=None):
        """Return a layer by its name or its position.

        Parameters
        ----------
        name : str, optional
        index : int, optional
            Exactly one of the two.
        """
        if (name is None) == (index is None):
            what = "both" if name is not None else "neither"
            raise ValueError(f"Provide either a layer name or a layer index, not {what}. Received: {name=}, {index=}")
        if index is not None:
            if not -len(self.layers) <= index < len(self.layers):
                raise ValueError(
                    f"Was asked to retrieve layer at index {index} but model only has {len(self.layers)} layers."
                )
            return self.layers[index]
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise ValueError(f"No such layer: {name}. Existing layers are: {[layer.name for layer in self.layers]}.")

    def build(self, input_shape=None):
        """Build all layers for an input shape, or a structure of them."""
        if input_shape is None or self.built:
            return
        inputs = map_shapes(lambda s: make_input(s, "float32"), input_shape)
        parameters = list(inspect.signature(type(self).call).parameters.values())[1:]
        wanted = [p for p in parameters if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
        several = isinstance(inputs, (list, tuple)) and len(wanted) == len(inputs) > 1
        self.built = True  # or the call below would come here again
        try:
            self.compute_output_spec(*(inputs if several else [inputs]))
        except Exception:
            self.built = False
            raise

    def _build_from(self, args, kwargs):
        if type(self).build is Model.build:
            self._build_shapes = _first_shapes(args, kwargs)
            self.built = self._locked = True
            return
        super()._build_from(args, kwargs)

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """Make a model, without weights, from what `get_config` returned.

        Parameters
        ----------
        config : dict
        custom_objects : dict, optional
            Classes and functions that it names.
        """
        if "input_layers" in config and (cls is Model or functional_arguments((), _parameters_of(cls))):
            return Model._functional_class._from_graph_config(cls, config, custom_objects)
        with CustomObjectScope(custom_objects):
            return super().from_config(config)

    def summary(
        self,
        line_length=None,
        positions=None,
        print_fn=None,
        expand_nested=False,
        show_trainable=False,
        layer_range=None,
    ):
        """Print a table of the layers and the numbers of parameters.

        Parameters
        ----------
        line_length : int, optional
        positions : list of float, optional
            Where the columns end, as fractions of the line.
        print_fn : callable, optional
            Gets the whole text in one string, instead of standard output.
        expand_nested : bool, default=False
            Show the layers of nested models too.
        show_trainable : bool, default=False
            Add a column that says whether a layer is trained.
        layer_range : list of two str, optional
            First and last layer to show, by name or regular expression.
        """
        print_summary(
            self,
            line_length=line_length,
            positions=positions,
            print_fn=print_fn,
            expand_nested=expand_nested,
            show_trainable=show_trainable,
            layer_range=layer_range,
        )

    def to_json(self, **kwargs):
        """Return the config of the model as a JSON string; ``kwargs`` go to ``json.dumps``."""
        return json.dumps(configs.model_config(self), **kwargs)

    def save(self, filepath, overwrite=True, zipped=None, **kwargs):
        """Save the model to a ``.keras`` file; see `fastfit.saving.save_model`."""
        files.save_model(self, filepath, overwrite=overwrite, zipped=zipped, **kwargs)

    def save_weights(self, filepath, overwrite=True, max_shard_size=None):
        """Save the weights, and the optimizer's state, to a ``.weights.h5`` file; see `fastfit.saving.save_weights`."""
        files.save_weights(self, filepath, overwrite=overwrite, max_shard_size=max_shard_size)

    def load_weights(self, filepath, skip_mismatch=False, **kwargs):
        """Load what `save_weights` or `save` has saved; see `fastfit.saving.load_weights`."""
        files.load_weights(self, filepath, skip_mismatch=skip_mismatch, **kwargs)

    def __reduce__(self):
        # A copy is made of config and weights; functions and classes of the user's come along themselves.
        return files.from_parts, files.to_parts(self)


def _first_shapes(args, kwargs):
    """Return the shape, or structure of shapes, of what a model was first called with."""

    def shape_of(t):
        return (None, *tuple(t.shape)[1:])

    found = [nest.map_structure(shape_of, x) for x in [*args, *kwargs.values()] if has_tensor(x)]
    return None if not found else found[0] if len(found) == 1 else found


def _parameters_of(cls):
    return inspect.signature(cls.__init__).parameters


def _make_functional(cls):
    """Put the functional model in the place of Model among the bases of a user's class."""
    if cls in (object, Model, Layer, Trainer) or issubclass(cls, Model._functional_class):
        return
    for base in cls.__bases__:
        if issubclass(base, Model):
            _make_functional(base)
    cls.__bases__ = tuple(Model._functional_class if base is Model else base for base in cls.__bases__)
