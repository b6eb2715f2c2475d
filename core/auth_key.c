/* SPDX-License-Identifier: Apache-2.0 */
#include "core/auth_key.h"

#include <errno.h>
#include <jansson.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base64.h"
#include "core/log.h"

#define SCOPE     "https://www.googleapis.com/auth/pubsub"
#define TOKEN_URI "https://oauth2.googleapis.com/token"

#define AUDIENCE "https://pubsub.googleapis.com/"

enum { FILE_LIMIT = 64 * 1024 };

static void wipe_free(char *secret)
{
    if (secret != NULL)
        explicit_bzero(secret, strlen(secret));
    free(secret);
}

void auth_key_fini(struct auth_key *key)
{
    free(key->name);
    free(key->token_uri);
    EVP_PKEY_free(key->key); /* Wipes it. */
    free(key->email);
    free(key->key_id);
    free(key->client_id);
    wipe_free(key->client_secret);
    wipe_free(key->refresh_token);
    memset(key, 0, sizeof *key);
}

/* What follows `start` in text, or NULL. */
static const char *behind(const char *text, const char *start)
{
    for (; *start != '\0'; text++, start++)
        if (*text != *start)
            return NULL;
    return text;
}

static bool is_loopback(const char *url)
{
    static const char *const hosts[] = {"http://127.0.0.1", "http://localhost", "http://[::1]"};

    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        const char *rest = behind(url, hosts[i]);
        if (rest == NULL)
            continue;
        if (*rest == ':')
            rest += 1 + strspn(rest + 1, "0123456789");
        return *rest == '/' && strpbrk(rest, " \t\r\n@") == NULL;
    }
    return false;
}

bool auth_key_url_allowed(const char *url)
{
    static const char domain[] = ".googleapis.com";
    const char *host = behind(url, "https://");
    size_t size = host != NULL ? strcspn(host, "/?#") : 0, end = sizeof domain - 1;

    if (is_loopback(url))
        return true;
    for (size_t i = 0; i < size; i++)
        if (!(host[i] == '.' || host[i] == '-' || (host[i] >= '0' && host[i] <= '9')
              || (host[i] >= 'a' && host[i] <= 'z')))
            return false;
    return size > end && strncmp(host + size - end, domain, end) == 0 && host[size] == '/'
           && strpbrk(host, " \t\r\n@") == NULL;
}

/* A file could name any address to send a signed request to: only Google's own, or this machine. */
static bool uri_allowed(const char *uri)
{
    return strcmp(uri, TOKEN_URI) == 0 || is_loopback(uri);
}

static json_t *read_file(const char *file, struct error *err)
{
    char *text = memory_new(FILE_LIMIT);
    FILE *stream = fopen(file, "re");
    json_error_t error;
    json_t *json = NULL;

    if (stream == NULL) {
        error_set(err, EXIT_CODE_CONFIG, "credentials %s: %s", file, strerror(errno));
        error_hint(err, "check pubsub.credentials, or GOOGLE_APPLICATION_CREDENTIALS, and who may "
                        "read the file");
    } else {
        setvbuf(stream, NULL, _IONBF, 0); /* No second copy that nobody wipes. */
        size_t size = fread(text, 1, FILE_LIMIT, stream);
        fclose(stream);
        json = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
        if (!json_is_object(json)) {
            json_decref(json);
            json = NULL;
            error_set(err, EXIT_CODE_CONFIG, "credentials %s: not a JSON object", file);
            error_hint(err,
                       "it should be a key file as Google Cloud's console or gcloud writes it");
        }
    }
    explicit_bzero(text, FILE_LIMIT);
    free(text);
    return json;
}

/* The value and the wish that no copy of it stays in memory. */
static void wipe_value(json_t *json, const char *name)
{
    json_t *value = json_object_get(json, name);

    if (json_is_string(value))
        explicit_bzero((char *)json_string_value(value), json_string_length(value));
}

static bool take(json_t *json, const char *name, const char *file, char **text, struct error *err)
{
    const char *value = json_string_value(json_object_get(json, name));

    if (value == NULL || value[0] == '\0')
        return error_set(err, EXIT_CODE_CONFIG, "credentials %s: \"%s\" is missing", file, name);
    *text = memory_text(value);
    return true;
}

static bool read_private_key(struct auth_key *key, json_t *json, const char *file,
                             struct error *err)
{
    const char *pem = json_string_value(json_object_get(json, "private_key"));

    if (pem == NULL)
        return error_set(err, EXIT_CODE_CONFIG, "credentials %s: \"private_key\" is missing", file);

    static char no_password[] = ""; /* Else OpenSSL would ask on the terminal. */
    BIO *bio = BIO_new_mem_buf(pem, -1);

    key->key = PEM_read_bio_PrivateKey(bio, NULL, NULL, no_password);
    BIO_free(bio);
    if (key->key == NULL || EVP_PKEY_get_base_id(key->key) != EVP_PKEY_RSA)
        return error_set(err, EXIT_CODE_CONFIG,
                         "credentials %s: \"private_key\" is no RSA key in PEM form", file);
    return true;
}

static bool read_service_account(struct auth_key *key, json_t *json, const char *file,
                                 struct error *err)
{
    const char *uri = json_string_value(json_object_get(json, "token_uri"));

    if (!take(json, "client_email", file, &key->email, err)
        || !take(json, "private_key_id", file, &key->key_id, err)
        || !read_private_key(key, json, file, err))
        return false;
    key->token_uri = memory_text(uri != NULL ? uri : TOKEN_URI);
    key->name = memory_textf("service account %s (%s)", key->email, file);
    if (uri_allowed(key->token_uri))
        return true;
    error_set(err, EXIT_CODE_CONFIG, "credentials %s: token_uri %s is not Google's", file,
              key->token_uri);
    return error_hint(err,
                      "only " TOKEN_URI " is allowed: take the key file anew from Google Cloud");
}

static bool read_user(struct auth_key *key, json_t *json, const char *file, struct error *err)
{
    if (!take(json, "client_id", file, &key->client_id, err)
        || !take(json, "client_secret", file, &key->client_secret, err)
        || !take(json, "refresh_token", file, &key->refresh_token, err))
        return false;
    log_redact(key->client_secret);
    log_redact(key->refresh_token);

    const char *uri = json_string_value(json_object_get(json, "token_uri"));

    key->token_uri = memory_text(uri != NULL && uri_allowed(uri) ? uri : TOKEN_URI);
    key->name = memory_textf("user credentials (%s)", file);
    return true;
}

static bool unsupported(const char *type, const char *file, struct error *err)
{
    error_set(err, EXIT_CODE_CONFIG, "credentials %s: type \"%s\" is not supported in this version",
              file, type);
    return error_hint(err, "use a service account's key, the metadata server, or a token_file that "
                           "another program keeps fresh");
}

bool auth_key_load(struct auth_key *key, const char *file, struct error *err)
{
    json_t *json = read_file(file, err);
    const char *type = json_string_value(json_object_get(json, "type"));
    bool loaded = false;

    memset(key, 0, sizeof *key);
    if (json == NULL)
        return false;
    if (type == NULL)
        error_set(err, EXIT_CODE_CONFIG, "credentials %s: \"type\" is missing", file);
    else if (strcmp(type, "service_account") == 0)
        loaded = read_service_account(key, json, file, err);
    else if (strcmp(type, "authorized_user") == 0)
        loaded = read_user(key, json, file, err);
    else
        unsupported(type, file, err);
    wipe_value(json, "private_key");
    wipe_value(json, "client_secret");
    wipe_value(json, "refresh_token");
    json_decref(json);
    return loaded;
}

static void append_url64(struct buffer *out, const void *data, size_t size)
{
    char *place = (char *)buffer_reserve(out, BASE64_TEXT_SIZE(size));

    out->size += base64_write_url(data, size, place);
}

static void append_json(struct buffer *out, json_t *json)
{
    char *text = json_dumps(json, JSON_COMPACT);

    append_url64(out, text, strlen(text));
    free(text);
    json_decref(json);
}

/* RS256 over what stands in `form` from `start` on. */
static bool append_signature(const struct auth_key *key, size_t start, struct buffer *form,
                             struct error *err)
{
    unsigned char signature[1024]; /* RSA keys of up to 8192 bits. */
    size_t size = sizeof signature;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool done =
        (size_t)EVP_PKEY_get_size(key->key) <= sizeof signature
        && EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key->key) == 1
        && EVP_DigestSign(context, signature, &size, form->data + start, form->size - start) == 1;

    EVP_MD_CTX_free(context);
    if (!done)
        return error_set(err, EXIT_CODE_CONFIG,
                         "%s: sign the token request: OpenSSL refuses the key", key->name);
    buffer_append_byte(form, '.');
    append_url64(form, signature, size);
    return true;
}

/* Takes the claims, and adds when the JWT begins and ends. */
static bool append_jwt(const struct auth_key *key, int64_t now_s, json_t *claims,
                       struct buffer *form, struct error *err)
{
    size_t start = form->size;

    append_json(form,
                json_pack("{s:s, s:s, s:s}", "alg", "RS256", "typ", "JWT", "kid", key->key_id));
    buffer_append_byte(form, '.');
    json_object_set_new(claims, "iat", json_integer((json_int_t)now_s));
    json_object_set_new(claims, "exp", json_integer((json_int_t)now_s + AUTH_KEY_LIFETIME_S));
    append_json(form, claims);
    return append_signature(key, start, form, err);
}

void auth_key_parameter(struct buffer *form, const char *name, const char *value)
{
    buffer_appendf(form, "&%s=", name);
    for (; *value != '\0'; value++) {
        bool plain = (*value >= '0' && *value <= '9') || (*value >= 'a' && *value <= 'z')
                     || (*value >= 'A' && *value <= 'Z');
        buffer_appendf(form, plain ? "%c" : "%%%02X", (unsigned char)*value);
    }
}

bool auth_key_request(const struct auth_key *key, int64_t now_s, struct buffer *form,
                      struct error *err)
{
    buffer_clear(form);
    if (key->key == NULL) {
        buffer_append_text(form, "grant_type=refresh_token");
        auth_key_parameter(form, "client_id", key->client_id);
        auth_key_parameter(form, "client_secret", key->client_secret);
        auth_key_parameter(form, "refresh_token", key->refresh_token);
        return true;
    }
    buffer_append_text(form, "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer"
                             "&assertion=");
    return append_jwt(
        key, now_s,
        json_pack("{s:s, s:s, s:s}", "iss", key->email, "scope", SCOPE, "aud", key->token_uri),
        form, err);
}

bool auth_key_may_sign(const struct auth_key *key)
{
    return key->key != NULL && strcmp(key->token_uri, TOKEN_URI) == 0;
}

bool auth_key_sign(const struct auth_key *key, int64_t now_s, struct buffer *token,
                   struct error *err)
{
    return append_jwt(
        key, now_s,
        json_pack("{s:s, s:s, s:s}", "iss", key->email, "sub", key->email, "aud", AUDIENCE), token,
        err);
}
