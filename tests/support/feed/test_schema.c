/* SPDX-License-Identifier: Apache-2.0 */
/* The feed's bodies against its schemas, with the encoder that the bridge uses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <string.h>

#include "bridge/json_avro.h"
#include "core/codec.h"
#include "core/schema.h"
#include "plan.h"
#include "poison.h"
#include "render.h"

struct encoder {
    struct schema *schema;
    struct json_avro *program;
};

static void encoder_open(struct encoder *encoder, const char *file)
{
    struct error err = {0};

    encoder->schema = schema_load(file, &err);
    assert_non_null(encoder->schema);
    encoder->program = json_avro_new(encoder->schema, &err);
    assert_non_null(encoder->program);
}

static void encoder_close(struct encoder *encoder)
{
    json_avro_free(encoder->program);
    schema_free(encoder->schema);
}

/* Numbers by value: the score may be a whole number in JSON. */
static bool same(json_t *left, json_t *right)
{
    const char *name;
    json_t *value;

    if (json_is_real(left) || json_is_real(right))
        return json_number_value(left) == json_number_value(right);
    if (!json_is_object(left))
        return json_equal(left, right);
    json_object_foreach(left, name, value)
    {
        if (!same(value, json_object_get(right, name)))
            return false;
    }
    return true;
}

/* Every member of the body is in the record, unchanged. */
static void assert_kept(const struct encoder *encoder, const struct buffer *body,
                        const struct buffer *record)
{
    json_t *before = json_loadb((const char *)body->data, body->size, 0, NULL);
    json_t *after = codec_to_json(encoder->schema->root, record->data, record->data + record->size);

    assert_non_null(before);
    assert_non_null(after);
    if (!same(before, after))
        print_error("%.*s\n", (int)body->size, (const char *)body->data);
    assert_true(same(before, after));
    json_decref(before);
    json_decref(after);
}

static void every_event_fits_and_every_poison_is_refused(void **state)
{
    static const struct plan_options options = {.seed = 11,
                                                .view_count = 3000,
                                                .engagement_count = 3000,
                                                .late_count = 10,
                                                .poison_count = 320,
                                                .base_time_ms = 1763717400000,
                                                .span_ms = 30000,
                                                .before_ms = 2000,
                                                .after_ms = 20000,
                                                .lateness_ms = 5000};
    struct error err = {0};
    struct plan *plan = plan_new(&options, &err);
    struct render *render = render_new(plan);
    struct encoder encoders[2]; /* engagements, views */
    struct buffer body = {0}, record = {0};
    uint32_t refused = 0;

    (void)state;
    encoder_open(&encoders[0], "config/schemas/engagement.avsc");
    encoder_open(&encoders[1], "config/schemas/view.avsc");
    for (uint32_t i = 0; i < plan->message_count; i++) {
        const struct plan_message *message = &plan->messages[i];
        const struct encoder *encoder = &encoders[message_is_view(plan, message)];
        struct json_avro_fault fault;
        buffer_clear(&body);
        buffer_clear(&record);
        render_body(render, message, &body);
        bool taken = json_avro_encode(encoder->program, body.data, body.size, &record, &fault);
        if (taken == message->poison)
            print_error("%s: %.*s\n",
                        message->poison ? poison_reason(message->index) : fault.reason,
                        (int)body.size, (const char *)body.data);
        assert_int_equal(taken, !message->poison);
        refused += !taken;
        if (taken)
            assert_kept(encoder, &body, &record);
    }
    assert_int_equal(refused, options.poison_count);
    encoder_close(&encoders[0]);
    encoder_close(&encoders[1]);
    buffer_fini(&body);
    buffer_fini(&record);
    render_free(render);
    plan_free(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_event_fits_and_every_poison_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
