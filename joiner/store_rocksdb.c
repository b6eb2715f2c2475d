/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RocksDB as a log that can be read in key order. Without a write-ahead log and without compaction: a
 * row is written once, read by one sweep or two, and dies with its file. Files fill in the order of
 * time, so the oldest is deleted whole once its last key has been passed. Losing everything is
 * harmless: the source topics are the truth, and a checkpoint is a copy at one moment.
 */
#include "joiner/store.h"

#include <assert.h>
#include <errno.h>
#include <rocksdb/c.h>
#include <stdlib.h>
#include <string.h>

#include "core/buffer.h"
#include "core/units.h"
#include "joiner/row.h"
#include "joiner/store_files.h"

enum {
    BATCH_ROWS = 2000,
    BLOCK_BYTES = 16 * 1024, /* Sweeps read in order: fewer, larger blocks compress better. */
    WRITE_BUFFERS = 2,
    WRITE_BUFFER_MIN = 512 * 1024,
    FILTER_BITS = 10,  /* A group: one look in a hundred reads a file in vain. */
    FORGET_EVERY = 64, /* Looking through the list of files costs more than a small sweep. */
    SPARE_BYTES = 8 * 1024 * 1024, /* A save leaves so much to the store itself. */
};

struct batch_row {
    uint64_t order; /* The first bytes of the key as a number: they decide nearly always. */
    size_t at, key_size, value_size;
};

struct store_rocksdb {
    struct store store;
    char *directory;
    size_t buffer_bytes; /* Of one write buffer. */
    rocksdb_options_t *options;
    rocksdb_block_based_table_options_t *table_options;
    rocksdb_cache_t *cache;
    rocksdb_writeoptions_t *write_options;
    rocksdb_t *db;
    rocksdb_writebatch_t *batch;
    struct buffer bytes; /* Rows that are not yet written: keys and values. */
    struct batch_row rows[BATCH_ROWS];
    size_t row_count;
    unsigned forgets;
    rocksdb_readoptions_t *look_options;
    rocksdb_iterator_t
        *look; /* For scans within a group; sees what was written when it was made. */
    bool looking, look_is_old;
};

static struct store_rocksdb *of(struct store *store)
{
    return (struct store_rocksdb *)store;
}

static bool fail(const struct store_rocksdb *rocks, const char *what, char *message,
                 struct error *err)
{
    error_set(err, EXIT_CODE_STATE, "state in %s: %s: %s", rocks->directory, what, message);
    error_hint(err, "free space or repair the disk, then start again: nothing is lost, state is "
                    "rebuilt from the source topics");
    rocksdb_free(message);
    return false;
}

static int order_rows(const void *a, const void *b, void *context)
{
    const struct batch_row *x = a, *y = b;
    const uint8_t *bytes = context;

    if (x->order != y->order)
        return x->order < y->order ? -1 : 1;
    size_t common = x->key_size < y->key_size ? x->key_size : y->key_size;
    int order = memcmp(bytes + x->at, bytes + y->at, common);
    return order != 0 ? order : (x->key_size > y->key_size) - (x->key_size < y->key_size);
}

/* It holds files and buffers that would be gone without it. */
static void drop_look(struct store_rocksdb *rocks)
{
    if (rocks->look == NULL || rocks->looking)
        return;
    rocksdb_iter_destroy(rocks->look);
    rocks->look = NULL;
}

/* In the order of keys: the memtable finds the place of each beside the one before. */
static bool flush(struct store_rocksdb *rocks, struct error *err)
{
    char *message = NULL;

    if (rocks->row_count == 0)
        return true;
    qsort_r(rocks->rows, rocks->row_count, sizeof *rocks->rows, order_rows, rocks->bytes.data);
    for (size_t i = 0; i < rocks->row_count; i++) {
        const struct batch_row *row = &rocks->rows[i];
        const char *key = (const char *)rocks->bytes.data + row->at;

        rocksdb_writebatch_put(rocks->batch, key, row->key_size, key + row->key_size,
                               row->value_size);
    }
    rocksdb_write(rocks->db, rocks->write_options, rocks->batch, &message);
    if (message != NULL)
        return fail(rocks, "write", message, err);
    rocksdb_writebatch_clear(rocks->batch);
    buffer_clear(&rocks->bytes);
    rocks->row_count = 0;
    rocks->look_is_old = true;
    drop_look(rocks);
    return true;
}

static bool rocks_put(struct store *store, struct store_bytes key, struct store_bytes value,
                      struct error *err)
{
    struct store_rocksdb *rocks = of(store);

    struct batch_row *row = &rocks->rows[rocks->row_count++];

    *row =
        (struct batch_row){.at = rocks->bytes.size, .key_size = key.size, .value_size = value.size};
    assert(key.size >= sizeof row->order);
    memcpy(&row->order, key.data, sizeof row->order);
    row->order = __builtin_bswap64(row->order);
    buffer_append(&rocks->bytes, key.data, key.size);
    buffer_append(&rocks->bytes, value.data, value.size);
    return rocks->row_count < BATCH_ROWS || flush(rocks, err);
}

static bool is_before(struct store_bytes key, struct store_bytes other)
{
    int order = memcmp(key.data, other.data, key.size < other.size ? key.size : other.size);

    return order < 0 || (order == 0 && key.size < other.size);
}

static bool visit_all(struct store_rocksdb *rocks, rocksdb_iterator_t *iterator,
                      struct store_bytes to, store_visit *visit, void *context, struct error *err)
{
    for (; rocksdb_iter_valid(iterator); rocksdb_iter_next(iterator)) {
        struct store_bytes key, value;

        key.data = (const uint8_t *)rocksdb_iter_key(iterator, &key.size);
        if (!is_before(key, to))
            return true;
        value.data = (const uint8_t *)rocksdb_iter_value(iterator, &value.size);
        if (!visit(context, key, value))
            return true;
    }

    char *message = NULL;

    rocksdb_iter_get_error(iterator, &message);
    return message == NULL || fail(rocks, "read", message, err);
}

/* Files that do not hold the group are passed over by their filters. */
static bool scan_group(struct store_rocksdb *rocks, struct store_bytes from, struct store_bytes to,
                       store_visit *visit, void *context, struct error *err)
{
    if (rocks->look_is_old)
        drop_look(rocks);
    if (rocks->look == NULL)
        rocks->look = rocksdb_create_iterator(rocks->db, rocks->look_options);
    rocks->look_is_old = false;
    rocksdb_iter_seek(rocks->look, (const char *)from.data, from.size);
    rocks->looking = true;
    bool ok = visit_all(rocks, rocks->look, to, visit, context, err);
    rocks->looking = false;
    return ok;
}

static bool is_within_group(struct store_bytes from, struct store_bytes to)
{
    size_t size = row_group_size(from.data, from.size);

    return size > 0 && size <= to.size && memcmp(from.data, to.data, size) == 0;
}

static bool rocks_scan(struct store *store, struct store_bytes from, struct store_bytes to,
                       store_visit *visit, void *context, struct error *err)
{
    struct store_rocksdb *rocks = of(store);

    if (!flush(rocks, err))
        return false;
    if (is_within_group(from, to))
        return scan_group(rocks, from, to, visit, context, err);

    rocksdb_readoptions_t *options = rocksdb_readoptions_create();

    rocksdb_readoptions_set_iterate_upper_bound(options, (const char *)to.data, to.size);
    rocksdb_readoptions_set_total_order_seek(options, 1);

    rocksdb_iterator_t *iterator = rocksdb_create_iterator(rocks->db, options);

    rocksdb_iter_seek(iterator, (const char *)from.data, from.size);
    bool ok = visit_all(rocks, iterator, to, visit, context, err);
    rocksdb_iter_destroy(iterator);
    rocksdb_readoptions_destroy(options);
    return ok;
}

/* Deletes the oldest file if everything in it lies before the key. False if nothing was deleted. */
static bool delete_passed(struct store_rocksdb *rocks, const rocksdb_livefiles_t *files,
                          struct store_bytes key, long *deleted_number)
{
    int count = rocksdb_livefiles_count(files);
    int oldest = -1;
    long oldest_number = 0;

    for (int i = 0; i < count; i++) {
        long number = strtol(rocksdb_livefiles_name(files, i) + 1, NULL, 10); /* "/000012.sst" */

        if (oldest < 0 || number < oldest_number) {
            oldest = i;
            oldest_number = number;
        }
    }
    if (oldest < 0 || oldest_number == *deleted_number)
        return false; /* RocksDB kept it: an iterator reads it. The next round tries again. */

    size_t size;
    const char *largest = rocksdb_livefiles_largestkey(files, oldest, &size);
    int order = memcmp(largest, key.data, size < key.size ? size : key.size);

    if (order > 0 || (order == 0 && size >= key.size))
        return false;
    rocksdb_delete_file(rocks->db, rocksdb_livefiles_name(files, oldest));
    *deleted_number = oldest_number;
    return true;
}

static bool rocks_forget(struct store *store, struct store_bytes key, struct error *err)
{
    struct store_rocksdb *rocks = of(store);
    bool again = true;
    long deleted_number = -1;

    (void)err;
    if (rocks->forgets++ % FORGET_EVERY != 0)
        return true;
    drop_look(rocks);
    while (again) {
        const rocksdb_livefiles_t *files = rocksdb_livefiles(rocks->db);

        again = delete_passed(rocks, files, key, &deleted_number);
        rocksdb_livefiles_destroy(files);
    }
    return true;
}

/* Files of rows never change, so they are shared; RocksDB writes on in the others. */
static bool fill(const struct store_rocksdb *rocks, const char *from, struct error *err)
{
    char **names;
    size_t count;
    bool ok =
        files_make_directories(rocks->directory, err) && files_list(from, &names, &count, err);

    if (!ok)
        return false;
    for (size_t i = 0; ok && i < count; i++) {
        const char *dot = strrchr(names[i], '.');
        char *source = memory_textf("%s/%s", from, names[i]);
        char *target = memory_textf("%s/%s", rocks->directory, names[i]);

        ok = dot != NULL && strcmp(dot, ".sst") == 0 ? files_link(source, target, err)
                                                     : files_copy(source, target, err);
        free(source);
        free(target);
    }
    files_free_names(names, count);
    return ok;
}

/* RocksDB forgets files that it does not know; they would stand in the way of a later start. */
static bool empty(const struct store_rocksdb *rocks, struct error *err)
{
    char *message = NULL;

    rocksdb_destroy_db(rocks->options, rocks->directory, &message);
    if (message != NULL)
        return fail(rocks, "empty the directory", message, err);
    return files_remove_directory(rocks->directory, err);
}

static bool open_db(struct store_rocksdb *rocks, const char *from, struct error *err)
{
    char *message = NULL;

    if (!empty(rocks, err) || (from != NULL && !fill(rocks, from, err)))
        return false;
    rocksdb_options_set_create_if_missing(rocks->options, from == NULL);
    rocks->db = rocksdb_open(rocks->options, rocks->directory, &message);
    return message == NULL || fail(rocks, "open", message, err);
}

static bool rocks_clear(struct store *store, struct error *err)
{
    struct store_rocksdb *rocks = of(store);

    buffer_clear(&rocks->bytes);
    rocks->row_count = 0;
    drop_look(rocks);
    rocksdb_close(rocks->db);
    rocks->db = NULL;
    return open_db(rocks, NULL, err);
}

static void rocks_close(struct store *store)
{
    struct store_rocksdb *rocks = of(store);

    drop_look(rocks);
    if (rocks->db != NULL)
        rocksdb_close(rocks->db);
    rocksdb_readoptions_destroy(rocks->look_options);
    rocksdb_writebatch_destroy(rocks->batch);
    buffer_fini(&rocks->bytes);
    rocksdb_writeoptions_destroy(rocks->write_options);
    rocksdb_block_based_options_destroy(rocks->table_options);
    rocksdb_options_destroy(rocks->options);
    rocksdb_cache_destroy(rocks->cache);
    free(rocks->directory);
    free(rocks);
}

static const struct store_ops rocksdb_ops = {
    .put = rocks_put,
    .scan = rocks_scan,
    .forget = rocks_forget,
    .clear = rocks_clear,
    .close = rocks_close,
};

/* --- Groups: what the filters of the files are made of --- */

static char *group_of(void *context, const char *key, size_t size, size_t *group_size)
{
    (void)context;
    *group_size = row_group_size((const uint8_t *)key, size);
    return (char *)(uintptr_t)key; /* RocksDB only reads it. */
}

static unsigned char has_group(void *context, const char *key, size_t size)
{
    (void)context;
    return row_group_size((const uint8_t *)key, size) > 0;
}

static unsigned char is_group(void *context, const char *group, size_t size)
{
    return has_group(context, group, size);
}

static const char *groups_name(void *context)
{
    (void)context;
    return "dualrun.group";
}

static void nothing(void *context)
{
    (void)context;
}

static void set_groups(struct store_rocksdb *rocks)
{
    rocksdb_options_set_prefix_extractor(
        rocks->options,
        rocksdb_slicetransform_create(NULL, nothing, group_of, has_group, is_group, groups_name));
    rocksdb_block_based_options_set_filter_policy(
        rocks->table_options, rocksdb_filterpolicy_create_bloom_full(FILTER_BITS));
    rocksdb_block_based_options_set_whole_key_filtering(rocks->table_options, 0);
    rocksdb_block_based_options_set_pin_l0_filter_and_index_blocks_in_cache(rocks->table_options,
                                                                            1);
    rocks->look_options = rocksdb_readoptions_create();
    rocksdb_readoptions_set_prefix_same_as_start(rocks->look_options, 1);
}

static void set_table(struct store_rocksdb *rocks, size_t cache_bytes)
{
    rocks->cache = rocksdb_cache_create_lru(cache_bytes);
    rocks->table_options = rocksdb_block_based_options_create();
    rocksdb_block_based_options_set_block_size(rocks->table_options, BLOCK_BYTES);
    rocksdb_block_based_options_set_block_cache(rocks->table_options, rocks->cache);
    /* Else they would lie outside the budget. */
    rocksdb_block_based_options_set_cache_index_and_filter_blocks(rocks->table_options, 1);
    set_groups(rocks);
    rocksdb_options_set_block_based_table_factory(rocks->options, rocks->table_options);
}

static void set_options(struct store_rocksdb *rocks, int64_t memory_bytes)
{
    size_t buffer_bytes = (size_t)memory_bytes / 4;

    if (buffer_bytes < WRITE_BUFFER_MIN)
        buffer_bytes = WRITE_BUFFER_MIN;
    rocks->buffer_bytes = buffer_bytes;
    rocks->options = rocksdb_options_create();
    rocksdb_options_set_write_buffer_size(rocks->options, buffer_bytes);
    rocksdb_options_set_max_write_buffer_number(rocks->options, WRITE_BUFFERS);
    rocksdb_options_set_allow_concurrent_memtable_write(rocks->options, 0);
    rocksdb_options_set_compression(rocks->options, rocksdb_lz4_compression);
    rocksdb_options_set_disable_auto_compactions(rocks->options, 1);
    rocksdb_options_set_level0_slowdown_writes_trigger(rocks->options, 1 << 30);
    rocksdb_options_set_level0_stop_writes_trigger(rocks->options, 1 << 30);
    rocksdb_options_set_keep_log_file_num(rocks->options, 1);
    rocksdb_options_set_info_log_level(rocks->options, 3); /* Errors. */
    rocksdb_options_set_stats_dump_period_sec(rocks->options, 0);
    set_table(rocks, (size_t)memory_bytes / 4);
}

/* A flush that finds no space would end the store for good. */
static bool check_space(const struct store_rocksdb *rocks, struct error *err)
{
    int64_t needed = (int64_t)rocks->buffer_bytes * WRITE_BUFFERS + SPARE_BYTES, left;
    char left_text[UNITS_TEXT_SIZE], needed_text[UNITS_TEXT_SIZE];

    if (!files_free_bytes(rocks->directory, &left, err))
        return false;
    if (left >= needed)
        return true;
    error_set(err, EXIT_CODE_STATE, "%s: %s free, a checkpoint wants %s", rocks->directory,
              units_format_size(left, left_text), units_format_size(needed, needed_text));
    return error_hint(err, "free space there");
}

static bool save(struct store_rocksdb *rocks, const char *directory, struct error *err)
{
    char *message = NULL;
    rocksdb_checkpoint_t *checkpoint = rocksdb_checkpoint_object_create(rocks->db, &message);

    if (message != NULL)
        return fail(rocks, "checkpoint", message, err);
    rocksdb_checkpoint_create(checkpoint, directory, 0, &message);
    rocksdb_checkpoint_object_destroy(checkpoint);
    return message == NULL || fail(rocks, "checkpoint", message, err);
}

bool store_rocksdb_save(struct store *store, const char *directory, struct error *err)
{
    struct store_rocksdb *rocks = of(store);

    return check_space(rocks, err) && flush(rocks, err) && save(rocks, directory, err);
}

struct store *store_rocksdb_open(const char *directory, const char *from, int64_t memory_bytes,
                                 struct error *err)
{
    struct store_rocksdb *rocks = memory_new(sizeof *rocks);

    rocksdb_set_perf_level(rocksdb_disable); /* Of this thread: it counts each comparison else. */
    rocks->store.ops = &rocksdb_ops;
    rocks->directory = memory_text(directory);
    rocks->batch = rocksdb_writebatch_create();
    rocks->write_options = rocksdb_writeoptions_create();
    rocksdb_writeoptions_disable_WAL(rocks->write_options, 1);
    set_options(rocks, memory_bytes);
    if (open_db(rocks, from, err))
        return &rocks->store;
    rocks_close(&rocks->store);
    return NULL;
}
