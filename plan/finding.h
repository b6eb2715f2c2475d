/* SPDX-License-Identifier: Apache-2.0 */
/*
 * finding: what a plan found: how bad, what it is, why that matters, and what to do.
 */
#ifndef PLAN_FINDING_H
#define PLAN_FINDING_H

#include <stddef.h>

#include "core/error.h"

enum severity {
    SEVERITY_ERROR,   /* It will not work, or something will be lost. */
    SEVERITY_WARNING, /* It works, but a promise hangs on luck, or on somebody's knowing. */
    SEVERITY_INFO,    /* Worth knowing. */
    SEVERITY_OK,
    SEVERITIES
};
extern const char *const severity_names[SEVERITIES];

enum { FINDING_TEXT_SIZE = 1024 };

struct finding {
    enum severity severity;
    const char *code;  /* Stable name for programs, "retention_short". Static. */
    char subject[320]; /* "topic views" */
    char fact[FINDING_TEXT_SIZE];
    const char *why;              /* Static; NULL: the fact speaks for itself. */
    char next[FINDING_TEXT_SIZE]; /* A command or a key to change; "": nothing to do. */
};

struct findings {
    struct finding *list;
    size_t count, capacity;
};

void findings_fini(struct findings *findings);
/* Appends one. Returns it, so that next can be told; valid until the next call. */
struct finding *findings_add(struct findings *findings, enum severity severity, const char *code,
                             const char *subject, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
/* Why it matters, a static text, and what to do. */
void finding_advise(struct finding *finding, const char *why, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A call that failed, with its hint. */
void findings_add_error(struct findings *findings, const char *code, const char *subject,
                        const struct error *err);
size_t findings_count(const struct findings *findings, enum severity severity);

#endif
