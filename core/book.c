/* SPDX-License-Identifier: Apache-2.0 */
#include "core/book.h"

#include <assert.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "core/clock.h"

enum { HEX_SIZE = 33, MINUTE_SIZE = sizeof "2026-11-21T09:30" - 1, MINUTE_US = 60000000 };

const char *const book_event_names[BOOK_EVENTS] = {
    [BOOK_RECEIVED] = "received",   [BOOK_DELIVERED] = "delivered",
    [BOOK_DUPLICATE] = "duplicate", [BOOK_DEAD_LETTERED] = "dead_lettered",
    [BOOK_RETURNED] = "returned",   [BOOK_ACKED] = "acked",
};

struct book_hash book_hash(const void *id, size_t size)
{
    XXH128_hash_t hash = XXH3_128bits(id, size);

    return (struct book_hash){hash.low64 | (hash.low64 == 0), hash.high64};
}

uint32_t book_minute(int64_t publish_time_us)
{
    int64_t minute = publish_time_us < 0 ? 0 : publish_time_us / MINUTE_US;

    return minute > UINT32_MAX ? UINT32_MAX : (uint32_t)minute;
}

int64_t book_minute_ms(uint32_t minute)
{
    return (int64_t)minute * BOOK_MINUTE_MS;
}

static void put_sums(json_t *json, const struct book *book)
{
    char hash[HEX_SIZE];

    for (int i = 0; i < BOOK_EVENTS; i++) {
        const struct book_sum *sum = &book->sums[i];
        snprintf(hash, sizeof hash, "%016" PRIx64 "%016" PRIx64, sum->high, sum->low);
        json_object_set_new(json, book_event_names[i],
                            json_pack("{s:I, s:s}", "count", (json_int_t)sum->count, "hash", hash));
    }
}

/* Without what follows it: who says it, of what. */
static json_t *names_json(const struct book *book, const char *run)
{
    json_t *json = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "stream", book->stream, "instance",
                             book->instance, "subscription", book->subscription, "topic",
                             book->topic, "dead_letter", book->dead_letter, "run", run);

    assert(json
           != NULL); /* Names come from the pipeline file, which is UTF-8, and from the host. */
    return json;
}

/* Takes it. */
static void dump(json_t *json, struct buffer *value)
{
    size_t size = json_dumpb(json, NULL, 0, JSON_COMPACT);

    buffer_clear(value);
    json_dumpb(json, (char *)buffer_reserve(value, size), size, JSON_COMPACT);
    value->size = size;
    json_decref(json);
}

void book_format(const struct book *book, struct buffer *key, struct buffer *value)
{
    char minute[CLOCK_TEXT_SIZE], run[HEX_SIZE];

    clock_format_ms(book_minute_ms(book->minute), minute);
    snprintf(run, sizeof run, "%016" PRIx64, book->run);
    buffer_clear(key);
    buffer_appendf(key, BOOK_KEY_PREFIX "%s/%s/%s/%.*sZ/%" PRIu32, book->stream, book->instance,
                   run, MINUTE_SIZE, minute, book->number);

    json_t *json = names_json(book, run);
    json_object_set_new(json, "minute", json_string(minute));
    json_object_set_new(json, "minute_ms", json_integer(book_minute_ms(book->minute)));
    json_object_set_new(json, "number", json_integer(book->number));
    json_object_set_new(json, "closed", json_boolean(book->closed));
    put_sums(json, book);
    dump(json, value);
}

static json_t *offsets_json(const int64_t *offsets, size_t count)
{
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_integer(offsets[i]));
    return list;
}

void book_run_format(const struct book_run *run, struct buffer *key, struct buffer *value)
{
    char id[HEX_SIZE];

    snprintf(id, sizeof id, "%016" PRIx64, run->names.run);
    buffer_clear(key);
    buffer_appendf(key, BOOK_RUN_KEY_PREFIX "%s/%s/%s", run->names.stream, run->names.instance, id);

    json_t *json = names_json(&run->names, id);
    json_object_set_new(json, "started_ms", json_integer(run->started_ms));
    json_object_set_new(json, "topic_ends", offsets_json(run->topic_ends, run->topic_count));
    json_object_set_new(json, "dead_letter_ends", offsets_json(run->dead_ends, run->dead_count));
    dump(json, value);
}

/* -- Back -- */

static bool copy_name(const json_t *json, const char *member, bool may_be_empty,
                      char name[static BOOK_NAME_SIZE])
{
    const json_t *text = json_object_get(json, member);
    size_t size = json_string_length(text);

    if (!json_is_string(text) || size >= BOOK_NAME_SIZE || (size == 0 && !may_be_empty))
        return false;
    memcpy(name, json_string_value(text), size + 1);
    return true;
}

/* Exactly 16 lower-case digits. */
static bool parse_hex(const char *text, uint64_t *number)
{
    *number = 0;
    for (int i = 0; i < 16; i++) {
        char c = text[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0)
            return false;
        *number = *number << 4 | (uint64_t)digit;
    }
    return true;
}

static bool parse_count(const json_t *json, const char *member, int64_t most, int64_t *number)
{
    const json_t *value = json_object_get(json, member);

    *number = json_integer_value(value);
    return json_is_integer(value) && *number >= 0 && *number <= most;
}

static bool parse_sums(const json_t *json, struct book *book)
{
    for (int i = 0; i < BOOK_EVENTS; i++) {
        const json_t *one = json_object_get(json, book_event_names[i]);
        const json_t *hash = json_object_get(one, "hash");
        int64_t count;
        if (!parse_count(one, "count", INT64_MAX, &count)
            || json_string_length(hash) != HEX_SIZE - 1
            || !parse_hex(json_string_value(hash), &book->sums[i].high)
            || !parse_hex(json_string_value(hash) + 16, &book->sums[i].low))
            return false;
        book->sums[i].count = (uint64_t)count;
    }
    return true;
}

static bool parse_names(const json_t *json, struct book *book)
{
    const json_t *run = json_object_get(json, "run");

    return copy_name(json, "stream", false, book->stream)
           && copy_name(json, "instance", false, book->instance)
           && copy_name(json, "subscription", false, book->subscription)
           && copy_name(json, "topic", false, book->topic)
           && copy_name(json, "dead_letter", true, book->dead_letter)
           && json_string_length(run) == 16 && parse_hex(json_string_value(run), &book->run);
}

bool book_parse(const void *value, size_t size, struct book *book)
{
    json_t *json = json_loadb(value, size, JSON_REJECT_DUPLICATES, NULL);
    const json_t *closed = json_object_get(json, "closed");
    int64_t minute_ms = 0, number = 0;

    bool whole = parse_names(json, book)
                 && parse_count(json, "minute_ms", (int64_t)UINT32_MAX * BOOK_MINUTE_MS, &minute_ms)
                 && minute_ms % BOOK_MINUTE_MS == 0
                 && parse_count(json, "number", UINT32_MAX, &number) && json_is_boolean(closed)
                 && parse_sums(json, book);
    if (whole) {
        book->minute = (uint32_t)(minute_ms / BOOK_MINUTE_MS);
        book->number = (uint32_t)number;
        book->closed = json_is_true(closed);
    }
    json_decref(json);
    return whole;
}

static bool parse_offsets(const json_t *json, const char *member, int64_t **offsets, size_t *count)
{
    const json_t *list = json_object_get(json, member), *one;
    size_t i;

    if (!json_is_array(list) || json_array_size(list) > BOOK_RUN_PARTITIONS_MAX)
        return false;
    *count = json_array_size(list);
    *offsets = memory_array(*count + 1, sizeof **offsets);
    json_array_foreach(list, i, one)
    {
        (*offsets)[i] = json_integer_value(one);
        if (!json_is_integer(one) || (*offsets)[i] < 0)
            return false;
    }
    return true;
}

bool book_run_parse(const void *value, size_t size, struct book_run *run)
{
    json_t *json = json_loadb(value, size, JSON_REJECT_DUPLICATES, NULL);

    *run = (struct book_run){0};
    bool whole = parse_names(json, &run->names)
                 && parse_count(json, "started_ms", INT64_MAX, &run->started_ms)
                 && parse_offsets(json, "topic_ends", &run->topic_ends, &run->topic_count)
                 && parse_offsets(json, "dead_letter_ends", &run->dead_ends, &run->dead_count);
    json_decref(json);
    return whole;
}

void book_run_fini(struct book_run *run)
{
    free(run->topic_ends);
    free(run->dead_ends);
    *run = (struct book_run){0};
}
