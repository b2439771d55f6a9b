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
    for (int i = 0; i < 3; i++) {
        uint32_t out[4];
        ff_philox4x32(cases[i], cases[i] + 4, out);
        CHECK(!memcmp(out, cases[i] + 6, sizeof out), "philox case %d", i);
    }
    check_done("philox known answers");
}

/* ---- sources ---- */

static const size_t SIZES[FF_COUNT_dtype] = {4, 8, 2, 1, 1, 2, 2, 4, 4, 8, 8, 1};

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
    for (int dtype = 0; dtype < FF_COUNT_dtype; dtype++)
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
    for (int dtype = 0; dtype < FF_COUNT_dtype; dtype++)
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
            CHECK(fault == (i != 2 && i != 5), "label %g of %zu: fault %u", (double)values[i], classes, fault);
            CHECK(y == (i == 5 ? 5 : 0), "label %g is %d", (double)values[i], y);
        }
    check_done("%s gather_label", k->isa);
}

static void gather_words(const ff_kernels *k)
{
    enum { ROWS = 5, WIDE = 3 };
    uint64_t data[ROWS][WIDE], y[ROWS * WIDE + 1];
    const void *rows[ROWS];
    for (int r = 0; r < ROWS; r++) {
        rows[r] = data[ROWS - 1 - r];
        for (int i = 0; i < WIDE; i++) data[r][i] = (uint64_t)(r * WIDE + i) * 0x0123456789abcdefu - 5;
    }
    for (size_t per = 1; per <= WIDE; per += WIDE - 1) { /* a row of the source may be several of the instruction */
        const size_t n = WIDE / per;
        const ff_step step = {.batch = ROWS};
        ff_args a = {.p = {NULL, y}, .rows = rows, .d = {n, FF_I64, 2 * n}, .nrows = ROWS * per, .step = &step};
        memset(y, 0x5a, sizeof y);
        for (a.r0 = 0; a.r0 < ROWS * per; a.r0 = a.r1) {
            a.r1 = a.r0 + 2 < ROWS * per ? a.r0 + 2 : ROWS * per;
            k->fn[FF_OP_GATHER_WORDS](&a);
        }
        for (int r = 0; r < ROWS; r++)
            CHECK(!memcmp(y + r * WIDE, rows[r], sizeof data[0]), "gather_words: row %d in %zu parts", r, per);
        CHECK(y[ROWS * WIDE] == 0x5a5a5a5a5a5a5a5au, "gather_words wrote behind its rows");
    }
    check_done("%s gather_words", k->isa);
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
            const uint32_t counter[4] = {i / 64 * 16 + i % 16, 0, 7, 11 ^ 3}, key[2] = {0x9abcdef0u, 0x12345678u};
            uint32_t words[4];
            ff_philox4x32(counter, key, words);
            const int keep = (float)(words[i % 64 / 16] >> 8) * 0x1p-24f >= rates[j];
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

/* Element i of a stream in float64: a uniform number, or a normal one of two words. */
static double drawn(int op, uint64_t seed, uint64_t index, uint32_t stream, uint32_t i)
{
    const uint32_t counter[4] = {i / 64 * 16 + i % 16, 0, (uint32_t)index, stream ^ (uint32_t)(index >> 32)};
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    uint32_t words[4];
    const uint32_t w = i % 64 / 16;
    ff_philox4x32(counter, key, words);
    if (op == FF_OP_RANDOM_UNIFORM) return (words[w] >> 8) * 0x1p-24;
    const uint32_t *const pair = words + w / 2 * 2;
    const double radius = sqrt(-2 * log((pair[0] + 1.0) * 0x1p-32)), angle = pair[1] * 0x1p-32 * 2 * 3.14159265358979323846;
    return radius * (w % 2 ? sin(angle) : cos(angle));
}

static void random_numbers(const ff_kernels *k)
{
    enum { ROWS = 41, WIDTH = 53, N = ROWS * WIDTH };
    static float whole[N], parts[N];
    const uint64_t own = 0xfedcba9812345678u;
    for (int which = 0; which < 6; which++) {
        const int op = which % 2 ? FF_OP_RANDOM_NORMAL : FF_OP_RANDOM_UNIFORM, keyed = which > 1, fixed = which > 3;
        const ff_step step = {.seed = 0x123456789abcdef0u, .index = 0x300000007u};
        ff_args a = {.p = {whole}, .d = {WIDTH, 11}, .f = {-1.5f, 3}, .nrows = ROWS, .r1 = ROWS, .step = &step};
        if (keyed) {
            a.d[2] = 0x12345678u;
            a.d[3] = 0xfedcba98u;
        }
        a.d[4] = (size_t)fixed;
        k->fn[op](&a);
        const char *const name = which % 2 ? "random_normal" : "random_uniform";
        const uint64_t seed = fixed ? own : keyed ? own ^ step.seed : step.seed;
        for (uint32_t i = 0; i < N; i++) {
            const double y = 3 * drawn(op, seed, fixed ? 0 : step.index, fixed ? 0 : 11, i) - 1.5;
            CHECK(fabs((double)whole[i] - y) < 2e-6, "%s %s: element %u is %g, not %g", k->isa, name, i,
                  (double)whole[i], y);
        }
        a.p[0] = parts;
        for (a.r0 = 0; a.r0 < ROWS; a.r0 = a.r1) {
            a.r1 = a.r0 + 3 < ROWS ? a.r0 + 3 : ROWS;
            k->fn[op](&a);
        }
        CHECK(!memcmp(parts, whole, sizeof whole), "%s %s: tiles differ", k->isa, name);
    }
    check_done("%s random numbers", k->isa);
}

/* ---- optimizers ---- */

/* x rounded to float32. Volatile: some compilers (GCC 12) lose the rounding of two neighbours. */
static double round32(double x)
{
    const volatile float rounded = (float)x;
    return (double)rounded;
}

/* One step in float64, from the Keras formulas; s are the slots in the table's order. */
static void keras_step(int op, const double *h, double lr, int t, double g, double *w, double s[3])
{
    *w -= *w * h[0] * lr;
    const double b1 = round32(h[1]), b2 = round32(h[2]);
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
        const double p1 = round32(pow(b1, t)), p2 = round32(pow(b2, t));
        const double alpha = lr * sqrt(1 - p2) / (1 - p1);
        *w -= alpha * s[0] / (sqrt(op == FF_OP_ADAM ? s[1] : s[2]) + h[3]);
    } else if (op == FF_OP_ADAMAX) {
        s[0] += (g - s[0]) * (1 - h[1]);
        s[1] = fmax(h[2] * s[1], fabs(g));
        *w -= lr * s[0] / ((1 - round32(pow(b1, t))) * (s[1] + h[3]));
    } else if (op == FF_OP_NADAM) {
        double product = 1;
        for (int i = 1; i <= t; i++) product *= b1 * (1 - 0.5 * pow(0.96, i));
        const double now = b1 * (1 - 0.5 * pow(0.96, t)), next = b1 * (1 - 0.5 * pow(0.96, t + 1));
        s[0] += (g - s[0]) * (1 - b1);
        s[1] += (g * g - s[1]) * (1 - b2);
        const double m = next * s[0] / (1 - product * next) + (1 - now) * g / (1 - product);
        *w -= lr * m / (sqrt(s[1] / (1 - round32(pow(b2, t)))) + h[3]);
    } else if (op == FF_OP_ADAGRAD) {
        s[0] += g * g;
        *w -= lr * g / sqrt(s[0] + h[1]);
    } else if (op == FF_OP_ADADELTA) {
        s[0] = h[1] * s[0] + (1 - h[1]) * g * g;
        const double d = sqrt(s[1] + h[2]) / sqrt(s[0] + h[2]) * g;
        s[1] = h[1] * s[1] + (1 - h[1]) * d * d;
        *w -= lr * d;
    } else if (op == FF_OP_FTRL || op == FF_OP_FTRL_POWER) {
        const double p = op == FF_OP_FTRL ? 0.5 : h[1], n = s[0] + g * g, q = pow(n, p) / lr + 2 * (h[3] + h[5] / (2 * lr));
        s[1] += g + 2 * h[4] * *w - (pow(n, p) - pow(s[0], p)) / lr * *w;
        s[0] = n;
        *w = (fmax(-h[2], fmin(h[2], s[1])) - s[1]) / q;
    } else if (op == FF_OP_LION) {
        const double way = b1 * s[0] + (1 - b1) * g;
        *w -= lr * ((way > 0) - (way < 0));
        s[0] = b2 * s[0] + (1 - b2) * g;
    } else if (op == FF_OP_SCHEDULE_FREE) {
        const double x = (*w - (1 - b1) * s[0]) / b1;
        s[1] += (g * g - s[1]) * (1 - b2);
        s[0] -= lr * fmin(1, t / h[4]) * g / (sqrt(s[1] / (1 - round32(pow(b2, t)))) + h[3]);
        *w = (1 - b1) * s[0] + b1 * ((1 - 1.0 / t) * x + s[0] / t);
    } else if (op == FF_OP_AVERAGE) {
        *w = t == 1 ? g : h[1] * *w + (1 - h[1]) * g;
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

/* Weight decay, then what ff_opt_prep documents. */
typedef struct opt_row {
    int op;
    double h[6];
} opt_row;

static const opt_row OPT_ROWS[] = {
    {FF_OP_SGD, {0.004}},
    {FF_OP_MOMENTUM, {0.004, 0.9}},
    {FF_OP_NESTEROV, {0.004, 0.9}},
    {FF_OP_RMSPROP, {0.004, 0.9, 0, 1e-3}},
    {FF_OP_RMSPROP_MOM, {0.004, 0.9, 0.8, 1e-3}},
    {FF_OP_RMSPROP_CEN, {0.004, 0.9, 0, 1e-3}},
    {FF_OP_RMSPROP_CENMOM, {0.004, 0.9, 0.8, 1e-3}},
    {FF_OP_ADAM, {0.004, 0.9, 0.999, 1e-7}},
    {FF_OP_AMSGRAD, {0.004, 0.9, 0.999, 1e-7}},
    {FF_OP_ADAMAX, {0.004, 0.9, 0.999, 1e-7}},
    {FF_OP_NADAM, {0.004, 0.9, 0.999, 1e-7}},
    {FF_OP_ADAGRAD, {0.004, 1e-3}},
    {FF_OP_ADADELTA, {0.004, 0.9, 1e-3}},
    {FF_OP_FTRL, {0.004, 0.5, 0.01, 0.02, 0.03, 0.04}},
    {FF_OP_FTRL_POWER, {0.004, 0.7, 0.01, 0.02, 0.03, 0.04}},
    {FF_OP_LION, {0.004, 0.9, 0.99}},
    {FF_OP_SCHEDULE_FREE, {0.004, 0.9, 0.999, 1e-7, 3}},
    {FF_OP_AVERAGE, {0, 0.9}},
};

static void optimizer(const ff_kernels *k, int op, const char *name, int slots)
{
    const double *h = NULL, lr = 0.01;
    for (size_t i = 0; i < sizeof OPT_ROWS / sizeof *OPT_ROWS; i++)
        if (OPT_ROWS[i].op == op) h = OPT_ROWS[i].h;
    CHECK(h != NULL, "%s has no hyperparameters", name);
    if (!h) return;
    /* the difference of two roundings is divided by the learning rate */
    const double loose = op == FF_OP_FTRL || op == FF_OP_FTRL_POWER ? 2e-5 : 2e-6;
    const size_t v = k->lanes, sizes[] = {1, v - 1, v, v + 1, 2 * v - 1, 2 * v, 2 * v + 1, 7 * v + 3};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const size_t n = sizes[i];
        check_buffer w = check_alloc(n * 4, 4), g = check_alloc(n * 4, 8), s[3];
        double w64[200], s64[200][3] = {{0}};
        for (int j = 0; j < 3; j++) memset((s[j] = check_alloc(n * 4, 4)).p, 0, n * 4);
        for (size_t e = 0; e < n; e++) w64[e] = (double)(((float *)w.p)[e] = e == 1 ? 0 : check_uniform(-1, 1));
        float state = 1; /* of those that keep one */
        for (int t = 1; t <= 5; t++) {
            float c[FF_OPT_CONSTS], *const slot[3] = {s[0].p, s[1].p, s[2].p};
            ff_opt_prep(op, h, lr, t, state, c);
            state = c[FF_OPT_STATE];
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
                    CHECK(fabs((double)slot[j][e] - s64[e][j]) <= loose * (fabs(s64[e][j]) + 1e-2), "%s n %zu step %d: slot %d [%zu] %.9g, not %.9g",
                          name, n, t, j, e, (double)slot[j][e], s64[e][j]);
            }
        }
        if (n > 1) { /* what was 0 and had gradient 0 is exactly 0, even with epsilon 0 */
            const double zero_epsilon[6] = {h[0], op == FF_OP_ADAGRAD ? 0 : h[1], op == FF_OP_ADADELTA ? 0 : h[2]};
            float c[FF_OPT_CONSTS], *const slot[3] = {s[0].p, s[1].p, s[2].p};
            ff_opt_prep(op, zero_epsilon, lr, 6, 0.5f, c);
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

/* A gradient whose square is no number freezes its weight, as in Keras, and spoils nobody else's. */
static void overflow(const ff_kernels *k)
{
    static const int ops[] = {FF_OP_ADAM, FF_OP_AMSGRAD, FF_OP_NADAM, FF_OP_SCHEDULE_FREE, FF_OP_RMSPROP, FF_OP_ADAGRAD};
    enum { N = 67 };
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        float w[N], g[N], s[3][N] = {{0}}, *const slot[3] = {s[0], s[1], s[2]}, c[FF_OPT_CONSTS];
        const double h[8] = {0, 0.9, ops[i] == FF_OP_ADAGRAD ? 0 : 0.999, 1e-7};
        for (int e = 0; e < N; e++) w[e] = 0.5f, g[e] = e % 3 ? 0.1f : e % 2 ? 1e30f : -3e19f;
        /* (inf - v) (1 - beta_2) is nan in the step after, in Keras too */
        const int steps = ops[i] == FF_OP_RMSPROP || ops[i] == FF_OP_ADAGRAD ? 3 : 1;
        for (int t = 1; t <= steps; t++) {
            ff_opt_prep(ops[i], h, 1e-3, t, 1.0f, c);
            if (ops[i] == FF_OP_SCHEDULE_FREE && t == 1) /* z starts as w */
                for (int e = 0; e < N; e++) s[0][e] = w[e];
            k->opt[ops[i]](w, slot, g, N, c);
            for (int e = 0; e < N; e++) {
                const int still = fabs((double)w[e] - 0.5) < 1e-6;
                CHECK(e % 3 ? !still && w[e] < 0.5f : still, "%s op %d step %d: w[%d] is %.9g", k->isa, ops[i], t, e, (double)w[e]);
            }
        }
        g[1] = NAN;
        ff_opt_prep(ops[i], h, 1e-3, 4, 1.0f, c);
        k->opt[ops[i]](w, slot, g, N, c);
        CHECK(isnan(w[1]) && !isnan(w[2]), "%s op %d: nan is lost or spreads", k->isa, ops[i]);
    }
    check_done("%s gradients that overflow", k->isa);
}

/* n^0 is 1, for n = 0 too; n^p keeps what was zero. */
static void ftrl_edges(const ff_kernels *k)
{
    for (int flat = 0; flat < 2; flat++) {
        float w[3] = {1, 1, 0}, g[3] = {0, 2, 0}, n[3] = {0}, z[3] = {0}, *const slot[2] = {n, z}, c[FF_OPT_CONSTS];
        const double h[8] = {0, flat ? 0 : 0.25};
        ff_opt_prep(FF_OP_FTRL_POWER, h, 0.5, 1, 0, c);
        k->opt[FF_OP_FTRL_POWER](w, slot, g, 3, c);
        /* flat: z = g, q = 1 / lr. Else z = g - n^p / lr w and q = n^p / lr for the one with a gradient. */
        const double q = pow(4, 0.25) / 0.5, want = flat ? -1 : -(2 - q) / q;
        CHECK(w[0] == 0 && fabs((double)w[1] - want) < 1e-6 && w[2] == 0, "%s ftrl_power %d: %g %g %g", k->isa, flat,
              (double)w[0], (double)w[1], (double)w[2]);
    }
    check_done("%s ftrl edges", k->isa);
}

static void rate(const ff_kernels *k)
{
    float y[2] = {0, 7};
    const double rates[] = {0.5, 0.25};
    const ff_step step = {.rates = rates};
    const ff_args a = {.p = {y}, .d = {1}, .step = &step};
    k->fn[FF_OP_RATE](&a);
    CHECK(y[0] == 0.25f && y[1] == 7, "%s rate is %g", k->isa, (double)y[0]);
    check_done("%s rate", k->isa);
}

int main(void)
{
    philox();
    for (int i = 0; check_table(i); i++) {
        const ff_kernels *const k = check_table(i);
        gather(k);
        gather_label(k);
        gather_words(k);
        dropout(k);
        random_numbers(k);
        overflow(k);
        ftrl_edges(k);
        rate(k);
#define FF_OP(ID, name, shape, flags, scratch, operands, facts, doc)
#define FF_OPT(ID, name, slots, doc) optimizer(k, FF_OP_##ID, #name, slots);
#define FF_UNARY(ID, name, doc)
#define FF_BINARY(ID, name, doc)
#include "../../csrc/include/ff_ops.inc"
    }
    return check_exit();
}
