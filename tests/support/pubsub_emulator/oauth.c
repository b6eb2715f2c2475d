/* SPDX-License-Identifier: Apache-2.0 */
#include "oauth.h"

#include <errno.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "core/buffer.h"
#include "message.h"

#define GRANT_JWT      "urn:ietf:params:oauth:grant-type:jwt-bearer"
#define GRANT_EXCHANGE "urn:ietf:params:oauth:grant-type:token-exchange"
#define ACCESS_TOKEN   "urn:ietf:params:oauth:token-type:access_token"

void oauth_init(struct oauth *oauth, int64_t life_us)
{
    *oauth = (struct oauth){.life_us = life_us};
}

void oauth_fini(struct oauth *oauth)
{
    oauth_revoke_all(oauth);
    free(oauth->tokens);
    EVP_PKEY_free(oauth->key);
    *oauth = (struct oauth){0};
}

bool oauth_load_key(struct oauth *oauth, const char *path, struct error *err)
{
    FILE *file = fopen(path, "r");

    if (file == NULL)
        return error_set(err, EXIT_CODE_USAGE, "token key %s: %s", path, strerror(errno));
    oauth->key = PEM_read_PUBKEY(file, NULL, NULL, NULL);
    fclose(file);
    if (oauth->key == NULL)
        return error_set(err, EXIT_CODE_USAGE, "token key %s: it is no public key in PEM form",
                         path);
    return true;
}

void oauth_revoke_all(struct oauth *oauth)
{
    for (size_t i = 0; i < oauth->count; i++)
        free(oauth->tokens[i].text);
    oauth->count = 0;
}

static const char *issue(struct oauth *oauth, int64_t now_us)
{
    size_t kept = 0;

    for (size_t i = 0; i < oauth->count; i++) {
        if (oauth->tokens[i].expire_us <= now_us)
            free(oauth->tokens[i].text);
        else
            oauth->tokens[kept++] = oauth->tokens[i];
    }
    oauth->count = kept;
    if (oauth->count == oauth->capacity) {
        oauth->capacity = oauth->capacity > 0 ? 2 * oauth->capacity : 8;
        oauth->tokens = memory_resize(oauth->tokens, oauth->capacity * sizeof *oauth->tokens);
    }
    char *text = memory_textf("ya29.emulator-%llu", (unsigned long long)++oauth->issued);
    oauth->tokens[oauth->count++] =
        (struct oauth_token){.text = text, .expire_us = now_us + oauth->life_us};
    return text;
}

static void refuse(struct answer *answer, const char *error, const char *description)
{
    answer_json(answer, json_pack("{s:s, s:s}", "error", error, "error_description", description));
    answer->status = 400;
}

static json_t *token_json(struct oauth *oauth, int64_t now_us)
{
    return json_pack("{s:s, s:s, s:I}", "access_token", issue(oauth, now_us), "token_type",
                     "Bearer", "expires_in", (json_int_t)(oauth->life_us / 1000000));
}

/* One base64url part of a JWT, decoded behind out. */
static bool decode_part(const char *text, size_t size, struct buffer *out)
{
    struct buffer standard = {0};
    uint32_t bytes = 0;
    bool good = size > 0 && message_base64(text, size, &standard, &bytes);

    if (good) {
        uint8_t *to = buffer_reserve(out, standard.size + 1);
        good = EVP_DecodeBlock(to, standard.data, (int)standard.size) >= 0;
        out->size += good ? bytes : 0;
    }
    buffer_fini(&standard);
    return good;
}

static json_t *decode_json(const char *text, size_t size)
{
    struct buffer raw = {0};
    json_t *json = decode_part(text, size, &raw)
                       ? json_loadb((const char *)raw.data, raw.size, 0, NULL)
                       : NULL;

    buffer_fini(&raw);
    return json;
}

static bool signed_by(EVP_PKEY *key, const char *text, size_t size, const char *signature)
{
    struct buffer raw = {0};
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good = context != NULL && decode_part(signature, strlen(signature), &raw)
                && EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key) == 1
                && EVP_DigestVerify(context, raw.data, raw.size, (const uint8_t *)text, size) == 1;

    EVP_MD_CTX_free(context);
    buffer_fini(&raw);
    return good;
}

/* What is wrong with the JWT, or NULL. */
static const char *check_claims(const json_t *header, const json_t *claims, int64_t real_us)
{
    const char *algorithm = json_string_value(json_object_get(header, "alg"));
    int64_t now = real_us / 1000000;
    int64_t issued = json_integer_value(json_object_get(claims, "iat"));
    int64_t expires = json_integer_value(json_object_get(claims, "exp"));

    if (algorithm == NULL || strcmp(algorithm, "RS256") != 0)
        return "Invalid JWT: alg must be RS256.";
    if (!json_is_string(json_object_get(claims, "iss"))
        || !json_is_string(json_object_get(claims, "aud")))
        return "Invalid JWT: iss and aud are required.";
    if (expires <= now || issued > now + 300 || expires - issued > 3600)
        return "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable "
               "timeframe. Check your iat and exp values in the JWT claim.";
    return NULL;
}

static const char *check_jwt(const struct oauth *oauth, const char *jwt, int64_t real_us)
{
    const char *dot = strchr(jwt, '.');
    const char *second = dot != NULL ? strchr(dot + 1, '.') : NULL;

    if (second == NULL)
        return "Invalid JWT: it needs three parts.";
    json_t *header = decode_json(jwt, (size_t)(dot - jwt));
    json_t *claims = decode_json(dot + 1, (size_t)(second - dot - 1));
    const char *wrong = check_claims(header, claims, real_us);
    if (wrong == NULL && oauth->key != NULL
        && !signed_by(oauth->key, jwt, (size_t)(second - jwt), second + 1))
        wrong = "Invalid JWT Signature.";
    json_decref(header);
    json_decref(claims);
    return wrong;
}

static json_t *parse_form(const char *form, size_t size)
{
    char *url = memory_textf("/?%.*s", (int)size, form);
    struct call call;

    call_init(&call, "POST", url);
    json_t *fields = json_incref(call.query);
    call_fini(&call);
    free(url);
    return fields;
}

static const char *field(const json_t *fields, const char *name)
{
    const char *text = json_string_value(json_object_get(fields, name));

    return text != NULL ? text : "";
}

static void grant_jwt(struct oauth *oauth, const json_t *fields, int64_t now_us, int64_t real_us,
                      struct answer *answer)
{
    const char *wrong = check_jwt(oauth, field(fields, "assertion"), real_us);

    if (wrong != NULL)
        refuse(answer, "invalid_grant", wrong);
    else
        answer_json(answer, token_json(oauth, now_us));
}

static void grant_exchange(struct oauth *oauth, const json_t *fields, int64_t now_us,
                           struct answer *answer)
{
    static const char *const needed[] = {"audience", "subject_token", "subject_token_type"};

    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        if (*field(fields, needed[i]) == '\0') {
            refuse(answer, "invalid_request", "A required field is missing.");
            return;
        }
    }
    if (strcmp(field(fields, "requested_token_type"), ACCESS_TOKEN) != 0) {
        refuse(answer, "invalid_request", "requested_token_type must be an access token.");
        return;
    }
    json_t *json = token_json(oauth, now_us);
    json_object_set_new(json, "issued_token_type", json_string(ACCESS_TOKEN));
    answer_json(answer, json);
}

void oauth_grant(struct oauth *oauth, const char *form, size_t size, int64_t now_us,
                 int64_t real_us, struct answer *answer)
{
    json_t *fields = parse_form(form, size);
    const char *grant = field(fields, "grant_type");

    if (strcmp(grant, GRANT_JWT) == 0)
        grant_jwt(oauth, fields, now_us, real_us, answer);
    else if (strcmp(grant, GRANT_EXCHANGE) == 0)
        grant_exchange(oauth, fields, now_us, answer);
    else
        refuse(answer, "unsupported_grant_type", "Invalid grant_type.");
    json_decref(fields);
}

static void answer_text(struct answer *answer, const char *text)
{
    answer->status = 200;
    answer->plain = true;
    buffer_append_text(&answer->body, text);
}

void oauth_metadata(struct oauth *oauth, const char *path, const char *flavor, int64_t now_us,
                    struct answer *answer)
{
    static const char account[] = "/computeMetadata/v1/instance/service-accounts/default/";
    size_t size = sizeof account - 1;

    if (flavor == NULL || strcmp(flavor, "Google") != 0) {
        answer_text(answer, "Missing required header \"Metadata-Flavor\": \"Google\".");
        answer->status = 403;
    } else if (strcmp(path, "/computeMetadata/v1/project/project-id") == 0) {
        answer_text(answer, "emulated-project");
    } else if (strncmp(path, account, size) == 0 && strcmp(path + size, "token") == 0) {
        answer_json(answer, token_json(oauth, now_us));
    } else if (strncmp(path, account, size) == 0 && strcmp(path + size, "email") == 0) {
        answer_text(answer, "emulator@emulated-project.iam.gserviceaccount.com");
    } else {
        answer_text(answer, "Not found.");
        answer->status = 404;
    }
}

bool oauth_allows(const struct oauth *oauth, const char *authorization, int64_t now_us)
{
    if (authorization == NULL || strncasecmp(authorization, "Bearer ", 7) != 0)
        return false;
    for (size_t i = 0; i < oauth->count; i++)
        if (strcmp(oauth->tokens[i].text, authorization + 7) == 0)
            return oauth->tokens[i].expire_us > now_us;
    return false;
}
