/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The join comparison on records made by hand: a clean world passes, and each fault that is planted is
 * found, alone and with its name.
 */
#include "fixture.h"

#include "validator/join_compare.h"

enum { VIEWS = 400, BASE_MS = 1700000000000 % 1000000000 };
static const int64_t WATERMARK_MS = BASE_MS + 10000000;

enum fault {
    FAULT_NONE,
    FAULT_DROP,
    FAULT_DOUBLE,
    FAULT_KEY,
    FAULT_PARTITION,
    FAULT_FOREIGN,
    FAULT_NO_HEADER,
    FAULT_FROM,
    FAULT_CUT_VALUE,
    FAULT_VIEW_ID, /* From here on: one field each. */
    FAULT_TS,
    FAULT_USER,
    FAULT_SCORE_ULP,
    FAULT_LIKED,
    FAULT_EVENTS,
    FAULT_FIRST_KIND,
    FAULT_DWELL,
};

struct world {
    struct fixture f;
    struct join_compare *compare;
    int64_t offsets[3][PARTITIONS]; /* views, engagements, labels */
    enum fault fault;               /* Planted in the row of view `at`. */
    int at;
};

struct view {
    char id[32];
    int64_t ts;
    const char *user;
    double score;
    int64_t offset;
    int64_t events;
    const char *first_kind;
    int64_t dwell; /* -1: null */
    int32_t partition;
    bool liked;
};

static void world_init(struct world *world)
{
    memset(world, 0, sizeof *world);
    fixture_init(&world->f, COMPARISON_JOIN, "labels");
    struct join_compare_options options = {.join = &world->f.pipeline->joins[0],
                                           .validate = &world->f.pipeline->validate,
                                           .registry = world->f.registry,
                                           .work_directory = world->f.directory,
                                           .result = &world->f.result};
    world->compare = join_compare_new(&options);
}

static void world_fini(struct world *world)
{
    join_compare_free(world->compare);
    fixture_fini(&world->f);
}

static void put_view(struct buffer *out, const struct view *view)
{
    put_text(out, view->id);
    codec_put_long(out, view->ts);
    put_nullable_text(out, view->user);
    codec_put_double(out, view->score);
}

static void feed_view(struct world *world, struct view *view)
{
    struct buffer value = {0};
    struct error err;

    view->partition = hash_partition(view->id, strlen(view->id), PARTITIONS);
    view->offset = world->offsets[0][view->partition]++;
    codec_put_frame(&value, VIEW_SCHEMA);
    put_view(&value, view);
    struct record record = {.topic = "views",
                            .partition = view->partition,
                            .offset = view->offset,
                            .timestamp_ms = view->ts,
                            .key = view->id,
                            .key_size = strlen(view->id),
                            .value = value.data,
                            .value_size = value.size};
    assert_true(join_compare_source(world->compare, 0, &record, &err));
    buffer_fini(&value);
}

static void engagement_value(struct buffer *value, const char *view_id, int64_t ts,
                             const char *event_id, int kind, int64_t dwell)
{
    codec_put_frame(value, ENGAGEMENT_SCHEMA);
    put_text(value, view_id);
    codec_put_long(value, ts);
    put_text(value, event_id);
    codec_put_long(value, kind);
    codec_put_long(value, dwell >= 0);
    if (dwell >= 0)
        codec_put_long(value, dwell);
}

/* Returns its offset. late: 0 no, 1 admitted, 2 dropped, at that watermark. */
static void feed_engagement(struct world *world, const struct view *view, int64_t after_ms,
                            const char *event_id, int kind, int64_t dwell, int late,
                            int64_t watermark_ms)
{
    struct buffer value = {0};
    char text[PROVENANCE_TEXT_SIZE];
    struct error err;

    engagement_value(&value, view->id, view->ts + after_ms, event_id, kind, dwell);
    struct record record = {.topic = "engagements",
                            .partition = view->partition,
                            .offset = world->offsets[1][view->partition]++,
                            .timestamp_ms = view->ts + after_ms,
                            .key = view->id,
                            .key_size = strlen(view->id),
                            .value = value.data,
                            .value_size = value.size};
    assert_true(join_compare_source(world->compare, 1, &record, &err));
    if (late > 0) {
        struct provenance_late mark = {.input = "engagements",
                                       .input_size = strlen("engagements"),
                                       .partition = view->partition,
                                       .offset = record.offset,
                                       .time_ms = view->ts + after_ms,
                                       .watermark_ms = watermark_ms,
                                       .outcome = late == 1 ? LATE_ADMITTED : LATE_DROPPED};
        struct record_header header = {.name = HEADER_LATE, .value = text};
        header.size = provenance_format_late(&mark, text);
        record.topic = "labels-late";
        record.offset = 7;
        record.headers = &header;
        record.header_count = 1;
        assert_true(join_compare_late(world->compare, &record, &err));
    }
    buffer_fini(&value);
}

/* Every second view is liked, every fourth shared at the last millisecond of its window; every fifth
 * engaged with one millisecond too late. */
static struct view make_view(int i)
{
    struct view view = {.ts = BASE_MS + i * 10, .score = i / 7.0, .dwell = -1};

    snprintf(view.id, sizeof view.id, "view-%05d", i);
    view.user = i % 3 == 0 ? NULL : "somebody";
    if (i % 2 == 0) {
        view.liked = true;
        view.events = 1;
        view.first_kind = "like";
        view.dwell = i;
    }
    if (i % 4 == 0)
        view.events = 2;
    return view;
}

static void feed_engagements(struct world *world, const struct view *view, int i)
{
    char id[64];

    snprintf(id, sizeof id, "like-%d", i);
    if (i % 2 == 0) {
        feed_engagement(world, view, 5, id, 0, i, 0, 0);
        feed_engagement(world, view, 5, id, 0, i + 1, 0, 0); /* A double: the first one counts. */
    }
    snprintf(id, sizeof id, "share-%d", i);
    if (i % 4 == 0)
        feed_engagement(world, view, 10000, id, 1, -1, 0, 0);
    snprintf(id, sizeof id, "out-%d", i);
    if (i % 5 == 0)
        feed_engagement(world, view, i % 2 ? 10001 : -5001, id, 0, 99999, 0, 0);
}

static void spoil_fields(enum fault fault, struct view *view)
{
    switch (fault) {
    case FAULT_VIEW_ID:
        view->id[5]++;
        break;
    case FAULT_TS:
        view->ts++;
        break;
    case FAULT_USER:
        view->user = view->user != NULL ? NULL : "x";
        break;
    case FAULT_SCORE_ULP:;
        int64_t bits;
        memcpy(&bits, &view->score, sizeof bits);
        bits++;
        memcpy(&view->score, &bits, sizeof bits);
        break;
    case FAULT_LIKED:
        view->liked = !view->liked;
        break;
    case FAULT_EVENTS:
        view->events++;
        break;
    case FAULT_FIRST_KIND:
        view->first_kind = "share";
        break;
    case FAULT_DWELL:
        view->dwell++;
        break;
    default:
        break;
    }
}

static void feed_output(struct world *world, const struct view *view, const char *key,
                        int32_t partition, const struct view *from, bool header_lost, size_t cut)
{
    struct provenance_join join = {.partition = from->partition,
                                   .offset = from->offset,
                                   .watermark_ms = WATERMARK_MS,
                                   .final = true};
    struct buffer value = {0};
    char text[PROVENANCE_TEXT_SIZE];
    struct error err;

    hash_sample_id("labels", from->id, strlen(from->id), from->id, strlen(from->id),
                   join.sample_id);
    codec_put_frame(&value, LABEL_SCHEMA);
    put_view(&value, view);
    codec_put_boolean(&value, view->liked);
    codec_put_long(&value, view->events);
    put_nullable_text(&value, view->first_kind);
    codec_put_long(&value, view->dwell >= 0);
    if (view->dwell >= 0)
        codec_put_long(&value, view->dwell);
    struct record_header header = {.name = HEADER_JOIN, .value = text};
    header.size = provenance_format_join(&join, text);
    struct record record = {.topic = "labels",
                            .partition = partition,
                            .offset = world->offsets[2][partition]++,
                            .timestamp_ms = view->ts,
                            .key = key,
                            .key_size = strlen(key),
                            .value = value.data,
                            .value_size = value.size - cut,
                            .headers = &header,
                            .header_count = !header_lost};
    assert_true(join_compare_output(world->compare, &record, &err));
    buffer_fini(&value);
}

static void feed_row(struct world *world, const struct view *view, enum fault fault)
{
    struct view spoiled = *view, from = *view;
    int32_t partition = view->partition;
    const char *key = view->id;

    spoil_fields(fault, &spoiled);
    if (fault == FAULT_DROP)
        return;
    if (fault == FAULT_PARTITION)
        partition = (partition + 1) % PARTITIONS;
    if (fault == FAULT_KEY)
        key = "view-none";
    if (fault == FAULT_FROM)
        from.offset++;
    feed_output(world, &spoiled, key, partition, &from, fault == FAULT_NO_HEADER,
                fault == FAULT_CUT_VALUE);
    if (fault == FAULT_DOUBLE)
        feed_output(world, &spoiled, key, partition, &from, false, 0);
    if (fault == FAULT_FOREIGN) {
        snprintf(from.id, sizeof from.id, "view-unknown");
        feed_output(world, &spoiled, key, partition, &from, false, 0);
    }
}

static void cut_all(struct world *world, int64_t watermark_ms)
{
    for (int32_t p = 0; p < PARTITIONS; p++)
        join_compare_cut(world->compare, p, watermark_ms, 0, 1 << 20);
}

/* The whole comparison with one fault in the row of view `at`. */
static void run_world(struct world *world, enum fault fault, int at)
{
    static struct view views[VIEWS];
    struct error err;

    world_init(world);
    cut_all(world, WATERMARK_MS);
    for (int i = 0; i < VIEWS; i++) {
        views[i] = make_view(i);
        feed_view(world, &views[i]);
        feed_engagements(world, &views[i], i);
    }
    assert_true(join_compare_recompute(world->compare, &err));
    for (int i = VIEWS; i-- > 0;)
        feed_row(world, &views[i], i == at ? fault : FAULT_NONE);
    assert_true(join_compare_finish(world->compare, &err));
    assert_balanced(&world->f.result);
}

static void a_clean_join_has_no_difference(void **state)
{
    struct world world;

    (void)state;
    run_world(&world, FAULT_NONE, -1);
    assert_int_equal(world.f.result.counts.matched, VIEWS);
    assert_int_equal(world.f.result.counts.reference, VIEWS);
    assert_int_equal(world.f.result.counts.candidate, VIEWS);
    assert_int_equal(json_array_size(world.f.result.differences), 0);
    assert_true(result_coverage(&world.f.result) == 1.0);
    assert_int_equal(world.f.result.label_count, 1);
    assert_string_equal(world.f.result.labels[0].field, "liked");
    assert_int_equal(world.f.result.labels[0].pairs, VIEWS);
    assert_true(world.f.result.labels[0].expected > 0);
    assert_int_equal(world.f.result.labels[0].gained + world.f.result.labels[0].lost, 0);
    world_fini(&world);
}

static void each_planted_fault_is_found_alone_and_named(void **state)
{
    static const struct {
        enum fault fault;
        enum difference_kind kind;
        const char *field;
        int64_t matched;
    } cases[] = {
        {FAULT_DROP, DIFFERENCE_MISSING, NULL, VIEWS - 1},
        {FAULT_DOUBLE, DIFFERENCE_DUPLICATE, NULL, VIEWS},
        {FAULT_KEY, DIFFERENCE_WRONG_KEY, "@key", VIEWS - 1},
        {FAULT_PARTITION, DIFFERENCE_WRONG_PARTITION, "@partition", VIEWS - 1},
        {FAULT_FOREIGN, DIFFERENCE_EXTRA, NULL, VIEWS},
        {FAULT_FROM, DIFFERENCE_ALTERED, "@from", VIEWS - 1},
        {FAULT_CUT_VALUE, DIFFERENCE_ALTERED, "@value", VIEWS - 1},
        {FAULT_VIEW_ID, DIFFERENCE_ALTERED, "view_id", VIEWS - 1},
        {FAULT_TS, DIFFERENCE_ALTERED, "ts", VIEWS - 1},
        {FAULT_USER, DIFFERENCE_ALTERED, "user", VIEWS - 1},
        {FAULT_SCORE_ULP, DIFFERENCE_ALTERED, "score", VIEWS - 1},
        {FAULT_LIKED, DIFFERENCE_ALTERED, "liked", VIEWS - 1},
        {FAULT_EVENTS, DIFFERENCE_ALTERED, "events", VIEWS - 1},
        {FAULT_FIRST_KIND, DIFFERENCE_ALTERED, "first_kind", VIEWS - 1},
        {FAULT_DWELL, DIFFERENCE_ALTERED, "dwell_ms", VIEWS - 1},
    };
    static const int places[] = {1, 4, VIEWS - 1};

    (void)state;
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++)
        for (size_t p = 0; p < 3; p++) {
            struct world world;
            const struct result *result = &world.f.result;
            run_world(&world, cases[c].fault, places[p]);
            assert_int_equal(json_array_size(result->differences), 1);
            assert_int_equal(result->found[cases[c].kind][CAUSE_UNEXPLAINED], 1);
            assert_int_equal(result->counts.matched, cases[c].matched);
            assert_string_equal(listed(result, 0, "cause"), "unexplained");
            if (cases[c].field != NULL)
                assert_string_equal(listed_field(result, 0), cases[c].field);
            world_fini(&world);
        }
}

static void a_row_without_its_header_is_missing_and_extra(void **state)
{
    struct world world;

    (void)state;
    run_world(&world, FAULT_NO_HEADER, 3);
    assert_int_equal(world.f.result.counts.missing, 1);
    assert_int_equal(world.f.result.counts.extra, 1);
    world_fini(&world);
}

/* One view, one like that came when `watermark_ms` had passed, and the row the joiner then wrote. */
static void run_late(struct world *world, int late, int64_t watermark_ms, bool liked)
{
    struct view view = make_view(1);
    struct error err;

    world_init(world);
    cut_all(world, WATERMARK_MS);
    feed_view(world, &view);
    feed_engagement(world, &view, 100, "late-like", 0, 5, late, watermark_ms);
    assert_true(join_compare_recompute(world->compare, &err));
    view.liked = liked;
    view.events = liked;
    view.first_kind = liked ? "like" : NULL;
    view.dwell = liked ? 5 : -1;
    feed_row(world, &view, FAULT_NONE);
    assert_true(join_compare_finish(world->compare, &err));
    assert_balanced(&world->f.result);
}

static void what_lateness_cost_is_explained_by_the_late_topic(void **state)
{
    int64_t closed_ms = BASE_MS + 10 + 15001; /* C(W) is past the view's time. */
    struct world world;

    (void)state;
    run_late(&world, 2, closed_ms, false);
    assert_int_equal(world.f.result.found[DIFFERENCE_ALTERED][CAUSE_LATE], 1);
    assert_int_equal(result_unexplained(&world.f.result), 0);
    assert_string_equal(listed(&world.f.result, 0, "cause"), "late");
    assert_string_equal(listed_field(&world.f.result, 0), "liked");
    assert_non_null(strstr(listed(&world.f.result, 0, "evidence"), "engagements record of time"));
    world_fini(&world);
}

static void a_late_record_that_still_met_its_view_must_count(void **state)
{
    int64_t open_ms = BASE_MS + 10 + 15000; /* C(W) is the view's time: not yet closed. */
    struct world world;

    (void)state;
    run_late(&world, 1, open_ms, true);
    assert_int_equal(world.f.result.counts.matched, 1);
    world_fini(&world);
    run_late(&world, 1, open_ms, false); /* Ignored though it was in time. */
    assert_int_equal(world.f.result.found[DIFFERENCE_ALTERED][CAUSE_UNEXPLAINED], 1);
    world_fini(&world);
}

static void a_lost_late_record_without_a_witness_is_unexplained(void **state)
{
    struct world world;

    (void)state;
    run_late(&world, 0, 0, false);
    assert_int_equal(world.f.result.found[DIFFERENCE_ALTERED][CAUSE_UNEXPLAINED], 1);
    world_fini(&world);
}

static void what_is_not_final_is_pending(void **state)
{
    struct view view = make_view(1), newer = make_view(2);
    struct world world;
    struct error err;

    (void)state;
    world_init(&world);
    cut_all(&world,
            view.ts + 15001); /* Closes the first view to the millisecond, not the second. */
    feed_view(&world, &view);
    feed_view(&world, &newer);
    assert_true(join_compare_recompute(world.compare, &err));
    feed_row(&world, &view, FAULT_NONE);
    assert_true(join_compare_finish(world.compare, &err));
    assert_balanced(&world.f.result);
    assert_int_equal(world.f.result.counts.matched, 1);
    assert_int_equal(world.f.result.counts.pending, 1);
    assert_int_equal(world.f.result.counts.missing, 0);
    world_fini(&world);
}

static void a_record_from_the_future_counts_as_absent(void **state)
{
    struct view view = make_view(1);
    struct buffer value = {0};
    struct world world;
    struct error err;

    (void)state;
    world_init(&world);
    cut_all(&world, WATERMARK_MS);
    feed_view(&world, &view);
    engagement_value(&value, view.id, view.ts + 1, "future", 0, 1);
    struct record record = {.topic = "engagements",
                            .partition = view.partition,
                            .timestamp_ms = view.ts - 3600000,
                            .key = view.id,
                            .key_size = strlen(view.id),
                            .value = value.data,
                            .value_size = value.size};
    assert_true(join_compare_source(world.compare, 1, &record, &err));
    buffer_fini(&value);
    assert_true(join_compare_recompute(world.compare, &err));
    feed_row(&world, &view, FAULT_NONE);
    assert_true(join_compare_finish(world.compare, &err));
    assert_int_equal(world.f.result.counts.matched, 1);
    assert_int_equal(
        json_integer_value(json_object_get(world.f.result.facts, "source_records_ahead_of_time")),
        1);
    world_fini(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clean_join_has_no_difference),
        cmocka_unit_test(each_planted_fault_is_found_alone_and_named),
        cmocka_unit_test(a_row_without_its_header_is_missing_and_extra),
        cmocka_unit_test(what_lateness_cost_is_explained_by_the_late_topic),
        cmocka_unit_test(a_late_record_that_still_met_its_view_must_count),
        cmocka_unit_test(a_lost_late_record_without_a_witness_is_unexplained),
        cmocka_unit_test(what_is_not_final_is_pending),
        cmocka_unit_test(a_record_from_the_future_counts_as_absent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
