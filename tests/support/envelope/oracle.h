/* SPDX-License-Identifier: Apache-2.0 */
/*
 * envelope/oracle: what the answer to a pull says, read by other people's code: Jansson and OpenSSL's
 * Base64. Silent where Jansson is no judge: members of one name, numbers beyond its own, a name with
 * U+0000, and deeper nesting than the parser allows.
 */
#ifndef TESTS_SUPPORT_ENVELOPE_ORACLE_H
#define TESTS_SUPPORT_ENVELOPE_ORACLE_H

#include <jansson.h>
#include <openssl/evp.h>
#include <regex.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bridge/envelope.h"

/* What the documented shape asks of a message, said on Jansson's tree. */
static bool oracle_text(json_t *object, const char *key, bool required, const char **text,
                        size_t *size)
{
    json_t *value = json_object_get(object, key);

    *text = "";
    *size = 0;
    if (value == NULL || json_is_null(value))
        return !required;
    if (!json_is_string(value))
        return false;
    *text = json_string_value(value);
    *size = json_string_length(value);
    return !required || *size > 0;
}

static bool same(const struct envelope_text *text, const char *data, size_t size)
{
    return text->size == size && (size == 0 || memcmp(text->data, data, size) == 0);
}

/* RFC 3339 by a regular expression and the C library's calendar, which must give the same date back. */
static bool oracle_time_us(const char *text, size_t size, int64_t *us)
{
    static const char shape[] = "^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}"
                                "(\\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})$";
    static regex_t regex;
    static bool compiled;
    regmatch_t groups[3];
    struct tm date = {0}, zone = {0};

    compiled = compiled || regcomp(&regex, shape, REG_EXTENDED) == 0;
    if (!compiled || strlen(text) != size || regexec(&regex, text, 3, groups, 0) != 0)
        return false;

    const char *fraction = text + groups[1].rm_so, *offset = text + groups[2].rm_so;
    double fraction_s = groups[1].rm_so >= 0 ? strtod(fraction, NULL) : 0;
    bool east = *offset == '+' || *offset == '-';

    if (strptime(text, "%Y-%m-%d", &date) != text + 10
        || strptime(text + 11, "%H:%M:%S", &date) != text + 19
        || (east && strptime(offset + 1, "%H:%M", &zone) != offset + 6))
        return false;
    struct tm normal = date;
    int64_t east_s = (*offset == '-' ? -1 : 1) * ((int64_t)zone.tm_hour * 3600 + zone.tm_min * 60L);
    *us = ((int64_t)timegm(&normal) - east_s) * 1000000 + (int64_t)(fraction_s * 1e9 + 0.5) / 1000;
    return date.tm_year > -1900 && normal.tm_mon == date.tm_mon && normal.tm_mday == date.tm_mday
           && normal.tm_sec == date.tm_sec;
}

/* Returns -1 if the oracle refuses the message, else whether ours is the same. */
static int oracle_message(json_t *received, const struct envelope *envelope,
                          const struct envelope_message *ours)
{
    json_t *message = json_object_get(received, "message"), *value;
    json_t *attempt = json_object_get(received, "deliveryAttempt");
    json_t *attributes = json_object_get(message, "attributes");
    const char *ack_id, *message_id, *ordering_key, *publish_time, *data, *name;
    size_t ack_size, id_size, key_size, time_size, data_size;
    int64_t time_us;

    if (!json_is_object(received)
        || (message != NULL && !json_is_object(message) && !json_is_null(message)))
        return -1;
    if (!oracle_text(received, "ackId", true, &ack_id, &ack_size)
        || !oracle_text(message, "messageId", true, &message_id, &id_size)
        || !oracle_text(message, "orderingKey", false, &ordering_key, &key_size)
        || !oracle_text(message, "publishTime", true, &publish_time, &time_size)
        || !oracle_text(message, "data", false, &data, &data_size)
        || !oracle_time_us(publish_time, time_size, &time_us))
        return -1;
    if (attempt != NULL && !json_is_null(attempt)
        && (!json_is_integer(attempt) || json_integer_value(attempt) < 0
            || json_integer_value(attempt) > INT32_MAX))
        return -1;
    if (attributes != NULL && !json_is_null(attributes) && !json_is_object(attributes))
        return -1;
    json_object_foreach(attributes, name, value)
    {
        if (!json_is_string(value))
            return -1;
    }
    if (ours == NULL)
        return 0;

    size_t i = 0;

    json_object_foreach(attributes, name, value)
    {
        const struct envelope_attribute *attribute =
            &envelope->attributes[ours->attribute_first + i++];
        if (!same(&attribute->name, name, strlen(name))
            || !same(&attribute->value, json_string_value(value), json_string_length(value)))
            return 0;
    }
    uint8_t *decoded = memory_new(data_size + 4);
    int decoded_size = EVP_DecodeBlock(decoded, (const uint8_t *)data, (int)data_size);
    for (size_t pad = data_size; decoded_size > 0 && pad > 0 && data[pad - 1] == '='; pad--)
        decoded_size--;
    bool equal_data = ours->data_size == 0 ? decoded_size == 0 : true;
    if (ours->data_size > 0 && ours->data_bad)
        equal_data = same(&(struct envelope_text){(const char *)ours->data, ours->data_size}, data,
                          data_size);
    else if (ours->data_size > 0)
        equal_data = decoded_size == (int)ours->data_size
                     && memcmp(ours->data, decoded, ours->data_size) == 0;
    free(decoded);
    return i == ours->attribute_count && same(&ours->ack_id, ack_id, ack_size)
           && same(&ours->message_id, message_id, id_size)
           && same(&ours->ordering_key, ordering_key, key_size) && ours->publish_time_us == time_us
           && ours->attempt == (int32_t)json_integer_value(attempt) && equal_data;
}

/* 1 the same, 0 another answer, -1 cannot tell (the oracle refuses what is not JSON's to refuse). */
static int oracle_agrees(const char *text, size_t size, bool taken, const struct envelope *ours)
{
    json_error_t error;
    json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    json_t *list = json_object_get(root, "receivedMessages"), *received;
    bool takes = json_is_object(root);
    int agrees = 1;
    size_t i;

    if (root == NULL
        && (json_error_code(&error) == json_error_duplicate_key
            || json_error_code(&error) == json_error_numeric_overflow
            || json_error_code(&error) == json_error_null_byte_in_key))
        return -1;
    if (root != NULL && !taken && strcmp(ours->fault, "nested too deep") == 0) {
        json_decref(root);
        return -1;
    }
    if (list != NULL && !json_is_null(list) && !json_is_array(list))
        takes = false;
    json_array_foreach(list, i, received)
    {
        bool have = taken && i < ours->message_count;
        int message = oracle_message(received, ours, have ? &ours->messages[i] : NULL);
        takes = takes && message >= 0;
        agrees = agrees && (!have || message == 1);
    }
    if (takes && taken)
        agrees = agrees && ours->message_count == json_array_size(list);
    json_decref(root);
    return takes == taken && (!taken || agrees);
}

#endif
