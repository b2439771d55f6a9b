#define FF_ISA avx512
#include "simd/avx512.h"
#include "bodies.inc"
