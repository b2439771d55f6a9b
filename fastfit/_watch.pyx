# cython: language_level=3, boundscheck=False, wraparound=False
"""Attributes that traced functions have read: recorded while one is traced, compared before its program runs again.

A program is made once from what Python objects say, and runs without them. `Watched` is the base of all objects that a
trace asks: it tells the recorder of a trace which attributes are read, and counts a version up when one that any trace
has ever read is set. So while the version stands still, nothing that is watched has changed.
"""
cimport cython
cimport numpy as cnp
from cpython.object cimport PyObject, PyObject_GenericGetAttr
from cpython.pythread cimport PyThread_get_thread_ident
from libc.string cimport memcmp, memset

cnp.import_array()

cdef extern from "Python.h":
    int PyObject_GenericSetAttr(object o, object name, PyObject *value) except -1
    PyObject *PyDict_GetItemWithError(object d, object key) except? NULL
    ctypedef struct PyTypeObject:
        void *tp_new
    PyTypeObject PyBaseObject_Type

cdef unsigned long long _version = 1
cdef set _names = set()

# How to note the first read of an attribute, by (class, name): never; by looking at the class each time; or as the
# object has it, where an attribute that it lacks may come (PUBLIC, PRIVATE) or is the class's for good (OF_CLASS).
NEVER, LOOK, PUBLIC, PRIVATE, OF_CLASS = range(5)
PLANS = {}
cdef dict _plans = PLANS
cdef int _never = NEVER, _look = LOOK, _of_class = OF_CLASS
cdef tuple _atoms = (bool, int, float, str, type(None))
cdef Recorder _recorder = None


class _Absent:
    def __repr__(self):
        return "<absent>"


ABSENT = _Absent()
cdef object _absent = ABSENT


def version():
    """The number that changes with every change of an attribute that some trace has read."""
    return _version


def changed():
    """Count the version up: something has changed that no attribute shows."""
    global _version
    _version += 1


@cython.auto_pickle(False)
cdef class Reading:
    """Tells of reads. A class of C, whose lookup of attributes costs a third of one written in Python."""

    def __getattribute__(self, name):
        if _recorder is not None:
            _recorder.saw(self, name)
        return PyObject_GenericGetAttr(self, name)


# Made as any Python object, so that a class may have it as a base beside others, in any order.
(<PyTypeObject *>Reading).tp_new = PyBaseObject_Type.tp_new


class Watched(Reading):
    """Base of the objects whose attributes make programs."""

    # Attributes that say nothing about a program, by class; those of the bases count too.
    _unwatched_attributes = frozenset()

    def __setattr__(self, name, value):
        PyObject_GenericSetAttr(self, name, <PyObject *>value)
        _set(self, name)

    def __delattr__(self, name):
        PyObject_GenericSetAttr(self, name, NULL)
        _set(self, name)


cdef _set(object owner, object name):
    global _version
    if name in _names:
        _version += 1
    if _recorder is not None:
        _recorder.wrote(owner, name)


cdef struct Pair:
    PyObject *owner
    PyObject *name


cdef enum:
    RECENT = 2048  # a power of two, some times what a step of a small net reads


# Reads that `_recorder` has noted, each where its addresses say: most reads are of what was read before. Both objects are
# kept while its block runs, so that no other has their addresses.
cdef Pair[RECENT] _recent


cdef class Recorder:
    """Notes which attributes this thread reads inside of a `with` block.

    Parameters
    ----------
    first_read : callable
        Called as f(owner, name) when an attribute is read for the first time, unless it was set before, or `PLANS`
        say all there is to say.

    Attributes
    ----------
    entries : list of (key, holder, name, kept)
        What was read, in order; the key of an attribute is (id of its owner, name).
    """

    cdef object first_read
    cdef unsigned long thread
    cdef Recorder outer
    cdef dict seen
    cdef readonly set written
    cdef readonly list entries
    cdef list owners

    def __init__(self, first_read):
        self.first_read = first_read
        self.seen, self.written, self.owners, self.entries = {}, set(), [], []

    def __enter__(self):
        global _recorder
        self.thread = PyThread_get_thread_ident()
        self.outer, _recorder = _recorder, self
        memset(_recent, 0, sizeof(_recent))
        return self

    def __exit__(self, *exc):
        global _recorder
        _recorder, self.outer = self.outer, None
        memset(_recent, 0, sizeof(_recent))
        self.owners.clear()
        self.first_read = None  # it knows this one: a ring that would wait for the collector

    cdef saw(self, object owner, object name):
        global _recorder
        cdef size_t a = <size_t><PyObject *>owner, b = <size_t><PyObject *>name
        cdef Pair *known = &_recent[((a >> 4) * 31 + (b >> 4)) & (RECENT - 1)]
        cdef PyObject *found
        if known.owner == <PyObject *>owner and known.name == <PyObject *>name:
            return
        if PyThread_get_thread_ident() != self.thread:
            return
        key = (a, name)
        found = PyDict_GetItemWithError(self.seen, key)
        if found != NULL:
            if <PyObject *>((<tuple>found)[1]) == <PyObject *>name:
                known.owner, known.name = <PyObject *>owner, <PyObject *>name
            return
        self.seen[key] = key
        known.owner, known.name = <PyObject *>owner, <PyObject *>name
        self.owners.append(owner)  # or its id would be another's
        _names.add(name)
        if self.noted(owner, name, key):
            return
        _recorder = None
        try:
            self.first_read(owner, name)
        finally:
            _recorder = self

    cdef bint noted(self, object owner, object name, tuple key) except -1:
        """Note a read whose plan is known and whose value is kept as it is."""
        plan = _plans.get((type(owner), name))
        if plan is None or plan == _look:
            return False
        if plan == _never:
            return True
        values = PyObject_GenericGetAttr(owner, "__dict__")
        value = values.get(name, _absent)
        if value is _absent:
            if plan != _of_class:
                self.entries.append((key, values, name, _nothing_yet))
        elif type(value) in _atoms:
            self.entries.append((key, values, name, (EQUAL, value)))
        elif isinstance(value, Reading):
            self.entries.append((key, values, name, (IS, value)))
        else:
            return False
        return True

    cdef wrote(self, object owner, object name):
        if PyThread_get_thread_ident() != self.thread:
            return
        key = (<size_t><PyObject *>owner, name)
        if key not in self.seen:
            self.seen[key] = key
            self.owners.append(owner)
        else:
            self.written.add(key)


# How a value is kept and compared: (kind, ...).
ANY, IS, EQUAL, ITEMS, MAPPING, SET, ARRAY, OBJECT, BOUND = range(9)
cdef tuple _nothing_yet = (IS, ABSENT)


cdef bint same(tuple kept, object live) except -1:
    """Whether a value is what it was."""
    cdef int kind = kept[0]
    cdef object was
    cdef cnp.ndarray a, b
    cdef Py_ssize_t i
    if kind == 0:
        return True
    was = kept[1]
    if kind == 1:
        return was is live
    if kind == 2:
        return was is live or (type(was) is type(live) and bool(was == live))
    if kind == 3:  # type, kept items
        if type(live) is not was or len(live) != len(kept[2]):
            return False
        for i, item in enumerate(live):
            if not same((<list>kept[2])[i], item):
                return False
        return True
    if kind == 4:  # type, keys, kept values
        if type(live) is not was or len(live) != len(kept[2]):
            return False
        i = 0
        for key, item in live.items():
            if i >= len(<list>kept[2]):
                return False
            was = (<list>kept[2])[i]
            if (was is not key and was != key) or not same((<list>kept[3])[i], item):
                return False
            i += 1
        return True
    if kind == 5:
        return type(was) is type(live) and bool(was == live)
    if kind == 6:  # array, copy or None
        if kept[2] is None:
            return was is live
        if not isinstance(live, cnp.ndarray):
            return False
        a, b = live, kept[2]
        if a.dtype != b.dtype or (<object>a).shape != (<object>b).shape:
            return False
        if not cnp.PyArray_IS_C_CONTIGUOUS(a):
            a = cnp.PyArray_GETCONTIGUOUS(a)
        return memcmp(cnp.PyArray_DATA(a), cnp.PyArray_DATA(b), cnp.PyArray_NBYTES(b)) == 0
    if kind == 8:  # a function with values bound to it, pairs of value and kept value
        if was is not live:
            return False
        for item, part in kept[2]:
            if not same(part, item):
                return False
        return True
    return was is live and same(kept[2], live.__dict__)


def unchanged(tuple kept, live):
    """Whether a value is what it was when `kept` was made of it."""
    return same(kept, live)


cdef object _current(object holder, object name):
    """What a dict, a cell of a closure or a class now has."""
    cdef PyObject *found
    if type(holder) is dict:
        found = PyDict_GetItemWithError(holder, name)
        return _absent if found == NULL else <object>found
    if isinstance(holder, type):
        return getattr(holder, name, _absent)
    try:
        return holder.cell_contents
    except ValueError:
        return _absent


def current(holder, name):
    """What a holder of values (dict, cell of a closure, class) now has under a name, or ABSENT."""
    return _current(holder, name)


cdef bint _all_same(list entries) except -1:
    for entry in entries:
        if not same((<tuple>entry)[2], _current((<tuple>entry)[0], (<tuple>entry)[1])):
            return False
    return True


def sift(list entries, set written):
    """Entries of attributes whose value is the very object that was read, as of `Reads`, and all others."""
    cdef list watched = [], others = []
    cdef tuple entry, kept
    for entry in entries:
        key, holder, name, kept = entry
        kind = kept[0]
        if key is not None and (kind == IS or kind == EQUAL) and type(holder) is dict and key not in written \
                and (<dict>holder).get(name, _absent) is kept[1]:
            watched.append((holder, name, kept))
        else:
            others.append(entry)
    return watched, others


cdef _collect(object value, object kind, dict found):
    if isinstance(value, kind):
        found[<size_t><PyObject *>value] = value
    elif isinstance(value, dict):
        for item in value.values():
            _collect(item, kind, found)
    elif isinstance(value, (list, tuple, set, frozenset)):
        for item in value:
            _collect(item, kind, found)


def collect(value, kind):
    """The objects of a class (or one of a tuple of them) in containers at any depth, by id, as they are found."""
    cdef dict found = {}
    _collect(value, kind, found)
    return found


def held(dict values, kind, frozenset without, tuple plain):
    """`collect` of the values of a dict, but for the keys `without`; values of the types `plain` hold nothing."""
    cdef dict found = {}
    cdef object cls
    cdef bint passed
    for name, value in values.items():
        cls = type(value)
        passed = False
        for known in plain:
            if known is cls:
                passed = True
                break
        if not passed and name not in without:
            _collect(value, kind, found)
    return found


cdef class Reads:
    """What a traced function has read.

    Parameters
    ----------
    watched, loose : list of (holder, name, kept)
        Values that the version guards, and values that may change without it: they are compared every time.
    """

    def __init__(self, list watched, list loose):
        self.watched, self.loose = watched, loose
        self.version = _version

    cpdef bint settled(self) except -1:
        """Whether the version has stood still, and what it does not guard is as it was: what the fast path asks."""
        return self.version == _version and (not self.loose or _all_same(self.loose))

    def valid(self):
        """Whether all that was read is as it was."""
        cdef unsigned long long now = _version
        if self.loose and not _all_same(self.loose):
            return False
        if self.version == now:
            return True
        if not _all_same(self.watched):
            return False
        self.version = now
        return True
