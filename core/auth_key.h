/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auth_key: a credential file of Google's (a service account's key, or what gcloud keeps of a user),
 * and the token request that it makes. Only auth uses it.
 */
#ifndef CORE_AUTH_KEY_H
#define CORE_AUTH_KEY_H

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/buffer.h"
#include "core/error.h"

enum { AUTH_KEY_LIFETIME_S = 3600 }; /* Of what it signs. */

struct auth_key {
    char *name; /* For messages: who, and from which file. */
    char *token_uri;
    /* Service account. */
    EVP_PKEY *key; /* NULL: a user. */
    char *email;
    char *key_id;
    /* User. */
    char *client_id;
    char *client_secret;
    char *refresh_token;
};

/* Fills key, which may be finished also after an error. */
bool auth_key_load(struct auth_key *key, const char *file, struct error *err);
void auth_key_fini(struct auth_key *key);

/* The form that is posted to token_uri. now_s: seconds since 1970. False if the key cannot sign. */
bool auth_key_request(const struct auth_key *key, int64_t now_s, struct buffer *form,
                      struct error *err);
/* Appends a JWT that Pub/Sub takes as an access token by itself, in every region; it ends after
 * AUTH_KEY_LIFETIME_S. Of a service account only. See AIP-4111. */
bool auth_key_sign(const struct auth_key *key, int64_t now_s, struct buffer *token,
                   struct error *err);
/* The key is a service account's of Google's own: its token_uri is the one that such files name. */
bool auth_key_may_sign(const struct auth_key *key);
/* Appends "&name=value", the value escaped for a form. */
void auth_key_parameter(struct buffer *form, const char *name, const char *value);
/* May a secret be sent there? https on a host below googleapis.com, or this machine. */
bool auth_key_url_allowed(const char *url);

#endif
