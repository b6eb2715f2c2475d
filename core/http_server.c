/* SPDX-License-Identifier: Apache-2.0 */
#include "core/http_server.h"

#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "core/status_page.h"

enum { CONNECTION_LIMIT = 64, TIMEOUT_S = 10, HOST_SIZE = 256 };

struct http_server {
    struct MHD_Daemon *daemon;
    struct metrics *metrics;
    struct http_server_callbacks callbacks;
    uint16_t port;
};

struct answer {
    unsigned status;
    const char *type;
};

/* html: the one who asks is a browser. */
typedef struct answer answer_function(struct http_server *server, bool html, struct buffer *out);

static struct answer text(unsigned status, const char *words, struct buffer *out)
{
    buffer_appendf(out, "%s\n", words);
    return (struct answer){status, "text/plain; charset=utf-8"};
}

static struct answer answer_index(struct http_server *server, bool html, struct buffer *out)
{
    (void)server;
    (void)html;
    return text(
        MHD_HTTP_OK,
        "dualrun " DUALRUN_VERSION
        "\n\n/metrics  Prometheus\n/livez    200 while it runs; /healthz is the same\n"
        "/readyz   200 while it does its work\n/status   its state: a page for browsers, else JSON",
        out);
}

static struct answer answer_metrics(struct http_server *server, bool html, struct buffer *out)
{
    (void)html;
    metrics_format(server->metrics, out);
    return (struct answer){MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8"};
}

static struct answer answer_live(struct http_server *server, bool html, struct buffer *out)
{
    const struct http_server_callbacks *callbacks = &server->callbacks;

    (void)html;
    if (callbacks->alive == NULL || callbacks->alive(callbacks->context))
        return text(MHD_HTTP_OK, "alive", out);
    return text(MHD_HTTP_SERVICE_UNAVAILABLE, "stalled", out);
}

static struct answer answer_ready(struct http_server *server, bool html, struct buffer *out)
{
    const struct http_server_callbacks *callbacks = &server->callbacks;

    (void)html;
    if (callbacks->alive != NULL && !callbacks->alive(callbacks->context))
        return text(MHD_HTTP_SERVICE_UNAVAILABLE, "stalled", out);
    if (callbacks->ready == NULL || callbacks->ready(callbacks->context))
        return text(MHD_HTTP_OK, "ready", out);
    return text(MHD_HTTP_SERVICE_UNAVAILABLE, "starting", out);
}

static struct answer answer_status(struct http_server *server, bool html, struct buffer *out)
{
    const struct http_server_callbacks *callbacks = &server->callbacks;
    struct buffer json = {0};

    if (callbacks->status != NULL)
        callbacks->status(callbacks->context, &json);
    else
        buffer_append_text(&json, "{}");
    if (html)
        status_page((const char *)json.data, json.size, out);
    else
        buffer_appendf(out, "%s\n", buffer_text(&json));
    buffer_fini(&json);
    return (struct answer){MHD_HTTP_OK, html ? "text/html; charset=utf-8" : "application/json"};
}

static answer_function *find_page(const char *path)
{
    static const struct {
        const char *path;
        answer_function *answer;
    } pages[] = {
        {"/", answer_index},       {"/metrics", answer_metrics}, {"/livez", answer_live},
        {"/healthz", answer_live}, {"/readyz", answer_ready},    {"/status", answer_status},
    };

    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++)
        if (strcmp(path, pages[i].path) == 0)
            return pages[i].answer;
    return NULL;
}

static enum MHD_Result send_answer(struct MHD_Connection *connection, struct answer answer,
                                   struct buffer *out)
{
    buffer_reserve(out, 1); /* An empty body needs an address too: microhttpd frees it. */

    struct MHD_Response *response =
        MHD_create_response_from_buffer(out->size, out->data, MHD_RESPMEM_MUST_FREE);

    if (response == NULL) {
        buffer_fini(out);
        return MHD_NO;
    }
    *out = (struct buffer){0}; /* Now microhttpd's. */
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer.type);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    MHD_add_response_header(response, MHD_HTTP_HEADER_VARY, MHD_HTTP_HEADER_ACCEPT);
    MHD_add_response_header(response, MHD_HTTP_HEADER_X_CONTENT_TYPE_OPTIONS, "nosniff");
    if (answer.status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");

    enum MHD_Result result = MHD_queue_response(connection, answer.status, response);

    MHD_destroy_response(response);
    return result;
}

static bool wants_html(struct MHD_Connection *connection)
{
    const char *accept =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);

    return accept != NULL && strstr(accept, "text/html") != NULL;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection,
                                  const char *path, const char *method, const char *version,
                                  const char *upload, size_t *upload_size, void **request)
{
    struct http_server *server = context;
    struct buffer out = {0};
    struct answer answer;

    (void)version;
    (void)upload;
    if (*request == NULL) { /* The headers have come; the answer may go when the body has, too. */
        *request = server;
        return MHD_YES;
    }
    if (*upload_size > 0) { /* Read and thrown away. */
        *upload_size = 0;
        return MHD_YES;
    }
    answer_function *page = find_page(path);
    if (page == NULL)
        answer = text(MHD_HTTP_NOT_FOUND, "not found", &out);
    else if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        answer = text(MHD_HTTP_METHOD_NOT_ALLOWED, "only GET is served here", &out);
    else
        answer = page(server, wants_html(connection), &out);
    return send_answer(connection, answer, &out);
}

/* HOST:PORT or [HOST]:PORT. */
static bool split(const char *listen, char host[static HOST_SIZE], const char **port)
{
    const char *colon = strrchr(listen, ':');
    size_t size = colon != NULL ? (size_t)(colon - listen) : 0;

    if (size == 0 || size >= HOST_SIZE || colon[1] == '\0'
        || strspn(colon + 1, "0123456789") != strlen(colon + 1) || strlen(colon + 1) > 5
        || strtol(colon + 1, NULL, 10) > UINT16_MAX)
        return false;
    bool brackets = listen[0] == '[' && colon[-1] == ']';
    size -= brackets ? 2 : 0;
    memcpy(host, listen + brackets, size);
    host[size] = '\0';
    *port = colon + 1;
    return size > 0 && (brackets || strchr(host, ':') == NULL);
}

/* NULL on error. */
static struct addrinfo *resolve(const char *listen, struct error *err)
{
    static const struct addrinfo wanted = {.ai_socktype = SOCK_STREAM,
                                           .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *address = NULL;
    char host[HOST_SIZE];
    const char *port;

    if (!split(listen, host, &port)) {
        error_set(err, EXIT_CODE_USAGE, "listen address \"%s\" is not HOST:PORT", listen);
        error_hint(err, "for example 127.0.0.1:9100, or [::]:9100 for every interface");
        return NULL;
    }

    int failure = getaddrinfo(host, port, &wanted, &address);

    if (failure != 0)
        error_set(err, EXIT_CODE_USAGE, "listen address \"%s\": %s", listen, gai_strerror(failure));
    return failure == 0 ? address : NULL;
}

static bool start(struct http_server *server, const struct addrinfo *address, const char *listen,
                  struct error *err)
{
    unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_AUTO;

    if (address->ai_family == AF_INET6)
        flags |= MHD_USE_IPv6;
    errno = 0;
    server->daemon =
        MHD_start_daemon(flags, 0, NULL, NULL, on_request, server, MHD_OPTION_SOCK_ADDR,
                         address->ai_addr, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTION_LIMIT,
                         MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)TIMEOUT_S, MHD_OPTION_END);
    if (server->daemon == NULL) {
        error_set(err, EXIT_CODE_STATE, "listen on %s: %s", listen,
                  errno != 0 ? strerror(errno) : "not possible");
        return error_hint(err,
                          "another program may use the port: choose another, or 0 for a free one");
    }
    server->port = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
    return true;
}

struct http_server *http_server_open(const char *listen, struct metrics *metrics,
                                     const struct http_server_callbacks *callbacks,
                                     struct error *err)
{
    struct addrinfo *address = resolve(listen, err);

    if (address == NULL)
        return NULL;

    struct http_server *server = memory_new(sizeof *server);

    server->metrics = metrics;
    server->callbacks = *callbacks;
    bool started = start(server, address, listen, err);
    freeaddrinfo(address);
    if (started)
        return server;
    free(server);
    return NULL;
}

uint16_t http_server_port(const struct http_server *server)
{
    return server->port;
}

void http_server_close(struct http_server *server)
{
    if (server == NULL)
        return;
    MHD_stop_daemon(server->daemon);
    free(server);
}
