/* How the GEMM kernels cut large problems, and hence what scratch they need. Counts
 * of rows, weight rows (k) and units; all multiples of 64. Set for 48 KB of L1 and
 * 1 to 2 MB of L2; a smaller cache costs a few percent. */
#ifndef FF_GEMM_BLOCKS_H
#define FF_GEMM_BLOCKS_H
#include <stddef.h>

#include "../base/align.h"

enum {
    FF_WIDE = 256, /* from so many columns or weight rows the larger microtiles pay */

    FF_FWD_ROWS = 256, /* packed rows: ROWS x DEPTH floats stay in L2 */
    FF_FWD_DEPTH = 512,
    FF_FWD_PACK_ROWS = 32, /* packing pays from so many rows */
    FF_FWD_PACK_UNITS = 128, /* and so many units of the tile */

    FF_DX_GROUP = 48, /* columns: whole microtiles and whole vectors on every ISA */
    FF_DX_ROWS = 256,
    FF_DX_COLS = 512,
    FF_DX_DEPTH = 512, /* units summed before the sums are put aside */
    FF_DX_FEW = 1 << 13, /* weights that may be transposed instead of rows */

    FF_DW_ROWS = 128,
    FF_DW_DEPTH = 512, /* weight rows */
    FF_DW_UNITS = 512,
    FF_DW_KEEP = 2048, /* rows of which all packed dy is kept */
    FF_DW_OVER = 32, /* a group of packed weight rows may reach over the end */
    FF_DW_PACK_ROWS = 96, /* packing pays from so many rows */
    FF_DW_FAR = 1 << 18, /* so many weights and their slots are outside L2 */
    FF_DW_NARROW = 64     /* but not for so few weight rows and one panel */
};

/* Columns too few for DENSE to pack: it has no scratch then. */
static inline int ff_dx_few_weights(const size_t columns, const size_t units)
{
    return columns < FF_FWD_PACK_UNITS && columns * units <= FF_DX_FEW;
}

static inline size_t ff_min(const size_t a, const size_t b) { return a < b ? a : b; }

#endif
