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
#define FF_PHILOX_ROUNDS 10

/* out may be counter. */
static inline void ff_philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    for (uint32_t i = 0; i < FF_PHILOX_ROUNDS; i++) {
        const uint64_t p0 = (uint64_t)FF_PHILOX_M0 * c0, p1 = (uint64_t)FF_PHILOX_M1 * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ (key[0] + i * FF_PHILOX_W0);
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ (key[1] + i * FF_PHILOX_W1);
        c3 = (uint32_t)p0;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}
#endif
