/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_avro_record: objects as records.
 *
 * A record's members usually come in the schema's order, some left out: then each is encoded where it
 * stands, and what was left out is filled in. When one comes too late, the record is done again:
 * the members are looked up first and encoded in order after. A node remembers that for a while.
 * The memory outlives the text and not the record, so that nested records that are out of order
 * cost one more look each, and never one more for each level around them.
 *
 * A member that goes into the map of unknown ones takes that second way too: the map is sorted, and all its
 * members must be known before it is written.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/json_avro_run.h"

enum { DISORDER_RECORDS = 1000 }; /* How long a node remembers. */

bool json_run_compile_missing(struct json_run *run, struct json_field *field)
{
    if (field->missing == MISSING_BUSY)
        return json_run_fail(run, run->scan.at, "the default needs itself");
    field->missing = MISSING_BUSY;

    char *text = json_dumps(field->schema->default_value, JSON_ENCODE_ANY | JSON_COMPACT);
    struct buffer data = {0};
    struct json_run inner = {.program = run->program,
                             .scratch = run->scratch,
                             .fault = run->fault,
                             .out = &data,
                             .retry_bytes = JSON_RETRY_BYTES};

    inner.scan.begin = inner.scan.at = (const uint8_t *)text;
    inner.scan.end = inner.scan.begin + strlen(text);

    bool encoded = json_run_encode(&inner, field->node);

    free(text);
    if (!encoded) {
        buffer_fini(&data);
        return json_run_fail_in(run, "%s", field->name);
    }
    field->missing = MISSING_READY;
    field->missing_data = data.data;
    field->missing_size = data.size;
    field->missing_depth = inner.depth_seen;
    return true;
}

static void note_offset(struct json_run *run, const struct json_node *node, size_t index)
{
    if (run->offsets != NULL && run->scan.depth == 1 && node == run->program->plan.root)
        run->offsets[index] = run->out->size - run->begin;
}

/* `at`: the object, for the fault. */
static bool put_missing(struct json_run *run, struct json_node *node, size_t index,
                        const uint8_t *at)
{
    struct json_field *field = &node->fields[index];

    if (field->missing == MISSING_FAULT) {
        json_run_fail(run, at, "is missing");
        return json_run_fail_in(run, "%s", field->name);
    }
    if (field->missing != MISSING_READY && !json_run_compile_missing(run, field))
        return false;

    unsigned depth = run->scan.depth + field->missing_depth;

    if (depth > JSON_DEPTH_MAX) {
        json_run_fail(run, at, "nested deeper than 64");
        return json_run_fail_in(run, "%s", field->name);
    }
    if (depth > run->depth_seen)
        run->depth_seen = depth;
    note_offset(run, node, index);
    buffer_append(run->out, field->missing_data, field->missing_size);
    return true;
}

static bool put_field(struct json_run *run, struct json_node *node, size_t index)
{
    struct json_field *field = &node->fields[index];

    note_offset(run, node, index);
    return json_run_encode(run, field->node) || json_run_fail_in(run, "%s", field->name);
}

/* A member's name, and the field it means or NAME_NONE. */
static bool read_name(struct json_run *run, const struct json_node *node, uint32_t *index)
{
    struct json_text name;

    if (json_scan_peek(&run->scan) != '"')
        return json_scan_fail(&run->scan, run->scan.at,
                              run->scan.at == run->scan.end
                                  ? "the text ends inside an object or array"
                                  : "expected a name in quotes");
    if (!json_scan_string(&run->scan, &name))
        return false;
    if (name.escaped) {
        buffer_clear(run->scratch);
        json_text_decode(&name, run->scratch);
        name.data = run->scratch->data;
        name.size = run->scratch->size;
    }
    *index = json_names_find(&node->names, name.data, name.size);
    return true;
}

static bool is_expected(const struct json_run *run, const struct json_node *node, size_t next)
{
    const struct json_field *field = &node->fields[next];

    return next < node->field_count && (size_t)(run->scan.end - run->scan.at) >= field->quoted_size
           && memcmp(run->scan.at, field->quoted, field->quoted_size) == 0;
}

/* Which field comes, and over to its value. Fails with a fault. */
static bool next_member(struct json_run *run, const struct json_node *node, size_t next,
                        uint32_t *index)
{
    const uint8_t *name_at = run->scan.at;

    if (is_expected(run, node, next)) {
        run->scan.at += node->fields[next].quoted_size;
        *index = (uint32_t)next;
    } else if (!read_name(run, node, index)) {
        return json_run_fail_scan(run);
    } else if (*index == NAME_NONE && run->program->strict && node->unknown_field == NAME_NONE) {
        return json_run_fail_name(run, name_at, "is not in the schema");
    }
    return json_scan_colon(&run->scan) || json_run_fail_scan(run);
}

enum order { ORDER_DONE, ORDER_FAULT, ORDER_BROKEN };

/* Fills fields [from, to) in. A field that must not miss may still come: the order is broken then. */
static enum order put_gap(struct json_run *run, struct json_node *node, size_t from, size_t to,
                          const uint8_t *open)
{
    for (; from < to; from++) {
        if (node->fields[from].missing == MISSING_FAULT)
            return ORDER_BROKEN;
        if (!put_missing(run, node, from, open))
            return ORDER_FAULT;
    }
    return ORDER_DONE;
}

static enum order encode_in_order(struct json_run *run, struct json_node *node, const uint8_t *open)
{
    size_t next = 0;
    bool more = !json_run_closed(run, '}');

    while (more) {
        uint32_t index = NAME_NONE;

        if (!next_member(run, node, next, &index))
            return ORDER_FAULT;
        if (index == NAME_NONE) {
            if (node->unknown_field != NAME_NONE)
                return ORDER_BROKEN;
            if (!json_scan_skip(&run->scan)) {
                json_run_fail_scan(run);
                return ORDER_FAULT;
            }
        } else {
            if (index < next)
                return ORDER_BROKEN;

            enum order gap = put_gap(run, node, next, index, open);

            if (gap != ORDER_DONE)
                return gap;
            if (!put_field(run, node, index))
                return ORDER_FAULT;
            next = (size_t)index + 1;
        }
        if (!json_scan_next(&run->scan, '}', &more)) {
            json_run_fail_scan(run);
            return ORDER_FAULT;
        }
    }
    for (; next < node->field_count; next++)
        if (!put_missing(run, node, next, open))
            return ORDER_FAULT;
    return ORDER_DONE;
}

static void note_unknown(struct json_run *run, const uint8_t *name_at, size_t value_at)
{
    struct json_unknown *member =
        (struct json_unknown *)(void *)json_stack_push(&run->program->stack, JSON_UNKNOWN_WORDS);

    *member = (struct json_unknown){.name_at = (size_t)(name_at - run->scan.begin),
                                    .value_at = value_at,
                                    .value_end = (size_t)(run->scan.at - run->scan.begin)};
}

/* Reads the object over and notes where each field's value begins; unknown members behind them. */
static bool find_members(struct json_run *run, struct json_node *node, size_t base)
{
    bool more = !json_run_closed(run, '}');
    uint32_t previous = 0;

    while (more) {
        const uint8_t *name_at = run->scan.at;
        uint32_t index = NAME_NONE;

        if (!next_member(run, node, previous, &index))
            return false;

        size_t value_at = (size_t)(run->scan.at - run->scan.begin);

        if (index != NAME_NONE) {
            size_t *slot = &run->program->stack.items[base + index];

            if (*slot != SIZE_MAX) {
                json_run_fail(run, name_at, "is there twice");
                return json_run_fail_in(run, "%s", node->fields[index].name);
            }
            *slot = value_at;
            previous = index + 1;
        }
        if (!json_scan_skip(&run->scan)) {
            json_run_fail_scan(run);
            return index == NAME_NONE ? false
                                      : json_run_fail_in(run, "%s", node->fields[index].name);
        }
        if (index == NAME_NONE && node->unknown_field != NAME_NONE)
            note_unknown(run, name_at, value_at);
        if (!json_scan_next(&run->scan, '}', &more))
            return json_run_fail_scan(run);
    }
    return true;
}

static bool put_unknown_field(struct json_run *run, struct json_node *node, size_t base,
                              size_t base_end, const uint8_t *open)
{
    size_t first = base + node->field_count;
    size_t count = (base_end - first) / JSON_UNKNOWN_WORDS;

    if (count == 0)
        return put_missing(run, node, node->unknown_field, open);
    if (run->scan.depth == JSON_DEPTH_MAX) {
        json_run_fail(run, open, "nested deeper than 64");
        return json_run_fail_in(run, "%s", node->fields[node->unknown_field].name);
    }
    note_offset(run, node, node->unknown_field);
    return json_run_put_unknown(
        run, (struct json_unknown *)(void *)(run->program->stack.items + first), count);
}

static bool encode_any_order(struct json_run *run, struct json_node *node, const uint8_t *open)
{
    struct json_stack *stack = &run->program->stack;
    size_t base = stack->used;

    memset(json_stack_push(stack, node->field_count), 0xff,
           node->field_count * sizeof *stack->items);

    bool encoded = find_members(run, node, base);
    size_t base_end = stack->used;
    const uint8_t *behind = run->scan.at;

    for (size_t i = 0; encoded && i < node->field_count; i++) {
        size_t value_at = stack->items[base + i];

        if (i == node->unknown_field) {
            encoded = put_unknown_field(run, node, base, base_end, open);
            continue;
        }
        if (value_at == SIZE_MAX) {
            encoded = put_missing(run, node, i, open);
            continue;
        }
        run->scan.at = run->scan.begin + value_at;
        encoded = put_field(run, node, i);
    }
    run->scan.at = behind;
    stack->used = base;
    return encoded;
}

bool json_run_put_record(struct json_run *run, struct json_node *node)
{
    const uint8_t *open = run->scan.at;
    size_t out_size = run->out->size;
    uint64_t retry_bytes = run->retry_bytes;
    unsigned depth = run->scan.depth;
    uint32_t empty_items = run->empty_items;
    bool encoded;

    if (json_scan_peek(&run->scan) != '{')
        return json_run_mismatch(run, node);
    if (!json_run_enter(run))
        return false;

    const uint8_t *first = run->scan.at;

    if (run->program->serial >= node->disordered_until) {
        enum order order = encode_in_order(run, node, open);

        if (order != ORDER_BROKEN) {
            run->scan.depth = depth;
            return order == ORDER_DONE;
        }
        node->disordered_until = run->program->serial + DISORDER_RECORDS;
        run->scan.at = first;
        run->out->size = out_size;
        run->retry_bytes = retry_bytes;
        run->empty_items = empty_items;
    }
    encoded = encode_any_order(run, node, open);
    run->scan.depth = depth;
    return encoded;
}
