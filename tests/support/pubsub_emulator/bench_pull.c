/* SPDX-License-Identifier: Apache-2.0 */
/*
 * emulator-bench-pull: how fast the emulator answers pulls.
 *
 *     emulator-bench-pull EMULATOR [MESSAGES [BYTES [CONNECTIONS [ack]]]]
 *
 * Starts EMULATOR, preloads the messages, pulls all of them (1000 a call) over CONNECTIONS kept
 * alive, with "ack" acknowledges them too, and prints one JSON line. cpu_mb_per_second is what one
 * core of the server alone would give: bytes of pull answers by the server's own CPU time.
 */
#include <curl/curl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/buffer.h"

enum { CONNECTIONS_MAX = 64, ACK_ID_SIZE = 164 };

struct worker {
    CURL *curl;
    struct buffer answer;
    struct buffer ack;
    bool acks; /* The call that runs is an acknowledgement. */
};

struct bench {
    char base[64];
    pid_t server;
    CURLM *multi;
    struct worker workers[CONNECTIONS_MAX];
    int worker_count;
    bool with_acks;
    long expected;
    long pulled;
    long acked;
    uint64_t bytes;
    double server_cpu;
};

static void die(const char *what)
{
    fprintf(stderr, "emulator-bench-pull: %s\n", what);
    exit(1);
}

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void start_server(struct bench *bench, const char *program)
{
    int ends[2];
    char line[128] = "";
    char address[64];

    if (pipe(ends) != 0)
        die("no pipe");
    bench->server = fork();
    if (bench->server == 0) {
        dup2(ends[1], STDOUT_FILENO);
        execl(program, program, "--listen", "127.0.0.1:0", "--poll-hold", "1s", (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    FILE *out = fdopen(ends[0], "r");
    if (out == NULL || fgets(line, sizeof line, out) == NULL
        || sscanf(line, "listening on %63s", address) != 1)
        die("the emulator does not start");
    fclose(out);
    snprintf(bench->base, sizeof bench->base, "http://%.50s", address);
}

/* User and system time of the server so far: fields 14 and 15 of its stat, 12 and 13 behind the name. */
static double server_cpu(const struct bench *bench)
{
    char path[64];
    char line[1024] = "";
    unsigned long ticks = 0;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)bench->server);
    FILE *file = fopen(path, "r");
    if (file == NULL || fgets(line, sizeof line, file) == NULL)
        die("no /proc/PID/stat");
    fclose(file);
    char *field = strrchr(line, ')');
    for (int i = 1; field != NULL && i <= 13; i++) {
        field = strchr(field + 1, ' ');
        if (field != NULL && i >= 12)
            ticks += strtoul(field + 1, NULL, 10);
    }
    if (field == NULL)
        die("no times in /proc/PID/stat");
    return (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

static size_t take(char *data, size_t size, size_t count, void *context)
{
    buffer_append(context, data, size * count);
    return size * count;
}

static void call(const struct bench *bench, const char *method, const char *path, const char *body)
{
    CURL *curl = curl_easy_init();
    struct buffer answer = {0};
    char url[256];
    long status = 0;

    snprintf(url, sizeof url, "%s%s", bench->base, path);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
    if (curl_easy_perform(curl) != CURLE_OK
        || curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status) != CURLE_OK || status != 200)
        die(answer.size > 0 ? buffer_text(&answer) : path);
    buffer_fini(&answer);
    curl_easy_cleanup(curl);
}

static void preload(const struct bench *bench, size_t size)
{
    char path[] = "/tmp/emulator-bench-XXXXXX";
    char body[256];
    int descriptor = mkstemp(path);
    FILE *file = descriptor >= 0 ? fdopen(descriptor, "w") : NULL;

    if (file == NULL)
        die("no temporary file");
    for (int line = 0; line < 100; line++) {
        for (size_t i = 0; i < size; i++)
            fputc('a' + (int)((i * 7 + (size_t)line) % 26), file);
        fputc('\n', file);
    }
    fclose(file);
    call(bench, "PUT", "/v1/projects/bench/topics/bench", "{}");
    call(bench, "PUT", "/v1/projects/bench/subscriptions/bench",
         "{\"topic\":\"projects/bench/topics/bench\",\"ackDeadlineSeconds\":600}");
    snprintf(body, sizeof body,
             "{\"topic\":\"projects/bench/topics/bench\",\"file\":\"%s\",\"count\":%ld,"
             "\"attributes\":{\"source\":\"app\"}}",
             path, bench->expected);
    call(bench, "POST", "/admin/preload", body);
    unlink(path);
}

static void begin(struct bench *bench, struct worker *worker, const char *verb, const char *body,
                  size_t size)
{
    char url[128];

    snprintf(url, sizeof url, "%s/v1/projects/bench/subscriptions/bench:%s", bench->base, verb);
    buffer_clear(&worker->answer);
    curl_easy_setopt(worker->curl, CURLOPT_URL, url);
    curl_easy_setopt(worker->curl, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(worker->curl, CURLOPT_POSTFIELDSIZE, (long)size);
    curl_easy_setopt(worker->curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(worker->curl, CURLOPT_WRITEDATA, &worker->answer);
    curl_easy_setopt(worker->curl, CURLOPT_BUFFERSIZE, 512 * 1024L);
    curl_multi_add_handle(bench->multi, worker->curl);
}

static void begin_pull(struct bench *bench, struct worker *worker)
{
    static const char body[] = "{\"maxMessages\":1000}";

    worker->acks = false;
    begin(bench, worker, "pull", body, sizeof body - 1);
}

/* Counts the messages and gathers their ack ids. */
static long scan(struct worker *worker)
{
    static const char mark[] = "{\"ackId\":\"";
    const char *p = (const char *)worker->answer.data;
    const char *end = p + worker->answer.size;
    long count = 0;

    buffer_clear(&worker->ack);
    buffer_append_text(&worker->ack, "{\"ackIds\":[");
    while ((p = memmem(p, (size_t)(end - p), mark, sizeof mark - 1)) != NULL) {
        p += sizeof mark - 2;
        if (count++ > 0)
            buffer_append_byte(&worker->ack, ',');
        buffer_append(&worker->ack, p, ACK_ID_SIZE + 2);
        p += ACK_ID_SIZE;
    }
    buffer_append_text(&worker->ack, "]}");
    return count;
}

static void finished(struct bench *bench, struct worker *worker)
{
    curl_multi_remove_handle(bench->multi, worker->curl);
    if (worker->acks) {
        if (worker->answer.size != 2)
            die("an acknowledgement failed");
        begin_pull(bench, worker);
        return;
    }
    long count = scan(worker);
    bench->pulled += count;
    bench->bytes += worker->answer.size;
    if (count > 0 && bench->with_acks) {
        worker->acks = true;
        bench->acked += count;
        begin(bench, worker, "acknowledge", (const char *)worker->ack.data, worker->ack.size);
    } else if (bench->pulled < bench->expected) {
        begin_pull(bench, worker);
    }
}

static double pull_all(struct bench *bench)
{
    double start = seconds();
    double start_cpu = server_cpu(bench);

    for (int i = 0; i < bench->worker_count; i++) {
        bench->workers[i].curl = curl_easy_init();
        begin_pull(bench, &bench->workers[i]);
    }
    while (bench->pulled < bench->expected) {
        int running = 0;
        int left;
        CURLMsg *message;
        curl_multi_perform(bench->multi, &running);
        while ((message = curl_multi_info_read(bench->multi, &left)) != NULL) {
            if (message->data.result != CURLE_OK)
                die(curl_easy_strerror(message->data.result));
            for (int i = 0; i < bench->worker_count; i++)
                if (bench->workers[i].curl == message->easy_handle) {
                    finished(bench, &bench->workers[i]);
                    break;
                }
        }
        curl_multi_poll(bench->multi, NULL, 0, 100, NULL);
    }
    bench->server_cpu = server_cpu(bench) - start_cpu;
    return seconds() - start;
}

int main(int count, char **texts)
{
    struct bench bench = {.expected = 500000, .worker_count = 8};

    if (count < 2)
        die("usage: emulator-bench-pull EMULATOR [MESSAGES [BYTES [CONNECTIONS [ack]]]]");
    if (count > 2)
        bench.expected = strtol(texts[2], NULL, 10);
    long size = count > 3 ? strtol(texts[3], NULL, 10) : 370;
    if (count > 4)
        bench.worker_count = (int)strtol(texts[4], NULL, 10);
    bench.with_acks = count > 5 && strcmp(texts[5], "ack") == 0;
    if (bench.expected < 1 || size < 1 || bench.worker_count < 1
        || bench.worker_count > CONNECTIONS_MAX)
        die("MESSAGES and BYTES are at least 1, CONNECTIONS 1 to 64");

    curl_global_init(CURL_GLOBAL_DEFAULT);
    bench.multi = curl_multi_init();
    start_server(&bench, texts[1]);
    preload(&bench, (size_t)size);
    double took = pull_all(&bench);
    double mb = (double)bench.bytes / 1e6;
    printf(
        "{\"name\":\"emulator.pull\",\"value\":%.0f,\"unit\":\"MB/s\",\"cpu_mb_per_second\":%.0f,"
        "\"messages_per_second\":%.0f,\"messages\":%ld,\"bytes\":%ld,\"connections\":%d,"
        "\"acked\":%ld}\n",
        mb / took, mb / bench.server_cpu, (double)bench.pulled / took, bench.pulled, size,
        bench.worker_count, bench.acked);
    kill(bench.server, SIGTERM);
    waitpid(bench.server, NULL, 0);
    for (int i = 0; i < bench.worker_count; i++) {
        curl_multi_remove_handle(bench.multi, bench.workers[i].curl);
        curl_easy_cleanup(bench.workers[i].curl);
        buffer_fini(&bench.workers[i].answer);
        buffer_fini(&bench.workers[i].ack);
    }
    curl_multi_cleanup(bench.multi);
    curl_global_cleanup();
    return 0;
}
