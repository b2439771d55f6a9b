/* AArch64 Advanced SIMD: 4 lanes. The API is described in generic.h. */
#ifndef FF_SIMD_H
#define FF_SIMD_H
#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>

#define VL 4
#define FF_MR 4
#define FF_MR2 4
#define FF_NV 4
#define FF_EMBED 0
#define V_INLINE static inline __attribute__((always_inline, unused))

typedef float32x4_t vf;
typedef int32x4_t vi;
typedef uint32x4_t vm; /* all bits of a lane set or clear */

V_INLINE vf v_load(const float *p) { return vld1q_f32(p); }
V_INLINE void v_store(float *p, vf v) { vst1q_f32(p, v); }
V_INLINE vf v_set1(float x) { return vdupq_n_f32(x); }
V_INLINE vf v_zero(void) { return vdupq_n_f32(0.0f); }
V_INLINE vm v_tail(size_t n)
{
    static const uint32_t iota[4] = {0, 1, 2, 3};
    return vcltq_u32(vld1q_u32(iota), vdupq_n_u32((uint32_t)n));
}
V_INLINE vf v_loadm(const float *p, vm m)
{
    vf r = vdupq_n_f32(0.0f);
    if (vgetq_lane_u32(m, 0)) r = vld1q_lane_f32(p, r, 0);
    if (vgetq_lane_u32(m, 1)) r = vld1q_lane_f32(p + 1, r, 1);
    if (vgetq_lane_u32(m, 2)) r = vld1q_lane_f32(p + 2, r, 2);
    if (vgetq_lane_u32(m, 3)) r = vld1q_lane_f32(p + 3, r, 3);
    return r;
}
V_INLINE void v_storem(float *p, vm m, vf v)
{
    if (vgetq_lane_u32(m, 0)) vst1q_lane_f32(p, v, 0);
    if (vgetq_lane_u32(m, 1)) vst1q_lane_f32(p + 1, v, 1);
    if (vgetq_lane_u32(m, 2)) vst1q_lane_f32(p + 2, v, 2);
    if (vgetq_lane_u32(m, 3)) vst1q_lane_f32(p + 3, v, 3);
}

V_INLINE vf v_add(vf a, vf b) { return vaddq_f32(a, b); }
V_INLINE vf v_sub(vf a, vf b) { return vsubq_f32(a, b); }
V_INLINE vf v_mul(vf a, vf b) { return vmulq_f32(a, b); }
V_INLINE vf v_div(vf a, vf b) { return vdivq_f32(a, b); }
V_INLINE vf v_fma(vf a, vf b, vf c) { return vfmaq_f32(c, a, b); }
V_INLINE vf v_fnma(vf a, vf b, vf c) { return vfmsq_f32(c, a, b); }
V_INLINE vf v_fms(vf a, vf b, vf c) { return vfmaq_f32(vnegq_f32(c), a, b); }
V_INLINE vf v_fma1(const float *p, vf b, vf c) { return v_fma(v_set1(*p), b, c); }
/* not vminq/vmaxq: those return nan where x86 returns the second operand */
V_INLINE vf v_min(vf a, vf b) { return vbslq_f32(vcltq_f32(a, b), a, b); }
V_INLINE vf v_max(vf a, vf b) { return vbslq_f32(vcgtq_f32(a, b), a, b); }
V_INLINE vf v_neg(vf a) { return vnegq_f32(a); }
V_INLINE vf v_abs(vf a) { return vabsq_f32(a); }
V_INLINE vf v_sqrt(vf a) { return vsqrtq_f32(a); }
V_INLINE vf v_recip(vf x) { return vdivq_f32(vdupq_n_f32(1.0f), x); }
V_INLINE vf v_fast_sqrt(vf x) { return vsqrtq_f32(x); }
V_INLINE vf v_recip_root(vf x, vf c) { return v_recip(v_fma(v_set1(2.0f), v_fast_sqrt(x), c)); }

V_INLINE vm v_lt(vf a, vf b) { return vcltq_f32(a, b); }
V_INLINE vm v_le(vf a, vf b) { return vcleq_f32(a, b); }
V_INLINE vm v_gt(vf a, vf b) { return vcgtq_f32(a, b); }
V_INLINE vm v_ge(vf a, vf b) { return vcgeq_f32(a, b); }
V_INLINE vm v_eq(vf a, vf b) { return vceqq_f32(a, b); }
V_INLINE vm v_isnan(vf a) { return vmvnq_u32(vceqq_f32(a, a)); }
V_INLINE vf v_sel(vm m, vf a, vf b) { return vbslq_f32(m, a, b); }
V_INLINE vm v_mand(vm a, vm b) { return vandq_u32(a, b); }
V_INLINE vm v_mor(vm a, vm b) { return vorrq_u32(a, b); }
V_INLINE vm v_mnot(vm a) { return vmvnq_u32(a); }
V_INLINE int v_many(vm m) { return vmaxvq_u32(m) != 0; }

V_INLINE vf v_round(vf a) { return vrndnq_f32(a); }
V_INLINE vf v_floor(vf a) { return vrndmq_f32(a); }
V_INLINE vi v_toi(vf a) { return vcvtnq_s32_f32(a); }
V_INLINE vf v_tof(vi a) { return vcvtq_f32_s32(a); }
V_INLINE vi vi_set1(int32_t x) { return vdupq_n_s32(x); }
V_INLINE vi vi_add(vi a, vi b) { return vaddq_s32(a, b); }
V_INLINE vi vi_sub(vi a, vi b) { return vsubq_s32(a, b); }
V_INLINE vi vi_and(vi a, vi b) { return vandq_s32(a, b); }
V_INLINE vi vi_or(vi a, vi b) { return vorrq_s32(a, b); }
V_INLINE vi vi_xor(vi a, vi b) { return veorq_s32(a, b); }
V_INLINE vi vi_mul_wide(vi a, uint32_t factor, vi *low)
{
    const uint32x4_t u = vreinterpretq_u32_s32(a);
    const uint32x4_t below = vreinterpretq_u32_u64(vmull_n_u32(vget_low_u32(u), factor));
    const uint32x4_t above = vreinterpretq_u32_u64(vmull_n_u32(vget_high_u32(u), factor));
    *low = vreinterpretq_s32_u32(vuzp1q_u32(below, above));
    return vreinterpretq_s32_u32(vuzp2q_u32(below, above));
}
#define vi_shl(v, n) vshlq_n_s32((v), (n))
#define vi_shr(v, n) vreinterpretq_s32_u32(vshrq_n_u32(vreinterpretq_u32_s32(v), (n)))
V_INLINE vi v_asi(vf a) { return vreinterpretq_s32_f32(a); }
V_INLINE vf v_asf(vi a) { return vreinterpretq_f32_s32(a); }

V_INLINE float v_hsum(vf v)
{
    const float32x2_t a = vadd_f32(vget_low_f32(v), vget_high_f32(v));
    return vget_lane_f32(a, 0) + vget_lane_f32(a, 1);
}

V_INLINE float v_hmax(vf v)
{
    const float32x2_t lo = vget_low_f32(v), hi = vget_high_f32(v);
    const float32x2_t a = vbsl_f32(vcgt_f32(lo, hi), lo, hi);
    const float x = vget_lane_f32(a, 0), y = vget_lane_f32(a, 1);
    return x > y ? x : y;
}

V_INLINE void v_transpose(vf r[VL])
{
    const float32x4_t a = vtrn1q_f32(r[0], r[1]), b = vtrn2q_f32(r[0], r[1]);
    const float32x4_t c = vtrn1q_f32(r[2], r[3]), d = vtrn2q_f32(r[2], r[3]);
    r[0] = vcombine_f32(vget_low_f32(a), vget_low_f32(c));
    r[1] = vcombine_f32(vget_low_f32(b), vget_low_f32(d));
    r[2] = vcombine_f32(vget_high_f32(a), vget_high_f32(c));
    r[3] = vcombine_f32(vget_high_f32(b), vget_high_f32(d));
}

V_INLINE void v_load_transpose(const float *p, size_t step, vf r[VL])
{
    for (size_t i = 0; i < VL; i++) r[i] = v_load(p + i * step);
    v_transpose(r);
}

V_INLINE void v_prefetch(const void *p) { __builtin_prefetch(p, 0, 3); }
V_INLINE void v_prefetch2(const void *p) { __builtin_prefetch(p, 0, 2); }

#endif
