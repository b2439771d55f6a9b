/* Largest error, in units in the last place, of the vector functions of every ISA over
 * all float32, against float64 libm.
 *   test_ulp [stride [start [end]]]   bit patterns start, start + stride, ... < end
 * Defaults: 997, 0, 2^32; stride 1 is exhaustive, start and end cut it into parts. */
#include "check.h"

typedef struct row {
    int op;
    const char *name;
    double (*f)(double);
    double bound;
} row;

static double sigmoid(double x) { return x < 0 ? exp(x) / (1.0 + exp(x)) : 1.0 / (1.0 + exp(-x)); }
static double softplus(double x) { return (x > 0 ? x : 0) + log1p(exp(-fabs(x))); }
static double rsqrt(double x) { return 1.0 / sqrt(x); }
static double reciprocal(double x) { return 1.0 / x; }

static const row ROWS[] = {
    {FF_OP_EXP, "exp", exp, 2},           {FF_OP_LOG, "log", log, 2},       {FF_OP_LOG1P, "log1p", log1p, 2},
    {FF_OP_EXPM1, "expm1", expm1, 2},     {FF_OP_TANH, "tanh", tanh, 3},    {FF_OP_SIGMOID, "sigmoid", sigmoid, 2},
    {FF_OP_SOFTPLUS, "softplus", softplus, 2}, {FF_OP_ERF, "erf", erf, 3},  {FF_OP_SQRT, "sqrt", sqrt, 0.501},
    {FF_OP_RSQRT, "rsqrt", rsqrt, 1.5},   {FF_OP_RECIPROCAL, "reciprocal", reciprocal, 0.501},
};
enum { COUNT = sizeof ROWS / sizeof *ROWS, CHUNK = 1024 };

static float from_bits(uint32_t u)
{
    float x;
    memcpy(&x, &u, sizeof x);
    return x;
}

/* Distance of y from the true value in ulp of float32 around the true value; a result
 * that is infinite must be so after rounding, and nan goes with nan only. */
static double ulp_error(float y, double truth)
{
    if (isnan(truth) || isnan(y)) return isnan(truth) && isnan(y) ? 0 : INFINITY;
    if (fabs(truth) >= 0x1.ffffffp127) return (double)y == (truth > 0 ? INFINITY : -INFINITY) ? 0 : INFINITY; /* rounds to it */
    int e;
    frexp(truth, &e);
    if (e < -125) e = -125;
    const double ulp = ldexp(1.0, e - 24);
    if (isinf(y)) { /* as the number after the largest */
        const double next = y > 0 ? 0x1p128 : -0x1p128;
        return fabs(next - truth) / ulp;
    }
    return fabs((double)y - truth) / ulp;
}

int main(int argc, char **argv)
{
    const uint64_t stride = argc > 1 ? strtoull(argv[1], NULL, 0) : 997;
    const uint64_t start = argc > 2 ? strtoull(argv[2], NULL, 0) : 0;
    const uint64_t end = argc > 3 ? strtoull(argv[3], NULL, 0) : (uint64_t)1 << 32;
    double worst[4][COUNT] = {{0}};
    float at[4][COUNT] = {{0}}, got[4][COUNT] = {{0}};
    static float x[CHUNK], y[CHUNK];
    static double truth[CHUNK];
    for (uint64_t u = start; u < end;) {
        size_t n = 0;
        for (; n < CHUNK && u < end; u += stride) x[n++] = from_bits((uint32_t)u);
        for (int f = 0; f < COUNT; f++) {
            for (size_t i = 0; i < n; i++) truth[i] = ROWS[f].f((double)x[i]);
            for (int k = 0; check_table(k); k++) {
                check_table(k)->unary[ROWS[f].op](x, y, n);
                for (size_t i = 0; i < n; i++) {
                    const double e = ulp_error(y[i], truth[i]);
                    if (e > worst[k][f]) {
                        worst[k][f] = e;
                        at[k][f] = x[i];
                        got[k][f] = y[i];
                    }
                }
            }
        }
    }
    for (int k = 0; check_table(k); k++)
        for (int f = 0; f < COUNT; f++) {
            CHECK(worst[k][f] <= ROWS[f].bound, "%s: more than %g ulp", ROWS[f].name, ROWS[f].bound);
            check_done("ulp %-8s %-10s %.3f at %a (%.9g), got %a", check_table(k)->isa, ROWS[f].name, worst[k][f],
                       (double)at[k][f], (double)at[k][f], (double)got[k][f]);
        }
    return check_exit();
}
