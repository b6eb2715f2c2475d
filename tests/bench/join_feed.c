/* SPDX-License-Identifier: Apache-2.0 */
/*
 * join_feed BROKERS VIEWS [HOT]          the join benchmark's inputs, straight into Kafka; HOT of 1,000 views have
 *                                        one key; these go to hot-views and hot-engagements
 * join_feed BROKERS live SECONDS RATE    RATE views a second and 40 % as many engagements, all of them of this
 *                                        moment, into live-views and live-engagements
 *
 * Makes the topics join-views and join-engagements with 4 partitions. One view a millisecond; of 100 views 40
 * have an engagement within [-2 s, 595 s], 2 more have one that comes too late to match. Each topic
 * is in the order of event time plus a delay of its own of at most 5 s. A last record in each
 * partition, an hour later, closes every window. Each field is a function of the view's number.
 */
#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PARTITIONS = 4, KEY_SIZE = 24, DELAY_MAX_MS = 5000, VALUE_SIZE_MAX = 128 };

static const int64_t begin_ms = INT64_C(1700000000000);

enum {
    DRAW_KEY,
    DRAW_CLASS,
    DRAW_DISTANCE,
    DRAW_KIND,
    DRAW_NUMBER,
    DRAW_DELAY,
    DRAW_LATER_DELAY,
    DRAW_SKEW
};

struct record {
    int64_t due_ms, time_ms;
    uint64_t view;
};

struct value {
    uint8_t bytes[VALUE_SIZE_MAX];
    size_t size;
};

static uint64_t hot_per_mille; /* Views that have one key together, with what belongs to them. */

static uint64_t draw(uint64_t view, unsigned what)
{
    uint64_t z = (view * 8 + what + 1) * UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static void fail(const char *what)
{
    fprintf(stderr, "join_feed: %s\n", what);
    exit(1);
}

static void put_long(struct value *value, int64_t number)
{
    uint64_t rest = ((uint64_t)number << 1) ^ (uint64_t)(number >> 63);

    for (; rest >= 0x80; rest >>= 7)
        value->bytes[value->size++] = (uint8_t)(rest | 0x80);
    value->bytes[value->size++] = (uint8_t)rest;
}

static void put_text(struct value *value, const char *text, size_t size)
{
    put_long(value, (int64_t)size);
    memcpy(value->bytes + value->size, text, size);
    value->size += size;
}

static void put_frame(struct value *value, uint8_t schema_id)
{
    memcpy(value->bytes, (uint8_t[]){0, 0, 0, 0, schema_id}, 5);
    value->size = 5;
}

static void make_key(char key[KEY_SIZE + 1], uint64_t view)
{
    bool hot = draw(view, DRAW_SKEW) % 1000 < hot_per_mille;

    snprintf(key, KEY_SIZE + 1, "%016" PRIx64 "%08" PRIx32, draw(hot ? 0 : view, DRAW_KEY),
             hot ? 0 : (uint32_t)view);
}

/* view_id, user_id, post_id, ts, surface, position, score */
static void make_view(struct value *value, const char *key, const struct record *record)
{
    static const char *const surfaces[] = {"feed", "search", "profile", "explore"};
    uint64_t number = draw(record->view, DRAW_NUMBER);
    const char *surface = surfaces[number % 4];
    double score = (double)(number >> 11) * 0x1p-53;

    put_frame(value, 1);
    put_text(value, key, KEY_SIZE);
    put_long(value, (int64_t)(number % 5000000));
    put_long(value, (int64_t)(number % 20000000000));
    put_long(value, record->time_ms);
    put_text(value, surface, strlen(surface));
    put_long(value, (int64_t)(number % 50));
    memcpy(value->bytes + value->size, &score, sizeof score);
    value->size += sizeof score;
}

/* view_id, kind, ts, dwell_ms */
static void make_engagement(struct value *value, const char *key, const struct record *record)
{
    static const char *const kinds[] = {"like", "share", "click", "skip"};
    const char *kind = kinds[draw(record->view, DRAW_KIND) % 4];

    put_frame(value, 2);
    put_text(value, key, KEY_SIZE);
    put_text(value, kind, strlen(kind));
    put_long(value, record->time_ms);
    put_long(value, (int64_t)(draw(record->view, DRAW_NUMBER) % 120000));
}

static bool engagement_of(uint64_t view, int64_t *time_ms)
{
    uint64_t class = draw(view, DRAW_CLASS) % 100, distance = draw(view, DRAW_DISTANCE);

    if (class < 40)
        *time_ms += -2000 + (int64_t)(distance % 597001);
    else if (class < 42)
        *time_ms += 605000 + (int64_t)(distance % 295001);
    else
        return false;
    return true;
}

static int by_due(const void *a, const void *b)
{
    const struct record *x = a, *y = b;

    if (x->due_ms != y->due_ms)
        return x->due_ms < y->due_ms ? -1 : 1;
    return (x->view > y->view) - (x->view < y->view);
}

static void send_record(rd_kafka_t *producer, const char *topic, int32_t partition, const char *key,
                        const struct value *value, int64_t time_ms)
{
    rd_kafka_resp_err_t code;

    while ((code = rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(topic),
                                     RD_KAFKA_V_PARTITION(partition), RD_KAFKA_V_KEY(key, KEY_SIZE),
                                     RD_KAFKA_V_VALUE((void *)value->bytes, value->size),
                                     RD_KAFKA_V_TIMESTAMP(time_ms),
                                     RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END))
           == RD_KAFKA_RESP_ERR__QUEUE_FULL)
        rd_kafka_poll(producer, 100);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        fail(rd_kafka_err2str(code));
}

typedef void make_value(struct value *value, const char *key, const struct record *record);

static void send_all(rd_kafka_t *producer, const char *topic, make_value *make,
                     struct record *records, size_t count, int64_t end_ms)
{
    char key[KEY_SIZE + 1];
    struct value value;

    qsort(records, count, sizeof *records, by_due);
    for (size_t i = 0; i < count; i++) {
        make_key(key, records[i].view);
        make(&value, key, &records[i]);
        send_record(producer, topic, RD_KAFKA_PARTITION_UA, key, &value, records[i].time_ms);
    }
    for (int32_t p = 0; p < PARTITIONS; p++) {
        struct record last = {.time_ms = end_ms, .view = (uint64_t)p};

        snprintf(key, sizeof key, "~%023" PRId32, p);
        make(&value, key, &last);
        send_record(producer, topic, p, key, &value, end_ms);
    }
}

static rd_kafka_t *producer_new(const char *brokers, const char *linger_ms)
{
    const char *const settings[] = {"bootstrap.servers",
                                    brokers,
                                    "partitioner",
                                    "murmur2_random",
                                    "compression.type",
                                    "lz4",
                                    "linger.ms",
                                    linger_ms,
                                    "queue.buffering.max.messages",
                                    "500000"};
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char text[512];

    for (size_t i = 0; i < sizeof settings / sizeof *settings; i += 2)
        if (rd_kafka_conf_set(conf, settings[i], settings[i + 1], text, sizeof text)
            != RD_KAFKA_CONF_OK)
            fail(text);

    rd_kafka_t *producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);

    if (producer == NULL)
        fail(text);
    return producer;
}

/* Both topics, anew. */
static void make_topics(rd_kafka_t *client, const char *const names[2])
{
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_NewTopic_t *topics[2];
    char text[512];
    size_t count;

    for (size_t i = 0; i < 2; i++)
        topics[i] = rd_kafka_NewTopic_new(names[i], PARTITIONS, 1, text, sizeof text);
    rd_kafka_CreateTopics(client, topics, 2, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 30000);
    const rd_kafka_CreateTopics_result_t *result = rd_kafka_event_CreateTopics_result(event);
    if (result == NULL)
        fail("no answer to the creation of topics");
    const rd_kafka_topic_result_t **results = rd_kafka_CreateTopics_result_topics(result, &count);
    for (size_t i = 0; i < count; i++)
        if (rd_kafka_topic_result_error(results[i]) != RD_KAFKA_RESP_ERR_NO_ERROR)
            fail(rd_kafka_topic_result_error_string(results[i]));
    rd_kafka_event_destroy(event);
    rd_kafka_NewTopic_destroy_array(topics, 2);
    rd_kafka_queue_destroy(queue);
}

static int64_t wall_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void send_now(rd_kafka_t *producer, const char *const names[2], uint64_t view)
{
    struct record record = {.time_ms = wall_us() / 1000, .view = view};
    char key[KEY_SIZE + 1];
    struct value value;

    make_key(key, view);
    make_view(&value, key, &record);
    send_record(producer, names[0], RD_KAFKA_PARTITION_UA, key, &value, record.time_ms);
    if (draw(view, DRAW_CLASS) % 100 >= 40)
        return;
    make_engagement(&value, key, &record);
    send_record(producer, names[1], RD_KAFKA_PARTITION_UA, key, &value, record.time_ms);
}

static int live(const char *brokers, int64_t seconds, int64_t rate)
{
    static const char *const names[] = {"live-views", "live-engagements"};
    rd_kafka_t *producer = producer_new(brokers, "2");
    int64_t begun_us = wall_us(), sent = 0, now_us;

    make_topics(producer, names);
    while ((now_us = wall_us()) < begun_us + seconds * 1000000) {
        for (; sent < (now_us - begun_us) * rate / 1000000; sent++)
            send_now(producer, names, (uint64_t)sent);
        rd_kafka_poll(producer, 1);
    }
    rd_kafka_flush(producer, 10000);
    rd_kafka_destroy(producer);
    return 0;
}

int main(int argc, char **argv)
{
    static const char *const even[] = {"join-views", "join-engagements"};
    static const char *const hot[] = {"hot-views", "hot-engagements"};
    const char *const *names = argc == 4 ? hot : even;

    if (argc == 5 && strcmp(argv[2], "live") == 0)
        return live(argv[1], strtoll(argv[3], NULL, 10), strtoll(argv[4], NULL, 10));
    if (argc == 4)
        hot_per_mille = strtoull(argv[3], NULL, 10);
    else if (argc != 3)
        fail("usage: join_feed BROKERS VIEWS [HOT PER MILLE] | BROKERS live SECONDS RATE");

    size_t count = strtoull(argv[2], NULL, 10), engaged = 0;
    struct record *views = malloc(count * sizeof *views);
    struct record *engagements = malloc(count * sizeof *engagements);
    rd_kafka_t *producer = producer_new(argv[1], "50");

    if (views == NULL || engagements == NULL)
        fail("out of memory");
    make_topics(producer, names);
    for (uint64_t i = 0; i < count; i++) {
        int64_t time_ms = begin_ms + (int64_t)i;

        views[i] = (struct record){time_ms + (int64_t)(draw(i, DRAW_DELAY) % (DELAY_MAX_MS + 1)),
                                   time_ms, i};
        if (engagement_of(i, &time_ms))
            engagements[engaged++] = (struct record){
                time_ms + (int64_t)(draw(i, DRAW_LATER_DELAY) % (DELAY_MAX_MS + 1)), time_ms, i};
    }
    int64_t end_ms = begin_ms + (int64_t)count + 900000 + 3600000;
    send_all(producer, names[0], make_view, views, count, end_ms);
    send_all(producer, names[1], make_engagement, engagements, engaged, end_ms);
    if (rd_kafka_flush(producer, 120000) != RD_KAFKA_RESP_ERR_NO_ERROR)
        fail("not everything was delivered");
    rd_kafka_destroy(producer);
    printf("%zu\n", count + engaged + (size_t)2 * PARTITIONS);
    free(views);
    free(engagements);
    return 0;
}
