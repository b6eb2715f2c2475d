/* SPDX-License-Identifier: Apache-2.0 */
#include "render.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "poison.h"
#include "random.h"

enum { USER_COUNT = 50000, POST_COUNT = 20000 };

#define COUNT(array) ((uint32_t)(sizeof(array) / sizeof *(array)))

static const char *const kind_names[EVENT_KIND_COUNT] = {
    [EVENT_VIEW] = "view",   [EVENT_LIKE] = "like", [EVENT_SHARE] = "share",
    [EVENT_CLICK] = "click", [EVENT_SKIP] = "skip", [EVENT_DWELL] = "dwell",
};

static const char *const surfaces[] = {"home_feed", "trending", "following",
                                       "search",    "profile",  "notification"};
static const char *const networks[] = {"wifi", "cell_4g", "cell_5g", "cell_3g", "offline"};
static const char *const versions[] = {"2026.11.3", "2026.11.1", "2026.10.4", "2026.9.12"};
static const char *const experiments[] = {
    "ranker_v7",     "autoplay_b",   "thumbnails_2x", "caption_top", "reels_first", "quiet_hours",
    "share_sheet_c", "follow_nudge", "prefetch_3",    "ads_gap_6",   "dark_home",   "langmix_20"};
static const char *const referrers[] = {"push", "deep_link", "whatsapp_share", "widget"};
static const char *const share_targets[] = {"whatsapp", "copy_link", "instagram", "sms"};

static const struct device {
    const char *os;
    const char *model;
} devices[] = {
    {"android", "Redmi Note 12"},  {"android", "Galaxy M14"}, {"android", "vivo Y16"},
    {"android", "realme C55"},     {"android", "POCO M5"},    {"android", "OPPO A78"},
    {"android", "Moto G54"},       {"android", "Redmi 9A"},   {"android", "Galaxy A05s"},
    {"android", "Infinix Hot 30"}, {"ios", "iPhone 11"},      {"ios", "iPhone 13"},
    {"ios", "iPhone SE"},          {"web", "Chrome 141"},
};

static const struct place {
    const char *country;
    const char *region; /* NULL: not known. */
    const char *locale; /* NULL: left out, so that the schema's default is used. */
} places[] = {
    {"IN", "UP", "hi-IN"}, {"IN", "MH", "mr-IN"}, {"IN", "TN", "ta-IN"}, {"IN", "KA", "kn-IN"},
    {"IN", "WB", "bn-IN"}, {"IN", "AP", "te-IN"}, {"IN", "KL", "ml-IN"}, {"IN", "PB", "pa-IN"},
    {"IN", NULL, "hi-IN"}, {"BD", NULL, "bn-BD"}, {"NP", "BA", "ne-NP"}, {"IN", "GJ", NULL},
};

/* Zipf with exponent 1: rank r comes with a probability of 1/(r + 1), up to scale. */
struct zipf {
    uint32_t count;
    double *sums;
};

struct render {
    const struct plan *plan;
    struct zipf users;
    struct zipf posts;
};

static void zipf_init(struct zipf *zipf, uint32_t count)
{
    double sum = 0;

    zipf->count = count;
    zipf->sums = memory_array(count, sizeof *zipf->sums);
    for (uint32_t rank = 0; rank < count; rank++) {
        sum += 1.0 / (double)(rank + 1);
        zipf->sums[rank] = sum;
    }
}

/* Binary search for the first sum above a random share of the whole. */
static uint32_t zipf_rank(const struct zipf *zipf, struct random *random)
{
    double wanted = random_unit(random) * zipf->sums[zipf->count - 1];
    uint32_t low = 0;
    uint32_t high = zipf->count - 1;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (zipf->sums[middle] <= wanted)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct render *render_new(const struct plan *plan)
{
    struct render *render = memory_new(sizeof *render);

    render->plan = plan;
    zipf_init(&render->users, USER_COUNT);
    zipf_init(&render->posts, POST_COUNT);
    return render;
}

void render_free(struct render *render)
{
    if (render == NULL)
        return;
    free(render->users.sums);
    free(render->posts.sums);
    free(render);
}

const char *uuid_format(const uint8_t id[static UUID_SIZE], char text[static UUID_TEXT_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    char *out = text;

    for (int i = 0; i < UUID_SIZE; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *out++ = '-';
        *out++ = digits[id[i] >> 4];
        *out++ = digits[id[i] & 15];
    }
    *out = '\0';
    return text;
}

const char *render_kind(enum event_kind kind)
{
    return kind_names[kind];
}

/* What a user keeps and what belongs to one view, drawn in an order that must not change. */
struct context {
    struct render_view view;
    const struct device *device;
    const struct place *place;
    const char *version;
    const char *network;
    uint32_t session_number;
    uint32_t session_age_s;
    struct random rest;
};

/* The first of count things in a bit more than half of all cases. */
static uint32_t often_first(struct random *random, uint32_t count)
{
    return random_chance(random, 0.5) ? 0 : random_below(random, count);
}

static void context_of_view(const struct render *render, uint32_t view, struct context *context)
{
    uint64_t seed = render->plan->options.seed;
    struct random random = {.state = render->plan->events[view].detail};
    uint32_t user = zipf_rank(&render->users, &random);
    uint32_t post = zipf_rank(&render->posts, &random);
    struct random of_user = {.state = random_mix(seed ^ (2 * (uint64_t)user))};

    context->view.user_id = (int64_t)(random_next(&of_user) >> 1);
    context->view.post_id = (int64_t)(random_mix(random_mix(seed ^ (2 * (uint64_t)post + 1))) >> 1);
    context->device = &devices[random_below(&of_user, COUNT(devices))];
    context->place = &places[random_below(&of_user, COUNT(places))];
    context->version = versions[random_below(&of_user, COUNT(versions))];
    context->view.surface = surfaces[often_first(&random, COUNT(surfaces))];
    context->view.position = random_below(&random, 1 + random_below(&random, 40));
    context->network = networks[often_first(&random, COUNT(networks))];
    context->session_number = 1 + random_below(&of_user, 900) + random_below(&random, 3);
    context->session_age_s = random_below(&random, 1 + random_below(&random, 1800));
    context->rest = random;
}

void render_view_fields(const struct render *render, uint32_t view, struct render_view *fields)
{
    struct context context;

    context_of_view(render, view, &context);
    *fields = context.view;
}

static void render_experiments(struct random *random, struct buffer *body)
{
    uint32_t count = random_below(random, 4);
    uint32_t first = random_below(random, COUNT(experiments));

    buffer_append_text(body, ",\"experiments\":[");
    for (uint32_t i = 0; i < count; i++)
        buffer_appendf(body, "%s\"%s\"", i == 0 ? "" : ",",
                       experiments[(first + 5 * i) % COUNT(experiments)]);
    buffer_append_byte(body, ']');
}

static void render_place(const struct place *place, struct buffer *body)
{
    if (place->region != NULL)
        buffer_appendf(body, ",\"geo\":{\"country\":\"%s\",\"region\":\"%s\"}", place->country,
                       place->region);
    else
        buffer_appendf(body, ",\"geo\":{\"country\":\"%s\",\"region\":null}", place->country);
    if (place->locale != NULL)
        buffer_appendf(body, ",\"locale\":\"%s\"", place->locale);
}

/* Left out, null, or one of the names. */
static void render_referrer(struct random *random, struct buffer *body)
{
    uint32_t tenth = random_below(random, 10);

    if (tenth >= 8)
        buffer_appendf(body, ",\"referrer\":\"%s\"",
                       referrers[random_below(random, COUNT(referrers))]);
    else if (tenth >= 6)
        buffer_append_text(body, ",\"referrer\":null");
}

static void render_view_body(const struct render *render, uint32_t view, struct buffer *body)
{
    const struct plan_event *event = &render->plan->events[view];
    struct context context;
    char id[UUID_TEXT_SIZE];

    context_of_view(render, view, &context);
    buffer_appendf(body,
                   "{\"view_id\":\"%s\",\"ts\":%" PRId64 ",\"user_id\":%" PRId64
                   ",\"post_id\":%" PRId64 ",\"surface\":\"%s\",\"position\":%u",
                   uuid_format(event->id, id), event->time_ms, context.view.user_id,
                   context.view.post_id, context.view.surface, context.view.position);
    buffer_appendf(body, ",\"session\":{\"number\":%u,\"age_s\":%u}", context.session_number,
                   context.session_age_s);
    buffer_appendf(body,
                   ",\"device\":{\"os\":\"%s\",\"model\":\"%s\",\"app_version\":\"%s\","
                   "\"network\":\"%s\"}",
                   context.device->os, context.device->model, context.version, context.network);
    render_place(context.place, body);
    /* The model's answer is quantised, so its decimal form is exact. */
    buffer_appendf(body, ",\"score\":%.10g", (double)random_below(&context.rest, 1024) / 1024);
    render_experiments(&context.rest, body);
    render_referrer(&context.rest, body);
    buffer_append_byte(body, '}');
}

/* Absent, null or a number: an engagement without dwell time has it in either form. */
static void render_dwell(const struct plan_event *event, struct random *random, struct buffer *body)
{
    if (event->dwell_ms >= 0)
        buffer_appendf(body, ",\"dwell_ms\":%d", event->dwell_ms);
    else if (random_chance(random, 0.3))
        buffer_append_text(body, ",\"dwell_ms\":null");
}

/* Drawn one after the other: a call's arguments have no order. */
static void render_share(struct random *random, struct buffer *body)
{
    const char *target = share_targets[random_below(random, COUNT(share_targets))];
    uint32_t recipients = 1 + random_below(random, 5);

    buffer_appendf(body, ",\"share\":{\"target\":\"%s\",\"recipients\":%u}", target, recipients);
}

static void render_engagement_body(const struct render *render, uint32_t index, struct buffer *body)
{
    const struct plan_event *event = &render->plan->events[index];
    struct random random = {.state = event->detail};
    struct context context;
    char id[UUID_TEXT_SIZE];
    char view_id[UUID_TEXT_SIZE];

    context_of_view(render, event->view, &context);
    buffer_appendf(body,
                   "{\"event_id\":\"%s\",\"view_id\":\"%s\",\"ts\":%" PRId64
                   ",\"kind\":\"%s\",\"user_id\":%" PRId64 ",\"post_id\":%" PRId64,
                   uuid_format(event->id, id),
                   uuid_format(render->plan->events[event->view].id, view_id), event->time_ms,
                   kind_names[event->kind], context.view.user_id, context.view.post_id);
    render_dwell(event, &random, body);
    if (event->kind == EVENT_SHARE)
        render_share(&random, body);
    buffer_appendf(body,
                   ",\"surface\":\"%s\",\"position\":%u,\"device\":{\"os\":\"%s\","
                   "\"app_version\":\"%s\",\"network\":\"%s\"},\"foreground\":%s}",
                   context.view.surface, context.view.position, context.device->os, context.version,
                   context.network, random_chance(&random, 0.95) ? "true" : "false");
}

/* A good body of some event first, then one thing in it is spoiled. */
static void render_poison(const struct render *render, uint32_t index, struct buffer *body)
{
    const struct plan *plan = render->plan;
    uint32_t pick = (uint32_t)(random_mix(index) % plan->options.view_count);

    if (poison_is_view(index) || plan->event_count == plan->options.view_count)
        render_view_body(render, pick, body);
    else
        render_engagement_body(
            render,
            plan->options.view_count + pick % (plan->event_count - plan->options.view_count), body);
    poison_body(index, body);
}

bool message_is_view(const struct plan *plan, const struct plan_message *message)
{
    return message->poison ? poison_is_view(message->index)
                           : plan->events[message->index].kind == EVENT_VIEW;
}

void render_body(const struct render *render, const struct plan_message *message,
                 struct buffer *body)
{
    assert(body->size == 0);
    if (message->poison)
        render_poison(render, message->index, body);
    else if (message_is_view(render->plan, message))
        render_view_body(render, message->index, body);
    else
        render_engagement_body(render, message->index, body);
}

uint32_t render_attributes(const struct plan_message *message,
                           struct render_attribute attributes[static RENDER_ATTRIBUTES_MAX])
{
    attributes[0].name = "origin";
    snprintf(attributes[0].value, RENDER_ATTRIBUTE_SIZE, "app");
    attributes[1].name = "v";
    snprintf(attributes[1].value, RENDER_ATTRIBUTE_SIZE, "3");
    if (!message->poison)
        return 2;
    attributes[2].name = "poison";
    snprintf(attributes[2].value, RENDER_ATTRIBUTE_SIZE, "p%06u", message->index);
    return 3;
}
