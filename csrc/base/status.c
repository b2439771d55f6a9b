#include "status.h"
#include <stdarg.h>
#include <stdio.h>

const char *ff_status_text(ff_status status)
{
    switch (status) {
#define X(code, text) case code: return text;
        FF_STATUSES(X)
#undef X
    }
    return "unknown status";
}

ff_status ff_fail(ff_error *err, ff_status status, const char *format, ...)
{
    if (err) {
        va_list args;
        va_start(args, format);
        vsnprintf(err->text, sizeof err->text, format, args);
        va_end(args);
    }
    return status;
}
