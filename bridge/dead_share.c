/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/dead_share.h"

#include <assert.h>
#include <string.h>

void dead_share_set(struct dead_share *share, double above, int64_t window_us, int64_t least)
{
    assert(window_us >= DEAD_SHARE_SLOTS && least > 0);
    if (window_us != share->window_us)
        memset(share, 0, sizeof *share);
    share->above = above;
    share->window_us = window_us;
    share->least = least;
}

void dead_share_add(struct dead_share *share, int64_t now_us, int64_t messages, int64_t dead)
{
    int64_t slot = now_us / (share->window_us / DEAD_SHARE_SLOTS);
    int64_t passed = slot - share->slot;

    for (int64_t i = 0; i < passed && i < DEAD_SHARE_SLOTS; i++)
        memset(&share->slots[(slot - i) % DEAD_SHARE_SLOTS], 0, sizeof share->slots[0]);
    share->slot = slot;
    share->slots[slot % DEAD_SHARE_SLOTS].messages += messages;
    share->slots[slot % DEAD_SHARE_SLOTS].dead += dead;
}

bool dead_share_is_above(const struct dead_share *share, int64_t *messages, int64_t *dead)
{
    *messages = *dead = 0;
    for (int i = 0; i < DEAD_SHARE_SLOTS; i++) {
        *messages += share->slots[i].messages;
        *dead += share->slots[i].dead;
    }
    return share->above > 0 && *messages >= share->least
           && (double)*dead > share->above * (double)*messages;
}
