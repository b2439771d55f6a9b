"""Objects as configs and configs as objects: the one registry behind every ``get``, ``serialize``, ``deserialize``."""

import contextlib
import importlib
import inspect
import re
import threading
import warnings

import numpy as np

from fastfit import config as settings
from fastfit.utils import lambdas, references
from fastfit.utils.custom_objects import CustomObjectScope, get_registered_name, get_registered_object, is_registered
from fastfit.utils.naming import to_snake_case
from fastfit.utils.suggestions import did_you_mean

MODULE_ROOT = "keras"  # configs name Keras's modules, so that Keras can read them too

# The modules that have a registry; configs name them, and they are loaded when one does.
_MODULES = (
    "activations", "constraints", "initializers", "layers", "losses", "metrics", "models", "optimizers",
    "optimizers.schedules", "regularizers",
)  # fmt: skip
_registries: dict = {}
_local = threading.local()


class Registry:
    """The classes and functions of one kind, by name.

    Parameters
    ----------
    kind : str
        What messages call them, such as "initializer".
    module : str
        Name of the module in Keras, such as "initializers".
    classes : list of type
        Known by their names and snake-cased names.
    aliases : dict, optional
        Further names.
    functions : dict, optional
        Functions by name; they win over classes of the same name where a config says that it is a function.
    names_mean_functions : bool, default=True
        Whether a name alone may stand for a function.
    hints : dict, optional
        Names that are not known, with what the message adds for each.
    places : dict, optional
        Names of classes that Keras finds in a module of its own, with that module.
    """

    def __init__(
        self, kind, module, classes=(), aliases=None, functions=None, names_mean_functions=True, hints=None, places=None
    ):
        self.kind = kind
        self.module = module
        self.names = {}
        self.public = {}
        self.functions = dict(functions or {})
        self.hints = hints or {}
        self.places = places or {}
        self.add(*classes)
        if names_mean_functions:
            self.names.update(self.functions)
        self.names.update(aliases or {})
        _registries[module] = self

    def add(self, *classes):
        """Make classes known by their names and snake-cased names."""
        for cls in classes:
            self.names[cls.__name__] = cls
            self.names[to_snake_case(cls.__name__)] = cls
            self.public[cls] = cls.__name__

    def find(self, name, custom_objects=None):
        """Return the class or function called ``name``; ValueError when there is none."""
        found = get_registered_object(name, custom_objects, self.names)
        if found is None:
            raise ValueError(self._message(name))
        return found

    def _message(self, identifier):
        hint = f" {self.hints[identifier]}" if isinstance(identifier, str) and identifier in self.hints else ""
        kind = "" if isinstance(identifier, str) else f" of type {type(identifier).__name__}"
        hint = hint or did_you_mean(identifier, self.names)
        return (
            f"Could not interpret {self.kind} identifier: {identifier!r}.{hint} "
            f"Expected a name, a config, a class, a function or an instance. Received: {identifier!r}{kind}"
        )

    def get(self, identifier):
        """Return the object that a name, config dict, class, callable or instance stands for; None stays None.

        Raises
        ------
        ValueError : nothing has that name, or the identifier is none of these.
        """
        if identifier is None:
            return None
        if isinstance(identifier, dict):
            found = self.deserialize(identifier)
        else:
            found = self.find(identifier) if isinstance(identifier, str) else identifier
        if inspect.isclass(found):
            return found()
        if callable(found):
            return found
        raise ValueError(self._message(identifier))

    def serialize(self, obj):
        """Return the config of an object or a function; None stays None."""
        return serialize_keras_object(obj)

    def deserialize(self, config, custom_objects=None):
        """Return the object that `serialize` described.

        Parameters
        ----------
        config : dict or str
            A name alone stands for the object made without arguments.
        custom_objects : dict, optional

        Raises
        ------
        ValueError : nothing has that name.
        TypeError : a class or function of the user that is not registered.
        """
        if config is None:
            return None
        if isinstance(config, str):
            found = self.find(config, custom_objects)
            return found() if inspect.isclass(found) else found
        if not isinstance(config, dict) or "class_name" not in config:
            raise ValueError(f"Could not interpret {self.kind} config: {config!r}")
        return _deserialize_object(config, custom_objects or {}, self)


# ---- objects to configs ----

_CLASS = "class"  # where a config holds the class itself, beside its name

_PLAIN = (str, int, float, bool, type(None))
# Type to (class name in configs, function to the config, function from the config).
_forms: dict = {}


def register_form(kind, class_name, to_config, from_config):
    """Say how values of a type that has no ``get_config`` are written."""
    _forms[kind] = (class_name, to_config, from_config)


# Arrays take the bytes of one number for each that the text holds; other dtypes may stand for any amount of memory.
_NUMBERS = re.compile(r"bool|u?int(8|16|32|64)|b?float(16|32|64)")


def _array(config):
    dtype = config["dtype"]
    if not isinstance(dtype, str) or not _NUMBERS.fullmatch(dtype):
        raise ValueError(f"The config holds an array of a dtype that is none of numbers. Received: {dtype!r}")
    return np.array(config["value"], dtype="float32" if dtype == "bfloat16" else dtype)


register_form(bytes, "__bytes__", lambda x: {"value": x.decode("utf-8")}, lambda c: c["value"].encode("utf-8"))
register_form(type(...), "__ellipsis__", lambda x: {}, lambda c: ...)
register_form(
    slice,
    "__slice__",
    lambda x: {key: serialize_keras_object(getattr(x, key)) for key in ("start", "stop", "step")},
    lambda c: slice(*(deserialize_keras_object(c[key]) for key in ("start", "stop", "step"))),
)
register_form(
    np.ndarray,
    "__numpy__",
    lambda x: {"value": x.tolist(), "dtype": x.dtype.name},
    _array,
)
# Keras writes arrays of its backends so.
_read_only_forms = {"__tensor__": _array}


def serialize_keras_object(obj):
    """Return plain values (dicts, lists, numbers, text) that describe an object.

    Parameters
    ----------
    obj : object
        With ``get_config``; or a function; or a plain value; or a structure of these.

    Returns
    -------
    object
        For an object a dict of module, class_name, config and registered_name, which `deserialize_keras_object` reads.

    Raises
    ------
    TypeError : the object has no ``get_config``.
    """
    if isinstance(obj, _PLAIN):
        return obj.item() if isinstance(obj, np.generic) else obj  # np.float64 is a float
    if isinstance(obj, (list, tuple)):
        items = [serialize_keras_object(x) for x in obj]
        return tuple(items) if isinstance(obj, tuple) else items
    if isinstance(obj, dict):
        return {key: serialize_keras_object(value) for key, value in obj.items()}
    if references.are_kept() and (isinstance(obj, type) or not hasattr(obj, "copied_as_config")):
        return obj
    if isinstance(obj, np.generic) or (isinstance(obj, np.ndarray) and obj.ndim == 0):
        return obj.item()
    for kind, (class_name, to_config, _) in _forms.items():
        if isinstance(obj, kind):
            return {"class_name": class_name, "config": to_config(obj)}
    if isinstance(obj, type):
        return get_registered_name(obj)
    if getattr(obj, "__name__", None) == "<lambda>":
        return _lambda_config(obj)
    if callable(obj) and hasattr(obj, "__name__") and not hasattr(obj, "get_config"):
        return _function_config(obj)
    config = config_of(obj)
    for part in ("build", "compile"):
        values = getattr(obj, f"get_{part}_config", lambda: None)()
        if values is not None:
            config[f"{part}_config"] = serialize_keras_object(values)
    return config


def _function_config(function):
    return {
        "module": "builtins",
        "class_name": "function",
        "config": get_registered_name(function),
        "registered_name": "function",
    }


def _lambda_config(function):
    warnings.warn(
        f"The object holds a lambda: {function.__code__.co_filename}, line {function.__code__.co_firstlineno}. Loading "
        "it runs code, so it needs `safe_mode=False`. Use a named function instead.",
        stacklevel=3,
    )
    return {"class_name": "__lambda__", "config": {"value": serialize_keras_object(lambdas.dump(function))}}


def lambda_of_layer_config(function):
    """Return the config of a lambda in the form of Keras's Lambda layers, which is one of its own."""
    if references.are_kept():
        return function
    parts = _lambda_config(function)["config"]["value"]
    return {"class_name": "__lambda__", "config": dict(zip(("code", "defaults", "closure"), parts, strict=True))}


def config_of(obj, module=None):
    """Return the config dict of ``obj``: module, class_name, config, registered_name.

    Parameters
    ----------
    obj : object
        With ``get_config``; a callable with a ``__name__`` is described by that.
    module : str, optional
        Where Keras has the class, such as "layers", if no registry knows it.
    """
    cls = type(obj)
    if hasattr(obj, "get_config"):
        config = obj.get_config()
        if not isinstance(config, dict):
            raise TypeError(f"The `get_config()` method of {obj} should return a dict. It returned: {config!r}")
        config = serialize_keras_object(config)
    elif hasattr(obj, "__name__"):
        config = get_registered_name(obj)
    else:
        raise TypeError(
            f"Cannot serialize object {obj} of type {cls}. To be serializable, a class must implement the "
            "`get_config()` method."
        )
    public = next(
        ((r.places.get(cls.__name__, r.module), r.public[cls]) for r in _registries.values() if cls in r.public), None
    )
    if public is None and module is not None and cls.__module__.split(".")[0] == __name__.split(".")[0]:
        public = (module, cls.__name__)
    if public is not None and not is_registered(cls):
        where, name, registered = ".".join(filter(None, (MODULE_ROOT, public[0]))), public[1], None
    else:
        # A class of the program that runs has no module that another program could import.
        where = None if cls.__module__ == "__main__" else cls.__module__
        name, registered = cls.__name__, get_registered_name(cls)
    found = {"module": where, "class_name": name, "config": config, "registered_name": registered}
    return {**found, _CLASS: cls} if references.are_kept() and public is None else found


# ---- configs to objects ----


def deserialize_keras_object(config, custom_objects=None, safe_mode=True, **kwargs):
    """Return what `serialize_keras_object` described.

    Parameters
    ----------
    config : object
        A dict that describes an object, a plain value, or a structure of these.
    custom_objects : dict, optional
        Classes and functions by name, beside those registered or in a `CustomObjectScope`.
    safe_mode : bool, default=True
        Refuse lambdas, whose code would run.
    module_objects : dict, optional
        Further objects by name.

    Raises
    ------
    TypeError : no class or function has that name, or one of the user is not registered.
    ValueError : the config holds a lambda, and safe mode is on.
    """
    module_objects = kwargs.pop("module_objects", None)
    if kwargs:
        raise ValueError(f"Unexpected keyword argument(s): {sorted(kwargs)}")
    custom_objects = {**(module_objects or {}), **(custom_objects or {})}
    with _safe_mode(safe_mode):
        return _deserialize(config, custom_objects)


@contextlib.contextmanager
def _safe_mode(wanted):
    """Refuse lambdas inside the block; an outer block decides for inner ones."""
    outer = getattr(_local, "safe", None)
    _local.safe = wanted if outer is None else outer
    try:
        yield
    finally:
        _local.safe = outer


def _deserialize(config, custom_objects):
    if isinstance(config, str):
        found = get_registered_object(config, custom_objects)  # older files hold functions by name
        return config if found is None else found
    if isinstance(config, _PLAIN):
        return config
    if isinstance(config, (list, tuple)):
        return [_deserialize(x, custom_objects) for x in config]
    if not isinstance(config, dict):
        if references.are_kept():
            return config
        raise TypeError(f"Could not parse config: {config!r}")
    if "class_name" not in config or "config" not in config:
        return {key: _deserialize(value, custom_objects) for key, value in config.items()}
    return _deserialize_object(config, custom_objects)


def _deserialize_object(config, custom_objects, registry=None):
    """Return the object that a dict with a class name describes.

    Parameters
    ----------
    config, custom_objects : dict
    registry : Registry, optional
        Asked before others, and the only one that a config without a module is looked up in.
    """
    class_name, inner = config["class_name"], config.get("config")
    for form, _, from_config in _forms.values():
        if class_name == form:
            return from_config(inner)
    if class_name in _read_only_forms:
        return _read_only_forms[class_name](inner)
    if class_name == "__lambda__":
        return _load_lambda([inner["code"], inner["defaults"], inner["closure"]] if "code" in inner else inner["value"])
    if class_name == "function":
        if not isinstance(inner, str):
            raise TypeError(f"Expected the name of a function in `config`. Received: config={config!r}")
        return _find(config, inner, inner, custom_objects, registry)
    cls = config.get(_CLASS) if references.are_kept() else None
    if cls is None:
        cls = _find(config, config.get("registered_name") or class_name, class_name, custom_objects, registry)
    if not inspect.isclass(cls):
        return cls
    if not hasattr(cls, "from_config"):
        raise TypeError(f"Class {class_name!r} has no `from_config()` method. Received: config={config!r}")
    inner = {} if inner is None else inner
    if not isinstance(inner, dict):
        raise TypeError(f"Expected a dict as the config of class {class_name!r}. Received: config={config!r}")
    with CustomObjectScope(custom_objects):
        instance = cls.from_config(dict(inner))
        if config.get("build_config") and not getattr(instance, "built", True):
            instance.build_from_config(config["build_config"])
        if config.get("compile_config") and hasattr(instance, "compile_from_config"):
            instance.compile_from_config(config["compile_config"])
    return instance


def _load_lambda(value):
    safe = getattr(_local, "safe", None)
    if settings.is_safe_mode() if safe is None else (safe and settings.is_safe_mode()):
        raise ValueError(
            "The config holds a lambda, and loading it would run whatever code it holds; so it is refused. If you "
            "trust where the config comes from, pass `safe_mode=False`, or call "
            "`fastfit.config.enable_unsafe_deserialization()`."
        )
    return lambdas.load(value, {"np": np, "numpy": np})


def _find(config, registered_name, name, custom_objects, registry):
    """Return the class or function that a config names."""
    found = get_registered_object(registered_name, custom_objects)
    if found is None and name != registered_name:
        found = get_registered_object(name, custom_objects)
    if found is not None:
        return found
    function = config["class_name"] == "function"
    for candidate in _candidates(config, function, registry):
        table = {**candidate.names, **candidate.functions} if function else candidate.names
        if name in table:
            return table[name]
    if registry is not None and "module" not in config:
        raise ValueError(registry._message(name))
    hint = did_you_mean(name, [k for candidate in _candidates(config, function, registry) for k in candidate.names])
    raise TypeError(
        f"Could not locate {'function' if function else 'class'} {name!r}.{hint} Custom classes and functions must be "
        "registered with `register_keras_serializable()`, before they are loaded, or be passed in `custom_objects`. "
        f"Received: config={config!r}"
    )


def _candidates(config, function, registry):
    """Yield the registries that may know what a config names; none for a class of some other program."""
    module = config.get("module")
    root = None if module is None else module.split(".")[0]
    if registry is not None and ("module" not in config or root == MODULE_ROOT or function):
        yield registry
    if function and root == "builtins":
        wanted = [name for name in _MODULES if name not in ("layers", "models", "optimizers.schedules")]
    elif root == MODULE_ROOT:
        # "keras" alone holds the models; "keras.src.layers.core.dense" is where Keras keeps a class of "layers".
        parts = module.split(".")[1:]
        wanted = [m for m in _MODULES if ".".join(parts).startswith(m) or m in parts] or ["models", "layers"]
        wanted.sort(key=len, reverse=True)
    else:
        return
    for name in wanted:
        importlib.import_module(f"fastfit.{name}")
        yield _registries[name]
