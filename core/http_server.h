/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_server: /metrics, /livez (and /healthz), /readyz and /status of a running process, for people,
 * Kubernetes and Prometheus. /status is a page for browsers and JSON for all others. GET only, no state changes. Runs on a thread of its own.
 */
#ifndef CORE_HTTP_SERVER_H
#define CORE_HTTP_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/metrics.h"

struct http_server;

struct http_server_callbacks {
    void *context;
    /* Alive: the turn loop came round lately. Called from the server's thread. */
    bool (*alive)(void *context);
    bool (*ready)(void *context);
    /* Appends the status as one JSON object. */
    void (*status)(void *context, struct buffer *out);
};

/* listen: HOST:PORT, port 0 takes a free one. */
struct http_server *http_server_open(const char *listen, struct metrics *metrics,
                                     const struct http_server_callbacks *callbacks,
                                     struct error *err);
uint16_t http_server_port(const struct http_server *server);
void http_server_close(struct http_server *server);

#endif
