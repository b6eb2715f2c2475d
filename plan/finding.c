/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/finding.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/buffer.h"

const char *const severity_names[SEVERITIES] = {"error", "warning", "info", "ok"};

void findings_fini(struct findings *findings)
{
    free(findings->list);
    *findings = (struct findings){0};
}

struct finding *findings_add(struct findings *findings, enum severity severity, const char *code,
                             const char *subject, const char *format, ...)
{
    va_list arguments;

    if (findings->count == findings->capacity) {
        findings->capacity = 2 * findings->capacity + 16;
        findings->list = memory_resize(findings->list, findings->capacity * sizeof *findings->list);
    }
    struct finding *finding = &findings->list[findings->count++];

    *finding = (struct finding){.severity = severity, .code = code};
    snprintf(finding->subject, sizeof finding->subject, "%s", subject);
    va_start(arguments, format);
    vsnprintf(finding->fact, sizeof finding->fact, format, arguments);
    va_end(arguments);
    return finding;
}

void finding_advise(struct finding *finding, const char *why, const char *format, ...)
{
    va_list arguments;

    finding->why = why;
    va_start(arguments, format);
    vsnprintf(finding->next, sizeof finding->next, format, arguments);
    va_end(arguments);
}

void findings_add_error(struct findings *findings, const char *code, const char *subject,
                        const struct error *err)
{
    struct finding *finding =
        findings_add(findings, SEVERITY_ERROR, code, subject, "%s", err->text);

    finding_advise(finding, NULL, "%s", err->hint);
}

size_t findings_count(const struct findings *findings, enum severity severity)
{
    size_t count = 0;

    for (size_t i = 0; i < findings->count; i++)
        count += findings->list[i].severity == severity;
    return count;
}
