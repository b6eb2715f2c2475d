/* SPDX-License-Identifier: Apache-2.0 */
/*
 * result: what one comparison found, in exact counts and a bounded list of differences.
 *
 * Every reference record ends in exactly one of matched, altered, wrong key, wrong partition,
 * missing, dead letter, expired, pending; every candidate record in matched or different (with its
 * reference), extra, duplicate, pending or outside. result_balance checks that they add up.
 */
#ifndef VALIDATOR_RESULT_H
#define VALIDATOR_RESULT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buffer.h"
#include "validator/minutes.h"
#include "validator/redact.h"

enum comparison { COMPARISON_BRIDGE, COMPARISON_JOIN, COMPARISON_LEGACY, COMPARISONS };
extern const char *const comparison_names[COMPARISONS];

enum difference_kind {
    DIFFERENCE_MISSING,
    DIFFERENCE_EXTRA,
    DIFFERENCE_DUPLICATE,
    DIFFERENCE_ALTERED,
    DIFFERENCE_WRONG_KEY,
    DIFFERENCE_WRONG_PARTITION,
    DIFFERENCE_OLD_DUPLICATE, /* Legacy: the old system has the row more than once. */
    DIFFERENCE_KINDS,
};

enum cause {
    CAUSE_LATE,        /* The late topic names the record that came too late. */
    CAUSE_CONFLICT,    /* Two records with one event id and different times. */
    CAUSE_DEAD_LETTER, /* The dead-letter topic has it, with a reason. */
    CAUSE_REDELIVERED, /* Pub/Sub delivered it twice: the attempts differ. */
    CAUSE_REPEATED,    /* An at-least-once join wrote an equal row again. */
    CAUSE_EXPECTED,    /* Legacy: a rule of the pipeline file names it. */
    CAUSE_ROUNDING,    /* Legacy, and the next: what it looks like. That bears nothing: only */
    CAUSE_NULL,        /* the pipeline file says what is borne. */
    CAUSE_ENUM,
    CAUSE_KEY_FORM,
    CAUSE_TIME,
    CAUSE_UNEXPLAINED,
    CAUSES,
};

struct cause_info {
    const char *name; /* In report.json. */
    const char *meaning;
    const char *advice;
    bool explained;
};
extern const struct cause_info cause_infos[CAUSES];
extern const char *const difference_kind_names[DIFFERENCE_KINDS];

struct difference {
    enum difference_kind kind;
    enum cause cause;
    const void *key; /* Bytes of the record key; NULL: none. */
    size_t key_size;
    const char *id; /* Message id, or sample id in hexadecimal. */
    int64_t time_ms;
    int32_t partition;
    json_t *positions; /* Taken. Object: where -> "topic/partition/offset". */
    json_t *fields;    /* Taken. Array of {name, expected, found}; NULL: none. */
    const char *evidence;
};

enum {
    RESULT_SAMPLES = 200, /* Kept of each kind and cause. */
    RESULT_BUCKETS = 240,
    RESULT_TEXT_MAX = 128,
    RESULT_LABELS_MAX = 32,
};

struct result_counts {
    int64_t reference, candidate;
    int64_t matched, missing, dead_letter, pending;
    int64_t expired; /* Missing, but as old as what retention has deleted: not judged. */
    int64_t extra, duplicate, candidate_pending, outside;
    int64_t different; /* Altered, wrong key or wrong partition. */
    int64_t repeated;  /* Copies of the same reference record: no fault of the candidate. */
    int64_t old_duplicate, old_outside; /* Legacy: of the reference. */
    int64_t unreadable; /* Legacy: rows of the old system that cannot be read; not in reference. */
    int64_t undecoded;  /* Candidate values that no schema fits; they are altered or extra too. */
};

struct result_bucket {
    int64_t rows, matched, unexplained;
    int64_t label_rows, label_expected, label_found;
};

/* A field that is true or false, in the rows that both sides have: pairs. */
struct result_label {
    char *field;
    int64_t pairs;
    int64_t expected, found; /* Pairs in which that side says true. */
    int64_t gained, lost;    /* Pairs in which found alone, expected alone says so. */
};

struct result_partition {
    int64_t rows, matched, differences;
};

/* The differences of one kind and cause that are kept: those with the lowest hashes, in whatever order they came. */
struct result_samples {
    size_t count;
    struct {
        uint64_t hash;
        size_t place; /* In differences. */
    } kept[RESULT_SAMPLES];
};

struct result {
    enum comparison comparison;
    char *name;
    struct result_counts counts;
    int64_t found[DIFFERENCE_KINDS][CAUSES];
    int64_t transient; /* Suspects that the second look cleared. */
    bool second_look;
    const struct redact *redact;
    struct result_samples *samples; /* DIFFERENCE_KINDS times CAUSES. */
    json_t *differences;
    json_t *altered_fields; /* Object: field -> how often. */
    struct result_bucket buckets[RESULT_BUCKETS];
    int64_t bucket_ms, bucket_first_ms; /* 0 until the first row. */
    struct result_partition *partitions;
    size_t partition_count;
    int64_t judged_rows, judged_from_ms, judged_to_ms; /* The first and the last time. */
    struct minutes minutes;                        /* Judged rows by five minutes of event time. */
    struct result_label labels[RESULT_LABELS_MAX]; /* The first one's rate is drawn. */
    size_t label_count;
    json_t *reads;        /* Array of {topic, partition, from, to, records}. */
    json_t *not_checked;  /* Array of sentences. */
    json_t *inconclusive; /* Array of reasons. */
    json_t *notes;        /* Array of sentences: what was borne, and by which rule. */
    json_t *books;        /* Object of ledger.h; NULL: there are none. */
    json_t *facts;        /* Object: watermarks, hashes, late counts. */
};

/* `redact` (borrowed) says what is shown of values; NULL: everything. */
void result_init(struct result *result, enum comparison comparison, const char *name,
                 const struct redact *redact);
void result_fini(struct result *result);

/* Counts it, keeps it if there is room, takes its JSON. */
void result_add(struct result *result, const struct difference *difference);
/* One judged reference record, in its time bucket and partition. */
void result_judge(struct result *result, int64_t time_ms, int32_t partition, bool matched,
                  bool unexplained);
/* A label more, of that field. What is more than RESULT_LABELS_MAX is told in not_checked. */
void result_add_label(struct result *result, const char *field);
/* A row that both sides have: bit i is what they say of label i. */
void result_pair(struct result *result, int64_t time_ms, uint32_t expected, uint32_t found);
void result_note(json_t *list, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Minutes whose books do not agree with the topics, or with themselves. */
int64_t result_unbalanced_minutes(const struct result *result);
int64_t result_unexplained(const struct result *result);
int64_t result_total(const struct result *result, enum difference_kind kind);
/* Judged and eligible reference records; the ratio is 0 when nothing was eligible. */
double result_coverage(const struct result *result);
/* The worst five minutes: the share of its rows that are matched or explained; 1 without rows. */
double result_worst_bucket(const struct result *result);
/* The label whose rates may lie furthest apart: the largest upper bound (paired.h) in `*bound`. NULL: there is none. */
const struct result_label *result_worst_label(const struct result *result, double *bound);

/* Array of {text, left, right, holds}. Returns (caller decrefs). */
json_t *result_balance(const struct result *result);

/* Text for a report: at most RESULT_TEXT_MAX characters, bytes that are no UTF-8 as hexadecimal. */
json_t *result_text(const void *bytes, size_t size);
json_t *result_position(const char *topic, int32_t partition, int64_t offset);
/* The same without an end: for what is redacted, where what lies behind the end counts. */
json_t *result_bytes(const void *bytes, size_t size);
json_t *result_field(const char *name, json_t *expected, json_t *found); /* Takes both. */
/* The kept differences by kind, cause and hash: the same in whatever order they came. Returns (caller decrefs). */
json_t *result_differences(const struct result *result);

#endif
