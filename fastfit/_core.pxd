# The C interface, as csrc/include/fastfit.h declares it.
from libc.stdint cimport int64_t, uint32_t, uint64_t


cdef extern from "fastfit.h" nogil:
    ctypedef enum ff_status:
        FF_OK
        FF_EARG
        FF_ESHAPE
        FF_ENOMEM
        FF_ELABEL
        FF_EHOST
        FF_EBUSY
    ctypedef struct ff_error:
        char text[256]
    const char *ff_status_text(ff_status status)
    void *ff_alloc(size_t bytes)
    void ff_free(void *p)

    ctypedef struct ff_engine:
        pass
    ff_status ff_engine_new(const char *isa, size_t threads, ff_engine **out, ff_error *err)
    void ff_engine_free(ff_engine *engine)
    const char *ff_engine_isa(const ff_engine *engine)
    size_t ff_engine_threads(const ff_engine *engine)
    size_t ff_engine_panel(const ff_engine *engine)
    size_t ff_engine_lanes(const ff_engine *engine)
    int ff_isa_present(const char *isa)
    const char *const *ff_isa_names()
    size_t ff_engine_packed(const ff_engine *engine, size_t k, size_t n)
    void ff_engine_pack(const ff_engine *engine, const float *w, size_t k, size_t n, float *packed)
    void ff_engine_unpack(const ff_engine *engine, const float *packed, size_t k, size_t n, float *w)

    ctypedef struct ff_op_info:
        const char *name
        const char *operands
        const char *facts
        const char *doc
        int shape
        int flags
        int kind
        int slots
    enum: FF_INPLACE
    enum: FF_BORROW
    enum: FF_CALLBACK
    size_t ff_op_count()
    const ff_op_info *ff_op_get(size_t id)
    const char *ff_code_list(size_t index)
    const char *const *ff_code_names(const char *list)
    ctypedef struct ff_sizes:
        size_t align
        size_t row_multiple
        size_t part_rows
        size_t dw_pack_rows
        size_t weight_rows
        size_t counters
    ff_sizes ff_program_sizes()

    enum: FF_TILE
    enum: FF_POWERS
    enum: FF_SLOT
    enum: FF_VAR
    enum: FF_SOURCE
    enum: FF_SINK
    ctypedef struct ff_slot:
        uint32_t power
        uint64_t offset
        uint64_t bytes
    ctypedef struct ff_operand:
        uint32_t kind
        uint32_t index
    ctypedef struct ff_instr:
        uint32_t op
        uint32_t count
        ff_operand p[8]
        uint64_t d[8]
        float f[8]
        uint64_t row_mul
        uint64_t row_fix
    ctypedef struct ff_group:
        uint32_t begin
        uint32_t end
        uint64_t row_block
        uint64_t unit_block
        uint64_t units
        uint64_t k_block
        uint64_t ks
        double cost
        double cost_fix
    ctypedef struct ff_opt_variant:
        uint32_t op
        uint32_t state
        uint64_t every
        uint64_t counter
        double h[8]
    ctypedef struct ff_when:
        uint64_t divide
        uint64_t period
        uint64_t counter
    ctypedef struct ff_var:
        void *data
        uint64_t bytes
    ctypedef struct ff_column:
        uint64_t row_bytes
        uint32_t dtype
    ctypedef struct ff_program_desc:
        const ff_instr *instrs
        size_t n_instrs
        const ff_group *groups
        size_t n_groups
        const uint32_t *stages
        const ff_when *when
        size_t n_stages
        size_t commit
        const ff_slot *slots
        size_t n_slots
        uint64_t arena[4]
        const ff_var *vars
        size_t n_vars
        const ff_column *sources
        const ff_column *sinks
        size_t n_sources
        size_t n_sinks
        const ff_opt_variant *opts
        size_t n_opts
        size_t n_hosts
    ctypedef struct ff_program:
        pass
    ctypedef int ff_host_fn(void *ctx, size_t index, size_t batch) noexcept
    ff_status ff_program_new(ff_engine *engine, const ff_program_desc *desc, ff_program **out, ff_error *err)
    void ff_program_free(ff_program *program)
    ff_status ff_program_reserve(ff_program *program, size_t rows, ff_error *err)
    void *ff_program_arena(const ff_program *program, size_t *bytes)
    size_t ff_program_slot_offset(const ff_program *program, size_t slot)
    ctypedef struct ff_source:
        const void *base
        uint64_t row_bytes
        uint64_t rows
    ctypedef int ff_between_fn(void *ctx, size_t steps, size_t position, int more) noexcept
    ctypedef struct ff_run:
        const ff_source *sources
        void *const *sinks
        const int64_t *order
        size_t start
        size_t stop
        size_t batch
        size_t max_steps
        double seconds
        uint64_t seed
        uint64_t step
        const double *learning_rates
        size_t n_rates
        int64_t *const *counters
        size_t n_counters
        ff_host_fn *host
        void *host_ctx
        ff_between_fn *between
        void *between_ctx
        size_t between_first
        size_t between_period
        unsigned home_shift
        size_t max_threads
        size_t force_threads
        const double *watched
    ctypedef struct ff_run_result:
        size_t steps
        size_t position
        size_t bad_row
        size_t threads
        size_t not_finite
    ff_status ff_program_run(ff_program *program, const ff_run *run, ff_run_result *result, ff_error *err)
    size_t ff_program_explain(const ff_program *program, size_t batch, char *text, size_t size)
    size_t ff_program_bytes(const ff_program *program)
    uint64_t ff_program_helped(const ff_program *program)
    double ff_measure_fma(const ff_engine *engine, double seconds)
    double ff_measure_read(size_t size, const ff_engine *engine, double seconds)
    double ff_measure_update(size_t size, const ff_engine *engine, double seconds)
