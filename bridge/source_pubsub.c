/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/source_pubsub.h"

#include <assert.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/auth.h"
#include "core/pubsub.h"

enum {
    ANSWER_SIZE_MAX = 64 << 20,  /* A pull's answer: 10 MB of messages, more as Base64 and JSON. */
    ANSWER_KEEP_BYTES = 4 << 20, /* A larger buffer is given back after use. */
    RECEIVE_BUFFER_BYTES = 256 << 10,
    CONNECT_TIMEOUT_MS = 10000,
    KEEPALIVE_S = 10,
    KEEPALIVE_PROBES = 3,
};

struct source {
    CURLM *multi;
    struct auth *auth;
    struct clock *clock;
    struct source_call *idle;   /* Ready for use. */
    struct source_call *flying; /* In flight. */
    struct source_call *cancelled;
    unsigned in_flight[SOURCE_VERB_COUNT + 1];
    bool gzip;
};

void source_subscription_init(struct source_subscription *subscription,
                              const struct pipeline_pubsub *pubsub, const char *name)
{
    static const char *const verbs[SOURCE_VERB_COUNT] = {
        [SOURCE_DESCRIBE] = NULL,
        [SOURCE_PULL] = "pull",
        [SOURCE_ACK] = "acknowledge",
        [SOURCE_MODIFY] = "modifyAckDeadline",
    };

    for (int verb = 0; verb < SOURCE_VERB_COUNT; verb++)
        subscription->urls[verb] = pubsub_subscription_url(pubsub, name, verbs[verb]);
}

void source_subscription_fini(struct source_subscription *subscription)
{
    for (int verb = 0; verb < SOURCE_VERB_COUNT; verb++)
        free(subscription->urls[verb]);
}

struct source *source_open(const struct pipeline_pubsub *pubsub, struct clock *clock,
                           struct error *err)
{
    struct auth *auth = auth_new(pubsub, clock, err);

    if (auth == NULL)
        return NULL;

    struct source *source = memory_new(sizeof *source);

    curl_global_init(CURL_GLOBAL_DEFAULT);
    source->multi = curl_multi_init();
    assert(source->multi != NULL);
    source->auth = auth;
    source->clock = clock;
    /* Plain HTTP is an emulator on this machine, where compression costs more than it saves. */
    source->gzip = strncmp(pubsub->endpoint, "https:", 6) == 0;
    curl_multi_setopt(source->multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
    return source;
}

static void call_free(struct source_call *call)
{
    curl_easy_cleanup(call->easy);
    curl_slist_free_all(call->headers);
    free(call->authorization);
    buffer_fini(&call->request);
    buffer_fini(&call->answer);
    envelope_fini(&call->envelope);
    free(call->refs.refs);
    free(call);
}

static void calls_free(struct source_call *call)
{
    while (call != NULL) {
        struct source_call *next = call->link;
        call_free(call);
        call = next;
    }
}

void source_close(struct source *source)
{
    if (source == NULL)
        return;
    for (struct source_call *call = source->flying; call != NULL; call = call->link)
        curl_multi_remove_handle(source->multi, call->easy);
    calls_free(source->flying);
    calls_free(source->cancelled);
    calls_free(source->idle);
    curl_multi_cleanup(source->multi);
    auth_free(source->auth);
    free(source);
}

static size_t on_body(char *data, size_t size, size_t count, void *context)
{
    struct source_call *call = context;

    (void)size; /* Always 1. */
    if (call->answer.size + count > ANSWER_SIZE_MAX)
        return 0;
    buffer_append(&call->answer, data, count);
    return count;
}

/* A connection that died in silence fails its calls after 40 s, so that a pull that still waits then
 * is a pull that nothing came for. */
static int on_socket(void *context, curl_socket_t socket, curlsocktype purpose)
{
    int probes = KEEPALIVE_PROBES;

    (void)context;
    if (purpose == CURLSOCKTYPE_IPCXN)
        setsockopt(socket, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
    return CURL_SOCKOPT_OK;
}

static CURL *easy_new(const struct source *source, struct source_call *call)
{
    const char *authorities = getenv("SSL_CERT_FILE"); /* As OpenSSL's and curl's tools do. */
    CURL *easy = curl_easy_init();

    assert(easy != NULL);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->curl_fault);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)RECEIVE_BUFFER_BYTES);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (authorities != NULL && authorities[0] != '\0')
        curl_easy_setopt(easy, CURLOPT_CAINFO, authorities);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "dualrun/" DUALRUN_VERSION " (gzip)");
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, (long)KEEPALIVE_S);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, (long)KEEPALIVE_S);
    curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, on_socket);
    if (source->gzip)
        curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip");
    return easy;
}

struct source_call *source_call(struct source *source, enum source_verb verb, void *owner)
{
    struct source_call *call = source->idle;

    if (call != NULL) {
        source->idle = call->link;
    } else {
        call = memory_new(sizeof *call);
        call->easy = easy_new(source, call);
    }
    call->verb = verb;
    call->owner = owner;
    call->status = 0;
    call->next = 0;
    call->entered = false;
    call->cancelled = false;
    call->refs.count = 0;
    call->link = NULL;
    buffer_clear(&call->request);
    buffer_clear(&call->answer);
    return call;
}

void source_done(struct source *source, struct source_call *call)
{
    if (call->answer.capacity > ANSWER_KEEP_BYTES)
        buffer_fini(&call->answer);
    call->link = source->idle;
    source->idle = call;
}

static void set_headers(struct source_call *call, const char *authorization)
{
    if (call->headers != NULL && strcmp(call->authorization, authorization) == 0)
        return;

    curl_slist_free_all(call->headers);
    free(call->authorization);
    call->authorization = memory_text(authorization);
    call->headers = curl_slist_append(NULL, "Content-Type: application/json");
    call->headers = curl_slist_append(call->headers, "Expect:"); /* No round trip before a body. */
    if (authorization[0] != '\0') {
        char *header = memory_textf("Authorization: %s", authorization);
        call->headers = curl_slist_append(call->headers, header);
        free(header);
    }
    assert(call->headers != NULL);
    curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->headers);
}

bool source_start(struct source *source, const struct source_subscription *subscription,
                  struct source_call *call, int64_t timeout_ms, struct error *err)
{
    const char *authorization = auth_header(source->auth, err);

    if (authorization == NULL) {
        source_done(source, call);
        return false;
    }
    set_headers(call, authorization);
    curl_easy_setopt(call->easy, CURLOPT_URL, subscription->urls[call->verb]);
    curl_easy_setopt(call->easy, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    if (call->verb == SOURCE_DESCRIBE) {
        curl_easy_setopt(call->easy, CURLOPT_HTTPGET, 1L);
    } else {
        curl_easy_setopt(call->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->request.size);
        curl_easy_setopt(call->easy, CURLOPT_POSTFIELDS, call->request.data);
    }
    call->curl_fault[0] = '\0';
    call->began_us = clock_monotonic_us(source->clock);
    curl_multi_add_handle(source->multi, call->easy);
    call->link = source->flying;
    source->flying = call;
    source->in_flight[call->verb]++;
    source->in_flight[SOURCE_VERB_COUNT]++;
    return true;
}

void source_refuse_token(struct source *source)
{
    auth_refuse(source->auth);
}

void source_wait(struct source *source, int wake_fd, int64_t timeout_ms)
{
    struct curl_waitfd extra = {.fd = wake_fd, .events = CURL_WAIT_POLLIN};
    int running;

    curl_multi_perform(source->multi, &running); /* Sends what was just started. */
    /* A quick answer may have come already, and nothing would end the wait for it. */
    if ((unsigned)running < source->in_flight[SOURCE_VERB_COUNT] || source->cancelled != NULL)
        timeout_ms = 0;
    curl_multi_poll(source->multi, &extra, 1, (int)timeout_ms, NULL);
    curl_multi_perform(source->multi, &running);
}

static void land(struct source *source, struct source_call *call)
{
    struct source_call **link = &source->flying;

    while (*link != call)
        link = &(*link)->link;
    *link = call->link;
    call->link = NULL;
    source->in_flight[call->verb]--;
    source->in_flight[SOURCE_VERB_COUNT]--;
    curl_multi_remove_handle(source->multi, call->easy);
    call->ended_us = clock_monotonic_us(source->clock);
}

struct source_call *source_next(struct source *source)
{
    struct source_call *call = source->cancelled;
    CURLMsg *message;
    int left;

    if (call != NULL) {
        source->cancelled = call->link;
        call->link = NULL;
        return call;
    }
    do
        message = curl_multi_info_read(source->multi, &left);
    while (message != NULL && message->msg != CURLMSG_DONE);
    if (message == NULL)
        return NULL;

    CURLcode result = message->data.result;

    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &call);
    land(source, call);
    call->curl_code = result;
    if (result == CURLE_OK)
        curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &call->status);
    else if (call->curl_fault[0] == '\0')
        strncpy(call->curl_fault, curl_easy_strerror(result), sizeof call->curl_fault - 1);
    return call;
}

unsigned source_in_flight(const struct source *source, enum source_verb verb)
{
    return source->in_flight[verb];
}

void source_cancel_pulls(struct source *source)
{
    struct source_call *next;

    for (struct source_call *call = source->flying; call != NULL; call = next) {
        next = call->link;
        if (call->verb != SOURCE_PULL || call->answer.size > 0)
            continue;
        land(source, call);
        call->cancelled = true;
        call->link = source->cancelled;
        source->cancelled = call;
    }
}
