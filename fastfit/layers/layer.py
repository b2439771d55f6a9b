"""Layer: the base of all layers and models."""

import functools
import inspect
import warnings

import numpy as np

from fastfit import constraints, initializers, regularizers
from fastfit.data import frames
from fastfit.data.arrays import check_lists
from fastfit.graph import trace
from fastfit.graph.array import as_array
from fastfit.graph.masks import with_mask
from fastfit.graph.op import apply
from fastfit.graph.tensor import KerasTensor, Node, make_input
from fastfit.graph.variable import Variable
from fastfit.layers.call_context import context, enter_call, get_mask, set_mask
from fastfit.layers.described import Described
from fastfit.layers.input_spec import assert_input_compatibility
from fastfit.layers.made_once import made_once
from fastfit.layers.members import KerasMembers
from fastfit.layers.shapes import (
    as_spec,
    dtype_name,
    has_tensor,
    is_integer,
    map_shapes,
    policy_name,
    shapes_of,
    standardize_shape,
)
from fastfit.layers.tracking import Tracked
from fastfit.utils import limits, nest
from fastfit.utils.naming import auto_name, name_scope
from fastfit.utils.returned import must_return
from fastfit.utils.suggestions import did_you_mean

_LEGACY_KEYWORDS = ("input_shape", "input_dim", "batch_input_shape", "weights", "autocast")


@functools.lru_cache(maxsize=1024)
def _call_parameters(function):
    """Return ({name: default}, takes any keyword) of a ``call`` function without ``self``."""
    parameters = list(inspect.signature(function).parameters.values())[1:]
    any_keyword = any(p.kind is p.VAR_KEYWORD for p in parameters)
    names = {p.name: p.default for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}
    return names, any_keyword


def _constructor_arguments(cls):
    """Return the names that the constructors of a layer's class and its bases take."""
    names = {name for base in cls.__mro__ if base is not object for name in inspect.signature(base.__init__).parameters}
    return names - {"self", "args", "kwargs"}


def _wrap_build(build):
    @functools.wraps(build)
    def wrapped(self, *args, **kwargs):
        outer, self._building = self._building, True
        try:
            with name_scope(self._open_path(), absolute=True):
                result = build(self, *args, **kwargs)
        finally:
            self._building = outer
        if not outer:
            if args or kwargs:
                self._build_shapes = args[0] if len(args) == 1 and not kwargs else _shapes_by_name(build, args, kwargs)
            if not self.built:
                self.built = True
            self._after_build()
            self._locked = self._lockable
        return result

    return wrapped


def _shapes_by_name(build, args, kwargs):
    names = list(inspect.signature(build).parameters)[1:]
    return {**dict(zip(names, args, strict=False)), **kwargs}


class Layer(Described, KerasMembers, Tracked):
    """A function with weights.

    A layer makes its weights in ``build(input_shape)`` and computes in ``call(inputs)``. Called on a symbolic tensor
    it becomes part of a model; called on arrays it computes at once.

    Parameters
    ----------
    activity_regularizer : regularizer, optional
        Its value on the outputs, divided by the batch size, joins the loss.
    trainable : bool, default=True
    dtype : str, optional
        Dtype of weights and computations, "float32" or "float64"; that of the default policy by default.
    name : str, optional
        Made from the class name by default.
    """

    def __new__(cls, *args, **kwargs):
        layer = super().__new__(cls)
        # Here and not in __init__, so that a subclass that sets attributes before super().__init__() finds them.
        layer.__dict__.update(
            _init_args=(args, kwargs),
            _inbound_nodes=[],
            _losses=[],
            _trainable_variables=[],
            _non_trainable_variables=[],
            _build_shapes=None,
            _building=False,
            _locked=False,
            _path=None,
            _trainable=True,
        )
        return layer

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "build" in cls.__dict__:
            cls.build = _wrap_build(cls.__dict__["build"])

    def __init__(self, *, activity_regularizer=None, trainable=True, dtype=None, name=None, **kwargs):
        legacy = {key: kwargs.pop(key) for key in _LEGACY_KEYWORDS if key in kwargs}
        if kwargs:
            hint = "".join(did_you_mean(key, _constructor_arguments(type(self))) for key in kwargs)
            raise ValueError(f"Unrecognized keyword arguments passed to {type(self).__name__}: {kwargs}{hint}")
        if name is None:
            name = auto_name(type(self).__name__)
        if not isinstance(name, str) or "/" in name:
            raise ValueError(
                f"Argument `name` must be a string and cannot contain character `/`. Received: name={name}"
            )
        self.name = name
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.dtype = policy_name(dtype)
        self.autocast = bool(legacy.get("autocast", True))
        self.built = False
        self.input_spec = None
        self.supports_masking = False
        if not isinstance(trainable, (bool, int, np.bool_)):
            raise ValueError(f"Argument `trainable` must be True or False. Received: trainable={trainable!r}")
        self._trainable = bool(trainable)
        self._input_shape_arg = None
        self._initial_weights = legacy.get("weights")
        self._take_legacy_shape(legacy)

    def _take_legacy_shape(self, legacy):
        shape = legacy.get("input_shape")
        if shape is not None:
            shape = standardize_shape(shape, "input_shape")
        if legacy.get("batch_input_shape") is not None:
            shape = standardize_shape(legacy["batch_input_shape"], "batch_input_shape")[1:]
        if legacy.get("input_dim") is not None:
            dim = legacy["input_dim"]
            if not is_integer(dim) or dim < 0:
                raise ValueError(f"Argument `input_dim` must be an integer. Received: input_dim={dim!r}")
            shape = (int(dim),)
        if shape is not None:
            warnings.warn(
                "Do not pass an `input_shape`/`input_dim` argument to a layer. When using Sequential models, prefer "
                "using an `Input(shape)` object as the first layer in the model instead.",
                stacklevel=4,
            )
            self._input_shape_arg = shape

    def __repr__(self):
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"

    # Building ------------------------------------------------------------------------------------------------------

    @_wrap_build
    def build(self, input_shape=None):
        """Make the weights. Layers with weights override this."""

    def _after_build(self):
        if self._initial_weights is not None:
            initial, self._initial_weights = self._initial_weights, None
            self.set_weights(initial)

    def _build_from(self, args, kwargs):
        if self.built:
            return
        parameters = list(inspect.signature(type(self).build).parameters.values())[1:]
        tensors = [*args, *kwargs.values()]
        names = list(_call_parameters(type(self).call)[0])
        if not tensors:
            self.build()
        elif _by_name(parameters):
            by_name = dict(zip(names, args, strict=False)) | kwargs
            shapes = {f"{n}_shape": shapes_of(t) for n, t in by_name.items() if has_tensor(t)}
            self.build(**{p.name: shapes[p.name] for p in parameters if p.name in shapes})
        else:
            self.build(shapes_of(tensors[0]))

    def build_from_config(self, config):
        """Build from what `get_build_config` returned."""
        if not config or self.built:
            return
        if config.get("shapes_dict") is not None:
            self.build(**{name: map_shapes(tuple, shape) for name, shape in config["shapes_dict"].items()})
        elif config.get("input_shape") is not None:
            self.build(map_shapes(tuple, config["input_shape"]))

    def get_build_config(self):
        """Return the shapes that this layer was built with."""
        if self._build_shapes is None:
            return None
        parameters = list(inspect.signature(type(self).build).parameters.values())[1:]
        return {"shapes_dict" if _by_name(parameters) else "input_shape": self._build_shapes}

    def add_weight(
        self,
        shape=None,
        initializer=None,
        dtype=None,
        trainable=True,
        autocast=True,
        regularizer=None,
        constraint=None,
        aggregation="none",
        overwrite_with_gradient=False,
        name=None,
    ):
        """Make a variable that belongs to this layer.

        Parameters
        ----------
        shape : tuple, default=()
        initializer : str, initializer, array or callable, optional
            "glorot_uniform" for floats and "zeros" for others by default.
        dtype : str, optional
            The layer's dtype by default.
        trainable : bool, default=True
        regularizer : regularizer, optional
        constraint : constraint, optional
            Applied after every update.
        name : str, optional
        autocast, aggregation, overwrite_with_gradient
            Accepted for Keras's sake.

        Returns
        -------
        Variable
        """
        self._check_super_called()
        if self.built and not self._building:
            self._refuse_state("a variable")
        if isinstance(shape, str):  # K2's order was add_weight(name, shape, ...)
            name, shape, initializer = shape, initializer, "glorot_uniform" if dtype is None else dtype
            dtype = None
        shape = () if shape is None else (shape,) if np.isscalar(shape) else tuple(shape)
        if any(d is None for d in shape):
            raise ValueError(
                "Shapes used to initialize variables must be fully-defined (no `None` dimensions). "
                f"Received: shape={shape} for variable {name!r} of layer '{self.name}'"
            )
        shape = tuple(int(d) for d in shape)
        dtype = self.dtype if dtype is None else dtype_name(dtype)
        if initializer is None:
            initializer = "glorot_uniform" if dtype.startswith(("float", "bfloat")) else "zeros"
        limits.claim(shape, dtype)
        value = initializers.make_value(initializer, shape, dtype)
        with name_scope(self._open_path(), absolute=True):
            variable = Variable(value, dtype=dtype, trainable=bool(trainable) and self.trainable, name=name)
        variable.regularizer = regularizers.get(regularizer)
        variable.constraint = constraints.get(constraint)
        (self._trainable_variables if trainable else self._non_trainable_variables).append(variable)
        return variable

    add_variable = add_weight

    # Calling -------------------------------------------------------------------------------------------------------

    def call(self, *args, **kwargs):
        """Compute the outputs. Layers override this, in ops of ``fastfit.ops`` or NumPy."""
        raise NotImplementedError(f"Layer {type(self).__name__} does not have a `call()` method implemented.")

    def __call__(self, *args, **kwargs):
        self._check_super_called()
        leaves = nest.flatten([args, kwargs])
        if trace.current() is None and any(isinstance(leaf, KerasTensor) for leaf in leaves):
            return self._call_functional(args, kwargs)
        if context.depth or trace.current() is not None:
            return self._run(args, kwargs)
        return made_once(self, lambda: self._run(args, kwargs))

    _kind = "layer"

    def _known_variables(self):
        """Those that a call may use and make: others would be lost."""
        return self.variables

    def symbolic_call(self, *args, **kwargs):
        """Add a node to the functional graph and return its outputs."""
        return self._call_functional(args, kwargs)

    def _call_functional(self, args, kwargs):
        spec = self.compute_output_spec(*args, **kwargs)
        outputs = nest.map_structure(lambda s: KerasTensor(s.shape, s.dtype), spec)
        inputs = [t for t in nest.flatten([args, kwargs]) if isinstance(t, KerasTensor)]
        attrs = {"args": args, "kwargs": kwargs, "outputs": outputs}
        node = Node(self, inputs, attrs, nest.flatten(outputs))
        self._inbound_nodes.append(node)
        return outputs

    def compute_output_spec(self, *args, **kwargs):
        """Return tensors of the shapes and dtypes that a call would return; builds the layer if needed."""

        def stand_in(x):
            return make_input(x.shape, x.dtype) if isinstance(x, KerasTensor) else x

        with trace.Trace():
            outputs = self._run(nest.map_structure(stand_in, args), nest.map_structure(stand_in, kwargs))
        return nest.map_structure(as_spec, outputs)

    def compute_output_shape(self, input_shape):
        """Return the output shape for an input shape (or structures of them)."""
        spec = self.compute_output_spec(map_shapes(lambda s: KerasTensor(s, self.dtype), input_shape))
        return nest.map_structure(lambda t: tuple(t.shape), spec)

    def _run(self, args, kwargs):
        """Build if needed, then call, with the training flag and masks that the caller's context gives."""
        names, any_keyword = _call_parameters(type(self).call)
        if not args and not kwargs:
            inspect.signature(self.call).bind()  # TypeError that names what is missing
        if args and nest.is_nested(args[0]):
            check_lists(args[0], "inputs")
        args = nest.map_structure(self._convert, args)
        kwargs = {k: nest.map_structure(self._convert, v) for k, v in kwargs.items()}
        training = self._resolve_training(names, args, kwargs)
        if not (any_keyword or "training" in names):
            kwargs.pop("training", None)
        elif training is not None and "training" in names and not _given("training", names, args, kwargs):
            kwargs["training"] = training
        first = args[0] if args else next(iter(kwargs.values()), None)
        with enter_call(training, self._path or self._open_path()):
            masks = [get_mask(t) for t in nest.flatten(first)] if nest.flatten(first) else []
            mask = None
            if any(m is not None for m in masks):
                mask = nest.pack_like(first, masks)
                if "mask" in names and not _given("mask", names, args, kwargs):
                    kwargs["mask"] = mask
            assert_input_compatibility(self.input_spec, first, self.name)
            if not self.built:
                self._build_from(args, {k: v for k, v in kwargs.items() if k not in ("training", "mask")})
                assert_input_compatibility(self.input_spec, first, self.name)
            if context.depth == 1:
                self._clear_losses()
            outputs = self.call(*args, **kwargs)
            if outputs is None:
                must_return(outputs, f"`call()` of {type(self).__name__} '{self.name}'", "the outputs")
            if trace.current() is not None and any(map(callable, nest.flatten(outputs))):
                raise TypeError(
                    f"`call()` of {type(self).__name__} '{self.name}' must return tensors. A layer or a function has "
                    f"to be called on something first. Received: {outputs}"
                )
            if self.activity_regularizer is not None:
                for output in nest.flatten(outputs):
                    penalty = _penalty(self.activity_regularizer(output), self.activity_regularizer, self.name)
                    self.add_loss(penalty / apply("batch_size", output))
            self._pass_mask(first, mask if mask is not None else kwargs.get("mask"), outputs)
            if context.depth == 1 and trace.current() is None:
                # The context forgets masks now; arrays take theirs with them.
                outputs = nest.map_structure(lambda y: with_mask(as_array(y), get_mask(y)), outputs)
        return outputs

    def _convert(self, x):
        # As Keras's autocast: floats become the layer's dtype, integers stay what they are.
        if isinstance(x, np.ndarray):
            return x.astype(self.dtype) if self.autocast and x.dtype.kind == "f" and x.dtype.name != self.dtype else x
        if isinstance(x, KerasTensor):
            return _cast_with_mask(x, self.dtype) if self.autocast and _is_other_float(x.dtype, self.dtype) else x
        if isinstance(x, (Variable, np.generic)) or not hasattr(x, "__array__"):
            return x
        return self._convert(frames.to_matrix(x, "inputs") if frames.is_table(x) else np.asarray(x))

    def _resolve_training(self, names, args, kwargs):
        if kwargs.get("training") is not None:
            return kwargs["training"]
        if _given("training", names, args, {}):
            return args[list(names).index("training")]
        kwargs.pop("training", None)
        if context.training is None and isinstance(names.get("training"), bool):
            return names["training"]
        asked = names.get("training") is inspect.Parameter.empty
        if context.training is None and asked and trace.current() is not None:
            return False  # a step will give it, and shapes are wanted before
        return context.training

    def _pass_mask(self, first, mask, outputs):
        if mask is None and type(self).compute_mask is Layer.compute_mask:
            return
        if mask is not None and not self.supports_masking and type(self).compute_mask is Layer.compute_mask:
            warnings.warn(
                f"Layer '{self.name}' (of type {type(self).__name__}) was passed an input with a mask attached to it. "
                "However, this layer does not support masking and will therefore destroy the mask information. "
                "Downstream layers will not see the mask.",
                stacklevel=4,
            )
            return
        masks = self.compute_mask(first, mask)
        if masks is None:
            return
        for output, m in zip(nest.flatten(outputs), nest.flatten(masks), strict=False):
            if m is not None:
                set_mask(output, m)

    def compute_mask(self, inputs, previous_mask):
        """Return the mask of the outputs."""
        return previous_mask

    # Losses --------------------------------------------------------------------------------------------------------

    def add_loss(self, loss):
        """Add a scalar (or several) to the loss. To be called inside ``call``."""
        self._check_super_called()
        current = trace.current()
        for value in nest.flatten(loss):
            if value is None:
                continue
            if current is not None:
                current.losses.append(value)
            else:
                self._losses.append(value)

    def _clear_losses(self):
        for layer in self._flatten_layers():
            layer._losses.clear()

    def _regularization_losses(self):
        with_one = [v for v in self.trainable_weights if getattr(v, "regularizer", None) is not None]
        return [_penalty(v.regularizer(v), v.regularizer, v.path) for v in with_one]

    @property
    def losses(self):
        """Losses added by the last call and by weight regularizers, as scalars."""
        current = trace.current()
        added = list(current.losses) if current is not None else []
        if current is None:
            for layer in self._flatten_layers():
                added.extend(layer._losses)
        return added + self._regularization_losses()


def _is_other_float(dtype, wanted):
    return dtype != wanted and dtype.startswith("float")


def _cast_with_mask(x, dtype):
    y, mask = apply("cast", x, dtype=dtype), get_mask(x)
    if mask is not None:
        set_mask(y, mask)
    return y


def _penalty(value, regularizer, where):
    """What a regularizer gave, which must be something."""
    return must_return(
        value, f"The regularizer {getattr(regularizer, '__name__', regularizer)!r} of '{where}'", "a penalty"
    )


def _by_name(parameters):
    """Whether a ``build`` takes several shapes, each by the name of an argument of ``call``."""
    return len(parameters) > 1 and all(p.name.endswith("_shape") for p in parameters)


def _given(name, names, args, kwargs):
    """Whether the caller gave the argument, by keyword or by position."""
    return name in kwargs or (name in names and list(names).index(name) < len(args))
