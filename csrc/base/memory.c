/* Aligned allocation, the only place that asks the system for memory. */
#if !defined(_WIN32)
#define _POSIX_C_SOURCE 200809L
#endif
#include "align.h"
#include "../include/fastfit.h"
#include <stdlib.h>
#include <string.h>
#if defined(_WIN32)
#include <malloc.h>
#endif

void *ff_alloc(size_t bytes)
{
    const size_t size = ff_round_up(bytes ? bytes : 1, FF_ALIGN);
    void *p = NULL;
    if (size < bytes) return NULL;
#if defined(_WIN32)
    p = _aligned_malloc(size, FF_ALIGN);
#else
    if (posix_memalign(&p, FF_ALIGN, size) != 0) p = NULL;
#endif
    if (p) memset(p, 0, size);
    return p;
}

void ff_free(void *p)
{
#if defined(_WIN32)
    _aligned_free(p);
#else
    free(p);
#endif
}
