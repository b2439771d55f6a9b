/* Random numbers, sources (gather, labels), dropout and optimizers, on every ISA that
 * this machine has. */
#include "../../csrc/base/rng.h"
#include "check.h"

/* ---- base/rng ---- */

static void philox(void)
{
    /* Random123, tests/kat_vectors */
    static const uint32_t cases[3][10] = {
        {0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
        {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0x408f276d, 0x41c83b0e, 0xa20bc7c6,
         0x6d5451fd},
        {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0xd16cfe09, 0x94fdcceb, 0x5001e420,
         0x24126ea1},
    };
    uint32_t lanes[4][FF_PHILOX_LANES];
    for (int i = 0; i < 3; i++) {
        uint32_t out[4];
        ff_philox4x32(cases[i], cases[i] + 4, out);
        CHECK(!memcmp(out, cases[i] + 6, sizeof out), "philox case %d", i);
        const uint64_t first = ((uint64_t)cases[i][1] << 32) | (i ? 0xfffffff9u : 0u); /* carries into the upper word */
        ff_philox4x32_lanes(first, cases[i][2], cases[i][3], cases[i] + 4, lanes);
        for (uint32_t j = 0; j < FF_PHILOX_LANES; j++) {
            const uint32_t c[4] = {(uint32_t)(first + j), (uint32_t)((first + j) >> 32), cases[i][2], cases[i][3]};
            ff_philox4x32(c, cases[i] + 4, out);
            for (int w = 0; w < 4; w++) CHECK(lanes[w][j] == out[w], "philox lane %u word %d", j, w);
        }
    }
    check_done("philox known answers");
}

/* ---- sources ---- */

static const size_t SIZES[FF_DTYPE_COUNT] = {4, 8, 2, 1, 1, 2, 2, 4, 4, 8, 8, 1};

static double half_value(uint16_t h)
{
    const int e = h >> 10 & 31, m = h & 1023;
    const double v = e == 31 ? (m ? NAN : INFINITY) : e ? ldexp(1024 + m, e - 25) : ldexp(m, -24);
    return h & 0x8000 ? -v : v;
}

static double element(const void *p, size_t i, int dtype)
{
    switch (dtype) {
    case FF_F32: return (double)((const float *)p)[i];
    case FF_F64: return ((const double *)p)[i];
    case FF_F16: return half_value(((const uint16_t *)p)[i]);
    case FF_I8: return ((const int8_t *)p)[i];
    case FF_U8: return ((const uint8_t *)p)[i];
    case FF_I16: return ((const int16_t *)p)[i];
    case FF_U16: return ((const uint16_t *)p)[i];
    case FF_I32: return ((const int32_t *)p)[i];
    case FF_U32: return ((const uint32_t *)p)[i];
    case FF_I64: return (double)(float)((const int64_t *)p)[i];
    case FF_U64: return (double)(float)((const uint64_t *)p)[i];
    default: return ((const uint8_t *)p)[i] != 0;
    }
}

/* Random bytes are random numbers of every type, nan and denormals of the floats included. */
static void gather(const ff_kernels *k)
{
    enum { BATCH = 5 };
    for (int dtype = 0; dtype < FF_DTYPE_COUNT; dtype++)
        for (size_t per = 1; per <= 3; per++)
            for (size_t n = 1; n < 40; n += 3) {
                const size_t row = n * per * SIZES[dtype];
                check_buffer data[BATCH], y = check_alloc(BATCH * per * n * 4, 4);
                const void *rows[BATCH];
                for (int r = 0; r < BATCH; r++) { /* each row ends where its memory ends */
                    data[r] = check_alloc(row, 0);
                    rows[r] = data[r].p;
                    for (size_t i = 0; i < row; i++) ((uint8_t *)data[r].p)[i] = (uint8_t)check_random();
                }
                const ff_step step = {.batch = BATCH};
                ff_args a = {.p = {NULL, y.p}, .rows = rows, .next_rows = rows, .next_count = BATCH,
                             .d = {n, (size_t)dtype}, .nrows = BATCH * per, .step = &step};
                for (; a.r0 < a.nrows; a.r0 = a.r1) {
                    a.r1 = a.r0 + 2 < a.nrows ? a.r0 + 2 : a.nrows;
                    k->fn[FF_OP_GATHER](&a);
                }
                for (size_t i = 0; i < BATCH * per * n; i++) {
                    const float got = ((const float *)y.p)[i], want = (float)element(rows[i / (n * per)], i % (n * per), dtype);
                    CHECK(got == want || (isnan(got) && isnan(want)), "dtype %d per %zu n %zu: [%zu] %a, not %a", dtype, per,
                          n, i, (double)got, (double)want);
                }
                for (int r = 0; r < BATCH; r++) check_free(&data[r], "gather source");
                check_free(&y, "gather");
            }
    float all[256]; /* every float16 */
    uint16_t halves[256];
    for (uint32_t h = 0; h < 65536; h += 256) {
        for (uint32_t i = 0; i < 256; i++) halves[i] = (uint16_t)(h + i);
        const void *const row = halves;
        const ff_step step = {.batch = 1};
        const ff_args a = {.p = {NULL, all}, .rows = &row, .d = {256, FF_F16}, .nrows = 1, .r1 = 1, .step = &step};
        k->fn[FF_OP_GATHER](&a);
        for (uint32_t i = 0; i < 256; i++) {
            const double want = half_value(halves[i]);
            CHECK(isnan(want) ? isnan(all[i]) : (double)all[i] == want && !signbit(all[i]) == !signbit(want), "float16 %x", h + i);
        }
    }
    check_done("%s gather", k->isa);
}

static void put(void *p, size_t i, int dtype, int v)
{
    switch (dtype) {
    case FF_F32: ((float *)p)[i] = (float)v + (v < 0 ? 0 : 0.75f); break;
    case FF_F64: ((double *)p)[i] = v + (v < 0 ? 0 : 0.75); break;
    case FF_F16: ((uint16_t *)p)[i] = (uint16_t)(v < 0 ? 0xbc00 : v == 0 ? 0 : v == 1 ? 0x3c00 : v == 2 ? 0x4100 : 0x4900); break;
    case FF_I8: ((int8_t *)p)[i] = (int8_t)v; break;
    case FF_U8: ((uint8_t *)p)[i] = (uint8_t)v; break;
    case FF_I16: ((int16_t *)p)[i] = (int16_t)v; break;
    case FF_U16: ((uint16_t *)p)[i] = (uint16_t)v; break;
    case FF_I32: ((int32_t *)p)[i] = v; break;
    case FF_U32: ((uint32_t *)p)[i] = (uint32_t)v; break;
    case FF_I64: ((int64_t *)p)[i] = v; break;
    case FF_U64: ((uint64_t *)p)[i] = (uint64_t)(int64_t)v; break;
    default: ((uint8_t *)p)[i] = v > 0; break;
    }
}

/* Rows 0..3 have labels 0, 2, (bad or 1), 1 over 3 classes; twice each with per = 2. */
static void gather_label(const ff_kernels *k)
{
    static const int bads[] = {1, -1, 10};
    for (int dtype = 0; dtype < FF_DTYPE_COUNT; dtype++)
        for (int b = 0; b < 3; b++)
            for (size_t per = 1; per < 3; per++) {
                uint64_t data[4][2];
                const void *rows[4];
                const int labels[4] = {0, 2, bads[b], 1};
                int32_t y[8];
                uint32_t fault = 0;
                const ff_step step = {.batch = 4, .fault = &fault};
                for (int r = 0; r < 4; r++) {
                    for (size_t i = 0; i < per; i++) put(data[r], i, dtype, labels[r]);
                    rows[r] = data[r];
                }
                const ff_args a = {.p = {NULL, y}, .rows = rows, .d = {1, (size_t)dtype, 3}, .nrows = 4 * per,
                                   .r1 = 4 * per, .step = &step};
                k->fn[FF_OP_GATHER_LABEL](&a);
                const int bad = b > 0 && dtype != FF_BOOL;
                CHECK(fault == (bad ? 3u : 0u), "dtype %d label %d: fault %u", dtype, bads[b], fault);
                for (size_t i = 0; i < 4 * per; i++) {
                    const int want = dtype == FF_BOOL ? labels[i / per] > 0 : bad && i / per == 2 ? 0 : labels[i / per];
                    CHECK(y[i] == want, "dtype %d label %d: [%zu] %d, not %d", dtype, bads[b], i, y[i], want);
                }
            }
    float values[] = {NAN, INFINITY, -0.5f, 3e9f, -3e9f, 5.9f};
    for (size_t i = 0; i < 6; i++)
        for (size_t classes = 0; classes < 7; classes += 6) {
            const void *const row = values + i;
            int32_t y = -9;
            uint32_t fault = 0;
            const ff_step step = {.batch = 1, .fault = &fault};
            const ff_args a = {.p = {NULL, &y}, .rows = &row, .d = {1, FF_F32, classes}, .nrows = 1, .r1 = 1, .step = &step};
            k->fn[FF_OP_GATHER_LABEL](&a);
            CHECK(fault == (classes && i != 2 && i != 5), "label %g: fault %u", (double)values[i], fault);
            CHECK(y == (i == 5 ? 5 : 0), "label %g is %d", (double)values[i], y);
        }
    check_done("%s gather_label", k->isa);
}

static void dropout(const ff_kernels *k)
{
    enum { ROWS = 37, WIDTH = 53, N = ROWS * WIDTH };
    static float x[N], whole[N], parts[N], other[N];
    for (int i = 0; i < N; i++) x[i] = check_uniform(0.5f, 2);
    const float rates[] = {0, 0.25f, 0.9f, 1};
    for (int j = 0; j < 4; j++) {
        const ff_step step = {.seed = 0x123456789abcdef0u, .index = 0x300000007u};
        ff_args a = {.p = {x, whole}, .d = {WIDTH, 11}, .f = {rates[j]}, .nrows = ROWS, .r1 = ROWS, .step = &step};
        k->fn[FF_OP_DROPOUT](&a);
        size_t kept = 0;
        for (uint32_t i = 0; i < N; i++) {
            const uint32_t counter[4] = {i / 4, 0, 7, 11 ^ 3}, key[2] = {0x9abcdef0u, 0x12345678u};
            uint32_t words[4];
            ff_philox4x32(counter, key, words);
            const int keep = (float)(words[i % 4] >> 8) * 0x1p-24f >= rates[j];
            CHECK(whole[i] == (keep ? x[i] * (1.0f / (1.0f - rates[j])) : 0), "rate %g element %u", (double)rates[j], i);
            kept += keep;
        }
        CHECK(fabs((double)kept / N - (1 - (double)rates[j])) < 0.04, "rate %g keeps %zu of %d", (double)rates[j], kept, N);
        memcpy(parts, x, sizeof x);
        a.p[0] = a.p[1] = parts; /* in place, in tiles */
        for (a.r0 = 0; a.r0 < ROWS; a.r0 = a.r1) {
            a.r1 = a.r0 + 5 < ROWS ? a.r0 + 5 : ROWS;
            k->fn[FF_OP_DROPOUT](&a);
        }
        CHECK(!memcmp(parts, whole, sizeof x), "rate %g: tiles in place differ", (double)rates[j]);
        for (int change = 0; change < 4 && rates[j] > 0 && rates[j] < 1; change++) {
            const ff_step changed = {.seed = step.seed + (change == 0), .index = step.index + (change == 1) + ((uint64_t)(change == 2) << 32)};
            a = (ff_args){.p = {x, other}, .d = {WIDTH, 11 + (change == 3)}, .f = {rates[j]}, .nrows = ROWS, .r1 = ROWS, .step = &changed};
            k->fn[FF_OP_DROPOUT](&a);
            CHECK(memcmp(other, whole, sizeof x), "rate %g: change %d changes nothing", (double)rates[j], change);
        }
    }
    check_done("%s dropout", k->isa);
}

/* ---- optimizers ---- */

/* One step in float64, from the Keras formulas; s are the slots in the table's order. */
static void keras_step(int op, const double *h, double lr, int t, double g, double *w, double s[3])
{
    *w -= *w * h[0] * lr;
    if (op == FF_OP_SGD) {
        *w -= lr * g;
    } else if (op == FF_OP_MOMENTUM || op == FF_OP_NESTEROV) {
        s[0] = h[1] * s[0] - lr * g;
        *w += op == FF_OP_MOMENTUM ? s[0] : h[1] * s[0] - lr * g;
    } else if (op == FF_OP_ADAM || op == FF_OP_AMSGRAD) {
        s[0] += (g - s[0]) * (1 - h[1]);
        s[1] += (g * g - s[1]) * (1 - h[2]);
        s[2] = fmax(s[2], s[1]);
        /* Keras rounds the betas and their powers to float32 here, and only here */
        const double p1 = (double)(float)pow((double)(float)h[1], t), p2 = (double)(float)pow((double)(float)h[2], t);
        const double alpha = lr * sqrt(1 - p2) / (1 - p1);
        *w -= alpha * s[0] / (sqrt(op == FF_OP_ADAM ? s[1] : s[2]) + h[3]);
    } else {
        const int centered = op == FF_OP_RMSPROP_CEN || op == FF_OP_RMSPROP_CENMOM;
        s[0] = h[1] * s[0] + (1 - h[1]) * g * g;
        if (centered) s[1] = h[1] * s[1] + (1 - h[1]) * g;
        const double inc = lr * g / sqrt(s[0] - (centered ? s[1] * s[1] : 0) + h[3]);
        double *const m = op == FF_OP_RMSPROP_MOM ? s + 1 : op == FF_OP_RMSPROP_CENMOM ? s + 2 : NULL;
        if (m) *m = h[2] * *m + inc;
        *w -= m ? *m : inc;
    }
}

static void optimizer(const ff_kernels *k, int op, const char *name, int slots)
{
    const double h[4] = {0.004, 0.9, op >= FF_OP_ADAM ? 0.999 : 0.8, op >= FF_OP_ADAM ? 1e-7 : 1e-3}, lr = 0.01;
    const size_t v = k->lanes, sizes[] = {1, v - 1, v, v + 1, 2 * v - 1, 2 * v, 2 * v + 1, 7 * v + 3};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const size_t n = sizes[i];
        check_buffer w = check_alloc(n * 4, 4), g = check_alloc(n * 4, 8), s[3];
        double w64[200], s64[200][3] = {{0}};
        for (int j = 0; j < 3; j++) memset((s[j] = check_alloc(n * 4, 4)).p, 0, n * 4);
        for (size_t e = 0; e < n; e++) w64[e] = (double)(((float *)w.p)[e] = e == 1 ? 0 : check_uniform(-1, 1));
        for (int t = 1; t <= 5; t++) {
            float c[FF_OPT_CONSTS], *const slot[3] = {s[0].p, s[1].p, s[2].p};
            ff_opt_prep(op, h, lr, t, c);
            for (size_t e = 0; e < n; e++) {
                ((float *)g.p)[e] = e == 1 ? 0 : check_uniform(-1, 1) * (e % 3 ? 1 : 1e-4f);
                keras_step(op, h, lr, t, (double)((float *)g.p)[e], &w64[e], s64[e]);
            }
            if (t % 2) k->opt[op](w.p, slot, g.p, n, c);
            else {
                const ff_args a = {.p = {g.p, w.p, s[0].p, s[1].p, s[2].p}, .d = {n}, .opt_c = c};
                k->fn[op](&a);
            }
            for (size_t e = 0; e < n; e++) {
                CHECK(fabs((double)((float *)w.p)[e] - w64[e]) <= 1e-6 * (fabs(w64[e]) + 0.1), "%s n %zu step %d: w[%zu] %.9g, not %.9g",
                      name, n, t, e, (double)((float *)w.p)[e], w64[e]);
                for (int j = 0; j < slots; j++)
                    CHECK(fabs((double)slot[j][e] - s64[e][j]) <= 2e-6 * (fabs(s64[e][j]) + 1e-2), "%s n %zu step %d: slot %d [%zu] %.9g, not %.9g",
                          name, n, t, j, e, (double)slot[j][e], s64[e][j]);
            }
        }
        if (n > 1) { /* what was 0 and had gradient 0 is exactly 0, even with epsilon 0 */
            const double zero_epsilon[4] = {h[0], h[1], h[2], 0};
            float c[FF_OPT_CONSTS], *const slot[3] = {s[0].p, s[1].p, s[2].p};
            ff_opt_prep(op, zero_epsilon, lr, 6, c);
            k->opt[op](w.p, slot, g.p, n, c);
            CHECK(((float *)w.p)[1] == 0 && slot[0][1] == 0 && slot[1][1] == 0 && slot[2][1] == 0, "%s: zero does not stay", name);
        }
        for (int j = slots; j < 3; j++)
            for (size_t e = 0; e < n; e++) CHECK(((float *)s[j].p)[e] == 0, "%s writes slot %d", name, j);
        check_free(&w, name), check_free(&g, name);
        for (int j = 0; j < 3; j++) check_free(&s[j], name);
    }
    check_done("%s %s", k->isa, name);
}

int main(void)
{
    philox();
    for (int i = 0; check_table(i); i++) {
        const ff_kernels *const k = check_table(i);
        gather(k);
        gather_label(k);
        dropout(k);
#define FF_OP(ID, name, shape, flags, operands, doc)
#define FF_OPT(ID, name, slots, doc) optimizer(k, FF_OP_##ID, #name, slots);
#define FF_UNARY(ID, name, doc)
#define FF_BINARY(ID, name, doc)
#include "../../csrc/include/ff_ops.inc"
    }
    return check_exit();
}
