/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pipeline: the pipeline file, read, checked and with every default filled in.
 *
 * One file drives every command. Times are milliseconds, sizes bytes, unless the name says so.
 * All text is owned by the pipeline; file paths are resolved against the pipeline file's folder.
 * Streams are referred to by pointer. Nothing changes after pipeline_load but by pipeline_reload, so it
 * may be shared.
 */
#ifndef CORE_PIPELINE_H
#define CORE_PIPELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/error.h"

struct buffer;
struct json_t;

enum pipeline_credentials {
    CREDENTIALS_DEFAULT,  /* Application default credentials, in Google's order. */
    CREDENTIALS_EMULATOR, /* None are sent; endpoint from PUBSUB_EMULATOR_HOST if not in the file. */
    CREDENTIALS_SERVICE_ACCOUNT,
    CREDENTIALS_METADATA,
    CREDENTIALS_EXTERNAL_ACCOUNT,
    CREDENTIALS_TOKEN_FILE,
};

struct pipeline_pubsub {
    char *project;
    char *endpoint; /* With scheme, without a slash at the end. */
    enum pipeline_credentials credentials;
    char *credentials_file; /* NULL where the kind needs none. */
};

struct pipeline_property { /* Passed to librdkafka as it is. */
    char *name;
    char *value;
    bool secret; /* Came from ${env:} or ${file:}: never shown, redacted in logs. */
};

struct pipeline_kafka {
    char *brokers; /* Comma separated, as librdkafka takes them. */
    struct pipeline_property *properties;
    size_t property_count;
    char *registry_url; /* One of the two, or both NULL when no stream needs a schema. */
    char *registry_directory;
    char *compression; /* none | gzip | snappy | lz4 | zstd */
};

struct pipeline_topic {
    char *name;
    int32_t partitions; /* 0: take the topic as it is. */
    int32_t replication;
    int64_t retention_ms; /* 0: the broker's. */
};

enum pipeline_decode { DECODE_JSON, DECODE_AVRO, DECODE_RAW };
enum pipeline_unknown { UNKNOWN_IGNORE, UNKNOWN_DEAD_LETTER, UNKNOWN_KEEP };
enum pipeline_key_kind { KEY_FIELD, KEY_ATTRIBUTE, KEY_ORDERING_KEY };
enum pipeline_time_unit { TIME_MS, TIME_US, TIME_S, TIME_RFC3339 };

struct pipeline_stream {
    char *name;
    size_t index;             /* Into pipeline->streams. */
    char *subscription;       /* NULL: nothing bridges this stream. */
    char *audit_subscription; /* NULL: none. */
    struct pipeline_topic topic;
    enum pipeline_decode decode;
    enum pipeline_unknown unknown_fields; /* DECODE_JSON */
    char *schema_file;                    /* NULL with DECODE_RAW. */
    enum pipeline_key_kind key_kind;
    char *key; /* Field path ("user.id"), or the attribute's name. NULL: ordering key. */
    char *event_time_field; /* Path. NULL: the record's Kafka timestamp. */
    enum pipeline_time_unit event_time_unit;
    char *event_id_field; /* Path. NULL: the Pub/Sub message id. */
    char *dead_letter;    /* Topic. NULL: a record that does not fit stops the stream. */
    double stop_above;    /* Share of dead letters that stops the stream. 0: none does. */
    int64_t stop_window_ms;
    int64_t stop_least;    /* Messages in the window to judge the share. */
    int64_t max_rate;      /* Messages a second. 0: no limit. */
    int64_t max_dead_rate; /* Dead letters a second. 0: no limit. */
};

struct pipeline_bridge {     /* One process, all its streams together. */
    int32_t max_messages;    /* Pulled and not yet acknowledged. */
    int64_t max_bytes;       /* The same, in bytes of messages. */
    int32_t max_pulls;       /* Pull requests in flight, per stream. */
    int32_t dedup_ids;       /* A stream remembers so many message ids at least. */
    int64_t stop_timeout_ms; /* A stop takes no longer. */
    int32_t log_level;       /* enum log_level */
};

enum pipeline_aggregate {
    AGGREGATE_ALL,   /* "views.*": every field of the primary, in its order. */
    AGGREGATE_FIELD, /* "views.user_id": one field of the primary. */
    AGGREGATE_ANY,
    AGGREGATE_COUNT,
    AGGREGATE_FIRST,
    AGGREGATE_LAST,
    AGGREGATE_MIN,
    AGGREGATE_MAX,
    AGGREGATE_SUM,
    AGGREGATE_LIST,
};

struct pipeline_condition { /* The field equals one of the values. */
    char *field;
    char **values; /* Compared as text: numbers in decimal, booleans true and false. */
    size_t value_count;
};

struct pipeline_output_field {
    char *name; /* In the output. NULL for AGGREGATE_ALL. */
    enum pipeline_aggregate aggregate;
    const struct pipeline_stream *stream;
    char *field;                           /* Of that stream. NULL for ALL, ANY and COUNT. */
    struct pipeline_condition *conditions; /* All must hold. */
    size_t condition_count;
    int32_t limit; /* AGGREGATE_LIST only. */
};

struct pipeline_secondary {
    const struct pipeline_stream *stream;
    char *key; /* Field path. */
    int64_t before_ms;
    int64_t after_ms;
};

enum pipeline_attribution { ATTRIBUTE_EVERY, ATTRIBUTE_LATEST };
enum pipeline_emit { EMIT_ON_CLOSE, EMIT_EARLY };
enum pipeline_guarantee { GUARANTEE_EXACTLY_ONCE, GUARANTEE_AT_LEAST_ONCE };
enum pipeline_join_kind { JOIN_LEFT, JOIN_INNER };
enum pipeline_idle_evidence { IDLE_EVIDENCE_BRIDGE, IDLE_EVIDENCE_NONE };
enum pipeline_when_idle { WHEN_IDLE_ADVANCE, WHEN_IDLE_HOLD };

struct pipeline_join {
    char *name;  /* Default: the output topic's name. Part of every sample id. */
    char *group; /* Consumer group and stem of the transactional ids. Default "PIPELINE-NAME". */
    struct pipeline_topic output;
    char *output_key; /* Field path of the primary. */
    char *late_topic;
    const struct pipeline_stream *primary;
    char *primary_key; /* Field path. */
    struct pipeline_secondary *secondaries;
    size_t secondary_count;
    int64_t lateness_ms;
    int64_t idle_after_ms;
    int64_t max_ahead_ms;
    enum pipeline_idle_evidence idle_evidence;
    enum pipeline_when_idle when_idle;
    enum pipeline_join_kind kind;
    enum pipeline_emit emit;
    enum pipeline_guarantee guarantee;
    enum pipeline_attribution attribution;
    struct pipeline_output_field *fields;
    size_t field_count;
    int64_t commit_interval_ms;
    int32_t commit_records;         /* Or after so many; 0: not so. */
    int64_t checkpoint_interval_ms; /* 0: never. */
    int64_t memory_bytes;           /* Block cache, write buffers and index together. */
    char *state_directory;
};

struct pipeline_tolerance {
    char *field;
    double absolute;
};

struct pipeline_gates {
    int64_t unexplained;
    double coverage;
    double worst_bucket;
    double label_rate_difference;
    int64_t consecutive;
    int64_t span_ms;
};

enum pipeline_legacy_format {
    LEGACY_FORMAT_AUTO,
    LEGACY_FORMAT_AVRO,
    LEGACY_FORMAT_JSON,
    LEGACY_FORMAT_CSV,
};
enum pipeline_rule_kind {
    RULE_VALUE,
    RULE_MISSING,
    RULE_EXTRA,
    RULE_DUPLICATE,
    RULE_OLD_DUPLICATE,
};
enum pipeline_allowance_kind { ALLOW_ABSOLUTE, ALLOW_RELATIVE, ALLOW_ULP };

struct pipeline_pair {
    char *ours, *theirs;
};

struct pipeline_pairs {
    struct pipeline_pair *items;
    size_t count;
};

struct pipeline_allowance {
    char *field;
    enum pipeline_allowance_kind kind;
    double amount; /* A share as a fraction: 0.1% is 0.001. */
};

struct pipeline_enum {
    char *field;
    struct pipeline_pairs words;
};

struct pipeline_rule { /* A difference that is expected. */
    char *name, *because;
    enum pipeline_rule_kind kind;
    char *field;                  /* RULE_VALUE */
    int64_t since_ms, until_ms;   /* 0: no limit. */
    char *when_legacy, *when_new; /* NULL: any value. "null" is null. */
};

struct pipeline_legacy {
    char *files; /* A glob pattern. NULL: no legacy comparison is configured. */
    enum pipeline_legacy_format format;
    char *key;        /* Path. */
    char *join;       /* NULL: the only one. */
    char *time_field; /* Path. NULL: every row is final. */
    enum pipeline_time_unit time_unit;
    int64_t from_ms, to_ms; /* 0: no limit. */
    struct pipeline_pairs fields;
    struct pipeline_allowance *allowances;
    size_t allowance_count;
    char **null_fields;
    size_t null_field_count;
    struct pipeline_enum *enums;
    size_t enum_count;
    struct pipeline_rule *rules;
    size_t rule_count;
};

enum pipeline_show_values { SHOW_VALUES_NONE, SHOW_VALUES_ALL };

struct pipeline_validate {
    int64_t settle_ms;
    struct pipeline_legacy legacy;
    struct pipeline_tolerance *tolerances;
    size_t tolerance_count;
    struct pipeline_gates gates;
    enum pipeline_show_values show_values;
    char **show_fields; /* Paths that are shown all the same. */
    size_t show_field_count;
    int64_t memory_bytes;
    char *work_directory; /* Sorted runs and captures. */
    char *report_directory;
};

struct pipeline_cutover {
    char *hooks;
    char *postpone_file;
    int64_t max_lag_ms;
};

struct pipeline_prices { /* In one currency. */
    double pubsub_tib;
    double kafka_gib, kafka_gib_month, kafka_month;
    double messages_per_second; /* 0: not given. */
};

struct pipeline {
    char *file;
    int32_t version; /* Of the file's form: 1. */
    char *name;
    char *ledger_topic; /* Books and heartbeats of the bridge. Default "NAME-ledger". */
    struct pipeline_pubsub pubsub;
    bool has_pubsub; /* Without it only join and validate --kind join work. */
    struct pipeline_kafka kafka;
    struct pipeline_bridge bridge;
    struct pipeline_stream *streams;
    size_t stream_count;
    struct pipeline_join *joins;
    size_t join_count;
    struct pipeline_validate validate;
    struct pipeline_cutover cutover;
    struct pipeline_prices prices;
    struct json_t *shown; /* What pipeline_show prints, for pipeline_reload. */
};

/*
 * Reads and checks the file. NULL on error: "FILE:LINE:COLUMN: KEY: what is wrong", with a hint.
 * A key of the design that has no effect in this version is an error that says so.
 */
struct pipeline *pipeline_load(const char *file, struct error *err);
/* The same from memory; `name` stands for the file in messages and for its folder. */
struct pipeline *pipeline_parse(const void *text, size_t size, const char *name, struct error *err);
void pipeline_free(struct pipeline *pipeline);

/*
 * Reads the pipeline's file again. Takes over what changed if every changed key that concerns the
 * bridge may change while it runs (RELOAD in core/pipeline.def), and appends to `changes` what it was;
 * else changes nothing: false, with an error that names the key and its line.
 */
bool pipeline_reload(struct pipeline *pipeline, struct buffer *changes, struct error *err);

/* NULL and an error that lists the names there are. */
const struct pipeline_stream *pipeline_stream(const struct pipeline *pipeline, const char *name,
                                              struct error *err);

/* The file with every default, and where each value comes from; secrets as <secret>. */
bool pipeline_show(const char *file, bool json, FILE *out, struct error *err);
/* The JSON Schema of the file, made from the same table as the parser. */
void pipeline_schema(FILE *out);
/* The chapter of docs/reference.md about the file, made from the same table, in Markdown. */
void pipeline_reference(FILE *out);

/* HI, LO and the cutoff of join-semantics: C = W - HI - L (- LO with ATTRIBUTE_LATEST). */
int64_t pipeline_join_hi_ms(const struct pipeline_join *join);
int64_t pipeline_join_lo_ms(const struct pipeline_join *join);
int64_t pipeline_join_cutoff_ms(const struct pipeline_join *join, int64_t watermark_ms);

#endif
