/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_envelope: any bytes as the answer to a pull. The parser and the oracle take the same answers and find
 * the same messages in them; a refusal has its place and its reason.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/envelope.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/envelope/oracle.h"

static void demand(bool truth, const char *what, const struct envelope *envelope)
{
    if (truth)
        return;
    fprintf(stderr, "fuzz_envelope: %s (%s at %zu)\n", what,
            envelope->fault != NULL ? envelope->fault : "taken", envelope->fault_offset);
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct envelope envelope = {0};
    struct buffer body = {0};

    buffer_append(&body, data, size);
    bool taken = envelope_parse(&envelope, &body);
    demand(taken == (envelope.fault == NULL), "a fault and an answer", &envelope);
    demand(taken || (envelope.fault_offset <= size && envelope.message_count == 0),
           "a refusal with messages or without a place", &envelope);
    /* Jansson 2.14 passes over a NUL byte behind a number; JSON has none anywhere. */
    bool has_nul = size > 0 && memchr(data, '\0', size) != NULL;
    demand(!has_nul || !taken, "a NUL byte was taken", &envelope);
    demand(has_nul || oracle_agrees((const char *)data, size, taken, &envelope) != 0,
           "the oracle differs", &envelope);
    buffer_fini(&body);
    envelope_fini(&envelope);
    return 0;
}
