/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_client: one request at a time over libcurl, for everything that is not the pull path.
 *
 * Keeps its connection. Not thread safe. An answer cut inside its headers looks like an empty 200 to
 * libcurl 7.88, so callers must ask for a body before they believe a success.
 */
#ifndef CORE_HTTP_CLIENT_H
#define CORE_HTTP_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buffer.h"
#include "core/error.h"

struct http_client;

struct http_client *http_client_new(void);
void http_client_free(struct http_client *client);

struct http_request {
    const char *method; /* "GET", "POST", ... */
    const char *url;
    const char *const *headers; /* "Name: value", NULL at the end; may be NULL. */
    const void *body;           /* NULL: none. */
    size_t body_size;
    int64_t timeout_ms;
    bool direct; /* By no proxy, whatever the environment says. */
};

/* Runs the request; false only if no complete answer came. body is cleared first. */
bool http_client_run(struct http_client *client, const struct http_request *request, long *status,
                     struct buffer *body, struct error *err);

/* What to try after libcurl failed with this CURLcode; "" if that is not plain. */
const char *http_client_hint(int code);

#endif
