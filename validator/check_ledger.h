/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_ledger: the bridge's books, read from the ledger topic for a comparison.
 */
#ifndef VALIDATOR_CHECK_LEDGER_H
#define VALIDATOR_CHECK_LEDGER_H

#include <stdbool.h>

#include "validator/check.h"
#include "validator/ledger.h"
#include "validator/source_topic.h"

struct check_ledger {
    struct ledger *ledger;
    struct topic_ranges read; /* What of the ledger topic was read. */
    bool failed;              /* It could not be read: nothing is judged. */
};

/*
 * Before the ends of the topics are looked up. A ledger that is not there or may not be read is no error: a
 * sentence in result->not_checked says so.
 */
void check_ledger_open(struct check_ledger *c, const struct check *check,
                       const struct pipeline_stream *stream, struct result *result);
/* What will be read of a topic. */
void check_ledger_begin(struct check_ledger *c, enum ledger_side side,
                        const struct topic_ranges *topic);
/* All of it was read, but for what is lost. */
void check_ledger_end(struct check_ledger *c, enum ledger_side side,
                      const struct topic_ranges *topic);
/* Behind the topics: reads on, judges, fills result->books. */
void check_ledger_judge(struct check_ledger *c, const struct check *check, struct result *result);
void check_ledger_fini(struct check_ledger *c);

#endif
