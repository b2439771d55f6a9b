/* When a caller gives up on its helpers: what is late is judged by the caller's own tiles. */
#include "check.h"

#include "../../csrc/program/pool.h"

enum { STAGES = 60, US = 1000, MS = 1000 * US };

typedef struct job {
    uint64_t helper_ns;
    int wait; /* the caller's tile lasts until the helper has begun its own */
    atomic_int begun[STAGES], finished;
} job;

static void work(void *arg, size_t stage, size_t tile, size_t who)
{
    job *const j = arg;
    if (who == 0) {
        while (j->wait && tile == 0 && !atomic_load(&j->begun[stage])) ff_thread_yield();
        return;
    }
    if (tile == 0) return; /* the caller was late for it */
    atomic_store(&j->begun[stage], 1);
    const uint64_t end = ff_now_ns() + j->helper_ns;
    while (ff_now_ns() < end) ff_pause();
    atomic_fetch_add(&j->finished, 1);
}

/* Runs stages of one tile for each of two threads; returns how many tiles the helper ran. */
static int helped(uint64_t helper_ns, int patient)
{
    static ff_pool pool; /* too large for some stacks */
    static const uint32_t range[] = {0, 1, 2};
    job j = {.helper_ns = helper_ns, .wait = patient};
    memset(&pool, 0, sizeof pool);
    ff_pool_init(&pool, 2);
    const size_t threads = ff_pool_enter(&pool, 2, work, &j);
    CHECK(threads == 2, "%zu threads", threads);
    if (threads == 2) {
        for (int i = 0; i < STAGES; i++) ff_pool_stage(&pool, (size_t)i, range, threads, patient);
        ff_pool_leave(&pool);
    }
    ff_pool_free(&pool);
    int begun = 0;
    for (int i = 0; i < STAGES; i++) begun += atomic_load(&j.begun[i]);
    CHECK(begun == atomic_load(&j.finished), "a stage ended before its tiles");
    return begun;
}

int main(void)
{
    CHECK(!ff_pool_stalled(200 * US, 0), "0.2 ms is no stall");
    CHECK(ff_pool_stalled(1 * MS, 10 * US), "short tiles: 1 ms is a stall");
    CHECK(!ff_pool_stalled(1 * MS, 1 * MS), "long tiles: 1 ms is a tile");
    CHECK(ff_pool_stalled(20 * MS, 1 * MS), "long tiles: 20 ms are a stall");
    check_done("stalls");
    int n = helped(3 * MS, 0);
    CHECK(n < STAGES / 2, "a helper that stalls ran %d of %d", n, STAGES);
    check_done("a helper that stalls is left out");
    n = helped(3 * MS, 1);
    CHECK(n == STAGES, "patient: the helper ran %d of %d", n, STAGES);
    check_done("a patient caller keeps a slow helper");
    return check_exit();
}
