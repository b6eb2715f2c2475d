/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/replay_letter.h"

#include <string.h>

#include "core/buffer.h"
#include "core/kafka.h"

/* The name of the attribute that a header is; NULL: it is one of ours. */
static const char *attribute_name(const char *header)
{
    if (strncmp(header, HEADER_ATTRIBUTE_PREFIX, strlen(HEADER_ATTRIBUTE_PREFIX)) == 0)
        return header + strlen(HEADER_ATTRIBUTE_PREFIX);
    return strncmp(header, HEADER_PREFIX, strlen(HEADER_PREFIX)) == 0 ? NULL : header;
}

static void read_attributes(struct envelope *envelope, const rd_kafka_message_t *record)
{
    rd_kafka_headers_t *headers;
    const char *header, *name;
    const void *value;
    size_t size;

    envelope->attribute_count = 0;
    if (rd_kafka_message_headers(record, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    if (rd_kafka_header_cnt(headers) > envelope->attribute_capacity) {
        envelope->attribute_capacity = rd_kafka_header_cnt(headers);
        envelope->attributes = memory_resize(
            envelope->attributes, envelope->attribute_capacity * sizeof *envelope->attributes);
    }
    for (size_t i = 0;
         rd_kafka_header_get_all(headers, i, &header, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
         i++) {
        name = attribute_name(header);
        if (name == NULL)
            continue;
        envelope->attributes[envelope->attribute_count++] =
            (struct envelope_attribute){{name, strlen(name)}, {value != NULL ? value : "", size}};
    }
}

bool replay_letter_read(struct replay_letter *letter, const rd_kafka_message_t *record)
{
    static const char base64[] = "BASE64:";
    struct envelope *envelope = &letter->envelope;
    struct provenance_replay replay;
    const void *text;
    size_t size;

    if (!kafka_header(record, HEADER_SOURCE, &text, &size)
        || !provenance_parse_source(text, size, &letter->source)
        || !kafka_header(record, HEADER_REASON, &text, &letter->reason_size))
        return false;
    letter->reason = text;
    letter->attempt = kafka_header(record, HEADER_REPLAY, &text, &size)
                              && provenance_parse_replay(text, size, &replay)
                          ? replay.attempt
                          : 0;
    if (envelope->messages == NULL) {
        envelope->messages = memory_array(1, sizeof *envelope->messages);
        envelope->message_capacity = 1;
    }
    read_attributes(envelope, record);
    envelope->message_count = 1;
    envelope->messages[0] = (struct envelope_message){
        .data_bad = letter->reason_size >= sizeof base64 - 1
                    && memcmp(letter->reason, base64, sizeof base64 - 1) == 0,
        .message_id = {letter->source.message_id, letter->source.message_id_size},
        .publish_time_us = letter->source.publish_time_us,
        .attempt = letter->source.attempt,
        .attribute_count = (uint32_t)envelope->attribute_count,
        .data = record->payload != NULL ? record->payload : (const void *)"",
        .data_size = record->len,
    };
    if (kafka_header(record, HEADER_ORDERING_KEY, &text, &size))
        envelope->messages[0].ordering_key = (struct envelope_text){text, size};
    return true;
}
