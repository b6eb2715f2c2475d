/* SPDX-License-Identifier: Apache-2.0 */
#include "core/log.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "core/buffer.h"
#include "core/error.h"

enum { SECRET_LIMIT = 64, SECRET_SIZE_MIN = 4, WIDTH_DEFAULT = 100 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static enum log_level least = LOG_INFO;
static bool as_json;
static char *secrets[SECRET_LIMIT];
static unsigned secret_count;
static bool status_shown;

/* To the beginning of the line, and clear it. */
#define ERASE "\r\033[K"

void log_status_line(const char *text)
{
    struct winsize window = {0};
    struct buffer line = {0};

    if (isatty(STDERR_FILENO) != 1)
        return;
    ioctl(STDERR_FILENO, TIOCGWINSZ, &window);
    int width = window.ws_col > 1 ? window.ws_col - 1 : WIDTH_DEFAULT;
    pthread_mutex_lock(&mutex);
    if (status_shown || text != NULL)
        buffer_appendf(&line, ERASE "%.*s", width, text != NULL ? text : "");
    status_shown = text != NULL;
    ssize_t written = line.size > 0 ? write(STDERR_FILENO, line.data, line.size) : 0;
    (void)written;
    pthread_mutex_unlock(&mutex);
    buffer_fini(&line);
}

void log_set_level(enum log_level level)
{
    least = level;
}

void log_set_json(bool json)
{
    as_json = json;
}

void log_redact(const char *secret)
{
    if (secret == NULL || strlen(secret) < SECRET_SIZE_MIN)
        return;
    pthread_mutex_lock(&mutex);
    bool known = false;
    for (unsigned i = 0; i < SECRET_LIMIT && secrets[i] != NULL && !known; i++)
        known = strcmp(secrets[i], secret) == 0;
    if (!known) {
        char **slot = &secrets[secret_count++ % SECRET_LIMIT];
        free(*slot);
        *slot = strdup(secret);
    }
    pthread_mutex_unlock(&mutex);
}

/* Copies text into out with <secret> in the place of each secret. The mutex is held. */
static void hide_secrets(const char *text, struct buffer *out)
{
    while (*text != '\0') {
        size_t size = 0;
        for (unsigned i = 0; i < SECRET_LIMIT && secrets[i] != NULL; i++) {
            size_t length = strlen(secrets[i]);
            if (length > size && strncmp(text, secrets[i], length) == 0)
                size = length; /* The longest one, if one begins another. */
        }
        if (size > 0) {
            buffer_append_text(out, "<secret>");
            text += size;
        } else {
            buffer_append_byte(out, (uint8_t)*text++);
        }
    }
}

static void append_escaped(struct buffer *line, const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\')
            buffer_appendf(line, "\\%c", *c);
        else if ((unsigned char)*c < 0x20)
            buffer_appendf(line, "\\u%04x", (unsigned)*c);
        else
            buffer_append_byte(line, (uint8_t)*c);
    }
}

/* Secrets go before escaping: a quote in a secret must not save it from being found. */
static void append_text(struct buffer *line, const char *secret_text)
{
    struct buffer hidden = {0};

    hide_secrets(secret_text, &hidden);
    const char *text = buffer_text(&hidden);
    bool quote = as_json || text[0] == '\0' || strpbrk(text, " \"=\t\r\n\\") != NULL;
    buffer_append_text(line, quote ? "\"" : "");
    append_escaped(line, text);
    buffer_append_text(line, quote ? "\"" : "");
    buffer_fini(&hidden);
}

static void append_field(struct buffer *line, const struct log_field *field)
{
    buffer_appendf(line, as_json ? ",\"%s\":" : " %s=", field->key);
    switch (field->kind) {
    case LOG_FIELD_TEXT:
        append_text(line, field->text != NULL ? field->text : "-");
        break;
    case LOG_FIELD_INT:
        buffer_appendf(line, "%lld", (long long)field->number);
        break;
    case LOG_FIELD_REAL:
        if (as_json && !isfinite(field->real))
            buffer_append_text(line, "null"); /* JSON knows no other word for it. */
        else
            buffer_appendf(line, "%.6g", field->real);
        break;
    }
}

void log_hide(const char *text, struct buffer *out)
{
    pthread_mutex_lock(&mutex);
    hide_secrets(text, out);
    pthread_mutex_unlock(&mutex);
}

static void append_head(struct buffer *line, enum log_level level, const char *message)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    struct timespec now;
    struct tm utc;
    char stamp[32];

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &utc);
    buffer_appendf(
        line, as_json ? "{\"time\":\"%s.%03ldZ\",\"level\":\"%s\",\"message\":" : "%s.%03ldZ %s ",
        stamp, now.tv_nsec / 1000000, names[level]);
    if (as_json) {
        append_text(line, message);
        return;
    }
    struct buffer hidden = {0};
    hide_secrets(message, &hidden);
    append_escaped(line, buffer_text(&hidden));
    buffer_fini(&hidden);
}

void log_write(enum log_level level, const char *message, const struct log_field *fields,
               size_t field_count)
{
    if (level < least)
        return;

    struct buffer line = {0};

    pthread_mutex_lock(&mutex);
    if (status_shown)
        buffer_append_text(&line, ERASE);
    status_shown = false;
    append_head(&line, level, message);
    for (size_t i = 0; i < field_count; i++)
        append_field(&line, &fields[i]);
    buffer_append_text(&line, as_json ? "}" : "");
    buffer_append_byte(&line, '\n');
    ssize_t written = write(STDERR_FILENO, line.data, line.size);
    (void)written; /* There is no better place to complain. */
    pthread_mutex_unlock(&mutex);
    buffer_fini(&line);
}

void log_failure(const char *message, const struct error *err)
{
    if (err->hint[0] != '\0')
        log_error(message, LOG_TEXT("error", err->text), LOG_TEXT("hint", err->hint));
    else
        log_error(message, LOG_TEXT("error", err->text));
}
