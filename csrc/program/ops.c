/* The op table as data, and the size of an operand from its formula. */
#include <string.h>

#include "program.h"

static const ff_op_info ops[FF_OP_COUNT] = {
#define FF_OP(ID, name, shape, flags, operands, doc) \
    [FF_OP_##ID] = {#name, operands, doc, FF_SHAPE_##shape, flags, 'o', 0},
#define FF_OPT(ID, name, slots, doc) \
    [FF_OP_##ID] = {#name, "g<f:a w=f:a s0?=f:a s1?=f:a s2?=f:a", doc, FF_SHAPE_WHOLE, 0, 'p', slots},
#define FF_UNARY(ID, name, doc) [FF_OP_##ID] = {#name, "x<f:ra y>f:ra", doc, FF_SHAPE_ROWS, FF_INPLACE, 'u', 0},
/* m and n: by the broadcast modes in dimensions b and c */
#define FF_BINARY(ID, name, doc) \
    [FF_OP_##ID] = {#name, "x<f:m z<f:n y>f:ra", doc, FF_SHAPE_ROWS, FF_INPLACE, 'b', 0},
#include "../include/ff_ops.inc"
#undef FF_OP
#undef FF_OPT
#undef FF_UNARY
#undef FF_BINARY
};

size_t ff_op_count(void) { return FF_OP_COUNT; }
const ff_op_info *ff_op_get(size_t id) { return id > 0 && id < FF_OP_COUNT ? &ops[id] : NULL; }

size_t ff_gradient_weight(const uint32_t op)
{
    switch (op) {
    case FF_OP_DENSE_DW: return 3;
    case FF_OP_DENSE_DB:
    case FF_OP_DENSE_DW_SUM:
    case FF_OP_DENSE_DB_SUM: return 2;
    default: return 0;
    }
}

size_t ff_operand_count(const ff_op_info *info)
{
    size_t n = info->operands[0] != 0;
    for (const char *c = info->operands; *c; c++) n += *c == ' ';
    return n;
}

/* Multiplies without wrapping: a formula that overflows is larger than any buffer. */
static uint64_t times(uint64_t a, uint64_t b) { return b && a > UINT64_MAX / b ? UINT64_MAX : a * b; }

int ff_operand_spec(const ff_op_info *info, const ff_instr *in, size_t index, char *mode, char *type, int *optional,
                    uint64_t *per_row, uint64_t *fixed, size_t nr)
{
    const char *c = info->operands;
    for (; index > 0; index--) {
        c = strchr(c, ' ');
        if (!c) return 0;
        c++;
    }
    if (!*c) return 0;
    c += strcspn(c, "?<>=");
    *optional = *c == '?';
    if (*c == '?') c++;
    *mode = *c++;
    *type = *c++;
    c++; /* ':' */
    uint64_t n = 1;
    int rows = 0;
    for (; *c && *c != ' '; c++) {
        char f = *c;
        if (f == 'm' || f == 'n') {
            const uint64_t broadcast = in->d[f == 'm' ? 1 : 2];
            rows = broadcast == 0 || broadcast == 2;
            n = broadcast <= 1 ? in->d[0] : 1;
        } else if (f == 'r') {
            rows = 1;
        } else if (f == 'P') {
            n = times(n, times(in->d[0], times((in->d[1] + nr - 1) / nr, nr)));
        } else if (f >= 'a' && f <= 'h') {
            n = times(n, in->d[f - 'a']);
        }
    }
    *per_row = rows ? n : 0;
    *fixed = rows ? 0 : n;
    return 1;
}
