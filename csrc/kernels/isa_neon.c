#define FF_ISA neon
#include "simd/neon.h"
#include "bodies.inc"
