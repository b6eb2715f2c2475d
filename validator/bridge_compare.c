/* SPDX-License-Identifier: Apache-2.0 */
#include "validator/bridge_compare.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "core/provenance.h"
#include "validator/bridge_rows.h"
#include "validator/sort_key.h"

enum {
    HASH_SIZE = SORT_KEY_HASH_SIZE,   /* Of the message id, with a random seed. */
    KEY_SIZE = HASH_SIZE + 1 + 4 + 8, /* Then what it is, partition, offset. */
    ARENA_BLOCK = 256 * 1024,
    ARENA_KEEP = 4 * 1024 * 1024,
};

/* A record may lie so much before older ones: pulls run side by side. */
enum { DISORDER_US = 600 * 1000000 };

enum tag { TAG_AUDIT, TAG_TOPIC, TAG_DEAD };

/* All that has one message id. */
struct judged {
    uint8_t hash[HASH_SIZE];
    struct bridge_row audit, dead;
    bool has_audit, has_dead;
    struct bridge_row *topic;
    size_t topic_count, topic_room;
};

struct bridge_compare *bridge_compare_new(const struct bridge_compare_options *options)
{
    struct bridge_compare *c = memory_new(sizeof *c);

    c->stream = options->stream;
    c->registry = options->registry;
    c->result = options->result;
    c->partition_count = options->partition_count;
    c->horizon_us = options->horizon_us;
    c->first_audit_us = INT64_MAX;
    c->expired_us = INT64_MIN;
    c->cut = memory_array((size_t)options->partition_count + 1, sizeof *c->cut);
    for (int32_t p = 0; options->begins != NULL && p < options->partition_count; p++)
        c->cut[p] = options->begins[p] > 0;
    c->sorter = sorter_new(
        &(struct sorter_options){.directory = options->work_directory,
                                 .key_size = KEY_SIZE,
                                 .memory_bytes = (size_t)options->validate->memory_bytes});
    arena_init(&c->arena, ARENA_BLOCK);
    if (getrandom(&c->seed, sizeof c->seed, 0) != sizeof c->seed)
        c->seed = (uint64_t)(uintptr_t)c;
    return c;
}

void bridge_compare_free(struct bridge_compare *c)
{
    if (c == NULL)
        return;
    sorter_free(c->sorter);
    arena_fini(&c->arena);
    buffer_fini(&c->scratch);
    free(c->cut);
    free(c);
}

/* -- Rows in -- */

static bool add(struct bridge_compare *c, enum tag tag, const struct bridge_row *row,
                struct error *err)
{
    const struct bridge_head *head = &row->head;
    size_t size = sizeof *head + head->id_size + head->ordering_key_size + head->attributes_size
                  + head->key_size + head->value_size;
    int64_t place[2] = {row->partition, row->offset};
    XXH128_hash_t hash = head->id_size > 0 ? XXH3_128bits_withSeed(row->id, head->id_size, c->seed)
                                           : XXH3_128bits_withSeed(place, sizeof place, c->seed);
    uint8_t key[KEY_SIZE], *at = sort_key_hash(key, hash);

    *at++ = (uint8_t)tag;
    sort_key_i64(sort_key_u32(at, (uint32_t)row->partition), row->offset);
    at = sorter_add(c->sorter, key, size, err);
    if (at == NULL)
        return false;
    at = (uint8_t *)memcpy(at, head, sizeof *head) + sizeof *head;
    const struct {
        const void *bytes;
        size_t size;
    } parts[] = {{row->id, head->id_size},
                 {row->ordering_key, head->ordering_key_size},
                 {row->attributes, head->attributes_size},
                 {row->key, head->key_size},
                 {row->value, head->value_size}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (parts[i].size > 0)
            memcpy(at, parts[i].bytes, parts[i].size);
        at += parts[i].size;
    }
    return true;
}

bool bridge_compare_audit(struct bridge_compare *c, const struct capture_message *message,
                          struct error *err)
{
    struct bridge_row row = {.offset = c->next_audit++,
                             .id = message->id,
                             .ordering_key = message->ordering_key,
                             .attributes = message->attributes,
                             .value = message->data};

    row.head = (struct bridge_head){.publish_time_us = message->publish_time_us,
                                    .id_size = (uint32_t)message->id_size,
                                    .ordering_key_size = (uint32_t)message->ordering_key_size,
                                    .attributes_size = (uint32_t)message->attributes_size,
                                    .value_size = (uint32_t)message->data_size,
                                    .has_source = true};
    if (message->publish_time_us < c->first_audit_us)
        c->first_audit_us = message->publish_time_us;
    return add(c, TAG_AUDIT, &row, err);
}

/* Headers that are attributes, as the capture writes them. */
static void put_attributes(const struct record *record, struct buffer *out)
{
    size_t prefix = strlen(HEADER_PREFIX), escape = strlen(HEADER_ATTRIBUTE_PREFIX);
    json_t *object = json_object();

    for (size_t i = 0; i < record->header_count; i++) {
        const struct record_header *header = &record->headers[i];
        const char *name = header->name;
        if (strncmp(name, HEADER_ATTRIBUTE_PREFIX, escape) == 0)
            name += escape;
        else if (strncmp(name, HEADER_PREFIX, prefix) == 0)
            continue;
        json_t *value = json_stringn(header->value != NULL ? header->value : "", header->size);
        json_object_set_new(object, name, value != NULL ? value : json_null());
    }
    buffer_clear(out);
    if (json_object_size(object) > 0) {
        char *text = json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS);
        buffer_append_text(out, text);
        free(text);
    }
    json_decref(object);
}

static void fill_row(struct bridge_compare *c, const struct record *record, struct bridge_row *row)
{
    const struct record_header *header = record_find(record, HEADER_SOURCE);
    const struct record_header *ordering = record_find(record, HEADER_ORDERING_KEY);
    struct provenance_source source;

    put_attributes(record, &c->scratch);
    *row = (struct bridge_row){.partition = record->partition,
                               .offset = record->offset,
                               .attributes = (const char *)c->scratch.data,
                               .key = record->key,
                               .value = record->value};
    row->head = (struct bridge_head){.timestamp_ms = record->timestamp_ms,
                                     .attributes_size = (uint32_t)c->scratch.size,
                                     .key_size = (uint32_t)record->key_size,
                                     .value_size = (uint32_t)record->value_size,
                                     .has_key = record->key != NULL};
    if (ordering != NULL) {
        row->ordering_key = ordering->value;
        row->head.ordering_key_size = (uint32_t)ordering->size;
    }
    if (header == NULL || !provenance_parse_source(header->value, header->size, &source))
        return;
    row->id = source.message_id;
    row->head.id_size = (uint32_t)source.message_id_size;
    row->head.publish_time_us = source.publish_time_us;
    row->head.attempt = source.attempt;
    row->head.has_source = true;
}

/* The first record that retention left says how old the deleted ones were. */
static void note_cut(struct bridge_compare *c, const struct bridge_row *row)
{
    if (row->partition >= c->partition_count || !c->cut[row->partition])
        return;
    int64_t time_us = row->head.timestamp_ms * 1000 + DISORDER_US;
    c->cut[row->partition] = false;
    c->expired_us = time_us > c->expired_us ? time_us : c->expired_us;
}

bool bridge_compare_topic(struct bridge_compare *c, const struct record *record, struct error *err)
{
    struct bridge_row row;

    fill_row(c, record, &row);
    note_cut(c, &row);
    c->result->counts.candidate++;
    return add(c, TAG_TOPIC, &row, err);
}

bool bridge_compare_dead(struct bridge_compare *c, const struct record *record, struct error *err)
{
    const struct record_header *reason = record_find(record, HEADER_REASON);
    struct bridge_row row;

    fill_row(c, record, &row);
    if (!row.head.has_source) {
        c->dead_unmatched++;
        return true;
    }
    row.value = reason != NULL ? reason->value : NULL; /* The reason is what the report needs. */
    row.head.value_size = reason != NULL ? (uint32_t)reason->size : 0;
    return add(c, TAG_DEAD, &row, err);
}

/* -- Judgement -- */

static void report(struct bridge_compare *c, const struct bridge_row *audit,
                   const struct bridge_row *found, const struct bridge_row *dead,
                   enum difference_kind kind, enum cause cause, json_t *fields,
                   const char *evidence)
{
    const struct bridge_row *any = audit != NULL ? audit : found;
    char *id = any->head.id_size > 0 ? memory_text_n(any->id, any->head.id_size) : NULL;
    struct difference difference = {.kind = kind,
                                    .cause = cause,
                                    .id = id,
                                    .time_ms = any->head.publish_time_us / 1000,
                                    .partition = found != NULL ? found->partition : -1,
                                    .positions = json_object(),
                                    .fields = fields,
                                    .evidence = evidence};

    if (!any->head.has_source)
        difference.time_ms = any->head.timestamp_ms;
    if (found != NULL) {
        difference.key = found->head.has_key ? found->key : NULL;
        difference.key_size = found->head.key_size;
        json_object_set_new(
            difference.positions, "found",
            result_position(c->stream->topic.name, found->partition, found->offset));
    }
    if (dead != NULL)
        json_object_set_new(difference.positions, "witness",
                            result_position(c->stream->dead_letter, dead->partition, dead->offset));
    result_add(c->result, &difference);
    free(id);
}

static void judge_unpublished(struct bridge_compare *c, const struct judged *judged)
{
    for (size_t i = 0; i < judged->topic_count; i++) {
        const struct bridge_row *found = &judged->topic[i];
        if (found->head.has_source && found->head.publish_time_us > c->horizon_us) {
            c->result->counts.candidate_pending++;
        } else if (found->head.has_source && found->head.publish_time_us < c->first_audit_us) {
            c->result->counts.outside++;
        } else {
            c->result->counts.extra++;
            report(c, NULL, found, NULL, DIFFERENCE_EXTRA, CAUSE_UNEXPLAINED, NULL,
                   found->head.has_source ? "the audit subscription never delivered this message"
                                          : "it has no header " HEADER_SOURCE);
        }
    }
    c->dead_unmatched += judged->has_dead && judged->topic_count == 0;
}

static void judge_absent(struct bridge_compare *c, const struct judged *judged)
{
    int64_t time_ms = judged->audit.head.publish_time_us / 1000;

    if (judged->has_dead) {
        char *reason =
            memory_text_n((const char *)judged->dead.value, judged->dead.head.value_size);
        c->result->counts.dead_letter++;
        report(c, &judged->audit, NULL, &judged->dead, DIFFERENCE_MISSING, CAUSE_DEAD_LETTER, NULL,
               reason);
        free(reason);
    } else if (judged->audit.head.publish_time_us <= c->expired_us) {
        c->result->counts.expired++;
        return;
    } else {
        c->result->counts.missing++;
        report(c, &judged->audit, NULL, NULL, DIFFERENCE_MISSING, CAUSE_UNEXPLAINED, NULL,
               "published and audited, but neither in the topic nor in the dead letters");
    }
    result_judge(c->result, time_ms, -1, false, !judged->has_dead);
}

static void judge_copies(struct bridge_compare *c, const struct judged *judged,
                         const struct bridge_row *kept)
{
    for (size_t i = 0; i < judged->topic_count; i++) {
        const struct bridge_row *copy = &judged->topic[i];
        if (copy == kept)
            continue;
        bool redelivered = copy->head.attempt > 0 && kept->head.attempt > 0
                           && copy->head.attempt != kept->head.attempt;
        c->result->counts.duplicate++;
        report(c, &judged->audit, copy, NULL, DIFFERENCE_DUPLICATE,
               redelivered ? CAUSE_REDELIVERED : CAUSE_UNEXPLAINED, NULL,
               redelivered ? "the copies carry different delivery attempts"
                           : "the message is in the topic more than once");
    }
}

static bool judge_present(struct bridge_compare *c, const struct judged *judged, struct error *err)
{
    int64_t time_ms = judged->audit.head.publish_time_us / 1000;
    enum difference_kind kind = DIFFERENCE_ALTERED;
    const struct bridge_row *kept = NULL;
    json_t *fields = NULL;

    for (size_t i = 0; i < judged->topic_count && (kept == NULL || fields != NULL); i++) {
        enum difference_kind this_kind;
        json_t *these;
        if (!bridge_match(c, &judged->audit, &judged->topic[i], &this_kind, &these, err)) {
            json_decref(fields);
            return false;
        }
        if (kept != NULL && these != NULL) {
            json_decref(these);
            continue;
        }
        json_decref(fields);
        kept = &judged->topic[i];
        kind = this_kind;
        fields = these;
    }
    result_judge(c->result, time_ms, kept->partition, fields == NULL, fields != NULL);
    if (fields == NULL) {
        c->result->counts.matched++;
    } else {
        c->result->counts.different++;
        report(c, &judged->audit, kept, NULL, kind, CAUSE_UNEXPLAINED, fields, NULL);
    }
    judge_copies(c, judged, kept);
    return true;
}

static bool judge(struct bridge_compare *c, const struct judged *judged, struct error *err)
{
    if (!judged->has_audit) {
        judge_unpublished(c, judged);
        return true;
    }
    c->result->counts.reference++;
    if (judged->audit.head.publish_time_us > c->horizon_us) {
        c->result->counts.pending++;
        c->result->counts.candidate_pending += (int64_t)judged->topic_count;
        return true;
    }
    if (judged->topic_count == 0) {
        judge_absent(c, judged);
        return true;
    }
    return judge_present(c, judged, err);
}

static void take_row(struct bridge_compare *c, struct judged *judged,
                     const struct sorter_row *sorted)
{
    const uint8_t *data =
        memcpy(arena_take(&c->arena, sorted->size + 1), sorted->payload, sorted->size);
    struct bridge_row row;

    memcpy(&row.head, data, sizeof row.head);
    row.partition = (int32_t)sort_key_get_u32(sorted->key + HASH_SIZE + 1);
    row.offset = sort_key_get_i64(sorted->key + HASH_SIZE + 5);
    row.id = (const char *)data + sizeof row.head;
    row.ordering_key = row.id + row.head.id_size;
    row.attributes = row.ordering_key + row.head.ordering_key_size;
    row.key = (const uint8_t *)row.attributes + row.head.attributes_size;
    row.value = row.key + row.head.key_size;
    if (sorted->key[HASH_SIZE] == TAG_AUDIT) {
        c->result->counts.repeated += judged->has_audit; /* At least once is Pub/Sub's promise. */
        judged->audit = judged->has_audit ? judged->audit : row;
        judged->has_audit = true;
    } else if (sorted->key[HASH_SIZE] == TAG_DEAD) {
        judged->dead = row;
        judged->has_dead = true;
    } else {
        if (judged->topic_count == judged->topic_room) {
            judged->topic_room = judged->topic_room * 2 + 8;
            judged->topic =
                memory_resize(judged->topic, judged->topic_room * sizeof *judged->topic);
        }
        judged->topic[judged->topic_count++] = row;
    }
}

static bool judge_all(struct bridge_compare *c, struct judged *judged, struct error *err)
{
    struct sorter_row row;
    bool any = false;

    for (;;) {
        if (!sorter_next(c->sorter, &row, err))
            return false;
        bool starts = row.key == NULL || memcmp(judged->hash, row.key, HASH_SIZE) != 0;
        if (starts && any && !judge(c, judged, err))
            return false;
        if (row.key == NULL)
            return true;
        if (starts) {
            arena_reset(&c->arena, ARENA_KEEP);
            memcpy(judged->hash, row.key, HASH_SIZE);
            judged->has_audit = judged->has_dead = false;
            judged->topic_count = 0;
        }
        any = true;
        take_row(c, judged, &row);
    }
}

bool bridge_compare_finish(struct bridge_compare *c, struct error *err)
{
    struct judged judged = {0};
    json_t *facts = c->result->facts;

    if (!sorter_sort(c->sorter, err))
        return false;
    for (int32_t p = 0; p < c->partition_count; p++)
        c->expired_us = c->cut[p] ? INT64_MAX : c->expired_us; /* All of it was deleted. */
    bool done = judge_all(c, &judged, err);
    free(judged.topic);
    json_object_set_new(facts, "dead_letters_without_audit", json_integer(c->dead_unmatched));
    json_object_set_new(facts, "spilled_bytes",
                        json_integer((json_int_t)sorter_stats(c->sorter).spilled_bytes));
    return done;
}
