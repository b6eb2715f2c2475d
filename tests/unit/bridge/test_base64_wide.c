/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "bridge/base64_wide.h"
#include "core/buffer.h"

static void every_length_decodes_to_what_openssl_encoded(void **state)
{
    uint8_t content[300], text[512];
    uint32_t random = 1;

    (void)state;
    for (int size = 0; size <= 300; size++) {
        for (int i = 0; i < size; i++)
            content[i] = (uint8_t)((random = random * 1664525 + 1013904223) >> 24);
        size_t text_size = (size_t)EVP_EncodeBlock(text, content, size), decoded;
        assert_true(base64_wide_decode(text, text_size, &decoded));
        assert_int_equal(decoded, size);
        assert_memory_equal(text, content, (size_t)size);
    }
}

static void what_is_refused_is_left_as_it_was(void **state)
{
    static const char *const bad[] = {"A",    "AB",     "ABC",  "A===", "====",     "AB=C",
                                      "AB-_", "QUJD\n", "QR==", "QUK=", "QUJ DQUI", "QU\303\244="};
    char text[512], before[512];
    size_t size;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(text, sizeof text, "%s", bad[i]);
        assert_false(base64_wide_decode((uint8_t *)text, strlen(text), &size));
        assert_string_equal(text, bad[i]);
    }
    /* One wrong character at every place of a long text. */
    for (size_t at = 0; at < 400; at++) {
        for (size_t i = 0; i < 400; i++)
            text[i] = "abcdefghijklmnopQRSTUVWXYZ0123456789+/"[i % 38];
        text[at] = at % 2 ? '=' : '*';
        if (at == 399)
            text[at] = '*';
        memcpy(before, text, 400);
        assert_false(base64_wide_decode((uint8_t *)text, 400, &size));
        assert_memory_equal(text, before, 400);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_length_decodes_to_what_openssl_encoded),
        cmocka_unit_test(what_is_refused_is_left_as_it_was),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
