"""Custom objects: classes and functions of the user that configs name."""

import inspect
import threading

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


def is_registered(obj):
    """Whether `register_keras_serializable` was applied to the class or function."""
    return obj in _registered_names


def get_registered_name(obj):
    """Return the name under which ``obj`` was registered, or its ``__name__``."""
    return _registered_names.get(obj, getattr(obj, "__name__", None))


def get_registered_object(name, custom_objects=None, module_objects=None):
    """Return the object called ``name``, or None.

    Parameters
    ----------
    name : str
        With the package (``package>name``), or without it.
    custom_objects, module_objects : dict, optional
        Asked after the scopes (inner ones first) and the registrations, in this order.
    """
    for table in (*reversed(_stack()), _custom, custom_objects, module_objects):
        if table and name in table:
            return table[name]
    for registered, obj in _custom.items():
        if registered.partition(">")[2] == name:
            return obj
    return None
