/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/clock.h"
#include "core/process.h"

enum { TOPIC_VIEWS, TOPIC_ENGAGEMENTS };
enum { PACE_MS = 10, PROGRESS_US = 1000000 };

static bool publish_one(const struct plan *plan, const struct render *render,
                        const struct plan_message *message, const struct deliver_options *options,
                        struct publisher *publisher, struct buffer *body, struct error *err)
{
    struct render_attribute rendered[RENDER_ATTRIBUTES_MAX];
    struct publisher_attribute attributes[RENDER_ATTRIBUTES_MAX];
    struct publisher_message out = {.attributes = attributes};
    char key[UUID_TEXT_SIZE];

    buffer_clear(body);
    render_body(render, message, body);
    out.body = body->data;
    out.body_size = body->size;
    out.attribute_count = render_attributes(message, rendered);
    for (size_t i = 0; i < out.attribute_count; i++)
        attributes[i] =
            (struct publisher_attribute){.name = rendered[i].name, .value = rendered[i].value};
    if (options->ordering_keys && !message->poison)
        out.ordering_key = uuid_format(plan->events[plan->events[message->index].view].id, key);
    return publisher_add(
        publisher, message_is_view(plan, message) ? TOPIC_VIEWS : TOPIC_ENGAGEMENTS, &out, err);
}

static void show_progress(const struct plan *plan, const struct publisher_counts *counts,
                          int64_t start_us)
{
    int64_t passed_us = clock_monotonic_us(clock_real()) - start_us;

    fprintf(stderr, "feed: published %" PRIu64 " of %u messages, %.0f a second\n",
            counts->published, plan->message_count,
            passed_us > 0 ? (double)counts->published * 1e6 / (double)passed_us : 0);
}

/* Waits until a message may go out, while requests move on. */
static bool wait_until(struct publisher *publisher, int64_t publish_ms, struct error *err)
{
    int64_t left_ms;

    while ((left_ms = publish_ms - clock_wall_ms(clock_real())) > 0 && !process_stopping()) {
        publisher_flush(publisher);
        if (!publisher_turn(publisher, left_ms < PACE_MS ? (int)left_ms : PACE_MS, err))
            return false;
    }
    return true;
}

static bool publish_all(const struct plan *plan, const struct render *render,
                        const struct deliver_options *options, struct publisher *publisher,
                        struct error *err)
{
    int64_t start_us = clock_monotonic_us(clock_real());
    int64_t shown_us = start_us;
    struct buffer body = {0};
    bool ok = true;

    for (uint32_t i = 0; ok && i < plan->message_count && !process_stopping(); i++) {
        const struct plan_message *message = &plan->messages[i];
        if (options->paced)
            ok = wait_until(publisher, message->publish_ms, err);
        ok = ok && publish_one(plan, render, message, options, publisher, &body, err);
        if (options->progress && clock_monotonic_us(clock_real()) - shown_us >= PROGRESS_US) {
            shown_us = clock_monotonic_us(clock_real());
            show_progress(plan, publisher_counts(publisher), start_us);
        }
    }
    ok = ok && publisher_finish(publisher, err);
    if (ok && options->progress)
        show_progress(plan, publisher_counts(publisher), start_us);
    buffer_fini(&body);
    return ok;
}

bool deliver_publish(const struct plan *plan, const struct render *render,
                     const struct deliver_options *options, struct publisher_counts *counts,
                     struct error *err)
{
    struct publisher *publisher = publisher_new(&options->publisher, err);
    bool ok;

    if (publisher == NULL)
        return false;
    ok = publish_all(plan, render, options, publisher, err);
    *counts = *publisher_counts(publisher);
    publisher_free(publisher);
    return ok;
}

bool deliver_files(const struct plan *plan, const struct render *render, const char *directory,
                   struct error *err)
{
    char *paths[2] = {memory_textf("%s/views.jsonl", directory),
                      memory_textf("%s/engagements.jsonl", directory)};
    FILE *files[2] = {NULL, NULL};
    struct buffer body = {0};
    bool ok = mkdir(directory, 0777) == 0 || errno == EEXIST;

    for (int i = 0; ok && i < 2; i++)
        ok = (files[i] = fopen(paths[i], "w")) != NULL;
    for (uint32_t i = 0; ok && i < plan->message_count; i++) {
        FILE *file =
            files[message_is_view(plan, &plan->messages[i]) ? TOPIC_VIEWS : TOPIC_ENGAGEMENTS];
        buffer_clear(&body);
        render_body(render, &plan->messages[i], &body);
        buffer_append_byte(&body, '\n');
        ok = fwrite(body.data, body.size, 1, file) == 1;
    }
    for (int i = 0; i < 2; i++) {
        if (files[i] != NULL && fclose(files[i]) != 0)
            ok = false;
        free(paths[i]);
    }
    buffer_fini(&body);
    return ok || error_set(err, EXIT_CODE_STATE, "write to %s: %s", directory, strerror(errno));
}
