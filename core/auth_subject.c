/* SPDX-License-Identifier: Apache-2.0 */
#include "core/auth_subject.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"

enum {
    TOKEN_LIMIT = 64 * 1024,
    URL_TIMEOUT_MS = 10000,
    PROGRAM_TIMEOUT_MS = 30000,
    PROGRAM_TIMEOUT_MIN_MS = 5000,
    PROGRAM_TIMEOUT_MAX_MS = 120000,
    EXIT_PAUSE_NS = 5000000,
    WORDS_MAX = 64,
    HEADERS_MAX = 16,
};

static const char *text_at(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text != NULL && *text != '\0' ? text : NULL;
}

static const json_t *source_of(const struct auth_external *external)
{
    return json_object_get(external->file, "credential_source");
}

static bool fail(const struct auth_external *external, struct error *err, const char *what)
{
    return error_set(err, EXIT_CODE_CONFIG, "%s: subject token: %s", external->name, what);
}

bool auth_subject_check(const struct auth_external *external, struct error *err)
{
    const json_t *source = source_of(external), *program = json_object_get(source, "executable");
    const char *allowed = getenv("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES");

    if (text_at(source, "environment_id") != NULL
        || json_object_get(source, "certificate") != NULL) {
        fail(external, err, "sources of AWS and certificates are not supported");
        return error_hint(err,
                          "use a source of the kind file, url or executable, or a token_file that "
                          "another program keeps fresh");
    }
    if (program != NULL && (allowed == NULL || strcmp(allowed, "1") != 0)) {
        fail(external, err, "the file names a program to run, and that is not allowed");
        return error_hint(err, "if you trust the file, set "
                               "GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES=1");
    }
    if (program != NULL && text_at(program, "command") == NULL)
        return fail(external, err, "\"command\" is missing");
    if (program != NULL || text_at(source, "file") != NULL || text_at(source, "url") != NULL)
        return true;
    fail(external, err, "\"credential_source\" names neither file, url nor executable");
    return error_hint(err, "make the file anew with gcloud iam workload-identity-pools "
                           "create-cred-config");
}

/* Text as it is, or a member of JSON, as the source's format says. */
static bool take_formatted(const struct auth_external *external, const char *text, size_t size,
                           struct buffer *token, struct error *err)
{
    const json_t *format = json_object_get(source_of(external), "format");
    const char *type = text_at(format, "type"), *name = text_at(format, "subject_token_field_name");

    if (type == NULL || strcmp(type, "text") == 0) {
        while (size > 0 && (unsigned char)text[size - 1] <= ' ')
            size--;
        buffer_append(token, text, size);
        return size > 0 || fail(external, err, "it is empty");
    }
    json_t *json = json_loadb(text, size, 0, NULL);
    const json_t *value = json_object_get(json, name != NULL ? name : "");
    bool found = json_is_string(value) && json_string_length(value) > 0;

    if (found)
        buffer_append(token, json_string_value(value), json_string_length(value));
    json_decref(json);
    return found
           || error_set(err, EXIT_CODE_CONFIG, "%s: subject token: no member \"%s\"",
                        external->name, name != NULL ? name : "");
}

static bool from_file(const struct auth_external *external, const char *file, struct buffer *token,
                      struct error *err)
{
    char text[TOKEN_LIMIT];
    FILE *stream = fopen(file, "re");

    if (stream == NULL) {
        error_retry(err, EXIT_CODE_CONFIG, "%s: subject token: %s: %s", external->name, file,
                    strerror(errno));
        return error_hint(err,
                          "the platform should keep that file fresh: see whether its volume is "
                          "mounted");
    }
    setvbuf(stream, NULL, _IONBF, 0);
    size_t size = fread(text, 1, sizeof text, stream);
    fclose(stream);
    bool ok = size < sizeof text ? take_formatted(external, text, size, token, err)
                                 : fail(external, err, "the file is too large");
    explicit_bzero(text, sizeof text);
    return ok;
}

static bool from_url(const struct auth_external *external, const char *url,
                     struct http_client *http, struct buffer *token, struct error *err)
{
    const json_t *headers = json_object_get(source_of(external), "headers"), *value;
    char *lines[HEADERS_MAX + 1] = {NULL};
    struct buffer body = {0};
    const char *name;
    size_t count = 0;
    long status = 0;

    json_object_foreach((json_t *)(uintptr_t)headers, name,
                        value) if (count < HEADERS_MAX && json_is_string(value)) lines[count++] =
        memory_textf("%s: %s", name, json_string_value(value));
    struct http_request request = {.method = "GET",
                                   .url = url,
                                   .headers = (const char *const *)lines,
                                   .timeout_ms = URL_TIMEOUT_MS,
                                   .direct = true};
    bool ok = http_client_run(http, &request, &status, &body, err);

    if (!ok)
        error_wrap(err, "%s: subject token", external->name);
    else if (status != 200)
        ok = error_retry(err, EXIT_CODE_SOURCE, "%s: subject token: %s: HTTP %ld", external->name,
                         url, status);
    else
        ok = take_formatted(external, (const char *)body.data, body.size, token, err);
    for (size_t i = 0; i < count; i++)
        free(lines[i]);
    if (body.data != NULL)
        explicit_bzero(body.data, body.capacity);
    buffer_fini(&body);
    return ok;
}

/* --- A program --- */

/* The answer of a program, or what an earlier one left in output_file. */
static bool take_answer(const struct auth_external *external, const struct buffer *text,
                        int64_t now_s, bool must_last, struct buffer *token, struct error *err)
{
    json_t *json = json_loadb((const char *)text->data, text->size, 0, NULL);
    const json_t *expiry = json_object_get(json, "expiration_time");
    const char *value = text_at(json, "id_token");
    bool ok = false;

    value = value != NULL ? value : text_at(json, "saml_response");
    if (json == NULL || json_integer_value(json_object_get(json, "version")) != 1)
        fail(external, err, "the program's answer is not of version 1");
    else if (!json_is_true(json_object_get(json, "success")))
        error_set(err, EXIT_CODE_SOURCE, "%s: subject token: the program says %s: %s",
                  external->name, text_at(json, "code") != NULL ? text_at(json, "code") : "no",
                  text_at(json, "message") != NULL ? text_at(json, "message") : "");
    else if (value == NULL)
        fail(external, err, "the program's answer holds no token");
    else if ((must_last || expiry != NULL) && json_integer_value(expiry) <= now_s)
        fail(external, err, "the program's token has expired");
    else
        ok = true;
    if (ok)
        buffer_append_text(token, value);
    json_decref(json);
    return ok;
}

/* Words without quoting, as the file holds them. The text is cut up. */
static size_t split(char *text, char *words[WORDS_MAX + 1])
{
    size_t count = 0;

    for (char *word = text; count < WORDS_MAX;) {
        word += strspn(word, " \t");
        if (*word == '\0')
            break;
        words[count++] = word;
        word += strcspn(word, " \t");
        if (*word != '\0')
            *word++ = '\0';
    }
    words[count] = NULL;
    return count;
}

enum { TOLD = 4 };

/* Our environment and what the program may know, as Google's libraries tell it. Setting variables here would
 * not be safe beside other threads. Returns (caller frees, and the texts that were added). */
static char **environment_of(const struct auth_external *external, const char *output,
                             char *told[TOLD])
{
    extern char **environ;
    size_t count = 0;

    told[0] = memory_textf("GOOGLE_EXTERNAL_ACCOUNT_AUDIENCE=%s", external->audience);
    told[1] = memory_textf("GOOGLE_EXTERNAL_ACCOUNT_TOKEN_TYPE=%s", external->token_type);
    told[2] = memory_text("GOOGLE_EXTERNAL_ACCOUNT_INTERACTIVE=0");
    told[3] = memory_textf("GOOGLE_EXTERNAL_ACCOUNT_OUTPUT_FILE=%s", output != NULL ? output : "");
    while (environ[count] != NULL)
        count++;
    char **all = memory_array(count + TOLD + 1, sizeof(char *));
    for (size_t i = 0; i < TOLD; i++) /* First, so that they win. */
        all[i] = told[i];
    for (size_t i = 0; i < count; i++)
        all[TOLD + i] = environ[i];
    return all;
}

/* Reads until the program closes its output. False: too long, or too much. */
static bool read_output(int fd, int64_t end_us, struct buffer *out)
{
    for (;;) {
        int64_t left_ms = (end_us - clock_monotonic_us(clock_real())) / 1000;
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        uint8_t block[4096];

        if (left_ms <= 0 || out->size > TOKEN_LIMIT)
            return false;
        if (poll(&wait, 1, (int)left_ms) <= 0)
            continue;
        ssize_t size = read(fd, block, sizeof block);
        if (size <= 0)
            return size == 0;
        buffer_append(out, block, (size_t)size);
    }
}

/* False if it is still there at the end. */
static bool await_exit(pid_t pid, int64_t end_us, int *status)
{
    while (waitpid(pid, status, WNOHANG) == 0) {
        if (clock_monotonic_us(clock_real()) >= end_us)
            return false;
        nanosleep(&(struct timespec){.tv_nsec = EXIT_PAUSE_NS}, NULL);
    }
    return true;
}

static bool run(const struct auth_external *external, char *command, const char *output,
                int64_t timeout_ms, struct buffer *out, int *status, struct error *err)
{
    char *words[WORDS_MAX + 1], *told[TOLD];
    posix_spawn_file_actions_t actions;
    int ends[2];
    pid_t pid;

    if (split(command, words) == 0 || pipe2(ends, O_CLOEXEC) != 0)
        return fail(external, err, "the program cannot be started");
    char **environment = environment_of(external, output, told);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    int code = posix_spawnp(&pid, words[0], &actions, NULL, words, environment);
    posix_spawn_file_actions_destroy(&actions);
    for (size_t i = 0; i < TOLD; i++)
        free(told[i]);
    free(environment);
    close(ends[1]);
    if (code != 0) {
        close(ends[0]);
        return error_set(err, EXIT_CODE_CONFIG, "%s: subject token: run %s: %s", external->name,
                         words[0], strerror(code));
    }
    int64_t end_us = clock_monotonic_us(clock_real()) + timeout_ms * 1000;
    bool whole = read_output(ends[0], end_us, out),
         ended = whole && await_exit(pid, end_us, status);

    close(ends[0]);
    if (!ended) {
        kill(pid, SIGKILL);
        waitpid(pid, status, 0);
        return error_retry(err, EXIT_CODE_SOURCE, "%s: subject token: %s %s within %lld s",
                           external->name, words[0], whole ? "did not end" : "gave no answer",
                           (long long)timeout_ms / 1000);
    }
    return true;
}

/* What it says of a failure comes first; see take_answer. */
static bool succeeded(const struct auth_external *external, int status, struct error *err)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    return error_set(err, EXIT_CODE_SOURCE, "%s: subject token: the program ended with %s %d",
                     external->name, WIFEXITED(status) ? "status" : "signal",
                     WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
}

static bool read_whole(const char *file, struct buffer *out)
{
    FILE *stream = fopen(file, "re");
    size_t size;

    if (stream == NULL)
        return false;
    setvbuf(stream, NULL, _IONBF, 0);
    size = fread(buffer_reserve(out, TOKEN_LIMIT), 1, TOKEN_LIMIT, stream);
    out->size += size;
    fclose(stream);
    return size > 0;
}

static bool from_program(const struct auth_external *external, const json_t *program, int64_t now_s,
                         struct buffer *token, struct error *err)
{
    const char *output = text_at(program, "output_file");
    int64_t timeout_ms = json_integer_value(json_object_get(program, "timeout_millis"));
    char *command = memory_text(text_at(program, "command"));
    struct buffer out = {0};
    int status = 0;
    bool ok = output != NULL && read_whole(output, &out)
              && take_answer(external, &out, now_s, true, token, err);

    if (timeout_ms == 0)
        timeout_ms = PROGRAM_TIMEOUT_MS;
    timeout_ms = timeout_ms < PROGRAM_TIMEOUT_MIN_MS   ? PROGRAM_TIMEOUT_MIN_MS
                 : timeout_ms > PROGRAM_TIMEOUT_MAX_MS ? PROGRAM_TIMEOUT_MAX_MS
                                                       : timeout_ms;
    if (!ok) {
        buffer_clear(&out);
        ok = run(external, command, output, timeout_ms, &out, &status, err)
             && take_answer(external, &out, now_s, false, token, err)
             && succeeded(external, status, err);
    }
    if (out.data != NULL)
        explicit_bzero(out.data, out.capacity);
    buffer_fini(&out);
    free(command);
    return ok;
}

bool auth_subject_token(const struct auth_external *external, struct http_client *http,
                        int64_t now_s, struct buffer *token, struct error *err)
{
    const json_t *source = source_of(external), *program = json_object_get(source, "executable");

    if (program != NULL)
        return from_program(external, program, now_s, token, err);
    if (text_at(source, "file") != NULL)
        return from_file(external, text_at(source, "file"), token, err);
    return from_url(external, text_at(source, "url"), http, token, err);
}
