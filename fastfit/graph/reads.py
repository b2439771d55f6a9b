"""What a traced function has read of Python's state, so that its program can be made anew when that has changed.

While a step is traced, `Watched` objects (layers, models, losses, metrics, optimizers, variables, ...) tell which of
their attributes are read. Each is kept with its value at that time:

* numbers, strings, functions and watched objects as they are: `_watch` counts assignments;
* lists, dicts, sets and arrays as copies, objects of the user's own as a copy of their attributes: these change without
  an assignment that anybody sees, so they are compared before each use;
* of the user's functions also the globals and the variables of enclosing functions that they name.

What the traced functions themselves set (a counter in `call`) is no input of theirs, and left out.
"""

import dis
import functools
import sys
import types
from collections import OrderedDict, defaultdict, deque

import numpy as np

from fastfit import _watch
from fastfit._watch import ABSENT, Watched
from fastfit.graph.tensor import KerasTensor

# Larger arrays are compared by identity only: a data set that a function names is not copied.
LARGEST_ARRAY = 1 << 20
# Values that are followed into containers and objects, per program.
LARGEST_STATE = 20_000

_ATOMS = (bool, int, float, complex, str, bytes, type(None), np.generic)
_SEQUENCES = (list, tuple, deque)
_MAPPINGS = (dict, OrderedDict, defaultdict)
_FUNCTIONS = (types.FunctionType, types.MethodType)
_NAMESPACES = ("SimpleNamespace", "Namespace")  # of `types` and `argparse`
_LOADS = ("LOAD_GLOBAL", "LOAD_NAME")
_MEMBERS = ("LOAD_ATTR", "LOAD_METHOD")


@functools.lru_cache(maxsize=4096)
def _is_users(module):
    """Whether a module is the user's own: neither Python's nor an installed package's."""
    top = (module or "").split(".")[0]
    if top == "fastfit" or top in sys.builtin_module_names or (top in sys.stdlib_module_names and top != "__main__"):
        return False
    path = getattr(sys.modules.get(module), "__file__", None) or ""
    return "site-packages" not in path and "dist-packages" not in path


@functools.lru_cache(maxsize=4096)
def _names_of(code):
    """The globals that a function names, each with the attributes that it asks of it; functions inside it included."""
    found, last = {}, None
    for ins in dis.get_instructions(code):
        if ins.opname in _LOADS:
            last = ins.argval
            found.setdefault(last, set())
        elif ins.opname in _MEMBERS and last is not None:
            found[last].add(ins.argval)
            last = None
        elif ins.opname not in ("CACHE", "PUSH_NULL"):
            last = None
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            for name, members in _names_of(inner).items():
                found.setdefault(name, set()).update(members)
    return found


@functools.lru_cache(maxsize=4096)
def _unwatched(cls):
    return frozenset().union(*(vars(base).get("_unwatched_attributes", ()) for base in cls.__mro__))


class Record:
    """Collects the reads of a block: ``with Record() as record: ...; reads = record.reads()``."""

    def __init__(self):
        self._recorder = _watch.Recorder(self._first_read)
        self._entries = self._recorder.entries
        self._functions = set()
        self._room = LARGEST_STATE

    def __enter__(self):
        self._recorder.__enter__()
        return self

    def __exit__(self, *exc):
        self._recorder.__exit__(*exc)

    def reads(self):
        """Return the `_watch.Reads` of the block, which has ended."""
        written, loose = self._recorder.written, []
        watched, others = _watch.sift(self._entries, written)
        for key, holder, name, kept in others:
            now = _watch.current(holder, name)
            if key in written or not _watch.unchanged(kept, now):
                # what is made at first use stays; what the step changes itself is no input of it
                if kept[0] not in _BY_ITSELF or not (kept[1] is None or kept[1] is ABSENT):
                    continue
                kept = self._keep(now)
            guarded = kept[0] in _BY_ITSELF and key is not None
            (watched if guarded else loose).append((holder, name, kept))
        return _watch.Reads(watched, [e for e in loose if e[2][0] != _watch.ANY])

    # Notes ---------------------------------------------------------------------------------------------------------

    def _first_read(self, owner, name):
        cls = type(owner)
        plan = _watch.PLANS.get((cls, name))
        if plan is None:
            plan = _plan(cls, name)
        if plan == _watch.NEVER:
            return
        if plan != _watch.LOOK:
            values = owner.__dict__
            if name in values:
                value = values[name]
                if plan != _watch.PUBLIC and isinstance(value, _CONTAINERS):
                    self._entries.append(((id(owner), name), values, name, (_watch.IS, value)))  # never edited
                else:
                    self._note((id(owner), name), values, name, value)
            elif plan != _watch.OF_CLASS:  # it may get one
                self._entries.append(((id(owner), name), values, name, (_watch.IS, ABSENT)))
            return
        values = owner.__dict__
        value = values.get(name, ABSENT)
        of_class = _of_class(cls, name)
        if isinstance(of_class, property) or hasattr(type(of_class), "__set__"):
            for function in (getattr(of_class, "fget", None),):
                self._function(function)
            return
        if value is ABSENT:
            if name.startswith("_") and of_class is not ABSENT and not _is_users(_class_with(cls, name).__module__):
                return
            if isinstance(of_class, (staticmethod, classmethod)):
                of_class = of_class.__func__
            if isinstance(of_class, _FUNCTIONS):
                self._function(of_class)
            if of_class is not ABSENT and _is_users(_class_with(cls, name).__module__):
                # by the class of the object, which may get one of its own
                self._note(None, cls, name, getattr(cls, name))
        if name.startswith("_") and not _is_users(cls.__module__) and isinstance(value, (*_SEQUENCES, *_MAPPINGS, set)):
            self._entries.append(((id(owner), name), values, name, (_watch.IS, value)))  # our own, never edited
            return
        self._note((id(owner), name), values, name, value)

    def _note(self, key, holder, name, value):
        self._function(value)
        self._entries.append((key, holder, name, self._keep(value)))

    def _function(self, function):
        """Note what a function of the user's own names outside of itself."""
        while isinstance(function, (types.MethodType, functools.partial)) or hasattr(function, "__wrapped__"):
            inner = getattr(function, "__wrapped__", None) or getattr(function, "__func__", None)
            function = inner if inner is not None else function.func
        if not isinstance(function, types.FunctionType) or id(function) in self._functions:
            return
        if not _is_users(function.__globals__.get("__name__")):
            return
        self._functions.add(id(function))
        for cell, name in zip(function.__closure__ or (), function.__code__.co_freevars, strict=True):
            value = _watch.current(cell, name)
            if self._matters(value):
                self._note(None, cell, name, value)
        for name, members in _names_of(function.__code__).items():
            value = function.__globals__.get(name, ABSENT)
            if isinstance(value, types.ModuleType):
                if _is_users(value.__name__):
                    self._members(vars(value), members)
            elif self._matters(value):
                self._note(None, function.__globals__, name, value)

    def _class(self, cls):
        """Note the constants of a class of the user's own, and what its methods name."""
        if id(cls) in self._functions:
            return
        self._functions.add(id(cls))
        for base in cls.__mro__:
            if not _is_users(base.__module__):
                continue
            for name, value in list(vars(base).items()):
                if isinstance(value, types.FunctionType):
                    self._function(value)
                elif not name.startswith("__") and self._matters(value) and not hasattr(type(value), "__get__"):
                    self._note(None, cls, name, getattr(cls, name))

    def _members(self, values, names):
        for name in names:
            value = values.get(name, ABSENT)
            if self._matters(value):
                self._note(None, values, name, value)

    def _matters(self, value):
        """Whether a program has to follow what a global is: not so for modules, classes and functions of libraries."""
        if value is ABSENT or isinstance(value, (type, types.ModuleType, types.BuiltinFunctionType)):
            return False
        return not isinstance(value, types.FunctionType) or _is_users(value.__globals__.get("__name__"))

    # Values --------------------------------------------------------------------------------------------------------

    def _keep(self, value, around=()):
        """Return what a value is compared with later; see `_watch.same`."""
        self._room -= 1
        cls = type(value)
        if isinstance(value, KerasTensor):
            return (_watch.ANY,)
        if isinstance(value, _ATOMS):
            return (_watch.EQUAL, value)
        if isinstance(value, Watched) or self._room < 0 or id(value) in around:
            return (_watch.IS, value)
        around = (*around, id(value))
        if isinstance(value, _SEQUENCES) and cls.__len__ in _LENGTHS:
            kept = [self._keep(x, around) for x in value]
            if cls is tuple and all(k[0] == _watch.EQUAL for k in kept):
                return (_watch.EQUAL, value)
            return (_watch.ITEMS, cls, kept)
        if isinstance(value, _MAPPINGS) and cls.__len__ is dict.__len__:
            return (_watch.MAPPING, cls, list(value), [self._keep(x, around) for x in value.values()])
        if cls is frozenset:
            return (_watch.EQUAL, value)
        if cls is set:
            return (_watch.SET, set(value))
        if isinstance(value, np.ndarray) and value.dtype != object:
            fits = value.nbytes <= LARGEST_ARRAY
            return (_watch.ARRAY, value, np.array(value, order="C") if fits else None)
        if isinstance(value, (types.MethodType, functools.partial)):
            bound = _bound_to(value)
            parts = [(x, self._keep(x, around)) for x in bound]
            if all(kept[0] in (_watch.IS, _watch.EQUAL) for _, kept in parts):
                return (_watch.IS, value)
            return (_watch.BOUND, value, parts)
        if _is_users_object(value):
            self._class(cls)
            return (_watch.OBJECT, value, self._keep(value.__dict__, around))
        return (_watch.IS, value)


def _bound_to(value):
    """The values that a method or a partial brings along."""
    return (value.__self__,) if isinstance(value, types.MethodType) else (value.func, value.args, value.keywords)


_CONTAINERS = (*_SEQUENCES, *_MAPPINGS, set)
_BY_ITSELF = (_watch.IS, _watch.EQUAL)


def _plan(cls, name):
    """How reads of an attribute are noted, see `_watch.PLANS`. What the library's own functions name is no state."""
    if name.startswith("__") or name in _unwatched(cls):
        plan = _watch.NEVER
    elif _is_users(cls.__module__) or any(_is_users(base.__module__) for base in cls.__mro__):
        return _watch.LOOK  # not kept: such a class may be gone tomorrow
    else:
        of_class = _of_class(cls, name)
        if isinstance(of_class, property) or hasattr(type(of_class), "__set__"):
            getter = getattr(getattr(of_class, "fget", None), "__globals__", {})
            plan = _watch.LOOK if _is_users(getter.get("__name__")) else _watch.NEVER
        elif isinstance(of_class, _FUNCTIONS) and _is_users(of_class.__globals__.get("__name__")):
            plan = _watch.LOOK
        elif name.startswith("_"):
            plan = _watch.PRIVATE if of_class is ABSENT else _watch.OF_CLASS
        else:
            plan = _watch.PUBLIC
    if not _is_users(cls.__module__):
        _watch.PLANS[cls, name] = plan
    return plan


_LENGTHS = {base.__len__ for base in _SEQUENCES}


def _is_users_object(value):
    cls = type(value)
    if not hasattr(value, "__dict__") or isinstance(value, (type, types.ModuleType, *_FUNCTIONS)):
        return False
    return cls.__name__ in _NAMESPACES or _is_users(cls.__module__)


def _class_with(cls, name):
    return next((base for base in cls.__mro__ if name in vars(base)), None)


def _of_class(cls, name):
    base = _class_with(cls, name)
    return ABSENT if base is None else vars(base)[name]
