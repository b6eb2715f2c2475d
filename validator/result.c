/* SPDX-License-Identifier: Apache-2.0 */
#include "validator/result.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "validator/paired.h"

enum { BUCKET_MS = 1000 };

const struct cause_info cause_infos[CAUSES] = {
    [CAUSE_LATE] = {"late", "a record came after its window had closed; the late topic names it",
                    "raise join.lateness if this is more than you accept", true},
    [CAUSE_CONFLICT] = {"conflict", "two records share an event id but not their time",
                        "make event ids unique where events are published", true},
    [CAUSE_DEAD_LETTER] = {"dead_letter", "the record did not fit and lies in the dead letters",
                           "read the dead-letter topic; mend the publisher or the schema", true},
    [CAUSE_REDELIVERED] = {"redelivered", "Pub/Sub delivered the message more than once",
                           "nothing, if event ids tell the copies apart", true},
    [CAUSE_REPEATED] =
        {"repeated", "the join is at_least_once, and the copies are equal to the byte",
         "nothing, if consumers drop a sample id that they have seen; else say guarantee: "
         "exactly_once",
         true},
    [CAUSE_EXPECTED] = {"expected", "a rule of validate.legacy.expected names it",
                        "nothing, as long as the rule's reason holds", true},
    [CAUSE_ROUNDING] = {"rounding", "the numbers differ by less than a millionth of themselves",
                        "if you bear that, say so: validate.legacy.tolerate", false},
    [CAUSE_NULL] = {"null_default", "one side has null, the other 0, false or nothing",
                    "if they mean the same, say so: validate.legacy.null_is_default", false},
    [CAUSE_ENUM] = {"enum",
                    "the old system's word is not in validate.legacy.enums, or the words "
                    "differ in case or blanks only",
                    "if they mean the same, say so: validate.legacy.enums", false},
    [CAUSE_KEY_FORM] = {"key_form",
                        "the other side has a row whose key differs only in case, "
                        "blanks around it or leading zeros",
                        "make both systems write the key in one form", false},
    [CAUSE_TIME] = {"time", "only the time of the row differs",
                    "see which clock or which of several times each system takes", false},
    [CAUSE_UNEXPLAINED] = {"unexplained", "no record, reason or rule accounts for it",
                           "do not switch; fetch the samples below and look at both sides", false},
};

const char *const difference_kind_names[DIFFERENCE_KINDS] = {
    [DIFFERENCE_MISSING] = "missing",
    [DIFFERENCE_EXTRA] = "extra",
    [DIFFERENCE_DUPLICATE] = "duplicate",
    [DIFFERENCE_ALTERED] = "altered",
    [DIFFERENCE_WRONG_KEY] = "wrong_key",
    [DIFFERENCE_WRONG_PARTITION] = "wrong_partition",
    [DIFFERENCE_OLD_DUPLICATE] = "old_duplicate",
};

const char *const comparison_names[COMPARISONS] = {
    [COMPARISON_BRIDGE] = "bridge", [COMPARISON_JOIN] = "join", [COMPARISON_LEGACY] = "legacy"};

void result_init(struct result *result, enum comparison comparison, const char *name,
                 const struct redact *redact)
{
    *result =
        (struct result){.comparison = comparison, .name = memory_text(name), .redact = redact};
    result->differences = json_array();
    result->samples = memory_array((size_t)DIFFERENCE_KINDS * CAUSES, sizeof *result->samples);
    result->altered_fields = json_object();
    result->reads = json_array();
    result->not_checked = json_array();
    result->inconclusive = json_array();
    result->notes = json_array();
    result->facts = json_object();
}

void result_fini(struct result *result)
{
    json_decref(result->differences);
    free(result->samples);
    json_decref(result->altered_fields);
    json_decref(result->reads);
    json_decref(result->not_checked);
    json_decref(result->inconclusive);
    json_decref(result->notes);
    json_decref(result->books);
    json_decref(result->facts);
    free(result->partitions);
    for (size_t i = 0; i < result->label_count; i++)
        free(result->labels[i].field);
    minutes_fini(&result->minutes);
    free(result->name);
    *result = (struct result){0};
}

void result_note(json_t *list, const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    json_array_append_new(list, json_string(text));
}

/* -- Differences -- */

json_t *result_text(const void *bytes, size_t size)
{
    struct buffer text = {0};
    size_t shown = size < RESULT_TEXT_MAX ? size : RESULT_TEXT_MAX;
    json_t *json;

    while (shown < size && shown > 0 && (((const uint8_t *)bytes)[shown] & 0xc0) == 0x80)
        shown--; /* Not within a character. */
    if (size == 0)
        return json_string("");
    buffer_append(&text, bytes, shown);
    if (shown < size)
        buffer_append_text(&text, "\xe2\x80\xa6");
    json = json_stringn((const char *)text.data, text.size);
    if (json == NULL) {
        buffer_clear(&text);
        for (size_t i = 0; i < shown / 2; i++)
            buffer_appendf(&text, "%02x", ((const uint8_t *)bytes)[i]);
        json = json_stringn((const char *)text.data, text.size);
    }
    buffer_fini(&text);
    return json;
}

json_t *result_position(const char *topic, int32_t partition, int64_t offset)
{
    return json_sprintf("%s/%" PRId32 "/%" PRId64, topic, partition, offset);
}

static json_t *shortened(json_t *value)
{
    if (json_is_string(value)) {
        json_t *text = result_text(json_string_value(value), json_string_length(value));
        json_decref(value);
        return text;
    }
    if (!json_is_object(value) && !json_is_array(value))
        return value;
    char *dump = json_dumps(value, JSON_COMPACT);
    size_t size = dump != NULL ? strlen(dump) : 0;
    json_decref(value);
    value = result_text(dump, size);
    free(dump);
    return value;
}

json_t *result_bytes(const void *bytes, size_t size)
{
    json_t *json = size > 0 ? json_stringn(bytes, size) : json_string("");
    struct buffer text = {0};

    if (json != NULL)
        return json;
    for (size_t i = 0; i < size; i++)
        buffer_appendf(&text, "%02x", ((const uint8_t *)bytes)[i]);
    json = json_stringn((const char *)text.data, text.size);
    buffer_fini(&text);
    return json;
}

json_t *result_field(const char *name, json_t *expected, json_t *found)
{
    return json_pack("{s:s, s:o?, s:o?}", "name", name, "expected", expected, "found", found);
}

/* Redacted first: a value counts as a whole. */
static void show_fields(const struct result *result, json_t *fields)
{
    static const char *const sides[] = {"expected", "found"};
    json_t *field;
    size_t i;

    json_array_foreach(fields, i, field)
    {
        for (size_t side = 0; side < 2; side++) {
            json_t *value = json_incref(json_object_get(field, sides[side]));
            if (value == NULL || json_is_null(value)) {
                json_decref(value);
                continue;
            }
            if (result->redact != NULL)
                value = redact_value(result->redact,
                                     json_string_value(json_object_get(field, "name")), value);
            json_object_set_new(field, sides[side], shortened(value));
        }
    }
}

static json_t *difference_json(const struct result *result, const struct difference *difference)
{
    json_t *json = json_object();

    json_object_set_new(json, "comparison", json_string(comparison_names[result->comparison]));
    json_object_set_new(json, result->comparison == COMPARISON_BRIDGE ? "stream" : "join",
                        json_string(result->name));
    json_object_set_new(json, "kind", json_string(difference_kind_names[difference->kind]));
    json_object_set_new(json, "cause", json_string(cause_infos[difference->cause].name));
    if (difference->key != NULL)
        json_object_set_new(json, "key", result_text(difference->key, difference->key_size));
    json_object_set_new(json, result->comparison == COMPARISON_BRIDGE ? "message_id" : "sample",
                        difference->id != NULL ? json_string(difference->id) : json_null());
    json_object_set_new(json, "time_ms", json_integer(difference->time_ms));
    json_object_set_new(json, "partition", json_integer(difference->partition));
    if (difference->evidence != NULL)
        json_object_set_new(json, "evidence",
                            result_text(difference->evidence, strlen(difference->evidence)));
    return json;
}

static void count_fields(struct result *result, const json_t *fields)
{
    const json_t *field;
    size_t i;

    json_array_foreach(fields, i, field)
    {
        const char *name = json_string_value(json_object_get(field, "name"));
        json_int_t count = json_integer_value(json_object_get(result->altered_fields, name));
        json_object_set_new(result->altered_fields, name, json_integer(count + 1));
    }
}

static void grow_partitions(struct result *result, int32_t partition)
{
    size_t wanted = (size_t)partition + 1;

    assert(partition >= 0);
    if (wanted <= result->partition_count)
        return;
    result->partitions = memory_resize(result->partitions, wanted * sizeof *result->partitions);
    memset(result->partitions + result->partition_count, 0,
           (wanted - result->partition_count) * sizeof *result->partitions);
    result->partition_count = wanted;
}

/* By what names the difference, never by when it came. */
static uint64_t sample_hash(const struct difference *difference)
{
    XXH64_state_t *state = XXH64_createState();
    const json_t *position;
    const char *where;

    XXH64_reset(state, 0);
    if (difference->key != NULL)
        XXH64_update(state, difference->key, difference->key_size);
    if (difference->id != NULL)
        XXH64_update(state, difference->id, strlen(difference->id) + 1);
    json_object_foreach(difference->positions, where, position)
        XXH64_update(state, json_string_value(position), json_string_length(position) + 1);
    uint64_t hash = XXH64_digest(state);
    XXH64_freeState(state);
    return hash;
}

static int by_hash(const void *a, const void *b)
{
    uint64_t x, y;

    memcpy(&x, a, sizeof x); /* The first member. */
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

/* Where it is kept: a free place, that of the highest hash if this one is lower, or RESULT_SAMPLES: not at all. */
static size_t take_sample(const struct result_samples *samples, uint64_t hash)
{
    size_t highest = 0;

    if (samples->count < RESULT_SAMPLES)
        return samples->count;
    for (size_t i = 1; i < samples->count; i++)
        if (samples->kept[i].hash > samples->kept[highest].hash)
            highest = i;
    return hash < samples->kept[highest].hash ? highest : RESULT_SAMPLES;
}

/* Takes the JSON. */
static void keep_sample(struct result *result, struct result_samples *samples, size_t at,
                        uint64_t hash, json_t *json)
{
    if (at == samples->count) {
        samples->count++;
        samples->kept[at].place = json_array_size(result->differences);
        json_array_append_new(result->differences, json);
    } else {
        json_array_set_new(result->differences, samples->kept[at].place, json);
    }
    samples->kept[at].hash = hash;
}

void result_add(struct result *result, const struct difference *difference)
{
    result->found[difference->kind][difference->cause]++;
    count_fields(result, difference->fields);
    if (difference->partition >= 0) {
        grow_partitions(result, difference->partition);
        result->partitions[difference->partition].differences++;
    }
    uint64_t hash = sample_hash(difference);
    struct result_samples *samples =
        &result->samples[(size_t)difference->kind * CAUSES + (size_t)difference->cause];
    size_t at = take_sample(samples, hash);
    if (at == RESULT_SAMPLES) {
        json_decref(difference->positions);
        json_decref(difference->fields);
        return;
    }
    json_t *json = difference_json(result, difference);
    if (difference->positions != NULL)
        json_object_set_new(json, "positions", difference->positions);
    show_fields(result, difference->fields);
    if (difference->fields != NULL)
        json_object_set_new(json, "fields", difference->fields);
    keep_sample(result, samples, at, hash, json);
}

json_t *result_differences(const struct result *result)
{
    json_t *list = json_array();

    for (size_t group = 0; group < (size_t)DIFFERENCE_KINDS * CAUSES; group++) {
        struct result_samples sorted = result->samples[group];
        qsort(sorted.kept, sorted.count, sizeof *sorted.kept, by_hash);
        for (size_t i = 0; i < sorted.count; i++)
            json_array_append(list, json_array_get(result->differences, sorted.kept[i].place));
    }
    return list;
}

/* -- Buckets -- */

static void add_bucket(struct result_bucket *to, const struct result_bucket *from)
{
    to->rows += from->rows;
    to->matched += from->matched;
    to->unexplained += from->unexplained;
    to->label_rows += from->label_rows;
    to->label_expected += from->label_expected;
    to->label_found += from->label_found;
}

static int64_t round_down(int64_t value, int64_t step)
{
    return value / step * step - (value % step < 0 ? step : 0);
}

/* Makes buckets as wide as it takes to hold what is used and the new time. */
static void widen(struct result *result, int64_t time_ms)
{
    int64_t low = time_ms, high = time_ms, width = result->bucket_ms;
    struct result_bucket old[RESULT_BUCKETS];
    int64_t old_first_ms = result->bucket_first_ms;

    memcpy(old, result->buckets, sizeof old);
    for (size_t i = 0; i < RESULT_BUCKETS; i++) {
        int64_t at = old_first_ms + (int64_t)i * width;
        if (old[i].rows + old[i].label_rows == 0)
            continue;
        low = at < low ? at : low;
        high = at > high ? at : high;
    }
    while (high - round_down(low, result->bucket_ms) >= RESULT_BUCKETS * result->bucket_ms)
        result->bucket_ms *= 2;
    result->bucket_first_ms = round_down(low, result->bucket_ms);
    memset(result->buckets, 0, sizeof result->buckets);
    for (size_t i = 0; i < RESULT_BUCKETS; i++) {
        int64_t at = old_first_ms + (int64_t)i * width;
        if (old[i].rows + old[i].label_rows > 0)
            add_bucket(&result->buckets[(at - result->bucket_first_ms) / result->bucket_ms],
                       &old[i]);
    }
}

static struct result_bucket *bucket_of(struct result *result, int64_t time_ms)
{
    if (result->bucket_ms == 0) {
        result->bucket_ms = BUCKET_MS;
        result->bucket_first_ms = round_down(time_ms, BUCKET_MS);
    }
    if (time_ms < result->bucket_first_ms
        || time_ms - result->bucket_first_ms >= RESULT_BUCKETS * result->bucket_ms)
        widen(result, time_ms);
    return &result->buckets[(time_ms - result->bucket_first_ms) / result->bucket_ms];
}

void result_judge(struct result *result, int64_t time_ms, int32_t partition, bool matched,
                  bool unexplained)
{
    struct result_bucket *bucket = bucket_of(result, time_ms);

    if (result->judged_rows == 0 || time_ms < result->judged_from_ms)
        result->judged_from_ms = time_ms;
    if (result->judged_rows == 0 || time_ms > result->judged_to_ms)
        result->judged_to_ms = time_ms;
    result->judged_rows++;
    bucket->rows++;
    bucket->matched += matched;
    bucket->unexplained += unexplained;
    minutes_add(&result->minutes, time_ms, unexplained);
    if (partition < 0)
        return;
    grow_partitions(result, partition);
    result->partitions[partition].rows++;
    result->partitions[partition].matched += matched;
}

/* -- Labels -- */

void result_add_label(struct result *result, const char *field)
{
    if (result->label_count < RESULT_LABELS_MAX)
        result->labels[result->label_count++] = (struct result_label){.field = memory_text(field)};
    else
        result_note(result->not_checked, "the rate of the label %.200s: more than %d labels", field,
                    RESULT_LABELS_MAX);
}

void result_pair(struct result *result, int64_t time_ms, uint32_t expected, uint32_t found)
{
    if (result->label_count == 0)
        return;
    for (size_t i = 0; i < result->label_count; i++) {
        struct result_label *label = &result->labels[i];
        bool wanted = expected >> i & 1, had = found >> i & 1;
        label->pairs++;
        label->expected += wanted;
        label->found += had;
        label->gained += had && !wanted;
        label->lost += wanted && !had;
    }
    struct result_bucket *bucket = bucket_of(result, time_ms);
    bucket->label_rows++;
    bucket->label_expected += expected & 1;
    bucket->label_found += found & 1;
}

/* -- Figures -- */

int64_t result_unbalanced_minutes(const struct result *result)
{
    return json_integer_value(json_object_get(result->books, "unbalanced"));
}

int64_t result_unexplained(const struct result *result)
{
    int64_t sum = 0;

    for (size_t kind = 0; kind < DIFFERENCE_KINDS; kind++)
        for (size_t cause = 0; cause < CAUSES; cause++)
            sum += cause_infos[cause].explained ? 0 : result->found[kind][cause];
    return sum;
}

int64_t result_total(const struct result *result, enum difference_kind kind)
{
    int64_t sum = 0;

    for (size_t cause = 0; cause < CAUSES; cause++)
        sum += result->found[kind][cause];
    return sum;
}

double result_coverage(const struct result *result)
{
    const struct result_counts *counts = &result->counts;
    int64_t judged = counts->matched + counts->different + counts->missing + counts->dead_letter;
    /* What lies before the audit's beginning never was this comparison's to judge. */
    int64_t eligible = judged + counts->expired + counts->unreadable
                       + (result->comparison == COMPARISON_JOIN ? counts->outside : 0);

    return eligible > 0 ? (double)judged / (double)eligible : 0;
}

double result_worst_bucket(const struct result *result)
{
    size_t count;
    struct minutes_stretch *stretches = minutes_stretches(&result->minutes, &count);
    double worst = 1;

    for (size_t i = 0; i < count; i++)
        worst = fmin(worst, minutes_share(&stretches[i]));
    free(stretches);
    return worst;
}

const struct result_label *result_worst_label(const struct result *result, double *bound)
{
    const struct result_label *worst = NULL;

    *bound = 0;
    for (size_t i = 0; i < result->label_count; i++) {
        const struct result_label *label = &result->labels[i];
        double its = paired_bound(label->pairs, label->gained, label->lost);
        if (worst != NULL && its <= *bound)
            continue;
        worst = label;
        *bound = its;
    }
    return worst;
}

static void balance(json_t *list, const char *text, int64_t left, int64_t right)
{
    json_array_append_new(list,
                          json_pack("{s:s, s:I, s:I, s:b}", "text", text, "left", (json_int_t)left,
                                    "right", (json_int_t)right, "holds", left == right));
}

static void balance_legacy(json_t *list, const struct result *result)
{
    const struct result_counts *c = &result->counts;

    balance(
        list,
        "old rows = matched + different + missing + dead letter + duplicate + pending + outside",
        c->reference,
        c->matched + c->different + c->missing + c->dead_letter + c->old_duplicate + c->pending
            + c->old_outside);
    balance(list, "duplicate of the old = by cause", c->old_duplicate,
            result_total(result, DIFFERENCE_OLD_DUPLICATE));
}

json_t *result_balance(const struct result *result)
{
    const struct result_counts *c = &result->counts;
    json_t *list = json_array();

    if (result->comparison == COMPARISON_LEGACY)
        balance_legacy(list, result);
    else
        balance(list, "reference = matched + different + missing + dead letter + expired + pending",
                c->reference,
                c->matched + c->different + c->missing + c->dead_letter + c->expired + c->pending);
    balance(list, "candidate = matched + different + extra + duplicate + pending + outside",
            c->candidate,
            c->matched + c->different + c->extra + c->duplicate + c->candidate_pending
                + c->outside);
    balance(list, "missing + dead letter = missing by cause", c->missing + c->dead_letter,
            result_total(result, DIFFERENCE_MISSING));
    balance(list, "extra = extra by cause", c->extra, result_total(result, DIFFERENCE_EXTRA));
    balance(list, "duplicate = duplicate by cause", c->duplicate,
            result_total(result, DIFFERENCE_DUPLICATE));
    balance(list, "different = altered + wrong key + wrong partition by cause", c->different,
            result_total(result, DIFFERENCE_ALTERED) + result_total(result, DIFFERENCE_WRONG_KEY)
                + result_total(result, DIFFERENCE_WRONG_PARTITION));
    return list;
}
