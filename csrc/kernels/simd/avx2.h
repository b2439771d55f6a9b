/* AVX2 with FMA: 8 lanes. The API is described in generic.h. */
#ifndef FF_SIMD_H
#define FF_SIMD_H
#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#define VL 8
#define FF_MR 6
#define FF_MR2 6
#define FF_NV 2
#define FF_EMBED 0
#define V_INLINE static inline __attribute__((always_inline, unused))

typedef __m256 vf;
typedef __m256i vi;
typedef __m256 vm; /* all bits of a lane set or clear */

V_INLINE vf v_load(const float *p) { return _mm256_loadu_ps(p); }
V_INLINE void v_store(float *p, vf v) { _mm256_storeu_ps(p, v); }
V_INLINE vf v_set1(float x) { return _mm256_set1_ps(x); }
V_INLINE vf v_zero(void) { return _mm256_setzero_ps(); }
V_INLINE vm v_tail(size_t n)
{
    const vi iota = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_castsi256_ps(_mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), iota));
}
V_INLINE vf v_loadm(const float *p, vm m) { return _mm256_maskload_ps(p, _mm256_castps_si256(m)); }
V_INLINE void v_storem(float *p, vm m, vf v) { _mm256_maskstore_ps(p, _mm256_castps_si256(m), v); }

V_INLINE vf v_add(vf a, vf b) { return _mm256_add_ps(a, b); }
V_INLINE vf v_sub(vf a, vf b) { return _mm256_sub_ps(a, b); }
V_INLINE vf v_mul(vf a, vf b) { return _mm256_mul_ps(a, b); }
V_INLINE vf v_div(vf a, vf b) { return _mm256_div_ps(a, b); }
V_INLINE vf v_fma(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }
V_INLINE vf v_fnma(vf a, vf b, vf c) { return _mm256_fnmadd_ps(a, b, c); }
V_INLINE vf v_fms(vf a, vf b, vf c) { return _mm256_fmsub_ps(a, b, c); }
V_INLINE vf v_fma1(const float *p, vf b, vf c) { return v_fma(v_set1(*p), b, c); }
V_INLINE vf v_min(vf a, vf b) { return _mm256_min_ps(a, b); }
V_INLINE vf v_max(vf a, vf b) { return _mm256_max_ps(a, b); }
V_INLINE vf v_neg(vf a) { return _mm256_xor_ps(a, _mm256_set1_ps(-0.0f)); }
V_INLINE vf v_abs(vf a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }
V_INLINE vf v_sqrt(vf a) { return _mm256_sqrt_ps(a); }
V_INLINE vf v_recip(vf x) { return _mm256_div_ps(_mm256_set1_ps(1.0f), x); }
V_INLINE vf v_fast_sqrt(vf x) { return _mm256_sqrt_ps(x); }
V_INLINE vf v_recip_root(vf x, vf c) { return v_recip(v_fma(v_set1(2.0f), v_fast_sqrt(x), c)); }

V_INLINE vm v_lt(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_LT_OQ); }
V_INLINE vm v_le(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_LE_OQ); }
V_INLINE vm v_gt(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_GT_OQ); }
V_INLINE vm v_ge(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_GE_OQ); }
V_INLINE vm v_eq(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_EQ_OQ); }
V_INLINE vm v_isnan(vf a) { return _mm256_cmp_ps(a, a, _CMP_UNORD_Q); }
V_INLINE vf v_sel(vm m, vf a, vf b) { return _mm256_blendv_ps(b, a, m); }
V_INLINE vm v_mand(vm a, vm b) { return _mm256_and_ps(a, b); }
V_INLINE vm v_mor(vm a, vm b) { return _mm256_or_ps(a, b); }
V_INLINE vm v_mnot(vm a) { return _mm256_xor_ps(a, _mm256_castsi256_ps(_mm256_set1_epi32(-1))); }
V_INLINE int v_many(vm m) { return _mm256_movemask_ps(m) != 0; }

V_INLINE vf v_round(vf a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
V_INLINE vf v_floor(vf a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC); }
V_INLINE vi v_toi(vf a) { return _mm256_cvtps_epi32(a); }
V_INLINE vf v_tof(vi a) { return _mm256_cvtepi32_ps(a); }
V_INLINE vi vi_set1(int32_t x) { return _mm256_set1_epi32(x); }
V_INLINE vi vi_add(vi a, vi b) { return _mm256_add_epi32(a, b); }
V_INLINE vi vi_sub(vi a, vi b) { return _mm256_sub_epi32(a, b); }
V_INLINE vi vi_and(vi a, vi b) { return _mm256_and_si256(a, b); }
V_INLINE vi vi_or(vi a, vi b) { return _mm256_or_si256(a, b); }
V_INLINE vi vi_xor(vi a, vi b) { return _mm256_xor_si256(a, b); }
V_INLINE vi vi_mul_wide(vi a, uint32_t factor, vi *low)
{
    const vi f = _mm256_set1_epi32((int32_t)factor);
    const vi even = _mm256_mul_epu32(a, f), odd = _mm256_mul_epu32(_mm256_srli_epi64(a, 32), f);
    *low = _mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xaa);
    return _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xaa);
}
#define vi_shl(v, n) _mm256_slli_epi32((v), (n))
#define vi_shr(v, n) _mm256_srli_epi32((v), (n))
V_INLINE vi v_asi(vf a) { return _mm256_castps_si256(a); }
V_INLINE vf v_asf(vi a) { return _mm256_castsi256_ps(a); }

V_INLINE float v_hsum(vf v)
{
    const __m128 b = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    const __m128 c = _mm_add_ps(b, _mm_movehl_ps(b, b));
    return _mm_cvtss_f32(_mm_add_ss(c, _mm_shuffle_ps(c, c, 1)));
}

V_INLINE float v_hmax(vf v)
{
    const __m128 b = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    const __m128 c = _mm_max_ps(b, _mm_movehl_ps(b, b));
    return _mm_cvtss_f32(_mm_max_ss(c, _mm_shuffle_ps(c, c, 1)));
}

V_INLINE void v_transpose(vf r[VL])
{
    vf t[VL];
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        t[2 * i] = _mm256_unpacklo_ps(r[2 * i], r[2 * i + 1]);
        t[2 * i + 1] = _mm256_unpackhi_ps(r[2 * i], r[2 * i + 1]);
    }
#pragma GCC unroll 2
    for (int g = 0; g < 2; g++) {
        r[4 * g] = _mm256_shuffle_ps(t[4 * g], t[4 * g + 2], 0x44);
        r[4 * g + 1] = _mm256_shuffle_ps(t[4 * g], t[4 * g + 2], 0xee);
        r[4 * g + 2] = _mm256_shuffle_ps(t[4 * g + 1], t[4 * g + 3], 0x44);
        r[4 * g + 3] = _mm256_shuffle_ps(t[4 * g + 1], t[4 * g + 3], 0xee);
    }
#pragma GCC unroll 4
    for (int c = 0; c < 4; c++) {
        t[c] = _mm256_permute2f128_ps(r[c], r[4 + c], 0x20);
        t[4 + c] = _mm256_permute2f128_ps(r[c], r[4 + c], 0x31);
    }
#pragma GCC unroll 8
    for (int i = 0; i < VL; i++) r[i] = t[i];
}

/* The 128-bit step of the transpose is done by loads, which need no shuffle port. */
V_INLINE void v_load_transpose(const float *p, size_t step, vf r[VL])
{
#pragma GCC unroll 2
    for (int q = 0; q < 2; q++, p += 4) {
        vf t[4];
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++) { /* rows i and 4+i; columns 4q..4q+3 */
            const float *const row = p + (size_t)i * step;
            t[i] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(row)), _mm_loadu_ps(row + 4 * step), 1);
        }
        const vf a = _mm256_unpacklo_ps(t[0], t[1]), b = _mm256_unpackhi_ps(t[0], t[1]);
        const vf c = _mm256_unpacklo_ps(t[2], t[3]), d = _mm256_unpackhi_ps(t[2], t[3]);
        r[4 * q] = _mm256_shuffle_ps(a, c, 0x44);
        r[4 * q + 1] = _mm256_shuffle_ps(a, c, 0xee);
        r[4 * q + 2] = _mm256_shuffle_ps(b, d, 0x44);
        r[4 * q + 3] = _mm256_shuffle_ps(b, d, 0xee);
    }
}

V_INLINE void v_prefetch(const void *p) { _mm_prefetch((const char *)p, _MM_HINT_T0); }
V_INLINE void v_prefetch2(const void *p) { _mm_prefetch((const char *)p, _MM_HINT_T1); }

#endif
