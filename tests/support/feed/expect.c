/* SPDX-License-Identifier: Apache-2.0 */
#include "expect.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "append.h"
#include "poison.h"

/* The whole rule of the join. */
static bool joins(const struct plan_options *options, const struct plan_event *view,
                  const struct plan_event *engagement)
{
    int64_t delay_ms = engagement->time_ms - view->time_ms;

    return -options->before_ms <= delay_ms && delay_ms <= options->after_ms;
}

static bool comes_first(const struct plan_event *event, const struct plan_event *other)
{
    if (event->time_ms != other->time_ms)
        return event->time_ms < other->time_ms;
    return memcmp(event->id, other->id, UUID_SIZE) < 0;
}

static void label_add(struct expect_label *label, const struct plan_event *engagement)
{
    label->counts[engagement->kind]++;
    if (engagement->kind == EVENT_LIKE)
        label->liked = true;
    if (engagement->kind == EVENT_SHARE)
        label->shares++;
    if (label->first == NULL || comes_first(engagement, label->first))
        label->first = engagement;
    if (engagement->dwell_ms > label->dwell_ms)
        label->dwell_ms = engagement->dwell_ms;
}

static int row_order(const void *left, const void *right)
{
    const struct expect_row *a = left;
    const struct expect_row *b = right;

    return memcmp(a->view->id, b->view->id, UUID_SIZE);
}

struct expect_row *expect_rows(const struct plan *plan)
{
    uint32_t view_count = plan->options.view_count;
    struct expect_row *rows = memory_array(view_count, sizeof *rows);

    for (uint32_t i = 0; i < view_count; i++)
        rows[i] = (struct expect_row){
            .view = &plan->events[i], .label.dwell_ms = -1, .complete.dwell_ms = -1};
    for (uint32_t i = view_count; i < plan->event_count; i++) {
        const struct plan_event *engagement = &plan->events[i];
        struct expect_row *row = &rows[engagement->view];
        if (!joins(&plan->options, row->view, engagement))
            continue;
        label_add(&row->complete, engagement);
        if (engagement->trait == TRAIT_LATE)
            row->late = true;
        else
            label_add(&row->label, engagement);
    }
    qsort(rows, view_count, sizeof *rows, row_order);
    return rows;
}

static bool labels_equal(const struct expect_label *a, const struct expect_label *b)
{
    int a_kind = a->first == NULL ? -1 : a->first->kind;
    int b_kind = b->first == NULL ? -1 : b->first->kind;

    return a->liked == b->liked && a->shares == b->shares && a_kind == b_kind
           && a->dwell_ms == b->dwell_ms;
}

static void write_label(FILE *out, const struct expect_label *label)
{
    fprintf(out, "\"liked\":%s,\"shares\":%u,\"first_kind\":", label->liked ? "true" : "false",
            label->shares);
    if (label->first == NULL)
        fputs("null", out);
    else
        fprintf(out, "\"%s\"", render_kind((enum event_kind)label->first->kind));
    if (label->dwell_ms < 0)
        fputs(",\"dwell_ms\":null", out);
    else
        fprintf(out, ",\"dwell_ms\":%d", label->dwell_ms);
}

static void write_counts(FILE *out, const uint32_t counts[static EVENT_KIND_COUNT])
{
    fputs(",\"counts\":{", out);
    for (int kind = EVENT_LIKE; kind < EVENT_KIND_COUNT; kind++)
        fprintf(out, "%s\"%s\":%u", kind == EVENT_LIKE ? "" : ",",
                render_kind((enum event_kind)kind), counts[kind]);
    fputc('}', out);
}

static void write_row(FILE *out, const struct render *render, uint32_t view,
                      const struct expect_row *row)
{
    struct render_view fields;
    char id[UUID_TEXT_SIZE];

    render_view_fields(render, view, &fields);
    fprintf(out,
            "{\"view_id\":\"%s\",\"ts\":%" PRId64 ",\"user_id\":%" PRId64 ",\"post_id\":%" PRId64
            ",\"surface\":\"%s\",\"position\":%u,",
            uuid_format(row->view->id, id), row->view->time_ms, fields.user_id, fields.post_id,
            fields.surface, fields.position);
    write_label(out, &row->label);
    write_counts(out, row->label.counts);
    if (row->late && !labels_equal(&row->label, &row->complete)) {
        fputs(",\"complete\":{", out);
        write_label(out, &row->complete);
        fputc('}', out);
    }
    fputs("}\n", out);
}

static void write_labels(FILE *out, const struct plan *plan, const struct render *render)
{
    struct expect_row *rows = expect_rows(plan);

    for (uint32_t i = 0; i < plan->options.view_count; i++)
        write_row(out, render, (uint32_t)(rows[i].view - plan->events), &rows[i]);
    free(rows);
}

static void write_late(FILE *out, const struct plan *plan, const struct render *render)
{
    (void)render;
    for (uint32_t i = 0; i < plan->event_count; i++) {
        const struct plan_event *event = &plan->events[i];
        char id[UUID_TEXT_SIZE];
        char view_id[UUID_TEXT_SIZE];
        if (event->trait != TRAIT_LATE)
            continue;
        fprintf(out,
                "{\"event_id\":\"%s\",\"view_id\":\"%s\",\"ts\":%" PRId64 ",\"kind\":\"%s\"}\n",
                uuid_format(event->id, id), uuid_format(plan->events[event->view].id, view_id),
                event->time_ms, render_kind((enum event_kind)event->kind));
    }
}

static void write_dead(FILE *out, const struct plan *plan, const struct render *render)
{
    for (uint32_t i = 0; i < plan->options.poison_count; i++) {
        struct plan_message message = {.index = i, .poison = true};
        struct render_attribute attributes[RENDER_ATTRIBUTES_MAX];
        struct buffer body = {0};
        struct buffer text = {0};
        uint32_t last = render_attributes(&message, attributes) - 1;

        render_body(render, &message, &body);
        append_base64(&text, body.data, body.size);
        fprintf(out,
                "{\"stream\":\"%s\",\"poison\":\"%s\",\"reason\":\"%s\",\"body_base64\":\"%s\"}\n",
                poison_is_view(i) ? "views" : "engagements", attributes[last].value,
                poison_reason(i), buffer_text(&text));
        buffer_fini(&body);
        buffer_fini(&text);
    }
}

/* Labels, as a reader of a dashboard would count them. */
static void write_label_summary(FILE *out, const struct plan *plan)
{
    struct expect_row *rows = expect_rows(plan);
    uint32_t liked = 0, shared = 0, engaged = 0, touched = 0;

    for (uint32_t i = 0; i < plan->options.view_count; i++) {
        liked += rows[i].label.liked;
        shared += rows[i].label.shares > 0;
        engaged += rows[i].label.first != NULL;
        touched += rows[i].late && !labels_equal(&rows[i].label, &rows[i].complete);
    }
    fprintf(out,
            "  \"labels\": {\"views\": %u, \"engaged\": %u, \"liked\": %u, \"shared\": %u, "
            "\"changed_by_late\": %u},\n",
            plan->options.view_count, engaged, liked, shared, touched);
    free(rows);
}

static void write_byte_summary(FILE *out, const struct plan *plan, const struct render *render)
{
    struct render_attribute attributes[RENDER_ATTRIBUTES_MAX];
    struct buffer body = {0};
    uint64_t body_bytes = 0, attribute_bytes = 0;
    uint32_t view_messages = 0;

    for (uint32_t i = 0; i < plan->message_count; i++) {
        uint32_t count = render_attributes(&plan->messages[i], attributes);
        buffer_clear(&body);
        render_body(render, &plan->messages[i], &body);
        body_bytes += body.size;
        for (uint32_t j = 0; j < count; j++)
            attribute_bytes += strlen(attributes[j].name) + strlen(attributes[j].value);
        view_messages += message_is_view(plan, &plan->messages[i]);
    }
    fprintf(out, "  \"messages\": {\"all\": %u, \"views\": %u, \"engagements\": %u},\n",
            plan->message_count, view_messages, plan->message_count - view_messages);
    fprintf(out, "  \"bytes\": {\"bodies\": %" PRIu64 ", \"attributes\": %" PRIu64 "},\n",
            body_bytes, attribute_bytes);
    buffer_fini(&body);
}

static void write_summary(FILE *out, const struct plan *plan, const struct render *render)
{
    const struct plan_options *options = &plan->options;
    uint32_t traits[EVENT_TRAIT_COUNT] = {0};
    uint32_t hot = 0;

    for (uint32_t i = options->view_count; i < plan->event_count; i++) {
        traits[plan->events[i].trait]++;
        hot += plan->events[i].hot;
    }
    fprintf(out, "{\n  \"seed\": %" PRIu64 ",\n", options->seed);
    fprintf(out, "  \"events\": %u,\n  \"views\": %u,\n  \"engagements\": %u,\n", plan->event_count,
            options->view_count, plan->event_count - options->view_count);
    fprintf(out, "  \"before_view\": %u,\n  \"out_of_window\": %u,\n  \"late\": %u,\n",
            traits[TRAIT_BEFORE_VIEW], traits[TRAIT_OUT_OF_WINDOW], traits[TRAIT_LATE]);
    fprintf(out, "  \"hot_view\": %u,\n  \"duplicates\": %u,\n  \"poison\": %u,\n", hot,
            plan->duplicate_count, options->poison_count);
    write_byte_summary(out, plan, render);
    write_label_summary(out, plan);
    fprintf(out,
            "  \"window_ms\": {\"before\": %" PRId64 ", \"after\": %" PRId64
            ", \"lateness\": %" PRId64 ", \"disorder\": %" PRId64 "},\n",
            options->before_ms, options->after_ms, options->lateness_ms, options->disorder_ms);
    fprintf(out, "  \"time_ms\": {\"first_view\": %" PRId64 ", \"last_message\": %" PRId64 "}\n}\n",
            options->base_time_ms, plan->messages[plan->message_count - 1].publish_ms);
}

static bool write_file(const char *directory, const char *name,
                       void (*write)(FILE *, const struct plan *, const struct render *),
                       const struct plan *plan, const struct render *render, struct error *err)
{
    char *path = memory_textf("%s/%s", directory, name);
    FILE *out = fopen(path, "w");
    bool ok = out != NULL;

    if (ok) {
        write(out, plan, render);
        ok = !ferror(out);
        if (fclose(out) != 0)
            ok = false;
    }
    if (!ok)
        error_set(err, EXIT_CODE_STATE, "write %s: %s", path, strerror(errno));
    free(path);
    return ok;
}

bool expect_write(const struct plan *plan, const struct render *render, const char *directory,
                  struct error *err)
{
    if (mkdir(directory, 0777) != 0 && errno != EEXIST)
        return error_set(err, EXIT_CODE_STATE, "make %s: %s", directory, strerror(errno));
    return write_file(directory, "labels.jsonl", write_labels, plan, render, err)
           && write_file(directory, "late.jsonl", write_late, plan, render, err)
           && write_file(directory, "dead.jsonl", write_dead, plan, render, err)
           && write_file(directory, "summary.json", write_summary, plan, render, err);
}
