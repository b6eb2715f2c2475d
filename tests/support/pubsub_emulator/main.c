/* SPDX-License-Identifier: Apache-2.0 */
/* pubsub-emulator: the command. README.md says what it does. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/process.h"
#include "core/units.h"
#include "server.h"

static const char usage[] =
    "usage: pubsub-emulator --listen HOST:PORT [options]\n"
    "\n"
    "A Pub/Sub service over REST, for tests. Port 0 takes a free one; \"listening on HOST:PORT\" "
    "is\n"
    "printed when it is ready. SIGTERM ends it. State is in memory.\n"
    "\n"
    "  --tls CERT KEY        serve HTTPS with these PEM files\n"
    "  --json-log FILE       append one JSON line a call\n"
    "  --require-token       refuse every call without a live bearer token (401)\n"
    "  --token-key FILE      public key (PEM) that must have signed the JWTs given to /token\n"
    "  --token-life TIME     how long a token lives, 1h by default\n"
    "  --poll-hold TIME      how long a pull waits for a first message, 90s by default\n"
    "  --help\n";

struct arguments {
    struct server_options server;
    const char *certificate_path;
    const char *key_path;
    const char *log_path;
    const char *token_key;
    int64_t token_life_ms;
    int64_t poll_hold_ms;
};

static bool read_duration(const char *option, const char *text, int64_t *ms, struct error *err)
{
    if (units_parse_duration(text, ms) && *ms > 0)
        return true;
    error_set(err, EXIT_CODE_USAGE, "--%s: %s is no duration", option, text);
    return error_hint(err, "write it with its unit, as 90s");
}

static bool read_arguments(int count, char **texts, struct arguments *arguments, struct error *err)
{
    static const struct option options[] = {
        {"listen", required_argument, NULL, 'l'},
        {"tls", required_argument, NULL, 't'},
        {"json-log", required_argument, NULL, 'j'},
        {"require-token", no_argument, NULL, 'r'},
        {"token-key", required_argument, NULL, 'k'},
        {"token-life", required_argument, NULL, 'a'},
        {"poll-hold", required_argument, NULL, 'p'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int option;

    *arguments = (struct arguments){.token_life_ms = 3600000, .poll_hold_ms = 90000};
    while ((option = getopt_long(count, texts, "", options, NULL)) != -1) {
        if (option == 'h') {
            fputs(usage, stdout);
            exit(EXIT_CODE_OK);
        }
        if (option == '?')
            return error_set(err, EXIT_CODE_USAGE, "try --help");
        if (option == 'l')
            arguments->server.listen = optarg;
        if (option == 't') {
            arguments->certificate_path = optarg;
            if (optind == count)
                return error_set(err, EXIT_CODE_USAGE, "--tls: it takes two files, CERT and KEY");
            arguments->key_path = texts[optind++];
        }
        if (option == 'j')
            arguments->log_path = optarg;
        if (option == 'r')
            arguments->server.require_token = true;
        if (option == 'k')
            arguments->token_key = optarg;
        if (option == 'a' && !read_duration("token-life", optarg, &arguments->token_life_ms, err))
            return false;
        if (option == 'p' && !read_duration("poll-hold", optarg, &arguments->poll_hold_ms, err))
            return false;
    }
    if (optind < count)
        return error_set(err, EXIT_CODE_USAGE, "%s: no such argument", texts[optind]);
    if (arguments->server.listen == NULL)
        return error_set(err, EXIT_CODE_USAGE, "--listen is missing");
    return true;
}

/* Returns the text (caller frees). */
static char *read_file(const char *path, struct error *err)
{
    FILE *file = fopen(path, "r");
    struct buffer text = {0};
    size_t size = 1;

    if (file == NULL) {
        error_set(err, EXIT_CODE_USAGE, "%s: %s", path, strerror(errno));
        return NULL;
    }
    while (size > 0) {
        size = fread(buffer_reserve(&text, 4096), 1, 4096, file);
        text.size += size;
    }
    fclose(file);
    char *copy = memory_text(buffer_text(&text));
    buffer_fini(&text);
    return copy;
}

static bool run(struct arguments *arguments, struct error *err)
{
    struct server_options *options = &arguments->server;
    struct emulator emulator;
    struct server *server = NULL;
    char *certificate = NULL;
    char *key = NULL;

    emulator_init(&emulator, server_real_us());
    emulator.poll_hold_ms = arguments->poll_hold_ms;
    emulator.oauth.life_us = arguments->token_life_ms * 1000;
    if (arguments->token_key != NULL && !oauth_load_key(&emulator.oauth, arguments->token_key, err))
        goto out;
    if (arguments->certificate_path != NULL) {
        certificate = read_file(arguments->certificate_path, err);
        key = certificate != NULL ? read_file(arguments->key_path, err) : NULL;
        if (key == NULL)
            goto out;
        options->certificate = certificate;
        options->key = key;
    }
    if (arguments->log_path != NULL) {
        options->log = fopen(arguments->log_path, "a");
        if (options->log == NULL) {
            error_set(err, EXIT_CODE_USAGE, "%s: %s", arguments->log_path, strerror(errno));
            goto out;
        }
    }
    server = server_open(options, &emulator, err);
    if (server == NULL)
        goto out;
    printf("listening on %s\n", server_address(server));
    fflush(stdout);
    while (!process_stopping())
        server_turn(server, 200);
    server_close(server);
out:
    if (options->log != NULL)
        fclose(options->log);
    emulator_fini(&emulator);
    free(certificate);
    free(key);
    return server != NULL;
}

int main(int count, char **texts)
{
    struct arguments arguments;
    struct error err = {0};

    process_start();
    if (read_arguments(count, texts, &arguments, &err) && run(&arguments, &err))
        return EXIT_CODE_OK;
    fprintf(stderr, "pubsub-emulator: %s\n", err.text);
    if (err.hint[0] != '\0')
        fprintf(stderr, "hint: %s\n", err.hint);
    return (int)err.code;
}
