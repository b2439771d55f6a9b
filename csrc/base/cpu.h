/* Which ISAs this CPU runs, best last. */
#ifndef FF_CPU_H
#define FF_CPU_H
#include "../kernels/kernels.h"
/* NULL: unknown here or not supported by this CPU. isa NULL: the best. */
const ff_kernels *ff_cpu_kernels(const char *isa);
size_t ff_cpu_count(void); /* cores this process may use */
#endif
