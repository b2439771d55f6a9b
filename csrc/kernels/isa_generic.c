#define FF_ISA generic
#include "simd/generic.h"
#include "bodies.inc"
