/* SPDX-License-Identifier: Apache-2.0 */
/*
 * join_rows: what the parts of the join comparison share: its state, and the rows that they sort.
 *
 * join_compare.c takes records in, join_recompute.c makes the expected rows, join_judge.c compares.
 */
#ifndef VALIDATOR_JOIN_ROWS_H
#define VALIDATOR_JOIN_ROWS_H

#include "core/arena.h"
#include "core/buffer.h"
#include "core/hash.h"
#include "core/schema.h"
#include "validator/join_compare.h"
#include "validator/output_reader.h"
#include "validator/recompute.h"
#include "validator/sort_key.h"
#include "validator/sorter.h"
#include "validator/source_reader.h"

enum {
    GROUP_SIZE = SORT_KEY_HASH_SIZE + 4,             /* Key hash and partition. */
    SOURCE_KEY_SIZE = GROUP_SIZE + 8 + 1 + 8 + 1,    /* Then time, input, offset, what it is. */
    JUDGE_KEY_SIZE = SORT_KEY_HASH_SIZE + 1 + 4 + 8, /* Sample id, what it is, partition, offset. */
    ARENA_BLOCK = 256 * 1024,
    ARENA_KEEP = 4 * 1024 * 1024,
};

enum source_tag { TAG_ROW, TAG_LATE };
enum judge_tag { TAG_EXPECTED, TAG_OUTPUT };
enum expected_flag {
    FLAG_PENDING = 1,
    FLAG_IN_TRUTH = 2,
    FLAG_IN_ADMITTED = 4,
    FLAG_DIFFER = 8,
    FLAG_CONFLICT = 16,
};

struct cut {
    int64_t watermark_ms, low, next;
};

struct late_mark { /* Payload of TAG_LATE. */
    int64_t watermark_ms;
    uint8_t dropped;
};

struct witness {
    int64_t time_ms, offset, watermark_ms;
    int32_t partition;
    uint32_t input;
    bool dropped;
};

struct expected_head { /* Payload of TAG_EXPECTED; then witnesses, cells, the primary's value. */
    int64_t time_ms, offset;
    int32_t partition;
    uint32_t schema_index;
    uint32_t flags;
    uint32_t witness_count;
    uint32_t primary_size;
};

struct output_head { /* Payload of TAG_OUTPUT; then key, value. */
    int64_t from_offset;
    int32_t from_partition;
    int32_t schema_id;
    uint32_t key_size;
    uint32_t value_size;
    bool has_key, has_value, has_join;
};

struct expected {
    struct expected_head head;
    struct witness witnesses[RECOMPUTE_WITNESSES];
    struct cell *admitted, *truth;
    const uint8_t *primary;
};

struct output {
    struct output_head head;
    int32_t partition;
    int64_t offset;
    const uint8_t *key, *value;
};

struct join_compare {
    const struct pipeline_join *join;
    struct result *result;
    struct recompute_plan plan;
    struct source_reader **readers; /* One per input. */
    struct output_reader *output;
    struct sorter *source, *judge;
    struct arena arena;
    struct buffer scratch, sample_key;
    struct schema_path key_path, output_path; /* Of the schema that was seen last. */
    struct cut *cuts;
    size_t cut_count;
    size_t group_limit;
    uint64_t seed;
    int64_t dead, ahead, late, late_unmatched, early;
};

/* What follows the sample id in the key of a row that is to be judged. */
uint8_t *join_rows_key(uint8_t *at, enum judge_tag tag, int32_t partition, int64_t offset);
const void *join_rows_keep(struct arena *arena, const void *data, size_t size);
/* The key at path `text` of a record, into `key`. Keeps the path of the schema that came last. */
bool join_rows_find_key(struct schema_path *cached, const char *text, const struct schema *schema,
                        const uint8_t *value, size_t size, struct buffer *key, struct error *err);

#endif
