/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fault: what goes wrong, when, and for which calls. Pure; chance comes from a seed.
 */
#ifndef EMULATOR_FAULT_H
#define EMULATOR_FAULT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"

/* Zero means: as if there were no fault. */
struct fault_action {
    int32_t status;           /* Answers with it instead of doing the work. */
    int64_t delay_ms;         /* Before the work. */
    bool close;               /* Neither work nor answer. */
    bool drop_answer;         /* The work is done; the answer is never sent. */
    bool truncates;           /* The body ends after truncate bytes, and with it the connection. */
    int64_t truncate;         /* Content-Length still promises the whole. */
    int64_t truncate_head;    /* So many bytes of the head are sent, then the connection ends. */
    int64_t bytes_per_second; /* Of the answer's body. */
    uint32_t transient_every; /* Each so manieth ack id of an exactly-once call fails for now. */
    const char *message;      /* Borrowed: text of the error; NULL: a usual one. */
};

struct fault;

struct fault_list {
    struct fault **faults;
    size_t count;
    size_t capacity;
    int64_t last_id;
};

void fault_list_fini(struct fault_list *list);
/* Reads one fault: see README.md, "Faults". Returns its number, 0 on error. */
int64_t fault_list_add(struct fault_list *list, const json_t *json, struct error *err);
void fault_list_clear(struct fault_list *list);
/* Every fault as it was given, with "id", "seen" and "fired". Returns (caller decrefs). */
json_t *fault_list_json(const struct fault_list *list);
/* The first fault that meets this call, counted as met. resource may be "". */
bool fault_list_pick(struct fault_list *list, const char *method, const char *resource,
                     struct fault_action *action);

#endif
