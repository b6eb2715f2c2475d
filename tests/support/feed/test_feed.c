/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "expect.h"
#include "plan.h"
#include "poison.h"
#include "render.h"

static const struct plan_options small = {
    .seed = 7,
    .view_count = 600,
    .engagement_count = 900,
    .late_count = 20,
    .poison_count = 64,
    .base_time_ms = 1763717400000,
    .span_ms = 30000,
    .disorder_ms = 400,
    .before_ms = 2000,
    .after_ms = 20000,
    .lateness_ms = 5000,
    .duplicates = 0.05,
    .out_of_window = 0.1,
    .before_view = 0.1,
    .skew = 0.2,
};

static struct plan *make(const struct plan_options *options)
{
    struct error err;
    struct plan *plan = plan_new(options, &err);

    assert_non_null(plan);
    return plan;
}

/* All bodies of a plan, one a line. */
static void bodies(const struct plan_options *options, struct buffer *out)
{
    struct plan *plan = make(options);
    struct render *render = render_new(plan);
    struct buffer body = {0};

    for (uint32_t i = 0; i < plan->message_count; i++) {
        buffer_clear(&body);
        render_body(render, &plan->messages[i], &body);
        buffer_append(out, body.data, body.size);
        buffer_append_byte(out, '\n');
    }
    buffer_fini(&body);
    render_free(render);
    plan_free(plan);
}

static void a_feed_is_a_function_of_its_seed(void **state)
{
    struct plan_options other = small;
    struct buffer first = {0}, again = {0}, different = {0};

    (void)state;
    other.seed++;
    bodies(&small, &first);
    bodies(&small, &again);
    bodies(&other, &different);
    assert_int_equal(first.size, again.size);
    assert_memory_equal(first.data, again.data, first.size);
    assert_true(first.size != different.size
                || memcmp(buffer_text(&first), buffer_text(&different), first.size) != 0);
    buffer_fini(&first);
    buffer_fini(&again);
    buffer_fini(&different);
}

/* Whatever the compiler, and next year too. A deliberate change of the feed changes the number. */
static void a_feed_is_the_same_everywhere(void **state)
{
    struct buffer all = {0};

    (void)state;
    bodies(&small, &all);
    assert_int_equal(XXH64(buffer_text(&all), all.size, 0), 0xf4a4704d996bdd46);
    buffer_fini(&all);
}

static void every_option_has_its_share(void **state)
{
    struct plan_options options = small;
    struct plan *plan;
    uint32_t before = 0, outside = 0, late = 0, hot = 0;

    (void)state;
    options.engagement_count = 20000;
    plan = make(&options);
    for (uint32_t i = options.view_count; i < plan->event_count; i++) {
        before += plan->events[i].trait == TRAIT_BEFORE_VIEW;
        outside += plan->events[i].trait == TRAIT_OUT_OF_WINDOW;
        late += plan->events[i].trait == TRAIT_LATE;
        hot += plan->events[i].hot;
    }
    assert_in_range(before, 1800, 2200);
    assert_in_range(outside, 1800, 2200);
    assert_in_range(hot, 3700, 4300);
    assert_int_equal(late, 20);
    assert_in_range(plan->duplicate_count, 900, 1160);
    assert_int_equal(plan->message_count,
                     options.view_count + 20000 + 20 + plan->duplicate_count + 64);
    plan_free(plan);
}

static void a_trait_says_where_the_event_lies(void **state)
{
    struct plan *plan = make(&small);
    uint32_t on_the_edge = 0;

    (void)state;
    for (uint32_t i = small.view_count; i < plan->event_count; i++) {
        const struct plan_event *event = &plan->events[i];
        int64_t delay_ms = event->time_ms - plan->events[event->view].time_ms;
        bool inside = delay_ms >= -small.before_ms && delay_ms <= small.after_ms;
        assert_int_equal(inside, event->trait != TRAIT_OUT_OF_WINDOW);
        if (event->trait == TRAIT_BEFORE_VIEW)
            assert_true(delay_ms < 0);
        on_the_edge += delay_ms == small.after_ms || delay_ms == small.after_ms + 1
                       || delay_ms == -small.before_ms || delay_ms == -small.before_ms - 1;
    }
    assert_true(on_the_edge > 5);
    plan_free(plan);
}

/* Replays the publish order with a watermark that sees everything at once. */
static void only_late_events_come_behind_the_watermark(void **state)
{
    struct plan *plan = make(&small);
    int64_t watermark_ms = INT64_MIN / 2;
    uint32_t dropped = 0;

    (void)state;
    for (uint32_t i = 0; i < plan->message_count; i++) {
        const struct plan_message *message = &plan->messages[i];
        const struct plan_event *event = &plan->events[message->index];
        if (i > 0)
            assert_true(message->publish_ms >= plan->messages[i - 1].publish_ms);
        if (message->poison)
            continue;
        if (event->trait == TRAIT_LATE) {
            /* Publish times go on behind the last view, where the watermark of a quiet feed follows. */
            int64_t cutoff_ms = message->publish_ms - small.disorder_ms - small.after_ms
                                - small.lateness_ms - small.before_ms;
            assert_true(event->time_ms < cutoff_ms);
            dropped++;
        } else {
            assert_true(event->time_ms >= watermark_ms - small.lateness_ms);
            if (!message->duplicate)
                assert_in_range(message->publish_ms - event->time_ms, 0, small.disorder_ms);
            if (event->time_ms > watermark_ms)
                watermark_ms = event->time_ms;
        }
    }
    assert_int_equal(dropped, small.late_count);
    plan_free(plan);
}

static void bodies_have_the_size_of_real_events(void **state)
{
    struct plan *plan = make(&small);
    struct render *render = render_new(plan);
    struct buffer body = {0};
    size_t bytes[2] = {0}, counts[2] = {0};

    (void)state;
    for (uint32_t i = 0; i < plan->message_count; i++) {
        if (plan->messages[i].poison)
            continue;
        bool view = message_is_view(plan, &plan->messages[i]);
        buffer_clear(&body);
        render_body(render, &plan->messages[i], &body);
        bytes[view] += body.size;
        counts[view]++;
    }
    assert_in_range(bytes[1], 350 * counts[1], 430 * counts[1]);
    assert_in_range(bytes[0], 250 * counts[0], 370 * counts[0]);
    buffer_fini(&body);
    render_free(render);
    plan_free(plan);
}

/* What a naive reader of the published bytes finds, to hold against the expectation. */
struct reading {
    json_t *views;       /* id -> body */
    json_t *engagements; /* event id -> body: a duplicate is the same event */
};

static void read_bodies(const struct plan *plan, const struct render *render,
                        struct reading *reading)
{
    struct buffer body = {0};

    reading->views = json_object();
    reading->engagements = json_object();
    for (uint32_t i = 0; i < plan->message_count; i++) {
        const struct plan_message *message = &plan->messages[i];
        if (message->poison || plan->events[message->index].trait == TRAIT_LATE)
            continue;
        buffer_clear(&body);
        render_body(render, message, &body);
        json_t *json = json_loadb((const char *)body.data, body.size, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(json);
        if (message_is_view(plan, message))
            json_object_set_new(reading->views, json_string_value(json_object_get(json, "view_id")),
                                json);
        else
            json_object_set_new(reading->engagements,
                                json_string_value(json_object_get(json, "event_id")), json);
    }
    buffer_fini(&body);
}

static int64_t integer(const json_t *json, const char *name)
{
    return json_integer_value(json_object_get(json, name));
}

static const char *text(const json_t *json, const char *name)
{
    return json_string_value(json_object_get(json, name));
}

/* The label of a view, from JSON alone. Returns (caller decrefs). */
static json_t *naive_label(const struct reading *reading, const char *view_id)
{
    const json_t *view = json_object_get(reading->views, view_id);
    const char *id;
    json_t *event;
    json_t *first = NULL;
    int64_t shares = 0, dwell_ms = -1, liked = 0;

    json_object_foreach(reading->engagements, id, event)
    {
        int64_t delay_ms = integer(event, "ts") - integer(view, "ts");
        if (strcmp(text(event, "view_id"), view_id) != 0 || delay_ms < -small.before_ms
            || delay_ms > small.after_ms)
            continue;
        liked |= strcmp(text(event, "kind"), "like") == 0;
        shares += strcmp(text(event, "kind"), "share") == 0;
        if (json_is_integer(json_object_get(event, "dwell_ms"))
            && integer(event, "dwell_ms") > dwell_ms)
            dwell_ms = integer(event, "dwell_ms");
        if (first == NULL || integer(event, "ts") < integer(first, "ts")
            || (integer(event, "ts") == integer(first, "ts")
                && strcmp(id, text(first, "event_id")) < 0))
            first = event;
    }
    return json_pack("{s:s, s:O, s:O, s:O, s:O, s:O, s:b, s:I, s:s?, s:o}", "view_id", view_id,
                     "ts", json_object_get(view, "ts"), "user_id", json_object_get(view, "user_id"),
                     "post_id", json_object_get(view, "post_id"), "surface",
                     json_object_get(view, "surface"), "position",
                     json_object_get(view, "position"), "liked", (int)liked, "shares",
                     (json_int_t)shares, "first_kind", first == NULL ? NULL : text(first, "kind"),
                     "dwell_ms", dwell_ms < 0 ? json_null() : json_integer(dwell_ms));
}

static void check_labels(FILE *file, const struct reading *reading)
{
    char *line = NULL;
    char last[UUID_TEXT_SIZE] = "";
    size_t capacity = 0;
    uint32_t count = 0, engaged = 0;

    for (; getline(&line, &capacity, file) > 0; count++) {
        json_t *expected = json_loads(line, 0, NULL);
        assert_non_null(expected);
        json_t *naive = naive_label(reading, text(expected, "view_id"));
        assert_true(strcmp(text(expected, "view_id"), last) > 0); /* Sorted, each once. */
        snprintf(last, sizeof last, "%s", text(expected, "view_id"));
        engaged += json_is_string(json_object_get(expected, "first_kind"));
        json_object_del(expected, "counts");
        json_object_del(expected, "complete");
        assert_true(json_equal(naive, expected));
        json_decref(naive);
        json_decref(expected);
    }
    assert_int_equal(count, small.view_count);
    assert_true(engaged > count / 4 && engaged < count);
    free(line);
}

static const char *temporary(void)
{
    const char *directory = getenv("TMPDIR");

    return directory == NULL ? "/tmp" : directory;
}

static FILE *open_in(const char *directory, const char *name)
{
    char path[256];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", directory, name);
    file = fopen(path, "r");
    assert_non_null(file);
    unlink(path);
    return file;
}

static void the_expectation_is_what_a_reader_of_the_bodies_finds(void **state)
{
    struct plan *plan = make(&small);
    struct render *render = render_new(plan);
    struct reading reading;
    struct error err;
    char directory[200];
    static const char *const others[] = {"late.jsonl", "dead.jsonl"};

    (void)state;
    snprintf(directory, sizeof directory, "%s/dualrun-feed.XXXXXX", temporary());
    assert_non_null(mkdtemp(directory));
    assert_true(expect_write(plan, render, directory, &err));
    read_bodies(plan, render, &reading);
    FILE *labels = open_in(directory, "labels.jsonl");
    check_labels(labels, &reading);
    fclose(labels);

    FILE *summary_file = open_in(directory, "summary.json");
    json_t *summary = json_loadf(summary_file, 0, NULL);
    assert_non_null(summary);
    assert_int_equal(integer(summary, "events"), plan->event_count);
    assert_int_equal(integer(json_object_get(summary, "messages"), "all"), plan->message_count);
    json_decref(summary);
    fclose(summary_file);
    for (int i = 0; i < 2; i++) {
        FILE *file = open_in(directory, others[i]);
        int lines = 0;
        for (int c; (c = fgetc(file)) != EOF;)
            lines += c == '\n';
        assert_int_equal(lines, i == 0 ? small.late_count : small.poison_count);
        fclose(file);
    }
    rmdir(directory);
    json_decref(reading.views);
    json_decref(reading.engagements);
    render_free(render);
    plan_free(plan);
}

static void poison_reaches_both_streams_with_every_kind(void **state)
{
    bool seen[2][64] = {0};

    (void)state;
    for (uint32_t i = 0; i < 2 * poison_kind_count(); i++)
        seen[poison_is_view(i)][i % poison_kind_count()] = true;
    for (uint32_t kind = 0; kind < poison_kind_count(); kind++)
        assert_true(seen[0][kind] && seen[1][kind]);
}

static void impossible_options_are_refused_by_name(void **state)
{
    struct plan_options options = small;
    struct error err;

    (void)state;
    options.late_count = options.view_count + 1;
    assert_null(plan_new(&options, &err));
    assert_string_equal(err.text, "--late 601: there are only 600 views, and each has at most one");
    options = small;
    options.before_ms = 0;
    assert_null(plan_new(&options, &err));
    assert_string_equal(err.text, "--before-view: the window has no part before the view");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_feed_is_a_function_of_its_seed),
        cmocka_unit_test(a_feed_is_the_same_everywhere),
        cmocka_unit_test(every_option_has_its_share),
        cmocka_unit_test(a_trait_says_where_the_event_lies),
        cmocka_unit_test(only_late_events_come_behind_the_watermark),
        cmocka_unit_test(bodies_have_the_size_of_real_events),
        cmocka_unit_test(the_expectation_is_what_a_reader_of_the_bodies_finds),
        cmocka_unit_test(poison_reaches_both_streams_with_every_kind),
        cmocka_unit_test(impossible_options_are_refused_by_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
