# Part of _core.pyx: descriptions of programs, as the C structures lay them out.

# Layouts of the C structures, for descriptions built in Python.
INSTR = np.dtype([("op", "u4"), ("count", "u4"), ("p", "u4", (8, 2)), ("d", "u8", 8), ("f", "f4", 8),
                  ("row_mul", "u8"), ("row_fix", "u8")], align=True)
GROUP = np.dtype([("begin", "u4"), ("end", "u4"), ("row_block", "u8"), ("unit_block", "u8"), ("units", "u8"),
                  ("k_block", "u8"), ("ks", "u8"), ("cost", "f8"), ("cost_fix", "f8")], align=True)
SLOT = np.dtype([("power", "u4"), ("offset", "u8"), ("bytes", "u8")], align=True)
COLUMN = np.dtype([("row_bytes", "u8"), ("dtype", "u4")], align=True)
VARIANT = np.dtype([("op", "u4"), ("state", "u4"), ("every", "u8"), ("counter", "u8"), ("h", "f8", 8)], align=True)
WHEN = np.dtype([("divide", "u8"), ("period", "u8"), ("counter", "u8")], align=True)
VAR = np.dtype([("data", "u8"), ("bytes", "u8")], align=True)


cdef _offsets():
    """(layout, size, offsets of the fields) of each structure, as the C compiler has them."""
    cdef ff_instr i
    cdef ff_group g
    cdef ff_slot s
    cdef ff_column c
    cdef ff_opt_variant v
    cdef ff_when w
    cdef ff_var m
    return [
        (INSTR, sizeof(i), [<char *>&i.op - <char *>&i, <char *>&i.count - <char *>&i, <char *>&i.p - <char *>&i,
                            <char *>&i.d - <char *>&i, <char *>&i.f - <char *>&i, <char *>&i.row_mul - <char *>&i,
                            <char *>&i.row_fix - <char *>&i]),
        (GROUP, sizeof(g), [<char *>&g.begin - <char *>&g, <char *>&g.end - <char *>&g, <char *>&g.row_block - <char *>&g,
                            <char *>&g.unit_block - <char *>&g, <char *>&g.units - <char *>&g,
                            <char *>&g.k_block - <char *>&g, <char *>&g.ks - <char *>&g, <char *>&g.cost - <char *>&g,
                            <char *>&g.cost_fix - <char *>&g]),
        (SLOT, sizeof(s), [<char *>&s.power - <char *>&s, <char *>&s.offset - <char *>&s, <char *>&s.bytes - <char *>&s]),
        (COLUMN, sizeof(c), [<char *>&c.row_bytes - <char *>&c, <char *>&c.dtype - <char *>&c]),
        (VARIANT, sizeof(v), [<char *>&v.op - <char *>&v, <char *>&v.state - <char *>&v, <char *>&v.every - <char *>&v,
                              <char *>&v.counter - <char *>&v, <char *>&v.h - <char *>&v]),
        (WHEN, sizeof(w), [<char *>&w.divide - <char *>&w, <char *>&w.period - <char *>&w, <char *>&w.counter - <char *>&w]),
        (VAR, sizeof(m), [<char *>&m.data - <char *>&m, <char *>&m.bytes - <char *>&m]),
    ]


for _layout, _size, _at in _offsets():
    assert _layout.itemsize == _size and [_layout.fields[_name][1] for _name in _layout.names] == _at, _layout


class Description:
    """What a program is made from.

    Parameters
    ----------
    engine : Engine
    instrs, groups, stages, slots, sources, sinks, opts : ndarray
        Arrays of the structures above; stages is uint32.
    arena : tuple of int
        Bytes per batch^0, batch^1, batch^2, and per row of a tile.
    variables : list of Storage
        Borrowed; kept alive.
    commit : int
        First stage that writes a variable.
    host_functions : list of callable
        Called as f(program, batch).
    commit_hosts : frozenset of int
        Host functions that write state; a step that has called one must go on to its end.
    when : ndarray, optional
        Of each stage, in which steps it runs; by default in all.
    """

    def __init__(self, engine, instrs, groups, stages, slots, sources, sinks, opts, arena, variables, commit,
                 host_functions, commit_hosts=frozenset(), when=None):
        self.engine, self.arena, self.commit = engine, arena, commit
        self.instrs, self.groups = np.ascontiguousarray(instrs, INSTR), np.ascontiguousarray(groups, GROUP)
        self.stages, self.slots = np.ascontiguousarray(stages, np.uint32), np.ascontiguousarray(slots, SLOT)
        self.sources, self.sinks = np.ascontiguousarray(sources, COLUMN), np.ascontiguousarray(sinks, COLUMN)
        self.opts = np.ascontiguousarray(opts, VARIANT)
        self.variables, self.host_functions = list(variables), list(host_functions)
        self.commit_hosts = commit_hosts
        if len(self.stages) < 1:
            raise ValueError("stages needs at least one entry. Received: none")
        n = len(self.stages) - 1
        self.when = np.zeros(n, WHEN) if when is None else np.ascontiguousarray(when, WHEN)
        if len(self.when) != n:
            raise ValueError(f"when needs {n} entries. Received: {len(self.when)}")
