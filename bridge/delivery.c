/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/delivery.h"

#include <stdio.h>
#include <string.h>

#include "core/provenance.h"

bool delivery_open(struct delivery *delivery, const struct pipeline_stream *config,
                   struct sink *sink, struct registry *registry, struct error *err)
{
    *delivery = (struct delivery){.config = config, .sink = sink};
    delivery->mapping = mapping_new(config, registry, err);
    if (delivery->mapping == NULL)
        return false;
    delivery->topic = sink_topic(sink, &config->topic, err);
    if (delivery->topic == NULL)
        return false;
    if (config->dead_letter == NULL)
        return true;
    delivery->dead_letters = sink_dead_letters(sink, config->dead_letter, &config->topic, err);
    return delivery->dead_letters != NULL;
}

void delivery_close(struct delivery *delivery)
{
    mapping_free(delivery->mapping);
    delivery->mapping = NULL;
}

const char *delivery_subscription(const struct pipeline_stream *config)
{
    const char *slash = strrchr(config->subscription, '/');

    return slash != NULL ? slash + 1 : config->subscription;
}

/* The parts of a record that do not depend on whether it fits. */
static struct sink_record record_of(const struct delivery *delivery,
                                    const struct envelope *envelope,
                                    const struct envelope_message *message, const char *replay,
                                    char source[static PROVENANCE_TEXT_SIZE])
{
    const char *subscription = delivery_subscription(delivery->config);
    const struct provenance_source provenance = {
        .subscription = subscription,
        .subscription_size = strlen(subscription),
        .message_id = message->message_id.data,
        .message_id_size = message->message_id.size,
        .publish_time_us = message->publish_time_us,
        .attempt = message->attempt,
    };

    return (struct sink_record){
        .spread = message->message_id,
        .time_ms = message->publish_time_us / 1000,
        .source = source,
        .source_size = provenance_format_source(&provenance, source),
        .ordering_key = message->ordering_key,
        .attributes = envelope->attributes + message->attribute_first,
        .attribute_count = message->attribute_count,
        .replay = replay,
    };
}

static enum sink_result send_dead_letter(const struct delivery *delivery,
                                         struct sink_record *record,
                                         const struct envelope_message *message,
                                         struct delivery_outcome *outcome, struct error *err)
{
    const char *stream = delivery->config->name;

    if (delivery->dead_letters == NULL) {
        error_set(err, EXIT_CODE_TARGET,
                  "stream %s: message %.*s does not fit and there is no dead-letter topic: %s",
                  stream, (int)message->message_id.size, message->message_id.data, outcome->reason);
        error_hint(err, "name one as dead_letter of the stream; the message is not acknowledged");
        return SINK_FAILED;
    }
    record->topic = delivery->dead_letters;
    record->key = NULL;
    record->key_size = 0;
    record->value = message->data;
    record->value_size = message->data_size;
    record->reason = outcome->reason;
    enum sink_result result = sink_send(delivery->sink, record, err);
    if (result == SINK_TOO_LARGE) {
        error_set(err, EXIT_CODE_TARGET,
                  "stream %s: message %.*s is too large even for the dead-letter topic %s", stream,
                  (int)message->message_id.size, message->message_id.data,
                  delivery->config->dead_letter);
        error_hint(err, "raise max.message.bytes of that topic; the message is not acknowledged");
        return SINK_FAILED;
    }
    return result;
}

enum sink_result delivery_send(const struct delivery *delivery, const struct envelope *envelope,
                               const struct envelope_message *message, const char *replay,
                               uint64_t tag, uint64_t dead_tag, struct delivery_outcome *outcome,
                               struct error *err)
{
    char source[PROVENANCE_TEXT_SIZE];
    struct sink_record record = record_of(delivery, envelope, message, replay, source);
    struct mapped mapped = {0};

    outcome->dead_letter = false;
    if (mapping_apply(delivery->mapping, envelope, message, &mapped, outcome->reason)) {
        record.topic = delivery->topic;
        record.key = mapped.key;
        record.key_size = mapped.key_size;
        record.value = mapped.value;
        record.value_size = mapped.value_size;
        record.tag = tag;
        outcome->size_bytes = mapped.key_size + mapped.value_size;
        enum sink_result result = sink_send(delivery->sink, &record, err);
        if (result != SINK_TOO_LARGE)
            return result;
        snprintf(outcome->reason, sizeof outcome->reason,
                 "SIZE: a record of %zu bytes is too large for topic %s", mapped.value_size,
                 delivery->config->topic.name);
    }
    outcome->dead_letter = true;
    outcome->size_bytes = message->data_size;
    record.tag = dead_tag;
    return send_dead_letter(delivery, &record, message, outcome, err);
}
