/* What a kernel sees: resolved addresses, dimensions and the part of the work
 * that is its tile. Kernels return void, allocate nothing and check nothing:
 * ff_program_validate has done so. */
#ifndef FF_KERNELS_H
#define FF_KERNELS_H
#include <stddef.h>
#include <stdint.h>

#include "../include/ff_codes.inc"

enum { FF_MAX_OPERANDS = 8, FF_MAX_DIMS = 8, FF_MAX_IMM = 8 };
/* Constants of an optimizer's step: 0 to 7 are the formula's, then the part of a weight that
 * decays first, and what the optimizer's own scalar is after the step. */
enum { FF_OPT_DECAY = 8, FF_OPT_STATE = 9, FF_OPT_CONSTS = 10 };

/* Rows of a gradient's block (DENSE_DW_PART): any divisor of it. */
enum { FF_PART_ROWS = 256 };

/* The lists of ff_codes.inc: FF_F32, FF_INT_ADD, ... and how many there are, FF_COUNT_dtype, ... */
#define FF_DTYPES_ID(id, name, bytes) FF_##id,
#define FF_BROADCASTS_ID(id, name, n) FF_BROADCAST_##id,
#define FF_INT_BINARIES_ID(id, name, n) FF_INT_##id,
#define FF_INT_COMPARES_ID(id, name, n) FF_COMPARE_##id,
#define FF_REDUCTIONS_ID(id, name, n) FF_REDUCE_##id,
#define FF_RUNNINGS_ID(id, name, n) FF_RUNNING_##id,
#define FF_GRADIENTS_ID(id, name, n) FF_GRADIENT_##id,
#define FF_LIST(name, LIST) enum { LIST(LIST##_ID) FF_COUNT_##name };
FF_CODES(FF_LIST)
#undef FF_LIST

/* w, slots s[0..] and gradient g of n elements; c from ff_opt_prep. Any n; w, s
 * and g at least 4-byte aligned. g must not alias w or s. */
typedef void ff_opt_fn(float *w, float *const *s, const float *g, size_t n, const float *c);

/* y = f(x) for n elements; y may be x. */
typedef void ff_unary_fn(const float *x, float *y, size_t n);

/* One step's facts, the same for every tile. */
typedef struct ff_step {
    uint64_t seed;   /* of the run */
    uint64_t index;  /* of the step, counts on over epochs and runs */
    size_t batch;    /* rows of this batch */
    const double *rates; /* learning rates of all counters */
    uint32_t *fault; /* set (atomically) to 1 + row in the batch of a bad label; 0 is none */
} ff_step;

typedef struct ff_kernels ff_kernels;

typedef struct ff_args {
    void *p[FF_MAX_OPERANDS];     /* operand base addresses (of row 0, unit 0); NULL: absent */
    const void *const *rows;      /* row addresses of operand 0 if it is a source, else NULL */
    const void *const *next_rows; /* the same of the next batch, to prefetch; may be NULL */
    size_t next_count;            /* how many next_rows there are */
    size_t d[FF_MAX_DIMS];
    float f[FF_MAX_IMM];
    size_t nrows;                 /* all rows of the instruction */
    size_t r0, r1;                /* rows of this tile */
    size_t u0, u1;                /* units of this tile; u0 is a multiple of the panel width */
    size_t k0, k1;                /* weight rows of this tile; k0 is a multiple of FF_WEIGHT_ROWS */
    ff_unary_fn *act;             /* DENSE: activation or NULL */
    ff_opt_fn *opt;               /* DENSE_DW, DENSE_DB with c = 2, and FF_OPT rows */
    const float *opt_c;
    void *scratch;                /* this thread's, 64-byte aligned, ff_scratch_bytes() long */
    const ff_step *step;
    const ff_kernels *k;          /* the table this kernel is from */
} ff_args;

typedef void ff_kernel(const ff_args *a);

/* Enum of ops: FF_OP_<ID>, from 1; 0 is "none". */
enum {
    FF_OP_NONE = 0,
#define FF_OP(ID, name, shape, flags, scratch, operands, facts, doc) FF_OP_##ID,
#define FF_OPT(ID, name, slots, doc) FF_OP_##ID,
#define FF_UNARY(ID, name, doc) FF_OP_##ID,
#define FF_BINARY(ID, name, doc) FF_OP_##ID,
#include "../include/ff_ops.inc"
#undef FF_OP
#undef FF_OPT
#undef FF_UNARY
#undef FF_BINARY
    FF_OP_COUNT
};

/* The kernels of one ISA. */
struct ff_kernels {
    const char *isa;
    size_t lanes;                        /* floats in a vector */
    size_t nr;                           /* units in a weight panel */
    ff_kernel *fn[FF_OP_COUNT];          /* NULL for HOST */
    ff_opt_fn *opt[FF_OP_COUNT];         /* FF_OPT rows */
    ff_unary_fn *unary[FF_OP_COUNT];     /* FF_UNARY rows */
    /* float64-free packing: w (k,n) row-major <-> panels; padding units are zero. */
    void (*pack)(const float *w, size_t k, size_t n, float *packed);
    void (*unpack)(const float *packed, size_t k, size_t n, float *w);
    /* measuring the machine (peak.inc): n rounds of independent FMAs; a sum over n floats; each of n floats changed */
    float (*fma_loop)(size_t n);
    size_t fma_loop_flops; /* per round */
    float (*read_loop)(const float *x, size_t n);
    void (*update_loop)(float *x, size_t n);
};

/* Floats in the panels of a (k,n) weight: k * round_up(n, nr). Panel j holds units
 * [j*nr, (j+1)*nr): k rows of nr floats, contiguous. */
static inline size_t ff_packed_size(size_t k, size_t n, size_t nr) { return k * ((n + nr - 1) / nr * nr); }

enum { FF_WEIGHT_ROWS = 16 }; /* blocks of weight rows are multiples of it: a cache line of x */

/* Scratch bytes that `op` with these dimensions needs per thread for up to `rows` rows. */
size_t ff_scratch_bytes(int op, const size_t *d, size_t rows, size_t nr);

/* Optimizer constants c for step t (1 for the first) from hyperparameters h (Keras's
 * order of the class) and the optimizer's own scalar `state` (nadam's product; others
 * have none and ignore it), computed once per step. */
void ff_opt_prep(int op, const double *h, double learning_rate, int64_t t, float state, float c[FF_OPT_CONSTS]);

extern const ff_kernels ff_kernels_generic;
#if defined(__x86_64__) || defined(_M_X64)
extern const ff_kernels ff_kernels_avx2;
extern const ff_kernels ff_kernels_avx512;
#endif
#if defined(__aarch64__) || defined(_M_ARM64)
extern const ff_kernels ff_kernels_neon;
#endif

#endif
