/* SPDX-License-Identifier: Apache-2.0 */
#include "joiner/idle.h"

bool idle_stalled(int64_t watched_ms, int64_t now_ms)
{
    return now_ms - watched_ms > IDLE_STALL_MS || now_ms < watched_ms;
}

enum idle_verdict idle_judge(const struct idle_rule *rule, const struct idle_input *input,
                             const struct idle_evidence *evidence, int64_t now_ms)
{
    if (!input->at_end)
        return IDLE_READING;
    if (now_ms - input->silent_since_ms < rule->idle_after_ms)
        return IDLE_NOT_YET;
    if (!rule->needs_evidence)
        return IDLE_YES;
    if (evidence->heard_ms == IDLE_NEVER || now_ms - evidence->heard_ms > IDLE_FRESH_MS)
        return IDLE_NO_BRIDGE;
    return evidence->behind_ms <= rule->idle_after_ms ? IDLE_YES : IDLE_BEHIND;
}
