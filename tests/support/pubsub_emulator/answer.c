/* SPDX-License-Identifier: Apache-2.0 */
#include "answer.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const struct {
    int http;
    const char *name;
} codes[RPC_CODE_COUNT] = {
    [RPC_OK] = {200, "OK"},
    [RPC_INVALID_ARGUMENT] = {400, "INVALID_ARGUMENT"},
    [RPC_FAILED_PRECONDITION] = {400, "FAILED_PRECONDITION"},
    [RPC_UNAUTHENTICATED] = {401, "UNAUTHENTICATED"},
    [RPC_PERMISSION_DENIED] = {403, "PERMISSION_DENIED"},
    [RPC_NOT_FOUND] = {404, "NOT_FOUND"},
    [RPC_ALREADY_EXISTS] = {409, "ALREADY_EXISTS"},
    [RPC_ABORTED] = {409, "ABORTED"},
    [RPC_RESOURCE_EXHAUSTED] = {429, "RESOURCE_EXHAUSTED"},
    [RPC_CANCELLED] = {499, "CANCELLED"},
    [RPC_INTERNAL] = {500, "INTERNAL"},
    [RPC_UNIMPLEMENTED] = {501, "UNIMPLEMENTED"},
    [RPC_UNAVAILABLE] = {503, "UNAVAILABLE"},
    [RPC_DEADLINE_EXCEEDED] = {504, "DEADLINE_EXCEEDED"},
};

int rpc_http_status(enum rpc_code code)
{
    return codes[code].http;
}

const char *rpc_name(enum rpc_code code)
{
    return codes[code].name;
}

enum rpc_code rpc_of_http(int status)
{
    if (status < 400)
        return RPC_OK;
    for (enum rpc_code code = RPC_OK; code < RPC_CODE_COUNT; code++)
        if (codes[code].http == status)
            return code;
    return status < 500 ? RPC_INVALID_ARGUMENT : RPC_UNAVAILABLE;
}

bool answer_fail_details(struct answer *answer, int status, const char *name, const char *message,
                         json_t *details)
{
    json_t *error =
        json_pack("{s:i, s:s, s:s}", "code", status, "message", message, "status", name);

    if (error == NULL) /* The caller's text is not UTF-8. */
        error = json_pack("{s:i, s:s, s:s}", "code", status, "message",
                          "Request contains an invalid argument.", "status", name);
    if (details != NULL)
        json_object_set_new(error, "details", details);
    answer_json(answer, json_pack("{s:o}", "error", error));
    answer->status = status;
    return false;
}

bool answer_fail(struct answer *answer, enum rpc_code code, const char *format, ...)
{
    char *text = NULL;
    va_list arguments;

    va_start(arguments, format);
    int size = vasprintf(&text, format, arguments);
    va_end(arguments);
    assert(size >= 0);
    answer_fail_details(answer, codes[code].http, codes[code].name, text, NULL);
    free(text);
    return false;
}

static int append(const char *text, size_t size, void *context)
{
    buffer_append(context, text, size);
    return 0;
}

bool answer_json(struct answer *answer, json_t *json)
{
    assert(json != NULL);
    answer->status = 200;
    buffer_clear(&answer->body);
    json_dump_callback(json, append, &answer->body, JSON_COMPACT);
    json_decref(json);
    return true;
}

bool answer_empty(struct answer *answer)
{
    answer->status = 200;
    buffer_clear(&answer->body);
    buffer_append_text(&answer->body, "{}");
    return true;
}
