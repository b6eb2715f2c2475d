/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_avro: runs a json_plan over one JSON text.
 *
 * A record's members usually come in the schema's order, some left out: then each is encoded where it
 * stands, and what was left out is filled in. When one comes too late, the record is done again:
 * the members are looked up first and encoded in order after. A node remembers that for a while.
 * The memory outlives the text and not the record, so that nested records that are out of order
 * cost one more look each, and never one more for each level around them.
 *
 * Scalars are in json_avro_scalar.c. What is here is above 600 lines, because objects, arrays and unions hold
 * each other and the compiler should see them as one.
 */
#include "bridge/json_avro.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/json_avro_run.h"

enum {
    DISORDER_RECORDS = 1000, /* How long a node remembers. */
    RETRY_FACTOR = 64,       /* A union's tries may read the text this many times over. */
    RETRY_BYTES = 65536,
    BRANCHES_LISTED_MAX = 16,
    KEYS_FEW = 8, /* So many are compared each with each. */
};

struct json_avro {
    const struct schema *schema;
    struct json_plan plan;
    struct schema_path *captures;
    unsigned capture_count;
    size_t
        *offsets; /* If the root is a record: where each field lies in the record encoded last. */
    const struct buffer *out; /* Of the last encode. */
    size_t out_begin, out_end;
    uint64_t serial;          /* Of the record. */
    bool strict;              /* A member that the schema does not have is a fault. */
    struct json_stack stack;  /* Positions of members and keys, while their object is open. */
    struct buffer scratch[2]; /* Texts without escapes. */
};

bool json_run_fail(struct json_run *run, const uint8_t *at, const char *format, ...)
{
    va_list arguments;

    run->fault->offset = (size_t)(at - run->scan.begin);
    run->fault->path[0] = '\0';
    va_start(arguments, format);
    vsnprintf(run->fault->reason, sizeof run->fault->reason, format, arguments);
    va_end(arguments);
    return false;
}

bool json_run_fail_scan(struct json_run *run)
{
    return json_run_fail(run, run->scan.fault_at, "%s", run->scan.fault);
}

bool json_run_mismatch(struct json_run *run, const struct json_node *node)
{
    static const char *const names[] = {"null",     "a boolean", "a number",
                                        "a string", "an array",  "an object"};
    const uint8_t *at = run->scan.at;
    uint8_t class = json_run_class(run);

    if (class == 0) {
        json_scan_skip(&run->scan); /* Fails: no value begins like this. */
        return json_run_fail_scan(run);
    }
    return json_run_fail(run, at, "%s is no %s", names[__builtin_ctz(class)],
                         schema_kind_name(node->type->kind));
}

/* On the way out: the step that leads to the fault. Returns false. */
static bool fail_in(struct json_run *run, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static bool fail_in(struct json_run *run, const char *format, ...)
{
    char *path = run->fault->path;
    char whole[2 * sizeof run->fault->path];
    va_list arguments;

    va_start(arguments, format);
    int size = vsnprintf(whole, sizeof run->fault->path, format, arguments);
    va_end(arguments);
    if (size < 0)
        return false;

    size_t used = strlen(whole);
    bool dot = path[0] != '\0' && path[0] != '[';

    snprintf(whole + used, sizeof whole - used, "%s%s", dot ? "." : "", path);

    size_t length = strlen(whole);
    size_t cut = length < sizeof run->fault->path ? 0 : length - sizeof run->fault->path + 1;

    memmove(path, whole + cut, length - cut + 1);
    return false;
}

static size_t *stack_push(struct json_stack *stack, size_t count)
{
    if (stack->capacity - stack->used < count) {
        stack->capacity = 2 * stack->capacity + count + 64;
        stack->items = memory_resize(stack->items, stack->capacity * sizeof *stack->items);
    }
    stack->used += count;
    return stack->items + stack->used - count;
}

static bool encode(struct json_run *run, struct json_node *node);

/* Encodes the default at compile time; each is needed at most once, and may need others. */
static bool compile_missing(struct json_run *run, struct json_field *field)
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
                             .retry_bytes = RETRY_BYTES};

    inner.scan.begin = inner.scan.at = (const uint8_t *)text;
    inner.scan.end = inner.scan.begin + strlen(text);

    bool encoded = encode(&inner, field->node);

    free(text);
    if (!encoded) {
        buffer_fini(&data);
        return fail_in(run, "%s", field->name);
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
        return fail_in(run, "%s", field->name);
    }
    if (field->missing != MISSING_READY && !compile_missing(run, field))
        return false;

    unsigned depth = run->scan.depth + field->missing_depth;

    if (depth > JSON_DEPTH_MAX) {
        json_run_fail(run, at, "nested deeper than 64");
        return fail_in(run, "%s", field->name);
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
    return encode(run, field->node) || fail_in(run, "%s", field->name);
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

/* A name is no content: whoever mends the schema needs it. */
static bool refuse_unknown(struct json_run *run, const uint8_t *name_at)
{
    enum { SHOWN = 60 };
    const uint8_t *behind = run->scan.at;
    struct json_text name = {0};
    char text[SHOWN + 1] = "";

    run->scan.at = name_at;
    if (json_scan_string(&run->scan, &name) && !name.escaped)
        snprintf(text, sizeof text, "%.*s", (int)name.size, (const char *)name.data);
    run->scan.at = behind;
    return json_run_fail(run, name_at, "%s%sis not in the schema", text,
                         text[0] != '\0' ? " " : "");
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
    } else if (*index == NAME_NONE && run->program->strict) {
        return refuse_unknown(run, name_at);
    }
    return json_scan_colon(&run->scan) || json_run_fail_scan(run);
}

/* Empty objects and arrays: reads the closing byte. */
static bool is_closed(struct json_run *run, uint8_t close)
{
    bool closed = json_scan_peek(&run->scan) == close;

    run->scan.at += closed;
    return closed;
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
    bool more = !is_closed(run, '}');

    while (more) {
        uint32_t index = NAME_NONE;

        if (!next_member(run, node, next, &index))
            return ORDER_FAULT;
        if (index == NAME_NONE) {
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

/* Reads the object over and notes where each field's value begins. */
static bool find_members(struct json_run *run, struct json_node *node, size_t base)
{
    bool more = !is_closed(run, '}');
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
                return fail_in(run, "%s", node->fields[index].name);
            }
            *slot = value_at;
            previous = index + 1;
        }
        if (!json_scan_skip(&run->scan)) {
            json_run_fail_scan(run);
            return index == NAME_NONE ? false : fail_in(run, "%s", node->fields[index].name);
        }
        if (!json_scan_next(&run->scan, '}', &more))
            return json_run_fail_scan(run);
    }
    return true;
}

static bool encode_any_order(struct json_run *run, struct json_node *node, const uint8_t *open)
{
    struct json_stack *stack = &run->program->stack;
    size_t base = stack->used;

    memset(stack_push(stack, node->field_count), 0xff, node->field_count * sizeof *stack->items);

    bool encoded = find_members(run, node, base);
    const uint8_t *behind = run->scan.at;

    for (size_t i = 0; encoded && i < node->field_count; i++) {
        size_t value_at = stack->items[base + i];

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

static bool encode_record(struct json_run *run, struct json_node *node)
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

/* Puts the count of a block in front of its items, which begin at `head` + 1, and its end behind. */
static void close_block(struct buffer *out, size_t head, size_t count)
{
    struct buffer number = {0};

    if (count == 0)
        return; /* The byte at head is already the end. */
    if (count < 64) {
        out->data[head] = (uint8_t)(2 * count);
        buffer_append_byte(out, 0);
        return;
    }
    codec_put_long(&number, (int64_t)count);
    buffer_reserve(out, number.size);
    memmove(out->data + head + number.size, out->data + head + 1, out->size - head - 1);
    memcpy(out->data + head, number.data, number.size);
    out->size += number.size - 1;
    buffer_append_byte(out, 0);
    buffer_fini(&number);
}

static bool encode_array(struct json_run *run, struct json_node *node)
{
    size_t head = run->out->size, count = 0;
    bool more;

    if (json_scan_peek(&run->scan) != '[')
        return json_run_mismatch(run, node);
    if (!json_run_enter(run))
        return false;
    buffer_append_byte(run->out, 0);
    for (more = !is_closed(run, ']'); more; count++) {
        size_t size = run->out->size;

        if (!encode(run, node->items))
            return fail_in(run, "[%zu]", count);
        if (run->out->size == size && ++run->empty_items > CODEC_EMPTY_ITEMS_MAX)
            return json_run_fail(run, run->scan.at, "more than %d items without content",
                                 CODEC_EMPTY_ITEMS_MAX);
        if (!json_scan_next(&run->scan, ']', &more))
            return json_run_fail_scan(run);
    }
    close_block(run->out, head, count);
    run->scan.depth--;
    return true;
}

/* A key of an open map, three words on the stack. */
struct map_key {
    size_t at, size; /* Of the encoded text, in out. */
    size_t offset;   /* In the JSON. */
};

enum { MAP_KEY_WORDS = sizeof(struct map_key) / sizeof(size_t) };

static int compare_texts(const struct map_key *left, const struct map_key *right,
                         const uint8_t *data)
{
    if (left->size != right->size)
        return left->size < right->size ? -1 : 1;
    return memcmp(data + left->at, data + right->at, left->size);
}

static int compare_keys(const void *a, const void *b, void *data)
{
    const struct map_key *left = a, *right = b;
    int order = compare_texts(left, right, data);

    return order != 0 ? order : left->offset < right->offset ? -1 : left->offset > right->offset;
}

static bool keys_differ(struct json_run *run, struct map_key *keys, size_t count)
{
    const uint8_t *data = run->out->data;

    if (count > KEYS_FEW)
        qsort_r(keys, count, sizeof *keys, compare_keys, run->out->data);
    for (size_t i = 1; i < count; i++)
        for (size_t k = count > KEYS_FEW ? i - 1 : 0; k < i; k++)
            if (compare_texts(&keys[k], &keys[i], data) == 0)
                return json_run_fail(run, run->scan.begin + keys[i].offset, "a key is there twice");
    return true;
}

/* Reads and encodes a key, and over its colon. */
static bool put_key(struct json_run *run)
{
    struct map_key *key = (struct map_key *)(void *)stack_push(&run->program->stack, MAP_KEY_WORDS);

    key->offset = (size_t)(run->scan.at - run->scan.begin);
    if (json_scan_peek(&run->scan) != '"') {
        json_scan_fail(&run->scan, run->scan.at, "expected a name in quotes");
        return json_run_fail_scan(run);
    }
    if (!json_run_put_text(run, &key->size))
        return false;
    key->at = run->out->size - key->size;
    return json_scan_colon(&run->scan) || json_run_fail_scan(run);
}

static bool encode_map(struct json_run *run, struct json_node *node)
{
    struct json_stack *stack = &run->program->stack;
    size_t head = run->out->size, base = stack->used, count = 0;
    bool more;

    if (json_scan_peek(&run->scan) != '{')
        return json_run_mismatch(run, node);
    if (!json_run_enter(run))
        return false;
    buffer_append_byte(run->out, 0);
    for (more = !is_closed(run, '}'); more; count++) {
        if (!put_key(run))
            return false;
        if (!encode(run, node->items))
            return fail_in(run, "[%zu]", count); /* Keys are content: their place tells enough. */
        if (!json_scan_next(&run->scan, '}', &more))
            return json_run_fail_scan(run);
    }
    if (!keys_differ(run, (struct map_key *)(void *)(stack->items + base), count))
        return false;
    stack->used = base;
    close_block(run->out, head, count);
    run->scan.depth--;
    return true;
}

static bool encode_nullable(struct json_run *run, struct json_node *node)
{
    bool null = json_scan_peek(&run->scan) == 'n';

    codec_put_long(run->out, null ? node->null_branch : 1 - node->null_branch);
    if (!null)
        return encode(run, node->items);
    return json_scan_word(&run->scan, "null") || json_run_fail_scan(run);
}

/* No branch takes this kind of JSON. */
static bool fail_union(struct json_run *run, const struct json_node *node)
{
    struct buffer names = {0};

    for (size_t i = 0; i < node->branch_count && i < BRANCHES_LISTED_MAX; i++) {
        const struct schema_type *type = node->branches[i]->type;

        buffer_appendf(&names, "%s%s", i > 0 ? ", " : "",
                       type->name != NULL ? type->name : schema_kind_name(type->kind));
    }
    bool known = json_run_class(run) != 0;

    json_run_mismatch(run, node);
    if (known)
        json_run_fail(run, run->scan.at, "fits no branch of the union: %s", buffer_text(&names));
    buffer_fini(&names);
    return false;
}

/* Several branches may take it: the first one that does, wins. */
static bool try_branches(struct json_run *run, struct json_node *node, uint8_t class)
{
    const uint8_t *begin = run->scan.at;
    size_t out_size = run->out->size, stack_used = run->program->stack.used;
    uint32_t empty_items = run->empty_items;
    unsigned depth = run->scan.depth;

    if (!json_scan_skip(&run->scan))
        return json_run_fail_scan(run);

    uint64_t size = (uint64_t)(run->scan.at - begin);

    for (size_t i = 0; i < node->branch_count; i++) {
        if ((node->branches[i]->classes & class) == 0)
            continue;
        run->scan.at = begin;
        if (run->retry_bytes < size)
            return json_run_fail(run, begin, "unions inside unions fit in too many ways");
        run->retry_bytes -= size;
        codec_put_long(run->out, (int64_t)i);
        if (encode(run, node->branches[i]))
            return true;
        run->out->size = out_size;
        run->program->stack.used = stack_used;
        run->empty_items = empty_items;
        run->scan.depth = depth;
    }
    run->scan.at = begin;
    return fail_union(run, node);
}

static bool encode_union(struct json_run *run, struct json_node *node)
{
    uint8_t class = json_run_class(run);
    size_t found = 0, first = 0;

    for (size_t i = node->branch_count; i-- > 0;)
        if ((node->branches[i]->classes & class) != 0) {
            first = i;
            found++;
        }
    if (found == 0)
        return fail_union(run, node);
    if (found > 1)
        return try_branches(run, node, class);
    codec_put_long(run->out, (int64_t)first);
    return encode(run, node->branches[first]);
}

static bool encode(struct json_run *run, struct json_node *node)
{
    switch (node->op) {
    case OP_RECORD:
        return encode_record(run, node);
    case OP_NULLABLE:
        return encode_nullable(run, node);
    case OP_ARRAY:
        return encode_array(run, node);
    case OP_MAP:
        return encode_map(run, node);
    case OP_UNION:
        return encode_union(run, node);
    case OP_STRING:
        if (json_scan_peek(&run->scan) != '"')
            return json_run_mismatch(run, node);
        return json_run_put_text(run, &(size_t){0});
    default:
        return json_run_put_scalar(run, node);
    }
}

static bool encode_whole(struct json_run *run)
{
    json_scan_space(&run->scan);
    if (!encode(run, run->program->plan.root))
        return false;
    json_scan_space(&run->scan);
    return run->scan.at == run->scan.end
           || json_run_fail(run, run->scan.at, "more text behind the value");
}

bool json_avro_encode(struct json_avro *program, const uint8_t *json, size_t size,
                      struct buffer *out, struct json_avro_fault *fault)
{
    struct json_run run = {.scan = {.begin = json, .at = json, .end = json + size},
                           .program = program,
                           .scratch = program->scratch,
                           .out = out,
                           .begin = out->size,
                           .offsets = program->offsets,
                           .retry_bytes = RETRY_FACTOR * (uint64_t)size + RETRY_BYTES,
                           .fault = fault};

    program->serial++;
    program->stack.used = 0;
    program->out = NULL;
    if (!encode_whole(&run)) {
        out->size = run.begin;
        return false;
    }
    program->out = out;
    program->out_begin = run.begin;
    program->out_end = out->size;
    return true;
}

void json_avro_fault_format(const struct json_avro_fault *fault, struct buffer *out)
{
    buffer_appendf(out, "at byte %zu, %s%s%s", fault->offset, fault->path,
                   fault->path[0] != '\0' ? ": " : "", fault->reason);
}

unsigned json_avro_capture(struct json_avro *program, const struct schema_path *path)
{
    assert(path->schema == program->schema);
    program->captures =
        memory_resize(program->captures, (program->capture_count + 1) * sizeof *path);
    program->captures[program->capture_count] = *path;
    return program->capture_count++;
}

bool json_avro_captured(const struct json_avro *program, unsigned index, struct codec_value *value)
{
    assert(index < program->capture_count);
    assert(program->out != NULL && program->out->size >= program->out_end);

    const struct schema_path *path = &program->captures[index];
    const uint8_t *data = program->out->data + program->out_begin;
    const uint8_t *end = program->out->data + program->out_end;
    bool found;

    if (program->offsets == NULL)
        found = codec_find(path, data, end, value);
    else
        found = codec_find_from(path, 1, program->schema->root->fields[path->fields[0]].type,
                                data + program->offsets[path->fields[0]], end, value);
    assert(found); /* We wrote it. */
    return value->kind != SCHEMA_NULL;
}

static bool compile_defaults(struct json_avro *program, struct error *err)
{
    struct json_avro_fault fault;
    struct json_run run = {.program = program, .scratch = program->scratch, .fault = &fault};

    for (size_t i = 0; i < program->plan.node_count; i++) {
        struct json_node *node = &program->plan.nodes[i];

        for (size_t f = 0; f < node->field_count; f++) {
            if (node->fields[f].missing != MISSING_UNKNOWN)
                continue;
            if (!compile_missing(&run, &node->fields[f]))
                return error_set(err, EXIT_CODE_CONFIG, "record %s: default of %s: %s",
                                 node->type->name, fault.path, fault.reason);
        }
    }
    return true;
}

struct json_avro *json_avro_new(const struct schema *schema, struct error *err)
{
    struct json_avro *program = memory_new(sizeof *program);

    program->schema = schema;
    if (!json_plan_init(&program->plan, schema, err) || !compile_defaults(program, err)) {
        json_avro_free(program);
        return NULL;
    }
    if (schema->root->kind == SCHEMA_RECORD)
        program->offsets = memory_array(schema->root->field_count, sizeof *program->offsets);
    return program;
}

void json_avro_refuse_unknown(struct json_avro *program)
{
    program->strict = true;
}

void json_avro_free(struct json_avro *program)
{
    if (program == NULL)
        return;
    json_plan_fini(&program->plan);
    free(program->captures);
    free(program->offsets);
    free(program->stack.items);
    buffer_fini(&program->scratch[0]);
    buffer_fini(&program->scratch[1]);
    free(program);
}
