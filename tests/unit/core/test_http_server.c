/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <curl/curl.h>

#include "core/http_server.h"

struct process {
    struct metrics *metrics;
    struct http_server *server;
    bool alive;
    bool ready;
};

static bool alive(void *context)
{
    return ((struct process *)context)->alive;
}

static bool ready(void *context)
{
    return ((struct process *)context)->ready;
}

static void status_of(void *context, struct buffer *out)
{
    (void)context;
    buffer_append_text(out, "{\"turns\":3}");
}

static struct process process;

static int start(void **state)
{
    static const struct http_server_callbacks callbacks = {&process, alive, ready, status_of};
    struct error err;

    process = (struct process){.metrics = metrics_new(), .alive = true, .ready = true};
    process.server = http_server_open("127.0.0.1:0", process.metrics, &callbacks, &err);
    *state = &process;
    return process.server != NULL ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    http_server_close(process.server);
    metrics_free(process.metrics);
    return 0;
}

static size_t collect(char *data, size_t size, size_t count, void *context)
{
    buffer_append(context, data, size * count);
    return count;
}

static const char *accept_header = "Accept: */*";

/* Method, path, expected status; the body and all headers are left in out. */
static void ask(const char *method, const char *path, long expected, struct buffer *out)
{
    CURL *curl = curl_easy_init();
    char url[128];
    long status = 0;

    snprintf(url, sizeof url, "http://127.0.0.1:%u%s", http_server_port(process.server), path);
    buffer_clear(out);
    struct curl_slist *headers = curl_slist_append(NULL, accept_header);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    if (strcmp(method, "POST") == 0)
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, "a body that nobody reads");
    if (strcmp(method, "HEAD") == 0)
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, collect);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, out);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, collect);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, out);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 20L);
    assert_int_equal(curl_easy_perform(curl), CURLE_OK);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    assert_int_equal(status, expected);
    curl_easy_cleanup(curl);
    curl_slist_free_all(headers);
}

static void assert_answer(const char *method, const char *path, long status, const char *part)
{
    struct buffer out = {0};

    ask(method, path, status, &out);
    if (strstr(buffer_text(&out), part) == NULL)
        fail_msg("%s %s: \"%s\" is not in: %s", method, path, part, buffer_text(&out));
    buffer_fini(&out);
}

static void metrics_are_served_as_prometheus_asks_for_them(void **state)
{
    static const struct metric_def turns = {"turns_total", METRIC_COUNTER, 1, "Turns."};

    (void)state;
    assert_answer("GET", "/metrics", 200, "Content-Length: 0"); /* None is not an error. */
    metric_add(metrics_series(process.metrics, &turns, NULL), 3);
    assert_answer("GET", "/metrics", 200,
                  "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n");
    assert_answer("GET", "/metrics", 200,
                  "\r\n\r\n# HELP dualrun_turns_total Turns.\n"
                  "# TYPE dualrun_turns_total counter\ndualrun_turns_total 3\n");
}

static void readiness_and_liveness_are_told_apart(void **state)
{
    (void)state;
    assert_answer("GET", "/livez", 200, "\r\n\r\nalive\n");
    assert_answer("GET", "/healthz", 200, "\r\n\r\nalive\n");
    assert_answer("GET", "/readyz", 200, "\r\n\r\nready\n");
    process.ready = false;
    assert_answer("GET", "/livez", 200, "\r\n\r\nalive\n");
    assert_answer("GET", "/readyz", 503, "\r\n\r\nstarting\n");
    process.ready = true;
    process.alive = false;
    assert_answer("GET", "/livez", 503, "\r\n\r\nstalled\n");
    assert_answer("GET", "/readyz", 503, "\r\n\r\nstalled\n");
}

static void the_status_is_json_and_the_index_lists_the_pages(void **state)
{
    (void)state;
    assert_answer("GET", "/status", 200, "Content-Type: application/json\r\n");
    assert_answer("GET", "/status?pretty", 200, "\r\n\r\n{\"turns\":3}\n");
    assert_answer("GET", "/", 200, "/readyz");
    assert_answer("HEAD", "/", 200, "Content-Type: text/plain");
}

static void a_browser_gets_the_status_as_a_page(void **state)
{
    (void)state;
    accept_header = "Accept: text/html,application/xhtml+xml,*/*;q=0.8";
    assert_answer("GET", "/status", 200, "Content-Type: text/html; charset=utf-8\r\n");
    assert_answer("GET", "/status", 200, "<dt>turns</dt><dd>3</dd>");
    accept_header = "Accept: */*";
}

static void what_is_not_served_is_refused(void **state)
{
    (void)state;
    assert_answer("GET", "/other", 404, "not found\n");
    assert_answer("GET", "/metrics/", 404, "not found\n");
    assert_answer("POST", "/metrics", 405, "Allow: GET, HEAD\r\n");
    assert_answer("DELETE", "/status", 405, "only GET is served here\n");
    assert_answer("POST", "/other", 404, "not found\n");
}

static void refused(const char *listen, const char *text)
{
    static const struct http_server_callbacks callbacks = {0};
    struct error err = {0};

    assert_null(http_server_open(listen, process.metrics, &callbacks, &err));
    assert_string_equal(err.text, text);
}

static void an_address_that_cannot_be_used_is_told(void **state)
{
    char listen[64], text[128];

    (void)state;
    refused("", "listen address \"\" is not HOST:PORT");
    refused("9100", "listen address \"9100\" is not HOST:PORT");
    refused(":9100", "listen address \":9100\" is not HOST:PORT");
    refused("localhost:", "listen address \"localhost:\" is not HOST:PORT");
    refused("localhost:65536", "listen address \"localhost:65536\" is not HOST:PORT");
    refused("localhost:http", "listen address \"localhost:http\" is not HOST:PORT");
    refused("::1:9100", "listen address \"::1:9100\" is not HOST:PORT");
    snprintf(listen, sizeof listen, "127.0.0.1:%u", http_server_port(process.server));
    snprintf(text, sizeof text, "listen on %s: Address already in use", listen);
    refused(listen, text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(metrics_are_served_as_prometheus_asks_for_them, start,
                                        stop),
        cmocka_unit_test_setup_teardown(readiness_and_liveness_are_told_apart, start, stop),
        cmocka_unit_test_setup_teardown(the_status_is_json_and_the_index_lists_the_pages, start,
                                        stop),
        cmocka_unit_test_setup_teardown(a_browser_gets_the_status_as_a_page, start, stop),
        cmocka_unit_test_setup_teardown(what_is_not_served_is_refused, start, stop),
        cmocka_unit_test_setup_teardown(an_address_that_cannot_be_used_is_told, start, stop),
    };

    curl_global_init(CURL_GLOBAL_DEFAULT);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    curl_global_cleanup();
    return failed;
}
