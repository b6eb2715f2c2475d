/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kafka's transactions, as every transactional producer of ours uses them.
 */
#include "core/kafka.h"
#include "core/process.h"

enum { TIMEOUT_MS = 60000, TRIES_MAX = 20 };

bool kafka_transactions_init(rd_kafka_t *producer, struct error *err)
{
    rd_kafka_error_t *error = NULL;

    for (int i = 0; i < TRIES_MAX; i++) {
        error = rd_kafka_init_transactions(producer, TIMEOUT_MS / 2);
        if (error == NULL || !rd_kafka_error_is_retriable(error) || process_stopping())
            break;
        if (i + 1 < TRIES_MAX)
            rd_kafka_error_destroy(error);
    }
    return error == NULL || kafka_fail_error(err, error, "start transactions");
}

bool kafka_transaction_begin(rd_kafka_t *producer, struct error *err)
{
    rd_kafka_error_t *error = rd_kafka_begin_transaction(producer);

    return error == NULL || kafka_fail_error(err, error, "begin a transaction");
}

bool kafka_transaction_commit(rd_kafka_t *producer, struct error *err)
{
    rd_kafka_error_t *error = rd_kafka_commit_transaction(producer, TIMEOUT_MS);

    return error == NULL || kafka_fail_error(err, error, "commit a transaction");
}

bool kafka_transaction_abort(rd_kafka_t *producer, struct error *err)
{
    rd_kafka_error_t *error = rd_kafka_abort_transaction(producer, TIMEOUT_MS);

    return error == NULL || kafka_fail_error(err, error, "abort a transaction");
}
