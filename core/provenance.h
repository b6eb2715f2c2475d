/* SPDX-License-Identifier: Apache-2.0 */
/*
 * provenance: where a record comes from, as headers that kcat shows and programs parse.
 *
 *   dualrun.source   sub=views-to-kafka id=1234567 time=1763717400000123 attempt=2
 *                    written by the bridge; time is Pub/Sub's publish time in microseconds; attempt only
 *                    if Pub/Sub counts deliveries.
 *   dualrun.ordering_key   the ordering key, if there is one
 *   dualrun.reason   dead letters: CODE: text; the value is then the original message
 *   dualrun.replay   from=3:12345 attempt=1
 *                    what came out of the dead letters again: its place there, and how often it was
 *                    replayed. On the record, or on the dead letter that it became once more.
 *   dualrun.join     sample=<32 hex digits> from=3:12345 watermark=1763717400000 final=true
 *                    written by the joiner; from is the primary's partition and offset.
 *   dualrun.late     input=engagements from=3:12345 time=… watermark=… outcome=dropped
 *                    late topic; key and value are the late record's own.
 *
 * Attributes of the message are headers under their own names; one that begins with "dualrun." is
 * written as "dualrun.attribute.NAME". The record's timestamp is the publish time in ms.
 */
#ifndef CORE_PROVENANCE_H
#define CORE_PROVENANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HEADER_SOURCE           "dualrun.source"
#define HEADER_ORDERING_KEY     "dualrun.ordering_key"
#define HEADER_REASON           "dualrun.reason"
#define HEADER_REPLAY           "dualrun.replay"
#define HEADER_JOIN             "dualrun.join"
#define HEADER_LATE             "dualrun.late"
#define HEADER_PREFIX           "dualrun."
#define HEADER_ATTRIBUTE_PREFIX "dualrun.attribute."

enum {
    PROVENANCE_TEXT_SIZE = 512,     /* Room for any of the texts; none is ever cut. */
    PROVENANCE_NAME_SIZE_MAX = 255, /* Of a subscription or stream, as in Pub/Sub. */
    PROVENANCE_ID_SIZE_MAX = 192,   /* Of a message id; Pub/Sub's own have about 17. */
};

struct provenance_source {
    const char *subscription; /* Short name. Borrowed, not terminated when parsed. */
    size_t subscription_size;
    const char *message_id;
    size_t message_id_size;
    int64_t publish_time_us;
    int32_t attempt; /* 0: not counted. */
};
/* Returns the size of the text; there is no NUL. 0 if a name or id is empty, too long, or holds
 * anything but visible ASCII: the text could not be read back. */
size_t provenance_format_source(const struct provenance_source *source,
                                char text[static PROVENANCE_TEXT_SIZE]);
bool provenance_parse_source(const void *text, size_t size, struct provenance_source *source);

struct provenance_replay {
    int32_t partition;
    int64_t offset;
    int32_t attempt; /* From 1. */
};
size_t provenance_format_replay(const struct provenance_replay *replay,
                                char text[static PROVENANCE_TEXT_SIZE]);
bool provenance_parse_replay(const void *text, size_t size, struct provenance_replay *replay);

struct provenance_join {
    uint8_t sample_id[16];
    int32_t partition;
    int64_t offset;
    int64_t watermark_ms;
    bool final;
};
size_t provenance_format_join(const struct provenance_join *join,
                              char text[static PROVENANCE_TEXT_SIZE]);
bool provenance_parse_join(const void *text, size_t size, struct provenance_join *join);

enum late_outcome { LATE_ADMITTED, LATE_DROPPED };
struct provenance_late {
    const char *input; /* Stream name. Borrowed, not terminated when parsed. */
    size_t input_size;
    int32_t partition;
    int64_t offset;
    int64_t time_ms;
    int64_t watermark_ms;
    enum late_outcome outcome;
};
/* 0 as in provenance_format_source. */
size_t provenance_format_late(const struct provenance_late *late,
                              char text[static PROVENANCE_TEXT_SIZE]);
bool provenance_parse_late(const void *text, size_t size, struct provenance_late *late);

#endif
