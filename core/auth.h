/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auth: access tokens for Pub/Sub, from the credentials that the pipeline file names.
 *
 * A token is kept until shortly before it expires. Tokens and keys are registered with log_redact.
 * Not thread safe: each pull loop has its own.
 */
#ifndef CORE_AUTH_H
#define CORE_AUTH_H

#include "core/clock.h"
#include "core/error.h"
#include "core/pipeline.h"

struct auth;

struct auth *auth_new(const struct pipeline_pubsub *pubsub, struct clock *clock, struct error *err);
void auth_free(struct auth *auth);

/*
 * The value of the Authorization header ("Bearer …"), or "" where none is sent (emulator). NULL on
 * error, which says which credential, which step and what to try. Valid until the next call.
 */
const char *auth_header(struct auth *auth, struct error *err);
/* The server answered 401: forget the token, so that the next auth_header gets a new one. */
void auth_refuse(struct auth *auth);

#endif
