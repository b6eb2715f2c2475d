/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/auth.h"
#include "core/base64.h"
#include "script_server.h"

#define JWT_GRANT "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion="

enum { NOW_S = 1763717400 };

/* What Google's two endpoints answer, and what they were asked. */
static struct {
    struct script_server server;
    unsigned asked;
    unsigned failures; /* The next ones fail with fail_status. */
    unsigned fail_status;
    const char *fail_body;
    int lifetime_s;
    char problem[256]; /* Why the last request was not right; "" if it was. */
    char form[8192];
} google;

static struct clock clock_fake;
static EVP_PKEY *key;
static char directory[128];
static char file[192];

static void problem(const char *text)
{
    if (google.problem[0] == '\0')
        snprintf(google.problem, sizeof google.problem, "%s", text);
}

/* Base64 for URLs without padding; returns a text (caller frees) or NULL. */
static char *decode_url(const char *text, size_t size, size_t *data_size)
{
    size_t padded = (size + 3) / 4 * 4;
    char *copy = memory_new(padded + 1);

    memcpy(copy, text, size);
    memset(copy + size, '=', padded - size);
    for (size_t i = 0; i < size; i++)
        copy[i] = (char)(copy[i] == '-' ? '+' : copy[i] == '_' ? '/' : copy[i]);
    if (base64_read(copy, padded, copy, data_size)) {
        copy[*data_size] = '\0';
        return copy;
    }
    free(copy);
    return NULL;
}

static json_t *decode_part(const char *text, size_t size)
{
    size_t data_size;
    char *data = decode_url(text, size, &data_size);
    json_t *json = data != NULL ? json_loadb(data, data_size, 0, NULL) : NULL;

    free(data);
    return json;
}

static void check_claims(json_t *head, json_t *claims)
{
    const char *alg = "", *typ = "", *kid = "", *iss = "", *scope = "", *aud = "";
    json_int_t iat = 0, exp = 0;
    char expected[64];

    snprintf(expected, sizeof expected, "http://127.0.0.1:%u/token", google.server.port);
    if (head == NULL
        || json_unpack(head, "{s:s, s:s, s:s}", "alg", &alg, "typ", &typ, "kid", &kid) != 0
        || strcmp(alg, "RS256") != 0 || strcmp(typ, "JWT") != 0 || strcmp(kid, "key-1") != 0)
        problem("head");
    if (claims == NULL
        || json_unpack(claims, "{s:s, s:s, s:s, s:I, s:I}", "iss", &iss, "scope", &scope, "aud",
                       &aud, "iat", &iat, "exp", &exp)
               != 0)
        problem("claims");
    if (strcmp(iss, "bridge@my-project.iam") != 0 || strcmp(aud, expected) != 0
        || strcmp(scope, "https://www.googleapis.com/auth/pubsub") != 0)
        problem("iss, aud or scope");
    if (iat != clock_wall_ms(&clock_fake) / 1000 || exp != iat + 3600)
        problem("iat or exp");
}

/* As Google does it: by the public key. */
static bool is_signed(const char *jwt, const char *end, const char *signature, size_t size)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good = signature != NULL
                && EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key) == 1
                && EVP_DigestVerify(context, (const unsigned char *)signature, size,
                                    (const unsigned char *)jwt, (size_t)(end - jwt))
                       == 1;

    EVP_MD_CTX_free(context);
    return good;
}

static void check_assertion(const char *jwt)
{
    const char *first = strchr(jwt, '.');
    const char *second = first != NULL ? strchr(first + 1, '.') : NULL;
    size_t size = 0;

    if (second == NULL) {
        problem("no three parts");
        return;
    }
    json_t *head = decode_part(jwt, (size_t)(first - jwt));
    json_t *claims = decode_part(first + 1, (size_t)(second - first - 1));
    char *signature = decode_url(second + 1, strlen(second + 1), &size);
    check_claims(head, claims);
    if (!is_signed(jwt, second, signature, size))
        problem("signature");
    free(signature);
    json_decref(head);
    json_decref(claims);
}

static void check_request(const struct script_request *request)
{
    const char *type = script_header(request, "Content-Type");
    const char *flavor = script_header(request, "Metadata-Flavor");

    if (strncmp(request->path, "/computeMetadata/", 17) == 0) {
        if (strcmp(request->path, "/computeMetadata/v1/instance/service-accounts/default/token")
            != 0)
            problem("path");
        if (strcmp(request->method, "GET") != 0 || flavor == NULL || strcmp(flavor, "Google") != 0)
            problem("metadata");
        return;
    }
    if (strcmp(request->path, "/token") != 0 || strcmp(request->method, "POST") != 0 || type == NULL
        || strcmp(type, "application/x-www-form-urlencoded") != 0)
        problem("post");
    if (strncmp(google.form, JWT_GRANT, sizeof JWT_GRANT - 1) == 0)
        check_assertion(google.form + sizeof JWT_GRANT - 1);
}

static unsigned answer(void *context, struct script_request *request, struct buffer *out)
{
    (void)context;
    google.asked++;
    google.problem[0] = '\0';
    snprintf(google.form, sizeof google.form, "%s", buffer_text(&request->body));
    check_request(request);
    if (google.failures > 0) {
        google.failures--;
        buffer_append_text(out, google.fail_body);
        return google.fail_status;
    }
    buffer_appendf(
        out, "{\"access_token\":\"ya29.token-%u\",\"expires_in\":%d,\"token_type\":\"Bearer\"}",
        google.asked, google.lifetime_s);
    return 200;
}

static void write_file(const char *text)
{
    FILE *stream = fopen(file, "w");

    assert_non_null(stream);
    fputs(text, stream);
    fclose(stream);
}

static char *private_key_text(void)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *data;

    assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
    long size = BIO_get_mem_data(bio, &data);
    char *text = memory_text_n(data, (size_t)size);
    BIO_free(bio);
    return text;
}

static void write_key_file(const char *token_uri)
{
    char *pem = private_key_text();
    json_t *json = json_pack("{s:s, s:s, s:s, s:s, s:s}", "type", "service_account", "client_email",
                             "bridge@my-project.iam", "private_key_id", "key-1", "private_key", pem,
                             "token_uri", token_uri);
    char *text = json_dumps(json, 0);

    write_file(text);
    free(text);
    free(pem);
    json_decref(json);
}

static int start(void **state)
{
    const char *parent = getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp";
    char host[64];

    (void)state;
    memset(&google, 0, sizeof google);
    google.lifetime_s = 3600;
    google.fail_status = 500;
    google.fail_body = "";
    clock_fake_init(&clock_fake, NOW_S * (int64_t)1000);
    snprintf(directory, sizeof directory, "%s/dualrun-auth-XXXXXX", parent);
    if (mkdtemp(directory) == NULL || !script_server_start(&google.server, answer, NULL))
        return -1;
    snprintf(file, sizeof file, "%s/credentials", directory);
    snprintf(host, sizeof host, "127.0.0.1:%u", google.server.port);
    setenv("GCE_METADATA_HOST", host, 1);
    setenv("HOME", directory, 1);
    unsetenv("CLOUDSDK_CONFIG");
    unsetenv("GOOGLE_APPLICATION_CREDENTIALS");
    return 0;
}

static int stop(void **state)
{
    (void)state;
    script_server_stop(&google.server);
    unlink(file);
    return rmdir(directory);
}

static struct auth *auth_of(enum pipeline_credentials credentials, struct error *err)
{
    struct pipeline_pubsub pubsub = {.credentials = credentials, .credentials_file = file};

    return auth_new(&pubsub, &clock_fake, err);
}

static struct auth *service_account(void)
{
    struct error err = {0};
    char uri[64];

    snprintf(uri, sizeof uri, "http://127.0.0.1:%u/token", google.server.port);
    write_key_file(uri);
    struct auth *auth = auth_of(CREDENTIALS_SERVICE_ACCOUNT, &err);
    if (auth == NULL)
        fail_msg("%s", err.text);
    return auth;
}

static void assert_header(struct auth *auth, const char *expected)
{
    struct error err = {0};
    const char *header = auth_header(auth, &err);

    if (header == NULL)
        fail_msg("%s", err.text);
    assert_string_equal(header, expected);
    assert_string_equal(google.problem, "");
}

static void an_emulator_is_sent_nothing(void **state)
{
    struct error err;
    struct auth *auth = auth_of(CREDENTIALS_EMULATOR, &err);

    (void)state;
    assert_header(auth, "");
    assert_int_equal(google.asked, 0);
    auth_free(auth);
}

static void a_service_account_signs_its_request_and_keeps_the_token(void **state)
{
    struct auth *auth = service_account();

    (void)state;
    assert_header(auth, "Bearer ya29.token-1");
    clock_fake_advance(&clock_fake, INT64_C(1000) * (3600 - 226));
    assert_header(auth, "Bearer ya29.token-1");
    assert_int_equal(google.asked, 1);
    clock_fake_advance(&clock_fake, 2000); /* 224 s before its end. */
    assert_header(auth, "Bearer ya29.token-2");
    auth_refuse(auth);
    assert_header(auth, "Bearer ya29.token-3");
    auth_free(auth);
}

static void a_short_token_is_renewed_at_half_its_life(void **state)
{
    struct auth *auth = service_account();

    (void)state;
    google.lifetime_s = 100; /* As the metadata server gives one from its cache. */
    assert_header(auth, "Bearer ya29.token-1");
    clock_fake_advance(&clock_fake, 49000);
    assert_header(auth, "Bearer ya29.token-1");
    clock_fake_advance(&clock_fake, 2000);
    assert_header(auth, "Bearer ya29.token-2");
    auth_free(auth);
}

static void a_failing_endpoint_is_tried_again_and_the_old_token_used_meanwhile(void **state)
{
    struct auth *auth = service_account();
    struct error err = {0};

    (void)state;
    google.failures = 2;
    assert_header(auth, "Bearer ya29.token-3");
    clock_fake_advance(&clock_fake, INT64_C(1000) * 3500);
    google.failures = 3;
    assert_header(auth, "Bearer ya29.token-3"); /* Good for 100 s more. */
    assert_int_equal(google.asked, 6);
    assert_header(auth, "Bearer ya29.token-3");
    assert_int_equal(google.asked, 6); /* Not asked again at once. */
    clock_fake_advance(&clock_fake, 10000);
    assert_header(auth, "Bearer ya29.token-7");
    clock_fake_advance(&clock_fake, INT64_C(1000) * 3601);
    google.failures = 3;
    assert_null(auth_header(auth, &err)); /* Now it has ended. */
    assert_int_equal(err.class, ERROR_RETRY);
    auth_free(auth);
}

static void a_refusal_names_the_credential_the_step_and_the_way_out(void **state)
{
    struct auth *auth = service_account();
    struct error err = {0};
    char expected[512];

    (void)state;
    google.failures = 1;
    google.fail_status = 400;
    google.fail_body =
        "{\"error\":\"invalid_grant\",\"error_description\":\"Invalid JWT Signature.\"}";
    assert_null(auth_header(auth, &err));
    snprintf(
        expected, sizeof expected,
        "service account bridge@my-project.iam (%s): token request: invalid_grant: Invalid JWT "
        "Signature. (HTTP 400)",
        file);
    assert_string_equal(err.text, expected);
    assert_string_equal(err.hint,
                        "the key may be deleted or disabled, or this machine's clock wrong: "
                        "it says 2025-11-21T09:30:00.000Z");
    assert_int_equal(err.class, ERROR_STOP);
    assert_int_equal(google.asked, 1); /* What is refused is not asked again. */
    auth_free(auth);
}

static void an_answer_without_a_usable_token_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "{}",
        "{\"access_token\":\"\",\"expires_in\":3600}",
        "{\"access_token\":\"a\\r\\nX-Evil: 1\",\"expires_in\":3600}",
        "{\"access_token\":\"a\",\"expires_in\":0}",
        "{\"access_token\":\"a\",\"expires_in\":99999999999}",
    };
    struct error err;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct auth *auth = service_account();
        google.failures = 3;
        google.fail_status = 200;
        google.fail_body = bad[i];
        assert_null(auth_header(auth, &err));
        assert_non_null(strstr(err.text, "the answer holds no access token"));
        auth_free(auth);
    }
}

static void the_metadata_server_is_asked_with_its_flavor(void **state)
{
    struct error err = {0};
    struct auth *auth = auth_of(CREDENTIALS_METADATA, &err);

    (void)state;
    assert_header(auth, "Bearer ya29.token-1");
    auth_refuse(auth);
    google.failures = 1;
    google.fail_status = 404;
    assert_null(auth_header(auth, &err));
    assert_non_null(strstr(err.text, "metadata server 127.0.0.1:"));
    assert_non_null(strstr(err.hint, "attach one"));
    auth_free(auth);
}

static void a_token_file_is_read_again_when_it_changes(void **state)
{
    struct error err = {0};
    struct auth *auth = auth_of(CREDENTIALS_TOKEN_FILE, &err);
    char expected[256];

    (void)state;
    assert_null(auth_header(auth, &err));
    snprintf(expected, sizeof expected, "token file %s: No such file or directory", file);
    assert_string_equal(err.text, expected);
    write_file("ya29.first\n");
    assert_header(auth, "Bearer ya29.first");
    assert_header(auth, "Bearer ya29.first");
    write_file("ya29.the-second");
    assert_header(auth, "Bearer ya29.the-second");
    write_file("");
    assert_null(auth_header(auth, &err));
    assert_int_equal(err.class, ERROR_RETRY);
    write_file("two words");
    assert_null(auth_header(auth, &err));
    assert_non_null(strstr(err.text, "holds no token"));
    assert_null(strstr(err.text, "two words"));
    auth_free(auth);
}

static void the_default_follows_googles_order(void **state)
{
    struct error err = {0};
    char config[256], known[300];
    struct auth *auth = auth_of(CREDENTIALS_DEFAULT, &err);

    (void)state;
    assert_header(auth, "Bearer ya29.token-1"); /* Nothing named: the metadata server. */
    assert_string_equal(google.form, "");
    auth_free(auth);

    snprintf(config, sizeof config, "%s/gcloud", directory);
    snprintf(known, sizeof known, "%s/application_default_credentials.json", config);
    assert_int_equal(mkdir(config, 0700), 0);
    setenv("CLOUDSDK_CONFIG", config, 1);
    FILE *stream = fopen(known, "w");
    assert_non_null(stream);
    fprintf(stream,
            "{\"type\":\"authorized_user\",\"client_id\":\"id-1\",\"client_secret\":\"s3cret/+\","
            "\"refresh_token\":\"1//refresh\",\"token_uri\":\"http://127.0.0.1:%u/token\"}",
            google.server.port);
    fclose(stream);
    auth = auth_of(CREDENTIALS_DEFAULT, &err); /* gcloud's file. */
    assert_non_null(auth);
    assert_header(auth, "Bearer ya29.token-2");
    assert_string_equal(google.form,
                        "grant_type=refresh_token&client_id=id%2D1&client_secret=s3cret%2F"
                        "%2B&refresh_token=1%2F%2Frefresh");
    auth_free(auth);

    auth_free(service_account()); /* Writes the file. */
    setenv("GOOGLE_APPLICATION_CREDENTIALS", file, 1);
    auth = auth_of(CREDENTIALS_DEFAULT, &err); /* What the environment names. */
    assert_non_null(auth);
    assert_header(auth, "Bearer ya29.token-3");
    assert_memory_equal(google.form, JWT_GRANT, sizeof JWT_GRANT - 1);
    auth_free(auth);
    unlink(known);
    rmdir(config);
}

static void refused(const char *text, const char *expected)
{
    struct error err = {0};

    write_file(text);
    assert_null(auth_of(CREDENTIALS_SERVICE_ACCOUNT, &err));
    assert_int_equal(err.code, EXIT_CODE_CONFIG);
    if (strstr(err.text, expected) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", expected, err.text);
}

static void a_credential_file_that_is_not_whole_is_refused(void **state)
{
    struct error err = {0};

    (void)state;
    assert_null(auth_of(CREDENTIALS_SERVICE_ACCOUNT, &err));
    assert_non_null(strstr(err.text, "No such file or directory"));
    refused("key", "not a JSON object");
    refused("{}", "\"type\" is missing");
    refused("{\"type\":\"impersonated_service_account\"}",
            "type \"impersonated_service_account\" is not supported in this version");
    refused("{\"type\":\"external_account\"}", "\"audience\" is missing");
    refused("{\"type\":\"service_account\"}", "\"client_email\" is missing");
    refused("{\"type\":\"service_account\",\"client_email\":\"a\",\"private_key_id\":\"k\"}",
            "\"private_key\" is missing");
    refused("{\"type\":\"service_account\",\"client_email\":\"a\",\"private_key_id\":\"k\","
            "\"private_key\":\"s3cret\"}",
            "\"private_key\" is no RSA key");
}

static void a_signed_request_goes_to_no_stranger(void **state)
{
    static const char *const strangers[] = {
        "https://evil.example/token",
        "https://oauth2.googleapis.com.evil.example/token",
        "https://oauth2.googleapis.com@evil.example/token",
        "http://oauth2.googleapis.com/token",
        "http://127.0.0.1.evil.example/token",
        "http://127.0.0.1:80@evil.example/token",
        "http://localhost:8080",
        "http://127.0.0.1:80/\r\nX: 1",
        "file:///etc/passwd",
        "",
    };
    static const char *const good[] = {"https://oauth2.googleapis.com/token",
                                       "http://[::1]:1/token", "http://localhost/token"};
    struct error err = {0};

    (void)state;
    for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++) {
        write_key_file(strangers[i]);
        if (auth_of(CREDENTIALS_SERVICE_ACCOUNT, &err) != NULL)
            fail_msg("accepted: %s", strangers[i]);
        assert_non_null(strstr(err.text, "is not Google's"));
    }
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        write_key_file(good[i]);
        struct auth *auth = auth_of(CREDENTIALS_SERVICE_ACCOUNT, &err);
        assert_non_null(auth);
        auth_free(auth);
    }
}

/* The three parts of a token that the key itself signed, checked by the public key. */
static void assert_self_signed(const char *header, int64_t now_s)
{
    const char *iss = "", *subject = "", *aud = "", *jwt = header + 7;
    json_int_t iat = 0, exp = 0;
    const char *first = strchr(jwt, '.');
    const char *second = first != NULL ? strchr(first + 1, '.') : NULL;
    size_t size = 0;

    assert_memory_equal(header, "Bearer ", 7);
    assert_non_null(second);
    json_t *claims = decode_part(first + 1, (size_t)(second - first - 1));
    char *signature = decode_url(second + 1, strlen(second + 1), &size);
    assert_true(is_signed(jwt, second, signature, size));
    assert_int_equal(json_unpack(claims, "{s:s, s:s, s:s, s:I, s:I !}", "iss", &iss, "sub",
                                 &subject, "aud", &aud, "iat", &iat, "exp", &exp),
                     0);
    assert_string_equal(iss, "bridge@my-project.iam");
    assert_string_equal(subject, iss);
    assert_string_equal(aud, "https://pubsub.googleapis.com/");
    assert_int_equal(iat, now_s);
    assert_int_equal(exp, iat + 3600);
    free(signature);
    json_decref(claims);
}

static void a_key_signs_its_own_token_for_googles_endpoints(void **state)
{
    static const char *const googles[] = {"https://pubsub.googleapis.com",
                                          "https://europe-west1-pubsub.googleapis.com"};
    struct error err = {0};

    (void)state;
    write_key_file("https://oauth2.googleapis.com/token");
    for (size_t i = 0; i < sizeof googles / sizeof *googles; i++) {
        struct pipeline_pubsub pubsub = {.credentials = CREDENTIALS_SERVICE_ACCOUNT,
                                         .credentials_file = file,
                                         .endpoint = (char *)(uintptr_t)googles[i]};
        struct auth *auth = auth_new(&pubsub, &clock_fake, &err);
        assert_non_null(auth);
        char *before = memory_text(auth_header(auth, &err));
        assert_self_signed(before, clock_wall_ms(&clock_fake) / 1000);
        clock_fake_advance(&clock_fake, INT64_C(1000) * (3600 - 226));
        assert_string_equal(auth_header(auth, &err), before);
        clock_fake_advance(&clock_fake, 2000); /* 224 s before its end. */
        assert_self_signed(auth_header(auth, &err), clock_wall_ms(&clock_fake) / 1000);
        free(before);
        auth_free(auth);
    }
}

static void a_key_exchanges_its_token_where_the_server_is_not_googles(void **state)
{
    static const char *const others[] = {"http://pubsub.googleapis.com", "http://127.0.0.1:8085",
                                         "https://evilgoogleapis.com",
                                         "https://evil.com/.googleapis.com"};
    struct error err = {0};
    char uri[64];

    (void)state;
    snprintf(uri, sizeof uri, "http://127.0.0.1:%u/token", google.server.port);
    write_key_file(uri);
    for (size_t i = 0; i <= sizeof others / sizeof *others; i++) {
        bool last = i == sizeof others / sizeof *others; /* Google's, but the file names this. */
        struct pipeline_pubsub pubsub = {
            .credentials = CREDENTIALS_SERVICE_ACCOUNT,
            .credentials_file = file,
            .endpoint = (char *)(uintptr_t)(last ? "https://pubsub.googleapis.com" : others[i])};
        struct auth *auth = auth_new(&pubsub, &clock_fake, &err);
        char expected[64];
        snprintf(expected, sizeof expected, "Bearer ya29.token-%zu", i + 1);
        assert_non_null(auth);
        assert_header(auth, expected);
        auth_free(auth);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_emulator_is_sent_nothing),
        TEST(a_service_account_signs_its_request_and_keeps_the_token),
        TEST(a_short_token_is_renewed_at_half_its_life),
        TEST(a_failing_endpoint_is_tried_again_and_the_old_token_used_meanwhile),
        TEST(a_refusal_names_the_credential_the_step_and_the_way_out),
        TEST(an_answer_without_a_usable_token_is_refused),
        TEST(the_metadata_server_is_asked_with_its_flavor),
        TEST(a_token_file_is_read_again_when_it_changes),
        TEST(the_default_follows_googles_order),
        TEST(a_credential_file_that_is_not_whole_is_refused),
        TEST(a_signed_request_goes_to_no_stranger),
        TEST(a_key_signs_its_own_token_for_googles_endpoints),
        TEST(a_key_exchanges_its_token_where_the_server_is_not_googles),
    };

    unsetenv("http_proxy"); /* The server here is this machine's own. */
    unsetenv("all_proxy");
    unsetenv("ALL_PROXY");
    key = EVP_RSA_gen(2048);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    EVP_PKEY_free(key);
    return failed;
}
