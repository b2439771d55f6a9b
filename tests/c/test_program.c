/* A small training program: the same bits for any number of threads and any owners of
 * tiles, refused descriptions, bad labels, deadlines. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../csrc/include/fastfit.h"
#include "../../csrc/kernels/kernels.h"

static int failures;
#define CHECK(condition)                                                          \
    do {                                                                          \
        if (!(condition)) {                                                       \
            printf("FAILED %s:%d: %s\n", __FILE__, __LINE__, #condition);        \
            failures++;                                                           \
        }                                                                         \
    } while (0)

enum { K = 96, N = 160, C = 7, ROWS = 203, BATCH = 61 };

static uint32_t lcg(uint32_t *state) { return *state = *state * 1664525u + 1013904223u; }
static void fill(float *x, size_t n, uint32_t seed)
{
    for (size_t i = 0; i < n; i++) x[i] = ((float)(lcg(&seed) >> 8) / 8388608.0f - 1.0f) * 0.3f;
}

static ff_instr instr(int op, size_t count, const ff_operand *p, const uint64_t *d)
{
    ff_instr in;
    memset(&in, 0, sizeof in);
    in.op = (uint32_t)op;
    in.count = (uint32_t)count;
    memcpy(in.p, p, count * sizeof *p);
    memcpy(in.d, d, 6 * sizeof *d);
    in.row_mul = 1;
    return in;
}

typedef struct net {
    float *w1, *w2;
    ff_program *program;
    uint64_t period; /* of the stage that updates, counting two steps as one; 0: every step */
} net;

#define SLOT(i) {FF_SLOT, i}
#define VAR(i) {FF_VAR, i}
#define NO {FF_NONE, 0}
#define OPS(...) (const ff_operand[]){__VA_ARGS__}
#define DIMS(...) (const uint64_t[6]){__VA_ARGS__}

/* slots: 0 h, 1 z, 2 labels, 3 p, 4 loss, 5 g, 6 dz, 7 dh, 8 masked dh, 9 blocks of the second gradient */
static ff_status make(ff_engine *engine, net *out, int broken, ff_error *err)
{
    const size_t size1 = ff_engine_packed(engine, K, N), size2 = ff_engine_packed(engine, N, C);
    out->w1 = ff_alloc(size1 * 4);
    out->w2 = ff_alloc(size2 * 4);
    float *const plain = ff_alloc(K * N * 4);
    fill(plain, K * N, 1);
    ff_engine_pack(engine, plain, K, N, out->w1);
    fill(plain, N * C, 2);
    ff_engine_pack(engine, plain, N, C, out->w2);
    ff_free(plain);
    enum { SLOTS = 10, BLOCK = 16 };
    const uint64_t floats = (size2 + BLOCK - 1) / BLOCK;
    const uint64_t widths[SLOTS] = {N, C, 1, C, 1, 1, C, N, N, floats};
    static const int local[SLOTS] = {0, 1, 1, 1, 1, 1, 0, 1, 0, 0}; /* used by one group only */
    ff_slot slots[SLOTS];
    uint64_t offsets[FF_POWERS] = {0};
    for (int i = 0; i < SLOTS; i++) {
        const uint32_t power = local[i] || (broken == 7 && i == 8) ? FF_TILE : 1;
        slots[i] = (ff_slot){power, offsets[power], widths[i] * 4};
        offsets[power] += widths[i] * 4;
    }
    const ff_instr instrs[] = {
        instr(FF_OP_DENSE, 4, OPS({FF_SOURCE, 0}, VAR(0), NO, SLOT(0)), DIMS(K, N, FF_OP_RELU)),
        instr(FF_OP_GATHER_LABEL, 2, OPS({FF_SOURCE, 1}, SLOT(2)), DIMS(1, FF_I32, C)),
        instr(FF_OP_DENSE, 4, OPS(SLOT(0), VAR(1), NO, SLOT(1)), DIMS(N, broken == 1 ? 1000 : C)),
        instr(FF_OP_SOFTMAX_CE, 4, OPS(SLOT(1), SLOT(2), SLOT(3), SLOT(4)), DIMS(C)),
        instr(FF_OP_FILL, 1, OPS(SLOT(5)), DIMS(1, 1)),
        instr(FF_OP_SOFTMAX_CE_GRAD, 4, OPS(SLOT(3), SLOT(2), SLOT(5), SLOT(6)), DIMS(C)),
        instr(FF_OP_DENSE_DX, 3, OPS(SLOT(6), VAR(broken == 2 ? 9 : 1), SLOT(7)), DIMS(N, C)),
        instr(FF_OP_RELU_GRAD, 3, OPS(SLOT(0), SLOT(7), SLOT(8)), DIMS(N)),
        instr(FF_OP_DENSE_DW_PART, 3, OPS(SLOT(0), SLOT(6), SLOT(9)),
              DIMS(N, C, broken == 8 ? floats - 1 : floats, broken == 9 ? 3 : broken == 10 ? 32 : BLOCK)),
        instr(FF_OP_DENSE_DW, 4, OPS({FF_SOURCE, 0}, SLOT(8), NO, VAR(0)), DIMS(K, N, 2, broken == 3 ? 5 : 0)),
        instr(FF_OP_DENSE_DW_SUM, 3, OPS(SLOT(9), NO, VAR(1)), DIMS(N, C, 2, 0, floats, BLOCK)),
    };
    ff_instr fixed[11];
    memcpy(fixed, instrs, sizeof fixed);
    fixed[4].f[0] = 1.0f;
    const size_t nr = ff_engine_panel(engine);
    const ff_group groups[] = {
        {0, 1, 16, nr, N, 0, 0, 2e6, 0},
        {1, 9, broken == 4 ? 0 : 16, broken == 5 ? 16 : 0, 0, 0, 0, 1e6, 0},
        {9, 10, broken == 6 ? 16 : 0, nr, N, 16, K, 2e6, 0},
        {10, 11, 0, 0, 0, 32, N, 1e5, 0},
    };
    const uint32_t stages[] = {0, 1, 2, 4};
    const ff_var vars[] = {{out->w1, size1 * 4}, {out->w2, size2 * 4}};
    const ff_column sources[] = {{K * 4, FF_F32}, {4, FF_I32}};
    const ff_opt_variant opt = {FF_OP_SGD, broken == 11 ? 3 : 0, 0, 0, {0}};
    const ff_when when[] = {{0, 0, 0}, {0, 0, 0}, {2, out->period, 0}};
    ff_program_desc desc = {.instrs = fixed, .n_instrs = 11, .groups = groups, .n_groups = 4, .stages = stages,
                            .when = when, .n_stages = 3, .commit = 2, .slots = slots, .n_slots = SLOTS,
                            .vars = vars, .n_vars = 2, .sources = sources, .n_sources = 2, .opts = &opt, .n_opts = 1};
    memcpy(desc.arena, offsets, sizeof desc.arena);
    ff_status s = ff_program_new(engine, &desc, &out->program, err);
    if (s == FF_OK) s = ff_program_reserve(out->program, BATCH, err);
    return s;
}

static void drop(net *n)
{
    ff_program_free(n->program);
    ff_free(n->w1);
    ff_free(n->w2);
    memset(n, 0, sizeof *n);
}

/* Another program that runs between the steps of one, on the same threads. */
typedef struct nested {
    net *other;
    const ff_run *run;
    size_t calls, last_steps, answer_at;
    int answer, last_more;
} nested;

static int between(void *ctx, size_t steps, size_t position, int more)
{
    nested *const n = ctx;
    CHECK(position == steps * BATCH || position == ROWS);
    n->last_steps = steps;
    n->last_more = more;
    ff_run_result result;
    ff_error err;
    ff_run run = *n->run;
    CHECK(ff_program_run(n->other->program, &run, &result, &err) == FF_OK);
    return ++n->calls == n->answer_at ? n->answer : 0;
}

int main(void)
{
    float *const x = ff_alloc(ROWS * K * 4);
    int32_t *const y = ff_alloc(ROWS * 4);
    int64_t *const order = ff_alloc(ROWS * 8);
    fill(x, ROWS * K, 3);
    for (int i = 0; i < ROWS; i++) {
        y[i] = i % C;
        order[i] = (i * 17) % ROWS;
    }
    const ff_source sources[] = {{x, K * 4, ROWS}, {y, 4, ROWS}};
    const double rate = 0.1;
    ff_error err = {{0}};
    float *want = NULL;
    for (const char *const *isa = ff_isa_names(); *isa; isa++) {
        if (!ff_isa_present(*isa)) continue;
        ff_engine *engine = NULL;
        CHECK(ff_engine_new(*isa, 8, &engine, &err) == FF_OK);
        net n = {0};
        const size_t size = ff_engine_packed(engine, K, N) * 4;
        want = ff_alloc(size);
        static const size_t counts[] = {1, 2, 3, 8};
        for (int c = 0; c < 4; c++)
            for (unsigned shift = 0; shift < 3; shift++) {
                CHECK(make(engine, &n, 0, &err) == FF_OK);
                int64_t iterations = 0, *const counters[] = {&iterations};
                ff_run run = {0};
                run.sources = sources;
                run.order = order;
                run.stop = ROWS;
                run.batch = BATCH;
                run.learning_rates = &rate;
                run.n_rates = 1;
                run.counters = counters;
                run.n_counters = 1;
                run.force_threads = counts[c];
                run.home_shift = shift;
                ff_run_result result;
                for (int epoch = 0; epoch < 25; epoch++) {
                    const ff_status s = ff_program_run(n.program, &run, &result, &err);
                    CHECK(s == FF_OK && result.steps == 4 && result.position == ROWS);
                }
                CHECK(iterations == 100);
                if (c == 0 && shift == 0) memcpy(want, n.w1, size);
                CHECK(memcmp(want, n.w1, size) == 0);
                if (counts[c] == 1) CHECK(ff_program_helped(n.program) == 0);
                drop(&n);
            }
        printf("ok same_bits %s\n", *isa);

        /* a bad label stops the step before anything has changed, and names its place */
        CHECK(make(engine, &n, 0, &err) == FF_OK);
        float *const before = ff_alloc(size);
        memcpy(before, n.w1, size);
        int64_t iterations = 0, *const counters[] = {&iterations};
        y[order[40]] = C;
        ff_run run = {0};
        run.sources = sources;
        run.order = order;
        run.stop = ROWS;
        run.batch = BATCH;
        run.learning_rates = &rate;
        run.n_rates = 1;
        run.counters = counters;
        run.n_counters = 1;
        ff_run_result result;
        CHECK(ff_program_run(n.program, &run, &result, &err) == FF_ELABEL);
        CHECK(result.bad_row == 40 && result.steps == 0 && iterations == 0);
        CHECK(memcmp(before, n.w1, size) == 0);
        y[order[40]] = (int32_t)(order[40] % C);
        run.max_steps = 2;
        CHECK(ff_program_run(n.program, &run, &result, &err) == FF_OK && result.steps == 2 && result.position == 2 * BATCH);
        order[150] = ROWS;
        run.max_steps = 0;
        CHECK(ff_program_run(n.program, &run, &result, &err) == FF_EARG);
        order[150] = (150 * 17) % ROWS;
        run.batch = BATCH + 1000;
        CHECK(ff_program_run(n.program, &run, &result, &err) == FF_EARG);
        ff_free(before);
        drop(&n);
        printf("ok errors %s\n", *isa);

        /* what runs between steps changes nothing in them, and says whether they go on */
        net other = {0};
        CHECK(make(engine, &n, 0, &err) == FF_OK && make(engine, &other, 0, &err) == FF_OK);
        int64_t inner = 0, *const inner_counters[] = {&inner};
        iterations = 0;
        run.batch = BATCH;
        run.force_threads = 2;
        ff_run inside = run;
        inside.counters = inner_counters;
        nested ctx = {.other = &other, .run = &inside};
        run.between = between;
        run.between_ctx = &ctx;
        CHECK(ff_program_run(n.program, &run, &result, &err) == FF_EARG);
        run.between_first = run.between_period = 1;
        for (int epoch = 0; epoch < 25; epoch++)
            CHECK(ff_program_run(n.program, &run, &result, &err) == FF_OK && result.steps == 4);
        CHECK(ctx.calls == 100 && ctx.last_steps == 4 && !ctx.last_more && inner == 400);
        CHECK(memcmp(want, n.w1, size) == 0);
        CHECK(ff_program_helped(n.program) > 0 && ff_program_helped(other.program) > 0);
        run.between_first = 3;
        run.between_period = 2;
        ctx.calls = 0;
        CHECK(ff_program_run(n.program, &run, &result, &err) == FF_OK && ctx.calls == 1 && ctx.last_steps == 3 && ctx.last_more);
        run.between_first = 1;
        ctx.calls = 0;
        ctx.answer_at = 2;
        ctx.answer = 1;
        CHECK(ff_program_run(n.program, &run, &result, &err) == FF_OK && result.steps == 3);
        ctx.calls = 0;
        ctx.answer = -1;
        CHECK(ff_program_run(n.program, &run, &result, &err) == FF_EHOST && result.steps == 3);
        run.between = NULL;
        CHECK(ff_program_run(n.program, &run, &result, &err) == FF_OK && result.steps == 4);
        run.force_threads = 0;
        drop(&n);
        drop(&other);
        printf("ok between %s\n", *isa);

        /* a stage with a period runs in those steps only: (i / 2 + 1) % 3 */
        n.period = 3;
        CHECK(make(engine, &n, 0, &err) == FF_OK);
        iterations = 0;
        run.batch = BATCH;
        run.max_steps = 1;
        float *const last = ff_alloc(size);
        for (int step = 0; step < 13; step++) {
            memcpy(last, n.w1, size);
            CHECK(ff_program_run(n.program, &run, &result, &err) == FF_OK && iterations == step + 1);
            CHECK((memcmp(last, n.w1, size) != 0) == ((step / 2 + 1) % 3 == 0));
        }
        run.n_counters = 0;
        CHECK(ff_program_run(n.program, &run, &result, &err) == FF_EARG);
        ff_free(last);
        drop(&n);
        printf("ok periods %s\n", *isa);

        for (int broken = 1; broken <= 11; broken++) {
            const ff_status s = make(engine, &n, broken, &err);
            CHECK(s == FF_EARG || s == FF_ESHAPE);
            drop(&n);
        }
        printf("ok refused %s\n", *isa);
        ff_free(want);
        ff_engine_free(engine);
    }
    ff_engine *none = NULL;
    CHECK(ff_engine_new("z80", 1, &none, &err) == FF_EARG);
    ff_free(x);
    ff_free(y);
    ff_free(order);
    printf("%s\n", failures ? "FAILED" : "ok all");
    return failures != 0;
}
