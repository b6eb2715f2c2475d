/* SPDX-License-Identifier: Apache-2.0 */
/*
 * script_server: an HTTP server on a loopback port, for tests of clients. The test says what it answers.
 */
#ifndef TESTS_SCRIPT_SERVER_H
#define TESTS_SCRIPT_SERVER_H

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "core/buffer.h"

struct script_request {
    const char *method;
    const char *path;
    struct buffer body;
    struct MHD_Connection *connection;
};

/* Appends the body and returns the status. Runs on the server's thread, one request at a time. */
typedef unsigned script_answer(void *context, struct script_request *request, struct buffer *out);

struct script_server {
    struct MHD_Daemon *daemon;
    uint16_t port;
    script_answer *answer;
    void *context;
};

static inline const char *script_header(const struct script_request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

static inline enum MHD_Result script_on_request(void *context, struct MHD_Connection *connection,
                                                const char *path, const char *method,
                                                const char *version, const char *upload,
                                                size_t *upload_size, void **state)
{
    struct script_server *server = context;
    struct script_request *request = *state;
    struct buffer out = {0};

    (void)version;
    if (request == NULL) {
        *state = memory_new(sizeof *request);
        return MHD_YES;
    }
    if (*upload_size > 0) {
        buffer_append(&request->body, upload, *upload_size);
        *upload_size = 0;
        return MHD_YES;
    }
    request->method = method;
    request->path = path;
    request->connection = connection;
    unsigned status = server->answer(server->context, request, &out);
    buffer_reserve(&out, 1);
    struct MHD_Response *response =
        MHD_create_response_from_buffer(out.size, out.data, MHD_RESPMEM_MUST_FREE);
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static inline void script_on_end(void *context, struct MHD_Connection *connection, void **state,
                                 enum MHD_RequestTerminationCode code)
{
    struct script_request *request = *state;

    (void)context;
    (void)connection;
    (void)code;
    if (request != NULL)
        buffer_fini(&request->body);
    free(request);
}

static inline bool script_server_start(struct script_server *server, script_answer *answer,
                                       void *context)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    server->answer = answer;
    server->context = context;
    server->daemon =
        MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_AUTO, 0, NULL, NULL,
                         script_on_request, server, MHD_OPTION_SOCK_ADDR, &address,
                         MHD_OPTION_NOTIFY_COMPLETED, script_on_end, NULL, MHD_OPTION_END);
    if (server->daemon == NULL)
        return false;
    server->port = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
    return true;
}

static inline void script_server_stop(struct script_server *server)
{
    MHD_stop_daemon(server->daemon);
}

#endif
