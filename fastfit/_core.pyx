# cython: language_level=3, boundscheck=False, wraparound=False
"""The binding: converts, checks, drops the GIL, turns statuses into exceptions.

The only module that knows C. No loop over elements and no arithmetic on data lives here.
"""
import numpy as np

cimport cython
cimport numpy as cnp
from cpython.dict cimport PyDict_GetItem
from cpython.exc cimport PyErr_CheckSignals
from cpython.ref cimport PyObject
from libc.string cimport memcpy, memset

from fastfit._watch cimport Reads

cnp.import_array()

include "_core_layouts.pxi"

OPERAND_SLOT, OPERAND_VAR, OPERAND_SOURCE, OPERAND_SINK = FF_SLOT, FF_VAR, FF_SOURCE, FF_SINK
TILE, POWERS = FF_TILE, FF_POWERS


class FastfitError(RuntimeError):
    """A failure inside the native core that no argument explains."""


class LabelError(ValueError):
    """A label outside [0, classes); `position` is its place in the order of use."""

    def __init__(self, message, position, steps):
        super().__init__(message)
        self.position = position
        self.steps = steps


cdef int check(ff_status status, ff_error *err) except -1:
    if status == FF_OK:
        return 0
    cdef str text = err.text.decode("utf-8", "replace")
    if status == FF_ENOMEM:
        raise MemoryError(text)
    if status == FF_EARG or status == FF_ESHAPE:
        raise ValueError(text)
    if status == FF_EBUSY:
        raise RuntimeError(text)
    raise FastfitError(f"{ff_status_text(status).decode()}: {text}")


def _code_table():
    cdef const char *const *names
    cdef size_t i = 0, k
    table = {}
    while ff_code_list(i) != NULL:
        names = ff_code_names(ff_code_list(i))
        k = 0
        codes = {}
        while names[k] != NULL:
            codes[names[k].decode()] = k
            k += 1
        table[ff_code_list(i).decode()] = codes
        i += 1
    return table


# Of each list of csrc/include/ff_codes.inc: names to the codes that stand for them in dimensions.
CODES = _code_table()
# Element types of sources and sinks, in the order of their codes.
DTYPES = tuple(CODES["dtype"])
# What a description has to keep to; see ff_sizes in csrc/include/fastfit.h.
SIZES = ff_program_sizes()


def op_table():
    """Every native instruction.

    Returns
    -------
    dict
        Name to a dict of id, operands, facts, doc, shape, inplace, borrow, callback, kind and slots.
    """
    cdef size_t i
    cdef const ff_op_info *info
    table = {}
    for i in range(1, ff_op_count()):
        info = ff_op_get(i)
        table[info.name.decode()] = {
            "id": i, "operands": info.operands.decode(), "facts": info.facts.decode(), "doc": info.doc.decode(),
            "shape": ("rows", "grid", "weight", "columns", "whole")[info.shape], "inplace": bool(info.flags & FF_INPLACE),
            "borrow": bool(info.flags & FF_BORROW), "callback": bool(info.flags & FF_CALLBACK),
            "kind": chr(info.kind), "slots": info.slots}
    return table


def isa_names():
    """ISAs this build knows, worst first, each with whether this CPU has it."""
    cdef const char *const *names = ff_isa_names()
    cdef size_t i = 0
    out = {}
    while names[i] != NULL:
        out[names[i].decode()] = bool(ff_isa_present(names[i]))
        i += 1
    return out


cdef class Engine:
    """Kernels of one ISA and the helper threads.

    Parameters
    ----------
    isa : str, optional
        "generic", "avx2", "avx512" or "neon"; the best that the CPU has by default.
    threads : int, default=0
        Threads with the calling one; 0 for one per usable core.
    """

    cdef ff_engine *ptr

    def __cinit__(self, isa=None, size_t threads=0):
        cdef ff_error err
        cdef bytes name = b"" if isa is None else isa.encode()
        cdef const char *c_name = NULL if isa is None else <const char *>name
        check(ff_engine_new(c_name, threads, &self.ptr, &err), &err)

    def __dealloc__(self):
        ff_engine_free(self.ptr)

    @property
    def isa(self):
        return ff_engine_isa(self.ptr).decode()

    @property
    def threads(self):
        return ff_engine_threads(self.ptr)

    @property
    def panel(self):
        return ff_engine_panel(self.ptr)

    @property
    def lanes(self):
        return ff_engine_lanes(self.ptr)

    def measure_fma(self, double seconds=0.2):
        """FLOP/s of one thread doing nothing but vector FMAs."""
        cdef double rate
        with nogil:
            rate = ff_measure_fma(self.ptr, seconds)
        return rate

    def measure_read(self, size_t size, double seconds=0.2):
        """Bytes/s of one thread reading a buffer of `size` bytes again and again."""
        cdef double rate
        with nogil:
            rate = ff_measure_read(size, self.ptr, seconds)
        return rate

    def measure_update(self, size_t size, double seconds=0.2):
        """Bytes/s of one thread changing a buffer of `size` bytes again and again: read and written."""
        cdef double rate
        with nogil:
            rate = ff_measure_update(size, self.ptr, seconds)
        return rate


@cython.final
cdef class Storage:
    """64-byte aligned memory of one variable, for life.

    Parameters
    ----------
    engine : Engine
        Whose panel width packing uses.
    shape : tuple of int
    dtype : str
    packed : bool, default=False
        Keep a float32 matrix in the kernels' panel layout.
    """

    cdef void *ptr
    cdef readonly size_t nbytes
    cdef readonly tuple shape
    cdef readonly object dtype
    cdef readonly bint packed
    cdef readonly Engine engine
    cdef int type_number  # of a scalar in the machine's byte order, else -1

    def __cinit__(self, Engine engine not None, shape, dtype="float32", bint packed=False):
        self.engine = engine
        self.shape = tuple(int(n) for n in shape)
        self.dtype = np.dtype(dtype)
        self.type_number = self.dtype.num if not self.shape and self.dtype.isnative else -1
        self.packed = packed
        if any(n < 0 for n in self.shape):
            raise ValueError(f"Storage needs dimensions >= 0. Received: shape={self.shape}")
        if packed and (len(self.shape) != 2 or self.dtype != np.float32):
            raise ValueError(f"Only float32 matrices are packed. Received: shape={self.shape}, dtype={self.dtype}")
        if packed:
            self.nbytes = 4 * ff_engine_packed(engine.ptr, self.shape[0], self.shape[1])
        else:
            self.nbytes = self.dtype.itemsize * <size_t>int(np.prod(self.shape, dtype=np.int64))
        self.ptr = ff_alloc(self.nbytes)
        if self.ptr == NULL:
            raise MemoryError(f"No memory for {self.nbytes} bytes")

    def __dealloc__(self):
        ff_free(self.ptr)

    @property
    def address(self):
        return <uint64_t>self.ptr

    def view(self):
        """The memory as a writable array, or None if packed."""
        if self.packed:
            return None
        return _array_on(self, self.ptr, self.shape, self.dtype)

    def read(self):
        """A new array of the value."""
        cdef cnp.ndarray out = np.empty(self.shape, self.dtype)
        if self.packed:
            ff_engine_unpack(self.engine.ptr, <const float *>self.ptr, self.shape[0], self.shape[1],
                             <float *>cnp.PyArray_DATA(out))
        else:
            memcpy(cnp.PyArray_DATA(out), self.ptr, self.nbytes)
        return out

    def number(self):
        """The value of a scalar as a Python number, which is what batch hooks ask for."""
        if self.type_number == cnp.NPY_FLOAT64:
            return (<double *>self.ptr)[0]
        if self.type_number == cnp.NPY_INT64:
            return (<int64_t *>self.ptr)[0]
        if self.type_number == cnp.NPY_FLOAT32:
            return <double>(<float *>self.ptr)[0]
        return self.read().item()

    def write(self, value):
        """Stores a value of this shape; any dtype that NumPy casts."""
        cdef cnp.ndarray a = np.ascontiguousarray(value, dtype=self.dtype).reshape(np.shape(value))
        if np.shape(value) != self.shape:
            raise ValueError(f"Expected a value of shape {self.shape}. Received: shape={np.shape(value)}")
        if self.packed:
            ff_engine_pack(self.engine.ptr, <const float *>cnp.PyArray_DATA(a), self.shape[0], self.shape[1],
                           <float *>self.ptr)
        else:
            memcpy(self.ptr, cnp.PyArray_DATA(a), self.nbytes)


cdef object _array_on(object owner, void *data, tuple shape, object dtype):
    """An array over memory that `owner` keeps alive."""
    cdef cnp.npy_intp size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    cdef cnp.ndarray raw = cnp.PyArray_SimpleNewFromData(1, &size, cnp.NPY_UINT8, data)
    cnp.set_array_base(raw, owner)
    return raw.view(dtype).reshape(shape)


cdef int host_trampoline(void *ctx, size_t index, size_t batch) noexcept with gil:
    cdef Program program = <Program>ctx
    try:
        # set before any Python code runs: a signal handler asks for it
        program.committing = index in program.commit_hosts
        program.host_functions[index](program, batch)
        if not program.committing:
            PyErr_CheckSignals()
    except BaseException as error:  # carried over the C frames, raised again by run()
        program.error = error
        return 1
    return 0


cdef int between_trampoline(void *ctx, size_t steps, size_t position, int more) noexcept with gil:
    cdef Between between = <Between>ctx
    try:
        return between.step(steps, position, more)
    except BaseException as error:  # raised again by run()
        between.error = error
        return -1


@cython.final
cdef class Between:
    """Calls functions between the steps of a run, in as few operations as can be: batch hooks.

    It follows what it is told; `fastfit.training.between` decides all of it. It is compiled because it runs once a batch.

    Parameters
    ----------
    begin, end : list of callable
        Called before and after `period` steps with (number of the first or last step, logs).
    logs : callable
        Returns the logs.
    done, period : int
        Steps of the pass before this; steps between two calls.
    stop : (object, str)
        The run ends when this attribute is true.
    counts : (dict, object)
        Where the number of steps lies: the run ends when a function has changed it.
    counting : bool
        Whether it is kept up to date here.

    Attributes
    ----------
    feed : object
        Gets `position`, the next place in the order of its rows.
    run : object or None
        Gets `done`, the steps of the pass.
    means : list of (str, Storage, Storage) or None
        Key, sum and count of means, float64, whose float32 quotients the logs are; in place of `logs`.
    kept : list of (dict, str, object)
        The run ends when one of these dictionaries has another object under its name,
    valid : callable or None
        or when this is false.
    rates : list of (Storage or None, bool)
        For each learning rate of the run the float32 that it is made from, and whether it is that: it is read anew before
        every step then; else the run ends when the number has changed.
    """

    cdef public object feed, run, valid
    cdef dict counts
    cdef object counts_key, stopped, stop
    cdef bint counting
    cdef public list means, kept, rates
    cdef readonly size_t done, period, left
    cdef readonly bint open
    cdef object logs
    cdef list begin, end
    cdef object error
    cdef size_t first
    cdef uint64_t count
    cdef const ff_run *live
    cdef float made_from[64]

    def __init__(self, list begin, list end, logs, size_t done, size_t period, tuple stop, tuple counts, bint counting):
        self.stopped, self.stop = stop
        self.counts, self.counts_key = counts
        self.counting = counting
        self.begin, self.end, self.logs = begin, end, logs
        self.done, self.period, self.left = done, max(period, 1), max(period, 1)
        self.kept, self.rates = [], []

    def enter(self):
        """Before a run: begin the next period, unless it has begun."""
        if not self.open:
            self.left, self.open = self.period, True
            self._call(self.begin, self.done, {})

    def leave(self):
        """After the last run: end the period that is open."""
        if self.open:
            self.open = False
            self._call(self.end, self.done - 1, self._logs())

    def advance(self, size_t steps):
        """Count steps that a run did after its last call."""
        self.done += steps
        self.left -= steps
        if self.run is not None:
            self.run.done = self.done

    cdef int _call(self, list functions, size_t number, dict logs) except -1:
        for function in functions:
            function(number, logs)
        return 0

    cdef dict _logs(self):
        cdef double total, count
        if self.means is None:
            return self.logs()
        cdef dict logs = {}
        for key, a, b in self.means:
            total, count = (<double *>(<Storage>a).ptr)[0], (<double *>(<Storage>b).ptr)[0]
            logs[key] = <double><float>(total / count) if count != 0 else 0.0
        return logs

    cdef int attach(self, ff_run *run) except -1:
        """Have this called by a run that begins."""
        cdef size_t i = 0
        if len(self.rates) > 64 or (self.rates and (<size_t>len(self.rates) != run.n_counters or run.n_rates == 0)):
            raise ValueError("every learning rate of the run must be watched")
        for storage, _ in self.rates:
            if storage is not None:
                if (<Storage?>storage).nbytes != 4:
                    raise ValueError("a watched learning rate must be one float32")
                self.made_from[i] = (<float *>(<Storage>storage).ptr)[0]
            i += 1
        for _, a, b in self.means or ():
            if (<Storage?>a).nbytes != 8 or (<Storage?>b).nbytes != 8:
                raise ValueError("sums and counts must be one float64")
        self.live = run
        self.first = self.done
        self.count = run.step
        run.between, run.between_ctx = between_trampoline, <void *>self
        run.between_first, run.between_period = self.left, self.period
        self.error = None
        return 0

    cdef int step(self, size_t steps, size_t position, int more) except -2:
        cdef int64_t iterations = self.live.counters[0][0] if self.live.n_counters else 0
        self.done = self.first + steps
        self.left, self.open = self.period, False
        self.feed.position = position
        if self.run is not None:
            self.run.done = self.done
        if self.counting:
            self.counts[self.counts_key] = self.count + steps
        count = self.counts[self.counts_key]
        self._call(self.end, self.done - 1, self._logs())
        if not more or getattr(self.stopped, self.stop):
            return 1
        # what a function has changed is seen by the next step
        if self.counts[self.counts_key] != count or not self._as_before(iterations):
            return 1
        self.open = True
        self._call(self.begin, self.done, {})
        return 0 if self.counts[self.counts_key] == count and self._as_before(iterations) else 1

    cdef int _as_before(self, int64_t iterations) except -1:
        """Whether the run may go on; learning rates that have another value are brought up to date."""
        cdef size_t i = 0
        cdef float now
        cdef PyObject *found
        if self.live.n_counters and self.live.counters[0][0] != iterations:
            return 0
        if self.valid is not None and not self.valid():
            return 0
        for place, name, value in self.kept:
            found = PyDict_GetItem(<dict>place, name)
            if found == NULL or <object>found is not value:
                return 0
        for storage, is_rate in self.rates:
            if storage is not None:
                now = (<float *>(<Storage>storage).ptr)[0]
                if is_rate:
                    (<double *>self.live.learning_rates)[i] = now
                elif now != self.made_from[i]:
                    return 0
            i += 1
        return 1


cdef void *_data(array):
    return cnp.PyArray_DATA(<cnp.ndarray?>array)


@cython.final
cdef class Watch:
    """Looks whether a float64 number stays finite while a program runs.

    Parameters
    ----------
    storage : Storage

    Attributes
    ----------
    step : int or None
        Number of the first step after which it was not, as `Program.run` counts them.
    """

    cdef Storage storage
    cdef public object step

    def __cinit__(self, Storage storage not None):
        if storage.dtype != np.float64 or storage.nbytes != 8:
            raise ValueError(f"what is watched must be one float64. Received: {storage.shape}, {storage.dtype}")
        self.storage, self.step = storage, None


cdef class Program:
    """A native program over one arena.

    Parameters
    ----------
    description : Description
        Or its fields as arguments of their own, in their order, with `rows` behind `host_functions`.
    rows : int
        Largest batch.
    """

    cdef ff_program *ptr
    cdef readonly Engine engine
    cdef readonly size_t rows
    cdef readonly list variables
    cdef readonly list host_functions
    cdef readonly frozenset commit_hosts
    cdef readonly bint committing
    cdef readonly object source_columns, sink_columns
    cdef object error
    cdef object __weakref__
    cdef const ff_run *live
    cdef const ff_run_result *progress

    def __cinit__(self, description, *arguments, **named):
        cdef ff_program_desc desc
        cdef ff_error err
        if not isinstance(description, Description):
            rows = arguments[11] if len(arguments) > 11 else named.pop("rows")
            description = Description(description, *arguments[:11], *arguments[12:], **named)
        else:
            rows = arguments[0] if arguments else named["rows"]
        d = description
        cdef Engine engine = <Engine?>d.engine
        c_vars = np.array([((<Storage?>v).address, v.nbytes) for v in d.variables], VAR)
        memset(&desc, 0, sizeof(desc))
        desc.instrs, desc.n_instrs = <const ff_instr *>_data(d.instrs), len(d.instrs)
        desc.groups, desc.n_groups = <const ff_group *>_data(d.groups), len(d.groups)
        desc.stages, desc.when, desc.n_stages = <const uint32_t *>_data(d.stages), <const ff_when *>_data(d.when), len(d.when)
        desc.commit = d.commit
        desc.slots, desc.n_slots = <const ff_slot *>_data(d.slots), len(d.slots)
        desc.arena[0], desc.arena[1], desc.arena[2], desc.arena[3] = d.arena
        desc.vars, desc.n_vars = <const ff_var *>_data(c_vars), len(c_vars)
        desc.sources, desc.n_sources = <const ff_column *>_data(d.sources), len(d.sources)
        desc.sinks, desc.n_sinks = <const ff_column *>_data(d.sinks), len(d.sinks)
        desc.opts, desc.n_opts = <const ff_opt_variant *>_data(d.opts), len(d.opts)
        desc.n_hosts = len(d.host_functions)
        self.engine = engine
        self.variables, self.host_functions, self.commit_hosts = d.variables, d.host_functions, d.commit_hosts
        self.source_columns, self.sink_columns = d.sources, d.sinks
        check(ff_program_new(engine.ptr, &desc, &self.ptr, &err), &err)
        check(ff_program_reserve(self.ptr, rows, &err), &err)
        self.rows = rows

    def __dealloc__(self):
        ff_program_free(self.ptr)

    def slot(self, size_t index, tuple shape, dtype):
        """The arena's slot as an array of `shape` (a view)."""
        cdef size_t size
        cdef char *arena = <char *>ff_program_arena(self.ptr, &size)
        cdef size_t offset = ff_program_slot_offset(self.ptr, index)
        dtype = np.dtype(dtype)
        if offset > size or offset + int(np.prod(shape, dtype=np.int64)) * dtype.itemsize > size:
            raise ValueError(f"slot {index} is smaller than shape {shape}")
        return _array_on(self, arena + offset, shape, dtype)

    def arena(self):
        """All of the arena as bytes (a view)."""
        cdef size_t size
        cdef void *arena = ff_program_arena(self.ptr, &size)
        return _array_on(self, arena, (size,), np.dtype("uint8"))

    def row_of(self, size_t i):
        """Which row of the sources is row `i` of the step that runs now, for host instructions."""
        if self.live == NULL:
            return i
        cdef size_t at = self.progress.position + i
        return self.live.order[at] if self.live.order != NULL and at < self.live.stop else at

    @property
    def step_key(self):
        """(seed, number) of the step that runs now, for host instructions."""
        if self.live == NULL:
            return 0, 0
        return self.live.seed, self.live.step + self.progress.steps

    @property
    def nbytes(self):
        """Bytes that the program holds: arena, memory of the threads, tiles and description."""
        return ff_program_bytes(self.ptr)

    @property
    def helped(self):
        """Tiles that helper threads have run."""
        return ff_program_helped(self.ptr)

    def explain(self, size_t batch):
        """The listing of stages, tiles and instructions for a batch."""
        cdef size_t size = ff_program_explain(self.ptr, batch, NULL, 0)
        cdef bytearray text = bytearray(size + 1)
        ff_program_explain(self.ptr, batch, <char *>text, size + 1)
        return text[:size].decode()

    def run(self, list sources, list sinks, order, size_t start, size_t stop, size_t batch, size_t max_steps=0,
            double seconds=0, uint64_t seed=0, uint64_t step=0, learning_rates=None, list counters=None,
            Between between=None, unsigned home_shift=0, size_t max_threads=0, size_t force_threads=0,
            Watch watch=None):
        """Runs steps over rows [start, stop) of the order.

        Parameters
        ----------
        sources : list of ndarray
            C-contiguous, one per source column; row i is source[i].
        sinks : list of ndarray
            C-contiguous and writable; row i of the run goes to row i.
        order : ndarray of int64, or None
            Source rows in the order of use.
        learning_rates : ndarray of float64, two-dimensional
            A row per step, or one for all, with a learning rate for each counter.
        counters : list of Storage
            Iterations of each optimizer, int64.
        seconds : float
            Stop at the first step's end after this time; 0 for no deadline.
        between : Between, optional
            It has been entered; `learning_rates` may be written to.
        watch : Watch, optional
            Told of the first step after which its number is not finite.

        Returns
        -------
        (steps, position, threads)

        Raises
        ------
        LabelError : a label is outside [0, classes).
        """
        cdef ff_run run
        cdef ff_run_result result
        cdef ff_error err
        cdef ff_status status
        cdef ff_source c_sources[64]
        cdef void *c_sinks[64]
        cdef cnp.ndarray a
        cdef cnp.ndarray[cnp.int64_t, ndim=1, mode="c"] c_order = order
        cdef cnp.ndarray[cnp.float64_t, ndim=2, mode="c"] c_rates = learning_rates
        cdef int64_t *c_counters[64]
        cdef size_t i
        if len(sources) != len(self.source_columns) or len(sinks) != len(self.sink_columns) or len(sources) > 64 \
                or len(sinks) > 64:
            raise ValueError(f"Expected {len(self.source_columns)} sources and {len(self.sink_columns)} sinks (at most "
                             f"64). Received: {len(sources)} and {len(sinks)}")
        memset(&run, 0, sizeof(run))
        for i in range(len(sources)):
            a = sources[i]
            if not cnp.PyArray_IS_C_CONTIGUOUS(a) or not cnp.PyArray_ISALIGNED(a) or cnp.PyArray_NDIM(a) < 1:
                raise ValueError(f"source {i} must be C-contiguous and aligned, with a batch axis")
            c_sources[i].base = cnp.PyArray_DATA(a)
            c_sources[i].rows = cnp.PyArray_DIM(a, 0)
            c_sources[i].row_bytes = cnp.PyArray_NBYTES(a) // c_sources[i].rows if c_sources[i].rows else 0
            if c_sources[i].rows == 0 and stop > start:
                raise ValueError(f"source {i} is empty")
        for i in range(len(sinks)):
            a = sinks[i]
            if not cnp.PyArray_IS_C_CONTIGUOUS(a) or not cnp.PyArray_ISWRITEABLE(a) or not cnp.PyArray_ISALIGNED(a):
                raise ValueError(f"sink {i} must be C-contiguous, aligned and writable")
            if cnp.PyArray_NBYTES(a) < (stop - start) * <uint64_t>self.sink_columns[i]["row_bytes"]:
                raise ValueError(f"sink {i} is too small for {stop - start} rows")
            c_sinks[i] = cnp.PyArray_DATA(a)
        if order is not None:
            if <size_t>len(order) < stop:
                raise ValueError(f"order has {len(order)} entries, expected at least {stop}")
            run.order = <const int64_t *>cnp.PyArray_DATA(c_order)
        if counters:
            if len(counters) > 64:
                raise ValueError(f"At most 64 counters of iterations. Received: {len(counters)}")
            if c_rates is None or cnp.PyArray_DIM(c_rates, 1) != len(counters):
                raise ValueError(f"learning_rates must have a column for each of {len(counters)} counters")
            for i in range(len(counters)):
                if (<Storage?>counters[i]).nbytes != 8:
                    raise ValueError("a counter of iterations must be one int64")
                c_counters[i] = <int64_t *>(<Storage>counters[i]).ptr
            run.counters = <int64_t *const *>c_counters
            run.n_counters = len(counters)
            run.learning_rates = <const double *>cnp.PyArray_DATA(c_rates)
            run.n_rates = cnp.PyArray_DIM(c_rates, 0)
        run.sources = c_sources
        run.sinks = c_sinks
        run.start, run.stop, run.batch, run.max_steps, run.seconds = start, stop, batch, max_steps, seconds
        run.seed, run.step = seed, step
        run.host = host_trampoline
        run.host_ctx = <void *>self
        run.home_shift, run.max_threads, run.force_threads = home_shift, max_threads, force_threads
        if between is not None:
            between.attach(&run)
        if watch is not None:
            run.watched = <const double *>watch.storage.ptr
        self.error = None
        self.committing = False
        if len(self.host_functions):
            self.live, self.progress = &run, &result
        with nogil:
            status = ff_program_run(self.ptr, &run, &result, &err)
        if len(self.host_functions):
            self.live, self.progress = NULL, NULL
        if watch is not None and watch.step is None and result.not_finite:
            watch.step = step + result.not_finite - 1
        if status == FF_ELABEL:
            raise LabelError(err.text.decode(), result.bad_row, result.steps)
        if status == FF_EHOST and self.error is not None:
            error, self.error = self.error, None
            raise error
        if status == FF_EHOST and between is not None and between.error is not None:
            error, between.error = between.error, None
            raise error
        check(status, &err)
        return result.steps, result.position, result.threads


@cython.final
cdef class Predictor:
    """The shortest way from one float32 array to one output array.

    Parameters
    ----------
    program : Program
        With one source of float32 rows and one sink.
    in_shape, out_shape : tuple of int
        Of one row.
    kind : type
        A subclass of ndarray that calls return, and take beside plain arrays.

    Attributes
    ----------
    reads : _watch.Reads or None
        What the program was made from.

    A call returns None when the array does not fit the fast way (another dtype or layout, too many rows, the program in
    use), or the program does not fit what it was made from: the caller then takes the general one.
    """

    cdef Program program
    cdef cnp.npy_intp in_dims[8]
    cdef cnp.npy_intp out_dims[9]
    cdef int in_rank, out_rank
    cdef uint64_t row_bytes
    cdef object kind
    cdef public Reads reads

    def __cinit__(self, Program program not None, tuple in_shape, tuple out_shape, type kind not None):
        if len(in_shape) > 8 or len(out_shape) > 8 or len(program.source_columns) != 1 \
                or len(program.sink_columns) != 1:
            raise ValueError("a Predictor needs one input and one output of rank <= 9")
        if not issubclass(kind, cnp.ndarray):
            raise ValueError(f"`kind` must be a subclass of ndarray. Received: {kind}")
        self.program, self.kind = program, kind
        self.in_rank, self.out_rank = len(in_shape), len(out_shape)
        for i, n in enumerate(in_shape):
            self.in_dims[i] = n
        for i, n in enumerate(out_shape):
            self.out_dims[i + 1] = n
        self.row_bytes = program.source_columns[0]["row_bytes"]

    def __call__(self, x):
        return self._call(x, self.kind)

    def plain(self, x):
        """As a call, but the result is a plain array."""
        return self._call(x, cnp.ndarray)

    cdef object _call(self, x, kind):
        cdef ff_run run
        cdef ff_run_result result
        cdef ff_error err
        cdef ff_status status
        cdef ff_source source
        cdef void *sink
        cdef cnp.npy_intp dims[9]
        cdef cnp.ndarray a, out
        cdef int i
        if type(x) is not cnp.ndarray and type(x) is not self.kind:
            return None
        if self.reads is not None and not self.reads.settled():
            return None
        a = x
        if cnp.PyArray_TYPE(a) != cnp.NPY_FLOAT32 or not cnp.PyArray_IS_C_CONTIGUOUS(a) \
                or not cnp.PyArray_ISALIGNED(a) or cnp.PyArray_ISBYTESWAPPED(a) \
                or cnp.PyArray_NDIM(a) != self.in_rank + 1:
            return None
        cdef size_t rows = cnp.PyArray_DIM(a, 0)
        if rows == 0 or rows > self.program.rows:
            return None
        for i in range(self.in_rank):
            if cnp.PyArray_DIM(a, i + 1) != self.in_dims[i]:
                return None
        memcpy(dims, self.out_dims, sizeof(dims))
        dims[0] = rows
        out = cnp.PyArray_New(kind, self.out_rank + 1, dims, cnp.NPY_FLOAT32, NULL, NULL, 0, 0, None)
        source.base = cnp.PyArray_DATA(a)
        source.row_bytes = self.row_bytes
        source.rows = rows
        sink = cnp.PyArray_DATA(out)
        memset(&run, 0, sizeof(run))
        run.sources = &source
        run.sinks = &sink
        run.stop = run.batch = rows
        run.host = host_trampoline
        run.host_ctx = <void *>self.program
        with nogil:
            status = ff_program_run(self.program.ptr, &run, &result, &err)
        if status == FF_OK:
            return out
        if status == FF_EBUSY or status == FF_ELABEL:  # the longer way says what is wrong
            return None
        if status == FF_EHOST and self.program.error is not None:
            error, self.program.error = self.program.error, None
            raise error
        check(status, &err)
