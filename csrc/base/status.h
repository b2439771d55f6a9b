/* Builds an error: status code and formatted text. */
#ifndef FF_STATUS_H
#define FF_STATUS_H
#include "../include/fastfit.h"
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
ff_status ff_fail(ff_error *err, ff_status status, const char *format, ...);
#endif
