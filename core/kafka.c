/* SPDX-License-Identifier: Apache-2.0 */
#include "core/kafka.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/log.h"

enum {
    ERRSTR_SIZE = 512,
    CREDENTIAL_SIZE = 4096,
    REFETCH_US = 10000,
    REFETCH_VERSION = 0x02020000, /* From here on librdkafka has fetch.queue.backoff.ms. */
};

struct setting {
    const char *name;
    const char *value;
};

/* One configuration serves producers and consumers: librdkafka leaves what is not theirs unread. */
static const struct setting defaults[] = {
    /* The promises. The list of guarded properties below keeps the pipeline file from breaking them. */
    {"enable.idempotence", "true"},  /* A retry neither doubles nor reorders. */
    {"acks", "all"},                 /* Reported as delivered means held by all replicas in sync. */
    {"enable.auto.commit", "false"}, /* Offsets move when the work is done, not when it is read. */
    {"enable.auto.offset.store", "false"},
    {"isolation.level", "read_committed"},
    {"auto.offset.reset", "error"},        /* Never jump over records that retention took. */
    {"check.crcs", "true"},                /* Off by default; about 1 % of the consumer's time. */
    {"allow.auto.create.topics", "false"}, /* A misspelt name is an error, not an empty topic. */
    /* Tuning. The pipeline file may say otherwise. */
    {"linger.ms", "20"},               /* Batches of some 100 KB compress three times better. */
    {"message.max.bytes", "12582912"}, /* Pub/Sub's limit of 10 MB and our headers; the broker
                                            has its own say. */
    {"queue.buffering.max.kbytes", "262144"},
    {"queue.buffering.max.messages", "1000000"}, /* The limit is by bytes. */
    {"socket.nagle.disable", "true"},            /* Requests are whole batches already. */
    {"socket.keepalive.enable", "true"},         /* Firewalls forget idle connections. */
    {"reconnect.backoff.max.ms",
     "2000"}, /* A broker that is back is used again within 2 s, not 10. */
    {"topic.metadata.refresh.interval.ms", "60000"},
    {"log.connection.close", "false"}, /* Brokers close idle connections: no news. */
};

/* What the pipeline file must not set: NULL allows no value, as dualrun or another key sets it. */
struct guard {
    const char *name;
    const char *allowed[3];
    const char *why;
};

static const struct guard guards[] = {
    {"enable.idempotence", {"true"}, "a retry could double or reorder records"},
    {"acks", {"all", "-1"}, "a record could be acknowledged and then lost with its broker"},
    {"request.required.acks", {"all", "-1"}, "a record could be acknowledged and then lost"},
    {"enable.auto.commit", {"false"}, "offsets would move before the work is done"},
    {"auto.commit.enable", {"false"}, "offsets would move before the work is done"},
    {"enable.auto.offset.store", {"false"}, "offsets would move before the work is done"},
    {"isolation.level", {"read_committed"}, "records of aborted transactions would be read"},
    {"check.crcs", {"true"}, "damaged records would be read"},
    {"queuing.strategy", {"fifo"}, "records would be reordered"},
    {"delivery.report.only.error",
     {"false"},
     "deliveries would not be seen, so nothing acknowledged"},
    {"allow.auto.create.topics", {"false"}, "a misspelt topic would be made"},
    {"message.timeout.ms", {"0"}, "records would be given up while a broker is away"},
    {"delivery.timeout.ms", {"0"}, "records would be given up while a broker is away"},
    {"message.send.max.retries", {NULL}, "records would be given up while a broker is away"},
    {"retries", {NULL}, "records would be given up while a broker is away"},
    {"auto.offset.reset", {NULL}, "each command sets it itself, so that no record is skipped"},
    {"enable.partition.eof", {NULL}, "each command sets it itself"},
    {"partition.assignment.strategy", {NULL}, "the joiner needs partitions of its inputs together"},
    {"group.id", {NULL}, "join.group names the group"},
    {"group.instance.id", {NULL}, "two processes would take each other for one"},
    {"transactional.id", {NULL}, "the joiner makes one for each task"},
    {"client.id", {NULL}, "it tells the parts of dualrun apart"},
    {"bootstrap.servers", {NULL}, "kafka.brokers names the brokers"},
    {"metadata.broker.list", {NULL}, "kafka.brokers names the brokers"},
    {"compression.codec", {NULL}, "kafka.compression sets it"},
    {"compression.type", {NULL}, "kafka.compression sets it"},
    {"test.mock.num.brokers", {NULL}, "a mock keeps no promise"},
};

static const struct guard *find_guard(const char *name)
{
    for (size_t i = 0; i < sizeof guards / sizeof *guards; i++)
        if (strcmp(guards[i].name, name) == 0)
            return &guards[i];
    return NULL;
}

static bool is_allowed(const struct guard *guard, const char *value)
{
    for (size_t i = 0; i < 3 && guard->allowed[i] != NULL; i++)
        if (strcasecmp(guard->allowed[i], value) == 0)
            return true;
    return false;
}

/* Also when the value stands in the file as it is: the name says what it is. */
static bool is_secret(const struct pipeline_property *property)
{
    return property->secret || strstr(property->name, "password") != NULL
           || strstr(property->name, "secret") != NULL || strcmp(property->name, "ssl.key.pem") == 0
           || strcmp(property->name, "sasl.oauthbearer.config") == 0;
}

static bool refuse_guarded(const struct guard *guard, struct error *err)
{
    error_set(err, EXIT_CODE_CONFIG, "kafka.properties: %s: %s", guard->name, guard->why);
    if (guard->allowed[0] == NULL)
        return error_hint(err, "remove the property");
    return error_hint(err, "remove the property, or set it to %s", guard->allowed[0]);
}

/* A certificate that is not checked is one that anybody may show. */
static void warn_of_trust(const struct pipeline_property *property)
{
    static const struct setting careless[] = {
        {"enable.ssl.certificate.verification", "false"},
        {"ssl.endpoint.identification.algorithm", "none"},
    };

    for (size_t i = 0; i < sizeof careless / sizeof *careless; i++)
        if (strcmp(property->name, careless[i].name) == 0
            && strcasecmp(property->value, careless[i].value) == 0)
            log_warn("kafka: brokers are NOT verified: whoever stands between can read and change "
                     "everything",
                     LOG_TEXT("property", property->name), LOG_TEXT("value", property->value));
}

/* Guarded ones are already set as they must be. The value of a secret is in no message. */
static bool set_property(rd_kafka_conf_t *conf, const struct pipeline_property *property,
                         struct error *err)
{
    char text[ERRSTR_SIZE];
    const struct guard *guard = find_guard(property->name);

    if (is_secret(property))
        log_redact(property->value);
    if (guard != NULL)
        return is_allowed(guard, property->value) || refuse_guarded(guard, err);

    switch (rd_kafka_conf_set(conf, property->name, property->value, text, sizeof text)) {
    case RD_KAFKA_CONF_OK:
        warn_of_trust(property);
        return true;
    case RD_KAFKA_CONF_UNKNOWN:
        error_set(err, EXIT_CODE_CONFIG, "kafka.properties: %s: librdkafka %s has no such property",
                  property->name, rd_kafka_version_str());
        return error_hint(err, "names are those of librdkafka's CONFIGURATION.md, which are not "
                               "always those of Kafka's Java clients");
    case RD_KAFKA_CONF_INVALID:
        break;
    }
    if (is_secret(property))
        return error_set(err, EXIT_CODE_CONFIG, "kafka.properties: %s: the value is refused",
                         property->name);
    text[strcspn(text, "\n")] = '\0'; /* Some of librdkafka's texts end with one. */
    return error_set(err, EXIT_CODE_CONFIG, "kafka.properties: %s: %s", property->name, text);
}

static bool set(rd_kafka_conf_t *conf, const char *name, const char *value, struct error *err)
{
    char text[ERRSTR_SIZE];

    if (rd_kafka_conf_set(conf, name, value, text, sizeof text) == RD_KAFKA_CONF_OK)
        return true;
    return error_set(err, EXIT_CODE_CONFIG, "kafka: %s: %s", name, text);
}

/* librdkafka repeats itself while a broker is away: of each facility one line passes in 10 s. */
enum { FACILITY_LIMIT = 32, FACILITY_SIZE = 24, QUIET_MS = 10000, FAILURE_FRESH_MS = 30000 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct facility {
    char name[FACILITY_SIZE];
    int64_t next_ms; /* Monotonic. */
    int64_t hidden;
} facilities[FACILITY_LIMIT];

/* What a broker last failed with: calls that wait for brokers only learn that none answered. */
static struct {
    char text[256];
    int64_t at_ms;
} last_failure;

static int64_t now_ms(void)
{
    return clock_monotonic_us(clock_real()) / 1000;
}

/* Returns how many lines were hidden before this one, or -1 to hide it. Call with the lock held. */
static int64_t admit(const char *name, int64_t now)
{
    size_t i = 0;

    while (i < FACILITY_LIMIT - 1 && facilities[i].name[0] != '\0'
           && strncmp(facilities[i].name, name, FACILITY_SIZE - 1) != 0)
        i++;

    struct facility *facility = &facilities[i]; /* The last one takes all that have no place. */

    snprintf(facility->name, sizeof facility->name, "%s", name);
    if (now < facility->next_ms) {
        facility->hidden++;
        return -1;
    }

    int64_t hidden = facility->hidden;

    facility->hidden = 0;
    facility->next_ms = now + QUIET_MS;
    return hidden;
}

/* "[thrd:main]: text" -> "text" */
static const char *without_thread(const char *text)
{
    const char *end = text[0] == '[' ? strstr(text, "]: ") : NULL;

    return end != NULL ? end + 3 : text;
}

static void on_log(const rd_kafka_t *client, int level, const char *facility, const char *text)
{
    int64_t now = now_ms();
    int64_t hidden = 0;

    (void)client;
    text = without_thread(text);
    /* CONFWARN tells a consumer that linger.ms is not for it: our configuration serves both. */
    if (level >= 7 || strcmp(facility, "CONFWARN") == 0) {
        log_debug("librdkafka", LOG_TEXT("facility", facility), LOG_TEXT("text", text));
        return;
    }
    pthread_mutex_lock(&mutex);
    if (strcmp(facility, "FAIL") == 0) {
        snprintf(last_failure.text, sizeof last_failure.text, "%s", text);
        last_failure.at_ms = now;
    }
    hidden = admit(facility, now);
    pthread_mutex_unlock(&mutex);
    if (hidden >= 0)
        log_write(level <= 4 ? LOG_WARN : LOG_INFO, "librdkafka",
                  (struct log_field[]){LOG_TEXT("facility", facility), LOG_TEXT("text", text),
                                       LOG_INT("hidden", hidden)},
                  hidden > 0 ? 3 : 2);
}

rd_kafka_conf_t *kafka_conf(const struct pipeline_kafka *kafka, const char *client_id,
                            const char *const settings[], struct error *err)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    bool done = true;

    for (size_t i = 0; i < sizeof defaults / sizeof *defaults && done; i++)
        done = set(conf, defaults[i].name, defaults[i].value, err);
    if (done && rd_kafka_version() >= REFETCH_VERSION)
        done = set(conf, "fetch.queue.backoff.ms", "10", err); /* Else kafka_refetch is for it. */
    done =
        done && set(conf, "bootstrap.servers", kafka->brokers, err)
        && set(conf, "client.id", client_id, err)
        && (kafka->compression == NULL || set(conf, "compression.codec", kafka->compression, err));
    for (size_t i = 0; done && settings != NULL && settings[i] != NULL; i += 2) {
        assert(settings[i + 1] != NULL);
        done = set(conf, settings[i], settings[i + 1], err);
    }
    for (size_t i = 0; i < kafka->property_count && done; i++)
        done = set_property(conf, &kafka->properties[i], err);
    if (!done) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    rd_kafka_conf_set_log_cb(conf, on_log);
    return conf;
}

static rd_kafka_t *client_new(rd_kafka_type_t type, rd_kafka_conf_t *conf, struct error *err)
{
    char text[ERRSTR_SIZE];

    if (conf == NULL)
        return NULL;

    rd_kafka_t *client = rd_kafka_new(type, conf, text, sizeof text);

    if (client == NULL) {
        rd_kafka_conf_destroy(conf);
        error_set(err, EXIT_CODE_CONFIG, "kafka: %s", text);
        error_hint(err, "look at kafka.properties: each may be right, and two not fit together");
    }
    return client;
}

rd_kafka_t *kafka_producer(rd_kafka_conf_t *conf, struct error *err)
{
    return client_new(RD_KAFKA_PRODUCER, conf, err);
}

rd_kafka_t *kafka_consumer(rd_kafka_conf_t *conf, struct error *err)
{
    rd_kafka_t *client = client_new(RD_KAFKA_CONSUMER, conf, err);

    if (client != NULL)
        rd_kafka_poll_set_consumer(client);
    return client;
}

/*
 * Credentials that are set wake every broker thread, and those that are already there change nothing.
 * No other call does so without a request to the brokers.
 */
void kafka_refetch(rd_kafka_t *consumer, int64_t *asked_us)
{
    int64_t now_us = clock_monotonic_us(clock_real());

    const rd_kafka_conf_t *conf = rd_kafka_conf(consumer);
    char name[CREDENTIAL_SIZE] = "", password[CREDENTIAL_SIZE] = "";
    size_t name_size = sizeof name, password_size = sizeof password;

    if (rd_kafka_version() >= REFETCH_VERSION || now_us - *asked_us < REFETCH_US)
        return;
    *asked_us = now_us;
    (void)rd_kafka_conf_get(conf, "sasl.username", name, &name_size);
    (void)rd_kafka_conf_get(conf, "sasl.password", password, &password_size);
    if (name_size <= sizeof name && password_size <= sizeof password)
        rd_kafka_error_destroy(rd_kafka_sasl_set_credentials(consumer, name, password));
    OPENSSL_cleanse(password, sizeof password);
}

/* Codes with a way out, and those where another try may help. All others end the work. */
struct meaning {
    rd_kafka_resp_err_t code;
    enum error_class class;
    const char *hint;
};

#define RETRY(code)                                                                                \
    {                                                                                              \
        RD_KAFKA_RESP_ERR_##code, ERROR_RETRY, NULL                                                \
    }
#define HELP(code, hint)                                                                           \
    {                                                                                              \
        RD_KAFKA_RESP_ERR_##code, ERROR_STOP, hint                                                 \
    }
#define UNREACHABLE                                                                                \
    "check kafka.brokers, that the brokers run, that security.protocol is the one of their port, " \
    "and the network and firewalls between"
#define FORBIDDEN(what) "give this client's user the ACLs that it needs on the " what
#define FENCED                                                                                     \
    "another process took over this task; this one may be stopped, or will join again when "       \
    "restarted"
#define TOO_LARGE                                                                                  \
    "raise max.message.bytes of the topic (message.max.bytes of the broker), or let a "            \
    "dead_letter "                                                                                 \
    "topic with a higher limit take such records"

static const struct meaning meanings[] = {
    {RD_KAFKA_RESP_ERR__TRANSPORT, ERROR_RETRY, UNREACHABLE},
    {RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, ERROR_RETRY, UNREACHABLE},
    {RD_KAFKA_RESP_ERR__RESOLVE, ERROR_RETRY, UNREACHABLE},
    {RD_KAFKA_RESP_ERR__TIMED_OUT, ERROR_RETRY, UNREACHABLE},
    {RD_KAFKA_RESP_ERR__MSG_TIMED_OUT, ERROR_RETRY, UNREACHABLE},
    {RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, ERROR_RETRY,
     "fewer replicas are in sync than min.insync.replicas asks for: bring the brokers back"},
    {RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND, ERROR_RETRY,
     "fewer replicas are in sync than min.insync.replicas asks for: bring the brokers back"},
    {RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT, ERROR_RETRY,
     "a transaction is open; it ends by itself after its transaction.timeout.ms"},
    RETRY(_TIMED_OUT_QUEUE),
    RETRY(_QUEUE_FULL),
    RETRY(_WAIT_COORD),
    RETRY(_RETRY),
    RETRY(_INTR),
    RETRY(LEADER_NOT_AVAILABLE),
    RETRY(NOT_LEADER_FOR_PARTITION),
    RETRY(REQUEST_TIMED_OUT),
    RETRY(BROKER_NOT_AVAILABLE),
    RETRY(REPLICA_NOT_AVAILABLE),
    RETRY(NETWORK_EXCEPTION),
    RETRY(COORDINATOR_LOAD_IN_PROGRESS),
    RETRY(COORDINATOR_NOT_AVAILABLE),
    RETRY(NOT_COORDINATOR),
    RETRY(NOT_CONTROLLER),
    RETRY(KAFKA_STORAGE_ERROR),
    RETRY(REBALANCE_IN_PROGRESS),
    RETRY(CONCURRENT_TRANSACTIONS),
    RETRY(THROTTLING_QUOTA_EXCEEDED),
    RETRY(OFFSET_NOT_AVAILABLE),
    RETRY(FENCED_LEADER_EPOCH),
    RETRY(UNKNOWN_LEADER_EPOCH),
    RETRY(STALE_BROKER_EPOCH),
    HELP(_UNKNOWN_TOPIC, "create the topic, or correct its name in the pipeline file"),
    HELP(UNKNOWN_TOPIC_OR_PART, "create the topic, or correct its name in the pipeline file"),
    HELP(_UNKNOWN_PARTITION, "the topic has fewer partitions than before: was it made anew?"),
    HELP(_AUTHENTICATION, "check sasl.* and ssl.* in kafka.properties"),
    HELP(SASL_AUTHENTICATION_FAILED, "check sasl.* in kafka.properties"),
    HELP(UNSUPPORTED_SASL_MECHANISM, "set sasl.mechanism to one that the broker offers"),
    HELP(_SSL, "check ssl.ca.location, the broker's certificate and its host name, and that "
               "security.protocol is the one of this port"),
    HELP(TOPIC_AUTHORIZATION_FAILED, FORBIDDEN("topic")),
    HELP(GROUP_AUTHORIZATION_FAILED, FORBIDDEN("consumer group")),
    HELP(CLUSTER_AUTHORIZATION_FAILED, FORBIDDEN("cluster (idempotent write)")),
    HELP(TRANSACTIONAL_ID_AUTHORIZATION_FAILED, FORBIDDEN("transactional id")),
    HELP(MSG_SIZE_TOO_LARGE, TOO_LARGE),
    HELP(RECORD_LIST_TOO_LARGE, TOO_LARGE),
    HELP(INVALID_REPLICATION_FACTOR, "ask for no more replicas than there are brokers"),
    HELP(POLICY_VIOLATION, "the cluster's create.topic.policy forbids it: ask its administrators"),
    HELP(_FENCED, FENCED),
    HELP(PRODUCER_FENCED, FENCED),
    HELP(INVALID_PRODUCER_EPOCH, FENCED),
    HELP(INVALID_TRANSACTION_TIMEOUT,
         "the broker's transaction.max.timeout.ms is smaller than transaction.timeout.ms"),
    HELP(OFFSET_OUT_OF_RANGE,
         "retention took records that were not read yet: raise retention.ms of the topic"),
    HELP(_AUTO_OFFSET_RESET,
         "retention took records that were not read yet: raise retention.ms of the topic"),
    HELP(OFFSET_METADATA_TOO_LARGE,
         "raise offset.metadata.max.bytes of the brokers to 4096 or more"),
    HELP(UNSUPPORTED_COMPRESSION_TYPE, "choose another kafka.compression"),
};

static const struct meaning *find_meaning(rd_kafka_resp_err_t code)
{
    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++)
        if (meanings[i].code == code)
            return &meanings[i];
    return NULL;
}

/* What librdkafka's words mean that no wait can mend; RD_KAFKA_RESP_ERR_NO_ERROR: nothing such. */
static rd_kafka_resp_err_t lasting(const char *text)
{
    static const struct {
        const char *words;
        rd_kafka_resp_err_t code;
    } kinds[] = {
        {"authentication fail", RD_KAFKA_RESP_ERR__AUTHENTICATION},
        {"authentication error", RD_KAFKA_RESP_ERR__AUTHENTICATION},
        {"SASL mechanism", RD_KAFKA_RESP_ERR__AUTHENTICATION},
        {"certificate", RD_KAFKA_RESP_ERR__SSL},
        {"connecting to a PLAINTEXT broker", RD_KAFKA_RESP_ERR__SSL},
        {"connecting to a SSL listener", RD_KAFKA_RESP_ERR__SSL},
        {"broker might require SASL", RD_KAFKA_RESP_ERR__SSL},
        {"incorrect security.protocol", RD_KAFKA_RESP_ERR__SSL},
    };

    if (strstr(text, "Broker transport failure") != NULL) /* The connection ended meanwhile. */
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcasestr(text, kinds[i].words) != NULL)
            return kinds[i].code;
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* What a broker last failed with, in parentheses, if that was lately; else "". */
static void read_failure(char *text, size_t size)
{
    text[0] = '\0';
    pthread_mutex_lock(&mutex);
    if (last_failure.text[0] != '\0' && now_ms() - last_failure.at_ms < FAILURE_FRESH_MS)
        snprintf(text, size, " (%s)", last_failure.text);
    pthread_mutex_unlock(&mutex);
}

bool kafka_is_refused(void)
{
    char text[sizeof last_failure.text + 8];

    read_failure(text, sizeof text);
    return lasting(text) != RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* Why no broker answered, if one said so lately. A wrong password does not get better by waiting. */
static rd_kafka_resp_err_t explain(rd_kafka_resp_err_t code, char *text, size_t size)
{
    text[0] = '\0';
    if (code != RD_KAFKA_RESP_ERR__TRANSPORT && code != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN
        && code != RD_KAFKA_RESP_ERR__TIMED_OUT && code != RD_KAFKA_RESP_ERR__MSG_TIMED_OUT)
        return code;
    read_failure(text, size);
    rd_kafka_resp_err_t why = lasting(text);
    return why != RD_KAFKA_RESP_ERR_NO_ERROR ? why : code;
}

/* Before 2.6.1 librdkafka sends its nonce twice, which Kafka 4 refuses (librdkafka#4895). */
static bool scram_is_broken(const char *text)
{
    return strstr(text, "SCRAM") != NULL && rd_kafka_version() < 0x02060100;
}

static bool fail(struct error *err, rd_kafka_resp_err_t code, const char *reason, bool retriable,
                 const char *what)
{
    char why[sizeof last_failure.text + 8];
    const struct meaning *meaning = find_meaning(explain(code, why, sizeof why));

    error_set(err, EXIT_CODE_TARGET, "%s: %s%s", what, reason, why);
    if (retriable || (meaning != NULL && meaning->class == ERROR_RETRY))
        err->class = ERROR_RETRY;
    if (meaning != NULL && meaning->hint != NULL)
        error_hint(err, "%s", meaning->hint);
    if (scram_is_broken(why))
        error_hint(
            err,
            "check sasl.* in kafka.properties; and SCRAM of librdkafka %s does not work with "
            "Kafka 4: take PLAIN over TLS, a client certificate, or librdkafka 2.6.1",
            rd_kafka_version_str());
    return false;
}

bool kafka_fail(struct error *err, rd_kafka_resp_err_t code, const char *what)
{
    assert(code != RD_KAFKA_RESP_ERR_NO_ERROR);
    return fail(err, code, rd_kafka_err2str(code), false, what);
}

bool kafka_fail_error(struct error *err, rd_kafka_error_t *error, const char *what)
{
    assert(error != NULL);
    fail(err, rd_kafka_error_code(error), rd_kafka_error_string(error),
         rd_kafka_error_is_retriable(error), what);
    if (rd_kafka_error_is_fatal(error))
        err->class = ERROR_STOP;
    rd_kafka_error_destroy(error);
    return false;
}

bool kafka_header(const rd_kafka_message_t *message, const char *name, const void **value,
                  size_t *size)
{
    rd_kafka_headers_t *headers;

    return rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR
           && rd_kafka_header_get_last(headers, name, value, size) == RD_KAFKA_RESP_ERR_NO_ERROR;
}
