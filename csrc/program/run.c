/* Building a program, and running steps of it. */
#include <math.h>
#include <string.h>

#include "../base/denormals.h"
#include "../kernels/gemm_blocks.h"
#include "program.h"

/* ---- construction ---- */

static void *copy(const void *from, size_t count, size_t size, int *failed)
{
    void *const to = ff_alloc(count * size);
    if (!to) *failed = 1;
    else if (count) memcpy(to, from, count * size);
    return to;
}

/* Addresses and kernels that no step changes. */
static void resolve(ff_program *p)
{
    const ff_kernels *const k = p->engine->kernels;
    for (size_t i = 0; i < p->desc.n_instrs; i++) {
        const ff_instr *const in = &p->desc.instrs[i];
        const ff_facts facts = ff_op_facts(ff_op_get(in->op));
        ff_exec *const e = &p->exec[i];
        ff_args *const a = &e->args;
        memset(a, 0, sizeof *a);
        e->fn = k->fn[in->op];
        e->source = -1;
        e->local = 0;
        e->host = facts.host == FF_NOWHERE ? -1 : (int)in->d[facts.host];
        e->units = (uint32_t)facts.units;
        a->k = k;
        a->step = &p->step;
        for (size_t j = 0; j < FF_MAX_DIMS; j++) a->d[j] = (size_t)in->d[j];
        memcpy(a->f, in->f, sizeof a->f);
        for (size_t j = 0; j < in->count; j++) {
            const ff_operand o = in->p[j];
            if (o.kind == FF_SLOT && p->arena) {
                const int local = p->desc.slots[o.index].power == FF_TILE;
                a->p[j] = local ? p->local + p->desc.slots[o.index].offset * p->local_rows
                                : p->arena + ff_program_slot_offset(p, o.index);
                e->local |= (uint32_t)local << j;
            }
            if (o.kind == FF_VAR) a->p[j] = p->desc.vars[o.index].data;
            if (o.kind == FF_SOURCE) e->source = (int)o.index;
        }
        if (facts.activation != FF_NOWHERE) a->act = k->unary[in->d[facts.activation]];
        if (ff_updates(&facts, in)) {
            a->opt = k->opt[p->desc.opts[in->d[facts.variant]].op];
            a->opt_c = p->opt_c[in->d[facts.variant]];
        }
    }
}

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }

ff_status ff_program_new(ff_engine *engine, const ff_program_desc *desc, ff_program **out, ff_error *err)
{
    *out = NULL;
    const ff_status status = ff_validate(engine, desc, err);
    if (status != FF_OK) return status;
    int failed = 0;
    ff_program *const p = ff_alloc(sizeof *p);
    if (!p) return ff_fail(err, FF_ENOMEM, "no memory for a program");
    p->engine = engine;
    p->desc = *desc;
#define COPY(field, n) p->desc.field = copy(desc->field, n, sizeof *desc->field, &failed)
    COPY(instrs, desc->n_instrs);
    COPY(groups, desc->n_groups);
    COPY(stages, desc->n_stages + 1);
    COPY(when, desc->n_stages);
    COPY(slots, desc->n_slots);
    COPY(vars, desc->n_vars);
    COPY(sources, desc->n_sources);
    COPY(sinks, desc->n_sinks);
    COPY(opts, desc->n_opts);
#undef COPY
    p->exec = ff_alloc(desc->n_instrs * sizeof *p->exec);
    p->plans = ff_alloc(desc->n_stages * sizeof *p->plans);
    p->opt_c = ff_alloc(desc->n_opts * sizeof *p->opt_c);
    if (failed || !p->exec || !p->plans || !p->opt_c) {
        ff_program_free(p);
        return ff_fail(err, FF_ENOMEM, "no memory for a program");
    }
    const ff_status tiles = ff_plan_check(p, err);
    if (tiles != FF_OK) {
        ff_program_free(p);
        return tiles;
    }
    p->row_multiple = FF_ROW_MULTIPLE;
    for (size_t i = 0; i < desc->n_instrs; i++) {
        const ff_facts facts = ff_op_facts(ff_op_get(desc->instrs[i].op));
        if (facts.blocks != FF_NOWHERE) p->row_multiple = FF_PART_ROWS;
        if (facts.counter != FF_NOWHERE) p->counters = larger(p->counters, desc->instrs[i].d[facts.counter] + 1);
    }
    for (size_t v = 0; v < desc->n_opts; v++) p->counters = larger(p->counters, desc->opts[v].counter + 1);
    for (size_t s = 0; s < desc->n_stages; s++)
        if (desc->when[s].period > 1) p->counters = larger(p->counters, desc->when[s].counter + 1);
    *out = p;
    return FF_OK;
}

ff_sizes ff_program_sizes(void)
{
    return (ff_sizes){FF_ALIGN, FF_ROW_MULTIPLE, FF_PART_ROWS, FF_DW_PACK_ROWS, FF_WEIGHT_ROWS, FF_COUNTERS_MOST};
}

void ff_program_free(ff_program *p)
{
    if (!p) return;
    const void *const owned[] = {p->desc.instrs, p->desc.groups, p->desc.stages, p->desc.when, p->desc.slots, p->desc.vars,
                                 p->desc.sources, p->desc.sinks, p->desc.opts, p->exec, p->plans, p->opt_c,
                                 p->tiles, p->arena, p->local, p->scratch, p->row_addresses};
    for (size_t i = 0; i < sizeof owned / sizeof owned[0]; i++) ff_free((void *)owned[i]);
    ff_free(p);
}

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
/* What no slot covers may not be touched: the planner leaves gaps when FASTFIT_ARENA_GAP asks for them.
 * `scratch` is how much of it the kernels have asked for. */
static void poison_gaps(const ff_program *p, size_t scratch)
{
    ASAN_POISON_MEMORY_REGION(p->arena, p->arena_bytes);
    ASAN_POISON_MEMORY_REGION(p->local, p->local_bytes * p->threads);
    for (size_t who = 0; who < p->threads; who++) {
        ASAN_POISON_MEMORY_REGION(p->scratch + who * p->scratch_bytes + scratch, p->scratch_bytes - scratch);
        for (size_t i = 0; i < p->desc.n_slots; i++)
            if (p->desc.slots[i].power == FF_TILE)
                ASAN_UNPOISON_MEMORY_REGION(p->local + who * p->local_bytes + p->desc.slots[i].offset * p->local_rows,
                                            p->desc.slots[i].bytes * p->local_rows);
    }
    for (size_t i = 0; i < p->desc.n_slots; i++) {
        const ff_slot *const s = &p->desc.slots[i];
        size_t bytes = s->bytes;
        if (s->power == FF_TILE) continue;
        for (uint32_t k = 0; k < s->power; k++) bytes *= p->cap;
        ASAN_UNPOISON_MEMORY_REGION(p->arena + ff_program_slot_offset(p, i), bytes);
    }
}
#else
static void poison_gaps(const ff_program *p, size_t scratch)
{
    (void)p;
    (void)scratch;
}
#endif

ff_status ff_program_reserve(ff_program *p, size_t rows, ff_error *err)
{
    if (rows <= p->cap && p->arena) return FF_OK;
    if (atomic_load(&p->busy)) return ff_fail(err, FF_EBUSY, "the program is running");
    if (rows >> 31) return ff_fail(err, FF_EARG, "batch of %zu rows is too large", rows);
    const size_t cap = ff_round_up(rows ? rows : 1, p->row_multiple), threads = p->engine->pool.threads;
    const double want = (double)p->desc.arena[0] + (double)p->desc.arena[1] * (double)cap +
                        (double)p->desc.arena[2] * (double)cap * (double)cap +
                        (double)p->desc.arena[FF_TILE] * (double)cap * (double)threads;
    if (want > 1e15) return ff_fail(err, FF_ENOMEM, "a batch of %zu rows needs %.3g bytes", rows, want);
    const size_t fixed = ff_round_up(p->desc.arena[0], FF_ALIGN), linear = ff_round_up(p->desc.arena[1] * cap, FF_ALIGN);
    const size_t bytes = fixed + linear + p->desc.arena[2] * cap * cap;
    const size_t local_rows = ff_round_up(ff_plan_tile_rows(p, cap), FF_ROW_MULTIPLE);
    const size_t local_bytes = ff_round_up(p->desc.arena[FF_TILE] * local_rows, 4096) + FF_ALIGN;
    size_t scratch = 0;
    for (size_t i = 0; i < p->desc.n_instrs; i++) {
        const ff_instr *const in = &p->desc.instrs[i];
        size_t d[FF_MAX_DIMS];
        for (int j = 0; j < FF_MAX_DIMS; j++) d[j] = (size_t)in->d[j];
        const size_t need = ff_scratch_bytes((int)in->op, d, in->row_mul * cap + in->row_fix, p->engine->kernels->nr);
        if (need > scratch) scratch = need;
    }
    const size_t scratch_bytes = ff_round_up(scratch, 4096) + FF_ALIGN;
    char *const arena = ff_alloc(bytes), *const work = ff_alloc(scratch_bytes * threads), *const local = ff_alloc(local_bytes * threads);
    const void **const addresses = ff_alloc(p->desc.n_sources * 2 * cap * sizeof *addresses);
    const size_t old_cap = p->cap;
    p->cap = cap;
    const ff_status planned = ff_plan_reserve(p, err);
    if (!arena || !work || !local || !addresses || planned != FF_OK) {
        ff_free(arena);
        ff_free(work);
        ff_free(local);
        ff_free((void *)addresses);
        p->cap = old_cap;
        return planned != FF_OK ? planned : ff_fail(err, FF_ENOMEM, "no memory for a batch of %zu rows (%zu bytes)", rows, bytes);
    }
    ff_free(p->arena);
    ff_free(p->scratch);
    ff_free(p->local);
    ff_free((void *)p->row_addresses);
    p->arena = arena;
    p->arena_bytes = bytes;
    p->base[0] = 0;
    p->base[1] = fixed;
    p->base[2] = fixed + linear;
    p->local = local;
    p->local_bytes = local_bytes;
    p->local_rows = local_rows;
    p->scratch = work;
    p->scratch_bytes = scratch_bytes;
    p->threads = threads;
    p->row_addresses = addresses;
    p->planned_batch = 0;
    poison_gaps(p, scratch);
    resolve(p);
    return FF_OK;
}

void *ff_program_arena(const ff_program *p, size_t *bytes)
{
    *bytes = p->arena_bytes;
    return p->arena;
}

size_t ff_program_slot_offset(const ff_program *p, size_t slot)
{
    const ff_slot *const s = &p->desc.slots[slot];
    size_t offset = s->offset;
    if (s->power == FF_TILE) return SIZE_MAX;
    for (uint32_t i = 0; i < s->power; i++) offset *= p->cap;
    return p->base[s->power] + offset;
}

size_t ff_program_bytes(const ff_program *p)
{
    const size_t per_thread = p->scratch_bytes + p->local_bytes;
    return sizeof *p + p->arena_bytes + per_thread * p->threads + p->desc.n_sources * 2 * p->cap * sizeof *p->row_addresses +
           p->tiles_cap * sizeof *p->tiles + p->desc.n_instrs * (sizeof *p->exec + sizeof *p->desc.instrs) +
           p->desc.n_stages * sizeof *p->plans + p->desc.n_slots * sizeof *p->desc.slots;
}

uint64_t ff_program_helped(const ff_program *p) { return atomic_load(&((ff_program *)p)->helped); }

/* ---- running ---- */

static void run_tile(void *job, size_t stage, size_t tile, size_t who)
{
    ff_program *const p = job;
    if (who) atomic_fetch_add_explicit(&p->helped, 1, memory_order_relaxed);
    ff_tile_run(p, p->plans[stage].tile0 + tile, who);
}

/* Row addresses of the batch at `at`; 0 if an index is out of range. */
static int fill_addresses(const ff_program *p, const ff_run *run, size_t at, size_t n, size_t side)
{
    for (size_t s = 0; s < p->desc.n_sources; s++) {
        const char *const base = run->sources[s].base;
        const size_t row_bytes = run->sources[s].row_bytes;
        const void **const to = p->row_addresses + (s * 2 + side) * p->cap;
        if (!run->order) {
            for (size_t i = 0; i < n; i++) to[i] = base + (at + i) * row_bytes;
            continue;
        }
        const uint64_t rows = run->sources[s].rows;
        for (size_t i = 0; i < n; i++) {
            const uint64_t row = (uint64_t)run->order[at + i];
            if (row >= rows) return 0;
            to[i] = base + row * row_bytes;
        }
    }
    return 1;
}

/* Points the instructions at this step's sources and sinks. */
static void bind_step(ff_program *p, const ff_run *run, size_t at, size_t side, size_t next)
{
    for (size_t i = 0; i < p->desc.n_instrs; i++) {
        const ff_instr *const in = &p->desc.instrs[i];
        ff_exec *const e = &p->exec[i];
        if (e->source >= 0) {
            const void *const *const rows = p->row_addresses + (size_t)e->source * 2 * p->cap;
            e->args.rows = rows + side * p->cap;
            e->args.next_rows = next ? rows + !side * p->cap : NULL;
            e->args.next_count = next;
        }
        if (p->desc.n_sinks == 0) continue;
        for (size_t j = 0; j < in->count; j++)
            if (in->p[j].kind == FF_SINK)
                e->args.p[j] = (char *)run->sinks[in->p[j].index] +
                               (at - run->start) * p->desc.sinks[in->p[j].index].row_bytes;
    }
}

static ff_status run_stage(ff_program *p, const ff_run *run, size_t s, size_t threads, ff_error *err)
{
    const ff_plan *const plan = &p->plans[s];
    if (plan->shared) {
        ff_pool_stage(&p->engine->pool, s, plan->range, threads, run->force_threads != 0);
        return FF_OK;
    }
    const ff_group *const first = &p->desc.groups[p->desc.stages[s]];
    if (plan->tiles == 1 && p->exec[first->begin].host >= 0) { /* alone, as ff_validate wants it */
        const size_t index = (size_t)p->exec[first->begin].host;
        ff_denormals_restore(p->caller_mode); /* NumPy runs in its own */
        const int failed = !run->host || run->host(run->host_ctx, index, p->step.batch) != 0;
        ff_denormals_off();
        if (failed)
            return ff_fail(err, FF_EHOST, "host instruction %zu failed", index);
        return FF_OK;
    }
    for (size_t t = 0; t < plan->tiles; t++) ff_tile_run(p, plan->tile0 + t, 0);
    return FF_OK;
}

static int due(const ff_when *when, const ff_run *run)
{
    if (when->period <= 1) return 1;
    return ((uint64_t)*run->counters[when->counter] / (when->divide ? when->divide : 1) + 1) % when->period == 0;
}

/* Constants of every optimizer for this step. */
static void prepare_updates(ff_program *p, const ff_run *run)
{
    for (size_t v = 0; v < p->desc.n_opts; v++) {
        const ff_opt_variant *const opt = &p->desc.opts[v];
        const float state = opt->state ? *(const float *)p->desc.vars[opt->state - 1].data : 0.0f;
        const int64_t done = *run->counters[opt->counter] / (int64_t)(opt->every ? opt->every : 1);
        ff_opt_prep((int)opt->op, opt->h, p->step.rates[opt->counter], done + 1, state, p->opt_c[v]);
    }
}

/* The step is done: its optimizers keep what they have counted. */
static void finish_updates(ff_program *p, const ff_run *run)
{
    for (size_t v = 0; v < p->desc.n_opts; v++) {
        const ff_opt_variant *const opt = &p->desc.opts[v];
        const ff_when when = {1, opt->every, opt->counter};
        if (opt->state && due(&when, run)) *(float *)p->desc.vars[opt->state - 1].data = p->opt_c[v][FF_OPT_STATE];
    }
    for (size_t i = 0; i < run->n_counters; i++) ++*run->counters[i];
}

static ff_status run_step(ff_program *p, const ff_run *run, size_t threads, ff_run_result *result, ff_error *err)
{
    for (size_t s = 0; s <= p->desc.n_stages; s++) {
        if (s == p->desc.commit || s == p->desc.n_stages) {
            const uint32_t fault = atomic_load_explicit(&p->fault, memory_order_relaxed);
            if (fault) {
                result->bad_row = result->position + fault - 1;
                return ff_fail(err, FF_ELABEL, "label out of range at position %zu", result->bad_row);
            }
        }
        if (s == p->desc.n_stages) break;
        if (!due(&p->desc.when[s], run)) continue;
        const ff_status status = run_stage(p, run, s, threads, err);
        if (status != FF_OK) return status;
    }
    return FF_OK;
}

static ff_status check_run(const ff_program *p, const ff_run *run, ff_error *err)
{
    if (run->batch == 0 || run->batch > p->cap || !p->arena)
        return ff_fail(err, FF_EARG, "batch %zu is not reserved", run->batch);
    if (run->start > run->stop) return ff_fail(err, FF_EARG, "start %zu beyond stop %zu", run->start, run->stop);
    for (size_t s = 0; s < p->desc.n_sources; s++) {
        if (run->sources[s].row_bytes != p->desc.sources[s].row_bytes)
            return ff_fail(err, FF_EARG, "source %zu has rows of %llu bytes, expected %llu", s,
                           (unsigned long long)run->sources[s].row_bytes, (unsigned long long)p->desc.sources[s].row_bytes);
        if (!run->order && run->sources[s].rows < run->stop)
            return ff_fail(err, FF_EARG, "source %zu has %llu rows, expected %zu", s,
                           (unsigned long long)run->sources[s].rows, run->stop);
    }
    if (run->between && (run->between_first == 0 || run->between_period == 0))
        return ff_fail(err, FF_EARG, "a function between steps needs a number of steps");
    if (run->n_counters < p->counters || (p->counters && (!run->learning_rates || run->n_rates == 0)))
        return ff_fail(err, FF_EARG, "a training program needs %zu learning rates and counters of iterations, has %zu",
                       p->counters, run->n_counters);
    return FF_OK;
}

/* Helpers cost a wake-up of tens of microseconds: a run must be longer than that. */
static const double RUN_MIN = 8.0e6, THREAD_MIN = 7.0e5;

static size_t threads_for(const ff_program *p, const ff_run *run, size_t batch)
{
    if (run->force_threads) return run->force_threads;
    size_t most = p->engine->pool.threads;
    if (run->max_threads && run->max_threads < most) most = run->max_threads;
    if (most == 1) return 1;
    const double cost = ff_plan_cost(p, batch);
    size_t steps = (run->stop - run->start + batch - 1) / batch;
    if (run->max_steps && run->max_steps < steps) steps = run->max_steps;
    if (cost * (double)steps < RUN_MIN) return 1;
    const double worth = cost / THREAD_MIN;
    return worth < 2 ? 1 : worth < (double)most ? (size_t)worth : most;
}

/* What the caller wants to do between steps, with the helpers at its service; sets *threads anew.
 * Returns whether the run goes on. */
static int go_between(ff_program *p, const ff_run *run, const ff_run_result *result, int more, size_t *threads,
                      ff_status *status, ff_error *err)
{
    ff_pool *const pool = &p->engine->pool;
    if (*threads > 1) ff_pool_lend(pool);
    ff_denormals_restore(p->caller_mode);
    const int answer = run->between(run->between_ctx, result->steps, result->position, more);
    p->caller_mode = ff_denormals_off();
    if (answer != 0 && answer != 1) *status = ff_fail(err, FF_EHOST, "the function between steps failed");
    if (*threads > 1) *threads = ff_pool_enter(pool, *threads, run_tile, p);
    return answer == 0 && more;
}

ff_status ff_program_run(ff_program *p, const ff_run *run, ff_run_result *result, ff_error *err)
{
    memset(result, 0, sizeof *result);
    result->position = run->start;
    int idle = 0;
    if (!atomic_compare_exchange_strong(&p->busy, &idle, 1)) return ff_fail(err, FF_EBUSY, "the program is running");
    ff_status status = check_run(p, run, err);
    size_t threads = 1;
    p->caller_mode = ff_denormals_off();
    if (status == FF_OK) {
        threads = threads_for(p, run, run->batch);
        threads = ff_pool_enter(&p->engine->pool, threads, run_tile, p);
    }
    size_t between = run->between ? run->between_first : 0; /* in so many steps */
    const uint64_t begin = run->seconds > 0 ? ff_now_ns() : 0;
    size_t side = 0, have = 0; /* rows whose addresses are in `side` already */
    while (status == FF_OK && result->position < run->stop) {
        const size_t at = result->position, left = run->stop - at, n = left < run->batch ? left : run->batch;
        const size_t more = left - n < run->batch ? left - n : run->batch;
        if (n != p->planned_batch || threads != p->planned_threads || run->home_shift != p->planned_shift)
            ff_plan_make(p, n, threads, run->home_shift);
        if ((have == 0 && !fill_addresses(p, run, at, n, side)) || (more && !fill_addresses(p, run, at + n, more, !side))) {
            status = ff_fail(err, FF_EARG, "the order names a row that a source does not have");
            break;
        }
        bind_step(p, run, at, side, more);
        p->step.rates = run->n_rates ? run->learning_rates + result->steps % run->n_rates * run->n_counters : NULL;
        prepare_updates(p, run);
        p->step.seed = run->seed;
        p->step.index = run->step + result->steps;
        p->step.batch = n;
        p->step.fault = (uint32_t *)&p->fault;
        atomic_store_explicit(&p->fault, 0, memory_order_relaxed);
        status = run_step(p, run, threads, result, err);
        if (status != FF_OK) break;
        finish_updates(p, run);
        result->steps++;
        result->position += n;
        result->threads = threads;
        if (run->watched && !result->not_finite && !isfinite(*run->watched)) result->not_finite = result->steps;
        side = !side;
        have = more;
        const int more_steps = result->position < run->stop && !(run->max_steps && result->steps >= run->max_steps);
        if (between && --between == 0) {
            between = run->between_period;
            if (!go_between(p, run, result, more_steps, &threads, &status, err)) break;
        }
        if (!more_steps) break;
        if (run->seconds > 0 && (double)(ff_now_ns() - begin) >= run->seconds * 1e9) break;
    }
    if (threads > 1) ff_pool_leave(&p->engine->pool);
    ff_denormals_restore(p->caller_mode);
    atomic_store(&p->busy, 0);
    return status;
}
