/* AVX-512 (F, DQ, BW, VL): 16 lanes. The API is described in generic.h. */
#ifndef FF_SIMD_H
#define FF_SIMD_H
#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#define VL 16
#define FF_MR 8
#define FF_MR2 12
#define FF_NV 2
#define FF_EMBED 5
#define V_INLINE static inline __attribute__((always_inline, unused))

typedef __m512 vf;
typedef __m512i vi;
typedef __mmask16 vm;

V_INLINE vf v_load(const float *p) { return _mm512_loadu_ps(p); }
V_INLINE void v_store(float *p, vf v) { _mm512_storeu_ps(p, v); }
V_INLINE vf v_set1(float x) { return _mm512_set1_ps(x); }
V_INLINE vf v_zero(void) { return _mm512_setzero_ps(); }
V_INLINE vm v_tail(size_t n) { return (vm)((1u << n) - 1u); }
V_INLINE vf v_loadm(const float *p, vm m) { return _mm512_maskz_loadu_ps(m, p); }
V_INLINE void v_storem(float *p, vm m, vf v) { _mm512_mask_storeu_ps(p, m, v); }

V_INLINE vf v_add(vf a, vf b) { return _mm512_add_ps(a, b); }
V_INLINE vf v_sub(vf a, vf b) { return _mm512_sub_ps(a, b); }
V_INLINE vf v_mul(vf a, vf b) { return _mm512_mul_ps(a, b); }
V_INLINE vf v_div(vf a, vf b) { return _mm512_div_ps(a, b); }
V_INLINE vf v_fma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }
V_INLINE vf v_fnma(vf a, vf b, vf c) { return _mm512_fnmadd_ps(a, b, c); }
V_INLINE vf v_fms(vf a, vf b, vf c) { return _mm512_fmsub_ps(a, b, c); }
/* The broadcast as part of the FMA: no micro-op of its own. Compilers would share one
 * load among several FMAs, and then the front end is what limits a GEMM. */
V_INLINE vf v_fma1(const float *p, vf b, vf c)
{
#if defined(__SANITIZE_ADDRESS__)
    return v_fma(v_set1(*p), b, c);
#else
    __asm__("vfmadd231ps %2%{1to16%}, %1, %0" : "+v"(c) : "v"(b), "m"(*p));
    return c;
#endif
}
V_INLINE vf v_min(vf a, vf b) { return _mm512_min_ps(a, b); }
V_INLINE vf v_max(vf a, vf b) { return _mm512_max_ps(a, b); }
V_INLINE vf v_neg(vf a) { return _mm512_xor_ps(a, _mm512_set1_ps(-0.0f)); }
V_INLINE vf v_abs(vf a) { return _mm512_abs_ps(a); }
V_INLINE vf v_sqrt(vf a) { return _mm512_sqrt_ps(a); }

/* One Newton step from 14 bits. For 0, denormals whose reciprocal overflows, and
 * infinity the step is nan or infinite while the estimate is already exact. */
V_INLINE vf v_recip(vf x)
{
    const vf r = _mm512_rcp14_ps(x);
    const vf e = _mm512_fnmadd_ps(x, r, _mm512_set1_ps(1.0f));
    const vm ok = _mm512_cmp_ps_mask(e, _mm512_set1_ps(-1.0f), _CMP_GT_OQ);
    return _mm512_mask_fmadd_ps(r, ok, e, r);
}

/* One coupled Newton step; written with x y y / 2 near 1/2, so that denormals lose nothing. */
V_INLINE vf v_fast_sqrt(vf x)
{
    const vf y = _mm512_rsqrt14_ps(x);
    const vf s = _mm512_mul_ps(x, y);
    const vf e = _mm512_fnmadd_ps(s, _mm512_mul_ps(y, _mm512_set1_ps(0.5f)), _mm512_set1_ps(0.5f));
    const vm bad = _mm512_cmp_ps_mask(e, e, _CMP_UNORD_Q);
    return _mm512_mask_mov_ps(_mm512_fmadd_ps(s, e, s), bad, x);
}

/* A Newton step for the root, of which it gives twice with the sum as part of it, and one for the
 * reciprocal. Both are nan for 0 and infinity: one instruction puts 0 there. */
V_INLINE vf v_recip_root(vf x, vf c)
{
    const vf y = _mm512_rsqrt14_ps(x);
    const vf s = _mm512_mul_ps(x, y);
    const vf d = _mm512_fmadd_ps(s, _mm512_fnmadd_ps(s, y, _mm512_set1_ps(3.0f)), c);
    const vf r = _mm512_rcp14_ps(d);
    const vf q = _mm512_fmadd_ps(_mm512_fnmadd_ps(d, r, _mm512_set1_ps(1.0f)), r, r);
    return _mm512_fixupimm_ps(q, x, _mm512_set1_epi32(0x00800800), 0); /* 4 bits each: +infinity and zero give +0 */
}

V_INLINE vm v_lt(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
V_INLINE vm v_le(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_LE_OQ); }
V_INLINE vm v_gt(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ); }
V_INLINE vm v_ge(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_GE_OQ); }
V_INLINE vm v_eq(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ); }
V_INLINE vm v_isnan(vf a) { return _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q); }
V_INLINE vf v_sel(vm m, vf a, vf b) { return _mm512_mask_mov_ps(b, m, a); }
V_INLINE vm v_mand(vm a, vm b) { return (vm)(a & b); }
V_INLINE vm v_mor(vm a, vm b) { return (vm)(a | b); }
V_INLINE vm v_mnot(vm a) { return (vm)~a; }
V_INLINE int v_many(vm m) { return m != 0; }

V_INLINE vf v_round(vf a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
V_INLINE vf v_floor(vf a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC); }
V_INLINE vi v_toi(vf a) { return _mm512_cvtps_epi32(a); }
V_INLINE vf v_tof(vi a) { return _mm512_cvtepi32_ps(a); }
V_INLINE vi vi_set1(int32_t x) { return _mm512_set1_epi32(x); }
V_INLINE vi vi_add(vi a, vi b) { return _mm512_add_epi32(a, b); }
V_INLINE vi vi_sub(vi a, vi b) { return _mm512_sub_epi32(a, b); }
V_INLINE vi vi_and(vi a, vi b) { return _mm512_and_si512(a, b); }
V_INLINE vi vi_or(vi a, vi b) { return _mm512_or_si512(a, b); }
V_INLINE vi vi_xor(vi a, vi b) { return _mm512_xor_si512(a, b); }
V_INLINE vi vi_mul_wide(vi a, uint32_t factor, vi *low)
{
    const vi f = _mm512_set1_epi32((int32_t)factor);
    const vi even = _mm512_mul_epu32(a, f), odd = _mm512_mul_epu32(_mm512_srli_epi64(a, 32), f);
    *low = _mm512_mask_blend_epi32(0xaaaa, even, _mm512_slli_epi64(odd, 32));
    return _mm512_mask_blend_epi32(0xaaaa, _mm512_srli_epi64(even, 32), odd);
}
#define vi_shl(v, n) _mm512_slli_epi32((v), (n))
#define vi_shr(v, n) _mm512_srli_epi32((v), (n))
V_INLINE vi vi_max(vi a, vi b) { return _mm512_max_epi32(a, b); }
/* table[i mod 32] for each lane: what makes short polynomials by parts pay */
#define FF_TABLE32 1
V_INLINE vf v_table32(const float *table, vi i)
{
    return _mm512_permutex2var_ps(_mm512_loadu_ps(table), i, _mm512_loadu_ps(table + 16));
}
V_INLINE vi v_asi(vf a) { return _mm512_castps_si512(a); }
V_INLINE vf v_asf(vi a) { return _mm512_castsi512_ps(a); }

V_INLINE float v_hsum(vf v)
{
    const __m256 a = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
    const __m128 b = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    const __m128 c = _mm_add_ps(b, _mm_movehl_ps(b, b));
    return _mm_cvtss_f32(_mm_add_ss(c, _mm_shuffle_ps(c, c, 1)));
}

V_INLINE float v_hmax(vf v)
{
    const __m256 a = _mm256_max_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
    const __m128 b = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    const __m128 c = _mm_max_ps(b, _mm_movehl_ps(b, b));
    return _mm_cvtss_f32(_mm_max_ss(c, _mm_shuffle_ps(c, c, 1)));
}

V_INLINE void v_transpose(vf r[VL])
{
    vf t[VL];
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) {
        t[2 * i] = _mm512_unpacklo_ps(r[2 * i], r[2 * i + 1]);
        t[2 * i + 1] = _mm512_unpackhi_ps(r[2 * i], r[2 * i + 1]);
    }
    /* r[4g+c]: column c of every 4x4 block of rows 4g..4g+3 */
#pragma GCC unroll 4
    for (int g = 0; g < 4; g++) {
        const __m512d a = _mm512_castps_pd(t[4 * g]), b = _mm512_castps_pd(t[4 * g + 1]);
        const __m512d c = _mm512_castps_pd(t[4 * g + 2]), d = _mm512_castps_pd(t[4 * g + 3]);
        r[4 * g] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, c));
        r[4 * g + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, c));
        r[4 * g + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(b, d));
        r[4 * g + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(b, d));
    }
    /* then a 4x4 transpose of 128-bit blocks */
#pragma GCC unroll 4
    for (int c = 0; c < 4; c++) {
        const vf lo01 = _mm512_shuffle_f32x4(r[c], r[4 + c], 0x88);
        const vf hi01 = _mm512_shuffle_f32x4(r[c], r[4 + c], 0xdd);
        const vf lo23 = _mm512_shuffle_f32x4(r[8 + c], r[12 + c], 0x88);
        const vf hi23 = _mm512_shuffle_f32x4(r[8 + c], r[12 + c], 0xdd);
        t[c] = _mm512_shuffle_f32x4(lo01, lo23, 0x88);
        t[8 + c] = _mm512_shuffle_f32x4(lo01, lo23, 0xdd);
        t[4 + c] = _mm512_shuffle_f32x4(hi01, hi23, 0x88);
        t[12 + c] = _mm512_shuffle_f32x4(hi01, hi23, 0xdd);
    }
#pragma GCC unroll 16
    for (int i = 0; i < VL; i++) r[i] = t[i];
}

/* The 128-bit steps of the transpose are done by masked loads, which need no shuffle port. */
V_INLINE void v_load_transpose(const float *p, size_t step, vf r[VL])
{
#pragma GCC unroll 4
    for (int q = 0; q < 4; q++, p += 4) {
        vf t[4];
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++) { /* rows i, 4+i, 8+i, 12+i; columns 4q..4q+3 */
            const float *const row = p + (size_t)i * step;
            t[i] = _mm512_castps128_ps512(_mm_loadu_ps(row));
            t[i] = _mm512_mask_broadcast_f32x4(t[i], 0x00f0, _mm_loadu_ps(row + 4 * step));
            t[i] = _mm512_mask_broadcast_f32x4(t[i], 0x0f00, _mm_loadu_ps(row + 8 * step));
            t[i] = _mm512_mask_broadcast_f32x4(t[i], 0xf000, _mm_loadu_ps(row + 12 * step));
        }
        const __m512d a = _mm512_castps_pd(_mm512_unpacklo_ps(t[0], t[1]));
        const __m512d b = _mm512_castps_pd(_mm512_unpackhi_ps(t[0], t[1]));
        const __m512d c = _mm512_castps_pd(_mm512_unpacklo_ps(t[2], t[3]));
        const __m512d d = _mm512_castps_pd(_mm512_unpackhi_ps(t[2], t[3]));
        r[4 * q] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, c));
        r[4 * q + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, c));
        r[4 * q + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(b, d));
        r[4 * q + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(b, d));
    }
}

V_INLINE void v_prefetch(const void *p) { _mm_prefetch((const char *)p, _MM_HINT_T0); }
V_INLINE void v_prefetch2(const void *p) { _mm_prefetch((const char *)p, _MM_HINT_T1); }

#endif
