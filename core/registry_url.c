/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry_url: a registry with Confluent's REST interface: Confluent's own, Apicurio (its base path is
 * /apis/ccompat/v7), Karapace, Redpanda.
 */
#include <ctype.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base64.h"
#include "core/buffer.h"
#include "core/http_client.h"
#include "core/log.h"
#include "core/registry_backend.h"

enum { TIMEOUT_MS = 10000, MESSAGE_SHOWN_MAX = 400 };

struct registry_url {
    struct registry_backend backend; /* First. */
    struct http_client *client;
    char *url;           /* Without user and password, and without a slash at its end. */
    char *authorization; /* The header for user and password; NULL: none. */
    struct buffer body;
};

static struct registry_url *self_of(struct registry_backend *backend)
{
    return (struct registry_url *)backend;
}

/* A path segment: everything but unreserved characters as %XX. */
static void append_segment(struct buffer *out, const char *text)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_~";

    for (; *text != '\0'; text++) {
        if (strchr(plain, *text) != NULL || *text == '.')
            buffer_append_byte(out, (uint8_t)*text);
        else
            buffer_appendf(out, "%%%02X", (unsigned)(unsigned char)*text);
    }
}

/* What the server says: its JSON's message, else the beginning of its text. */
static void server_message(const struct buffer *body, char out[static MESSAGE_SHOWN_MAX])
{
    json_t *json = json_loadb((const char *)body->data, body->size, 0, NULL);
    const char *message = json_string_value(json_object_get(json, "message"));

    if (message != NULL)
        snprintf(out, MESSAGE_SHOWN_MAX, "%s", message);
    else
        snprintf(out, MESSAGE_SHOWN_MAX, "%.*s", body->size > 200 ? 200 : (int)body->size,
                 body->size > 0 ? (const char *)body->data : "");
    for (char *at = out; *at != '\0'; at++)
        if ((unsigned char)*at < ' ')
            *at = ' ';
    json_decref(json);
}

static bool fail_status(const struct registry_url *self, const char *what, long status,
                        struct error *err)
{
    char message[MESSAGE_SHOWN_MAX];

    server_message(&self->body, message);
    if (status == 429 || status >= 500)
        error_retry(err, EXIT_CODE_TARGET, "schema registry %s: %s: status %ld: %s", self->url,
                    what, status, message);
    else
        error_set(err, EXIT_CODE_TARGET, "schema registry %s: %s: status %ld: %s", self->url, what,
                  status, message);
    if (status == 409)
        error_hint(err, "the subject's newest schema and this one do not go together: give new "
                        "fields a default, or change the subject's compatibility level");
    else if (status == 422)
        error_hint(err, "the registry does not take this schema as Avro");
    else if (status == 401 || status == 403)
        error_hint(err, "put the user and password into schema_registry.url: "
                        "https://USER:PASSWORD@HOST");
    else if (status == 404)
        error_hint(err, "is the path of schema_registry.url right? Apicurio's ends in "
                        "/apis/ccompat/v7");
    return false;
}

/* The status and the answer as a JSON object; NULL if there was none (of status 200). */
static bool call(struct registry_url *self, const char *method, const struct buffer *url,
                 const char *body, const char *what, long *status, json_t **answer,
                 struct error *err)
{
    const char *const headers[] = {"Accept: application/vnd.schemaregistry.v1+json",
                                   "Content-Type: application/vnd.schemaregistry.v1+json",
                                   self->authorization, NULL};
    struct http_request request = {
        .method = method,
        .url = (const char *)url->data,
        .headers = headers,
        .body = body,
        .body_size = body == NULL ? 0 : strlen(body),
        .timeout_ms = TIMEOUT_MS,
    };

    *answer = NULL;
    if (!http_client_run(self->client, &request, status, &self->body, err))
        return error_wrap(err, "schema registry %s: %s", self->url, what);
    if (*status != 200)
        return true;
    *answer = json_loadb((const char *)self->body.data, self->body.size, 0, NULL);
    if (json_is_object(*answer))
        return true;
    json_decref(*answer);
    *answer = NULL;
    return error_retry(err, EXIT_CODE_TARGET,
                       "schema registry %s: %s: the answer is no JSON object", self->url, what);
}

static bool read_id(const struct registry_url *self, const json_t *answer, const char *what,
                    int32_t *id, struct error *err)
{
    json_int_t value = json_integer_value(json_object_get(answer, "id"));

    if (value < 1 || value > INT32_MAX)
        return error_set(err, EXIT_CODE_TARGET, "schema registry %s: %s: the answer has no id",
                         self->url, what);
    *id = (int32_t)value;
    return true;
}

static void subject_url(const struct registry_url *self, const char *subject, const char *rest,
                        struct buffer *url)
{
    buffer_appendf(url, "%s/subjects/", self->url);
    append_segment(url, subject);
    buffer_append_text(url, rest);
    buffer_text(url);
}

static bool url_register(struct registry_backend *backend, const char *subject, const char *text,
                         int32_t *id, struct error *err)
{
    struct registry_url *self = self_of(backend);
    char *what = memory_textf("register subject %s", subject);
    json_t *request = json_pack("{s:s}", "schema", text), *answer;
    char *body = json_dumps(request, JSON_COMPACT);
    struct buffer url = {0};
    long status;

    subject_url(self, subject, "/versions", &url);

    bool done = call(self, "POST", &url, body, what, &status, &answer, err);

    if (done)
        done = status == 200 ? read_id(self, answer, what, id, err)
                             : fail_status(self, what, status, err);
    json_decref(answer);
    json_decref(request);
    buffer_fini(&url);
    free(body);
    free(what);
    return done;
}

static char *url_fetch(struct registry_backend *backend, int32_t id, struct error *err)
{
    struct registry_url *self = self_of(backend);
    char *what = memory_textf("get schema id %" PRId32, id), *text = NULL;
    struct buffer url = {0};
    json_t *answer;
    long status;

    buffer_appendf(&url, "%s/schemas/ids/%" PRId32, self->url, id);
    buffer_text(&url);
    if (call(self, "GET", &url, NULL, what, &status, &answer, err)) {
        text = memory_text(json_string_value(json_object_get(answer, "schema")));
        if (status != 200)
            fail_status(self, what, status, err);
        else if (text == NULL)
            error_set(err, EXIT_CODE_TARGET, "schema registry %s: %s: the answer has no schema",
                      self->url, what);
    }
    json_decref(answer);
    buffer_fini(&url);
    free(what);
    return text;
}

static bool url_latest(struct registry_backend *backend, const char *subject, int32_t *id,
                       struct error *err)
{
    struct registry_url *self = self_of(backend);
    char *what = memory_textf("get the newest schema of subject %s", subject);
    struct buffer url = {0};
    json_t *answer;
    long status;

    *id = 0;
    subject_url(self, subject, "/versions/latest", &url);

    bool done = call(self, "GET", &url, NULL, what, &status, &answer, err);

    if (done && status == 200)
        done = read_id(self, answer, what, id, err);
    else if (done && status != 404)
        done = fail_status(self, what, status, err);
    json_decref(answer);
    buffer_fini(&url);
    free(what);
    return done;
}

static void url_close(struct registry_backend *backend)
{
    struct registry_url *self = self_of(backend);

    http_client_free(self->client);
    buffer_fini(&self->body);
    free(self->url);
    free(self->authorization);
    free(self);
}

static const struct registry_ops url_ops = {
    .close = url_close,
    .register_text = url_register,
    .fetch = url_fetch,
    .latest = url_latest,
};

/* "us%65r" -> "user", in place. */
static void decode_percent(char *text)
{
    char *to = text;

    for (; *text != '\0'; text++) {
        if (text[0] == '%' && isxdigit((unsigned char)text[1])
            && isxdigit((unsigned char)text[2])) {
            const char digits[3] = {text[1], text[2], '\0'};

            *to++ = (char)strtol(digits, NULL, 16);
            text += 2;
        } else {
            *to++ = *text;
        }
    }
    *to = '\0';
}

/* "user:password" -> the header. The secret is never logged. */
static char *authorization_of(const char *user, size_t size)
{
    char *plain = memory_text_n(user, size);

    decode_percent(plain);

    size_t plain_size = strlen(plain);
    char *coded = memory_new(BASE64_TEXT_SIZE(plain_size) + 1);
    const char *colon = strchr(plain, ':');

    base64_write(plain, plain_size, coded);
    log_redact(coded);
    if (colon != NULL)
        log_redact(colon + 1);

    char *header = memory_textf("Authorization: Basic %s", coded);

    free(coded);
    free(plain);
    return header;
}

/* Takes "user:password@" out of "https://user:password@host/x": messages may show the rest. */
static void set_url(struct registry_url *self, const char *url, size_t size)
{
    size_t head = (size_t)(strstr(url, "://") + 3 - url);
    size_t authority = strcspn(url + head, "/?#");
    const char *at = memrchr(url + head, '@', authority);
    char *whole = memory_text_n(url, size);

    if (at == NULL) {
        self->url = whole;
        return;
    }
    self->authorization = authorization_of(url + head, (size_t)(at - url) - head);
    self->url = memory_textf("%.*s%s", (int)head, url, whole + (at + 1 - url));
    free(whole);
}

struct registry_backend *registry_url_open(const char *url, struct error *err)
{
    size_t size = strlen(url);

    if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0) {
        error_set(err, EXIT_CODE_CONFIG,
                  "schema registry: the URL must begin with http:// or https://");
        return NULL;
    }
    while (url[size - 1] == '/')
        size--;

    struct registry_url *self = memory_new(sizeof *self);

    self->backend.ops = &url_ops;
    self->client = http_client_new();
    set_url(self, url, size);
    return &self->backend;
}
