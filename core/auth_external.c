/* SPDX-License-Identifier: Apache-2.0 */
#include "core/auth_external.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/auth_key.h"
#include "core/auth_subject.h"
#include "core/log.h"
#include "core/rfc3339.h"

#define SCOPE_CLOUD  "https://www.googleapis.com/auth/cloud-platform"
#define SCOPE_PUBSUB "https://www.googleapis.com/auth/pubsub"

enum { TIMEOUT_MS = 10000, LIFETIME_S = 3600, LIFETIME_MAX_S = 43200 };

static const char *text_at(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text != NULL && *text != '\0' ? text : NULL;
}

bool auth_external_is(const char *file)
{
    json_t *json = json_load_file(file, 0, NULL);
    const char *type = text_at(json, "type");
    bool is = type != NULL && strcmp(type, "external_account") == 0;

    json_decref(json);
    return is;
}

static bool needs(const struct auth_external *external, const char *value, const char *name,
                  struct error *err)
{
    return value != NULL
           || error_set(err, EXIT_CODE_CONFIG, "%s: \"%s\" is missing", external->name, name);
}

static bool url_allowed(const struct auth_external *external, const char *url, struct error *err)
{
    if (auth_key_url_allowed(url))
        return true;
    error_set(err, EXIT_CODE_CONFIG, "%s: %s is not Google's", external->name, url);
    return error_hint(
        err, "tokens are sent only to https hosts below googleapis.com: make the file anew "
             "with gcloud iam workload-identity-pools create-cred-config");
}

bool auth_external_load(struct auth_external *external, const char *file, struct error *err)
{
    json_error_t fault;
    const json_t *impersonation;

    *external = (struct auth_external){.name = memory_textf("external account (%s)", file)};
    external->file = json_load_file(file, JSON_REJECT_DUPLICATES, &fault);
    if (!json_is_object(external->file)) {
        error_set(err, EXIT_CODE_CONFIG, "%s: %s", external->name, fault.text);
        return error_hint(err, "it should be a file as gcloud iam workload-identity-pools "
                               "create-cred-config writes it");
    }
    external->audience = text_at(external->file, "audience");
    external->token_type = text_at(external->file, "subject_token_type");
    external->token_url = text_at(external->file, "token_url");
    external->impersonation_url = text_at(external->file, "service_account_impersonation_url");
    impersonation = json_object_get(external->file, "service_account_impersonation");
    external->lifetime_s =
        json_integer_value(json_object_get(impersonation, "token_lifetime_seconds"));
    if (external->lifetime_s <= 0 || external->lifetime_s > LIFETIME_MAX_S)
        external->lifetime_s = LIFETIME_S;
    if (text_at(external->file, "client_secret") != NULL)
        log_redact(text_at(external->file, "client_secret"));
    return needs(external, external->audience, "audience", err)
           && needs(external, external->token_type, "subject_token_type", err)
           && needs(external, external->token_url, "token_url", err)
           && url_allowed(external, external->token_url, err)
           && (external->impersonation_url == NULL
               || url_allowed(external, external->impersonation_url, err))
           && auth_subject_check(external, err);
}

void auth_external_fini(struct auth_external *external)
{
    free(external->name);
    json_decref(external->file);
    memset(external, 0, sizeof *external);
}

/* --- Steps --- */

static void wipe(struct buffer *buffer)
{
    if (buffer->data != NULL)
        explicit_bzero(buffer->data, buffer->capacity);
    buffer_fini(buffer);
}

static bool refused(const struct auth_external *external, const char *step, long status,
                    const struct buffer *body, const char *hint, struct error *err)
{
    json_t *json = json_loadb((const char *)body->data, body->size, 0, NULL);
    const json_t *error = json_object_get(json, "error");
    const char *code = json_is_string(error) ? json_string_value(error) : text_at(error, "status");
    const char *text =
        json_is_string(error) ? text_at(json, "error_description") : text_at(error, "message");

    error_set(err, EXIT_CODE_SOURCE, "%s: %s: %s%s%s (HTTP %ld)", external->name, step,
              code != NULL ? code : "refused", text != NULL ? ": " : "", text != NULL ? text : "",
              status);
    if (status == 429 || status >= 500)
        err->class = ERROR_RETRY;
    else
        error_hint(err, "%s", hint);
    json_decref(json);
    return false;
}

static json_t *post(const struct auth_external *external, struct http_client *http, const char *url,
                    const char *const *headers, const struct buffer *form, const char *step,
                    const char *hint, struct error *err)
{
    struct http_request request = {.method = "POST",
                                   .url = url,
                                   .headers = headers,
                                   .body = form->data,
                                   .body_size = form->size,
                                   .timeout_ms = TIMEOUT_MS};
    struct buffer body = {0};
    json_t *answer = NULL;
    long status = 0;

    if (!http_client_run(http, &request, &status, &body, err))
        error_wrap(err, "%s: %s", external->name, step);
    else if (status != 200)
        refused(external, step, status, &body, hint, err);
    else if ((answer = json_loadb((const char *)body.data, body.size, 0, NULL)) == NULL)
        error_retry(err, EXIT_CODE_SOURCE, "%s: %s: the answer is no JSON", external->name, step);
    wipe(&body);
    return answer;
}

static bool exchange(const struct auth_external *external, struct http_client *http,
                     const struct buffer *subject, struct auth_external_token *token,
                     struct error *err)
{
    static const char *const headers[] = {"Content-Type: application/x-www-form-urlencoded", NULL};
    const char *project = text_at(external->file, "workforce_pool_user_project");
    struct buffer form = {0}, text = {0};

    buffer_append_text(&form,
                       "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange");
    auth_key_parameter(&form, "requested_token_type",
                       "urn:ietf:params:oauth:token-type:access_token");
    auth_key_parameter(&form, "audience", external->audience);
    auth_key_parameter(&form, "scope",
                       external->impersonation_url != NULL ? SCOPE_CLOUD : SCOPE_PUBSUB);
    auth_key_parameter(&form, "subject_token_type", external->token_type);
    buffer_append(&text, subject->data, subject->size);
    auth_key_parameter(&form, "subject_token", buffer_text(&text));
    if (project != NULL) {
        char *options = memory_textf("{\"userProject\":\"%s\"}", project);
        auth_key_parameter(&form, "options", options);
        free(options);
    }
    json_t *answer =
        post(external, http, external->token_url, headers, &form, "token exchange",
             "see whether the pool and provider of the audience trust this issuer, and "
             "whether the attribute condition lets this workload through",
             err);
    const char *access = text_at(answer, "access_token");
    bool ok = access != NULL;

    if (ok)
        buffer_append_text(&token->text, access);
    else if (answer != NULL)
        error_retry(err, EXIT_CODE_SOURCE, "%s: token exchange: the answer holds no access token",
                    external->name);
    token->lifetime_s = json_integer_value(json_object_get(answer, "expires_in"));
    if (token->lifetime_s <= 0)
        token->lifetime_s = LIFETIME_S;
    json_decref(answer);
    wipe(&form);
    wipe(&text);
    return ok;
}

static bool impersonate(const struct auth_external *external, struct http_client *http,
                        int64_t now_s, struct auth_external_token *token, struct error *err)
{
    char *bearer = memory_textf("Authorization: Bearer %s", buffer_text(&token->text));
    const char *const headers[] = {bearer, "Content-Type: application/json", NULL};
    struct buffer form = {0};
    int64_t expires_us = 0;

    log_redact(buffer_text(&token->text));
    buffer_appendf(&form, "{\"scope\":[\"" SCOPE_PUBSUB "\"],\"lifetime\":\"%llds\"}",
                   (long long)external->lifetime_s);
    json_t *answer =
        post(external, http, external->impersonation_url, headers, &form, "impersonation",
             "the workload needs roles/iam.workloadIdentityUser on that service account", err);
    const char *access = text_at(answer, "accessToken"), *expiry = text_at(answer, "expireTime");
    bool ok = access != NULL && expiry != NULL
              && rfc3339_parse_us(expiry, strlen(expiry), &expires_us)
              && expires_us / 1000000 > now_s;

    explicit_bzero(bearer, strlen(bearer));
    free(bearer);
    if (ok) {
        buffer_clear(&token->text);
        buffer_append_text(&token->text, access);
        token->lifetime_s = expires_us / 1000000 - now_s;
    } else if (answer != NULL) {
        error_retry(err, EXIT_CODE_SOURCE,
                    "%s: impersonation: the answer holds no token that is good now",
                    external->name);
    }
    json_decref(answer);
    buffer_fini(&form);
    return ok;
}

bool auth_external_fetch(const struct auth_external *external, struct http_client *http,
                         int64_t now_s, struct auth_external_token *token, struct error *err)
{
    struct buffer subject = {0};
    bool ok =
        auth_subject_token(external, http, now_s, &subject, err)
        && exchange(external, http, &subject, token, err)
        && (external->impersonation_url == NULL || impersonate(external, http, now_s, token, err));

    wipe(&subject);
    return ok;
}
