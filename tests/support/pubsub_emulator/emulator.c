/* SPDX-License-Identifier: Apache-2.0 */
#include "emulator.h"

void emulator_init(struct emulator *emulator, int64_t real_us)
{
    *emulator = (struct emulator){.poll_hold_ms = 90000};
    /* Ids of a later run are above those of an earlier one, and have 16 digits as the service's. */
    api_init(&emulator->api, (uint64_t)real_us);
    oauth_init(&emulator->oauth, (int64_t)3600 * 1000000);
    emulator_clock_set(emulator, real_us, real_us, 1);
}

void emulator_fini(struct emulator *emulator)
{
    api_fini(&emulator->api);
    fault_list_fini(&emulator->faults);
    oauth_fini(&emulator->oauth);
}

int64_t emulator_now_us(const struct emulator *emulator, int64_t real_us)
{
    const struct emulator_clock *clock = &emulator->clock;

    return clock->base_us + (int64_t)((double)(real_us - clock->real_base_us) * clock->rate);
}

int64_t emulator_wait_us(const struct emulator *emulator, int64_t real_us, int64_t due_us)
{
    int64_t now_us = emulator_now_us(emulator, real_us);

    if (due_us <= now_us)
        return 0;
    if (emulator->clock.rate <= 0 || due_us == INT64_MAX)
        return INT64_MAX;
    double wait_us = (double)(due_us - now_us) / emulator->clock.rate;
    return wait_us < 1e15 ? (int64_t)wait_us + 1 : INT64_MAX;
}

void emulator_clock_set(struct emulator *emulator, int64_t real_us, int64_t now_us, double rate)
{
    emulator->clock =
        (struct emulator_clock){.base_us = now_us, .real_base_us = real_us, .rate = rate};
}
