/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_json_avro: any bytes as an event. The first byte chooses the schema. json_avro and the oracle take
 * the same texts and write the same bytes.
 */
#include <stdio.h>
#include <stdlib.h>

#include "bridge/json_avro.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/avro/oracle.h"

static const char *const texts[] = {
    "{\"type\":\"record\",\"name\":\"V\",\"fields\":["
    "{\"name\":\"id\",\"type\":\"string\",\"aliases\":[\"vid\"]},{\"name\":\"n\",\"type\":["
    "\"null\","
    "\"long\"]},{\"name\":\"u\",\"type\":{\"type\":\"record\",\"name\":\"U\",\"fields\":["
    "{\"name\":\"a\",\"type\":\"int\"},{\"name\":\"t\",\"type\":{\"type\":\"array\",\"items\":"
    "\"string\"},\"default\":[\"x\"]}]}},{\"name\":\"w\",\"type\":\"double\",\"default\":1.5},"
    "{\"name\":\"f\",\"type\":\"float\",\"default\":0},{\"name\":\"b\",\"type\":\"boolean\","
    "\"default\":true}]}",
    "{\"type\":\"record\",\"name\":\"L\",\"fields\":["
    "{\"name\":\"ts\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"}},"
    "{\"name\":\"day\",\"type\":{\"type\":\"int\",\"logicalType\":\"date\"}},"
    "{\"name\":\"uid\",\"type\":{\"type\":\"string\",\"logicalType\":\"uuid\"}},"
    "{\"name\":\"p\",\"type\":{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":20,"
    "\"scale\":3}},{\"name\":\"x\",\"type\":\"bytes\",\"default\":\"\"}]}",
    "{\"type\":\"record\",\"name\":\"N\",\"fields\":[{\"name\":\"v\",\"type\":[\"int\",\"double\","
    "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"]},\"string\",{\"type\":\"map\","
    "\"values\":\"int\"},\"null\"]},{\"name\":\"n\",\"type\":[\"null\",\"N\"]}]}",
    "\"double\"",
    "{\"type\":\"map\",\"values\":[\"null\",\"string\"]}",
    "{\"type\":\"record\",\"name\":\"K\",\"fields\":[{\"name\":\"a\",\"type\":\"int\",\"default\":"
    "1},"
    "{\"name\":\"rest\",\"type\":{\"type\":\"map\",\"values\":\"string\"},\"dualrun\":\"unknown\"},"
    "{\"name\":\"k\",\"type\":[\"null\",{\"type\":\"array\",\"items\":\"K\"},{\"type\":\"record\","
    "\"name\":\"P\",\"fields\":[{\"name\":\"p\",\"type\":\"int\"}]},\"K\"]}]}",
};

/* Of the last schema, unknown members are kept. */
enum { SCHEMAS = sizeof texts / sizeof *texts };

static struct schema *schemas[SCHEMAS];
static struct json_avro *programs[SCHEMAS], *strict[SCHEMAS];
static avro_value_iface_t *classes[SCHEMAS];
static bool keeps[SCHEMAS];

static void demand(bool truth, const char *what)
{
    if (truth)
        return;
    fprintf(stderr, "fuzz_json_avro: %s\n", what);
    abort();
}

static void compile(void)
{
    struct error err;
    avro_schema_t theirs;

    for (size_t i = 0; i < SCHEMAS; i++) {
        schemas[i] = schema_parse(texts[i], "fuzz", &err);
        demand(schemas[i] != NULL, err.text);
        programs[i] = json_avro_new(schemas[i], &err);
        demand(programs[i] != NULL, err.text);
        strict[i] = json_avro_new(schemas[i], &err);
        json_avro_refuse_unknown(strict[i]);
        keeps[i] = i == SCHEMAS - 1;
        demand(!keeps[i] || json_avro_keep_unknown(programs[i], &err), err.text);
        demand(avro_schema_from_json_length(texts[i], strlen(texts[i]), &theirs) == 0, "Avro C");
        classes[i] = avro_generic_class_from_schema(theirs);
        avro_schema_decref(theirs);
    }
}

/* What it takes is the same; what it refuses besides has a member that the schema does not have. */
static void check_strict(size_t i, const uint8_t *json, size_t size, bool taken,
                         const struct buffer *lenient)
{
    static const char words[] = "is not in the schema";
    struct buffer out = {0};
    struct json_avro_fault fault;

    if (json_avro_encode(strict[i], json, size, &out, &fault)) {
        demand(taken && out.size == lenient->size
                   && (out.size == 0 || memcmp(out.data, lenient->data, out.size) == 0),
               "strict takes something else");
    } else if (taken) {
        size_t length = strlen(fault.reason);
        bool named = length >= sizeof words - 1
                     && strcmp(fault.reason + length - (sizeof words - 1), words) == 0;
        demand(named || strstr(fault.reason, "branch") != NULL, fault.reason);
    }
    buffer_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buffer ours = {0}, theirs = {0};
    struct json_avro_fault fault;

    if (schemas[0] == NULL)
        compile();
    if (size == 0)
        return 0;

    size_t i = *data % SCHEMAS;
    bool taken = json_avro_encode(programs[i], data + 1, size - 1, &ours, &fault);
    enum oracle_verdict verdict =
        oracle_run(schemas[i], classes[i], keeps[i], data + 1, size - 1, &theirs);

    if (verdict != ORACLE_SILENT) {
        demand(taken || verdict == ORACLE_REFUSED, fault.reason);
        demand(!taken || verdict == ORACLE_TAKEN, "json_avro takes what the oracle refuses");
        demand(ours.size == theirs.size
                   && (ours.size == 0 || memcmp(ours.data, theirs.data, ours.size) == 0),
               "other bytes");
    }
    demand(!taken || codec_check(schemas[i]->root, ours.data, ours.data + ours.size),
           "what was written cannot be read");
    if (!keeps[i])
        check_strict(i, data + 1, size - 1, taken, &ours);
    demand(taken || (fault.offset < size && fault.reason[0] != '\0'), "a fault without its place");
    buffer_fini(&ours);
    buffer_fini(&theirs);
    return 0;
}
