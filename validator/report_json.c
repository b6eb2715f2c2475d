/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "core/buffer.h"
#include "core/clock.h"
#include "validator/history.h"
#include "validator/meaning.h"
#include "validator/paired.h"
#include "validator/report.h"
#include "validator/report_gates.h"

const char *const report_verdict_names[REPORT_VERDICTS] = {"PASS", "FAIL", "INCONCLUSIVE"};

/* -- One comparison -- */

static json_t *counts_json(const struct result *result)
{
    const struct result_counts *c = &result->counts;
    const struct {
        const char *name;
        int64_t value;
    } counts[] = {{"reference", c->reference},
                  {"candidate", c->candidate},
                  {"matched", c->matched},
                  {"different", c->different},
                  {"altered", result_total(result, DIFFERENCE_ALTERED)},
                  {"wrong_key", result_total(result, DIFFERENCE_WRONG_KEY)},
                  {"wrong_partition", result_total(result, DIFFERENCE_WRONG_PARTITION)},
                  {"missing", c->missing},
                  {"dead_letter", c->dead_letter},
                  {"extra", c->extra},
                  {"duplicate", c->duplicate},
                  {"expired", c->expired},
                  {"pending", c->pending},
                  {"candidate_pending", c->candidate_pending},
                  {"outside", c->outside},
                  {"repeated", c->repeated},
                  {"undecoded", c->undecoded},
                  {"old_duplicate", c->old_duplicate},
                  {"old_outside", c->old_outside},
                  {"unreadable", c->unreadable},
                  {"unexplained", result_unexplained(result)},
                  {"transient", result->transient}};
    json_t *json = json_object();

    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        json_object_set_new(json, counts[i].name, json_integer((json_int_t)counts[i].value));
    return json;
}

/* When, on which partitions and in which fields: of the differences that are listed. */
static void add_place(const json_t *difference, json_t *place)
{
    json_t *fields = json_object_get(place, "fields"),
           *partitions = json_object_get(place, "partitions");
    json_int_t time_ms = json_integer_value(json_object_get(difference, "time_ms"));
    json_t *partition = json_object_get(difference, "partition"), *field;
    bool known = json_integer_value(partition) < 0;
    size_t i;

    if (time_ms > 0
        && (json_object_get(place, "first_ms") == NULL
            || time_ms < json_integer_value(json_object_get(place, "first_ms"))))
        json_object_set_new(place, "first_ms", json_integer(time_ms));
    if (time_ms > json_integer_value(json_object_get(place, "last_ms")))
        json_object_set_new(place, "last_ms", json_integer(time_ms));
    for (i = 0; i < json_array_size(partitions) && !known; i++)
        known = json_equal(json_array_get(partitions, i), partition);
    if (!known)
        json_array_append(partitions, partition);
    json_array_foreach(json_object_get(difference, "fields"), i, field)
    {
        const char *name = json_string_value(json_object_get(field, "name"));
        json_int_t count = json_integer_value(json_object_get(fields, name));
        json_object_set_new(fields, name, json_integer(count + 1));
    }
}

static json_t *place_json(const struct result *result, enum difference_kind kind, enum cause cause)
{
    json_t *place = json_pack("{s:[], s:{}}", "partitions", "fields"), *difference;
    size_t i;

    json_array_foreach(result->differences, i, difference)
    {
        const char *its_kind = json_string_value(json_object_get(difference, "kind"));
        const char *its_cause = json_string_value(json_object_get(difference, "cause"));
        if (strcmp(its_kind, difference_kind_names[kind]) == 0
            && strcmp(its_cause, cause_infos[cause].name) == 0)
            add_place(difference, place);
    }
    return place;
}

static json_t *causes_json(const struct result *result)
{
    json_t *list = json_array();

    for (size_t cause = CAUSES; cause-- > 0;) /* Unexplained first. */
        for (size_t kind = 0; kind < DIFFERENCE_KINDS; kind++) {
            const struct cause_info *info = &cause_infos[cause];
            if (result->found[kind][cause] == 0)
                continue;
            struct meaning meaning =
                meaning_of(result->comparison, (enum difference_kind)kind, (enum cause)cause);
            json_array_append_new(
                list,
                json_pack("{s:s, s:s, s:I, s:b, s:s, s:s, s:o}", "cause", info->name, "kind",
                          difference_kind_names[kind], "count",
                          (json_int_t)result->found[kind][cause], "explained", info->explained,
                          "meaning", meaning.text, "advice", meaning.advice, "place",
                          place_json(result, (enum difference_kind)kind, (enum cause)cause)));
        }
    return list;
}

static json_t *buckets_json(const struct result *result)
{
    json_t *rows = json_array();

    for (size_t i = 0; i < RESULT_BUCKETS; i++) {
        const struct result_bucket *bucket = &result->buckets[i];
        if (bucket->rows + bucket->label_rows == 0)
            continue;
        json_int_t at = result->bucket_first_ms + (json_int_t)i * result->bucket_ms;
        json_array_append_new(rows, json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "time_ms", at,
                                              "rows", (json_int_t)bucket->rows, "matched",
                                              (json_int_t)bucket->matched, "unexplained",
                                              (json_int_t)bucket->unexplained, "label_rows",
                                              (json_int_t)bucket->label_rows, "label_expected",
                                              (json_int_t)bucket->label_expected, "label_found",
                                              (json_int_t)bucket->label_found));
    }
    return json_pack("{s:I, s:o}", "width_ms", (json_int_t)result->bucket_ms, "rows", rows);
}

static json_t *partitions_json(const struct result *result)
{
    json_t *list = json_array();

    for (size_t i = 0; i < result->partition_count; i++)
        json_array_append_new(list,
                              json_pack("{s:i, s:I, s:I, s:I}", "partition", (int)i, "rows",
                                        (json_int_t)result->partitions[i].rows, "matched",
                                        (json_int_t)result->partitions[i].matched, "differences",
                                        (json_int_t)result->partitions[i].differences));
    return list;
}

static double share_of(int64_t part, int64_t all)
{
    return all > 0 ? (double)part / (double)all : 0;
}

/* The one whose rate is drawn. */
static json_t *label_json(const struct result *result)
{
    const struct result_label *label = &result->labels[0];

    if (result->label_count == 0 || label->pairs == 0)
        return json_null();
    return json_pack("{s:s, s:I, s:f, s:f}", "field", label->field, "rows",
                     (json_int_t)label->pairs, "expected_rate",
                     share_of(label->expected, label->pairs), "found_rate",
                     share_of(label->found, label->pairs));
}

static json_t *labels_json(const struct result *result)
{
    json_t *list = json_array();

    for (size_t i = 0; i < result->label_count; i++) {
        const struct result_label *label = &result->labels[i];
        json_array_append_new(
            list,
            json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:f, s:f}", "field", label->field, "pairs",
                      (json_int_t)label->pairs, "expected", (json_int_t)label->expected, "found",
                      (json_int_t)label->found, "gained", (json_int_t)label->gained, "lost",
                      (json_int_t)label->lost, "difference",
                      paired_difference(label->pairs, label->gained, label->lost), "bound",
                      paired_bound(label->pairs, label->gained, label->lost)));
    }
    return list;
}

static json_t *comparison_json(const struct report *report, const struct result *result,
                               json_t *gates, enum exit_code *verdict)
{
    json_t *identities = result_balance(result);
    json_t *json = json_object();

    json_t *reasons = json_copy(result->inconclusive);

    *verdict = report_gates(&report->pipeline->validate.gates, result, identities, gates, reasons);
    json_object_set_new(json, "kind", json_string(report_kind(result)));
    json_object_set_new(json, "name", json_string(result->name));
    json_object_set_new(json, "verdict", json_string(report_verdict_names[*verdict]));
    json_object_set_new(json, "counts", counts_json(result));
    json_object_set_new(json, "identities", identities);
    json_object_set_new(json, "judged",
                        result->judged_rows > 0
                            ? json_pack("{s:I, s:I}", "from_ms", (json_int_t)result->judged_from_ms,
                                        "to_ms", (json_int_t)result->judged_to_ms)
                            : json_null());
    json_object_set_new(json, "coverage", json_real(result_coverage(result)));
    json_object_set_new(json, "second_look", json_boolean(result->second_look));
    json_object_set_new(json, "causes", causes_json(result));
    json_object_set(json, "altered_fields", result->altered_fields);
    json_object_set_new(json, "label", label_json(result));
    json_object_set_new(json, "labels", labels_json(result));
    json_object_set_new(json, "worst_buckets", report_worst_buckets(result));
    json_object_set_new(json, "buckets", buckets_json(result));
    json_object_set_new(json, "partitions", partitions_json(result));
    json_object_set(json, "reads", result->reads);
    json_object_set(json, "facts", result->facts);
    if (result->comparison == COMPARISON_BRIDGE)
        json_object_set_new(json, "books",
                            result->books != NULL ? json_incref(result->books) : json_null());
    json_object_set_new(json, "inconclusive", reasons);
    json_object_set(json, "notes", result->notes);
    json_object_set(json, "not_checked", result->not_checked);
    return json;
}

/* -- The whole -- */

/* The pipeline file's own bytes: the same file, the same hash. */
static json_t *file_hash(const char *path)
{
    FILE *file = fopen(path, "rbe");
    uint8_t block[4096];
    XXH64_state_t *state = XXH64_createState();
    size_t size;

    XXH64_reset(state, 0);
    while (file != NULL && (size = fread(block, 1, sizeof block, file)) > 0)
        XXH64_update(state, block, size);
    json_t *json =
        file != NULL ? json_sprintf("%016" PRIx64, (uint64_t)XXH64_digest(state)) : json_null();
    XXH64_freeState(state);
    if (file != NULL)
        fclose(file);
    return json;
}

static json_t *provenance_json(const struct report *report)
{
    char started[CLOCK_TEXT_SIZE], ended[CLOCK_TEXT_SIZE];
    json_t *json =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:s}", "run_id", report->run_id, "version",
                  DUALRUN_VERSION, "pipeline", report->pipeline->name, "file",
                  report->pipeline->file, "started", clock_format_ms(report->started_ms, started),
                  "ended", clock_format_ms(report->ended_ms, ended), "settle_ms",
                  (json_int_t)report->pipeline->validate.settle_ms, "brokers",
                  report->pipeline->kafka.brokers);

    json_object_set_new(
        json, "show_values",
        json_string(report->pipeline->validate.show_values == SHOW_VALUES_ALL ? "all" : "none"));
    json_object_set_new(json, "file_hash", file_hash(report->pipeline->file));
    json_object_set_new(json, "command",
                        json_sprintf("dualrun validate %s", report->pipeline->file));
    return json;
}

static enum exit_code worse(enum exit_code a, enum exit_code b)
{
    if (a == EXIT_CODE_DIFFERENT || b == EXIT_CODE_DIFFERENT)
        return EXIT_CODE_DIFFERENT;
    return a == EXIT_CODE_OK ? b : a;
}

static json_t *summary(const struct report *report, enum exit_code verdict)
{
    int64_t records = 0, unexplained = 0, explained = 0, unbalanced = 0;

    for (size_t i = 0; i < report->result_count; i++) {
        const struct result *result = &report->results[i];
        records += result->counts.reference - result->counts.pending;
        unexplained += result_unexplained(result);
        unbalanced += result_unbalanced_minutes(result);
        for (size_t kind = 0; kind < DIFFERENCE_KINDS; kind++)
            explained += result_total(result, (enum difference_kind)kind);
    }
    explained -= unexplained;
    if (verdict == EXIT_CODE_INCONCLUSIVE)
        return json_sprintf("not enough could be compared to judge (%lld records were)",
                            (long long)records);
    if (unexplained == 0 && unbalanced > 0)
        return json_sprintf("%lld records compared, none differs without a cause, but in %lld "
                            "minutes the bridge's books do not agree with the topics",
                            (long long)records, (long long)unbalanced);
    if (unexplained == 0)
        return json_sprintf("%lld records compared, none differs without a cause; %lld explained",
                            (long long)records, (long long)explained);
    return json_sprintf(
        "%lld of %lld records (%.4g%%) differ without a cause; %lld more are explained",
        (long long)unexplained, (long long)records,
        records > 0 ? 100.0 * (double)unexplained / (double)records : 100.0, (long long)explained);
}

static json_t *next_step(const struct report *report, enum exit_code verdict)
{
    const char *file = report->pipeline->file;

    if (verdict == EXIT_CODE_OK)
        return json_sprintf("dualrun validate %s   (again, until the gates have held long enough)",
                            file);
    if (verdict == EXIT_CODE_INCONCLUSIVE)
        return json_sprintf("mend the reasons named above, then: dualrun validate %s", file);
    return json_string("do not switch over; fetch both sides of the samples in report.html");
}

/* What a run alone cannot tell; with a history the streak tells how long the gates have held. */
static void add_streak(const struct report *report, json_t *document)
{
    json_t *not_checked = json_array();
    bool legacy = false;

    for (size_t i = 0; i < report->result_count; i++)
        legacy |= report->results[i].comparison == COMPARISON_LEGACY;
    if (!legacy)
        result_note(not_checked, "the legacy system's output against ours");
    json_object_set_new(document, "not_checked", not_checked);
    if (report->history == NULL) {
        json_object_set_new(document, "streak", json_null());
        result_note(not_checked, "a streak of clean runs over a span of time: no report is kept");
        return;
    }
    json_t *line = history_line(document);
    json_object_set_new(document, "streak",
                        history_streak(report->history, line, &report->pipeline->validate.gates));
    json_decref(line);
}

json_t *report_json(const struct report *report)
{
    json_t *document = json_object(), *gates = json_array(), *comparisons = json_array();
    json_t *differences = json_array();
    enum exit_code verdict = report->result_count > 0 ? EXIT_CODE_OK : EXIT_CODE_INCONCLUSIVE;
    json_int_t total = 0;

    for (size_t i = 0; i < report->result_count; i++) {
        const struct result *result = &report->results[i];
        enum exit_code one;
        json_array_append_new(comparisons, comparison_json(report, result, gates, &one));
        verdict = worse(verdict, one);
        for (size_t kind = 0; kind < DIFFERENCE_KINDS; kind++)
            total += result_total(result, (enum difference_kind)kind);
        json_t *kept = result_differences(result);
        json_array_extend(differences, kept);
        json_decref(kept);
    }
    json_object_set_new(document, "schema_version", json_integer(REPORT_SCHEMA_VERSION));
    json_object_set_new(document, "verdict", json_string(report_verdict_names[verdict]));
    json_object_set_new(document, "summary", summary(report, verdict));
    json_object_set_new(document, "next", next_step(report, verdict));
    json_object_set_new(document, "gates", gates);
    json_object_set_new(document, "comparisons", comparisons);
    json_object_set_new(document, "differences_total", json_integer(total));
    json_object_set_new(document, "differences_listed",
                        json_integer((json_int_t)json_array_size(differences)));
    json_object_set_new(document, "differences", differences);
    json_object_set_new(document, "provenance", provenance_json(report));
    add_streak(report, document);
    return document;
}

enum exit_code report_verdict(const json_t *document)
{
    const char *name = json_string_value(json_object_get(document, "verdict"));

    for (int i = 0; i < REPORT_VERDICTS; i++)
        if (name != NULL && strcmp(name, report_verdict_names[i]) == 0)
            return (enum exit_code)i;
    return EXIT_CODE_INCONCLUSIVE;
}

char *report_value(const json_t *value)
{
    if (value == NULL)
        return memory_text("");
    if (json_is_string(value))
        return memory_text(json_string_value(value));
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    assert(text != NULL);
    return text;
}
