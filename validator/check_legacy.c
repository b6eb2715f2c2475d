/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The old system's files against the output topic. One look: the cut is taken before the output is read,
 * rows behind it are in the topic by then, and files do not change.
 */
#include <glob.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/buffer.h"
#include "core/kafka.h"
#include "core/process.h"
#include "core/task_commit.h"
#include "validator/check.h"
#include "validator/legacy_compare.h"
#include "validator/recompute.h"
#include "validator/source_topic.h"

enum { STOP_ROWS = 4096, ARENA_BLOCK = 256 * 1024 };

struct legacy_look {
    const struct check *check;
    const struct pipeline_join *join;
    const struct pipeline_legacy *legacy;
    struct legacy_compare *compare;
    struct result *result;
    struct topic_ranges output;
    int64_t *final_before_ms;
};

/* -- The cut -- */

/* Nothing of a partition is final before it has a watermark, unless nothing lies there. */
static bool cut_partition(struct legacy_look *look, const struct recompute_plan *plan,
                          const rd_kafka_topic_partition_t *committed,
                          const struct topic_range *range, struct error *err)
{
    int64_t *final = &look->final_before_ms[committed->partition];
    struct task_commit commit;

    *final = range->from == range->to ? INT64_MAX : INT64_MIN;
    if (committed->offset < 0 || committed->metadata_size == 0)
        return true;
    if (!task_commit_parse(committed->metadata, committed->metadata_size, &commit, err))
        return error_wrap(err, "group %s, topic %s, partition %" PRId32, look->join->group,
                          committed->topic, committed->partition);
    if (commit.watermark_ms != TASK_TIME_NONE)
        *final = recompute_cutoff_ms(plan, commit.watermark_ms);
    return true;
}

static bool cut(struct legacy_look *look, const struct topic_ranges *primary, struct error *err)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(64);
    struct recompute_plan plan;

    for (size_t p = 0; p < primary->count; p++)
        rd_kafka_topic_partition_list_add(list, primary->topic, (int32_t)p);
    look->final_before_ms = memory_array(primary->count + 1, sizeof *look->final_before_ms);
    recompute_plan_init(&plan, look->join);
    bool done = kafka_committed(&look->check->pipeline->kafka, look->join->group, list, err);
    for (int i = 0; done && i < list->cnt; i++)
        done = cut_partition(look, &plan, &list->elems[i], &primary->ranges[i], err);
    recompute_plan_fini(&plan);
    rd_kafka_topic_partition_list_destroy(list);
    return done;
}

/* -- Topics -- */

static bool take_new(void *context, const struct record *record, struct error *err)
{
    struct legacy_look *look = context;

    return legacy_compare_new_row(look->compare, record, err);
}

static bool take_late(void *context, const struct record *record, struct error *err)
{
    struct legacy_look *look = context;

    return legacy_compare_late(look->compare, record, err);
}

static bool take_dead(void *context, const struct record *record, struct error *err)
{
    struct legacy_look *look = context;

    return legacy_compare_dead(look->compare, record, err);
}

static bool read_topic(struct legacy_look *look, const char *topic, bool may_be_absent,
                       record_take *take, struct error *err)
{
    const struct pipeline_kafka *kafka = &look->check->pipeline->kafka;
    struct topic_ranges ranges;
    bool done = topic_ranges_open(&ranges, kafka, topic, may_be_absent, err)
                && topic_ranges_read(&ranges, kafka, look->check->progress, take, look, err);

    topic_ranges_note(&ranges, look->result->reads, look->result->inconclusive);
    topic_ranges_fini(&ranges);
    return done;
}

static bool read_witnesses(struct legacy_look *look, struct error *err)
{
    const struct pipeline_join *join = look->join;

    if (join->late_topic != NULL && !read_topic(look, join->late_topic, true, take_late, err))
        return false;
    for (size_t i = 0; i <= join->secondary_count; i++) {
        const char *dead =
            i == 0 ? join->primary->dead_letter : join->secondaries[i - 1].stream->dead_letter;
        bool seen = dead == NULL;
        for (size_t k = 0; !seen && k < i; k++) {
            const char *other =
                k == 0 ? join->primary->dead_letter : join->secondaries[k - 1].stream->dead_letter;
            seen = other != NULL && strcmp(other, dead) == 0;
        }
        if (!seen && !read_topic(look, dead, true, take_dead, err))
            return false;
    }
    return true;
}

/* -- Files -- */

static bool read_rows(struct legacy_look *look, struct legacy_file *file, size_t number,
                      int64_t *rows, struct error *err)
{
    struct legacy_row row;
    struct arena arena;
    enum legacy_status status;
    bool done = true;

    arena_init(&arena, ARENA_BLOCK);
    while (done && (status = legacy_file_next(file, &arena, &row)) != LEGACY_END) {
        if (status == LEGACY_BROKEN) {
            result_note(look->result->inconclusive, "%s, behind row or line %" PRId64 ": %s",
                        look->result->name, row.place, row.reason);
        } else if (status == LEGACY_BAD) {
            legacy_compare_unreadable(look->compare, number, &row);
        } else {
            done = legacy_compare_old_row(look->compare, number, legacy_file_is_untyped(file), &row,
                                          err);
            ++*rows;
        }
        arena_reset(&arena, ARENA_BLOCK);
        if (*rows % STOP_ROWS == 0 && done && process_stopping())
            done = error_set(err, EXIT_CODE_INCONCLUSIVE, "stopped while reading files");
    }
    arena_fini(&arena);
    progress_step(look->check->progress, *rows);
    return done;
}

static bool read_file(struct legacy_look *look, const char *path, struct error *err)
{
    const struct legacy_paths *paths = legacy_compare_paths(look->compare);
    size_t number = legacy_compare_file(look->compare, path);
    struct legacy_file *file = legacy_file_open(path, look->legacy->format, paths, err);
    int64_t rows = 0;

    progress_phase(look->check->progress, "reading %s", path);
    if (file == NULL) {
        if (err->code == EXIT_CODE_CONFIG)
            return false;
        result_note(look->result->inconclusive, "%.400s", err->text);
        return true;
    }
    bool done = read_rows(look, file, number, &rows, err);
    legacy_file_names(file, legacy_compare_old_name, look->compare);
    legacy_file_close(file);
    json_array_append_new(look->result->reads,
                          json_pack("{s:s, s:i, s:i, s:I, s:I}", "topic", path, "partition", 0,
                                    "from", 0, "to", (json_int_t)rows, "records",
                                    (json_int_t)rows));
    return done;
}

static bool read_files(struct legacy_look *look, struct error *err)
{
    glob_t found = {0};
    int code = glob(look->legacy->files, 0, NULL, &found);
    bool done = code == 0;

    if (code == GLOB_NOMATCH || (code == 0 && found.gl_pathc == 0)) {
        error_set(err, EXIT_CODE_CONFIG, "no file is named like %s", look->legacy->files);
        error_hint(err, "validate.legacy.files is taken from the pipeline file's own folder");
    } else if (code != 0) {
        error_set(err, EXIT_CODE_SOURCE, "%s: the folder cannot be read", look->legacy->files);
    }
    for (size_t i = 0; done && i < found.gl_pathc; i++)
        done = read_file(look, found.gl_pathv[i], err);
    globfree(&found);
    return done;
}

/* -- The look -- */

static bool compare_all(struct legacy_look *look, size_t partition_count, struct error *err)
{
    struct legacy_compare_options options = {.join = look->join,
                                             .validate = &look->check->pipeline->validate,
                                             .registry = look->check->registry,
                                             .work_directory = look->check->work_directory,
                                             .final_before_ms = look->final_before_ms,
                                             .partition_count = partition_count,
                                             .result = look->result};

    look->compare = legacy_compare_new(&options);
    bool done = read_topic(look, look->join->output.name, false, take_new, err)
                && read_files(look, err) && read_witnesses(look, err);
    if (done) {
        progress_phase(look->check->progress, "comparing %s with the old system", look->join->name);
        done = legacy_compare_finish(look->compare, err);
    }
    legacy_compare_free(look->compare);
    return done;
}

bool check_legacy(const struct check *check, const struct pipeline_join *join,
                  struct result *result, struct error *err)
{
    struct legacy_look look = {.check = check,
                               .join = join,
                               .legacy = &check->pipeline->validate.legacy,
                               .result = result};
    struct topic_ranges primary;
    bool done =
        topic_ranges_open(&primary, &check->pipeline->kafka, join->primary->topic.name, false, err)
        && cut(&look, &primary, err) && compare_all(&look, primary.count, err);

    topic_ranges_fini(&primary);
    free(look.final_before_ms);
    return done || error_wrap(err, "validate legacy output of %s", join->name);
}
