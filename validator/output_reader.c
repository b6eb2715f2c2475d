/* SPDX-License-Identifier: Apache-2.0 */
#include "validator/output_reader.h"

#include <stdlib.h>
#include <string.h>

#include "core/buffer.h"
#include "core/codec.h"
#include "validator/result.h"

enum { TYPE_DEPTH = 32, NOWHERE = -1, LABEL_BITS = 32 };

enum origin { ORIGIN_PRIMARY, ORIGIN_AGGREGATE };

/* One field that must be there, and where. */
struct wanted {
    const char *name;
    enum origin origin;
    struct schema_path path; /* ORIGIN_PRIMARY */
    size_t aggregate;        /* ORIGIN_AGGREGATE */
    int at;                  /* Its index in the output record, or NOWHERE. */
    double tolerance;
};

/* How a primary of one schema lies in an output record of another. */
struct mapping {
    const struct schema *primary;
    int32_t output_id;
    const struct schema *output;
    struct wanted *wanted;
    size_t wanted_count;
    size_t copied; /* So many fields, from the first, are the primary's own bytes. */
    const char **unexpected;
    size_t unexpected_count;
};

struct output_reader {
    const struct recompute_plan *plan;
    const struct pipeline_validate *validate;
    struct registry *registry;
    struct mapping *mappings;
    size_t mapping_count;
    struct codec_value *values; /* Of the output record at hand. */
    size_t value_room;
    size_t *labels; /* Aggregates. */
    size_t label_count;
    uint32_t labels_found;
};

static void find_labels(struct output_reader *reader)
{
    const struct recompute_plan *plan = reader->plan;

    reader->labels = memory_array(plan->aggregate_count + 1, sizeof *reader->labels);
    for (size_t i = 0; i < plan->aggregate_count; i++)
        if (plan->aggregates[i].field->aggregate == AGGREGATE_ANY)
            reader->labels[reader->label_count++] = i;
    for (size_t i = 0; i < plan->aggregate_count && reader->label_count == 0; i++)
        if (plan->aggregates[i].field->aggregate == AGGREGATE_COUNT)
            reader->labels[reader->label_count++] = i;
}

struct output_reader *output_reader_new(const struct recompute_plan *plan,
                                        const struct pipeline_validate *validate,
                                        struct registry *registry)
{
    struct output_reader *reader = memory_new(sizeof *reader);

    reader->plan = plan;
    reader->validate = validate;
    reader->registry = registry;
    find_labels(reader);
    return reader;
}

void output_reader_free(struct output_reader *reader)
{
    if (reader == NULL)
        return;
    for (size_t i = 0; i < reader->mapping_count; i++) {
        free(reader->mappings[i].wanted);
        free(reader->mappings[i].unexpected);
    }
    free(reader->mappings);
    free(reader->values);
    free(reader->labels);
    free(reader);
}

/* -- Mapping -- */

static bool same_type(const struct schema_type *a, const struct schema_type *b, unsigned depth);

static bool same_members(const struct schema_type *a, const struct schema_type *b, unsigned depth)
{
    if (a->field_count != b->field_count || a->symbol_count != b->symbol_count
        || a->branch_count != b->branch_count)
        return false;
    for (size_t i = 0; i < a->field_count; i++)
        if (strcmp(a->fields[i].name, b->fields[i].name) != 0
            || !same_type(a->fields[i].type, b->fields[i].type, depth))
            return false;
    for (size_t i = 0; i < a->symbol_count; i++)
        if (strcmp(a->symbols[i], b->symbols[i]) != 0)
            return false;
    for (size_t i = 0; i < a->branch_count; i++)
        if (!same_type(a->branches[i], b->branches[i], depth))
            return false;
    return true;
}

/* Do equal bytes mean equal values? Recursive types are taken to differ: they go the long way. */
static bool same_type(const struct schema_type *a, const struct schema_type *b, unsigned depth)
{
    if (depth >= TYPE_DEPTH || a->kind != b->kind || a->logical != b->logical
        || a->fixed_size != b->fixed_size || a->scale != b->scale)
        return false;
    if (a->items != NULL && !same_type(a->items, b->items, depth + 1))
        return false;
    return same_members(a, b, depth + 1);
}

static double tolerance(const struct output_reader *reader, const char *name)
{
    for (size_t i = 0; i < reader->validate->tolerance_count; i++)
        if (strcmp(reader->validate->tolerances[i].field, name) == 0)
            return reader->validate->tolerances[i].absolute;
    return 0;
}

static struct wanted *add_wanted(const struct output_reader *reader, struct mapping *mapping,
                                 const char *name, enum origin origin)
{
    struct wanted *wanted = &mapping->wanted[mapping->wanted_count++];
    const struct schema_type *root = mapping->output->root;

    *wanted = (struct wanted){
        .name = name, .origin = origin, .at = NOWHERE, .tolerance = tolerance(reader, name)};
    for (size_t i = 0; i < root->field_count; i++)
        if (strcmp(root->fields[i].name, name) == 0)
            wanted->at = (int)i;
    return wanted;
}

static void add_primary(const struct output_reader *reader, struct mapping *mapping,
                        const char *name, const char *path)
{
    struct wanted *wanted = add_wanted(reader, mapping, name, ORIGIN_PRIMARY);
    struct error ignored;

    if (!schema_path_resolve(&wanted->path, mapping->primary, path, &ignored))
        mapping->wanted_count--; /* An older version of the primary's schema has no such field. */
}

static void add_all(const struct output_reader *reader, struct mapping *mapping)
{
    const struct schema_type *from = mapping->primary->root, *to = mapping->output->root;
    size_t first = mapping->wanted_count;

    for (size_t i = 0; i < from->field_count; i++)
        add_primary(reader, mapping, from->fields[i].name, from->fields[i].name);
    bool copied = first == 0 && to->field_count >= from->field_count;
    for (size_t i = 0; copied && i < from->field_count; i++)
        copied = strcmp(from->fields[i].name, to->fields[i].name) == 0
                 && same_type(from->fields[i].type, to->fields[i].type, 0);
    if (copied)
        mapping->copied = from->field_count;
}

static void find_unexpected(struct mapping *mapping)
{
    const struct schema_type *root = mapping->output->root;

    mapping->unexpected = memory_array(root->field_count + 1, sizeof(char *));
    for (size_t i = 0; i < root->field_count; i++) {
        bool known = false;
        for (size_t w = 0; w < mapping->wanted_count && !known; w++)
            known = mapping->wanted[w].at == (int)i;
        if (!known)
            mapping->unexpected[mapping->unexpected_count++] = root->fields[i].name;
    }
}

static void fill_mapping(const struct output_reader *reader, struct mapping *mapping)
{
    const struct pipeline_join *join = reader->plan->join;
    size_t aggregate = 0;

    mapping->wanted = memory_array(join->field_count * (mapping->primary->root->field_count + 1),
                                   sizeof *mapping->wanted);
    for (size_t i = 0; i < join->field_count; i++) {
        const struct pipeline_output_field *field = &join->fields[i];
        if (field->aggregate == AGGREGATE_ALL)
            add_all(reader, mapping);
        else if (field->aggregate == AGGREGATE_FIELD)
            add_primary(reader, mapping, field->name, field->field);
        else
            add_wanted(reader, mapping, field->name, ORIGIN_AGGREGATE)->aggregate = aggregate++;
    }
    find_unexpected(mapping);
}

static struct mapping *find_mapping(struct output_reader *reader, const struct schema *primary,
                                    int32_t output_id, struct error *err)
{
    for (size_t i = 0; i < reader->mapping_count; i++)
        if (reader->mappings[i].primary == primary && reader->mappings[i].output_id == output_id)
            return &reader->mappings[i];
    const struct schema *output = registry_schema(reader->registry, output_id, err);
    if (output == NULL)
        return NULL;
    reader->mappings =
        memory_resize(reader->mappings, (reader->mapping_count + 1) * sizeof *reader->mappings);
    struct mapping *mapping = &reader->mappings[reader->mapping_count++];
    *mapping = (struct mapping){.primary = primary, .output_id = output_id, .output = output};
    fill_mapping(reader, mapping);
    if (output->root->field_count > reader->value_room) {
        reader->value_room = output->root->field_count;
        reader->values = memory_resize(reader->values, reader->value_room * sizeof *reader->values);
    }
    return mapping;
}

/* -- Comparison -- */

static void add_field(json_t **fields, const char *name, json_t *expected, json_t *found)
{
    if (*fields == NULL)
        *fields = json_array();
    json_array_append_new(*fields, result_field(name, expected, found));
}

static bool decode(struct output_reader *reader, const struct mapping *mapping, const uint8_t *data,
                   const uint8_t *end, size_t from)
{
    const struct schema_type *root = mapping->output->root;

    if (root->kind != SCHEMA_RECORD)
        return false;
    for (size_t i = from; i < root->field_count; i++) {
        data = codec_get(root->fields[i].type, data, end, &reader->values[i]);
        if (data == NULL)
            return false;
    }
    return data == end;
}

static struct cell expected_cell(const struct wanted *wanted,
                                 const struct output_expected *expected, struct arena *arena)
{
    struct cell cell = {.kind = CELL_NULL};
    struct codec_value value;

    if (wanted->origin == ORIGIN_AGGREGATE)
        return expected->cells[wanted->aggregate];
    if (codec_find(&wanted->path, expected->primary, expected->primary + expected->primary_size,
                   &value))
        (void)cell_from_value(&value, arena, &cell);
    return cell;
}

static void compare_field(const struct output_reader *reader, const struct wanted *wanted,
                          const struct output_expected *expected, struct arena *arena,
                          json_t **fields)
{
    struct cell want = expected_cell(wanted, expected, arena), have;

    if (wanted->at == NOWHERE) {
        add_field(fields, wanted->name, cell_to_json(&want), NULL);
        return;
    }
    if (!cell_from_value(&reader->values[wanted->at], arena, &have))
        have = (struct cell){.kind = CELL_NULL};
    if (!cell_near(&want, &have, wanted->tolerance))
        add_field(fields, wanted->name, cell_to_json(&want), cell_to_json(&have));
}

static uint32_t bit_of(const struct output_reader *reader, size_t aggregate)
{
    for (size_t i = 0; i < reader->label_count && i < LABEL_BITS; i++)
        if (reader->labels[i] == aggregate)
            return UINT32_C(1) << i;
    return 0;
}

static void read_labels(struct output_reader *reader, const struct mapping *mapping)
{
    reader->labels_found = 0;
    for (size_t i = 0; i < mapping->wanted_count; i++) {
        const struct wanted *wanted = &mapping->wanted[i];
        if (wanted->origin != ORIGIN_AGGREGATE || wanted->at == NOWHERE)
            continue;
        const struct codec_value *value = &reader->values[wanted->at];
        bool holds =
            value->kind == SCHEMA_BOOLEAN
                ? value->boolean
                : (value->kind == SCHEMA_LONG || value->kind == SCHEMA_INT) && value->integer > 0;
        if (holds)
            reader->labels_found |= bit_of(reader, wanted->aggregate);
    }
}

static void compare_fields(struct output_reader *reader, const struct mapping *mapping,
                           const struct output_expected *expected, bool copied, struct arena *arena,
                           json_t **fields)
{
    for (size_t i = 0; i < mapping->wanted_count; i++)
        if (!copied || mapping->wanted[i].at == NOWHERE
            || (size_t)mapping->wanted[i].at >= mapping->copied)
            compare_field(reader, &mapping->wanted[i], expected, arena, fields);
    for (size_t i = 0; i < mapping->unexpected_count; i++)
        add_field(fields, mapping->unexpected[i], NULL, json_string("(a field nobody asked for)"));
    read_labels(reader, mapping);
}

bool output_reader_compare(struct output_reader *reader, const struct output_expected *expected,
                           const struct output_found *found, struct arena *arena, json_t **fields,
                           bool *decoded, struct error *err)
{
    *fields = NULL;
    *decoded = false;
    reader->labels_found = 0;
    if (found->value == NULL) {
        add_field(fields, "@value", json_string("a framed record"), NULL);
        return true;
    }
    struct mapping *mapping = find_mapping(reader, expected->schema, found->schema_id, err);
    if (mapping == NULL)
        return error_wrap(err, "output topic %s", reader->plan->join->output.name);
    bool copied = mapping->copied > 0 && found->size >= expected->primary_size
                  && memcmp(found->value, expected->primary, expected->primary_size) == 0;
    *decoded = copied ? decode(reader, mapping, found->value + expected->primary_size,
                               found->value + found->size, mapping->copied)
                      : decode(reader, mapping, found->value, found->value + found->size, 0);
    if (*decoded)
        compare_fields(reader, mapping, expected, copied, arena, fields);
    else
        add_field(fields, "@value", json_string("a value that fits its schema"), NULL);
    return true;
}

size_t output_reader_label_count(const struct output_reader *reader)
{
    return reader->label_count;
}

const char *output_reader_label(const struct output_reader *reader, size_t label)
{
    return reader->plan->aggregates[reader->labels[label]].field->name;
}

uint32_t output_reader_labels_expected(const struct output_reader *reader, const struct cell *cells)
{
    uint32_t bits = 0;

    for (size_t i = 0; i < reader->label_count && i < LABEL_BITS; i++) {
        const struct cell *cell = &cells[reader->labels[i]];
        bool holds = cell->kind == CELL_BOOLEAN ? cell->boolean
                                                : cell->kind == CELL_INTEGER && cell->integer > 0;
        bits |= (uint32_t)holds << i;
    }
    return bits;
}

uint32_t output_reader_labels_found(const struct output_reader *reader)
{
    return reader->labels_found;
}
