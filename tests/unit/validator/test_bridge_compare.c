/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bridge comparison on messages and records made by hand, with each fault planted alone.
 */
#include "fixture.h"

#include "validator/bridge_compare.h"
#include "validator/capture.h"

enum { MESSAGES = 200 };
static const int64_t FIRST_US = 1700000000000000;

enum fault {
    FAULT_NONE,
    FAULT_DROP,
    FAULT_DOUBLE,
    FAULT_REDELIVER,
    FAULT_DEAD,
    FAULT_KEY,
    FAULT_PARTITION,
    FAULT_TIMESTAMP,
    FAULT_PUBLISH_TIME,
    FAULT_ATTRIBUTE,
    FAULT_ORDERING,
    FAULT_FOREIGN,
    FAULT_FRAME,
    FAULT_TS,
    FAULT_USER,
    FAULT_SCORE,
};

struct world {
    struct fixture f;
    struct bridge_compare *compare;
    int64_t offsets[PARTITIONS];
};

/* `begins`: the partitions' first offsets. */
static void world_init_cut(struct world *world, const int64_t *begins)
{
    memset(world, 0, sizeof *world);
    fixture_init(&world->f, COMPARISON_BRIDGE, "views");
    world->f.pipeline->validate.memory_bytes = 1 << 14; /* Spills. */
    struct bridge_compare_options options = {.stream = &world->f.pipeline->streams[0],
                                             .validate = &world->f.pipeline->validate,
                                             .registry = world->f.registry,
                                             .work_directory = world->f.directory,
                                             .partition_count = PARTITIONS,
                                             .begins = begins,
                                             .horizon_us = FIRST_US + 1000000000,
                                             .result = &world->f.result};
    world->compare = bridge_compare_new(&options);
}

static void world_init(struct world *world)
{
    world_init_cut(world, NULL);
}

static void world_fini(struct world *world)
{
    bridge_compare_free(world->compare);
    fixture_fini(&world->f);
}

struct message {
    char id[32], json[256], view_id[32];
    int64_t publish_us, ts;
    const char *user;
    double score;
};

static struct message make_message(int i)
{
    struct message message = {.publish_us = FIRST_US + (int64_t)i * 1001, .ts = 5000 + i};

    message.user = i % 3 ? "some\xc3\xb6ne" : NULL;
    message.score = i % 5 ? i / 3.0 : 0.5;
    snprintf(message.id, sizeof message.id, "%d", 9000000 + i);
    snprintf(message.view_id, sizeof message.view_id, "view-%05d", i);
    int size = snprintf(message.json, sizeof message.json,
                        "{\"ts\": %lld, \"view_id\":\"view-%05d\",\"unknown\":[1]",
                        (long long)message.ts, i);
    char *rest = message.json + size;
    size_t room = sizeof message.json - (size_t)size;
    if (i % 3)
        size = snprintf(rest, room, ",\"user\":\"some\\u00f6ne\"");
    else
        size = snprintf(rest, room, i % 2 ? ",\"user\":null" : "");
    rest += size;
    room -= (size_t)size;
    if (i % 5)
        snprintf(rest, room, ",\"score\":%.17g}", message.score);
    else
        snprintf(rest, room, "}"); /* The default. */
    return message;
}

static void feed_audit(struct world *world, const struct message *message)
{
    struct capture_message caught = {.publish_time_us = message->publish_us,
                                     .id = message->id,
                                     .id_size = strlen(message->id),
                                     .ordering_key = "o",
                                     .ordering_key_size = 1,
                                     .attributes = "{\"dualrun.x\":\"1\",\"v\":\"2\"}",
                                     .attributes_size = 26,
                                     .data = message->json,
                                     .data_size = strlen(message->json)};
    struct error err;

    caught.attributes_size = strlen(caught.attributes);
    assert_true(bridge_compare_audit(world->compare, &caught, &err));
}

static void feed_record(struct world *world, const struct message *sent, enum fault fault,
                        int32_t attempt)
{
    struct message message = *sent;
    struct provenance_source source = {.subscription = "views-to-kafka",
                                       .subscription_size = strlen("views-to-kafka"),
                                       .message_id = message.id,
                                       .message_id_size = strlen(message.id),
                                       .publish_time_us = message.publish_us,
                                       .attempt = attempt};
    struct buffer value = {0};
    char text[PROVENANCE_TEXT_SIZE];
    struct error err;

    source.publish_time_us += fault == FAULT_PUBLISH_TIME;
    message.ts += fault == FAULT_TS;
    message.score += fault == FAULT_SCORE ? 1 : 0;
    if (fault == FAULT_USER)
        message.user = message.user != NULL ? NULL : "x";
    if (fault != FAULT_FRAME)
        codec_put_frame(&value, VIEW_SCHEMA);
    put_text(&value, message.view_id);
    codec_put_long(&value, message.ts);
    put_nullable_text(&value, message.user);
    codec_put_double(&value, message.score);
    struct record_header headers[] = {
        {HEADER_SOURCE, text, provenance_format_source(&source, text)},
        {HEADER_ORDERING_KEY, fault == FAULT_ORDERING ? "p" : "o", 1},
        {"v", fault == FAULT_ATTRIBUTE ? "3" : "2", 1},
        {HEADER_ATTRIBUTE_PREFIX "dualrun.x", "1", 1},
        {HEADER_REASON, "JSON: at byte 3", 15},
    };
    headers[3].name = "dualrun.attribute.dualrun.x";
    const char *key = fault == FAULT_KEY ? "view-zzz" : message.view_id;
    int32_t partition = hash_partition(key, strlen(key), PARTITIONS);
    partition = (partition + (fault == FAULT_PARTITION)) % PARTITIONS;
    struct record record = {.topic = fault == FAULT_DEAD ? "views-dead" : "views",
                            .partition = partition,
                            .offset = world->offsets[partition]++,
                            .timestamp_ms = message.publish_us / 1000 + (fault == FAULT_TIMESTAMP),
                            .key = key,
                            .key_size = strlen(key),
                            .value = value.data,
                            .value_size = value.size,
                            .headers = headers,
                            .header_count = fault == FAULT_DEAD ? 5 : 4};
    if (fault == FAULT_DEAD)
        assert_true(bridge_compare_dead(world->compare, &record, &err));
    else
        assert_true(bridge_compare_topic(world->compare, &record, &err));
    buffer_fini(&value);
}

static void run_world(struct world *world, enum fault fault, int at)
{
    struct error err;

    world_init(world);
    for (int i = 0; i < MESSAGES; i++) {
        struct message message = make_message(i);
        enum fault here = i == at ? fault : FAULT_NONE;
        feed_audit(world, &message);
        if (i % 50 == 0)
            feed_audit(world, &message); /* The audit is delivered at least once. */
        if (here == FAULT_DROP)
            continue;
        feed_record(world, &message, here, here == FAULT_REDELIVER ? 1 : 0);
        if (here == FAULT_DOUBLE)
            feed_record(world, &message, FAULT_NONE, 0);
        if (here == FAULT_REDELIVER)
            feed_record(world, &message, FAULT_NONE, 2);
        if (here == FAULT_FOREIGN) {
            snprintf(message.id, sizeof message.id, "1");
            feed_record(world, &message, FAULT_NONE, 0);
        }
    }
    if (!bridge_compare_finish(world->compare, &err))
        fail_msg("%s", err.text);
    assert_balanced(&world->f.result);
}

static void a_clean_bridge_has_no_difference_whatever_is_left_out_or_delivered_twice(void **state)
{
    struct world world;

    (void)state;
    run_world(&world, FAULT_NONE, -1);
    if (json_array_size(world.f.result.differences) > 0)
        fail_msg("%s", json_dumps(world.f.result.differences, 0));
    assert_int_equal(world.f.result.counts.matched, MESSAGES);
    assert_int_equal(world.f.result.counts.repeated, MESSAGES / 50);
    world_fini(&world);
}

static void each_planted_fault_is_found_alone_and_named(void **state)
{
    static const struct {
        enum fault fault;
        enum difference_kind kind;
        enum cause cause;
        const char *field;
    } cases[] = {
        {FAULT_DROP, DIFFERENCE_MISSING, CAUSE_UNEXPLAINED, NULL},
        {FAULT_DOUBLE, DIFFERENCE_DUPLICATE, CAUSE_UNEXPLAINED, NULL},
        {FAULT_REDELIVER, DIFFERENCE_DUPLICATE, CAUSE_REDELIVERED, NULL},
        {FAULT_DEAD, DIFFERENCE_MISSING, CAUSE_DEAD_LETTER, NULL},
        {FAULT_KEY, DIFFERENCE_WRONG_KEY, CAUSE_UNEXPLAINED, "@key"},
        {FAULT_PARTITION, DIFFERENCE_WRONG_PARTITION, CAUSE_UNEXPLAINED, "@partition"},
        {FAULT_TIMESTAMP, DIFFERENCE_ALTERED, CAUSE_UNEXPLAINED, "@timestamp_ms"},
        {FAULT_PUBLISH_TIME, DIFFERENCE_ALTERED, CAUSE_UNEXPLAINED, "@publish_time_us"},
        {FAULT_ATTRIBUTE, DIFFERENCE_ALTERED, CAUSE_UNEXPLAINED, "@attributes"},
        {FAULT_ORDERING, DIFFERENCE_ALTERED, CAUSE_UNEXPLAINED, "@ordering_key"},
        {FAULT_FOREIGN, DIFFERENCE_EXTRA, CAUSE_UNEXPLAINED, NULL},
        {FAULT_FRAME, DIFFERENCE_ALTERED, CAUSE_UNEXPLAINED, "@value"},
        {FAULT_TS, DIFFERENCE_ALTERED, CAUSE_UNEXPLAINED, "ts"},
        {FAULT_USER, DIFFERENCE_ALTERED, CAUSE_UNEXPLAINED, "user"},
        {FAULT_SCORE, DIFFERENCE_ALTERED, CAUSE_UNEXPLAINED, "score"},
    };
    static const int places[] = {1, 30, MESSAGES - 1};

    (void)state;
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++)
        for (size_t p = 0; p < 3; p++) {
            struct world world;
            const struct result *result = &world.f.result;
            run_world(&world, cases[c].fault, places[p]);
            if (cases[c].fault == FAULT_FOREIGN) {
                assert_int_equal(result->counts.extra, 1);
            }
            assert_int_equal(json_array_size(result->differences), 1);
            assert_int_equal(result->found[cases[c].kind][cases[c].cause], 1);
            assert_string_equal(listed(result, 0, "cause"), cause_infos[cases[c].cause].name);
            if (cases[c].field != NULL)
                assert_string_equal(listed_field(result, 0), cases[c].field);
            if (cases[c].fault == FAULT_DEAD)
                assert_string_equal(listed(result, 0, "evidence"), "JSON: at byte 3");
            world_fini(&world);
        }
}

static void what_was_published_before_the_audit_or_after_the_horizon_is_not_judged(void **state)
{
    struct message before = make_message(0), within = make_message(1), after = make_message(2);
    struct world world;
    struct error err;

    (void)state;
    world_init(&world);
    after.publish_us = FIRST_US + 2000000000;
    feed_record(&world, &before, FAULT_NONE, 0);
    feed_audit(&world, &within);
    feed_record(&world, &within, FAULT_NONE, 0);
    feed_audit(&world, &after);
    assert_true(bridge_compare_finish(world.compare, &err));
    assert_balanced(&world.f.result);
    assert_int_equal(world.f.result.counts.outside, 1);
    assert_int_equal(world.f.result.counts.pending, 1);
    assert_int_equal(world.f.result.counts.matched, 1);
    assert_int_equal(json_array_size(world.f.result.differences), 0);
    world_fini(&world);
}

/* -- The capture that feeds it -- */

struct caught {
    size_t count;
    char last[64];
};

static bool take_caught(void *context, const struct capture_message *message, struct error *err)
{
    struct caught *caught = context;

    (void)err;
    caught->count++;
    snprintf(caught->last, sizeof caught->last, "%.*s/%.*s", (int)message->id_size, message->id,
             (int)message->data_size, (const char *)message->data);
    return true;
}

static void capture(const char *directory, const char *stream, int count)
{
    struct error err;
    struct capture *out = capture_open(directory, stream, &err);

    assert_non_null(out);
    for (int i = 0; i < count; i++) {
        struct capture_message message = {
            .id = "12", .id_size = 2, .data = "body", .data_size = 4, .publish_time_us = i};
        capture_put(out, &message);
        assert_true(capture_sync(out, &err));
    }
    capture_close(out);
}

static void a_missing_message_as_old_as_what_retention_deleted_is_not_judged(void **state)
{
    const int64_t begins[PARTITIONS] = {[1] = 5};
    struct world world;
    struct error err;

    (void)state;
    world_init_cut(&world, begins);
    for (int i = 0; i < MESSAGES; i++) {
        struct message message = make_message(i);
        feed_audit(&world, &message);
        if (i != 7)
            feed_record(&world, &message, FAULT_NONE, 0);
    }
    struct message later = make_message(MESSAGES);
    later.publish_us += 700000000; /* Too late for any record that was deleted. */
    feed_audit(&world, &later);
    assert_true(bridge_compare_finish(world.compare, &err));
    assert_balanced(&world.f.result);
    assert_int_equal(world.f.result.counts.matched, MESSAGES - 1);
    assert_int_equal(world.f.result.counts.expired, 1);
    assert_int_equal(world.f.result.counts.missing, 1);
    assert_true(result_coverage(&world.f.result) < 1);
    world_fini(&world);
}

static void where_a_partition_lost_every_record_no_message_is_called_missing(void **state)
{
    int64_t begins[PARTITIONS];
    struct message message = make_message(0);
    struct world world;
    struct error err;

    (void)state;
    for (int p = 0; p < PARTITIONS; p++)
        begins[p] = 1;
    world_init_cut(&world, begins);
    feed_audit(&world, &message);
    assert_true(bridge_compare_finish(world.compare, &err));
    assert_int_equal(world.f.result.counts.expired, 1);
    assert_int_equal(json_array_size(world.f.result.differences), 0);
    world_fini(&world);
}

static void a_capture_is_read_back_whole_and_a_torn_end_is_left_out(void **state)
{
    struct fixture f;
    struct caught caught = {0};
    struct error err;
    struct stat before;
    char path[512];

    (void)state;
    fixture_init(&f, COMPARISON_BRIDGE, "views");
    capture(f.directory, "views", 3);
    capture(f.directory, "views", 2);
    capture(f.directory, "views-2", 4); /* Another stream with a name that begins alike. */
    assert_true(capture_read(f.directory, "views", take_caught, &caught, &err));
    assert_int_equal(caught.count, 5);
    assert_string_equal(caught.last, "12/body");
    snprintf(path, sizeof path, "%s/audit-views-000001.capture", f.directory);
    assert_int_equal(stat(path, &before), 0);
    for (off_t cut = 1; cut < before.st_size / 3; cut++) {
        assert_int_equal(truncate(path, before.st_size - cut), 0);
        caught.count = 0;
        assert_true(capture_read(f.directory, "views", take_caught, &caught, &err));
        assert_int_equal(caught.count, 4);
    }
    fixture_fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clean_bridge_has_no_difference_whatever_is_left_out_or_delivered_twice),
        cmocka_unit_test(each_planted_fault_is_found_alone_and_named),
        cmocka_unit_test(what_was_published_before_the_audit_or_after_the_horizon_is_not_judged),
        cmocka_unit_test(a_missing_message_as_old_as_what_retention_deleted_is_not_judged),
        cmocka_unit_test(where_a_partition_lost_every_record_no_message_is_called_missing),
        cmocka_unit_test(a_capture_is_read_back_whole_and_a_torn_end_is_left_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
