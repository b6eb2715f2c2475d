/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stream's books: events into them, and they onto the ledger.
 */
#include <stdio.h>

#include "bridge/stream.h"
#include "core/log.h"

/* A note's tag: the stream, and which of its books. Never 0. */
static uint64_t note_tag(const struct stream *stream, uint32_t number)
{
    return ((uint64_t)stream->index + 1) << 32 | number;
}

static struct book names_of(const struct stream *stream)
{
    const struct pipeline_stream *config = stream->config;
    struct book names = {.run = stream->context->run};

    snprintf(names.stream, sizeof names.stream, "%s", config->name);
    snprintf(names.instance, sizeof names.instance, "%s", stream->context->instance);
    snprintf(names.subscription, sizeof names.subscription, "%s", delivery_subscription(config));
    snprintf(names.topic, sizeof names.topic, "%s", config->topic.name);
    snprintf(names.dead_letter, sizeof names.dead_letter, "%s",
             config->dead_letter != NULL ? config->dead_letter : "");
    return names;
}

struct books *stream_open_books(const struct stream *stream)
{
    struct book names = names_of(stream);
    struct books *books = books_new(&names);

    books_tick(books, clock_monotonic_us(stream->context->clock) / 1000);
    return books;
}

static bool ends_of(const struct stream *stream, const struct sink_topic *topic, int64_t **ends,
                    size_t *count, struct error *err)
{
    *count = topic != NULL ? (size_t)sink_topic_partitions(topic) : 0;
    *ends = memory_array(*count + 1, sizeof **ends);
    return topic == NULL || sink_topic_ends(stream->context->sink, topic, *ends, err);
}

void stream_begin_books(const struct stream *stream)
{
    const struct stream_context *context = stream->context;
    struct book_run run = {.names = names_of(stream), .started_ms = clock_wall_ms(context->clock)};
    struct buffer key = {0}, value = {0};
    struct error err = {0};

    if (ends_of(stream, stream->delivery.topic, &run.topic_ends, &run.topic_count, &err)
        && ends_of(stream, stream->delivery.dead_letters, &run.dead_ends, &run.dead_count, &err)) {
        book_run_format(&run, &key, &value);
        sink_note(context->sink, context->ledger, &key, &value, 0);
    } else {
        log_failure("the ends of the topics cannot be read: books will be a lower bound", &err);
    }
    book_run_fini(&run);
    buffer_fini(&key);
    buffer_fini(&value);
}

void stream_write_books(struct stream *stream)
{
    const struct stream_context *context = stream->context;
    int64_t now_ms = clock_monotonic_us(context->clock) / 1000;
    struct buffer key = {0}, value = {0};
    const struct book *book;

    books_tick(stream->books, now_ms);
    while ((book = books_due(stream->books, now_ms)) != NULL) {
        book_format(book, &key, &value);
        if (!sink_note(context->sink, context->ledger, &key, &value,
                       note_tag(stream, book->number)))
            break; /* Later. */
        books_wrote(stream->books, now_ms);
    }
    buffer_fini(&key);
    buffer_fini(&value);
}

void stream_noted(struct stream *stream, uint32_t number, const char *fault)
{
    books_reported(stream->books, number);
    if (fault == NULL || stream->ledger_failed)
        return;
    stream->ledger_failed = true;
    log_warn("the ledger cannot be written: books will be missing",
             LOG_TEXT("stream", stream->config->name), LOG_TEXT("error", fault));
}

void stream_close_books(struct stream *stream)
{
    books_close(stream->books);
    stream_write_books(stream);
}

void stream_expect_books(struct stream *stream, const struct envelope *envelope)
{
    for (size_t i = 0; i < envelope->message_count; i++)
        books_expect(stream->books, book_minute(envelope->messages[i].publish_time_us));
    if (books_have_new(stream->books))
        stream_write_books(stream);
}

bool stream_awaits_book(struct stream *stream, const struct envelope_message *message)
{
    if (books_are_open(stream->books, book_minute(message->publish_time_us)))
        return false;
    if (books_have_new(stream->books))
        stream_write_books(stream);
    return true;
}

void stream_book(struct stream *stream, enum book_event event, uint32_t ref)
{
    struct flight_owner owner = flight_owner(stream->flight, ref);

    books_add(stream->books, owner.minute, event, owner.id);
}

void stream_book_left(struct stream *stream, const struct envelope_message *message)
{
    struct window_id id = window_hash(message->message_id.data, message->message_id.size);
    uint32_t minute = book_minute(message->publish_time_us);

    books_add(stream->books, minute, BOOK_RECEIVED, id);
    books_add(stream->books, minute, BOOK_RETURNED, id);
}
