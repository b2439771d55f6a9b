#include "program.h"

ff_status ff_engine_new(const char *isa, size_t threads, ff_engine **out, ff_error *err)
{
    *out = NULL;
    const ff_kernels *const kernels = ff_cpu_kernels(isa);
    if (!kernels) return ff_fail(err, FF_EARG, "ISA \"%s\" is unknown or this CPU lacks it", isa ? isa : "");
    ff_engine *const engine = ff_alloc(sizeof *engine);
    if (!engine) return ff_fail(err, FF_ENOMEM, "no memory for an engine");
    engine->kernels = kernels;
    ff_pool_init(&engine->pool, threads ? threads : ff_cpu_count());
    *out = engine;
    return FF_OK;
}

void ff_engine_free(ff_engine *engine)
{
    if (!engine) return;
    ff_pool_free(&engine->pool);
    ff_free(engine);
}

const char *ff_engine_isa(const ff_engine *engine) { return engine->kernels->isa; }
size_t ff_engine_threads(const ff_engine *engine) { return engine->pool.threads; }
size_t ff_engine_panel(const ff_engine *engine) { return engine->kernels->nr; }
size_t ff_engine_lanes(const ff_engine *engine) { return engine->kernels->lanes; }
size_t ff_engine_packed(const ff_engine *engine, size_t k, size_t n) { return ff_packed_size(k, n, engine->kernels->nr); }
void ff_engine_pack(const ff_engine *engine, const float *w, size_t k, size_t n, float *packed)
{
    engine->kernels->pack(w, k, n, packed);
}
void ff_engine_unpack(const ff_engine *engine, const float *packed, size_t k, size_t n, float *w)
{
    engine->kernels->unpack(packed, k, n, w);
}
