/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request goes READING -> (DELAYED) -> (WAITING) -> ANSWERED. While it is delayed or waits its
 * connection is suspended; server_turn wakes it, and libmicrohttpd then calls on_call once more.
 * Above 600 lines, because a request's phases and libmicrohttpd's callbacks are one machine.
 */
#include "server.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

enum {
    API_BODY_MAX = 64 * 1024 * 1024,
    CONNECTION_BYTES = 128 * 1024,
    GZIP_BYTES_MIN = 64,
    SLOW_STEP_US = 5000,
};

enum phase { PHASE_READING, PHASE_DELAYED, PHASE_WAITING, PHASE_SLOW, PHASE_READY };

struct request {
    struct server *server;
    struct MHD_Connection *connection;
    char *url; /* Raw, with its query. Owned. */
    struct call call;
    const struct route *route;
    char *resource; /* Owned; "" without one. */
    struct buffer body;
    struct answer answer;
    struct fault_action fault;
    enum phase phase;
    bool seen_head;
    bool legal;
    bool too_large;
    bool vanish; /* No answer: the connection ends. */
    int64_t start_us;
    int64_t wake_us;      /* While delayed, waiting or slow; real time. */
    struct request *next; /* In the server's list of suspended ones, oldest first. */
};

struct server {
    struct server_options options;
    struct emulator *emulator;
    struct MHD_Daemon *daemon;
    int epoll;
    int listener;
    char address[64];
    struct request *suspended;
    struct request **suspended_end;
    bool closing; /* Nothing may be suspended any more. */
};

int64_t server_real_us(void)
{
    static int64_t offset_us;
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t monotonic_us = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
    if (offset_us == 0) {
        clock_gettime(CLOCK_REALTIME, &now);
        offset_us = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000 - monotonic_us;
    }
    return monotonic_us + offset_us;
}

/* Suspension */

static void suspend(struct request *request, enum phase phase, int64_t wake_us)
{
    struct server *server = request->server;

    request->phase = phase;
    request->wake_us = wake_us;
    request->next = NULL;
    *server->suspended_end = request;
    server->suspended_end = &request->next;
    MHD_suspend_connection(request->connection);
}

/* at: where the list points to it. */
static void resume(struct request **at, enum phase phase)
{
    struct request *request = *at;
    struct server *server = request->server;

    *at = request->next;
    if (*at == NULL)
        server->suspended_end = at;
    request->next = NULL;
    request->phase = phase;
    MHD_resume_connection(request->connection);
}

static const char *header(struct request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

/* Answering */

static bool wants_gzip(struct request *request)
{
    const char *accept = header(request, MHD_HTTP_HEADER_ACCEPT_ENCODING);
    const char *agent = header(request, MHD_HTTP_HEADER_USER_AGENT);

    return accept != NULL && strcasestr(accept, "gzip") != NULL && agent != NULL
           && strcasestr(agent, "gzip") != NULL;
}

static void gzip(struct buffer *body)
{
    z_stream stream = {0};
    struct buffer out = {0};

    int result = deflateInit2(&stream, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
    assert(result == Z_OK);
    size_t bound = deflateBound(&stream, body->size);
    stream.next_in = body->data;
    stream.avail_in = (uInt)body->size;
    stream.next_out = buffer_reserve(&out, bound);
    stream.avail_out = (uInt)bound;
    result = deflate(&stream, Z_FINISH);
    assert(result == Z_STREAM_END);
    out.size = stream.total_out;
    deflateEnd(&stream);
    buffer_fini(body);
    *body = out;
}

static bool gunzip(struct buffer *body)
{
    z_stream stream = {.next_in = body->data, .avail_in = (uInt)body->size};
    struct buffer out = {0};
    int result = inflateInit2(&stream, 15 + 16);

    assert(result == Z_OK);
    while (result == Z_OK && out.size < API_BODY_MAX) {
        stream.next_out = buffer_reserve(&out, 65536);
        stream.avail_out = 65536;
        result = inflate(&stream, Z_NO_FLUSH);
        out.size += 65536 - stream.avail_out;
        if (stream.avail_in == 0 && stream.avail_out > 0 && result == Z_OK)
            break; /* It is cut. */
    }
    inflateEnd(&stream);
    buffer_fini(body);
    *body = out;
    return result == Z_STREAM_END;
}

/* A body that comes slowly, or ends too early. */
struct drip {
    struct request *request;
    struct buffer body;
    int64_t rate; /* Bytes a second; 0: all at once. */
    int64_t start_us;
    uint64_t end; /* The connection ends here. */
};

static ssize_t drip_read(void *context, uint64_t position, char *to, size_t max)
{
    struct drip *drip = context;
    uint64_t end = drip->end;

    if (position >= drip->end || drip->request->server->closing)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (drip->rate > 0) {
        int64_t real_us = server_real_us();
        double allowed = (double)(real_us - drip->start_us) * (double)drip->rate / 1e6;
        end = allowed < (double)end ? (uint64_t)allowed : end;
        if (end <= position) {
            suspend(drip->request, PHASE_SLOW, real_us + SLOW_STEP_US);
            return 0;
        }
    }
    size_t size = end - position < max ? (size_t)(end - position) : max;
    memcpy(to, drip->body.data + position, size);
    return (ssize_t)size;
}

static void drip_free(void *context)
{
    struct drip *drip = context;

    buffer_fini(&drip->body);
    free(drip);
}

/* Takes the body of the answer. */
static struct MHD_Response *make_response(struct request *request)
{
    const struct fault_action *fault = &request->fault;
    struct buffer *body = &request->answer.body;
    struct MHD_Response *response;

    if (fault->bytes_per_second == 0 && !fault->truncates) {
        response = MHD_create_response_from_buffer(body->size, body->data, MHD_RESPMEM_MUST_FREE);
    } else {
        struct drip *drip = memory_new(sizeof *drip);
        *drip = (struct drip){.request = request,
                              .body = *body,
                              .rate = fault->bytes_per_second,
                              .start_us = server_real_us(),
                              .end = fault->truncates && (uint64_t)fault->truncate < body->size
                                         ? (uint64_t)fault->truncate
                                         : body->size};
        response = MHD_create_response_from_callback(body->size, 4096, drip_read, drip, drip_free);
    }
    *body = (struct buffer){0};
    assert(response != NULL);
    return response;
}

/* The first bytes of an answer's head, and nothing more. */
static void send_head_part(struct request *request)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    char head[4096];
    int size = snprintf(head, sizeof head,
                        "HTTP/1.1 %d OK\r\nContent-Type: application/json; charset=UTF-8\r\n"
                        "Vary: Origin\r\nServer: ESF\r\nContent-Length: %zu\r\n\r\n",
                        request->answer.status, request->answer.body.size);

    if (request->fault.truncate_head < size)
        size = (int)request->fault.truncate_head;
    if (request->server->options.certificate == NULL)
        send(info->connect_fd, head, (size_t)size, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void write_log(struct request *request, size_t size)
{
    FILE *log = request->server->options.log;
    int64_t now_us = server_real_us();

    if (log == NULL)
        return;
    json_t *line = json_pack(
        "{s:I, s:s, s:s, s:i, s:I, s:I, s:I, s:I, s:b}", "time_us", (json_int_t)now_us, "method",
        request->route != NULL ? request->route->name : request->call.method, "resource",
        request->resource, "status", request->vanish ? 0 : request->answer.status, "request_bytes",
        (json_int_t)request->body.size, "answer_bytes", (json_int_t)size, "messages",
        (json_int_t)request->answer.messages, "took_us", (json_int_t)(now_us - request->start_us),
        "fault",
        request->fault.status > 0 || request->fault.delay_ms > 0 || request->fault.close
            || request->fault.drop_answer || request->fault.truncates
            || request->fault.truncate_head > 0 || request->fault.bytes_per_second > 0
            || request->fault.transient_every > 0);
    if (line == NULL)
        return;
    json_dumpf(line, log, JSON_COMPACT);
    fputc('\n', log);
    fflush(log);
    json_decref(line);
}

static enum MHD_Result respond(struct request *request)
{
    struct answer *answer = &request->answer;
    bool packed = false;

    if (request->fault.drop_answer)
        request->vanish = true;
    if (!request->vanish && answer->body.size >= GZIP_BYTES_MIN && wants_gzip(request)) {
        gzip(&answer->body);
        packed = true;
    }
    write_log(request, answer->body.size);
    if (request->fault.truncate_head > 0 && !request->vanish) {
        send_head_part(request);
        request->vanish = true;
    }
    if (request->vanish)
        return MHD_NO;

    struct MHD_Response *response = make_response(request);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
                            answer->plain ? "text/plain; charset=UTF-8"
                                          : "application/json; charset=UTF-8");
    MHD_add_response_header(response, MHD_HTTP_HEADER_VARY, "Origin, X-Origin, Referer");
    if (packed)
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip");
    if (strncmp(request->url, "/computeMetadata", 16) == 0 || strcmp(request->url, "/") == 0)
        MHD_add_response_header(response, "Metadata-Flavor", "Google");
    enum MHD_Result result =
        MHD_queue_response(request->connection, (unsigned)answer->status, response);
    MHD_destroy_response(response);
    return result;
}

/* Doing the work */

static void run_special(struct request *request, int64_t real_us)
{
    struct emulator *emulator = request->server->emulator;
    struct call *call = &request->call;
    struct answer *answer = &request->answer;
    const char *first = call->segment_count > 0 ? call->segments[0] : "";

    if (strcmp(first, "admin") == 0) {
        admin_call(emulator, call, real_us, answer);
    } else if (strcmp(call->method, "GET") == 0 && strcmp(first, "computeMetadata") == 0) {
        char *path = memory_text_n(request->url, strcspn(request->url, "?"));
        oauth_metadata(&emulator->oauth, path, header(request, "Metadata-Flavor"), call->now_us,
                       answer);
        free(path);
    } else if (strcmp(call->method, "POST") == 0 && strcmp(request->resource, "token") == 0) {
        oauth_grant(&emulator->oauth, call->body, call->body_size, call->now_us, real_us, answer);
    } else if (strcmp(first, "") == 0 && strcmp(call->method, "GET") == 0) {
        answer->status = 200;
        answer->plain = true;
        buffer_append_text(&answer->body, "Pub/Sub emulator\n");
    } else {
        api_call(&emulator->api, NULL, call, answer);
    }
}

static void run(struct request *request, int64_t real_us)
{
    struct emulator *emulator = request->server->emulator;

    request->call.now_us = emulator_now_us(emulator, real_us);
    request->answer.wait = false;
    if (request->route == NULL) {
        run_special(request, real_us);
        return;
    }
    emulator->api.transient_every = request->fault.transient_every;
    api_call(&emulator->api, request->route, &request->call, &request->answer);
    emulator->api.transient_every = 0;
}

static bool refuse_early(struct request *request)
{
    struct server *server = request->server;
    struct answer *answer = &request->answer;
    const char *encoding = header(request, MHD_HTTP_HEADER_CONTENT_ENCODING);
    int64_t now_us = emulator_now_us(server->emulator, request->start_us);

    if (!request->legal)
        return answer_fail(answer, RPC_INVALID_ARGUMENT, "The path is malformed.");
    if (request->too_large)
        return answer_fail(answer, RPC_INVALID_ARGUMENT,
                           "Request payload size exceeds the limit: %d bytes.", API_BODY_MAX);
    if (encoding != NULL && strcasecmp(encoding, "gzip") == 0 && !gunzip(&request->body))
        return answer_fail(answer, RPC_INVALID_ARGUMENT, "The gzip body is malformed.");
    if (server->options.require_token && request->call.segment_count > 0
        && strcmp(request->call.segments[0], "v1") == 0 && strcmp(request->resource, "token") != 0
        && !oauth_allows(&server->emulator->oauth, header(request, MHD_HTTP_HEADER_AUTHORIZATION),
                         now_us))
        return answer_fail(answer, RPC_UNAUTHENTICATED,
                           "Request had invalid authentication credentials. Expected OAuth 2 "
                           "access token, login cookie or other valid authentication credential.");
    return true;
}

static void fail_by_fault(struct request *request)
{
    const struct fault_action *fault = &request->fault;
    enum rpc_code code = rpc_of_http(fault->status);
    const char *message = fault->message;

    if (message == NULL)
        message = fault->status == 503
                      ? "The service was unable to fulfill your request. Please try again. "
                        "[code=8a75]"
                      : rpc_name(code);
    answer_fail_details(&request->answer, fault->status, rpc_name(code), message, NULL);
}

/* Everything but what a delay puts off. */
static enum MHD_Result work(struct request *request, int64_t real_us)
{
    const struct emulator *emulator = request->server->emulator;

    if (request->fault.close)
        request->vanish = true;
    else if (request->fault.status > 0)
        fail_by_fault(request);
    else
        run(request, real_us);
    if (request->answer.wait) {
        suspend(request, PHASE_WAITING, real_us + emulator->poll_hold_ms * 1000);
        return MHD_YES;
    }
    return respond(request);
}

static enum MHD_Result start(struct request *request)
{
    struct server *server = request->server;
    const char *name = request->route != NULL                               ? request->route->name
                       : strcmp(request->resource, "token") == 0            ? "token"
                       : strncmp(request->url, "/computeMetadata", 16) == 0 ? "metadata"
                                                                            : "other";

    request->start_us = server_real_us();
    if (server->closing) {
        request->vanish = true;
        return respond(request);
    }
    if (!refuse_early(request))
        return respond(request);
    request->call.body = (const char *)request->body.data;
    request->call.body_size = request->body.size;
    if (strncmp(request->url, "/admin", 6) != 0)
        fault_list_pick(&server->emulator->faults, name, request->resource, &request->fault);
    if (request->fault.delay_ms > 0) {
        suspend(request, PHASE_DELAYED, request->start_us + request->fault.delay_ms * 1000);
        return MHD_YES;
    }
    return work(request, request->start_us);
}

/* libmicrohttpd's side */

static char *resource_of(const struct call *call)
{
    if (call->segment_count >= 5)
        return api_name(call);
    if ((call->segment_count == 1 && strcmp(call->segments[0], "token") == 0)
        || (call->segment_count == 2 && strcmp(call->segments[1], "token") == 0))
        return memory_text("token");
    return memory_text("");
}

static void *on_url(void *context, const char *url, struct MHD_Connection *connection)
{
    struct request *request = memory_new(sizeof *request);

    request->server = context;
    request->connection = connection;
    request->url = memory_text(url);
    return request;
}

static void read_head(struct request *request, const char *method)
{
    request->legal = call_init(&request->call, method, request->url);
    request->route = request->legal ? api_route(&request->call) : NULL;
    request->resource = request->legal ? resource_of(&request->call) : memory_text("");
}

static enum MHD_Result on_call(void *context, struct MHD_Connection *connection, const char *url,
                               const char *method, const char *version, const char *data,
                               size_t *size, void **state)
{
    struct request *request = *state;

    (void)context;
    (void)connection;
    (void)url;
    (void)version;
    if (!request->seen_head) {
        request->seen_head = true;
        read_head(request, method);
        return MHD_YES;
    }
    if (*size > 0) {
        if (request->body.size + *size > API_BODY_MAX)
            request->too_large = true;
        else
            buffer_append(&request->body, data, *size);
        *size = 0;
        return MHD_YES;
    }
    if (request->phase == PHASE_READING)
        return start(request);
    if (request->phase == PHASE_DELAYED)
        return work(request, server_real_us());
    return respond(request);
}

static void on_completed(void *context, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode code)
{
    struct request *request = *state;

    (void)context;
    (void)connection;
    (void)code;
    if (request == NULL)
        return;
    call_fini(&request->call);
    buffer_fini(&request->body);
    buffer_fini(&request->answer.body);
    free(request->url);
    free(request->resource);
    free(request);
    *state = NULL;
}

/* Paths are decoded in call.c, where an escaped slash is no separator. */
static size_t keep_escapes(void *context, struct MHD_Connection *connection, char *text)
{
    (void)context;
    (void)connection;
    return strlen(text);
}

/* Opening */

static bool open_listener(struct server *server, struct error *err)
{
    const char *listen_to = server->options.listen;
    const char *colon = strrchr(listen_to, ':');
    struct addrinfo hints = {.ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int on = 1;

    if (colon == NULL)
        return error_set(err, EXIT_CODE_USAGE, "listen %s: it is not HOST:PORT", listen_to);
    char *host = listen_to[0] == '[' && colon > listen_to + 1
                     ? memory_text_n(listen_to + 1, (size_t)(colon - listen_to) - 2)
                     : memory_text_n(listen_to, (size_t)(colon - listen_to));
    int failed = getaddrinfo(*host != '\0' ? host : NULL, colon + 1, &hints, &found);
    free(host);
    if (failed != 0)
        return error_set(err, EXIT_CODE_USAGE, "listen %s: %s", listen_to, gai_strerror(failed));
    server->listener = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool good = server->listener >= 0
                && setsockopt(server->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0
                && bind(server->listener, found->ai_addr, found->ai_addrlen) == 0
                && listen(server->listener, 1024) == 0;
    freeaddrinfo(found);
    if (!good)
        return error_set(err, EXIT_CODE_USAGE, "listen %s: %s", listen_to, strerror(errno));
    return true;
}

static void read_address(struct server *server)
{
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof address;
    char host[48] = "";
    char port[8] = "";

    getsockname(server->listener, (struct sockaddr *)&address, &size);
    getnameinfo((struct sockaddr *)&address, size, host, sizeof host, port, sizeof port,
                NI_NUMERICHOST | NI_NUMERICSERV);
    snprintf(server->address, sizeof server->address,
             address.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

struct server *server_open(const struct server_options *options, struct emulator *emulator,
                           struct error *err)
{
    struct server *server = memory_new(sizeof *server);
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)options->certificate},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)options->key},
        {MHD_OPTION_END, 0, NULL},
    };
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_TURBO;

    *server = (struct server){.options = *options, .emulator = emulator, .listener = -1};
    server->suspended_end = &server->suspended;
    if (!open_listener(server, err)) {
        server_close(server);
        return NULL;
    }
    read_address(server);
    if (options->certificate != NULL)
        flags |= MHD_USE_TLS;
    else
        tls[0].option = MHD_OPTION_END;
    server->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, on_call, server, MHD_OPTION_LISTEN_SOCKET, server->listener,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, server, MHD_OPTION_URI_LOG_CALLBACK, on_url,
        server, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, server,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)4096, MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
    if (server->daemon == NULL) {
        error_set(err, EXIT_CODE_USAGE, "listen %s: the HTTP server does not start%s",
                  options->listen,
                  options->certificate != NULL ? "; is the certificate or its key bad?" : "");
        server_close(server);
        return NULL;
    }
    server->epoll = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    return server;
}

void server_close(struct server *server)
{
    if (server == NULL)
        return;
    server->closing = true;
    while (server->suspended != NULL) {
        server->suspended->vanish = true;
        resume(&server->suspended, PHASE_READY);
    }
    if (server->daemon != NULL) {
        MHD_run(server->daemon);
        MHD_stop_daemon(server->daemon); /* Closes the listener, too. */
    } else if (server->listener >= 0) {
        close(server->listener);
    }
    free(server);
}

const char *server_address(const struct server *server)
{
    return server->address;
}

/* Turning */

static bool peer_is_gone(struct request *request)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct pollfd socket = {.fd = info->connect_fd, .events = POLLRDHUP};

    return poll(&socket, 1, 0) == 1 && (socket.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

/* A waiting pull gets what there is; one whose client hung up gets nothing, so that nothing is
 * leased to nobody. True if it goes on waiting. */
static bool still_waits(struct request *request, int64_t real_us)
{
    struct emulator *emulator = request->server->emulator;
    struct subscription *subscription =
        broker_subscription(&emulator->api.broker, request->resource);

    if (subscription != NULL && !subscription->detached && real_us < request->wake_us
        && !queue_has_ready(subscription->queue))
        return !peer_is_gone(request);
    if (peer_is_gone(request)) {
        request->vanish = true;
        return false;
    }
    run(request, real_us);
    if (request->answer.wait && real_us >= request->wake_us && subscription != NULL) {
        request->answer.wait = false;
        subscription->pulls++;
        subscription->empty_pulls++;
    }
    return request->answer.wait;
}

/* Whether any was woken. */
static bool wake(struct server *server, int64_t real_us)
{
    struct request **at = &server->suspended;
    bool woken = false;

    if (server->suspended != NULL)
        broker_tick(&server->emulator->api.broker, emulator_now_us(server->emulator, real_us));
    while (*at != NULL) {
        struct request *request = *at;
        if (request->phase == PHASE_WAITING ? still_waits(request, real_us)
                                            : real_us < request->wake_us)
            at = &request->next;
        else {
            resume(at, request->phase == PHASE_DELAYED ? PHASE_DELAYED : PHASE_READY);
            woken = true;
        }
    }
    return woken;
}

static int64_t next_wake_us(const struct server *server, int64_t real_us)
{
    const struct emulator *emulator = server->emulator;
    int64_t wait_us = INT64_MAX;
    bool waiting = false;

    for (const struct request *request = server->suspended; request != NULL;
         request = request->next) {
        int64_t left_us = request->wake_us - real_us;
        wait_us = left_us < wait_us ? left_us : wait_us;
        waiting = waiting || request->phase == PHASE_WAITING;
    }
    if (waiting) {
        int64_t due_us = emulator_wait_us(emulator, real_us, broker_due_us(&emulator->api.broker));
        wait_us = due_us < wait_us ? due_us : wait_us;
    }
    return wait_us > 0 ? wait_us : 0;
}

void server_turn(struct server *server, int wait_ms)
{
    MHD_UNSIGNED_LONG_LONG daemon_ms;
    struct pollfd events = {.fd = server->epoll, .events = POLLIN};
    int64_t wait_us = next_wake_us(server, server_real_us());

    if (wait_us < (int64_t)wait_ms * 1000)
        wait_ms = (int)((wait_us + 999) / 1000);
    if (MHD_get_timeout(server->daemon, &daemon_ms) == MHD_YES && daemon_ms < (unsigned)wait_ms)
        wait_ms = (int)daemon_ms;
    poll(&events, 1, wait_ms);
    MHD_run(server->daemon);
    if (wake(server, server_real_us()))
        MHD_run(server->daemon); /* It would not tell that a resumed connection wants its turn. */
}
