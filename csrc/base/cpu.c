/* CPU detection: one row per ISA, worst first. */
#if defined(__linux__)
#define _GNU_SOURCE
#endif
#include "cpu.h"
#include "../include/fastfit.h"
#include <string.h>
#if defined(__linux__)
#include <sched.h>
#elif defined(_WIN32)
#include <windows.h>
#else
#include <unistd.h>
#endif

typedef struct isa_row {
    const ff_kernels *kernels;
    int (*present)(void);
} isa_row;

static int always(void) { return 1; }
#if defined(__x86_64__) || defined(_M_X64)
static int has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
}
static int has_avx512(void)
{
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
}
#endif

static const isa_row isa_rows[] = {
    {&ff_kernels_generic, always},
#if defined(__x86_64__) || defined(_M_X64)
    {&ff_kernels_avx2, has_avx2},
    {&ff_kernels_avx512, has_avx512},
#endif
#if defined(__aarch64__) || defined(_M_ARM64)
    {&ff_kernels_neon, always},
#endif
};
enum { ISA_COUNT = sizeof isa_rows / sizeof isa_rows[0] };

const char *const *ff_isa_names(void)
{
    static const char *const names[] = {
        "generic",
#if defined(__x86_64__) || defined(_M_X64)
        "avx2", "avx512",
#endif
#if defined(__aarch64__) || defined(_M_ARM64)
        "neon",
#endif
        NULL};
    return names;
}

const ff_kernels *ff_cpu_kernels(const char *isa)
{
    for (size_t i = ISA_COUNT; i-- > 0;) {
        if (isa && strcmp(isa, isa_rows[i].kernels->isa) != 0) continue;
        if (isa_rows[i].present()) return isa_rows[i].kernels;
        if (isa) return NULL;
    }
    return NULL;
}

int ff_isa_present(const char *isa) { return isa && ff_cpu_kernels(isa) != NULL; }

size_t ff_cpu_count(void)
{
#if defined(__linux__)
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        const int n = CPU_COUNT(&set);
        if (n > 0) return (size_t)n;
    }
    return 1;
#elif defined(_WIN32)
    SYSTEM_INFO info;
    GetSystemInfo(&info);
    return info.dwNumberOfProcessors ? info.dwNumberOfProcessors : 1;
#else
    const long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (size_t)n : 1;
#endif
}
