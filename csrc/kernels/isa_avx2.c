#define FF_ISA avx2
#include "simd/avx2.h"
#include "bodies.inc"
