/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The exit statuses of every command, once. Documented in docs/reference.md, section "Exit status".
 */
#ifndef CORE_EXIT_CODES_H
#define CORE_EXIT_CODES_H

enum exit_code {
    EXIT_CODE_OK = 0,
    EXIT_CODE_DIFFERENT = 1,    /* Differences were found, or a gate failed. */
    EXIT_CODE_INCONCLUSIVE = 2, /* Not enough was seen to judge. */
    EXIT_CODE_USAGE = 3,
    EXIT_CODE_CONFIG = 4,
    EXIT_CODE_SOURCE = 5, /* Pub/Sub, or what a command reads from. */
    EXIT_CODE_TARGET = 6, /* Kafka, or what a command writes to. */
    EXIT_CODE_STATE = 7,  /* Local state: disk, checkpoint, permission. */
    EXIT_CODE_BUG = 8,    /* Ours: please report. */
};

#endif
