/* SPDX-License-Identifier: Apache-2.0 */
/*
 * answer: what a call gives back, and Google's form of an error.
 */
#ifndef EMULATOR_ANSWER_H
#define EMULATOR_ANSWER_H

#include <jansson.h>
#include <stdbool.h>

#include "core/buffer.h"

enum rpc_code {
    RPC_OK,
    RPC_INVALID_ARGUMENT,
    RPC_FAILED_PRECONDITION,
    RPC_UNAUTHENTICATED,
    RPC_PERMISSION_DENIED,
    RPC_NOT_FOUND,
    RPC_ALREADY_EXISTS,
    RPC_ABORTED,
    RPC_RESOURCE_EXHAUSTED,
    RPC_CANCELLED,
    RPC_INTERNAL,
    RPC_UNIMPLEMENTED,
    RPC_UNAVAILABLE,
    RPC_DEADLINE_EXCEEDED,
    RPC_CODE_COUNT,
};

struct answer {
    int status; /* HTTP. */
    struct buffer body;
    bool wait;         /* Nothing yet: ask again when there may be something. */
    bool plain;        /* The body is text. */
    uint64_t messages; /* In a pull's answer. */
};

int rpc_http_status(enum rpc_code code);
const char *rpc_name(enum rpc_code code);
/* The code that goes with an HTTP status, RPC_OK for one below 400. */
enum rpc_code rpc_of_http(int status);

/* Each returns false or true, so that a handler ends with `return answer_…`. */
bool answer_fail(struct answer *answer, enum rpc_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Takes details, an array or NULL. */
bool answer_fail_details(struct answer *answer, int status, const char *name, const char *message,
                         json_t *details);
/* Takes json. */
bool answer_json(struct answer *answer, json_t *json);
bool answer_empty(struct answer *answer); /* `{}` */

#endif
