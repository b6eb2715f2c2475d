/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/buffer.h"
#include "core/http_client.h"

/*
 * A server that speaks from a script: what it answers to each request in turn, byte for byte, so
 * that it can also answer as no server should. It keeps what it was asked.
 */
struct server {
    int listener;
    uint16_t port;
    pthread_t thread;
    const struct buffer *answers; /* An empty one: close without an answer. */
    size_t answer_count;
    int wait_ms;     /* Before each answer. */
    bool keeps_open; /* The connection, for the next request. */
    size_t accepted; /* Connections. */
    struct buffer requests;
};

/* One request with its body (by Content-Length); false at the end of the connection. */
static bool read_request(int connection, struct buffer *requests)
{
    size_t start = requests->size, wanted = 0;

    for (;;) {
        uint8_t *place = buffer_reserve(requests, 65537);
        ssize_t count = read(connection, place, 65536);
        if (count <= 0)
            return false;
        requests->size += (size_t)count;
        const char *text = buffer_text(requests) + start;
        const char *end = strstr(text, "\r\n\r\n");
        if (end == NULL)
            continue;
        const char *length = strcasestr(text, "content-length:");
        wanted = (size_t)(end - text) + 4;
        if (length != NULL && length < end)
            wanted += strtoul(length + 15, NULL, 10);
        if (requests->size - start >= wanted)
            return true;
    }
}

static void *serve(void *context)
{
    struct server *server = context;
    size_t next = 0;

    while (next < server->answer_count) {
        int connection = accept(server->listener, NULL, NULL);
        if (connection < 0)
            break;
        server->accepted++;
        while (next < server->answer_count && read_request(connection, &server->requests)) {
            const struct buffer *answer = &server->answers[next++];
            usleep((useconds_t)server->wait_ms * 1000);
            for (size_t sent = 0; sent < answer->size;) {
                ssize_t count =
                    send(connection, answer->data + sent, answer->size - sent, MSG_NOSIGNAL);
                if (count <= 0)
                    break;
                sent += (size_t)count;
            }
            if (!server->keeps_open)
                break;
        }
        close(connection);
    }
    return NULL;
}

static void server_start(struct server *server, const struct buffer *answers, size_t count)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;

    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(server->listener >= 0);
    assert_int_equal(bind(server->listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(server->listener, 8), 0);
    assert_int_equal(getsockname(server->listener, (struct sockaddr *)&address, &size), 0);
    server->port = ntohs(address.sin_port);
    server->answers = answers;
    server->answer_count = count;
    assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

static void server_stop(struct server *server)
{
    shutdown(server->listener, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    close(server->listener);
    buffer_fini(&server->requests);
}

static bool run(struct http_client *client, const struct server *server,
                struct http_request request, long *status, struct buffer *body, struct error *err)
{
    char url[64];

    snprintf(url, sizeof url, "http://127.0.0.1:%u/path?secret=1", server->port);
    request.url = request.url != NULL ? request.url : url;
    request.method = request.method != NULL ? request.method : "GET";
    request.timeout_ms = request.timeout_ms != 0 ? request.timeout_ms : 10000;
    return http_client_run(client, &request, status, body, err);
}

static struct buffer text_answer(const char *text)
{
    struct buffer answer = {0};

    buffer_append_text(&answer, text);
    return answer;
}

#define OK_HEAD "HTTP/1.1 200 OK\r\nContent-Length: "

static void a_request_goes_out_whole_and_the_connection_is_kept(void **state)
{
    static const char *const headers[] = {"Authorization: Bearer t",
                                          "Content-Type: application/json", NULL};
    struct buffer answers[] = {
        text_answer(OK_HEAD "5\r\n\r\nhello"),
        text_answer("HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone")};
    struct server server = {.keeps_open = true};
    struct http_client *client = http_client_new();
    struct buffer body = {0};
    struct error err;
    long status;

    (void)state;
    server_start(&server, answers, 2);
    assert_true(run(client, &server,
                    (struct http_request){
                        .method = "POST", .headers = headers, .body = "{\"a\":1}", .body_size = 7},
                    &status, &body, &err));
    assert_int_equal(status, 200);
    assert_string_equal(buffer_text(&body), "hello");
    assert_true(run(client, &server, (struct http_request){0}, &status, &body, &err));
    assert_int_equal(status, 404); /* A status is the caller's to judge. */
    assert_string_equal(buffer_text(&body), "none");
    http_client_free(client);
    pthread_join(server.thread, NULL);
    const char *seen = buffer_text(&server.requests);
    assert_non_null(strstr(seen, "POST /path?secret=1 HTTP/1.1\r\n"));
    assert_non_null(strstr(seen, "Authorization: Bearer t\r\n"));
    assert_non_null(strstr(seen, "Accept-Encoding: gzip\r\n"));
    assert_non_null(strstr(seen, "(gzip)\r\n")); /* In the agent's name. */
    assert_null(strstr(seen, "Expect:"));
    assert_non_null(strstr(seen, "\r\n\r\n{\"a\":1}GET /path?secret=1 HTTP/1.1\r\n"));
    assert_null(strstr(strstr(seen, "GET /path"), "Authorization"));
    assert_int_equal(server.accepted, 1);
    close(server.listener);
    buffer_fini(&server.requests);
    buffer_fini(&body);
    buffer_fini(&answers[0]);
    buffer_fini(&answers[1]);
}

/* One answer, one request that fails: the text and class of the error. */
static void assert_fails(struct buffer answer, int wait_ms, int64_t timeout_ms, const char *part,
                         enum error_class class)
{
    struct server server = {.wait_ms = wait_ms};
    struct http_client *client = http_client_new();
    struct buffer body = {0};
    struct error err = {0};
    long status;

    server_start(&server, &answer, 1);
    assert_false(run(client, &server, (struct http_request){.timeout_ms = timeout_ms}, &status,
                     &body, &err));
    if (strstr(err.text, part) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", part, err.text);
    assert_int_equal(err.class, class);
    assert_null(strstr(err.text, "secret"));
    http_client_free(client);
    server_stop(&server);
    buffer_fini(&body);
    buffer_fini(&answer);
}

static void a_cut_or_missing_answer_may_be_tried_again(void **state)
{
    (void)state;
    assert_fails(text_answer(""), 0, 0, "Empty reply from server", ERROR_RETRY);
    assert_fails(text_answer(OK_HEAD "10\r\n\r\nhalf"), 0, 0, "transfer closed", ERROR_RETRY);
    assert_fails(text_answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel"), 0, 0,
                 "transfer closed", ERROR_RETRY);
    assert_fails(text_answer(OK_HEAD "2\r\n\r\nok"), 600, 200, "timed out", ERROR_RETRY);
}

static void nobody_there_may_be_tried_again(void **state)
{
    struct server server = {0};
    struct http_client *client = http_client_new();
    struct buffer body = {0};
    struct error err = {0};
    char text[64];
    long status;

    (void)state;
    server_start(&server, NULL, 0);
    server_stop(&server); /* Its port is now nobody's. */
    assert_false(run(client, &server, (struct http_request){0}, &status, &body, &err));
    snprintf(text, sizeof text, "GET http://127.0.0.1:%u: ", server.port);
    assert_memory_equal(err.text, text, strlen(text));
    assert_int_equal(err.class, ERROR_RETRY);
    assert_string_not_equal(err.hint, "");
    assert_false(run(client, &server, (struct http_request){.url = "ftp://127.0.0.1/x"}, &status,
                     &body, &err));
    assert_int_equal(err.class, ERROR_STOP);
    http_client_free(client);
    buffer_fini(&body);
}

/* An answer of zero bytes, gzipped. */
static struct buffer gzip_answer(size_t size)
{
    struct buffer packed = {0}, answer = {0};
    char command[64];
    size_t count;

    snprintf(command, sizeof command, "head -c %zu /dev/zero | gzip -9", size);

    FILE *pipe = popen(command, "r");

    assert_non_null(pipe);
    while ((count = fread(buffer_reserve(&packed, 65536), 1, 65536, pipe)) > 0)
        packed.size += count;
    assert_int_equal(pclose(pipe), 0);
    buffer_appendf(&answer,
                   "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n",
                   packed.size);
    buffer_append(&answer, packed.data, packed.size);
    buffer_fini(&packed);
    return answer;
}

static void gzip_is_unpacked_and_a_bomb_is_stopped(void **state)
{
    struct buffer answer = gzip_answer(1000000);
    struct server server = {0};
    struct http_client *client = http_client_new();
    struct buffer body = {0};
    struct error err;
    long status;

    (void)state;
    server_start(&server, &answer, 1);
    assert_true(run(client, &server, (struct http_request){0}, &status, &body, &err));
    assert_int_equal(body.size, 1000000);
    http_client_free(client);
    server_stop(&server);
    buffer_fini(&body);
    buffer_fini(&answer);
    assert_fails(gzip_answer(64 * 1024 * 1024 + 1), 0, 0, "the answer is larger than 64 MiB",
                 ERROR_STOP);
}

static void a_redirect_is_not_followed(void **state)
{
    struct buffer answer = text_answer("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n"
                                       "Content-Length: 0\r\n\r\n");
    struct server server = {0};
    struct http_client *client = http_client_new();
    struct buffer body = {0};
    struct error err;
    long status;

    (void)state;
    server_start(&server, &answer, 1);
    assert_true(run(client, &server, (struct http_request){0}, &status, &body, &err));
    assert_int_equal(status, 302);
    http_client_free(client);
    server_stop(&server);
    buffer_fini(&body);
    buffer_fini(&answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_goes_out_whole_and_the_connection_is_kept),
        cmocka_unit_test(a_cut_or_missing_answer_may_be_tried_again),
        cmocka_unit_test(nobody_there_may_be_tried_again),
        cmocka_unit_test(gzip_is_unpacked_and_a_bomb_is_stopped),
        cmocka_unit_test(a_redirect_is_not_followed),
    };

    unsetenv("http_proxy"); /* The servers here are this machine's own. */
    unsetenv("all_proxy");
    unsetenv("ALL_PROXY");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
