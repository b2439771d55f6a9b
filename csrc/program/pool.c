#include "pool.h"

#include "../base/denormals.h"

#include <string.h>

enum {
    IDLE = 0xffff,            /* stage index that means "sleep" */
    SPIN_NS = 60 * 1000,      /* a helper looks for work this long before it sleeps */
    GRACE_NS = 10 * 1000,     /* an owner may be this late before others take its tiles: what a tile writes
                                 lies in its owner's cache, and moves at a few GB/s */
    ABSENT_NS = 1000 * 1000,  /* helpers that came to no stage for this long have no core to run on */
    CALM = 4096,              /* stages in a row that went well: forget the last stall */
    STALL_NS = 250 * 1000,    /* a helper that keeps the caller waiting longer than this and the time of STALL_TILES
                                 of the caller's own tiles was taken off its core */
    STALL_TILES = 4,
    BACKOFF_NS = 1000 * 1000  /* then work alone for this long, twice as long each time */
};
#define BACKOFF_MAX_NS UINT64_C(160000000)

static int claim(ff_pool *pool, size_t tile, uint64_t seq)
{
    _Atomic uint64_t *const flag = &pool->claims[tile].seq;
    uint64_t seen = atomic_load_explicit(flag, memory_order_relaxed);
    while (seen < seq)
        if (atomic_compare_exchange_weak_explicit(flag, &seen, seq, memory_order_acq_rel, memory_order_relaxed))
            return 1;
    return 0;
}

static int is_claimed(const ff_pool *pool, size_t tile, uint64_t seq)
{
    return atomic_load_explicit(&pool->claims[tile].seq, memory_order_relaxed) >= seq;
}

/* Waits for a tile's owner, until `end` at the latest; 0: the stage is over. */
static int give_grace(const ff_pool *pool, size_t tile, uint64_t seq, uint64_t end)
{
    while (!is_claimed(pool, tile, seq)) {
        for (int i = 0; i < 16; i++) ff_pause();
        if (atomic_load_explicit(&pool->word, memory_order_relaxed) >> 16 != seq) return 0;
        if (ff_now_ns() >= end) break;
    }
    return 1;
}

/* A helper's part of one stage. The range buffers alternate with the sequence number:
 * while the word still names this stage, its buffer cannot have been reused. */
static void help(ff_pool *pool, size_t who, uint64_t word)
{
    const uint64_t seq = word >> 16;
    const size_t stage = word & 0xffff, side = seq & 1;
    const size_t members = atomic_load_explicit(&pool->members[side], memory_order_relaxed);
    const size_t tiles = atomic_load_explicit(&pool->tiles[side], memory_order_relaxed);
    if (who >= members || tiles > FF_MAX_TILES) return;
    const size_t first = atomic_load_explicit(&pool->range[side][who], memory_order_relaxed);
    const size_t own = atomic_load_explicit(&pool->range[side][who + 1], memory_order_relaxed) - first;
    uint64_t grace = 0;
    /* own tiles first, then around through everybody else's */
    for (size_t i = 0; i < tiles; i++) {
        const size_t tile = first + i < tiles ? first + i : first + i - tiles;
        if (tile >= tiles) return; /* torn by a newer stage */
        if (i >= own && !is_claimed(pool, tile, seq)) {
            if (grace == 0) grace = ff_now_ns() + GRACE_NS;
            if (!give_grace(pool, tile, seq, grace)) return;
        }
        if (!claim(pool, tile, seq)) continue;
        if (atomic_load_explicit(&pool->word, memory_order_acquire) != word) return;
        pool->fn(pool->job, stage, tile, who);
        atomic_fetch_add_explicit(&pool->done, 1, memory_order_release);
    }
}

static void helper_main(void *arg)
{
    const ff_helper *const self = arg;
    ff_pool *const pool = self->pool;
    ff_denormals_off();
    uint64_t last = 0;
    for (;;) {
        uint64_t word = atomic_load_explicit(&pool->word, memory_order_acquire);
        if (word == last && (last & 0xffff) != IDLE) {
            const uint64_t begin = ff_now_ns();
            do {
                for (int i = 0; i < 32; i++) ff_pause();
                word = atomic_load_explicit(&pool->word, memory_order_acquire);
            } while (word == last && ff_now_ns() - begin < SPIN_NS);
        }
        if (word == last) {
            ff_mutex_lock(&pool->lock);
            atomic_fetch_add(&pool->sleepers, 1);
            while ((word = atomic_load(&pool->word)) == last && !atomic_load(&pool->quit))
                ff_cond_wait(&pool->wake, &pool->lock);
            atomic_fetch_sub(&pool->sleepers, 1);
            ff_mutex_unlock(&pool->lock);
        }
        if (atomic_load_explicit(&pool->quit, memory_order_relaxed)) return;
        last = word;
        if ((word & 0xffff) != IDLE) help(pool, self->who, word);
    }
}

void ff_pool_init(ff_pool *pool, size_t threads)
{
    pool->threads = threads < 1 ? 1 : threads > FF_MAX_THREADS ? FF_MAX_THREADS : threads;
    pool->started = 0;
    pool->forks = ff_fork_count();
    atomic_store(&pool->word, IDLE);
    ff_mutex_init(&pool->lock);
    ff_cond_init(&pool->wake);
}

/* Seen from a child of fork, helpers are gone and the lock may be held by one of them. */
static void after_fork(ff_pool *pool)
{
    if (pool->forks == ff_fork_count()) return;
    pool->forks = ff_fork_count();
    pool->started = 0;
    pool->alone_until = pool->backoff = 0;
    atomic_store(&pool->sleepers, 0);
    atomic_store(&pool->owned, 0);
    ff_mutex_init(&pool->lock);
    ff_cond_init(&pool->wake);
}

static void publish(ff_pool *pool, size_t stage)
{
    atomic_store(&pool->word, pool->seq << 16 | stage);
    if (atomic_load(&pool->sleepers) == 0) return;
    ff_mutex_lock(&pool->lock);
    ff_cond_broadcast(&pool->wake);
    ff_mutex_unlock(&pool->lock);
}

void ff_pool_free(ff_pool *pool)
{
    after_fork(pool);
    if (pool->started) {
        atomic_store(&pool->quit, 1);
        pool->seq++;
        publish(pool, IDLE);
        for (size_t i = 0; i < pool->started; i++) ff_thread_join(&pool->helpers[i].thread);
    }
    ff_cond_destroy(&pool->wake);
    ff_mutex_destroy(&pool->lock);
}

size_t ff_pool_enter(ff_pool *pool, size_t threads, ff_tile_fn *fn, void *job)
{
    after_fork(pool);
    if (threads > pool->threads) threads = pool->threads;
    if (threads <= 1) return 1;
    int expected = 0;
    if (!atomic_compare_exchange_strong(&pool->owned, &expected, 1)) return 1;
    while (pool->started + 1 < threads) {
        ff_helper *const h = &pool->helpers[pool->started];
        h->pool = pool;
        h->who = pool->started + 1;
        if (ff_thread_start(&h->thread, helper_main, h) != 0) break;
        pool->started++;
    }
    pool->fn = fn;
    pool->job = job;
    if (pool->started + 1 < threads) threads = pool->started + 1;
    if (threads == 1) atomic_store(&pool->owned, 0);
    return threads;
}

/* Must follow every ff_pool_enter that returned more than 1. */
void ff_pool_leave(ff_pool *pool)
{
    pool->seq++;
    publish(pool, IDLE);
    atomic_store(&pool->owned, 0);
}

/* Whoever enters next may have the helpers; to have them back, enter again. */
void ff_pool_lend(ff_pool *pool) { atomic_store(&pool->owned, 0); }

/* No helpers for a while, and twice as long each time. */
static void go_alone(ff_pool *pool)
{
    pool->backoff = pool->backoff ? pool->backoff * 2 : BACKOFF_NS;
    if (pool->backoff > BACKOFF_MAX_NS) pool->backoff = BACKOFF_MAX_NS;
    pool->alone_until = ff_now_ns() + pool->backoff;
    pool->absent_ns = 0;
    pool->calm = 0;
}

int ff_pool_stalled(uint64_t waited_ns, uint64_t tile_ns) { return waited_ns >= STALL_NS + STALL_TILES * tile_ns; }

static void wait_for_helpers(ff_pool *pool, uint64_t target, uint64_t tile_ns, int patient)
{
    uint64_t begin = 0;
    for (unsigned spins = 0; atomic_load_explicit(&pool->done, memory_order_acquire) < target; spins++) {
        ff_pause();
        if ((spins & 255) != 255) continue;
        const uint64_t now = ff_now_ns();
        if (begin == 0) begin = now;
        /* The helper may be queued behind us on our own core. */
        if (now - begin > SPIN_NS) ff_thread_yield();
    }
    if (begin && !patient && ff_pool_stalled(ff_now_ns() - begin, tile_ns)) go_alone(pool);
    else if (++pool->calm == CALM) pool->backoff = 0;
}

void ff_pool_stage(ff_pool *pool, size_t stage, const uint32_t *range, size_t threads, int patient)
{
    const size_t tiles = range[threads];
    if (pool->alone_until && !patient) {
        if (ff_now_ns() < pool->alone_until) {
            for (size_t t = 0; t < tiles; t++) pool->fn(pool->job, stage, t, 0);
            return;
        }
        pool->alone_until = 0;
    }
    const uint64_t seq = ++pool->seq;
    const size_t side = seq & 1;
    for (size_t i = 0; i <= threads; i++)
        atomic_store_explicit(&pool->range[side][i], range[i], memory_order_relaxed);
    atomic_store_explicit(&pool->tiles[side], (uint32_t)tiles, memory_order_relaxed);
    atomic_store_explicit(&pool->members[side], (uint32_t)threads, memory_order_relaxed);
    const uint64_t before = atomic_load_explicit(&pool->done, memory_order_relaxed);
    publish(pool, stage);
    const uint64_t begin = ff_now_ns();
    size_t mine = 0;
    for (size_t t = 0; t < range[1]; t++)
        if (claim(pool, t, seq)) {
            pool->fn(pool->job, stage, t, 0);
            mine++;
        }
    const uint64_t now = ff_now_ns(), grace = now + GRACE_NS, tile_ns = (now - begin) / (mine ? mine : 1);
    size_t taken = 0;
    for (size_t t = tiles; t-- > range[1];) { /* from the far end: owners begin at the near one */
        if (!is_claimed(pool, t, seq)) give_grace(pool, t, seq, grace);
        if (claim(pool, t, seq)) {
            pool->fn(pool->job, stage, t, 0);
            taken++;
        }
    }
    mine += taken;
    if (taken == tiles - range[1] && taken && !patient) {
        pool->absent_ns += grace - begin;
        if (pool->absent_ns >= ABSENT_NS) go_alone(pool);
    } else {
        pool->absent_ns = 0;
    }
    wait_for_helpers(pool, before + (tiles - mine), tile_ns, patient);
}
