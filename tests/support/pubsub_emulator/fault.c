/* SPDX-License-Identifier: Apache-2.0 */
#include "fault.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "core/buffer.h"

struct fault {
    json_t *given; /* Owned; action.message points into it. */
    const char *method;
    const char *resource;
    int64_t id;
    int64_t skip;
    int64_t calls; /* Left; -1: without end. */
    int64_t every;
    double probability;
    uint64_t chance;
    uint64_t seen;
    uint64_t fired;
    struct fault_action action;
};

static void fault_free(struct fault *fault)
{
    json_decref(fault->given);
    free(fault);
}

void fault_list_clear(struct fault_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        fault_free(list->faults[i]);
    list->count = 0;
}

void fault_list_fini(struct fault_list *list)
{
    fault_list_clear(list);
    free(list->faults);
    *list = (struct fault_list){0};
}

static bool read_number(const json_t *json, const char *name, int64_t min, int64_t max,
                        int64_t *value, struct error *err)
{
    const json_t *field = json_object_get(json, name);

    if (field == NULL)
        return true;
    if (!json_is_integer(field) || json_integer_value(field) < min
        || json_integer_value(field) > max)
        return error_set(err, EXIT_CODE_USAGE, "fault: %s must be a whole number from %lld to %lld",
                         name, (long long)min, (long long)max);
    *value = json_integer_value(field);
    return true;
}

static bool known(const json_t *json, struct error *err)
{
    static const char *const names[] = {
        "method",         "resource", "skip",          "calls",       "every",
        "seed",           "message",  "probability",   "status",      "delay_ms",
        "truncate",       "close",    "truncate_head", "drop_answer", "bytes_per_second",
        "transient_every"};
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)json, key, value)
    {
        bool found = false;
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
            found = found || strcmp(names[i], key) == 0;
        if (!found)
            return error_set(err, EXIT_CODE_USAGE, "fault: unknown key \"%s\"", key);
    }
    return true;
}

static bool read_action(const json_t *json, struct fault_action *action, struct error *err)
{
    int64_t status = 0;
    int64_t every = 0;

    if (!read_number(json, "status", 200, 599, &status, err)
        || !read_number(json, "delay_ms", 1, 3600000, &action->delay_ms, err)
        || !read_number(json, "truncate", 0, INT64_MAX, &action->truncate, err)
        || !read_number(json, "truncate_head", 1, 4096, &action->truncate_head, err)
        || !read_number(json, "bytes_per_second", 1, INT64_MAX, &action->bytes_per_second, err)
        || !read_number(json, "transient_every", 1, UINT32_MAX, &every, err))
        return false;
    action->status = (int32_t)status;
    action->transient_every = (uint32_t)every;
    action->truncates = json_object_get(json, "truncate") != NULL;
    action->close = json_is_true(json_object_get(json, "close"));
    action->drop_answer = json_is_true(json_object_get(json, "drop_answer"));
    action->message = json_string_value(json_object_get(json, "message"));
    if (action->status == 0 && action->delay_ms == 0 && !action->truncates
        && action->truncate_head == 0 && action->bytes_per_second == 0
        && action->transient_every == 0 && !action->close && !action->drop_answer)
        return error_set(err, EXIT_CODE_USAGE,
                         "fault: it does nothing; give status, delay_ms, truncate, truncate_head, "
                         "close, drop_answer, bytes_per_second or transient_every");
    return true;
}

static const char *text_or_any(const json_t *json, const char *name)
{
    const char *text = json_string_value(json_object_get(json, name));

    return text != NULL ? text : "*";
}

static bool fault_read(struct fault *fault, json_t *json, struct error *err)
{
    const json_t *chance = json_object_get(json, "probability");
    int64_t seed = 1;

    fault->given = json_incref(json);
    fault->method = text_or_any(json, "method");
    fault->resource = text_or_any(json, "resource");
    fault->calls = -1;
    fault->every = 1;
    fault->probability = chance != NULL ? json_number_value(chance) : 1;
    if (!json_is_object(json))
        return error_set(err, EXIT_CODE_USAGE, "fault: it must be an object");
    if (!known(json, err) || !read_number(json, "skip", 0, INT64_MAX, &fault->skip, err)
        || !read_number(json, "calls", 1, INT64_MAX, &fault->calls, err)
        || !read_number(json, "every", 1, INT64_MAX, &fault->every, err)
        || !read_number(json, "seed", 0, INT64_MAX, &seed, err))
        return false;
    if ((chance != NULL && !json_is_number(chance)) || fault->probability < 0
        || fault->probability > 1)
        return error_set(err, EXIT_CODE_USAGE, "fault: probability must be from 0 to 1");
    fault->chance = (uint64_t)seed;
    return read_action(json, &fault->action, err);
}

int64_t fault_list_add(struct fault_list *list, const json_t *json, struct error *err)
{
    struct fault *fault = memory_new(sizeof *fault);
    json_t *copy = json_deep_copy(json);
    bool good = fault_read(fault, copy, err);

    json_decref(copy);
    if (!good) {
        fault_free(fault);
        return 0;
    }
    if (list->count == list->capacity) {
        list->capacity = list->capacity > 0 ? 2 * list->capacity : 8;
        list->faults = memory_resize(list->faults, list->capacity * sizeof(struct fault *));
    }
    fault->id = ++list->last_id;
    list->faults[list->count++] = fault;
    return fault->id;
}

json_t *fault_list_json(const struct fault_list *list)
{
    json_t *array = json_array();

    for (size_t i = 0; i < list->count; i++) {
        const struct fault *fault = list->faults[i];
        json_t *json = json_copy(fault->given);
        json_object_set_new(json, "id", json_integer(fault->id));
        json_object_set_new(json, "seen", json_integer((json_int_t)fault->seen));
        json_object_set_new(json, "fired", json_integer((json_int_t)fault->fired));
        json_array_append_new(array, json);
    }
    return array;
}

static bool roll(struct fault *fault)
{
    fault->chance += 0x9e3779b97f4a7c15u;
    uint64_t z = fault->chance;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (double)((z ^ z >> 31) >> 11) * 0x1p-53 < fault->probability;
}

static bool fires(struct fault *fault)
{
    if (fault->calls == 0)
        return false;
    fault->seen++;
    if (fault->seen <= (uint64_t)fault->skip
        || (fault->seen - (uint64_t)fault->skip) % (uint64_t)fault->every != 0
        || (fault->probability < 1 && !roll(fault)))
        return false;
    if (fault->calls > 0)
        fault->calls--;
    fault->fired++;
    return true;
}

bool fault_list_pick(struct fault_list *list, const char *method, const char *resource,
                     struct fault_action *action)
{
    for (size_t i = 0; i < list->count; i++) {
        struct fault *fault = list->faults[i];
        if (fnmatch(fault->method, method, 0) == 0 && fnmatch(fault->resource, resource, 0) == 0
            && fires(fault)) {
            *action = fault->action;
            return true;
        }
    }
    return false;
}
