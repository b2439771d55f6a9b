/* Everything that could make a kernel read or write past an end is refused here. */
#include <string.h>

#include "program.h"

static const size_t type_bytes[128] = {['f'] = 4, ['i'] = 4, ['d'] = 8};
static const size_t dtype_bytes[FF_DTYPE_COUNT] = {4, 8, 2, 1, 1, 2, 2, 4, 4, 8, 8, 1};
enum { LIMIT_BITS = 40 }; /* no dimension and no operand beyond 2^40: products stay in 64 bits */

static int fits(uint64_t n) { return n >> LIMIT_BITS == 0; }

/* Bytes that `rows_per_batch * batch + rows_fix` rows need, against what the operand has. */
static ff_status check_operand(const ff_program_desc *desc, const ff_op_info *info, const ff_instr *in, size_t at,
                               size_t k, size_t nr, ff_error *err)
{
    char mode = 0, type = 0;
    int optional = 0;
    uint64_t per_row = 0, fixed = 0;
    const ff_operand o = in->p[k];
    if (!ff_operand_spec(info, in, k, &mode, &type, &optional, &per_row, &fixed, nr))
        return ff_fail(err, FF_EARG, "instruction %zu (%s): operand %zu does not exist", at, info->name, k);
    if (o.kind == FF_NONE) {
        if (optional) return FF_OK;
        return ff_fail(err, FF_EARG, "instruction %zu (%s): operand %zu is missing", at, info->name, k);
    }
    const size_t places[FF_OPERAND_KINDS] = {0, desc->n_slots, desc->n_vars, desc->n_sources, desc->n_sinks};
    if (o.kind >= FF_OPERAND_KINDS || o.index >= places[o.kind])
        return ff_fail(err, FF_EARG, "instruction %zu (%s): operand %zu is in no place that exists", at, info->name, k);
    const int source = o.kind == FF_SOURCE;
    if (source && !(k == 0 && (type == 's' || (info->flags & FF_BORROW))))
        return ff_fail(err, FF_EARG, "instruction %zu (%s): operand %zu cannot be a source", at, info->name, k);
    if (type == 's' && !source)
        return ff_fail(err, FF_EARG, "instruction %zu (%s): operand 0 must be a source", at, info->name);
    if (!fits(per_row) || !fits(fixed) || !fits(in->row_mul) || !fits(in->row_fix))
        return ff_fail(err, FF_ESHAPE, "instruction %zu (%s): operand %zu is too large", at, info->name, k);
    const size_t unit = source ? dtype_bytes[desc->sources[o.index].dtype] : type_bytes[(unsigned char)type];
    const uint64_t linear = per_row * in->row_mul * unit, constant = (per_row * in->row_fix + fixed) * unit;
    uint64_t have_fix = 0, have_linear = 0, have_square = 0;
    switch (o.kind) {
    case FF_SLOT:
        if (desc->slots[o.index].power == 0) have_fix = desc->slots[o.index].bytes;
        if (desc->slots[o.index].power == 1 || desc->slots[o.index].power == FF_TILE) have_linear = desc->slots[o.index].bytes;
        if (desc->slots[o.index].power == 2) have_square = desc->slots[o.index].bytes;
        break;
    case FF_VAR:
        have_fix = desc->vars[o.index].bytes;
        break;
    case FF_SOURCE:
        have_linear = desc->sources[o.index].row_bytes;
        break;
    case FF_SINK:
        have_linear = desc->sinks[o.index].row_bytes;
        break;
    default: break;
    }
    /* For any batch >= 1: constant + linear b <= have_fix + have_linear b + have_square b^2. */
    const uint64_t rising = have_linear + have_square;
    if (linear > rising || constant + linear > have_fix + rising)
        return ff_fail(err, FF_ESHAPE, "instruction %zu (%s): operand %zu needs %llu + %llu per row bytes, has %llu + %llu",
                       at, info->name, k, (unsigned long long)constant, (unsigned long long)linear,
                       (unsigned long long)have_fix, (unsigned long long)rising);
    return FF_OK;
}

/* Do a gradient's blocks have room in operand p, with `floats` per row and `block` rows each?
 * ff_program_reserve makes whole blocks of the rows of a slot. */
static const char *check_parts(const ff_program_desc *desc, const ff_instr *in, ff_operand p, uint64_t k,
                               uint64_t floats, uint64_t block, size_t nr)
{
    const uint64_t units = in->d[1];
    if (p.kind != FF_SLOT || p.index >= desc->n_slots || desc->slots[p.index].power != 1 || in->row_fix)
        return "blocks must lie in a slot with rows of the batch";
    if (block == 0 || FF_PART_ROWS % block) return "a block's rows must divide FF_PART_ROWS";
    if (!fits(k) || !fits(units) || !fits(floats)) return "a block is too large";
    const uint64_t panels = (units + nr - 1) / nr * nr;
    if (panels && k > floats * block / panels) return "a block has no room for a gradient";
    return NULL;
}

static ff_status check_dims(const ff_program_desc *desc, const ff_kernels *kernels, const ff_op_info *info,
                            const ff_instr *in, size_t at, ff_error *err)
{
    const uint64_t *const d = in->d;
    const size_t weight = ff_gradient_weight(in->op);
    for (int i = 0; i < FF_MAX_DIMS; i++)
        if (!fits(d[i])) return ff_fail(err, FF_ESHAPE, "instruction %zu (%s): dimension %d is too large", at, info->name, i);
    const char *bad = NULL;
    switch (in->op) {
    case FF_OP_DENSE:
        if (d[2] && (d[2] >= FF_OP_COUNT || !kernels->unary[d[2]])) bad = "activation is no unary op";
        break;
    case FF_OP_DENSE_DW:
    case FF_OP_DENSE_DB:
    case FF_OP_DENSE_DW_SUM:
    case FF_OP_DENSE_DB_SUM:
        if (d[2] > 2) bad = "mode must be 0, 1 or 2";
        else if (d[2] < 2 && (in->count < weight || in->p[weight - 1].kind == FF_NONE)) bad = "gradient operand is missing";
        else if (d[2] == 2 && d[3] >= desc->n_opts) bad = "no such optimizer variant";
        else if (in->op == FF_OP_DENSE_DW_SUM || in->op == FF_OP_DENSE_DB_SUM)
            bad = check_parts(desc, in, in->p[0], in->op == FF_OP_DENSE_DW_SUM ? d[0] : 1, d[4], d[5], kernels->nr);
        break;
    case FF_OP_DENSE_DW_PART:
        bad = in->p[0].kind == FF_NONE && d[0] != 1 ? "without x there is one weight row"
                                                     : check_parts(desc, in, in->p[2], d[0], d[2], d[3], kernels->nr);
        break;
    case FF_OP_COPY_COLS:
        if (d[2] + d[4] > d[0] || d[3] + d[4] > d[1]) bad = "columns are out of range";
        break;
    case FF_OP_GATHER:
    case FF_OP_GATHER_LABEL:
        if (d[1] >= FF_DTYPE_COUNT) bad = "unknown source dtype";
        else if (in->p[0].kind == FF_SOURCE && in->p[0].index < desc->n_sources &&
                 desc->sources[in->p[0].index].dtype != d[1]) bad = "source has another dtype";
        break;
    default:
        if (info->kind == 'b' && (d[1] > 3 || d[2] > 3)) bad = "broadcast mode must be 0 to 3";
        if (info->kind == 'p' && d[1] >= desc->n_opts) bad = "no such optimizer variant";
    }
    if (!bad && (info->kind == 'p' || (d[2] == 2 && weight))) {
        const ff_opt_variant *const v = &desc->opts[info->kind == 'p' ? d[1] : d[3]];
        const size_t w = info->kind == 'p' ? 1 : weight;
        const ff_op_info *const opt = ff_op_get(v->op);
        if (!opt || opt->kind != 'p') bad = "variant is no optimizer";
        else if (info->kind == 'p' && v->op != in->op) bad = "variant is of another optimizer";
        else
            for (size_t s = 0; s <= (size_t)opt->slots; s++)
                if (w + s >= in->count || in->p[w + s].kind != FF_VAR) bad = "weight or slot is no variable";
    }
    return bad ? ff_fail(err, FF_EARG, "instruction %zu (%s): %s", at, info->name, bad) : FF_OK;
}

/* Does no instruction outside of the group use the slot? */
static int used_in_one(const ff_program_desc *desc, size_t slot, const ff_group *group)
{
    for (size_t i = 0; i < desc->n_instrs; i++)
        for (size_t k = 0; k < desc->instrs[i].count; k++) {
            const ff_operand o = desc->instrs[i].p[k];
            if (o.kind == FF_SLOT && o.index == slot && (i < group->begin || i >= group->end)) return 0;
        }
    return 1;
}

/* May the instructions of a group be cut as the group says? */
static ff_status check_group(const ff_program_desc *desc, size_t g, size_t nr, ff_error *err)
{
    const ff_group *const group = &desc->groups[g];
    if (group->begin > group->end || group->end > desc->n_instrs)
        return ff_fail(err, FF_EARG, "group %zu: instructions out of range", g);
    const int by_unit = group->unit_block != 0, by_k = group->k_block != 0;
    if ((by_unit && group->unit_block % nr && group->unit_block % 16) || (by_k && group->k_block % 16) ||
        !fits(group->units) || !fits(group->ks))
        return ff_fail(err, FF_EARG, "group %zu: blocks must be multiples of 16 and of the panel width", g);
    for (size_t i = group->begin; i < group->end; i++) {
        const ff_instr *const in = &desc->instrs[i];
        const ff_op_info *const info = ff_op_get(in->op);
        if (!info) return ff_fail(err, FF_EARG, "instruction %zu: no op %u", i, in->op);
        const int shape = info->shape, rows = group->row_block != 0;
        const uint64_t units = in->op == FF_OP_DENSE_DX ? in->d[0] : in->d[1];
        const uint64_t rows_wide = in->op == FF_OP_DENSE_DB || in->op == FF_OP_DENSE_DB_SUM ? 1 : in->d[0];
        if ((rows && shape != FF_SHAPE_ROWS && shape != FF_SHAPE_GRID) || (rows && in->row_fix) ||
            (rows && in->op == FF_OP_DENSE_DW_PART && group->row_block * in->row_mul % in->d[3]) ||
            (by_unit && shape != FF_SHAPE_GRID && shape != FF_SHAPE_WEIGHT) || (by_unit && group->units != units) ||
            (by_k && (shape != FF_SHAPE_WEIGHT || group->ks != rows_wide)))
            return ff_fail(err, FF_EARG, "group %zu: instruction %zu (%s) cannot be cut this way", g, i, info->name);
        for (size_t k = 0; k < in->count; k++)
            if (in->p[k].kind == FF_SLOT && desc->slots[in->p[k].index].power == FF_TILE &&
                (!rows || by_unit || by_k || !used_in_one(desc, in->p[k].index, group)))
                return ff_fail(err, FF_EARG, "group %zu: slot %u belongs to the row tiles of one group", g, in->p[k].index);
    }
    return FF_OK;
}

ff_status ff_validate(const ff_engine *engine, const ff_program_desc *desc, ff_error *err)
{
    const size_t nr = engine->kernels->nr;
    if (desc->n_stages >= 0xffff) return ff_fail(err, FF_EARG, "too many stages");
    for (size_t i = 0; i < desc->n_sources; i++)
        if (desc->sources[i].dtype >= FF_DTYPE_COUNT || !fits(desc->sources[i].row_bytes))
            return ff_fail(err, FF_EARG, "source %zu: unknown dtype or row too long", i);
    for (size_t i = 0; i < desc->n_slots; i++) {
        const ff_slot *const s = &desc->slots[i];
        if (s->power >= FF_POWERS || !fits(s->offset) || !fits(s->bytes) || s->offset + s->bytes > desc->arena[s->power])
            return ff_fail(err, FF_EARG, "slot %zu lies outside the arena", i);
        if (s->power == 0 ? s->offset % FF_ALIGN : s->offset % 4)
            return ff_fail(err, FF_EARG, "slot %zu is not aligned", i);
    }
    for (size_t i = 0; i < desc->n_opts; i++) {
        const ff_op_info *const info = ff_op_get(desc->opts[i].op);
        const ff_opt_variant *const v = &desc->opts[i];
        if (!info || info->kind != 'p') return ff_fail(err, FF_EARG, "optimizer variant %zu is no optimizer", i);
        if (v->state && (v->state > desc->n_vars || desc->vars[v->state - 1].bytes < sizeof(float)))
            return ff_fail(err, FF_EARG, "optimizer variant %zu keeps its state in no variable", i);
    }
    for (size_t i = 0; i < desc->n_instrs; i++) {
        const ff_instr *const in = &desc->instrs[i];
        const ff_op_info *const info = ff_op_get(in->op);
        if (!info) return ff_fail(err, FF_EARG, "instruction %zu: no op %u", i, in->op);
        if (in->count > 8 || in->count > ff_operand_count(info))
            return ff_fail(err, FF_EARG, "instruction %zu (%s): too many operands", i, info->name);
        ff_status s = check_dims(desc, engine->kernels, info, in, i, err);
        for (size_t k = 0; s == FF_OK && k < ff_operand_count(info) && k < 8; k++) {
            if (k >= in->count && in->p[k].kind != FF_NONE)
                return ff_fail(err, FF_EARG, "instruction %zu (%s): operand %zu beyond the count", i, info->name, k);
            s = check_operand(desc, info, in, i, k, nr, err);
        }
        if (s != FF_OK) return s;
    }
    size_t at = 0;
    for (size_t s = 0; s <= desc->n_stages; s++) {
        if (desc->stages[s] < at || desc->stages[s] > desc->n_groups)
            return ff_fail(err, FF_EARG, "stage %zu: groups out of order", s);
        at = desc->stages[s];
    }
    for (size_t g = 0; g < desc->n_groups; g++) {
        const ff_status s = check_group(desc, g, nr, err);
        if (s != FF_OK) return s;
    }
    return FF_OK;
}
