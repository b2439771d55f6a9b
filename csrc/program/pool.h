/* Helper threads that claim tiles of the stage that the caller has published.
 *
 * A stage is published as one 64-bit word: sequence number and stage index. A thread
 * claims a tile by raising the tile's flag to the sequence number; flags only grow, so
 * a late helper can claim nothing of a stage that is over. What a helper reads before
 * it has claimed lies in the pool, never in a program that may be freed. */
#ifndef FF_POOL_H
#define FF_POOL_H
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/threads.h"

enum { FF_MAX_THREADS = 64, FF_MAX_TILES = 1024 };

/* Runs tile `tile` of stage `stage` on thread `who` (0 is the caller). */
typedef void ff_tile_fn(void *job, size_t stage, size_t tile, size_t who);

typedef struct ff_claim {
    _Alignas(64) _Atomic uint64_t seq;
} ff_claim;

typedef struct ff_pool ff_pool;
typedef struct ff_helper {
    ff_pool *pool;
    size_t who;
    ff_thread thread;
} ff_helper;

struct ff_pool {
    size_t threads; /* the caller included */
    size_t started; /* helpers that run */
    unsigned forks;
    atomic_int owned; /* a run is using the pool */
    atomic_int quit;
    _Alignas(64) _Atomic uint64_t word;
    _Alignas(64) _Atomic uint32_t sleepers;
    _Alignas(64) _Atomic uint64_t done; /* tiles that helpers have finished, ever */
    _Alignas(64) _Atomic uint32_t range[2][FF_MAX_THREADS + 1];
    _Atomic uint32_t tiles[2];
    _Atomic uint32_t members[2]; /* threads that take part in the stage */
    ff_tile_fn *fn;
    void *job;
    uint64_t seq;
    unsigned calm;         /* stages in a row without a stall */
    uint64_t absent_ns;    /* time spent in stages since a helper last came to one */
    uint64_t alone_until, backoff; /* the machine is busy: no helpers before this time, ns */
    ff_mutex lock;
    ff_cond wake;
    ff_claim claims[FF_MAX_TILES];
    ff_helper helpers[FF_MAX_THREADS];
};

void ff_pool_init(ff_pool *pool, size_t threads);
void ff_pool_free(ff_pool *pool);
/* Takes the pool for a run; returns how many threads may take part (1: none but the caller). */
size_t ff_pool_enter(ff_pool *pool, size_t threads, ff_tile_fn *fn, void *job);
void ff_pool_leave(ff_pool *pool);
void ff_pool_lend(ff_pool *pool);
/* Runs all tiles of a stage; returns when they are done. range: first tile of each of
 * `threads` owners, then the end. patient: never gives up on helpers (tests). */
void ff_pool_stage(ff_pool *pool, size_t stage, const uint32_t *range, size_t threads, int patient);
/* Whether a helper that keeps the caller waiting was taken off its core; tile_ns: how long
 * the caller took for a tile of the stage. */
int ff_pool_stalled(uint64_t waited_ns, uint64_t tile_ns);
#endif
