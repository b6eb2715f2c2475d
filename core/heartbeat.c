/* SPDX-License-Identifier: Apache-2.0 */
#include "core/heartbeat.h"

#include <assert.h>
#include <jansson.h>
#include <string.h>

void heartbeat_format(const struct heartbeat *heartbeat, struct buffer *key, struct buffer *value)
{
    buffer_clear(key);
    buffer_appendf(key, "heartbeat/%s/%s", heartbeat->stream, heartbeat->instance);

    json_t *json =
        json_pack("{s:s, s:s, s:I, s:I, s:I}", "stream", heartbeat->stream, "instance",
                  heartbeat->instance, "time_ms", (json_int_t)heartbeat->time_ms, "behind_ms",
                  (json_int_t)heartbeat->behind_ms, "in_flight", (json_int_t)heartbeat->in_flight);

    assert(json
           != NULL); /* Names come from the pipeline file, which is UTF-8, and from the host. */
    size_t size = json_dumpb(json, NULL, 0, JSON_COMPACT);
    buffer_clear(value);
    json_dumpb(json, (char *)buffer_reserve(value, size), size, JSON_COMPACT);
    value->size = size;
    json_decref(json);
}

static bool copy_name(const char *text, size_t size, char name[static HEARTBEAT_NAME_SIZE])
{
    if (size == 0 || size >= HEARTBEAT_NAME_SIZE)
        return false;
    memcpy(name, text, size + 1);
    return true;
}

bool heartbeat_parse(const void *value, size_t size, struct heartbeat *heartbeat)
{
    const char *stream, *instance;
    size_t stream_size, instance_size;
    json_int_t time_ms, behind_ms, in_flight;
    json_t *json = json_loadb(value, size, JSON_REJECT_DUPLICATES, NULL);
    bool whole = json != NULL
                 && json_unpack(json, "{s:s%, s:s%, s:I, s:I, s:I}", "stream", &stream,
                                &stream_size, "instance", &instance, &instance_size, "time_ms",
                                &time_ms, "behind_ms", &behind_ms, "in_flight", &in_flight)
                        == 0
                 && copy_name(stream, stream_size, heartbeat->stream)
                 && copy_name(instance, instance_size, heartbeat->instance);

    if (whole) {
        heartbeat->time_ms = time_ms;
        heartbeat->behind_ms = behind_ms;
        heartbeat->in_flight = in_flight;
    }
    json_decref(json);
    return whole && heartbeat->behind_ms >= 0 && heartbeat->in_flight >= 0;
}
