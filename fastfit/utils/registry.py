"""Names for objects: custom objects, and the tables behind ``get``, ``serialize`` and ``deserialize``."""

import inspect
import threading

from fastfit.utils.naming import to_snake_case

MODULE_ROOT = "keras"  # configs name Keras's modules, so that Keras can read them too

_custom: dict = {}
_registered_names: dict = {}
_scopes = threading.local()


def get_custom_objects():
    """Return the global dict of custom objects by name; it may be changed."""
    return _custom


def register_keras_serializable(package="Custom", name=None):
    """Return a decorator that registers a class or function as ``package>name``, so that configs find it.

    Parameters
    ----------
    package : str, default="Custom"
    name : str, optional
        The object's ``__name__`` by default.
    """

    def register(obj):
        registered = f"{package}>{obj.__name__ if name is None else name}"
        if inspect.isclass(obj) and not hasattr(obj, "get_config"):
            raise ValueError(
                f"Cannot register a class that does not have a get_config() method. Received: {obj.__name__}"
            )
        _custom[registered] = obj
        _registered_names[obj] = registered
        return obj

    return register


class CustomObjectScope:
    """Make custom objects known inside a ``with`` block.

    Parameters
    ----------
    custom_objects : dict
        Name to class or function.
    """

    def __init__(self, custom_objects):
        self.custom_objects = dict(custom_objects or {})

    def __enter__(self):
        _stack().append(self.custom_objects)
        return self

    def __exit__(self, *exc):
        _stack().pop()


custom_object_scope = CustomObjectScope


def _stack():
    if not hasattr(_scopes, "stack"):
        _scopes.stack = []
    return _scopes.stack


def get_registered_name(obj):
    """Return the name under which ``obj`` was registered, or its ``__name__``."""
    return _registered_names.get(obj, getattr(obj, "__name__", None))


def get_registered_object(name, custom_objects=None, module_objects=None):
    """Return the object called ``name``, or None. Inner scopes win, then the arguments, then registrations."""
    for scope in reversed(_stack()):
        if name in scope:
            return scope[name]
    for table in (custom_objects, _custom, module_objects):
        if table and name in table:
            return table[name]
    for registered, obj in _custom.items():
        if registered.partition(">")[2] == name:
            return obj
    return None


def config_of(obj, module):
    """Return the config dict of ``obj``: module, class_name, config, registered_name."""
    cls = type(obj)
    registered = _registered_names.get(cls)
    return {
        "module": None if registered else f"{MODULE_ROOT}.{module}",
        "class_name": cls.__name__,
        "config": obj.get_config(),
        "registered_name": registered,
    }


class Registry:
    """The classes of one kind, by name.

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
    """

    def __init__(self, kind, module, classes, aliases=None):
        self.kind = kind
        self.module = module
        self.names = {}
        for cls in classes:
            self.names[cls.__name__] = cls
            self.names[to_snake_case(cls.__name__)] = cls
        self.names.update(aliases or {})

    def find(self, name, custom_objects=None):
        """Return the class or function called ``name``; ValueError when there is none."""
        found = get_registered_object(name, custom_objects, self.names)
        if found is None:
            raise ValueError(f"Could not interpret {self.kind} identifier: {name!r}. Known: {sorted(self.names)}")
        return found

    def get(self, identifier):
        """Return the object that a name, config dict, class, callable or instance stands for; None stays None."""
        if identifier is None:
            return None
        if isinstance(identifier, dict):
            return self.deserialize(identifier)
        found = self.find(identifier) if isinstance(identifier, str) else identifier
        if inspect.isclass(found):
            return found()
        if callable(found):
            return found
        raise ValueError(f"Could not interpret {self.kind} identifier: {identifier!r}")

    def serialize(self, obj):
        """Return the config dict of ``obj``, or the name of a function; None stays None."""
        if obj is None:
            return None
        if hasattr(obj, "get_config"):
            return config_of(obj, self.module)
        return get_registered_name(obj)

    def deserialize(self, config, custom_objects=None):
        """Return the object that `serialize` described."""
        if config is None:
            return None
        if isinstance(config, str):
            found = self.find(config, custom_objects)
            return found() if inspect.isclass(found) else found
        if not isinstance(config, dict) or "class_name" not in config:
            raise ValueError(f"Could not interpret {self.kind} config: {config!r}")
        cls = self.find(config.get("registered_name") or config["class_name"], custom_objects)
        if not inspect.isclass(cls):
            return cls
        return cls.from_config(dict(config.get("config") or {}))
