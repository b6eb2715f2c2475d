/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/buffer.h"
#include "core/clock.h"
#include "core/process.h"
#include "validator/audit.h"
#include "validator/bridge_compare.h"
#include "validator/check.h"
#include "validator/check_ledger.h"
#include "validator/source_topic.h"

enum { CAPTURE_TIMEOUT_MS = 600000, WAIT_STEP_US = 50000 };

struct look {
    const struct check *check;
    const struct pipeline_stream *stream;
    struct bridge_compare *compare;
    struct check_ledger books;
    int64_t horizon_us;
};

bool check_settle(const struct check *check, struct error *err)
{
    int64_t until_us =
        clock_monotonic_us(clock_real()) + check->pipeline->validate.settle_ms * 1000;

    progress_phase(check->progress, "waiting to look at suspects again");
    while (clock_monotonic_us(clock_real()) < until_us) {
        if (process_stopping())
            return error_set(err, EXIT_CODE_INCONCLUSIVE, "stopped before the second look");
        usleep(WAIT_STEP_US);
    }
    return true;
}

void check_keep_second(struct result *first, struct result *second)
{
    int64_t suspects = result_unexplained(first), confirmed = result_unexplained(second);

    second->transient = suspects > confirmed ? suspects - confirmed : 0;
    second->second_look = true;
    result_fini(first);
    *first = *second;
}

static bool take_audit(void *context, const struct capture_message *message, struct error *err)
{
    struct look *look = context;

    progress_step(look->check->progress, 1);
    return bridge_compare_audit(look->compare, message, err);
}

static bool take_topic(void *context, const struct record *record, struct error *err)
{
    struct look *look = context;

    ledger_record(look->books.ledger, LEDGER_TOPIC, record);
    return bridge_compare_topic(look->compare, record, err);
}

static bool take_dead(void *context, const struct record *record, struct error *err)
{
    struct look *look = context;

    ledger_record(look->books.ledger, LEDGER_DEAD, record);
    return bridge_compare_dead(look->compare, record, err);
}

static bool read_dead(struct look *look, struct result *result, struct error *err)
{
    const struct pipeline_kafka *kafka = &look->check->pipeline->kafka;
    struct topic_ranges dead;

    if (look->stream->dead_letter == NULL)
        return true;
    bool done = topic_ranges_open(&dead, kafka, look->stream->dead_letter, true, err);
    if (done)
        check_ledger_begin(&look->books, LEDGER_DEAD, &dead);
    done = done && topic_ranges_read(&dead, kafka, look->check->progress, take_dead, look, err);
    check_ledger_end(&look->books, LEDGER_DEAD, &dead);
    topic_ranges_note(&dead, result->reads, result->inconclusive);
    topic_ranges_fini(&dead);
    return done;
}

static void note_expired(const struct topic_ranges *topic, struct result *result)
{
    if (result->counts.expired == 0)
        return;
    for (size_t p = 0; p < topic->count; p++)
        if (topic->ranges[p].from > 0)
            result_note(
                result->inconclusive,
                "%" PRId64 " audited messages are not there, and may have been deleted: topic "
                "%s partition %zu begins at offset %" PRId64
                "; keep the topic longer than the audit, or begin a new audit with an empty "
                "validate.work",
                result->counts.expired, topic->topic, p, topic->ranges[p].from);
}

static bool compare(struct look *look, struct topic_ranges *topic, struct result *result,
                    struct error *err)
{
    const struct check *check = look->check;
    struct bridge_compare_options options = {.stream = look->stream,
                                             .validate = &check->pipeline->validate,
                                             .registry = check->registry,
                                             .work_directory = check->work_directory,
                                             .partition_count = (int32_t)topic->count,
                                             .horizon_us = look->horizon_us,
                                             .result = result};

    int64_t *begins = memory_array(topic->count + 1, sizeof *begins);
    for (size_t p = 0; p < topic->count; p++)
        begins[p] = topic->ranges[p].from;
    options.begins = begins;
    check_ledger_begin(&look->books, LEDGER_TOPIC, topic);
    look->compare = bridge_compare_new(&options);
    progress_phase(check->progress, "reading the audit of %s", look->stream->name);
    bool done =
        capture_read(check->work_directory, look->stream->name, take_audit, look, err)
        && topic_ranges_read(topic, &check->pipeline->kafka, check->progress, take_topic, look, err)
        && read_dead(look, result, err) && bridge_compare_finish(look->compare, err);
    bridge_compare_free(look->compare);
    free(begins);
    note_expired(topic, result);
    check_ledger_end(&look->books, LEDGER_TOPIC, topic);
    if (done)
        check_ledger_judge(&look->books, check, result);
    return done;
}

/* One look: pull the audit, then read the topic to its end, so that the topic is never behind. */
static bool look_once(struct look *look, struct result *result, struct error *err)
{
    const struct check *check = look->check;
    struct audit_options audit = {.pipeline = check->pipeline,
                                  .stream = look->stream,
                                  .directory = check->work_directory,
                                  .started_us = look->horizon_us,
                                  .settle_ms = check->pipeline->validate.settle_ms,
                                  .timeout_ms = CAPTURE_TIMEOUT_MS,
                                  .progress = check->progress};
    struct topic_ranges topic;
    bool quiet = false;
    int64_t captured = 0;

    if (!audit_capture(&audit, &quiet, &captured, err))
        return false;
    json_object_set_new(result->facts, "audit_messages_pulled", json_integer(captured));
    if (!quiet)
        result_note(result->inconclusive, "the audit subscription %s was not empty after %d s",
                    look->stream->audit_subscription, CAPTURE_TIMEOUT_MS / 1000);
    check_ledger_open(&look->books, check, look->stream, result);
    bool done =
        topic_ranges_open(&topic, &check->pipeline->kafka, look->stream->topic.name, false, err)
        && compare(look, &topic, result, err);
    topic_ranges_note(&topic, result->reads, result->inconclusive);
    topic_ranges_fini(&topic);
    check_ledger_fini(&look->books);
    return done;
}

static void note_limits(struct result *result)
{
    if (result->counts.outside > 0)
        result_note(result->not_checked,
                    "%" PRId64
                    " records were published before the audit subscription's first message",
                    result->counts.outside);
    result_note(result->not_checked, "the order of records with one ordering key");
    if (result->counts.reference - result->counts.pending == 0)
        result_note(result->inconclusive, "there was nothing to compare");
}

bool check_bridge(const struct check *check, const struct pipeline_stream *stream,
                  struct result *result, struct error *err)
{
    int64_t now_ms = clock_wall_ms(clock_real());
    struct look look = {.check = check, .stream = stream, .horizon_us = now_ms * 1000};

    if (!look_once(&look, result, err))
        return error_wrap(err, "validate stream %s", stream->name);
    if (result_unexplained(result) > 0 || result_unbalanced_minutes(result) > 0) {
        struct result second;
        result_init(&second, COMPARISON_BRIDGE, stream->name, result->redact);
        if (!check_settle(check, err) || !look_once(&look, &second, err)) {
            result_fini(&second);
            return error_wrap(err, "validate stream %s", stream->name);
        }
        check_keep_second(result, &second);
    }
    note_limits(result);
    return true;
}
