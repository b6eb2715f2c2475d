/* SPDX-License-Identifier: Apache-2.0 */
/* Who gets a token, with keys made here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "message.h"
#include "oauth.h"

#define NOW_US ((int64_t)1800000000 * 1000000)

static void append_url_base64(struct buffer *out, const void *data, size_t size)
{
    size_t start = out->size;

    message_base64_encode(data, size, out);
    while (out->size > start && out->data[out->size - 1] == '=')
        out->size--;
    for (size_t i = start; i < out->size; i++)
        out->data[i] = out->data[i] == '+' ? '-' : out->data[i] == '/' ? '_' : out->data[i];
}

/* The form that asks for a token. Returns (caller frees). */
static char *ask(EVP_PKEY *key, const char *claims)
{
    static const char header[] = "{\"alg\":\"RS256\",\"typ\":\"JWT\"}";
    struct buffer jwt = {0};
    uint8_t signature[512];
    size_t size = sizeof signature;
    EVP_MD_CTX *context = EVP_MD_CTX_new();

    append_url_base64(&jwt, header, sizeof header - 1);
    buffer_append_byte(&jwt, '.');
    append_url_base64(&jwt, claims, strlen(claims));
    assert_int_equal(EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key), 1);
    assert_int_equal(EVP_DigestSign(context, signature, &size, jwt.data, jwt.size), 1);
    EVP_MD_CTX_free(context);
    buffer_append_byte(&jwt, '.');
    append_url_base64(&jwt, signature, size);
    char *form =
        memory_textf("grant_type=urn%%3Aietf%%3Aparams%%3Aoauth%%3Agrant-type%%3Ajwt-bearer"
                     "&assertion=%s",
                     buffer_text(&jwt));
    buffer_fini(&jwt);
    return form;
}

/* Returns what was said: the token, or the description of the error (caller frees). */
static char *said(struct oauth *oauth, EVP_PKEY *key, const char *claims, int status)
{
    char *form = ask(key, claims);
    struct answer answer = {0};

    oauth_grant(oauth, form, strlen(form), NOW_US, NOW_US, &answer);
    assert_int_equal(answer.status, status);
    json_t *json = json_loadb((const char *)answer.body.data, answer.body.size, 0, NULL);
    char *text = memory_text(json_string_value(
        json_object_get(json, status == 200 ? "access_token" : "error_description")));
    json_decref(json);
    buffer_fini(&answer.body);
    free(form);
    return text;
}

static void only_a_jwt_signed_by_the_right_key_gets_a_token_and_it_dies(void **state)
{
    static const char claims[] =
        "{\"iss\":\"a@b\",\"aud\":\"token\",\"iat\":1800000000,\"exp\":1800003600}";
    char path[] = "/tmp/emulator-key-XXXXXX";
    EVP_PKEY *right = EVP_RSA_gen(2048);
    EVP_PKEY *wrong = EVP_RSA_gen(2048);
    FILE *file = fdopen(mkstemp(path), "w");
    struct oauth oauth;
    struct error err;
    char header[160];

    (void)state;
    PEM_write_PUBKEY(file, right);
    fclose(file);
    oauth_init(&oauth, INT64_C(1000000) * 60);
    assert_true(oauth_load_key(&oauth, path, &err));
    char *text = said(&oauth, wrong, claims, 400);
    assert_string_equal(text, "Invalid JWT Signature.");
    free(text);
    text = said(&oauth, right, claims, 200);
    snprintf(header, sizeof header, "Bearer %s", text);
    assert_true(oauth_allows(&oauth, header, NOW_US + INT64_C(1000000) * 59));
    assert_false(oauth_allows(&oauth, header, NOW_US + INT64_C(1000000) * 60));
    assert_false(oauth_allows(&oauth, text, NOW_US));
    assert_false(oauth_allows(&oauth, NULL, NOW_US));
    oauth_revoke_all(&oauth);
    assert_false(oauth_allows(&oauth, header, NOW_US));
    free(text);
    oauth_fini(&oauth);
    EVP_PKEY_free(right);
    EVP_PKEY_free(wrong);
    unlink(path);
}

static void a_jwt_with_bad_claims_is_refused(void **state)
{
    static const char *const bad[] = {
        "{\"iss\":\"a\",\"aud\":\"b\",\"iat\":1799990000,\"exp\":1799993600}", /* Over. */
        "{\"iss\":\"a\",\"aud\":\"b\",\"iat\":1800000000,\"exp\":1800003601}", /* Too long. */
        "{\"iss\":\"a\",\"aud\":\"b\",\"iat\":1800001000,\"exp\":1800002000}", /* Not yet. */
    };
    EVP_PKEY *key = EVP_RSA_gen(2048);
    struct oauth oauth;

    (void)state;
    oauth_init(&oauth, INT64_C(1000000) * 60);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char *text = said(&oauth, key, bad[i], 400);
        assert_int_equal(strncmp(text, "Invalid JWT: Token must be a short-lived token", 46), 0);
        free(text);
    }
    char *text = said(&oauth, key, "{\"iat\":1800000000,\"exp\":1800003600}", 400);
    assert_string_equal(text, "Invalid JWT: iss and aud are required.");
    free(text);
    oauth_fini(&oauth);
    EVP_PKEY_free(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_a_jwt_signed_by_the_right_key_gets_a_token_and_it_dies),
        cmocka_unit_test(a_jwt_with_bad_claims_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
