/* Everything that could make a kernel read or write past an end is refused here: for any batch
 * that is reserved, any cut into tiles and any numbers in the arena. What a run brings along
 * (rows, order, sinks) is checked when it begins, by check_run and by the binding. */
#include <math.h>
#include <string.h>

#include "program.h"

static const size_t type_bytes[128] = {['f'] = 4, ['i'] = 4, ['d'] = 8};
#define FF_BYTES(id, name, bytes) bytes,
static const size_t dtype_bytes[FF_COUNT_dtype] = {FF_DTYPES(FF_BYTES)};

enum { LIMIT_BITS = 40, ROW_BITS = 31 }; /* of a dimension or size; of rows, units and weight rows that are counted */
static const uint64_t TILES_MOST = 1u << 22; /* of a group, by units and weight rows */
static const uint64_t EMPTY_MOST = 1u << 24; /* of a dimension where no operand has a byte */
static const double COST_MOST = 1e15;

static int fits(uint64_t n) { return n >> LIMIT_BITS == 0; }
static int is_count(uint64_t n) { return n >> ROW_BITS == 0; }

/* One instruction that is looked at. */
typedef struct looked {
    const ff_program_desc *desc;
    const ff_op_info *info;
    const ff_instr *in;
    ff_facts facts;
    size_t at, nr;
    ff_spec specs[FF_MAX_OPERANDS];
} looked;

static const ff_operand *operand(const looked *l, size_t k)
{
    return k < l->in->count && l->in->p[k].kind != FF_NONE ? &l->in->p[k] : NULL;
}

/* ---- one operand ---- */

/* Why a source cannot be operand k, or NULL. */
static const char *bad_source(const looked *l, size_t k, const ff_column *source)
{
    const ff_instr *const in = l->in;
    if (k != 0 || (l->specs[k].type != 's' && !(l->info->flags & FF_BORROW))) return "cannot be a source";
    if (in->row_fix || in->row_mul == 0) return "is a source, but the rows are not those of the batch";
    if (l->specs[k].type == 's') return source->dtype == in->d[l->facts.dtype] ? NULL : "is a source of another dtype";
    if (in->row_mul != 1) return "is read through addresses of rows, of which there is one per row of the batch";
    return source->dtype == FF_F32 ? NULL : "is read in place, which only float32 can be";
}

/* Bytes that the rows of any batch need, against what the place has. */
static ff_status check_operand(const looked *l, size_t k, ff_error *err)
{
    const ff_program_desc *const desc = l->desc;
    const ff_instr *const in = l->in;
    const ff_spec *const spec = &l->specs[k];
    const ff_operand o = in->p[k];
    const size_t places[FF_OPERAND_KINDS] = {0, desc->n_slots, desc->n_vars, desc->n_sources, desc->n_sinks};
    const char *bad = NULL;
    if (o.kind == FF_NONE) {
        if (spec->optional) return FF_OK;
        return ff_fail(err, FF_EARG, "instruction %zu (%s): operand %zu is missing", l->at, l->info->name, k);
    }
    if (o.kind >= FF_OPERAND_KINDS || o.index >= places[o.kind])
        return ff_fail(err, FF_EARG, "instruction %zu (%s): operand %zu is in no place that exists", l->at, l->info->name, k);
    if (spec->type == 's' && o.kind != FF_SOURCE) bad = "must be a source";
    if (!bad && o.kind == FF_SOURCE) bad = bad_source(l, k, &desc->sources[o.index]);
    if (bad) return ff_fail(err, FF_EARG, "instruction %zu (%s): operand %zu %s", l->at, l->info->name, k, bad);
    const size_t unit = o.kind == FF_SOURCE ? dtype_bytes[desc->sources[o.index].dtype] : type_bytes[(unsigned char)spec->type];
    const uint64_t linear = ff_times(ff_times(spec->per_row, in->row_mul), unit);
    const uint64_t constant = ff_times(ff_plus(ff_times(spec->per_row, in->row_fix), spec->fixed), unit);
    uint64_t have_fix = 0, have_linear = 0, have_square = 0;
    int exact = 0; /* rows follow each other as those of the batch do */
    if (o.kind == FF_SLOT) {
        const ff_slot *const s = &desc->slots[o.index];
        if (s->power == 0) have_fix = s->bytes;
        else if (s->power == 2) have_square = s->bytes;
        else have_linear = s->bytes;
        exact = s->power == FF_TILE;
    } else if (o.kind == FF_VAR) {
        have_fix = desc->vars[o.index].bytes;
        if ((uintptr_t)desc->vars[o.index].data % unit) bad = "is a variable that is not aligned";
    } else if (o.kind == FF_SOURCE) {
        have_linear = desc->sources[o.index].row_bytes;
    } else {
        have_linear = desc->sinks[o.index].row_bytes;
        exact = 1;
        if (dtype_bytes[desc->sinks[o.index].dtype] != unit) bad = "is a sink of another dtype";
    }
    if (bad) return ff_fail(err, FF_EARG, "instruction %zu (%s): operand %zu %s", l->at, l->info->name, k, bad);
    /* For any batch >= 1: constant + linear b <= have_fix + have_linear b + have_square b^2. */
    const uint64_t rising = have_linear + have_square;
    if (linear > rising || ff_plus(constant, linear) > have_fix + rising || (exact && (constant || linear != have_linear)))
        return ff_fail(err, FF_ESHAPE, "instruction %zu (%s): operand %zu needs %llu + %llu per row bytes, has %llu + %llu%s",
                       l->at, l->info->name, k, (unsigned long long)constant, (unsigned long long)linear,
                       (unsigned long long)have_fix, (unsigned long long)rising, exact ? ", which must be the same" : "");
    return FF_OK;
}

static int ranges_meet(uint64_t a, uint64_t a_bytes, uint64_t b, uint64_t b_bytes)
{
    return a_bytes && b_bytes && a < b + b_bytes && b < a + a_bytes;
}

/* Do two places share memory? Slots of different powers do not. */
static int overlap(const ff_program_desc *desc, const ff_operand *x, const ff_operand *y)
{
    if (x->kind != y->kind) return 0;
    if (x->index == y->index) return 1;
    if (x->kind == FF_SLOT) {
        const ff_slot *const s = &desc->slots[x->index], *const t = &desc->slots[y->index];
        return s->power == t->power && ranges_meet(s->offset, s->bytes, t->offset, t->bytes);
    }
    if (x->kind == FF_VAR) {
        const ff_var *const v = &desc->vars[x->index], *const w = &desc->vars[y->index];
        return ranges_meet((uintptr_t)v->data, v->bytes, (uintptr_t)w->data, w->bytes);
    }
    return 0;
}

/* What is written may be no other operand: but, where the op can work in place, the first output
 * the first operand, element by element. */
static ff_status check_aliases(const looked *l, ff_error *err)
{
    size_t first = 0;
    while (first < l->in->count && l->specs[first].mode != '>') first++;
    for (size_t k = 0; k < l->in->count; k++) {
        const ff_operand *const out = operand(l, k);
        if (!out || l->specs[k].mode == '<') continue;
        for (size_t j = 0; j < l->in->count; j++) {
            const ff_operand *const other = operand(l, j);
            if (j == k || !other || !overlap(l->desc, out, other)) continue;
            const ff_spec *const a = &l->specs[k], *const b = &l->specs[j];
            const int in_place = (l->info->flags & FF_INPLACE) && k == first && j == 0 && out->index == other->index &&
                                 type_bytes[(unsigned char)a->type] == type_bytes[(unsigned char)b->type] &&
                                 a->per_row == b->per_row && a->fixed == b->fixed;
            if (!in_place)
                return ff_fail(err, FF_EARG, "instruction %zu (%s): operand %zu is written where operand %zu lies", l->at,
                               l->info->name, k, j);
        }
    }
    return FF_OK;
}

/* ---- one instruction ---- */

/* How many values a dimension with this name in the row's facts may have; 0: any. */
static uint64_t dimension_limit(const ff_program_desc *desc, const char *name, size_t length)
{
    const struct {
        const char *name;
        uint64_t limit;
    } own[] = {{"counter", FF_COUNTERS_MOST}, {"host", desc->n_hosts}, {"index", (uint64_t)1 << 31}};
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        if (strlen(own[i].name) == length && memcmp(own[i].name, name, length) == 0) return own[i].limit;
    return ff_code_count(name, length);
}

/* Have a gradient's blocks of rows room in the operand that the row names?
 * ff_program_reserve makes whole blocks of the rows of a slot. */
static const char *bad_blocks(const looked *l)
{
    const ff_facts *const f = &l->facts;
    const ff_operand *const o = operand(l, f->blocks);
    const uint64_t *const d = l->in->d;
    if (!o || o->kind != FF_SLOT || o->index >= l->desc->n_slots || l->desc->slots[o->index].power != 1 || l->in->row_fix)
        return "blocks must lie in a slot with rows of the batch";
    const uint64_t block = d[f->block_rows], weights = f->block_weights == FF_NOWHERE ? 1 : d[f->block_weights];
    if (block == 0 || FF_PART_ROWS % block) return "a block's rows must divide FF_PART_ROWS";
    const uint64_t panels = (d[1] + l->nr - 1) / l->nr * l->nr;
    if (panels && weights > d[f->block_floats] * block / panels) return "a block has no room for a gradient";
    return NULL;
}

/* Is what an optimizer needs there? */
static const char *bad_update(const looked *l)
{
    const ff_facts *const f = &l->facts;
    const size_t w = ff_operand_find(l->info, "w", 1);
    const uint64_t v = l->in->d[f->variant];
    if (!ff_updates(f, l->in)) return operand(l, ff_operand_find(l->info, "g", 1)) ? NULL : "gradient operand is missing";
    if (v >= l->desc->n_opts) return "no such optimizer variant";
    if (l->info->kind == 'p' && l->desc->opts[v].op != l->in->op) return "variant is of another optimizer";
    for (size_t s = 0; s <= (size_t)ff_op_get(l->desc->opts[v].op)->slots; s++)
        if (!operand(l, w + s) || l->in->p[w + s].kind != FF_VAR) return "weight or slot is no variable";
    return NULL;
}

static ff_status check_facts(const looked *l, const ff_kernels *kernels, ff_error *err)
{
    const uint64_t *const d = l->in->d;
    const char *bad = NULL;
    for (const char *c = l->info->facts; *c && !bad; c += strcspn(c, " "), c += *c == ' ') {
        if (c[1] != ':') continue;
        const size_t length = strcspn(c + 2, " ");
        const uint64_t limit = dimension_limit(l->desc, c + 2, length), value = d[c[0] - 'a'];
        if (limit && value >= limit)
            return ff_fail(err, FF_EARG, "instruction %zu (%s): dimension %c is no %.*s: %llu", l->at, l->info->name, c[0],
                           (int)length, c + 2, (unsigned long long)value);
    }
    size_t length = 0;
    const char *const broken = ff_broken_fact(l->info, l->in, &length);
    if (broken) return ff_fail(err, FF_EARG, "instruction %zu (%s): not %.*s", l->at, l->info->name, (int)length, broken);
    if ((l->info->flags & FF_CALLBACK) && l->desc->n_hosts == 0) bad = "there are no host functions";
    if (l->facts.activation != FF_NOWHERE) {
        const uint64_t act = d[l->facts.activation];
        if (act && (act >= FF_OP_COUNT || !kernels->unary[act])) bad = "activation is no unary op";
    }
    if (!bad && l->facts.variant != FF_NOWHERE) bad = bad_update(l);
    if (!bad && l->facts.blocks != FF_NOWHERE) bad = bad_blocks(l);
    return bad ? ff_fail(err, FF_EARG, "instruction %zu (%s): %s", l->at, l->info->name, bad) : FF_OK;
}

/* Which dimension is too large for an instruction on nothing at all: no operand bounds it, and loops may count to it. */
static int too_large_for_nothing(const looked *l, size_t operands)
{
    for (size_t k = 0; k < operands; k++)
        if (operand(l, k) && (l->specs[k].per_row || l->specs[k].fixed)) return -1;
    for (int i = 0; i < FF_MAX_DIMS; i++)
        if (l->in->d[i] > EMPTY_MOST) return i;
    return -1;
}

static ff_status check_instr(const ff_engine *engine, const ff_program_desc *desc, size_t at, ff_error *err)
{
    const ff_instr *const in = &desc->instrs[at];
    looked l = {.desc = desc, .info = ff_op_get(in->op), .in = in, .at = at, .nr = engine->kernels->nr};
    if (!l.info) return ff_fail(err, FF_EARG, "instruction %zu: no op %u", at, in->op);
    l.facts = ff_op_facts(l.info);
    const size_t operands = ff_operand_count(l.info);
    if (in->count > operands) return ff_fail(err, FF_EARG, "instruction %zu (%s): too many operands", at, l.info->name);
    for (int i = 0; i < FF_MAX_DIMS; i++)
        if (!fits(in->d[i])) return ff_fail(err, FF_ESHAPE, "instruction %zu (%s): dimension %d is too large", at, l.info->name, i);
    if (!is_count(in->row_mul) || !is_count(in->row_fix) || in->row_mul + in->row_fix == 0)
        return ff_fail(err, FF_ESHAPE, "instruction %zu (%s): %llu per row + %llu rows", at, l.info->name,
                       (unsigned long long)in->row_mul, (unsigned long long)in->row_fix);
    for (size_t k = in->count; k < FF_MAX_OPERANDS; k++)
        if (in->p[k].kind != FF_NONE)
            return ff_fail(err, FF_EARG, "instruction %zu (%s): operand %zu beyond the count", at, l.info->name, k);
    for (size_t k = 0; k < operands; k++) ff_operand_spec(l.info, in, k, l.nr, &l.specs[k]);
    const int empty = too_large_for_nothing(&l, operands);
    if (empty >= 0)
        return ff_fail(err, FF_ESHAPE, "instruction %zu (%s): dimension %d is too large for empty operands", at, l.info->name, empty);
    ff_status s = check_facts(&l, engine->kernels, err);
    for (size_t k = 0; s == FF_OK && k < operands; k++) s = check_operand(&l, k, err);
    return s == FF_OK ? check_aliases(&l, err) : s;
}

/* ---- groups and stages ---- */

/* Is a group cut in a way that its instructions and their operands bear? */
static ff_status check_group(const ff_program_desc *desc, size_t g, size_t nr, ff_error *err)
{
    const ff_group *const group = &desc->groups[g];
    const size_t before = g ? desc->groups[g - 1].end : 0;
    if (group->begin < before || group->begin >= group->end || group->end > desc->n_instrs)
        return ff_fail(err, FF_EARG, "group %zu: instructions out of range or out of order", g);
    const int by_row = group->row_block != 0, by_unit = group->unit_block != 0, by_k = group->k_block != 0;
    if (!is_count(group->row_block) || !is_count(group->unit_block) || !is_count(group->units) || !is_count(group->k_block) ||
        !is_count(group->ks))
        return ff_fail(err, FF_EARG, "group %zu: too many rows, units or weight rows", g);
    if ((by_unit && group->unit_block % nr) || (by_k && group->k_block % FF_WEIGHT_ROWS))
        return ff_fail(err, FF_EARG, "group %zu: blocks must be whole panels of %zu units, and multiples of %d weight rows", g,
                       nr, FF_WEIGHT_ROWS);
    const uint64_t units = by_unit ? group->units / group->unit_block + 1 : 1, ks = by_k ? group->ks / group->k_block + 1 : 1;
    if (units * ks > TILES_MOST) return ff_fail(err, FF_EARG, "group %zu: too many tiles", g);
    if (!(group->cost >= 0 && group->cost <= COST_MOST && group->cost_fix >= 0 && group->cost_fix <= COST_MOST))
        return ff_fail(err, FF_EARG, "group %zu: cost is no count of FLOPs", g);
    for (size_t i = group->begin; i < group->end; i++) {
        const ff_instr *const in = &desc->instrs[i];
        const ff_op_info *const info = ff_op_get(in->op);
        const ff_facts f = ff_op_facts(info);
        const int shape = info->shape;
        const uint64_t wide = in->d[f.units], high = f.weights == FF_NOWHERE ? 1 : in->d[f.weights];
        if ((by_row && shape != FF_SHAPE_ROWS && shape != FF_SHAPE_GRID) || (by_row && in->row_fix) ||
            (by_row && f.blocks != FF_NOWHERE && group->row_block * in->row_mul % in->d[f.block_rows]) ||
            (by_unit && shape != FF_SHAPE_GRID && shape != FF_SHAPE_WEIGHT && shape != FF_SHAPE_COLUMNS) || (by_unit && group->units != wide) ||
            (by_k && (shape != FF_SHAPE_WEIGHT || group->ks != high)) ||
            ((info->flags & FF_CALLBACK) && (by_row || group->end - group->begin != 1)))
            return ff_fail(err, FF_EARG, "group %zu: instruction %zu (%s) cannot be cut this way", g, i, info->name);
        for (size_t k = 0; k < in->count; k++) {
            const uint32_t slot = in->p[k].index;
            if (in->p[k].kind != FF_SLOT || desc->slots[slot].power != FF_TILE) continue;
            if (!by_row || by_unit || by_k)
                return ff_fail(err, FF_EARG, "group %zu: slot %u belongs to row tiles", g, slot);
        }
    }
    return FF_OK;
}

/* Does an instruction of this stage write a variable? */
static int writes_variable(const ff_program_desc *desc, size_t stage, size_t nr)
{
    for (size_t g = desc->stages[stage]; g < desc->stages[stage + 1]; g++)
        for (size_t i = desc->groups[g].begin; i < desc->groups[g].end; i++)
            for (size_t k = 0; k < desc->instrs[i].count; k++) {
                ff_spec spec;
                if (desc->instrs[i].p[k].kind == FF_VAR &&
                    ff_operand_spec(ff_op_get(desc->instrs[i].op), &desc->instrs[i], k, nr, &spec) && spec.mode != '<')
                    return 1;
            }
    return 0;
}

static ff_status check_stages(const ff_program_desc *desc, size_t nr, ff_error *err)
{
    size_t at = 0;
    if (desc->n_stages >= 0xffff) return ff_fail(err, FF_EARG, "too many stages");
    for (size_t s = 0; s <= desc->n_stages; s++) {
        if (desc->stages[s] < at || desc->stages[s] > desc->n_groups || (s && desc->stages[s] == at))
            return ff_fail(err, FF_EARG, "stage %zu: groups out of order", s);
        at = desc->stages[s];
    }
    for (size_t s = 0; s < desc->n_stages; s++) {
        const size_t groups = desc->stages[s + 1] - desc->stages[s];
        const ff_when *const when = &desc->when[s];
        for (size_t g = desc->stages[s]; g < desc->stages[s + 1] && groups > 1; g++)
            if (ff_op_get(desc->instrs[desc->groups[g].begin].op)->flags & FF_CALLBACK)
                return ff_fail(err, FF_EARG, "stage %zu: a host instruction needs a stage of its own", s);
        if (!fits(when->divide) || !fits(when->period) || when->counter >= FF_COUNTERS_MOST)
            return ff_fail(err, FF_EARG, "stage %zu: runs in no steps that can be counted", s);
        if (s < desc->commit && writes_variable(desc, s, nr))
            return ff_fail(err, FF_EARG, "stage %zu writes a variable, but %zu is said to be the first", s, desc->commit);
    }
    return FF_OK;
}

/* ---- places ---- */

static ff_status check_places(const ff_program_desc *desc, ff_error *err)
{
    for (int sinks = 0; sinks < 2; sinks++)
        for (size_t i = 0; i < (sinks ? desc->n_sinks : desc->n_sources); i++) {
            const ff_column *const c = &(sinks ? desc->sinks : desc->sources)[i];
            if (c->dtype >= FF_COUNT_dtype || !fits(c->row_bytes) || c->row_bytes % dtype_bytes[c->dtype])
                return ff_fail(err, FF_EARG, "%s %zu: unknown dtype, or a row that is too long or no whole elements",
                               sinks ? "sink" : "source", i);
        }
    for (size_t i = 0; i < desc->n_slots; i++) {
        const ff_slot *const s = &desc->slots[i];
        if (s->power >= FF_POWERS || !fits(s->offset) || !fits(s->bytes) || s->offset + s->bytes > desc->arena[s->power])
            return ff_fail(err, FF_EARG, "slot %zu lies outside the arena", i);
        if (s->power == 0 ? s->offset % FF_ALIGN : s->offset % 4)
            return ff_fail(err, FF_EARG, "slot %zu is not aligned", i);
    }
    for (size_t i = 0; i < desc->n_vars; i++)
        if (!desc->vars[i].data || !fits(desc->vars[i].bytes)) return ff_fail(err, FF_EARG, "variable %zu has no memory", i);
    for (size_t i = 0; i < desc->n_opts; i++) {
        const ff_op_info *const info = ff_op_get(desc->opts[i].op);
        const ff_opt_variant *const v = &desc->opts[i];
        if (!info || info->kind != 'p') return ff_fail(err, FF_EARG, "optimizer variant %zu is no optimizer", i);
        if (!fits(v->every) || v->counter >= FF_COUNTERS_MOST)
            return ff_fail(err, FF_EARG, "optimizer variant %zu acts in no steps that can be counted", i);
        if (v->state && (v->state > desc->n_vars || desc->vars[v->state - 1].bytes < sizeof(float) ||
                         (uintptr_t)desc->vars[v->state - 1].data % sizeof(float)))
            return ff_fail(err, FF_EARG, "optimizer variant %zu keeps its state in no variable", i);
    }
    return FF_OK;
}

ff_status ff_validate(const ff_engine *engine, const ff_program_desc *desc, ff_error *err)
{
    const size_t nr = engine->kernels->nr;
    ff_status s = check_places(desc, err);
    for (size_t i = 0; s == FF_OK && i < desc->n_instrs; i++) s = check_instr(engine, desc, i, err);
    for (size_t g = 0; s == FF_OK && g < desc->n_groups; g++) s = check_group(desc, g, nr, err);
    return s == FF_OK ? check_stages(desc, nr, err) : s;
}
