/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Expected rows and output records, in the order of their sample ids, are judged id by id.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/provenance.h"
#include "validator/join_rows.h"

enum { EVIDENCE_SIZE = 256 };

/* All that has one sample id. */
struct judged {
    uint8_t sample[SAMPLE_ID_SIZE];
    struct expected expected[2]; /* Two: one key on two partitions. */
    size_t expected_count;
    struct output *outputs;
    size_t output_count, room;
};

static const uint8_t *take_cells(struct join_compare *c, const uint8_t *data, struct cell **cells)
{
    *cells = arena_take(&c->arena, (c->plan.aggregate_count + 1) * sizeof **cells);
    for (size_t i = 0; i < c->plan.aggregate_count; i++)
        data = cell_get(data, &(*cells)[i]);
    return data;
}

static void take_expected(struct join_compare *c, struct judged *judged,
                          const struct sorter_row *row)
{
    const uint8_t *data = join_rows_keep(&c->arena, row->payload, row->size);
    struct expected *expected =
        &judged->expected[judged->expected_count < 2 ? judged->expected_count++ : 1];

    *expected = (struct expected){0};
    memcpy(&expected->head, data, sizeof expected->head);
    data += sizeof expected->head;
    size_t witness_bytes = expected->head.witness_count * sizeof(struct witness);
    assert(expected->head.witness_count <= RECOMPUTE_WITNESSES);
    memcpy(expected->witnesses, data, witness_bytes);
    data += witness_bytes;
    if (expected->head.flags & FLAG_IN_ADMITTED)
        data = take_cells(c, data, &expected->admitted);
    expected->truth = expected->admitted;
    if ((expected->head.flags & FLAG_IN_TRUTH) && (expected->head.flags & FLAG_DIFFER))
        data = take_cells(c, data, &expected->truth);
    expected->primary = data;
}

static void take_output(struct join_compare *c, struct judged *judged, const struct sorter_row *row)
{
    const uint8_t *data = join_rows_keep(&c->arena, row->payload, row->size);

    if (judged->output_count == judged->room) {
        judged->room = judged->room * 2 + 8;
        judged->outputs = memory_resize(judged->outputs, judged->room * sizeof *judged->outputs);
    }
    struct output *output = &judged->outputs[judged->output_count++];
    memcpy(&output->head, data, sizeof output->head);
    output->partition = (int32_t)sort_key_get_u32(row->key + SAMPLE_ID_SIZE + 1);
    output->offset = sort_key_get_i64(row->key + SAMPLE_ID_SIZE + 5);
    output->key = data + sizeof output->head;
    output->value = output->key + output->head.key_size;
}

static json_t *positions(const struct join_compare *c, const struct expected *expected,
                         const struct output *output)
{
    json_t *json = json_object();

    if (expected != NULL)
        json_object_set_new(json, "expected",
                            result_position(c->join->primary->topic.name, expected->head.partition,
                                            expected->head.offset));
    if (output != NULL)
        json_object_set_new(
            json, "found",
            result_position(c->join->output.name, output->partition, output->offset));
    for (size_t i = 0; expected != NULL && i < expected->head.witness_count; i++) {
        const struct witness *witness = &expected->witnesses[i];
        const struct pipeline_stream *stream =
            witness->input == 0 ? c->join->primary
                                : c->join->secondaries[witness->input - 1].stream;
        char name[32];
        snprintf(name, sizeof name, i == 0 ? "witness" : "witness_%zu", i + 1);
        json_object_set_new(
            json, name, result_position(stream->topic.name, witness->partition, witness->offset));
    }
    return json;
}

static void late_evidence(const struct join_compare *c, const struct expected *expected,
                          char text[static EVIDENCE_SIZE])
{
    const struct witness *witness = &expected->witnesses[0];

    if (expected->head.witness_count == 0) {
        snprintf(text, EVIDENCE_SIZE, "the late topic");
        return;
    }
    const struct pipeline_stream *stream =
        witness->input == 0 ? c->join->primary : c->join->secondaries[witness->input - 1].stream;
    snprintf(text, EVIDENCE_SIZE,
             "%s record of time %" PRId64 " came at watermark %" PRId64 ", %" PRId64
             " ms behind it, and was %s",
             stream->name, witness->time_ms, witness->watermark_ms,
             witness->watermark_ms - witness->time_ms, witness->dropped ? "dropped" : "admitted");
}

static bool output_key(struct join_compare *c, const struct expected *expected, struct buffer *key)
{
    struct error ignored;

    return join_rows_find_key(&c->output_path, c->join->output_key,
                              source_reader_schema(c->readers[0], expected->head.schema_index),
                              expected->primary, expected->head.primary_size, key, &ignored);
}

static void report(struct join_compare *c, const struct judged *judged,
                   const struct expected *expected, const struct output *output,
                   enum difference_kind kind, enum cause cause, json_t *fields,
                   const char *evidence)
{
    char id[2 * SAMPLE_ID_SIZE + 1];
    struct difference difference = {.kind = kind,
                                    .cause = cause,
                                    .id = id,
                                    .partition = -1,
                                    .positions = positions(c, expected, output),
                                    .fields = fields,
                                    .evidence = evidence};

    for (size_t i = 0; i < SAMPLE_ID_SIZE; i++)
        snprintf(id + 2 * i, 3, "%02x", judged->sample[i]);
    if (expected != NULL) {
        difference.partition = expected->head.partition;
        difference.time_ms = expected->head.time_ms;
        if (output_key(c, expected, &c->scratch)) {
            difference.key = c->scratch.data;
            difference.key_size = c->scratch.size;
        }
    } else {
        assert(output != NULL);
        difference.partition = output->partition;
        difference.key = output->head.has_key ? output->key : NULL;
        difference.key_size = output->head.key_size;
    }
    result_add(c->result, &difference);
}

static void judge_foreign(struct join_compare *c, const struct judged *judged,
                          const struct output *output)
{
    int32_t from = output->head.from_partition;
    const char *evidence = "no source record yields this sample";

    if (output->head.has_join && from >= 0 && (size_t)from < c->cut_count) {
        if (output->head.from_offset < c->cuts[from].low) {
            c->result->counts.outside++;
            return;
        }
        if (output->head.from_offset >= c->cuts[from].next) {
            c->result->counts.candidate_pending++;
            return;
        }
    }
    if (!output->head.has_join)
        evidence = "it has no header " HEADER_JOIN;
    c->result->counts.extra++;
    report(c, judged, NULL, output, DIFFERENCE_EXTRA, CAUSE_UNEXPLAINED, NULL, evidence);
}

static bool compare_one(struct join_compare *c, const struct expected *expected,
                        const struct cell *cells, const struct output *output, json_t **fields,
                        bool *decoded, struct error *err)
{
    struct output_expected want = {
        .schema = source_reader_schema(c->readers[0], expected->head.schema_index),
        .primary = expected->primary,
        .primary_size = expected->head.primary_size,
        .cells = cells};
    struct output_found have = {.schema_id = output->head.schema_id,
                                .value = output->head.has_value ? output->value : NULL,
                                .size = output->head.value_size};

    if (!output_reader_compare(c->output, &want, &have, &c->arena, fields, decoded, err))
        return false;
    if (output->head.from_partition != expected->head.partition
        || output->head.from_offset != expected->head.offset) {
        if (*fields == NULL)
            *fields = json_array();
        json_array_append_new(*fields,
                              result_field("@from",
                                           json_sprintf("%d:%lld", (int)expected->head.partition,
                                                        (long long)expected->head.offset),
                                           json_sprintf("%d:%lld", (int)output->head.from_partition,
                                                        (long long)output->head.from_offset)));
    }
    return true;
}

static void judge_missing(struct join_compare *c, const struct judged *judged,
                          const struct expected *expected)
{
    char evidence[EVIDENCE_SIZE] = "the output topic has no final row of this sample";
    enum cause cause = CAUSE_UNEXPLAINED;

    if (!(expected->head.flags & FLAG_IN_ADMITTED)) {
        cause = CAUSE_LATE;
        late_evidence(c, expected, evidence);
    } else if (expected->head.flags & FLAG_CONFLICT) {
        cause = CAUSE_CONFLICT;
    }
    c->result->counts.missing++;
    report(c, judged, expected, NULL, DIFFERENCE_MISSING, cause, NULL, evidence);
    result_judge(c->result, expected->head.time_ms, expected->head.partition, false,
                 cause == CAUSE_UNEXPLAINED);
}

static void judge_different(struct join_compare *c, const struct judged *judged,
                            const struct expected *expected, const struct output *output,
                            enum difference_kind kind, enum cause cause, json_t *fields,
                            const char *evidence)
{
    c->result->counts.different++;
    report(c, judged, expected, output, kind, cause, fields, evidence);
    result_judge(c->result, expected->head.time_ms, expected->head.partition, false,
                 cause == CAUSE_UNEXPLAINED);
}

static void count_labels(struct join_compare *c, const struct expected *expected, uint32_t found)
{
    if (expected->head.flags & FLAG_IN_ADMITTED)
        result_pair(c->result, expected->head.time_ms,
                    output_reader_labels_expected(c->output, expected->admitted), found);
}

/* The value is as admitted; what is left is its key, its place, and what lateness cost. */
static bool judge_equal(struct join_compare *c, const struct judged *judged,
                        const struct expected *expected, const struct output *output,
                        struct error *err)
{
    char evidence[EVIDENCE_SIZE];
    json_t *fields = NULL;
    bool decoded;

    if (!output_key(c, expected, &c->scratch) || !output->head.has_key
        || c->scratch.size != output->head.key_size
        || memcmp(c->scratch.data, output->key, output->head.key_size) != 0) {
        fields = json_array();
        json_array_append_new(fields,
                              result_field("@key", result_text(c->scratch.data, c->scratch.size),
                                           result_text(output->key, output->head.key_size)));
        judge_different(c, judged, expected, output, DIFFERENCE_WRONG_KEY, CAUSE_UNEXPLAINED,
                        fields, NULL);
        return true;
    }
    if (output->partition != expected->head.partition) {
        fields = json_array();
        json_array_append_new(fields,
                              result_field("@partition", json_integer(expected->head.partition),
                                           json_integer(output->partition)));
        judge_different(c, judged, expected, output, DIFFERENCE_WRONG_PARTITION, CAUSE_UNEXPLAINED,
                        fields, NULL);
        return true;
    }
    if (expected->head.flags & FLAG_DIFFER) {
        if ((expected->head.flags & FLAG_IN_TRUTH)
            && !compare_one(c, expected, expected->truth, output, &fields, &decoded, err))
            return false;
        late_evidence(c, expected, evidence);
        judge_different(c, judged, expected, output, DIFFERENCE_ALTERED, CAUSE_LATE, fields,
                        evidence);
        return true;
    }
    c->result->counts.matched++;
    result_judge(c->result, expected->head.time_ms, expected->head.partition, true, false);
    return true;
}

static bool same_row(const struct output *a, const struct output *b)
{
    return a->partition == b->partition && a->head.key_size == b->head.key_size
           && a->head.value_size == b->head.value_size
           && memcmp(a->key, b->key, a->head.key_size) == 0
           && memcmp(a->value, b->value, a->head.value_size) == 0;
}

static void judge_duplicates(struct join_compare *c, const struct judged *judged,
                             const struct expected *expected, const struct output *kept)
{
    for (size_t i = 0; i < judged->output_count; i++) {
        if (&judged->outputs[i] == kept)
            continue;
        bool repeated =
            c->join->guarantee == GUARANTEE_AT_LEAST_ONCE && same_row(&judged->outputs[i], kept);
        c->result->counts.duplicate++;
        report(c, judged, expected, &judged->outputs[i], DIFFERENCE_DUPLICATE,
               repeated ? CAUSE_REPEATED : CAUSE_UNEXPLAINED, NULL,
               "the sample is in the output topic more than once");
    }
}

/* The output row that is right, else the first; and what its labels say. */
static bool choose(struct join_compare *c, const struct judged *judged,
                   const struct expected *expected, const struct cell *cells,
                   const struct output **chosen, json_t **fields, uint32_t *labels,
                   struct error *err)
{
    bool decoded;

    assert(judged->output_count > 0);
    *chosen = &judged->outputs[0];
    *fields = NULL;
    for (size_t i = 0; i < judged->output_count; i++) {
        json_t *differing;
        if (!compare_one(c, expected, cells, &judged->outputs[i], &differing, &decoded, err))
            return false;
        if (differing == NULL || i == 0) {
            json_decref(*fields);
            *chosen = &judged->outputs[i];
            *fields = differing;
            *labels = output_reader_labels_found(c->output);
            c->result->counts.undecoded += !decoded;
        } else {
            json_decref(differing);
        }
        if (*fields == NULL)
            return true;
    }
    return true;
}

static bool judge_found(struct join_compare *c, const struct judged *judged,
                        const struct expected *expected, struct error *err)
{
    bool admitted = (expected->head.flags & FLAG_IN_ADMITTED) != 0;
    const struct output *output;
    json_t *fields;
    uint32_t labels;

    if (!choose(c, judged, expected, admitted ? expected->admitted : expected->truth, &output,
                &fields, &labels, err))
        return false;
    count_labels(c, expected, labels);
    if (!admitted) {
        judge_different(c, judged, expected, output, DIFFERENCE_ALTERED, CAUSE_UNEXPLAINED, fields,
                        "the late topic says that its record was dropped, yet it was emitted");
    } else if (fields != NULL) {
        bool conflict = (expected->head.flags & FLAG_CONFLICT) != 0;
        judge_different(c, judged, expected, output, DIFFERENCE_ALTERED,
                        conflict ? CAUSE_CONFLICT : CAUSE_UNEXPLAINED, fields, NULL);
    } else if (!judge_equal(c, judged, expected, output, err)) {
        return false;
    }
    judge_duplicates(c, judged, expected, output);
    return true;
}

static bool judge(struct join_compare *c, struct judged *judged, struct error *err)
{
    const struct expected *expected = &judged->expected[0];

    c->result->counts.candidate += (int64_t)judged->output_count;
    c->result->counts.reference += judged->expected_count > 0;
    c->result->counts.repeated += judged->expected_count > 1;
    if (judged->expected_count == 0) {
        for (size_t i = 0; i < judged->output_count; i++)
            judge_foreign(c, judged, &judged->outputs[i]);
        return true;
    }
    if (expected->head.flags & FLAG_PENDING) {
        c->result->counts.pending++;
        c->result->counts.candidate_pending += (int64_t)judged->output_count;
        return true;
    }
    if (judged->output_count == 0) {
        judge_missing(c, judged, expected);
        return true;
    }
    return judge_found(c, judged, expected, err);
}

static bool judge_all(struct join_compare *c, struct judged *judged, struct error *err)
{
    struct sorter_row row;

    for (;;) {
        if (!sorter_next(c->judge, &row, err))
            return false;
        bool starts = row.key == NULL || memcmp(judged->sample, row.key, SAMPLE_ID_SIZE) != 0;
        if (starts && judged->expected_count + judged->output_count > 0 && !judge(c, judged, err))
            return false;
        if (row.key == NULL)
            return true;
        if (starts) {
            arena_reset(&c->arena, ARENA_KEEP);
            memcpy(judged->sample, row.key, SAMPLE_ID_SIZE);
            judged->expected_count = judged->output_count = 0;
        }
        if (row.key[SAMPLE_ID_SIZE] == TAG_EXPECTED)
            take_expected(c, judged, &row);
        else
            take_output(c, judged, &row);
    }
}

bool join_compare_finish(struct join_compare *c, struct error *err)
{
    struct judged judged = {0};
    json_t *facts = c->result->facts;

    if (!sorter_sort(c->judge, err))
        return false;
    bool done = judge_all(c, &judged, err);
    free(judged.outputs);
    json_object_set_new(facts, "source_records_refused", json_integer(c->dead));
    json_object_set_new(facts, "source_records_ahead_of_time", json_integer(c->ahead));
    json_object_set_new(facts, "late_records", json_integer(c->late));
    json_object_set_new(facts, "late_records_without_source", json_integer(c->late_unmatched));
    json_object_set_new(facts, "early_rows", json_integer(c->early));
    json_object_set_new(facts, "output_spilled_bytes",
                        json_integer((json_int_t)sorter_stats(c->judge).spilled_bytes));
    return done;
}
