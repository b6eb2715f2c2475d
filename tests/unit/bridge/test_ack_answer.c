/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bridge/ack_answer.h"

static void each_ack_id_gets_its_own_verdict(void **state)
{
    static const char body[] =
        "{\"error\":{\"code\":400,\"message\":\"Some acknowledgement ids in the request were "
        "invalid.\",\"status\":\"INVALID_ARGUMENT\",\"details\":[{\"@type\":\"other\"},{\"@type\":"
        "\"type.googleapis.com/google.rpc.ErrorInfo\",\"reason\":\"EXACTLY_ONCE_ACKID_FAILURE\","
        "\"domain\":\"pubsub.googleapis.com\",\"metadata\":{"
        "\"gone\":\"PERMANENT_FAILURE_INVALID_ACK_ID\","
        "\"soon\":\"TRANSIENT_FAILURE_SERVICE_UNAVAILABLE\"}}]}}";
    json_t *metadata = ack_answer_parse(body, strlen(body));

    (void)state;
    assert_non_null(metadata);
    assert_int_equal(ack_answer_verdict(metadata, "gone", 4), ACK_LOST);
    assert_int_equal(ack_answer_verdict(metadata, "soon", 4), ACK_AGAIN);
    /* Not named: it may or may not be acknowledged. */
    assert_int_equal(ack_answer_verdict(metadata, "other", 5), ACK_UNNAMED);
    assert_int_equal(ack_answer_verdict(metadata, "gone-and-more", 13), ACK_UNNAMED);
    json_decref(metadata);
}

static void any_other_error_says_nothing_of_single_ids(void **state)
{
    static const char *const bodies[] = {
        "",
        "nonsense",
        "{}",
        "[]",
        "{\"error\":{\"details\":[{\"reason\":\"OTHER\",\"metadata\":{}}]}}",
        "{\"error\":{\"details\":[{\"reason\":\"EXACTLY_ONCE_ACKID_FAILURE\"}]}}"};

    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
        assert_null(ack_answer_parse(bodies[i], strlen(bodies[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_ack_id_gets_its_own_verdict),
        cmocka_unit_test(any_other_error_says_nothing_of_single_ids),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
