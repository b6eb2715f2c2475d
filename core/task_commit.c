/* SPDX-License-Identifier: Apache-2.0 */
#include "core/task_commit.h"

#include <assert.h>
#include <string.h>
#include <xxhash.h>

#include "core/base64.h"

/*
 * version 1 | config hash 8 | watermark 8 | row count 8 | row hash 8 | partition count 4 | input count 1
 *   | input count times: offset 8, largest time 8, replay offset 8 | xxh32 of all before 4
 *
 * Version 1 had no partition count.
 */
enum {
    VERSION = 2,
    VERSION_MIN = 1,
    INPUT_SIZE = 3 * 8,
    PARTITIONS_SIZE = 4,
    HEAD_SIZE = 1 + 4 * 8 + PARTITIONS_SIZE + 1,
    CHECKSUM_SIZE = 4,
    SIZE_LIMIT = HEAD_SIZE + CHECKSUM_SIZE + TASK_COMMIT_INPUTS_MAX * INPUT_SIZE,
};

_Static_assert(BASE64_TEXT_SIZE(SIZE_LIMIT) < TASK_COMMIT_TEXT_SIZE, "fits in offset metadata");

static uint8_t *put(uint8_t *out, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        *out++ = (uint8_t)(value >> 8 * i);
    return out;
}

static uint64_t get(const uint8_t **in, size_t size)
{
    uint64_t value = 0;

    for (size_t i = 0; i < size; i++)
        value |= (uint64_t) * (*in)++ << 8 * i;
    return value;
}

void task_commit_format(const struct task_commit *commit, char text[static TASK_COMMIT_TEXT_SIZE])
{
    uint8_t data[SIZE_LIMIT];
    uint8_t *out = data;

    assert(commit->input_count <= TASK_COMMIT_INPUTS_MAX);
    out = put(out, VERSION, 1);
    out = put(out, commit->config_hash, 8);
    out = put(out, (uint64_t)commit->watermark_ms, 8);
    out = put(out, commit->row_count, 8);
    out = put(out, commit->row_hash, 8);
    out = put(out, (uint32_t)commit->partition_count, PARTITIONS_SIZE);
    out = put(out, commit->input_count, 1);
    for (uint32_t i = 0; i < commit->input_count; i++) {
        out = put(out, (uint64_t)commit->inputs[i].offset, 8);
        out = put(out, (uint64_t)commit->inputs[i].max_time_ms, 8);
        out = put(out, (uint64_t)commit->inputs[i].replay_offset, 8);
    }
    out = put(out, XXH32(data, (size_t)(out - data), 0), CHECKSUM_SIZE);

    size_t size = (size_t)(out - data);

    base64_write(data, size, text);
    text[BASE64_TEXT_SIZE(size)] = '\0';
}

static size_t head_size(uint8_t version)
{
    return version == 1 ? HEAD_SIZE - PARTITIONS_SIZE : HEAD_SIZE;
}

static void read_body(const uint8_t *in, struct task_commit *commit)
{
    uint8_t version = *in++;

    memset(commit, 0, sizeof *commit);
    commit->config_hash = get(&in, 8);
    commit->watermark_ms = (int64_t)get(&in, 8);
    commit->row_count = get(&in, 8);
    commit->row_hash = get(&in, 8);
    if (version > 1)
        commit->partition_count = (int32_t)get(&in, PARTITIONS_SIZE);
    commit->input_count = (uint32_t)get(&in, 1);
    for (uint32_t i = 0; i < commit->input_count; i++) {
        commit->inputs[i].offset = (int64_t)get(&in, 8);
        commit->inputs[i].max_time_ms = (int64_t)get(&in, 8);
        commit->inputs[i].replay_offset = (int64_t)get(&in, 8);
    }
}

static bool foreign(struct error *err)
{
    return error_hint(err,
                      "the group's offsets were committed by another program, or by hand: give "
                      "the join a group of its own (join.group)");
}

/* Each check stands on the one before it: Base64, version, size, checksum. */
static bool check(const uint8_t *data, size_t size, struct error *err)
{
    if (size == 0) {
        error_set(err, EXIT_CODE_STATE, "offset metadata is empty");
        return foreign(err);
    }
    if (data[0] < VERSION_MIN || data[0] > VERSION) {
        error_set(err, EXIT_CODE_STATE,
                  "offset metadata has version %u, this dualrun reads %d to %d", data[0],
                  VERSION_MIN, VERSION);
        return error_hint(err,
                          "run the dualrun that wrote it, or let it drain and start a new group");
    }

    size_t head = head_size(data[0]);
    size_t count = size >= head ? data[head - 1] : 0;
    size_t expected = head + CHECKSUM_SIZE + count * INPUT_SIZE;

    if (size < head + CHECKSUM_SIZE || count > TASK_COMMIT_INPUTS_MAX || size != expected) {
        error_set(err, EXIT_CODE_STATE,
                  "offset metadata is damaged: %zu bytes, but %zu inputs take %zu", size, count,
                  expected);
        return foreign(err);
    }

    const uint8_t *tail = data + size - CHECKSUM_SIZE;
    uint32_t stored = (uint32_t)get(&tail, CHECKSUM_SIZE);
    uint32_t computed = XXH32(data, size - CHECKSUM_SIZE, 0);

    if (stored != computed) {
        error_set(err, EXIT_CODE_STATE,
                  "offset metadata is damaged: its checksum is %08x, its content gives %08x",
                  stored, computed);
        return foreign(err);
    }
    return true;
}

bool task_commit_parse(const char *text, size_t size, struct task_commit *commit, struct error *err)
{
    uint8_t data[BASE64_DATA_SIZE(TASK_COMMIT_TEXT_SIZE)];
    size_t data_size;

    if (size >= TASK_COMMIT_TEXT_SIZE) {
        error_set(err, EXIT_CODE_STATE, "offset metadata has %zu characters, %d are the most", size,
                  TASK_COMMIT_TEXT_SIZE - 1);
        return foreign(err);
    }
    if (!base64_read(text, size, data, &data_size)) {
        error_set(err, EXIT_CODE_STATE, "offset metadata is not Base64");
        return foreign(err);
    }
    if (!check(data, data_size, err))
        return false;
    read_body(data, commit);
    return true;
}
