/* SPDX-License-Identifier: Apache-2.0 */
/*
 * emulator: all there is but HTTP: the API, its clock, faults and tokens. One thread.
 */
#ifndef EMULATOR_EMULATOR_H
#define EMULATOR_EMULATOR_H

#include <stdint.h>

#include "api.h"
#include "fault.h"
#include "oauth.h"

/* Emulated time: base_us at real_base_us, running at rate from there. */
struct emulator_clock {
    int64_t base_us;
    int64_t real_base_us;
    double rate;
};

struct emulator {
    struct api api;
    struct emulator_clock clock;
    struct fault_list faults;
    struct oauth oauth;
    int64_t poll_hold_ms; /* How long a pull waits for a first message; real time. */
};

void emulator_init(struct emulator *emulator, int64_t real_us);
void emulator_fini(struct emulator *emulator);

int64_t emulator_now_us(const struct emulator *emulator, int64_t real_us);
/* Real microseconds until emulated time due_us; 0 if it has come, INT64_MAX if it never does. */
int64_t emulator_wait_us(const struct emulator *emulator, int64_t real_us, int64_t due_us);
void emulator_clock_set(struct emulator *emulator, int64_t real_us, int64_t now_us, double rate);

/* Calls under /admin/: see README.md. */
void admin_call(struct emulator *emulator, struct call *call, int64_t real_us,
                struct answer *answer);

#endif
