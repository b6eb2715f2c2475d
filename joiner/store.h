/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store: where a task keeps its rows, as keys in byte order.
 *
 * Rows are written once, read back in order when the sweep reaches them, and forgotten from the
 * front: there is no update and no single deletion. Owned by one thread.
 */
#ifndef JOINER_STORE_H
#define JOINER_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"

struct store;

struct store_bytes {
    const uint8_t *data;
    size_t size;
};

/* False ends the scan. The bytes are valid until it returns. It may put, never scan. */
typedef bool store_visit(void *context, struct store_bytes key, struct store_bytes value);

struct store_ops {
    /* Copies. The same key is always put with the same value. */
    bool (*put)(struct store *store, struct store_bytes key, struct store_bytes value,
                struct error *err);
    /* Every key in [from, to) that was put before the call, in order. */
    bool (*scan)(struct store *store, struct store_bytes from, struct store_bytes to,
                 store_visit *visit, void *context, struct error *err);
    /* Nobody will read before `key` again. When the space is freed is the store's choice. */
    bool (*forget)(struct store *store, struct store_bytes key, struct error *err);
    bool (*clear)(struct store *store, struct error *err);
    void (*close)(struct store *store);
};

struct store { /* First in each implementation. */
    const struct store_ops *ops;
};

/*
 * RocksDB in a directory of its own, which is emptied first, then filled with the files of `from`, a
 * folder that store_rocksdb_save made; NULL: it stays empty. memory_bytes bounds its write buffers
 * and block cache.
 */
struct store *store_rocksdb_open(const char *directory, const char *from, int64_t memory_bytes,
                                 struct error *err);
/*
 * Everything that was put, as files in a folder that does not exist yet: hard links to the store's own
 * where they never change. On disk when it returns. Fails before it writes if there is little space.
 */
bool store_rocksdb_save(struct store *store, const char *directory, struct error *err);

#endif
