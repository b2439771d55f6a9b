/* The dense kernels of every ISA that this machine has, against float64: sizes around
 * every tile and block, any cut into tiles with the same bits, rows through addresses,
 * a row alone or among others, all modes of the weight gradient, canaries everywhere. */
#include "check.h"

typedef struct problem {
    const ff_kernels *k;
    size_t m, n_k, n;
    check_buffer x, w, packed, bias, dy, scratch;
    const void **rows; /* the rows of x, in an order of their own place */
} problem;

enum { MISALIGN = 4 }; /* x, dy and y need 4 bytes of alignment only */

static float *floats(const check_buffer *b) { return b->p; }

static check_buffer random_floats(size_t n, size_t misalign)
{
    const check_buffer b = check_alloc(n * sizeof(float), misalign);
    for (size_t i = 0; i < n; i++) floats(&b)[i] = check_uniform(-1, 1);
    return b;
}

static problem problem_new(const ff_kernels *k, size_t m, size_t n_k, size_t n)
{
    problem p = {.k = k, .m = m, .n_k = n_k, .n = n};
    p.x = random_floats(m * n_k, MISALIGN);
    p.w = random_floats(n_k * n, 0);
    p.bias = random_floats(n, 0);
    p.dy = random_floats(m * n, MISALIGN);
    p.packed = check_alloc(ff_packed_size(n_k, n, k->nr) * sizeof(float), 0);
    k->pack(p.w.p, n_k, n, p.packed.p);
    p.rows = malloc(m * sizeof *p.rows);
    for (size_t r = 0; r < m; r++) p.rows[r] = floats(&p.x) + r * n_k;
    const size_t d[FF_MAX_DIMS] = {n_k, n};
    size_t bytes = 0;
    for (int op = FF_OP_DENSE; op <= FF_OP_DENSE_DB; op++)
        if (ff_scratch_bytes(op, d, m, k->nr) > bytes) bytes = ff_scratch_bytes(op, d, m, k->nr);
    p.scratch = check_alloc(bytes, 0);
    return p;
}

static void problem_free(problem *p)
{
    check_free(&p->x, "x");
    check_free(&p->w, "w");
    check_free(&p->packed, "packed w");
    check_free(&p->bias, "bias");
    check_free(&p->dy, "dy");
    check_free(&p->scratch, "scratch");
    free(p->rows);
}

static ff_args args_of(const problem *p)
{
    ff_args a = {.d = {p->n_k, p->n}, .nrows = p->m, .r1 = p->m, .u1 = p->n, .k1 = p->n_k};
    a.scratch = p->scratch.p;
    a.k = p->k;
    return a;
}

/* The end of a tile that begins at `from`: a multiple of `step`, or `to`. */
static size_t cut(size_t from, size_t to, size_t step)
{
    const size_t steps = (to - from + step - 1) / step;
    const size_t end = from + step * (1 + check_random() % steps);
    return end < to ? end : to;
}

/* Runs op in tiles of random size, in random order of the two directions. */
static void run_tiles(const problem *p, int op, ff_args a)
{
    const int weight = op == FF_OP_DENSE_DW || op == FF_OP_DENSE_DB || op == FF_OP_DENSE_DW_SUM;
    const size_t rows = op == FF_OP_DENSE_DB ? 1 : weight ? p->n_k : p->m;
    const size_t units = op == FF_OP_DENSE_DX ? p->n_k : p->n, unit_step = op == FF_OP_DENSE_DX ? 16 : p->k->nr;
    for (size_t u = 0, u1; u < units; u = u1) {
        u1 = cut(u, units, unit_step);
        for (size_t r = 0, r1; r < rows; r = r1) {
            r1 = cut(r, rows, weight ? 16 : 1);
            a.u0 = u;
            a.u1 = u1;
            if (weight) a.k0 = r, a.k1 = r1;
            else a.r0 = r, a.r1 = r1;
            p->k->fn[op](&a);
        }
    }
}

static void same_bits(const problem *p, const char *what, const float *y, const float *expected, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (memcmp(y + i, expected + i, sizeof *y)) {
            check_fail("%s %s (%zu,%zu,%zu): [%zu] is %.9g, not %.9g", p->k->isa, what, p->m, p->n_k, p->n, i,
                       (double)y[i], (double)expected[i]);
            return;
        }
}

/* |y - truth| <= bound, which is what a chain of `length` roundings may do */
static int near(double y, double truth, double magnitude, size_t length)
{
    return fabs(y - truth) <= 0x1p-23 * (magnitude * (double)(length + 2) + 1e-30);
}

static void check_pack(const problem *p)
{
    const float *const packed = p->packed.p;
    const size_t nr = p->k->nr;
    int good = 1;
    for (size_t u = 0; u < (p->n + nr - 1) / nr * nr; u++)
        for (size_t i = 0; i < p->n_k; i++)
            good &= packed[(u / nr * p->n_k + i) * nr + u % nr] == (u < p->n ? floats(&p->w)[i * p->n + u] : 0.0f);
    CHECK(good, "%s pack (%zu,%zu)", p->k->isa, p->n_k, p->n);
    check_buffer back = check_alloc(p->n_k * p->n * sizeof(float), MISALIGN);
    p->k->unpack(packed, p->n_k, p->n, back.p);
    same_bits(p, "unpack", back.p, p->w.p, p->n_k * p->n);
    check_free(&back, "unpacked w");
}

static void check_dense(const problem *p)
{
    const size_t m = p->m, n = p->n, n_k = p->n_k;
    check_buffer y = check_alloc(m * n * sizeof(float), MISALIGN), z = check_alloc(m * n * sizeof(float), MISALIGN);
    ff_args a = args_of(p);
    a.p[0] = p->x.p;
    a.p[1] = p->packed.p;
    a.p[2] = p->bias.p;
    a.p[3] = y.p;
    p->k->fn[FF_OP_DENSE](&a);
    int good = 1;
    for (size_t r = 0; r < m && good; r++)
        for (size_t u = 0; u < n && good; u++) {
            double sum = 0, magnitude = 0;
            for (size_t i = 0; i < n_k; i++) {
                const double term = (double)floats(&p->x)[r * n_k + i] * (double)floats(&p->w)[i * n + u];
                sum += term;
                magnitude += fabs(term);
            }
            sum += (double)floats(&p->bias)[u];
            good = near((double)floats(&y)[r * n + u], sum, magnitude + 1, n_k);
            CHECK(good, "%s dense (%zu,%zu,%zu): [%zu,%zu] is %g, not %g", p->k->isa, m, n_k, n, r, u,
                  (double)floats(&y)[r * n + u], sum);
        }
    a.p[3] = z.p;
    a.p[0] = NULL;
    a.rows = p->rows;
    run_tiles(p, FF_OP_DENSE, a);
    same_bits(p, "dense in tiles, by addresses", z.p, y.p, m * n);
    for (size_t r = 0; r < m; r += 1 + m / 7) { /* a row alone */
        ff_args one = a;
        one.nrows = one.r1 = 1;
        one.rows = p->rows + r;
        one.p[3] = floats(&z) + r * n;
        p->k->fn[FF_OP_DENSE](&one);
    }
    same_bits(p, "dense of a row alone", z.p, y.p, m * n);
    const int acts[] = {FF_OP_RELU, FF_OP_TANH};
    for (size_t i = 0; i < 2; i++) {
        a.act = p->k->unary[acts[i]];
        a.d[2] = (size_t)acts[i];
        run_tiles(p, FF_OP_DENSE, a);
        check_buffer t = check_alloc(m * n * sizeof(float), 0);
        a.act(y.p, t.p, m * n);
        same_bits(p, i ? "dense with tanh" : "dense with relu", z.p, t.p, m * n);
        check_free(&t, "activated y");
    }
    a.act = NULL;
    a.p[2] = NULL;
    run_tiles(p, FF_OP_DENSE, a);
    for (size_t i = 0; i < m * n; i++) floats(&z)[i] += floats(&p->bias)[i % n];
    same_bits(p, "dense without bias", z.p, y.p, m * n);
    check_free(&y, "y");
    check_free(&z, "y of tiles");
}

static void check_dx(const problem *p)
{
    const size_t m = p->m, n = p->n, n_k = p->n_k;
    check_buffer dx = check_alloc(m * n_k * sizeof(float), MISALIGN);
    check_buffer z = check_alloc(m * n_k * sizeof(float), MISALIGN);
    ff_args a = args_of(p);
    a.p[0] = p->dy.p;
    a.p[1] = p->packed.p;
    a.p[2] = dx.p;
    a.u1 = n_k;
    p->k->fn[FF_OP_DENSE_DX](&a);
    int good = 1;
    for (size_t r = 0; r < m && good; r++)
        for (size_t i = 0; i < n_k && good; i++) {
            double sum = 0, magnitude = 0;
            for (size_t u = 0; u < n; u++) {
                const double term = (double)floats(&p->dy)[r * n + u] * (double)floats(&p->w)[i * n + u];
                sum += term;
                magnitude += fabs(term);
            }
            good = near((double)floats(&dx)[r * n_k + i], sum, magnitude, n);
            CHECK(good, "%s dense_dx (%zu,%zu,%zu): [%zu,%zu] is %g, not %g", p->k->isa, m, n_k, n, r, i,
                  (double)floats(&dx)[r * n_k + i], sum);
        }
    a.p[2] = z.p;
    run_tiles(p, FF_OP_DENSE_DX, a);
    same_bits(p, "dense_dx in tiles", z.p, dx.p, m * n_k);
    for (size_t r = 0; r < m; r += 1 + m / 7) {
        ff_args one = a;
        one.nrows = one.r1 = 1;
        one.p[0] = floats(&p->dy) + r * n;
        one.p[2] = floats(&z) + r * n_k;
        p->k->fn[FF_OP_DENSE_DX](&one);
    }
    same_bits(p, "dense_dx of a row alone", z.p, dx.p, m * n_k);
    check_free(&dx, "dx");
    check_free(&z, "dx of tiles");
}

/* An optimizer whose result shows every gradient that it got, and how often. */
static void opt_probe(float *w, float *const *s, const float *g, size_t n, const float *c)
{
    for (size_t i = 0; i < n; i++) {
        w[i] -= c[0] * g[i];
        s[0][i] += g[i];
        s[1][i] += g[i] * g[i];
    }
}

/* g against sums in double; db: of dy's rows alone. */
static void gradient_is_right(const problem *p, const char *name, const float *g, size_t n_k, size_t count, int db)
{
    const size_t m = p->m, n = p->n, nr = p->k->nr;
    int good = 1;
    for (size_t i = 0; i < count && good; i++) {
        const size_t k = db ? 0 : i / nr % n_k, u = db ? i : i / nr / n_k * nr + i % nr;
        double sum = 0, magnitude = 0;
        for (size_t r = 0; r < m && u < n; r++) {
            const double term = (db ? 1 : (double)floats(&p->x)[r * n_k + k]) * (double)floats(&p->dy)[r * n + u];
            sum += term;
            magnitude += fabs(term);
        }
        good = near((double)g[i], sum, magnitude, m);
        if (u >= n) good = g[i] == 0.0f; /* padding */
        CHECK(good, "%s %s (%zu,%zu,%zu): [%zu,%zu] is %g, not %g", p->k->isa, name, m, n_k, n, k, u, (double)g[i],
              sum);
    }
}

/* Weight (DENSE_DW) or bias (DENSE_DB) gradient in the three modes. */
static void check_gradient(const problem *p, int op)
{
    const int db = op == FF_OP_DENSE_DB;
    const size_t m = p->m, n = p->n, n_k = db ? 1 : p->n_k, nr = p->k->nr;
    const size_t count = db ? n : ff_packed_size(n_k, n, nr), bytes = count * sizeof(float);
    const char *const name = db ? "dense_db" : "dense_dw";
    check_buffer g = check_alloc(bytes, db ? MISALIGN : 0), z = check_alloc(bytes, 0);
    ff_args a = args_of(p);
    void **const out = a.p + (db ? 1 : 2); /* g w s0 s1 s2 */
    if (db) a.d[0] = a.k1 = 1;
    a.p[0] = db ? p->dy.p : p->x.p;
    if (!db) a.p[1] = p->dy.p;
    out[0] = g.p;
    p->k->fn[op](&a);
    gradient_is_right(p, name, floats(&g), n_k, count, db);

    if (!db) {
        a.p[0] = NULL;
        a.rows = a.next_rows = p->rows;
        a.next_count = check_random() % 2 ? m : m / 2;
    }
    out[0] = z.p;
    run_tiles(p, op, a);
    same_bits(p, name, z.p, g.p, count);

    a.d[2] = 1;
    memset(z.p, 0, bytes);
    run_tiles(p, op, a);
    run_tiles(p, op, a);
    check_buffer t = check_alloc(bytes, 0);
    for (size_t i = 0; i < count; i++) floats(&t)[i] = floats(&g)[i] + floats(&g)[i];
    same_bits(p, "gradient added", z.p, t.p, count);

    a.d[2] = 2;
    a.d[3] = FF_OP_SGD;
    a.opt = opt_probe;
    const float constants[FF_OPT_CONSTS] = {0.25f};
    a.opt_c = constants;
    check_buffer s0 = check_alloc(bytes, 0), s1 = check_alloc(bytes, 0);
    float *const slots[2] = {s0.p, s1.p};
    memset(s0.p, 0, bytes);
    memset(s1.p, 0, bytes);
    memcpy(t.p, db ? p->bias.p : p->packed.p, bytes);
    opt_probe(t.p, slots, g.p, count, constants);
    check_buffer e0 = check_alloc(bytes, 0), e1 = check_alloc(bytes, 0);
    memcpy(e0.p, s0.p, bytes);
    memcpy(e1.p, s1.p, bytes);
    memset(s0.p, 0, bytes);
    memset(s1.p, 0, bytes);
    memcpy(z.p, db ? p->bias.p : p->packed.p, bytes);
    out[0] = NULL;
    out[1] = z.p;
    out[2] = s0.p;
    out[3] = s1.p;
    run_tiles(p, op, a);
    same_bits(p, "optimized weight", z.p, t.p, count);
    same_bits(p, "slot 0", s0.p, e0.p, count);
    same_bits(p, "slot 1", s1.p, e1.p, count);
    check_buffer *const all[] = {&g, &z, &t, &s0, &s1, &e0, &e1};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) check_free(all[i], name);
}

/* The same by blocks of rows: tiles are whole blocks. */
static void check_parts(const problem *p, int db)
{
    enum { BLOCK = 32 };
    const size_t m = p->m, n = p->n, n_k = db ? 1 : p->n_k, nr = p->k->nr, packed = ff_packed_size(n_k, n, nr);
    const size_t count = db ? n : packed, floats_per_row = (packed + BLOCK - 1) / BLOCK, blocks = (m + BLOCK - 1) / BLOCK;
    const char *const name = db ? "dense_db_sum" : "dense_dw_sum";
    check_buffer parts = check_alloc(blocks * BLOCK * floats_per_row * sizeof(float), 0);
    check_buffer g = check_alloc(count * sizeof(float), 0), z = check_alloc(count * sizeof(float), 0);
    for (int turn = 0; turn < 2; turn++) {
        ff_args a = args_of(p);
        a.d[0] = n_k;
        a.d[2] = floats_per_row;
        a.d[3] = BLOCK;
        a.p[0] = db || turn ? NULL : p->x.p;
        a.rows = db || !turn ? NULL : p->rows;
        a.p[1] = p->dy.p;
        a.p[2] = parts.p;
        for (size_t r = 0, r1; r < m; r = r1) {
            r1 = turn ? cut(r, m, BLOCK) : m;
            a.r0 = r;
            a.r1 = r1;
            p->k->fn[FF_OP_DENSE_DW_PART](&a);
        }
        ff_args s = args_of(p);
        memset(s.p, 0, sizeof s.p);
        s.d[0] = s.k1 = n_k;
        s.d[2] = 0;
        s.d[4] = floats_per_row;
        s.d[5] = BLOCK;
        s.p[0] = parts.p;
        s.p[1] = turn ? z.p : g.p;
        if (turn && !db) run_tiles(p, FF_OP_DENSE_DW_SUM, s);
        else p->k->fn[db ? FF_OP_DENSE_DB_SUM : FF_OP_DENSE_DW_SUM](&s);
    }
    same_bits(p, name, z.p, g.p, count);
    gradient_is_right(p, name, floats(&g), n_k, count, db);
    check_buffer *const all[] = {&parts, &g, &z};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) check_free(all[i], name);
}

static void check_size(const ff_kernels *k, size_t m, size_t n_k, size_t n)
{
    problem p = problem_new(k, m, n_k, n);
    check_pack(&p);
    check_dense(&p);
    check_dx(&p);
    check_gradient(&p, FF_OP_DENSE_DW);
    check_gradient(&p, FF_OP_DENSE_DB);
    check_parts(&p, 0);
    check_parts(&p, 1);
    problem_free(&p);
}

/* A program reserves for its longest batch: fewer rows may not need more. */
static void check_scratch(const ff_kernels *k)
{
    static const size_t SIZES[] = {1, 10, 64, 100, 127, 128, 200, 512, 2048};
    const size_t n = sizeof SIZES / sizeof *SIZES;
    for (int op = FF_OP_DENSE; op <= FF_OP_DENSE_DB; op++) {
        for (size_t i = 0; i < n * n; i++) {
            const size_t d[FF_MAX_DIMS] = {SIZES[i / n], SIZES[i % n]};
            size_t before = 0;
            for (size_t rows = 1; rows < 5000; rows += 1 + rows / 16) {
                const size_t bytes = ff_scratch_bytes(op, d, rows, k->nr);
                CHECK(bytes >= before, "op %d of %zu, %zu: %zu bytes of scratch for %zu rows, %zu for fewer", op, d[0], d[1],
                      bytes, rows, before);
                before = bytes;
            }
        }
    }
    check_done("gemm %s: scratch", k->isa);
}

int main(void)
{
    static const size_t EDGES[] = {1,  2,  3,  4,  5,  7,  8,  9,  11, 13, 15, 16, 17,  23,
                                   31, 32, 33, 37, 47, 48, 49, 63, 64, 65, 67, 97, 129, 131};
    const size_t n_edges = sizeof EDGES / sizeof *EDGES;
    const ff_kernels *k;
    for (int i = 0; (k = check_table(i)) != NULL; i++) {
        for (size_t e = 0; e < n_edges; e++) {
            check_size(k, EDGES[e], EDGES[check_random() % n_edges], EDGES[check_random() % n_edges]);
            check_size(k, EDGES[check_random() % n_edges], EDGES[e], EDGES[check_random() % n_edges]);
            check_size(k, EDGES[check_random() % n_edges], EDGES[check_random() % n_edges], EDGES[e]);
        }
        check_done("gemm %s: sizes around tiles", k->isa);
        check_size(k, 37, 257, 300);
        check_size(k, 95, 33, 130);
        check_size(k, 96, 17, 127);
        check_size(k, 1, 300, 257);
        check_done("gemm %s: many panels", k->isa);
        check_size(k, 259, 67, 37);
        check_size(k, 33, 515, 129);
        check_size(k, 35, 37, 519);
        check_size(k, 257, 523, 521);
        check_size(k, 2051, 523, 19);
        check_done("gemm %s: sizes around blocks", k->isa);
        for (size_t n_k = 255; n_k < 304; n_k += 4) check_size(k, 61 + n_k % 89, n_k, EDGES[n_k % n_edges]);
        check_done("gemm %s: sizes around the larger microtiles", k->isa);
        check_scratch(k);
    }
    return check_exit();
}
