/* Inside of an engine and a program; only csrc/program sees it. */
#ifndef FF_PROGRAM_H
#define FF_PROGRAM_H
#include <stdatomic.h>

#include "../base/align.h"
#include "../base/cpu.h"
#include "../base/status.h"
#include "../base/threads.h"
#include "../include/fastfit.h"
#include "../kernels/kernels.h"
#include "pool.h"

struct ff_engine {
    const ff_kernels *kernels;
    ff_pool pool;
};

/* One instruction as the executor sees it: everything but the tile resolved. */
typedef struct ff_exec {
    ff_kernel *fn;
    ff_args args;
    int source;       /* index of the source that operand 0 is, or -1 */
    int host;         /* index of the host function to call instead, or -1 */
    uint32_t local;   /* bit k: operand k is a slot of the tile */
    uint32_t units;   /* the dimension that is cut by units */
} ff_exec;

typedef struct ff_tile {
    uint32_t group;
    uint32_t r0, r1; /* rows of the batch */
    uint32_t u0, u1, k0, k1;
    uint32_t whole;  /* the only tile of its group */
} ff_tile;

/* A stage as planned for the current batch. */
typedef struct ff_plan {
    size_t tile0, tiles; /* range of program->tiles */
    int shared;          /* 0: the caller runs it alone */
    uint32_t range[FF_MAX_THREADS + 1]; /* first tile of each owner */
} ff_plan;

struct ff_program {
    ff_engine *engine;
    ff_program_desc desc; /* own copies */
    atomic_int busy;

    size_t cap;           /* rows reserved */
    size_t counters;      /* that a run must bring */
    size_t row_multiple;  /* of rows reserved: slots with rows of the batch stay aligned, and have room for whole blocks */
    char *arena;
    size_t arena_bytes, base[3];
    char *local;          /* slots of tiles: local_bytes per thread, for tiles of local_rows */
    size_t local_bytes, local_rows;
    char *scratch;
    size_t scratch_bytes; /* per thread */
    size_t threads;       /* that scratch was reserved for */
    const void **row_addresses; /* n_sources x 2 x cap */

    ff_exec *exec;
    ff_tile *tiles;
    size_t tiles_cap;
    ff_plan *plans;
    float (*opt_c)[FF_OPT_CONSTS];

    /* what the plan and the addresses were made for */
    size_t planned_batch, planned_threads;
    unsigned planned_shift;

    uint64_t caller_mode; /* of denormals, on the calling thread */
    ff_step step;
    _Atomic uint32_t fault;
    atomic_ullong helped;
};

/* validate.c: every check that a program needs before it may run, but for one that needs memory: that
 * a slot of tiles is used in one group only (plan.c). */
ff_status ff_validate(const ff_engine *engine, const ff_program_desc *desc, ff_error *err);

/* ops.c: what a row of the op table says. */
/* Rows reserved are a multiple: 16 rows of 4 bytes are a cache line. */
enum { FF_ROW_MULTIPLE = 16 };
enum { FF_NOWHERE = FF_MAX_DIMS, FF_COUNTERS_MOST = 64 };

/* An operand, with its elements per row of the instruction and besides; nr: units in a panel. */
typedef struct ff_spec {
    char mode, type; /* '<', '>' or '='; 'f', 'd', 'i' or 's' */
    int optional;
    uint64_t per_row, fixed;
} ff_spec;
int ff_operand_spec(const ff_op_info *info, const ff_instr *in, size_t index, size_t nr, ff_spec *spec);
size_t ff_operand_count(const ff_op_info *info);
size_t ff_operand_find(const ff_op_info *info, const char *name, size_t length); /* or FF_NOWHERE */

/* Numbers of dimensions (`blocks` of an operand), FF_NOWHERE where the row names none. */
typedef struct ff_facts {
    size_t units, weights;                      /* what unit and weight row blocks cut; weights: nowhere is one row */
    size_t activation, dtype, counter, host;
    size_t variant, gradient;                   /* an optimizer's; whether it acts, see ff_updates */
    size_t blocks, block_weights, block_floats, block_rows; /* an operand of blocks of rows; weights: nowhere is one */
    const char *flops;                          /* a product, up to a blank */
} ff_facts;
ff_facts ff_op_facts(const ff_op_info *info);
/* Is this instruction an optimizer's, or does it hand its gradient to one? */
int ff_updates(const ff_facts *facts, const ff_instr *in);
double ff_op_flops(const ff_op_info *info, const ff_instr *in, size_t batch);
/* The first comparison of the row that an instruction breaks, or NULL. */
const char *ff_broken_fact(const ff_op_info *info, const ff_instr *in, size_t *length);
/* How many codes a list has, by the name in a row; 0: no such list. */
size_t ff_code_count(const char *name, size_t length);
/* Sums and products that stop at the greatest number. */
uint64_t ff_times(uint64_t a, uint64_t b);
uint64_t ff_plus(uint64_t a, uint64_t b);

/* plan.c: cuts the stages into tiles for a batch and gives them to owners. */
ff_status ff_plan_check(const ff_program *p, ff_error *err);
ff_status ff_plan_reserve(ff_program *p, ff_error *err);
void ff_plan_make(ff_program *p, size_t batch, size_t threads, unsigned shift);
double ff_plan_cost(const ff_program *p, size_t batch);
/* The longest row tile of batches of up to `batch` rows. */
size_t ff_plan_tile_rows(const ff_program *p, size_t batch);
/* Runs tile t (index into program->tiles) on thread `who`. */
void ff_tile_run(ff_program *p, size_t t, size_t who);
#endif
