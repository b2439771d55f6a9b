/* Mutated descriptions of programs: ff_program_new refuses them, or they run and no sanitizer has
 * anything to say. Bases are the programs of a corpus, which tests/fuzz/programs.py writes, and
 * one of every op with operands of exactly the sizes that its row asks for.
 *
 *   fuzz_programs CORPUS PROGRESS SEED FIRST COUNT SECONDS [MASK [DROPPED]]
 *
 * The number of the case at work lies in the file PROGRESS, whatever ends the process. A case is
 * a function of corpus, seed and number. MASK (bit k: mutation k is made) and DROPPED
 * (instructions to leave out, by commas) shorten one; with them the description is printed. */
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "program/program.h"

enum { MOST = 600, MUTATIONS = 5, BYTES_MOST = 1 << 22 };
static const double ARENA_MOST = 3e7, ROWS_MOST = 2e5, WORK_MOST = 3e7;

/* A description that owns its arrays, and what its variables hold. */
typedef struct text {
    size_t rows;
    ff_program_desc desc;
    ff_instr instrs[MOST];
    ff_group groups[MOST];
    uint32_t stages[MOST];
    ff_when when[MOST];
    ff_slot slots[MOST];
    ff_var vars[MOST];
    const void *values[MOST];
    ff_column sources[64], sinks[64];
    ff_opt_variant opts[MOST];
} text;

static void point(text *t)
{
    t->desc.instrs = t->instrs;
    t->desc.groups = t->groups;
    t->desc.stages = t->stages;
    t->desc.when = t->when;
    t->desc.slots = t->slots;
    t->desc.vars = t->vars;
    t->desc.sources = t->sources;
    t->desc.sinks = t->sinks;
    t->desc.opts = t->opts;
}

/* ---- random numbers ---- */

static uint64_t state;
static uint64_t next(void)
{
    uint64_t z = state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}
static uint64_t below(uint64_t n) { return n ? next() % n : 0; }
static void reseed(uint64_t seed, uint64_t number, uint64_t part)
{
    state = seed * 0xD1342543DE82EF95u + number * 0x2545F4914F6CDD1Du + part;
    next();
}

/* Floats, small whole numbers (places, labels), now and then anything. */
static void fill_values(void *at, size_t bytes)
{
    const uint64_t kind = below(8);
    unsigned char *const to = at;
    for (size_t i = 0; i + 4 <= bytes; i += 4) {
        const uint64_t r = next();
        float f = (float)(int64_t)(r >> 40) * 0x1p-23f - 1.0f;
        int32_t n = (int32_t)(r % 24) - (kind == 1 ? 4 : 0);
        uint32_t any = (uint32_t)(r >> 16);
        memcpy(to + i, kind < 4 ? (void *)&n : kind < 7 ? (void *)&f : (void *)&any, 4);
    }
    for (size_t i = bytes / 4 * 4; i < bytes; i++) to[i] = (unsigned char)below(3);
}

/* ---- the corpus ---- */

static const unsigned char *corpus;
static size_t corpus_at, programs;
static size_t *offsets;

static const void *take(size_t bytes)
{
    const void *const p = corpus + corpus_at;
    corpus_at += (bytes + 7) / 8 * 8;
    return p;
}
static uint64_t take_number(void)
{
    uint64_t n;
    memcpy(&n, take(8), 8);
    return n;
}

/* The order is that of tests/fuzz/programs.py. */
static void load_at(size_t offset, text *t)
{
    corpus_at = offset;
    memset(&t->desc, 0, sizeof t->desc);
    ff_program_desc *const d = &t->desc;
    t->rows = take_number();
    d->commit = take_number();
    d->n_hosts = take_number();
    for (int i = 0; i < FF_POWERS; i++) d->arena[i] = take_number();
#define TAKE(field, count) memcpy(t->field, take((count) * sizeof *t->field), (count) * sizeof *t->field)
#define TAKE_COUNTED(field) \
    do { \
        d->n_##field = take_number(); \
        TAKE(field, d->n_##field); \
    } while (0)
    TAKE_COUNTED(instrs);
    TAKE_COUNTED(groups);
    d->n_stages = take_number();
    TAKE(stages, d->n_stages + 1);
    TAKE(when, d->n_stages);
    TAKE_COUNTED(slots);
    TAKE_COUNTED(sources);
    TAKE_COUNTED(sinks);
    TAKE_COUNTED(opts);
#undef TAKE_COUNTED
#undef TAKE
    d->n_vars = take_number();
    for (size_t i = 0; i < d->n_vars; i++) {
        t->vars[i].bytes = take_number();
        t->values[i] = take(t->vars[i].bytes);
    }
    point(t);
}

static void open_corpus(const char *path, text *t)
{
    FILE *const f = fopen(path, "rb");
    if (!f) exit(2);
    fseek(f, 0, SEEK_END);
    const size_t size = (size_t)ftell(f);
    rewind(f);
    unsigned char *const all = malloc(size);
    if (!all || fread(all, 1, size, f) != size) exit(2);
    fclose(f);
    corpus = all;
    programs = take_number();
    offsets = calloc(programs + 1, sizeof *offsets);
    for (size_t i = 0; i < programs; i++) {
        offsets[i] = corpus_at;
        load_at(offsets[i], t);
    }
}

/* ---- a program of one op ---- */

static uint64_t small(void) { return below(4) == 0 ? below(70) : below(9); }

/* A dimension as the row's facts want it; comparisons are left to chance. */
static void make_dims(const ff_op_info *info, const ff_facts *f, ff_instr *in)
{
    for (int i = 0; i < FF_MAX_DIMS; i++) in->d[i] = small();
    if (below(2)) in->d[0] = 1 + below(40), in->d[1] = 1 + below(40);
    for (const char *c = info->facts; *c; c += strcspn(c, " "), c += *c == ' ') {
        if (c[1] != ':') continue;
        const uint64_t n = ff_code_count(c + 2, strcspn(c + 2, " "));
        if (n) in->d[c[0] - 'a'] = below(n);
    }
    if (f->activation != FF_NOWHERE) in->d[f->activation] = below(2) ? 0 : FF_OP_RELU + below(8);
    if (f->variant != FF_NOWHERE || f->counter != FF_NOWHERE || f->host != FF_NOWHERE)
        in->d[f->variant != FF_NOWHERE ? f->variant : f->counter != FF_NOWHERE ? f->counter : f->host] = 0;
    if (f->blocks != FF_NOWHERE) {
        in->d[f->block_rows] = (uint64_t)1 << below(9);
        in->d[f->block_floats] = below(2) ? 1 + below(3000) : small();
    }
    for (int i = 0; i < FF_MAX_IMM; i++) in->f[i] = (float)below(5) * 0.25f;
}

static ff_operand add_slot(text *t, uint32_t power, uint64_t bytes)
{
    const uint64_t align = power == 0 ? 64 : 4;
    const uint64_t offset = (t->desc.arena[power] + align - 1) / align * align;
    t->slots[t->desc.n_slots] = (ff_slot){power, offset, bytes};
    t->desc.arena[power] = offset + bytes + (power == 0 ? 64 : 8); /* the gap is poisoned */
    return (ff_operand){FF_SLOT, (uint32_t)t->desc.n_slots++};
}

static ff_operand add_var(text *t, uint64_t bytes)
{
    t->vars[t->desc.n_vars].bytes = bytes;
    t->values[t->desc.n_vars] = NULL;
    return (ff_operand){FF_VAR, (uint32_t)t->desc.n_vars++};
}

static ff_operand add_column(ff_column *columns, size_t *n, uint32_t kind, uint64_t bytes, uint32_t dtype)
{
    columns[*n] = (ff_column){bytes, dtype};
    return (ff_operand){kind, (uint32_t)(*n)++};
}

/* One instruction with operands of just the right size: the next op in turn. */
static void make_one(text *t, uint64_t number, size_t nr)
{
    static const size_t dtype_bytes[] = {
#define FF_BYTES(id, name, bytes) bytes,
        FF_DTYPES(FF_BYTES)};
    ff_program_desc *const d = &t->desc;
    memset(d, 0, sizeof *d);
    point(t);
    t->stages[0] = 0;
    ff_instr *const in = &t->instrs[0];
    memset(in, 0, sizeof *in);
    in->op = (uint32_t)(1 + number % (FF_OP_COUNT - 1));
    const ff_op_info *const info = ff_op_get(in->op);
    const ff_facts f = ff_op_facts(info);
    const size_t operands = ff_operand_count(info);
    t->rows = 1 + below(below(4) ? 20 : 140);
    d->n_hosts = f.host != FF_NOWHERE;
    in->row_mul = below(4) ? 1 : below(4);
    in->row_fix = in->row_mul == 0 || below(8) == 0 ? below(5) : 0;
    in->count = (uint32_t)operands;
    size_t ignored;
    for (int tries = 0; tries < 40; tries++) {
        make_dims(info, &f, in);
        if (!ff_broken_fact(info, in, &ignored)) break;
    }
    t->opts[0] = (ff_opt_variant){.op = info->kind == 'p' ? in->op : (uint32_t)(FF_OP_SGD + below(FF_OP_AVERAGE - FF_OP_SGD + 1)),
                                  .every = below(3), .counter = below(3)};
    for (int i = 0; i < 8; i++) t->opts[0].h[i] = (double)below(10) * 0.1;
    d->n_opts = f.variant != FF_NOWHERE;
    const int by_row = info->shape <= FF_SHAPE_GRID && in->row_fix == 0 && below(2);
    for (size_t k = 0; k < operands; k++) {
        ff_spec s;
        if (!ff_operand_spec(info, in, k, nr, &s)) continue;
        if (s.optional && below(6) == 0) continue;
        const uint64_t unit = s.type == 'd' ? 8 : 4, per = s.per_row * in->row_mul * unit;
        const uint64_t fixed = (s.per_row * in->row_fix + s.fixed) * unit;
        const uint64_t kind = below(8);
        if (per > BYTES_MOST || fixed > BYTES_MOST) return;
        if (s.type == 's') {
            const uint32_t dtype = (uint32_t)in->d[f.dtype];
            in->p[k] = add_column(t->sources, &d->n_sources, FF_SOURCE, per / 4 * dtype_bytes[dtype], dtype);
        } else if (k == 0 && (info->flags & FF_BORROW) && kind < 3) {
            in->p[k] = add_column(t->sources, &d->n_sources, FF_SOURCE, per, FF_F32);
        } else if (s.per_row == 0) {
            in->p[k] = s.mode == '=' || kind < 4 ? add_var(t, fixed) : add_slot(t, 0, fixed);
        } else if (s.mode != '<' && fixed == 0 && kind < 2) {
            in->p[k] = add_column(t->sinks, &d->n_sinks, FF_SINK, per, unit == 8 ? FF_F64 : FF_F32);
        } else if (per == 0) {
            in->p[k] = add_slot(t, 0, fixed);
        } else if (k == operands - 1 && (info->flags & FF_INPLACE) && kind < 5) {
            in->p[k] = in->p[0];
        } else {
            in->p[k] = add_slot(t, by_row && fixed == 0 && kind == 7 ? FF_TILE : 1, per + fixed);
        }
    }
    t->groups[0] = (ff_group){.begin = 0, .end = 1};
    if (by_row) t->groups[0].row_block = f.blocks == FF_NOWHERE || below(4) == 0 ? 1 + below(30) : in->d[f.block_rows] * (1 + below(3));
    if (info->shape >= FF_SHAPE_GRID && info->shape <= FF_SHAPE_COLUMNS && below(2)) {
        t->groups[0].unit_block = nr * (1 + below(3));
        t->groups[0].units = in->d[f.units];
    }
    if (info->shape == FF_SHAPE_WEIGHT && below(2)) {
        t->groups[0].k_block = FF_WEIGHT_ROWS * (1 + below(3));
        t->groups[0].ks = f.weights == FF_NOWHERE ? 1 : in->d[f.weights];
    }
    t->groups[0].cost = 1e5;
    t->stages[0] = 0;
    t->stages[1] = 1;
    memset(t->when, 0, sizeof t->when[0]);
    d->n_instrs = d->n_groups = d->n_stages = 1;
}

/* ---- mutation ---- */

static uint64_t changed(const text *t, uint64_t old)
{
    switch (below(12)) {
    case 0: return old + 1;
    case 1: return old - 1;
    case 2: return old * 2;
    case 3: return old / 2;
    case 4: return old ^ (uint64_t)1 << below(64);
    case 5: return (uint64_t)1 << below(64);
    case 6: return 0;
    case 7: return t->desc.n_instrs ? t->instrs[below(t->desc.n_instrs)].d[below(FF_MAX_DIMS)] : 1;
    case 8: return UINT64_MAX - below(3);
    case 9: return ((uint64_t)1 << below(64)) - 1;
    default: return small();
    }
}

static void change(const text *t, void *field, size_t bytes)
{
    uint64_t v = 0;
    memcpy(&v, field, bytes);
    v = changed(t, v);
    memcpy(field, &v, bytes);
}

#define CHANGE(field) change(t, &(field), sizeof(field))

static void change_float(float *f)
{
    const float few[] = {0, -1, 1e30f, NAN, INFINITY, 0.5f};
    *f = few[below(6)];
}
static void change_double(double *f)
{
    const double few[] = {0, -1, 1e300, (double)NAN, (double)INFINITY, 0.5, 1e12};
    *f = few[below(7)];
}

static void mutate_instr(text *t)
{
    ff_program_desc *const d = &t->desc;
    if (d->n_instrs == 0) return;
    ff_instr *const in = &t->instrs[below(d->n_instrs)];
    ff_operand *const p = &in->p[below(in->count && below(8) ? in->count : FF_MAX_OPERANDS) % FF_MAX_OPERANDS];
    switch (below(16)) {
    case 0: in->op = (uint32_t)below(FF_OP_COUNT + 1); break;
    case 1: CHANGE(in->count); break;
    case 2: p->kind = (uint32_t)below(FF_OPERAND_KINDS + (below(8) == 0)); break;
    case 3: CHANGE(p->index); break;
    case 4: *p = in->p[below(FF_MAX_OPERANDS)]; break;
    case 5: *p = (ff_operand){FF_SLOT, (uint32_t)below(d->n_slots)}; break;
    case 6: {
        const uint32_t kind = (uint32_t)(1 + below(4));
        const size_t n[] = {0, d->n_slots, d->n_vars, d->n_sources, d->n_sinks};
        *p = (ff_operand){kind, (uint32_t)below(n[kind])};
        break;
    }
    case 7: CHANGE(in->row_mul); break;
    case 8: CHANGE(in->row_fix); break;
    case 9: change_float(&in->f[below(FF_MAX_IMM)]); break;
    case 10: *in = t->instrs[below(d->n_instrs)]; break;
    case 11: in->row_mul = below(3); in->row_fix = below(3); break;
    default: CHANGE(in->d[below(2) ? below(3) : below(FF_MAX_DIMS)]); break;
    }
}

static void mutate_group(text *t)
{
    ff_program_desc *const d = &t->desc;
    if (d->n_groups == 0) return;
    ff_group *const g = &t->groups[below(d->n_groups)];
    switch (below(12)) {
    case 0: CHANGE(g->begin); break;
    case 1: CHANGE(g->end); break;
    case 2: case 3: CHANGE(g->row_block); break;
    case 4: case 5: CHANGE(g->unit_block); break;
    case 6: CHANGE(g->units); break;
    case 7: CHANGE(g->k_block); break;
    case 8: CHANGE(g->ks); break;
    case 9: change_double(below(2) ? &g->cost : &g->cost_fix); break;
    case 10: g->unit_block = 8 * below(9); g->units = t->instrs[g->begin % MOST].d[below(2)]; break;
    default: g->row_block = g->row_block ? 0 : 1 + below(20); break;
    }
}

static void mutate(text *t)
{
    ff_program_desc *const d = &t->desc;
    const uint64_t what = below(24);
    if (what < 11) mutate_instr(t);
    else if (what < 14) mutate_group(t);
    else if (what < 17 && d->n_slots) {
        ff_slot *const s = &t->slots[below(d->n_slots)];
        const uint64_t field = below(4);
        if (field == 0) s->power = (uint32_t)below(5);
        else if (field == 1) CHANGE(s->offset);
        else if (field == 2) CHANGE(s->bytes);
        else *s = t->slots[below(d->n_slots)];
    } else if (what == 17 && d->n_sources + d->n_sinks) {
        const size_t i = below(d->n_sources + d->n_sinks);
        ff_column *const c = i < d->n_sources ? &t->sources[i] : &t->sinks[i - d->n_sources];
        if (below(2)) CHANGE(c->row_bytes);
        else c->dtype = (uint32_t)below(FF_COUNT_dtype + 1);
    } else if (what == 18 && d->n_opts) {
        ff_opt_variant *const v = &t->opts[below(d->n_opts)];
        const uint64_t field = below(5);
        if (field == 0) v->op = (uint32_t)below(FF_OP_COUNT + 1);
        else if (field == 1) CHANGE(v->state);
        else if (field == 2) CHANGE(v->every);
        else if (field == 3) CHANGE(v->counter);
        else change_double(&v->h[below(8)]);
    } else if (what == 19 && d->n_stages) {
        ff_when *const w = &t->when[below(d->n_stages)];
        const uint64_t field = below(5);
        if (field == 0) CHANGE(w->divide);
        else if (field == 1) CHANGE(w->period);
        else if (field == 2) CHANGE(w->counter);
        else CHANGE(t->stages[below(d->n_stages + 1)]);
    } else if (what == 20 && d->n_vars) {
        CHANGE(t->vars[below(d->n_vars)].bytes);
    } else if (what == 21) {
        CHANGE(d->arena[below(FF_POWERS)]);
    } else if (what == 22) {
        CHANGE(d->commit);
    } else {
        size_t *const counts[] = {&d->n_instrs, &d->n_groups, &d->n_stages, &d->n_slots, &d->n_vars, &d->n_sources,
                                  &d->n_sinks, &d->n_opts, &d->n_hosts};
        size_t *const n = counts[below(9)];
        if (*n) --*n;
    }
}

static void drop_instr(text *t, size_t i)
{
    ff_program_desc *const d = &t->desc;
    if (i >= d->n_instrs) return;
    memmove(&t->instrs[i], &t->instrs[i + 1], (--d->n_instrs - i) * sizeof *t->instrs);
    for (size_t g = 0; g < d->n_groups; g++) {
        if (t->groups[g].begin > i) t->groups[g].begin--;
        if (t->groups[g].end > i) t->groups[g].end--;
    }
    for (size_t g = d->n_groups; g-- > 0;) { /* groups and stages that are empty now */
        if (t->groups[g].begin != t->groups[g].end) continue;
        memmove(&t->groups[g], &t->groups[g + 1], (--d->n_groups - g) * sizeof *t->groups);
        for (size_t s = 0; s <= d->n_stages; s++) t->stages[s] -= t->stages[s] > g;
    }
    for (size_t s = d->n_stages; s-- > 0;) {
        if (t->stages[s] != t->stages[s + 1]) continue;
        memmove(&t->stages[s], &t->stages[s + 1], (d->n_stages - s) * sizeof *t->stages);
        memmove(&t->when[s], &t->when[s + 1], (d->n_stages - s - 1) * sizeof *t->when);
        d->n_stages--;
        if (d->commit > s) d->commit--;
    }
}

/* ---- one case ---- */

static int host(void *ctx, size_t index, size_t batch)
{
    (void)ctx;
    (void)index;
    (void)batch;
    return 0;
}

enum { REFUSED, RAN, LARGE };

/* Would this take too much memory or time to be run here? */
static int too_large(const text *t, size_t nr)
{
    const ff_program_desc *const d = &t->desc;
    double rows = (double)((t->rows + 255) / 256 * 256), bytes = 0;
    for (int i = 0; i < FF_POWERS; i++) bytes += (double)d->arena[i] * (i == 0 ? 1 : i == 2 ? rows * rows : rows);
    for (size_t i = 0; i < d->n_vars; i++) bytes += (double)d->vars[i].bytes;
    for (size_t i = 0; i < d->n_sources; i++) bytes += 3 * rows * (double)d->sources[i].row_bytes;
    for (size_t i = 0; i < d->n_sinks; i++) bytes += 3 * rows * (double)d->sinks[i].row_bytes;
    if (bytes > ARENA_MOST) return 1;
    for (size_t i = 0; i < d->n_instrs; i++) {
        const ff_instr *const in = &d->instrs[i];
        const ff_op_info *const info = ff_op_get(in->op);
        const double all = (double)in->row_mul * (double)t->rows + (double)in->row_fix;
        if (!info || all > ROWS_MOST || ff_op_flops(info, in, t->rows) > WORK_MOST) return 1;
        ff_spec s;
        for (size_t k = 0; k < in->count && k < FF_MAX_OPERANDS; k++)
            if (ff_operand_spec(info, in, k, nr, &s) && (double)s.per_row * all > WORK_MOST) return 1;
    }
    return 0;
}

/* Every variable, source and sink in memory of its own, of exactly its size. */
static int run_case(ff_engine *engine, text *t, size_t nr, char *listing)
{
    ff_program_desc *const d = &t->desc;
    ff_program *p = NULL;
    ff_error err;
    if (too_large(t, nr)) {
        static char nothing[8];
        for (size_t i = 0; i < d->n_vars; i++) t->vars[i].data = nothing;
        const ff_status s = ff_program_new(engine, d, &p, &err); /* it may refuse, or not */
        ff_program_free(p);
        return s == FF_OK ? LARGE : REFUSED;
    }
    void *own[MOST + 128];
    size_t n_own = 0;
    for (size_t i = 0; i < d->n_vars; i++) {
        t->vars[i].data = own[n_own++] = malloc(t->vars[i].bytes ? t->vars[i].bytes : 1);
        if (t->values[i]) memcpy(t->vars[i].data, t->values[i], t->vars[i].bytes);
        else fill_values(t->vars[i].data, t->vars[i].bytes);
    }
    int result = REFUSED;
    ff_status status = ff_program_new(engine, d, &p, &err);
    if (status == FF_OK) status = ff_program_reserve(p, t->rows, &err);
    if (status == FF_OK) {
        result = RAN;
        size_t arena_bytes;
        char *const arena = ff_program_arena(p, &arena_bytes);
        for (size_t i = 0; i < d->n_slots; i++) {
            size_t bytes = d->slots[i].bytes;
            if (d->slots[i].power == FF_TILE) continue;
            for (uint32_t k = 0; k < d->slots[i].power; k++) bytes *= p->cap;
            if (bytes < BYTES_MOST) fill_values(arena + ff_program_slot_offset(p, i), bytes);
        }
        ff_run run = {0};
        run.batch = below(2) ? t->rows : 1 + below(t->rows);
        run.stop = below(2) ? run.batch : 1 + below(2 * t->rows);
        run.start = below(4) ? 0 : below(run.stop + 1);
        ff_source sources[64];
        void *sinks[64];
        for (size_t i = 0; i < d->n_sources; i++) {
            const size_t bytes = run.stop * d->sources[i].row_bytes;
            own[n_own] = malloc(bytes ? bytes : 1);
            fill_values(own[n_own], bytes);
            sources[i] = (ff_source){own[n_own++], d->sources[i].row_bytes, run.stop};
        }
        for (size_t i = 0; i < d->n_sinks; i++) {
            const size_t bytes = (run.stop - run.start) * d->sinks[i].row_bytes;
            sinks[i] = own[n_own++] = malloc(bytes ? bytes : 1);
        }
        int64_t *order = NULL;
        if (below(2)) {
            order = own[n_own++] = malloc(run.stop * sizeof *order);
            for (size_t i = 0; i < run.stop; i++) order[i] = (int64_t)below(run.stop);
        }
        int64_t counts[FF_COUNTERS_MOST], *counters[FF_COUNTERS_MOST];
        double rates[FF_COUNTERS_MOST];
        for (int i = 0; i < FF_COUNTERS_MOST; i++) {
            counts[i] = (int64_t)below(3);
            counters[i] = &counts[i];
            rates[i] = 0.01;
        }
        run.sources = sources;
        run.sinks = sinks;
        run.order = order;
        run.counters = counters;
        run.n_counters = FF_COUNTERS_MOST;
        run.learning_rates = rates;
        run.n_rates = 1;
        run.host = host;
        run.seed = next();
        run.max_steps = 3;
        run.force_threads = below(16) == 0 ? 2 : 1;
        run.home_shift = (unsigned)below(2);
        ff_run_result done;
        ff_program_run(p, &run, &done, &err);
        if (below(8) == 0) ff_program_explain(p, run.batch, listing, 4096);
    } else if (status == FF_ENOMEM) {
        result = LARGE;
    }
    ff_program_free(p);
    for (size_t i = 0; i < n_own; i++) free(own[i]);
    return result;
}

static void make_case(text *t, uint64_t seed, uint64_t number, uint64_t mask, const char *dropped, size_t nr)
{
    reseed(seed, number, 0);
    if (below(2) || programs == 0) make_one(t, number, nr);
    else load_at(offsets[below(programs)], t);
    const uint64_t many = below(8) ? below(MUTATIONS) : 0;
    for (uint64_t k = 0; k < many; k++) {
        reseed(seed, number, 1 + k);
        if (mask >> k & 1) mutate(t);
    }
    while (dropped && *dropped) {
        char *end;
        const size_t i = strtoul(dropped, &end, 10);
        drop_instr(t, i);
        dropped = *end ? end + 1 : end;
    }
    for (size_t i = 0; i < t->desc.n_vars; i++) { /* what lies there is for variables that have kept their size */
        if (t->values[i] && t->vars[i].bytes > ((const uint64_t *)t->values[i])[-1]) t->values[i] = NULL;
    }
    reseed(seed, number, 1 + MUTATIONS);
}

static void print_case(const text *t)
{
    const ff_program_desc *const d = &t->desc;
    printf("rows %zu, commit %zu, %zu host functions, arena %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", t->rows, d->commit,
           d->n_hosts, d->arena[0], d->arena[1], d->arena[2], d->arena[3]);
    for (size_t i = 0; i < d->n_slots; i++)
        printf("slot %zu: power %u offset %" PRIu64 " bytes %" PRIu64 "\n", i, d->slots[i].power, d->slots[i].offset, d->slots[i].bytes);
    for (size_t i = 0; i < d->n_vars; i++) printf("variable %zu: %" PRIu64 " bytes\n", i, d->vars[i].bytes);
    for (size_t i = 0; i < d->n_sources; i++)
        printf("source %zu: %" PRIu64 " bytes a row, dtype %u\n", i, d->sources[i].row_bytes, d->sources[i].dtype);
    for (size_t i = 0; i < d->n_sinks; i++)
        printf("sink %zu: %" PRIu64 " bytes a row, dtype %u\n", i, d->sinks[i].row_bytes, d->sinks[i].dtype);
    for (size_t i = 0; i < d->n_opts; i++)
        printf("variant %zu: op %u state %u every %" PRIu64 " counter %" PRIu64 "\n", i, d->opts[i].op, d->opts[i].state, d->opts[i].every,
               d->opts[i].counter);
    for (size_t i = 0; i < d->n_instrs; i++) {
        const ff_instr *const in = &d->instrs[i];
        printf("instruction %zu: %s", i, ff_op_get(in->op) ? ff_op_get(in->op)->name : "?");
        for (size_t k = 0; k < FF_MAX_OPERANDS; k++)
            if (in->p[k].kind || k < in->count) printf(" %u/%u", in->p[k].kind, in->p[k].index);
        printf(" |");
        for (size_t k = 0; k < FF_MAX_DIMS; k++) printf(" %" PRIu64, in->d[k]);
        printf(" | rows %" PRIu64 " b + %" PRIu64 ", count %u\n", in->row_mul, in->row_fix, in->count);
    }
    for (size_t i = 0; i < d->n_groups; i++) {
        const ff_group *const g = &d->groups[i];
        printf("group %zu: [%u,%u) rows %" PRIu64 " units %" PRIu64 "/%" PRIu64 " weight rows %" PRIu64 "/%" PRIu64 " cost %g %g\n", i,
               g->begin, g->end, g->row_block, g->unit_block, g->units, g->k_block, g->ks, g->cost, g->cost_fix);
    }
    for (size_t i = 0; i < d->n_stages; i++)
        printf("stage %zu: groups [%u,%u) when %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", i, d->stages[i], d->stages[i + 1],
               d->when[i].divide, d->when[i].period, d->when[i].counter);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static text t;
    static char listing[4096];
    if (argc < 7) return 2;
    open_corpus(argv[1], &t);
    const int file = open(argv[2], O_RDWR | O_CREAT, 0600);
    if (file < 0 || ftruncate(file, 4096) != 0) return 2;
    volatile uint64_t *const progress = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (progress == MAP_FAILED) return 2;
    const uint64_t seed = strtoull(argv[3], NULL, 10), first = strtoull(argv[4], NULL, 10), count = strtoull(argv[5], NULL, 10);
    const double seconds = strtod(argv[6], NULL);
    const uint64_t mask = argc > 7 ? strtoull(argv[7], NULL, 10) : UINT64_MAX;
    const char *const dropped = argc > 8 ? argv[8] : NULL;
    ff_engine *engine = NULL;
    ff_error err;
    if (ff_engine_new(getenv("FASTFIT_ISA"), 2, &engine, &err) != FF_OK) return 2;
    const size_t nr = ff_engine_panel(engine);
    uint64_t results[3] = {0}, number = first;
    const uint64_t begin = ff_now_ns();
    for (; number - first < count; number++) {
        if (seconds > 0 && number % 64 == 0 && (double)(ff_now_ns() - begin) > seconds * 1e9) break;
        *progress = number;
        alarm(30);
        make_case(&t, seed, number, mask, dropped, nr);
        if (argc > 7) print_case(&t);
        results[run_case(engine, &t, nr, listing)]++;
    }
    ff_engine_free(engine);
    printf("%" PRIu64 " programs: %" PRIu64 " refused, %" PRIu64 " run, %" PRIu64 " accepted but too large to run; %.1f s, %s\n", number - first,
           results[REFUSED], results[RAN], results[LARGE], (double)(ff_now_ns() - begin) / 1e9, argc > 7 ? "one case" : "no report");
    return 0;
}
