#include "gemm_blocks.h"
#include "kernels.h"

/* Follows the layouts of gemm_forward.inc, gemm_dx.inc and gemm_dw.inc, for tiles of any size and
 * batches of any length up to `rows`: more rows never need less. */
size_t ff_scratch_bytes(const int op, const size_t *const d, const size_t rows, const size_t nr)
{
    const size_t lanes = 16; /* of the widest ISA */
    size_t n = 0;
    switch (op) {
    case FF_OP_DENSE: /* packed rows of x; a last vector may be longer than a group */
        if (rows >= FF_FWD_PACK_ROWS && d[1] >= FF_FWD_PACK_UNITS)
            n = (ff_min(rows, FF_FWD_ROWS) + lanes) * ff_min(d[0], FF_FWD_DEPTH) + lanes;
        break;
    case FF_OP_DENSE_DX: /* dy^T of a panel of rows, and the sums of a block or of a group */
        n = nr * (ff_min(d[1], FF_DX_DEPTH) + FF_DX_GROUP);
        if (d[1] > FF_DX_DEPTH) n += ff_round_up(ff_min(rows, FF_DX_ROWS), nr) * FF_DX_COLS;
        if (ff_dx_few_weights(d[0], d[1]) && n < ff_packed_size(d[1], d[0], nr)) n = ff_packed_size(d[1], d[0], nr);
        break;
    case FF_OP_DENSE_DW: /* packed x and dy, and the sums of earlier rows */
        if (rows >= FF_DW_PACK_ROWS)
            n = ff_min(rows, FF_DW_ROWS) * (FF_DW_DEPTH + FF_DW_OVER) +
                ff_min(rows, FF_DW_KEEP) * ff_min(ff_round_up(d[1], nr), FF_DW_UNITS);
        if (rows > FF_DW_ROWS) n += (size_t)FF_DW_DEPTH * FF_DW_UNITS;
        break;
    default:
        break;
    }
    return ff_round_up(n * sizeof(float), 64);
}
