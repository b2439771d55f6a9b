# cython: language_level=3
cdef class Reads:
    cdef readonly list watched, loose
    cdef readonly unsigned long long version
    cpdef bint settled(self) except -1
