/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alter: changes one field of an Avro record so that it still decodes, as silent corruption would.
 *
 * Never the key, an id or a timestamp: the record stays where it is and keeps its partners.
 */
#ifndef TOOLS_ALTER_H
#define TOOLS_ALTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buffer.h"
#include "core/schema.h"

/*
 * Appends the altered record to out. `pick` chooses the field among those that can be altered; *field
 * becomes its name, borrowed from the schema. False if there is none or the record does not fit.
 */
bool alter_record(const struct schema *schema, const uint8_t *record, size_t size, const void *key,
                  size_t key_size, uint64_t pick, struct buffer *out, const char **field);

#endif
