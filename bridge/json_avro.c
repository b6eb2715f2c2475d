/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_avro: runs a json_plan over one JSON text. What is here are the containers other than records: arrays,
 * maps, unions. Records are in json_avro_record.c, scalars in json_avro_scalar.c.
 */
#include "bridge/json_avro.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/json_avro_run.h"

enum {
    RETRY_FACTOR = 64, /* A union's tries may read the text this many times over. */
    BRANCHES_LISTED_MAX = 16,
    KEYS_FEW = 8, /* So many are compared each with each. */
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

bool json_run_fail_in(struct json_run *run, const char *format, ...)
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

size_t *json_stack_push(struct json_stack *stack, size_t count)
{
    if (stack->capacity - stack->used < count) {
        stack->capacity = 2 * stack->capacity + count + 64;
        stack->items = memory_resize(stack->items, stack->capacity * sizeof *stack->items);
    }
    stack->used += count;
    return stack->items + stack->used - count;
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
    for (more = !json_run_closed(run, ']'); more; count++) {
        size_t size = run->out->size;

        if (!json_run_encode(run, node->items))
            return json_run_fail_in(run, "[%zu]", count);
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
    struct map_key *key =
        (struct map_key *)(void *)json_stack_push(&run->program->stack, MAP_KEY_WORDS);

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
    for (more = !json_run_closed(run, '}'); more; count++) {
        if (!put_key(run))
            return false;
        if (!json_run_encode(run, node->items))
            return json_run_fail_in(run, "[%zu]",
                                    count); /* Keys are content: their place tells enough. */
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
        return json_run_encode(run, node->items);
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
        if (json_run_encode(run, node->branches[i]))
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
    return json_run_encode(run, node->branches[first]);
}

bool json_run_encode(struct json_run *run, struct json_node *node)
{
    switch (node->op) {
    case OP_RECORD:
        return json_run_put_record(run, node);
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
    if (!json_run_encode(run, run->program->plan.root))
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
                           .retry_bytes = RETRY_FACTOR * (uint64_t)size + JSON_RETRY_BYTES,
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
            if (!json_run_compile_missing(&run, &node->fields[f]))
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

bool json_avro_keep_unknown(struct json_avro *program, struct error *err)
{
    program->strict = true; /* But for records with such a field. */
    return json_plan_keep_unknown(&program->plan, err);
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
