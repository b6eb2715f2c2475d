/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/rate.h"

#include <assert.h>

static double left_at(const struct rate *rate, int64_t now_us)
{
    double most = (double)rate->per_second;
    double left = rate->left + most * (double)(now_us - rate->at_us) / 1e6;

    return left > most ? most : left;
}

void rate_set(struct rate *rate, int64_t per_second)
{
    assert(per_second >= 0);
    rate->per_second = per_second;
}

void rate_take(struct rate *rate, int64_t now_us, int64_t count)
{
    if (rate->per_second == 0)
        return;
    rate->left = left_at(rate, now_us) - (double)count;
    rate->at_us = now_us;
}

int64_t rate_left(const struct rate *rate, int64_t now_us)
{
    return rate->per_second == 0 ? INT64_MAX : (int64_t)left_at(rate, now_us);
}

int64_t rate_when_us(const struct rate *rate, int64_t now_us, int64_t count)
{
    if (rate->per_second == 0)
        return now_us;

    double wanted = count < rate->per_second ? (double)count : (double)rate->per_second;
    double missing = wanted - left_at(rate, now_us);

    return missing <= 0 ? now_us : now_us + (int64_t)(missing * 1e6 / (double)rate->per_second) + 1;
}
