/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of an old system as they come: what is right is read exactly, what is broken is told with its place.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <zlib.h>
#include <zstd.h>

#include "core/buffer.h"
#include "core/codec.h"
#include "validator/legacy_file.h"

static const char *const PATHS[] = {"id", "n", "user.name"};
static const struct legacy_paths WANTED = {.items = PATHS, .count = 3, .time = 1, .unit = TIME_S};

struct fixture {
    char path[64];
    struct arena arena;
    struct legacy_file *file;
    struct legacy_row row;
};

static void begin(struct fixture *f, const void *data, size_t size,
                  enum pipeline_legacy_format format)
{
    struct error err;

    memset(f, 0, sizeof *f);
    snprintf(f->path, sizeof f->path, "/tmp/dualrun-legacy-XXXXXX");
    int descriptor = mkstemp(f->path);
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, data, size), size);
    close(descriptor);
    arena_init(&f->arena, 4096);
    f->file = legacy_file_open(f->path, format, &WANTED, &err);
    if (f->file == NULL)
        fail_msg("%s", err.text);
}

static void begin_text(struct fixture *f, const char *text, enum pipeline_legacy_format format)
{
    begin(f, text, strlen(text), format);
}

static void end(struct fixture *f)
{
    legacy_file_close(f->file);
    arena_fini(&f->arena);
    unlink(f->path);
}

static void expect(struct fixture *f, enum legacy_status status)
{
    assert_int_equal(legacy_file_next(f->file, &f->arena, &f->row), status);
}

static void expect_text(const struct fixture *f, size_t at, const char *text)
{
    const struct cell *cell = &f->row.cells[at].cell;

    assert_true(f->row.cells[at].present);
    assert_int_equal(cell->kind, CELL_TEXT);
    assert_int_equal(cell->size, strlen(text));
    assert_memory_equal(cell->bytes, text, cell->size);
}

static void expect_reason(const struct fixture *f, int64_t place, const char *reason)
{
    assert_int_equal(f->row.place, place);
    if (strstr(f->row.reason, reason) == NULL)
        fail_msg("'%s' is not in '%s'", reason, f->row.reason);
}

/* -- JSON -- */

static void json_numbers_are_exact_and_too_large_ones_are_unreadable(void **state)
{
    struct fixture f;

    (void)state;
    begin_text(&f,
               "{\"id\": \"a\", \"n\": 9223372036854775807, \"user\": {\"name\": \"x\"}}\n\n"
               "{\"id\": \"b\", \"n\": 9223372036854775808}\n"
               "{\"id\": \"c\"}",
               LEGACY_FORMAT_JSON);
    expect(&f, LEGACY_ROW);
    assert_int_equal(f.row.cells[1].cell.integer, INT64_MAX);
    assert_false(f.row.has_time); /* So many seconds are no time in ms. */
    expect_text(&f, 2, "x");
    expect(&f, LEGACY_BAD);
    expect_reason(&f, 3, "too big");
    expect(&f, LEGACY_ROW); /* The last line needs no end. */
    assert_int_equal(f.row.place, 4);
    assert_false(f.row.cells[1].present);
    expect(&f, LEGACY_END);
    end(&f);
}

static void json_that_is_no_object_is_told_with_its_line(void **state)
{
    struct fixture f;

    (void)state;
    begin_text(&f, "[1]\n{\"id\": \n{\"id\": 1, \"id\": 2}\n{\"id\": 7, \"n\": 3}\n",
               LEGACY_FORMAT_JSON);
    expect(&f, LEGACY_BAD);
    expect_reason(&f, 1, "no JSON object");
    expect(&f, LEGACY_BAD);
    expect_reason(&f, 2, "no JSON");
    expect(&f, LEGACY_BAD);
    expect_reason(&f, 3, "duplicate");
    expect(&f, LEGACY_ROW);
    assert_int_equal(f.row.cells[0].cell.integer, 7);
    assert_true(f.row.has_time);
    assert_int_equal(f.row.time_ms, 3000);
    end(&f);
}

/* -- CSV -- */

static void csv_keeps_quotes_commas_line_ends_and_tells_null_from_empty(void **state)
{
    struct fixture f;

    (void)state;
    begin_text(&f,
               "\xef\xbb\xbfid,n,user.name\r\n\"a,\"\"b\"\"\r\nc\",5,\r\nplain,6,\"\"\nlast,7,z",
               LEGACY_FORMAT_CSV);
    expect(&f, LEGACY_ROW);
    expect_text(&f, 0, "a,\"b\"\r\nc");
    assert_int_equal(f.row.cells[2].cell.kind, CELL_NULL);
    assert_int_equal(f.row.time_ms, 5000);
    expect(&f, LEGACY_ROW);
    assert_int_equal(f.row.place, 4); /* The first row took two lines. */
    expect_text(&f, 2, "");
    expect(&f, LEGACY_ROW);
    expect_text(&f, 2, "z");
    expect(&f, LEGACY_END);
    end(&f);
}

static void csv_rows_that_do_not_fit_are_unreadable_and_the_next_is_read(void **state)
{
    struct fixture f;

    (void)state;
    begin_text(&f, "id,n\na,1,2\nb\nc\"d,3\n\"e\"f,3\ng,4\n\"h,5\n", LEGACY_FORMAT_CSV);
    expect(&f, LEGACY_BAD);
    expect_reason(&f, 2, "3 fields, but 2 columns");
    expect(&f, LEGACY_BAD);
    expect_reason(&f, 3, "1 fields");
    expect(&f, LEGACY_BAD);
    expect_reason(&f, 4, "quotes");
    expect(&f, LEGACY_BAD);
    expect_reason(&f, 5, "quotes");
    expect(&f, LEGACY_ROW);
    expect_text(&f, 0, "g");
    assert_false(f.row.cells[2].present);
    expect(&f, LEGACY_BAD); /* The quote that nothing ends. */
    expect(&f, LEGACY_END);
    end(&f);
}

static void csv_without_names_or_with_one_twice_is_refused(void **state)
{
    static const struct {
        const char *text, *reason;
    } cases[] = {{"", "no line of names"}, {"id,n,id\n", "two of its columns are named id"}};
    struct error err;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char path[] = "/tmp/dualrun-legacy-XXXXXX";
        int descriptor = mkstemp(path);
        assert_int_equal(write(descriptor, cases[i].text, strlen(cases[i].text)),
                         strlen(cases[i].text));
        close(descriptor);
        assert_null(legacy_file_open(path, LEGACY_FORMAT_CSV, &WANTED, &err));
        if (strstr(err.text, cases[i].reason) == NULL)
            fail_msg("%s", err.text);
        unlink(path);
    }
}

/* -- Packing -- */

static void packed_files_are_unpacked_and_one_that_is_cut_is_broken(void **state)
{
    struct fixture f;
    struct buffer text = {0};
    static uint8_t packed[1024 * 1024];
    size_t size;

    (void)state;
    for (int i = 0; i < 20000; i++)
        buffer_appendf(&text, "{\"id\": \"row-%d\", \"n\": %d}\n", i, i * 7919);
    for (int kind = 0; kind < 2; kind++) {
        if (kind == 0) {
            z_stream stream = {.next_in = text.data,
                               .avail_in = (uInt)text.size,
                               .next_out = packed,
                               .avail_out = sizeof packed};
            assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, 0), Z_OK);
            assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
            size = stream.total_out;
            deflateEnd(&stream);
        } else {
            size = ZSTD_compress(packed, sizeof packed, text.data, text.size, 3);
            assert_false(ZSTD_isError(size));
        }
        begin(&f, packed, size, LEGACY_FORMAT_JSON);
        for (int i = 0; i < 20000; i++) {
            expect(&f, LEGACY_ROW);
            assert_int_equal(f.row.cells[1].cell.integer, i * 7919);
            arena_reset(&f.arena, 4096);
        }
        expect(&f, LEGACY_END);
        end(&f);

        enum legacy_status status;
        begin(&f, packed, size - size / 3, LEGACY_FORMAT_JSON);
        while ((status = legacy_file_next(f.file, &f.arena, &f.row)) == LEGACY_ROW)
            arena_reset(&f.arena, 4096);
        assert_int_equal(status, LEGACY_BROKEN);
        expect_reason(&f, f.row.place, "ends in the middle of its packed data");
        expect(&f, LEGACY_END);
        end(&f);
    }
    buffer_fini(&text);
}

/* -- Avro -- */

static const char SCHEMA[] =
    "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"id\",\"type\":\"string\"},"
    "{\"name\":\"n\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"}}]}";
static const char SYNC[] = "0123456789abcdef";

static void put_header(struct buffer *out)
{
    buffer_append(out, "Obj\1", 4);
    codec_put_long(out, 1);
    codec_put_bytes(out, "avro.schema", 11);
    codec_put_bytes(out, SCHEMA, strlen(SCHEMA));
    codec_put_long(out, 0);
    buffer_append(out, SYNC, 16);
}

static void put_block(struct buffer *out, int64_t count, int first, size_t cut)
{
    struct buffer rows = {0};

    for (int i = 0; i < count; i++) {
        codec_put_bytes(&rows, "key", 3);
        codec_put_long(&rows, (first + i) * 1000000LL);
    }
    codec_put_long(out, count);
    codec_put_bytes(out, rows.data, rows.size - cut);
    buffer_append(out, SYNC, 16);
    buffer_fini(&rows);
}

static void a_broken_avro_block_costs_its_own_rows_and_a_broken_mark_all_that_follow(void **state)
{
    struct buffer file = {0};
    struct fixture f;

    (void)state;
    put_header(&file);
    put_block(&file, 2, 0, 0);
    put_block(&file, 3, 10, 1);
    put_block(&file, 1, 20, 0);
    put_block(&file, 1, 30, 0);
    file.data[file.size - 1] ^= 1;
    begin(&f, file.data, file.size, LEGACY_FORMAT_AVRO);
    expect(&f, LEGACY_ROW);
    expect(&f, LEGACY_ROW);
    assert_int_equal(f.row.time_ms, 1000); /* The logical type goes before the unit. */
    expect(&f, LEGACY_ROW);
    expect(&f, LEGACY_ROW);
    expect(&f, LEGACY_BAD);
    assert_int_equal(f.row.rows, 1);
    assert_int_equal(f.row.block, 2);
    expect_reason(&f, 5, "does not fit the file's schema");
    expect(&f, LEGACY_ROW);
    assert_int_equal(f.row.time_ms, 20000);
    expect(&f, LEGACY_BROKEN);
    expect_reason(&f, 7, "does not end in the file's mark");
    expect(&f, LEGACY_END);
    end(&f);
    buffer_fini(&file);
}

static void an_avro_file_that_is_cut_anywhere_is_never_whole(void **state)
{
    struct buffer file = {0};
    struct error err;

    (void)state;
    put_header(&file);
    size_t header = file.size;
    put_block(&file, 5, 0, 0);
    size_t first = file.size;
    put_block(&file, 5, 5, 0);
    for (size_t size = 0; size < file.size; size++) {
        char path[] = "/tmp/dualrun-legacy-XXXXXX";
        int descriptor = mkstemp(path);
        struct legacy_row row;
        struct arena arena;
        enum legacy_status status;
        assert_int_equal(write(descriptor, file.data, size), size);
        close(descriptor);
        struct legacy_file *cut = legacy_file_open(path, LEGACY_FORMAT_AVRO, &WANTED, &err);
        unlink(path);
        assert_true((cut != NULL) == (size >= header));
        if (cut == NULL)
            continue;
        arena_init(&arena, 4096);
        do {
            status = legacy_file_next(cut, &arena, &row);
        } while (status == LEGACY_ROW);
        assert_int_equal(status, size == header || size == first ? LEGACY_END : LEGACY_BROKEN);
        arena_fini(&arena);
        legacy_file_close(cut);
    }
    buffer_fini(&file);
}

static void a_block_that_claims_more_rows_than_bytes_is_refused_at_once(void **state)
{
    struct buffer file = {0};
    struct fixture f;

    (void)state;
    put_header(&file);
    codec_put_long(&file, INT64_MAX);
    codec_put_bytes(&file, "", 0);
    buffer_append(&file, SYNC, 16);
    begin(&f, file.data, file.size, LEGACY_FORMAT_AVRO);
    expect(&f, LEGACY_BAD);
    assert_true(f.row.rows == 1);
    assert_non_null(strstr(f.row.reason, "claims 9223372036854775807 rows"));
    expect(&f, LEGACY_END);
    end(&f);
    buffer_fini(&file);
}

static void the_format_is_taken_from_the_name_without_its_packing(void **state)
{
    (void)state;
    assert_int_equal(legacy_format("a/x.avro"), LEGACY_FORMAT_AVRO);
    assert_int_equal(legacy_format("x.jsonl.gz"), LEGACY_FORMAT_JSON);
    assert_int_equal(legacy_format("x.csv.zst"), LEGACY_FORMAT_CSV);
    assert_int_equal(legacy_format("x.parquet"), LEGACY_FORMAT_AUTO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_numbers_are_exact_and_too_large_ones_are_unreadable),
        cmocka_unit_test(json_that_is_no_object_is_told_with_its_line),
        cmocka_unit_test(csv_keeps_quotes_commas_line_ends_and_tells_null_from_empty),
        cmocka_unit_test(csv_rows_that_do_not_fit_are_unreadable_and_the_next_is_read),
        cmocka_unit_test(csv_without_names_or_with_one_twice_is_refused),
        cmocka_unit_test(packed_files_are_unpacked_and_one_that_is_cut_is_broken),
        cmocka_unit_test(a_broken_avro_block_costs_its_own_rows_and_a_broken_mark_all_that_follow),
        cmocka_unit_test(an_avro_file_that_is_cut_anywhere_is_never_whole),
        cmocka_unit_test(a_block_that_claims_more_rows_than_bytes_is_refused_at_once),
        cmocka_unit_test(the_format_is_taken_from_the_name_without_its_packing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
