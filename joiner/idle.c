/* SPDX-License-Identifier: Apache-2.0 */
#include "joiner/idle.h"

bool idle_stalled(int64_t watched_ms, int64_t now_ms)
{
    return now_ms - watched_ms > IDLE_STALL_MS || now_ms < watched_ms;
}

bool idle_is(const struct idle_rule *rule, const struct idle_input *input,
             const struct idle_evidence *evidence, int64_t now_ms)
{
    if (!input->at_end || now_ms - input->silent_since_ms < rule->idle_after_ms)
        return false;
    if (!rule->needs_evidence)
        return true;
    return evidence->heard_ms != IDLE_NEVER && now_ms - evidence->heard_ms <= IDLE_FRESH_MS
           && evidence->behind_ms <= rule->idle_after_ms;
}
