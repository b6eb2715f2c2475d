/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/backlog.h"

enum { LEAST_WAY_MS = 200 };

void backlog_look(struct backlog *backlog, int64_t now_us, int64_t behind_ms, int64_t received)
{
    int64_t way_ms = (now_us - backlog->at_us) / 1000 - (behind_ms - backlog->behind_ms);
    int64_t count = received - backlog->received;

    if (backlog->at_us > 0 && way_ms >= LEAST_WAY_MS && count > 0) {
        double density = (double)count * 1000 / (double)way_ms;
        backlog->density = backlog->density > 0 ? 0.8 * backlog->density + 0.2 * density : density;
    }
    backlog->at_us = now_us;
    backlog->behind_ms = behind_ms;
    backlog->received = received;
}

int64_t backlog_messages(const struct backlog *backlog)
{
    if (backlog->behind_ms < BACKLOG_NONE_MS)
        return 0;
    return backlog->density > 0 ? (int64_t)(backlog->density * (double)backlog->behind_ms / 1000)
                                : BACKLOG_UNKNOWN;
}
