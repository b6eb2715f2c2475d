/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_avro against the slow oracle of tests/support/avro/oracle.h: the same bytes, or both refuse.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bridge/json_avro.h"
#include "tests/support/avro/event.h"
#include "tests/support/avro/oracle.h"

struct pair {
    struct schema *schema;
    struct json_avro *program;
    avro_schema_t theirs;
    avro_value_iface_t *class;
    bool keep;
};

static void pair_open(struct pair *pair, struct buffer *text)
{
    struct error err;

    pair->schema = schema_parse(buffer_text(text), "s", &err);
    if (pair->schema == NULL)
        fail_msg("%s", err.text);
    pair->program = json_avro_new(pair->schema, &err);
    if (pair->program == NULL)
        fail_msg("%s", err.text);
    assert_int_equal(avro_schema_from_json_length(buffer_text(text), text->size, &pair->theirs), 0);
    pair->keep = false;
    pair->class = avro_generic_class_from_schema(pair->theirs);
}

static void pair_close(struct pair *pair)
{
    json_avro_free(pair->program);
    avro_value_iface_decref(pair->class);
    avro_schema_decref(pair->theirs);
    schema_free(pair->schema);
}

struct tally {
    unsigned taken, refused, silent;
};

static void show(const struct pair *pair, const struct buffer *json, const char *what)
{
    print_message("schema %s\nevent %.*s\n%s\n", pair->schema->text, (int)json->size,
                  (const char *)json->data, what);
}

static void compare(struct pair *pair, const struct buffer *json, struct tally *tally)
{
    struct buffer ours = {0}, theirs = {0};
    struct json_avro_fault fault = {0};
    uint8_t *exact = malloc(json->size + (json->size == 0));

    if (json->size > 0)
        memcpy(exact, json->data, json->size);

    bool taken = json_avro_encode(pair->program, exact, json->size, &ours, &fault);
    enum oracle_verdict verdict =
        oracle_run(pair->schema, pair->class, pair->keep, exact, json->size, &theirs);

    if (verdict == ORACLE_SILENT) {
        tally->silent++;
    } else if (taken != (verdict == ORACLE_TAKEN)) {
        show(pair, json, taken ? "was taken" : fault.reason);
        fail_msg("the oracle says otherwise");
    } else if (taken) {
        tally->taken++;
        if (ours.size != theirs.size
            || (ours.size > 0 && memcmp(ours.data, theirs.data, ours.size) != 0)) {
            show(pair, json, "other bytes");
            fail_msg("the oracle writes other bytes");
        }
    } else {
        tally->refused++;
        assert_int_equal(ours.size, 0);
        assert_true(fault.offset <= json->size && fault.reason[0] != '\0');
    }
    free(exact);
    buffer_fini(&ours);
    buffer_fini(&theirs);
}

static void compare_events(struct avro_random *random, struct pair *pair, int count,
                           struct tally *whole, struct tally *damaged)
{
    struct buffer json = {0}, copy = {0};

    for (int i = 0; i < count; i++) {
        buffer_clear(&json);
        event_value(random, pair->schema->root, 0, &json);
        compare(pair, &json, whole);
        for (int times = 1; times <= 3; times++) {
            buffer_clear(&copy);
            buffer_append(&copy, json.data, json.size);
            for (int damage = 0; damage < times; damage++)
                event_damage(random, &copy);
            compare(pair, &copy, damaged);
        }
    }
    buffer_fini(&json);
    buffer_fini(&copy);
}

static void tell(const char *name, const struct tally *tally)
{
    print_message("%s: %u taken, %u refused, %u not comparable\n", name, tally->taken,
                  tally->refused, tally->silent);
}

static void random_schemas_and_events_agree(void **state)
{
    struct tally whole = {0}, damaged = {0};
    struct buffer text = {0};

    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct avro_random random = {.state = seed * 7919};
        struct pair pair;

        buffer_clear(&text);
        avro_random_record(&random, 0, &text);
        pair_open(&pair, &text);
        compare_events(&random, &pair, 12, &whole, &damaged);
        pair_close(&pair);
    }
    buffer_fini(&text);
    tell("whole events", &whole);
    tell("damaged events", &damaged);
    /* The comparison means something only if both outcomes are common. */
    assert_true(whole.taken > 300 && damaged.taken > 300);
    assert_true(damaged.refused > 300);
    assert_true(whole.silent + damaged.silent < 300);
}

static void defaults_aliases_and_logical_types_agree(void **state)
{
    static const char schema[] =
        "{\"type\":\"record\",\"name\":\"V\",\"fields\":["
        "{\"name\":\"id\",\"type\":\"string\",\"aliases\":[\"view_id\",\"vid\"]},"
        "{\"name\":\"ts\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}},"
        "{\"name\":\"day\",\"type\":{\"type\":\"int\",\"logicalType\":\"date\"},\"default\":7},"
        "{\"name\":\"uid\",\"type\":{\"type\":\"fixed\",\"name\":\"U\",\"size\":16,"
        "\"logicalType\":\"uuid\"}},"
        "{\"name\":\"price\",\"type\":{\"type\":\"fixed\",\"name\":\"P\",\"size\":8,"
        "\"logicalType\":\"decimal\",\"precision\":15,\"scale\":4},\"default\":\"0\"},"
        "{\"name\":\"box\",\"type\":{\"type\":\"record\",\"name\":\"B\",\"fields\":["
        "{\"name\":\"x\",\"type\":\"int\",\"default\":-1},{\"name\":\"next\",\"type\":[\"null\","
        "\"B\"],\"default\":null}]},\"default\":{\"x\":3}},"
        "{\"name\":\"any\",\"type\":[\"null\",\"boolean\",\"int\",\"double\",{\"type\":\"enum\","
        "\"name\":\"E\",\"symbols\":[\"A\",\"B\"]},\"string\",{\"type\":\"array\",\"items\":"
        "[\"int\",\"string\"]},\"B\",{\"type\":\"map\",\"values\":\"B\"}]}]}";
    struct avro_random random = {.state = 42};
    struct tally whole = {0}, damaged = {0};
    struct buffer text = {0};
    struct pair pair;

    (void)state;
    buffer_append_text(&text, schema);
    pair_open(&pair, &text);
    compare_events(&random, &pair, 4000, &whole, &damaged);
    pair_close(&pair);
    buffer_fini(&text);
    tell("whole events", &whole);
    tell("damaged events", &damaged);
    assert_true(whole.taken > 300 && whole.refused > 300 && damaged.taken > 100);
}

/* Marked fields first, last and in between, at every depth, in unions, lists and maps; one record has none. */
static void kept_members_agree(void **state)
{
#define KEPT "{\"type\":\"map\",\"values\":\"string\"},\"dualrun\":\"unknown\"}"
    static const char schema[] =
        "{\"type\":\"record\",\"name\":\"V\",\"fields\":["
        "{\"name\":\"rest\",\"aliases\":[\"more\"],\"type\":" KEPT ","
        "{\"name\":\"id\",\"type\":\"string\",\"aliases\":[\"vid\"]},"
        "{\"name\":\"box\",\"type\":{\"type\":\"record\",\"name\":\"B\",\"fields\":["
        "{\"name\":\"x\",\"type\":\"int\",\"default\":-1},"
        "{\"name\":\"others\",\"default\":{\"d\":\"1\"},\"type\":" KEPT ","
        "{\"name\":\"next\",\"type\":[\"null\",\"B\"],\"default\":null}]},"
        "\"default\":{\"x\":3}},"
        "{\"name\":\"any\",\"type\":[\"null\",{\"type\":\"record\",\"name\":\"N\",\"fields\":"
        "[{\"name\":\"a\",\"type\":\"int\"}]},\"B\",{\"type\":\"array\",\"items\":\"B\"}]}]}";
#undef KEPT
    struct avro_random random = {.state = 4711};
    struct tally whole = {0}, damaged = {0};
    struct buffer text = {0};
    struct error err;
    struct pair pair;

    (void)state;
    buffer_append_text(&text, schema);
    pair_open(&pair, &text);
    pair.keep = true;
    assert_true(json_avro_keep_unknown(pair.program, &err));
    compare_events(&random, &pair, 4000, &whole, &damaged);
    pair_close(&pair);
    buffer_fini(&text);
    tell("whole events", &whole);
    tell("damaged events", &damaged);
    assert_true(whole.taken > 300 && whole.refused > 300 && damaged.taken > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_schemas_and_events_agree),
        cmocka_unit_test(defaults_aliases_and_logical_types_agree),
        cmocka_unit_test(kept_members_agree),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
