/* SPDX-License-Identifier: Apache-2.0 */
/*
 * random: numbers that are the same for the same seed on every machine.
 *
 * Integers and exact halvings only, no libm: a feed made today can be made again anywhere.
 */
#ifndef FEED_RANDOM_H
#define FEED_RANDOM_H

#include <assert.h>
#include <stdint.h>

struct random {
    uint64_t state;
};

/* The finaliser of splitmix64: a bijection, so distinct inputs stay distinct. */
static inline uint64_t random_mix(uint64_t value)
{
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
    return value ^ (value >> 31);
}

static inline uint64_t random_next(struct random *random)
{
    random->state += 0x9e3779b97f4a7c15u;
    return random_mix(random->state);
}

/* 0 to bound - 1. The bias is below 2^-32 for every bound that a feed has. */
static inline uint32_t random_below(struct random *random, uint32_t bound)
{
    assert(bound > 0);
    return (uint32_t)(((random_next(random) >> 32) * bound) >> 32);
}

/* 0 to bound - 1, for times. */
static inline int64_t random_below_ms(struct random *random, int64_t bound)
{
    assert(bound > 0);
    return (int64_t)(random_next(random) % (uint64_t)bound);
}

/* [0, 1) in steps of 2^-53. */
static inline double random_unit(struct random *random)
{
    return (double)(random_next(random) >> 11) * 0x1p-53;
}

static inline int random_chance(struct random *random, double probability)
{
    return random_unit(random) < probability;
}

#endif
