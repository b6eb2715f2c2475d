/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api: Pub/Sub's REST methods over a broker.
 *
 * One table of routes says what exists; a route without a handler answers 501 UNIMPLEMENTED, on
 * purpose. Handlers take a call apart, speak to the broker and fill the answer, in Google's words.
 */
#ifndef EMULATOR_API_H
#define EMULATOR_API_H

#include <stdio.h>

#include "answer.h"
#include "broker.h"
#include "call.h"

struct api {
    struct broker broker;
    json_t *denied;           /* Array of permissions that testIamPermissions withholds. */
    uint32_t transient_every; /* Every so manieth ack id fails for now, on exactly-once. 0: none. */
    uint32_t transient_seen;
};

struct route {
    const char *method;
    const char *path; /* Segments, "*" for a name; ":verb" at the end. */
    const char *name; /* As faults and the log call it: "subscriptions.pull". */
    bool (*handle)(struct api *api, struct call *call, struct answer *answer); /* NULL: absent. */
};

void api_init(struct api *api, uint64_t first_id);
void api_fini(struct api *api);

/* The route of a call, or NULL. */
const struct route *api_route(const struct call *call);
/* Every route, ended by one whose method is NULL. */
const struct route *api_routes(void);
/* Runs the call on its route (NULL answers 404). */
void api_call(struct api *api, const struct route *route, struct call *call, struct answer *answer);

/* For the handlers' files. */

/* "projects/P/topics/T" from the call's path. Returns (caller frees). */
char *api_name(const struct call *call);
/* The body as an object, {} for an empty one; false when the answer says what is wrong with it. */
bool api_body(struct call *call, struct answer *answer);
/* Every key must be one of the known, a list ended by NULL. */
bool api_known(const json_t *object, const char *const *known, const char *where,
               struct answer *answer);
bool api_not_found(struct answer *answer, const char *name);
/* "projects/P/COLLECTION/NAME" with a legal NAME. */
bool api_check_name(const char *name, const char *collection, struct answer *answer);
/* Reads {"KEY": {...}, "updateMask": "a,b"}; mask keys in camel case, an array of strings (caller
 * decrefs both). */
bool api_update(struct call *call, const char *key, json_t **resource, json_t **mask,
                struct answer *answer);
bool api_has_text(const json_t *array, const char *text);
/* A page of items whose names begin with prefix and whose config has name == value (NULL: all). */
bool api_list(const struct call *call, struct answer *answer, const struct collection *collection,
              const char *key, const char *field, const char *value, bool names_only);
/* The resource as this call wants to see it. Returns (caller decrefs). */
json_t *api_show(const struct call *call, const json_t *config);
/* A field as a whole number; false if it is something else or out of int64. */
bool api_integer(const json_t *json, int64_t *value);

bool api_topic_create(struct api *api, struct call *call, struct answer *answer);
bool api_topic_get(struct api *api, struct call *call, struct answer *answer);
bool api_topic_update(struct api *api, struct call *call, struct answer *answer);
bool api_topic_delete(struct api *api, struct call *call, struct answer *answer);
bool api_topic_list(struct api *api, struct call *call, struct answer *answer);
bool api_topic_subscriptions(struct api *api, struct call *call, struct answer *answer);
bool api_topic_snapshots(struct api *api, struct call *call, struct answer *answer);
bool api_topic_publish(struct api *api, struct call *call, struct answer *answer);
bool api_subscription_create(struct api *api, struct call *call, struct answer *answer);
bool api_subscription_get(struct api *api, struct call *call, struct answer *answer);
bool api_subscription_update(struct api *api, struct call *call, struct answer *answer);
bool api_subscription_delete(struct api *api, struct call *call, struct answer *answer);
bool api_subscription_list(struct api *api, struct call *call, struct answer *answer);
bool api_subscription_detach(struct api *api, struct call *call, struct answer *answer);
bool api_subscription_pull(struct api *api, struct call *call, struct answer *answer);
bool api_subscription_ack(struct api *api, struct call *call, struct answer *answer);
bool api_subscription_modify(struct api *api, struct call *call, struct answer *answer);
bool api_subscription_seek(struct api *api, struct call *call, struct answer *answer);
bool api_snapshot_create(struct api *api, struct call *call, struct answer *answer);
bool api_snapshot_get(struct api *api, struct call *call, struct answer *answer);
bool api_snapshot_update(struct api *api, struct call *call, struct answer *answer);
bool api_snapshot_delete(struct api *api, struct call *call, struct answer *answer);
bool api_snapshot_list(struct api *api, struct call *call, struct answer *answer);
bool api_test_permissions(struct api *api, struct call *call, struct answer *answer);

#endif
