/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench-validate: what the join comparison costs, and that it finds what was planted.
 *
 *   bench-validate memory VIEWS                 records fed from memory: the comparison alone
 *   bench-validate files DIR VIEWS              the same records as DIR/views.csv, engagements.csv and labels.csv
 *   bench-validate BROKERS DIR VIEWS FAULTS     the same records through a real broker, with FAULTS rows each
 *                                               dropped, doubled and altered; prints what the command prints
 *
 * 40 % of the views have one engagement. The last line on stdout is one JSON object.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/buffer.h"
#include "core/clock.h"
#include "core/codec.h"
#include "core/hash.h"
#include "core/kafka.h"
#include "core/pipeline.h"
#include "core/provenance.h"
#include "core/registry.h"
#include "core/task_commit.h"
#include "validator/join_compare.h"
#include "validator/validator.h"

enum {
    PARTITIONS = 4,
    VIEWS_TOPIC = 0,
    ENGAGEMENTS_TOPIC = 1,
    LABELS_TOPIC = 2,
    TOPICS = 3,
    CHUNK = 4096
};

static const char *const topics[TOPICS] = {"views", "engagements", "labels"};
static const int64_t BASE_MS = 1700000000000;

static const char *const schemas[TOPICS] = {
    "{\"type\":\"record\",\"name\":\"view\",\"fields\":[{\"name\":\"view_id\",\"type\":\"string\"},"
    "{\"name\":\"ts\",\"type\":\"long\"},{\"name\":\"user\",\"type\":\"string\"},"
    "{\"name\":\"score\",\"type\":\"double\"}]}",
    "{\"type\":\"record\",\"name\":\"engagement\",\"fields\":[{\"name\":\"view_id\",\"type\":"
    "\"string\"},{\"name\":\"ts\",\"type\":\"long\"},{\"name\":\"event_id\",\"type\":\"string\"},"
    "{\"name\":\"kind\",\"type\":\"string\"}]}",
    "{\"type\":\"record\",\"name\":\"label\",\"fields\":[{\"name\":\"view_id\",\"type\":\"string\"}"
    ","
    "{\"name\":\"ts\",\"type\":\"long\"},{\"name\":\"user\",\"type\":\"string\"},"
    "{\"name\":\"score\",\"type\":\"double\"},{\"name\":\"engaged\",\"type\":\"boolean\"},"
    "{\"name\":\"kind\",\"type\":[\"null\",\"string\"]}]}"};

static const char pipeline_text[] =
    "version: 1\n"
    "pipeline: bench\n"
    "kafka:\n"
    "  brokers: [%s]\n"
    "  schema_registry: {directory: registry}\n"
    "streams:\n"
    "  views:\n"
    "    topic: {name: views, partitions: 4, replication: 1}\n"
    "    decode: json\n"
    "    schema: registry/1.avsc\n"
    "    key: view_id\n"
    "    event_time: {field: ts, unit: ms}\n"
    "    event_id: view_id\n"
    "  engagements:\n"
    "    topic: {name: engagements, partitions: 4, replication: 1}\n"
    "    decode: json\n"
    "    schema: registry/2.avsc\n"
    "    key: view_id\n"
    "    event_time: {field: ts, unit: ms}\n"
    "    event_id: event_id\n"
    "join:\n"
    "  name: labels\n"
    "  output: {topic: labels, key: view_id, late_topic: labels-late}\n"
    "  primary: views\n"
    "  key: {views: view_id, engagements: view_id}\n"
    "  within: {engagements: {before: 5s, after: 10m}}\n"
    "  lateness: 30s\n"
    "  fields:\n"
    "    - views.*\n"
    "    - {name: engaged, any: engagements}\n"
    "    - {name: kind, first: engagements.kind}\n"
    "validate:\n"
    "  settle: 1s\n";

/* -- The workload -- */

struct made { /* One record of each topic, or none (size 0). */
    char key[40];
    int32_t partition;
    int64_t ts;
    struct buffer values[TOPICS];
    char header[PROVENANCE_TEXT_SIZE];
    size_t header_size;
};

static uint64_t mix(uint64_t x)
{
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdull;
    x ^= x >> 33;
    x *= 0xc4ceb9fe1a85ec53ull;
    return x ^ x >> 33;
}

static void put_text(struct buffer *out, const char *text)
{
    codec_put_bytes(out, text, strlen(text));
}

static void put_view(struct buffer *out, const struct made *made, int64_t i, int schema)
{
    char user[32];

    buffer_clear(out);
    codec_put_frame(out, schema);
    snprintf(user, sizeof user, "user-%016" PRIx64, mix((uint64_t)i * 7));
    put_text(out, made->key);
    codec_put_long(out, made->ts);
    put_text(out, user);
    codec_put_double(out, (double)(mix((uint64_t)i) % 100000) / 7.0);
}

static void make(struct made *made, int64_t i, int64_t offset_of[PARTITIONS])
{
    struct provenance_join join = {.watermark_ms = BASE_MS, .final = true};
    bool engaged = mix((uint64_t)i) % 5 < 2;
    char id[40];

    snprintf(made->key, sizeof made->key, "%016" PRIx64 "%08" PRIx64, mix((uint64_t)i + 1),
             (uint64_t)i);
    made->ts = BASE_MS + i;
    made->partition = hash_partition(made->key, strlen(made->key), PARTITIONS);
    put_view(&made->values[VIEWS_TOPIC], made, i, 1);
    put_view(&made->values[LABELS_TOPIC], made, i, 3);
    codec_put_boolean(&made->values[LABELS_TOPIC], engaged);
    codec_put_long(&made->values[LABELS_TOPIC], engaged);
    buffer_clear(&made->values[ENGAGEMENTS_TOPIC]);
    if (engaged) {
        struct buffer *value = &made->values[ENGAGEMENTS_TOPIC];
        put_text(&made->values[LABELS_TOPIC], "like");
        snprintf(id, sizeof id, "%016" PRIx64, mix((uint64_t)i + 3));
        codec_put_frame(value, 2);
        put_text(value, made->key);
        codec_put_long(value, made->ts + (int64_t)(mix((uint64_t)i + 5) % 600000));
        put_text(value, id);
        put_text(value, "like");
    }
    join.partition = made->partition;
    join.offset = offset_of[made->partition]++;
    hash_sample_id("labels", made->key, strlen(made->key), made->key, strlen(made->key),
                   join.sample_id);
    made->header_size = provenance_format_join(&join, made->header);
}

static void made_fini(struct made *made)
{
    for (int t = 0; t < TOPICS; t++) {
        buffer_fini(&made->values[t]);
        made->values[t] = (struct buffer){0};
    }
}

/* -- Files -- */

static void write_text(const char *directory, const char *name, const char *text)
{
    char *path = memory_textf("%s/%s", directory, name);
    FILE *file = fopen(path, "w");

    assert(file != NULL);
    fputs(text, file);
    fclose(file);
    free(path);
}

static struct pipeline *prepare(const char *directory, const char *brokers)
{
    char *registry = memory_textf("%s/registry", directory);
    char *text = memory_textf(pipeline_text, brokers);
    char *path = memory_textf("%s/pipeline.yaml", directory);
    struct error err = {0};

    mkdir(registry, 0700);
    write_text(directory, "registry/1.avsc", schemas[0]);
    write_text(directory, "registry/2.avsc", schemas[1]);
    write_text(directory, "registry/3.avsc", schemas[2]);
    write_text(directory, "pipeline.yaml", text);
    struct pipeline *pipeline = pipeline_load(path, &err);
    if (pipeline == NULL)
        fprintf(stderr, "%s\n", err.text);
    assert(pipeline != NULL);
    free(registry);
    free(text);
    free(path);
    return pipeline;
}

static double cpu_seconds(void)
{
    struct timespec time;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static double wall_seconds(void)
{
    return (double)clock_monotonic_us(clock_real()) / 1e6;
}

static long peak_kib(void)
{
    FILE *file = fopen("/proc/self/status", "r");
    char line[128];
    long kib = 0;

    assert(file != NULL);
    while (fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, "VmHWM:", 6) == 0)
            kib = strtol(line + 6, NULL, 10);
    fclose(file);
    return kib;
}

struct spent {
    double cpu, wall; /* s */
};

static struct spent now(void)
{
    return (struct spent){.cpu = cpu_seconds(), .wall = wall_seconds()};
}

static void spend(struct spent *sum, struct spent begun)
{
    sum->cpu += cpu_seconds() - begun.cpu;
    sum->wall += wall_seconds() - begun.wall;
}

static void print_figure(const char *name, int64_t records, struct spent spent,
                         const char *conditions)
{
    printf("{\"name\":\"%s\",\"value\":%.0f,\"unit\":\"1/s\",\"cpu_seconds\":%.3f,"
           "\"wall_seconds\":%.3f,\"peak_kib\":%ld,\"conditions\":\"%" PRId64
           " records, %.2f CPU-s, %ld MiB resident at most, %s\"}\n",
           name, (double)records / spent.cpu, spent.cpu, spent.wall, peak_kib(), records, spent.cpu,
           peak_kib() / 1024, conditions);
}

/* -- From memory -- */

static void feed(struct join_compare *compare, int topic, const struct made *made, int64_t offset)
{
    struct record_header header = {
        .name = HEADER_JOIN, .value = made->header, .size = made->header_size};
    struct record record = {.topic = topics[topic],
                            .partition = made->partition,
                            .offset = offset,
                            .timestamp_ms = made->ts + 600000,
                            .key = made->key,
                            .key_size = strlen(made->key),
                            .value = made->values[topic].data,
                            .value_size = made->values[topic].size,
                            .headers = &header,
                            .header_count = topic == LABELS_TOPIC};
    struct error err;
    bool done = topic == LABELS_TOPIC ? join_compare_output(compare, &record, &err)
                                      : join_compare_source(compare, (size_t)topic, &record, &err);

    assert(done);
}

/* Records are made a chunk at a time, outside of what is timed. */
static struct spent feed_all(struct join_compare *compare, int64_t views, int topic,
                             int64_t *records)
{
    static struct made chunk[CHUNK];
    int64_t from[PARTITIONS] = {0}, offsets[PARTITIONS] = {0};
    struct spent spent = {0};

    for (int64_t i = 0; i < views; i += CHUNK) {
        int64_t count = views - i < CHUNK ? views - i : CHUNK;

        for (int64_t n = 0; n < count; n++)
            make(&chunk[n], i + n, from);
        struct spent begun = now();
        for (int64_t n = 0; n < count; n++) {
            if (chunk[n].values[topic].size == 0)
                continue;
            (*records)++;
            feed(compare, topic, &chunk[n], offsets[chunk[n].partition]++);
        }
        spend(&spent, begun);
    }
    for (int n = 0; n < CHUNK; n++)
        made_fini(&chunk[n]);
    return spent;
}

static int from_memory(int64_t views)
{
    char directory[] = "/tmp/dualrun-bench-XXXXXX";
    struct pipeline *pipeline = prepare(mkdtemp(directory), "127.0.0.1:9");
    struct error err;
    struct registry *registry = registry_open(&pipeline->kafka, &err);
    struct result result;
    int64_t records = 0;
    struct spent spent = {0};

    result_init(&result, COMPARISON_JOIN, "labels", NULL);
    struct join_compare *compare =
        join_compare_new(&(struct join_compare_options){.join = &pipeline->joins[0],
                                                        .validate = &pipeline->validate,
                                                        .registry = registry,
                                                        .work_directory = directory,
                                                        .result = &result});
    for (int32_t p = 0; p < PARTITIONS; p++)
        join_compare_cut(compare, p, BASE_MS * 2, 0, INT64_MAX);
    for (int t = 0; t < TOPICS; t++) {
        struct spent feeding = feed_all(compare, views, t, &records);
        spent.cpu += feeding.cpu;
        spent.wall += feeding.wall;
        struct spent begun = now();
        bool done = t != ENGAGEMENTS_TOPIC || join_compare_recompute(compare, &err);
        assert(done);
        spend(&spent, begun);
    }
    struct spent begun = now();
    bool done = join_compare_finish(compare, &err);
    assert(done);
    spend(&spent, begun);
    assert(result.counts.matched == views && json_array_size(result.differences) == 0);
    print_figure("validate.records_per_cpu_second", records, spent,
                 "join comparison fed from memory, recompute included");
    join_compare_free(compare);
    result_fini(&result);
    registry_close(registry);
    pipeline_free(pipeline);
    char *command = memory_textf("rm -r '%s'", directory);
    int status = system(command);
    free(command);
    return status;
}

/* -- As files, for another program -- */

static void write_text_value(FILE *out, const uint8_t **at, const uint8_t *end)
{
    const uint8_t *bytes;
    size_t size;

    *at = codec_get_bytes(*at, end, &bytes, &size);
    assert(*at != NULL);
    fwrite(bytes, 1, size, out);
}

static void write_long_value(FILE *out, const uint8_t **at, const uint8_t *end)
{
    int64_t value;

    *at = codec_get_long(*at, end, &value);
    assert(*at != NULL);
    fprintf(out, "%" PRId64, value);
}

/* The record's Avro as a line: s string, l long, d double, b boolean, n string or null. Nothing for null. */
static void write_line(FILE *out, const struct buffer *record, const char *types)
{
    const uint8_t *at = record->data + CODEC_FRAME_SIZE, *end = record->data + record->size;
    int64_t branch = 1;
    double number;

    for (const char *type = types; *type != '\0'; type++) {
        if (type != types)
            fputc(',', out);
        if (*type == 'l')
            write_long_value(out, &at, end);
        if (*type == 'b')
            fputs(*at++ != 0 ? "true" : "false", out);
        if (*type == 'd') {
            memcpy(&number, at, sizeof number); /* Avro's is little-endian, as this machine. */
            at += sizeof number;
            fprintf(out, "%.17g", number);
        }
        if (*type == 'n') {
            at = codec_get_long(at, end, &branch);
            assert(at != NULL);
        }
        if (*type == 's' || (*type == 'n' && branch == 1))
            write_text_value(out, &at, end);
    }
    assert(at == end);
    fputc('\n', out);
}

static int to_files(const char *directory, int64_t views)
{
    static const char *const columns[TOPICS] = {"view_id,ts,user,score", "view_id,ts,event_id,kind",
                                                "view_id,ts,user,score,engaged,kind"};
    static const char *const types[TOPICS] = {"slsd", "slss", "slsdbn"};
    int64_t offsets[PARTITIONS] = {0};
    FILE *files[TOPICS];
    struct made made = {0};

    for (int t = 0; t < TOPICS; t++) {
        char *path = memory_textf("%s/%s.csv", directory, topics[t]);
        files[t] = fopen(path, "we");
        assert(files[t] != NULL);
        fprintf(files[t], "%s\n", columns[t]);
        free(path);
    }
    for (int64_t i = 0; i < views; i++) {
        make(&made, i, offsets);
        for (int t = 0; t < TOPICS; t++)
            if (made.values[t].size > 0)
                write_line(files[t], &made.values[t], types[t]);
    }
    made_fini(&made);
    for (int t = 0; t < TOPICS; t++) {
        int failed = fclose(files[t]);
        assert(failed == 0);
    }
    return 0;
}

/* -- Through a broker -- */

static void produce_one(rd_kafka_t *producer, int topic, const struct made *made)
{
    const char *header = topic == LABELS_TOPIC ? HEADER_JOIN : "x";
    ssize_t header_size = topic == LABELS_TOPIC ? (ssize_t)made->header_size : 0;

    for (;;) {
        rd_kafka_resp_err_t code = rd_kafka_producev(
            producer, RD_KAFKA_V_TOPIC(topics[topic]), RD_KAFKA_V_PARTITION(made->partition),
            RD_KAFKA_V_KEY(made->key, strlen(made->key)),
            RD_KAFKA_V_VALUE(made->values[topic].data, made->values[topic].size),
            RD_KAFKA_V_TIMESTAMP(made->ts + 600000), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
            RD_KAFKA_V_HEADER(header, made->header, header_size), RD_KAFKA_V_END);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
            break;
        assert(code == RD_KAFKA_RESP_ERR__QUEUE_FULL);
        rd_kafka_poll(producer, 50);
    }
    rd_kafka_poll(producer, 0);
}

/* Rows 1000, 2000 ... are dropped, 1001, 2001 ... doubled, 1002, 2002 ... altered. */
static int64_t produce_all(rd_kafka_t *producer, int64_t views, int64_t faults,
                           int64_t ends[TOPICS][PARTITIONS])
{
    int64_t from[PARTITIONS] = {0}, records = 0;
    struct made made = {0};

    for (int64_t i = 0; i < views; i++) {
        make(&made, i, from);
        int64_t fault = i >= 1000 && i / 1000 <= faults ? i % 1000 : -1;
        if (fault == 2)
            made.values[LABELS_TOPIC].data[CODEC_FRAME_SIZE + 28] ^= 1;
        for (int t = 0; t < TOPICS; t++) {
            int copies = made.values[t].size > 0;
            if (t == LABELS_TOPIC && (fault == 0 || fault == 1))
                copies = fault == 0 ? 0 : 2;
            for (int c = 0; c < copies; c++)
                produce_one(producer, t, &made);
            ends[t][made.partition] += copies;
            records += copies;
        }
    }
    made_fini(&made);
    rd_kafka_flush(producer, 60000);
    return records;
}

/* As the joiner commits: offsets and watermark in one cut per partition. */
static void commit(const struct pipeline *pipeline, int64_t ends[TOPICS][PARTITIONS])
{
    const char *settings[] = {"group.id", pipeline->joins[0].group, "enable.auto.commit", "false",
                              NULL};
    struct error err;
    rd_kafka_t *consumer =
        kafka_consumer(kafka_conf(&pipeline->kafka, "bench", settings, &err), &err);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);
    static char text[PARTITIONS][TASK_COMMIT_TEXT_SIZE];

    assert(consumer != NULL);
    for (int p = 0; p < PARTITIONS; p++) {
        struct task_commit cut = {.watermark_ms = BASE_MS * 2, .input_count = 2};
        for (int t = 0; t < 2; t++)
            cut.inputs[t] = (struct task_commit_input){
                .offset = ends[t][p], .max_time_ms = BASE_MS * 2, .replay_offset = ends[t][p]};
        task_commit_format(&cut, text[p]);
        for (int t = 0; t < 2; t++) {
            rd_kafka_topic_partition_t *one = rd_kafka_topic_partition_list_add(list, topics[t], p);
            one->offset = ends[t][p];
            one->metadata = memory_text(text[p]);
            one->metadata_size = strlen(text[p]);
        }
    }
    rd_kafka_resp_err_t code = rd_kafka_commit(consumer, list, 0);
    assert(code == RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_consumer_close(consumer);
    rd_kafka_destroy(consumer);
}

static int64_t fill(const struct pipeline *pipeline, int64_t views, int64_t faults)
{
    static const char *const settings[] = {"linger.ms", "20", NULL};
    int64_t ends[TOPICS][PARTITIONS] = {0};
    struct error err = {0};
    rd_kafka_t *producer =
        kafka_producer(kafka_conf(&pipeline->kafka, "bench", settings, &err), &err);

    assert(producer != NULL);
    for (int t = 0; t < TOPICS; t++) {
        struct pipeline_topic topic = {
            .name = (char *)topics[t], .partitions = PARTITIONS, .replication = 1};
        if (!kafka_topic_ensure(producer, &topic, 0, NULL, 0, NULL, &err))
            fprintf(stderr, "%s\n", err.text);
    }
    int64_t records = produce_all(producer, views, faults, ends);
    rd_kafka_destroy(producer);
    commit(pipeline, ends);
    return records;
}

/* In a process of its own, so that what making the records takes is not in the figures. */
static int64_t fill_apart(const struct pipeline *pipeline, int64_t views, int64_t faults)
{
    int ends[2], status;
    int64_t records = 0;

    status = pipe(ends);
    assert(status == 0);
    pid_t child = fork();
    assert(child >= 0);
    if (child == 0) {
        records = fill(pipeline, views, faults);
        _exit(write(ends[1], &records, sizeof records) == sizeof records ? 0 : 1);
    }
    waitpid(child, &status, 0);
    ssize_t got = status == 0 ? read(ends[0], &records, sizeof records) : 0;
    assert(got == sizeof records);
    close(ends[0]);
    close(ends[1]);
    return records;
}

static int from_broker(const char *brokers, const char *directory, int64_t views, int64_t faults)
{
    struct pipeline *pipeline = prepare(directory, brokers);
    struct validator_options options = {.join = true, .report = directory};
    enum exit_code verdict = EXIT_CODE_BUG;
    int64_t records = fill_apart(pipeline, views, faults);
    struct error err = {0};

    struct spent begun = now(), spent = {0};
    if (!validator_run(pipeline, &options, &verdict, &err))
        fprintf(stderr, "%s\n", err.text);
    spend(&spent, begun);
    print_figure("validate.records_per_cpu_second_from_kafka", records, spent,
                 "join comparison of three topics, recompute included");
    pipeline_free(pipeline);
    return (int)verdict;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "memory") == 0)
        return from_memory(strtoll(argv[2], NULL, 10));
    if (argc == 4 && strcmp(argv[1], "files") == 0)
        return to_files(argv[2], strtoll(argv[3], NULL, 10));
    if (argc == 5)
        return from_broker(argv[1], argv[2], strtoll(argv[3], NULL, 10),
                           strtoll(argv[4], NULL, 10));
    fprintf(stderr,
            "usage: bench-validate memory VIEWS | files DIR VIEWS | BROKERS DIR VIEWS FAULTS\n");
    return EXIT_CODE_USAGE;
}
