/* Denormals cost a hundred cycles each, and decaying optimizer slots are full of them:
 * while a program runs, a thread treats them as zero. */
#ifndef FF_DENORMALS_H
#define FF_DENORMALS_H
#include <stdint.h>
#if defined(__x86_64__) || defined(_M_X64)
#include <xmmintrin.h>
enum { FF_MXCSR_FTZ_DAZ = 0x8040 };
#endif

/* Returns the mode before, for ff_denormals_restore. */
static inline uint64_t ff_denormals_off(void)
{
#if defined(__x86_64__) || defined(_M_X64)
    const unsigned before = _mm_getcsr();
    _mm_setcsr(before | FF_MXCSR_FTZ_DAZ);
    return before;
#elif defined(__aarch64__)
    uint64_t before;
    __asm__ volatile("mrs %0, fpcr" : "=r"(before));
    __asm__ volatile("msr fpcr, %0" : : "r"(before | (UINT64_C(1) << 24)));
    return before;
#else
    return 0;
#endif
}

static inline void ff_denormals_restore(uint64_t before)
{
#if defined(__x86_64__) || defined(_M_X64)
    _mm_setcsr((unsigned)before);
#elif defined(__aarch64__)
    __asm__ volatile("msr fpcr, %0" : : "r"(before));
#else
    (void)before;
#endif
}
#endif
