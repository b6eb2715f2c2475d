/* SPDX-License-Identifier: Apache-2.0 */
#include "harness.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NUMBER_SIZE = 4 };

/* Sorts as bytes like the numbers, and holds zero bytes, which keys must bear. */
static void put_number(uint8_t out[NUMBER_SIZE], int number)
{
    uint32_t bits = (uint32_t)number ^ UINT32_C(0x80000000);

    for (int i = 0; i < NUMBER_SIZE; i++)
        out[i] = (uint8_t)(bits >> (24 - 8 * i));
}

static int get_number(const uint8_t *data, size_t size)
{
    uint32_t bits = 0;

    assert(size == NUMBER_SIZE);
    for (int i = 0; i < NUMBER_SIZE; i++)
        bits = bits << 8 | data[i];
    return (int)(bits ^ UINT32_C(0x80000000));
}

static struct model_row row_of(const struct row *row)
{
    struct model_row result = {
        .input = (int)row->input,
        .key = get_number(row->key, row->key_size),
        .time = row->time_ms,
        .id = get_number(row->id, row->id_size),
        .offset = row->offset,
    };

    assert(row->value_size < sizeof result.kind);
    memcpy(result.kind, row->value, row->value_size);
    return result;
}

static bool emit(void *context, const struct row *primary, const struct row *matches,
                 size_t match_count, int64_t watermark_ms, bool final, struct error *err)
{
    struct harness *harness = context;
    struct model_label *label =
        final ? &harness->out[harness->out_count++] : &harness->early[harness->early_count++];
    struct model_row row = row_of(primary);

    (void)err;
    assert(!final || primary->time_ms < watermark_ms);
    *label = (struct model_label){
        .key = row.key, .id = row.id, .time = row.time, .matches = match_count};
    for (size_t i = 0; i < match_count; i++) {
        struct model_row match = row_of(&matches[i]);

        assert(match.key == row.key);
        if (i > 0 && matches[i - 1].input == matches[i].input) {
            struct model_row before = row_of(&matches[i - 1]);
            assert(model_order(&before, &match) < 0); /* The promised order. */
        }
        if (i == 0 || model_order(&match, &label->first) < 0)
            label->first = match;
        if (i == 0 || model_order(&match, &label->last) > 0)
            label->last = match;
    }
    return true;
}

static void must(bool ok, const struct error *err)
{
    if (ok)
        return;
    fprintf(stderr, "sim: %s\n", err->text);
    abort();
}

/* Every eighth task has memory for few rows only, so that its index goes to disk again and again. */
static struct row_index_limits next_limits(void)
{
    static size_t count;
    bool in_memory = access("/dev/shm", W_OK) == 0; /* Thousands of small files. */

    count++;
    return (struct row_index_limits){in_memory ? "/dev/shm" : "/tmp",
                                     count % 8 == 0 ? (count % 29 + 8) * 28 : 0};
}

void harness_resume(struct harness *harness, const struct model_join *join, struct store *store)
{
    struct row_index_limits limits = next_limits();

    memset(harness, 0, sizeof *harness);
    harness->model_join = join;
    harness->join = (struct task_join){
        .config_hash = 1,
        .input_count = (uint32_t)join->inputs,
        .lateness_ms = join->lateness,
        .latest = join->latest,
        .inner = join->inner,
        .early = join->early,
    };
    for (int i = 1; i < join->inputs; i++)
        harness->join.windows[i] = (struct task_window){join->before[i], join->after[i]};
    harness->output = (struct task_output){harness, emit};
    harness->store = store;
    harness->task = task_new(&harness->join, store, &harness->output, &limits);
}

void harness_start(struct harness *harness, const struct model_join *join, struct store *store)
{
    struct error err;

    must(store->ops->clear(store, &err), &err);
    harness_resume(harness, join, store);
}

void harness_stop(struct harness *harness)
{
    task_free(harness->task);
    harness->task = NULL;
}

struct encoded {
    uint8_t key[NUMBER_SIZE], id[NUMBER_SIZE];
    struct row row;
};

static void encode(struct encoded *encoded, const struct model_row *row)
{
    put_number(encoded->key, row->key);
    put_number(encoded->id, row->id);
    encoded->row = (struct row){
        .input = (uint32_t)row->input,
        .time_ms = row->time,
        .offset = row->offset,
        .key = encoded->key,
        .key_size = NUMBER_SIZE,
        .id = encoded->id,
        .id_size = NUMBER_SIZE,
        .value = (const uint8_t *)row->kind,
        .value_size = strlen(row->kind),
    };
}

void harness_feed(struct harness *harness, const struct model_row *row)
{
    struct encoded encoded;
    struct task_verdict verdict;
    struct error err;

    encode(&encoded, row);
    must(task_add(harness->task, &encoded.row, &verdict, &err), &err);
    if (verdict.late)
        harness->late[harness->late_count++] = (struct model_late){*row, !verdict.admitted};
}

void harness_replay(struct harness *harness, const struct model_row *row)
{
    struct encoded encoded;
    struct error err;

    encode(&encoded, row);
    must(task_replay(harness->task, &encoded.row, &err), &err);
}

void harness_close(struct harness *harness)
{
    struct error err;

    must(task_close(harness->task, &err), &err);
}

void harness_emit_early(struct harness *harness)
{
    struct error err;

    must(task_emit_early(harness->task, &err), &err);
}
