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
    int host;         /* 1: call the host function with index d[0] */
    uint32_t local;   /* bit k: operand k is a slot of the tile */
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

/* validate.c: every check that a program needs before it may run. */
ff_status ff_validate(const ff_engine *engine, const ff_program_desc *desc, ff_error *err);
/* Element count of an operand for `rows` rows; d are the dimensions. */
int ff_operand_spec(const ff_op_info *info, const ff_instr *in, size_t index, char *mode, char *type, int *optional,
                    uint64_t *per_row, uint64_t *fixed, size_t nr);
size_t ff_operand_count(const ff_op_info *info);
/* Ops whose dimension c says what becomes of a gradient: where the operand w is (g is
 * before it); 0 for all others. */
size_t ff_gradient_weight(uint32_t op);

/* plan.c: cuts the stages into tiles for a batch and gives them to owners. */
ff_status ff_plan_reserve(ff_program *p, ff_error *err);
void ff_plan_make(ff_program *p, size_t batch, size_t threads, unsigned shift);
double ff_plan_cost(const ff_program *p, size_t batch);
/* The longest row tile of batches of up to `batch` rows. */
size_t ff_plan_tile_rows(const ff_program *p, size_t batch);
/* Runs tile t (index into program->tiles) on thread `who`. */
void ff_tile_run(ff_program *p, size_t t, size_t who);
#endif
