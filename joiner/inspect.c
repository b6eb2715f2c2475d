/* SPDX-License-Identifier: Apache-2.0 */
#include "joiner/inspect.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "core/buffer.h"
#include "core/clock.h"
#include "core/kafka.h"
#include "core/units.h"
#include "joiner/identity.h"
#include "joiner/record.h"
#include "joiner/store_checkpoint.h"
#include "joiner/store_files.h"

struct inspect {
    const struct pipeline *pipeline;
    const struct pipeline_join *join;
    struct task_join task_join;
    rd_kafka_t *client;
    rd_kafka_topic_partition_list_t *committed;
};

/* --- What is found, as JSON: the words are made of it --- */

static json_t *time_json(int64_t time_ms)
{
    return time_ms == TASK_TIME_NONE ? json_null() : json_integer(time_ms);
}

static json_t *checkpoint_json(const struct inspect *inspect, const char *folder, const char *name,
                               const struct task_commit *commit)
{
    struct checkpoint checkpoint;
    struct error err;
    char *path = memory_textf("%s/%s", folder, name);
    json_t *json = json_pack("{s:s}", "name", name);

    if (!checkpoint_read(path, &checkpoint, &err)) {
        json_object_set_new(json, "problem", json_string(err.text));
        free(path);
        return json;
    }
    const struct task_commit *cut = &checkpoint.cut.commit;
    int64_t behind = 0;

    json_object_update_new(json, json_pack("{s:I, s:I, s:I, s:o}", "made_ms",
                                           (json_int_t)checkpoint.made_ms, "live_rows",
                                           (json_int_t)cut->row_count, "bytes",
                                           (json_int_t)checkpoint.size_bytes, "watermark_ms",
                                           time_json(cut->watermark_ms)));
    for (uint32_t i = 0; commit != NULL && i < cut->input_count && i < commit->input_count; i++)
        behind += commit->inputs[i].offset - cut->inputs[i].offset;
    json_object_set_new(json, "records_to_replay",
                        commit != NULL ? json_integer(behind) : json_null());
    if (!checkpoint_verify(path, &checkpoint, &err))
        json_object_set_new(json, "problem", json_string(err.text));
    else if (strcmp(checkpoint.group, inspect->join->group) != 0
             || cut->config_hash != inspect->task_join.config_hash)
        json_object_set_new(json, "problem",
                            json_string("it is of another group or configuration"));
    else if (behind < 0)
        json_object_set_new(json, "problem", json_string("it is ahead of what is committed"));
    checkpoint_fini(&checkpoint);
    free(path);
    return json;
}

static bool checkpoints_json(const struct inspect *inspect, int32_t partition,
                             const struct task_commit *commit, json_t *list, struct error *err)
{
    char *folder =
        memory_textf("%s/checkpoints/task-%" PRId32, inspect->join->state_directory, partition);
    char **names;
    size_t count;
    bool ok = checkpoint_list(folder, &names, &count, err);

    for (size_t i = count; ok && i-- > 0;)
        json_array_append_new(list, checkpoint_json(inspect, folder, names[i], commit));
    files_free_names(names, count);
    free(folder);
    return ok;
}

static bool input_json(const struct inspect *inspect, int32_t partition, uint32_t input,
                       const struct task_commit *commit, json_t *list, struct error *err)
{
    const char *topic = record_stream(inspect->join, input)->topic.name;
    int64_t low, high;

    if (!kafka_watermarks(inspect->client, topic, partition, &low, &high, err))
        return false;
    json_t *json =
        json_pack("{s:s, s:s, s:I, s:I}", "input", record_stream(inspect->join, input)->name,
                  "topic", topic, "log_begin", (json_int_t)low, "log_end", (json_int_t)high);
    if (commit != NULL && input < commit->input_count) {
        const struct task_commit_input *at = &commit->inputs[input];

        json_object_update_new(json,
                               json_pack("{s:I, s:I, s:I, s:o}", "offset", (json_int_t)at->offset,
                                         "lag", (json_int_t)(high - at->offset), "replay_offset",
                                         (json_int_t)at->replay_offset, "max_time_ms",
                                         time_json(at->max_time_ms)));
    }
    json_array_append_new(list, json);
    return true;
}

/* False if the offset has no metadata of a join, and says why. */
static bool read_commit(const struct inspect *inspect, int32_t partition,
                        struct task_commit *commit, struct error *err)
{
    const rd_kafka_topic_partition_t *at = rd_kafka_topic_partition_list_find(
        inspect->committed, inspect->join->primary->topic.name, partition);

    if (at->offset < 0)
        return error_set(err, EXIT_CODE_STATE, "nothing is committed");
    return task_commit_parse(at->metadata, at->metadata_size, commit, err);
}

static bool task_json(const struct inspect *inspect, int32_t partition, json_t *tasks,
                      struct error *err)
{
    struct task_commit commit = {0};
    struct error problem;
    char hash[17];
    bool found = read_commit(inspect, partition, &commit, &problem);
    json_t *inputs = json_array(), *checkpoints = json_array();
    json_t *json = json_pack("{s:i, s:o, s:o}", "partition", (int)partition, "inputs", inputs,
                             "checkpoints", checkpoints);

    json_array_append_new(tasks, json);
    if (found) {
        snprintf(hash, sizeof hash, "%016" PRIx64, commit.row_hash);
        json_object_update_new(
            json, json_pack("{s:o, s:I, s:s, s:b}", "watermark_ms", time_json(commit.watermark_ms),
                            "live_rows", (json_int_t)commit.row_count, "state_hash", hash,
                            "same_configuration",
                            (int)(commit.config_hash == inspect->task_join.config_hash)));
    } else {
        json_object_set_new(json, "problem", json_string(problem.text));
    }
    for (uint32_t i = 0; i < inspect->task_join.input_count; i++)
        if (!input_json(inspect, partition, i, found ? &commit : NULL, inputs, err))
            return false;
    return checkpoints_json(inspect, partition, found ? &commit : NULL, checkpoints, err);
}

/* --- Words --- */

static const char *time_text(const json_t *object, const char *name,
                             char text[static CLOCK_TEXT_SIZE])
{
    const json_t *value = json_object_get(object, name);

    return json_is_integer(value) ? clock_format_ms(json_integer_value(value), text) : "none";
}

static json_int_t number(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

static void print_input(const json_t *input, FILE *out)
{
    char time[CLOCK_TEXT_SIZE];

    fprintf(out, "    %s: ", json_string_value(json_object_get(input, "input")));
    if (json_object_get(input, "offset") != NULL)
        fprintf(out, "offset %lld, %lld behind, newest event %s, live rows from offset %lld, ",
                number(input, "offset"), number(input, "lag"),
                time_text(input, "max_time_ms", time), number(input, "replay_offset"));
    fprintf(out, "the log holds %lld to %lld\n", number(input, "log_begin"),
            number(input, "log_end"));
}

static void print_checkpoint(const json_t *checkpoint, FILE *out)
{
    const json_t *problem = json_object_get(checkpoint, "problem");
    char time[CLOCK_TEXT_SIZE], bytes[UNITS_TEXT_SIZE];

    fprintf(out, "    checkpoint %s: ", json_string_value(json_object_get(checkpoint, "name")));
    if (json_object_get(checkpoint, "made_ms") != NULL) {
        fprintf(out, "made %s, %lld live rows, %sB", time_text(checkpoint, "made_ms", time),
                number(checkpoint, "live_rows"),
                units_format_count(number(checkpoint, "bytes"), bytes));
        if (json_is_integer(json_object_get(checkpoint, "records_to_replay")))
            fprintf(out, ", %lld records to replay", number(checkpoint, "records_to_replay"));
        fputs(", ", out);
    }
    fprintf(out, "%s\n", problem != NULL ? json_string_value(problem) : "good");
}

static void print_task(const json_t *task, FILE *out)
{
    const json_t *problem = json_object_get(task, "problem"), *item;
    char time[CLOCK_TEXT_SIZE];
    size_t i;

    fprintf(out, "  partition %lld: ", number(task, "partition"));
    if (problem != NULL)
        fprintf(out, "%s\n", json_string_value(problem));
    else
        fprintf(out, "watermark %s, %lld live rows, state hash %s%s\n",
                time_text(task, "watermark_ms", time), number(task, "live_rows"),
                json_string_value(json_object_get(task, "state_hash")),
                json_is_true(json_object_get(task, "same_configuration"))
                    ? ""
                    : ", of another configuration than the file's");
    json_array_foreach(json_object_get(task, "inputs"), i, item)
    {
        print_input(item, out);
    }
    json_array_foreach(json_object_get(task, "checkpoints"), i, item)
    {
        print_checkpoint(item, out);
    }
}

static void print(const struct inspect *inspect, const json_t *tasks, FILE *out)
{
    size_t i;
    const json_t *task;

    fprintf(out, "join %s, group %s, state in %s\n", inspect->join->name, inspect->join->group,
            inspect->join->state_directory);
    json_array_foreach(tasks, i, task)
    {
        print_task(task, out);
    }
}

static void dump(const struct inspect *inspect, json_t *tasks, FILE *out)
{
    json_t *json =
        json_pack("{s:s, s:s, s:s, s:O}", "join", inspect->join->name, "group",
                  inspect->join->group, "state", inspect->join->state_directory, "tasks", tasks);

    json_dumpf(json, out, JSON_COMPACT);
    fputc('\n', out);
    json_decref(json);
}

/* --- The whole --- */

static bool look(struct inspect *inspect, json_t *tasks, struct error *err)
{
    const char *primary = inspect->join->primary->topic.name;
    int32_t partitions;

    if (!kafka_topic_partitions(inspect->client, primary, &partitions, err))
        return false;
    for (int32_t p = 0; p < partitions; p++)
        rd_kafka_topic_partition_list_add(inspect->committed, primary, p);
    if (!kafka_committed(&inspect->pipeline->kafka, inspect->join->group, inspect->committed, err))
        return false;
    for (int32_t p = 0; p < partitions; p++)
        if (!task_json(inspect, p, tasks, err))
            return false;
    return true;
}

bool inspect_join(const struct pipeline *pipeline, const struct pipeline_join *join, bool json,
                  FILE *out, struct error *err)
{
    const char *const settings[] = {"group.id", join->group, NULL};
    struct inspect inspect = {.pipeline = pipeline, .join = join};
    json_t *tasks = json_array();

    identity_task_join(join, &inspect.task_join);
    inspect.client =
        kafka_consumer(kafka_conf(&pipeline->kafka, "dualrun-inspect", settings, err), err);
    inspect.committed = rd_kafka_topic_partition_list_new(1);
    bool ok = inspect.client != NULL && look(&inspect, tasks, err);
    if (ok && json)
        dump(&inspect, tasks, out);
    else if (ok)
        print(&inspect, tasks, out);
    rd_kafka_topic_partition_list_destroy(inspect.committed);
    if (inspect.client != NULL)
        rd_kafka_destroy(inspect.client);
    json_decref(tasks);
    return ok;
}
