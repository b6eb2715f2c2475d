/* SPDX-License-Identifier: Apache-2.0 */
#include "core/auth.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/auth_external.h"
#include "core/auth_key.h"
#include "core/buffer.h"
#include "core/http_client.h"
#include "core/log.h"

enum {
    TRIES = 3,
    TRY_PAUSE_MS = 200, /* Doubled each time. */
    TOKEN_TIMEOUT_MS = 10000,
    METADATA_TIMEOUT_MS = 3000,
    EARLY_S = 225, /* A new token is fetched this long before the old one ends, as Google's do. */
    LIFETIME_LIMIT_S = 31622400, /* A year: more is no token of Google's. */
    AGAIN_S = 10,                /* After a failure while the old token still holds. */
    FILE_CHECK_S = 60,
    TOKEN_FILE_LIMIT = 16 * 1024,
};

enum auth_kind { AUTH_NONE, AUTH_TOKEN_FILE, AUTH_KEY, AUTH_EXTERNAL, AUTH_METADATA };

struct auth {
    enum auth_kind kind;
    struct clock *clock;
    struct http_client *http;
    char *name;          /* Of the credential, for messages. */
    char *file;          /* AUTH_TOKEN_FILE */
    struct stat seen;    /* The file when it was read. */
    struct auth_key key; /* AUTH_KEY */
    bool signs;          /* AUTH_KEY: its JWT is the token; nothing is exchanged. */
    struct auth_external external;
    char *metadata_url; /* AUTH_METADATA */
    char *header;       /* "Bearer ...", NULL: none yet, or refused. */
    int64_t renew_us;   /* Monotonic. */
    int64_t expires_us;
};

/* The file gcloud writes with `gcloud auth application-default login`, if it is there. */
static char *gcloud_file(void)
{
    const char *directory = getenv("CLOUDSDK_CONFIG");
    const char *home = getenv("HOME");
    char *file = NULL;

    if (directory != NULL && directory[0] != '\0')
        file = memory_textf("%s/application_default_credentials.json", directory);
    else if (home != NULL)
        file = memory_textf("%s/.config/gcloud/application_default_credentials.json", home);
    if (file != NULL && access(file, F_OK) == 0)
        return file;
    free(file);
    return NULL;
}

static bool use_external(struct auth *auth, const char *file, struct error *err)
{
    auth->kind = AUTH_EXTERNAL;
    if (!auth_external_load(&auth->external, file, err))
        return false;
    auth->name = memory_text(auth->external.name);
    return true;
}

static bool use_key(struct auth *auth, const char *file, struct error *err)
{
    if (auth_external_is(file))
        return use_external(auth, file, err);
    auth->kind = AUTH_KEY;
    if (!auth_key_load(&auth->key, file, err))
        return false;
    auth->name = memory_text(auth->key.name);
    return true;
}

static bool use_metadata(struct auth *auth)
{
    const char *host = getenv("GCE_METADATA_HOST");

    if (host == NULL || host[0] == '\0')
        host = "metadata.google.internal";
    auth->kind = AUTH_METADATA;
    auth->name = memory_textf("metadata server %s", host);
    auth->metadata_url =
        memory_textf("http://%s/computeMetadata/v1/instance/service-accounts/default/token", host);
    return true;
}

/* Google's order: the environment, gcloud's file, the machine. */
static bool use_default(struct auth *auth, struct error *err)
{
    const char *named = getenv("GOOGLE_APPLICATION_CREDENTIALS");

    if (named != NULL && named[0] != '\0')
        return use_key(auth, named, err);

    char *file = gcloud_file();

    if (file == NULL)
        return use_metadata(auth);
    bool used = use_key(auth, file, err);
    free(file);
    return used;
}

static bool use_token_file(struct auth *auth, const char *file)
{
    auth->kind = AUTH_TOKEN_FILE;
    auth->name = memory_textf("token file %s", file);
    auth->file = memory_text(file);
    return true;
}

static bool use(struct auth *auth, const struct pipeline_pubsub *pubsub, struct error *err)
{
    switch (pubsub->credentials) {
    case CREDENTIALS_EMULATOR:
        auth->kind = AUTH_NONE;
        return true;
    case CREDENTIALS_DEFAULT:
        return use_default(auth, err);
    case CREDENTIALS_SERVICE_ACCOUNT:
        return use_key(auth, pubsub->credentials_file, err);
    case CREDENTIALS_METADATA:
        return use_metadata(auth);
    case CREDENTIALS_TOKEN_FILE:
        return use_token_file(auth, pubsub->credentials_file);
    case CREDENTIALS_EXTERNAL_ACCOUNT:
        return use_external(auth, pubsub->credentials_file, err);
    }
    return error_set(err, EXIT_CODE_BUG, "credentials of no kind");
}

/* Another server, such as an emulator or a test's, does not know the public keys of accounts. */
static bool is_googles(const char *endpoint)
{
    static const char domain[] = ".googleapis.com";
    size_t size = endpoint != NULL ? strlen(endpoint) : 0, end = sizeof domain - 1;

    return size > end && strncmp(endpoint, "https://", 8) == 0
           && strncmp(endpoint + size - end, domain, end) == 0
           && strpbrk(endpoint + 8, "/?#@") == NULL;
}

struct auth *auth_new(const struct pipeline_pubsub *pubsub, struct clock *clock, struct error *err)
{
    struct auth *auth = memory_new(sizeof *auth);

    auth->clock = clock;
    auth->http = http_client_new();
    if (use(auth, pubsub, err)) {
        /* As Google's libraries choose: one host less to reach, and one that can fail less. */
        auth->signs =
            auth->kind == AUTH_KEY && auth_key_may_sign(&auth->key) && is_googles(pubsub->endpoint);
        return auth;
    }
    auth_free(auth);
    return NULL;
}

void auth_refuse(struct auth *auth)
{
    if (auth->header != NULL)
        explicit_bzero(auth->header, strlen(auth->header));
    free(auth->header);
    auth->header = NULL;
}

void auth_free(struct auth *auth)
{
    if (auth == NULL)
        return;
    auth_refuse(auth);
    auth_key_fini(&auth->key);
    auth_external_fini(&auth->external);
    http_client_free(auth->http);
    free(auth->name);
    free(auth->file);
    free(auth->metadata_url);
    free(auth);
}

/* A token becomes part of a header: nothing in it may end the line. */
static bool token_is_clean(const char *token)
{
    if (token[0] == '\0')
        return false;
    for (; *token != '\0'; token++)
        if (*token <= ' ' || *token >= 0x7f)
            return false;
    return true;
}

static void keep_token(struct auth *auth, const char *token, int64_t lifetime_s)
{
    int64_t early_s = lifetime_s - EARLY_S > lifetime_s / 2 ? EARLY_S : lifetime_s / 2;
    int64_t now_us = clock_monotonic_us(auth->clock);

    log_redact(token);
    auth_refuse(auth);
    auth->header = memory_textf("Bearer %s", token);
    auth->expires_us = now_us + lifetime_s * 1000000;
    auth->renew_us = auth->expires_us - early_s * 1000000;
}

static bool read_answer(struct auth *auth, struct buffer *body, struct error *err)
{
    json_t *json = json_loadb((const char *)body->data, body->size, 0, NULL);
    const char *token;
    json_int_t lifetime_s;
    bool whole =
        json != NULL
        && json_unpack(json, "{s:s, s:I}", "access_token", &token, "expires_in", &lifetime_s) == 0
        && token_is_clean(token) && lifetime_s > 0 && lifetime_s <= LIFETIME_LIMIT_S;

    if (whole)
        keep_token(auth, token, lifetime_s);
    else
        error_retry(err, EXIT_CODE_SOURCE, "%s: the answer holds no access token", auth->name);
    json_decref(json);
    return whole;
}

static void hint_refused(const struct auth *auth, long status, struct error *err)
{
    char now[CLOCK_TEXT_SIZE];

    if (auth->kind == AUTH_METADATA && status == 404)
        error_hint(err, "this machine has no service account: attach one, or name a key file in "
                        "pubsub.credentials");
    else if (auth->kind == AUTH_KEY && auth->key.key == NULL)
        error_hint(err, "run gcloud auth application-default login again");
    else if (auth->kind == AUTH_KEY)
        error_hint(err,
                   "the key may be deleted or disabled, or this machine's clock wrong: it says %s",
                   clock_format_ms(clock_wall_ms(auth->clock), now));
}

static bool refused(const struct auth *auth, long status, const struct buffer *body,
                    struct error *err)
{
    const char *code = "refused", *description = "";
    json_t *json = json_loadb((const char *)body->data, body->size, 0, NULL);

    if (json != NULL)
        json_unpack(json, "{s:s, s?s}", "error", &code, "error_description", &description);
    error_set(err, EXIT_CODE_SOURCE, "%s: token request: %s%s%s (HTTP %ld)", auth->name, code,
              description[0] != '\0' ? ": " : "", description, status);
    if (status == 429 || status >= 500)
        err->class = ERROR_RETRY;
    else
        hint_refused(auth, status, err);
    json_decref(json);
    return false;
}

static bool request_token(struct auth *auth, const struct http_request *request, struct error *err)
{
    struct buffer body = {0};
    long status = 0;
    bool done = http_client_run(auth->http, request, &status, &body, err);

    if (!done) {
        error_wrap(err, "%s: token request", auth->name);
        if (auth->kind == AUTH_METADATA)
            error_hint(err, "outside Google Cloud there is no metadata server: name a key file in "
                            "pubsub.credentials, or set GOOGLE_APPLICATION_CREDENTIALS");
    } else if (status == 200) {
        done = read_answer(auth, &body, err);
    } else {
        done = refused(auth, status, &body, err);
    }
    if (body.data != NULL)
        explicit_bzero(body.data, body.capacity);
    buffer_fini(&body);
    return done;
}

static bool fetch_metadata(struct auth *auth, struct error *err)
{
    static const char *const headers[] = {"Metadata-Flavor: Google", NULL};
    struct http_request request = {.method = "GET",
                                   .url = auth->metadata_url,
                                   .headers = headers,
                                   .timeout_ms = METADATA_TIMEOUT_MS,
                                   .direct = true};

    return request_token(auth, &request, err);
}

static bool fetch_by_key(struct auth *auth, struct error *err)
{
    static const char *const headers[] = {"Content-Type: application/x-www-form-urlencoded", NULL};
    struct buffer form = {0};
    bool done = auth_key_request(&auth->key, clock_wall_ms(auth->clock) / 1000, &form, err);

    if (done) {
        struct http_request request = {.method = "POST",
                                       .url = auth->key.token_uri,
                                       .headers = headers,
                                       .body = form.data,
                                       .body_size = form.size,
                                       .timeout_ms = TOKEN_TIMEOUT_MS};
        done = request_token(auth, &request, err);
    }
    if (form.data != NULL)
        explicit_bzero(form.data, form.capacity);
    buffer_fini(&form);
    return done;
}

static bool sign_token(struct auth *auth, struct error *err)
{
    struct buffer token = {0};
    bool done = auth_key_sign(&auth->key, clock_wall_ms(auth->clock) / 1000, &token, err);

    if (done)
        keep_token(auth, buffer_text(&token), AUTH_KEY_LIFETIME_S);
    if (token.data != NULL)
        explicit_bzero(token.data, token.capacity);
    buffer_fini(&token);
    return done;
}

static bool fetch_external(struct auth *auth, struct error *err)
{
    struct auth_external_token token = {0};
    bool done = auth_external_fetch(&auth->external, auth->http, clock_wall_ms(auth->clock) / 1000,
                                    &token, err);

    if (done && token_is_clean(buffer_text(&token.text)))
        keep_token(auth, buffer_text(&token.text), token.lifetime_s);
    else if (done)
        done =
            error_retry(err, EXIT_CODE_SOURCE, "%s: the answer holds no access token", auth->name);
    if (token.text.data != NULL)
        explicit_bzero(token.text.data, token.text.capacity);
    buffer_fini(&token.text);
    return done;
}

static bool fetch_once(struct auth *auth, struct error *err)
{
    switch (auth->kind) {
    case AUTH_METADATA:
        return fetch_metadata(auth, err);
    case AUTH_EXTERNAL:
        return fetch_external(auth, err);
    default:
        return auth->signs ? sign_token(auth, err) : fetch_by_key(auth, err);
    }
}

static bool fetch(struct auth *auth, struct error *err)
{
    int64_t pause_ms = TRY_PAUSE_MS;

    for (int try = 1;; try++) {
        if (fetch_once(auth, err))
            return true;
        if (err->class != ERROR_RETRY || try == TRIES)
            return false;
        nanosleep(&(struct timespec){.tv_nsec = pause_ms * 1000000}, NULL);
        pause_ms *= 2;
    }
}

static bool read_token_file(struct auth *auth, struct error *err)
{
    char text[TOKEN_FILE_LIMIT];
    FILE *stream = fopen(auth->file, "re");

    if (stream == NULL || fstat(fileno(stream), &auth->seen) != 0) {
        error_set(err, EXIT_CODE_CONFIG, "%s: %s", auth->name, strerror(errno));
        if (stream != NULL)
            fclose(stream);
        return error_hint(err, "check the path and who may read the file");
    }
    setvbuf(stream, NULL, _IONBF, 0);
    size_t size = fread(text, 1, sizeof text - 1, stream);
    fclose(stream);
    while (size > 0 && (unsigned char)text[size - 1] <= ' ')
        size--;
    text[size] = '\0';
    bool clean = strlen(text) == size && token_is_clean(text);
    if (clean)
        keep_token(auth, text, FILE_CHECK_S);
    else if (size == 0) /* Perhaps it is being written. */
        error_retry(err, EXIT_CODE_CONFIG, "%s: the file is empty", auth->name);
    else
        error_set(err, EXIT_CODE_CONFIG, "%s: the file holds no token but other text", auth->name);
    explicit_bzero(text, sizeof text);
    return clean;
}

static bool file_changed(const struct auth *auth)
{
    struct stat now;

    return stat(auth->file, &now) != 0 || now.st_ino != auth->seen.st_ino
           || now.st_size != auth->seen.st_size || now.st_mtim.tv_sec != auth->seen.st_mtim.tv_sec
           || now.st_mtim.tv_nsec != auth->seen.st_mtim.tv_nsec;
}

static const char *header_of_file(struct auth *auth, struct error *err)
{
    bool fresh = auth->header != NULL && clock_monotonic_us(auth->clock) < auth->expires_us
                 && !file_changed(auth);

    return fresh || read_token_file(auth, err) ? auth->header : NULL;
}

const char *auth_header(struct auth *auth, struct error *err)
{
    int64_t now_us = clock_monotonic_us(auth->clock);

    if (auth->kind == AUTH_NONE)
        return "";
    if (auth->kind == AUTH_TOKEN_FILE)
        return header_of_file(auth, err);
    if (auth->header != NULL && now_us < auth->renew_us)
        return auth->header;
    if (fetch(auth, err))
        return auth->header;
    if (auth->header == NULL || now_us >= auth->expires_us)
        return NULL;
    auth->renew_us = now_us + AGAIN_S * (int64_t)1000000; /* The old one is still good. */
    return auth->header;
}
