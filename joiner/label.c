/* SPDX-License-Identifier: Apache-2.0 */
#include "joiner/label.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/codec.h"
#include "core/task_commit.h"
#include "joiner/label_schema.h"
#include "joiner/metrics.h"
#include "joiner/record.h"

/* Where the join's fields lie in one schema of one input. */
struct field_plan {
    struct schema_path value;
    struct schema_path *conditions;
    bool usable; /* This schema has them all. */
};

struct schema_plan {
    int32_t schema_id;
    uint32_t input;
    const struct schema *schema;
    struct field_plan *fields; /* By position in the join's list. */
    struct schema_path output_key;
    int32_t output_id; /* Of the primary: the schema of its labels. */
};

struct label {
    const struct pipeline_join *join;
    struct registry *registry;
    struct label_type *types;
    uint32_t *inputs;           /* Of each field. */
    struct metric **field_rows; /* Likewise; NULL for those of the primary. */
    char *subject;
    struct schema_plan **plans;
    size_t plan_count;
    struct buffer list;
    struct buffer text; /* A value as text. */
};

static uint32_t input_of(const struct pipeline_join *join, const struct pipeline_stream *stream)
{
    for (uint32_t i = 1; i <= join->secondary_count; i++)
        if (join->secondaries[i - 1].stream == stream)
            return i;
    return ROW_PRIMARY;
}

/* The schema that a stream is known to have: its file, or the registry's newest. */
static const struct schema *known_schema(struct label *label, const struct pipeline_stream *stream,
                                         struct schema **loaded, struct error *err)
{
    char subject[512];
    int32_t id;

    *loaded = NULL;
    if (stream->schema_file != NULL)
        return *loaded = schema_load(stream->schema_file, err);
    snprintf(subject, sizeof subject, "%s-value", stream->topic.name);
    err->text[0] = '\0';

    const struct schema *schema = registry_latest(label->registry, subject, &id, err);

    if (schema == NULL && err->text[0] == '\0') {
        error_set(err, EXIT_CODE_CONFIG, "stream %s: no schema is known", stream->name);
        error_hint(err, "give the stream a schema: file, or register one under %.200s", subject);
    }
    return schema;
}

static bool check_type(struct label *label, size_t i, const struct schema *schema,
                       struct error *err)
{
    const struct pipeline_output_field *field = &label->join->fields[i];
    struct schema_path path;

    for (size_t c = 0; c < field->condition_count; c++)
        if (!schema_path_resolve(&path, schema, field->conditions[c].field, err))
            return error_wrap(err, "join %s: field %s: where", label->join->name, field->name);
    if (field->field == NULL)
        return true;
    if (!schema_path_resolve(&path, schema, field->field, err))
        return error_wrap(err, "join %s: field %s", label->join->name, field->name);
    if ((field->aggregate == AGGREGATE_FIELD && path.type->kind != SCHEMA_UNION)
        || label_type_of(field->aggregate, path.type, &label->types[i]))
        return true;
    error_set(err, EXIT_CODE_CONFIG,
              "join %s: field %s: %s.%s is %s, which cannot be aggregated so", label->join->name,
              field->name, field->stream->name, field->field, schema_kind_name(path.type->kind));
    return error_hint(err, "sum takes numbers; the others take anything but records, arrays, maps "
                           "and wider unions: name one field inside");
}

static bool check_field(struct label *label, size_t i, struct error *err)
{
    struct schema *loaded;
    const struct pipeline_stream *stream = label->join->fields[i].stream;
    const struct schema *schema = known_schema(label, stream, &loaded, err);
    bool ok = schema != NULL && check_type(label, i, schema, err);

    label->inputs[i] = input_of(label->join, stream);
    schema_free(loaded);
    return ok;
}

struct label *label_new(const struct pipeline_join *join, struct registry *registry,
                        struct metrics *metrics, struct error *err)
{
    struct label *label = memory_new(sizeof *label);

    label->join = join;
    label->registry = registry;
    label->types = memory_array(join->field_count, sizeof *label->types);
    label->inputs = memory_array(join->field_count, sizeof *label->inputs);
    label->field_rows = memory_array(join->field_count, sizeof(struct metric *));
    label->subject = memory_textf("%s-value", join->output.name);
    for (size_t i = 0; i < join->field_count; i++) {
        if (!check_field(label, i, err)) {
            label_free(label);
            return NULL;
        }
        if (label->inputs[i] != ROW_PRIMARY)
            label->field_rows[i] = join_metric(metrics, JOIN_join_field_rows_total, join->name,
                                               "field", join->fields[i].name);
    }
    return label;
}

int64_t label_field_rows(const struct label *label, size_t i)
{
    return label->field_rows[i] != NULL ? metric_value(label->field_rows[i]) : -1;
}

static void plan_free(const struct label *label, struct schema_plan *plan)
{
    for (size_t i = 0; i < label->join->field_count; i++)
        free(plan->fields[i].conditions);
    free(plan->fields);
    free(plan);
}

void label_free(struct label *label)
{
    if (label == NULL)
        return;
    for (size_t i = 0; i < label->plan_count; i++)
        plan_free(label, label->plans[i]);
    free(label->plans);
    free(label->types);
    free(label->inputs);
    free(label->field_rows);
    free(label->subject);
    buffer_fini(&label->list);
    buffer_fini(&label->text);
    free(label);
}

/* --- Plans --- */

static void plan_field(const struct label *label, struct schema_plan *plan, size_t i)
{
    const struct pipeline_output_field *field = &label->join->fields[i];
    struct field_plan *own = &plan->fields[i];
    struct error err;

    own->usable =
        field->field == NULL || schema_path_resolve(&own->value, plan->schema, field->field, &err);
    own->conditions = memory_array(field->condition_count + 1, sizeof *own->conditions);
    for (size_t c = 0; c < field->condition_count; c++)
        own->usable = own->usable
                      && schema_path_resolve(&own->conditions[c], plan->schema,
                                             field->conditions[c].field, &err);
}

static bool register_output(struct label *label, struct schema_plan *plan, struct error *err)
{
    const struct pipeline_join *join = label->join;
    struct schema_path *paths = memory_array(join->field_count + 1, sizeof *paths);
    bool ok = schema_path_resolve(&plan->output_key, plan->schema, join->output_key, err);

    for (size_t i = 0; ok && i < join->field_count; i++)
        if (join->fields[i].aggregate == AGGREGATE_FIELD)
            ok = schema_path_resolve(&paths[i], plan->schema, join->fields[i].field, err);
    if (ok) {
        char *text = label_schema_text(join, plan->schema, label->types, paths);
        ok = registry_register(label->registry, label->subject, text, &plan->output_id, err);
        free(text);
    }
    free(paths);
    return ok
           || error_wrap(err, "join %s: output schema for primary schema %" PRId32, join->name,
                         plan->schema_id);
}

static struct schema_plan *plan_new(struct label *label, uint32_t input, int32_t schema_id,
                                    struct error *err)
{
    struct schema_plan *plan = memory_new(sizeof *plan);

    plan->schema_id = schema_id;
    plan->input = input;
    plan->fields = memory_array(label->join->field_count + 1, sizeof *plan->fields);
    plan->schema = registry_schema(label->registry, schema_id, err);
    if (plan->schema == NULL) {
        plan_free(label, plan);
        return NULL;
    }
    for (size_t i = 0; i < label->join->field_count; i++)
        if (label->inputs[i] == input)
            plan_field(label, plan, i);
    if (input == ROW_PRIMARY && !register_output(label, plan, err)) {
        plan_free(label, plan);
        return NULL;
    }
    label->plans =
        memory_resize(label->plans, (label->plan_count + 1) * sizeof(struct schema_plan *));
    label->plans[label->plan_count++] = plan;
    return plan;
}

static struct schema_plan *plan_of(struct label *label, const struct row *row, const uint8_t **data,
                                   struct error *err)
{
    int32_t schema_id = 0;

    *data = codec_frame(row->value, row->value_size, &schema_id);
    assert(*data != NULL);
    for (size_t i = 0; i < label->plan_count; i++)
        if (label->plans[i]->schema_id == schema_id && label->plans[i]->input == row->input)
            return label->plans[i];
    return plan_new(label, row->input, schema_id, err);
}

/* --- Values --- */

/* Text, bytes, symbols and uuids as bytes; false for numbers and booleans. */
static bool value_bytes(struct label *label, const struct codec_value *value, const uint8_t **bytes,
                        size_t *size)
{
    switch (value->kind) {
    case SCHEMA_STRING:
    case SCHEMA_BYTES:
        *bytes = value->bytes;
        *size = value->size;
        return true;
    case SCHEMA_ENUM:
    case SCHEMA_FIXED:
        buffer_clear(&label->text);
        codec_key(value, &label->text);
        *bytes = label->text.data;
        *size = label->text.size;
        return true;
    default:
        return false;
    }
}

static bool is_real(enum schema_kind kind)
{
    return kind == SCHEMA_FLOAT || kind == SCHEMA_DOUBLE;
}

static bool equals_real(double value, const char *text)
{
    char *end;
    double wanted = strtod(text, &end);

    return *text != '\0' && *end == '\0' && (wanted == value || (double)(float)wanted == value);
}

/* As conditions of the pipeline file compare: integers in decimal, reals as the same double or float,
 * booleans true and false. */
static bool equals_text(struct label *label, const struct codec_value *value, const char *text)
{
    size_t size = strlen(text);

    if (is_real(value->kind))
        return equals_real(value->real, text);
    buffer_clear(&label->text);
    return codec_key(value, &label->text) && label->text.size == size
           && memcmp(label->text.data, text, size) == 0;
}

static bool holds(struct label *label, const struct pipeline_condition *condition,
                  const struct schema_path *path, const uint8_t *data, const uint8_t *end)
{
    struct codec_value value;

    if (!codec_find(path, data, end, &value))
        return false;
    for (size_t i = 0; i < condition->value_count; i++)
        if (equals_text(label, &value, condition->values[i]))
            return true;
    return false;
}

static bool is_integer(enum schema_kind kind)
{
    return kind == SCHEMA_INT || kind == SCHEMA_LONG;
}

/* Another schema of the same stream may have another type: what cannot be written so is skipped. */
static bool fits(const struct label_type *type, const struct codec_value *value)
{
    switch (type->kind) {
    case SCHEMA_BOOLEAN:
        return value->kind == SCHEMA_BOOLEAN;
    case SCHEMA_INT:
        return is_integer(value->kind) && value->integer >= INT32_MIN
               && value->integer <= INT32_MAX;
    case SCHEMA_LONG:
        return is_integer(value->kind);
    case SCHEMA_FLOAT:
    case SCHEMA_DOUBLE:
        return is_real(value->kind) || is_integer(value->kind);
    case SCHEMA_STRING:
        return value->kind == SCHEMA_STRING || value->kind == SCHEMA_ENUM
               || (value->kind == SCHEMA_FIXED && value->type->logical == LOGICAL_UUID);
    default:
        return value->kind == SCHEMA_BYTES || value->kind == SCHEMA_FIXED;
    }
}

static double real_of(const struct codec_value *value)
{
    return is_integer(value->kind) ? (double)value->integer : value->real;
}

static void put_value(struct label *label, struct buffer *out, const struct label_type *type,
                      const struct codec_value *value)
{
    const uint8_t *bytes;
    size_t size;

    switch (type->kind) {
    case SCHEMA_BOOLEAN:
        codec_put_boolean(out, value->boolean);
        return;
    case SCHEMA_INT:
    case SCHEMA_LONG:
        codec_put_long(out, value->integer);
        return;
    case SCHEMA_FLOAT:
        codec_put_float(out, (float)real_of(value));
        return;
    case SCHEMA_DOUBLE:
        codec_put_double(out, real_of(value));
        return;
    default:
        if (value_bytes(label, value, &bytes, &size))
            codec_put_bytes(out, bytes, size);
    }
}

static int compare_numbers(double a, double b)
{
    return (a > b) - (a < b);
}

static bool is_decimal(const struct codec_value *value)
{
    return (value->kind == SCHEMA_BYTES || value->kind == SCHEMA_FIXED)
           && value->type->logical == LOGICAL_DECIMAL;
}

/* Two's complement, the first byte the highest, in whatever length; of none it is zero. */
static int compare_decimals(const struct codec_value *a, const struct codec_value *b)
{
    bool a_negative = a->size > 0 && a->bytes[0] >= 0x80;
    bool b_negative = b->size > 0 && b->bytes[0] >= 0x80;
    size_t size = a->size > b->size ? a->size : b->size;

    if (a_negative != b_negative)
        return a_negative ? -1 : 1;
    for (size_t i = size; i > 0; i--) {
        int x = i <= a->size ? a->bytes[a->size - i] : a_negative ? 0xff : 0;
        int y = i <= b->size ? b->bytes[b->size - i] : b_negative ? 0xff : 0;

        if (x != y)
            return x - y;
    }
    return 0;
}

/* Of two values that fit one type. */
static int compare(struct label *label, const struct codec_value *a, const struct codec_value *b)
{
    const uint8_t *a_bytes, *b_bytes;
    size_t a_size, b_size;

    if (a->kind == SCHEMA_BOOLEAN)
        return (int)a->boolean - (int)b->boolean;
    if (is_integer(a->kind) && is_integer(b->kind))
        return (a->integer > b->integer) - (a->integer < b->integer);
    if (is_integer(a->kind) || is_real(a->kind))
        return compare_numbers(real_of(a), real_of(b));
    if (is_decimal(a) && is_decimal(b))
        return compare_decimals(a, b);
    if (a->kind == SCHEMA_ENUM && b->kind == SCHEMA_ENUM) {
        int order = strcmp(a->type->symbols[a->integer], b->type->symbols[b->integer]);
        return order;
    }
    bool known = value_bytes(label, a, &a_bytes, &a_size);
    assert(known);
    char *copy = memory_text_n((const char *)a_bytes, a_size); /* Both may use the same scratch. */
    known = value_bytes(label, b, &b_bytes, &b_size);
    assert(known);
    size_t common = a_size < b_size ? a_size : b_size;
    int order = common == 0 ? 0 : memcmp(copy, b_bytes, common);
    free(copy);
    return order != 0 ? order : (a_size > b_size) - (a_size < b_size);
}

/* --- Aggregates --- */

struct fold {
    int64_t count; /* Values that were not null. */
    struct codec_value value;
    int64_t integer; /* Sums. */
    double real;
    bool overflow;
};

static void add_value(struct label *label, size_t i, const struct codec_value *value,
                      struct fold *fold)
{
    const struct pipeline_output_field *field = &label->join->fields[i];

    switch (field->aggregate) {
    case AGGREGATE_FIRST:
        if (fold->count == 0)
            fold->value = *value;
        break;
    case AGGREGATE_LAST:
        fold->value = *value;
        break;
    case AGGREGATE_MIN:
        if (fold->count == 0 || compare(label, value, &fold->value) < 0)
            fold->value = *value;
        break;
    case AGGREGATE_MAX:
        if (fold->count == 0 || compare(label, value, &fold->value) > 0)
            fold->value = *value;
        break;
    case AGGREGATE_SUM:
        if (label->types[i].kind == SCHEMA_LONG)
            fold->overflow |= __builtin_add_overflow(fold->integer, value->integer, &fold->integer);
        else
            fold->real += real_of(value);
        break;
    case AGGREGATE_LIST:
        if (field->limit > 0 && fold->count >= field->limit)
            return;
        put_value(label, &label->list, &label->types[i], value);
        break;
    default:
        break;
    }
    fold->count++;
}

static bool fold_row(struct label *label, size_t i, const struct row *row, struct fold *fold,
                     struct error *err)
{
    const struct pipeline_output_field *field = &label->join->fields[i];
    const uint8_t *data, *end = row->value + row->value_size;
    struct schema_plan *plan = plan_of(label, row, &data, err);
    struct codec_value value;

    if (plan == NULL)
        return false;
    if (!plan->fields[i].usable)
        return true;
    for (size_t c = 0; c < field->condition_count; c++)
        if (!holds(label, &field->conditions[c], &plan->fields[i].conditions[c], data, end))
            return true;
    if (field->field == NULL)
        fold->count++;
    else if (codec_find(&plan->fields[i].value, data, end, &value) && value.kind != SCHEMA_NULL
             && fits(&label->types[i], &value))
        add_value(label, i, &value, fold);
    return true;
}

static void put_list(struct label *label, struct buffer *out, int64_t count)
{
    if (count > 0) {
        codec_put_long(out, count);
        buffer_append(out, label->list.data, label->list.size);
    }
    codec_put_long(out, 0); /* No further block. */
}

static void put_fold(struct label *label, size_t i, const struct fold *fold, struct buffer *out)
{
    enum pipeline_aggregate aggregate = label->join->fields[i].aggregate;

    if (aggregate == AGGREGATE_ANY) {
        codec_put_boolean(out, fold->count > 0);
    } else if (aggregate == AGGREGATE_COUNT) {
        codec_put_long(out, fold->count);
    } else if (aggregate == AGGREGATE_LIST) {
        put_list(label, out, fold->count);
    } else if (fold->count == 0 || fold->overflow) {
        codec_put_long(out, 0); /* The branch of null. */
    } else {
        codec_put_long(out, 1);
        if (aggregate != AGGREGATE_SUM)
            put_value(label, out, &label->types[i], &fold->value);
        else if (label->types[i].kind == SCHEMA_LONG)
            codec_put_long(out, fold->integer);
        else
            codec_put_double(out, fold->real);
    }
}

static bool put_aggregate(struct label *label, size_t i, const struct row *matches,
                          size_t match_count, bool final, struct buffer *out, struct error *err)
{
    struct fold fold = {0};

    buffer_clear(&label->list);
    for (size_t m = 0; m < match_count; m++)
        if (matches[m].input == label->inputs[i] && !fold_row(label, i, &matches[m], &fold, err))
            return false;
    if (final && fold.count > 0)
        metric_add(label->field_rows[i], 1);
    put_fold(label, i, &fold, out);
    return true;
}

/* One field of the primary, its encoded bytes as they are. */
static void put_field(const struct schema_path *path, const uint8_t *data, const uint8_t *end,
                      struct buffer *out)
{
    struct codec_value value;
    bool found = codec_find(path, data, end, &value);

    assert(found); /* record_read checked the whole record. */
    if (path->nullable)
        codec_put_long(out, value.kind == SCHEMA_NULL ? 0 : 1);
    switch (value.kind) {
    case SCHEMA_NULL:
        break;
    case SCHEMA_BOOLEAN:
        codec_put_boolean(out, value.boolean);
        break;
    case SCHEMA_INT:
    case SCHEMA_LONG:
    case SCHEMA_ENUM:
        codec_put_long(out, value.integer);
        break;
    case SCHEMA_FLOAT:
        codec_put_float(out, (float)value.real);
        break;
    case SCHEMA_DOUBLE:
        codec_put_double(out, value.real);
        break;
    case SCHEMA_STRING:
    case SCHEMA_BYTES:
        codec_put_bytes(out, value.bytes, value.size);
        break;
    default:
        buffer_append(out, value.bytes, value.size);
    }
}

bool label_encode(struct label *label, const struct row *primary, const struct row *matches,
                  size_t match_count, bool final, struct buffer *key, struct buffer *value,
                  struct error *err)
{
    const struct pipeline_join *join = label->join;
    const uint8_t *data, *end = primary->value + primary->value_size;
    struct schema_plan *plan = plan_of(label, primary, &data, err);
    struct codec_value output_key;

    if (plan == NULL)
        return false;
    if (!codec_find(&plan->output_key, data, end, &output_key) || !codec_key(&output_key, key))
        buffer_append(key, primary->key, primary->key_size); /* A null there: the join's own key. */
    codec_put_frame(value, plan->output_id);
    for (size_t i = 0; i < join->field_count; i++) {
        if (join->fields[i].aggregate == AGGREGATE_ALL)
            buffer_append(value, data, (size_t)(end - data));
        else if (join->fields[i].aggregate == AGGREGATE_FIELD)
            put_field(&plan->fields[i].value, data, end, value);
        else if (!put_aggregate(label, i, matches, match_count, final, value, err))
            return false;
    }
    return true;
}
