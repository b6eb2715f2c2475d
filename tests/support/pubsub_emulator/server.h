/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server: the emulator behind HTTP/1.1, plain or TLS.
 *
 * One thread does everything: it turns libmicrohttpd's event loop, and a pull that has to wait is a
 * suspended connection in a list, not a thread. Faults are played here, where the bytes are.
 */
#ifndef EMULATOR_SERVER_H
#define EMULATOR_SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "core/error.h"
#include "emulator.h"

struct server;

struct server_options {
    const char *listen;      /* HOST:PORT; port 0 takes a free one. */
    const char *certificate; /* PEM text; NULL: no TLS. */
    const char *key;
    FILE *log; /* A JSON line a call; NULL: none. */
    bool require_token;
};

/* Borrows emulator. NULL on error. */
struct server *server_open(const struct server_options *options, struct emulator *emulator,
                           struct error *err);
void server_close(struct server *server);
/* "127.0.0.1:8085" */
const char *server_address(const struct server *server);
/* Waits for something to do, at most wait_ms, and does it. */
void server_turn(struct server *server, int wait_ms);

/* The real time, us since 1970, that never goes back. */
int64_t server_real_us(void);

#endif
