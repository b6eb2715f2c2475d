/* SPDX-License-Identifier: Apache-2.0 */
/*
 * render: the JSON body and the attributes of a message, from the plan.
 *
 * Users and posts follow Zipf's law; a user keeps device, country and language; an engagement has the
 * user, the post and the device of its view. The same message always gets the same bytes.
 */
#ifndef FEED_RENDER_H
#define FEED_RENDER_H

#include "core/buffer.h"
#include "plan.h"

enum { UUID_TEXT_SIZE = 37 };
const char *uuid_format(const uint8_t id[static UUID_SIZE], char text[static UUID_TEXT_SIZE]);

struct render;

struct render *render_new(const struct plan *plan); /* Borrows plan. */
void render_free(struct render *render);

/* What an engagement shares with its view, and the label with both. */
struct render_view {
    int64_t user_id;
    int64_t post_id;
    const char *surface;
    uint32_t position;
};
void render_view_fields(const struct render *render, uint32_t view, struct render_view *fields);

const char *render_kind(enum event_kind kind); /* "like" */

/* Which topic it goes to. */
bool message_is_view(const struct plan *plan, const struct plan_message *message);
/* Appends to body. */
void render_body(const struct render *render, const struct plan_message *message,
                 struct buffer *body);

enum { RENDER_ATTRIBUTES_MAX = 3, RENDER_ATTRIBUTE_SIZE = 32 };
struct render_attribute {
    const char *name;
    char value[RENDER_ATTRIBUTE_SIZE];
};
/* Returns how many there are. Only poison carries its id: "poison" = "p000012". */
uint32_t render_attributes(const struct plan_message *message,
                           struct render_attribute attributes[static RENDER_ATTRIBUTES_MAX]);

#endif
