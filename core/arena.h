/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arena: memory for one batch, given back all at once.
 *
 * Blocks stay for the next batch, so a steady load allocates nothing. Owned by one thread.
 */
#ifndef CORE_ARENA_H
#define CORE_ARENA_H

#include <stddef.h>
#include <stdint.h>

struct arena_block;

struct arena {
    struct arena_block *first;
    struct arena_block *current;
    size_t used;        /* Bytes given out since the last reset. */
    size_t block_bytes; /* Of a new block; larger requests get a block of their own. */
};

void arena_init(struct arena *arena, size_t block_bytes);
void arena_fini(struct arena *arena);
/* Forgets everything given out. Keeps at most keep_bytes of blocks. */
void arena_reset(struct arena *arena, size_t keep_bytes);
/* Aligned to 16 bytes, not zeroed. Never NULL. */
void *arena_take(struct arena *arena, size_t size);
/* Copies, with a NUL behind. */
char *arena_text(struct arena *arena, const void *text, size_t size);

#endif
