#include "rng.h"

ff_rng ff_rng_start(uint64_t seed, uint32_t stream, uint32_t index)
{
    ff_rng rng = {.key = {(uint32_t)seed, (uint32_t)(seed >> 32)}, .counter = {0, 0, index, stream}, .used = 4};
    return rng;
}

uint32_t ff_rng_next(ff_rng *rng)
{
    if (rng->used == 4) {
        ff_philox4x32(rng->counter, rng->key, rng->words);
        if (++rng->counter[0] == 0) rng->counter[1]++;
        rng->used = 0;
    }
    return rng->words[rng->used++];
}

uint64_t ff_rng_below(ff_rng *rng, uint64_t bound)
{
    if (bound <= UINT32_MAX) {
        /* Lemire: the high half of a product; the few low halves that come once too often are redrawn */
        const uint32_t b = (uint32_t)bound;
        uint64_t product = (uint64_t)ff_rng_next(rng) * b;
        if ((uint32_t)product < b) {
            const uint32_t least = (0u - b) % b;
            while ((uint32_t)product < least) product = (uint64_t)ff_rng_next(rng) * b;
        }
        return product >> 32;
    }
    const uint64_t least = (0u - bound) % bound;
    uint64_t x;
    do {
        x = (uint64_t)ff_rng_next(rng) << 32;
        x |= ff_rng_next(rng);
    } while (x < least);
    return x % bound;
}

void ff_rng_permutation(uint64_t seed, uint32_t stream, uint32_t epoch, size_t *index, size_t n)
{
    ff_rng rng = ff_rng_start(seed, stream, epoch);
    for (size_t i = 0; i < n; i++) { /* Fisher-Yates, inside out */
        const size_t j = (size_t)ff_rng_below(&rng, (uint64_t)i + 1);
        index[i] = index[j];
        index[j] = i;
    }
}
