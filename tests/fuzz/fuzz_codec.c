/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_codec: any bytes as an encoded record. The first byte chooses the schema. The readers stay in bounds
 * and agree with each other; what codec_check takes, Avro C reads as well, to the last byte.
 */
#include <avro.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/codec.h"
#include "tests/fuzz/fuzz.h"

static const char *const texts[] = {
    "{\"type\":\"record\",\"name\":\"V\",\"fields\":["
    "{\"name\":\"a\",\"type\":\"string\"},{\"name\":\"b\",\"type\":[\"null\",\"long\",\"bytes\"]},"
    "{\"name\":\"c\",\"type\":{\"type\":\"array\",\"items\":\"int\"}},"
    "{\"name\":\"d\",\"type\":{\"type\":\"map\",\"values\":\"double\"}},"
    "{\"name\":\"e\",\"type\":{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"]}},"
    "{\"name\":\"f\",\"type\":{\"type\":\"fixed\",\"name\":\"F\",\"size\":3}},"
    "{\"name\":\"g\",\"type\":\"boolean\"},{\"name\":\"h\",\"type\":\"float\"}]}",
    "{\"type\":\"record\",\"name\":\"N\",\"fields\":[{\"name\":\"n\",\"type\":[\"null\",\"N\","
    "{\"type\":\"array\",\"items\":\"N\"}]}]}",
    "{\"type\":\"record\",\"name\":\"D\",\"fields\":[{\"name\":\"a\",\"type\":{\"type\":\"bytes\","
    "\"logicalType\":\"decimal\",\"precision\":30,\"scale\":4}},{\"name\":\"b\",\"type\":{\"type\":"
    "\"map\",\"values\":{\"type\":\"array\",\"items\":\"string\"}}}]}",
};

enum { SCHEMAS = sizeof texts / sizeof *texts };

static struct schema *schemas[SCHEMAS];
static avro_value_iface_t *classes[SCHEMAS];

static void demand(bool truth, const char *what)
{
    if (truth)
        return;
    fprintf(stderr, "fuzz_codec: %s\n", what);
    abort();
}

static void compile(void)
{
    struct error err;
    avro_schema_t theirs;

    for (size_t i = 0; i < SCHEMAS; i++) {
        schemas[i] = schema_parse(texts[i], "fuzz", &err);
        demand(schemas[i] != NULL, err.text);
        demand(avro_schema_from_json_length(texts[i], strlen(texts[i]), &theirs) == 0, "Avro C");
        classes[i] = avro_generic_class_from_schema(theirs);
        avro_schema_decref(theirs);
    }
}

/* Avro C 1.11 does not bound a block's count by the data, so only what we take is given to it. */
static void ask_avro_c(avro_value_iface_t *class, const uint8_t *data, size_t size)
{
    avro_reader_t reader = avro_reader_memory((const char *)data, (int64_t)size);
    avro_value_t value;
    char rest;

    avro_generic_value_new(class, &value);
    demand(avro_value_read(reader, &value) == 0, "codec_check takes what Avro C refuses");
    demand(avro_read(reader, &rest, 1) != 0, "Avro C finds more behind the value");
    avro_value_decref(&value);
    avro_reader_free(reader);
}

static void use_paths(const struct schema *schema, const uint8_t *data, const uint8_t *end)
{
    struct codec_value value;
    struct schema_path path;
    struct buffer key = {0};
    struct error err;
    int64_t ms;

    for (size_t i = 0; i < schema->root->field_count; i++) {
        demand(schema_path_resolve(&path, schema, schema->root->fields[i].name, &err), err.text);
        if (!codec_find(&path, data, end, &value))
            continue;
        demand(value.bytes >= data && value.bytes + value.size <= end, "a value out of bounds");
        codec_key(&value, &key);
        codec_time_ms(&value, (int)(i % 4), &ms);
    }
    buffer_fini(&key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (schemas[0] == NULL)
        compile();
    if (size == 0)
        return 0;

    size_t chosen = *data % SCHEMAS;
    const struct schema_type *root = schemas[chosen]->root;
    const uint8_t *begin = data + 1, *end = data + size;
    bool good = codec_check(root, begin, end);
    const uint8_t *behind = codec_skip(root, begin, end);
    json_t *json = codec_to_json(root, begin, end);

    demand(!good || behind == end, "codec_skip and codec_check do not agree");
    demand(good == (json != NULL), "codec_to_json and codec_check do not agree");
    json_decref(json);
    use_paths(schemas[chosen], begin, end);
    if (good)
        ask_avro_c(classes[chosen], begin, size - 1);
    return 0;
}
