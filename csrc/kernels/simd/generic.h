/* The vector API, here in portable C (GCC and Clang vector extensions): 4 lanes.
 *
 *   vf vi vm   vectors of VL floats, VL int32 and VL lane masks
 *   FF_MR      rows of a GEMM microtile
 *   FF_MR2     the same where both operands are packed
 *   FF_NV      vectors of a weight panel: its width is nr = FF_NV * VL units
 *   FF_EMBED   of the FF_MR rows of a microtile, those that do better with v_fma1
 *
 * Loads and stores need 4-byte alignment only. v_tail(n) has lanes [0,n) on, n <= VL;
 * v_loadm reads and v_storem writes lanes that are on and touches no other memory.
 * v_fma(a,b,c) = a b + c, v_fnma = c - a b, v_fms = a b - c: one rounding everywhere
 * but here, where the machine may lack it: two. v_fma1(p,b,c) = v_fma(v_set1(*p),b,c).
 * v_min(a,b) = a < b ? a : b and v_max(a,b) = a > b ? a : b: with a nan, b.
 * v_recip(x) is within 1 ulp, 0 and infinity become each other. v_fast_sqrt(x) is
 * within 1 ulp for x >= 0; below, anything. v_recip_root(x, c) =
 * 1 / (2 sqrt(x) + c) for x >= 0 and c > 0; it may be 0 where x is 0. Comparisons with nan are false.
 * v_many: is any lane on? v_round ties to even, v_toi does the same for |x| < 2^31.
 * vi_shr shifts in zeros; the count is a constant. vi_mul_wide: the
 * upper halves of the products of unsigned lanes, all of one factor; low gets the lower.
 * v_hsum and v_hmax fold halves onto each other until one lane is left.
 * v_transpose(r): r[i][j] and r[j][i] change places. v_load_transpose(p, step, r) does so
 * while loading row i from p + i * step.
 * v_prefetch brings a line to L1, v_prefetch2 to L2; any address will do. */
#ifndef FF_SIMD_H
#define FF_SIMD_H
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define VL 4
#define FF_MR 4
#define FF_MR2 4
#define FF_NV 2
#define FF_EMBED 0
#define V_INLINE static inline __attribute__((always_inline, unused))

typedef float vf __attribute__((vector_size(16)));
typedef int32_t vi __attribute__((vector_size(16)));
typedef vi vm; /* all bits of a lane set or clear */
typedef uint32_t ff_vu __attribute__((vector_size(16)));

V_INLINE vi v_asi(vf a) { return (vi)a; }
V_INLINE vf v_asf(vi a) { return (vf)a; }

V_INLINE vf v_load(const float *p)
{
    vf v;
    memcpy(&v, p, sizeof v);
    return v;
}
V_INLINE void v_store(float *p, vf v) { memcpy(p, &v, sizeof v); }
V_INLINE vf v_set1(float x) { return (vf){x, x, x, x}; }
V_INLINE vf v_zero(void) { return (vf){0, 0, 0, 0}; }
V_INLINE vm v_tail(size_t n)
{
    const int32_t c = (int32_t)n;
    return (vi){c, c, c, c} > (vi){0, 1, 2, 3};
}
V_INLINE vf v_loadm(const float *p, vm m)
{
    return (vf){m[0] ? p[0] : 0, m[1] ? p[1] : 0, m[2] ? p[2] : 0, m[3] ? p[3] : 0};
}
V_INLINE void v_storem(float *p, vm m, vf v)
{
    if (m[0]) p[0] = v[0];
    if (m[1]) p[1] = v[1];
    if (m[2]) p[2] = v[2];
    if (m[3]) p[3] = v[3];
}

V_INLINE vf v_sel(vm m, vf a, vf b) { return v_asf((m & v_asi(a)) | (~m & v_asi(b))); }
V_INLINE vf v_add(vf a, vf b) { return a + b; }
V_INLINE vf v_sub(vf a, vf b) { return a - b; }
V_INLINE vf v_mul(vf a, vf b) { return a * b; }
V_INLINE vf v_div(vf a, vf b) { return a / b; }
V_INLINE vf v_fma(vf a, vf b, vf c) { return a * b + c; }
V_INLINE vf v_fnma(vf a, vf b, vf c) { return c - a * b; }
V_INLINE vf v_fms(vf a, vf b, vf c) { return a * b - c; }
V_INLINE vf v_fma1(const float *p, vf b, vf c) { return v_fma(v_set1(*p), b, c); }
V_INLINE vf v_min(vf a, vf b) { return v_sel(a < b, a, b); }
V_INLINE vf v_max(vf a, vf b) { return v_sel(a > b, a, b); }
V_INLINE vf v_neg(vf a) { return -a; }
V_INLINE vf v_abs(vf a) { return v_asf(v_asi(a) & INT32_MAX); }
V_INLINE vf v_sqrt(vf a) { return (vf){sqrtf(a[0]), sqrtf(a[1]), sqrtf(a[2]), sqrtf(a[3])}; }
V_INLINE vf v_recip(vf x) { return v_set1(1.0f) / x; }
V_INLINE vf v_fast_sqrt(vf x) { return v_sqrt(x); }
V_INLINE vf v_recip_root(vf x, vf c) { return v_recip(v_fma(v_set1(2.0f), v_fast_sqrt(x), c)); }

V_INLINE vm v_lt(vf a, vf b) { return a < b; }
V_INLINE vm v_le(vf a, vf b) { return a <= b; }
V_INLINE vm v_gt(vf a, vf b) { return a > b; }
V_INLINE vm v_ge(vf a, vf b) { return a >= b; }
V_INLINE vm v_eq(vf a, vf b) { return a == b; }
V_INLINE vm v_isnan(vf a) { return a != a; }
V_INLINE vm v_mand(vm a, vm b) { return a & b; }
V_INLINE vm v_mor(vm a, vm b) { return a | b; }
V_INLINE vm v_mnot(vm a) { return ~a; }
V_INLINE int v_many(vm m) { return (m[0] | m[1] | m[2] | m[3]) != 0; }

/* Adding 2^23 leaves no room for a fraction; larger values (and nan) have none. */
V_INLINE vf v_round(vf a)
{
    const vi sign = v_asi(a) & INT32_MIN;
    const vf two23 = v_set1(8388608.0f), x = v_abs(a);
    return v_sel(x < two23, v_asf(v_asi((x + two23) - two23) | sign), a);
}
V_INLINE vf v_floor(vf a)
{
    const vf r = v_round(a);
    return v_sel(r > a, r - v_set1(1.0f), r);
}
V_INLINE vi v_toi(vf a) { return __builtin_convertvector(v_round(a), vi); }
V_INLINE vf v_tof(vi a) { return __builtin_convertvector(a, vf); }
V_INLINE vi vi_set1(int32_t x) { return (vi){x, x, x, x}; }
/* through unsigned lanes: wrapping is meant */
V_INLINE vi vi_add(vi a, vi b) { return (vi)((ff_vu)a + (ff_vu)b); }
V_INLINE vi vi_sub(vi a, vi b) { return (vi)((ff_vu)a - (ff_vu)b); }
V_INLINE vi vi_and(vi a, vi b) { return a & b; }
V_INLINE vi vi_or(vi a, vi b) { return a | b; }
V_INLINE vi vi_xor(vi a, vi b) { return a ^ b; }
V_INLINE vi vi_mul_wide(vi a, uint32_t factor, vi *low)
{
    const ff_vu u = (ff_vu)a;
    ff_vu high;
    for (int i = 0; i < VL; i++) high[i] = (uint32_t)((uint64_t)u[i] * factor >> 32);
    *low = (vi)(u * factor);
    return (vi)high;
}
#define vi_shl(v, n) ((vi)((ff_vu)(v) << (n)))
#define vi_shr(v, n) ((vi)((ff_vu)(v) >> (n)))

V_INLINE float v_hsum(vf v) { return (v[0] + v[2]) + (v[1] + v[3]); }
V_INLINE float v_hmax(vf v)
{
    const float x = v[0] > v[2] ? v[0] : v[2], y = v[1] > v[3] ? v[1] : v[3];
    return x > y ? x : y;
}

V_INLINE void v_transpose(vf r[VL])
{
    const vf a = r[0], b = r[1], c = r[2], d = r[3];
    r[0] = (vf){a[0], b[0], c[0], d[0]};
    r[1] = (vf){a[1], b[1], c[1], d[1]};
    r[2] = (vf){a[2], b[2], c[2], d[2]};
    r[3] = (vf){a[3], b[3], c[3], d[3]};
}

V_INLINE void v_load_transpose(const float *p, size_t step, vf r[VL])
{
    for (size_t i = 0; i < VL; i++) r[i] = v_load(p + i * step);
    v_transpose(r);
}

V_INLINE void v_prefetch(const void *p) { __builtin_prefetch(p, 0, 3); }
V_INLINE void v_prefetch2(const void *p) { __builtin_prefetch(p, 0, 2); }

#endif
