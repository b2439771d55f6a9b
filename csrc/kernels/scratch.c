#include "gemm_blocks.h"
#include "kernels.h"

/* Floats that a kernel needs, by the op table's column `scratch`. These follow the layouts of
 * gemm_forward.inc, gemm_dx.inc and gemm_dw.inc, for tiles of any size and batches of any
 * length up to `rows`: more rows never need less. */
typedef size_t scratch_fn(const size_t *d, size_t rows, size_t nr);

enum { LANES = 16 }; /* of the widest ISA */

/* Packed rows of x; a last vector may be longer than a group. */
static size_t scratch_forward(const size_t *const d, const size_t rows, const size_t nr)
{
    (void)nr;
    if (rows < FF_FWD_PACK_ROWS || d[1] < FF_FWD_PACK_UNITS) return 0;
    return (ff_min(rows, FF_FWD_ROWS) + LANES) * ff_min(d[0], FF_FWD_DEPTH) + LANES;
}

/* dy^T of a panel of rows, and the sums of a block or of a group. */
static size_t scratch_dx(const size_t *const d, const size_t rows, const size_t nr)
{
    size_t n = nr * (ff_min(d[1], FF_DX_DEPTH) + FF_DX_GROUP);
    if (d[1] > FF_DX_DEPTH) n += ff_round_up(ff_min(rows, FF_DX_ROWS), nr) * FF_DX_COLS;
    if (ff_dx_few_weights(d[0], d[1]) && n < ff_packed_size(d[1], d[0], nr)) n = ff_packed_size(d[1], d[0], nr);
    return n;
}

/* Packed x and dy, and the sums of earlier rows. */
static size_t scratch_dw(const size_t *const d, const size_t rows, const size_t nr)
{
    size_t n = 0;
    if (rows >= FF_DW_PACK_ROWS)
        n = ff_min(rows, FF_DW_ROWS) * (FF_DW_DEPTH + FF_DW_OVER) +
            ff_min(rows, FF_DW_KEEP) * ff_min(ff_round_up(d[1], nr), FF_DW_UNITS);
    if (rows > FF_DW_ROWS) n += (size_t)FF_DW_DEPTH * FF_DW_UNITS;
    return n;
}

enum { scratch_none = 0 }; /* a null pointer constant */

static scratch_fn *const layouts[FF_OP_COUNT] = {
#define FF_OP(ID, name, shape, flags, scratch, operands, facts, doc) [FF_OP_##ID] = scratch_##scratch,
#define FF_OPT(ID, name, slots, doc)
#define FF_UNARY(ID, name, doc)
#define FF_BINARY(ID, name, doc)
#include "../include/ff_ops.inc"
#undef FF_OP
#undef FF_OPT
#undef FF_UNARY
#undef FF_BINARY
};

size_t ff_scratch_bytes(const int op, const size_t *const d, const size_t rows, const size_t nr)
{
    scratch_fn *const layout = layouts[op];
    return layout ? ff_round_up(layout(d, rows, nr) * sizeof(float), 64) : 0;
}
