/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auth_external: workload identity federation, a credential file of type external_account.
 *
 *     subject token (file, URL or program) --STS--> access token [--impersonation--> access token]
 *
 * The file says where secrets are sent, so it is believed only so far: token_url and the impersonation
 * URL must be https on a host below googleapis.com, or this machine. A program is run only if
 * GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES is 1. Only auth uses it.
 */
#ifndef CORE_AUTH_EXTERNAL_H
#define CORE_AUTH_EXTERNAL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/buffer.h"
#include "core/error.h"
#include "core/http_client.h"

struct auth_external {
    char *name; /* For messages: which file. */
    json_t *file;
    const char *audience, *token_type, *token_url;
    const char *impersonation_url; /* NULL: the STS token is used as it is. */
    int64_t lifetime_s;            /* Asked for when impersonating. */
};

/* Is the file of that type? A file that cannot be read is of none. */
bool auth_external_is(const char *file);
/* Fills external, which may be finished also after an error. */
bool auth_external_load(struct auth_external *external, const char *file, struct error *err);
void auth_external_fini(struct auth_external *external);

struct auth_external_token {
    struct buffer text; /* Whoever finishes it wipes it. */
    int64_t lifetime_s;
};

/* All steps; the error says which one failed. now_s: seconds since 1970. */
bool auth_external_fetch(const struct auth_external *external, struct http_client *http,
                         int64_t now_s, struct auth_external_token *token, struct error *err);

#endif
