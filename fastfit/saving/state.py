"""The objects that hold variables inside a model, and where files keep the variables of each.

The paths are those of Keras 3: ``layers/dense_1`` is the second Dense among the model's layers, whatever it is called;
other objects are found through attributes, in alphabetical order. An object that can be reached on several ways is
kept where the walk meets it first.
"""

import os
import warnings

from fastfit.layers.layer import Layer
from fastfit.layers.tracking import Tracked
from fastfit.optimizers.optimizer import Optimizer
from fastfit.saving.h5_store import ReadStore, WriteStore
from fastfit.utils.naming import to_snake_case

_SAVED = (Tracked, Optimizer)
# Attributes that every layer has lead to no object of its own; the graph of a model repeats its layers.
_SKIPPED = frozenset(dir(Layer(name="layer"))) | {"operations", "_functional", "_layers"}
_KEEP_LAYERS_FIRST = ("Sequential", "Functional")


def _children(obj):
    """Yield (attribute, value) in the order of files."""
    untracked = getattr(obj, "_untracked_attributes", frozenset()) - {"optimizer"}
    if _has_graph_of_layers(obj):
        yield "layers", obj.layers
    if isinstance(obj, Optimizer):
        if isinstance(getattr(obj, "inner_optimizer", None), Optimizer):
            yield "inner_optimizer", obj.inner_optimizer
        return
    for name in sorted(dir(obj), key=lambda name: f"~{name}" if name.startswith("_") else name):
        if name.startswith("__") or name in _SKIPPED or name in untracked:
            continue
        try:
            value = getattr(obj, name)
        except Exception:  # a property that has no value yet
            continue
        yield name, value


def _has_graph_of_layers(obj):
    return any(
        cls.__name__ in _KEEP_LAYERS_FIRST and cls.__module__.startswith("fastfit.models") for cls in type(obj).__mro__
    )


def _numbered(name, used):
    used[name] = used.get(name, -1) + 1
    return f"{name}_{used[name]}" if used[name] else name


class _Walk:
    """Visits each object once, calling ``visit(object, path)``; one for which that is False may be met again."""

    def __init__(self, visit):
        self.visit = visit
        self.done, self.open = set(), set()

    def object(self, obj, path):
        if id(obj) in self.done or id(obj) in self.open:
            return
        self.open.add(id(obj))
        good = self.visit(obj, path)
        for name, value in _children(obj):
            self._value(value, f"{path}/{name}" if path else name)
        self.open.discard(id(obj))
        if good:
            self.done.add(id(obj))

    def _value(self, value, path):
        if isinstance(value, _SAVED):
            self.object(value, path)
        elif isinstance(value, (list, tuple, dict)):
            self._container(value, path, set())

    def _container(self, container, path, outer):
        if id(container) in outer:
            return
        used = {}
        for value in container.values() if isinstance(container, dict) else container:
            if isinstance(value, _SAVED):
                self.object(value, f"{path}/{_numbered(to_snake_case(type(value).__name__), used)}")
            elif isinstance(value, (list, tuple, dict)):
                self._container(value, f"{path}/{_numbered('container', used)}", outer | {id(container)})


def save_state(root, file, skip=()):
    """Write the variables of an object and of all inside it.

    Parameters
    ----------
    root : Model or Layer
    file : h5py.File
    skip : iterable of objects
        Left out.
    """

    def visit(obj, path):
        obj.save_own_variables(WriteStore(file, path, name=obj.name))
        return True

    walk = _Walk(visit)
    walk.done.update(map(id, skip))
    walk.object(root, "")


def load_state(root, file, skip_mismatch=False, skip=()):
    """Read the variables of an object and of all inside it; nothing changes if that fails.

    Parameters
    ----------
    root : Model or Layer
    file : h5py.File
    skip_mismatch : bool
        Warn about objects whose variables do not fit, instead of raising ValueError.
    skip : iterable of objects
        Left alone.
    """
    before = [(v, v.numpy()) for v in _all_variables(root)]
    failed = {}

    def visit(obj, path):
        try:
            obj.load_own_variables(ReadStore(file, path))
        except Exception as error:
            failed[id(obj)] = obj, error
            return False
        failed.pop(id(obj), None)
        return True

    walk = _Walk(visit)
    walk.done.update(map(id, skip))
    walk.object(root, "")
    if not failed:
        return
    obj, error = next(iter(failed.values()))
    message = (
        f"The variables of {len(failed)} objects do not fit the file. The first is '{obj.name}': {error}\n"
        f"All of them: {[obj.name for obj, _ in failed.values()]}"
    )
    if skip_mismatch:
        warnings.warn(message, stacklevel=4)
        return
    for v, value in before:
        v.assign(value)
    raise ValueError(message) from error


def save_assets(root, directory):
    """Let objects that have a ``save_assets`` write their files, each into a directory of its own.

    Parameters
    ----------
    root : Model or Layer
    directory : str
        Under which the directories are made.
    """

    def visit(obj, path):
        if hasattr(obj, "save_assets"):
            own = os.path.join(directory, *path.split("/"))
            os.makedirs(own, exist_ok=True)
            obj.save_assets(own)
        return True

    _Walk(visit).object(root, "")


def load_assets(root, assets):
    """Let objects that have a ``load_assets`` read what they have saved.

    Parameters
    ----------
    root : Model or Layer
    assets : callable
        ``assets(path)`` is a context that gives the directory of the object at a path, or None if it saved nothing.
    """

    def visit(obj, path):
        if hasattr(obj, "load_assets"):
            with assets(path) as directory:
                if directory is not None:
                    obj.load_assets(directory)
        return True

    _Walk(visit).object(root, "")


def _all_variables(root):
    optimizer = getattr(root, "optimizer", None)
    return [*root.variables, *(optimizer.variables if isinstance(optimizer, Optimizer) else ())]
