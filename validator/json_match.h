/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_match: does an Avro record say what the published JSON said?
 *
 * Field by field by the schema: aliases, defaults, nulls, exact numbers, texts of times, uuids and
 * enums. Another way round than the bridge goes: the Avro is decoded, the JSON is read by Jansson.
 */
#ifndef VALIDATOR_JSON_MATCH_H
#define VALIDATOR_JSON_MATCH_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/schema.h"

/*
 * With keep, what the JSON has and the schema has not lies in the fields marked "dualrun": "unknown", as text
 * that means the same; else nobody asks where it is.
 * The differences as an array of {name, expected, found}, NULL if there is none. Returns (caller decrefs).
 */
json_t *json_match(const struct schema *schema, bool keep, const void *json, size_t json_size,
                   const uint8_t *avro, size_t avro_size);

#endif
