/* SPDX-License-Identifier: Apache-2.0 */
#include "core/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

__attribute__((format(printf, 4, 0))) static void fill(struct error *err, enum exit_code code,
                                                       enum error_class class, const char *format,
                                                       va_list arguments)
{
    err->code = code;
    err->class = class;
    err->hint[0] = '\0';
    vsnprintf(err->text, sizeof err->text, format, arguments);
}

bool error_set(struct error *err, enum exit_code code, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    fill(err, code, ERROR_STOP, format, arguments);
    va_end(arguments);
    return false;
}

bool error_retry(struct error *err, enum exit_code code, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    fill(err, code, ERROR_RETRY, format, arguments);
    va_end(arguments);
    return false;
}

bool error_wrap(struct error *err, const char *format, ...)
{
    char text[2 * ERROR_TEXT_SIZE];
    va_list arguments;

    va_start(arguments, format);
    int size = vsnprintf(text, ERROR_TEXT_SIZE, format, arguments);
    va_end(arguments);
    if (size < 0)
        return false;
    size_t used = strlen(text);
    snprintf(text + used, sizeof text - used, ": %s", err->text);
    memcpy(err->text, text, sizeof err->text);
    err->text[sizeof err->text - 1] = '\0';
    return false;
}

bool error_hint(struct error *err, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(err->hint, sizeof err->hint, format, arguments);
    va_end(arguments);
    return false;
}
