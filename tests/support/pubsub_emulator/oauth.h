/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oauth: access tokens: who gets one, and which are still good.
 *
 * Tokens come from the JWT grant, from a token exchange and from the metadata endpoint. Their life
 * follows the emulator's clock; the claims of a JWT are held against the real one.
 */
#ifndef EMULATOR_OAUTH_H
#define EMULATOR_OAUTH_H

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>

#include "answer.h"
#include "core/error.h"

struct oauth_token {
    char *text; /* Owned. */
    int64_t expire_us;
};

struct oauth {
    EVP_PKEY *key; /* NULL: any signature will do. */
    int64_t life_us;
    uint64_t issued;
    struct oauth_token *tokens;
    size_t count;
    size_t capacity;
};

void oauth_init(struct oauth *oauth, int64_t life_us);
void oauth_fini(struct oauth *oauth);
/* A PEM file with the public key that must have signed every JWT. */
bool oauth_load_key(struct oauth *oauth, const char *path, struct error *err);

/* POST /token and /v1/token: form is the body, application/x-www-form-urlencoded. */
void oauth_grant(struct oauth *oauth, const char *form, size_t size, int64_t now_us,
                 int64_t real_us, struct answer *answer);
/* GET on the metadata server; path as decoded from "/computeMetadata" on. */
void oauth_metadata(struct oauth *oauth, const char *path, const char *flavor, int64_t now_us,
                    struct answer *answer);
/* authorization: the header's value or NULL. */
bool oauth_allows(const struct oauth *oauth, const char *authorization, int64_t now_us);
/* No token given out so far is good any more. */
void oauth_revoke_all(struct oauth *oauth);

#endif
