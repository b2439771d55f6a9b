/* Helpers stay with a stage of long tiles, and a caller whose helpers are slow goes on
 * alone: what is late is judged by the caller's own tiles. */
#include "check.h"

#include "../../csrc/base/cpu.h"
#include "../../csrc/program/pool.h"

enum { STAGES = 60 };

typedef struct job {
    uint64_t caller_ns, helper_ns;
    atomic_int by_helper;
} job;

static void work(void *arg, size_t stage, size_t tile, size_t who)
{
    (void)stage;
    (void)tile;
    job *const j = arg;
    const uint64_t end = ff_now_ns() + (who ? j->helper_ns : j->caller_ns);
    while (ff_now_ns() < end) ff_pause();
    if (who) atomic_fetch_add(&j->by_helper, 1);
}

/* Runs stages of one tile for each of two threads; returns how many tiles the helper ran. */
static int helped(uint64_t caller_ns, uint64_t helper_ns, int patient)
{
    static ff_pool pool; /* too large for some stacks */
    static const uint32_t range[] = {0, 1, 2};
    job j = {.caller_ns = caller_ns, .helper_ns = helper_ns};
    memset(&pool, 0, sizeof pool);
    ff_pool_init(&pool, 2);
    const size_t threads = ff_pool_enter(&pool, 2, work, &j);
    CHECK(threads == 2, "%zu threads", threads);
    if (threads == 2) {
        for (int i = 0; i < STAGES; i++) ff_pool_stage(&pool, 0, range, threads, patient);
        ff_pool_leave(&pool);
    }
    ff_pool_free(&pool);
    return atomic_load(&j.by_helper);
}

int main(void)
{
    const int cores = ff_cpu_count() > 1;
    int n = helped(1000000, 2000000, 0);
    if (cores) CHECK(n > STAGES / 2, "long tiles: the helper ran %d of %d", n, STAGES);
    check_done("long tiles keep their helper");
    n = helped(20000, 3000000, 0);
    CHECK(n < STAGES / 2, "a helper that stalls ran %d of %d", n, STAGES);
    check_done("a helper that stalls is left out");
    n = helped(20000, 3000000, 1);
    if (cores) CHECK(n > STAGES / 2, "patient: the helper ran %d of %d", n, STAGES);
    check_done("a patient caller keeps a slow helper");
    return check_exit();
}
