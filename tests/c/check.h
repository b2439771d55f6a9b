/* What the C tests share: "ok NAME" lines, failure counts, the tables that this machine
 * can run, random numbers, and buffers with canaries on both sides. */
#ifndef FF_CHECK_H
#define FF_CHECK_H
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../../csrc/kernels/kernels.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

#define CHECK_UNUSED __attribute__((unused))

static int check_failures;       /* in all */
static int check_failures_here;  /* since the last check_done */

/* Count a failure, and print the first few of each test. */
static CHECK_UNUSED __attribute__((format(printf, 1, 2))) void check_fail(const char *format, ...)
{
    check_failures++;
    if (++check_failures_here > 5) return;
    va_list args;
    va_start(args, format);
    printf("  FAIL ");
    vprintf(format, args);
    printf("\n");
    va_end(args);
}

#define CHECK(condition, ...)                         \
    do {                                              \
        if (!(condition)) check_fail(__VA_ARGS__);    \
    } while (0)

/* Ends a test: "ok NAME" or "not ok NAME". */
static CHECK_UNUSED __attribute__((format(printf, 1, 2))) void check_done(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    printf(check_failures_here ? "not ok " : "ok ");
    vprintf(format, args);
    printf("\n");
    va_end(args);
    fflush(stdout);
    check_failures_here = 0;
}

/* Exit status of main, after a summary line. */
static CHECK_UNUSED int check_exit(void)
{
    printf(check_failures ? "failed: %d checks\n" : "all passed\n", check_failures);
    return check_failures != 0;
}

/* The i-th table that this CPU can run; NULL after the last. */
static CHECK_UNUSED const ff_kernels *check_table(int i)
{
    const ff_kernels *t[4] = {&ff_kernels_generic};
    int n = 1;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) t[n++] = &ff_kernels_avx2;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl"))
        t[n++] = &ff_kernels_avx512;
#endif
#if defined(__aarch64__)
    t[n++] = &ff_kernels_neon;
#endif
    return i < n ? t[i] : NULL;
}

static uint64_t check_seed = 0x9E3779B97F4A7C15u;

static CHECK_UNUSED uint32_t check_random(void)
{
    check_seed ^= check_seed << 13;
    check_seed ^= check_seed >> 7;
    check_seed ^= check_seed << 17;
    return (uint32_t)(check_seed >> 32);
}

/* Uniform in [lo, hi). */
static CHECK_UNUSED float check_uniform(float lo, float hi)
{
    return lo + (hi - lo) * ((float)(check_random() >> 8) * 0x1p-24f);
}

/* n bytes between canaries, which the address sanitizer lets nobody read; exactly `misalign` bytes past a 64-byte boundary. */
typedef struct check_buffer {
    unsigned char *raw;
    size_t bytes;
    void *p;
} check_buffer;

enum { CHECK_GUARD = 128, CHECK_CANARY = 0xA5 };

static CHECK_UNUSED check_buffer check_alloc(size_t bytes, size_t misalign)
{
    check_buffer b = {NULL, bytes, NULL};
    const size_t all = (bytes + 2 * CHECK_GUARD + misalign + 63) / 64 * 64;
    b.raw = aligned_alloc(64, all);
    if (!b.raw) exit(2);
    memset(b.raw, CHECK_CANARY, all);
    b.p = b.raw + CHECK_GUARD + misalign;
    ASAN_POISON_MEMORY_REGION(b.raw, CHECK_GUARD + misalign);
    ASAN_POISON_MEMORY_REGION(b.raw + CHECK_GUARD + misalign + bytes, all - CHECK_GUARD - misalign - bytes);
    return b;
}

/* Checks the canaries and frees. */
static CHECK_UNUSED void check_free(check_buffer *b, const char *what)
{
    const unsigned char *const p = b->p;
    ASAN_UNPOISON_MEMORY_REGION(b->raw, (size_t)(p - b->raw) + b->bytes + CHECK_GUARD);
    for (int i = 1; i <= CHECK_GUARD; i++)
        if (p[-i] != CHECK_CANARY || p[b->bytes + (size_t)i - 1] != CHECK_CANARY) {
            check_fail("%s: wrote outside, %d bytes %s", what, i, p[-i] != CHECK_CANARY ? "before" : "after");
            break;
        }
    free(b->raw);
    b->raw = NULL;
}

#endif
