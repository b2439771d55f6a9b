/* Counter-based random numbers: Philox4x32-10 (Salmon et al., SC 2011). A block of
 * four words is a function of (counter, key) alone, so any element of any stream can
 * be had at any time by any thread. */
#ifndef FF_RNG_H
#define FF_RNG_H
#include <stdint.h>

#define FF_PHILOX_M0 0xD2511F53u
#define FF_PHILOX_M1 0xCD9E8D57u
#define FF_PHILOX_W0 0x9E3779B9u
#define FF_PHILOX_W1 0xBB67AE85u

/* One round on a counter in c0..c3 with round key k0, k1. */
#define FF_PHILOX_ROUND(c0, c1, c2, c3, k0, k1)                \
    do {                                                       \
        const uint64_t p0_ = (uint64_t)FF_PHILOX_M0 * (c0);    \
        const uint64_t p1_ = (uint64_t)FF_PHILOX_M1 * (c2);    \
        (c0) = (uint32_t)(p1_ >> 32) ^ (c1) ^ (k0);            \
        (c1) = (uint32_t)p1_;                                  \
        (c2) = (uint32_t)(p0_ >> 32) ^ (c3) ^ (k1);            \
        (c3) = (uint32_t)p0_;                                  \
    } while (0)

/* out may be counter. */
static inline void ff_philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    for (uint32_t i = 0; i < 10; i++)
        FF_PHILOX_ROUND(c0, c1, c2, c3, key[0] + i * FF_PHILOX_W0, key[1] + i * FF_PHILOX_W1);
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

enum { FF_PHILOX_LANES = 16 };

/* FF_PHILOX_LANES blocks at once, of consecutive counters: the lower 64 bits of the first
 * are `first`, the others c2 and c3. Word w of block i goes to out[w][i]. The rounds are
 * written out because compilers vectorise a loop only if no other is in it. */
static inline void ff_philox4x32_lanes(uint64_t first, uint32_t c2_, uint32_t c3_, const uint32_t key[2],
                                       uint32_t out[restrict 4][FF_PHILOX_LANES])
{
    const uint32_t k0 = key[0], k1 = key[1], low = (uint32_t)first, high = (uint32_t)(first >> 32);
    for (uint32_t i = 0; i < FF_PHILOX_LANES; i++) {
        uint32_t c0 = low + i, c1 = high + (c0 < low), c2 = c2_, c3 = c3_;
#define FF_PHILOX_ROUND_(n) FF_PHILOX_ROUND(c0, c1, c2, c3, k0 + (n) * FF_PHILOX_W0, k1 + (n) * FF_PHILOX_W1)
        FF_PHILOX_ROUND_(0u);
        FF_PHILOX_ROUND_(1u);
        FF_PHILOX_ROUND_(2u);
        FF_PHILOX_ROUND_(3u);
        FF_PHILOX_ROUND_(4u);
        FF_PHILOX_ROUND_(5u);
        FF_PHILOX_ROUND_(6u);
        FF_PHILOX_ROUND_(7u);
        FF_PHILOX_ROUND_(8u);
        FF_PHILOX_ROUND_(9u);
#undef FF_PHILOX_ROUND_
        out[0][i] = c0;
        out[1][i] = c1;
        out[2][i] = c2;
        out[3][i] = c3;
    }
}
#endif
