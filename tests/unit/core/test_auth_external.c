/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/auth.h"
#include "core/auth_external.h"
#include "core/auth_key.h"
#include "core/auth_subject.h"
#include "script_server.h"

enum { NOW_S = 1763717400 };

/* STS, the impersonation endpoint and a place that gives subject tokens, in one. */
static struct {
    struct script_server server;
    char forms[8192]; /* What STS was sent, the newest. */
    char bearer[128]; /* With what the impersonation was asked. */
    char body[256];
    unsigned sts_status, asked;
    const char *subject;
} google;

static struct clock clock_fake;
static char directory[128];

static void path_of(char path[256], const char *name)
{
    snprintf(path, 256, "%s/%s", directory, name);
}

static void keep(char *place, size_t room, const char *text)
{
    snprintf(place, room, "%s", text != NULL ? text : "");
}

static unsigned answer(void *context, struct script_request *request, struct buffer *out)
{
    (void)context;
    google.asked++;
    if (strcmp(request->path, "/subject") == 0) {
        const char *header = script_header(request, "X-Who");
        buffer_appendf(out, "%s", google.subject);
        return header != NULL && strcmp(header, "me") == 0 ? 200 : 403;
    }
    if (strcmp(request->path, "/sts") == 0) {
        keep(google.forms, sizeof google.forms, buffer_text(&request->body));
        if (google.sts_status != 200)
            buffer_append_text(out,
                               "{\"error\":\"invalid_grant\",\"error_description\":\"no trust\"}");
        else
            buffer_append_text(out, "{\"access_token\":\"sts-token\",\"expires_in\":1800}");
        return google.sts_status;
    }
    keep(google.bearer, sizeof google.bearer, script_header(request, "Authorization"));
    keep(google.body, sizeof google.body, buffer_text(&request->body));
    buffer_append_text(out,
                       "{\"accessToken\":\"sa-token\",\"expireTime\":\"2025-11-21T10:30:00Z\"}");
    return 200;
}

static int start(void **state)
{
    const char *base = getenv("TMPDIR");

    (void)state;
    snprintf(directory, sizeof directory, "%s/dualrun-auth-XXXXXX", base != NULL ? base : "/tmp");
    assert_non_null(mkdtemp(directory));
    memset(&google, 0, sizeof google);
    google.sts_status = 200;
    google.subject = "";
    assert_true(script_server_start(&google.server, answer, NULL));
    clock_fake_init(&clock_fake, NOW_S * (int64_t)1000);
    unsetenv("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES");
    return 0;
}

static int stop(void **state)
{
    char *command = memory_textf("rm -r '%s'", directory);

    (void)state;
    script_server_stop(&google.server);
    assert_int_equal(system(command), 0);
    free(command);
    return 0;
}

static void write_file(const char *name, const char *text)
{
    char path[256];

    path_of(path, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

/* The credential file; source is the JSON of credential_source, more what follows it. */
static struct auth *open_auth(const char *source, const char *more, struct error *err)
{
    static char path[256];
    struct pipeline_pubsub pubsub = {.credentials = CREDENTIALS_EXTERNAL_ACCOUNT,
                                     .credentials_file = path};
    char *text = memory_textf(
        "{\"type\":\"external_account\",\"audience\":\"//iam/pools/p\",\"subject_token_type\":"
        "\"urn:ietf:params:oauth:token-type:jwt\",\"token_url\":\"http://127.0.0.1:%u/sts\","
        "\"credential_source\":%s%s}",
        google.server.port, source, more);

    write_file("account.json", text);
    free(text);
    path_of(path, "account.json");
    return auth_new(&pubsub, &clock_fake, err);
}

static void assert_header(const char *source, const char *more, const char *expected)
{
    struct error err = {0};
    struct auth *auth = open_auth(source, more, &err);

    if (auth == NULL)
        fail_msg("%s", err.text);
    const char *header = auth_header(auth, &err);
    if (header == NULL)
        fail_msg("%s", err.text);
    assert_string_equal(header, expected);
    auth_free(auth);
}

static void assert_refused(const char *source, const char *more, const char *text)
{
    struct error err = {0};
    struct auth *auth = open_auth(source, more, &err);

    assert_true(auth == NULL || auth_header(auth, &err) == NULL);
    if (strstr(err.text, text) == NULL)
        fail_msg("%s: %s", text, err.text);
    auth_free(auth);
}

static void a_token_of_a_file_is_exchanged(void **state)
{
    char source[512], path[256];

    (void)state;
    write_file("token", "who I am/+\n");
    path_of(path, "token");
    snprintf(source, sizeof source, "{\"file\":\"%s\"}", path);
    assert_header(source, "", "Bearer sts-token");
    assert_non_null(strstr(google.forms, "&subject_token=who%20I%20am%2F%2B"));
    assert_non_null(strstr(google.forms, "&audience=%2F%2Fiam%2Fpools%2Fp&"));
    assert_non_null(strstr(google.forms, "auth%2Fpubsub"));

    write_file("token", "{\"jwt\":\"inside\"}");
    snprintf(
        source, sizeof source,
        "{\"file\":\"%s\",\"format\":{\"type\":\"json\",\"subject_token_field_name\":\"jwt\"}}",
        path);
    assert_header(source, "", "Bearer sts-token");
    assert_non_null(strstr(google.forms, "&subject_token=inside"));
}

static void a_token_of_a_url_is_asked_for_with_its_headers(void **state)
{
    char source[512];

    (void)state;
    google.subject = "from afar";
    snprintf(source, sizeof source,
             "{\"url\":\"http://127.0.0.1:%u/subject\",\"headers\":{\"X-Who\":\"me\"}}",
             google.server.port);
    assert_header(source, "", "Bearer sts-token");
    assert_non_null(strstr(google.forms, "&subject_token=from%20afar"));
    snprintf(source, sizeof source, "{\"url\":\"http://127.0.0.1:%u/subject\"}",
             google.server.port);
    assert_refused(source, "", "/subject: HTTP 403");
}

static void a_service_account_is_impersonated(void **state)
{
    char source[512], path[256], more[256];

    (void)state;
    write_file("token", "me");
    path_of(path, "token");
    snprintf(source, sizeof source, "{\"file\":\"%s\"}", path);
    snprintf(
        more, sizeof more,
        ",\"service_account_impersonation_url\":\"http://127.0.0.1:%u/v1/sa:generateAccessToken\","
        "\"service_account_impersonation\":{\"token_lifetime_seconds\":1200}",
        google.server.port);
    assert_header(source, more, "Bearer sa-token");
    assert_string_equal(google.bearer, "Bearer sts-token");
    assert_string_equal(google.body, "{\"scope\":[\"https://www.googleapis.com/auth/pubsub\"],"
                                     "\"lifetime\":\"1200s\"}");
    assert_non_null(strstr(google.forms, "auth%2Fcloud%2Dplatform"));
}

static void a_program_is_run_only_if_that_is_allowed(void **state)
{
    char source[1024], path[256], output[256];

    (void)state;
    write_file(
        "program",
        "#!/bin/sh\n"
        "[ \"$GOOGLE_EXTERNAL_ACCOUNT_AUDIENCE\" = //iam/pools/p ] || exit 1\n"
        "echo ran >> \"$(dirname \"$0\")/runs\"\n"
        "echo '{\"version\":1,\"success\":true,\"token_type\":\"t\",\"id_token\":\"'\"$1\"'\","
        "\"expiration_time\":1763718000}' | tee \"$(dirname \"$0\")/kept\"\n");
    path_of(path, "program");
    path_of(output, "kept");
    assert_int_equal(chmod(path, 0755), 0);
    snprintf(source, sizeof source,
             "{\"executable\":{\"command\":\"%s argument\",\"output_file\":\"%s\"}}", path, output);
    assert_refused(source, "", "the file names a program to run, and that is not allowed");
    setenv("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES", "1", 1);
    assert_header(source, "", "Bearer sts-token");
    assert_non_null(strstr(google.forms, "&subject_token=argument"));
    assert_header(source, "", "Bearer sts-token"); /* What was kept is still good. */
    path_of(output, "runs");
    struct stat runs;
    assert_int_equal(stat(output, &runs), 0);
    assert_int_equal(runs.st_size, 4);
    write_file(
        "program",
        "#!/bin/sh\necho '{\"version\":1,\"success\":false,\"code\":\"E7\",\"message\":\"no\"}'\n");
    path_of(output, "kept");
    unlink(output);
    assert_refused(source, "", "the program says E7: no");
}

static void a_program_that_fails_or_does_not_end_gives_no_token(void **state)
{
    static const char answers[] =
        "#!/bin/sh\necho '{\"version\":1,\"success\":true,\"id_token\":\"x\"}'\n";
    char source[512], path[256], *text;

    (void)state;
    setenv("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES", "1", 1);
    path_of(path, "program");
    snprintf(source, sizeof source, "{\"executable\":{\"command\":\"%s\",\"timeout_millis\":5000}}",
             path);
    text = memory_textf("%sexit 3\n", answers);
    write_file("program", text);
    free(text);
    assert_int_equal(chmod(path, 0755), 0);
    assert_refused(source, "", "the program ended with status 3");
    /* Its output is closed, but it stays. */
    text = memory_textf("%sexec >&- sleep 40\n", answers);
    write_file("program", text);
    free(text);
    struct auth_external external = {0}; /* One try only: auth makes three. */
    struct buffer token = {0};
    struct error err = {0};
    path_of(path, "account.json");
    assert_true(auth_external_load(&external, path, &err));
    assert_false(auth_subject_token(&external, NULL, NOW_S, &token, &err));
    assert_non_null(strstr(err.text, "did not end within 5 s"));
    assert_int_equal(err.class, ERROR_RETRY);
    auth_external_fini(&external);
    buffer_fini(&token);
}

static void a_refusal_says_which_step_and_what_to_try(void **state)
{
    char source[512], path[256];
    struct error err = {0};

    (void)state;
    path_of(path, "token");
    snprintf(source, sizeof source, "{\"file\":\"%s\"}", path);
    assert_refused(source, "", "subject token");
    write_file("token", "");
    assert_refused(source, "", "subject token: it is empty");
    write_file("token", "me");
    google.sts_status = 400;
    struct auth *auth = open_auth(source, "", &err);
    assert_null(auth_header(auth, &err));
    assert_non_null(strstr(err.text, "token exchange: invalid_grant: no trust (HTTP 400)"));
    assert_non_null(strstr(err.hint, "trust this issuer"));
    auth_free(auth);
    assert_refused("{\"environment_id\":\"aws1\"}", "", "AWS and certificates are not supported");
    assert_refused("{}", "", "names neither file, url nor executable");
}

static void secrets_are_sent_to_google_only(void **state)
{
    static const char *const good[] = {
        "https://sts.googleapis.com/v1/token", "https://us-east1-sts.googleapis.com/v1/token",
        "https://iamcredentials.googleapis.com/v1/x:generateAccessToken",
        "http://127.0.0.1:8080/token"};
    static const char *const bad[] = {"http://sts.googleapis.com/v1/token",
                                      "https://googleapis.com/token",
                                      "https://sts.googleapis.com.evil.com/v1/token",
                                      "https://evil.com/sts.googleapis.com/",
                                      "https://evil.com#.googleapis.com/",
                                      "https://user@sts.googleapis.com/",
                                      "https://evilgoogleapis.com/",
                                      "https://sts.googleapis.com",
                                      "ftp://sts.googleapis.com/",
                                      ""};
    struct error err = {0};

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (!auth_key_url_allowed(good[i]))
            fail_msg("refused: %s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (auth_key_url_allowed(bad[i]))
            fail_msg("allowed: %s", bad[i]);
    assert_null(open_auth("{\"file\":\"x\"}",
                          ",\"service_account_impersonation_url\":\"https://evil.com/\"", &err));
    assert_non_null(strstr(err.text, "https://evil.com/ is not Google's"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_token_of_a_file_is_exchanged),
        TEST(a_token_of_a_url_is_asked_for_with_its_headers),
        TEST(a_service_account_is_impersonated),
        TEST(a_program_is_run_only_if_that_is_allowed),
        TEST(a_program_that_fails_or_does_not_end_gives_no_token),
        TEST(a_refusal_says_which_step_and_what_to_try),
        TEST(secrets_are_sent_to_google_only),
    };

    unsetenv("http_proxy"); /* The server here is this machine's own. */
    unsetenv("all_proxy");
    unsetenv("ALL_PROXY");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
