/* SPDX-License-Identifier: Apache-2.0 */
/*
 * paired: how far the rates of a label on two sides may lie apart, from pairs of the same rows.
 *
 * Only the pairs that disagree tell anything: `gained` have the label in what was found alone, `lost` in what was
 * expected alone. Pure.
 */
#ifndef VALIDATOR_PAIRED_H
#define VALIDATOR_PAIRED_H

#include <stdint.h>

/* (gained - lost) / pairs; 0 without pairs. */
double paired_difference(int64_t pairs, int64_t gained, int64_t lost);

/*
 * The upper 95 % confidence bound of the difference's size: the larger end of Tango's score interval, at one-sided 5 %
 * on each side, so that "bound <= margin" is the test of equivalence at 5 %. 0 if no pair disagrees: every pair was
 * looked at. 1 without pairs.
 */
double paired_bound(int64_t pairs, int64_t gained, int64_t lost);

#endif
