/* Owns the alignment of every buffer. */
#ifndef FF_ALIGN_H
#define FF_ALIGN_H
#include <stddef.h>
enum { FF_ALIGN = 64 };
static inline size_t ff_round_up(size_t n, size_t to) { return (n + to - 1) / to * to; }
#endif
