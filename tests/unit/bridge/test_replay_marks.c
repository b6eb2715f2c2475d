/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bridge/replay_marks.h"

static void copy_all(struct replay_marks *from, struct replay_marks *to)
{
    struct buffer key = {0}, value = {0};

    while (replay_marks_write(from, &key, &value))
        assert_true(replay_marks_read(to, key.data, key.size, value.data, value.size));
    buffer_fini(&key);
    buffer_fini(&value);
}

static void what_was_replayed_is_known_from_the_records_of_the_ledger(void **state)
{
    static const struct {
        int32_t partition;
        int64_t offset;
    } letters[] = {{0, 0}, {0, 1}, {0, 4095}, {0, 4096}, {3, 7}, {3, INT64_C(1) << 40}};
    struct replay_marks marks, again;

    (void)state;
    replay_marks_init(&marks, "views", "views-dead");
    replay_marks_init(&again, "views", "views-dead");
    for (size_t i = 0; i < sizeof letters / sizeof *letters; i++) {
        assert_false(replay_marks_has(&marks, letters[i].partition, letters[i].offset));
        replay_marks_add(&marks, letters[i].partition, letters[i].offset);
        if (i == 2) /* A piece that is written again holds all of it. */
            copy_all(&marks, &again);
    }
    copy_all(&marks, &again);
    for (size_t i = 0; i < sizeof letters / sizeof *letters; i++)
        assert_true(replay_marks_has(&again, letters[i].partition, letters[i].offset));
    assert_false(replay_marks_has(&again, 0, 2));
    assert_false(replay_marks_has(&again, 1, 0));
    assert_int_equal(again.count, 4);
    replay_marks_fini(&marks);
    replay_marks_fini(&again);
}

static void only_what_changed_is_written(void **state)
{
    struct replay_marks marks;
    struct buffer key = {0}, value = {0};

    (void)state;
    replay_marks_init(&marks, "views", "views-dead");
    assert_false(replay_marks_write(&marks, &key, &value));
    replay_marks_add(&marks, 2, 8193);
    assert_true(replay_marks_write(&marks, &key, &value));
    assert_string_equal(buffer_text(&key), "replay/views/views-dead/2/2");
    assert_memory_equal(buffer_text(&value), "{\"done\":\"0200", 13);
    assert_false(replay_marks_write(&marks, &key, &value));
    replay_marks_fini(&marks);
    buffer_fini(&key);
    buffer_fini(&value);
}

static void records_of_others_are_passed_over(void **state)
{
    static const char *const keys[] = {
        "heartbeat/views/host-1",       "replay/other/views-dead/0/0",
        "replay/views/other-dead/0/0",  "replay/views/views-dead/0",
        "replay/views/views-dead/-1/0", "replay/views/views-dead/0/0/0",
        "replay/views/views-dead/"};
    struct replay_marks writer, marks;
    struct buffer key = {0}, value = {0};

    (void)state;
    replay_marks_init(&writer, "views", "views-dead");
    replay_marks_init(&marks, "views", "views-dead");
    replay_marks_add(&writer, 0, 0);
    assert_true(replay_marks_write(&writer, &key, &value));
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        assert_false(replay_marks_read(&marks, keys[i], strlen(keys[i]), value.data, value.size));
    assert_false(replay_marks_read(&marks, key.data, key.size, value.data, value.size - 1));
    value.data[20] = 'g';
    assert_false(replay_marks_read(&marks, key.data, key.size, value.data, value.size));
    assert_int_equal(marks.count, 0);
    replay_marks_fini(&writer);
    replay_marks_fini(&marks);
    buffer_fini(&key);
    buffer_fini(&value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_replayed_is_known_from_the_records_of_the_ledger),
        cmocka_unit_test(only_what_changed_is_written),
        cmocka_unit_test(records_of_others_are_passed_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
