/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "core/base64.h"

enum { SIZE_MAX_TRIED = 300 };

static void any_bytes_encode_as_openssl_encodes_them_and_decode_back_in_place(void **state)
{
    uint8_t data[SIZE_MAX_TRIED];
    char text[BASE64_TEXT_SIZE(SIZE_MAX_TRIED) + 1];
    char expected[BASE64_TEXT_SIZE(SIZE_MAX_TRIED) + 1];
    size_t size;

    (void)state;
    srand(1);
    for (size_t round = 0; round < 3000; round++) {
        size_t count = round % SIZE_MAX_TRIED;
        for (size_t i = 0; i < count; i++)
            data[i] = (uint8_t)rand();
        base64_write(data, count, text);
        int written = EVP_EncodeBlock((unsigned char *)expected, data, (int)count);
        assert_int_equal(written, BASE64_TEXT_SIZE(count));
        assert_memory_equal(text, expected, BASE64_TEXT_SIZE(count));
        assert_true(base64_read(text, BASE64_TEXT_SIZE(count), text, &size));
        assert_int_equal(size, count);
        assert_memory_equal(text, data, count);
    }
}

/* Every text of four characters from a small alphabet: what is accepted encodes back to itself. */
static void a_text_that_is_accepted_is_the_only_one_for_its_bytes(void **state)
{
    static const char tried[] = "ABQgwz09+/=-_ \n\x80";
    size_t accepted = 0;

    (void)state;
    for (size_t i = 0; i < 65536; i++) {
        char text[4] = {tried[i & 15], tried[i >> 4 & 15], tried[i >> 8 & 15], tried[i >> 12]};
        char back[4];
        uint8_t data[3];
        size_t size;
        if (!base64_read(text, 4, data, &size))
            continue;
        accepted++;
        assert_in_range(size, 1, 3);
        base64_write(data, size, back);
        assert_memory_equal(back, text, 4);
    }
    /* Ten letters: 10^4 whole groups; four of them end a tail of one byte, five a tail of two. */
    assert_int_equal(accepted, 10000 + 10 * 4 + 10 * 10 * 5);
}

static void what_is_no_base64_is_refused(void **state)
{
    static const char *const bad[] = {
        "A",        "AA",   "AAA",   "AAAAA", "A===",     "====", "AA=A",
        "AAA=AAAA", "AA A", "AAA\n", "AA-_",  "AAAA====", "=AAA"};
    uint8_t data[8];
    size_t size;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(base64_read(bad[i], strlen(bad[i]), data, &size));
    assert_true(base64_read("", 0, data, &size));
    assert_int_equal(size, 0);
}

static void the_url_form_has_its_own_two_letters_and_no_padding(void **state)
{
    char text[8];

    (void)state;
    assert_int_equal(base64_write_url("\xfb\xff\xfe\xff", 4, text), 6);
    assert_memory_equal(text, "-__-_w", 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_bytes_encode_as_openssl_encodes_them_and_decode_back_in_place),
        cmocka_unit_test(a_text_that_is_accepted_is_the_only_one_for_its_bytes),
        cmocka_unit_test(what_is_no_base64_is_refused),
        cmocka_unit_test(the_url_form_has_its_own_two_letters_and_no_padding),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
