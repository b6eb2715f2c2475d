/* SPDX-License-Identifier: Apache-2.0 */
#include "validator/paired.h"

#include <assert.h>
#include <math.h>

static const double z = 1.6448536269514722; /* The 95 % point of the normal distribution. */

double paired_difference(int64_t pairs, int64_t gained, int64_t lost)
{
    return pairs > 0 ? (double)(gained - lost) / (double)pairs : 0;
}

/*
 * The score of a supposed difference: how many standard errors what was seen lies off it. The error is that of the
 * likeliest pair of rates that have this difference: the root of a quadratic (Tango 1998).
 */
static double score(double pairs, double gained, double lost, double supposed)
{
    double b = -gained - lost + (2 * pairs - gained + lost) * supposed;
    double c = -lost * supposed * (1 - supposed);
    double root = sqrt(b * b - 8 * pairs * c);
    /* The form without a difference of near numbers. */
    double rate = b > 0 ? -2 * c / (b + root) : (root - b) / (4 * pairs);
    double variance = pairs * (2 * rate + supposed * (1 - supposed));

    return variance > 0 ? (gained - lost - pairs * supposed) / sqrt(variance) : 0;
}

/* The largest supposed difference that is not refused. */
static double upper(double pairs, double gained, double lost)
{
    double low = (gained - lost) / pairs, high = 1;

    for (int i = 0; i < 100; i++) {
        double middle = (low + high) / 2;
        if (score(pairs, gained, lost, middle) > -z)
            low = middle;
        else
            high = middle;
    }
    return high;
}

double paired_bound(int64_t pairs, int64_t gained, int64_t lost)
{
    assert(gained >= 0 && lost >= 0 && gained + lost <= pairs);
    if (pairs == 0)
        return 1;
    if (gained + lost == 0)
        return 0;
    return fmax(upper((double)pairs, (double)gained, (double)lost),
                upper((double)pairs, (double)lost, (double)gained));
}
