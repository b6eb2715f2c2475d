/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_json_avro: nanoseconds for one event of an app feed (about 370 bytes, 12 fields, one nested).
 *
 *     bench-json_avro [COUNT]
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/json_avro.h"
#include "core/clock.h"

static const char schema_text[] =
    "{\"type\":\"record\",\"name\":\"View\",\"fields\":["
    "{\"name\":\"view_id\",\"type\":\"string\"},"
    "{\"name\":\"ts\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}},"
    "{\"name\":\"user_id\",\"type\":\"string\"},{\"name\":\"post_id\",\"type\":\"string\"},"
    "{\"name\":\"position\",\"type\":\"int\"},{\"name\":\"score\",\"type\":\"double\"},"
    "{\"name\":\"surface\",\"type\":{\"type\":\"enum\",\"name\":\"Surface\",\"symbols\":"
    "[\"feed\",\"search\",\"profile\"]}},"
    "{\"name\":\"device\",\"type\":{\"type\":\"record\",\"name\":\"Device\",\"fields\":["
    "{\"name\":\"os\",\"type\":\"string\"},{\"name\":\"model\",\"type\":\"string\"},"
    "{\"name\":\"app_version\",\"type\":\"string\"}]}},"
    "{\"name\":\"country\",\"type\":[\"null\",\"string\"]},"
    "{\"name\":\"tags\",\"type\":{\"type\":\"array\",\"items\":\"string\"}},"
    "{\"name\":\"autoplay\",\"type\":\"boolean\"},{\"name\":\"dwell_ms\",\"type\":[\"null\","
    "\"long\"]}]}";

static const char in_order[] =
    "{\"view_id\":\"0f8fad5b-d9cb-469f-a165-70867728950e\",\"ts\":1763717400123,"
    "\"user_id\":\"7c9e6679-7425-40de-944b-e07fc1f90ae7\",\"post_id\":\"p-0000481516\","
    "\"position\":12,\"score\":0.734251,\"surface\":\"feed\",\"device\":{\"os\":\"android\","
    "\"model\":\"Redmi Note 12\",\"app_version\":\"2026.11.3\"},\"country\":\"IN\","
    "\"tags\":[\"music\",\"comedy\"],\"autoplay\":true,\"dwell_ms\":5310}";

static const char out_of_order[] =
    "{\"dwell_ms\":5310,\"autoplay\":true,\"tags\":[\"music\",\"comedy\"],\"country\":\"IN\","
    "\"device\":{\"app_version\":\"2026.11.3\",\"model\":\"Redmi Note 12\",\"os\":\"android\"},"
    "\"surface\":\"feed\",\"score\":0.734251,\"position\":12,\"post_id\":\"p-0000481516\","
    "\"user_id\":\"7c9e6679-7425-40de-944b-e07fc1f90ae7\",\"ts\":1763717400123,"
    "\"view_id\":\"0f8fad5b-d9cb-469f-a165-70867728950e\"}";

static bool measure(struct json_avro *program, const char *name, const char *json, int64_t count)
{
    struct json_avro_fault fault;
    struct buffer out = {0};
    size_t size = strlen(json);
    int64_t begin = clock_monotonic_us(clock_real());
    bool good = true;

    for (int64_t i = 0; i < count && good; i++) {
        buffer_clear(&out);
        good = json_avro_encode(program, (const uint8_t *)json, size, &out, &fault);
    }
    int64_t us = clock_monotonic_us(clock_real()) - begin;

    if (good)
        printf("{\"name\":\"json_avro.%s_ns\",\"value\":%.0f,\"unit\":\"ns\",\"conditions\":"
               "\"%zu bytes of JSON to %zu of Avro, %" PRId64 " events\"}\n",
               name, (double)us * 1000.0 / (double)count, size, out.size, count);
    else
        fprintf(stderr, "bench: at byte %zu, %s: %s\n", fault.offset, fault.path, fault.reason);
    buffer_fini(&out);
    return good;
}

int main(int argc, char **argv)
{
    int64_t count = argc > 1 ? strtoll(argv[1], NULL, 10) : 2000000;
    struct error err;
    struct schema *schema = schema_parse(schema_text, "bench", &err);
    struct json_avro *program = schema == NULL ? NULL : json_avro_new(schema, &err);
    bool good = false;

    if (program == NULL)
        fprintf(stderr, "bench: %s\n", err.text);
    else
        good = measure(program, "in_order", in_order, count)
               && measure(program, "out_of_order", out_of_order, count);
    json_avro_free(program);
    schema_free(schema);
    return good ? EXIT_CODE_OK : EXIT_CODE_BUG;
}
