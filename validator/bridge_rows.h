/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bridge_rows: what the parts of the bridge comparison share: its state, and the rows that it sorts.
 *
 * bridge_compare.c sorts and judges id by id, bridge_match.c compares one record with its message.
 */
#ifndef VALIDATOR_BRIDGE_ROWS_H
#define VALIDATOR_BRIDGE_ROWS_H

#include "core/arena.h"
#include "core/buffer.h"
#include "validator/bridge_compare.h"
#include "validator/sorter.h"

/* Payload of every row; then id, ordering key, attributes, key, value. */
struct bridge_head {
    int64_t publish_time_us;
    int64_t timestamp_ms;
    uint32_t id_size, ordering_key_size, attributes_size, key_size, value_size;
    int32_t attempt;
    bool has_key, has_source;
};

struct bridge_row {
    struct bridge_head head;
    int32_t partition;
    int64_t offset;
    const char *id, *ordering_key, *attributes;
    const uint8_t *key, *value;
};

struct bridge_compare {
    const struct pipeline_stream *stream;
    struct registry *registry;
    struct result *result;
    struct sorter *sorter;
    struct arena arena;
    struct buffer scratch;
    int32_t partition_count;
    int64_t horizon_us;
    int64_t first_audit_us;
    uint64_t seed;
    int64_t next_audit; /* Numbers audit rows: their place in the sort. */
    int64_t dead_unmatched;
    bool *cut; /* Per partition: retention has deleted its beginning, and no record came yet. */
    int64_t expired_us; /* What was published up to this may have been deleted. */
};

/* `fields` is NULL if the record is as its message was published. Fails only if the registry does. */
bool bridge_match(struct bridge_compare *c, const struct bridge_row *audit,
                  const struct bridge_row *found, enum difference_kind *kind, json_t **fields,
                  struct error *err);

#endif
