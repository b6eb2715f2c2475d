/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buffer.h"
#include "core/clock.h"
#include "core/kafka.h"
#include "core/task_commit.h"
#include "validator/check.h"
#include "validator/join_compare.h"
#include "validator/source_topic.h"

struct join_look {
    const struct check *check;
    const struct pipeline_join *join;
    struct join_compare *compare;
    struct topic_ranges *inputs; /* The primary first. Cut at the joiner's committed offsets. */
    size_t input_count;
    int64_t *watermarks_ms; /* Per partition. */
    size_t reading;         /* Which input is being read. */
};

static const struct pipeline_stream *input_stream(const struct pipeline_join *join, size_t input)
{
    return input == 0 ? join->primary : join->secondaries[input - 1].stream;
}

/* -- The cut: how far the joiner says it has come -- */

static bool open_inputs(struct join_look *look, struct error *err)
{
    for (size_t i = 0; i < look->input_count; i++) {
        const char *topic = input_stream(look->join, i)->topic.name;
        if (!topic_ranges_open(&look->inputs[i], &look->check->pipeline->kafka, topic, false, err))
            return false;
        if (look->inputs[i].count != look->inputs[0].count)
            return error_set(err, EXIT_CODE_CONFIG, "topic %s has %zu partitions, topic %s has %zu",
                             topic, look->inputs[i].count, look->inputs[0].topic,
                             look->inputs[0].count);
    }
    look->watermarks_ms = memory_array(look->inputs[0].count + 1, sizeof(int64_t));
    return true;
}

static bool cut_partition(struct join_look *look, const rd_kafka_topic_partition_t *committed,
                          struct topic_range *range, struct result *result, struct error *err)
{
    struct task_commit commit;

    if (committed->offset < 0 || committed->metadata_size == 0) {
        range->to = range->from; /* Nothing was joined here yet. */
        return true;
    }
    if (!task_commit_parse(committed->metadata, committed->metadata_size, &commit, err))
        return error_wrap(err, "group %s, topic %s, partition %" PRId32, look->join->group,
                          committed->topic, committed->partition);
    if (committed->offset > range->to)
        result_note(result->inconclusive,
                    "topic %s partition %" PRId32 " ends at %" PRId64
                    ", but the joiner has committed %" PRId64,
                    committed->topic, committed->partition, range->to, committed->offset);
    else
        range->to = committed->offset;
    look->watermarks_ms[committed->partition] = commit.watermark_ms;
    return true;
}

static bool cut_inputs(struct join_look *look, struct result *result, struct error *err)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(64);

    for (size_t i = 0; i < look->input_count; i++)
        for (size_t p = 0; p < look->inputs[i].count; p++)
            rd_kafka_topic_partition_list_add(list, look->inputs[i].topic, (int32_t)p);
    assert(look->inputs[0].count > 0 && look->watermarks_ms != NULL); /* A topic has a partition. */
    for (size_t p = 0; p < look->inputs[0].count; p++)
        look->watermarks_ms[p] = TASK_TIME_NONE;
    bool done = kafka_committed(&look->check->pipeline->kafka, look->join->group, list, err);
    for (int i = 0; done && i < list->cnt; i++) {
        size_t input = (size_t)i / look->inputs[0].count;
        size_t partition = (size_t)i % look->inputs[0].count;
        done = cut_partition(look, &list->elems[i], &look->inputs[input].ranges[partition], result,
                             err);
    }
    rd_kafka_topic_partition_list_destroy(list);
    return done;
}

static void note_cut(const struct join_look *look, struct result *result)
{
    json_t *watermarks = json_array();

    for (size_t p = 0; p < look->inputs[0].count; p++)
        json_array_append_new(watermarks, look->watermarks_ms[p] == TASK_TIME_NONE
                                              ? json_null()
                                              : json_integer(look->watermarks_ms[p]));
    json_object_set_new(result->facts, "watermarks_ms", watermarks);
    json_object_set_new(result->facts, "group", json_string(look->join->group));
    for (size_t i = 0; i < look->input_count; i++)
        for (size_t p = 0; p < look->inputs[i].count; p++)
            if (look->inputs[i].ranges[p].from > 0)
                result_note(result->not_checked,
                            "topic %s partition %zu begins at offset %" PRId64
                            ": samples from before it are not judged",
                            look->inputs[i].topic, p, look->inputs[i].ranges[p].from);
}

/* -- One look -- */

static bool take_source(void *context, const struct record *record, struct error *err)
{
    struct join_look *look = context;

    return join_compare_source(look->compare, look->reading, record, err);
}

static bool take_late(void *context, const struct record *record, struct error *err)
{
    struct join_look *look = context;

    return join_compare_late(look->compare, record, err);
}

static bool take_output(void *context, const struct record *record, struct error *err)
{
    struct join_look *look = context;

    return join_compare_output(look->compare, record, err);
}

static bool read_topic(struct join_look *look, const char *topic, record_take *take,
                       struct result *result, struct error *err)
{
    const struct pipeline_kafka *kafka = &look->check->pipeline->kafka;
    struct topic_ranges ranges;
    bool done = topic_ranges_open(&ranges, kafka, topic, true, err)
                && topic_ranges_read(&ranges, kafka, look->check->progress, take, look, err);

    topic_ranges_note(&ranges, result->reads, result->inconclusive);
    topic_ranges_fini(&ranges);
    return done;
}

static bool read_inputs(struct join_look *look, struct result *result, struct error *err)
{
    for (look->reading = 0; look->reading < look->input_count; look->reading++) {
        struct topic_ranges *input = &look->inputs[look->reading];
        if (!topic_ranges_read(input, &look->check->pipeline->kafka, look->check->progress,
                               take_source, look, err))
            return false;
        topic_ranges_note(input, result->reads, result->inconclusive);
    }
    return look->join->late_topic == NULL
           || read_topic(look, look->join->late_topic, take_late, result, err);
}

static bool compare_all(struct join_look *look, struct result *result, struct error *err)
{
    for (size_t p = 0; p < look->inputs[0].count; p++)
        join_compare_cut(look->compare, (int32_t)p, look->watermarks_ms[p],
                         look->inputs[0].ranges[p].from, look->inputs[0].ranges[p].to);
    if (!read_inputs(look, result, err))
        return false;
    progress_phase(look->check->progress, "recomputing %s", look->join->name);
    if (!join_compare_recompute(look->compare, err)
        || !read_topic(look, look->join->output.name, take_output, result, err))
        return false;
    progress_phase(look->check->progress, "comparing %s", look->join->name);
    return join_compare_finish(look->compare, err);
}

static bool look_once(struct join_look *look, struct result *result, struct error *err)
{
    struct join_compare_options options = {.join = look->join,
                                           .validate = &look->check->pipeline->validate,
                                           .registry = look->check->registry,
                                           .work_directory = look->check->work_directory,
                                           .result = result};

    look->compare = join_compare_new(&options);
    bool done = compare_all(look, result, err);
    join_compare_free(look->compare);
    note_cut(look, result);
    return done;
}

static bool look_twice(struct join_look *look, struct result *result, struct error *err)
{
    struct result second;

    if (!open_inputs(look, err) || !cut_inputs(look, result, err) || !look_once(look, result, err))
        return false;
    if (result_unexplained(result) == 0)
        return true;
    result_init(&second, COMPARISON_JOIN, look->join->name, result->redact);
    if (!check_settle(look->check, err) || !look_once(look, &second, err)) {
        result_fini(&second);
        return false;
    }
    check_keep_second(result, &second);
    return true;
}

bool check_join(const struct check *check, const struct pipeline_join *join, struct result *result,
                struct error *err)
{
    struct join_look look = {
        .check = check, .join = join, .input_count = join->secondary_count + 1};

    look.inputs = memory_array(look.input_count, sizeof *look.inputs);
    bool done = look_twice(&look, result, err);
    for (size_t i = 0; i < look.input_count; i++)
        topic_ranges_fini(&look.inputs[i]);
    free(look.inputs);
    free(look.watermarks_ms);
    if (!done)
        return error_wrap(err, "validate join %s", join->name);
    if (result->counts.reference - result->counts.pending == 0)
        result_note(result->inconclusive,
                    "there was nothing final to compare: group %s has committed no watermark that "
                    "closes a sample",
                    join->group);
    return true;
}
