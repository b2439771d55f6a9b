/* What this machine can do, measured with one thread. */
#include "program.h"

double ff_measure_fma(const ff_engine *engine, double seconds)
{
    volatile float kept; /* a result must be used, or the loop vanishes */
    const ff_kernels *const k = engine->kernels;
    const size_t rounds = 20000;
    double best = 0;
    const uint64_t end = ff_now_ns() + (uint64_t)(seconds * 1e9);
    do {
        const uint64_t begin = ff_now_ns();
        kept = k->fma_loop(rounds);
        const uint64_t took = ff_now_ns() - begin;
        const double rate = (double)(rounds * k->fma_loop_flops) * 1e9 / (double)(took ? took : 1);
        if (rate > best) best = rate;
    } while (ff_now_ns() < end);
    (void)kept;
    return best;
}

/* Bytes moved per second by `loop` over a buffer, the best of many turns. */
static double measure_stream(size_t bytes, const ff_engine *engine, double seconds, int update)
{
    const size_t n = bytes / sizeof(float), times = bytes < 1000000 ? 2000000 / (bytes + 1) + 1 : 1;
    volatile float kept = 0;
    float *const x = ff_alloc(bytes);
    if (!x) return 0;
    double best = 0;
    const uint64_t end = ff_now_ns() + (uint64_t)(seconds * 1e9);
    do {
        const uint64_t begin = ff_now_ns();
        for (size_t i = 0; i < times; i++) {
            if (update) engine->kernels->update_loop(x, n);
            else kept = engine->kernels->read_loop(x, n);
        }
        const uint64_t took = ff_now_ns() - begin;
        const double rate = (update ? 2.0 : 1.0) * (double)(bytes * times) * 1e9 / (double)(took ? took : 1);
        if (rate > best) best = rate;
    } while (ff_now_ns() < end);
    ff_free(x);
    (void)kept;
    return best;
}

double ff_measure_read(size_t bytes, const ff_engine *engine, double seconds)
{
    return measure_stream(bytes, engine, seconds, 0);
}

double ff_measure_update(size_t bytes, const ff_engine *engine, double seconds)
{
    return measure_stream(bytes, engine, seconds, 1);
}
