/* SPDX-License-Identifier: Apache-2.0 */
/*
 * progress: a line on stderr that says what is being done, when stderr is a terminal.
 */
#ifndef VALIDATOR_PROGRESS_H
#define VALIDATOR_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    bool shown;
    char phase[96];
    int64_t started_us, drawn_us;
    int64_t count;
};

void progress_init(struct progress *progress);
void progress_phase(struct progress *progress, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void progress_step(struct progress *progress, int64_t count);
/* Takes the line away. */
void progress_end(struct progress *progress);

#endif
