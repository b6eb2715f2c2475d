/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auth_subject: the token by which another identity provider says who this workload is: from a file, a
 * URL or a program, as the credential_source of an external_account file asks.
 */
#ifndef CORE_AUTH_SUBJECT_H
#define CORE_AUTH_SUBJECT_H

#include "core/auth_external.h"

/* False if the source is of a kind that is not supported, or lacks what it needs. */
bool auth_subject_check(const struct auth_external *external, struct error *err);
/* Appends the token. */
bool auth_subject_token(const struct auth_external *external, struct http_client *http,
                        int64_t now_s, struct buffer *token, struct error *err);

#endif
