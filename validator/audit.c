/* SPDX-License-Identifier: Apache-2.0 */
#include "validator/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/buffer.h"
#include "core/clock.h"
#include "core/process.h"
#include "core/pubsub.h"
#include "validator/capture.h"

enum {
    PULL_MESSAGES = 1000,
    PULL_MS_MIN = 1000,
    PULL_MS_MAX = 90000,
    RETRY_US = 200000,
    CALL_MARGIN_MS = 1000,
    ACK_DEADLINE_S_MAX = 600,
};

struct audit {
    const struct audit_options *options;
    struct pubsub *pubsub;
    struct capture *capture;
    int64_t begun_us, heard_us; /* Monotonic; heard: when something old enough came. */
    int64_t messages;
    int64_t quiet_ms; /* Ends when nothing older came for so long. */
};

static void put(struct audit *audit, const struct pubsub_message *message, int64_t now_us)
{
    char *attributes = json_object_size(message->attributes) > 0
                           ? json_dumps(message->attributes, JSON_COMPACT | JSON_SORT_KEYS)
                           : NULL;
    struct capture_message caught = {.publish_time_us = message->publish_time_us,
                                     .id = message->message_id,
                                     .id_size = strlen(message->message_id),
                                     .ordering_key = message->ordering_key,
                                     .ordering_key_size = strlen(message->ordering_key),
                                     .attributes = attributes,
                                     .attributes_size = attributes ? strlen(attributes) : 0,
                                     .data = message->data,
                                     .data_size = message->data_size};

    capture_put(audit->capture, &caught);
    free(attributes);
    audit->messages++;
    if (message->publish_time_us <= audit->options->started_us)
        audit->heard_us = now_us;
}

/* True if another try may help: then nothing is left of the error. */
static bool forgive(struct error *err)
{
    if (err->class != ERROR_RETRY)
        return false;
    *err = (struct error){0};
    return true;
}

/* On disk first, then acknowledged. */
static bool keep_batch(struct audit *audit, const struct pubsub_batch *batch, struct error *err)
{
    const char **ack_ids = memory_array(batch->count + 1, sizeof *ack_ids);
    int64_t now_us = clock_monotonic_us(clock_real());

    for (size_t i = 0; i < batch->count; i++) {
        put(audit, &batch->messages[i], now_us);
        ack_ids[i] = batch->messages[i].ack_id;
    }
    bool done = capture_sync(audit->capture, err);
    if (done && batch->count > 0
        && !pubsub_ack(audit->pubsub, audit->options->stream->audit_subscription, ack_ids,
                       batch->count, err))
        done = forgive(err); /* They come again, and are known by their ids. */
    free(ack_ids);
    return done;
}

/* Pub/Sub holds an empty pull for up to 90 s. One that is given up after the settle time is as good as an
 * empty answer: had there been a message, it would have been sent at once. */
static int64_t pull_timeout_ms(const struct audit_options *options)
{
    int64_t ms = options->settle_ms;

    return ms < PULL_MS_MIN ? PULL_MS_MIN : ms > PULL_MS_MAX ? PULL_MS_MAX : ms;
}

static bool pull(struct audit *audit, struct error *err)
{
    int64_t timeout_ms = pull_timeout_ms(audit->options);
    int64_t begun_us = clock_monotonic_us(clock_real());
    struct pubsub_batch batch = {0};

    if (!pubsub_pull(audit->pubsub, audit->options->stream->audit_subscription, PULL_MESSAGES,
                     timeout_ms, &batch, err)) {
        if (!forgive(err))
            return false;
        if (clock_monotonic_us(clock_real()) - begun_us < timeout_ms * 1000)
            usleep(RETRY_US); /* It failed at once: not so fast. */
        return true;
    }
    bool done = keep_batch(audit, &batch, err);
    progress_step(audit->options->progress, (int64_t)batch.count);
    pubsub_batch_fini(&batch);
    return done;
}

static bool drain(struct audit *audit, bool *quiet, struct error *err)
{
    audit->begun_us = audit->heard_us = clock_monotonic_us(clock_real());
    for (;;) {
        int64_t now_us = clock_monotonic_us(clock_real());
        *quiet = now_us - audit->heard_us >= audit->quiet_ms * 1000;
        if (*quiet || now_us - audit->begun_us > audit->options->timeout_ms * 1000)
            return true;
        if (process_stopping())
            return error_set(err, EXIT_CODE_INCONCLUSIVE, "stopped while capturing the audit");
        if (!pull(audit, err))
            return false;
    }
}

/* -- A capture that was cut off -- */

/* What a process had pulled when it was killed comes again only when its lease ends. A file marks a
 * capture that has begun; one that is there at the start means to wait for that. */
static char *marker(const struct audit_options *options)
{
    return memory_textf("%s/audit-%s.pulling", options->directory, options->stream->name);
}

/* The longest there is if the subscription may not be read. */
static int64_t ack_deadline_ms(struct audit *audit)
{
    const struct audit_options *options = audit->options;
    char *url = pubsub_subscription_url(&options->pipeline->pubsub,
                                        options->stream->audit_subscription, NULL);
    struct error ignored = {0};
    json_t *subscription = pubsub_call(audit->pubsub, "GET", url, NULL, &ignored);
    json_int_t seconds = json_integer_value(json_object_get(subscription, "ackDeadlineSeconds"));

    json_decref(subscription);
    free(url);
    return (seconds > 0 ? seconds : ACK_DEADLINE_S_MAX) * 1000 + CALL_MARGIN_MS;
}

static bool begin(struct audit *audit, struct error *err)
{
    char *path = marker(audit->options);
    bool cut_off = access(path, F_OK) == 0;
    int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    audit->quiet_ms = audit->options->settle_ms;
    if (file < 0)
        error_set(err, EXIT_CODE_STATE, "create %s: %s", path, strerror(errno));
    else
        close(file);
    free(path);
    if (cut_off) {
        int64_t lease_ms = ack_deadline_ms(audit);
        audit->quiet_ms = lease_ms > audit->quiet_ms ? lease_ms : audit->quiet_ms;
    }
    return file >= 0;
}

static void end(const struct audit *audit)
{
    char *path = marker(audit->options);

    unlink(path);
    free(path);
}

bool audit_capture(const struct audit_options *options, bool *quiet, int64_t *messages,
                   struct error *err)
{
    struct audit audit = {.options = options};
    bool done = false;

    progress_phase(options->progress, "auditing %s", options->stream->audit_subscription);
    audit.pubsub = pubsub_new(&options->pipeline->pubsub, err);
    if (audit.pubsub != NULL)
        audit.capture = capture_open(options->directory, options->stream->name, err);
    if (audit.capture != NULL)
        done = begin(&audit, err) && drain(&audit, quiet, err);
    if (done)
        end(&audit);
    *messages = audit.messages;
    capture_close(audit.capture);
    pubsub_free(audit.pubsub);
    return done || error_wrap(err, "audit of stream %s", options->stream->name);
}
