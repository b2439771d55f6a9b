/* Aligned allocation, the only place that asks the system for memory. */
#if !defined(_WIN32)
#define _DEFAULT_SOURCE 1
#define _DARWIN_C_SOURCE 1
#endif
#include "align.h"
#include "../include/fastfit.h"
#include <stdlib.h>
#include <string.h>
#if defined(_WIN32)
#include <malloc.h>
#else
#include <sys/mman.h>
#endif

/* From here on a block is mapped by itself: malloc would keep what is freed between blocks in use. Pages come zeroed, and
 * only when they are touched. Under the address sanitizer all blocks are malloc's, which it watches. */
#if defined(_WIN32) || defined(__SANITIZE_ADDRESS__)
#define MAP_FROM SIZE_MAX
#else
#define MAP_FROM ((size_t)1 << 20)
#endif

/* Before each block: how many bytes were mapped for it, 0 if none. */
typedef struct header {
    size_t mapped;
} header;

static void *zeroed(size_t bytes)
{
    void *p = NULL;
#if defined(_WIN32)
    p = _aligned_malloc(bytes, FF_ALIGN);
#else
    if (posix_memalign(&p, FF_ALIGN, bytes) != 0) p = NULL;
#endif
    if (p) memset(p, 0, bytes);
    return p;
}

void *ff_alloc(size_t bytes)
{
    const size_t size = ff_round_up(bytes ? bytes : 1, FF_ALIGN) + FF_ALIGN;
    if (size < bytes) return NULL;
    char *p = NULL;
    size_t mapped = 0;
#if !defined(_WIN32)
    if (size >= MAP_FROM) {
        void *const pages = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (pages == MAP_FAILED) return NULL;
        p = pages;
        mapped = size;
    }
#endif
    if (!p) p = zeroed(size);
    if (!p) return NULL;
    ((header *)(void *)p)->mapped = mapped;
    return p + FF_ALIGN;
}

void ff_free(void *block)
{
    if (!block) return;
    char *const p = (char *)block - FF_ALIGN;
#if defined(_WIN32)
    _aligned_free(p);
#else
    const size_t mapped = ((const header *)(const void *)p)->mapped;
    if (mapped)
        munmap(p, mapped);
    else
        free(p);
#endif
}
