/* SPDX-License-Identifier: Apache-2.0 */
#include "api.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TOPIC        "v1/projects/*/topics/*"
#define SUBSCRIPTION "v1/projects/*/subscriptions/*"
#define SNAPSHOT     "v1/projects/*/snapshots/*"
#define SCHEMA       "v1/projects/*/schemas/*"

static const struct route routes[] = {
    {"PUT", TOPIC, "topics.create", api_topic_create},
    {"GET", TOPIC, "topics.get", api_topic_get},
    {"PATCH", TOPIC, "topics.patch", api_topic_update},
    {"DELETE", TOPIC, "topics.delete", api_topic_delete},
    {"GET", "v1/projects/*/topics", "topics.list", api_topic_list},
    {"GET", TOPIC "/subscriptions", "topics.subscriptions.list", api_topic_subscriptions},
    {"GET", TOPIC "/snapshots", "topics.snapshots.list", api_topic_snapshots},
    {"POST", TOPIC ":publish", "topics.publish", api_topic_publish},
    {"POST", TOPIC ":testIamPermissions", "topics.testIamPermissions", api_test_permissions},
    {"PUT", SUBSCRIPTION, "subscriptions.create", api_subscription_create},
    {"GET", SUBSCRIPTION, "subscriptions.get", api_subscription_get},
    {"PATCH", SUBSCRIPTION, "subscriptions.patch", api_subscription_update},
    {"DELETE", SUBSCRIPTION, "subscriptions.delete", api_subscription_delete},
    {"GET", "v1/projects/*/subscriptions", "subscriptions.list", api_subscription_list},
    {"POST", SUBSCRIPTION ":pull", "subscriptions.pull", api_subscription_pull},
    {"POST", SUBSCRIPTION ":acknowledge", "subscriptions.acknowledge", api_subscription_ack},
    {"POST", SUBSCRIPTION ":modifyAckDeadline", "subscriptions.modifyAckDeadline",
     api_subscription_modify},
    {"POST", SUBSCRIPTION ":seek", "subscriptions.seek", api_subscription_seek},
    {"POST", SUBSCRIPTION ":detach", "subscriptions.detach", api_subscription_detach},
    {"POST", SUBSCRIPTION ":testIamPermissions", "subscriptions.testIamPermissions",
     api_test_permissions},
    {"PUT", SNAPSHOT, "snapshots.create", api_snapshot_create},
    {"GET", SNAPSHOT, "snapshots.get", api_snapshot_get},
    {"PATCH", SNAPSHOT, "snapshots.patch", api_snapshot_update},
    {"DELETE", SNAPSHOT, "snapshots.delete", api_snapshot_delete},
    {"GET", "v1/projects/*/snapshots", "snapshots.list", api_snapshot_list},
    {"POST", SNAPSHOT ":testIamPermissions", "snapshots.testIamPermissions", api_test_permissions},
    /* Absent on purpose: policies, push delivery and schemas are no part of a pull bridge. */
    {"GET", TOPIC ":getIamPolicy", "topics.getIamPolicy", NULL},
    {"POST", TOPIC ":setIamPolicy", "topics.setIamPolicy", NULL},
    {"GET", SUBSCRIPTION ":getIamPolicy", "subscriptions.getIamPolicy", NULL},
    {"POST", SUBSCRIPTION ":setIamPolicy", "subscriptions.setIamPolicy", NULL},
    {"POST", SUBSCRIPTION ":modifyPushConfig", "subscriptions.modifyPushConfig", NULL},
    {"GET", SNAPSHOT ":getIamPolicy", "snapshots.getIamPolicy", NULL},
    {"POST", SNAPSHOT ":setIamPolicy", "snapshots.setIamPolicy", NULL},
    {"POST", "v1/projects/*/schemas", "schemas.create", NULL},
    {"GET", "v1/projects/*/schemas", "schemas.list", NULL},
    {"POST", "v1/projects/*/schemas:validate", "schemas.validate", NULL},
    {"POST", "v1/projects/*/schemas:validateMessage", "schemas.validateMessage", NULL},
    {"GET", SCHEMA, "schemas.get", NULL},
    {"DELETE", SCHEMA, "schemas.delete", NULL},
    {"POST", SCHEMA ":commit", "schemas.commit", NULL},
    {"POST", SCHEMA ":rollback", "schemas.rollback", NULL},
    {"DELETE", SCHEMA ":deleteRevision", "schemas.deleteRevision", NULL},
    {"GET", SCHEMA ":listRevisions", "schemas.listRevisions", NULL},
    {"GET", SCHEMA ":getIamPolicy", "schemas.getIamPolicy", NULL},
    {"POST", SCHEMA ":setIamPolicy", "schemas.setIamPolicy", NULL},
    {"POST", SCHEMA ":testIamPermissions", "schemas.testIamPermissions", NULL},
    {NULL, NULL, NULL, NULL},
};

const struct route *api_routes(void)
{
    return routes;
}

void api_init(struct api *api, uint64_t first_id)
{
    *api = (struct api){.denied = json_array()};
    broker_init(&api->broker, first_id);
}

void api_fini(struct api *api)
{
    broker_fini(&api->broker);
    json_decref(api->denied);
}

static bool matches(const char *path, const struct call *call)
{
    for (size_t i = 0; i < call->segment_count; i++) {
        size_t size = strcspn(path, "/:");
        const char *segment = call->segments[i];
        if (size == 1 && *path == '*' ? *segment == '\0'
                                      : strlen(segment) != size || memcmp(segment, path, size) != 0)
            return false;
        path += size;
        if (*path == '/')
            path++;
        else if (i + 1 < call->segment_count)
            return false;
    }
    if (call->verb == NULL)
        return *path == '\0';
    return *path == ':' && strcmp(path + 1, call->verb) == 0;
}

const struct route *api_route(const struct call *call)
{
    for (const struct route *route = routes; route->method != NULL; route++)
        if (strcmp(route->method, call->method) == 0 && matches(route->path, call))
            return route;
    return NULL;
}

void api_call(struct api *api, const struct route *route, struct call *call, struct answer *answer)
{
    if (route == NULL)
        answer_fail(answer, RPC_NOT_FOUND, "Method not found.");
    else if (route->handle == NULL)
        answer_fail(answer, RPC_UNIMPLEMENTED, "%s is not implemented by this emulator.",
                    route->name);
    else
        route->handle(api, call, answer);
}

char *api_name(const struct call *call)
{
    return memory_textf("projects/%s/%s/%s", call->segments[2], call->segments[3],
                        call->segments[4]);
}

bool api_body(struct call *call, struct answer *answer)
{
    json_error_t error;

    if (call->body_size == 0) {
        call->json = json_object();
        return true;
    }
    json_t *json = json_loadb(call->body, call->body_size,
                              JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (json == NULL)
        return answer_fail(answer, RPC_INVALID_ARGUMENT,
                           "Invalid JSON payload received. %s (line %d, column %d).", error.text,
                           error.line, error.column);
    /* A client that has nothing to say may send "" or null. */
    if (json_is_null(json) || (json_is_string(json) && json_string_length(json) == 0)) {
        json_decref(json);
        json = json_object();
    }
    if (!json_is_object(json)) {
        json_decref(json);
        return answer_fail(answer, RPC_INVALID_ARGUMENT,
                           "Invalid JSON payload received. Unknown name \"\": Root element must be "
                           "a message.");
    }
    call->json = call_camel_keys(json);
    json_decref(json);
    return true;
}

bool api_known(const json_t *object, const char *const *known, const char *where,
               struct answer *answer)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)object, key, value)
    {
        bool found = false;
        for (const char *const *name = known; *name != NULL && !found; name++)
            found = strcmp(*name, key) == 0;
        if (!found)
            return answer_fail(answer, RPC_INVALID_ARGUMENT,
                               "Invalid JSON payload received. Unknown name \"%s\"%s%s%s: Cannot "
                               "find field.",
                               key, *where != '\0' ? " at '" : "", where,
                               *where != '\0' ? "'" : "");
    }
    return true;
}

bool api_not_found(struct answer *answer, const char *name)
{
    return answer_fail(answer, RPC_NOT_FOUND, "Resource not found (resource=%s).",
                       strrchr(name, '/') != NULL ? strrchr(name, '/') + 1 : name);
}

static bool legal_name(const char *name)
{
    size_t size = strlen(name);

    if (size < 3 || size > 255 || !isalpha((unsigned char)name[0]) || strncmp(name, "goog", 4) == 0)
        return false;
    for (const char *p = name; *p != '\0'; p++)
        if (!isalnum((unsigned char)*p) && strchr("-_.~+%", *p) == NULL)
            return false;
    return true;
}

bool api_check_name(const char *name, const char *collection, struct answer *answer)
{
    const char *project = strncmp(name, "projects/", 9) == 0 ? name + 9 : "";
    size_t project_size = strcspn(project, "/");
    const char *rest = project + project_size;
    size_t size = strlen(collection);

    if (project_size > 0 && *rest == '/' && strncmp(rest + 1, collection, size) == 0
        && rest[1 + size] == '/' && legal_name(rest + size + 2))
        return true;
    return answer_fail(answer, RPC_INVALID_ARGUMENT, "Invalid [%s] name: (name=%s)", collection,
                       name);
}

bool api_has_text(const json_t *array, const char *text)
{
    size_t i;
    json_t *item;

    json_array_foreach(array, i, item)
    {
        if (json_is_string(item) && strcmp(json_string_value(item), text) == 0)
            return true;
    }
    return false;
}

static json_t *split_mask(const char *text)
{
    json_t *mask = json_array();

    while (*text != '\0') {
        size_t size = strcspn(text, ",");
        char *part = memory_text_n(text, size);
        char *name = call_camel(part);
        if (*name != '\0')
            json_array_append_new(mask, json_string(name));
        free(part);
        free(name);
        text += size + (text[size] == ',');
    }
    return mask;
}

bool api_update(struct call *call, const char *key, json_t **resource, json_t **mask,
                struct answer *answer)
{
    if (!api_body(call, answer))
        return false;

    const json_t *text = json_object_get(call->json, "updateMask");

    if (text == NULL)
        text = json_object_get(call->query, "updateMask");
    *resource = json_object_get(call->json, key);
    if (!json_is_object(*resource))
        return answer_fail(answer, RPC_INVALID_ARGUMENT, "The request is missing the %s to update.",
                           key);
    *mask = json_is_string(text) ? split_mask(json_string_value(text)) : json_array();
    if (json_array_size(*mask) == 0) {
        json_decref(*mask);
        return answer_fail(answer, RPC_INVALID_ARGUMENT,
                           "The update_mask in the request must be set and must not be empty.");
    }
    json_incref(*resource);
    return true;
}

/* Fields whose values are enums, with their numbers. */
static json_t *enum_number(const char *key, const json_t *value)
{
    if (strcmp(key, "state") == 0 && json_is_string(value))
        return json_integer(strcmp(json_string_value(value), "ACTIVE") == 0 ? 1 : 0);
    return NULL;
}

json_t *api_show(const struct call *call, const json_t *config)
{
    json_t *shown = json_copy((json_t *)config);
    const char *key;
    json_t *value;
    void *next;

    if (!call->enums_as_numbers)
        return shown;
    json_object_foreach_safe(shown, next, key, value)
    {
        json_t *number = enum_number(key, value);
        if (number != NULL)
            json_object_set_new(shown, key, number);
    }
    return shown;
}

bool api_integer(const json_t *json, int64_t *value)
{
    char *end;

    if (json_is_integer(json)) {
        *value = json_integer_value(json);
        return true;
    }
    if (json_is_real(json) && fabs(json_real_value(json)) < 1e15) {
        *value = (int64_t)json_real_value(json);
        return (double)*value == json_real_value(json);
    }
    if (!json_is_string(json) || json_string_length(json) == 0)
        return false;
    *value = strtoll(json_string_value(json), &end, 10);
    return *end == '\0';
}

static size_t page_size(const struct call *call)
{
    const char *text = json_string_value(json_object_get(call->query, "pageSize"));
    long size = text != NULL ? strtol(text, NULL, 10) : 0;

    return size > 0 && size < 1000 ? (size_t)size : 1000;
}

bool api_list(const struct call *call, struct answer *answer, const struct collection *collection,
              const char *key, const char *field, const char *value, bool names_only)
{
    const char *token = json_string_value(json_object_get(call->query, "pageToken"));
    char *prefix = memory_textf("projects/%s/", call->segments[2]);
    size_t limit = page_size(call);
    json_t *page = json_array();
    json_t *body = json_object();

    for (size_t i = 0; i < collection->count; i++) {
        const struct resource *resource = collection->items[i];
        if (strncmp(resource->name, prefix, strlen(prefix)) != 0
            || (token != NULL && *token != '\0' && strcmp(resource->name, token) < 0))
            continue;
        const char *found = json_string_value(json_object_get(resource->config, field));
        if (value != NULL && (found == NULL || strcmp(found, value) != 0))
            continue;
        if (json_array_size(page) == limit) {
            json_object_set_new(body, "nextPageToken", json_string(resource->name));
            break;
        }
        json_array_append_new(page, names_only ? json_string(resource->name)
                                               : api_show(call, resource->config));
    }
    if (json_array_size(page) > 0)
        json_object_set(body, key, page);
    json_decref(page);
    free(prefix);
    return answer_json(answer, body);
}

bool api_test_permissions(struct api *api, struct call *call, struct answer *answer)
{
    if (!api_body(call, answer))
        return false;

    char *name = api_name(call);
    const struct collection *collection =
        strcmp(call->segments[3], "topics") == 0          ? &api->broker.topics
        : strcmp(call->segments[3], "subscriptions") == 0 ? &api->broker.subscriptions
                                                          : &api->broker.snapshots;
    bool exists = broker_find(collection, name) != NULL;
    json_t *granted = json_array();
    size_t i;
    json_t *permission;

    json_array_foreach(json_object_get(call->json, "permissions"), i, permission)
    {
        if (exists && json_is_string(permission)
            && !api_has_text(api->denied, json_string_value(permission)))
            json_array_append(granted, permission);
    }
    free(name);
    if (json_array_size(granted) == 0) {
        json_decref(granted);
        return answer_empty(answer);
    }
    return answer_json(answer, json_pack("{s:o}", "permissions", granted));
}
