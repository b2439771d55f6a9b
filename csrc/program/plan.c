/* Cuts stages into tiles for a batch, and gives each tile an owner.
 *
 * Which thread runs a tile never changes a result: every reduction's order is fixed by
 * shapes (kernels.h). So the cut may depend on the batch and on the thread count. */
#include <string.h>

#include "program.h"

/* FLOPs below which a stage is not worth two threads' attention (a publication costs
 * both about 0.3 us). */
static const double SHARE_MIN = 2.0e5;

static size_t blocks(size_t n, size_t block) { return block ? (n + block - 1) / block : 1; }

static size_t group_tiles(const ff_group *g, size_t batch, size_t row_block)
{
    return blocks(batch, row_block) * blocks(g->units, g->unit_block) * blocks(g->ks, g->k_block);
}

/* Row blocks grow until the group has a bounded number of tiles. */
static size_t row_block_for(const ff_group *g, size_t batch, size_t most)
{
    size_t block = g->row_block;
    while (block && group_tiles(g, batch, block) > most && block < batch) block *= 2;
    return block;
}

enum { WIDE_UNITS = 512 };
enum { GROUP_TILES = 256 }; /* per group, by rows; weights are cut by the planner */

static double group_cost(const ff_group *g, size_t batch) { return g->cost * (double)batch + g->cost_fix; }

double ff_plan_cost(const ff_program *p, size_t batch)
{
    double cost = 0;
    for (size_t g = 0; g < p->desc.n_groups; g++) cost += group_cost(&p->desc.groups[g], batch);
    return cost;
}

size_t ff_plan_tile_rows(const ff_program *p, size_t batch)
{
    size_t most = 0;
    for (size_t g = 0; g < p->desc.n_groups; g++) {
        const size_t block = row_block_for(&p->desc.groups[g], batch, GROUP_TILES);
        if (block > most) most = block;
    }
    return most < batch ? most : batch;
}

static size_t program_tiles(const ff_program *p, size_t batch)
{
    size_t n = 0;
    for (size_t g = 0; g < p->desc.n_groups; g++) {
        const ff_group *const group = &p->desc.groups[g];
        n += group_tiles(group, batch, row_block_for(group, batch, GROUP_TILES));
    }
    return n;
}

ff_status ff_plan_check(const ff_program *p, ff_error *err)
{
    const ff_program_desc *const desc = &p->desc;
    uint32_t *const owners = ff_alloc(desc->n_slots * sizeof *owners); /* 1 + the group that uses a slot of tiles */
    ff_status s = owners ? FF_OK : ff_fail(err, FF_ENOMEM, "no memory for %zu slots", desc->n_slots);
    for (size_t g = 0; s == FF_OK && g < desc->n_groups; g++)
        for (size_t i = desc->groups[g].begin; i < desc->groups[g].end; i++)
            for (size_t k = 0; k < desc->instrs[i].count; k++) {
                const ff_operand o = desc->instrs[i].p[k];
                if (o.kind != FF_SLOT || desc->slots[o.index].power != FF_TILE) continue;
                if (owners[o.index] && owners[o.index] != g + 1)
                    s = ff_fail(err, FF_EARG, "group %zu: slot %u belongs to the tiles of one group", g, o.index);
                owners[o.index] = (uint32_t)(g + 1);
            }
    ff_free(owners);
    return s;
}

ff_status ff_plan_reserve(ff_program *p, ff_error *err)
{
    const size_t most = program_tiles(p, p->cap) + GROUP_TILES * p->desc.n_groups;
    for (size_t s = 0; s < p->desc.n_stages; s++) {
        size_t tiles = 0;
        for (size_t g = p->desc.stages[s]; g < p->desc.stages[s + 1]; g++)
            tiles += group_tiles(&p->desc.groups[g], 1, p->desc.groups[g].row_block) * GROUP_TILES;
        if (tiles > UINT32_MAX) return ff_fail(err, FF_EARG, "stage %zu has too many tiles", s);
    }
    if (most <= p->tiles_cap) return FF_OK;
    ff_tile *const tiles = ff_alloc(most * sizeof *tiles);
    if (!tiles) return ff_fail(err, FF_ENOMEM, "no memory for %zu tiles", most);
    ff_free(p->tiles);
    p->tiles = tiles;
    p->tiles_cap = most;
    return FF_OK;
}

/* Tiles of one group, units slowest, so that neighbours share weights. */
static size_t cut_group(ff_program *p, size_t g, size_t batch, int whole_units, size_t at)
{
    const ff_group *const group = &p->desc.groups[g];
    const size_t row_block = row_block_for(group, batch, GROUP_TILES);
    /* one thread packs rows of x once for all units of narrow layers */
    const size_t unit_block = whole_units && (group->row_block || group->units <= WIDE_UNITS) ? 0 : group->unit_block;
    const size_t first = at;
    for (size_t u = 0; u < blocks(group->units, unit_block); u++)
        for (size_t k = 0; k < blocks(group->ks, group->k_block); k++)
            for (size_t r = 0; r < blocks(batch, row_block); r++) {
                ff_tile *const t = &p->tiles[at++];
                t->group = (uint32_t)g;
                t->r0 = (uint32_t)(r * row_block);
                t->r1 = (uint32_t)(row_block && (r + 1) * row_block < batch ? (r + 1) * row_block : batch);
                t->u0 = (uint32_t)(u * unit_block);
                t->u1 = (uint32_t)(unit_block && (u + 1) * unit_block < group->units ? (u + 1) * unit_block : group->units);
                t->k0 = (uint32_t)(k * group->k_block);
                t->k1 = (uint32_t)(group->k_block && (k + 1) * group->k_block < group->ks ? (k + 1) * group->k_block : group->ks);
            }
    for (size_t t = first; t < at; t++) p->tiles[t].whole = at - first == 1;
    return at;
}

static double tile_cost(const ff_program *p, const ff_tile *t, size_t batch)
{
    const ff_group *const g = &p->desc.groups[t->group];
    double part = 1;
    if (g->units) part *= (double)(t->u1 - t->u0) / (double)g->units;
    if (g->ks) part *= (double)(t->k1 - t->k0) / (double)g->ks;
    return group_cost(g, batch) * part * ((double)(t->r1 - t->r0) / (double)batch);
}

/* How many tiles from t on must have one owner: those of the same units, whose weights
 * should stay in one cache, if there are enough of them for all threads. */
static size_t run_length(const ff_program *p, const ff_plan *plan, size_t t, size_t threads)
{
    const ff_tile *const first = &p->tiles[plan->tile0 + t];
    const ff_group *const g = &p->desc.groups[first->group];
    if (g->unit_block == 0 || blocks(g->units, g->unit_block) < threads) return 1;
    size_t n = 1;
    while (t + n < plan->tiles && first[n].group == first->group && first[n].u0 == first->u0) n++;
    return n;
}

/* Contiguous runs of tiles of about equal cost, one per owner. */
static void give_owners(ff_program *p, ff_plan *plan, size_t batch, size_t threads, unsigned shift)
{
    double total = 0, before = 0;
    for (size_t t = 0; t < plan->tiles; t++) total += tile_cost(p, &p->tiles[plan->tile0 + t], batch);
    size_t owner = 0;
    plan->range[0] = 0;
    for (size_t t = 0, n; t < plan->tiles; t += n) {
        n = run_length(p, plan, t, threads);
        double cost = 0;
        for (size_t i = 0; i < n; i++) cost += tile_cost(p, &p->tiles[plan->tile0 + t + i], batch);
        const size_t want = total > 0 ? (size_t)((before + cost / 2) / total * (double)threads) : 0;
        while (owner < want && owner + 1 < threads) plan->range[++owner] = (uint32_t)t;
        before += cost;
    }
    while (owner < threads) plan->range[++owner] = (uint32_t)plan->tiles;
    if (shift == 0) return;
    /* Tests: rotate the tiles of the stage by a part of their number. */
    const size_t by = plan->tiles * (shift % threads) / threads;
    for (size_t t = 0; t < by; t++) {
        const ff_tile first = p->tiles[plan->tile0];
        memmove(&p->tiles[plan->tile0], &p->tiles[plan->tile0 + 1], (plan->tiles - 1) * sizeof first);
        p->tiles[plan->tile0 + plan->tiles - 1] = first;
    }
}

void ff_plan_make(ff_program *p, size_t batch, size_t threads, unsigned shift)
{
    size_t at = 0;
    for (size_t s = 0; s < p->desc.n_stages; s++) {
        ff_plan *const plan = &p->plans[s];
        double cost = 0;
        plan->tile0 = at;
        for (size_t g = p->desc.stages[s]; g < p->desc.stages[s + 1]; g++) {
            at = cut_group(p, g, batch, threads == 1, at);
            cost += group_cost(&p->desc.groups[g], batch);
        }
        plan->tiles = at - plan->tile0;
        plan->shared = threads > 1 && plan->tiles > 1 && plan->tiles <= FF_MAX_TILES && (cost >= SHARE_MIN || shift);
        if (plan->shared) give_owners(p, plan, batch, threads, shift);
    }
    for (size_t i = 0; i < p->desc.n_instrs; i++) {
        const ff_instr *const in = &p->desc.instrs[i];
        ff_args *const a = &p->exec[i].args;
        a->nrows = in->row_mul * batch + in->row_fix;
        a->r0 = a->u0 = a->k0 = 0;
        a->r1 = a->nrows;
        a->u1 = in->d[p->exec[i].units];
        a->k1 = in->d[0];
        a->scratch = p->scratch;
    }
    p->planned_batch = batch;
    p->planned_threads = threads;
    p->planned_shift = shift;
}

/* What is not cut takes all of its rows, units and weight rows: ff_plan_make has put those
 * and the caller's scratch into the arguments. */
void ff_tile_run(ff_program *p, size_t t, size_t who)
{
    const ff_tile *const tile = &p->tiles[t];
    const ff_group *const group = &p->desc.groups[tile->group];
    for (size_t i = group->begin; i < group->end; i++) {
        const ff_exec *const e = &p->exec[i];
        if (tile->whole && who == 0) {
            e->fn(&e->args);
            continue;
        }
        const ff_instr *const in = &p->desc.instrs[i];
        ff_args a;
        /* in two parts: compilers make of larger ones a loop that takes longer to start than a small kernel */
        memcpy(&a, &e->args, offsetof(ff_args, nrows));
        memcpy(&a.nrows, &e->args.nrows, sizeof a - offsetof(ff_args, nrows));
        if (group->row_block) {
            a.r0 = tile->r0 * in->row_mul;
            a.r1 = tile->r1 * in->row_mul;
        }
        if (group->unit_block) {
            a.u0 = tile->u0;
            a.u1 = tile->u1;
        }
        if (group->k_block) {
            a.k0 = tile->k0;
            a.k1 = tile->k1;
        }
        a.scratch = p->scratch + who * p->scratch_bytes;
        /* kernels count rows from the batch's first: the address that row r0 would have then */
        for (uint32_t k = 0, local = e->local; local; k++, local >>= 1)
            if (local & 1)
                a.p[k] = (void *)((uintptr_t)a.p[k] + who * p->local_bytes -
                                  tile->r0 * (uintptr_t)p->desc.slots[in->p[k].index].bytes);
        e->fn(&a);
    }
}
