/* The one header that the Python binding sees: engine, programs, runs.
 *
 * Every fallible call returns an ff_status and, on failure, a text in *err.
 * Nothing here aborts or prints. */
#ifndef FASTFIT_H
#define FASTFIT_H
#include <stddef.h>
#include <stdint.h>

#define FF_STATUSES(X)                                      \
    X(FF_OK, "success")                                     \
    X(FF_EARG, "invalid argument")                          \
    X(FF_ESHAPE, "operand too small")                       \
    X(FF_ENOMEM, "out of memory")                           \
    X(FF_ELABEL, "label out of range")                      \
    X(FF_EHOST, "a host instruction raised an exception")   \
    X(FF_EBUSY, "the program is already running")

typedef enum ff_status {
#define X(code, text) code,
    FF_STATUSES(X)
#undef X
} ff_status;

typedef struct ff_error {
    char text[256];
} ff_error;

const char *ff_status_text(ff_status status);

/* ---- memory: 64-byte aligned, zeroed ---- */
void *ff_alloc(size_t bytes);
void ff_free(void *p);

/* ---- engine: the kernels of one ISA and the helper threads ---- */
typedef struct ff_engine ff_engine;

/* isa: "generic", "avx2", "avx512", "neon", or NULL for the best that the CPU has;
 * threads counts the calling thread, 0 for one per usable core.
 * Errors: FF_EARG for an ISA that is unknown here or that the CPU lacks. */
ff_status ff_engine_new(const char *isa, size_t threads, ff_engine **out, ff_error *err);
void ff_engine_free(ff_engine *engine);
const char *ff_engine_isa(const ff_engine *engine);
size_t ff_engine_threads(const ff_engine *engine);
size_t ff_engine_panel(const ff_engine *engine); /* units in a weight panel */
size_t ff_engine_lanes(const ff_engine *engine);
/* 0: the ISA is unknown or the CPU lacks it. */
int ff_isa_present(const char *isa);
const char *const *ff_isa_names(void); /* NULL-terminated, worst first */

size_t ff_engine_packed(const ff_engine *engine, size_t k, size_t n);
void ff_engine_pack(const ff_engine *engine, const float *w, size_t k, size_t n, float *packed);
void ff_engine_unpack(const ff_engine *engine, const float *packed, size_t k, size_t n, float *w);

/* ---- the op table ---- */
typedef enum ff_op_shape { FF_SHAPE_ROWS, FF_SHAPE_GRID, FF_SHAPE_WEIGHT, FF_SHAPE_COLUMNS, FF_SHAPE_WHOLE } ff_op_shape;
enum { FF_INPLACE = 1, FF_BORROW = 2, FF_CALLBACK = 4 };

typedef struct ff_op_info {
    const char *name, *operands, *facts, *doc; /* see ff_ops.inc */
    int shape, flags, kind; /* kind: 'o' op, 'p' optimizer, 'u' unary, 'b' binary */
    int slots;              /* optimizers: how many slots */
} ff_op_info;
size_t ff_op_count(void);                 /* ids run from 1 to ff_op_count()-1 */
const ff_op_info *ff_op_get(size_t id);   /* NULL: no such op */
/* Codes that stand for names in dimensions (ff_codes.inc): names of the lists, NULL behind the
 * last; and a list's names in the order of their codes, NULL-terminated, or NULL. */
const char *ff_code_list(size_t index);
const char *const *ff_code_names(const char *list);
/* Sizes that whoever describes programs has to know. */
typedef struct ff_sizes {
    size_t align;        /* of a slot's offset with power 0, bytes */
    size_t row_multiple; /* batches are reserved in multiples of so many rows */
    size_t part_rows;    /* blocks of rows of a gradient have a divisor of it */
    size_t dw_pack_rows; /* from so many rows on, a weight gradient packs its input */
    size_t weight_rows;  /* blocks of weight rows are multiples of it */
    size_t counters;     /* a program has at most so many */
} ff_sizes;
ff_sizes ff_program_sizes(void);

/* ---- programs ---- */
typedef enum ff_operand_kind { FF_NONE, FF_SLOT, FF_VAR, FF_SOURCE, FF_SINK, FF_OPERAND_KINDS } ff_operand_kind;

/* A slot's place in the arena: `offset` and `bytes` count per batch^power; or, with power
 * FF_TILE, in the memory of a tile, per row of the batch: such a slot is used by the row
 * tiles of one group only, and every thread has its own. */
enum { FF_TILE = 3, FF_POWERS = 4 };

typedef struct ff_slot {
    uint32_t power;
    uint64_t offset, bytes;
} ff_slot;

typedef struct ff_operand {
    uint32_t kind, index;
} ff_operand;

/* nrows = row_mul * batch + row_fix. */
typedef struct ff_instr {
    uint32_t op, count;
    ff_operand p[8];
    uint64_t d[8];
    float f[8];
    uint64_t row_mul, row_fix;
} ff_instr;

/* A run of instructions [begin,end) cut alike into tiles: rows of the batch by
 * row_block, units by unit_block, weight rows by k_block (0: not cut). `cost` is the
 * group's FLOPs (or bytes where that is more) for one row of the batch, cost_fix those
 * that do not depend on it. */
typedef struct ff_group {
    uint32_t begin, end;
    uint64_t row_block, unit_block, units, k_block, ks;
    double cost, cost_fix;
} ff_group;

/* An optimizer with its hyperparameters. It acts at every `every`-th step (0 counts as 1) and
 * counts only those steps, by counter `counter` of the run, whose learning rate it takes;
 * `state` is 0, or 1 + the variable of one float32 that it keeps. */
typedef struct ff_opt_variant {
    uint32_t op, state;
    uint64_t every, counter;
    double h[8];
} ff_opt_variant;

/* A stage runs only in steps where (c / divide + 1) % period is 0, c from that counter of
 * the run; 0 counts as 1. */
typedef struct ff_when {
    uint64_t divide, period, counter;
} ff_when;

typedef struct ff_var {
    void *data;
    uint64_t bytes;
} ff_var;

/* What a source or sink column must offer: bytes of one row of the batch, dtype. */
typedef struct ff_column {
    uint64_t row_bytes;
    uint32_t dtype;
} ff_column;

typedef struct ff_program_desc {
    const ff_instr *instrs;
    size_t n_instrs;
    const ff_group *groups;
    size_t n_groups;
    const uint32_t *stages; /* n_stages + 1 group indices: stage s is groups [stages[s], stages[s+1]) */
    const ff_when *when;    /* n_stages */
    size_t n_stages;
    size_t commit; /* first stage that writes a variable; a bad label stops the step before it */
    const ff_slot *slots;
    size_t n_slots;
    uint64_t arena[FF_POWERS]; /* bytes per batch^0, batch^1, batch^2, and per row of a tile */
    const ff_var *vars;
    size_t n_vars;
    const ff_column *sources, *sinks;
    size_t n_sources, n_sinks;
    const ff_opt_variant *opts;
    size_t n_opts;
    size_t n_hosts; /* functions that ff_run.host can call */
} ff_program_desc;

typedef struct ff_program ff_program;
/* Called for each HOST instruction, on the thread that called ff_program_run; 0 is success. */
typedef int ff_host_fn(void *ctx, size_t index, size_t batch);

/* Copies and checks the description; the variables' storage is borrowed.
 * Errors: FF_EARG, FF_ESHAPE name the instruction and operand; FF_ENOMEM. */
ff_status ff_program_new(ff_engine *engine, const ff_program_desc *desc, ff_program **out, ff_error *err);
void ff_program_free(ff_program *program);
/* Makes room for batches of up to `rows` rows. */
ff_status ff_program_reserve(ff_program *program, size_t rows, ff_error *err);
void *ff_program_arena(const ff_program *program, size_t *bytes);
/* Byte offset of a slot at the reserved size; SIZE_MAX for a slot of tiles. */
size_t ff_program_slot_offset(const ff_program *program, size_t slot);

typedef struct ff_source {
    const void *base;
    uint64_t row_bytes, rows;
} ff_source;

/* Called between whole steps on the calling thread, which may run other programs meanwhile: steps done,
 * the next position, and whether this run goes on. 0: go on; 1: end the run; else it ends with FF_EHOST. */
typedef int ff_between_fn(void *ctx, size_t steps, size_t position, int more);

typedef struct ff_run {
    const ff_source *sources;
    void *const *sinks;            /* row 0 of each; row i of the run is written to row i */
    const int64_t *order;          /* source rows in the order of use, or NULL for 0,1,2... */
    size_t start, stop;            /* positions in the order; the run begins at start */
    size_t batch;
    size_t max_steps;              /* 0: no bound */
    double seconds;                /* stop at the first step's end after this; 0: no deadline */
    uint64_t seed, step;           /* Philox key; number of the first step */
    int64_t *const *counters;      /* iterations of each optimizer, incremented per step */
    size_t n_counters;
    const double *learning_rates;  /* for each step those of all counters, or one set if n_rates is 1 */
    size_t n_rates;
    ff_host_fn *host;
    void *host_ctx;
    ff_between_fn *between;        /* or NULL */
    void *between_ctx;
    size_t between_first;          /* after so many steps, > 0, */
    size_t between_period;         /* and again after so many, > 0 */
    unsigned home_shift;           /* moves every tile to another owner, for tests */
    size_t max_threads;            /* 0: the engine's */
    size_t force_threads;          /* use that many whatever the work, for tests */
    const double *watched;         /* or NULL: a number that should be finite after every step, such as a loss */
} ff_run;

typedef struct ff_run_result {
    size_t steps, position; /* steps done; next position in the order */
    size_t bad_row;         /* FF_ELABEL: position in the order */
    size_t threads;         /* that the last step was planned for */
    size_t not_finite;      /* steps done when what is watched was not finite for the first time; 0: it always was */
} ff_run_result;

/* Runs steps until `stop`, max_steps or the deadline. Allocates nothing.
 * Errors: FF_EBUSY; FF_EARG for sources that do not fit; FF_ELABEL and FF_EHOST leave
 * the variables as the last whole step left them (host instructions placed after the
 * commit stage excepted). */
ff_status ff_program_run(ff_program *program, const ff_run *run, ff_run_result *result, ff_error *err);

/* Writes a listing of stages, tiles, instructions, FLOPs and bytes for a batch; returns
 * the bytes it needs, without the final zero. */
size_t ff_program_explain(const ff_program *program, size_t batch, char *text, size_t size);

/* Bytes that a program holds: its memory for batches, and its description. */
size_t ff_program_bytes(const ff_program *program);

/* Tiles that helpers have run since the program was made (tests, benchmarks). */
uint64_t ff_program_helped(const ff_program *program);

/* ---- measuring the machine, one thread ---- */
double ff_measure_fma(const ff_engine *engine, double seconds);             /* FLOP/s */
double ff_measure_read(size_t bytes, const ff_engine *engine, double seconds); /* bytes/s over a buffer */
double ff_measure_update(size_t bytes, const ff_engine *engine, double seconds); /* the same, read and written */
#endif
