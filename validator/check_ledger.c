/* SPDX-License-Identifier: Apache-2.0 */
#include "validator/check_ledger.h"

#include <stdlib.h>

#include "core/buffer.h"

static bool take_book(void *context, const struct record *record, struct error *err)
{
    struct check_ledger *c = context;

    (void)err;
    ledger_book(c->ledger, record);
    return true;
}

/* All that is there, or, if some was read before, what came behind it. */
static bool read_books(struct check_ledger *c, const struct check *check, struct error *err)
{
    const struct pipeline_kafka *kafka = &check->pipeline->kafka;
    struct topic_ranges next;
    bool lost = false;

    bool done = topic_ranges_open(&next, kafka, check->pipeline->ledger_topic, true, err);
    for (size_t p = 0; p < next.count && p < c->read.count; p++)
        if (next.ranges[p].from < c->read.ranges[p].to)
            next.ranges[p].from = c->read.ranges[p].to;
    done = done && topic_ranges_read(&next, kafka, check->progress, take_book, c, err);
    for (size_t p = 0; p < next.count; p++)
        lost |= next.ranges[p].lost;
    topic_ranges_fini(&c->read);
    c->read = next;
    if (done && lost)
        return error_set(err, EXIT_CODE_INCONCLUSIVE, "records of topic %s were deleted meanwhile",
                         check->pipeline->ledger_topic);
    return done;
}

static void fail(struct check_ledger *c, const struct error *err, struct result *result)
{
    c->failed = true;
    result_note(result->not_checked, "the bridge's books: %s", err->text);
}

void check_ledger_open(struct check_ledger *c, const struct check *check,
                       const struct pipeline_stream *stream, struct result *result)
{
    struct error err = {0};

    *c = (struct check_ledger){.ledger = ledger_new(stream)};
    if (!read_books(c, check, &err))
        fail(c, &err, result);
    ledger_fix(c->ledger);
}

void check_ledger_begin(struct check_ledger *c, enum ledger_side side,
                        const struct topic_ranges *topic)
{
    int64_t *begins = memory_array(topic->count + 1, sizeof *begins);

    for (size_t p = 0; p < topic->count; p++)
        begins[p] = topic->ranges[p].from;
    ledger_begin(c->ledger, side, begins, topic->count);
    free(begins);
}

void check_ledger_end(struct check_ledger *c, enum ledger_side side,
                      const struct topic_ranges *topic)
{
    for (size_t p = 0; p < topic->count; p++)
        if (topic->ranges[p].lost)
            ledger_lose(c->ledger, side);
}

void check_ledger_judge(struct check_ledger *c, const struct check *check, struct result *result)
{
    struct error err = {0};

    if (!c->failed && !read_books(c, check, &err))
        fail(c, &err, result);
    if (c->failed)
        return;
    result->books = ledger_judge(c->ledger);
    if (result->books == NULL)
        result_note(result->not_checked,
                    "the bridge's books: the ledger topic %s has none of these topics",
                    check->pipeline->ledger_topic);
}

void check_ledger_fini(struct check_ledger *c)
{
    topic_ranges_fini(&c->read);
    ledger_free(c->ledger);
    *c = (struct check_ledger){0};
}
