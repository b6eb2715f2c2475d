/* SPDX-License-Identifier: Apache-2.0 */
#include "core/http_client.h"

#include <assert.h>
#include <curl/curl.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { CONNECT_TIMEOUT_MS = 5000, ANSWER_LIMIT = 64 * 1024 * 1024 };

struct http_client {
    CURL *curl;
    char detail[CURL_ERROR_SIZE];
};

/* Where an answer goes while it comes. */
struct sink {
    struct buffer *body;
    bool too_large;
};

static void start_curl(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

struct http_client *http_client_new(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct http_client *client = memory_new(sizeof *client);

    pthread_once(&once, start_curl);
    client->curl = curl_easy_init();
    assert(client->curl != NULL);
    return client;
}

void http_client_free(struct http_client *client)
{
    if (client == NULL)
        return;
    curl_easy_cleanup(client->curl);
    free(client);
}

static size_t on_body(char *data, size_t size, size_t count, void *context)
{
    struct sink *sink = context;

    if (count > ANSWER_LIMIT - sink->body->size) {
        sink->too_large = true;
        return 0;
    }
    buffer_append(sink->body, data, size * count);
    return count;
}

static struct curl_slist *header_list(const char *const *headers)
{
    /* Without it curl waits a second for "100 Continue" before a body of some size. */
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");

    for (; headers != NULL && *headers != NULL; headers++)
        list = curl_slist_append(list, *headers);
    return list;
}

/* Options fall back to curl's defaults for each request; the connection stays. */
static void prepare(struct http_client *client, const struct http_request *request,
                    struct curl_slist *headers, struct sink *sink)
{
    CURL *curl = client->curl;
    const char *authorities = getenv("SSL_CERT_FILE"); /* As OpenSSL's and curl's tools do. */
    long timeout_ms = request->timeout_ms < LONG_MAX ? (long)request->timeout_ms : LONG_MAX;

    curl_easy_reset(curl);
    client->detail[0] = '\0';
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, client->detail);
    curl_easy_setopt(curl, CURLOPT_URL, request->url);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    if (request->body != NULL) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_size);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body);
    } else if (strcmp(request->method, "POST") == 0) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, 0L);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, "");
    } else if (strcmp(request->method, "HEAD") == 0) {
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    }
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, sink);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, timeout_ms);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    if (request->direct)
        curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "gzip");
    /* Google compresses its answers only if the agent's name says gzip too. */
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "dualrun/" DUALRUN_VERSION " (gzip)");
    /* No redirects (curl's default): a token or a body must not go to a host that was not named. */
    curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
    if (authorities != NULL && authorities[0] != '\0')
        curl_easy_setopt(curl, CURLOPT_CAINFO, authorities);
}

/* Scheme, host and port only: a path or a query may hold what is nobody's business. */
static void append_origin(const char *url, char origin[static 256])
{
    const char *host = strstr(url, "://");
    size_t size = host != NULL ? (size_t)(host - url) + 3 + strcspn(host + 3, "/?#") : strlen(url);

    size = size < 255 ? size : 255;
    memcpy(origin, url, size);
    origin[size] = '\0';
}

const char *http_client_hint(int code)
{
    switch ((CURLcode)code) {
    case CURLE_COULDNT_RESOLVE_HOST:
        return "check the host's name and the name server";
    case CURLE_COULDNT_RESOLVE_PROXY:
        return "check HTTPS_PROXY and NO_PROXY in the environment";
    case CURLE_COULDNT_CONNECT:
        return "check that the server runs there, and the network and firewalls between";
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
        return "the server's certificate is not trusted: install its CA (update-ca-certificates), "
               "or "
               "name its file in SSL_CERT_FILE";
    default:
        return "";
    }
}

static bool may_retry(CURLcode code)
{
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
    case CURLE_SSL_CONNECT_ERROR: /* Also a connection that breaks in the handshake. */
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING: /* A cut gzip answer. */
        return true;
    default:
        return false;
    }
}

static bool fail(const struct http_client *client, CURLcode code,
                 const struct http_request *request, const struct sink *sink, struct error *err)
{
    const char *reason = client->detail[0] != '\0' ? client->detail : curl_easy_strerror(code);
    char origin[256];

    append_origin(request->url, origin);
    if (sink->too_large)
        return error_set(err, EXIT_CODE_SOURCE, "%s %s: the answer is larger than %d MiB",
                         request->method, origin, ANSWER_LIMIT / (1024 * 1024));
    if (may_retry(code))
        error_retry(err, EXIT_CODE_SOURCE, "%s %s: %s", request->method, origin, reason);
    else
        error_set(err, EXIT_CODE_SOURCE, "%s %s: %s", request->method, origin, reason);
    return error_hint(err, "%s", http_client_hint((int)code));
}

bool http_client_run(struct http_client *client, const struct http_request *request, long *status,
                     struct buffer *body, struct error *err)
{
    struct curl_slist *headers = header_list(request->headers);
    struct sink sink = {.body = body};

    assert(request->timeout_ms > 0);
    buffer_clear(body);
    prepare(client, request, headers, &sink);

    CURLcode code = curl_easy_perform(client->curl);

    curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, status);
    curl_slist_free_all(headers);
    if (code != CURLE_OK)
        return fail(client, code, request, &sink, err);
    return true;
}
