/* SPDX-License-Identifier: Apache-2.0 */
#include "joiner/identity.h"

#include <inttypes.h>
#include <xxhash.h>

#include "core/buffer.h"
#include "joiner/record.h"

/* Each text with its size in front, so that no two configurations run together. */
static void put_text(struct buffer *out, const char *text)
{
    if (text == NULL)
        buffer_append_text(out, "-;");
    else
        buffer_appendf(out, "%zu:%s;", strlen(text), text);
}

static void put_number(struct buffer *out, int64_t number)
{
    buffer_appendf(out, "%" PRId64 ";", number);
}

static void put_stream(struct buffer *out, const struct pipeline_join *join, uint32_t input)
{
    const struct pipeline_stream *stream = record_stream(join, input);

    put_text(out, stream->topic.name);
    put_text(out, record_key_path(join, input));
    put_text(out, stream->event_time_field);
    put_number(out, (int64_t)stream->event_time_unit);
    put_text(out, stream->event_id_field);
}

static void put_field(struct buffer *out, const struct pipeline_output_field *field)
{
    put_text(out, field->name);
    put_number(out, (int64_t)field->aggregate);
    put_text(out, field->stream->name);
    put_text(out, field->field);
    put_number(out, field->limit);
    for (size_t i = 0; i < field->condition_count; i++) {
        put_text(out, field->conditions[i].field);
        for (size_t v = 0; v < field->conditions[i].value_count; v++)
            put_text(out, field->conditions[i].values[v]);
    }
}

static uint64_t config_hash(const struct pipeline_join *join)
{
    struct buffer text = {0};

    put_text(&text, join->name);
    put_text(&text, join->output.name);
    put_text(&text, join->output_key);
    put_stream(&text, join, ROW_PRIMARY);
    for (uint32_t i = 1; i <= join->secondary_count; i++) {
        put_stream(&text, join, i);
        put_number(&text, join->secondaries[i - 1].before_ms);
        put_number(&text, join->secondaries[i - 1].after_ms);
    }
    put_number(&text, join->lateness_ms);
    put_number(&text, join->max_ahead_ms);
    put_number(&text, (int64_t)join->kind);
    put_number(&text, (int64_t)join->attribution);
    for (size_t i = 0; i < join->field_count; i++)
        put_field(&text, &join->fields[i]);
    uint64_t hash = XXH3_64bits(text.data, text.size);
    buffer_fini(&text);
    return hash;
}

void identity_task_join(const struct pipeline_join *join, struct task_join *result)
{
    *result = (struct task_join){
        .config_hash = config_hash(join),
        .input_count = (uint32_t)join->secondary_count + 1,
        .lateness_ms = join->lateness_ms,
        .latest = join->attribution == ATTRIBUTE_LATEST,
        .inner = join->kind == JOIN_INNER,
        .early = join->emit == EMIT_EARLY,
    };
    for (uint32_t i = 1; i < result->input_count; i++)
        result->windows[i] = (struct task_window){join->secondaries[i - 1].before_ms,
                                                  join->secondaries[i - 1].after_ms};
}
