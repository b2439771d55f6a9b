/* What each kernel should compute, in float64 and straight from the op table's doc.
 * Inputs are read from a->p; results go to out[i], one array per output operand. */
#ifndef FF_REFERENCE_H
#define FF_REFERENCE_H
#include "check.h"

typedef void reference_fn(const ff_args *a, double *const *out);

typedef struct reference {
    int op;
    reference_fn *fn;
    double ulps;    /* allowed error, in 2^-23 (1 + |truth|), for rows of about 100 */
    float low, high; /* inputs */
} reference;

#define REF(name) static CHECK_UNUSED void ref_##name(const ff_args *a, double *const *out)
#define REF_LETTERS                                                                    \
    const size_t n = a->d[0], rows = a->nrows;                                          \
    (void)n, (void)rows
#define IN(i) ((const float *)a->p[i])
#define FOR_ALL for (size_t i = 0; i < rows * n; i++)
#define FOR_ROWS for (size_t r = 0; r < rows; r++)

/* ---- unary and binary ---- */

static double ref_sigmoid1(double x) { return 1.0 / (1.0 + exp(-x)); }
static double ref_sign1(double x) { return (x > 0) - (x < 0); }

#define REF_UNARY(name, expr)                                                           \
    REF(name)                                                                           \
    {                                                                                   \
        REF_LETTERS;                                                                    \
        FOR_ALL                                                                         \
        {                                                                               \
            const double x = (double)IN(0)[i];                                          \
            out[1][i] = (expr);                                                         \
        }                                                                               \
    }
REF_UNARY(relu, x > 0 ? x : 0)
REF_UNARY(tanh, tanh(x))
REF_UNARY(sigmoid, ref_sigmoid1(x))
REF_UNARY(softplus, log1p(exp(x)))
REF_UNARY(exp, exp(x))
REF_UNARY(log, log(x))
REF_UNARY(log1p, log1p(x))
REF_UNARY(expm1, expm1(x))
REF_UNARY(erf, erf(x))
REF_UNARY(sqrt, sqrt(x))
REF_UNARY(rsqrt, 1.0 / sqrt(x))
REF_UNARY(square, x *x)
REF_UNARY(abs, fabs(x))
REF_UNARY(negative, -x)
REF_UNARY(reciprocal, 1.0 / x)
REF_UNARY(sign, ref_sign1(x))

/* Element (r, i) of an operand broadcast by `mode`. */
static size_t ref_at(size_t mode, size_t r, size_t i, size_t n)
{
    return mode == 0 ? r * n + i : mode == 1 ? i : mode == 2 ? r : 0;
}

#define REF_BINARY(name, expr)                                                          \
    REF(name)                                                                           \
    {                                                                                   \
        REF_LETTERS;                                                                    \
        FOR_ROWS for (size_t i = 0; i < n; i++)                                         \
        {                                                                               \
            const double x = (double)IN(0)[ref_at(a->d[1], r, i, n)];                   \
            const double z = (double)IN(1)[ref_at(a->d[2], r, i, n)];                   \
            out[2][r * n + i] = (expr);                                                 \
        }                                                                               \
    }
REF_BINARY(add, x + z)
REF_BINARY(subtract, x - z)
REF_BINARY(multiply, x *z)
REF_BINARY(divide, x / z)
REF_BINARY(maximum, x > z ? x : z)
REF_BINARY(minimum, x < z ? x : z)
REF_BINARY(relu_grad, x > 0 ? z : 0)
REF_BINARY(tanh_grad, z *(1 - x * x))
REF_BINARY(sigmoid_grad, z *x *(1 - x))

static double ref_mod1(double x, double z) { return x - z * floor(x / z); }
REF_UNARY(floor, floor(x))
REF_UNARY(ceil, ceil(x))
REF_UNARY(trunc, trunc(x))
REF_UNARY(round, nearbyint(x))
REF_UNARY(sin, sin(x))
REF_UNARY(cos, cos(x))
REF_UNARY(tan, tan(x))
REF_UNARY(arcsin, asin(x))
REF_UNARY(arccos, acos(x))
REF_UNARY(arctan, atan(x))
REF_UNARY(sinh, sinh(x))
REF_UNARY(cosh, cosh(x))
REF_UNARY(arcsinh, asinh(x))
REF_UNARY(arccosh, acosh(x))
REF_UNARY(arctanh, atanh(x))
REF_UNARY(cbrt, cbrt(x))
REF_UNARY(erfc, erfc(x))
static double ref_erfinv_of(double x)
{
    if (x == -1 || x == 1) return x * INFINITY;
    double low = -7, high = 7;
    for (int i = 0; i < 70; i++) {
        const double y = (low + high) / 2;
        const int above = x < 0 ? erfc(-y) > 1 + x : erfc(y) < 1 - x;
        *(above ? &high : &low) = y;
    }
    return (low + high) / 2;
}
REF_UNARY(erfinv, ref_erfinv_of(x))
/* The mean of exp(x cos t), which the trapezoid rule gives exactly. */
static double ref_i0_of(double x)
{
    double sum = 0;
    for (int i = 0; i < 400; i++) sum += exp(x * cos(2 * 3.14159265358979323846 * i / 400));
    return sum / 400;
}
REF_UNARY(i0, ref_i0_of(x))
REF_UNARY(exp2, exp2(x))
REF_UNARY(log2, log2(x))
REF_UNARY(log10, log10(x))
REF_UNARY(logical_not, x == 0)
REF_UNARY(isnan, x != x)
REF_UNARY(isinf, isinf(x) != 0)
REF_UNARY(isfinite, isfinite(x) != 0)
REF_BINARY(fmax, x > z ? x : z)
REF_BINARY(fmin, x < z ? x : z)
REF_BINARY(divide_no_nan, z == 0 ? 0 : x / z)
REF_BINARY(logaddexp, log(exp(x) + exp(z)))
REF_BINARY(power, pow(x, z))
REF_BINARY(arctan2, atan2(x, z))
REF_BINARY(hypot, sqrt(x *x + z * z))
REF_BINARY(floor_divide, floor(x / z))
REF_BINARY(mod, ref_mod1(x, z))
REF_BINARY(fmod, fmod(x, z))
REF_BINARY(nextafter, (double)nextafterf((float)x, (float)z))
REF_BINARY(equal, x == z)
REF_BINARY(not_equal, x != z)
REF_BINARY(less, x < z)
REF_BINARY(less_equal, x <= z)
REF_BINARY(greater, x > z)
REF_BINARY(greater_equal, x >= z)
REF_BINARY(logical_and, x != 0 && z != 0)
REF_BINARY(logical_or, x != 0 || z != 0)
REF_BINARY(logical_xor, (x != 0) != (z != 0))

/* ---- int32 ---- */

#define INTS(i) ((const int32_t *)a->p[i])
static double ref_gcd(double x, double z) { return z == 0 ? fabs(x) : ref_gcd(z, fmod(x, z)); }
#define REF_INT(name, ...)                                                              \
    REF(name)                                                                           \
    {                                                                                   \
        REF_LETTERS;                                                                    \
        FOR_ROWS for (size_t i = 0; i < n; i++)                                         \
        {                                                                               \
            const double x = INTS(0)[ref_at(a->d[1], r, i, n)], z = INTS(1)[ref_at(a->d[2], r, i, n)]; \
            const double all[] = {__VA_ARGS__};                                              \
            out[2][r * n + i] = all[a->d[3] < sizeof all / sizeof *all ? a->d[3] : sizeof all / sizeof *all - 1]; \
        }                                                                               \
    }
REF_INT(int_binary, x + z, x - z, x *z, x > z ? x : z, x < z ? x : z, z == 0 ? 0 : floor(x / z), z == 0 ? 0 : ref_mod1(x, z),
        (int32_t)x & (int32_t)z, (int32_t)x | (int32_t)z, (int32_t)x ^ (int32_t)z,
        z < 0 || z > 31 ? 0 : (int32_t)((uint32_t)(int32_t)x << (int32_t)z),
        floor(ldexp(x, z < 0 || z > 31 ? -32 : -(int)z)), ref_gcd(x, z), x == 0 || z == 0 ? 0 : fabs(x * z) / ref_gcd(x, z))
REF_INT(int_compare, x == z, x != z, x < z, x <= z)
REF(to_int)
{
    REF_LETTERS;
    FOR_ALL out[1][i] = trunc((double)IN(0)[i]);
}
REF(to_float)
{
    REF_LETTERS;
    FOR_ALL out[1][i] = INTS(0)[i];
}
static double ref_int_join(size_t which, double x, double z) { return which == 0 ? x + z : (which == 1) == (x > z) ? x : z; }
REF(int_last)
{
    REF_LETTERS;
    FOR_ROWS
    {
        out[1][r] = INTS(0)[r * n];
        for (size_t i = 1; i < n; i++) out[1][r] = ref_int_join(a->d[1], out[1][r], INTS(0)[r * n + i]);
    }
}
REF(int_rows)
{
    REF_LETTERS;
    for (size_t i = 0; i < n; i++) {
        out[1][i] = INTS(0)[i];
        for (size_t r = 1; r < rows; r++) out[1][i] = ref_int_join(a->d[1], out[1][i], INTS(0)[r * n + i]);
    }
}

/* ---- choice and order ---- */

REF(select)
{
    REF_LETTERS;
    FOR_ROWS for (size_t i = 0; i < n; i++) out[3][r * n + i] =
        IN(0)[r * n + i] != 0 ? (double)IN(1)[ref_at(a->d[1], r, i, n)] : (double)IN(2)[ref_at(a->d[2], r, i, n)];
}
REF(pick)
{
    REF_LETTERS;
    const size_t count = a->d[1], run = a->d[2];
    FOR_ROWS for (size_t j = 0; j < count * run; j++)
    {
        const size_t from = (size_t)INTS(1)[j / run];
        out[2][r * count * run + j] = from + run <= n ? (double)IN(0)[r * n + from + j % run] : (double)a->f[0];
    }
}
REF(put)
{
    REF_LETTERS;
    const size_t count = a->d[1], run = a->d[2];
    FOR_ALL out[2][i] = 0;
    FOR_ROWS for (size_t j = 0; j < count * run; j++)
    {
        const size_t to = (size_t)INTS(1)[j / run];
        if (to + run <= n) out[2][r * n + to + j % run] += (double)IN(0)[r * count * run + j];
    }
}
REF(take)
{
    REF_LETTERS;
    FOR_ROWS for (size_t j = r * a->d[1]; j < (r + 1) * a->d[1]; j++) out[2][j] = (double)IN(0)[r * n + (size_t)INTS(1)[j]];
}
REF(take_grad)
{
    REF_LETTERS;
    FOR_ALL out[2][i] = 0;
    FOR_ROWS for (size_t j = r * a->d[1]; j < (r + 1) * a->d[1]; j++) out[2][r * n + (size_t)INTS(1)[j]] += (double)IN(0)[j];
}
REF(lookup)
{
    REF_LETTERS;
    const size_t w = a->d[1];
    FOR_ROWS for (size_t i = 0; i < w; i++) out[2][r * w + i] = (double)IN(0)[(size_t)INTS(1)[r] * w + i];
}
REF(lookup_grad)
{
    REF_LETTERS;
    const size_t w = a->d[1];
    for (size_t i = 0; i < n * w; i++) out[2][i] = 0;
    FOR_ROWS for (size_t i = 0; i < w; i++) out[2][(size_t)INTS(1)[r] * w + i] += (double)IN(0)[r * w + i];
}
REF(one_hot)
{
    REF_LETTERS;
    FOR_ALL out[1][i] = (size_t)INTS(0)[i / n] == i % n;
}
REF(in_top_k)
{
    REF_LETTERS;
    FOR_ROWS
    {
        size_t higher = 0;
        for (size_t i = 0; i < n; i++) higher += IN(0)[r * n + i] > IN(0)[r * n + (size_t)INTS(1)[r]];
        out[2][r] = higher < a->d[1];
    }
}
REF(matmul)
{
    const size_t m = a->d[0], depth = a->d[1], n = a->d[2];
    for (size_t i = 0; i < a->nrows * m * n; i++) {
        const float *const x = IN(0) + i / n * depth, *const z = IN(1) + i / n / m * depth * n + i % n;
        out[2][i] = 0;
        for (size_t t = 0; t < depth; t++) out[2][i] += (double)x[t] * (double)z[t * n];
    }
}

/* ---- data movement and reductions ---- */

REF(copy_cols)
{
    REF_LETTERS;
    FOR_ROWS for (size_t i = 0; i < a->d[4]; i++) out[1][r * a->d[1] + a->d[3] + i] = (double)IN(0)[r * n + a->d[2] + i];
}
REF(fill)
{
    REF_LETTERS;
    FOR_ALL out[0][i] = a->d[1] == 1 ? (double)a->f[0] / (double)rows : (double)a->f[0];
}
static double ref_row_sum(const float *x, size_t n)
{
    double s = 0;
    for (size_t i = 0; i < n; i++) s += (double)x[i];
    return s;
}
static size_t ref_argmax(const float *x, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++) best = x[i] > x[best] ? i : best;
    return best;
}
REF(sum_last)
{
    REF_LETTERS;
    FOR_ROWS out[1][r] = (double)a->f[0] * ref_row_sum(IN(0) + r * n, n);
}
REF(max_last)
{
    REF_LETTERS;
    FOR_ROWS out[1][r] = (double)IN(0)[r * n + ref_argmax(IN(0) + r * n, n)];
}
REF(min_last)
{
    REF_LETTERS;
    FOR_ROWS
    {
        out[1][r] = INFINITY;
        for (size_t i = 0; i < n; i++) out[1][r] = fmin(out[1][r], (double)IN(0)[r * n + i]);
    }
}
REF(prod_last)
{
    REF_LETTERS;
    FOR_ROWS out[1][r] = 1;
    FOR_ALL out[1][i / n] *= (double)IN(0)[i];
}
REF(arg_last)
{
    REF_LETTERS;
    FOR_ROWS
    {
        size_t best = 0;
        for (size_t i = 1; i < n; i++) {
            const float x = IN(0)[r * n + i], y = IN(0)[r * n + best];
            if (a->d[1] ? x < y : x > y) best = i;
        }
        out[1][r] = (double)best;
    }
}
REF(argsort)
{
    REF_LETTERS;
    FOR_ALL
    {
        size_t before = 0;
        const float x = IN(0)[i];
        for (size_t j = i / n * n; j < i / n * n + n; j++) before += IN(0)[j] < x || (IN(0)[j] == x && j < i);
        out[1][i / n * n + before] = (double)(i % n);
    }
}
REF(search)
{
    REF_LETTERS;
    FOR_ALL
    {
        size_t low = 0; /* limits may be in any order here: a bisection of its own */
        for (size_t high = a->d[1]; low < high;) {
            const size_t middle = (low + high) / 2;
            const float limit = IN(1)[middle], x = IN(0)[i];
            if (limit < x || (a->d[2] == 1 && limit == x)) low = middle + 1;
            else high = middle;
        }
        out[2][i] = (double)low;
    }
}
REF(cumulate)
{
    REF_LETTERS;
    const size_t inner = a->d[1];
    for (size_t i = 0; i < rows * n * inner; i++) {
        const double x = (double)IN(0)[i], so_far = i / inner % n ? out[1][i - inner] : x;
        const double joined[] = {so_far + x, so_far * x, fmax(so_far, x), fmin(so_far, x)};
        out[1][i] = i / inner % n ? joined[a->d[2] > 3 ? 0 : a->d[2]] : x;
    }
}
REF(sum_rows)
{
    REF_LETTERS;
    for (size_t i = 0; i < n; i++) {
        double s = 0;
        FOR_ROWS s += (double)IN(0)[r * n + i];
        out[1][i] = s * (double)a->f[0] / (a->d[1] == 1 ? (double)rows : 1.0);
    }
}
REF(extreme_rows)
{
    REF_LETTERS;
    for (size_t i = 0; i < n; i++) {
        out[1][i] = (double)IN(0)[i];
        FOR_ROWS
        {
            const double x = (double)IN(0)[r * n + i];
            out[1][i] = a->d[1] == 1 ? fmin(out[1][i], x) : fmax(out[1][i], x);
        }
    }
}
REF(prod_rows)
{
    REF_LETTERS;
    for (size_t i = 0; i < n; i++) out[1][i] = 1;
    FOR_ALL out[1][i % n] *= (double)IN(0)[i];
}
REF(sum_rows64)
{
    REF_LETTERS;
    for (size_t i = 0; i < n; i++) out[2][i] = 0;
    FOR_ALL out[2][i % n] += (double)IN(0)[i] * (a->p[1] ? (double)IN(1)[i] : 1.0);
}
REF(sum_above64)
{
    REF_LETTERS;
    for (size_t t = 0; t < a->d[1]; t++)
        for (size_t i = 0; i < n; i++) {
            out[3][t * n + i] = 0;
            FOR_ROWS if ((IN(0)[r * n + i] > IN(2)[t]) == !a->d[2]) out[3][t * n + i] += (double)IN(1)[r * n + i];
        }
}
REF(sum_into64)
{
    REF_LETTERS;
    for (size_t i = 0; i < n; i++) out[2][i] = 0;
    FOR_ROWS out[2][INTS(1)[r]] += (double)IN(0)[r];
}
REF(sum_all)
{
    REF_LETTERS;
    out[1][0] = (double)a->f[0] * ref_row_sum(IN(0), rows * n) / (a->d[1] == 1 ? (double)rows : 1.0);
}
REF(sum_all64)
{
    REF_LETTERS;
    out[2][0] = 0;
    FOR_ROWS out[2][0] += ref_row_sum(IN(0) + r * n, n) * (a->p[1] ? (double)IN(1)[r] : 1.0);
}
REF(rows64) { out[0][0] = (double)a->f[0] * (double)a->nrows; }
#define REF_64(name, o, expr)                                                           \
    REF(name)                                                                           \
    {                                                                                   \
        for (size_t i = 0; i < a->d[0]; i++) out[o][i] = (expr);                        \
    }
#define IN64(k) ((const double *)a->p[k])[i]
REF_64(cast64, 1, (double)IN(0)[i])
REF_64(add64, 2, IN64(0) + IN64(1))
REF_64(mul64, 2, IN64(0) * IN64(1))
REF_64(copy64, 1, IN64(0))

/* ---- softmax, losses, metrics ---- */

/* log of the sum of exponentials of a row */
static double ref_lse(const float *z, size_t n)
{
    const double top = (double)z[ref_argmax(z, n)];
    double s = 0;
    for (size_t i = 0; i < n; i++) s += exp((double)z[i] - top);
    return top + log(s);
}
static void ref_softmax_to(const ff_args *a, double *p)
{
    REF_LETTERS;
    FOR_ROWS
    {
        const double lse = ref_lse(IN(0) + r * n, n);
        for (size_t i = 0; i < n; i++) p[r * n + i] = exp((double)IN(0)[r * n + i] - lse);
    }
}
REF(softmax) { ref_softmax_to(a, out[1]); }
REF(softmax_grad)
{
    REF_LETTERS;
    FOR_ROWS
    {
        const float *const y = IN(0) + r * n, *const dy = IN(1) + r * n;
        double dot = 0;
        for (size_t i = 0; i < n; i++) dot += (double)y[i] * (double)dy[i];
        for (size_t i = 0; i < n; i++) out[2][r * n + i] = (double)y[i] * ((double)dy[i] - dot);
    }
}
REF(softmax_ce)
{
    REF_LETTERS;
    ref_softmax_to(a, out[2]);
    FOR_ROWS out[3][r] = ref_lse(IN(0) + r * n, n) - (double)IN(0)[r * n + (size_t)((const int32_t *)a->p[1])[r]];
}
REF(softmax_ce_grad)
{
    REF_LETTERS;
    FOR_ALL out[3][i] = (double)IN(2)[i / n] *
                        ((double)IN(0)[i] - ((size_t)((const int32_t *)a->p[1])[i / n] == i % n ? 1.0 : 0.0));
}
REF(softmax_ce_dense)
{
    REF_LETTERS;
    ref_softmax_to(a, out[2]);
    FOR_ROWS
    {
        const double lse = ref_lse(IN(0) + r * n, n);
        out[3][r] = 0;
        for (size_t i = r * n; i < r * n + n; i++) out[3][r] += (double)IN(1)[i] * (lse - (double)IN(0)[i]);
    }
}
REF(softmax_ce_dense_grad)
{
    REF_LETTERS;
    FOR_ALL out[3][i] = (double)IN(2)[i / n] *
                        ((double)IN(0)[i] * ref_row_sum(IN(1) + i / n * n, n) - (double)IN(1)[i]);
}
REF(sigmoid_bce)
{
    REF_LETTERS;
    FOR_ALL
    {
        const double z = (double)IN(0)[i], t = (double)IN(1)[i];
        out[2][i] = ref_sigmoid1(z);
        out[3][i] = (z > 0 ? z : 0) - z * t + log1p(exp(-fabs(z)));
    }
}
REF(sigmoid_bce_grad)
{
    REF_LETTERS;
    FOR_ALL out[3][i] = (double)IN(2)[i] * ((double)IN(0)[i] - (double)IN(1)[i]);
}
#define REF_ROW_LOSS(name, term)                                                        \
    REF(name)                                                                           \
    {                                                                                   \
        REF_LETTERS;                                                                    \
        FOR_ROWS out[2][r] = 0;                                                         \
        FOR_ALL                                                                         \
        {                                                                               \
            const double d = (double)IN(0)[i] - (double)IN(1)[i];                       \
            out[2][i / n] += (term) / (double)n;                                        \
        }                                                                               \
    }
#define REF_ROW_GRAD(name, slope)                                                       \
    REF(name)                                                                           \
    {                                                                                   \
        REF_LETTERS;                                                                    \
        FOR_ALL                                                                         \
        {                                                                               \
            const double d = (double)IN(0)[i] - (double)IN(1)[i];                       \
            out[3][i] = (double)IN(2)[i / n] * (slope) / (double)n;                     \
        }                                                                               \
    }
REF_ROW_LOSS(squared_error, d *d)
REF_ROW_LOSS(absolute_error, fabs(d))
REF_ROW_GRAD(squared_error_grad, 2 * d)
REF_ROW_GRAD(absolute_error_grad, ref_sign1(d))
REF(hit_sparse)
{
    REF_LETTERS;
    FOR_ROWS out[2][r] = ref_argmax(IN(0) + r * n, n) == (size_t)((const int32_t *)a->p[1])[r];
}
REF(hit_dense)
{
    REF_LETTERS;
    FOR_ROWS out[2][r] = ref_argmax(IN(0) + r * n, n) == ref_argmax(IN(1) + r * n, n);
}
REF(hit_binary)
{
    REF_LETTERS;
    FOR_ROWS out[2][r] = 0;
    FOR_ALL out[2][i / n] += ((IN(0)[i] > a->f[0] ? 1.0f : 0.0f) == IN(1)[i]) / (double)n;
}

/* Every row of the op table but those with tests of their own; the inputs' range is
 * wide where the op can bear it. */
static const reference REFERENCES[] = {
    {FF_OP_RELU, ref_relu, 0, -9, 9},           {FF_OP_TANH, ref_tanh, 3, -9, 9},
    {FF_OP_SIGMOID, ref_sigmoid, 2, -40, 40},   {FF_OP_SOFTPLUS, ref_softplus, 2, -40, 40},
    {FF_OP_EXP, ref_exp, 2, -80, 80},           {FF_OP_LOG, ref_log, 2, 1e-6f, 1e6f},
    {FF_OP_LOG1P, ref_log1p, 2, -0.99f, 9},     {FF_OP_EXPM1, ref_expm1, 2, -9, 9},
    {FF_OP_ERF, ref_erf, 3, -5, 5},             {FF_OP_SQRT, ref_sqrt, 1, 0, 9},
    {FF_OP_RSQRT, ref_rsqrt, 1.5, 0.01f, 9},    {FF_OP_SQUARE, ref_square, 1, -9, 9},
    {FF_OP_ABS, ref_abs, 0, -9, 9},             {FF_OP_NEGATIVE, ref_negative, 0, -9, 9},
    {FF_OP_RECIPROCAL, ref_reciprocal, 1, 0.01f, 9}, {FF_OP_SIGN, ref_sign, 0, -9, 9},
    {FF_OP_ADD, ref_add, 1, -9, 9},             {FF_OP_SUBTRACT, ref_subtract, 1, -9, 9},
    {FF_OP_MULTIPLY, ref_multiply, 1, -9, 9},   {FF_OP_DIVIDE, ref_divide, 1, 0.5f, 9},
    {FF_OP_MAXIMUM, ref_maximum, 0, -9, 9},     {FF_OP_MINIMUM, ref_minimum, 0, -9, 9},
    {FF_OP_RELU_GRAD, ref_relu_grad, 0, -9, 9}, {FF_OP_TANH_GRAD, ref_tanh_grad, 4, -1, 1},
    {FF_OP_SIGMOID_GRAD, ref_sigmoid_grad, 4, 0, 1}, {FF_OP_COPY_COLS, ref_copy_cols, 0, -9, 9},
    {FF_OP_FILL, ref_fill, 1, 0, 1},            {FF_OP_SUM_LAST, ref_sum_last, 40, -1, 1},
    {FF_OP_MAX_LAST, ref_max_last, 0, -9, 9},   {FF_OP_SUM_ROWS, ref_sum_rows, 40, -1, 1},
    {FF_OP_SUM_ALL, ref_sum_all, 1, -1, 1},     {FF_OP_SUM_ALL64, ref_sum_all64, 1e-5, -1, 1},
    {FF_OP_ROWS64, ref_rows64, 0, 0, 1},        {FF_OP_CAST64, ref_cast64, 0, -9, 9},
    {FF_OP_ADD64, ref_add64, 0, -9, 9},         {FF_OP_MUL64, ref_mul64, 0, -9, 9},
    {FF_OP_COPY64, ref_copy64, 0, -9, 9},       {FF_OP_SOFTMAX, ref_softmax, 4, -20, 20},
    {FF_OP_SOFTMAX_GRAD, ref_softmax_grad, 40, 0, 1}, {FF_OP_SOFTMAX_CE, ref_softmax_ce, 4, -20, 20},
    {FF_OP_SOFTMAX_CE_GRAD, ref_softmax_ce_grad, 2, 0, 1},
    {FF_OP_SOFTMAX_CE_DENSE, ref_softmax_ce_dense, 40, 0, 2},
    {FF_OP_SOFTMAX_CE_DENSE_GRAD, ref_softmax_ce_dense_grad, 40, 0, 1},
    {FF_OP_SIGMOID_BCE, ref_sigmoid_bce, 4, -9, 9}, {FF_OP_SIGMOID_BCE_GRAD, ref_sigmoid_bce_grad, 2, -1, 1},
    {FF_OP_SQUARED_ERROR, ref_squared_error, 10, -1, 1},
    {FF_OP_SQUARED_ERROR_GRAD, ref_squared_error_grad, 3, -1, 1},
    {FF_OP_ABSOLUTE_ERROR, ref_absolute_error, 10, -1, 1},
    {FF_OP_ABSOLUTE_ERROR_GRAD, ref_absolute_error_grad, 3, -1, 1},
    {FF_OP_HIT_SPARSE, ref_hit_sparse, 0, -9, 9}, {FF_OP_HIT_DENSE, ref_hit_dense, 0, -9, 9},
    {FF_OP_HIT_BINARY, ref_hit_binary, 1, 0, 1}, {FF_OP_IN_TOP_K, ref_in_top_k, 0, -9, 9},
    {FF_OP_FLOOR, ref_floor, 0, -9, 9},         {FF_OP_CEIL, ref_ceil, 0, -9, 9},
    {FF_OP_TRUNC, ref_trunc, 0, -9, 9},         {FF_OP_ROUND, ref_round, 0, -9, 9},
    {FF_OP_SIN, ref_sin, 2, -90, 90},           {FF_OP_COS, ref_cos, 2, -90, 90},
    {FF_OP_TAN, ref_tan, 4, -1.5f, 1.5f},       {FF_OP_ARCSIN, ref_arcsin, 2, -1, 1},
    {FF_OP_ARCCOS, ref_arccos, 2, -1, 1},       {FF_OP_ARCTAN, ref_arctan, 2, -90, 90},
    {FF_OP_SINH, ref_sinh, 4, -9, 9},           {FF_OP_COSH, ref_cosh, 4, -9, 9},
    {FF_OP_ARCSINH, ref_arcsinh, 4, -90, 90},   {FF_OP_ARCCOSH, ref_arccosh, 4, 1, 90},
    {FF_OP_ARCTANH, ref_arctanh, 4, -0.99f, 0.99f}, {FF_OP_CBRT, ref_cbrt, 2, -90, 90},
    {FF_OP_ERFC, ref_erfc, 4, -4, 4},           {FF_OP_EXP2, ref_exp2, 4, -20, 20},
    {FF_OP_ERFINV, ref_erfinv, 2, -1, 1},       {FF_OP_I0, ref_i0, 2, -80, 80},
    {FF_OP_LOG2, ref_log2, 2, 1e-6f, 1e6f},     {FF_OP_LOG10, ref_log10, 2, 1e-6f, 1e6f},
    {FF_OP_LOGICAL_NOT, ref_logical_not, 0, -9, 9}, {FF_OP_ISNAN, ref_isnan, 0, -9, 9},
    {FF_OP_ISINF, ref_isinf, 0, -9, 9},         {FF_OP_ISFINITE, ref_isfinite, 0, -9, 9},
    {FF_OP_FMAX, ref_fmax, 0, -9, 9},           {FF_OP_FMIN, ref_fmin, 0, -9, 9},
    {FF_OP_DIVIDE_NO_NAN, ref_divide_no_nan, 1, 0.5f, 9}, {FF_OP_LOGADDEXP, ref_logaddexp, 4, -9, 9},
    {FF_OP_POWER, ref_power, 8, 0.1f, 3},       {FF_OP_ARCTAN2, ref_arctan2, 2, -9, 9},
    {FF_OP_HYPOT, ref_hypot, 2, -9, 9},         {FF_OP_FLOOR_DIVIDE, ref_floor_divide, 0, 0.5f, 9},
    {FF_OP_MOD, ref_mod, 2, 0.5f, 9},           {FF_OP_FMOD, ref_fmod, 0, -9, 9},
    {FF_OP_NEXTAFTER, ref_nextafter, 0, -9, 9}, {FF_OP_ARGSORT, ref_argsort, 0, -9, 9},
    {FF_OP_SEARCH, ref_search, 0, -9, 9},
    {FF_OP_EQUAL, ref_equal, 0, -9, 9},         {FF_OP_NOT_EQUAL, ref_not_equal, 0, -9, 9},
    {FF_OP_LESS, ref_less, 0, -9, 9},           {FF_OP_LESS_EQUAL, ref_less_equal, 0, -9, 9},
    {FF_OP_GREATER, ref_greater, 0, -9, 9},     {FF_OP_GREATER_EQUAL, ref_greater_equal, 0, -9, 9},
    {FF_OP_LOGICAL_AND, ref_logical_and, 0, -9, 9}, {FF_OP_LOGICAL_OR, ref_logical_or, 0, -9, 9},
    {FF_OP_LOGICAL_XOR, ref_logical_xor, 0, -9, 9}, {FF_OP_SELECT, ref_select, 0, -9, 9},
    {FF_OP_PICK, ref_pick, 0, -9, 9},           {FF_OP_PUT, ref_put, 10, -1, 1},
    {FF_OP_TAKE, ref_take, 0, -9, 9},           {FF_OP_TAKE_GRAD, ref_take_grad, 10, -1, 1},
    {FF_OP_LOOKUP, ref_lookup, 0, -9, 9},       {FF_OP_LOOKUP_GRAD, ref_lookup_grad, 10, -1, 1},
    {FF_OP_ONE_HOT, ref_one_hot, 0, 0, 1},      {FF_OP_TO_INT, ref_to_int, 0, -90, 90},
    {FF_OP_TO_FLOAT, ref_to_float, 0, 0, 1},    {FF_OP_INT_BINARY, ref_int_binary, 0, 0, 1},
    {FF_OP_INT_COMPARE, ref_int_compare, 0, 0, 1}, {FF_OP_INT_LAST, ref_int_last, 0, 0, 1},
    {FF_OP_INT_ROWS, ref_int_rows, 0, 0, 1},    {FF_OP_MATMUL, ref_matmul, 4, -1, 1},
    {FF_OP_MIN_LAST, ref_min_last, 0, -9, 9},   {FF_OP_PROD_LAST, ref_prod_last, 40, 0.95f, 1.05f},
    {FF_OP_ARG_LAST, ref_arg_last, 0, -9, 9},   {FF_OP_CUMULATE, ref_cumulate, 60, 0.95f, 1.05f},
    {FF_OP_EXTREME_ROWS, ref_extreme_rows, 0, -9, 9}, {FF_OP_PROD_ROWS, ref_prod_rows, 40, 0.95f, 1.05f},
    {FF_OP_SUM_ROWS64, ref_sum_rows64, 1e-6, -1, 1}, {FF_OP_SUM_ABOVE64, ref_sum_above64, 1e-6, -1, 1},
    {FF_OP_SUM_INTO64, ref_sum_into64, 1e-6, -1, 1},
};

#endif
