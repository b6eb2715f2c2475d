/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process: signals as a flag that turn loops read, and what else belongs to the whole process.
 */
#ifndef CORE_PROCESS_H
#define CORE_PROCESS_H

#include <stdbool.h>

/* SIGINT and SIGTERM ask for a clean stop; the second one ends the process at once. SIGPIPE is ignored.
 * Core dumps of this process hold no readable memory for other users (PR_SET_DUMPABLE 0). */
void process_start(void);
bool process_stopping(void);
/* From now on SIGHUP asks for a reload instead of ending the process. */
void process_reload_on_hangup(void);
/* True once for each time that SIGHUP came. */
bool process_take_reload(void);
/* As if SIGTERM had come: for tests and for a part that ends another. */
void process_stop(void);

/*
 * So many heaps for all threads together, called before they start. Else each of librdkafka's threads
 * keeps one of its own, with its own free room: a quarter of the memory of a join.
 */
void process_limit_heaps(int count);

/*
 * Ends the process as kill -9 would when the point has been passed often enough. Armed by
 * DUALRUN_CRASH_AT=NAME:COUNT, so that tests can crash between any two steps of a commit.
 */
void process_crash_point(const char *name);

#endif
